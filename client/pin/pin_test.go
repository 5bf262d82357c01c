package pin_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/client/pin"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

const (
	origin = "ledger.example/acme"
	place  = "https://ledger.example/orgs/acme"
)

// A history is a log of leaves that signs what it is told to, right or wrong.
type history struct {
	key    ed25519.PrivateKey
	leaves []tree.Hash
	size   uint64 // of the checkpoint that it shows
	origin string
	none   bool // it shows no checkpoint
	hidden bool // it shows none to this caller
	spoilt bool // its tiles have a wrong bit
	also   []note.Signature
	asked  int // for tiles
}

func newHistory(n int) *history {
	h := &history{key: newKey(1), origin: origin}
	h.grow(n, "")
	return h
}

func newKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// grow appends n leaves, which differ from those of another branch.
func (h *history) grow(n int, branch string) *history {
	for range n {
		h.leaves = append(h.leaves, tree.Leaf(fmt.Appendf(nil, "%s%d", branch, len(h.leaves))))
	}
	h.size = uint64(len(h.leaves))
	return h
}

// fork gives another history that has the first n leaves in common.
func (h *history) fork(n, more int) *history {
	other := *h
	other.leaves = slices.Clone(h.leaves[:n])
	return other.grow(more, "other ")
}

func (h *history) root() tree.Hash {
	var f tree.Frontier
	for _, l := range h.leaves[:h.size] {
		f.Append(l)
	}
	return f.Root()
}

func (h *history) note() []byte {
	text := note.Checkpoint{Origin: h.origin, Size: h.size, Root: h.root()}.Text()
	sig, err := note.Sign(text, h.origin, h.key)
	if err != nil {
		panic(err)
	}
	return (&note.Note{Text: text, Signatures: append([]note.Signature{sig}, h.also...)}).Bytes()
}

func (h *history) Checkpoint(context.Context) ([]byte, error) {
	if h.none {
		return nil, pin.ErrNone
	}
	if h.hidden {
		return nil, fmt.Errorf("%w: not permitted", pin.ErrHidden)
	}
	return h.note(), nil
}

func (h *history) Tile(_ context.Context, t tree.Tile) ([]byte, error) {
	h.asked++
	var b []byte
	span := uint64(1) << (8 * uint(t.Level))
	for i := range uint64(t.Width) {
		var f tree.Frontier
		first := (t.Index*tree.TileWidth + i) * span
		for _, l := range h.leaves[first : first+span] {
			f.Append(l)
		}
		root := f.Root()
		b = append(b, root[:]...)
	}
	if h.spoilt {
		b[0] ^= 1
	}
	return b, nil
}

func (h *history) Keys(context.Context) ([]ed25519.PublicKey, error) {
	return []ed25519.PublicKey{h.key.Public().(ed25519.PublicKey)}, nil
}

func (h *history) Entries(context.Context, uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield(nil, errors.New("not for you to read")) }
}

func opened(t testing.TB, o pin.Options) (*pin.Pins, string) {
	dir := filepath.Join(t.TempDir(), "state", "pins")
	if o.Patience == 0 {
		o.Patience = time.Millisecond
	}
	return pin.Open(dir, o), dir
}

// accused demands an accusation of a kind, with a file that holds the given notes.
func accused(t *testing.T, err error, kind pin.Kind, notes ...[]byte) *pin.Error {
	t.Helper()
	e := (*pin.Error)(nil)
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("got %v; want %s", err, kind)
	}
	b, err := os.ReadFile(e.File)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(e.File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, n := range notes {
		if !bytes.Contains(b, n) {
			t.Errorf("%s lacks\n%s\nIt says\n%s", e.File, n, b)
		}
	}
	if !strings.Contains(e.Error(), e.File) || !strings.Contains(e.Error(), string(kind)) || strings.Contains(e.Error(), "\n") {
		t.Errorf("it says %q", e)
	}
	return e
}

func TestAHistoryMayOnlyGrow(t *testing.T) {
	for name, c := range map[string]struct {
		then func(h *history) *history
		want pin.Kind
	}{
		"the same":         {func(h *history) *history { return h }, ""},
		"grown":            {func(h *history) *history { return h.fork(300, 0).grow(700, "") }, ""},
		"grown by one":     {func(h *history) *history { return h.fork(300, 1) }, ""},
		"rolled back":      {func(h *history) *history { return h.fork(299, 0) }, pin.Rollback},
		"no checkpoint":    {func(h *history) *history { o := h.fork(300, 0); o.none = true; return o }, pin.Rollback},
		"another last":     {func(h *history) *history { return h.fork(299, 1) }, pin.Equivocation},
		"forked and grown": {func(h *history) *history { return h.fork(10, 1000) }, pin.Fork},
		"forked at once":   {func(h *history) *history { return h.fork(0, 301) }, pin.Fork},
		"another origin":   {func(h *history) *history { o := h.fork(300, 5); o.origin = "other/ledger"; return o }, pin.Another},
	} {
		t.Run(name, func(t *testing.T) {
			// Given a client that has met a ledger of 300 entries
			told := 0
			p, _ := opened(t, pin.Options{First: func(c note.Checkpoint, _ note.Key) { told++ }})
			h := newHistory(300)
			if err := p.Check(t.Context(), place, h); err != nil {
				t.Fatal(err)
			}
			// when it shows something else
			other := c.then(h)
			err := p.Check(t.Context(), place, other)
			// then that continues what it showed, or is called by its name
			if c.want != "" {
				notes := [][]byte{h.note()}
				if !other.none {
					notes = append(notes, other.note())
				}
				first := accused(t, err, c.want, notes...)
				// and again, in the same file: a client that is told again does not believe it at last
				if again := accused(t, p.Check(t.Context(), place, other), c.want); again.File != first.File {
					t.Errorf("%s and %s", first.File, again.File)
				}
				// while the true history is still taken
				err = p.Check(t.Context(), place, h)
			}
			if err != nil {
				t.Fatal(err)
			}
			if told != 1 {
				t.Errorf("the first contact was told %d times", told)
			}
		})
	}
}

func TestALedgerIsKnownAtAnotherPlace(t *testing.T) {
	// Given a client that has met a ledger on one server
	p, _ := opened(t, pin.Options{})
	h := newHistory(20)
	if err := p.Check(t.Context(), place, h); err != nil {
		t.Fatal(err)
	}
	// when another server shows the same ledger, and then another history of it
	if err := p.Check(t.Context(), "https://mirror.example", h.fork(20, 5)); err != nil {
		t.Fatal(err)
	}
	// then what one has shown is held against the other
	accused(t, p.Check(t.Context(), place, h.fork(10, 15)), pin.Equivocation)
	// and of a third place that shows another ledger under that name nothing was known: it has another key
	stranger := newHistory(3)
	stranger.key = newKey(9)
	if err := p.Check(t.Context(), "https://else.example", stranger); err != nil {
		t.Fatal(err)
	}
	if all, err := p.All(); err != nil || len(all) != 2 {
		t.Errorf("%d pins, %v", len(all), err)
	}
}

func TestASignatureOfNobodyIsNoAccusation(t *testing.T) {
	p, dir := opened(t, pin.Options{})
	h := newHistory(20)
	if err := p.Check(t.Context(), place, h); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*history{
		"a key that is not known": func() *history { o := h.fork(5, 40); o.key = newKey(2); return o }(),
		"damaged tiles":           func() *history { o := h.fork(20, 40); o.spoilt = true; return o }(),
	} {
		if err := p.Check(t.Context(), place, other); !errors.Is(err, pin.ErrUnproven) {
			t.Errorf("%s: %v; want ErrUnproven", name, err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "equivocation-*")); len(files) > 0 {
		t.Errorf("accusations were written: %v", files)
	}
}

func TestNoCheckpointsYet(t *testing.T) {
	// Given a ledger that was made before there were checkpoints
	p, dir := opened(t, pin.Options{})
	h := newHistory(20)
	h.none = true
	if err := p.Check(t.Context(), place, h); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept: %v", err)
	}
}

func TestWhatWasAnsweredIsCovered(t *testing.T) {
	// Given a client that a ledger of 20 entries answered with position 22
	p, _ := opened(t, pin.Options{})
	h := newHistory(20)
	if err := p.Check(t.Context(), place, h); err != nil {
		t.Fatal(err)
	}
	p.Answered(place, 22)
	// then a checkpoint of 21 is too old, and one of 22 is not
	accused(t, p.Check(t.Context(), place, h.fork(20, 1)), pin.Stale)
	accused(t, p.Check(t.Context(), place, h), pin.Stale)
	if err := p.Check(t.Context(), place, h.fork(20, 2)); err != nil {
		t.Fatal(err)
	}
}

func TestACheckpointThatComesLateIsWaitedFor(t *testing.T) {
	p, _ := opened(t, pin.Options{Patience: time.Minute})
	h := newHistory(20)
	if err := p.Check(t.Context(), place, h); err != nil {
		t.Fatal(err)
	}
	late := &lagging{history: h.fork(20, 0), behind: 2}
	if err := p.Check(t.Context(), place, late); err != nil {
		t.Fatal(err)
	}
	if late.behind != 0 {
		t.Errorf("it was not asked again")
	}
}

// lagging shows an older checkpoint for some times, as a node that is a little behind.
type lagging struct {
	*history
	behind int
}

func (l *lagging) Checkpoint(ctx context.Context) ([]byte, error) {
	if l.behind > 0 {
		l.behind--
		return l.fork(10, 0).note(), nil
	}
	return l.history.Checkpoint(ctx)
}

func TestWitnesses(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	witness := newKey(7)
	key := note.WitnessKey("w.example/1", witness.Public().(ed25519.PublicKey))
	policy, err := note.ParsePolicy([]byte(fmt.Sprintf("witness w1 %s\nquorum w1\n", key)))
	if err != nil {
		t.Fatal(err)
	}
	cosigned := func(h *history, at time.Time) *history {
		sig, err := note.Cosign(note.Checkpoint{Origin: origin, Size: h.size, Root: h.root()}.Text(), key.Name, witness, at)
		if err != nil {
			t.Fatal(err)
		}
		other := *h
		other.also = []note.Signature{sig}
		return &other
	}
	p, _ := opened(t, pin.Options{Policy: policy, MaxAge: time.Hour, Now: func() time.Time { return now }})
	h := newHistory(20)
	// Given a policy, then a ledger that no witness vouches for is not taken
	accused(t, p.Check(t.Context(), place, h), pin.Stale)
	// and one that a witness vouched for is, also while its newest checkpoint is not cosigned yet
	if err := p.Check(t.Context(), place, cosigned(h, now.Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	grown := h.fork(20, 3)
	if err := p.Check(t.Context(), place, grown); err != nil {
		t.Fatal(err)
	}
	// until the last that the witness vouched for is too old
	now = now.Add(2 * time.Hour)
	accused(t, p.Check(t.Context(), place, grown), pin.Stale)
	// and a witness that says it saw it tomorrow says nothing of today
	accused(t, p.Check(t.Context(), place, cosigned(grown, now.Add(24*time.Hour))), pin.Stale)
	if err := p.Check(t.Context(), place, cosigned(grown, now)); err != nil {
		t.Fatal(err)
	}
}

func TestForgotten(t *testing.T) {
	for _, name := range []string{place, origin} {
		p, _ := opened(t, pin.Options{})
		h := newHistory(20)
		if err := p.Check(t.Context(), place, h); err != nil {
			t.Fatal(err)
		}
		other := h.fork(3, 30)
		accused(t, p.Check(t.Context(), place, other), pin.Fork)
		// When a person decides to believe what is shown now
		if n, err := p.Forget(name); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		// then it is the first contact
		if err := p.Check(t.Context(), place, other); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedFileStopsAndIsNamed(t *testing.T) {
	p, dir := opened(t, pin.Options{})
	if err := p.Check(t.Context(), place, newHistory(2)); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	info, err := os.Stat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if err := os.WriteFile(files[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(t.Context(), place, newHistory(2)); err == nil || !strings.Contains(err.Error(), files[0]) || !strings.Contains(err.Error(), "JSON") || !strings.Contains(err.Error(), "moves the file away") {
		t.Errorf("got %v; want the name of the file, what is wrong with it, and what to do", err)
	}
}

// Given a caller who may not read the log, then there is nothing to hold against anything; given one who was shown it
// before, then a ledger cannot get around what it showed by hiding it.
func TestALogThatIsHidden(t *testing.T) {
	p, _ := opened(t, pin.Options{})
	h := newHistory(3)
	h.hidden = true
	if err := p.Check(t.Context(), place, h); err != nil {
		t.Error(err)
	}
	h.hidden = false
	if err := p.Check(t.Context(), place, h); err != nil {
		t.Fatal(err)
	}
	h.hidden = true
	if err := p.Check(t.Context(), place, h); !errors.Is(err, pin.ErrHidden) {
		t.Errorf("got %v", err)
	}
}

// Whatever two histories share, the client takes the second exactly where it begins with the first.
func TestEveryForkIsNoticed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, _ := opened(t, pin.Options{})
		h := newHistory(rapid.IntRange(1, 600).Draw(rt, "size"))
		if err := p.Check(t.Context(), place, h); err != nil {
			rt.Fatal(err)
		}
		common := rapid.IntRange(0, len(h.leaves)).Draw(rt, "common")
		other := h.fork(common, rapid.IntRange(0, 600).Draw(rt, "more"))
		if len(other.leaves) == 0 {
			return
		}
		err := p.Check(t.Context(), place, other)
		if good := common == len(h.leaves); good != (err == nil) {
			rt.Fatalf("%d entries, then %d with %d in common: %v", len(h.leaves), len(other.leaves), common, err)
		}
		if err != nil && !errors.As(err, new(*pin.Error)) {
			rt.Fatal(err)
		}
		if other.asked > 8 {
			rt.Errorf("%d tiles were asked for", other.asked)
		}
	})
}
