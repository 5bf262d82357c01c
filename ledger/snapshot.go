package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/ledger/tree"
)

// Snapshots keep what was folded from the entries in a file, so that a start folds only what came later. The file is a
// cache: one that is missing, damaged, of another history or another release is not used, and made again; the entries
// say the same. It is used only where its digest is the one in the head record, which the ledger wrote itself.
type Snapshots struct {
	Path string
	Live Folding // what [Config.Applied] folds the entries into
	// Fresh makes another one, into which nothing is folded yet. The one of a snapshot that is made while the ledger runs.
	Fresh func() Folding
	// Turn, which holds one, is taken while a snapshot is made aside: of ledgers that have it in common only one does that
	// at a time. Nil: no other is asked.
	Turn chan struct{}
	// Every is how many entries have to come before another one is taken, while the ledger runs; 0: 50,000. When it is
	// closed, a fiftieth is enough. Where there are many entries it takes more of them, or the work would grow with the
	// square of the history.
	Every uint64
}

// Folding is what entries are folded into: [projections.Fold] is one.
type Folding interface {
	// Apply takes in the entry that comes next.
	Apply(*chain.Entry)
	// Snapshot gives what was folded so far, in sections, the first of which is that of the [rules.State]. Entries wait
	// meanwhile.
	Snapshot() (position uint64, sections [][]byte)
	// Restore takes in sections, before any entry is applied. After an error nothing was taken in.
	Restore(sections [][]byte) error
}

const (
	snapshotOf      = "permledger snapshot"
	snapshotVersion = 1
	snapshotEvery   = 50_000

	// pieceSize is how much is hashed at once, in bytes. One call cannot be interrupted, and where the garbage collector
	// stops all goroutines for a moment, all of them would wait for a whole file.
	pieceSize = 256 << 10
)

// errUnused says why a snapshot is not used.
var errUnused = errors.New("it is not used")

// kept is a snapshot file that was read, and taken for the ledger's own.
type kept struct {
	position uint64
	cid      string // of the entry at position
	sections [][]byte
}

// due says whether it is time to take a snapshot: the last one covers what lies up to position keptAt.
func (s *Snapshots) due(position, keptAt uint64, closing bool) bool {
	if s == nil || position == 0 {
		return false
	}
	every := s.Every
	if every == 0 {
		every = snapshotEvery
	}
	if closing {
		return position-keptAt >= max(every/50, position/64, 1)
	}
	return position-keptAt >= max(every, position/8)
}

// write writes a snapshot: after a crash there is the old file or the new one, whole. It gives the file's digest.
func (s *Snapshots) write(k kept) (digest [32]byte, err error) {
	sum := sha256.New()
	f, err := os.OpenFile(s.Path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return digest, err
	}
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	b := snapshot.AppendHeader(nil, snapshotOf, snapshotVersion)
	b = snapshot.AppendString(snapshot.AppendUint(b, k.position), k.cid)
	_, err = w.Write(snapshot.AppendCount(b, len(k.sections)))
	for _, section := range k.sections {
		_, err1 := w.Write(snapshot.AppendCount(nil, len(section)))
		err = errors.Join(err, err1)
		for piece := range slices.Chunk(section, pieceSize) {
			_, err1 := w.Write(piece)
			err = errors.Join(err, err1)
		}
	}
	err = errors.Join(err, w.Flush())
	sum.Sum(digest[:0])
	_, err1 := f.Write(digest[:])
	if err = errors.Join(err, err1, f.Sync(), f.Close()); err == nil {
		err = os.Rename(s.Path+".new", s.Path)
	}
	if err != nil {
		return digest, err
	}
	dir, err := os.Open(filepath.Dir(s.Path))
	if err != nil {
		return digest, err
	}
	return digest, errors.Join(dir.Sync(), dir.Close())
}

// read gives the snapshot whose digest the head record has. Errors wrap errUnused where there is something to say of a
// file or of the record; none of either is no error.
func (s *Snapshots) read(head journal.Head) (*kept, error) {
	b, err := os.ReadFile(s.Path)
	recorded := head.Snapshot != [32]byte{}
	switch {
	case errors.Is(err, fs.ErrNotExist) && !recorded:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnused, err)
	case !recorded:
		return nil, fmt.Errorf("%w: the head record names none", errUnused)
	case len(b) < sha256.Size:
		return nil, fmt.Errorf("%w: it is cut off", errUnused)
	}
	b, end := b[:len(b)-sha256.Size], [32]byte(b[len(b)-sha256.Size:])
	hash, sum := sha256.New(), [32]byte{}
	for piece := range slices.Chunk(b, pieceSize) {
		hash.Write(piece)
	}
	if hash.Sum(sum[:0]); sum != end || sum != head.Snapshot {
		return nil, fmt.Errorf("%w: its digest is %x, the head record has %x", errUnused, sum[:8], head.Snapshot[:8])
	}
	r := snapshot.NewReader(b)
	r.Header(snapshotOf, snapshotVersion)
	k := &kept{position: r.Uint(), cid: r.String()}
	for range r.Count(1) {
		k.sections = append(k.sections, r.Bytes())
	}
	if k.position == 0 || k.position > head.Position || len(k.sections) == 0 {
		r.Fail("it is of position %d, the head record of %d", k.position, head.Position)
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnused, err)
	}
	return k, nil
}

// resume begins where the snapshot ends, if there is one that can be used: state, tree and verifier stand there then. The
// entries up to there are proven by the tree: their bytes are hashed, and neither parsed nor folded. Their root has to be
// the head record's, which is compared with it once all entries that it covers are there: see load.
func (l *Ledger) resume(ctx context.Context, head journal.Head) error {
	if l.c.Snapshots == nil {
		return nil
	}
	err := l.restore(ctx, l.c.Snapshots, head)
	if errors.Is(err, errUnused) {
		l.unused(err)
		l.roots, l.renew = tree.Roots{}, true
		return nil
	}
	return err
}

func (l *Ledger) unused(why error) {
	l.log.Warn("the snapshot is of no use; everything is made of the entries again", "organization", l.c.Organization, "snapshot", l.c.Snapshots.Path, "reason", why)
}

// restore changes nothing but the tree where it fails, nor where there is no snapshot.
func (l *Ledger) restore(ctx context.Context, s *Snapshots, head journal.Head) error {
	k, err := s.read(head)
	if k == nil {
		return err
	}
	raw, err := l.c.Journal.Read(k.position)
	if err != nil {
		return err
	}
	last := chain.Load(raw)
	if last.Err != nil || last.CID != k.cid {
		return fmt.Errorf("%w: it is of entry %s at %d, the journal has %s", errUnused, k.cid, k.position, last.CID)
	}
	for leaf, err := range chain.InOrder(runtime.GOMAXPROCS(0), l.records(1, k.position), func(r journal.Record) tree.Hash { return tree.Leaf(r.Entry) }) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.roots.Append(leaf)
	}
	root, _ := l.roots.Root(k.position)
	if k.position == head.Position && (root != head.Root || last.CID != head.CID) {
		return fmt.Errorf("%w: the entries before it have another root than the head record", errUnused)
	}
	state, err := rules.ReadSnapshot(k.sections[0])
	if err == nil && state.Position() != k.position {
		err = fmt.Errorf("its state is of position %d", state.Position())
	}
	if err == nil {
		err = s.Live.Restore(k.sections)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnused, err)
	}
	l.state, l.prev, l.head = state, k.cid, journal.Head{Position: k.position, CID: k.cid, Root: root}
	l.snapshot, l.keptAt = head.Snapshot, k.position
	var signers []string
	for _, key := range state.Keys() {
		if key.Purpose == events.PurposeEvent && key.Revoked == 0 {
			signers = append(signers, key.DID)
		}
	}
	l.s.verifier = *chain.Resume(last, signers, state.Key(events.PurposeRoot))
	return nil
}

// taken is what became of taking a snapshot.
type taken struct {
	position uint64
	digest   [32]byte
	err      error
}

// folded gives what the live folding has folded, and keeps every entry and every reader of the state waiting meanwhile.
func (l *Ledger) folded() kept {
	position, sections := l.c.Snapshots.Live.Snapshot()
	return kept{position, l.head.CID, sections}
}

// keepAtStart keeps what the start has folded, if that is much: nobody has to wait for it but the start itself, which
// does not wait for the disk.
func (l *Ledger) keepAtStart() {
	if l.c.Snapshots.due(l.head.Position, l.keptAt, false) {
		k := l.folded()
		l.taking = true
		go func() { l.taken <- l.c.Snapshots.keep(k) }()
	}
}

func (s *Snapshots) keep(k kept) taken {
	digest, err := s.write(k)
	return taken{k.position, digest, err}
}

// recordSnapshot has the head record name a snapshot that was written. A crash before leaves a file that it does not
// name, which the next start does not use. One that could not be written stops nobody.
func (l *Ledger) recordSnapshot(t taken) {
	l.taking = false
	if errors.Is(t.err, errGivenUp) {
		return
	}
	l.keptAt = t.position
	if t.err != nil {
		l.log.Warn("no snapshot was kept; the next start takes longer", "organization", l.c.Organization, "snapshot", l.c.Snapshots.Path, "error", t.err)
		return
	}
	l.snapshot, l.renew = t.digest, false
	if l.Err() == nil { // else the head must not be moved
		if err := l.storeHead(); err != nil {
			l.fail(err)
		}
	}
}
