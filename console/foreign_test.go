package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console"
	"github.com/permledger/permledger/events"
)

// Given two organizations, when somebody who is signed in to one asks for any page of the other, or sends it a form, then it is asked to
// sign in there, and is told nothing of what is there; and in its own it finds nothing by what is the other's.
func TestAnotherOrganizationIsClosed(t *testing.T) {
	w := newWorld(t, "plain")
	w.open("bolt", "plain")
	name := "Secret of bolt"
	w.doIn("bolt", wire.Intent{Kind: wire.CreateRole, Role: "hidden-role", Name: &name, Permissions: []string{"hidden.read"}})
	w.doIn("bolt", wire.Intent{Kind: wire.AddSubject, Subject: "hidden-ben", SubjectKind: events.KindHuman, DisplayName: name})
	b := w.signedIn("owner")
	csrf := b.get("/console/acme/account").csrf()
	once := *b.http
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.http = &once
	fill := func(org, path string) string {
		return strings.NewReplacer("{org}", org, "{key}", "hidden-ben", "{id}", "x", "{review}", "x", "{item}", "1", "{token}", "eip155:1:0x0000000000000000000000000000000000000001", "{kind}", "policy", "{path...}", "policy/1", "{ref}", "3", "{$}", "").Replace(path)
	}
	for _, a := range console.Addresses() {
		if strings.HasSuffix(a[1], "/sign-in") || strings.Contains(a[1], "/sign-in/") || strings.HasSuffix(a[1], "/first-sign-in") || strings.HasSuffix(a[1], "/join") || a[1] == "/console/{$}" {
			continue // for who is nobody yet
		}
		form := url.Values(nil)
		if a[0] == http.MethodPost {
			form = everything("x", 3)
			form.Set("csrf", csrf)
		}
		for _, query := range []string{"", "?at=3"} {
			there := b.send(a[0], fill("bolt", a[1])+query, form)
			there.hasNot(t, "Secret", "hidden-role", "Bolt Registry", "bafkrei")
			if there.status == http.StatusOK {
				t.Errorf("%s %s: %s", a[0], there.address, there.text())
			}
			here := b.send(a[0], fill("acme", a[1])+query, form)
			here.hasNot(t, "Secret of bolt", "hidden-role")
		}
	}
}
