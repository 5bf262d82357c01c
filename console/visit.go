package console

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// A visit is one request of one caller. It is of one goroutine.
type visit struct {
	*http.Request
	server *server
	call   *caller
	client *client.Client

	org string      // id; empty: none is chosen
	at  string      // the moment that was asked for, as as_of takes it; empty: now
	pin string      // the position that questions about now are pinned to; empty: none
	me  wire.Whoami // the zero Whoami on pages without a session

	details wire.Organization
}

// tries is how often a page is made again because the ledger went on meanwhile.
const tries = 4

// maxForm bounds what a form brings. Files have the bound of the API.
const maxForm = 8 << 20

// maxEntrance bounds what somebody brings who is nobody yet: passwords, codes, and what a wallet signed.
const maxEntrance = 64 << 10

// page serves a route.
func (s *server) page(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		most := int64(maxForm)
		if r.open {
			most = maxEntrance
		}
		req.Body = http.MaxBytesReader(w, req.Body, most)
		v := &visit{Request: req, server: s, org: req.PathValue("org"), call: new(caller)}
		var shown view
		err := v.parse()
		for try := range tries {
			if err != nil {
				break
			}
			v.begin()
			if err = v.enter(r, try == tries-1); err == nil {
				shown, err = r.screen(v)
			}
			if req.Method != http.MethodGet || !v.call.mixed {
				break
			}
		}
		v.answer(w, shown, err)
	})
}

// parse reads the form.
func (v *visit) parse() error {
	v.at = v.URL.Query().Get("at")
	var err error
	if v.Method == http.MethodPost && strings.HasPrefix(v.Header.Get("Content-Type"), "multipart/form-data") {
		err = v.ParseMultipartForm(maxForm)
	} else {
		err = v.ParseForm()
	}
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return &client.Error{Problem: wire.Problem{Type: wire.ProblemType + wire.CodeTooLarge, Status: http.StatusRequestEntityTooLarge, Title: "What the form brings is too large"}}
	}
	return &client.Error{Problem: wire.Problem{Type: wire.ProblemType + wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The address or the form cannot be read", Detail: err.Error()}}
}

func (v *visit) begin() {
	v.call = &caller{api: v.server.api, from: v.Request, csrf: v.PostFormValue("csrf")}
	v.client = v.call.client()
}

// enter finds out who calls, and refuses what nobody may whoever it is. Where the ledger moves too fast for a page, pin has all
// questions asked as of the position that comes first.
func (v *visit) enter(r route, pin bool) error {
	if r.open {
		return nil
	}
	if v.Method == http.MethodPost && v.at != "" {
		return errPast
	}
	var err error
	if v.me, err = v.client.Whoami(v.Context(), v.org); err != nil {
		return err
	}
	if q := v.URL.Query(); v.at == "" && v.Method == http.MethodGet {
		if pin {
			v.pin = strconv.FormatUint(v.me.AsOf.Seq, 10)
		}
		if of, ok := readNumber(q.Get("of")); ok && of != 0 && q.Has("cursor") { // all pages of a list are of the moment of the first
			v.pin = q.Get("of")
		}
	}
	if v.at != "" && r.form {
		return errPast
	}
	if v.at != "" || v.pin != "" { // it is of now, and the page may not be
		v.call.asOf = wire.AsOf{}
	}
	if v.can("organization.read") {
		v.details, err = v.client.Organization(v.Context(), v.org, v.read())
		return err
	}
	return nil
}

// can says whether the caller may do an action of the ledger's rules on the whole organization: whether to offer it. The API
// judges for itself.
func (v *visit) can(action string) bool { return slices.Contains(v.me.Actions, action) }

// may says whether to offer a control that changes something: not in the past, and only to who may, in a session that signs what is
// changed. Who came with a wallet or from an identity provider reads; what a wallet signs by itself is offered by its own pages.
func (v *visit) may(action string) bool {
	return v.at == "" && v.me.Kind == withPassword && v.can(action)
}

// withPassword is the kind of session that a password opened: the server holds its key, and signs with it.
const withPassword = "session"

// read says as of when this page's questions are.
func (v *visit) read() client.Read { return client.Read{AsOf: cmp.Or(v.at, v.pin)} }

// ctx is the request's context.
func (v *visit) ctx() context.Context { return v.Context() }

// address gives the address of a page of this organization, at the moment of this one.
func (v *visit) address(segments ...string) string { return address(v.org, v.at, segments) }

// address puts an address together: of a screen, and what it is to show.
func address(org, at string, segments []string) string {
	var b strings.Builder
	b.WriteString(root + url.PathEscape(org))
	for _, s := range segments {
		b.WriteByte('/')
		switch s {
		case ".", "..": // which browsers would take for directories
			b.WriteString(strings.ReplaceAll(s, ".", "%2E"))
		default:
			b.WriteString(url.PathEscape(s))
		}
	}
	if at != "" {
		b.WriteString("?at=" + url.QueryEscape(at))
	}
	return b.String()
}

// with adds a query, as q=x&kind=y, to an address.
func with(address, query string) string {
	switch {
	case query == "":
		return address
	case strings.Contains(address, "?"):
		return address + "&" + query
	}
	return address + "?" + query
}

// answer writes what came of a visit.
func (v *visit) answer(w http.ResponseWriter, shown view, err error) {
	for _, c := range v.call.cookies {
		w.Header().Add("Set-Cookie", c)
	}
	if err != nil {
		if shown = v.failed(err); shown.to == "" && shown.status >= http.StatusInternalServerError {
			v.server.log.ErrorContext(v.Context(), "a page cannot be shown", "path", v.URL.Path, "error", err)
		}
	}
	if shown.to != "" {
		http.Redirect(w, v.Request, shown.to, http.StatusSeeOther)
		return
	}
	if f := shown.file; f != nil {
		w.Header().Set("Content-Type", f.mediaType)
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
		_, _ = w.Write(f.content) // a browser that has gone is nobody to tell
		return
	}
	var b bytes.Buffer
	if err := render(&b, v, shown); err != nil {
		v.server.log.ErrorContext(v.Context(), "a page cannot be written", "path", v.URL.Path, "error", err)
		http.Error(w, "The page cannot be shown; the server's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if shown.status != 0 {
		w.WriteHeader(shown.status)
	}
	_, _ = w.Write(b.Bytes()) // a browser that has gone is nobody to tell
}

// failed gives the page of an error.
func (v *visit) failed(err error) view {
	p := problem(err)
	if p.Status == http.StatusUnauthorized {
		to := signInAddress(v.org, "")
		if v.Method == http.MethodGet {
			to = signInAddress(v.org, v.URL.RequestURI())
		}
		if v.wasSignedIn() {
			to = with(to, "ended=1")
		}
		return view{to: to}
	}
	return view{template: "problem", title: p.Title, data: p, status: p.Status}
}

// wasSignedIn says whether the browser brings a session of the organization, one that holds no more: cookies of other organizations and of
// whatever else is on the same host are none.
func (v *visit) wasSignedIn() bool {
	return slices.ContainsFunc(v.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "permledger-"+v.org) })
}

// problem says what an error is to whoever reads the page.
func problem(err error) wire.Problem {
	var e *client.Error
	var nf *notFound
	switch {
	case errors.As(err, &e):
		return e.Problem
	case errors.As(err, &nf):
		return wire.Problem{Title: nf.what, Status: http.StatusNotFound, Hint: "The address may be of something that is gone, or misspelt"}
	case errors.Is(err, errPast):
		return wire.Problem{Title: "Nothing can be changed in the past", Status: http.StatusConflict, Hint: "Go to Live, and make the change there"}
	}
	return wire.Problem{Title: "The page cannot be shown", Status: http.StatusInternalServerError, Detail: "The server's log says why"}
}
