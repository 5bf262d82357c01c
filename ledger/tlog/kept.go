package tlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/permledger/permledger/ledger/note"
)

// The file of checkpoints holds one record behind the other:
//
//	<milliseconds since 1970>      when it was kept
//	<note>                         text, an empty line, signatures
//	                               an empty line
//
// A cosignature comes as another record of the same checkpoint, with all signatures that it has so far.

const (
	// thinEvery is how often old checkpoints are thinned out while a log is open, thinFirst how long after it was opened.
	thinEvery = time.Hour
	thinFirst = 10 * time.Minute
	// bySecond and byMinute are how old a checkpoint without cosignatures is before no more than one a second, and
	// one a minute, is kept.
	bySecond = time.Hour
	byMinute = 24 * time.Hour
	// thinWorth is how many bytes thinning out must save for the file to be written anew.
	thinWorth = 1 << 20
)

// kept is the file of checkpoints. Of what it holds only the places of those with cosignatures are in memory.
type kept struct {
	path   string
	origin string
	skip   int64 // bytes that are not read
	end    int64
	newest published
	places []place // by size
}

// place is where the newest record of a checkpoint with cosignatures is.
type place struct {
	size       uint64
	from, long int64
	known      bool // enough is
	enough     bool // it has a quorum of cosignatures
}

// record is one of the file.
type record struct {
	published
	at         time.Time
	from, long int64
	cosigned   bool
}

func (l *Log) openKept() error {
	l.keep.Lock()
	defer l.keep.Unlock()
	if err := os.MkdirAll(l.c.Dir, 0o700); err != nil {
		return err
	}
	k := kept{path: filepath.Join(l.c.Dir, "checkpoints"), origin: l.c.Origin}
	damaged := 0
	err := k.read(func(r record, junk int) {
		damaged += junk
		k.take(r)
	})
	if err != nil {
		return fmt.Errorf("read the checkpoints that are kept: %w", err)
	}
	l.kept = k
	if damaged > 0 {
		aside := k.path + "-aside-" + l.c.Now().UTC().Format("20060102T150405.000")
		if err := copyFile(k.path, aside); err != nil {
			return err
		}
		l.log.Error("kept checkpoints are damaged; those that can be read are kept on", "organization", l.c.Organization, "lines", damaged, "kept", aside)
		return l.kept.rewrite(func(record) bool { return true })
	}
	return l.kept.cut()
}

// Read gives every checkpoint that a log's directory keeps, with when it was kept, and looks at no signatures. What belongs
// to no checkpoint is passed over. The bytes are the caller's own.
func Read(dir, origin string, f func(c note.Checkpoint, note []byte, at time.Time)) error {
	return readFrom(dir, origin, 0, f)
}

// tail is how much of a file [ReadLast] reads, in bytes: some thousand checkpoints.
const tail = 1 << 20

// ReadLast is [Read] of those that were kept last.
func ReadLast(dir, origin string, f func(c note.Checkpoint, note []byte, at time.Time)) error {
	info, err := os.Stat(filepath.Join(dir, "checkpoints"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the checkpoints that are kept: %w", err)
	}
	return readFrom(dir, origin, max(0, info.Size()-tail), f)
}

func readFrom(dir, origin string, from int64, f func(c note.Checkpoint, note []byte, at time.Time)) error {
	k := kept{path: filepath.Join(dir, "checkpoints"), origin: origin, skip: from}
	if err := k.read(func(r record, _ int) { f(r.Checkpoint, r.bytes, r.at) }); err != nil {
		return fmt.Errorf("read the checkpoints that are kept: %w", err)
	}
	return nil
}

// take notes a record.
func (k *kept) take(r record) {
	k.end = r.from + r.long
	if r.Size >= k.newest.Size {
		k.newest = r.published
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

// read reads the file. Each record comes with the number of lines before it that belong to none; what stands behind the
// last one a crash has left.
func (k *kept) read(f func(r record, junk int)) error {
	file, err := os.Open(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(k.skip, io.SeekStart); err != nil {
		return err
	}
	return readKept(file, k.origin, k.skip, f)
}

// Kept goes over the notes in a file of checkpoints that a log's directory keeps, without looking at their signatures. Each
// comes with the number of damaged lines before it. It ends where the file does, or f gives an error; what a crash left
// behind the last note it passes over.
func Kept(in io.Reader, origin string, f func(note []byte, c note.Checkpoint, damaged int) error) error {
	var failed error
	err := readKept(in, origin, 0, func(r record, junk int) {
		if failed == nil {
			failed = f(r.bytes, r.Checkpoint, junk)
		}
	})
	return errors.Join(err, failed)
}

// readKept reads records from a place of the file on.
func readKept(file io.Reader, origin string, at int64, f func(r record, junk int)) error {
	in := bufio.NewReaderSize(file, 1<<16)
	var pending []string // lines that may be the beginning of a record
	var starts []int64
	junk := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		pending, starts, at = append(pending, line), append(starts, at), at+int64(len(line))
		if line != "\n" || len(pending) < minLines {
			if len(pending) > maxLines {
				junk, pending, starts = junk+len(pending), nil, nil
			}
			continue
		}
		// A record ends here, if one does; it begins wherever one can.
		for i := range pending {
			if r, ok := parseRecord(pending[i:], origin); ok {
				r.from, r.long = starts[i], at-starts[i]
				f(r, junk+i)
				junk, pending, starts = 0, nil, nil
				break
			}
		}
	}
}

const (
	minLines = 7 // time, origin, size, root, nothing, a signature, nothing
	maxLines = minLines + note.MaxSignatures
)

func parseRecord(lines []string, origin string) (r record, ok bool) {
	if len(lines) < minLines {
		return r, false
	}
	ms, err := strconv.ParseInt(lines[0][:len(lines[0])-1], 10, 64)
	if err != nil {
		return r, false
	}
	var b []byte
	for _, line := range lines[1 : len(lines)-1] {
		b = append(b, line...)
	}
	n, c, err := note.ReadCheckpoint(b)
	if err != nil || c.Origin != origin {
		return r, false
	}
	r.published, r.at = published{c, b}, time.UnixMilli(ms).UTC()
	r.cosigned = slices.ContainsFunc(n.Signatures, func(s note.Signature) bool { return s.Name != origin })
	return r, true
}

func encodeRecord(at time.Time, b []byte) []byte {
	out := strconv.AppendInt(nil, at.UnixMilli(), 10)
	out = append(append(append(out, '\n'), b...), '\n')
	return out
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
	b := encodeRecord(l.c.Now(), p.bytes)
	if err := l.kept.append(b); err != nil {
		return fmt.Errorf("keep a checkpoint: %w", err)
	}
	l.kept.take(record{published: p, from: l.kept.end, long: int64(len(b)), cosigned: cosigned})
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
	left := kept{path: l.kept.path, origin: l.kept.origin}
	if err := left.read(func(r record, _ int) { left.take(r) }); err != nil {
		return err
	}
	l.log.Error("the file of kept checkpoints was shortened or taken away by somebody else; it goes on from what is left", "organization", l.c.Organization,
		"file", left.path, "bytes", left.end, "before", l.kept.end)
	if newest := l.kept.newest; newest.Size > 0 {
		b := encodeRecord(l.c.Now(), newest.bytes)
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
		err = syncDir(filepath.Dir(k.path))
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
		enough := l.c.Quorum(p.bytes) // it asks for the keys of then, and takes its time
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
	if !ok || r.Size != at.size {
		return published{}, fmt.Errorf("%s: the checkpoint of size %d has changed on the disk", k.path, at.size)
	}
	return r.published, nil
}

func linesOf(b []byte) (lines []string) {
	for line := range bytes.Lines(b) {
		lines = append(lines, string(line))
	}
	return lines
}

// thin writes the file anew without the checkpoints that need not be kept, if that saves more than so many bytes.
func (l *Log) thin(worth int64) error {
	l.keep.Lock()
	defer l.keep.Unlock()
	t := thinning{now: l.c.Now(), newest: l.kept.newest.Size}
	saves := int64(0)
	if err := l.kept.read(func(r record, _ int) {
		if !t.keeps(r) {
			saves += r.long
		}
	}); err != nil || saves <= worth {
		return err
	}
	t = thinning{now: t.now, newest: t.newest}
	return l.kept.rewrite(t.keeps)
}

// thinning says what of old checkpoints is kept: all with cosignatures, of the others the first of each second, or minute.
type thinning struct {
	now    time.Time
	newest uint64
	last   time.Time // the second or minute of which one is kept
}

func (t *thinning) keeps(r record) bool {
	span := time.Second
	switch age := t.now.Sub(r.at); {
	case r.cosigned || r.Size == t.newest || age <= bySecond:
		return true
	case age > byMinute:
		span = time.Minute
	}
	at := r.at.Truncate(span)
	if at.Equal(t.last) {
		return false
	}
	t.last = at
	return true
}

// rewrite writes the file anew with the records that are to be kept.
func (k *kept) rewrite(keeps func(record) bool) error {
	f, err := os.OpenFile(k.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	next := kept{path: k.path, origin: k.origin}
	err = k.read(func(r record, _ int) {
		if keeps(r) {
			b := encodeRecord(r.at, r.bytes)
			_, _ = out.Write(b) // said by Flush
			r.from, r.long = next.end, int64(len(b))
			next.take(r)
		}
	})
	err = errors.Join(err, out.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(k.path+".new", k.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(k.path))
	}
	if err != nil {
		return fmt.Errorf("write the checkpoints anew: %w", err)
	}
	*k = next
	return nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return replace(to, b)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
