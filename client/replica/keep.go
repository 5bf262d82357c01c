package replica

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/projections/access"
)

// Files in the directory of a replica.
const (
	keptFile     = "checkpoint.json"
	snapshotFile = "snapshot"
	lockFile     = "lock"
)

const (
	snapshotOf      = "permledger replica"
	snapshotVersion = 1
)

// kept is the largest checkpoint that was found to be of the entries. It outlives the process: a history that is put back,
// or another one, is known by it.
type kept struct {
	Genesis    string    `json:"genesis"`
	Checkpoint string    `json:"checkpoint"`
	At         time.Time `json:"at"` // of the last entry that it covers
	n          uint64
}

func (k *kept) size() uint64 { return k.n }

// errUnused says why a snapshot is not used.
var errUnused = errors.New("it is not used")

// load takes in what is kept, and takes the directory for this replica.
func (r *Replica) load() (err error) {
	if err := os.MkdirAll(r.o.Dir, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(r.o.Dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	r.unlock = func() { _ = lock.Close() } // and gives up the lock
	defer func() {
		if err != nil {
			r.unlock()
		}
	}()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%w %s", ErrInUse, r.o.Dir)
	}
	r.fold = fold{state: rules.New(), verifier: new(chain.Verifier), judge: judge{ahead: map[uint64][]byte{}, accepted: r.o.Policy == nil}}
	if err := r.loadKept(); err != nil {
		return err
	}
	err = r.restore()
	if errors.Is(err, errUnused) {
		r.log.Warn("the snapshot is of no use: every entry is read and verified again", "reason", err)
		r.index = access.New()
		err = nil
	}
	return err
}

// loadKept reads the checkpoint that is kept. One that cannot be read is not passed over: without it nobody could tell that a
// history was put back.
func (r *Replica) loadKept() error {
	path := filepath.Join(r.o.Dir, keptFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var c note.Checkpoint
	if err = json.Unmarshal(b, &r.kept); err == nil {
		_, c, err = note.ReadCheckpoint([]byte(r.kept.Checkpoint))
	}
	switch {
	case err != nil:
		return &Fault{Kind: Damaged, What: path + " cannot be read; remove it, and only it, where you know why", Err: err}
	case events.Organization(c.Origin) != r.o.Organization:
		return &Fault{Kind: Damaged, What: fmt.Sprintf("%s is of the ledger %s", path, c.Origin)}
	case r.o.Genesis != "" && r.o.Genesis != r.kept.Genesis:
		return &Fault{Kind: Damaged, What: fmt.Sprintf("%s is of a ledger that begins with %s; %s is wanted", path, r.kept.Genesis, r.o.Genesis)}
	}
	r.kept.n, r.owed = c.Size, true
	return nil
}

// restore takes in the snapshot, where there is one that can be used. Nothing was taken in where it fails, but of the index.
func (r *Replica) restore() error {
	b, err := os.ReadFile(filepath.Join(r.o.Dir, snapshotFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(b) < sha256.Size || sha256.Sum256(b[:len(b)-sha256.Size]) != [32]byte(b[len(b)-sha256.Size:]):
		return fmt.Errorf("%w: its digest is another", errUnused)
	case !r.owed:
		return fmt.Errorf("%w: no checkpoint is kept to hold it against", errUnused)
	}
	in := snapshot.NewReader(b[:len(b)-sha256.Size])
	in.Header(snapshotOf, snapshotVersion)
	last, hashes, folded, indexed := in.Bytes(), in.Bytes(), in.Bytes(), in.Bytes()
	if err := in.Close(); err != nil {
		return fmt.Errorf("%w: %w", errUnused, err)
	}
	var roots tree.Roots
	leaves := make([]tree.Hash, len(hashes)/len(tree.Hash{}))
	for i := range leaves {
		copy(leaves[i][:], hashes[i*len(tree.Hash{}):])
		roots.Append(leaves[i])
	}
	at := uint64(len(leaves))
	_, c, err := note.ReadCheckpoint([]byte(r.kept.Checkpoint))
	if err != nil {
		return err
	}
	if root, ok := roots.Root(c.Size); !ok || root != c.Root {
		return fmt.Errorf("%w: its %d entries do not have the root of the checkpoint of %d that is kept", errUnused, at, c.Size)
	}
	p := chain.Load(bytes.Clone(last))
	if p.Err != nil || p.Entry.Event.Sequence != at || tree.Leaf(last) != leaves[at-1] {
		return fmt.Errorf("%w: its last entry is not the last leaf of its tree", errUnused)
	}
	state, err := rules.ReadSnapshot(folded)
	if err == nil && state.Position() != at {
		err = fmt.Errorf("its state is of position %d, its tree of %d", state.Position(), at)
	}
	if err == nil {
		err = r.index.ReadSnapshot(indexed)
	}
	if err == nil && r.index.Head().Position != at {
		err = fmt.Errorf("its index is of position %d, its tree of %d", r.index.Head().Position, at)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnused, err)
	}
	genesis, _ := r.index.At(1)
	if genesis.CID != r.kept.Genesis {
		return fmt.Errorf("%w: it begins with %s, the ledger with %s", errUnused, genesis.CID, r.kept.Genesis)
	}
	var signers []string
	for _, key := range state.Keys() {
		if key.Purpose == events.PurposeEvent && key.Revoked == 0 {
			signers = append(signers, key.DID)
		}
	}
	r.tree, r.leaves, r.state, r.last = roots, leaves, state, p.Entry.Bytes()
	r.verifier = chain.Resume(p, signers, state.Key(events.PurposeRoot))
	r.keptAt, r.owed = at, false
	if r.o.Policy != nil {
		_, err := r.o.Policy.Verify([]byte(r.kept.Checkpoint))
		r.accepted = err == nil
	}
	s := &r.status
	s.Position, s.CID, s.Source, s.Genesis, s.Checkpoint = at, p.CID, p.Entry.Event.Source, genesis.CID, c.Size
	return nil
}

// keepCheckpoint writes the checkpoint that is to be kept.
func (r *Replica) keepCheckpoint() error {
	if r.kept.n == 0 {
		return nil
	}
	b, err := json.MarshalIndent(r.kept, "", "  ")
	if err != nil {
		return err
	}
	return synced.WriteFile(filepath.Join(r.o.Dir, keptFile), append(b, '\n'), 0o600)
}

// keepNow writes the checkpoint and then what was folded, which is used only under a checkpoint that is kept.
func (r *Replica) keepNow() error {
	at := uint64(len(r.leaves))
	if r.kept.n == 0 || r.owed {
		return nil
	}
	if err := r.keepCheckpoint(); err != nil {
		return fmt.Errorf("keep the checkpoint: %w", err)
	}
	if at == r.keptAt {
		return nil
	}
	b := snapshot.AppendHeader(nil, snapshotOf, snapshotVersion)
	b = snapshot.AppendBytes(b, r.last)
	b = snapshot.AppendCount(b, len(r.leaves)*len(tree.Hash{}))
	for i := range r.leaves {
		b = append(b, r.leaves[i][:]...)
	}
	b = snapshot.AppendBytes(b, r.state.AppendSnapshot(nil))
	b = snapshot.AppendBytes(b, r.index.AppendSnapshot(nil))
	sum := sha256.Sum256(b)
	if err := synced.WriteFile(filepath.Join(r.o.Dir, snapshotFile), append(b, sum[:]...), 0o600); err != nil {
		return fmt.Errorf("keep what was folded: %w", err)
	}
	r.keptAt = at
	return nil
}

// due says whether what was folded is to be kept now. Where there is much of it that takes more entries, or the work would
// grow with the square of the history.
func (r *Replica) due() bool {
	at := uint64(len(r.leaves))
	return at-r.keptAt >= max(r.o.SnapshotEvery, at/8)
}
