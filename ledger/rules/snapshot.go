package rules

import (
	"bytes"
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// What stands before the snapshot of a state, and the version of its form. Whoever changes what AppendSnapshot writes, or
// what Evolve makes of events, gives it another version.
const (
	snapshotOf      = "state"
	snapshotVersion = 7
)

// AppendSnapshot appends all that the state is. Equal states give equal bytes. Of what follows from other parts, like who
// holds a role, nothing is written; nor are digests, which are computed when they are asked for.
func (s *State) AppendSnapshot(b []byte) []byte {
	b = snapshot.AppendHeader(b, snapshotOf, snapshotVersion)
	b = snapshot.AppendUint(b, s.position)
	if s.opened == nil {
		return b
	}
	b = snapshot.AppendInt(b, s.time.UnixMilli())
	b = snapshot.AppendString(b, s.source)
	b = snapshot.AppendUint(b, s.documents)
	b = append(append(appendOpened(b, s.opened), s.owner[:]...), s.defaultRole[:]...)
	b = snapshot.AppendCount(b, s.founded)
	if b = snapshot.AppendBool(b, s.recovery != nil); s.recovery != nil {
		b = snapshot.AppendUint(append(b, s.recovery.to[:]...), s.recovery.position)
		b = snapshot.AppendInt(b, s.recovery.due.UnixMilli())
	}
	b = s.perms.appendSnapshot(b)
	b = snapshot.AppendCount(b, len(s.catalogues))
	for _, name := range slices.Sorted(maps.Keys(s.catalogues)) {
		b = s.catalogues[name].appendSnapshot(snapshot.AppendString(b, name))
	}
	roles := slices.SortedFunc(slices.Values(s.numbered), func(a, b *role) int { return a.id.Compare(b.id) })
	rank := make([]uint32, len(roles)) // by number: where the role stands in the snapshot
	b = snapshot.AppendCount(b, len(roles))
	for i, r := range roles {
		rank[r.number] = uint32(i)
		b = r.appendSnapshot(b)
	}
	b = snapshot.AppendCount(b, s.subjects.count)
	var room []*grant
	for _, u := range s.subjects.sorted() {
		b, room = u.appendSnapshot(b, rank, room[:0])
	}
	b = s.appendTies(b)
	b = s.appendResources(b)
	b = s.appendReviews(b)
	b = s.appendReplaced(b, rank)
	b = snapshot.AppendCount(b, len(s.keys))
	for _, did := range slices.Sorted(maps.Keys(s.keys)) {
		k := s.keys[did]
		b = snapshot.AppendString(snapshot.AppendString(b, did), k.purpose)
		b = snapshot.AppendUint(snapshot.AppendUint(append(b, k.subject[:]...), k.since), k.revoked)
		b = snapshot.AppendInt(b, instantOf(k.until))
	}
	b = s.appendCheckpoints(b)
	b = s.appendLives(b)
	b = snapshot.AppendCount(b, len(s.current))
	for _, purpose := range slices.Sorted(maps.Keys(s.current)) {
		b = snapshot.AppendString(snapshot.AppendString(b, purpose), s.current[purpose])
	}
	b = snapshot.AppendCount(b, len(s.parts))
	for _, digest := range slices.SortedFunc(maps.Keys(s.parts), func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		p := s.parts[digest]
		b = snapshot.AppendStrings(snapshot.AppendInt(append(b, digest[:]...), p.at.UnixMilli()), p.names)
	}
	b = snapshot.AppendCount(b, len(s.sources))
	for _, source := range slices.Sorted(maps.Keys(s.sources)) {
		b = snapshot.AppendInt(snapshot.AppendString(b, source), s.sources[source].UnixMilli())
	}
	b = s.appendTokens(b)
	return s.kept.appendSnapshot(s.live.appendSnapshot(b))
}

func appendOpened(b []byte, o *events.OrganizationOpened) []byte {
	b = snapshot.AppendString(b, o.Organization)
	b = snapshot.AppendString(b, o.Name)
	b = snapshot.AppendString(b, o.DID)
	b = snapshot.AppendUint(b, o.Rules)
	b = snapshot.AppendString(b, o.Profile.Name)
	for _, on := range []bool{o.Profile.Dependencies, o.Profile.DirectGrants, o.Profile.Documents,
		o.Profile.EmptyRoles, o.Profile.NewPermissions, o.Profile.UniqueNames,
		o.Profile.DefaultRoles, o.Profile.Delegation, o.Profile.FixedRoles, o.Profile.KeepDelegated,
		o.Profile.OneRolePerKey, o.Profile.WithdrawRoles} {
		b = snapshot.AppendBool(b, on)
	}
	b = snapshot.AppendUint(b, o.Profile.RecoveryDelay)
	b = append(append(append(b, o.Owner.Subject[:]...), o.Node[:]...), o.Operator[:]...)
	b = snapshot.AppendStrings(b, []string{o.Owner.Key, o.Owner.Kind, o.Owner.DID, o.Owner.Credential,
		o.Keys.Event, o.Keys.Document, o.Keys.Root, o.Keys.Operator, o.Keys.Checkpoint})
	return snapshot.AppendStrings(b, o.Evidence)
}

func (p *permissions) appendSnapshot(b []byte) []byte {
	b = snapshot.AppendStrings(b, p.names)
	for _, is := range p.info {
		b = snapshot.AppendBool(snapshot.AppendBool(snapshot.AppendBool(b, is.retired), is.reserved), is.token)
		b = snapshot.AppendStrings(snapshot.AppendStrings(b, is.dependsOn), is.needs)
		b = snapshot.AppendString(snapshot.AppendString(b, is.access), is.kind)
	}
	return b
}

func (c *catalogue) appendSnapshot(b []byte) []byte {
	b = snapshot.AppendUint(snapshot.AppendUint(snapshot.AppendString(b, c.title), c.number), c.position)
	b = snapshot.AppendCount(b, len(c.permissions))
	for _, p := range c.permissions {
		b = snapshot.AppendStrings(b, []string{p.Name, p.Category, p.Entity, p.Action, p.Description, p.Level, p.Access})
		b = snapshot.AppendStrings(snapshot.AppendStrings(snapshot.AppendStrings(b, p.DependsOn), p.Guards), p.Needs)
		b = snapshot.AppendBool(b, p.Reserved)
	}
	return b
}

func (r *role) appendSnapshot(b []byte) []byte {
	b = append(b, r.id[:]...)
	b = snapshot.AppendString(snapshot.AppendString(snapshot.AppendString(b, r.key), r.name), r.description)
	b = snapshot.AppendCount(b, len(r.labels))
	for _, l := range r.labels {
		b = snapshot.AppendString(snapshot.AppendString(b, l.Name), l.Value)
	}
	b = snapshot.AppendUint(snapshot.AppendUint(snapshot.AppendUint(b, r.created), r.changed), r.deleted)
	b = snapshot.AppendString(snapshot.AppendBool(b, r.system), r.managed)
	return r.set.appendSnapshot(b)
}

// appendSnapshot appends a set as the steps between the numbers in it.
func (s *set) appendSnapshot(b []byte) []byte {
	b = snapshot.AppendCount(b, s.count)
	next := 0
	for i, w := range s.bits {
		for ; w != 0; w &= w - 1 {
			n := i<<6 + bits.TrailingZeros64(w)
			b, next = snapshot.AppendCount(b, n-next), n+1
		}
	}
	return b
}

// appendSnapshot appends a subject and its grants: roles, then permissions, each in the order of what stands for them in
// the snapshot, then of the scopes. It sorts them in room, which it gives back.
func (u *subject) appendSnapshot(b []byte, rank []uint32, room []*grant) ([]byte, []*grant) {
	b = append(b, u.id[:]...)
	b = snapshot.AppendString(snapshot.AppendString(b, u.key), u.kind)
	b = snapshot.AppendString(snapshot.AppendString(b, u.did), u.credential)
	b = snapshot.AppendUint(snapshot.AppendUint(b, u.added), u.deactivated)
	for _, roles := range []bool{true, false} {
		room = room[:0]
		for i := range u.grants {
			if g := &u.grants[i]; g.what.role() == roles {
				room = append(room, g)
			}
		}
		slices.SortFunc(room, func(a, b *grant) int {
			return cmp.Or(cmp.Compare(a.what.written(rank), b.what.written(rank)), cmp.Compare(a.scope, b.scope))
		})
		b = snapshot.AppendCount(b, len(room))
		for _, g := range room {
			b = g.appendSnapshot(snapshot.AppendUint(b, g.what.written(rank)))
		}
	}
	return b, room
}

// written gives what stands for a role or a permission in a snapshot.
func (w what) written(rank []uint32) uint64 {
	if w.role() {
		return uint64(rank[w.number()])
	}
	return uint64(w.number())
}

// appendSnapshot appends what a grant says beside who has what by it.
func (g *grant) appendSnapshot(b []byte) []byte {
	b = append(snapshot.AppendString(b, g.scope), g.id[:]...)
	b = snapshot.AppendUint(b, g.position)
	if g.until == endless {
		return snapshot.AppendUint(b, 0)
	}
	return snapshot.AppendUint(b, uint64(g.until)+1)
}

// appendReplaced appends the grants whose end is to be recorded and that nobody has any more, because another one took
// their place.
func (s *State) appendReplaced(b []byte, rank []uint32) []byte {
	var replaced []*ending
	for _, g := range s.ending {
		if has := s.subjects.get(g.subject).get(g.what, g.scope); has == nil || !has.same(&g.grant) {
			replaced = append(replaced, g)
		}
	}
	slices.SortFunc(replaced, func(a, b *ending) int { return a.id.Compare(b.id) })
	b = snapshot.AppendCount(b, len(replaced))
	for _, g := range replaced {
		b = snapshot.AppendBool(append(b, g.subject[:]...), g.what.role())
		b = g.appendSnapshot(snapshot.AppendUint(b, g.what.written(rank)))
	}
	return b
}

// appendSnapshot appends the ids in the order of their positions.
func (c *commands) appendSnapshot(b []byte) []byte {
	b = snapshot.AppendCount(b, len(c.list))
	last := uint64(0)
	for _, one := range c.list {
		b = snapshot.AppendUint(append(b, one.id[:]...), one.at-last)
		last = one.at
	}
	return b
}

// instant gives what UnixMilli took apart.
func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
