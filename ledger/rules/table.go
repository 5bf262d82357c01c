package rules

import (
	"hash/maphash"
	"slices"

	"github.com/oklog/ulid/v2"
)

// A table finds things, which are kept elsewhere under numbers, by a key that they hold themselves. It is a hash table of
// open addressing without a pointer in it: the garbage collector does not look at it, and one of a million things takes
// some ten bytes for each. The zero table is empty. Only put and remove change it.
type table struct {
	slots []uint64 // a power of two; 0: free, else the upper 31 bits of the hash, the number, and a bit that is set
	used  int
}

// tableSeed keeps those who choose keys from choosing ones that collide.
var tableSeed = maphash.MakeSeed()

func hashID(id ulid.ULID) uint64    { return maphash.Bytes(tableSeed, id[:]) }
func hashText(text string) uint64   { return maphash.String(tableSeed, text) }
func tag(slot uint64) uint64        { return slot >> 33 }
func slotNumber(slot uint64) uint32 { return uint32(slot >> 1) }

func slotOf(hash uint64, number uint32) uint64 { return hash>>33<<33 | uint64(number)<<1 | 1 }

// find gives the number under a hash of which is says that it is the one.
func (t *table) find(hash uint64, is func(number uint32) bool) (number uint32, ok bool) {
	if t.used == 0 {
		return 0, false
	}
	mask := uint64(len(t.slots) - 1)
	for i := tag(hash) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if slot := t.slots[i]; tag(slot) == tag(hash) && is(slotNumber(slot)) {
			return slotNumber(slot), true
		}
	}
	return 0, false
}

// put puts a number under a hash, in the place of the one of which is says that it has the same key, if there is one.
func (t *table) put(hash uint64, number uint32, is func(number uint32) bool) (before uint32, had bool) {
	if 4*t.used >= 3*len(t.slots) {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	i := tag(hash) & mask
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if slot := t.slots[i]; tag(slot) == tag(hash) && is(slotNumber(slot)) {
			t.slots[i] = slotOf(hash, number)
			return slotNumber(slot), true
		}
	}
	t.slots[i] = slotOf(hash, number)
	t.used++
	return 0, false
}

// remove removes a number, if it is there.
func (t *table) remove(hash uint64, number uint32) {
	if t.used == 0 {
		return
	}
	mask := uint64(len(t.slots) - 1)
	i := tag(hash) & mask
	for ; t.slots[i] != slotOf(hash, number); i = (i + 1) & mask {
		if t.slots[i] == 0 {
			return
		}
	}
	t.used--
	for j := (i + 1) & mask; t.slots[j] != 0; j = (j + 1) & mask {
		// What was pushed beyond the hole by others moves into it: no search ends at it too early.
		if (j-tag(t.slots[j]))&mask >= (j-i)&mask {
			t.slots[i], i = t.slots[j], j
		}
	}
	t.slots[i] = 0
}

func (t *table) grow() {
	before := t.slots
	t.slots = make([]uint64, max(8, 2*len(before)))
	mask := uint64(len(t.slots) - 1)
	for _, slot := range before {
		if slot != 0 {
			i := tag(slot) & mask
			for t.slots[i] != 0 {
				i = (i + 1) & mask
			}
			t.slots[i] = slot
		}
	}
}

// commands remembers which commands are recorded, and where.
type commands struct {
	list  []recorded // in the order of the log
	first uint32     // the number of the first of the list; numbers go on from there, and begin again after the last there is
	table table
}

type recorded struct {
	id ulid.ULID
	at uint64
}

func (c *commands) is(id ulid.ULID) func(uint32) bool {
	return func(n uint32) bool { return c.list[n-c.first].id == id }
}

// at gives where a command is recorded, 0 where it is not remembered.
func (c *commands) at(id ulid.ULID) uint64 {
	if n, ok := c.table.find(hashID(id), c.is(id)); ok {
		return c.list[n-c.first].at
	}
	return 0
}

// add remembers the newest command.
func (c *commands) add(ns *notes, id ulid.ULID, at uint64) {
	hash, n := hashID(id), c.first+uint32(len(c.list))
	before, had := c.table.put(hash, n, c.is(id))
	c.list = append(c.list, recorded{id, at})
	if ns != nil {
		ns.note(func() {
			if c.list = c.list[:len(c.list)-1]; had {
				c.table.put(hash, before, func(have uint32) bool { return have == n })
			} else {
				c.table.remove(hash, n)
			}
		})
	}
}

// forget forgets the n oldest.
func (c *commands) forget(ns *notes, n int) {
	if n == 0 {
		return
	}
	was := c.list
	for i, old := range was[:n] {
		c.table.remove(hashID(old.id), c.first+uint32(i))
	}
	c.list, c.first = was[n:], c.first+uint32(n)
	if ns != nil {
		ns.note(func() {
			c.list, c.first = was, c.first-uint32(n)
			for i, old := range slices.Backward(was[:n]) {
				if c.at(old.id) == 0 { // else it is there by a newer one
					c.table.put(hashID(old.id), c.first+uint32(i), c.is(old.id))
				}
			}
		})
	}
}
