package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

func signInRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{$}", screen: (*visit).entrance, open: true},
		{method: post, path: "{$}", screen: (*visit).chooseOrganization, open: true},
		{method: get, path: "{org}/sign-in", screen: (*visit).signIn, open: true},
		{method: post, path: "{org}/sign-in", screen: (*visit).enterWithPassword, open: true},
		{method: post, path: "{org}/first-sign-in", screen: (*visit).enterWithCode, open: true},
		{method: post, path: "{org}/sign-out", screen: (*visit).signOut},
	}
}

// signInAddress is where to sign in, and what to go on with.
func signInAddress(org, then string) string {
	to := address(org, "", []string{"sign-in"})
	if then != "" && then != address(org, "", []string{"overview"}) {
		to = with(to, "then="+url.QueryEscape(then))
	}
	return to
}

// entrance asks for the organization: which there are is told to nobody who is not somebody in one.
func (v *visit) entrance() (view, error) {
	all, err := v.client.Organizations(v.ctx())
	if err == nil && len(all) == 1 {
		return view{to: address(all[0].ID, "", []string{"overview"})}, nil
	}
	return view{template: "entrance", title: "Which organization?", data: all}, nil
}

func (v *visit) chooseOrganization() (view, error) {
	org := strings.TrimSpace(v.PostFormValue("organization"))
	if org == "" {
		return view{to: root}, nil
	}
	return view{to: address(org, "", []string{"overview"})}, nil
}

// entering is what the page of signing in shows.
type entering struct {
	Ways    wire.WaysIn
	Then    string
	Name    string
	Problem *wire.Problem
	Code    bool // it is about the one-time code
	Wallet  string
	Ended   bool // there was a session, which has ended
}

// then gives the address to go to after signing in: one of this organization's pages.
func (v *visit) then() string {
	to := cmp.Or(v.PostFormValue("then"), v.URL.Query().Get("then"))
	if !inside(v.org, to) {
		return address(v.org, "", []string{"overview"})
	}
	return to
}

// inside says whether an address is of one of an organization's pages, however a browser, or what cleans a path on the way, reads
// it: none that climbs out again, and none with a backslash, which browsers take for a slash.
func inside(org, to string) bool {
	if strings.ContainsAny(to, "\\\x00\r\n\t") {
		return false
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return false
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), address(org, "", nil)+"/")
	if !ok {
		return false
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if s, err := url.PathUnescape(segment); err != nil || s == "." || s == ".." {
			return false
		}
	}
	return true
}

func (v *visit) signIn() (view, error) {
	return v.signInPage(entering{Code: v.URL.Query().Has("code"), Ended: v.URL.Query().Has("ended")})
}

func (v *visit) signInPage(e entering) (view, error) {
	var err error
	if e.Ways, err = v.client.WaysIn(v.ctx(), v.org); err != nil {
		return view{}, err
	}
	e.Then = v.then()
	shown := view{template: "signin", title: "Sign in", data: &e}
	if e.Problem != nil {
		shown.status = e.Problem.Status
	}
	return shown, nil
}

// enterWithPassword opens a session. The cookie that the API answers with is handed on to the browser.
func (v *visit) enterWithPassword() (view, error) {
	name := strings.TrimSpace(v.PostFormValue("name"))
	in := wire.SignIn{Password: v.PostFormValue("password"), Cookie: true}
	if strings.Contains(name, "@") {
		in.Email = name
	} else {
		in.Key = name
	}
	return v.entered(entering{Name: name}, func(ctx context.Context) error {
		_, err := v.client.SignIn(ctx, v.org, in)
		return err
	})
}

// enterWithCode is the first sign-in: with the code that init showed, which also sets a password.
func (v *visit) enterWithCode() (view, error) {
	in := wire.FirstSignIn{Code: strings.TrimSpace(v.PostFormValue("code")), Password: v.PostFormValue("password"), Cookie: true}
	return v.entered(entering{Code: true}, func(ctx context.Context) error {
		_, err := v.client.FirstSignIn(ctx, v.org, in)
		return err
	})
}

// entered goes on after an attempt to sign in, or shows the page again with why it failed.
func (v *visit) entered(e entering, try func(context.Context) error) (view, error) {
	err := try(v.ctx())
	if err == nil {
		return view{to: v.then()}, nil
	}
	if p := problem(err); p.Status < http.StatusInternalServerError {
		e.Problem = &p
		return v.signInPage(e)
	}
	return view{}, err
}

func (v *visit) signOut() (view, error) {
	if _, err := v.client.SignOut(v.ctx(), v.org); err != nil {
		return view{}, err
	}
	return view{to: signInAddress(v.org, "")}, nil
}
