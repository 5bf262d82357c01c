package access_test

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/projections/access"
)

// Given an organization whose ownership went from one to another and back, when it is asked who may do what as of each
// position, then it is whoever owned it then: checks, lists, roles and holders say the same, also from a snapshot.
func TestOwnerAsOf(t *testing.T) {
	l := open(events.Profile{NewPermissions: true, EmptyRoles: true, DefaultRoles: true})
	l.do(t, &events.RoleCreated{Role: id("bosses"), Key: "bosses", Name: "Bosses", System: true, Managed: events.ManagedOwner})        // 2
	l.do(t, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman, Credential: credential(id("ann"))})           // 3
	l.do(t, &events.RoleCreated{Role: id("r"), Key: "r", Name: "R", Permissions: []string{"read"}})                                    // 4
	l.do(t, &events.RoleDefaulted{Role: id("r")})                                                                                      // 5
	l.do(t, &events.OwnershipTransferred{To: id("ann")})                                                                               // 6
	if _, err := l.by(id("ann"), &events.RoleCreated{Role: id("q"), Key: "q", Name: "Q", Permissions: []string{"late"}}); err != nil { // 7
		t.Fatal(err)
	}
	if _, err := l.by(id("ann"), &events.OwnershipTransferred{To: owner}); err != nil { // 8
		t.Fatal(err)
	}
	l.do(t, &events.RoleDefaulted{Role: id("r"), None: true}) // 9
	restored := access.New()
	if err := restored.ReadSnapshot(l.index.AppendSnapshot(nil)); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]*access.Index{"live": l.index, "from a snapshot": restored} {
		for at, owns := range []string{"", "owner", "owner", "owner", "owner", "owner", "ann", "ann", "owner", "owner"} {
			if at < 4 {
				continue
			}
			a := access.AsOf{Position: uint64(at), Instant: l.now}
			for _, who := range []string{"owner", "ann"} {
				is := who == owns
				if got := x.Allows(who, "read", "", a); got != is {
					t.Errorf("%s, as of %d: %s may read: %v", name, at, who, got)
				}
				if got := x.Check(who, "read", "", a); got.Allowed != is || is && got.Because[0].Role.Key != "bosses" {
					t.Errorf("%s, as of %d: %s may read: %+v", name, at, who, got)
				}
				h, err := x.Holdings(who, a)
				if err != nil || h.Subject.Owner != is || (len(h.Roles) == 1) != is {
					t.Errorf("%s, as of %d: %s has %+v (%v)", name, at, who, h, err)
				}
				all, err := x.Effective(who, a)
				if boss, _ := x.Role("bosses", a); err != nil || (len(all) == boss.Count) != is || !is && len(all) != 0 {
					t.Errorf("%s, as of %d: %s may do %d things of %d (%v)", name, at, who, len(all), boss.Count, err)
				}
			}
			if o, ok := x.Owner(a); !ok || o.Key != owns {
				t.Errorf("%s, as of %d: %s owns it", name, at, o.Key)
			}
			r, err := x.Role("r", a)
			if err != nil || r.Default != (at >= 5 && at < 9) {
				t.Errorf("%s, as of %d: %+v (%v)", name, at, r, err)
			}
			if boss, err := x.Role("bosses", a); err != nil || boss.Type != access.TypeGlobal || boss.Holders != 1 {
				t.Errorf("%s, as of %d: %+v (%v)", name, at, boss, err)
			}
			if who := x.WhoCan("read", "", a); len(who) != 1 || who[0].Subject.Key != owns {
				t.Errorf("%s, as of %d: who can: %+v", name, at, who)
			}
		}
	}
	if boss, _ := l.index.Role("bosses", access.AsOf{Position: 6, Instant: l.now}); boss.Count+1 != count(l, 7) {
		t.Errorf("the owner's role had %d permissions as of 6, and %d as of 7", boss.Count, count(l, 7))
	}
}

func count(l *ledger, at uint64) int {
	boss, _ := l.index.Role("bosses", access.AsOf{Position: at, Instant: l.now})
	return boss.Count
}

// by is do in somebody's name.
func (l *ledger) by(actor ulid.ULID, d events.Data) (*events.Event, error) {
	l.now = l.now.Add(time.Minute)
	return l.run(events.Command{Data: d, Actor: actor, Auth: events.Auth{Method: events.MethodSignature, Credential: credential(actor)}})
}
