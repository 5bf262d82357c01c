package rules_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// openingBut is the opening of a ledger with something changed.
func openingBut(f func(*events.OrganizationOpened, *events.Command)) step {
	return opening(plain).but(func(c *events.Command) { f(c.Data.(*events.OrganizationOpened), c) })
}

func openRefusals() []refusal {
	opened := func(f func(*events.OrganizationOpened)) step {
		return openingBut(func(d *events.OrganizationOpened, _ *events.Command) { f(d) })
	}
	twice := because(rules.Invalid, "One key has two purposes")
	notAnOwner := func(kind string) refusal {
		return refusal{name: "open/owned by " + kind, unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Owner.Kind = kind }),
			then: because(rules.Invalid, "An owner is no "+kind)}
	}
	return []refusal{
		{name: "open/nothing is", unopened: true, when: add("ann"),
			then: because(rules.NotOpened, "The ledger has no first entry yet")},
		{name: "open/twice", profile: plain, when: opening(plain),
			then: because(rules.AlreadyOpened, "The ledger has its first entry")},
		{name: "open/unknown rules", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Rules = 3 }),
			then: because(rules.UnknownRules, "This release opens ledgers with versions 1 to 2 of the rules, each with its version of organization.opened, not 3")},
		{name: "open/no rules", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Rules = 0 }),
			then: because(rules.UnknownRules, "This release opens ledgers with versions 1 to 2 of the rules, each with its version of organization.opened, not 0")},
		{name: "open/rules of another version of the opening", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Rules = 1 }),
			then: because(rules.UnknownRules, "This release opens ledgers with versions 1 to 2 of the rules, each with its version of organization.opened, not 1")},
		{name: "open/operator is node", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Operator = d.Node }),
			then: because(rules.Invalid, "The operator's actor is one of its own")},
		{name: "open/operator is nobody", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Operator = ulid.ULID{} }),
			then: because(rules.Invalid, "The operator's actor is one of its own")},
		{name: "open/source of another organization", unopened: true,
			when: openingBut(func(_ *events.OrganizationOpened, c *events.Command) { c.Ledger = "test.example/other" }),
			then: because(rules.Invalid, "The source test.example/other is not of the organization acme")},
		{name: "open/event key is document key", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Keys.Document = d.Keys.Event }), then: twice},
		{name: "open/root key is operator key", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Keys.Operator = d.Keys.Root }), then: twice},
		{name: "open/credential is root key", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Keys.Root = d.Owner.Credential }), then: twice},
		{name: "open/owner is node", unopened: true,
			when: opened(func(d *events.OrganizationOpened) { d.Node = d.Owner.Subject }),
			then: because(rules.Invalid, "The owner is not the node")},
		{name: "open/by somebody else", unopened: true, when: opening(plain).by("ann").signedWith(did("owner")),
			then: because(rules.NotProven, "The owner opens the ledger")},
		{name: "open/with another key", unopened: true, when: opening(plain).signedWith(did("root")),
			then: because(rules.NotProven, "The owner opens the ledger with its own signature")},
		{name: "open/without signature", unopened: true,
			when: openingBut(func(_ *events.OrganizationOpened, c *events.Command) { c.Auth.Method = events.MethodNode }),
			then: because(rules.NotProven, "The owner opens the ledger with its own signature")},
		notAnOwner(events.KindWallet), notAnOwner(events.KindAPIKey), notAnOwner("robot"),
		{name: "open/imported", unopened: true, when: opening(plain).imported(events.Import{Format: "f", Source: "s", Record: "1"}),
			then: because(rules.Invalid, "A first entry is neither imported nor derived")},
		{name: "open/old id", unopened: true,
			when: opening(plain).after(25 * time.Hour).but(func(c *events.Command) { c.ID = liveID(start, 1) }),
			then: hinted(rules.Stale, "The time in the id is 2026-01-01T00:00:00Z, the ledger's is 2026-01-02T01:00:00Z",
				"Send the command again with a new id, or set the clock")},
	}
}

func TestOpened(t *testing.T) {
	for _, kind := range []string{events.KindHuman, events.KindTechnical, events.KindDID} {
		w := &world{reporter: t, s: rules.New()}
		w.do(openingBut(func(d *events.OrganizationOpened, _ *events.Command) { d.Owner.Kind = kind }))
		if u, ok := w.s.Subject(id("owner")); !ok || u.Kind != kind {
			t.Errorf("Subject(owner) = %v, %v; want one of kind %s", u, ok, kind)
		}
	}
}

func TestOpenedState(t *testing.T) {
	w := open(t, plain)
	if w.s.Position() != 1 || !w.s.Time().Equal(start) || w.s.Source() != ledger || w.s.Opened().Name != "Acme" {
		t.Errorf("opened at %d, %v as %s, %v", w.s.Position(), w.s.Time(), w.s.Source(), w.s.Opened())
	}
	for _, purpose := range []string{events.PurposeEvent, events.PurposeDocument, events.PurposeRoot, events.PurposeOperator} {
		if got := w.s.Key(purpose); got != did(purpose) {
			t.Errorf("Key(%s) = %s; want %s", purpose, got, did(purpose))
		}
	}
	if got := w.s.Key(events.PurposeCredential); got != "" {
		t.Errorf("Key(credential) = %s; want none", got)
	}
	if got := w.s.DID(); got != did("document") {
		t.Errorf("DID() = %s; want the document key %s", got, did("document"))
	}
	want := rules.Subject{ID: id("owner"), Key: "owner", Kind: events.KindHuman, DID: did("owner"), Added: 1, State: rules.StateActive}
	if got, _ := w.s.Subject(id("owner")); got != want {
		t.Errorf("owner (-want +got):\n%s", cmp.Diff(want, got))
	}
	if _, ok := w.s.Subject(id("node")); ok {
		t.Error("the node is a subject")
	}
	for _, action := range rules.Actions() {
		if !w.s.May(id("owner"), action, "", start) || w.s.May(id("node"), action, "", start) {
			t.Errorf("the owner may not %s, or the node may", action)
		}
	}
}

func TestOrganizationDID(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	if got := w.s.DID(); got != "" {
		t.Errorf("before the first event: DID() = %q; want none", got)
	}
	w.do(openingBut(func(d *events.OrganizationOpened, _ *events.Command) { d.DID = "did:web:acme.example" }))
	if got := w.s.DID(); got != "did:web:acme.example" {
		t.Errorf("DID() = %s; want the one it named", got)
	}
}

// A state that a newer release opened is read, and decided about by nobody who does not know its rules.
func TestUnknownRulesInForce(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	e, err := rules.Decide(w.s, events.Command{
		ID: liveID(start, 1), Ledger: ledger, Actor: id("owner"), Data: opening(plain).data,
		Auth: events.Auth{Method: events.MethodSignature, Credential: did("owner")},
	}, start)
	if err != nil {
		t.Fatal(err)
	}
	e.Data.(*events.OrganizationOpened).Rules = 3
	w.take(e)
	want := because(rules.UnknownRules, "The ledger goes by version 3 of the rules, which this release does not know")
	if diff := cmp.Diff(want, w.refused(add("ann"))); diff != "" {
		t.Errorf("refusal (-want +got):\n%s", diff)
	}
}
