package access_test

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/projections/access"
)

// Given a member with an API key, a resource, an assignment and access that it passed on, when it is deactivated, active
// again, removed and invited again, then as of each of these moments the index, and one read from a snapshot, say what the
// rules said then: what was taken stays taken.
func TestRemovedGetsNothingBack(t *testing.T) {
	l := open(events.Profile{DirectGrants: true, EmptyRoles: true, NewPermissions: true, Delegation: true})
	p := func(name, reach string, needs ...string) events.Permission {
		return events.Permission{Name: name, Category: "c", Entity: "e", Action: "a", Access: reach, Needs: needs}
	}
	by := func(who string, d events.Data) {
		t.Helper()
		l.now = l.now.Add(time.Minute)
		c := events.Command{Data: d, Actor: id(who), Auth: events.Auth{Method: events.MethodSignature, Credential: credential(id(who))}}
		if _, err := l.run(c); err != nil {
			t.Fatalf("%T: %v", d, err)
		}
	}
	grant := func(who string, names ...string) {
		for _, name := range names {
			l.do(t, &events.PermissionGranted{Subject: id(who), Permission: name})
		}
	}
	assign := func(policy string) { l.do(t, &events.AccessAssigned{Subject: id("ann"), Resource: policy}) }
	l.do(t, &events.CataloguePublished{Catalogue: "cat", Permissions: []events.Permission{
		p("all", events.ReachAll), p("assigned", events.ReachAssigned), p("see", "", events.NeedAccess)}})
	for _, who := range []string{"ann", "ben"} {
		l.do(t, &events.SubjectAdded{Subject: id(who), Key: who, Kind: events.KindHuman, Credential: credential(id(who))})
	}
	l.do(t, &events.SubjectAdded{Subject: id("key"), Key: "key", Kind: events.KindAPIKey, Credential: credential(id("key")), Holder: id("ann")})
	grant("key", "mint")
	grant("ben", "cat:assigned", "cat:see")
	grant("ann", "cat:assigned", "cat:see", "ledger:resource.register", "ledger:access.delegate", "mint")
	by("ann", &events.ResourceRegistered{Resource: "policy/1"})
	for _, policy := range []string{"policy/2", "policy/3"} {
		l.do(t, &events.ResourceRegistered{Resource: policy})
	}
	assign("policy/2")
	grant("ann", "cat:all")
	by("ann", &events.AccessDelegated{Subject: id("ben"), Resource: "policy/3"}) // that ann reaches without being assigned
	had := len(l.entries)
	l.do(t, &events.SubjectDeactivated{Subject: id("ann")})
	l.do(t, &events.SubjectReactivated{Subject: id("ann")})
	l.do(t, &events.SubjectRemoved{Subject: id("ann")})
	gone := len(l.entries)
	l.do(t, &events.SubjectInvited{Subject: id("ann"), Key: "ann", Kind: events.KindHuman, Invitation: "did:key:code", Until: l.now.Add(24 * time.Hour)})
	l.do(t, &events.SubjectJoined{Subject: id("ann"), Credential: "did:key:second"})
	grant("ann", "cat:assigned", "cat:see")
	back := len(l.entries)
	grant("ann", "cat:all")
	wide := len(l.entries)
	assign("policy/2")
	l.do(t, &events.SubjectUpdated{Subject: id("key"), Holder: id("ben")})
	l.do(t, &events.SubjectReactivated{Subject: id("key")})
	l.do(t, &events.SubjectDeactivated{Subject: id("ben")})
	l.do(t, &events.SubjectUpdated{Subject: id("key"), Unassigned: true})

	restored := access.New()
	if err := restored.ReadSnapshot(l.index.AppendSnapshot(nil)); err != nil {
		t.Fatal(err)
	}
	live := access.New() // asked at the head after each entry
	questions := []struct{ who, permission, resource string }{
		{"ann", "cat:see", "policy/1"}, {"ann", "cat:see", "policy/2"}, {"ann", "cat:see", "policy/3"}, {"ann", "mint", ""},
		{"ben", "cat:see", "policy/3"}, {"key", "mint", ""},
	}
	for i, en := range l.entries {
		position := uint64(i + 1)
		s := l.stateAt(position)
		live.Apply(en, s)
		a := access.AsOf{Position: position, Instant: l.now}
		for _, q := range questions {
			want := s.Check(id(q.who), q.permission, q.resource, l.now)
			for name, x := range map[string]*access.Index{"then": l.index, "restored": restored, "live": live} {
				if got := x.Allows(q.who, q.permission, q.resource, a); got != want || x.Check(q.who, q.permission, q.resource, a).Allowed != want {
					t.Errorf("%s: %v at %d: %v; the rules say %v", name, q, position, got, want)
				}
			}
		}
	}
	check := func(position int, want ...bool) {
		t.Helper()
		for i, q := range questions {
			if got := l.index.Allows(q.who, q.permission, q.resource, access.AsOf{Position: uint64(position), Instant: l.now}); got != want[i] {
				t.Errorf("%v at %d: %v", q, position, got)
			}
		}
	}
	check(had, true, true, true, true, true, true)
	check(had+1, false, false, false, false, false, false)
	check(had+2, true, true, true, true, true, true)
	check(gone, false, false, false, false, false, false)
	check(back, false, false, false, false, false, false)
	check(wide, true, true, true, false, false, false)
	check(len(l.entries)-2, true, true, true, false, false, true)
	check(len(l.entries)-1, true, true, true, false, false, false)
	check(len(l.entries), true, true, true, false, false, true)
	if d := l.index.Diff(access.AsOf{Position: uint64(had)}, access.AsOf{Position: uint64(had + 1)}, access.Only{Subject: id("key")}); len(d.Subjects) != 1 ||
		len(d.Subjects[0].Lost) != 1 || d.Subjects[0].Lost[0].Permission != "mint" {
		t.Errorf("its holder deactivated, the key lost %+v", d.Subjects)
	}
	if e := l.index.Explain("key", "mint", "", access.AsOf{Position: uint64(had + 1)}); e.Deactivated != uint64(had+1) {
		t.Errorf("the key does nothing since %d", e.Deactivated)
	}
	if r, ok := l.state.Resource("policy/1"); !ok || r.Creator != (ulid.ULID{}) {
		t.Errorf("policy/1 is still whoever's: %+v", r)
	}
}
