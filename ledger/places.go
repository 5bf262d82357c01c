package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/permledger/permledger/ledger/chain"
)

// place is where an entry may lie.
type place struct {
	position uint64
	offset   int64
	size     int32
	file     int32
	sure     bool // a checksum says that these are the bytes that were written
	journal  bool
}

// candidate is an entry that may be the one of a position.
type candidate struct {
	place
	raw    []byte
	parsed chain.Parsed
	both   bool // journal and stream hold it
}

// reader reads entries at places. It keeps a file open for the journals and one for the streams.
type reader struct {
	files []string
	open  [2]*os.File
}

// candidates reads what may stand at a position: the places are in order, and those behind it are given back.
func (r *reader) candidates(position uint64, places []place) (found []candidate, rest []place, err error) {
	for len(places) > 0 && places[0].position <= position {
		p := places[0]
		places = places[1:]
		raw, err := r.read(p)
		if err != nil {
			return nil, nil, err
		}
		same := slices.IndexFunc(found, func(c candidate) bool { return string(c.raw) == string(raw) })
		if same < 0 {
			found = append(found, candidate{place: p, raw: raw})
			continue
		}
		found[same].both = found[same].both || found[same].journal != p.journal
		found[same].sure = found[same].sure || p.sure
	}
	for i := range found {
		look := chain.Inspect
		if found[i].both { // two copies do not rot alike; whether all signatures hold is for verification
			look = chain.Load
		}
		found[i].parsed = look(found[i].raw)
	}
	return found, places, nil
}

func (r *reader) read(p place) ([]byte, error) {
	slot := 0
	if p.journal {
		slot = 1
	}
	path := r.files[p.file]
	if f := r.open[slot]; f == nil || f.Name() != path {
		if f != nil {
			f.Close()
		}
		var err error
		if r.open[slot], err = os.Open(path); err != nil {
			r.open[slot] = nil
			return nil, err
		}
	}
	raw := make([]byte, p.size)
	if _, err := r.open[slot].ReadAt(raw, p.offset); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return raw, nil
}

func (r *reader) close() {
	for _, f := range r.open {
		if f != nil {
			f.Close()
		}
	}
}
