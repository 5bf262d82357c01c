package access

import (
	"crypto/sha256"
	"sort"
	"time"

	"github.com/permledger/permledger/ledger/chain"
)

// A Pos is a place in the log: a position from 1, and the CID and time of the entry there. The zero Pos stands before
// the first entry.
type Pos struct {
	Position uint64
	CID      string
	Time     time.Time
}

// sumOf gives what the CID of an entry is made of. An entry that was never sealed has that of no bytes.
func sumOf(en *chain.Entry) [32]byte { return sha256.Sum256(en.Bytes()) }

// Head gives the last position the index has taken in.
func (x *Index) Head() Pos {
	return x.pos(x.head.Load())
}

// At gives what stands at a position; false where nothing does.
func (x *Index) At(position uint64) (Pos, bool) {
	if position == 0 || position > x.head.Load() {
		return Pos{}, false
	}
	return x.pos(position), true
}

// AtTime gives the latest position whose time is at most t; false where t lies before the first entry.
func (x *Index) AtTime(t time.Time) (Pos, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	at := x.atTime(t.UnixMilli())
	return x.pos(at), at != 0
}

// ByCID gives the position of an entry by its CID.
func (x *Index) ByCID(cid string) (Pos, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	at := x.byCID(cid)
	return x.pos(at), at != 0
}

// pos gives the Pos of a position that there is; the zero one for 0.
func (x *Index) pos(position uint64) Pos {
	if position == 0 {
		return Pos{}
	}
	e := x.entry(position)
	return Pos{position, chain.CIDOf(e.sum), time.UnixMilli(e.time).UTC()}
}

// atTime relies on times that never go back, as the chain demands of them.
func (x *Index) atTime(ms int64) uint64 {
	return uint64(sort.Search(x.entries.len(), func(i int) bool { return x.entries.at(uint32(i)).time > ms }))
}
