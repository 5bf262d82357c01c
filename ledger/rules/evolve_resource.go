package rules

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

func (s *State) updateResource(e *events.Event, d *events.ResourceUpdated) {
	r := s.resources[d.Resource]
	keep(s.notes, r)
	r.changed = e.Sequence
	if d.Name != nil {
		r.name = *d.Name
	}
	if d.Properties != nil {
		r.properties = d.Properties
	}
	r.published = (r.published || d.Publish) && !d.Withdraw
}

// assign assigns a subject to a resource, in the place of how it was assigned before.
func (s *State) assign(e *events.Event, path string, to ulid.ULID, p passed) {
	r := s.resources[path]
	if r.assigned == nil {
		keep(s.notes, r)
		r.assigned = map[ulid.ULID]assignment{}
	}
	put(s.notes, r.assigned, to, assignment{e.ID, e.Sequence, p})
}
