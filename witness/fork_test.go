package witness_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/witness"
)

// fork is a log that is shown as ours up to some sizes, and then as another.
type fork struct {
	name   string
	ours   [][2]uint64
	theirs func(t *testing.T, h *history) []byte
	proof  bool // there is proof of it
	status int
}

func request(old, size uint64) func(t *testing.T, h *history) []byte {
	return func(t *testing.T, h *history) []byte { return h.request(t, old, size) }
}

var forks = []fork{
	{"the same size", [][2]uint64{{0, 5}, {5, 11}}, request(11, 11), true, 422},
	{"the same size, and an old size that is not ours", [][2]uint64{{0, 5}, {5, 11}}, request(0, 11), true, 409},
	{"an earlier size", [][2]uint64{{0, 5}, {5, 11}, {11, 13}}, request(5, 11), true, 409},
	{"a longer tree, whose proof shows that it began otherwise", [][2]uint64{{0, 5}, {5, 11}}, request(11, 20), true, 422},
	{"a longer tree, whose proof does not show it", [][2]uint64{{0, 5}, {5, 16}}, request(16, 20), false, 422},
	{"a longer tree with a proof of something else", [][2]uint64{{0, 11}}, func(t *testing.T, h *history) []byte {
		p, _ := tree.Consistency(h, 10, 20)
		return body(11, p, signed(t, h.checkpoint(20), 1))
	}, false, 422},
	{"a size that was not seen", [][2]uint64{{0, 5}, {5, 11}}, request(0, 10), false, 409},
	{"signed by nobody we know", [][2]uint64{{0, 11}}, func(t *testing.T, h *history) []byte {
		return body(11, nil, signed(t, h.checkpoint(11), 9))
	}, false, 403},
}

func TestForks(t *testing.T) {
	for _, f := range forks {
		t.Run(f.name, func(t *testing.T) {
			ours, theirs := new(history).grow("ours", 40), parted(7, 40)
			dir := t.TempDir()
			s := serve(t, config(t, dir))
			for _, step := range f.ours {
				s.cosigned(t, ours.checkpoint(step[1]), ours.request(t, step[0], step[1]))
			}
			last := f.ours[len(f.ours)-1][1]
			status, _, answer := s.post(t, f.theirs(t, theirs))
			if status != f.status || strings.Contains(answer, "—") {
				t.Errorf("status %d, %s; want %d", status, answer, f.status)
			}
			if !f.proof {
				if s.Err() != nil || len(s.evidence(t)) > 0 {
					t.Fatalf("no proof, and %v, %v", s.Err(), s.evidence(t))
				}
				s.cosigned(t, ours.checkpoint(last+1), ours.request(t, last, last+1))
				return
			}
			<-s.Forked()
			e := (*witness.ForkError)(nil)
			if !errors.As(s.Err(), &e) || e.Origin != origin || e.Err != nil {
				t.Fatalf("%v", s.Err())
			}
			judgeEvidence(t, e.File)
			contains(t, s.log.String(), "level=ERROR", "EQUIVOCATION", e.File)
			// Nothing more is cosigned, not of ours either, and not after a start.
			if status, _, _ := s.post(t, ours.request(t, last, last+1)); status != 403 {
				t.Errorf("after the fork: status %d", status)
			}
			s.end(t)
			if _, err := witness.Open(config(t, dir)); !errors.As(err, &e) || e.File != s.evidence(t)[0] {
				t.Errorf("opened again: %v", err)
			}
		})
	}
}

// judgeEvidence reads the file as a stranger does, who knows nothing but the log's key.
func judgeEvidence(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), "---- ")
	if len(parts) < 3 {
		t.Fatalf("%s", b)
	}
	var c [2]note.Checkpoint
	for i := range c {
		heading, text, _ := strings.Cut(parts[1+i], "\n")
		n, err := note.Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", heading, err)
		}
		if _, err := n.Verify(note.LogKey(origin, public(1))); err != nil {
			t.Errorf("%s: %v", heading, err)
		}
		if c[i], err = note.ParseCheckpoint(n.Text); err != nil {
			t.Fatal(err)
		}
	}
	if c[0].Size == c[1].Size {
		if c[0].Root == c[1].Root {
			t.Errorf("both notes say the same:\n%s", b)
		}
		return
	}
	_, text, _ := strings.Cut(parts[3], "\n")
	var proof []tree.Hash
	for line := range strings.Lines(text) {
		h, err := note.ParseHash(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		proof = append(proof, h)
	}
	if err := tree.CheckConsistency(proof, c[0].Size, c[0].Root, c[1].Size, c[1].Root); !errors.Is(err, tree.ErrFork) {
		t.Errorf("the proof in the file: %v", err)
	}
}

// TestForkSeenBeforeItIsCosigned: a checkpoint that was refused is held against what comes later.
func TestForkSeenBeforeItIsCosigned(t *testing.T) {
	ours, theirs := new(history).grow("ours", 40), parted(16, 40)
	s := serve(t, config(t, t.TempDir()))
	s.cosigned(t, ours.checkpoint(16), ours.request(t, 0, 16))
	// Up to 16 both are the same, so this is no fork yet; with no proof it is refused.
	if status, _, _ := s.post(t, body(16, nil, signed(t, theirs.checkpoint(20), 1))); status != 422 {
		t.Fatal(status)
	}
	s.cosigned(t, ours.checkpoint(18), ours.request(t, 16, 18))
	if status, _, answer := s.post(t, ours.request(t, 18, 20)); status != 422 {
		t.Errorf("%d %s", status, answer)
	}
	if s.Err() == nil {
		t.Fatal("no fork was found")
	}
	judgeEvidence(t, s.evidence(t)[0])
}

// TestOtherLogsGoOn: after a start, a witness that has evidence against one log cosigns for the others.
func TestOtherLogsGoOn(t *testing.T) {
	const other = "ledger.example/other"
	h := new(history).grow("ours", 5)
	dir := t.TempDir()
	logs := []note.Key{note.LogKey(origin, public(1)), note.LogKey(other, public(5))}
	s := serve(t, config(t, dir, logs...))
	s.cosigned(t, h.checkpoint(5), h.request(t, 0, 5))
	s.post(t, body(5, nil, signed(t, parted(1, 5).checkpoint(5), 1)))
	<-s.Forked()
	s.end(t)
	again := serve(t, config(t, dir, logs...))
	contains(t, again.log.String(), "level=ERROR", "EQUIVOCATION", "found before")
	if status, _, _ := again.post(t, h.request(t, 5, 5)); status != 403 {
		t.Errorf("the log that forked: %d", status)
	}
	c := h.checkpoint(5)
	c.Origin = other
	again.cosigned(t, c, body(0, nil, signed(t, c, 5)))
	// Once somebody has put the file elsewhere, it is as before.
	again.end(t)
	if err := os.Rename(again.evidence(t)[0], filepath.Join(t.TempDir(), "settled.txt")); err != nil {
		t.Fatal(err)
	}
	settled := serve(t, config(t, dir, logs...))
	settled.cosigned(t, h.checkpoint(5), h.request(t, 5, 5))
}
