package console

import (
	"net/http"
	"net/url"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/login"
	"github.com/permledger/permledger/ledger/secret"
)

func joinRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "{org}/join", screen: (*visit).join, open: true},
		{method: http.MethodPost, path: "{org}/join", screen: (*visit).joined, open: true},
	}
}

// joining is what the page of joining shows. The code of an invitation stands behind # in its link: browsers send that to nobody, and
// script puts it into the form.
type joining struct {
	*filledForm
	Code       string
	Invitation *wire.Invitation // once the code is known
	Elsewhere  bool             // who is invited proves itself in a way that a password is none of
}

func (v *visit) join() (view, error) {
	return v.joinPage(&joining{filledForm: &filledForm{Values: url.Values{}, Errors: map[string]string{}}})
}

func (v *visit) joinPage(j *joining) (view, error) {
	return view{template: "join", title: "Join " + v.org, data: j}, nil
}

// joined shows what a code is for, and, once a password is chosen, records that its owner joins. The code signs that, and goes no
// further than this.
func (v *visit) joined() (view, error) {
	j := &joining{filledForm: v.filled()}
	j.Code = j.word("code", "Say the code, or open the link that you were sent")
	password, again := j.Value("password"), j.Value("again")
	j.Values = url.Values{}
	code, err := secret.Parse(secret.Invitation, j.Code)
	if err != nil && j.Code != "" {
		j.Errors["code"] = "This is no code: it begins with pli_ and has 53 characters. Copy it whole"
	}
	if !j.ok() {
		return j.again(v.joinPage(j))
	}
	in, err := v.client.Invitation(v.ctx(), v.org, code)
	if p := refused(err); p != nil {
		j.Errors["code"] = sentence(p)
		return j.again(v.joinPage(j))
	}
	if err != nil {
		return view{}, err
	}
	j.Invitation, j.Elsewhere = &in, in.Auth != "" && in.Auth != "email"
	if !v.PostForm.Has("password") || j.Elsewhere {
		return v.joinPage(j)
	}
	if err := login.CheckPassword(password); err != nil {
		j.Errors["password"] = err.Error()
	} else if password != again {
		j.Errors["again"] = "The two are not the same"
	}
	if !j.ok() {
		return j.again(v.joinPage(j))
	}
	key := secret.New(secret.APIKey).Key()
	wrapped, err := login.Wrap(key, password)
	if err != nil {
		return view{}, err
	}
	_, text := client.Commit(wrapped)
	if _, err := v.client.Accept(v.ctx(), v.org, in, code, key, &text); err != nil {
		if p := refused(err); p != nil {
			j.Problem = p
			return j.again(v.joinPage(j))
		}
		return view{}, err
	}
	if _, err := v.client.SignIn(v.ctx(), v.org, wire.SignIn{Key: in.Subject, Password: password, Cookie: true}); err != nil {
		return view{to: signInAddress(v.org, "")}, nil //nolint:nilerr // it has joined, and can sign in now
	}
	return view{to: address(v.org, "", []string{"overview"})}, nil
}
