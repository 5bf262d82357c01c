package tlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/note"
)

// kept is the file of checkpoints. Of what it holds only the places of those with cosignatures are in memory.
type kept struct {
	path   string
	origin string
	end    int64
	newest published
	when   time.Time // that was kept
	places []place   // by size
	turn   int       // how often somebody else has changed the file
}

// place is where the newest record of a checkpoint with cosignatures is.
type place struct {
	size       uint64
	from, long int64
	known      bool // enough is
	enough     bool // it has a quorum of cosignatures
}

// KeptAt gives when the newest checkpoint was kept, or the last of its cosignatures; zero: none is.
func (l *Log) KeptAt() time.Time {
	l.keep.Lock()
	defer l.keep.Unlock()
	return l.kept.when
}

// openKept reads the file. What in it is not as it was written is left out of it, and the file before kept aside.
func (l *Log) openKept() error {
	l.keep.Lock()
	defer l.keep.Unlock()
	if err := os.MkdirAll(l.c.Dir, 0o700); err != nil {
		return err
	}
	k := kept{path: filepath.Join(l.c.Dir, fileName), origin: l.c.Origin}
	bad, err := k.read(0, math.MaxInt64, k.take)
	if err != nil {
		return fmt.Errorf("read the checkpoints that are kept: %w", err)
	}
	l.kept = k
	if bad.n > 0 {
		return l.leaveOut(bad, func(record) bool { return true })
	}
	return l.kept.cut()
}

// leaveOut writes the file anew with the records that are to be kept, says so, and keeps the file before aside.
func (l *Log) leaveOut(bad flaws, keeps func(record) bool) error {
	aside := l.kept.path + "-aside-" + l.c.Now().UTC().Format("20060102T150405.000")
	if err := l.kept.mend(aside, keeps); err != nil {
		return err
	}
	what := fmt.Sprintf("kept checkpoints are damaged (%s); those that hold are kept on, without the others", &bad)
	l.log.Error(what, "organization", l.c.Organization, "kept", aside)
	if l.c.Mended != nil {
		l.c.Mended(what, aside)
	}
	return nil
}

// fileName is the name of the file of checkpoints.
const fileName = "checkpoints"

// Read gives every checkpoint that a log's directory keeps, with when it was kept, and looks at no signatures. What is not as
// it was written is passed over. The bytes are the caller's own.
func Read(dir, origin string, f func(c note.Checkpoint, note []byte, at time.Time)) error {
	return readFrom(dir, origin, 0, f)
}

// tail is how much of a file [ReadLast] reads, in bytes: some thousand checkpoints.
const tail = 1 << 20

// ReadLast is [Read] of those that were kept last.
func ReadLast(dir, origin string, f func(c note.Checkpoint, note []byte, at time.Time)) error {
	info, err := os.Stat(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the checkpoints that are kept: %w", err)
	}
	return readFrom(dir, origin, max(0, info.Size()-tail), f)
}

func readFrom(dir, origin string, from int64, f func(c note.Checkpoint, note []byte, at time.Time)) error {
	k := kept{path: filepath.Join(dir, fileName), origin: origin}
	if _, err := k.read(from, math.MaxInt64, func(r record) { f(r.Checkpoint, r.bytes, r.at) }); err != nil {
		return fmt.Errorf("read the checkpoints that are kept: %w", err)
	}
	return nil
}

// read reads the file between two places.
func (k *kept) read(from, to int64, f func(r record)) (flaws, error) {
	file, err := os.Open(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return flaws{}, nil
	}
	if err != nil {
		return flaws{}, err
	}
	defer file.Close()
	return read(io.NewSectionReader(file, from, to-from), k.origin, from, f)
}

// take notes a record.
func (k *kept) take(r record) {
	k.end = r.from + r.long
	if r.Size >= k.newest.Size {
		k.newest, k.when = r.published, r.at
	}
	if !r.cosigned {
		return
	}
	i, found := k.search(r.Size)
	at := place{size: r.Size, from: r.from, long: r.long}
	if found {
		k.places[i] = at
	} else {
		k.places = slices.Insert(k.places, i, at)
	}
}

// cut takes away what stands behind the last record: a write that did not come to its end.
func (k *kept) cut() error {
	info, err := os.Stat(k.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == k.end {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Truncate(k.path, k.end)
}

// keepNote appends a checkpoint, and syncs it.
func (l *Log) keepNote(p published, cosigned bool) error {
	l.keep.Lock()
	defer l.keep.Unlock()
	if err := l.shortened(); err != nil {
		return fmt.Errorf("keep a checkpoint: %w", err)
	}
	now := l.c.Now()
	b := Record(now, p.bytes)
	if err := l.kept.append(b); err != nil {
		return fmt.Errorf("keep a checkpoint: %w", err)
	}
	l.kept.take(record{published: p, at: now, from: l.kept.end, long: int64(len(b)), cosigned: cosigned})
	return nil
}

// shortened looks whether somebody has cut the file, or taken it away, while it is written to. What is left of it is kept, and
// the newest checkpoint, without which an old copy of the ledger would pass for this one.
func (l *Log) shortened() error {
	info, err := os.Stat(l.kept.path)
	if err == nil && info.Size() >= l.kept.end || errors.Is(err, fs.ErrNotExist) && l.kept.end == 0 {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(l.c.Dir, 0o700); err != nil {
		return err
	}
	left := kept{path: l.kept.path, origin: l.kept.origin, turn: l.kept.turn + 1}
	bad, err := left.read(0, math.MaxInt64, left.take)
	if err != nil {
		return err
	}
	if bad.n == 0 {
		err = left.cut()
	} else if info, err = os.Stat(left.path); err == nil {
		left.end = info.Size() // the next start leaves out what is damaged, and keeps the file
	}
	if err != nil {
		return err
	}
	l.log.Error("the file of kept checkpoints was shortened or taken away by somebody else; it goes on from what is left", "organization", l.c.Organization,
		"file", left.path, "bytes", left.end, "before", l.kept.end)
	if newest := l.kept.newest; newest.Size > 0 {
		b := Record(l.c.Now(), newest.bytes)
		if err := left.append(b); err != nil {
			return err
		}
		left.take(record{published: newest, from: left.end, long: int64(len(b)), cosigned: hasOthers(newest.bytes, left.origin)})
	}
	l.kept = left
	return nil
}

// hasOthers says whether others than the log signed a note.
func hasOthers(b []byte, origin string) bool {
	n, err := note.Parse(b)
	return err == nil && slices.ContainsFunc(n.Signatures, func(s note.Signature) bool { return s.Name != origin })
}

func (k *kept) append(b []byte) error {
	f, err := os.OpenFile(k.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, k.end)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil && k.end == 0 {
		err = synced.Dir(filepath.Dir(k.path))
	}
	return err
}

// at gives the newest record of a checkpoint with cosignatures, or the newest checkpoint if it has that size.
func (k *kept) at(size uint64) (published, bool, error) {
	i, found := k.search(size)
	if found {
		p, err := k.load(k.places[i])
		return p, true, err
	}
	return k.newest, k.newest.Size == size, nil
}

func (k *kept) search(size uint64) (int, bool) {
	return slices.BinarySearchFunc(k.places, size, func(p place, size uint64) int {
		switch {
		case p.size < size:
			return -1
		case p.size > size:
			return 1
		}
		return 0
	})
}

// cosigned gives the smallest checkpoint with enough cosignatures that covers a position; false: there is none. What was
// found of a checkpoint once is not looked at again: many wait at a time for the same ones.
func (l *Log) cosigned(covering uint64) (published, bool, error) {
	for next := covering; ; {
		l.keep.Lock()
		i, _ := l.kept.search(next)
		for i < len(l.kept.places) && l.kept.places[i].known && !l.kept.places[i].enough {
			i++
		}
		if i == len(l.kept.places) {
			l.keep.Unlock()
			return published{}, false, nil
		}
		at := l.kept.places[i]
		p, err := l.kept.load(at)
		l.keep.Unlock()
		if err != nil || at.known {
			return p, err == nil, err
		}
		enough := l.c.Quorum(p.bytes) && l.signed(p) // it asks for the keys of then, and takes its time
		l.keep.Lock()
		if i, found := l.kept.search(at.size); found && l.kept.places[i] == at {
			l.kept.places[i].known, l.kept.places[i].enough = true, enough
		}
		l.keep.Unlock()
		if enough {
			return p, true, nil
		}
		next = at.size + 1
	}
}

// load reads a record again.
func (k *kept) load(at place) (published, error) {
	f, err := os.Open(k.path)
	if err != nil {
		return published{}, err
	}
	defer f.Close()
	b := make([]byte, at.long)
	if _, err := f.ReadAt(b, at.from); err != nil {
		return published{}, fmt.Errorf("%s: %w", k.path, err)
	}
	r, ok := parseRecord(linesOf(b), k.origin)
	if !ok || !r.sound || r.Size != at.size {
		return published{}, fmt.Errorf("%s: the checkpoint of size %d has changed on the disk", k.path, at.size)
	}
	return r.published, nil
}
