package ledger_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tree"
)

// TestAppendTable prints what recording costs beside what it stands on: the disk by itself, an embedded JetStream that
// syncs each message, and a signature by itself. All of it is measured in one run, in turns, because a disk and a machine
// shared with others are not the same an hour later. docs/benchmarks.md says what the rows mean.
//
//	PERMLEDGER_LONG=1 go test -run TestAppendTable -v ./ledger
func TestAppendTable(t *testing.T) {
	rounds, part, inFlight := 5, 1, []int{1, 16, 64, 256, 1024}
	if os.Getenv("PERMLEDGER_LONG") == "" {
		rounds, part, inFlight = 1, 100, []int{1, 16} // that it runs, not how fast
	}
	if n, err := strconv.Atoi(os.Getenv("PERMLEDGER_INFLIGHT")); err == nil {
		inFlight = []int{n}
	}
	size := entrySize(t)
	rows := map[string][]measured{}
	var order []string
	add := func(name string, m measured) {
		if rows[name] == nil {
			order = append(order, name)
		}
		rows[name] = append(rows[name], m)
	}
	stages := map[string][]measured{}
	for range rounds {
		for name, m := range measureStages(t, 2000/part) {
			stages[name] = append(stages[name], m)
		}
		add("raw append+fsync", measureDisk(t, size, 1, 2000/part))
		add("signature (sign+hash)", measureSigning(t, size, 5000/part))
		for _, n := range inFlight {
			ops := max((1500+16*min(n, 256))/part, 4*n)
			if n > 1 {
				add(fmt.Sprintf("raw group commit/%d", n), measureDisk(t, size, n, ops))
			}
			add(fmt.Sprintf("JetStream/%d", n), measureJetStream(t, size, n, ops))
			add(fmt.Sprintf("ledger/%d", n), measureLedger(t, n, ops, false))
			add(fmt.Sprintf("ledger, proven before/%d", n), measureLedger(t, n, ops, true))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "entries of %d bytes, median of %d rounds\n%-28s %12s %12s %12s %10s %10s\n", size, rounds, "", "a second", "p50", "p99", "x JetStream", "p99 ratio")
	for _, name := range order {
		m := median(rows[name])
		fmt.Fprintf(&b, "%-28s %12.0f %12s %12s", name, m.rate, m.p50.Round(time.Microsecond), m.p99.Round(time.Microsecond))
		if what, n, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(what, "ledger") {
			bare := median(rows["JetStream/"+n])
			fmt.Fprintf(&b, " %11.2f %10.2f", m.rate/bare.rate, float64(m.p99)/float64(bare.p99))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "one command by stage, each on its own %10s %12s\n", "p50", "p99")
	for _, name := range stageNames {
		m := median(stages[name])
		fmt.Fprintf(&b, "%-28s %20s %12s\n", name, m.p50.Round(100*time.Nanosecond), m.p99.Round(time.Microsecond))
	}
	t.Log(b.String())
}

var stageNames = []string{"prove", "decide", "sign", "seal", "journal write", "journal write+fsync", "publish", "apply"}

// measureStages takes commands through the steps of the ledger one by one, on one goroutine, with nothing between them:
// what a command takes beyond the sum of them goes into waking goroutines.
func measureStages(t *testing.T, ops int) map[string]measured {
	p := newPlace(t)
	defer p.stop()
	requests := make([]ledger.Request, ops)
	for i := range requests {
		requests[i] = p.request(p.command(p.role(fmt.Sprint("role-", i))))
	}
	if err := p.ledger.Close(); err != nil { // its place is taken
		t.Fatal(err)
	}
	log := must(p.srv.OpenLog(t.Context(), "main"))(t)
	state, applied := rules.New(), rules.New()
	genesis := must(chain.Parse(must(p.journal.Read(1))(t)))(t)
	rules.Evolve(state, genesis.Event)
	rules.Evolve(applied, genesis.Event)
	did, prev := genesis.Key, genesis.CID()
	var roots tree.Roots
	roots.Append(tree.Leaf(genesis.Bytes()))
	unsynced := must(os.Create(filepath.Join(t.TempDir(), "unsynced")))(t)
	defer unsynced.Close()

	each := map[string][]time.Duration{}
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for i, r := range requests {
		last := time.Now()
		stage := func(name string) {
			now := time.Now()
			each[name] = append(each[name], now.Sub(last))
			last = time.Now()
		}
		c := r.Command
		check(r.Evidence.Check(&c))
		stage("prove")
		e, err := rules.Decide(state, r.Command, last.UTC().Truncate(time.Millisecond))
		check(err)
		e.Sequence, e.Prev = uint64(i+2), prev
		body, err := e.Encode()
		check(err)
		rules.Evolve(state, &e)
		stage("decide")
		sig, err := chain.Sign(body, p.keys[did])
		check(err)
		stage("sign")
		en, err := chain.SealSigned(&e, body, nil, r.Evidence, sig, did)
		check(err)
		prev = en.CID()
		roots.Append(tree.Leaf(en.Bytes()))
		stage("seal")
		_, err = unsynced.Write(en.Bytes())
		check(err)
		stage("journal write")
		_, err = p.journal.Append([][]byte{en.Bytes()})
		check(err)
		stage("journal write+fsync")
		check(log.Append(t.Context(), e.Sequence-1, []stream.Msg{{Subject: en.Subject(), Data: en.Bytes()}}))
		stage("publish")
		rules.Evolve(applied, en.Event)
		stage("apply")
	}
	took := map[string]measured{}
	for name, d := range each {
		took[name] = measure(began, d)
	}
	return took
}

// measured is how fast something went, and how long one took from being asked for to being answered.
type measured struct {
	rate     float64
	p50, p99 time.Duration
}

func measure(began time.Time, each []time.Duration) measured {
	took := time.Since(began)
	slices.Sort(each)
	return measured{float64(len(each)) / took.Seconds(), each[len(each)/2], each[len(each)*99/100]}
}

// median takes each figure's own.
func median(ms []measured) measured {
	pick := func(of func(measured) float64) float64 {
		var all []float64
		for _, m := range ms {
			all = append(all, of(m))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return measured{
		pick(func(m measured) float64 { return m.rate }),
		time.Duration(pick(func(m measured) float64 { return float64(m.p50) })),
		time.Duration(pick(func(m measured) float64 { return float64(m.p99) })),
	}
}

// entrySize is how long the entries are that the ledger's rows record.
func entrySize(t *testing.T) int {
	p := newPlace(t)
	r, err := p.do(p.command(p.role("role-1000")))
	if err != nil {
		t.Fatal(err)
	}
	raw := must(p.journal.Read(r.Position))(t)
	p.stop()
	return len(raw)
}

// measureDisk appends entries to a file, n with one sync.
func measureDisk(t *testing.T, size, n, ops int) measured {
	f := must(os.Create(filepath.Join(t.TempDir(), "raw")))(t)
	defer f.Close()
	b := make([]byte, size*n)
	each := make([]time.Duration, 0, ops)
	began := time.Now()
	for len(each) < ops {
		start := time.Now()
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		for range n {
			each = append(each, took)
		}
	}
	return measure(began, each)
}

// measureSigning hashes and signs entries one after the other, which is what a chain cannot do in parallel.
func measureSigning(t *testing.T, size, ops int) measured {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	each := make([]time.Duration, 0, ops)
	began := time.Now()
	for range ops {
		start := time.Now()
		sum := sha256.Sum256(b)
		copy(b, sum[:])
		copy(b[32:], ed25519.Sign(key, b))
		each = append(each, time.Since(start))
	}
	return measure(began, each)
}

// measureJetStream publishes entries to an embedded server that syncs each message before it acknowledges it, each with
// the sequence it must follow, and keeps n of them unacknowledged: the best that a single writer can do. The server
// checks nothing but the sequence.
func measureJetStream(t *testing.T, size, n, ops int) measured {
	s := must(server.NewServer(&server.Options{DontListen: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true}))(t)
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not start")
	}
	nc := must(nats.Connect("", nats.InProcessServer(s)))(t)
	defer nc.Close()
	js := must(jetstream.New(nc))(t)
	must(js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "LEDGER_main", Subjects: []string{"ledger.main.>"}, Discard: jetstream.DiscardNew, DenyDelete: true, DenyPurge: true, AllowDirect: true,
	}))(t)
	acks := make(chan *nats.Msg, 2*n)
	inbox := nc.NewInbox()
	must(nc.ChanSubscribe(inbox, acks))(t)
	body := make([]byte, size)
	sent := make([]time.Time, ops)
	each := make([]time.Duration, 0, ops)
	began := time.Now()
	for next := 0; len(each) < ops; {
		for ; next < ops && next-len(each) < n; next++ {
			sent[next] = time.Now()
			if err := nc.PublishMsg(&nats.Msg{
				Subject: "ledger.main.role.created", Reply: inbox, Data: body,
				Header: nats.Header{"Nats-Expected-Last-Sequence": {strconv.Itoa(next)}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		m := <-acks // they come in order: one connection, one stream
		if want := `{"stream":"LEDGER_main","seq":` + strconv.Itoa(len(each)+1) + "}"; string(m.Data) != want {
			t.Fatalf("acknowledged as %s; want %s", m.Data, want)
		}
		each = append(each, time.Since(sent[len(each)]))
	}
	return measure(began, each)
}

// measureLedger records signed commands from n callers at once. With proven, the authors' signatures and what else needs
// no state were checked before: that is what the ledger adds to a stream that checks nothing.
func measureLedger(t *testing.T, n, ops int, proven bool) measured {
	p := newPlace(t)
	defer p.stop()
	requests := make([]ledger.Request, ops)
	for i := range requests {
		requests[i] = p.request(p.command(p.role(fmt.Sprint("role-", i))))
	}
	execute := p.ledger.Execute
	if proven {
		execute = func(ctx context.Context, r ledger.Request) (ledger.Receipt, error) { return p.ledger.Record(ctx, r) }
	}
	each := make([]time.Duration, ops)
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range n {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < ops; i = next.Add(1) - 1 {
				start := time.Now()
				if _, err := execute(t.Context(), requests[i]); err != nil {
					t.Error(err)
					return
				}
				each[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	return measure(began, each)
}
