package didkey

import (
	"crypto/ed25519"
	"strings"
	"sync"
	"sync/atomic"
)

// maxSeen bounds the remembered keys. A ledger has tens of keys, so the bound only matters to
// somebody who sends many made-up ones: then everything is forgotten and learned again.
const maxSeen = 4096

// cache remembers the keys that passed every check. Only the outcome of a pure function is kept,
// so that forgetting any of it changes nothing but time.
type cache struct {
	keys sync.Map // string to [32]byte
	n    atomic.Int64
}

var seen cache

func (c *cache) get(s string) (key [ed25519.PublicKeySize]byte, ok bool) {
	if len(s) != Length {
		return key, false
	}
	v, ok := c.keys.Load(s)
	if !ok {
		return key, false
	}
	return v.([ed25519.PublicKeySize]byte), true
}

func (c *cache) put(s string, key [ed25519.PublicKeySize]byte) {
	if c.n.Add(1) > maxSeen {
		c.n.Store(1)
		c.keys.Clear()
	}
	// s may be part of a large text that must not be kept alive by it.
	c.keys.Store(strings.Clone(s), key)
}
