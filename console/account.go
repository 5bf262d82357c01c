package console

import (
	"net/http"
	"net/url"

	"github.com/permledger/permledger/api/wire"
)

func accountRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{org}/account", screen: (*visit).account},
		{method: post, path: "{org}/account/password", screen: (*visit).changePassword},
		{method: post, path: "{org}/account/sessions", screen: (*visit).endSessions},
	}
}

// accountPage is what somebody sees of itself.
type accountPage struct {
	*filledForm
	Name, Email string
	Password    bool // it signs in with a password, or can be given one
	Sessions    []wire.Session
	Held        []held
	Sources     []wire.Source
	SourcesNext string
	Since       uint64         // the entry that made it the owner; 0: it is not
	Keys        []wire.Subject // API keys that are assigned to it
}

func (v *visit) account() (view, error) {
	return v.accountPage(&filledForm{Values: url.Values{}, Errors: map[string]string{}})
}

func (v *visit) accountPage(f *filledForm) (view, error) {
	a := accountPage{filledForm: f}
	me := v.me.Subject
	one, err := v.client.Subject(v.ctx(), v.org, me, v.read())
	if err != nil {
		return view{}, err
	}
	a.Name, a.Email = one.Item.DisplayName, one.Item.Email
	a.Password = v.me.Kind == withPassword && (one.Item.Auth == "" || one.Item.Auth == "email")
	for _, h := range one.Item.Holds {
		a.Held = append(a.Held, held{Holds: h})
	}
	sources, err := v.client.Access(v.ctx(), v.org, me, v.pageOf(perAccess))
	if err != nil {
		return view{}, err
	}
	a.Since = ownerSince(sources.Items)
	a.Sources, a.SourcesNext = sources.Items, v.next(sources.Next)
	if v.at == "" {
		sessions, err := v.client.Sessions(v.ctx(), v.org)
		if err != nil {
			return view{}, err
		}
		keys, err := v.client.APIKeys(v.ctx(), v.org, v.read())
		if _, err = partRefused(err); err != nil { // none is assigned to it
			return view{}, err
		}
		a.Sessions = sessions.Items
		for _, k := range keys.Items {
			if k.Holder == me {
				a.Keys = append(a.Keys, k)
			}
		}
	}
	return view{template: "account", title: "Your account", data: &a}, nil
}

// changePassword gives the caller another password. No password is ever on a page again.
func (v *visit) changePassword() (view, error) {
	f := v.filled()
	old, next, again := f.Value("password"), f.Value("new"), f.Value("again")
	f.Values = url.Values{}
	switch {
	case old == "":
		f.Errors["password"] = "Say the password that you have now"
	case next == "":
		f.Errors["new"] = "Say the new password"
	case next != again:
		f.Errors["again"] = "The two are not the same"
	}
	if !f.ok() {
		return f.again(v.accountPage(f))
	}
	receipt, err := v.client.PutLogin(v.ctx(), v.org, wire.PutLogin{Password: old, New: next})
	if err == nil {
		return view{to: recorded(v.address("account"), receipt.Seq)}, nil
	}
	p := problem(err)
	switch {
	case p.Code() == wire.CodeSignIn:
		f.Errors["password"] = sentence(&p)
	case p.Status == http.StatusUnprocessableEntity:
		f.Errors["new"] = sentence(&p)
	case p.Status == http.StatusTooManyRequests || refused(err) != nil:
		f.Problem = &p
	default:
		return view{}, err
	}
	return f.again(v.accountPage(f))
}

// endSessions ends one of the caller's sessions, or all others.
func (v *visit) endSessions() (view, error) {
	if id := v.PostFormValue("id"); id != "" {
		if _, err := v.client.EndSession(v.ctx(), v.org, id); err != nil {
			return view{}, err
		}
		if id == v.me.Session {
			return view{to: signInAddress(v.org, "")}, nil
		}
		return view{to: with(v.address("account"), "ended=1")}, nil
	}
	if _, err := v.client.EndSessionsOf(v.ctx(), v.org, v.me.Subject); err != nil {
		return view{}, err
	}
	return view{to: with(v.address("account"), "ended=1")}, nil
}
