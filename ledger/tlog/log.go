// Package tlog keeps the transparency log of one organization's ledger: the Merkle tree over its entries as tiles, and the
// checkpoints that were signed of it. It follows C2SP tlog-tiles, tlog-checkpoint and tlog-proof.
//
//	DIR/tile/<level>/<index>   full hash tiles, written once: aside, synced, renamed
//	DIR/checkpoints            the signed notes, appended and synced before they are published
//
// The journal's entry bundles are the log's: nothing is kept twice. Of tiles that are not full nothing is on disk: the
// right edge of the tree, at most 255 hashes of each level, is in memory, and made of the full tiles and the journal's
// last entries when the log is opened.
//
// # What is guaranteed
//
// A checkpoint is signed only of what the head record says, after it was stored, and only where the root that the ledger
// computed when it sealed the entries is the root over the bytes that are read back from the journal. Its signatures are
// verified and it is on disk before anybody sees it. None is signed of fewer entries than one before, nor with another
// root for the same: a log that would have to is not opened. Where the two roots differ nothing is signed, and the
// ledger is halted.
//
// Nothing on disk is believed. A tile is compared with the level above it, up to the edge, whose root is the head
// record's; one that does not fit, or is gone, is made of the journal again.
//
// All of it happens in a goroutine of the log's own: the ledger only tells it of its head record.
package tlog

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

var (
	// ErrForked says that the entries are not those of a checkpoint that was published: fewer, or others.
	ErrForked = errors.New("the history is not the one of a published checkpoint")
	// ErrDoubt says that the root of what was sealed is not the root of what the journal holds.
	ErrDoubt = errors.New("the journal's bytes give another root than was recorded")
	// ErrNoTile says that the log has no such tile under a published checkpoint.
	ErrNoTile = errors.New("no such tile")
	// ErrNoCheckpoint says that there is no checkpoint of this size, or none yet.
	ErrNoCheckpoint = errors.New("no such checkpoint")
	// ErrNoKey says that the ledger has no checkpoint key that this node holds.
	ErrNoKey = errors.New("the ledger has no checkpoint key that this node holds")
	// ErrNoWitnesses says that no witnesses are configured whose cosignatures would be enough.
	ErrNoWitnesses = errors.New("no witnesses are configured")
	// ErrClosed says that the log is closed.
	ErrClosed = errors.New("the log is closed")
)

// retry is how long the log waits after a failure, of the disk or of a signer, before it tries again.
const retry = time.Second

// keyless is how long it waits for a key that comes without an entry, as from another node.
const keyless = 10 * time.Second

// Config says what a log is made of.
type Config struct {
	Organization string // for what is said
	Dir          string
	Origin       string // names the log, for ever: the ledger's source
	Journal      *journal.Reader
	// Keys gives the public keys of the ledger that may sign a checkpoint of a size, whether this node holds them or not.
	Keys func(size uint64) []ed25519.PublicKey
	// Signers gives the keys that sign a checkpoint of a size: several while one takes the place of another. None: the
	// ledger has no checkpoint key there, or it is not here. They may be slow, and fail.
	Signers func(size uint64) ([]crypto.Signer, error)
	// Quorum says whether a checkpoint has enough cosignatures. Nil: no witnesses are known.
	Quorum func(note []byte) bool
	// Halt ends the writing of the ledger.
	Halt func(error)
	// Urge asks the ledger to store its head record now, for somebody waits. It must not wait.
	Urge func()
	// Publish is given every checkpoint after it is kept. It must not wait for long. Nil: nobody is told.
	Publish func(note []byte)
	// Mended is told in one line what was mended in the directory, and where what was there before is kept. Nil: nobody is told.
	Mended func(what, kept string)
	// Joined says that the ledger may have come from other nodes, so that a directory without a log is nothing that was lost.
	Joined bool
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: nothing is said
}

// Log is one organization's log. Its methods are safe for concurrent use.
type Log struct {
	c     Config
	log   *slog.Logger
	wake  chan struct{} // holds one
	quit  chan struct{}
	ended chan struct{} // the goroutine has ended
	once  sync.Once
	began bool
	thins sync.WaitGroup

	told sync.Mutex
	head journal.Head // the newest that the ledger told of

	// Of the goroutine, and of Open before it.
	ready    bool // the tree stands at what was told before; else it is to be made anew
	frontier tree.Frontier
	keyless  bool // it was said that there is no key
	halted   bool

	heal sync.Mutex // held while tiles are made again

	mu      sync.RWMutex
	size    uint64         // of the tree in memory: at least the newest checkpoint's
	edges   [8][]tree.Hash // of each level, the hashes behind the last full tile
	latest  published
	noKey   bool
	failing error         // why no checkpoint could be signed or kept the last time; nil: one could
	changed chan struct{} // closed when there is another checkpoint or cosignature

	keep sync.Mutex // over kept, held while it is written
	kept kept

	cosigning sync.Mutex // held while a cosignature is added
}

// published is the newest checkpoint. Size 0: none yet.
type published struct {
	note.Checkpoint
	bytes []byte
}

// New makes a log, which does nothing before [Log.Open] but take in what it is told.
func New(c Config) *Log {
	l := &Log{c: c, log: c.Logger, wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{})}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.c.Now == nil {
		l.c.Now = time.Now
	}
	return l
}

// Headed tells of the ledger's head record once that is stored. It does not wait.
func (l *Log) Headed(h journal.Head) {
	l.told.Lock()
	if h.Position >= l.head.Position {
		l.head = h
	}
	l.told.Unlock()
	l.poke()
}

func (l *Log) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Log) headed() journal.Head {
	l.told.Lock()
	defer l.told.Unlock()
	return l.head
}

// Open reads the checkpoints that are kept, and begins to make new ones. The ledger is open and has told of its head
// record. With [ErrForked] the ledger must not be written to: it is not the one that a checkpoint was published of.
func (l *Log) Open() error {
	if err := l.open(); err != nil {
		return fmt.Errorf("the log of %s: %w", l.c.Organization, err)
	}
	l.began = true
	l.thins.Go(l.thinOut)
	go l.run()
	return nil
}

// open looks at the newest checkpoint that is kept. Only where there is one does it wait for the tree: a ledger that is
// old and has none yet gets its tiles while it runs.
func (l *Log) open() error {
	_, gone := os.Stat(l.c.Dir)
	if err := l.openKept(); err != nil {
		return err
	}
	head := l.headed()
	if l.kept.newest.Size > 0 && !l.signed(l.kept.newest) {
		bad := flaws{1, fmt.Sprintf("the newest, of size %d, is not signed with a key of this ledger", l.kept.newest.Size)}
		if err := l.leaveOut(bad, func(r record) bool { return l.signed(r.published) }); err != nil {
			return err
		}
	}
	newest := l.kept.newest
	if newest.Size == 0 {
		if signers, err := l.c.Signers(head.Position); head.Position > 0 && err == nil && len(signers) > 0 && !(l.c.Joined && gone != nil) {
			l.missed(head)
		}
		return nil
	}
	if newest.Size > head.Position {
		return fmt.Errorf("%w: %d entries are here, a checkpoint of %d was signed: an old copy was put back, or the end was lost", ErrForked, head.Position, newest.Size)
	}
	if err := l.restart(head); err != nil {
		return err
	}
	edge, err := tree.Resume(reader{l, head.Position}, newest.Size)
	if err != nil {
		return err
	}
	if root := edge.Root(); root != newest.Root {
		return fmt.Errorf("%w: the first %d entries have the root %x, a checkpoint of them was signed with %x", ErrForked, newest.Size, root[:8], newest.Root[:8])
	}
	l.latest = newest
	return nil
}

// missed says that no checkpoint is kept of a history that had them. Nothing is refused: they are no copy of any entry.
func (l *Log) missed(head journal.Head) {
	what := fmt.Sprintf("no checkpoint is kept although the history has a checkpoint key and goes up to event %d: the newest is signed anew; cosigned ones that were only here are gone, and the witnesses have what they cosigned", head.Position)
	l.log.Error(what, "organization", l.c.Organization)
	if l.c.Mended != nil {
		l.c.Mended(what, "")
	}
}

// signed says whether a checkpoint is signed with a key of the ledger.
func (l *Log) signed(p published) bool {
	n, err := note.Parse(p.bytes)
	return err == nil && slices.ContainsFunc(l.c.Keys(p.Size), func(k ed25519.PublicKey) bool {
		_, err := n.Verify(note.LogKey(l.c.Origin, k))
		return err == nil
	})
}

// Close waits until what is under way has ended, and signs what was recorded last, if it can.
func (l *Log) Close() {
	l.once.Do(func() {
		close(l.quit)
		if l.began {
			<-l.ended
			l.thins.Wait()
			if !l.halted {
				_ = l.follow(l.headed()) // else the next start does it
			}
		}
		l.tell() // who waits is to look again
	})
}

// run follows the head record.
func (l *Log) run() {
	defer close(l.ended)
	var again <-chan time.Time
	for {
		var err error
		select {
		case <-l.quit:
			return
		case <-l.wake:
		case <-again:
		}
		again = nil
		err = l.follow(l.headed())
		l.mu.Lock()
		l.failing = err
		l.mu.Unlock()
		if err == nil {
			if l.keyless {
				again = time.After(keyless)
			}
			continue
		}
		if errors.Is(err, ErrDoubt) || errors.Is(err, ErrForked) {
			l.halted = true
			l.c.Halt(fmt.Errorf("no checkpoint was signed: %w", err))
			return
		}
		if errors.Is(err, ErrClosed) {
			return
		}
		l.log.Warn("no checkpoint could be signed; it is tried again", "organization", l.c.Organization, "error", err)
		again = time.After(retry)
	}
}

// follow brings tree and checkpoint to where the head record is.
func (l *Log) follow(head journal.Head) error {
	if head.Position == 0 {
		return nil
	}
	if !l.ready {
		if err := l.restart(head); err != nil {
			return err
		}
	}
	if err := l.grow(head.Position); err != nil {
		l.ready = false // where it stands is not certain
		return err
	}
	if root := l.frontier.Root(); root != head.Root {
		return fmt.Errorf("%w: %d entries, %x and %x", ErrDoubt, head.Position, root[:8], head.Root[:8])
	}
	return l.publish(note.Checkpoint{Origin: l.c.Origin, Size: head.Position, Root: head.Root})
}

// Err says why no checkpoint can be signed or kept now; nil: nothing is known to be in the way. The log tries again by itself.
func (l *Log) Err() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.failing
}

func (l *Log) closing() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}
