package node_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/node"
)

// What becomes of a directory with some damage.
const (
	starts  = "starts"  // a start mends it, and all that was acknowledged is there
	repairs = "repairs" // a start refuses it and changes nothing; repair mends it
	refuses = "refuses" // a start refuses it, and so does repair: some event is in no copy
)

// A wreck is a directory in which acme has some entries, to be damaged.
type wreck struct {
	t       testing.TB
	dir     string
	entries [][]byte // of acme, as acknowledged
}

func (w *wreck) journal() string { return filepath.Join(w.dir, "orgs", "acme", "journal") }
func (w *wreck) segment() string { return filepath.Join(w.journal(), "00000000.seg") }
func (w *wreck) head() string    { return filepath.Join(w.dir, "orgs", "acme", "head") }
func (w *wreck) genesis() string { return filepath.Join(w.dir, "orgs", "acme", "genesis") }
func (w *wreck) block() string   { return filepath.Join(w.stream(), "msgs", "1.blk") }
func (w *wreck) stream() string {
	return filepath.Join(w.dir, "store", "jetstream", "$G", "streams", stream.LogName("acme"))
}

func (w *wreck) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *wreck) change(path string, f func(b []byte) []byte) {
	w.t.Helper()
	b, err := os.ReadFile(path)
	w.must(err)
	w.must(os.WriteFile(path, f(b), 0o600))
}

// at gives where the entry at a position begins in the journal's segment, its length included.
func (w *wreck) at(position int) int {
	at := 0
	for _, e := range w.entries[:position-1] {
		at += 2 + len(e)
	}
	return at
}

// stored gives where an entry's bytes stand in the stream's block.
func (w *wreck) stored(position int) int {
	w.t.Helper()
	b, err := os.ReadFile(w.block())
	w.must(err)
	i := strings.Index(string(b), string(w.entries[position-1]))
	if i < 0 {
		w.t.Fatal("the entry is not in the block")
	}
	return i
}

func flipAt(at int, bit byte) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= bit; return b }
}

func cutAt(at int) func([]byte) []byte { return func(b []byte) []byte { return b[:at] } }

func zero(from, to int) func([]byte) []byte {
	return func(b []byte) []byte { clear(b[from:min(to, len(b))]); return b }
}

const wreckEntries = 12

// forker owns acme in the wrecks made last.
var forker owner

// wrecks makes directories that are all alike; old is one as it was when acme had half of its entries.
func wrecks(t testing.TB) (fresh func(testing.TB) *wreck, old string) {
	dir, o := initialised(t), newOwner(t)
	forker = o
	n := open(t, dir)
	org := organization(t, n, o, "acme", "guardian")
	for i := range wreckEntries - 1 {
		if i == wreckEntries/2-1 {
			n.Close()
			old = filepath.Join(t.TempDir(), "old")
			copyDir(t, dir, old)
			n = open(t, dir)
			var err error
			if org, err = n.Org("acme"); err != nil {
				t.Fatal(err)
			}
		}
		o.do(t, org, newRole(fmt.Sprintf("role-%d", i)))
	}
	var entries [][]byte
	for i := range wreckEntries {
		e, err := org.Journal.Read(uint64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	n.Close()
	return func(t testing.TB) *wreck {
		w := &wreck{t: t, dir: filepath.Join(t.TempDir(), "ledger"), entries: entries}
		copyDir(t, dir, w.dir)
		return w
	}, old
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		info, err1 := d.Info()
		b, err2 := os.ReadFile(path)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// replace puts an old copy of a path in the place of the one that is there.
func (w *wreck) replace(old, path string) {
	w.t.Helper()
	rel, err := filepath.Rel(w.dir, path)
	w.must(err)
	w.must(os.RemoveAll(path))
	if info, err := os.Stat(filepath.Join(old, rel)); err == nil && !info.IsDir() {
		b, err := os.ReadFile(filepath.Join(old, rel))
		w.must(err)
		w.must(os.WriteFile(path, b, 0o600))
		return
	}
	copyDir(w.t, filepath.Join(old, rel), path)
}

// whole demands that a ledger opens and holds exactly the entries that were acknowledged.
func (w *wreck) whole(entries [][]byte) {
	w.t.Helper()
	n, err := node.Open(w.t.Context(), w.dir, node.Options{})
	if err != nil {
		w.t.Fatalf("it does not open: %v", err)
	}
	defer n.Close()
	org, err := n.Org("acme")
	w.must(err)
	if got := org.Journal.Len(); got != uint64(len(entries)) {
		w.t.Fatalf("%d of %d entries", got, len(entries))
	}
	log, err := n.Stream().OpenLog(w.t.Context(), "acme")
	w.must(err)
	for e, err := range log.Entries(w.t.Context(), 1) {
		w.must(err)
		j, err := org.Journal.Read(e.Seq)
		w.must(err)
		if want := entries[e.Seq-1]; string(want) != string(j) || string(want) != string(e.Data) {
			w.t.Errorf("entry %d is another one", e.Seq)
		}
	}
	if last, _, _ := log.Last(w.t.Context()); last != uint64(len(entries)) {
		w.t.Errorf("the stream ends at %d of %d", last, len(entries))
	}
}

// refused demands that a start fails with a line that says what can be done, and changes nothing.
func (w *wreck) refused() {
	w.t.Helper()
	before := contents(w.t, w.dir)
	n, err := node.Open(w.t.Context(), w.dir, node.Options{})
	if err == nil {
		n.Close()
		w.t.Fatal("it opens")
	}
	if !errors.As(err, new(*node.DamageError)) || strings.Contains(err.Error(), "\n") {
		w.t.Errorf("got %v; want one line that says what can be done", err)
	}
	w.unchanged(before)
}

func (w *wreck) unchanged(before map[string]string) {
	w.t.Helper()
	after := contents(w.t, w.dir)
	for path, was := range before {
		if now, ok := after[path]; !ok || now != was {
			w.t.Errorf("%s was changed", path)
		}
	}
	if len(after) != len(before) {
		w.t.Errorf("%d files became %d", len(before), len(after))
	}
}

type damageCase struct {
	name string
	do   func(w *wreck, old string)
	want string
}

func damages(long bool) []damageCase {
	all := []damageCase{
		{"nothing", func(*wreck, string) {}, starts},
		{"stream: the directory is deleted", func(w *wreck, _ string) { w.must(os.RemoveAll(w.stream())) }, starts},
		{"stream: the store is deleted", func(w *wreck, _ string) { w.must(os.RemoveAll(filepath.Join(w.dir, "store"))) }, starts},
		{"stream: the block is deleted", func(w *wreck, _ string) { w.must(os.Remove(w.block())) }, starts},
		{"stream: the block is empty", func(w *wreck, _ string) { w.change(w.block(), cutAt(0)) }, starts},
		{"stream: the blocks' directory is deleted", func(w *wreck, _ string) { w.must(os.RemoveAll(filepath.Join(w.stream(), "msgs"))) }, starts},
		{"stream: the configuration is empty", func(w *wreck, _ string) { w.change(filepath.Join(w.stream(), "meta.inf"), cutAt(0)) }, starts},
		{"stream: the configuration's checksum is missing", func(w *wreck, _ string) { w.must(os.Remove(filepath.Join(w.stream(), "meta.sum"))) }, starts},
		{"stream: the index is missing", func(w *wreck, _ string) { os.Remove(filepath.Join(w.stream(), "msgs", "index.db")) }, starts},
		{"stream: the tail is cut", func(w *wreck, _ string) { w.change(w.block(), cutAt(w.stored(9)+20)) }, starts},
		{"stream: the tail is cut between records", func(w *wreck, _ string) { w.change(w.block(), cutAt(w.stored(10)+len(w.entries[9])+8)) }, starts},
		{"stream: a page is zeroed", func(w *wreck, _ string) { w.change(w.block(), zero(4096, 8192)) }, starts},
		{"stream: the first page is zeroed", func(w *wreck, _ string) { w.change(w.block(), zero(0, 4096)) }, starts},
		{"stream: a bit in an entry", func(w *wreck, _ string) { w.change(w.block(), flipAt(w.stored(5)+300, 4)) }, starts},
		{"stream: a bit in a length", func(w *wreck, _ string) { w.change(w.block(), flipAt(0, 2)) }, starts},
		{"stream: an old copy of it", func(w *wreck, old string) { w.replace(old, w.stream()) }, starts},
		{"stream: an old copy of all of nats-server's", func(w *wreck, old string) { w.replace(old, filepath.Join(w.dir, "store")) }, starts},
		{"journal: zeros after its end", func(w *wreck, _ string) {
			w.change(w.segment(), func(b []byte) []byte { return append(b, make([]byte, 5000)...) })
		}, starts},
		{"journal: an incomplete record after its end", func(w *wreck, _ string) {
			w.change(w.segment(), func(b []byte) []byte { return append(append(b, 3, 0), w.entries[3][:200]...) })
		}, starts},
		{"journal: zeros and other bytes after its end", func(w *wreck, _ string) {
			w.change(w.segment(), func(b []byte) []byte {
				return append(append(b, make([]byte, 4096)...), w.entries[3][100:300]...)
			})
		}, starts},
		{"journal: a whole record of wrong bytes after its end", func(w *wreck, _ string) {
			w.change(w.segment(), func(b []byte) []byte {
				e := slices.Clone(w.entries[5])
				clear(e[100:])
				return append(append(b, byte(len(e)>>8), byte(len(e))), e...)
			})
		}, starts},
		{"journal: deleted", func(w *wreck, _ string) { w.must(os.RemoveAll(w.journal())) }, repairs},
		{"journal: the segment is deleted", func(w *wreck, _ string) { w.must(os.Remove(w.segment())) }, repairs},
		{"journal: the segment is empty", func(w *wreck, _ string) { w.change(w.segment(), cutAt(0)) }, repairs},
		{"journal: the tail is cut", func(w *wreck, _ string) { w.change(w.segment(), cutAt(w.at(9)+20)) }, repairs},
		{"journal: the last entry is gone", func(w *wreck, _ string) { w.change(w.segment(), cutAt(w.at(12))) }, repairs},
		{"journal: a page is zeroed", func(w *wreck, _ string) { w.change(w.segment(), zero(4096, 8192)) }, repairs},
		{"journal: the first page is zeroed", func(w *wreck, _ string) { w.change(w.segment(), zero(0, 4096)) }, repairs},
		{"journal: a bit in an entry", func(w *wreck, _ string) { w.change(w.segment(), flipAt(w.at(5)+300, 4)) }, repairs},
		{"journal: a bit in the last entry's proof", func(w *wreck, _ string) { w.change(w.segment(), flipAt(w.at(12)+140, 1)) }, repairs},
		{"journal: a bit in a length", func(w *wreck, _ string) { w.change(w.segment(), flipAt(w.at(6)+1, 8)) }, repairs},
		{"journal: a great length", func(w *wreck, _ string) { w.change(w.segment(), flipAt(w.at(6), 0x80)) }, repairs},
		{"journal: an empty segment after the last", func(w *wreck, _ string) {
			w.must(os.WriteFile(filepath.Join(w.journal(), "00000001.seg"), nil, 0o600))
		}, repairs},
		{"journal: a segment of the first one's header after the last", func(w *wreck, _ string) {
			b, err := os.ReadFile(w.segment())
			w.must(err)
			w.must(os.WriteFile(filepath.Join(w.journal(), "00000001.seg"), b[:10], 0o600))
		}, repairs},
		{"journal: an old copy of it", func(w *wreck, old string) { w.replace(old, w.journal()) }, repairs},
		{"genesis: deleted", func(w *wreck, _ string) { w.must(os.Remove(w.genesis())) }, repairs},
		{"genesis: empty", func(w *wreck, _ string) { w.change(w.genesis(), cutAt(0)) }, repairs},
		{"genesis: half", func(w *wreck, _ string) { w.change(w.genesis(), cutAt(30)) }, repairs},
		{"head: deleted", func(w *wreck, _ string) { w.must(os.Remove(w.head())) }, repairs},
		{"head: empty", func(w *wreck, _ string) { w.change(w.head(), cutAt(0)) }, repairs},
		{"head: both slots are damaged", func(w *wreck, _ string) {
			w.change(w.head(), flipAt(30, 1))
			w.change(w.head(), flipAt(4096+30, 1))
		}, repairs},
		{"head: an old copy of it", func(w *wreck, old string) { w.replace(old, w.head()) }, starts},
		{"genesis and head: deleted", func(w *wreck, _ string) {
			w.must(errors.Join(os.Remove(w.genesis()), os.Remove(w.head())))
		}, repairs},
		{"genesis and journal: deleted", func(w *wreck, _ string) {
			w.must(errors.Join(os.Remove(w.genesis()), os.RemoveAll(w.journal())))
		}, repairs},
		{"both: a bit each, in different entries", func(w *wreck, _ string) {
			w.change(w.segment(), flipAt(w.at(4)+300, 4))
			w.change(w.block(), flipAt(w.stored(8)+300, 4))
		}, repairs},
		{"both: the first page of one, the second of the other", func(w *wreck, _ string) {
			w.change(w.segment(), zero(0, 4096))
			w.change(w.block(), zero(8192, 12288))
		}, repairs},
		{"both: an old journal, and a bit in an old entry of the stream", func(w *wreck, old string) {
			w.replace(old, w.journal())
			w.change(w.block(), flipAt(w.stored(2)+300, 4))
		}, repairs},
		{"both: a bit in one entry", func(w *wreck, _ string) {
			w.change(w.segment(), flipAt(w.at(8)+300, 4))
			w.change(w.block(), flipAt(w.stored(8)+310, 4))
		}, refuses},
		{"both: deleted", func(w *wreck, _ string) {
			w.must(errors.Join(os.RemoveAll(w.journal()), os.RemoveAll(w.stream())))
		}, refuses},
		{"both: old copies", func(w *wreck, old string) {
			w.replace(old, w.journal())
			w.replace(old, w.stream())
		}, refuses},
		{"both: the tail is cut", func(w *wreck, _ string) {
			w.change(w.segment(), cutAt(w.at(9)+20))
			w.change(w.block(), cutAt(w.stored(9)+20))
		}, refuses},
	}
	if !long {
		return all
	}
	for i := 1; i <= wreckEntries; i++ { // each kind of place in each entry
		for part := range 8 {
			all = append(all, damageCase{fmt.Sprintf("journal: a bit in part %d of entry %d", part, i), func(w *wreck, _ string) {
				size := 2 + len(w.entries[i-1])
				w.change(w.segment(), flipAt(w.at(i)+part*(size-1)/7, 1<<part))
			}, repairs}, damageCase{fmt.Sprintf("stream: a bit in part %d of entry %d", part, i), func(w *wreck, _ string) {
				w.change(w.block(), flipAt(w.stored(i)-90+part*(len(w.entries[i-1])+90)/7, 1<<part))
			}, starts})
		}
		all = append(all, damageCase{fmt.Sprintf("journal: cut before entry %d", i), func(w *wreck, _ string) {
			w.change(w.segment(), cutAt(w.at(i)))
		}, repairs})
	}
	return all
}

// foretold expects doctor to say damage where a start refuses, and to promise nothing of that start; and not to speak of a
// refusal where there is none.
func (w *wreck) foretold(want string) {
	w.t.Helper()
	findings, err := node.Examine(w.t.Context(), w.dir, 0)
	w.must(err)
	damage := false
	for _, f := range findings {
		damage = damage || f.Level == node.FindingDamage
		if want == starts && f.Check == "start" || want != starts && strings.Contains(f.Do, "next start") {
			w.t.Errorf("doctor: %+v", f)
		}
	}
	if want != starts && !damage {
		w.t.Errorf("doctor found no damage: %+v", findings)
	}
}

// Given a ledger with some damage, when it is opened, then either all that was acknowledged is there, or it refuses and no
// byte has changed; and where each entry is in some copy, repair mends it.
func TestDamage(t *testing.T) {
	fresh, old := wrecks(t)
	for _, c := range damages(os.Getenv("PERMLEDGER_LONG") != "") {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := fresh(t)
			c.do(w, old)
			w.foretold(c.want)
			if c.want == starts {
				w.whole(w.entries)
				return
			}
			w.refused()
			before := contents(t, w.dir)
			if _, err := node.Repair(t.Context(), w.dir, node.RepairOptions{DryRun: true}); (err == nil) != (c.want == repairs) {
				t.Errorf("a dry run: %v", err)
			}
			w.unchanged(before)
			done, err := node.Repair(t.Context(), w.dir, node.RepairOptions{})
			if c.want == refuses {
				if err == nil {
					t.Fatal("it was mended without an event that is in no copy")
				}
				w.unchanged(before)
				return
			}
			if err != nil {
				t.Fatalf("repair: %v", err)
			}
			if len(done) != 1 || done[0].Position != wreckEntries {
				t.Errorf("repaired: %+v", done)
			}
			// what was damaged is kept, and noted
			for path, was := range before {
				if !strings.Contains(path, "/orgs/") {
					continue
				}
				if !slices.Contains(slices.Collect(maps.Values(contents(t, w.dir))), was) {
					t.Errorf("%s is in no file any more", path)
				}
			}
			if m, err := node.ReadMended(w.dir, "acme"); err != nil || len(m) == 0 {
				t.Errorf("noted: %v %v", m, err)
			}
			w.whole(w.entries)
			// and a second repair has nothing to do
			steps := 0
			if _, err := node.Repair(t.Context(), w.dir, node.RepairOptions{Told: func(node.Mended) { steps++ }}); err != nil || steps > 0 {
				t.Errorf("again: %d steps, %v", steps, err)
			}
		})
	}
}
