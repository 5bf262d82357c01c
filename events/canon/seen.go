package canon

import (
	"hash/maphash"
	"sync/atomic"
)

// seen remembers strings that a rule took, and gives them without a second look and a second copy: a ledger says the same
// few keys, permissions and sources again and again. It holds one string for each slot, the last one that fell into it,
// and so is bounded. What it remembers is the outcome of a pure function: forgetting changes nothing but time. It is safe
// for concurrent use; a nil one remembers nothing.
type seen struct{ slots []atomic.Pointer[string] }

var hashSeed = maphash.MakeSeed()

// remember makes room for n strings, a power of two.
func remember(n int) *seen { return &seen{make([]atomic.Pointer[string], n)} }

func (s *seen) slot(raw []byte) *atomic.Pointer[string] {
	return &s.slots[maphash.Bytes(hashSeed, raw)&uint64(len(s.slots)-1)]
}

// get gives the string whose bytes are raw, if it is remembered.
func (s *seen) get(raw []byte) (string, bool) {
	if s == nil {
		return "", false
	}
	if p := s.slot(raw).Load(); p != nil && *p == string(raw) {
		return *p, true
	}
	return "", false
}

// has says whether text is remembered, and so keeps to the rule.
func (s *seen) has(text string) bool {
	if s == nil {
		return false
	}
	p := s.slots[maphash.String(hashSeed, text)&uint64(len(s.slots)-1)].Load()
	return p != nil && *p == text
}

// put remembers taken, a string of its own memory whose bytes are raw.
func (s *seen) put(raw []byte, taken string) {
	if s != nil {
		p := new(string) // not &taken, which would cost its memory where nothing is remembered too
		*p = taken
		s.slot(raw).Store(p)
	}
}
