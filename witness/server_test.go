package witness_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/witness"
)

// TestStatuses asks for each answer of tlog-witness. The witness has cosigned the sizes 3 and 8.
func TestStatuses(t *testing.T) {
	h := new(history).grow("ours", 300)
	s := serve(t, config(t, t.TempDir()))
	s.cosigned(t, h.checkpoint(3), h.request(t, 0, 3))
	s.cosigned(t, h.checkpoint(8), h.request(t, 3, 8))

	proof := func(old, size uint64) []tree.Hash {
		p, err := tree.Consistency(h, old, size)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	at := func(size uint64) *note.Note { return signed(t, h.checkpoint(size), 1) }
	good := string(body(8, proof(8, 20), at(20)))
	changed := func(old, with string) []byte {
		if !strings.Contains(good, old) {
			t.Fatalf("there is no %q", old)
		}
		return []byte(strings.Replace(good, old, with, 1))
	}
	bad := at(20)
	bad.Signatures[0].Bytes[0] ^= 1
	unknown := signed(t, note.Checkpoint{Origin: "ledger.example/other", Size: 1}, 1)
	badProof := proof(8, 20)
	badProof[0][0] ^= 1
	noRoot := h.checkpoint(20)
	noRoot.Size = 0
	for _, tt := range []struct {
		name string
		body []byte
		want int
	}{
		{"nothing", nil, 400},
		{"no old size", changed("old 8\n", ""), 400},
		{"another word", changed("old 8\n", "new 8\n"), 400},
		{"leading zero", changed("old 8\n", "old 08\n"), 400},
		{"negative", changed("old 8\n", "old -8\n"), 400},
		{"too large", changed("old 8\n", "old 9223372036854775808\n"), 400},
		{"carriage return", changed("old 8\n", "old 8\r\n"), 400},
		{"a hash cut", changed("=\n", "\n"), 400},
		{"64 hashes", body(8, make([]tree.Hash, 64), at(20)), 400},
		{"no checkpoint", []byte("old 8\n\n"), 400},
		{"unsigned", []byte("old 8\n\n" + at(20).Text), 400},
		{"a size with a zero before it", changed("\n20\n", "\n020\n"), 400},
		{"an extension line", []byte("old 8\n\n" + strings.Replace(string(at(20).Bytes()), "\n\n", "\nmore\n\n", 1)), 400},
		{"something behind", []byte(good + "more\n"), 400},
		{"too long", append([]byte(good), bytes.Repeat([]byte(at(20).Signatures[0].String()+"\n"), 900)...), 400},
		{"old size beyond the new", body(21, nil, at(20)), 400},
		{"unknown log", body(0, nil, unknown), 404},
		{"unknown key", body(8, proof(8, 20), signed(t, h.checkpoint(20), 9)), 403},
		{"a signature that does not verify", body(8, proof(8, 20), bad), 403},
		{"old size that is not ours", body(3, proof(3, 20), at(20)), 409},
		{"old size 0, to learn it", body(0, nil, at(20)), 409},
		{"a smaller tree", body(3, proof(3, 5), at(5)), 409},
		{"no proof", body(8, nil, at(20)), 422},
		{"a bad proof", body(8, badProof, at(20)), 422},
		{"a proof between other sizes", body(8, proof(7, 20), at(20)), 422},
		{"a proof of the same size", body(8, proof(8, 20)[:1], at(8)), 422},
	} {
		status, kind, answer := s.post(t, tt.body)
		if status != tt.want {
			t.Errorf("%s: status %d, %q; want %d", tt.name, status, answer, tt.want)
		}
		if conflict := kind == "text/x.tlog.size" && answer == "8\n"; conflict != (tt.want == 409) {
			t.Errorf("%s: %s, %q", tt.name, kind, answer)
		}
	}
	// Nothing of all that moved it, or was taken for a fork.
	if s.Err() != nil || len(s.evidence(t)) > 0 {
		t.Fatalf("%v, %v", s.Err(), s.evidence(t))
	}
	s.cosigned(t, h.checkpoint(20), []byte(good))
	s.cosigned(t, h.checkpoint(20), h.request(t, 20, 20)) // again, for a newer time
	s.cosigned(t, h.checkpoint(300), h.request(t, 20, 300))
}

// TestEmptyTree: size 0 has one root, and needs no proof.
func TestEmptyTree(t *testing.T) {
	h := new(history).grow("ours", 1)
	s := serve(t, config(t, t.TempDir()))
	wrong := note.Checkpoint{Origin: origin, Size: 0, Root: h.checkpoint(1).Root}
	for name, b := range map[string][]byte{
		"another root":         body(0, nil, signed(t, wrong, 1)),
		"a proof":              body(0, make([]tree.Hash, 1), signed(t, h.checkpoint(0), 1)),
		"a proof from nothing": body(0, make([]tree.Hash, 1), signed(t, h.checkpoint(1), 1)),
	} {
		if status, _, answer := s.post(t, b); status != 422 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	s.cosigned(t, h.checkpoint(0), h.request(t, 0, 0))
	s.cosigned(t, h.checkpoint(1), h.request(t, 0, 1))
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

func TestMonitor(t *testing.T) {
	h := new(history).grow("ours", 5)
	dir := t.TempDir()
	s := serve(t, config(t, dir))
	if status, _ := s.latest(t); status != http.StatusNotFound {
		t.Errorf("before the first checkpoint: %d", status)
	}
	s.cosigned(t, h.checkpoint(5), h.request(t, 0, 5))
	status, text := s.latest(t)
	policy := &note.Policy{
		Logs:      []note.Log{{Key: note.LogKey(origin, public(1))}},
		Witnesses: []note.Witness{{Name: "w", Key: s.Key()}}, Quorum: "w",
	}
	if v, err := policy.Verify([]byte(text)); status != 200 || err != nil || v.Size != 5 {
		t.Errorf("%d, %v, %v:\n%s", status, v, err, text)
	}
	for path, want := range map[string]int{"/": 404, "/notes": 404, "/x/notes": 404, "/add-checkpoint": 405} {
		r, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("GET %s: %d; want %d", path, r.StatusCode, want)
		}
	}
}

// TestRotation: an origin has several keys for a while. Any of them may sign, and each signature has to verify.
func TestRotation(t *testing.T) {
	h := new(history).grow("ours", 9)
	dir := t.TempDir()
	t.Run("both", func(t *testing.T) {
		s := serve(t, config(t, dir, note.LogKey(origin, public(1)), note.LogKey(origin, public(9))))
		s.cosigned(t, h.checkpoint(3), h.request(t, 0, 3))
		p, _ := tree.Consistency(h, 3, 4)
		s.cosigned(t, h.checkpoint(4), body(3, p, signed(t, h.checkpoint(4), 1, 9)))
		p, _ = tree.Consistency(h, 4, 5)
		s.cosigned(t, h.checkpoint(5), body(4, p, signed(t, h.checkpoint(5), 9)))
		p, _ = tree.Consistency(h, 5, 6)
		n := signed(t, h.checkpoint(6), 1, 9)
		n.Signatures[1].Bytes[9] ^= 1
		if status, _, _ := s.post(t, body(5, p, n)); status != 403 {
			t.Errorf("one good and one bad signature: %d", status)
		}
	})
	t.Run("the new one", func(t *testing.T) {
		s := serve(t, config(t, dir, note.LogKey(origin, public(9))))
		if status, _, _ := s.post(t, h.request(t, 5, 6)); status != 403 {
			t.Errorf("signed by a key that was taken away: %d", status)
		}
		p, _ := tree.Consistency(h, 5, 6)
		s.cosigned(t, h.checkpoint(6), body(5, p, signed(t, h.checkpoint(6), 9)))
	})
}

// TestRestart: what was cosigned binds the witness after a start too, and a write that was cut off does not.
func TestRestart(t *testing.T) {
	h := new(history).grow("ours", 30)
	dir := t.TempDir()
	open := func() *witness.Witness {
		t.Helper()
		w, err := witness.Open(config(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := open()
	if _, err := witness.Open(config(t, dir)); !errors.Is(err, witness.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	for size := range uint64(20) {
		if err := w.Handle(h.request(t, size, size+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(notesFile(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"", "ledger.example/acme\n21\n", "\f", "\x00\x00\x00\x00"} {
		if err := os.WriteFile(notesFile(t, dir), append(bytes.Clone(whole), more...), 0o600); err != nil {
			t.Fatal(err)
		}
		w = open()
		if err := w.Handle(h.request(t, 20, 20)); err != nil {
			t.Errorf("after %q: %v", more, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(notesFile(t, dir)); err != nil || !bytes.Equal(b, whole) {
			t.Errorf("after %q: %v\n%q", more, err, b)
		}
	}
	w = open()
	if err := w.Handle(h.request(t, 20, 22)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Another key would not be bound by what this one cosigned.
	other := config(t, dir)
	other.Signer = key(7)
	if _, err := witness.Open(other); err == nil || !strings.Contains(err.Error(), "the directory is of the witness") {
		t.Errorf("opened with another key: %v", err)
	}
}

// TestDamagedNotes flips a bit in each byte of the file, and cuts it at each: the witness does not start, or knows the
// newest checkpoint that it cosigned. Where only the end of what was being written is missing, it knows the one before.
func TestDamagedNotes(t *testing.T) {
	h := new(history).grow("ours", 12)
	dir := t.TempDir()
	w, err := witness.Open(config(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]uint64{{0, 5}, {5, 9}} {
		if err := w.Handle(h.request(t, step[0], step[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := notesFile(t, dir)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	newest := bytes.IndexByte(whole, '\f') + 66
	// knows gives the size that the witness knows from such a file; 0: it does not start.
	knows := func(b []byte) (size uint64) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := witness.Open(config(t, dir))
		if err != nil {
			if !errors.Is(err, witness.ErrDamaged) {
				t.Fatal(err)
			}
			return 0
		}
		defer w.Close()
		for _, size := range []uint64{5, 9} {
			if err := w.Handle(h.request(t, size, size)); err == nil {
				return size
			}
			if w.Err() != nil {
				t.Fatalf("the disk's fault is held against the log: %v", w.Err())
			}
		}
		t.Fatal("it knows neither size")
		return 0
	}
	step := 11 // bytes; each of them takes some syncs
	if os.Getenv("PERMLEDGER_LONG") != "" {
		step = 1
	}
	for i := 0; i < len(whole); i += step {
		b := bytes.Clone(whole)
		b[i] ^= 1
		if size := knows(b); size == 5 {
			t.Errorf("byte %d (%q) is another, and the size 9 is forgotten", i, whole[i])
		}
		if i < newest {
			continue
		}
		size := knows(whole[:i])
		if note := i >= len(whole)-66; size != 5 && !note || size != 9 && note {
			t.Errorf("cut to %d of %d bytes it knows the size %d", i, len(whole), size)
		}
	}
}

// TestConcurrent is the race of the specification: many requests for growing and shrinking sizes at once. Whatever order
// they come in, what is cosigned only ever grows.
func TestConcurrent(t *testing.T) {
	const most = 60
	h := new(history).grow("ours", most)
	s := serve(t, config(t, t.TempDir()))
	var mu sync.Mutex
	given := map[uint64]bool{}
	var all sync.WaitGroup
	for client := range uint64(4) {
		all.Go(func() {
			old := uint64(0)
			for size := client + 1; size <= most; size += client + 1 {
				for {
					status, _, answer := s.post(t, h.request(t, min(old, size), size))
					if status == http.StatusOK {
						mu.Lock()
						given[size] = true
						mu.Unlock()
						old = size
						break
					}
					if status != http.StatusConflict {
						t.Errorf("from %d to %d: %d %s", old, size, status, answer)
						return
					}
					if _, err := fmt.Sscan(answer, &old); err != nil {
						t.Error(err)
						return
					}
					if old > size {
						break
					}
				}
			}
		})
	}
	all.Wait()
	// In the file stand the cosigned ones in their order.
	last := uint64(0)
	for _, n := range notesIn(t, s.dir) {
		c, err := note.ParseCheckpoint(n.Text)
		if err != nil {
			t.Fatal(err)
		}
		if len(n.Only(s.Key()).Signatures) == 0 {
			continue
		}
		if c.Size <= last {
			t.Errorf("size %d was cosigned after %d", c.Size, last)
		}
		last = c.Size
		delete(given, c.Size)
	}
	if len(given) > 0 || s.Err() != nil {
		t.Errorf("cosigned and not kept: %v; %v", given, s.Err())
	}
}

// TestShorten: the file does not grow without end, and what it forgets does not unbind the witness.
func TestShorten(t *testing.T) {
	const keep, most = 5, 100
	h := new(history).grow("ours", most+1)
	dir := t.TempDir()
	open := func() *witness.Witness {
		t.Helper()
		w, err := witness.OpenWith(config(t, dir), keep, nil)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := open()
	for size := range uint64(most) {
		if err := w.Handle(h.request(t, size, size+1)); err != nil {
			t.Fatal(err)
		}
		if size%17 == 0 {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			w = open()
		}
	}
	defer w.Close()
	if n := len(notesIn(t, dir)); n < keep || n > 2*keep {
		t.Errorf("%d notes are kept; want %d to %d", n, keep, 2*keep)
	}
	// A root of a size that is still known is held against what comes; one of a size that is not has no effect.
	if err := w.Handle(body(0, nil, signed(t, parted(10, 40).checkpoint(40), 1))); err == nil || w.Err() != nil {
		t.Errorf("%v, %v", err, w.Err())
	}
	if err := w.Handle(body(0, nil, signed(t, parted(10, most-1).checkpoint(most-1), 1))); err == nil || w.Err() == nil {
		t.Errorf("%v, %v; want a fork", err, w.Err())
	}
}

// TestDiskFails: what cannot be kept is not cosigned.
func TestDiskFails(t *testing.T) {
	h := new(history).grow("ours", 9)
	dir := t.TempDir()
	s := serve(t, config(t, dir))
	s.cosigned(t, h.checkpoint(3), h.request(t, 0, 3))
	s.end(t) // writing to a closed file fails
	if status, _, answer := s.post(t, h.request(t, 3, 9)); status != http.StatusInternalServerError || strings.Contains(answer, "—") {
		t.Errorf("%d %s", status, answer)
	}
	contains(t, s.log.String(), "level=ERROR", "could not be kept")
}

func TestOpenRefuses(t *testing.T) {
	for name, change := range map[string]func(o *witness.Config){
		"no log":            func(o *witness.Config) { o.Logs = nil },
		"a witness's key":   func(o *witness.Config) { o.Logs = []note.Key{note.WitnessKey("x", public(3))} },
		"no name":           func(o *witness.Config) { o.Name = "" },
		"a name with space": func(o *witness.Config) { o.Name = "a b" },
	} {
		o := config(t, filepath.Join(t.TempDir(), "w"))
		change(&o)
		if w, err := witness.Open(o); err == nil {
			w.Close()
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := witness.ReadKey(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key of a witness that is not there: %v", err)
	}
}

// FuzzRequest: a request has one spelling.
func FuzzRequest(f *testing.F) {
	h := new(history).grow("ours", 20)
	f.Add(h.request(f, 0, 3))
	f.Add(h.request(f, 5, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, err := witness.Reformat(b); err == nil && !bytes.Equal(again, b) {
			t.Fatalf("read and written again:\n%s\nwant\n%s", again, b)
		}
	})
}

// TestExample reads the request that the specification shows.
func TestExample(t *testing.T) {
	const example = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`
	if again, err := witness.Reformat([]byte(example)); err != nil || string(again) != example {
		t.Errorf("%v\n%s", err, again)
	}
}
