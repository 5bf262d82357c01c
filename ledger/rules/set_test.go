package rules_test

import (
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// The digest of a role's set is the one of its names: asked for after each event, now and then, or at the end only; and
// whatever else was decided, and not recorded, in between.
func TestRoleDigests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := open(t, plain)
		never, sometimes := folded(w.events), folded(w.events)
		hold := func(s *rules.State) {
			for _, name := range roles {
				if r, ok := s.Role(id(name)); ok {
					names := s.RolePermissions(r.ID)
					if r.Set != events.SetDigest(names) || r.Count != len(names) {
						t.Fatalf("at %d the digest of %v is %x of %d; want %x", s.Position(), names, r.Set, r.Count, events.SetDigest(names))
					}
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			var steps []step
			for range rapid.IntRange(1, 3).Draw(t, "decided") {
				steps = append(steps, someChange(t, w))
			}
			for i, st := range steps {
				c, at := w.command(st)
				e, err := rules.Decide(w.s, c, at)
				if err != nil || i != len(steps)-1 && rapid.Bool().Draw(t, "dropped") {
					continue
				}
				recorded := w.take(e)
				rules.Evolve(never, recorded)
				rules.Evolve(sometimes, recorded)
			}
			hold(w.s)
			if rapid.IntRange(0, 4).Draw(t, "ask") == 0 {
				hold(sometimes)
			}
		}
		hold(never)
		hold(sometimes)
	})
}

// someChange draws a role to make, or a change of one: of few names, some of which share a bucket.
func someChange(t *rapid.T, w *world) step {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(crowded()), 1, 4, rapid.ID[string])
	role := rapid.SampledFrom(roles[:3]).Draw(t, "role")
	if _, ok := w.s.Role(id(role)); !ok {
		return create(role, names.Draw(t, "names")...)
	}
	have := map[string]bool{}
	for _, n := range w.s.RolePermissions(id(role)) {
		have[n] = true
	}
	return update(role, func(d *events.RoleUpdated) {
		for _, n := range names.Draw(t, "names") {
			if have[n] {
				d.Remove = append(d.Remove, n)
			} else {
				d.Add = append(d.Add, n)
			}
		}
		slices.Sort(d.Add)
		slices.Sort(d.Remove)
	})
}

// crowded gives names of which at least four lie in one bucket.
var crowded = sync.OnceValue(func() (names []string) {
	in := map[byte][]string{}
	for _, n := range many(1000) {
		b := events.Bucket(n)
		if in[b] = append(in[b], n); len(in[b]) == 4 {
			return append(in[b], many(12)...)
		}
	}
	panic("a thousand names leave no bucket with four")
})

// Readers may ask for digests, and what a command would make of the state, at the same time. This says something when it
// runs under the race detector.
func TestReadersAtOnce(t *testing.T) {
	w := open(t, plain, create("r1", "a", "b"), create("r2", "c"))
	c, at := w.command(addTo("r1", "d"))
	s := folded(w.events)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			r, _ := s.Role(id("r1"))
			e, err := rules.Decide(s, c, at)
			if r.Set != events.SetDigest([]string{"a", "b"}) || err != nil || e.Data.(*events.RoleUpdated).Set != events.SetDigest([]string{"a", "b", "d"}) {
				t.Errorf("role %x, decided %v, %v", r.Set, e.Data, err)
			}
		})
	}
	all.Wait()
}
