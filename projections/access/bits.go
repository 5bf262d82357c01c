package access

import (
	"encoding/binary"
	mathbits "math/bits"

	"github.com/permledger/permledger/ledger/rules"
)

// bits is a set of permissions, by number. The zero bits is empty.
type bits []uint64

func (b bits) has(n uint32) bool {
	w := int(n >> 6)
	return w < len(b) && b[w]&(1<<(n&63)) != 0
}

func (b *bits) set(n uint32) {
	for int(n>>6) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[n>>6] |= 1 << (n & 63)
}

func (b bits) clear(n uint32) {
	if w := int(n >> 6); w < len(b) {
		b[w] &^= 1 << (n & 63)
	}
}

func (b *bits) union(o bits) {
	for len(*b) < len(o) {
		*b = append(*b, 0)
	}
	for i, w := range o {
		(*b)[i] |= w
	}
}

func (b bits) count() int {
	n := 0
	for _, w := range b {
		n += mathbits.OnesCount64(w)
	}
	return n
}

// each calls f with the number of each permission in the set, ascending.
func (b bits) each(f func(uint32)) {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			f(uint32(i<<6 + mathbits.TrailingZeros64(w)))
		}
	}
}

// keepLevel leaves in the set what counts for a kind of subject.
func (b bits) keepLevel(token bits, kind string) {
	for i := range b {
		var t uint64
		if i < len(token) {
			t = token[i]
		}
		if !rules.LevelFits(true, kind) {
			b[i] &^= t
		}
		if !rules.LevelFits(false, kind) {
			b[i] &= t
		}
	}
}

// appendTo appends bytes that are the same for equal sets.
func (b bits) appendTo(to []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	for _, w := range b {
		to = binary.LittleEndian.AppendUint64(to, w)
	}
	return to
}
