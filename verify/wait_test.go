package verify_test

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
	folds "github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/projections/topic"
)

// BenchmarkSnapshotWait prints how long small commands waited, sent one after the other to a ledger with a long history:
// while nothing else is done, while snapshots are taken of the live projections (as only starts and Close do), and while
// one is made aside, of all entries and of what came after the last one.
func BenchmarkSnapshotWait(b *testing.B) {
	h := makeHistory(b)
	for b.Loop() {
		w := &waiting{B: b, dir: b.TempDir()}
		if err := os.CopyFS(filepath.Join(w.dir, "journal"), os.DirFS(h.dir)); err != nil {
			b.Fatal(err)
		}
		w.start(h.n + 1) // due with the first command, and then it is not its turn
		w.commands("nothing else", after(2*time.Second))
		w.commands("taken of the live ones", func() func() bool {
			taken := make(chan struct{})
			go func() {
				defer close(taken)
				for range 3 {
					w.fold.Snapshot()
				}
			}()
			return closed(taken)
		}())
		w.commands("made aside, of all entries", w.aside())
		w.shut()
		w.start(1)
		w.ahead(w.journal.Len() / 8)
		w.commands("made aside, of the last eighth", w.aside())
		w.shut()
	}
	b.ReportMetric(0, "ns/op")
}

// waiting is a ledger whose callers' waiting is measured.
type waiting struct {
	*testing.B
	dir     string
	journal *journal.Journal
	private *private.Store
	srv     *stream.Server
	fold    *projections.Fold
	ledger  *ledger.Ledger
	turn    chan struct{}
	now     func() time.Time
	owner   events.OrganizationOpened
	roles   int
}

type eventKey struct{}

func (eventKey) Signer(did string) (crypto.Signer, bool) {
	key := documenttest.Key("event")
	return key, did == documenttest.DID(key)
}

func newFold() *projections.Fold {
	return projections.NewFold(access.New(), folds.New(), documents.New(), topic.New())
}

// start opens the ledger. A snapshot is due after so many entries, and waits for its turn.
func (w *waiting) start(every uint64) {
	w.Helper()
	var err error
	try := func(e error) { err = errors.Join(err, e) }
	var e error
	w.journal, e = journal.Open(filepath.Join(w.dir, "journal"), journal.Options{})
	try(e)
	_, e = os.Stat(filepath.Join(w.dir, "head"))
	first := e != nil
	head, e := journal.OpenHead(filepath.Join(w.dir, "head"), first)
	try(e)
	w.private, e = private.Open(filepath.Join(w.dir, "private"))
	try(e)
	w.srv, e = stream.Start(stream.Options{StoreDir: filepath.Join(w.dir, "store")})
	try(e)
	if err != nil {
		w.Fatal(err)
	}
	open := w.srv.OpenLog
	if first {
		open = w.srv.CreateLog
	}
	log, e := open(w.Context(), "acme")
	try(e)
	if e == nil {
		_, e = ledger.Complete(w.Context(), w.journal.Reader, log)
		try(e)
	}
	raw, e := w.journal.Read(w.journal.Len())
	try(e)
	last := chain.Load(raw)
	if err != nil || last.Err != nil {
		w.Fatal(err, last.Err)
	}
	began := time.Now()
	w.now = func() time.Time { return last.Entry.Event.Time.Add(time.Since(began)) } // no grant ends but in its time
	w.fold, w.turn = newFold(), make(chan struct{}, 1)
	w.turn <- struct{}{}
	w.ledger, e = ledger.Open(w.Context(), ledger.Config{
		Organization: "acme", Journal: w.journal, Head: head, Log: log, Private: w.private, Keys: eventKey{}, Applied: w.fold.Apply, Now: w.now,
		Snapshots: &ledger.Snapshots{
			Path: filepath.Join(w.dir, "snapshot"), Live: w.fold, Fresh: func() ledger.Folding { return newFold() }, Turn: w.turn, Every: every,
		},
	})
	if e != nil {
		w.Fatal(e)
	}
}

func (w *waiting) shut() {
	if err := errors.Join(w.ledger.Close(), w.private.Close(), w.journal.Close(), w.srv.Close()); err != nil {
		w.Fatal(err)
	}
}

// request asks for another role.
func (w *waiting) request() ledger.Request {
	w.roles++
	key := documenttest.Key("owner")
	c := events.Command{
		ID: ulid.MustNew(uint64(w.now().UnixMilli()), nil), Ledger: documenttest.Source, Actor: w.actor(),
		Auth: events.Auth{Method: events.MethodSignature, Credential: documenttest.DID(key)},
	}
	c.ID[6], c.ID[7], c.ID[8], c.ID[9] = 1, byte(w.roles>>16), byte(w.roles>>8), byte(w.roles)
	c.Data = &events.RoleCreated{Role: c.ID, Key: fmt.Sprint("waiting-", w.roles), Name: "Waiting", Permissions: []string{"waiting.read"}}
	evidence, err := chain.SignCommand(&c, events.Signed{Expires: w.now().Add(time.Hour).UTC().Truncate(time.Millisecond)}, key)
	if err != nil {
		w.Fatal(err)
	}
	return ledger.Request{Command: c, Evidence: evidence}
}

func (w *waiting) actor() ulid.ULID {
	if w.owner.Node == (ulid.ULID{}) {
		raw, err := w.journal.Read(1)
		if err != nil {
			w.Fatal(err)
		}
		w.owner = *chain.Load(raw).Entry.Event.Data.(*events.OrganizationOpened)
	}
	return w.owner.Owner.Subject
}

// ahead records so many commands.
func (w *waiting) ahead(n uint64) {
	for n > 0 {
		requests := make([]ledger.Request, min(n, 512))
		for i := range requests {
			requests[i] = w.request()
		}
		for _, o := range w.ledger.ExecuteAll(w.Context(), requests, true) {
			if o.Err != nil {
				w.Fatal(o.Err)
			}
		}
		n -= uint64(len(requests))
	}
}

// commands records one after the other until it is over, and prints how long they waited.
func (w *waiting) commands(meanwhile string, over func() bool) {
	var waits []time.Duration
	began := time.Now()
	for !over() || len(waits) == 0 {
		r := w.request()
		at := time.Now()
		if _, err := w.ledger.Execute(w.Context(), r); err != nil {
			w.Fatal(err)
		}
		waits = append(waits, time.Since(at))
	}
	took := time.Since(began)
	slices.Sort(waits)
	w.Logf("%-31s %6d commands in %8s: p50 %8s, p99 %8s, longest %8s", meanwhile, len(waits), took.Round(time.Millisecond),
		waits[len(waits)/2].Round(time.Microsecond), waits[len(waits)*99/100].Round(time.Microsecond), waits[len(waits)-1].Round(time.Microsecond))
}

// aside lets the snapshot that is due be made, and says when it is.
func (w *waiting) aside() func() bool {
	named := func() [32]byte {
		head, _, err := journal.ReadHead(filepath.Join(w.dir, "head"))
		if err != nil {
			w.Fatal(err)
		}
		return head.Snapshot
	}
	before := named()
	<-w.turn
	return func() bool { return named() != before }
}

func closed(c <-chan struct{}) func() bool {
	return func() bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
}

func after(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}
