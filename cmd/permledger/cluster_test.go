//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/stream/natstest"
	"github.com/permledger/permledger/node"
)

// served is a `permledger serve` that can be killed and started again on its directory.
type served struct {
	t       *testing.T
	program string
	args    []string
	dir     string
	cmd     *exec.Cmd
	said    *bytes.Buffer
	done    chan struct{}
	client  atomic.Pointer[client.Client] // nil while it does not serve
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "permledger")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func runProgram(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "PERMLEDGER_DATA=", "PERMLEDGER_NATS=", "PERMLEDGER_PINS=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("permledger %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func serve(t *testing.T, program, dir, urls, creds string) *served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := &served{t: t, program: program, dir: dir,
		args: []string{"serve", "--data", dir, "--listen", address, "--nats", urls, "--nats-creds", creds, "--nats-synced"}}
	t.Cleanup(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill() // it may have ended
			<-s.done
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(dir), s.said)
		}
	})
	s.said = new(bytes.Buffer)
	s.start()
	return s
}

func (s *served) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.program, s.args...)
	s.cmd.Stderr, s.cmd.Stdout = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // killed, mostly
		close(done)
	}(s.cmd, s.done)
	until(s.t, "the server answers", func() bool {
		select {
		case <-s.done:
			s.t.Fatalf("permledger ended:\n%s", s.said)
		default:
		}
		token, err := os.ReadFile(filepath.Join(s.dir, "run", "token"))
		if err != nil {
			return false
		}
		c := client.New("http://"+s.args[4], strings.TrimSpace(string(token)), nil)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := c.Organizations(ctx); err != nil {
			return false
		}
		s.client.Store(c)
		return true
	})
}

// kill ends the server as kill -9 does.
func (s *served) kill() {
	s.client.Store(nil)
	_ = s.cmd.Process.Kill()
	<-s.done
}

func (s *served) stop() {
	s.t.Helper()
	s.client.Store(nil)
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Error(err)
	}
	<-s.done
	if !s.cmd.ProcessState.Success() {
		s.t.Errorf("it ended with %v:\n%s", s.cmd.ProcessState, s.said)
	}
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

// town is two servers on one cluster, and people who write through both.
type town struct {
	t        *testing.T
	nats     *natstest.Cluster
	proxy    *natstest.Proxy // the way of the second server
	servers  [2]*served
	key      ed25519.PrivateKey
	owner    ulid.ULID
	role     ulid.ULID
	subjects []ulid.ULID
	start    uint64 // position after the setup

	seen    atomic.Uint64 // the highest position that anybody was answered with
	answers atomic.Uint64
	mu      sync.Mutex
	history []op
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, nats: natstest.Start(t, 3)}
	w.proxy = w.nats.Proxy(t)
	program := build(t)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	runProgram(t, program, "init", a, "--nats", w.nats.URLs, "--nats-creds", w.nats.Credentials)
	runProgram(t, program, "join", b, "--from", a)
	w.servers[0] = serve(t, program, a, w.nats.URLs, w.nats.Credentials)
	w.servers[1] = serve(t, program, b, w.proxy.URLs, w.nats.Credentials)
	var err error
	if w.key, err = node.ReadKey(filepath.Join(a, "keys", "owner.key")); err != nil {
		t.Fatal(err)
	}
	c := w.servers[0].client.Load()
	who, err := c.CredentialOwner(t.Context(), "main", didkey.Encode(w.key.Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	if w.owner, err = ulid.ParseStrict(who.Item.ID); err != nil {
		t.Fatal(err)
	}
	w.role = node.NewID(time.Now().UnixMilli())
	w.must(0, &events.RoleCreated{Role: w.role, Key: "desk", Name: "Desk", Permissions: []string{permission}})
	for i := range 4 {
		id := node.NewID(time.Now().UnixMilli())
		w.subjects = append(w.subjects, id)
		w.must(0, &events.SubjectAdded{Subject: id, Key: fmt.Sprint("s", i), Kind: events.KindHuman})
	}
	// B writes once: then its own key is registered, and nothing but what is asked for follows.
	w.start = w.must(1, &events.RoleCreated{Role: node.NewID(time.Now().UnixMilli()), Key: "of-b", Name: "of b"})
	w.seen.Store(w.start)
	return w
}

const permission = "investor.create"

func (w *town) sign(d events.Data) (wire.Submission, ulid.ULID) {
	cmd := events.Command{ID: node.NewID(time.Now().UnixMilli()), Ledger: "localhost/main", Actor: w.owner,
		Auth: events.Auth{Method: events.MethodSignature, Credential: didkey.Encode(w.key.Public().(ed25519.PublicKey))}, Data: d}
	s, err := client.Sign(&cmd, w.key)
	if err != nil {
		panic(err)
	}
	return s, cmd.ID
}

// must records something through a server, which may have to wait for its key.
func (w *town) must(server int, d events.Data) uint64 {
	w.t.Helper()
	s, _ := w.sign(d)
	var seq uint64
	until(w.t, "it is recorded", func() bool {
		outcomes, err := w.servers[server].client.Load().Submit(w.t.Context(), "main", []wire.Submission{s}, client.StopAtRefusal)
		if err != nil || outcomes[0].Problem != nil && outcomes[0].Problem.Status < 500 {
			w.t.Fatalf("%v %+v", err, outcomes)
		}
		if r := outcomes[0].Recorded; r != nil {
			seq = r.Seq
		}
		return seq > 0
	})
	return seq
}

// caller writes and reads through one server until ctx ends.
func (w *town) caller(ctx context.Context, number int) {
	rnd := rand.New(rand.NewPCG(uint64(number), 7))
	for ctx.Err() == nil {
		c := w.servers[number%2].client.Load()
		if c == nil {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		o := op{caller: number, subject: rnd.IntN(len(w.subjects)), kind: reads}
		o.call = time.Now()
		if rnd.IntN(3) == 0 {
			w.read(c, &o, w.seen.Load())
		} else {
			o.give = rnd.IntN(2) == 0
			w.write(c, &o)
		}
		o.back = time.Now()
		if o.kind != dropped {
			for {
				seen := w.seen.Load()
				if o.position <= seen || w.seen.CompareAndSwap(seen, o.position) {
					break
				}
			}
			w.mu.Lock()
			w.history = append(w.history, o)
			w.mu.Unlock()
			if o.kind != doubtful {
				w.answers.Add(1)
			}
		}
	}
}

func (w *town) write(c *client.Client, o *op) {
	d := events.Data(&events.RoleRevoked{Subject: w.subjects[o.subject], Role: w.role})
	if o.give {
		d = &events.RoleAssigned{Subject: w.subjects[o.subject], Role: w.role}
	}
	var s wire.Submission
	s, o.id = w.sign(d)
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	outcomes, err := c.Submit(ctx, "main", []wire.Submission{s}, client.StopAtRefusal)
	dial := (*net.OpError)(nil)
	switch {
	case err != nil && errors.As(err, &dial) && dial.Op == "dial":
		o.kind = dropped
	case err != nil:
		o.kind = doubtful
	case outcomes[0].Recorded != nil:
		o.kind, o.position = writes, outcomes[0].Recorded.Seq
	case outcomes[0].Problem.Code() == wire.CodeOutcomeUnknown:
		o.kind = doubtful
	case outcomes[0].Problem.Status >= 500: // nothing was recorded, it says
		o.kind = dropped
	default:
		o.kind = refusals
	}
}

func (w *town) read(c *client.Client, o *op, atLeast uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got, err := c.Check(ctx, "main", fmt.Sprint("s", o.subject), permission, "", client.Read{AtLeast: atLeast})
	if err != nil {
		o.kind = dropped
		return
	}
	o.kind, o.give, o.position = reads, got.Allowed, got.AsOf.Seq
}

// progress waits until n more answers were given.
func (w *town) progress(n uint64) {
	w.t.Helper()
	want := w.answers.Load() + n
	until(w.t, "people are answered", func() bool { return w.answers.Load() >= want })
}

// faults are what befalls the cluster while people write.
var faults = []struct {
	name string
	do   func(*town)
}{
	{"a node is killed", func(w *town) {
		w.servers[1].kill()
		w.progress(20)
		w.servers[1].start()
	}},
	{"a node is cut off", func(w *town) {
		w.proxy.Cut()
		w.progress(20)
		w.proxy.Heal()
	}},
	{"the stream's leader is paused", func(w *town) {
		leader := w.nats.Leader(stream.LogName("main"))
		w.nats.Pause(leader)
		w.progress(20)
		w.nats.Resume(leader)
	}},
	{"the other node is killed", func(w *town) {
		w.servers[0].kill()
		w.progress(10)
		w.servers[0].start()
	}},
	{"a node hears nothing", func(w *town) {
		w.proxy.Stall()
		w.progress(20)
		w.proxy.Heal()
	}},
	{"the stream's leader is killed", func(w *town) {
		leader := w.nats.Leader(stream.LogName("main"))
		w.nats.Kill(leader)
		w.progress(20)
		w.nats.Restart(leader)
	}},
	{"all at once", func(w *town) {
		leader := w.nats.Leader(stream.LogName("main"))
		w.nats.Kill(leader)
		w.servers[1].kill()
		w.nats.Restart(leader)
		w.servers[1].start()
	}},
}

// TestCluster has people write through two servers on three NATS servers while each of them is killed, paused or cut off.
// Afterwards the history of what they were told must be linearizable, both directories must verify and hold the same, and
// what was acknowledged must be there once.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("real processes")
	}
	w := newTown(t)
	rounds, some := 1, faults[:3]
	if os.Getenv("PERMLEDGER_LONG") != "" {
		rounds, some = 8, faults
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var people sync.WaitGroup
	for i := range 6 {
		people.Go(func() { w.caller(ctx, i) })
	}
	for round := range rounds {
		for _, f := range some {
			w.progress(50)
			began := time.Now()
			f.do(w)
			w.progress(50)
			t.Logf("round %d: %s, %.1f s", round, f.name, time.Since(began).Seconds())
		}
	}
	stop()
	people.Wait()
	// A read that is older than what was answered is a stale one: the check must see that.
	stale := w.stale()
	w.settle()
	for _, s := range w.servers {
		s.stop()
		t.Log(runProgram(t, s.program, "verify", "--data", s.dir))
	}
	w.compare()
	w.linearizable(w.history, true)
	w.linearizable(append(w.history[:len(w.history):len(w.history)], stale), false)
}

// stale reads from the second server, while it hears nothing, what was changed through the first: an older state, because
// it does not ask for at least the position of the change. It gives the read, which is no part of the history.
func (w *town) stale() op {
	w.t.Helper()
	o := op{caller: 0, call: time.Now()}
	until(w.t, "both servers are at the same position", func() bool {
		w.read(w.servers[1].client.Load(), &o, w.seen.Load())
		return o.kind == reads
	})
	w.proxy.Stall()
	defer w.proxy.Heal()
	change := op{caller: 0, give: !o.give, call: time.Now()}
	until(w.t, "it is changed", func() bool {
		w.write(w.servers[0].client.Load(), &change)
		return change.kind == writes
	})
	change.back = time.Now()
	w.history = append(w.history, change)
	old := op{caller: 1, call: time.Now()}
	w.read(w.servers[1].client.Load(), &old, 0)
	old.back = time.Now()
	if old.kind != reads || old.position >= change.position || old.give == change.give {
		w.t.Fatalf("got %+v after %+v", old, change)
	}
	// With at_least it says that it does not know.
	var asked op
	w.read(w.servers[1].client.Load(), &asked, change.position)
	if asked.kind == reads {
		w.t.Errorf("got %+v after %+v", asked, change)
	}
	return old
}

// settle finds out what became of the commands without an answer.
func (w *town) settle() {
	w.t.Helper()
	for i := range w.servers { // who records this has nothing before it left to record
		w.must(i, &events.RoleCreated{Role: node.NewID(time.Now().UnixMilli()), Key: fmt.Sprint("end-", i), Name: "end"})
	}
	var known []op
	for _, o := range w.history {
		if o.kind == doubtful {
			entry, err := w.servers[0].client.Load().Recorded(w.t.Context(), "main", o.id.String())
			if client.CodeOf(err) == "not-found" {
				continue
			}
			if err != nil {
				w.t.Fatal(err)
			}
			o.kind, o.position, o.open = writes, entry.Seq, true
		}
		known = append(known, o)
	}
	w.history = known
}

// compare holds the journals against each other and against what was acknowledged.
func (w *town) compare() {
	w.t.Helper()
	for _, org := range []string{"main", node.Operator} {
		var readers []*journal.Reader
		for _, s := range w.servers {
			r, err := journal.OpenReader(filepath.Join(s.dir, "orgs", org, "journal"), journal.Options{})
			if err != nil {
				w.t.Fatal(err)
			}
			readers = append(readers, r)
		}
		for at := uint64(1); at <= min(readers[0].Len(), readers[1].Len()); at++ {
			x, err1 := readers[0].Read(at)
			y, err2 := readers[1].Read(at)
			if err := errors.Join(err1, err2); err != nil || !bytes.Equal(x, y) {
				w.t.Fatalf("%s: the journals differ at %d: %v", org, at, err)
			}
		}
		if org != "main" {
			continue
		}
		ids := map[ulid.ULID]uint64{}
		for at := uint64(1); at <= readers[0].Len(); at++ {
			raw, err := readers[0].Read(at)
			if err != nil {
				w.t.Fatal(err)
			}
			en, err := chain.Parse(raw)
			if err != nil {
				w.t.Fatal(err)
			}
			if ids[en.Event.ID] != 0 {
				w.t.Errorf("the command of %d is at %d too", ids[en.Event.ID], at)
			}
			ids[en.Event.ID] = at
		}
		recorded := 0
		for _, o := range w.history {
			if o.kind != writes {
				continue
			}
			recorded++
			if ids[o.id] != o.position {
				w.t.Errorf("acknowledged at %d, found at %d", o.position, ids[o.id])
			}
		}
		w.t.Logf("%d operations, %d recorded, %d entries", len(w.history), recorded, readers[0].Len())
	}
}
