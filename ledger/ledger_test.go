package ledger_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
	"github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/projections/topic"
)

// place is a ledger's files and server in a temporary directory, and the keys of its people.
type place struct {
	t       testing.TB
	dir     string
	keys    keyring
	owner   ulid.ULID
	genesis events.Command

	srv     *stream.Server
	journal *journal.Journal
	private *private.Store
	ledger  *ledger.Ledger

	mu      sync.Mutex
	applied []*chain.Entry
	refused []rules.Code
	now     func() time.Time
	hold    func() // called as an entry is applied; nil: nothing is

	every  uint64                   // entries between snapshots; 0: there are none
	fold   *projections.Fold        // where there are snapshots
	fresh  func() ledger.Folding    // what snapshots are made of while the ledger runs; nil: newFold
	turn   chan struct{}            // of those
	said   bytes.Buffer             // log lines
	headed atomic.Pointer[tlog.Log] // is told of the head record; nil: nobody is
}

func newFold() *projections.Fold {
	return projections.NewFold(access.New(), history.New(), documents.New(), topic.New())
}

type keyring map[string]ed25519.PrivateKey

func (k keyring) Signer(did string) (crypto.Signer, bool) {
	key, ok := k[did]
	return key, ok
}

func (k keyring) make(t testing.TB) string {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	did := didkey.Encode(public)
	k[did] = key
	return did
}

const source = "localhost/main"

// newPlace makes a ledger and opens it with its first entry.
func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), keys: keyring{}, now: time.Now}
	p.owner = p.id()
	credential := p.keys.make(t)
	p.genesis = events.Command{
		ID: p.id(), Ledger: source, Actor: p.owner, Auth: events.Auth{Method: events.MethodSignature, Credential: credential},
		Data: &events.OrganizationOpened{
			Organization: "main", Name: "Main", Rules: rules.Version,
			Profile: events.Profile{Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true},
			Owner:   events.Owner{Subject: p.owner, Key: "owner", Kind: events.KindHuman, Credential: credential},
			Node:    p.id(), Operator: p.id(),
			Keys: events.Keys{Event: p.keys.make(t), Document: p.keys.make(t), Root: p.keys.make(t), Operator: p.keys.make(t), Checkpoint: p.keys.make(t)},
		},
	}
	p.start(true)
	t.Cleanup(func() { p.stop() })
	if _, err := p.do(p.genesis); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) id() ulid.ULID {
	id := ulid.MustNew(uint64(p.now().UnixMilli()), rand.Reader)
	id[15] &^= 1 // not of the form of an imported command's
	return id
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// start opens everything; create is true the first time.
func (p *place) start(create bool) {
	p.t.Helper()
	t := p.t
	p.journal = must(journal.Open(filepath.Join(p.dir, "journal"), journal.Options{Create: create, Ahead: true}))(t)
	head := must(journal.OpenHead(filepath.Join(p.dir, "head"), create))(t)
	compare := must(ledger.Compare(p.journal.Reader, p.dir, "main"))(t)
	p.srv = must(stream.Start(stream.Options{StoreDir: p.dir}))(t)
	var log *stream.Log
	if create || compare.Missing() {
		log = must(p.srv.CreateLog(t.Context(), "main"))(t)
	} else {
		log = must(p.srv.OpenLog(t.Context(), "main"))(t)
	}
	must(ledger.Complete(t.Context(), p.journal.Reader, log))(t)
	p.private = must(private.Open(filepath.Join(p.dir, "private")))(t)
	p.applied = nil
	p.ledger = must(ledger.Open(t.Context(), ledger.Config{
		Organization: "main", Journal: p.journal, Head: head, Log: log, Private: p.private, Keys: p.keys,
		Now:       func() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now() },
		Snapshots: p.snapshots(), Logger: slog.New(slog.NewTextHandler(&p.said, nil)),
		Headed: func(h journal.Head) {
			if l := p.headed.Load(); l != nil {
				l.Headed(h)
			}
		},
		Applied: func(en *chain.Entry) {
			if p.fold != nil {
				p.fold.Apply(en)
			}
			p.mu.Lock()
			p.applied = append(p.applied, en)
			hold := p.hold
			p.mu.Unlock()
			if hold != nil {
				hold()
			}
		},
		Refused: func(_ events.Command, r *rules.Refusal) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.refused = append(p.refused, r.Code)
		},
	}))(t)
}

// snapshots gives what a ledger keeps of what it folds, and begins to fold anew; nil where every is 0.
func (p *place) snapshots() *ledger.Snapshots {
	if p.every == 0 {
		return nil
	}
	p.fold = newFold()
	return &ledger.Snapshots{Path: filepath.Join(p.dir, "snapshot"), Live: p.fold, Every: p.every, Turn: p.turn, Fresh: func() ledger.Folding {
		if p.fresh != nil {
			return p.fresh()
		}
		return newFold()
	}}
}

func (p *place) stop() {
	if p.ledger == nil {
		return
	}
	if err := errors.Join(p.ledger.Close(), p.private.Close(), p.journal.Close(), p.srv.Close()); err != nil {
		p.t.Error(err)
	}
	p.ledger = nil
}

// command makes one of the owner's commands.
func (p *place) command(d events.Data) events.Command {
	return events.Command{ID: p.id(), Ledger: source, Actor: p.owner, Auth: p.genesis.Auth, Data: d}
}

func (p *place) request(c events.Command) ledger.Request {
	p.t.Helper()
	ev, err := chain.SignCommand(&c, events.Signed{Expires: c.ID.Timestamp().UTC().Truncate(time.Millisecond).Add(time.Hour)}, p.keys[c.Auth.Credential])
	if err != nil {
		p.t.Fatal(err)
	}
	return ledger.Request{Command: c, Evidence: ev}
}

func (p *place) do(c events.Command) (ledger.Receipt, error) {
	p.t.Helper()
	return p.ledger.Execute(p.t.Context(), p.request(c))
}

func (p *place) role(key string) *events.RoleCreated {
	return &events.RoleCreated{Role: p.id(), Key: key, Name: key, Permissions: []string{"a.read", "b.write"}}
}

func (p *place) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.applied)
}

// wait waits until something is so.
func (p *place) wait(what string, so func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); {
		if time.Now().After(deadline) {
			p.t.Fatalf("it does not come about that %s", what)
		}
		runtime.Gosched()
	}
}

func code(err error) rules.Code {
	if r := (*rules.Refusal)(nil); errors.As(err, &r) {
		return r.Code
	}
	return ""
}

func TestManyAtOnceEachOnce(t *testing.T) {
	// Given a ledger, when 300 callers record one role each, at once
	p := newPlace(t)
	const n = 300
	receipts := make([]ledger.Receipt, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if receipts[i], err = p.do(p.command(p.role(fmt.Sprint("role-", i)))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// then each has a position of its own, and what is stored there is its entry, in journal and stream
	seen := map[uint64]bool{1: true}
	for i, r := range receipts {
		if seen[r.Position] {
			t.Fatalf("two commands have position %d", r.Position)
		}
		seen[r.Position] = true
		raw := must(p.journal.Read(r.Position))(t)
		if chain.CID(raw) != r.CID || r.Event.Data.(*events.RoleCreated).Key != fmt.Sprint("role-", i) {
			t.Fatalf("the receipt of command %d is of another entry", i)
		}
	}
	if len(seen) != n+1 || p.journal.Len() != n+1 || p.count() != n+1 {
		t.Errorf("%d positions, %d in the journal, %d applied; want %d", len(seen), p.journal.Len(), p.count(), n+1)
	}
	p.stop()
	if c := must(ledger.Compare(p.journal.Reader, p.dir, "main"))(t); c.Stream != n+1 || len(c.OnlyStream) != 0 || c.Damage != nil {
		t.Errorf("the copies differ: %+v", c)
	}
}

func TestSameIDSameAnswer(t *testing.T) {
	p := newPlace(t)
	c := p.command(p.role("kyc"))
	first, err := p.do(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after a restart"} {
		// When the same command comes again, then it gets the old answer and nothing is recorded
		again, err := p.do(c)
		if err != nil || !again.Repeated || again.Position != first.Position || again.CID != first.CID {
			t.Errorf("%s: got %+v, %v; want the answer of %d", when, again, err, first.Position)
		}
		// and when another command has its id, then it is refused
		other := c
		other.Data = p.role("other")
		if _, err := p.do(other); code(err) != rules.Conflict {
			t.Errorf("%s: another command with the id: %v", when, err)
		}
		if p.journal.Len() != 2 {
			t.Errorf("%s: %d entries; want 2", when, p.journal.Len())
		}
		p.stop()
		p.start(false)
	}
}

func TestSameIDWithinOneGroup(t *testing.T) {
	p := newPlace(t)
	r := p.request(p.command(p.role("kyc")))
	got := p.ledger.ExecuteAll(t.Context(), []ledger.Request{r, r}, true)
	if got[0].Err != nil || got[1].Err != nil || !got[1].Repeated || got[0].CID != got[1].CID {
		t.Errorf("got %+v", got)
	}
}

func TestRefusedChangesNothing(t *testing.T) {
	p := newPlace(t)
	if _, err := p.do(p.command(p.role("kyc"))); err != nil {
		t.Fatal(err)
	}
	forged := p.request(p.command(p.role("forged")))
	forged.Evidence.Signature[0] ^= 1
	unsigned := p.request(p.command(p.role("unsigned")))
	unsigned.Evidence = nil
	text := p.request(p.command(p.role("text")))
	text.Texts = []private.Text{private.New("not what it commits to")}
	stranger := p.command(p.role("stranger"))
	stranger.Auth.Credential = p.keys.make(t)
	big := p.role("big")
	for i := range 4000 {
		big.Permissions = append(big.Permissions, fmt.Sprintf("c.permission.number.%05d", i))
	}
	for name, want := range map[string]struct {
		request ledger.Request
		code    rules.Code
		noted   bool // in the activity stream
	}{
		"a key in use":                          {p.request(p.command(p.role("kyc"))), rules.Taken, true},
		"a signature that fails":                {forged, rules.NotProven, false},
		"no signature":                          {unsigned, rules.NotProven, false},
		"a text without commitment":             {text, rules.Invalid, true},
		"a key nobody knows":                    {p.request(stranger), rules.NotProven, false},
		"more names than an entry has room for": {p.request(p.command(big)), rules.Invalid, true},
	} {
		t.Run(name, func(t *testing.T) {
			p.refused = nil
			_, err := p.ledger.Execute(t.Context(), want.request)
			if code(err) != want.code {
				t.Errorf("got %v; want %s", err, want.code)
			}
			if p.journal.Len() != 2 || p.count() != 2 {
				t.Errorf("%d entries after a refusal; want 2", p.journal.Len())
			}
			if noted := len(p.refused) == 1; noted != want.noted {
				t.Errorf("noted as refused: %v; want %v", p.refused, want.noted)
			}
		})
	}
	// And the ledger goes on
	if r, err := p.do(p.command(p.role("next"))); err != nil || r.Position != 3 {
		t.Errorf("after refusals: %+v, %v", r, err)
	}
}

// TestAloneIsNoShortcut: the entry of a caller who is alone is drafted while his signature is checked. Whatever the
// draft came to, a signature that fails is the answer, and nothing is left of the draft.
func TestAloneIsNoShortcut(t *testing.T) {
	p := newPlace(t)
	done := p.command(p.role("kyc"))
	if _, err := p.do(done); err != nil {
		t.Fatal(err)
	}
	forge := func(c events.Command) ledger.Request {
		r := p.request(c)
		r.Evidence.Signature[0] ^= 1
		return r
	}
	fine, taken, repeated := forge(p.command(p.role("fine"))), forge(p.command(p.role("kyc"))), forge(done)
	good := p.request(p.command(p.role("good")))
	for _, rs := range [][]ledger.Request{{fine}, {taken}, {repeated}, {fine, taken, good, repeated}} {
		for i, o := range p.ledger.ExecuteAll(t.Context(), rs, false) {
			if recorded := rs[i].Command.ID == good.Command.ID; recorded != (o.Err == nil) || !recorded && (code(o.Err) != rules.NotProven || o.Event != nil) {
				t.Errorf("%d of %d: %+v", i+1, len(rs), o)
			}
		}
	}
	if p.journal.Len() != 3 || p.count() != 3 || len(p.refused) != 0 {
		t.Errorf("%d entries, %d applied, %v noted; want 3, 3 and nothing", p.journal.Len(), p.count(), p.refused)
	}
	// And what follows links to what is recorded
	good2, err := p.do(p.command(p.role("fine")))
	if err != nil || good2.Position != 4 || good2.Event.Prev != chain.CID(must(p.journal.Read(3))(t)) {
		t.Errorf("got %+v, %v", good2, err)
	}
}

func TestBatchStopsAtARefusal(t *testing.T) {
	p := newPlace(t)
	requests := func() []ledger.Request {
		return []ledger.Request{
			p.request(p.command(p.role("one"))), p.request(p.command(p.role("one"))), p.request(p.command(p.role("two"))),
		}
	}
	got := p.ledger.ExecuteAll(t.Context(), requests(), true)
	if got[0].Err != nil || code(got[1].Err) != rules.Taken || !errors.Is(got[2].Err, ledger.ErrNotTried) {
		t.Errorf("stopping: %v, %v, %v", got[0].Err, got[1].Err, got[2].Err)
	}
	got = p.ledger.ExecuteAll(t.Context(), requests(), false)
	if code(got[0].Err) != rules.Taken || code(got[1].Err) != rules.Taken || got[2].Err != nil {
		t.Errorf("going on: %v, %v, %v", got[0].Err, got[1].Err, got[2].Err)
	}
}

func TestRestartGoesOnWhereItEnded(t *testing.T) {
	p := newPlace(t)
	c := p.command(p.role("kyc"))
	reason := private.New("TICKET-201")
	c.Reason = reason.Commitment()
	r := p.request(c)
	r.Texts = []private.Text{reason}
	first, err := p.ledger.Execute(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	p.start(false)
	if p.count() != 2 {
		t.Errorf("%d entries applied at the start; want 2", p.count())
	}
	if text, ok := p.private.Get(c.Reason); !ok || text.Text != "TICKET-201" {
		t.Errorf("the reason is %q, %v", text.Text, ok)
	}
	next, err := p.do(p.command(p.role("next")))
	if err != nil || next.Position != 3 || next.Event.Prev != first.CID {
		t.Errorf("got %+v, %v; want position 3 behind %s", next, err, first.CID)
	}
}

// TestJournalAheadOfStream is what a kill between journal and stream leaves: the entry was not acknowledged, and is
// there when its caller asks again.
func TestJournalAheadOfStream(t *testing.T) {
	p := newPlace(t)
	c := p.command(p.role("kyc"))
	if _, err := p.do(c); err != nil {
		t.Fatal(err)
	}
	p.stop()
	// Given a stream that is gone
	if err := stream.SetAside(p.dir, "main", filepath.Join(p.dir, "aside")); err != nil {
		t.Fatal(err)
	}
	// when the ledger starts
	p.start(false)
	// then the stream is whole again, and the command has its answer
	if again, err := p.do(c); err != nil || !again.Repeated || again.Position != 2 {
		t.Errorf("got %+v, %v", again, err)
	}
	p.stop()
	if cmp := must(ledger.Compare(p.journal.Reader, p.dir, "main"))(t); cmp.Stream != 2 {
		t.Errorf("the stream was completed to %d; want 2", cmp.Stream)
	}
}

func TestStreamAheadOfJournal(t *testing.T) {
	p := newPlace(t)
	for _, key := range []string{"one", "two", "three"} {
		if _, err := p.do(p.command(p.role(key))); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	// Given a journal whose newest entries are lost
	j := must(journal.Open(filepath.Join(p.dir, "journal"), journal.Options{}))(t)
	must(j.CutAfter(2))(t)
	// when both are compared, then the stream's entries continue the journal, and it can be extended by them
	cmp := must(ledger.Compare(j.Reader, p.dir, "main"))(t)
	if len(cmp.OnlyStream) != 2 {
		t.Fatalf("%d entries only in the stream; want 2", len(cmp.OnlyStream))
	}
	// unless one of them is not the true one
	forged := append([]byte(nil), cmp.OnlyStream[0]...)
	forged[len(forged)-10] ^= 1
	if err := ledger.Extend(j, [][]byte{forged, cmp.OnlyStream[1]}); err == nil || j.Len() != 2 {
		t.Fatalf("a forged entry was taken: %v", err)
	}
	if err := ledger.Extend(j, cmp.OnlyStream); err != nil || j.Len() != 4 {
		t.Fatalf("got %v with %d entries", err, j.Len())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	p.start(false)
	if r, err := p.do(p.command(p.role("four"))); err != nil || r.Position != 5 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestForkIsRefused(t *testing.T) {
	p, q := newPlace(t), newPlace(t)
	p.stop()
	q.stop()
	// Given the journal of one ledger beside the stream of another
	j := must(journal.OpenReader(filepath.Join(q.dir, "journal"), journal.Options{}))(t)
	_, err := ledger.Compare(j, p.dir, "main")
	if b := (*chain.BrokenError)(nil); !errors.As(err, &b) || b.Check != chain.CheckCopy || b.Position != 1 {
		t.Errorf("got %v; want a fork at 1", err)
	}
}

func TestOldCopyIsRefused(t *testing.T) {
	p := newPlace(t)
	p.stop()
	old := must(os.ReadFile(filepath.Join(p.dir, "journal", "00000000.seg")))(t)
	p.start(false)
	if _, err := p.do(p.command(p.role("kyc"))); err != nil {
		t.Fatal(err)
	}
	p.stop()
	// Given an old copy of the journal in the place of the newest
	if err := os.WriteFile(filepath.Join(p.dir, "journal", "00000000.seg"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	j := must(journal.Open(filepath.Join(p.dir, "journal"), journal.Options{}))(t)
	defer j.Close()
	head := must(journal.OpenHead(filepath.Join(p.dir, "head"), false))(t)
	_, err := ledger.Open(t.Context(), ledger.Config{Organization: "main", Journal: j, Head: head, Keys: p.keys})
	if !errors.Is(err, ledger.ErrRolledBack) {
		t.Errorf("got %v; want ErrRolledBack", err)
	}
}

func TestGrantEndsByItself(t *testing.T) {
	p := newPlace(t)
	role := p.role("kyc")
	user := &events.SubjectAdded{Subject: p.id(), Key: "dora", Kind: events.KindHuman}
	for _, d := range []events.Data{role, user} {
		if _, err := p.do(p.command(d)); err != nil {
			t.Fatal(err)
		}
	}
	until := time.Now().UTC().Truncate(time.Millisecond).Add(150 * time.Millisecond)
	grant := p.command(&events.RoleAssigned{Subject: user.Subject, Role: role.Role, Until: until})
	if _, err := p.do(grant); err != nil {
		t.Fatal(err)
	}
	// When the end comes, then the ledger's own actor records it, without anybody asking
	p.wait("the end of the grant is recorded", func() bool { return p.count() == 5 })
	e := p.applied[4].Event
	d, ok := e.Data.(*events.GrantEnded)
	if !ok || d.Grant != grant.ID || d.Subject != user.Subject || e.Time.Before(until) || e.Auth.Method != events.MethodNode {
		t.Errorf("got %+v at %s; the end was %s", e, e.Time, until)
	}
}

func TestRotationNeedsTheNewKey(t *testing.T) {
	p := newPlace(t)
	old := p.genesis.Data.(*events.OrganizationOpened).Keys.Event
	elsewhere := keyring{}
	// A key the node does not hold would end the ledger with the next event
	if _, err := p.do(p.command(&events.KeyRotated{Old: old, New: elsewhere.make(t)})); code(err) != rules.NotFound {
		t.Errorf("got %v", err)
	}
	mine := p.keys.make(t)
	if _, err := p.do(p.command(&events.KeyRotated{Old: old, New: mine})); err != nil {
		t.Fatal(err)
	}
	r, err := p.do(p.command(p.role("kyc")))
	if err != nil {
		t.Fatal(err)
	}
	raw := must(p.journal.Read(r.Position))(t)
	if en := must(chain.Parse(raw))(t); en.Key != mine {
		t.Errorf("signed by %s; want %s", en.Key, mine)
	}
	before := must(chain.Parse(must(p.journal.Read(r.Position - 1))(t)))(t)
	if before.Key != old {
		t.Errorf("the rotation was signed by %s; want the old key", before.Key)
	}
}

func TestSuccessionOfALostKey(t *testing.T) {
	p := newPlace(t)
	keys := p.genesis.Data.(*events.OrganizationOpened).Keys
	p.stop()
	delete(p.keys, keys.Event) // lost
	fresh := p.keys.make(t)
	p.start(false)
	if _, err := p.do(p.command(p.role("kyc"))); !errors.Is(err, ledger.ErrWait) {
		t.Fatalf("without its key the ledger answers %v", err)
	}
	c := p.command(&events.KeySucceeded{Lost: keys.Event, Key: fresh})
	c.Auth.Credential = keys.Root
	if _, err := p.do(c); err != nil {
		t.Fatal(err)
	}
	if r, err := p.do(p.command(p.role("kyc"))); err != nil || r.Position != 3 {
		t.Errorf("after the succession: %+v, %v", r, err)
	}
}

// TestUnwrittenIsNoAnswer is a disk that fails while commands wait. Whatever was decided on what is not written is no
// answer: neither that a command is recorded already, nor that a key is taken.
func TestUnwrittenIsNoAnswer(t *testing.T) {
	p := newPlace(t)
	first, x := p.request(p.command(p.role("first"))), p.request(p.command(p.role("x")))
	taken := p.request(p.command(p.role("x")))
	held, release := make(chan struct{}), make(chan struct{})
	p.mu.Lock()
	p.hold = func() { close(held); <-release } // once: the next group fails
	p.mu.Unlock()
	answers := map[string]chan []ledger.Outcome{}
	send := func(name string, rs ...ledger.Request) {
		c := make(chan []ledger.Outcome, 1)
		answers[name] = c
		go func() { c <- p.ledger.ExecuteAll(t.Context(), rs, false) }()
	}
	// Given a group that is being written, one behind it, and a retry and a refusal that rest on that one
	p.ledger.Crowd()
	send("first", first)
	<-held
	send("x", x)
	p.wait("x is sealed", func() bool { return p.ledger.Sealed(3) })
	send("what rests on x", x, taken)
	p.wait("the refusal is decided", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.refused) == 1 })
	// when the disk fails
	if err := p.journal.Close(); err != nil {
		t.Fatal(err)
	}
	close(release)
	// then the group that was written is answered, and of the rest nobody is told anything that is not so
	if o := (<-answers["first"])[0]; o.Err != nil || o.Position != 2 {
		t.Errorf("the written command: %+v", o)
	}
	for name, c := range answers {
		if name == "first" {
			continue
		}
		for _, o := range <-c {
			if !errors.Is(o.Err, ledger.ErrUnknown) {
				t.Errorf("%s: %+v; want that the outcome is unknown", name, o)
			}
		}
	}
	if _, err := p.do(p.command(p.role("later"))); !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("afterwards: %v", err)
	}
	p.ledger.Close()
	if err := errors.Join(p.private.Close(), p.srv.Close()); err != nil {
		t.Error(err)
	}
	p.ledger = nil
}

// TestLostKeyWhileAGrantEnds: that the end of a grant cannot be recorded must not stand in the way of the succession.
func TestLostKeyWhileAGrantEnds(t *testing.T) {
	p := newPlace(t)
	user := &events.SubjectAdded{Subject: p.id(), Key: "bob", Kind: events.KindHuman}
	until := time.Now().UTC().Truncate(time.Millisecond).Add(200 * time.Millisecond)
	for _, d := range []events.Data{user, &events.PermissionGranted{Subject: user.Subject, Permission: "a.read", Until: until}} {
		if _, err := p.do(p.command(d)); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	keys := p.genesis.Data.(*events.OrganizationOpened).Keys
	delete(p.keys, keys.Event)
	fresh := p.keys.make(t)
	p.wait("the grant has ended", func() bool { return time.Now().After(until) })
	p.start(false)
	if _, err := p.do(p.command(p.role("kyc"))); !errors.Is(err, ledger.ErrWait) {
		t.Fatalf("without its key the ledger answers %v", err)
	}
	c := p.command(&events.KeySucceeded{Lost: keys.Event, Key: fresh})
	c.Auth.Credential = keys.Root
	if _, err := p.do(c); err != nil {
		t.Fatal(err)
	}
	p.wait("the end is recorded with the new key", func() bool { return p.count() == 5 })
}

func TestStrangersAreNotNoted(t *testing.T) {
	p := newPlace(t)
	// Given a command in the owner's name, with somebody else's key, that is refused for another reason first
	c := p.command(p.role("x"))
	c.ID[0] = 0 // long ago
	c.Auth.Credential = p.keys.make(t)
	if _, err := p.do(c); code(err) == "" {
		t.Fatalf("got %v", err)
	}
	if len(p.refused) > 0 {
		t.Errorf("a stranger's command is noted as the owner's: %v", p.refused)
	}
}

func TestOldVersionsAreNotRecorded(t *testing.T) {
	p := newPlace(t)
	c := p.command(&events.PermissionGranted{Subject: p.owner, Permission: "a.read"})
	c.Version = 1
	if _, err := p.do(c); code(err) != rules.Invalid {
		t.Errorf("got %v", err)
	}
}

// TestSeenOfAnotherHistory: whoever signed in one branch of a forked ledger cannot be shown in another.
func TestSeenOfAnotherHistory(t *testing.T) {
	p := newPlace(t)
	root := tree.Leaf(must(p.journal.Read(1))(t))
	for name, seen := range map[string]struct {
		seen    events.Seen
		refused bool
	}{
		"the true one":       {events.Seen{Size: 1, Root: root}, false},
		"another root":       {events.Seen{Size: 1, Root: tree.Leaf(nil)}, true},
		"beyond the history": {events.Seen{Size: 9, Root: root}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := p.command(p.role(name))
			ev := must(chain.SignCommand(&c, events.Signed{Expires: c.ID.Timestamp().UTC().Add(time.Hour), Seen: &seen.seen}, p.keys[c.Auth.Credential]))(t)
			_, err := p.ledger.Execute(t.Context(), ledger.Request{Command: c, Evidence: ev})
			if refused := code(err) == rules.NotProven; refused != seen.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestChangedEntryIsFoundBeforeItCounts: an entry that was changed long ago must not be taken in, and must not end the
// process.
func TestChangedEntryIsFoundBeforeItCounts(t *testing.T) {
	p := newPlace(t)
	role, user := p.role("kyc"), &events.SubjectAdded{Subject: p.id(), Key: "bob", Kind: events.KindHuman}
	for _, d := range []events.Data{role, user, &events.RoleAssigned{Subject: user.Subject, Role: role.Role}, p.role("more")} {
		if _, err := p.do(p.command(d)); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	path := filepath.Join(p.dir, "journal", "00000000.seg")
	content := must(os.ReadFile(path))(t)
	id := []byte(`"role":"` + role.Role.String())
	at := bytes.LastIndex(content, id) + len(id) - 1 // in the assignment
	content[at] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	j := must(journal.Open(filepath.Join(p.dir, "journal"), journal.Options{}))(t)
	defer j.Close()
	head := must(journal.OpenHead(filepath.Join(p.dir, "head"), false))(t)
	_, err := ledger.Open(t.Context(), ledger.Config{Organization: "main", Journal: j, Head: head, Keys: p.keys})
	if b := (*chain.BrokenError)(nil); !errors.As(err, &b) || b.Position != 4 {
		t.Errorf("got %v", err)
	}
}

func TestClosedLedgerSaysSo(t *testing.T) {
	p := newPlace(t)
	if err := p.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.do(p.command(p.role("late"))); !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledIsUnknownOrDone(t *testing.T) {
	p := newPlace(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := p.command(p.role("kyc"))
	_, err := p.ledger.Execute(ctx, p.request(c))
	if err != nil && !errors.Is(err, ledger.ErrUnknown) && !errors.Is(err, ledger.ErrStopped) {
		t.Fatalf("got %v", err)
	}
	// Whatever happened: asking again gives one answer
	r, err := p.do(c)
	if err != nil || r.Position != 2 || p.journal.Len() != 2 {
		t.Errorf("got %+v, %v with %d entries", r, err, p.journal.Len())
	}
}

// TestHeadRecordFollows: given commands that were recorded and nothing after them, when a moment has passed, then the head
// record has them all: a lost end is noticed though the ledger was not closed.
func TestHeadRecordFollows(t *testing.T) {
	p := newPlace(t)
	for _, name := range []string{"a", "b", "c"} {
		if _, err := p.do(p.command(p.role(name))); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		head, _, err := journal.ReadHead(filepath.Join(p.dir, "head"))
		if err == nil && head.Position == 4 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the head record stays at %d: %v", head.Position, err)
		}
	}
}
