package rules

import (
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// appendTies appends what grants hold under, by grant, and whose grant each is.
func (s *State) appendTies(b []byte) []byte {
	of := make(map[ulid.ULID]ulid.ULID, len(s.ties))
	if len(s.ties) > 0 {
		for u := range s.subjects.all() {
			for i := range u.grants {
				if g := &u.grants[i]; g.tied {
					of[g.id] = u.id
				}
			}
		}
	}
	b = snapshot.AppendCount(b, len(s.ties))
	for _, grant := range slices.SortedFunc(maps.Keys(s.ties), ulid.ULID.Compare) {
		t, subject := s.ties[grant], of[grant]
		b = append(append(b, grant[:]...), subject[:]...)
		b = t.passed.appendSnapshot(snapshot.AppendString(b, t.condition.String()))
	}
	return b
}

func (p *passed) appendSnapshot(b []byte) []byte {
	b = append(append(b, p.by[:]...), p.from[:]...)
	return snapshot.AppendBool(snapshot.AppendString(b, p.scope), p.keep)
}

func readPassed(r *snapshot.Reader) passed {
	return passed{by: r.ID(), from: r.ID(), scope: r.String(), keep: r.Bool()}
}

func (s *State) readTies(r *snapshot.Reader) {
	readByID(r, 67, func(id ulid.ULID) {
		of := s.subjects.get(r.ID())
		c := readCondition(r)
		t := tieOf(c, readPassed(r))
		if r.Err() != nil {
			return
		}
		var g *grant
		if of != nil {
			g = of.byID(id)
		}
		if g == nil || t == nil {
			r.Fail("what is no grant, or holds under nothing, is tied")
			return
		}
		g.tied = true
		s.ties[g.id] = t
	})
}

func readCondition(r *snapshot.Reader) events.Condition {
	text := r.String()
	c, refusal := parseCondition(text)
	if refusal != nil || c.String() != text {
		r.Fail("a condition has another spelling")
		return nil
	}
	return c
}

func (s *State) appendResources(b []byte) []byte {
	b = snapshot.AppendCount(b, len(s.resources))
	for _, path := range slices.Sorted(maps.Keys(s.resources)) {
		r := s.resources[path]
		b = snapshot.AppendString(snapshot.AppendString(b, path), r.name)
		b = appendProperties(b, r.properties)
		b = append(snapshot.AppendBool(b, r.published), r.creator[:]...)
		b = snapshot.AppendUint(snapshot.AppendUint(b, r.registered), r.changed)
		b = snapshot.AppendCount(b, len(r.assigned))
		for _, to := range slices.SortedFunc(maps.Keys(r.assigned), ulid.ULID.Compare) {
			a := r.assigned[to]
			b = snapshot.AppendUint(append(append(b, to[:]...), a.id[:]...), a.position)
			b = a.passed.appendSnapshot(b)
		}
	}
	return b
}

func (s *State) readResources(r *snapshot.Reader) {
	readSorted(r, 23, r.String, func(path string) {
		x := &resource{name: r.String(), properties: readProperties(r)}
		x.published, x.creator = r.Bool(), r.ID()
		x.registered, x.changed = s.past(r), s.past(r)
		readByID(r, 67, func(to ulid.ULID) {
			a := assignment{id: r.ID(), position: s.past(r)}
			a.passed = readPassed(r)
			if x.assigned == nil {
				x.assigned = map[ulid.ULID]assignment{}
			}
			x.assigned[to] = a
		})
		s.resources[path] = x
	})
}
