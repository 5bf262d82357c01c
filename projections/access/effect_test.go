package access_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/projections/access"
)

// A reader takes in effects and nothing else, as somebody does who follows an organization's changes.
type reader struct {
	owner map[ulid.ULID]bool
	held  map[ulid.ULID]map[heldThing]time.Time // until
}

type heldThing struct{ permission, scope, condition string }

func newReader() *reader {
	return &reader{map[ulid.ULID]bool{}, map[ulid.ULID]map[heldThing]time.Time{}}
}

// take takes in an effect; what is gained must not have been held, and what is lost or changed must.
func (r *reader) take(t *rapid.T, list []access.SubjectEffect) {
	for _, e := range list {
		if e.Owner != nil {
			r.owner[e.Subject] = *e.Owner
		}
		if r.held[e.Subject] == nil {
			r.held[e.Subject] = map[heldThing]time.Time{}
		}
		of := r.held[e.Subject]
		for i, holds := range [][]access.Hold{e.Lost, e.Changed, e.Gained} {
			for _, h := range holds {
				at := heldThing{h.Permission, h.Scope, h.Condition}
				if _, had := of[at]; had != (i < 2) {
					t.Fatalf("%s: list %d has %v, which it had: %v", e.Key, i, at, had)
				}
				if of[at] = h.Until; i == 0 {
					delete(of, at)
				}
				if len(h.Because) == 0 || !slices.IsSorted(h.Because) {
					t.Fatalf("%s: %v because of %v", e.Key, at, h.Because)
				}
			}
		}
	}
}

// says gives what somebody holds at an instant, as lines.
func (r *reader) says(of ulid.ULID, at time.Time, everything []string) []string {
	lines := map[string]bool{}
	for h, until := range r.held[of] {
		if until.IsZero() || at.Before(until) {
			lines[fmt.Sprintf("%s on %q if %q until %v", h.permission, h.scope, h.condition, until)] = true
		}
	}
	if r.owner[of] {
		for _, name := range everything {
			lines[name+" as the owner"] = true
		}
	}
	return slices.Sorted(maps.Keys(lines))
}

// effective gives the same from the index.
func effective(x *access.Index, of string, a access.AsOf) []string {
	list, err := x.Effective(of, a)
	if err != nil {
		return nil
	}
	lines := map[string]bool{}
	for _, p := range list {
		until := map[heldThing]time.Time{}
		for _, b := range p.Because {
			if b.Kind == access.ByOwner {
				lines[p.Permission+" as the owner"] = true
				continue
			}
			at := heldThing{p.Permission, b.Scope, b.Condition}
			if old, have := until[at]; !have || b.Until.IsZero() || !old.IsZero() && b.Until.After(old) {
				until[at] = b.Until
			}
		}
		for at, until := range until {
			lines[fmt.Sprintf("%s on %q if %q until %v", at.permission, at.scope, at.condition, until)] = true
		}
	}
	return slices.Sorted(maps.Keys(lines))
}

// Given any history, when somebody takes in the effects of its entries one after the other, those on the holders of roles
// a few at a time, then at every position and at any instant from there to the next it says of everybody what the index
// says; and an index that was read from a snapshot gives the same effects.
func TestEffectsOneAfterTheOtherAreWhatIsHeld(t *testing.T) {
	histories := map[string]struct {
		make   func(*rapid.T) *ledger
		people []string
	}{
		"any":    {random, append([]string{"owner"}, people...)},
		"passed": {tiedHistory, []string{"owner", "ann", "ben", "cem"}},
		"owners": {owners, []string{"owner", "ann", "ben", "key"}},
	}
	for name, history := range histories {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				l, r := history.make(t), newReader()
				restored := access.New()
				if err := restored.ReadSnapshot(l.index.AppendSnapshot(nil)); err != nil {
					t.Fatal(err)
				}
				for i, en := range l.entries {
					f := l.index.Effect(en.Event)
					r.take(t, f.Subjects)
					var behind ulid.ULID
					reached := 0
					for more := f.Holders > 0; more; {
						var list []access.SubjectEffect
						if list, more = l.index.EffectOn(en.Event, behind, 1); len(list) > 0 {
							r.take(t, list)
							behind = list[len(list)-1].Subject
							reached += len(list)
						}
					}
					if reached > f.Holders {
						t.Fatalf("%d: %d were reached, of %d", i+1, reached, f.Holders)
					}
					if diff := cmp.Diff(f, restored.Effect(en.Event)); diff != "" {
						t.Fatalf("%d: read from a snapshot:\n%s", i+1, diff)
					}
					instants := []time.Time{en.Event.Time}
					if i+1 < len(l.entries) {
						if between := l.entries[i+1].Event.Time.Sub(en.Event.Time); between > 0 {
							instants = append(instants, en.Event.Time.Add(rapid.Custom(func(t *rapid.T) time.Duration {
								return time.Duration(rapid.Int64Range(0, int64(between/time.Second)).Draw(t, "s")) * time.Second
							}).Draw(t, "later")))
						}
					}
					for _, instant := range instants {
						a := access.AsOf{Position: uint64(i + 1), Instant: instant}
						everything := knownNames(l.index, a)
						for _, who := range history.people {
							u, err := l.index.Subject(who, a)
							if err != nil {
								continue
							}
							got, want := r.says(u.ID, instant, everything), effective(l.index, who, a)
							if diff := cmp.Diff(want, got); diff != "" {
								t.Fatalf("%s after %d, a %s, at %v (-index +effects):\n%s", who, i+1, en.Event.Data.Type(), instant, diff)
							}
						}
					}
				}
			})
		})
	}
}

// knownNames gives all that has a name, retired or not.
func knownNames(x *access.Index, a access.AsOf) (names []string) {
	owner, ok := x.Owner(a)
	if !ok {
		return nil
	}
	list, _ := x.Effective(owner.Key, a)
	for _, p := range list {
		if slices.ContainsFunc(p.Because, func(r access.Reason) bool { return r.Kind == access.ByOwner }) {
			names = append(names, p.Permission)
		}
	}
	return names
}

// owners makes a history in which the organization changes hands and API keys are assigned to members who come and go.
func owners(t *rapid.T) *ledger {
	l := open(events.Profile{DirectGrants: true, EmptyRoles: true, NewPermissions: true})
	l.do(t, &events.CataloguePublished{Catalogue: "cat", Permissions: []events.Permission{{Name: "read", Category: "c", Entity: "e", Action: "a"}}})
	for _, who := range []string{"ann", "ben"} {
		l.do(t, &events.SubjectAdded{Subject: id(who), Key: who, Kind: events.KindHuman, Credential: credential(id(who))})
	}
	l.do(t, &events.RoleCreated{Role: id("desk"), Key: "desk", Name: "Desk", Permissions: []string{"cat:read", "write"}})
	l.do(t, &events.SubjectAdded{Subject: id("key"), Key: "key", Kind: events.KindAPIKey, Holder: id("ann")})
	boss := owner
	for range 5 + draw(t, 30, "steps") {
		l.now = l.now.Add(time.Minute)
		who := id(one(t, []string{"ann", "ben", "key"}, "who"))
		var d events.Data
		switch draw(t, 7, "what") {
		case 0:
			d = &events.RoleAssigned{Subject: who, Role: id("desk")}
		case 1:
			d = &events.RoleRevoked{Subject: who, Role: id("desk")}
		case 2:
			d = &events.SubjectDeactivated{Subject: who}
		case 3:
			d = &events.SubjectReactivated{Subject: who}
		case 4:
			d = &events.SubjectUpdated{Subject: id("key"), Holder: id(one(t, []string{"ann", "ben"}, "holder"))}
		case 5:
			d = &events.RoleUpdated{Role: id("desk"), Remove: []string{"write"}}
			if in := l.state.RolePermissions(id("desk")); !slices.Contains(in, "write") {
				d = &events.RoleUpdated{Role: id("desk"), Add: []string{"write"}}
			}
		case 6:
			d = &events.OwnershipTransferred{To: id(one(t, []string{"ann", "ben"}, "to"))}
		}
		_, err := l.run(events.Command{Data: d, Actor: boss, Auth: events.Auth{Method: events.MethodSignature, Credential: credential(boss)}})
		if err != nil && !refused(err) {
			t.Fatal(err)
		}
		if moved, ok := d.(*events.OwnershipTransferred); ok && err == nil {
			boss = moved.To
		}
	}
	return l
}
