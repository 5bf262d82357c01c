package tlog_test

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

func TestCheckpointsFollowTheEntries(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	for _, n := range []int{1, 1, 253, 1, 1, 255, 300, 700} {
		if c := w.write(n); c.Size != w.roots.Size() {
			t.Fatalf("a checkpoint of size %d, want %d", c.Size, w.roots.Size())
		}
		w.whole()
	}
	// A tile can be had in every width that a checkpoint had, and none beyond the newest.
	whole, err := w.log.Tile(tree.Tile{Width: 256})
	if err != nil {
		t.Fatal(err)
	}
	for width := 1; width <= 256; width++ {
		b, err := w.log.Tile(tree.Tile{Width: width})
		if err != nil || !bytes.Equal(b, whole[:32*width]) {
			t.Fatalf("width %d is no beginning of the full tile: %v", width, err)
		}
	}
	size := w.roots.Size()
	for _, tile := range []tree.Tile{
		{Index: size / 256, Width: int(size%256) + 1}, {Index: size/256 + 1, Width: 1}, {Level: 1, Width: int(size/256) + 1}, {Level: 2, Width: 1},
		{Width: 0}, {Width: 257}, {Level: 63, Width: 1},
	} {
		if b, err := w.log.Tile(tile); !errors.Is(err, tlog.ErrNoTile) {
			t.Errorf("%+v of a tree of %d: %d bytes, %v", tile, size, len(b), err)
		}
	}
	if n := len(w.published(8)); n != 8 {
		t.Errorf("%d checkpoints were shown, want 8", n)
	}
}

func TestNothingIsSignedBeforeTheHeadRecord(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	w.write(3)
	w.record(2) // in the journal, and in no head record
	if _, err := w.log.SignAt(4); !errors.Is(err, tlog.ErrNoCheckpoint) {
		t.Errorf("a checkpoint beyond the head record: %v", err)
	}
	if _, c, _ := w.log.Latest(); c.Size != 3 {
		t.Errorf("the newest checkpoint is of size %d, want 3", c.Size)
	}
}

// TestResume closes and kills the log at many sizes, and opens it again.
func TestResume(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	for _, n := range []int{1, 255, 1, 255, 256, 3000} {
		w.write(n)
		w.log.Close()
		w.mustOpen()
		if _, c, ok := w.log.Latest(); !ok || c.Size != w.roots.Size() {
			t.Fatalf("after a start the newest checkpoint is of size %d, %v; want %d at once", c.Size, ok, w.roots.Size())
		}
		w.whole()
		// Killed with entries that had no checkpoint yet.
		w.log.Close()
		w.record(5)
		w.mustOpen()
		w.await(w.roots.Size())
		w.whole()
	}
	if n := w.said.count("level="); n != 0 {
		t.Errorf("%d lines about starts that are as they should be:\n%s", n, w.said)
	}
}

// TestKilledBetweenTwoTiles takes away the newest tiles and checkpoints, in the order in which a crash does.
func TestKilledBetweenTwoTiles(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	w.write(600)
	w.log.Close()
	w.record(600) // up to 1200, of which nothing was done
	w.mustOpen()
	w.await(1200)
	w.log.Close()
	kept, err := os.ReadFile(filepath.Join(w.dir, "log", "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(kept, []byte("\n1200\n"))
	for cut := at - len("1772366400000 0011223344556677\n"+origin); cut < len(kept); cut += 11 {
		if err := os.WriteFile(filepath.Join(w.dir, "log", "checkpoints"), kept[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		for _, tile := range []string{"002", "003"} {
			_ = os.Remove(filepath.Join(w.dir, "log", "tile", "0", tile))
		}
		_ = os.WriteFile(filepath.Join(w.dir, "log", "tile", "0", "003.new"), []byte("half"), 0o600)
		w.mustOpen()
		w.await(1200)
		w.whole()
		w.log.Close()
		again, _ := os.ReadFile(filepath.Join(w.dir, "log", "checkpoints"))
		if !bytes.Equal(again, kept) {
			t.Fatalf("cut at %d: other checkpoints are kept than before:\n%s", cut, again)
		}
	}
	if n := w.said.count("level="); n != 0 {
		t.Errorf("%d lines about what a crash leaves:\n%s", n, w.said)
	}
}

// TestDamagedTiles damages tiles of all levels in all ways.
func TestDamagedTiles(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	const size = 66_100 // a full tile of level 1
	for w.roots.Size() < size {
		w.record(500)
	}
	w.log.Headed(w.head())
	w.await(size)
	w.whole()
	tiles := []string{"tile/0/000", "tile/0/017", "tile/0/255", "tile/0/256", "tile/0/257", "tile/1/000"}
	whole := map[string][]byte{}
	for _, path := range tiles {
		whole[path], _ = os.ReadFile(filepath.Join(w.dir, "log", path))
	}
	rapid.Check(t, func(rt *rapid.T) {
		open := rapid.Bool().Draw(rt, "while it is open")
		if !open {
			w.log.Close()
		}
		for _, at := range rapid.SliceOfNDistinct(rapid.SampledFrom(tiles), 1, 3, rapid.ID).Draw(rt, "tiles") {
			path := filepath.Join(w.dir, "log", filepath.FromSlash(at))
			b, err := os.ReadFile(path)
			if err != nil {
				rt.Fatal(err)
			}
			switch rapid.SampledFrom([]string{"bit", "cut", "longer", "lost", "zeros"}).Draw(rt, "damage") {
			case "bit":
				b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			case "cut":
				b = b[:rapid.IntRange(0, len(b)-1).Draw(rt, "length")]
			case "longer":
				b = append(b, 0)
			case "zeros":
				clear(b)
			case "lost":
				b = nil
				_ = os.Remove(path)
			}
			if b != nil {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					rt.Fatal(err)
				}
			}
		}
		before := w.said.count("\n")
		if !open {
			w.mustOpen()
		}
		for _, path := range tiles {
			tile, _, _ := tree.ParseTile(path)
			b, err := w.log.Tile(tile)
			stored, _ := os.ReadFile(filepath.Join(w.dir, "log", path))
			if err != nil || !bytes.Equal(b, whole[path]) || !bytes.Equal(stored, b) {
				rt.Fatalf("%s is not as it was: %v", path, err)
			}
		}
		if w.said.count("\n") == before {
			rt.Fatalf("nothing was said of the damage")
		}
	})
}

func TestTheHistoryOfACheckpointIsTheOnlyOne(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"fewer entries": func(w *world) { w.other(t, 299, 0) },
		"other entries": func(w *world) { w.other(t, 400, 300) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustOpen()
			w.write(300)
			w.log.Close()
			change(w)
			if err := w.open(); !errors.Is(err, tlog.ErrForked) {
				t.Fatalf("the log is opened: %v", err)
			}
			w.log.Close()
		})
	}
}

// other puts another journal in place, of n entries of which one is different; 0: none.
func (w *world) other(t *testing.T, n, different uint64) {
	t.Helper()
	w.journal.Close()
	if err := os.RemoveAll(filepath.Join(w.dir, "journal")); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.journal, err = journal.Open(filepath.Join(w.dir, "journal"), journal.Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	w.roots = tree.Roots{}
	for p := uint64(1); p <= n; p++ {
		e := entryOf(p)
		if p == different {
			e = []byte("another")
		}
		if _, err := w.journal.Append([][]byte{e}); err != nil {
			t.Fatal(err)
		}
		w.roots.Append(tree.Leaf(e))
	}
}

func TestADifferentRootIsNeverSigned(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	before := w.write(10)
	w.record(1)
	head := w.head()
	head.Root[0] ^= 1 // what the ledger sealed is not what the journal gives back
	w.log.Headed(head)
	w.until("the ledger is halted", func() bool { return w.wasHalted() != nil })
	if err := w.wasHalted(); !errors.Is(err, tlog.ErrDoubt) {
		t.Errorf("halted for %v", err)
	}
	if _, c, _ := w.log.Latest(); c != before {
		t.Errorf("the newest checkpoint is %+v", c)
	}
}

// TestTwoNodes has two logs of the same ledger and key: whoever is ahead, what they sign at a size is the same.
func TestTwoNodes(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	a.mustOpen()
	b.mustOpen()
	a.write(10)
	b.write(3)
	b.write(4)
	a.write(290)
	b.write(293)
	seen := map[uint64][]byte{}
	for _, n := range slices.Concat(a.published(2), b.published(3)) {
		parsed, err := note.Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		c, err := note.ParseCheckpoint(parsed.Text)
		if err != nil {
			t.Fatal(err)
		}
		if have, ok := seen[c.Size]; ok && !bytes.Equal(have, n) {
			t.Errorf("two checkpoints of size %d", c.Size)
		}
		seen[c.Size] = n
	}
	if len(seen) != 4 {
		t.Errorf("%d sizes, want 10, 3, 7 and 300", len(seen))
	}
}

func TestSignAt(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	w.write(300)
	first := w.published(1)[0]
	w.write(300)
	if b, err := w.log.SignAt(300); err != nil || !bytes.Equal(b, first) {
		t.Errorf("the checkpoint of size 300 is signed again as\n%s, %v; it was\n%s", b, err, first)
	}
	for size := uint64(1); size <= 600; size += 37 {
		b, err := w.log.SignAt(size)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := note.Parse(b)
		root, _ := w.roots.Root(size)
		if n.Text != (note.Checkpoint{Origin: origin, Size: size, Root: root}).Text() {
			t.Errorf("the checkpoint of size %d is\n%s", size, b)
		}
	}
	for _, size := range []uint64{0, 601} {
		if _, err := w.log.SignAt(size); !errors.Is(err, tlog.ErrNoCheckpoint) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func TestRotatedKeys(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	w.write(3)
	w.log.Close()
	w.keys = []crypto.Signer{signer("log"), signer("next")} // both sign
	w.mustOpen()
	w.write(3)
	w.whole()
	w.log.Close()
	w.keys = w.keys[1:]
	w.mustOpen()
	w.write(3)
	w.whole()
}

func TestNoKey(t *testing.T) {
	w := newWorld(t)
	keys := w.keys
	w.keys = nil
	w.record(3)
	w.mustOpen()
	if _, _, err := w.log.Committed(t.Context(), 3); !errors.Is(err, tlog.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, _, ok := w.log.Latest(); ok {
		t.Error("there is a checkpoint without a key")
	}
	w.log.Close()
	w.keys = keys // registered by an entry, say
	w.mustOpen()
	w.write(1)
	w.whole()
}

// broken is a signer program that signs something else.
type broken struct{ crypto.Signer }

func (b broken) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	return b.Signer.Sign(r, append(message, '!'), o)
}

func TestASignatureThatDoesNotHoldIsNotPublished(t *testing.T) {
	w := newWorld(t)
	w.keys = []crypto.Signer{broken{signer("log")}}
	w.mustOpen()
	w.record(3)
	w.log.Headed(w.head())
	w.until("the failure is said", func() bool { return w.said.count("no checkpoint could be signed") > 0 })
	if _, _, ok := w.log.Latest(); ok {
		t.Error("a checkpoint with a wrong signature is published")
	}
}
