// Package ledger records commands. [Ledger.Execute] is the only way in: it decides, seals, writes and answers.
//
//	command ─► rules.Decide ─► chain.Seal ─► journal, one sync for a group ─► stream ─► projections ─► answer
//
// One goroutine decides and seals whatever commands wait, on a state of its own; a second one writes the group before
// meanwhile. So a group costs one sync however many commands it has, and signing overlaps writing. A caller who is alone
// with one command does both himself.
//
// Recorded means: the entry is synced in the journal and ordered by JetStream at its position. Nobody, a subscriber
// included, sees an entry before it is synced. A command whose outcome is not clear is answered with [ErrUnknown],
// never with a guess: sent again with the same id it gets its old answer, or is recorded once.
package ledger

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tree"
)

var (
	// ErrUnknown says that a command may or may not have been recorded. Sending it again with the same id is harmless.
	ErrUnknown = errors.New("the outcome is not known; send the command again with the same id")
	// ErrStopped says that the ledger takes no more commands, and that this one was not recorded.
	ErrStopped = errors.New("the ledger takes no more commands")
	// ErrWait says that no command can be recorded just now, and that this one was not; nothing is spoilt.
	ErrWait = errors.New("not now; nothing was recorded")
	// ErrNotTried says that a command before it in its batch was refused.
	ErrNotTried = errors.New("not tried: a command before it was refused")
	// ErrRolledBack says that less is here than was recorded: an old copy was put back, or the end was lost.
	ErrRolledBack = errors.New("the history ends before what was recorded")
)

// Config says what a ledger is made of. All of it belongs to one organization and to this ledger alone while it is open.
type Config struct {
	Organization string
	Journal      *journal.Journal
	Head         *journal.HeadFile
	Log          *stream.Log // holds the same entries as Journal: see [Reconcile]
	Private      *private.Store
	Keys         Keys
	// Applied takes in every entry, those that Open finds too (but for those in a snapshot), in order, from one goroutine
	// at a time, before the command is answered.
	Applied func(*chain.Entry)
	// Headed is told of the head record whenever it is stored, and when Open has read it. It must not wait. Nil: nobody is.
	Headed func(journal.Head)
	// Snapshots keep what Applied has folded; nil: every start takes in every entry.
	Snapshots *Snapshots
	// Refused is told of refused commands of callers who proved who they are. It must not wait.
	Refused func(events.Command, *rules.Refusal)
	// Wrote is told of each group of entries that was written: how many there were, and how long the journal and the stream
	// took. It must not wait. Nil: nobody is.
	Wrote func(entries int, journal, stream time.Duration)
	// Room says why nothing more should be written now, as where the disk is nearly full. It is asked before each group, and
	// what was asked waits ([ErrWait]). Nil: there is room.
	Room   func() error
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: nothing is said
	Shared *Shared          // nil: nobody else writes to Log
}

// Keys holds the private keys that the node signs with.
type Keys interface {
	// Signer gives what signs with a did:key: the private key, or a program that holds it. False when the node has neither.
	Signer(did string) (crypto.Signer, bool)
}

// A Request is a command with what comes beside it.
type Request struct {
	Command  events.Command
	Evidence *chain.Evidence
	Texts    []private.Text // what the commitments in the command are of
	If       *Condition     // nil: it is recorded whatever else was
}

// A Receipt says where a command is recorded.
type Receipt struct {
	Position uint64
	CID      string
	Time     time.Time
	Repeated bool // it was recorded before, by the same command
	Event    *events.Event
}

// An Outcome is the answer to one command of a batch: Err is nil, a [*rules.Refusal], or one of this package's errors.
type Outcome struct {
	Receipt
	Err error
}

// Ledger is one organization's ledger, open for writing. Its methods are safe for concurrent use.
type Ledger struct {
	c      Config
	log    *slog.Logger
	jobs   chan *job
	groups chan *group
	done   chan struct{} // the writer has ended

	stop    sync.Once
	closed  error         // of storing the head; set within stop
	quit    chan struct{} // closed to end the decider
	headDue chan struct{} // see keepHead
	callers atomic.Int64  // who wait for an answer, or are about to
	queued  atomic.Int64  // groups handed to the writer and not yet answered
	mu      sync.Mutex
	failed  error                   // why nothing more is written; nil while the ledger writes
	pending map[uint64]*chain.Entry // sealed, not yet written

	turn  sync.Mutex    // held while deciding, and by a caller who is alone until its command is written
	ended chan struct{} // another grant than the decider knows ends next; holds one

	// Whose turn it is has these.
	state   *rules.State
	next    uint64
	prev    string
	roots   tree.Roots // of the entries sealed so far
	clock   clock
	dueRest time.Duration // see dueRetry

	// The writer's own.
	headWaits bool         // headDue is told when the head record is to be stored
	head      journal.Head // of what is written
	stored    journal.Head // the head record

	// The writer's own, of snapshots.
	snapshot [32]byte   // digest of the file; zero: none is known to be there
	keptAt   uint64     // its position
	renew    bool       // a file that is there is of no use
	taking   bool       // another one is being taken
	taken    chan taken // what became of it

	asked lastAsk // by Waits

	s sharing // where Log is shared one goroutine does it all: see shared.go
}

type job struct {
	requests []Request
	stop     bool // at the first refusal
	outcomes []Outcome
	entries  []*chain.Entry // by request; nil where there is none
	done     chan struct{}

	// proofs brings, for each request in order, why it is not proven, nil where it is. It is closed early where that
	// cannot be said. nil: outcomes has it.
	proofs chan *rules.Refusal
	// Of a shared ledger.
	unproven []error      // what ExecuteAll found before anything was decided
	state    atomic.Int32 // jobWaits and on
}

func newJob(rs []Request, stop bool) *job {
	return &job{requests: rs, stop: stop, outcomes: make([]Outcome, len(rs)), entries: make([]*chain.Entry, len(rs)), done: make(chan struct{})}
}

// proven says why a request is not proven, nil where it is. Each is asked about once, in order.
func (j *job) proven(i int) error {
	if j.proofs == nil {
		return j.outcomes[i].Err
	}
	switch r, ok := <-j.proofs; {
	case !ok:
		return &rules.Refusal{Code: rules.NotProven, Reason: "The command could not be checked"}
	case r != nil:
		return r
	}
	return nil
}

// Open reads the journal, checks its form and links and, of the newest entries, the signatures, rebuilds the state and
// begins to take commands. The journal and the stream must hold the same entries.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	l := &Ledger{
		c: c, log: c.Logger, jobs: make(chan *job, 1024), groups: make(chan *group, 1), done: make(chan struct{}),
		quit: make(chan struct{}), ended: make(chan struct{}, 1), pending: map[uint64]*chain.Entry{}, state: rules.New(), next: 1,
		taken: make(chan taken, 1), headDue: make(chan struct{}, 1),
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		l.c.Now = time.Now
	}
	l.clock = newClock(l.c.Now)
	if err := l.load(ctx); err != nil {
		return nil, fmt.Errorf("open the ledger of %s: %w", c.Organization, err)
	}
	l.keepAtStart()
	if c.Shared != nil {
		if err := l.join(ctx); err != nil {
			close(l.quit)
			if l.taking {
				<-l.taken
			}
			return nil, fmt.Errorf("open the ledger of %s: %w", c.Organization, err)
		}
		return l, nil
	}
	go l.decideAll()
	go l.writeAll()
	return l, nil
}

// Execute records one command. It returns nil, a [*rules.Refusal] (nothing was changed), [ErrWait] or [ErrStopped] (nor
// here), or [ErrUnknown].
func (l *Ledger) Execute(ctx context.Context, r Request) (Receipt, error) {
	o := l.ExecuteAll(ctx, []Request{r}, true)[0]
	return o.Receipt, o.Err
}

// ExecuteAll records commands in order, each decided by itself; with stopAtRefusal those after
// a refusal, for whatever reason, are not tried.
// The outcomes stand in the same order. Where ctx ends first, what was not answered is unknown; but who is alone with one
// command waits until it is written.
func (l *Ledger) ExecuteAll(ctx context.Context, rs []Request, stopAtRefusal bool) []Outcome {
	if l.c.Shared != nil {
		return l.executeShared(ctx, rs, stopAtRefusal)
	}
	return l.execute(ctx, rs, stopAtRefusal)
}

func (l *Ledger) execute(ctx context.Context, rs []Request, stopAtRefusal bool) []Outcome {
	j := newJob(rs, stopAtRefusal)
	defer l.callers.Add(-1)
	nothing := func(r Request) bool { return r.Command.Data == nil }
	shared := l.c.Shared != nil // it may decide again
	if l.callers.Add(1) > 1 || len(rs) == 1 || shared || slices.ContainsFunc(rs, nothing) {
		for i := range rs {
			if r := l.prove(&rs[i]); r != nil {
				j.outcomes[i].Err = r
			}
		}
		if l.alone(ctx, j) {
			return j.outcomes
		}
		return l.record(ctx, j, nil)
	}
	// Nobody else keeps the decider busy: it drafts the entries while their authors' signatures are checked here.
	j.proofs = make(chan *rules.Refusal, len(rs))
	return l.record(ctx, j, func() {
		defer close(j.proofs)
		for i := range rs {
			j.proofs <- l.prove(&rs[i])
		}
	})
}

// record has a job done, and meanwhile does what is given.
func (l *Ledger) record(ctx context.Context, j *job, meanwhile func()) []Outcome {
	fail := func(err error) []Outcome {
		out := make([]Outcome, len(j.requests)) // j's may still be written to
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	select {
	case <-l.quit:
		return fail(l.stopped())
	default:
	}
	select {
	case l.jobs <- j:
	case <-l.quit:
		return fail(l.stopped())
	case <-ctx.Done():
		return fail(fmt.Errorf("%w: not tried: %w", ErrStopped, context.Cause(ctx)))
	}
	if meanwhile != nil {
		meanwhile()
	}
	select {
	case <-j.done:
		return j.outcomes
	case <-l.done:
		select {
		case <-j.done: // answered while ending
			return j.outcomes
		default:
			return fail(fmt.Errorf("%w: %w", ErrUnknown, l.stopped()))
		}
	case <-ctx.Done():
		if l.c.Shared != nil && j.state.CompareAndSwap(jobWaits, jobGivenUp) {
			return fail(fmt.Errorf("%w: not tried: %w", ErrWait, context.Cause(ctx)))
		}
		return fail(fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx)))
	}
}

// prove checks what a request brings along that needs no state: the author's signature, and that the texts are the
// ones committed to. Callers do it themselves, side by side, and one who is alone does it beside the decider.
func (l *Ledger) prove(r *Request) *rules.Refusal {
	if events.Signs(r.Command.Auth.Method) {
		if r.Evidence == nil {
			return &rules.Refusal{Code: rules.NotProven, Reason: "The command says that it is signed, and comes without a signature"}
		}
		c := r.Command // the decider may read the other one
		if err := r.Evidence.Check(&c); err != nil {
			return &rules.Refusal{Code: rules.NotProven, Reason: "The command's signature does not hold: " + err.Error()}
		}
	}
	for _, t := range r.Texts {
		if err := canon.Text.Check(t.Text); err != nil {
			return &rules.Refusal{Code: rules.Invalid, Reason: "A private text: " + err.Error()}
		}
		said := events.Event{Reason: r.Command.Reason, Data: r.Command.Data}
		if !slices.Contains(said.Commitments(), t.Commitment()) {
			return &rules.Refusal{Code: rules.Invalid, Reason: "A private text comes along that the command does not commit to"}
		}
	}
	return nil
}

// Try says what a command would make of the state as it is now, without recording anything. The event has neither
// sequence nor prev.
func Try(s *rules.State, c events.Command, now time.Time) (events.Event, error) {
	at := now.UTC().Truncate(time.Millisecond)
	if at.Before(s.Time()) {
		at = s.Time()
	}
	return rules.Decide(s, c, at)
}

// Err says why the ledger takes no more commands; nil while it does.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// Halt ends the writing for good, for a reason that was found outside: what the ledger is made of is not as it must be.
// Commands that are under way are answered as after a failed write.
func (l *Ledger) Halt(why error) { l.fail(why) }

func (l *Ledger) stopped() error {
	if err := l.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return ErrStopped
}

// Close takes no more commands, waits until those that were taken are answered, and records the head.
func (l *Ledger) Close() error {
	l.stop.Do(func() {
		close(l.quit)
		<-l.done
		if l.Err() == nil { // else the head must not be moved to what is unclear
			if l.renew || l.c.Snapshots.due(l.head.Position, l.keptAt, true) {
				l.recordSnapshot(l.c.Snapshots.keep(l.folded()))
			}
			l.closed = l.storeHead()
		}
	})
	<-l.done
	return l.closed
}
