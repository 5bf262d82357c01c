package history

import (
	"bytes"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/projections"
)

var _ projections.Snapshotter = (*Index)(nil)

// What stands before the snapshot of a history, and the version of its form.
const (
	snapshotOf      = "history"
	snapshotVersion = 2
)

// AppendSnapshot implements projections.Snapshotter: the times and types of the entries, then the positions by thing,
// permission and actor, then those that took something away, then the parts that may still be named, each in the order of their keys.
func (x *Index) AppendSnapshot(b []byte) []byte {
	x.mu.RLock()
	defer x.mu.RUnlock()
	b = snapshot.AppendHeader(b, snapshotOf, snapshotVersion)
	b = snapshot.AppendCount(b, len(x.known))
	for _, t := range x.known {
		b = snapshot.AppendString(b, string(t))
	}
	b = snapshot.AppendCount(b, len(x.times))
	b = append(b, x.types...)
	last := int64(0)
	for _, t := range x.times {
		b, last = snapshot.AppendInt(b, t-last), t
	}
	b = appendByID(b, x.things)
	names := slices.Sorted(maps.Keys(x.permissions))
	b = snapshot.AppendStrings(b, names)
	lists := make([]positions, len(names))
	for i, name := range names {
		lists[i] = x.permissions[name]
	}
	b = appendLists(b, lists)
	b = appendByID(b, x.actors)
	var taken []positions // one, or none where nothing was taken: a list is never empty
	if len(x.taken) > 0 {
		taken = []positions{x.taken}
	}
	b = appendLists(snapshot.AppendCount(b, len(taken)), taken)
	digests := slices.SortedFunc(maps.Keys(x.parts), func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
	b = snapshot.AppendCount(b, len(digests))
	for _, digest := range digests {
		p := x.parts[digest]
		b = snapshot.AppendStrings(snapshot.AppendInt(append(b, digest[:]...), p.at), p.names)
	}
	return b
}

func appendByID(b []byte, m map[ulid.ULID]positions) []byte {
	ids := slices.SortedFunc(maps.Keys(m), ulid.ULID.Compare)
	b = snapshot.AppendCount(b, len(ids))
	lists := make([]positions, len(ids))
	for i, id := range ids {
		b, lists[i] = append(b, id[:]...), m[id]
	}
	return appendLists(b, lists)
}

// appendLists appends lists of which the reader knows how many they are: how many positions there are in all, then each
// list as the steps between its positions.
func appendLists(b []byte, lists []positions) []byte {
	total := 0
	for _, l := range lists {
		total += len(l)
	}
	b = snapshot.AppendCount(b, total)
	for _, l := range lists {
		b = snapshot.AppendCount(b, len(l))
		last := uint32(0)
		for _, at := range l {
			b, last = snapshot.AppendUint(b, uint64(at-last)), at
		}
	}
	return b
}

// ReadSnapshot implements projections.Snapshotter.
func (x *Index) ReadSnapshot(b []byte) error {
	r := snapshot.NewReader(b)
	r.Header(snapshotOf, snapshotVersion)
	n := New()
	types := r.Count(1)
	if types > 256 {
		r.Fail("it has %d types of entries", types)
		return r.Close()
	}
	for range types {
		t := events.Type(r.String())
		if slices.Contains(n.known, t) {
			r.Fail("the type %.32q stands there twice", t)
		}
		n.known = append(n.known, t)
	}
	head := r.Count(2)
	n.types = slices.Clone(r.Take(head))
	used := 0
	for _, t := range n.types {
		switch {
		case int(t) > used || int(t) >= len(n.known):
			r.Fail("an entry has the type %d before another has %d", t, used)
		case int(t) == used:
			used++
		}
	}
	if used != len(n.known) {
		r.Fail("no entry has some of its types")
	}
	n.times = make([]int64, head)
	last := int64(0)
	for i := range n.times {
		last += r.Int()
		n.times[i] = last
	}
	n.things = readByID(r, head)
	names := r.Strings()
	n.permissions = make(map[string]positions, len(names))
	for i, l := range readLists(r, len(names), head) {
		if i > 0 && names[i-1] >= names[i] {
			r.Fail("its permissions are out of order")
		}
		n.permissions[names[i]] = l
	}
	n.actors = readByID(r, head)
	if k := r.Count(1); k > 1 {
		r.Fail("it has %d lists of what took something away", k)
	} else if lists := readLists(r, k, head); k == 1 && len(lists) == 1 {
		n.taken = lists[0]
	}
	var before events.Digest
	for i := range r.Count(34) {
		digest, at := events.Digest(r.Sum()), r.Int()
		if i > 0 && bytes.Compare(before[:], digest[:]) >= 0 {
			r.Fail("its parts are out of order")
		}
		n.parts[digest], before = part{r.Strings(), at}, digest
	}
	if err := r.Close(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.times, x.types, x.known = n.times, n.types, n.known
	x.things, x.permissions, x.actors, x.taken, x.parts = n.things, n.permissions, n.actors, n.taken, n.parts
	return nil
}

func readByID(r *snapshot.Reader, head int) map[ulid.ULID]positions {
	ids := make([]ulid.ULID, r.Count(16))
	for i := range ids {
		if ids[i] = r.ID(); i > 0 && ids[i-1].Compare(ids[i]) >= 0 {
			r.Fail("its ids are out of order")
		}
	}
	m := make(map[ulid.ULID]positions, len(ids))
	for i, l := range readLists(r, len(ids), head) {
		m[ids[i]] = l
	}
	return m
}

// readLists reads what appendLists wrote: n lists, none empty, of positions up to head. They share one piece of memory
// until they grow. It gives none after a fault.
func readLists(r *snapshot.Reader, n, head int) []positions {
	all := make(positions, r.Count(1))
	lists := make([]positions, min(n, r.Rest()))
	for i := range lists {
		k := r.Count(1)
		if k == 0 || k > len(all) {
			r.Fail("a list of positions is empty, or longer than it may be")
			return nil
		}
		l := all[:k:k]
		all = all[k:]
		last := uint64(0)
		for j := range l {
			step := r.Uint()
			if step == 0 || step > uint64(head)-last {
				r.Fail("a position is out of order, or beyond the last, %d", head)
				return nil
			}
			last += step
			l[j] = uint32(last)
		}
		lists[i] = l
	}
	if len(all) > 0 || len(lists) < n {
		r.Fail("its lists hold fewer positions than they should")
	}
	if r.Err() != nil {
		return nil
	}
	return lists
}
