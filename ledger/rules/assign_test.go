package rules_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func assignRefusals() []refusal {
	nobody := because(rules.NotFound, "There is no subject "+id("nobody").String())
	noRole := because(rules.NotFound, "There is no role "+id("none").String())
	escalation := func(permission, where string) rules.Refusal {
		return rules.Refusal{Code: rules.Escalation, Permission: permission,
			Reason: "Cannot give " + permission + ": you do not hold it on " + where + " yourself"}
	}
	hour := start.Add(time.Hour)
	longer := rules.Refusal{Code: rules.Escalation, Permission: "a",
		Reason: "Cannot give a on the whole organization beyond 2026-01-01T01:00:00Z: you hold it until then yourself"}
	staff := given(create("r", "a"), add("bob"), staffed("ann", "ledger:role.assign", "ledger:role.revoke", "ledger:role.set"))
	noEnd := func(event int) rules.Refusal {
		return because(rules.NotFound, "No grant "+liveID(start.Add(time.Duration(event-1)*time.Second), event).String()+" is to end")
	}
	fiveTo := []any{create("r", "a"), add("bob"), assign("bob", "r").until(hour)} // event 4 gives it
	return []refusal{
		{name: "assign/to nobody", profile: plain, given: staff, when: assign("nobody", "r"), then: nobody},
		{name: "assign/no role", profile: plain, given: staff, when: assign("bob", "none"), then: noRole},
		{name: "assign/a deleted role", profile: plain, given: given(add("bob"), create("none"), remove("none")), when: assign("bob", "none"), then: noRole},
		{name: "assign/ended before", profile: plain, given: staff, when: assign("bob", "r").until(start),
			then: because(rules.Invalid, "The end, 2026-01-01T00:00:00Z, is not after now")},
		{name: "assign/ends now", profile: plain, given: given(create("r"), add("bob")), when: assign("bob", "r").until(start.Add(3 * time.Second)),
			then: because(rules.Invalid, "The end, 2026-01-01T00:00:03Z, is not after now")},
		{name: "assign/again", profile: plain, given: given(staff, assign("bob", "r")), when: assign("bob", "r"),
			then: because(rules.NoChange, "bob has the role r on the whole organization already, since 7")},
		{name: "assign/again on a scope, with an end", profile: plain, given: given(staff, assign("bob", "r").on("x/1").until(hour)),
			when: assign("bob", "r").on("x/1"), then: because(rules.NoChange, "bob has the role r on x/1 already, since 7")},
		{name: "assign/escalation", profile: plain, given: staff, when: assign("bob", "r").by("ann"), then: escalation("a", "the whole organization")},
		{name: "assign/to itself", profile: plain, given: staff, when: assign("ann", "r").by("ann"), then: escalation("a", "the whole organization")},
		{name: "assign/escalation of scope", profile: plain, given: given(staff, grant("ann", "a").on("x/1")), when: assign("bob", "r").on("x/2").by("ann"),
			then: escalation("a", "x/2")},
		{name: "assign/escalation above its scope", profile: plain, given: given(staff, grant("ann", "a").on("x/1")), when: assign("bob", "r").by("ann"),
			then: escalation("a", "the whole organization")},
		{name: "assign/what it held until now", profile: plain, given: given(staff, grant("ann", "a").until(hour)), when: assign("bob", "r").by("ann").after(time.Hour),
			then: escalation("a", "the whole organization")},
		{name: "assign/for ever what it holds for an hour", profile: plain, given: given(staff, grant("ann", "a").until(hour)), when: assign("bob", "r").by("ann"),
			then: longer},
		{name: "assign/for longer than it holds one of two", profile: plain,
			given: given(create("s", "0", "a"), staff, grant("ann", "0"), grant("ann", "a").until(hour)),
			when:  assign("ann", "s").until(hour.Add(time.Millisecond)).by("ann"), then: longer},
		{name: "assign/on a scope where it may not", profile: plain,
			given: given(create("r", "a"), add("bob"), add("ann"), grant("ann", "ledger:role.assign").on("x/1"), grant("ann", "a")),
			when:  assign("bob", "r").on("x/2").by("ann"), then: lacks("ledger:role.assign")},
		{name: "assign/token level, by an account", profile: strict, given: given(publish("shop", perm("t", tokenLevel)), create("r", "shop:t"),
			addKind("wal", events.KindWallet), staffed("ann", "ledger:role.assign", "shop:t")),
			when: assign("wal", "r").by("ann"), then: escalation("shop:t", "the whole organization")},

		{name: "revoke role/from nobody", profile: plain, given: staff, when: revokeRole("nobody", "r"), then: nobody},
		{name: "revoke role/not had", profile: plain, given: staff, when: revokeRole("bob", "r"),
			then: because(rules.NotFound, "bob does not have this role on the whole organization")},
		{name: "revoke role/not had on this scope", profile: plain, given: given(staff, assign("bob", "r")), when: revokeRole("bob", "r").on("x/1"),
			then: because(rules.NotFound, "bob does not have this role on x/1")},
		{name: "revoke role/on a scope where it may not", profile: plain,
			given: given(create("r", "a"), add("bob"), assign("bob", "r"), add("ann"), grant("ann", "ledger:role.revoke").on("x/1")),
			when:  revokeRole("bob", "r").by("ann"), then: lacks("ledger:role.revoke")},

		{name: "set roles/of nobody", profile: plain, given: staff, when: setRoles("nobody", "r"), then: nobody},
		{name: "set roles/no role", profile: plain, given: staff, when: setRoles("bob", "r", "none"), then: noRole},
		{name: "set roles/same", profile: plain, given: given(staff, assign("bob", "r").until(hour)), when: setRoles("bob", "r"),
			then: because(rules.NoChange, "bob has these roles already")},
		{name: "set roles/none of none", profile: plain, given: given(staff, assign("bob", "r").on("x/1")), when: setRoles("bob"),
			then: because(rules.NoChange, "bob has these roles already")},
		{name: "set roles/escalation", profile: plain, given: staff, when: setRoles("bob", "r").by("ann"), then: escalation("a", "the whole organization")},
		{name: "set roles/what it holds for an hour", profile: plain, given: given(staff, grant("ann", "a").until(hour)), when: setRoles("bob", "r").by("ann"),
			then: longer},
		{name: "set roles/permission on a scope only", profile: plain, given: given(create("r"), add("bob"), add("ann"), grant("ann", "ledger:role.set").on("x/1")),
			when: setRoles("bob", "r").by("ann"), then: lacks("ledger:role.set")},

		{name: "ended/by somebody", profile: plain, given: fiveTo, when: ended(4).after(2 * time.Hour).butIn(func(w *world, c *events.Command) {
			c.Actor, c.Auth = id("owner"), events.Auth{Method: events.MethodSignature, Credential: did("owner")}
		}), then: because(rules.NotPermitted, "Only the ledger's own actor records that a grant ended")},
		{name: "ended/not yet", profile: plain, given: fiveTo, when: ended(4).after(time.Hour - 5*time.Second),
			then: because(rules.Invalid, "The grant holds until 2026-01-01T01:00:00Z")},
		{name: "ended/without an end", profile: plain, given: given(create("r"), add("bob"), assign("bob", "r")), when: ended(4), then: noEnd(4)},
		{name: "ended/twice", profile: plain, given: given(fiveTo, ended(4).after(time.Hour)), when: ended(4).but(func(c *events.Command) {
			d := events.Derived{From: c.Data.(*events.GrantEnded).Grant, Row: 1}
			c.ID, c.Origin.Derived = events.DerivedID("grant.ended", d, hour), &d
		}), then: noEnd(4)},
		{name: "ended/same id again", profile: plain, given: given(fiveTo, ended(4).after(time.Hour)), when: ended(4),
			then: rules.Refusal{Code: rules.Repeated, Reason: "A command with this id is recorded at 5", At: 5}},
		{name: "ended/revoked before", profile: plain, given: given(fiveTo, revokeRole("bob", "r")), when: ended(4).after(time.Hour), then: noEnd(4)},
		{name: "ended/with a live id", profile: plain, given: fiveTo, when: ended(4).after(time.Hour).butIn(func(w *world, c *events.Command) {
			c.ID, c.Origin = liveID(w.s.Time().Add(time.Hour), 99), events.Origin{}
		}), then: noEnd(4)},
		{name: "ended/with an id of another instant", profile: plain, given: fiveTo, when: ended(4).after(time.Hour).but(func(c *events.Command) {
			c.ID = events.DerivedID("grant.ended", *c.Origin.Derived, hour.Add(time.Millisecond))
		}), then: because(rules.Invalid, "The id is not the one that follows from the grant")},
		{name: "ended/following from another", profile: plain, given: fiveTo, when: ended(4).after(time.Hour).but(func(c *events.Command) {
			d := events.Derived{From: id("bob")}
			c.ID, c.Origin.Derived = events.DerivedID("grant.ended", d, hour), &d
		}), then: because(rules.Invalid, "The id is not the one that follows from the grant")},
	}
}

// holds says whether bob has permission a at an instant.
func (w *world) holds(at time.Time) bool { return w.s.Check(id("bob"), "a", "", at) }

// A grant holds up to its end and not at it, whether or not the end is recorded.
func TestEnds(t *testing.T) {
	end := start.Add(time.Hour)
	for _, c := range []struct {
		name       string
		give, take step
		permission string
	}{
		{"role", assign("bob", "r"), revokeRole("bob", "r"), ""},
		{"permission", grant("bob", "a"), revoke("bob", "a"), "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := func() *world { return open(t, plain, create("r", "a"), add("bob"), c.give.until(end)) }
			w := begin()
			for at, want := range map[time.Time]bool{start: true, end.Add(-time.Millisecond): true, end: false, end.Add(time.Hour): false} {
				if got := w.holds(at); got != want {
					t.Errorf("holds at %v: %v; want %v", at, got, want)
				}
				if got := len(w.s.Held(id("bob"), at)) == 1; got != want {
					t.Errorf("listed at %v: %v; want %v", at, got, want)
				}
			}
			if due, ok := w.s.NextEnd(); !ok || due.Grant != w.events[3].ID || !due.Until.Equal(end) {
				t.Errorf("NextEnd() = %v, %v", due, ok)
			}
			// Recorded at the very instant.
			d := w.do(ended(4).after(end.Sub(w.s.Time()) - time.Second)).Data.(*events.GrantEnded)
			want := &events.GrantEnded{Grant: w.events[3].ID, Subject: id("bob"), Permission: c.permission}
			if c.permission == "" {
				want.Role = id("r")
			}
			if diff := cmp.Diff(want, d); diff != "" {
				t.Errorf("ended (-want +got):\n%s", diff)
			}
			if _, ok := w.s.NextEnd(); ok {
				t.Error("something is still to end")
			}
			if r := w.refused(c.take); r.Code != rules.NotFound {
				t.Errorf("taken after its end: %v", &r)
			}
			w.do(remove("r"))

			// Revoked before its end.
			w = begin()
			w.do(c.take)
			if _, ok := w.s.NextEnd(); ok || w.holds(w.s.Time()) {
				t.Error("revoked, and still there")
			}
			w.do(remove("r"))

			// Revoked after its end, before that was recorded: what is taken is named, and no end follows.
			w = begin()
			w.do(c.take.after(2 * time.Hour))
			if _, ok := w.s.NextEnd(); ok {
				t.Error("revoked, and still to end")
			}
			w.do(remove("r"))

			// Given again after its end, before that was recorded: both are said, and the second stays.
			w = begin()
			w.do(c.give.until(time.Time{}).after(2 * time.Hour))
			if due, ok := w.s.NextEnd(); !ok || due.Grant != w.events[3].ID {
				t.Errorf("NextEnd() = %v, %v; want the first grant", due, ok)
			}
			w.do(ended(4))
			if _, ok := w.s.NextEnd(); ok || !w.holds(w.s.Time().Add(1000*time.Hour)) {
				t.Error("the end of the first grant took the second")
			}
			if r := w.refused(c.give); r.Code != rules.NoChange {
				t.Errorf("given a third time: %v", &r)
			}
			w.do(c.take, remove("r"))
		})
	}
}

// Who holds something until some time gives it until then at most: the latest end of all that gives it counts, and none
// is later than any.
func TestGivingForAsLongAsHeld(t *testing.T) {
	end, late := start.Add(time.Hour), start.Add(3*time.Hour)
	for _, c := range []struct {
		name  string
		given []any
		until time.Time
		ok    bool
	}{
		{"a grant, as long", given(grant("ann", "a").until(end)), end, true},
		{"a grant, not as long", given(grant("ann", "a").until(end)), end.Add(-time.Minute), true},
		{"a grant, longer", given(grant("ann", "a").until(end)), end.Add(time.Millisecond), false},
		{"a grant, for ever", given(grant("ann", "a").until(end)), time.Time{}, false},
		{"a role, as long", given(assign("ann", "r").until(end)), end, true},
		{"a role, for ever", given(assign("ann", "r").until(end)), time.Time{}, false},
		{"a grant and a later role", given(grant("ann", "a").until(end), assign("ann", "r").until(late)), late, true},
		{"a later grant and a role", given(grant("ann", "a").until(late), assign("ann", "r").until(end)), late, true},
		{"a later one on another scope", given(grant("ann", "a").until(end), grant("ann", "a").on("x/2").until(late)), late, false},
		{"a later one on the scope", given(grant("ann", "a").until(end), grant("ann", "a").on("x/1").until(late)), late, true},
		{"a later one that is none any more", given(grant("ann", "a").until(end), grant("ann", "a").on("x/1").until(late), revoke("ann", "a").on("x/1")), late, false},
		{"a grant and a role without end", given(grant("ann", "a").until(end), assign("ann", "r")), time.Time{}, true},
		{"a role and a grant without end", given(assign("ann", "r").until(end), grant("ann", "a")), late, true},
	} {
		for _, st := range []step{grant("bob", "a"), assign("bob", "r")} {
			w := open(t, plain, create("r", "a"), add("bob"), staffed("ann", "ledger:permission.grant", "ledger:role.assign"))
			w.do(c.given...)
			st = st.on("x/1/y/2").until(c.until).by("ann")
			if c.ok {
				w.do(st)
			} else if r := w.refused(st); r.Code != rules.Escalation || r.Permission != "a" {
				t.Errorf("%s, %s: %v", c.name, st.data.Type(), &r)
			}
		}
	}
}

// The ids of ends and of imports can be told beforehand, and no live command can take one: the end could then never be
// recorded, and the ledger's own actor would stand still before it.
func TestHashedIDsCannotBeForestalled(t *testing.T) {
	end := start.Add(2 * time.Minute)
	want := hinted(rules.Invalid, "The id has the form of an imported or derived command's", "Take another id")
	for _, give := range []step{assign("bob", "r"), grant("bob", "a")} {
		w := open(t, plain, create("r", "a"), add("bob"))
		c, at := w.command(give.until(end))
		forestall := revokeKey("bob").by("bob").but(func(e *events.Command) { e.ID = ending(events.Command{}, c.ID, end).ID })
		if diff := cmp.Diff(want, w.refused(forestall)); diff != "" {
			t.Errorf("before the grant (-want +got):\n%s", diff)
		}
		w.record(c, at)
		if diff := cmp.Diff(want, w.refused(forestall)); diff != "" {
			t.Errorf("before the end (-want +got):\n%s", diff)
		}
		w.do(ended(4).after(2 * time.Minute))
	}
}

// The one end of a grant has one id: the first row of what follows from it.
func TestEndHasOneID(t *testing.T) {
	w := open(t, plain, add("bob"), grant("bob", "a").until(start.Add(time.Hour)))
	second := ended(3).after(time.Hour).but(func(c *events.Command) {
		d := events.Derived{From: c.Data.(*events.GrantEnded).Grant, Row: 1}
		c.ID, c.Origin.Derived = events.DerivedID("grant.ended", d, start.Add(time.Hour)), &d
	})
	want := because(rules.Invalid, "The id is not the one that follows from the grant")
	if diff := cmp.Diff(want, w.refused(second)); diff != "" {
		t.Errorf("refusal (-want +got):\n%s", diff)
	}
}

// What is due comes in the order of its instants.
func TestNextEnd(t *testing.T) {
	w := open(t, plain, add("bob"), grant("bob", "c").until(start.Add(3*time.Hour)), grant("bob", "a").until(start.Add(time.Hour)),
		grant("bob", "b").until(start.Add(2*time.Hour)), grant("bob", "d").until(start.Add(4*time.Hour)), revoke("bob", "b"))
	for _, n := range []int{4, 3, 6} {
		due, ok := w.s.NextEnd()
		if !ok || due.Grant != w.events[n-1].ID {
			t.Fatalf("NextEnd() = %v, %v; want the grant of event %d", due, ok, n)
		}
		w.do(ended(n).after(due.Until.Sub(w.s.Time())))
	}
	if due, ok := w.s.NextEnd(); ok {
		t.Errorf("NextEnd() = %v; want none", due)
	}
}

// A role given on a scope whose end is not recorded still counts among who has it; its end frees the role.
func TestRoleInUseUntilItsEndIsRecorded(t *testing.T) {
	w := open(t, plain, create("r", "a"), add("bob"), assign("bob", "r").until(start.Add(time.Hour)))
	if r := w.refused(remove("r").after(2 * time.Hour)); r.Code != rules.InUse || !slices.Equal(r.Holders, ids("bob")) {
		t.Errorf("deleted: %v", &r)
	}
	w.do(ended(4).after(2*time.Hour), remove("r"))
}

// A set of roles replaces what a subject has on the whole organization, and nothing else.
func TestRolesSet(t *testing.T) {
	hour := start.Add(time.Hour)
	w := open(t, plain, create("keep", "a"), create("lose", "b"), create("late", "c"), create("gain", "d"), create("scoped", "e"), create("old", "f"), add("bob"),
		assign("bob", "keep").until(start.Add(100*time.Hour)), assign("bob", "lose"), assign("bob", "late").until(hour), assign("bob", "old").until(hour),
		assign("bob", "scoped").on("x/1"), grant("bob", "g"))
	d := w.do(setRoles("bob", "keep", "late", "gain").after(2 * time.Hour)).Data.(*events.RolesSet)
	if !slices.Equal(d.Added, ids("late", "gain")) || !slices.Equal(d.Removed, ids("lose", "old")) {
		t.Errorf("added %v, removed %v", d.Added, d.Removed)
	}
	last := w.events[len(w.events)-1].ID
	got := w.s.Held(id("bob"), w.s.Time())
	want := []rules.Held{
		{Grant: w.events[8].ID, Role: id("keep"), Until: start.Add(100 * time.Hour)}, {Grant: last, Role: id("late")}, {Grant: last, Role: id("gain")},
		{Grant: w.events[12].ID, Role: id("scoped"), Scope: "x/1"},
	}
	slices.SortFunc(want, func(a, b rules.Held) int { return a.Role.Compare(b.Role) })
	want = append(want, rules.Held{Grant: w.events[13].ID, Permission: "g"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	for role, n := range map[string]int{"keep": 1, "lose": 0, "late": 1, "gain": 1, "scoped": 1, "old": 0} {
		if r, _ := w.s.Role(id(role)); r.Holders != n {
			t.Errorf("%s has %d holders; want %d", role, r.Holders, n)
		}
	}
	// The end of what was given once more is recorded; the end of what was taken is not.
	w.do(ended(11))
	if due, ok := w.s.NextEnd(); !ok || due.Grant != w.events[8].ID {
		t.Errorf("NextEnd() = %v, %v; want that of keep", due, ok)
	}
	if d := w.do(setRoles("bob")).Data.(*events.RolesSet); d.Added != nil || len(d.Removed) != 3 {
		t.Errorf("emptied: added %v, removed %v", d.Added, d.Removed)
	}
	// Who sets roles needs to hold what it adds, not what stays or goes.
	w.do(staffed("ann", "ledger:role.set", "a"), assign("bob", "lose"), setRoles("bob", "keep", "lose").by("ann"), setRoles("bob", "keep").by("ann"))
}

// A role taken and given on several scopes is held until the last of them goes.
func TestSeveralScopes(t *testing.T) {
	w := open(t, plain, create("r", "a"), add("bob"), assign("bob", "r"), assign("bob", "r").on("x/1"))
	d := w.do(revokeRole("bob", "r")).Data.(*events.RoleRevoked)
	if d.Grant != w.events[3].ID || w.check("bob", "a", "") || !w.check("bob", "a", "x/1/y/2") {
		t.Errorf("revoked %v; bob has it on the whole: %v, on x/1: %v", d.Grant, w.check("bob", "a", ""), w.check("bob", "a", "x/1"))
	}
	if r := w.refused(remove("r")); r.Code != rules.InUse {
		t.Errorf("deleted: %v", &r)
	}
	w.do(revokeRole("bob", "r").on("x/1"), remove("r"))
}

// Who holds something on a scope gives it on that scope and beneath.
func TestGivingOnAScope(t *testing.T) {
	w := open(t, plain, create("r", "a"), add("bob"), add("ann"), grant("ann", "a").on("x/1"), grant("ann", "ledger:role.assign").on("x/1"))
	w.do(assign("bob", "r").on("x/1").by("ann"), assign("bob", "r").on("x/1/y/2").by("ann"))
	if r := w.refused(assign("bob", "r").on("x/11").by("ann")); r.Code != rules.NotPermitted {
		t.Errorf("on x/11: %v", &r)
	}
}
