// Package projectionstest holds what every projection that is kept in snapshots must keep.
package projectionstest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections"
)

// Ledger draws a ledger whose entries carry documents: roles that change, people who are given roles and permissions,
// for good and for a while, parts of sets.
func Ledger(tb testing.TB, t *rapid.T) *documenttest.Ledger {
	l := documenttest.Open(tb, documenttest.Guardian, "")
	roles := []ulid.ULID{l.AddRole("Zero", "the first", documenttest.Read)}
	people := []ulid.ULID{l.AddSubject("")}
	pick := func(list []ulid.ULID) ulid.ULID { return rapid.SampledFrom(list).Draw(t, "which") }
	for range rapid.IntRange(0, 20).Draw(t, "steps") {
		role, person := pick(roles), pick(people)
		held := func(role bool) (rules.Held, bool) {
			for _, h := range l.State.Held(person, l.Now) {
				if (h.Permission == "") == role {
					return h, true
				}
			}
			return rules.Held{}, false
		}
		switch rapid.IntRange(0, 8).Draw(t, "step") {
		case 0:
			roles = append(roles, l.AddRole(fmt.Sprint("Role ", len(roles)), "", documenttest.Write))
		case 1:
			people = append(people, l.AddSubject(fmt.Sprint("did:web:example.com:", len(people))))
		case 2:
			name := fmt.Sprint("Name ", len(l.Entries))
			l.Do(&events.RoleUpdated{Role: role, Name: &name})
		case 3:
			part := l.Do(&events.PermissionsRecorded{Permissions: []string{fmt.Sprint("own", len(l.Entries))}}).Event.Data.(*events.PermissionsRecorded)
			l.Do(&events.RoleUpdated{Role: role, AddParts: []events.Digest{part.Part}})
		case 4:
			if h, ok := held(true); ok {
				l.Do(&events.RoleRevoked{Subject: person, Role: h.Role, Scope: h.Scope})
			}
		case 5:
			l.Do(&events.PermissionGranted{Subject: person, Permission: documenttest.Read, Scope: fmt.Sprint("policy/", len(l.Entries)), Until: l.Now.Add(time.Hour)})
		case 6:
			if h, ok := held(false); ok {
				l.Do(&events.PermissionRevoked{Subject: person, Permission: h.Permission, Scope: h.Scope})
			}
		default:
			l.Do(&events.RoleAssigned{Subject: person, Role: role, Scope: fmt.Sprint("policy/", len(l.Entries))})
		}
	}
	return l
}

// Snapshots holds a projection to what projections.Snapshotter promises, on drawn ledgers: whichever entry a snapshot is
// taken after, one that is read back and takes in the rest is in nothing to be told from one that took in everything.
// answers gives what there is to be asked, in a form that equal answers have in common.
func Snapshots[P projections.Snapshotter](t *testing.T, fresh func() P, answers func(P, []*chain.Entry) string) {
	rapid.Check(t, func(rt *rapid.T) {
		l := Ledger(t, rt)
		cut := rapid.IntRange(0, len(l.Entries)).Draw(rt, "cut")
		state, whole, before, after := rules.New(), fresh(), fresh(), fresh()
		for i, en := range l.Entries {
			if i == cut {
				restore(rt, before, after)
			}
			rules.Evolve(state, en.Event)
			whole.Apply(en, state)
			if i < cut {
				before.Apply(en, state)
			} else {
				after.Apply(en, state)
			}
		}
		if cut == len(l.Entries) {
			restore(rt, before, after)
		}
		if !bytes.Equal(whole.AppendSnapshot(nil), after.AppendSnapshot(nil)) {
			rt.Fatalf("cut after %d of %d: the snapshots differ", cut, len(l.Entries))
		}
		if got, want := answers(after, l.Entries), answers(whole, l.Entries); got != want {
			rt.Fatalf("cut after %d of %d: got\n%s\nwant\n%s", cut, len(l.Entries), got, want)
		}
	})
}

func restore(t *rapid.T, from, to projections.Snapshotter) {
	b := from.AppendSnapshot(nil)
	if cut := rapid.IntRange(0, len(b)-1).Draw(t, "bytes"); !errors.Is(to.ReadSnapshot(b[:cut]), projections.ErrSnapshot) {
		t.Fatalf("%d of %d bytes are read as a snapshot", cut, len(b))
	}
	if err := to.ReadSnapshot(b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(to.AppendSnapshot(nil), b) {
		t.Fatal("a snapshot that was read gives another one")
	}
}

// FuzzSnapshot feeds a projection bytes that nobody wrote. What it reads it must give back, or there are two spellings
// of one content; ask then asks it whatever could trip over it.
func FuzzSnapshot[P projections.Snapshotter](f *testing.F, fresh func() P, ask func(P)) {
	for _, seed := range []uint64{1, 2, 3} {
		l := rapid.Custom(func(t *rapid.T) *documenttest.Ledger { return Ledger(f, t) }).Example(int(seed))
		state, p := rules.New(), fresh()
		f.Add(p.AppendSnapshot(nil))
		for _, en := range l.Entries {
			rules.Evolve(state, en.Event)
			p.Apply(en, state)
		}
		f.Add(p.AppendSnapshot(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := fresh()
		if err := p.ReadSnapshot(b); err != nil {
			if !errors.Is(err, projections.ErrSnapshot) {
				t.Fatalf("got %v, want %v", err, projections.ErrSnapshot)
			}
			return
		}
		if again := p.AppendSnapshot(nil); !bytes.Equal(again, b) {
			t.Fatalf("two spellings of one content:\n%x\n%x", b, again)
		}
		ask(p)
	})
}
