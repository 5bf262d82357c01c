package tlog_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

const origin = "ledger.example/acme"

// world is a ledger as its log sees it: a journal, and a head record that is told.
type world struct {
	t       testing.TB
	dir     string
	journal *journal.Journal
	roots   tree.Roots // of what was sealed
	keys    []crypto.Signer
	log     *tlog.Log
	said    *lines
	quorum  func([]byte) bool

	mu     sync.Mutex
	halted error
	urged  int
	shown  [][]byte
	now    time.Time
}

func signer(seed string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

func publicKey(k crypto.PublicKey) ed25519.PublicKey { return k.(ed25519.PublicKey) }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), keys: []crypto.Signer{signer("log")}, said: &lines{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	if w.journal, err = journal.Open(filepath.Join(w.dir, "journal"), journal.Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.journal.Close() })
	return w
}

// open opens the log, as a start does after the ledger.
func (w *world) open() error {
	w.halted = nil
	w.log = tlog.New(w.config())
	w.log.Headed(w.head())
	return w.log.Open()
}

func (w *world) config() tlog.Config {
	return tlog.Config{
		Organization: "acme", Dir: filepath.Join(w.dir, "log"), Origin: origin, Journal: w.journal.Reader, Quorum: w.quorum,
		Keys: func(uint64) (all []ed25519.PublicKey) {
			for _, k := range w.keys {
				all = append(all, k.Public().(ed25519.PublicKey))
			}
			return all
		},
		Signers: func(uint64) ([]crypto.Signer, error) { return w.keys, nil },
		Halt:    func(err error) { w.mu.Lock(); w.halted = err; w.mu.Unlock() },
		Urge:    func() { w.mu.Lock(); w.urged++; w.mu.Unlock() },
		Publish: func(b []byte) { w.mu.Lock(); w.shown = append(w.shown, b); w.mu.Unlock() },
		Now:     func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Logger:  slog.New(slog.NewTextHandler(w.said, nil)),
	}
}

// published gives the checkpoints that were shown, once there are so many. They are shown after they can be had.
func (w *world) published(n int) (shown [][]byte) {
	w.t.Helper()
	w.until("the checkpoints are shown", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		shown = slices.Clone(w.shown)
		return len(shown) >= n
	})
	return shown
}

func (w *world) mustOpen() {
	w.t.Helper()
	if err := w.open(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.log.Close)
}

func entryOf(n uint64) []byte { return fmt.Appendf(nil, "entry %d", n) }

// record appends entries, without telling the log.
func (w *world) record(n int) {
	w.t.Helper()
	var group [][]byte
	for range n {
		e := entryOf(w.roots.Size() + 1)
		w.roots.Append(tree.Leaf(e))
		group = append(group, e)
	}
	if _, err := w.journal.Append(group); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) head() journal.Head {
	root, _ := w.roots.Root(w.roots.Size())
	return journal.Head{Position: w.roots.Size(), CID: "cid", Root: root}
}

// write records entries, and waits for their checkpoint.
func (w *world) write(n int) note.Checkpoint {
	w.t.Helper()
	w.record(n)
	w.log.Headed(w.head())
	return w.await(w.roots.Size())
}

func (w *world) await(size uint64) note.Checkpoint {
	w.t.Helper()
	_, c, err := w.log.Committed(w.t.Context(), size)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// until waits for a condition.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain: %s\n%s", what, w.said)
		}
	}
}

func (w *world) wasHalted() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.halted
}

// whole reads every tile of the newest checkpoint, and proves each entry.
func (w *world) whole() {
	w.t.Helper()
	b, c, ok := w.log.Latest()
	if !ok {
		w.t.Fatal("there is no checkpoint")
	}
	root, _ := w.roots.Root(c.Size)
	if c.Root != root {
		w.t.Fatalf("the checkpoint of size %d has another root", c.Size)
	}
	n, err := note.Parse(b)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range w.keys {
		if _, err := n.Verify(note.LogKey(origin, k.Public().(ed25519.PublicKey))); err != nil {
			w.t.Fatal(err)
		}
	}
	var above [9][]tree.Hash
	for tile := range tree.Tiles(c.Size) {
		b, err := w.log.Tile(tile)
		if err != nil {
			w.t.Fatalf("%s: %v", tile.Path(), err)
		}
		if tile.Level == 0 {
			entries, err := w.log.Entries(tile.Index, tile.Width)
			if err != nil {
				w.t.Fatal(err)
			}
			for i := range tile.Width {
				n := int(entries[0])<<8 | int(entries[1])
				if leaf := tree.Leaf(entries[2 : 2+n]); leaf != tree.Hash(b[32*i:32*i+32]) {
					w.t.Fatalf("%s has another leaf at %d", tile.Path(), i)
				}
				entries = entries[2+n:]
			}
		} else {
			for i := range tile.Width {
				if want := above[tile.Level][tile.Index*256+uint64(i)]; want != tree.Hash(b[32*i:32*i+32]) {
					w.t.Fatalf("%s has another hash at %d than the tile below it", tile.Path(), i)
				}
			}
		}
		if tile.Width == 256 {
			sum, _ := tree.SumTile(b)
			above[tile.Level+1] = append(above[tile.Level+1], sum)
		}
	}
	edge, err := tree.Resume(w.log, c.Size)
	if err != nil || edge.Root() != c.Root {
		w.t.Fatalf("the tiles give another root than the checkpoint (%v)", err)
	}
}

// lines is what the log said.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) count(what string) int { return strings.Count(l.String(), what) }
