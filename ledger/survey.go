package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tree"
)

// Sources says where the copies of a ledger lie. A path may be missing; each journal and each stream is looked through.
type Sources struct {
	Organization string
	Journals     []string // directories of segments
	Streams      []string // directories of a stream: its own, and copies of it
	Genesis      string   // CID of the first entry; empty where that is not known
	Head         *journal.Head
}

// A Survey is the longest history made of entries that verify, each taken from whichever copy holds it. It reads entries
// from the files it was made of, which must stay as they are meanwhile.
type Survey struct {
	Head   journal.Head // of the history; the zero value where nothing verifies
	Source string       // the name of the ledger
	First  string       // CID of the first entry

	// Beyond are the positions behind the history at which an entry stands whose signatures hold, or which a checksum says
	// is as it was written: it cannot be joined to the history, and somebody may have been told of it. Entries of a write
	// that was never synced are not among them: see unwritten.
	Beyond []uint64
	// Stopped says why the history does not go on although there is something beyond it; nil where nothing is.
	Stopped error

	files   []string
	picks   []place
	sums    [][sha256.Size]byte // of the entries
	ordered bool                // the stream has something beyond
}

// ForkError says that two entries at one position are both signed by the ledger's key and continue the same history: no
// damage makes that. Both copies are kept as they are.
type ForkError struct {
	Position uint64
	CIDs     [2]string
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("a fork: two different entries are signed for position %d, %s and %s; both copies are kept, and nobody but a person can say which one holds",
		e.Position, e.CIDs[0], e.CIDs[1])
}

// Look surveys the copies. It fails where a file cannot be read, which says nothing of what it holds, with a [*ForkError],
// and where the first entry is not the one that the genesis names.
func Look(ctx context.Context, src Sources) (*Survey, error) {
	s := &Survey{}
	places, err := s.find(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("survey %s: %w", src.Organization, err)
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.position, b.position) })
	if err := s.follow(ctx, places, src); err != nil {
		return nil, fmt.Errorf("survey %s: %w", src.Organization, err)
	}
	return s, nil
}

// find goes through the files.
func (s *Survey) find(ctx context.Context, src Sources) ([]place, error) {
	var places []place
	file := func(path string) int32 {
		if n := len(s.files); n == 0 || s.files[n-1] != path {
			s.files = append(s.files, path)
		}
		return int32(len(s.files) - 1)
	}
	for _, dir := range src.Journals {
		for f, err := range journal.Fragments(dir, claims) {
			if errors.Is(err, journal.ErrMissing) {
				break
			}
			if err = cmp.Or(err, context.Cause(ctx)); err != nil {
				return nil, err
			}
			places = append(places, place{f.Position, f.Offset, int32(len(f.Entry)), file(f.File), false, true})
		}
	}
	for _, dir := range src.Streams {
		for f, err := range stream.Salvage(dir, src.Organization) {
			if err = cmp.Or(err, context.Cause(ctx)); err != nil {
				return nil, err
			}
			if position, ok := claims(f.Data); ok {
				places = append(places, place{position, f.Offset, int32(len(f.Data)), file(f.File), f.Sure, false})
			}
		}
	}
	return places, nil
}

// follow takes position after position as long as one entry is the right one.
func (s *Survey) follow(ctx context.Context, places []place, src Sources) error {
	var v chain.Verifier
	var roots tree.Roots
	r := &reader{files: s.files}
	defer r.close()
	for len(places) > 0 && places[0].position == 0 {
		places = places[1:]
	}
	here, places, err := r.candidates(1, places)
	for position := uint64(1); err == nil && len(here) > 0; position++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var next []candidate
		rest := places
		if next, places, err = r.candidates(position+1, places); err != nil {
			return err
		}
		c, why := choose(&v, position, here, next, src)
		if errors.As(why, new(*ForkError)) {
			return why
		}
		if why == nil {
			why = v.Next(c.parsed, "")
		}
		if why == nil {
			roots.Append(tree.Leaf(c.raw))
			root, _ := roots.Root(position)
			if src.Head != nil && src.Head.Position == position && src.Head.Root != root {
				return &chain.BrokenError{Position: position, Check: chain.CheckHead, Expected: fmt.Sprintf("the root %x", src.Head.Root), Found: fmt.Sprintf("%x", root)}
			}
			s.Head = journal.Head{Position: position, CID: c.parsed.CID, Root: root}
			s.picks, s.sums = append(s.picks, c.place), append(s.sums, sha256.Sum256(c.raw))
			if position == 1 {
				s.Source, s.First = c.parsed.Entry.Event.Source, c.parsed.CID
			}
			here = next
			continue
		}
		s.Stopped = why
		s.beyond(here)
		places = rest
		break
	}
	if err != nil {
		return err
	}
	for len(places) > 0 {
		if here, places, err = r.candidates(places[0].position, places); err != nil {
			return err
		}
		s.beyond(here)
	}
	if unwritten, err := s.unwritten(src); err != nil || unwritten {
		s.Beyond, s.Stopped = nil, nil
		return err
	}
	if s.Stopped == nil && len(s.Beyond) > 0 {
		s.Stopped = fmt.Errorf("no copy holds event %d", s.Head.Position+1)
	}
	return nil
}

// unwritten says whether what stands beyond the history is what a power cut left of the journal's last write: behind the
// head record, not in the stream, and with holes where sectors were never written. Nobody was told of it, for nobody is
// before the sync, after which there are no holes. Entries that were synced and then lost look the same only where a disk
// made whole sectors of them zero, and only those recorded since the head record was stored.
func (s *Survey) unwritten(src Sources) (bool, error) {
	end := s.Head.Position
	if len(s.Beyond) == 0 || s.ordered || src.Head == nil || src.Head.Position > end || len(src.Journals) != 1 {
		return false, nil
	}
	return journal.Unwritten(src.Journals[0], journal.Options{}, end, func(entry []byte) bool {
		p := chain.Inspect(entry)
		return p.Err == nil && p.Entry.Event.Sequence > end
	})
}

// beyond notes a position behind the history at which something of worth stands.
func (s *Survey) beyond(here []candidate) {
	for _, c := range here {
		if c.parsed.Err == nil || c.sure || c.both {
			if n := len(s.Beyond); n == 0 || s.Beyond[n-1] != c.position {
				s.Beyond = append(s.Beyond, c.position)
			}
			s.ordered = s.ordered || c.both || !c.journal
		}
	}
}

// choose gives the one entry of a position, or says why there is none. What verifies by itself is not enough: a signature
// covers the event, and only the link of the next entry, the head record or a checksum what stands beside it.
func choose(v *chain.Verifier, position uint64, here, next []candidate, src Sources) (candidate, error) {
	var valid []candidate
	var why error
	for _, c := range here {
		if err := v.Clone().Next(c.parsed, ""); err != nil {
			why = cmp.Or(why, err)
			continue
		}
		for _, other := range valid {
			if !sameEvent(c, other) {
				return candidate{}, &ForkError{position, [2]string{other.parsed.CID, c.parsed.CID}}
			}
		}
		valid = append(valid, c)
	}
	if len(valid) == 0 {
		return candidate{}, why
	}
	for _, pin := range []struct {
		cid, check string
		here       bool
	}{
		{src.Genesis, chain.CheckGenesis, position == 1 && src.Genesis != ""},
		{headCID(src.Head), chain.CheckHead, src.Head != nil && src.Head.Position == position},
	} {
		if !pin.here {
			continue
		}
		if valid, why = only(valid, func(c candidate) bool { return c.parsed.CID == pin.cid }), (&chain.BrokenError{
			Position: position, Check: pin.check, Expected: pin.cid, Found: valid[0].parsed.CID}); len(valid) == 0 {
			return candidate{}, why
		}
	}
	followers := only(next, func(n candidate) bool { return n.parsed.Err == nil })
	fit := only(valid, func(c candidate) bool {
		return slices.ContainsFunc(followers, func(n candidate) bool { return n.parsed.Entry.Event.Prev == c.parsed.CID })
	})
	both := only(valid, func(c candidate) bool { return c.both })
	sure := only(valid, func(c candidate) bool { return c.sure })
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(followers) > 0 && len(both) == 0:
		return candidate{}, &chain.BrokenError{Position: position, Check: chain.CheckLink,
			Expected: followers[0].parsed.Entry.Event.Prev + ", which the next entry names", Found: valid[0].parsed.CID}
	case len(valid) == 1:
		return valid[0], nil
	case len(both) == 1:
		return both[0], nil
	case len(sure) == 1:
		return sure[0], nil
	}
	return candidate{}, chain.Differ(position, valid[0].raw, valid[1].raw)
}

func headCID(h *journal.Head) string {
	if h == nil {
		return ""
	}
	return h.CID
}

func only(all []candidate, want func(candidate) bool) (some []candidate) {
	for _, c := range all {
		if want(c) {
			some = append(some, c)
		}
	}
	return some
}

func sameEvent(a, b candidate) bool {
	x, err1 := a.parsed.Entry.Event.Encode()
	y, err2 := b.parsed.Entry.Event.Encode()
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// Entries gives the history, read from where it lies.
func (s *Survey) Entries(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r := &reader{files: s.files}
		defer r.close()
		for i, p := range s.picks {
			raw, err := r.read(p)
			if err == nil && sha256.Sum256(raw) != s.sums[i] {
				err = fmt.Errorf("entry %d in %s has changed meanwhile", p.position, s.files[p.file])
			}
			if err = cmp.Or(err, context.Cause(ctx)); err != nil {
				yield(nil, err)
				return
			}
			if !yield(raw, nil) {
				return
			}
		}
	}
}

// Holds says whether an entry is the one at a position of the history.
func (s *Survey) Holds(position uint64, raw []byte) bool {
	return position > 0 && position <= uint64(len(s.sums)) && sha256.Sum256(raw) == s.sums[position-1]
}

// Journaled says how many entries at the beginning of a journal are those of the history, and whether that is all there is
// in it: nothing else, nothing damaged, no torn tail. A journal that is missing holds none, and is not whole.
func (s *Survey) Journaled(dir string) (n uint64, whole bool, err error) {
	r, damage, err := journal.Salvage(dir, journal.Options{})
	if errors.Is(err, journal.ErrMissing) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	for rec, err := range r.Range(1, r.Len()) {
		if errors.Is(err, journal.ErrDamaged) {
			return n, false, nil
		}
		if err != nil {
			return n, false, err
		}
		if !s.Holds(rec.Position, rec.Entry) {
			return n, false, nil
		}
		n = rec.Position
	}
	_, torn := r.Torn()
	return n, len(damage) == 0 && torn == 0, nil
}

// Streamed is [Survey.Journaled] for the files of the stream.
func (s *Survey) Streamed(storeDir, org string) (n uint64, whole bool, err error) {
	for rec, err := range stream.Scan(storeDir, stream.LogName(org)) {
		if damagedStream(err) {
			return n, false, nil
		}
		if err != nil {
			return n, false, err
		}
		if !s.Holds(rec.Seq, rec.Data) {
			return n, false, nil
		}
		n = rec.Seq
	}
	return n, true, nil
}

// damagedStream tells what a stream's files hold from what only says that they could not be read.
func damagedStream(err error) bool {
	return errors.As(err, new(*stream.BlockError)) || errors.Is(err, stream.ErrMissing) || errors.Is(err, fs.ErrNotExist)
}
