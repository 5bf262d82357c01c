package documents

import (
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/rules"
)

// resting follows what subjects have for as only long as somebody else has it: it goes without an event about them.
type resting struct {
	to   map[ulid.ULID]map[ulid.ULID]bool // who passed something on, to whom
	has  map[ulid.ULID]int                // how much of what was passed on a subject has
	keys map[ulid.ULID]bool               // API keys, which act only while their holder does
}

func newResting() resting {
	return resting{map[ulid.ULID]map[ulid.ULID]bool{}, map[ulid.ULID]int{}, map[ulid.ULID]bool{}}
}

// changed takes in what an event takes away: the documents that speak of it, up to here, are revoked. A grant that
// reaches its end takes nothing away, for the document says when that is.
func (p *Projection) changed(e *events.Event, after *rules.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys.Apply(e)
	switch d := e.Data.(type) {
	case *events.RoleUpdated:
		if len(d.Remove)+len(d.RemoveParts) > 0 {
			p.revoke(document.Thing{Kind: document.KindRole, ID: d.Role}, e.Sequence)
		}
	case *events.RoleDeleted:
		p.revoke(document.Thing{Kind: document.KindRole, ID: d.Role}, e.Sequence)
	case *events.RoleDelegated:
		if !d.Keep {
			if p.rest.to[e.Actor] == nil {
				p.rest.to[e.Actor] = map[ulid.ULID]bool{}
			}
			p.rest.to[e.Actor][d.Subject] = true
			p.rest.count(d.Subject, after)
		}
	case *events.RoleAssigned:
		p.rest.again(d.Subject, after)
	case *events.SubjectAdded:
		if d.Kind == events.KindAPIKey {
			p.rest.keys[d.Subject] = true
		}
	case *events.SubjectReactivated:
		p.regained(d.Subject, e, after)
	case *events.GrantEnded: // what was passed on from it ends no later
		p.rest.again(d.Subject, after)
		p.passed(d.Subject, e, after, false)
	case *events.RoleRevoked:
		p.lost(d.Subject, e, after, true)
	case *events.PermissionRevoked:
		p.lost(d.Subject, e, after, true)
	case *events.RolesSet:
		p.lost(d.Subject, e, after, len(d.Removed) > 0)
	case *events.PermissionsSet: // where the names are left out, what was lost is not looked for
		p.lost(d.Subject, e, after, len(d.Removed) > 0 || len(d.Added) == 0 && d.Before != d.After)
	case *events.SubjectDeactivated: // an API key whose holder does not act could do nothing before either
		holder, held := after.Subject(after.About(d.Subject).Holder)
		p.lost(d.Subject, e, after, !held || holder.Deactivated == 0)
	case *events.SubjectRemoved:
		p.lost(d.Subject, e, after, true)
	case *events.OwnershipTransferred:
		p.lost(d.From, e, after, true)
	case *events.OwnershipRecovered:
		p.lost(d.From, e, after, true)
	case events.TokenData:
		if c := d.Change(); c.Take != (ulid.ULID{}) {
			p.lost(c.From, e, after, true)
		}
	}
}

// revoke revokes the documents about a thing that are not revoked yet.
func (p *Projection) revoke(about document.Thing, at uint64) {
	of := p.about[about]
	for _, i := range slices.Backward(of) {
		k := &p.docs[i]
		if k.revoked != 0 {
			break // all before it were revoked with it, or earlier
		}
		k.revoked = at
	}
}

// lost revokes the documents about a subject that lost something, if it did, and about those that have something no more
// because of that: what it passed on, and the API keys that act only while it does.
func (p *Projection) lost(id ulid.ULID, e *events.Event, after *rules.State, it bool) {
	if it {
		p.revoke(document.Thing{Kind: document.KindSubject, ID: id}, e.Sequence)
	}
	p.rest.again(id, after)
	p.passed(id, e, after, true)
	if u, ok := after.Subject(id); !ok || u.Kind == events.KindAPIKey || u.Deactivated != e.Sequence {
		return
	}
	for key := range p.rest.keys {
		if k, _ := after.Subject(key); after.About(key).Holder == id && (k.Deactivated == 0 || k.Deactivated == e.Sequence) {
			p.lost(key, e, after, true)
		}
	}
}

// passed counts again what those have whom a subject passed something on to. lose says whether their documents are
// revoked where they have less.
func (p *Projection) passed(id ulid.ULID, e *events.Event, after *rules.State, lose bool) {
	for to := range p.rest.to[id] {
		before := p.rest.has[to]
		now := p.rest.count(to, after)
		if now < before && lose {
			p.revoke(document.Thing{Kind: document.KindSubject, ID: to}, e.Sequence)
		}
		if now != before {
			p.passed(to, e, after, lose)
		}
	}
}

// regained is passed for a subject that acts again, and its API keys.
func (p *Projection) regained(id ulid.ULID, e *events.Event, after *rules.State) {
	p.passed(id, e, after, false)
	if u, ok := after.Subject(id); !ok || u.Kind == events.KindAPIKey {
		return
	}
	for key := range p.rest.keys {
		if after.About(key).Holder == id {
			p.passed(key, e, after, false)
		}
	}
}

// count notes how much of what was passed on a subject has. It does not look at ends: documents say when these are.
func (r *resting) count(id ulid.ULID, after *rules.State) int {
	n := 0
	for _, h := range after.Held(id, time.Time{}) {
		if h.By != (ulid.ULID{}) {
			n++
		}
	}
	r.has[id] = n
	return n
}

// again is count of those that were given something so before.
func (r *resting) again(id ulid.ULID, after *rules.State) {
	if _, ok := r.has[id]; ok {
		r.count(id, after)
	}
}

// over says of a document of format vc.1, which cannot say so itself, whether it speaks of what is no more.
func over(e *events.Event, about document.Thing, after *rules.State) bool {
	switch about.Kind {
	case document.KindRole:
		r, _ := after.Role(about.ID)
		return r.Deleted != 0
	case document.KindSubject:
		u, _ := after.Subject(about.ID)
		return u.State == rules.StateDeactivated || u.State == rules.StateRemoved
	}
	return false
}

func sorted[V any](m map[ulid.ULID]V) []ulid.ULID {
	return slices.SortedFunc(maps.Keys(m), ulid.ULID.Compare)
}
