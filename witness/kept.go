package witness

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// keep is how many of a log's newest checkpoints are remembered at least, some 20 MB in the file: against any of them a
// later one of the same size is held. Older ones need not be: the newest is consistent with them.
const keep = 50_000

// ending is what stands behind each note in the file: a form feed, which no note contains, the SHA-256 of the note in hex,
// and a newline.
const ending = 1 + 2*sha256.Size + 1

func end(raw []byte) string { return fmt.Sprintf("\f%x\n", sha256.Sum256(raw)) }

// log is what a witness knows of one log.
type log struct {
	origin string
	dir    string
	keys   []note.Key // of the log, at least one
	own    note.Key   // of the witness
	keep   int

	mu       sync.Mutex // held while a checkpoint is judged, stored and cosigned: one after the other
	f        *os.File
	size     int64            // of the file
	broken   error            // a write or sync failed: what the disk holds is not known
	evidence string           // the file that says that the log forked
	latest   *cosigned        // nil: nothing was cosigned yet
	seen     map[uint64]place // what a key of the log signed, by size
	order    []uint64         // the sizes in seen, as they came
}

// cosigned is the newest checkpoint with our cosignature.
type cosigned struct {
	note *note.Note
	note.Checkpoint
}

// place is where in the file a note stands.
type place struct {
	root tree.Hash
	at   int64
	n    int
}

func (l *log) open() error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(escape(l.dir), "equivocation-*.txt"))
	if err != nil {
		return err
	}
	if len(files) > 0 {
		l.evidence = files[0]
	}
	if l.f, err = os.OpenFile(l.path(), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := errors.Join(synced.Dir(l.dir), synced.Dir(filepath.Dir(l.dir))); err != nil {
		return err
	}
	b, err := io.ReadAll(l.f)
	if err != nil {
		return err
	}
	if err := l.read(b); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, l.path(), err)
	}
	if l.size < int64(len(b)) {
		return l.mend(b[l.size:])
	}
	// What a crash left may be in memory alone: it must be on the disk before anything is built on it.
	return l.f.Sync()
}

// mend cuts off a last write that did not come to its end. If it has our cosignature all the same, it is written again: it
// may be one that was answered, and that the disk has spoilt since.
func (l *log) mend(torn []byte) error {
	if err := errors.Join(l.f.Truncate(l.size), l.f.Sync()); err != nil {
		return err
	}
	raw, _, _ := bytes.Cut(torn, []byte("\f"))
	for i := len(raw); i > 0; i = bytes.LastIndexByte(raw[:i-1], '\n') + 1 {
		n, c, err := note.ReadCheckpoint(raw[:i])
		if err != nil || c.Origin != l.origin {
			continue
		}
		if _, err := n.Verify(l.own); err != nil {
			continue
		}
		if err := l.store(n, c); err != nil {
			return err
		}
		if c.Size >= l.length() {
			l.latest = &cosigned{n, c}
		}
		return nil
	}
	return nil
}

func (l *log) path() string { return filepath.Join(l.dir, "notes") }

// read takes in the notes of the file, up to a last one that has no ending. Of the newest cosigned one our own cosignature
// says that a key of the log had signed it: keys of the log may have been replaced since.
func (l *log) read(b []byte) error {
	l.seen, l.order, l.latest, l.size = map[uint64]place{}, nil, nil, 0
	for {
		raw, rest, _ := bytes.Cut(b, []byte("\f"))
		if len(rest) < ending-1 {
			break
		}
		if b = rest[ending-1:]; "\f"+string(rest[:ending-1]) != end(raw) {
			return fmt.Errorf("at byte %d: the note and its digest differ", l.size)
		}
		n, c, err := note.ReadCheckpoint(raw)
		if err != nil {
			return err
		}
		if c.Origin != l.origin {
			return fmt.Errorf("a checkpoint of %s", c.Origin)
		}
		l.remember(c, len(raw))
		if len(n.Only(l.own).Signatures) > 0 && c.Size >= l.length() {
			l.latest = &cosigned{n, c}
		}
	}
	if l.latest != nil {
		if _, err := l.latest.note.Verify(l.own); err != nil {
			return fmt.Errorf("the newest checkpoint, of size %d: %w", l.latest.Size, err)
		}
	}
	return nil
}

// remember takes in a note of n bytes that ends the file.
func (l *log) remember(c note.Checkpoint, n int) {
	if _, ok := l.seen[c.Size]; !ok {
		l.order = append(l.order, c.Size)
	}
	l.seen[c.Size] = place{root: c.Root, at: l.size, n: n}
	l.size += int64(n + ending)
}

// store keeps a checkpoint, on the disk when it returns. It is called with the lock held.
func (l *log) store(n *note.Note, c note.Checkpoint) error {
	if l.broken != nil {
		return fmt.Errorf("an earlier write failed, start again: %w", l.broken)
	}
	if len(l.order) >= 2*l.keep {
		if err := l.shorten(); err != nil {
			return err
		}
	}
	b := n.Bytes()
	_, err := l.f.WriteAt(append(bytes.Clone(b), end(b)...), l.size)
	if err == nil {
		err = l.f.Sync()
	}
	if err != nil {
		l.broken = err
		return err
	}
	l.remember(c, len(b))
	return nil
}

// shorten writes the newest notes to a new file, which takes the place of the old one. The newest cosigned one stays.
func (l *log) shorten() error {
	sizes := l.order[len(l.order)-l.keep:]
	if l.latest != nil && !slices.Contains(sizes, l.latest.Size) {
		sizes = append([]uint64{l.latest.Size}, sizes...)
	}
	var b []byte
	for _, size := range sizes {
		raw, err := l.raw(l.seen[size])
		if err != nil {
			return err
		}
		b = append(append(b, raw...), end(raw)...)
	}
	if err := synced.WriteFile(l.path(), b, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path(), os.O_RDWR, 0o600)
	if err != nil {
		l.broken = err
		return err
	}
	latest := l.latest // with its newest cosignature, which may not be in the file
	if err := errors.Join(l.f.Close(), l.read(b)); err != nil {
		l.f, l.broken = f, err
		return err
	}
	l.f, l.latest = f, latest
	return nil
}

func (l *log) raw(p place) ([]byte, error) {
	b := make([]byte, p.n)
	_, err := l.f.ReadAt(b, p.at)
	return b, err
}

// other gives the note that was seen of the same size with another root; nil: there is none. A note that no key we know
// has signed is not given: the disk changed it, which is no evidence against anybody.
func (l *log) other(c note.Checkpoint) *note.Note {
	p, ok := l.seen[c.Size]
	if !ok || p.root == c.Root {
		return nil
	}
	raw, err := l.raw(p)
	if err != nil {
		return nil
	}
	n, err := note.Parse(raw)
	if err != nil || !l.signed(n) {
		return nil
	}
	return n
}

func (l *log) signed(n *note.Note) bool {
	return slices.ContainsFunc(append(slices.Clone(l.keys), l.own), func(key note.Key) bool {
		_, err := n.Verify(key)
		return err == nil
	})
}

// length gives the size of the newest cosigned checkpoint; 0: there is none.
func (l *log) length() uint64 {
	if l.latest == nil {
		return 0
	}
	return l.latest.Size
}

func (l *log) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	l.broken = fs.ErrClosed
	return l.f.Close()
}
