package console_test

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console/browsertest"
	"github.com/permledger/permledger/events"
)

// Given members and keys of all kinds, when their screens are looked at, then everybody can use them: in both schemes, on a telephone,
// with a screen reader.
func TestMemberScreens(t *testing.T) {
	w := peopleWorld(t)
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "etl", SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey, Holder: "ben", Roles: []string{"night"}, SubjectKey: did("etl")})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", SubjectKind: events.KindWallet})
	w.do(wire.Intent{Kind: wire.LinkSubject, Subject: "ben", To: "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"})
	w.do(wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "d.read", Scope: "policy/1", Until: "2099-01-01T00:00:00Z", Reason: "TICKET-9"})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "cara", SubjectKind: events.KindHuman, DisplayName: "Cara Long-Name of the Upper Valley", Email: "cara@acme.example"})
	w.do(wire.Intent{Kind: wire.DeactivateSubject, Subject: "cara", Reason: "left"})
	w.signedIn("owner")
	p := w.browse(t, "owner")
	for _, path := range []string{
		"members?names=1", "members/ben", "members/ben/roles", "members/ben/permissions", "members/ben/edit", "invite", "add-member", "keys", "create-key", "keys/etl/rotate", "account", "members/ben?at=9",
	} {
		p.Go("/console/acme/" + path)
		p.Inspect(strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path))
	}
}

// Given an administrator at a browser, when it invites somebody, and that one opens the link, then the code is in the form and not in the
// address, and who was invited is in.
func TestInviteAndJoin(t *testing.T) {
	w := peopleWorld(t)
	p := w.browse(t, "owner")
	p.Click("Members")
	p.Click("Invite somebody")
	p.Fill("Key", "dora")
	p.Fill("E-mail", "dora@acme.example")
	p.Check("Night desk night", true)
	p.Click("Review the invitation")
	p.See("Who gains and loses what")
	p.Inspect("review")
	p.Fill("Reason", "TICKET-4")
	p.Click("Make the invitation")
	p.See("This is shown once")
	p.Inspect("made")
	link := browsertest.Eval[string](p, `() => document.querySelector("pre.secret").textContent`)

	d := browsertest.Open(t, w.url)
	d.Go(strings.TrimPrefix(link, w.url))
	if code, at := browsertest.Eval[string](d, `() => document.getElementById("code").value`), browsertest.Eval[string](d, `() => location.href`); !strings.HasPrefix(code, "pli_") || strings.Contains(at, "pli_") {
		t.Errorf("the code is %.4s… in the form, at %.40s", code, at)
	}
	d.Inspect("join")
	d.Click("Go on")
	d.See("You are invited to Acme Registry")
	d.Fill("The password that you want to have", "a staple for the horses")
	d.Fill("The same again", "a staple for the horses")
	d.Inspect("join-password")
	d.Click("Join")
	d.At("/console/acme/overview")
	d.Click("dora")
	d.See("What you may do, and why")
	d.See("c.read")
}
