package witness_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/internal/trace"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/witness"
)

// testLog is a log in memory whose history can be put back and exchanged, as no real one lets it.
type testLog struct {
	t  testing.TB
	mu sync.Mutex

	h       *history
	size    uint64
	notes   map[uint64]*note.Note
	changed chan struct{}
}

func newLog(t testing.TB, h *history, size uint64) *testLog {
	l := &testLog{t: t, changed: make(chan struct{}), notes: map[uint64]*note.Note{}}
	l.become(h, size)
	return l
}

// become makes the log another history, or another size of the same.
func (l *testLog) become(h *history, size uint64) {
	n := signed(l.t, h.checkpoint(size), 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.h != h || l.notes[size] == nil { // else it has cosignatures, maybe
		l.notes[size] = n
	}
	l.h, l.size = h, size
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *testLog) Latest() ([]byte, note.Checkpoint, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.notes[l.size].Bytes(), l.h.checkpoint(l.size), l.size > 0
}

func (l *testLog) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *testLog) Tile(t tree.Tile) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.h.Tile(t)
}

func (l *testLog) AddCosignature(size uint64, s note.Signature) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.notes[size]
	if n == nil {
		return fmt.Errorf("no checkpoint of the size %d", size)
	}
	l.notes[size] = n.With(s)
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// met says whether the newest checkpoint satisfies a policy.
func (l *testLog) met(p *note.Policy) bool {
	b, _, _ := l.Latest()
	v, err := p.Verify(b)
	return err == nil && v.Quorum
}

// until waits for a condition that has to come true.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come true: %s", what)
		}
	}
}

func submit(t testing.TB, o witness.SubmitConfig, refresh time.Duration) *witness.Submitter {
	t.Helper()
	s := witness.SubmitFast(o, refresh)
	t.Cleanup(s.Close)
	return s
}

func policyOf(quorum string, witnesses ...note.Witness) *note.Policy {
	p := &note.Policy{Logs: []note.Log{{Key: note.LogKey(origin, public(1))}}, Witnesses: witnesses, Quorum: quorum}
	for _, w := range witnesses {
		if len(p.Groups) == 0 {
			p.Groups = []note.Group{{Name: "two", K: 2}}
		}
		p.Groups[0].Members = append(p.Groups[0].Members, w.Name)
	}
	return p
}

// named gives a witness with another name and key.
func named(t testing.TB, name string, seed byte) *served {
	o := config(t, t.TempDir())
	o.Name, o.Signer = name, key(seed)
	return serve(t, o)
}

func (s *served) asWitness() note.Witness {
	return note.Witness{Name: s.Key().Name, Key: s.Key(), URL: s.url}
}

// mute is a witness that takes connections and never answers.
func mute(t testing.TB) note.Witness {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return note.Witness{Name: "mute", Key: note.WitnessKey("mute", public(7)), URL: "http://" + l.Addr().String()}
}

// answering is a witness that answers what is given to everything, and counts how often.
func answering(t testing.TB, h http.HandlerFunc) (note.Witness, *atomic.Int64) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return note.Witness{Name: "w", Key: note.WitnessKey("witness.example/w1", public(2)), URL: s.URL + "/"}, &n
}

// TestTwoOfThree: two witnesses that answer are enough, while the third never does.
func TestTwoOfThree(t *testing.T) {
	h := new(history).grow("ours", 40)
	l := newLog(t, h, 3)
	a, b := named(t, "a", 21), named(t, "b", 22)
	p := policyOf("two", a.asWitness(), b.asWitness(), mute(t))
	s := submit(t, witness.SubmitConfig{Log: l, Witnesses: p.Witnesses}, time.Hour)
	for size := uint64(3); size <= 40; size += 7 {
		l.become(h, size)
		until(t, "two of three have cosigned", func() bool { return l.met(p) })
	}
	until(t, "both are where the log is", func() bool {
		states := s.States()
		return states[0].Size == 38 && states[1].Size == 38 && states[0].Error == "" && !states[0].At.IsZero()
	})
	if st := s.States()[2]; st.Size != 0 || st.Name != "mute" {
		t.Errorf("%+v", st)
	}
}

// TestLearns: a submitter that begins anew learns where each witness is, and is cosigned at once.
func TestLearns(t *testing.T) {
	h := new(history).grow("ours", 40)
	a := named(t, "a", 21)
	a.cosigned(t, h.checkpoint(11), h.request(t, 0, 11))
	l := newLog(t, h, 30)
	p := policyOf("a", a.asWitness())
	s := submit(t, witness.SubmitConfig{Log: l, Witnesses: p.Witnesses}, time.Hour)
	until(t, "it is cosigned", func() bool { return l.met(p) })
	s.Close()
	again := newLog(t, h, 30) // of the same size, and without the cosignature
	submit(t, witness.SubmitConfig{Log: again, Witnesses: p.Witnesses}, time.Hour)
	until(t, "it is cosigned again", func() bool { return again.met(p) })
}

// TestRefresh: what is not written to is cosigned again after a while.
func TestRefresh(t *testing.T) {
	var asked atomic.Int64
	a := named(t, "a", 21)
	w := a.asWitness()
	counting := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, ok := trace.Parse(r.Header.Get(trace.Header)); !ok {
			t.Errorf("it is asked without a trace: %v", r.Header)
		}
		asked.Add(1)
		a.Handler().ServeHTTP(rw, r)
	}))
	defer counting.Close()
	w.URL = counting.URL
	l := newLog(t, new(history).grow("ours", 5), 5)
	s := submit(t, witness.SubmitConfig{Log: l, Witnesses: []note.Witness{w}}, 5*time.Millisecond)
	until(t, "it is asked some times", func() bool { return asked.Load() > 4 })
	if st := s.States()[0]; st.Error != "" || st.Size != 5 {
		t.Errorf("%+v", st)
	}
}

// alarms collects what a submitter alarms about.
type alarms struct {
	mu  sync.Mutex
	all []witness.State
}

func (a *alarms) alarm(s witness.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, s)
}

func (a *alarms) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.all)
}

// locked is a buffer that goroutines write to.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestRolledBack: a witness that has cosigned more than the log has is an alarm, once, and not tried again and again. It
// is over when the log has all of it again.
func TestRolledBack(t *testing.T) {
	h := new(history).grow("ours", 60)
	a := named(t, "a", 21)
	a.cosigned(t, h.checkpoint(40), h.request(t, 0, 40))
	w := a.asWitness()
	var asked atomic.Int64
	counting := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		a.Handler().ServeHTTP(rw, r)
	}))
	defer counting.Close()
	w.URL = counting.URL
	l := newLog(t, h, 30)
	var told alarms
	var said locked
	s := submit(t, witness.SubmitConfig{
		Log: l, Witnesses: []note.Witness{w}, Alarm: told.alarm, Logger: slog.New(slog.NewTextHandler(&said, nil)),
	}, time.Hour)
	until(t, "there is an alarm", func() bool { return told.count() == 1 })
	if st := s.States()[0]; !st.Alarm || st.Since.IsZero() || !strings.Contains(st.Error, "has cosigned 40 entries of this log, which has 30") {
		t.Errorf("%+v", st)
	}
	contains(t, said.String(), "level=ERROR", "ALARM: the witness a has cosigned 40 entries")
	for size := uint64(31); size < 40; size++ { // writing goes on, and the witness is left in peace
		l.become(h, size)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the witness was asked %d times", n)
	}
	l.become(h, 41)
	until(t, "it cosigns again", func() bool { return s.States()[0].Size == 41 })
	if st := s.States()[0]; st.Alarm || st.Error != "" || told.count() != 1 {
		t.Errorf("%+v, %d alarms", st, told.count())
	}
}

// TestForkedLog: a log that is another beyond what was cosigned is an alarm too, and the witness has its proof.
func TestForkedLog(t *testing.T) {
	h := new(history).grow("ours", 60)
	a := named(t, "a", 21)
	a.cosigned(t, h.checkpoint(41), h.request(t, 0, 41))
	l := newLog(t, parted(20, 50), 50)
	var told alarms
	s := submit(t, witness.SubmitConfig{Log: l, Witnesses: []note.Witness{a.asWitness()}, Alarm: told.alarm}, time.Hour)
	until(t, "there is an alarm", func() bool { return told.count() == 1 })
	if st := s.States()[0]; !st.Alarm || !strings.Contains(st.Error, "a continuation of the 41") {
		t.Errorf("%+v", st)
	}
	<-a.Forked()
	judgeEvidence(t, a.evidence(t)[0])
}

// TestBehind: where several nodes write, a witness may know what this one has not taken in yet.
func TestBehind(t *testing.T) {
	h := new(history).grow("ours", 60)
	a := named(t, "a", 21)
	a.cosigned(t, h.checkpoint(40), h.request(t, 0, 40))
	l := newLog(t, h, 30)
	var told alarms
	s := submit(t, witness.SubmitConfig{Log: l, Witnesses: []note.Witness{a.asWitness()}, Shared: true, Alarm: told.alarm}, time.Hour)
	for size := uint64(31); size <= 45; size++ {
		l.become(h, size)
	}
	until(t, "it cosigns", func() bool { return s.States()[0].Size == 45 })
	if told.count() != 0 {
		t.Errorf("%+v", told.all)
	}
}

// TestOnlyOwnSignatures: witnesses limit what they read, and get the log's signatures alone.
func TestOnlyOwnSignatures(t *testing.T) {
	got := make(chan string, 1)
	w, _ := answering(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/add-checkpoint" && r.Method == http.MethodPost {
			select {
			case got <- string(b):
			default:
			}
		}
		http.Error(w, "no", 500)
	})
	h := new(history).grow("ours", 5)
	l := newLog(t, h, 5)
	n := signed(t, h.checkpoint(5), 1)
	s, err := note.Cosign(n.Text, "other.example/w", key(8), noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AddCosignature(5, s); err != nil {
		t.Fatal(err)
	}
	submit(t, witness.SubmitConfig{Log: l, Witnesses: []note.Witness{w}}, time.Hour)
	if b := <-got; b != string(body(0, nil, n)) {
		t.Errorf("submitted:\n%s", b)
	}
}

// TestBadAnswers: whatever a witness answers, only its own valid cosignature of this checkpoint is taken.
func TestBadAnswers(t *testing.T) {
	h := new(history).grow("ours", 9)
	cosign := func(c note.Checkpoint, name string, seed byte, at time.Time) string {
		s, err := note.Cosign(c.Text(), name, key(seed), at)
		if err != nil {
			t.Fatal(err)
		}
		return s.String() + "\n"
	}
	const name = "witness.example/w1"
	good := cosign(h.checkpoint(9), name, 2, noon)
	broken := []byte(good)
	broken[len(broken)-10] ^= 1
	conflict := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, text)
		}
	}
	ok := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(code)
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		alarm  bool
		says   string
	}{
		{"nothing", ok(""), false, "no signatures"},
		{"a page", ok("<html>"), false, "no signatures"},
		{"without an end", ok(strings.Repeat("x", 1<<20)), false, "no signatures"},
		{"another key", ok(cosign(h.checkpoint(9), name, 3, noon)), false, "another key than the policy's"},
		{"another name", ok(cosign(h.checkpoint(9), "other", 2, noon)), false, "another key than the policy's"},
		{"another checkpoint", ok(cosign(h.checkpoint(8), name, 2, noon)), false, "does not verify"},
		{"a bit", ok(string(broken)), false, "does not verify"},
		{"a good one and a bad one", ok(good + string(broken)), false, "does not verify"},
		{"no time", ok(cosign(h.checkpoint(9), name, 2, time.Unix(0, 0))), false, "no time"},
		{"403", status(403), false, "answers 403"},
		{"404", status(404), false, "answers 404"},
		{"500", status(500), false, "answers 500"},
		{"a redirection", status(307), false, "answers 307"},
		{"422", status(422), true, "continuation"},
		{"409 without a size, as the first version of the specification has it", conflict("text/plain", "no"), true, "another history of 9 entries"},
		{"409 with no number", conflict("text/x.tlog.size", "nine\n"), true, "another history"},
		{"409 with a larger size", conflict("text/x.tlog.size", "10\n"), true, "has cosigned 10"},
		{"409 again and again", conflict("text/x.tlog.size", "8\n"), false, "409 4 times"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog(t, h, 9)
			w, _ := answering(t, tt.answer)
			s := submit(t, witness.SubmitConfig{Log: l, Witnesses: []note.Witness{w}}, time.Hour)
			until(t, "it is reported", func() bool { return s.States()[0].Error != "" })
			if st := s.States()[0]; st.Alarm != tt.alarm || !strings.Contains(st.Error, tt.says) {
				t.Errorf("%+v; want %q", st, tt.says)
			}
			if b, _, _ := l.Latest(); !bytes.Equal(b, signed(t, h.checkpoint(9), 1).Bytes()) {
				t.Errorf("the checkpoint has more signatures:\n%s", b)
			}
		})
	}
}

// TestComesBack: a witness that was away is asked until it answers.
func TestComesBack(t *testing.T) {
	h := new(history).grow("ours", 9)
	a := named(t, "a", 21)
	w := a.asWitness()
	var away atomic.Bool
	away.Store(true)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		a.Handler().ServeHTTP(rw, r)
	}))
	defer front.Close()
	w.URL = front.URL
	l := newLog(t, h, 9)
	var said locked
	s := submit(t, witness.SubmitConfig{Log: l, Witnesses: []note.Witness{w}, Logger: slog.New(slog.NewTextHandler(&said, nil))}, time.Hour)
	until(t, "it is said that it is away", func() bool { return s.States()[0].Error != "" && !s.States()[0].Alarm })
	away.Store(false)
	until(t, "it cosigns", func() bool { return s.States()[0].Size == 9 && s.States()[0].Error == "" })
	if n := strings.Count(said.String(), "a witness does not cosign"); n != 1 {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
	contains(t, said.String(), "a witness cosigns again")
}

// TestNoURL: a witness that the policy gives no address is somebody else's to ask.
func TestNoURL(t *testing.T) {
	l := newLog(t, new(history).grow("ours", 9), 9)
	s := submit(t, witness.SubmitConfig{Log: l, Witnesses: []note.Witness{{Name: "x", Key: note.WitnessKey("x", public(3))}}}, time.Hour)
	if st := s.States()[0]; !strings.Contains(st.Error, "no URL") {
		t.Errorf("%+v", st)
	}
}

// told gives the names of the witnesses that the log says do not cosign, to whom waits for them.
type told chan string

func (told) Enabled(context.Context, slog.Level) bool { return true }
func (c told) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c told) WithGroup(string) slog.Handler          { return c }

func (c told) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "witness" {
			c <- a.Value.String()
		}
		return true
	})
	return nil
}

// Given sixteen witnesses that fail, when they are asked from the first moment on, then each one's state says so:
// none waits for the others to be begun with. (With the race detector: nothing of the states is made beside them.)
func TestAllFromTheFirstMoment(t *testing.T) {
	var all []note.Witness
	for range 16 {
		w, _ := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		all = append(all, w)
	}
	heard := make(told, 2*len(all))
	s := submit(t, witness.SubmitConfig{Log: newLog(t, new(history).grow("ours", 3), 3), Witnesses: all, Logger: slog.New(heard)}, time.Hour)
	for range all {
		select {
		case <-heard:
		case <-time.After(20 * time.Second):
			t.Fatal("not every witness was asked")
		}
	}
	for i, st := range s.States() {
		if st.Error == "" {
			t.Errorf("the state of witness %d says nothing of its failure", i)
		}
	}
}

// TestPace: however fast a log grows, a witness is asked some times at once and then once a second.
func TestPace(t *testing.T) {
	h := new(history).grow("ours", 200)
	w, asked := answering(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusUnprocessableEntity) })
	l := newLog(t, h, 1)
	a := named(t, "a", 21)
	policy := policyOf("a", a.asWitness())
	s := witness.Submit(witness.SubmitConfig{Log: l, Witnesses: []note.Witness{a.asWitness(), w}})
	defer s.Close()
	for size := uint64(1); size <= 5; size++ {
		l.become(h, size)
		until(t, "it is cosigned", func() bool { return l.met(policy) })
	}
	for size := uint64(6); size <= 200; size++ {
		l.become(h, size)
	}
	s.Close()
	if n := len(notesIn(t, a.dir)); n > 12 {
		t.Errorf("200 checkpoints in no time, and the witness was asked for %d", n)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("after an alarm, asked %d times", n)
	}
}
