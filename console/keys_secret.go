package console

import (
	"net/url"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/secret"
)

// A making is a secret that somebody chose to have made, and has not confirmed: it is shown as who would gain and lose what.
type making struct {
	Title, Button string
	Says          string     // of who gains and loses
	Fields        url.Values // of the form, which the confirmation repeats
	Preview       preview
	Refusal       *wire.Problem
	Back          string
}

// madeSecret is a secret that was made: it stands on this answer alone.
type madeSecret struct {
	wire.MadeSecret
	Title, Says string
	Link        string // of an invitation
	Back        string
}

// standIn gives a public key that stands for that of the secret while it is not made.
func standIn() string { return secret.New(secret.APIKey).DID() }

// making previews what a secret is made for. Where it would be refused for what was typed, that is in the form, and no making is given.
func (v *visit) making(f *filledForm, title, button string, in wire.Intent) (*making, error) {
	c := change{Title: title}
	if err := v.prepared(&c, in); err != nil {
		return nil, err
	}
	if c.Refusal != nil && c.Refusal.Permission == "" {
		f.Problem = c.Refusal
		return nil, nil
	}
	m := &making{Title: title, Button: button, Fields: url.Values{}, Preview: c.Preview, Refusal: c.Refusal, Back: v.URL.EscapedPath()}
	for name, values := range v.PostForm {
		if name != "csrf" && name != "reason" {
			m.Fields[name] = values
		}
	}
	return m, nil
}

// newest has the page say as of which entry it is now that something was recorded. A secret is shown in any case.
func (v *visit) newest() {
	before := v.call.asOf
	v.call.asOf = wire.AsOf{}
	if _, err := v.client.Whoami(v.ctx(), v.org); err != nil {
		v.call.asOf = before
	}
}

func (v *visit) makingPage(m *making, err error) (view, error) {
	if err != nil {
		return view{}, err
	}
	return view{template: "making", title: m.Title, data: m}, nil
}
