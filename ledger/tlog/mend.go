package tlog

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/note"
)

// Flawed says what is wrong with the checkpoints that a log's directory keeps, in one line: records that are not as they
// were written, and those of which holds gives an error. Empty: nothing is.
func Flawed(dir, origin string, holds func(c note.Checkpoint, note []byte) error) (string, error) {
	k := kept{path: filepath.Join(dir, fileName), origin: origin}
	var more flaws
	bad, err := k.read(0, math.MaxInt64, func(r record) {
		if err := holds(r.Checkpoint, r.bytes); err != nil {
			more.add(r.from, "the checkpoint of size %d: %v", r.Size, err)
		}
	})
	if err != nil {
		return "", fmt.Errorf("read the checkpoints that are kept: %w", err)
	}
	if bad.n == 0 {
		bad.first = more.first
	}
	if bad.n += more.n; bad.n == 0 {
		return "", nil
	}
	return bad.String(), nil
}

// Mend writes the file of checkpoints anew without what [Flawed] finds, and keeps the file before aside.
func Mend(dir, origin, aside string, holds func(c note.Checkpoint, note []byte) error) error {
	k := kept{path: filepath.Join(dir, fileName), origin: origin}
	return k.mend(aside, func(r record) bool { return holds(r.Checkpoint, r.bytes) == nil })
}

// mend gives the file a second name, and writes it anew with the records that are to be kept.
func (k *kept) mend(aside string, keeps func(record) bool) error {
	if err := os.Link(k.path, aside); err != nil {
		return fmt.Errorf("set damaged checkpoints aside: %w", err)
	}
	r, err := k.begin()
	if err != nil {
		return err
	}
	r.copy(k, 0, math.MaxInt64, keeps)
	return r.end(k)
}

// rewriting is a file of checkpoints that is to take the place of another.
type rewriting struct {
	file *os.File
	out  *bufio.Writer
	next kept
	err  error
}

func (k *kept) begin() (*rewriting, error) {
	f, err := os.OpenFile(k.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write the checkpoints anew: %w", err)
	}
	return &rewriting{file: f, out: bufio.NewWriter(f), next: kept{path: k.path, origin: k.origin, turn: k.turn}}, nil
}

// copy takes over what is to be kept of the old file between two places.
func (w *rewriting) copy(k *kept, from, to int64, keeps func(record) bool) {
	_, err := k.read(from, to, func(r record) {
		if keeps(r) {
			b := Record(r.at, r.bytes)
			_, _ = w.out.Write(b) // said by Flush
			r.from, r.long = w.next.end, int64(len(b))
			w.next.take(r)
		}
	})
	w.err = errors.Join(w.err, err, w.out.Flush(), w.file.Sync())
}

// end puts the new file in the place of the old one.
func (w *rewriting) end(k *kept) error {
	err := errors.Join(w.err, w.file.Close())
	if err == nil {
		err = os.Rename(k.path+".new", k.path)
	}
	if err == nil {
		err = synced.Dir(filepath.Dir(k.path))
	}
	if err != nil {
		return fmt.Errorf("write the checkpoints anew: %w", err)
	}
	*k = w.next
	return nil
}
