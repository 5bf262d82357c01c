package rules_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func catalogueRefusals() []refusal {
	shop := publish("shop", perm("x"), perm("y", needs("x")))
	level := because(rules.NotPermitted, "Only the owner changes the level of shop:x, and with it who holds it")
	same := because(rules.NoChange, "The catalogue shop says this already")
	return []refusal{
		{name: "catalogue/the ledger's own", profile: plain, when: publish("ledger", perm("x")),
			then: because(rules.Taken, `The catalogue "ledger" is the ledger's own`)},
		{name: "catalogue/of another catalogue", profile: plain, when: publish("shop", perm("bank:x")),
			then: because(rules.Invalid, `The catalogue's permission "bank:x" names a catalogue itself`)},
		{name: "catalogue/level", profile: plain, when: publish("shop", perm("x", func(p *events.Permission) { p.Level = "platform" })),
			then: because(rules.Invalid, `There is no level "platform"`)},
		{name: "catalogue/depends on nothing known", profile: plain, when: publish("shop", perm("x", needs("y"))),
			then: because(rules.Unknown, "x depends on y, which the catalogue does not have")},
		{name: "catalogue/depends on what it retires", profile: plain, given: given(shop), when: publish("shop", perm("y", needs("x"))),
			then: because(rules.Unknown, "y depends on x, which the catalogue does not have")},
		{name: "catalogue/guards nothing known", profile: plain, when: publish("shop", perm("x", guards("role.create", "role.paint"))),
			then: because(rules.Unknown, "x guards role.paint, which is no action of the ledger")},
		{name: "catalogue/guards what its publisher may not do", profile: plain, given: given(staffed("ann", "ledger:catalogue.publish")),
			when: publish("shop", perm("x", guards("key.register"))).by("ann"), then: lacks("ledger:key.register")},
		{name: "catalogue/guards what its publisher may do for an hour", profile: plain,
			given: given(staffed("ann", "ledger:catalogue.publish", "shop.x"), grant("ann", "ledger:key.register").until(start.Add(time.Hour))),
			when:  publish("shop", perm("x", guards("key.register"))).by("ann"),
			then: rules.Refusal{Code: rules.Escalation, Permission: "ledger:key.register",
				Reason: "Cannot give ledger:key.register on the whole organization beyond 2026-01-01T01:00:00Z: you hold it until then yourself"}},
		{name: "catalogue/level raised by who does not own", profile: plain, given: given(publish("shop", perm("x")), staffed("ann", "ledger:catalogue.publish")),
			when: publish("shop", perm("x", tokenLevel)).by("ann"), then: level},
		{name: "catalogue/level dropped by who does not own", profile: plain,
			given: given(publish("shop", perm("x", tokenLevel, guards("role.assign"))), staffed("ann", "ledger:catalogue.publish", "shop:x")),
			when:  publish("shop", perm("x", guards("role.assign"))).by("ann"), then: level},
		{name: "catalogue/level of what was retired, by who does not own", profile: plain,
			given: given(publish("shop", perm("x", tokenLevel)), publish("shop"), staffed("ann", "ledger:catalogue.publish")),
			when:  publish("shop", perm("x")).by("ann"), then: level},
		{name: "catalogue/same again", profile: plain, given: given(shop), when: shop, then: same},
		{name: "catalogue/same as the last", profile: plain, given: given(shop, publish("shop", perm("z"))), when: publish("shop", perm("z")), then: same},
	}
}

// What a later catalogue changes, and that any difference makes it another.
func TestCatalogueVersions(t *testing.T) {
	base := func() step { return publish("shop", perm("x"), perm("y")) }
	for _, c := range []struct {
		name           string
		next           step
		added, retired []string
	}{
		{"added", publish("shop", perm("a"), perm("x"), perm("y"), perm("z")), []string{"a", "z"}, nil},
		{"retired", publish("shop"), nil, []string{"x", "y"}},
		{"both", publish("shop", perm("w"), perm("y")), []string{"w"}, []string{"x"}},
		{"title", step{data: &events.CataloguePublished{Catalogue: "shop", Title: "New", Permissions: base().data.(*events.CataloguePublished).Permissions}}, nil, nil},
		{"category", publish("shop", perm("x", func(p *events.Permission) { p.Category = "C" }), perm("y")), nil, nil},
		{"entity", publish("shop", perm("x", func(p *events.Permission) { p.Entity = "E" }), perm("y")), nil, nil},
		{"action", publish("shop", perm("x", func(p *events.Permission) { p.Action = "A" }), perm("y")), nil, nil},
		{"description", publish("shop", perm("x", func(p *events.Permission) { p.Description = "D" }), perm("y")), nil, nil},
		{"level", publish("shop", perm("x", tokenLevel), perm("y")), nil, nil},
		{"reserved", publish("shop", perm("x", reserved), perm("y")), nil, nil},
		{"depends", publish("shop", perm("x", needs("y")), perm("y")), nil, nil},
		{"guards", publish("shop", perm("x", guards("role.create")), perm("y")), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t, plain)
			if d := w.do(base()).Data.(*events.CataloguePublished); d.Number != 1 || d.Added != nil || d.Retired != nil {
				t.Errorf("the first: number %d, added %v, retired %v", d.Number, d.Added, d.Retired)
			}
			d := w.do(c.next).Data.(*events.CataloguePublished)
			if d.Number != 2 || !slices.Equal(d.Added, c.added) || !slices.Equal(d.Retired, c.retired) {
				t.Errorf("number %d, added %v, retired %v; want 2, %v, %v", d.Number, d.Added, d.Retired, c.added, c.retired)
			}
		})
	}
}

// Who holds what a catalogue retires keeps it; nobody can be given it anew, until a later catalogue has it again.
func TestRetired(t *testing.T) {
	w := open(t, stokr, publish("shop", perm("x", guards("subject.add")), perm("y")), add("ann"), add("bob"), add("eve"),
		create("clerk", "shop:x", "shop:y"), assign("ann", "clerk"), grant("bob", "shop:x"), publish("shop", perm("y")))
	retired := because(rules.Unknown, "The permission shop:x was retired from its catalogue")
	for _, st := range []step{
		create("r", "shop:x", "shop:y"), grant("eve", "shop:x"), grant("bob", "shop:x").on("shop/1"), set("eve", "shop:x"),
	} {
		if diff := cmp.Diff(retired, w.refused(st)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", st.data.Type(), diff)
		}
	}
	for _, who := range []string{"ann", "bob"} {
		if !w.check(who, "shop:x", "") {
			t.Errorf("%s lost shop:x", who)
		}
		if w.s.May(id(who), rules.ActionSubjectAdd, "", w.s.Time()) {
			t.Errorf("%s may still do what shop:x guarded", who)
		}
	}
	w.do(set("bob", "shop:x", "shop:y")) // keeps one, adds one
	w.do(assign("eve", "clerk"))         // the role has it
	w.do(takeFrom("clerk", "shop:x"))
	if r := w.refused(addTo("clerk", "shop:x")); r.Reason != retired.Reason {
		t.Errorf("back into the role: %v", &r)
	}
	if w.check("ann", "shop:x", "") {
		t.Error("ann kept what her role lost")
	}
	w.do(revoke("bob", "shop:x"), publish("shop", perm("x"), perm("y")), grant("bob", "shop:x"), addTo("clerk", "shop:x"))
	if !w.check("bob", "shop:x", "") || !w.check("ann", "shop:x", "") {
		t.Error("what is in the catalogue again does not hold")
	}
	if w.s.May(id("bob"), rules.ActionSubjectAdd, "", w.s.Time()) {
		t.Error("shop:x guards what this catalogue does not say it does")
	}
}

// Guards are those of the newest catalogue; those of other catalogues stay.
func TestGuards(t *testing.T) {
	w := open(t, stokr, publish("shop", perm("x", guards("role.create", "role.delete"))), publish("bank", perm("x", guards("role.create"))),
		staffed("ann", "shop:x"), staffed("bob", "bank:x"))
	may := func(who, action string, want bool) {
		t.Helper()
		if got := w.s.May(id(who), action, "", w.s.Time()); got != want {
			t.Errorf("at %d: May(%s, %s) = %v; want %v", w.s.Position(), who, action, got, want)
		}
	}
	may("ann", "role.create", true)
	may("ann", "role.delete", true)
	may("ann", "role.update", false)
	may("bob", "role.create", true)
	if r := w.refused(create("r", "shop:x").by("owner").by("eve")); r.Code != rules.NotProven {
		t.Errorf("by nobody: %v", &r)
	}
	w.do(publish("shop", perm("x", guards("role.delete"))))
	may("ann", "role.create", false)
	may("ann", "role.delete", true)
	may("bob", "role.create", true)
	// The first of the guards, by name, is the one a refusal names.
	w.do(publish("shop", perm("x", guards("role.create"))))
	want := lacks("bank:x")
	if diff := cmp.Diff(want, func() rules.Refusal { w.do(add("joe")); return w.refused(create("r", "shop:x").by("joe")) }()); diff != "" {
		t.Errorf("refusal (-want +got):\n%s", diff)
	}
}

// Who does not own the organization publishes catalogues too: with any level of what is new, and with what it may do
// itself for ever as guards, by whatever gives it.
func TestPublishedByAdministrator(t *testing.T) {
	w := open(t, plain, publish("bank", perm("x", guards("role.create"))), staffed("ann", "ledger:catalogue.publish", "bank:x"),
		grant("ann", "ledger:role.create").until(start.Add(time.Hour)))
	w.do(publish("shop", perm("t", tokenLevel), perm("x")).by("ann"))
	w.do(publish("shop", perm("t", tokenLevel), perm("u", tokenLevel), perm("x", guards("role.create"))).by("ann"))
}

// The catalogues that come with the program can be published, each in the organization it is made for.
func TestOwnCatalogues(t *testing.T) {
	for _, c := range []struct {
		profile events.Profile
		name    string
		has     string
		count   int
	}{
		{stokr, "stokr", "stokr:investor.view", 63}, {ipaware, "ipaware", "ipaware:roles.create", 23},
		{guardian, "guardian", "guardian:POLICIES_POLICY_READ", 139}, {stokr, "tokeny", "tokeny:token.mint", 40},
	} {
		w := open(t, c.profile)
		e := w.do(catalogue(c.name))
		if got := len(e.Data.(*events.CataloguePublished).Permissions); got != c.count || !w.check("owner", c.has, "") {
			t.Errorf("%s: %d permissions; want %d, among them %s", c.name, got, c.count, c.has)
		}
	}
}
