package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func roleRefusals() []refusal {
	nameless := hinted(rules.Invalid, "A role has a name", "Choose a name that says who does what")
	exists := hinted(rules.Taken, "Role name already exists", "Choose a unique role name")
	escalation := func(permission string) rules.Refusal {
		return rules.Refusal{Code: rules.Escalation, Permission: permission,
			Reason: "Cannot give " + permission + ": you do not hold it on the whole organization yourself"}
	}
	hour := start.Add(time.Hour)
	longer := func(permission string) rules.Refusal {
		return rules.Refusal{Code: rules.Escalation, Permission: permission,
			Reason: "Cannot give " + permission + " on the whole organization beyond 2026-01-01T01:00:00Z: you hold it until then yourself"}
	}
	noRole := because(rules.NotFound, "There is no role "+id("r").String())
	named := func(name, is string) step {
		st := create(name, "ipaware:roles.view")
		st.data.(*events.RoleCreated).Name = is
		return st
	}
	ip := catalogue("ipaware")
	// x needs nothing, y needs x, z needs y; w cannot be given.
	shop := publish("shop", perm("v"), perm("w", reserved), perm("x"), perm("y", needs("x")), perm("z", needs("y")))
	describe := func(text string) func(*events.RoleUpdated) {
		return func(d *events.RoleUpdated) { d.Description = &text }
	}
	return []refusal{
		{name: "role/I76", profile: ipaware, given: given(ip, staffed("ann", "ipaware:roles.view")), when: create("r", "ipaware:roles.view").by("ann"),
			then: rules.Refusal{Code: rules.NotPermitted, Reason: "Don't have roles.create permission", Permission: "ipaware:roles.create",
				Hint: "Ask an Owner or Admin for permission"}},
		{name: "role/I77", profile: ipaware, given: given(ip, named("r", "Reader")), when: named("s", "Reader"), then: exists},
		{name: "role/I78", profile: ipaware, given: given(ip), when: create("r"),
			then: hinted(rules.Invalid, "No permissions selected", "Select at least one permission")},
		{name: "role/id in use", profile: plain, given: given(create("r")), when: step{data: &events.RoleCreated{Role: id("r"), Key: "s", Name: "s"}},
			then: because(rules.Taken, "The id "+id("r").String()+" is, or was, another role's")},
		{name: "role/id of one that was deleted", profile: plain, given: given(create("r"), remove("r")), when: create("r"),
			then: because(rules.Taken, "The id "+id("r").String()+" is, or was, another role's")},
		{name: "role/key in use", profile: plain, given: given(create("r")), when: create("r#2"),
			then: because(rules.Taken, `A role has the key "r" already`)},
		{name: "role/I63 no name", profile: plain, when: named("r", ""), then: nameless},
		{name: "role/I63 blank name", profile: plain, when: named("r", " \u00a0 "), then: nameless},
		{name: "role/of what nobody knows", profile: ipaware, given: given(ip), when: create("r", "ipaware:roles.craete"),
			then: rules.Refusal{Code: rules.Unknown, Reason: `There is no permission "ipaware:roles.craete"`, Permission: "ipaware:roles.craete",
				Nearest: []string{"ipaware:roles.create", "ipaware:roles.delete", "ledger:role.create"},
				Hint:    "Did you mean ipaware:roles.create or ipaware:roles.delete or ledger:role.create?"}},
		{name: "role/of what is like nothing", profile: ipaware, given: given(ip), when: create("r", "ipaware:everything"),
			then: rules.Refusal{Code: rules.Unknown, Reason: `There is no permission "ipaware:everything"`, Permission: "ipaware:everything"}},
		{name: "role/new name in a catalogue", profile: plain, given: given(ip), when: create("r", "ipaware:everything"),
			then: rules.Refusal{Code: rules.Unknown, Reason: `There is no permission "ipaware:everything"`, Permission: "ipaware:everything"}},
		{name: "role/new name by who does not own", profile: plain, given: given(staffed("ann", "ledger:role.create")), when: create("r", "new").by("ann"),
			then: escalation("new")},
		{name: "role/reserved", profile: guardian, given: given(shop), when: create("r", "shop:w"),
			then: because(rules.Invalid, "The permission shop:w cannot be given")},
		{name: "role/escalation", profile: plain, given: given(staffed("ann", "ledger:role.create", "a"), create("other", "b")), when: create("r", "a", "b").by("ann"),
			then: escalation("b")},
		{name: "role/escalation by what comes with it", profile: guardian, given: given(shop, create("other", "shop:z"), add("ann"),
			publish("shop", perm("x"), perm("y"), perm("z")), give("ann", "ledger:role.create", "shop:z"), shop),
			when: create("r", "shop:z").by("ann"), then: escalation("shop:x")},
		{name: "role/escalation by a reserved one that comes with it", profile: guardian, given: given(publish("shop", perm("w", reserved), perm("x")), add("ann"),
			give("ann", "ledger:role.create", "shop:x"), publish("shop", perm("w", reserved), perm("x", needs("w")))),
			when: create("r", "shop:x").by("ann"), then: escalation("shop:w")},
		{name: "role/what it holds for an hour", profile: plain, given: given(staffed("ann", "ledger:role.create"), grant("ann", "a").until(hour)),
			when: create("r", "a").by("ann"), then: longer("a")},
		{name: "role/what comes with it held for an hour", profile: guardian, given: given(publish("shop", perm("x"), perm("y")), add("ann"),
			create("clerk", "shop:x"), assign("ann", "clerk").until(hour), give("ann", "ledger:role.create", "shop:y"),
			publish("shop", perm("x"), perm("y", needs("x")))),
			when: create("r", "shop:y").by("ann"), then: longer("shop:x")},
		{name: "role/message too long", profile: guardian, when: func() step {
			st := create("r")
			st.data.(*events.RoleCreated).Description = strings.Repeat("d", 700)
			return st
		}(), then: hinted(rules.MessageTooLong, "Name and description make a topic message of 1137 bytes, at most 1024 are allowed", "Shorten the description by 113 bytes")},

		{name: "update/no role", profile: plain, when: addTo("r", "a"), then: noRole},
		{name: "update/deleted", profile: plain, given: given(create("r"), remove("r")), when: addTo("r", "a"), then: noRole},
		{name: "update/blank name", profile: plain, given: given(create("r")), when: rename("r", " "), then: nameless},
		{name: "update/I77", profile: ipaware, given: given(ip, named("r", "Reader"), named("s", "Writer")), when: rename("s", "Reader"), then: exists},
		{name: "update/has it", profile: plain, given: given(create("r", "a", "b")), when: addTo("r", "b", "c"),
			then: because(rules.NoChange, "The role r has b already")},
		{name: "update/does not have it", profile: plain, given: given(create("r", "a"), create("s", "b")), when: takeFrom("r", "a", "b"),
			then: because(rules.NoChange, "The role r does not have b")},
		{name: "update/takes what nobody knows", profile: plain, given: given(create("r", "a")), when: takeFrom("r", "new"),
			then: because(rules.NoChange, "The role r does not have new")},
		{name: "update/nothing", profile: plain, given: given(create("r")), when: addTo("r"), then: because(rules.NoChange, "The role r says this already")},
		{name: "update/same name", profile: ipaware, given: given(ip, named("r", "Reader")), when: rename("r", "Reader"), then: because(rules.NoChange, "The role r says this already")},
		{name: "update/same description", profile: plain, given: given(create("r"), update("r", describe("d"))), when: update("r", describe("d")),
			then: because(rules.NoChange, "The role r says this already")},
		{name: "update/same labels", profile: plain, given: given(create("r"), update("r", label("live"))), when: update("r", label("live")),
			then: because(rules.NoChange, "The role r says this already")},
		{name: "update/no labels again", profile: plain, given: given(create("r")), when: update("r", label("")),
			then: because(rules.NoChange, "The role r says this already")},
		{name: "update/unknown", profile: ipaware, given: given(ip, named("r", "Reader")), when: addTo("r", "a"),
			then: rules.Refusal{Code: rules.Unknown, Reason: `There is no permission "a"`, Permission: "a"}},
		{name: "update/escalation", profile: plain, given: given(staffed("ann", "ledger:role.update", "a"), create("r"), create("other", "b")),
			when: addTo("r", "a", "b").by("ann"), then: escalation("b")},
		{name: "update/held for an hour", profile: plain, given: given(staffed("ann", "ledger:role.update"), create("r"), grant("ann", "a").until(hour)),
			when: addTo("r", "a").by("ann"), then: longer("a")},
		{name: "update/held on a scope only", profile: plain, given: given(staffed("ann", "ledger:role.update"), create("r"), grant("ann", "a").on("x/1")),
			when: addTo("r", "a").by("ann"), then: escalation("a")},
		{name: "update/empties", profile: ipaware, given: given(ip, create("r", "ipaware:ip.query")), when: takeFrom("r", "ipaware:ip.query"),
			then: hinted(rules.Invalid, "No permissions selected", "Leave at least one permission in the role, or delete it")},
		{name: "update/needed", profile: guardian, given: given(shop, create("r", "shop:y")), when: takeFrom("r", "shop:x"),
			then: hinted(rules.Invalid, "shop:y depends on shop:x, which is to be removed", "Remove both")},
		{name: "update/needed by what is added", profile: guardian, given: given(shop, create("r", "shop:x")),
			when: update("r", func(d *events.RoleUpdated) { d.Add, d.Remove = []string{"shop:y"}, []string{"shop:x"} }),
			then: hinted(rules.Invalid, "shop:y depends on shop:x, which is to be removed", "Remove both")},
		{name: "update/escalation by what comes with it", profile: guardian, given: given(shop, create("r"), add("ann"),
			publish("shop", perm("x"), perm("y"), perm("z")), give("ann", "ledger:role.update", "shop:y"), shop),
			when: addTo("r", "shop:y").by("ann"), then: escalation("shop:x")},
		{name: "update/name too long", profile: guardian, given: given(create("r"), update("r", describe(strings.Repeat("d", 400)))),
			when: rename("r", strings.Repeat("n", 300)),
			then: hinted(rules.MessageTooLong, "Name and description make a topic message of 1136 bytes, at most 1024 are allowed", "Shorten the description by 112 bytes")},
		{name: "update/description too long", profile: guardian, given: given(create("r")), when: update("r", describe(strings.Repeat("é", 400))),
			then: hinted(rules.MessageTooLong, "Name and description make a topic message of 1237 bytes, at most 1024 are allowed", "Shorten the description by 213 bytes")},

		{name: "delete/no role", profile: plain, when: remove("r"), then: noRole},
		{name: "delete/twice", profile: plain, given: given(create("r"), remove("r")), when: remove("r"), then: noRole},
		{name: "delete/I79", profile: ipaware, given: given(ip, create("r", "ipaware:ip.query"), add("ann"), add("bob"), add("eve"), assign("ann", "r"),
			assign("ann", "r").on("x/1"), assign("bob", "r"), assign("eve", "r"), revokeRole("bob", "r"), assign("eve", "r").on("x/1"), revokeRole("eve", "r")),
			when: remove("r"), then: rules.Refusal{Code: rules.InUse, Reason: "Role is assigned to users or API keys",
				Hint: "Remove role from all users and keys first", Holders: ids("ann", "eve")}},
	}
}

// label gives the role one label, or none.
func label(stage string) func(*events.RoleUpdated) {
	return func(d *events.RoleUpdated) {
		d.Labels = []events.Label{}
		if stage != "" {
			d.Labels = append(d.Labels, events.Label{Name: "stage", Value: stage})
		}
	}
}

// One role from its making to its end, and what is free again afterwards.
func TestRoleLife(t *testing.T) {
	w := open(t, ipaware, catalogue("ipaware"), add("ann"))
	look := func(want rules.Role, names ...string) {
		t.Helper()
		want.ID, want.Count, want.Set = id("r"), len(names), events.SetDigest(names)
		got, ok := w.s.Role(id("r"))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("at %d: role (-want +got):\n%s", w.s.Position(), diff)
		}
		if got := w.s.RolePermissions(id("r")); !slices.Equal(got, names) {
			t.Errorf("at %d: permissions %v; want %v", w.s.Position(), got, names)
		}
	}
	st := create("r", "ipaware:ip.query", "ipaware:roles.view")
	st.data.(*events.RoleCreated).Description = "first"
	w.do(st)
	look(rules.Role{Key: "r", Name: "r", Description: "first", Created: 4, Changed: 4}, "ipaware:ip.query", "ipaware:roles.view")
	w.do(rename("r", "Reader"), update("r", label("live")))
	look(rules.Role{Key: "r", Name: "Reader", Description: "first", Labels: []events.Label{{Name: "stage", Value: "live"}}, Created: 4, Changed: 6},
		"ipaware:ip.query", "ipaware:roles.view")
	w.do(assign("ann", "r"), update("r", func(d *events.RoleUpdated) {
		d.Description, d.Add, d.Remove = new(string), []string{"ipaware:billing.portal"}, []string{"ipaware:ip.query"}
	}), update("r", label("")))
	look(rules.Role{Key: "r", Name: "Reader", Labels: []events.Label{}, Holders: 1, Created: 4, Changed: 9}, "ipaware:billing.portal", "ipaware:roles.view")
	if !w.check("ann", "ipaware:billing.portal", "") || w.check("ann", "ipaware:ip.query", "") {
		t.Error("I27: the change does not hold for who has the role")
	}
	w.do(create("other", "ipaware:ip.query"), rename("other", "r")) // the first name is free
	w.do(revokeRole("ann", "r"), remove("r"))
	look(rules.Role{Key: "r", Name: "Reader", Labels: []events.Label{}, Created: 4, Changed: 13, Deleted: 13}, "ipaware:billing.portal", "ipaware:roles.view")
	if _, ok := w.s.RoleByKey("r"); ok {
		t.Error("the key still names the role")
	}
	w.do(create("r#2", "ipaware:ip.query").but(func(c *events.Command) { c.Data.(*events.RoleCreated).Name = "Reader" }))
	if got, ok := w.s.RoleByKey("r"); !ok || got != id("r#2") {
		t.Errorf("RoleByKey(r) = %s, %v; want the second", got, ok)
	}
	if w.s.RolePermissions(id("none")) != nil {
		t.Error("a role that is not there has permissions")
	}
}

// What the profile allows, it allows.
func TestRoleProfiles(t *testing.T) {
	w := open(t, plain, create("r"), add("ann"))
	w.do(create("same").but(func(c *events.Command) { c.Data.(*events.RoleCreated).Name = "r" })) // names need not be unique
	w.do(addTo("r", "a"), takeFrom("r", "a"))                                                     // and may be empty again
	w.do(remove("same"), create("same#2").but(func(c *events.Command) { c.Data.(*events.RoleCreated).Name = "r" }))
	long := strings.Repeat("d", 8000)
	w.do(update("r", func(d *events.RoleUpdated) { d.Description = &long }))

	// A name that is new is not mistaken for the first that the ledger knew.
	w.do(create("first", "ledger:catalogue.publish"))
	if d := w.do(addTo("first", "new")).Data.(*events.RoleUpdated); d.Count != 2 {
		t.Errorf("the role has %d permissions; want 2", d.Count)
	}
	if r := w.refused(takeFrom("first", "newer")); r.Reason != "The role first does not have newer" {
		t.Errorf("taken away what nobody knows: %v", &r)
	}

	// A name that a role gave up is free for another.
	w = open(t, ipaware, catalogue("ipaware"), create("r", "ipaware:ip.query"), rename("r", "s"))
	w.do(create("other", "ipaware:ip.query").but(func(c *events.Command) { c.Data.(*events.RoleCreated).Name = "r" }))
	// Where a role may not be empty, one may still lose some of what it has, and change otherwise.
	w.do(addTo("r", "ipaware:roles.view"), takeFrom("r", "ipaware:ip.query"))

	// The longest message that fits.
	w = open(t, guardian)
	w.do(create("r").but(func(c *events.Command) { c.Data.(*events.RoleCreated).Description = strings.Repeat("d", 587) }))
	if r := w.refused(update("r", func(d *events.RoleUpdated) { d.Description = new(strings.Repeat("d", 588)) })); r.Code != rules.MessageTooLong {
		t.Errorf("one more byte: %v", &r)
	}
	// And without a description, which the message then leaves out: a quote takes two bytes.
	quoted := func(quotes int) string { return strings.Repeat(`"`, quotes) + strings.Repeat("n", 512-quotes) }
	w.do(update("r", func(d *events.RoleUpdated) { d.Name, d.Description = new(quoted(93)), new("") }))
	if r := w.refused(rename("r", quoted(94))); r.Code != rules.MessageTooLong {
		t.Errorf("one more byte of the name: %v", &r)
	}
}

// Nothing depends on the order in which a map gives its members, refusals included.
func TestRefusalsHaveOneText(t *testing.T) {
	w := open(t, guardian, publish("shop", perm("a"), perm("b"), perm("c"), perm("d", needs("a")), perm("e", needs("b")), perm("f", needs("c"))),
		create("r", "shop:d", "shop:e", "shop:f"))
	first := w.refused(takeFrom("r", "shop:a", "shop:b", "shop:c"))
	for range 20 {
		if got := w.refused(takeFrom("r", "shop:a", "shop:b", "shop:c")); got.Reason != first.Reason {
			t.Fatalf("one state, one command, two refusals: %q and %q", got.Reason, first.Reason)
		}
	}
}

// What permissions depend on comes into the role with them, and stands in the event.
func TestDependencies(t *testing.T) {
	shop := func() step {
		return publish("shop", perm("hidden", reserved), perm("v"), perm("x", needs("hidden")), perm("y", needs("x")), perm("z", needs("v", "y")))
	}
	w := open(t, guardian, shop())
	all := []string{"shop:hidden", "shop:v", "shop:x", "shop:y", "shop:z"}
	d := w.do(create("r", "shop:z")).Data.(*events.RoleCreated)
	if !slices.Equal(d.Included, all[:4]) || d.Count != 5 || d.Set != events.SetDigest(all) {
		t.Errorf("created: included %v, count %d", d.Included, d.Count)
	}
	if got := w.s.RolePermissions(id("r")); !slices.Equal(got, all) {
		t.Errorf("the role has %v; want %v", got, all)
	}
	if d := w.do(create("s", "shop:v", "shop:x")).Data.(*events.RoleCreated); !slices.Equal(d.Included, all[:1]) {
		t.Errorf("created with what it needs: included %v", d.Included)
	}
	u := w.do(addTo("s", "shop:z")).Data.(*events.RoleUpdated)
	if !slices.Equal(u.Included, []string{"shop:y"}) || u.Count != 5 || u.Set != events.SetDigest(all) {
		t.Errorf("updated: included %v, count %d", u.Included, u.Count)
	}
	u = w.do(takeFrom("s", "shop:y", "shop:z")).Data.(*events.RoleUpdated)
	if u.Included != nil || u.Count != 3 {
		t.Errorf("taken away together: included %v, count %d; want what they needed to stay", u.Included, u.Count)
	}
	// What a later catalogue demands comes in with the next change, and with no other event.
	w.do(publish("shop", perm("hidden", reserved), perm("new"), perm("v", needs("new")), perm("x"), perm("y"), perm("z")))
	if got := w.s.RolePermissions(id("s")); !slices.Equal(got, all[:3]) {
		t.Errorf("the catalogue changed the role: %v", got)
	}
	if u := w.do(rename("s", "S")).Data.(*events.RoleUpdated); !slices.Equal(u.Included, []string{"shop:new"}) {
		t.Errorf("next change: included %v", u.Included)
	}
	// Circles end.
	w.do(publish("ring", perm("a", needs("b")), perm("b", needs("c")), perm("c", needs("a"))))
	if d := w.do(create("circle", "ring:b")).Data.(*events.RoleCreated); !slices.Equal(d.Included, []string{"ring:a", "ring:c"}) {
		t.Errorf("circle: included %v", d.Included)
	}
	// One that is reserved comes in too, on purpose, by the owner as above and by anybody who has it in the same way.
	w = open(t, guardian, shop(), staffed("ann", "ledger:role.create", "shop:x"))
	if d := w.do(create("r", "shop:x").by("ann")).Data.(*events.RoleCreated); !slices.Equal(d.Included, all[:1]) || !w.check("ann", all[0], "") {
		t.Errorf("by ann: included %v", d.Included)
	}
	// Where the profile does not ask for it, nothing comes in.
	w = open(t, stokr, shop())
	if d := w.do(create("r", "shop:z")).Data.(*events.RoleCreated); d.Included != nil || d.Count != 1 {
		t.Errorf("stokr: included %v", d.Included)
	}
}

// What was retired comes into no role, by no way.
func TestRetiredIsNotIncluded(t *testing.T) {
	w := open(t, guardian, publish("shop", perm("p"), perm("q"), perm("r")), create("r", "shop:p"),
		publish("shop", perm("p", needs("q")), perm("q"), perm("r")), publish("shop", perm("r")))
	if u := w.do(addTo("r", "shop:r")).Data.(*events.RoleUpdated); u.Included != nil {
		t.Errorf("included %v, which was retired", u.Included)
	}
}
