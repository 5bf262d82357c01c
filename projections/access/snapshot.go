package access

import (
	"bytes"
	"maps"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/projections"
)

var _ projections.Snapshotter = (*Index)(nil)

// What stands before the snapshot of an index, and the version of its form.
const (
	snapshotOf      = "access"
	snapshotVersion = 6
)

// AppendSnapshot implements projections.Snapshotter. There stand, each in the order of their numbers: actors, entries,
// scopes, permissions, roles, subjects, lines with their changes; then the parts that may still be named. What follows
// from these, tables and all that is for the head, is made again on reading.
func (x *Index) AppendSnapshot(b []byte) []byte {
	x.mu.RLock()
	defer x.mu.RUnlock()
	b = snapshot.AppendHeader(b, snapshotOf, snapshotVersion)
	b = snapshot.AppendCount(b, len(x.actors))
	for _, id := range x.actors {
		b = append(b, id[:]...)
	}
	b = x.appendEntries(b)
	scopes := make([]string, 0, x.scopes.len())
	for _, s := range x.scopes.all {
		scopes = append(scopes, *s)
	}
	b = snapshot.AppendStrings(b, scopes[1:])
	b = x.appendPermissions(b)
	b = x.appendRoles(b)
	b = x.appendLives(x.appendSubjects(b))
	b = x.appendLines(b)
	b = x.appendTies(b)
	b = x.appendResources(b)
	digests := slices.SortedFunc(maps.Keys(x.parts), func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
	b = snapshot.AppendCount(b, len(digests))
	for _, digest := range digests {
		p := x.parts[digest]
		b = snapshot.AppendStrings(snapshot.AppendInt(append(b, digest[:]...), p.at), p.names)
	}
	return snapshot.AppendBytes(b, x.tokens.AppendSnapshot(nil))
}

// How the occurred time of an entry is told.
const (
	occurredAlways = iota
	occurredThen   // at the entry's time
	occurredBefore // so many milliseconds before it
	occurredKinds
)

func (x *Index) appendEntries(b []byte) []byte {
	b = snapshot.AppendCount(b, x.entries.len())
	for _, e := range x.entries.all {
		b = append(b, e.sum[:]...)
	}
	for _, e := range x.entries.all {
		b = append(b, e.id[:]...)
	}
	last := int64(0)
	for _, e := range x.entries.all {
		b = snapshot.AppendUint(snapshot.AppendInt(b, e.time-last), uint64(e.actor))
		last = e.time
		switch e.occurred {
		case always:
			b = append(b, occurredAlways)
		case e.time:
			b = append(b, occurredThen)
		default:
			b = snapshot.AppendInt(append(b, occurredBefore), e.time-e.occurred)
		}
	}
	return b
}

func (x *Index) appendPermissions(b []byte) []byte {
	names := make([]string, 0, x.perms.len())
	for _, p := range x.perms.all {
		names = append(names, p.name)
	}
	b = snapshot.AppendStrings(b, names)
	for _, p := range x.perms.all {
		b = snapshot.AppendCount(b, len(p.entered))
		for _, e := range p.entered {
			b = snapshot.AppendInt(snapshot.AppendUint(b, e.position), e.occurred)
		}
		b = snapshot.AppendCount(b, len(p.info))
		for i := range p.info {
			in := &p.info[i]
			b = snapshot.AppendBool(snapshot.AppendString(snapshot.AppendUint(b, in.position), in.catalogue), in.retired)
			s := &in.says
			for _, text := range []string{s.Name, s.Category, s.Entity, s.Action, s.Description, s.Level, s.Access} {
				b = snapshot.AppendString(b, text)
			}
			b = appendNames(appendNames(appendNames(snapshot.AppendBool(b, s.Reserved), s.DependsOn), s.Guards), s.Needs)
		}
	}
	return b
}

// appendNames tells no list from an empty one, for an answer may show either.
func appendNames(b []byte, names []string) []byte {
	return snapshot.AppendStrings(snapshot.AppendBool(b, names != nil), names)
}

func (x *Index) appendRoles(b []byte) []byte {
	b = snapshot.AppendCount(b, x.roles.len())
	for _, r := range x.roles.all {
		b = snapshot.AppendString(append(b, r.id[:]...), r.key)
		b = snapshot.AppendUint(snapshot.AppendUint(b, r.created), r.deleted)
		b = snapshot.AppendString(snapshot.AppendBool(b, r.system), r.managed)
		b = snapshot.AppendCount(b, len(r.touched))
		last := uint64(0)
		for _, at := range r.touched {
			b, last = snapshot.AppendUint(b, at-last), at
		}
		for _, list := range [][]said[string]{r.name, r.description} {
			b = snapshot.AppendCount(b, len(list))
			for _, s := range list {
				b = snapshot.AppendString(snapshot.AppendUint(b, s.position), s.value)
			}
		}
		b = snapshot.AppendCount(b, len(r.labels))
		for _, s := range r.labels {
			b = snapshot.AppendBool(snapshot.AppendUint(b, s.position), s.value != nil)
			b = snapshot.AppendCount(b, len(s.value))
			for _, l := range s.value {
				b = snapshot.AppendString(snapshot.AppendString(b, l.Name), l.Value)
			}
		}
		numbers := slices.Sorted(maps.Keys(r.changes))
		b = snapshot.AppendCount(b, len(numbers))
		next := uint32(0)
		for _, n := range numbers {
			b, next = snapshot.AppendUint(b, uint64(n-next)), n+1
			b = snapshot.AppendCount(b, len(r.changes[n]))
			last := uint64(0)
			for _, c := range r.changes[n] {
				b = snapshot.AppendBool(snapshot.AppendUint(b, c.position()-last), c.in())
				last = c.position()
			}
		}
	}
	return b
}

func (x *Index) appendSubjects(b []byte) []byte {
	keys, dids := make([]string, 0, x.subjects.len()), make([]string, 0, x.subjects.len())
	for _, u := range x.subjects.all {
		keys, dids = append(keys, u.key), append(dids, u.did)
	}
	b = snapshot.AppendStrings(snapshot.AppendStrings(snapshot.AppendStrings(b, x.kinds), keys), dids)
	for _, u := range x.subjects.all {
		b = append(append(b, u.id[:]...), u.kind)
		b = snapshot.AppendUint(snapshot.AppendUint(b, uint64(u.added)), uint64(u.deactivated))
		b = snapshot.AppendBool(b, u.imported)
		b = snapshot.AppendCount(b, len(u.sets))
		for _, scope := range slices.Sorted(maps.Keys(u.sets)) {
			b = snapshot.AppendUint(b, uint64(scope))
			b = snapshot.AppendCount(b, len(u.sets[scope]))
			for _, s := range u.sets[scope] {
				b = snapshot.AppendBytes(snapshot.AppendUint(b, s.position), s.after.appendTo(nil))
			}
		}
	}
	b = snapshot.AppendCount(b, len(x.owners))
	for _, o := range x.owners {
		b = snapshot.AppendUint(snapshot.AppendUint(b, o.position), uint64(o.subject))
	}
	b = snapshot.AppendCount(b, len(x.defaults))
	for _, s := range x.defaults {
		b = snapshot.AppendUint(snapshot.AppendUint(b, s.position), (uint64(s.value)+1)&nobody)
	}
	return b
}

func (x *Index) appendLines(b []byte) []byte {
	b = snapshot.AppendCount(b, x.lines.len())
	later := 0
	for _, l := range x.lines.all {
		later += max(0, l.count()-1)
	}
	b = snapshot.AppendCount(b, later)
	for _, l := range x.lines.all {
		b = snapshot.AppendUint(b, uint64(l.subject))
		b = snapshot.AppendUint(b, uint64(l.thing&^direct)<<1|uint64(l.thing>>31))
		b = snapshot.AppendUint(b, uint64(l.scope))
		b = snapshot.AppendCount(b, l.count())
		last := uint32(0)
		for _, c := range l.all {
			b, last = snapshot.AppendUint(b, uint64(c.position-last)), c.position
			b = append(b, byte(c.op))
			switch c.op {
			case give:
				if b = snapshot.AppendBool(b, c.arg != noEnd); c.arg != noEnd {
					b = snapshot.AppendInt(b, c.arg)
				}
			case end:
				b = snapshot.AppendUint(b, uint64(c.arg))
			}
		}
	}
	return b
}
