package rules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func permissionRefusals() []refusal {
	nobody := because(rules.NotFound, "There is no subject "+id("nobody").String())
	hour := start.Add(time.Hour)
	longer := rules.Refusal{Code: rules.Escalation, Permission: "a",
		Reason: "Cannot give a on the whole organization beyond 2026-01-01T01:00:00Z: you hold it until then yourself"}
	byRoles := hinted(rules.Invalid, "In an organization of profile ipaware, permissions are given by roles", "Put the permission into a role and assign that")
	staff := given(add("bob"), staffed("ann", "ledger:permission.grant", "ledger:permission.revoke"), create("other", "a"))
	escalation := func(where string) rules.Refusal {
		return rules.Refusal{Code: rules.Escalation, Permission: "a", Reason: "Cannot give a: you do not hold it on " + where + " yourself"}
	}
	return []refusal{
		{name: "grant/by roles only", profile: ipaware, given: given(catalogue("ipaware"), add("bob")), when: grant("bob", "ipaware:ip.query"), then: byRoles},
		{name: "grant/to nobody", profile: plain, when: grant("nobody", "a"), then: nobody},
		{name: "grant/to the node", profile: plain, when: grant("node", "a"), then: because(rules.NotFound, "There is no subject "+id("node").String())},
		{name: "grant/ended before", profile: plain, given: given(add("bob")), when: grant("bob", "a").until(start),
			then: because(rules.Invalid, "The end, 2026-01-01T00:00:00Z, is not after now")},
		{name: "grant/unknown", profile: stokr, given: given(catalogue("stokr"), add("bob")), when: grant("bob", "stokr:investor.views"),
			then: rules.Refusal{Code: rules.Unknown, Reason: `There is no permission "stokr:investor.views"`, Permission: "stokr:investor.views",
				Nearest: []string{"stokr:investor.view"}, Hint: "Did you mean stokr:investor.view?"}},
		{name: "grant/unknown, without catalogue", profile: stokr, given: given(catalogue("stokr"), add("bob")), when: grant("bob", "investor.view"),
			then: rules.Refusal{Code: rules.Unknown, Reason: `There is no permission "investor.view"`, Permission: "investor.view",
				Nearest: []string{"stokr:investor.view", "stokr:investor.list"}, Hint: "Did you mean stokr:investor.view or stokr:investor.list?"}},
		{name: "grant/reserved", profile: strict, given: given(publish("shop", perm("w", reserved)), add("bob")), when: grant("bob", "shop:w"),
			then: because(rules.Invalid, "The permission shop:w cannot be given")},
		{name: "grant/again", profile: plain, given: given(add("bob"), grant("bob", "a")), when: grant("bob", "a"),
			then: because(rules.NoChange, "bob has a on the whole organization already, since 3")},
		{name: "grant/again on a scope", profile: plain, given: given(add("bob"), grant("bob", "a").on("x/1").until(start.Add(time.Hour))), when: grant("bob", "a").on("x/1"),
			then: because(rules.NoChange, "bob has a on x/1 already, since 3")},
		{name: "grant/escalation", profile: plain, given: staff, when: grant("bob", "a").by("ann"), then: escalation("the whole organization")},
		{name: "grant/escalation of scope", profile: plain, given: given(staff, grant("ann", "a").on("x/1")), when: grant("bob", "a").on("x/2").by("ann"), then: escalation("x/2")},
		{name: "grant/for longer than held", profile: plain, given: given(staff, grant("ann", "a").until(hour)),
			when: grant("bob", "a").until(hour.Add(time.Millisecond)).by("ann"), then: longer},
		{name: "grant/for ever", profile: plain, given: given(staff, grant("ann", "a").until(hour)), when: grant("bob", "a").by("ann"), then: longer},
		{name: "grant/to itself for ever", profile: plain, given: given(staff, grant("ann", "a").until(hour)), when: grant("ann", "a").on("x/1").by("ann"),
			then: rules.Refusal{Code: rules.Escalation, Permission: "a", Reason: "Cannot give a on x/1 beyond 2026-01-01T01:00:00Z: you hold it until then yourself"}},
		{name: "grant/on a scope where it may not", profile: plain,
			given: given(add("bob"), add("ann"), grant("ann", "ledger:permission.grant").on("x/1"), grant("ann", "a")),
			when:  grant("bob", "a").by("ann"), then: lacks("ledger:permission.grant")},

		{name: "revoke/from nobody", profile: plain, when: revoke("nobody", "a"), then: nobody},
		{name: "revoke/what nobody knows", profile: plain, given: given(add("bob"), grant("bob", "ledger:catalogue.publish")), when: revoke("bob", "a"),
			then: because(rules.NotFound, "bob does not have a on the whole organization without a role")},
		{name: "revoke/not had", profile: plain, given: given(add("bob"), create("other", "a")), when: revoke("bob", "a"),
			then: because(rules.NotFound, "bob does not have a on the whole organization without a role")},
		{name: "revoke/had by a role", profile: plain, given: given(staffed("bob", "a")), when: revoke("bob", "a"),
			then: because(rules.NotFound, "bob does not have a on the whole organization without a role")},
		{name: "revoke/not had on this scope", profile: plain, given: given(add("bob"), grant("bob", "a")), when: revoke("bob", "a").on("x/1"),
			then: because(rules.NotFound, "bob does not have a on x/1 without a role")},
		{name: "revoke/on a scope where it may not", profile: plain,
			given: given(add("bob"), grant("bob", "a"), add("ann"), grant("ann", "ledger:permission.revoke").on("x/1")),
			when:  revoke("bob", "a").by("ann"), then: lacks("ledger:permission.revoke")},
	}
}

func setRefusals() []refusal {
	day := 24 * time.Hour
	missing := func(names ...string) rules.Refusal {
		d := events.PartDigest(names)
		return hinted(rules.PartMissing, fmt.Sprintf("The part %x was not recorded in the last 24 h", d[:8]), "Record it again")
	}
	staff := given(add("bob"), staffed("ann", "ledger:permission.set"), create("other", "a"))
	late := day - time.Second + time.Millisecond // a step comes a second after the one before
	return []refusal{
		{name: "set/by roles only", profile: guardian, given: given(add("bob")), when: set("bob"),
			then: hinted(rules.Invalid, "In an organization of profile guardian, permissions are given by roles", "Put the permission into a role and assign that")},
		{name: "set/of nobody", profile: plain, when: set("nobody", "a"), then: because(rules.NotFound, "There is no subject "+id("nobody").String())},
		{name: "set/S23 same", profile: plain, given: given(add("bob"), set("bob", "a", "b")), when: set("bob", "b", "a"), then: because(rules.NoChange, "bob has these permissions already")},
		{name: "set/none of none", profile: plain, given: given(add("bob"), grant("bob", "a").on("x/1")), when: set("bob"), then: because(rules.NoChange, "bob has these permissions already")},
		{name: "set/S24 one unknown", profile: stokr, given: given(catalogue("stokr"), add("bob"), set("bob", "stokr:investor.view")),
			when: set("bob", "stokr:asset.create", "stokr:zzz"),
			then: rules.Refusal{Code: rules.Unknown, Reason: `There is no permission "stokr:zzz"`, Permission: "stokr:zzz"}},
		{name: "set/escalation", profile: plain, given: staff, when: set("bob", "a").by("ann"),
			then: rules.Refusal{Code: rules.Escalation, Permission: "a", Reason: "Cannot give a: you do not hold it on the whole organization yourself"}},
		{name: "set/what it holds for an hour", profile: plain, given: given(staff, grant("ann", "a").until(start.Add(time.Hour))), when: set("bob", "a").on("x/1").by("ann"),
			then: rules.Refusal{Code: rules.Escalation, Permission: "a", Reason: "Cannot give a on x/1 beyond 2026-01-01T01:00:00Z: you hold it until then yourself"}},
		{name: "set/on a scope where it may not", profile: plain, given: given(add("bob"), add("ann"), grant("ann", "ledger:permission.set").on("x/1")),
			when: set("bob").by("ann"), then: lacks("ledger:permission.set")},

		{name: "part/not recorded", profile: plain, given: given(add("bob"), part("a", "b")), when: byParts(set("bob"), []string{"a", "c"}), then: missing("a", "c")},
		{name: "part/too old to set", profile: plain, given: given(add("bob"), part("a", "b")), when: byParts(set("bob"), []string{"a", "b"}).after(late), then: missing("a", "b")},
		{name: "part/too old to create", profile: plain, given: given(part("a", "b")), when: byParts(create("r"), []string{"a", "b"}).after(late), then: missing("a", "b")},
		{name: "part/too old to add", profile: plain, given: given(create("r"), part("a", "b")), when: byParts(addTo("r"), []string{"a", "b"}).after(late), then: missing("a", "b")},
		{name: "part/too old to take", profile: plain, given: given(create("r", "a", "b"), part("a", "b")), when: takeParts("r", []string{"a", "b"}).after(late), then: missing("a", "b")},
		{name: "part/not recorded to take", profile: plain, given: given(create("r", "a", "b")), when: takeParts("r", []string{"a", "b"}), then: missing("a", "b")},
		{name: "part/without permission", profile: plain, given: given(add("ann")), when: part("a").by("ann"), then: lacks("ledger:permissions.record")},
	}
}

// byParts names recorded parts in what a step sets, creates or adds.
func byParts(st step, parts ...[]string) step {
	var list []events.Digest
	for _, p := range parts {
		list = append(list, events.PartDigest(p))
	}
	switch d := st.data.(type) {
	case *events.PermissionsSet:
		d.Parts = list
	case *events.RoleCreated:
		d.Parts = list
	case *events.RoleUpdated:
		d.AddParts = list
	}
	return st
}

func takeParts(role string, parts ...[]string) step {
	return update(role, func(d *events.RoleUpdated) {
		for _, p := range parts {
			d.RemoveParts = append(d.RemoveParts, events.PartDigest(p))
		}
	})
}

// many gives n names, sorted.
func many(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("store.%04d.%s", i, []string{"read", "write", "manage"}[i%3])
	}
	return names
}

func extent(names ...string) events.Extent {
	return events.Extent{Count: uint64(len(names)), Set: events.SetDigest(names)}
}

// S21 to S27: a PUT makes the set what it says, and the event says what that changed.
func TestPermissionsSet(t *testing.T) {
	hour := start.Add(time.Hour)
	w := open(t, plain, staffed("bob", "role"), grant("bob", "a"), grant("bob", "b").until(start.Add(9*time.Hour)), grant("bob", "gone").until(hour),
		grant("bob", "late").until(hour), grant("bob", "a").on("x/1"))
	put := func(st step, want events.PermissionsSet, held ...string) {
		t.Helper()
		got := w.do(st).Data.(*events.PermissionsSet)
		asked := st.data.(*events.PermissionsSet)
		want.Subject, want.Scope, want.Permissions, want.Parts = asked.Subject, asked.Scope, asked.Permissions, asked.Parts
		if diff := cmp.Diff(&want, got, cmp.FilterValues(func(a, b []string) bool { return len(a)+len(b) == 0 }, cmp.Ignore())); diff != "" {
			t.Errorf("at %d (-want +got):\n%s", w.s.Position(), diff)
		}
		var has []string
		for _, h := range w.s.Held(id("bob"), w.s.Time()) {
			if h.Permission != "" && h.Scope == asked.Scope {
				has = append(has, h.Permission)
			}
		}
		if !slices.Equal(has, held) {
			t.Errorf("at %d: has %v; want %v", w.s.Position(), has, held)
		}
	}
	put(set("bob", "b", "c", "late").after(2*time.Hour), events.PermissionsSet{
		Before: extent("a", "b"), After: extent("b", "c", "late"), Added: []string{"c", "late"}, Removed: []string{"a"},
	}, "b", "c", "late")
	if held := w.s.Held(id("bob"), w.s.Time()); held[1].Permission != "a" && held[1].Permission != "b" {
		t.Fatalf("held: %v", held)
	}
	for _, h := range w.s.Held(id("bob"), w.s.Time()) {
		if h.Permission == "b" && (h.Grant != w.events[5].ID || h.Until.IsZero()) {
			t.Errorf("b was given anew: %v; what a set keeps keeps its grant and its end", h)
		}
		if h.Permission == "late" && (h.Grant == w.events[7].ID || !h.Until.IsZero()) {
			t.Errorf("late was kept: %v; it had ended and was given anew", h)
		}
	}
	put(set("bob", "z"), events.PermissionsSet{Before: extent("b", "c", "late"), After: extent("z"), Added: []string{"z"}, Removed: []string{"b", "c", "late"}}, "z")
	put(set("bob"), events.PermissionsSet{Before: extent("z"), After: extent(), Removed: []string{"z"}})
	put(set("bob", "q").on("x/1"), events.PermissionsSet{Before: extent("a"), After: extent("q"), Added: []string{"q"}, Removed: []string{"a"}}, "q")
	if !w.check("bob", "role", "") {
		t.Error("S27: the role went")
	}
	// What ended before and was given anew is still recorded as ended; what ended and was not is gone.
	if due, ok := w.s.NextEnd(); !ok || due.Grant != w.events[7].ID {
		t.Errorf("NextEnd() = %v, %v; want the first grant of late", due, ok)
	}
	w.do(ended(8))
	if due, ok := w.s.NextEnd(); ok {
		t.Errorf("NextEnd() = %v; want none", due)
	}
}

// Who sets permissions needs to hold what it adds, not what stays or goes.
func TestPermissionsSetGuard(t *testing.T) {
	w := open(t, plain, add("bob"), set("bob", "a", "b"), staffed("ann", "ledger:permission.set", "c"))
	w.do(set("bob", "a", "c").by("ann"))
}

// The names that changed are listed up to 16,384 bytes, as written with a comma each.
func TestListedNames(t *testing.T) {
	name := func(i, size int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat("x", size-4)) }
	var names []string
	for i := range 128 {
		names = append(names, name(i, 125)) // 128 bytes each, with quotes and comma
	}
	for _, c := range []struct {
		name   string
		more   int
		listed bool
	}{{"fits", 0, true}, {"one more byte", 1, false}} {
		w := open(t, plain, add("bob"))
		last := name(127, 125+c.more)
		d := w.do(set("bob", append(slices.Clone(names[:127]), last)...)).Data.(*events.PermissionsSet)
		if got := len(d.Added) > 0; got != c.listed || d.After.Count != 128 {
			t.Errorf("%s: listed: %v, after: %d", c.name, got, d.After.Count)
		}
		d = w.do(set("bob")).Data.(*events.PermissionsSet)
		if got := len(d.Removed) > 0; got != c.listed || d.Before.Count != 128 || w.check("bob", last, "") {
			t.Errorf("%s: removal listed: %v, before: %d", c.name, got, d.Before.Count)
		}
	}
}

// Each of four permissions lets its holder record parts.
func TestWhoRecordsParts(t *testing.T) {
	for _, action := range []string{"permission.set", "permissions.record", "role.create", "role.update"} {
		d := open(t, plain, staffed("ann", "ledger:"+action)).do(part("b", "a").by("ann")).Data.(*events.PermissionsRecorded)
		if d.Part != events.PartDigest([]string{"a", "b"}) {
			t.Errorf("%s: part %x", action, d.Part)
		}
	}
}

// A part is good for 24 h to the millisecond, recording it again makes it good anew, and it may be used often.
func TestPartLife(t *testing.T) {
	w := open(t, plain, create("r"), part("a", "b"))
	w.do(byParts(create("s"), []string{"a", "b"}).after(24*time.Hour - time.Second))
	w.do(part("a", "b"), byParts(addTo("r"), []string{"a", "b"}).after(23*time.Hour), takeParts("r", []string{"a", "b"}))
	if r, _ := w.s.Role(id("r")); r.Count != 0 {
		t.Errorf("the role has %d permissions; want none", r.Count)
	}
	// Names and parts may overlap.
	st := byParts(create("t", "b", "c"), []string{"a", "b"}, []string{"a", "b"})
	if d := w.do(st).Data.(*events.RoleCreated); d.Count != 3 || d.Set != events.SetDigest([]string{"a", "b", "c"}) {
		t.Errorf("count %d; want 3", d.Count)
	}
}

// A role that no entry could hold comes in by parts, changes by parts, and by one name in a small event.
func TestBigRole(t *testing.T) {
	all := many(9_000)
	parts := events.PartsOf(all)
	var record []any
	for _, p := range parts {
		record = append(record, part(p...))
	}
	w := open(t, plain, record...)
	if d := w.do(byParts(create("big"), parts...)).Data.(*events.RoleCreated); len(parts) < 3 || d.Count != 9_000 || d.Set != events.SetDigest(all) {
		t.Fatalf("%d parts make a role of %d", len(parts), d.Count)
	}
	if got := w.s.RolePermissions(id("big")); !slices.Equal(got, all) {
		t.Fatal("the role has other permissions")
	}
	for _, st := range []step{takeFrom("big", all[4711]), addTo("big", all[4711]), addTo("big", "new")} {
		e := w.do(st)
		b, err := e.Encode()
		if err != nil || len(b) >= 2048 {
			t.Errorf("a change of one name takes %d bytes (%v); want less than 2 KB", len(b), err)
		}
		if d := e.Data.(*events.RoleUpdated); d.Set != events.SetDigest(w.s.RolePermissions(id("big"))) {
			t.Errorf("at %d: another digest than that of the role's names", e.Sequence)
		}
	}
	w.do(takeParts("big", slices.Delete(slices.Clone(parts), 1, 2)...))
	if got, want := w.s.RolePermissions(id("big")), append([]string{"new"}, parts[1]...); !slices.Equal(got, want) {
		t.Errorf("the role has %d permissions; want the %d of the second part and one", len(got), len(want))
	}
	w.do(add("bob"), byParts(set("bob"), parts...))
	d := w.events[len(w.events)-1].Data.(*events.PermissionsSet)
	if d.Added != nil || d.After != extent(all...) || !w.check("bob", all[8_999], "") {
		t.Errorf("set by parts: %d listed, %d after", len(d.Added), d.After.Count)
	}
}
