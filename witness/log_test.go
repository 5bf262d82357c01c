package witness_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/witness"
)

const origin = "ledger.example/acme"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(seed byte) ed25519.PublicKey { return key(seed).Public().(ed25519.PublicKey) }

// history is a log with nothing but its entries, each of which is named by a branch.
type history struct {
	leaves []tree.Hash
	roots  tree.Roots
}

// grow adds entries of a branch up to a size.
func (h *history) grow(branch string, size uint64) *history {
	for h.roots.Size() < size {
		leaf := tree.Leaf(fmt.Appendf(nil, "%s %d", branch, h.roots.Size()))
		h.leaves = append(h.leaves, leaf)
		h.roots.Append(leaf)
	}
	return h
}

// parted gives a history that is the same up to a size and then another, up to a second size.
func parted(same, size uint64) *history { return new(history).grow("ours", same).grow("theirs", size) }

func (h *history) Tile(t tree.Tile) ([]byte, error) {
	span := uint64(1) << (8 * uint(t.Level))
	var b []byte
	for i := range uint64(t.Width) {
		first := (t.Index*256 + i) * span
		var f tree.Frontier
		for _, leaf := range h.leaves[first : first+span] {
			f.Append(leaf)
		}
		root := f.Root()
		b = append(b, root[:]...)
	}
	return b, nil
}

func (h *history) checkpoint(size uint64) note.Checkpoint {
	root, ok := h.roots.Root(size)
	if !ok {
		panic("the history is shorter")
	}
	return note.Checkpoint{Origin: origin, Size: size, Root: root}
}

// signed gives a checkpoint signed by the log's keys with these seeds.
func signed(t testing.TB, c note.Checkpoint, seeds ...byte) *note.Note {
	t.Helper()
	n := &note.Note{Text: c.Text()}
	for _, seed := range seeds {
		s, err := note.Sign(n.Text, c.Origin, key(seed))
		if err != nil {
			t.Fatal(err)
		}
		n.Signatures = append(n.Signatures, s)
	}
	return n
}

// body writes a request.
func body(old uint64, proof []tree.Hash, n *note.Note) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		b.WriteString(note.FormatHash(h) + "\n")
	}
	b.WriteByte('\n')
	b.Write(n.Bytes())
	return b.Bytes()
}

// request is what an honest log sends.
func (h *history) request(t testing.TB, old, size uint64) []byte {
	t.Helper()
	proof, err := tree.Consistency(h, old, size)
	if err != nil {
		t.Fatal(err)
	}
	return body(old, proof, signed(t, h.checkpoint(size), 1))
}

// served is a witness behind HTTP.
type served struct {
	*witness.Witness
	dir string
	url string
	log *bytes.Buffer

	ended bool
}

func config(t testing.TB, dir string, logs ...note.Key) witness.Config {
	if len(logs) == 0 {
		logs = []note.Key{note.LogKey(origin, public(1))}
	}
	return witness.Config{Dir: dir, Name: "witness.example/w1", Signer: key(2), Logs: logs, Now: func() time.Time { return noon }}
}

func serve(t testing.TB, o witness.Config) *served {
	t.Helper()
	s := &served{dir: o.Dir, log: new(bytes.Buffer)}
	o.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	w, err := witness.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(func() { s.end(t) })
	s.Witness, s.url = w, server.URL
	return s
}

// end closes the witness; again, it does nothing.
func (s *served) end(t testing.TB) {
	t.Helper()
	if s.ended {
		return
	}
	s.ended = true
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// post posts to add-checkpoint.
func (s *served) post(t testing.TB, b []byte) (status int, contentType, answer string) {
	t.Helper()
	r, err := http.Post(s.url+"/add-checkpoint", "", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Content-Type"), string(text)
}

// latest asks as a monitor does.
func (s *served) latest(t testing.TB) (int, string) {
	t.Helper()
	sum := sha256.Sum256([]byte(origin))
	r, err := http.Get(s.url + "/" + hex.EncodeToString(sum[:]) + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// cosigned fails the test unless the answer is a cosignature of the checkpoint.
func (s *served) cosigned(t testing.TB, c note.Checkpoint, b []byte) {
	t.Helper()
	status, _, answer := s.post(t, b)
	if status != http.StatusOK {
		t.Fatalf("size %d: status %d, %s", c.Size, status, answer)
	}
	signatures, err := note.ParseSignatures([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	n := &note.Note{Text: c.Text(), Signatures: signatures}
	if at, err := n.Verify(s.Key()); err != nil || !at.Equal(noon) || len(signatures) != 1 {
		t.Fatalf("size %d: %v, %v:\n%s", c.Size, at, err, answer)
	}
}

// evidence gives the files that accuse the log.
func (s *served) evidence(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "*", "equivocation-*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// notesFile gives the file with all notes.
func notesFile(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "notes"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return files[0]
}

// notesIn reads a file of notes, the endings taken off.
func notesIn(t testing.TB, dir string) (notes []*note.Note) {
	t.Helper()
	b, err := os.ReadFile(notesFile(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		raw, rest, _ := bytes.Cut(b, []byte("\f"))
		n, err := note.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		notes, b = append(notes, n), rest[65:]
	}
	return notes
}

func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}
