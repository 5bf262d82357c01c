// Package replica keeps a copy of one organization's ledger inside a service, so that the service's own process answers who
// may do what: without a request, without a lock, and from entries that it has verified itself.
//
// A replica reads the stream LEDGER_<org> over NATS, and the checkpoints of the subject checkpoints.<org>. Of the servers
// between it and the ledger it believes nothing:
//
//   - Every entry is verified as `permledger verify` does: form, position, link, time, the event key's signature, the
//     author's own, what the rules make of the command on the state before, and the document (ledger/chain, ledger/replay).
//   - The first entry is the one that [Options.Genesis] names, or the ledger is the one whose checkpoints [Options.Policy]
//     accepts. Only [Options.FirstUse] believes what is shown at first, and holds to it from then on.
//   - A tree of its own (RFC 6962) gives the root of every size, and every checkpoint signed by a key of the ledger has to
//     have it. One that does not, an entry that does not continue the others, and a log that says it has become shorter,
//     stop the replica for good: what was signed is written to a file, and every check is refused from then on.
//   - How fresh it is, it knows from what is signed with a time: the log's own heartbeats (docs/format.md, section 8.1), or,
//     where the policy has witnesses, their cosignatures. Where that is longer ago than the bound, checks are refused:
//     somebody who holds entries back, or a broken network, does not make an old answer look like one of now.
//
// What was folded is kept in [Options.Dir], with a digest and under the tree's root of a kept checkpoint, so that a start reads
// what came later only. A file that is damaged is not used: everything is read and verified again.
//
// Connections that are lost are made again, for ever, and the reading goes on behind the last entry that was verified.
package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/projections/access"
)

var (
	// ErrNoAnchor says that nothing tells the replica which ledger is meant.
	ErrNoAnchor = errors.New("nothing says which ledger is meant: give the CID of its first entry, or a policy, or ask for trust on first use")
	// ErrStale says that it is not known that the replica is as fresh as the caller wants: see [StaleError].
	ErrStale = errors.New("the replica is older than the bound")
	// ErrClosed says that the replica was closed.
	ErrClosed = errors.New("the replica is closed")
	// ErrInUse says that another process, or another replica of this one, has the directory.
	ErrInUse = errors.New("another replica uses the directory")
)

// Ever as [Options.MaxAge] says that answers may be as old as they are.
const Ever time.Duration = -1

const (
	defaultMaxAge   = 30 * time.Second
	defaultPatience = 10 * time.Second
	defaultEvery    = 50_000
	clockEvery      = 5 * time.Millisecond
)

// Options say what to follow, and what to hold it against.
type Options struct {
	URL          string        // of the NATS servers: nats://… or tls://…, several with commas between
	Seed         string        // file with the NKey seed of a reader (`permledger reader create`); empty: none is given
	TLS          *tls.Config   // beyond what the URL says; nil: nothing
	NATS         []nats.Option // further options of the connection
	Consumer     string        // what the names of its consumers begin with; empty: something by chance
	Organization string
	Dir          string // its own; made where it is missing

	Genesis  string       // CID of the ledger's first entry
	Policy   *note.Policy // keys that sign the log's checkpoints, and witnesses who have to cosign them
	FirstUse bool         // where neither is given: believe the first ledger that is shown

	// MaxAge is how old the last proof of freshness may be for [Replica.Check] to answer. 0: 30 s. [Ever]: any age.
	MaxAge time.Duration
	// Patience is by how much the clocks of those who sign may differ before a log that says it has fewer entries than it
	// had counts as rolled back. 0: 10 s.
	Patience time.Duration
	// SnapshotEvery is after how many entries what was folded is kept; 0: 50,000. It is kept by Close, too.
	SnapshotEvery uint64
	Logger        *slog.Logger // nil: nothing is said
}

// A Replica follows one organization's ledger. Its methods may be called by many goroutines at any time.
type Replica struct {
	o   Options
	log *slog.Logger

	nc     *nats.Conn
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once // closing
	unlock func()

	index *access.Index
	// proven is the instant of which it is known that the index had everything then, in Unix nanoseconds: never, where there
	// is none yet, and where the replica has stopped. With the clock, in the same unit, it is all that a check asks beside the
	// index.
	proven, clock atomic.Int64

	mu      sync.RWMutex
	tree    tree.Roots
	leaves  []tree.Hash
	status  Status
	changed chan struct{} // closed when status changes
	fault   error         // why it has stopped

	fold // of the goroutine that takes in entries
}

// never is the instant before all.
const never = math.MinInt64

// Status says where a replica stands.
type Status struct {
	Organization string
	Source       string // the ledger; empty before the first entry
	Genesis      string // CID of the first entry
	Position     uint64 // of the last entry that was verified and counts
	CID          string // of that entry
	Behind       uint64 // entries that the stream is known to have beyond Position
	Checkpoint   uint64 // size of the largest checkpoint that was found to be of these entries
	// Proven is the instant of which it is known that nothing was missing then; zero: it is not known of any.
	Proven    time.Time
	Connected bool
	Ignored   uint64 // checkpoints that no key of the ledger signed, or that cannot be read
	Err       error  // why it has stopped, a [*Fault]; nil: it has not
}

// Age gives how long ago the replica was known to lack nothing. What was never proven is as old as can be said.
func (s Status) Age(now time.Time) time.Duration {
	if s.Proven.IsZero() {
		return math.MaxInt64
	}
	return max(now.Sub(s.Proven), 0)
}

// A StaleError says how old the replica is. It wraps [ErrStale].
type StaleError struct {
	Position uint64
	Proven   time.Time // zero: never
	Bound    time.Duration
	Behind   uint64
}

func (e *StaleError) Error() string {
	if e.Proven.IsZero() {
		return fmt.Sprintf("%v: nothing proves yet that position %d is the newest; wait with AtLeast or Fresh, and look at Status", ErrStale, e.Position)
	}
	return fmt.Sprintf("%v of %s: position %d was the newest at %s; what has come since is not known", ErrStale, e.Bound, e.Position, e.Proven.Format(time.RFC3339Nano))
}

func (e *StaleError) Unwrap() error { return ErrStale }

// Open begins to follow a ledger. It returns once what is kept was read, whether or not a server can be reached:
// [Replica.Fresh] waits until questions can be answered. Errors are [ErrNoAnchor], [ErrInUse], a [*Fault] where what is kept
// is not of the ledger that is meant, or those of the files and of the connection's options.
func Open(ctx context.Context, o Options) (*Replica, error) {
	if o.MaxAge == 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = defaultEvery
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := checkOptions(o); err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	r := &Replica{o: o, log: o.Logger.With("organization", o.Organization), index: access.New(), changed: make(chan struct{})}
	r.proven.Store(never)
	r.clock.Store(time.Now().UnixNano())
	r.status.Organization = o.Organization
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.load(); err != nil {
		r.cancel()
		return nil, fmt.Errorf("replica: %w", err)
	}
	if err := r.connect(); err != nil {
		r.cancel()
		r.unlock()
		return nil, fmt.Errorf("replica: %w", err)
	}
	return r, nil
}

func checkOptions(o Options) error {
	switch {
	case o.Genesis == "" && o.Policy == nil && !o.FirstUse:
		return ErrNoAnchor
	case o.Organization == "":
		return errors.New("it needs the id of an organization")
	case o.Dir == "":
		return errors.New("it needs a directory of its own")
	}
	return nil
}

// Close ends the following, keeps what was folded, and closes the connection. The replica refuses all checks from then on. A
// second Close does nothing.
func (r *Replica) Close() (err error) {
	r.once.Do(func() {
		r.cancel()
		r.work.Wait()
		r.nc.Close()
		if r.Status().Err == nil {
			err = r.keepNow()
		}
		r.stop(ErrClosed)
		r.unlock()
	})
	return err
}

// Check says whether a subject may do what a permission allows on a resource; empty: on the whole organization. It takes
// neither a lock nor memory where the subject's grants are plain. Where the replica is older than [Options.MaxAge] it does not
// answer: the error is a [*StaleError], or says why the replica has stopped, and the answer is no.
//
// Ends of grants, and the bound, are compared with a clock that is read every 5 ms, and not for each check: to read it costs as
// much as a good part of the check.
func (r *Replica) Check(subject, permission, resource string) (bool, error) {
	return r.CheckWithin(r.o.MaxAge, subject, permission, resource)
}

// CheckWithin is [Replica.Check] with a bound of the caller's own; [Ever]: any age.
func (r *Replica) CheckWithin(bound time.Duration, subject, permission, resource string) (bool, error) {
	now := r.clock.Load()
	if !r.within(now, bound) {
		return false, r.refusal(bound)
	}
	return r.index.Allows(subject, permission, resource, r.index.Now(time.Unix(0, now))), nil
}

// CheckIn is [Replica.Check] with what the question says beside: properties that conditions compare, a wallet.
func (r *Replica) CheckIn(subject, permission, resource string, in rules.Context) (bool, error) {
	now := r.clock.Load()
	if !r.within(now, r.o.MaxAge) {
		return false, r.refusal(r.o.MaxAge)
	}
	return r.index.AllowsIn(subject, permission, resource, in, r.index.Now(time.Unix(0, now))), nil
}

// CheckAtLeast waits until the replica has the entry at a position, and then checks: so whoever was told of a change, with
// its position, gets an answer that knows it.
func (r *Replica) CheckAtLeast(ctx context.Context, position uint64, subject, permission, resource string) (bool, error) {
	if err := r.AtLeast(ctx, position); err != nil {
		return false, err
	}
	return r.Check(subject, permission, resource)
}

// Access gives the compiled state, for questions beyond whether: who can, why, as of when. It answers whatever the age is, and
// whether or not the replica has stopped: ask [Replica.Fresh] or [Replica.Status] first.
func (r *Replica) Access() *access.Index { return r.index }

// within says whether the replica is known to have lacked nothing a bound ago, or later.
func (r *Replica) within(now int64, bound time.Duration) bool {
	proven := r.proven.Load()
	return proven != never && (now-proven <= int64(bound) || bound < 0)
}

// tick keeps the clock.
func (r *Replica) tick() {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.see(time.Now)
		case <-r.ctx.Done():
			return
		}
	}
}

// see notes what time it is. Where that is before the last proof of freshness, the clock was put back: how old the proof is
// cannot be said then, and the replica waits for the next one.
func (r *Replica) see(clock func() time.Time) {
	proven := r.proven.Load() // read before the clock: it is never ahead of one that goes forward
	now := clock()
	r.clock.Store(now.UnixNano())
	if proven == never || proven-now.UnixNano() <= int64(time.Second) || !r.proven.CompareAndSwap(proven, never) {
		return
	}
	r.log.Warn("the clock was put back: nothing is known of how fresh the replica is until the next checkpoint", "proven", time.Unix(0, proven), "now", now)
	r.update(func(s *Status) { s.Proven = time.Time{} })
}

func (r *Replica) refusal(bound time.Duration) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.fault != nil {
		return r.fault
	}
	return &StaleError{r.status.Position, r.status.Proven, bound, r.status.Behind}
}

// Status says where the replica stands.
func (r *Replica) Status() Status {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.status
	s.Err = r.fault
	s.Connected = r.nc != nil && r.nc.IsConnected()
	return s
}

// AtLeast waits until the entry at a position was verified and counts; ctx's error, or why the replica has stopped.
func (r *Replica) AtLeast(ctx context.Context, position uint64) error {
	return r.await(ctx, func(s *Status) bool { return s.Position >= position })
}

// Fresh waits until [Replica.Check] answers.
func (r *Replica) Fresh(ctx context.Context) error {
	return r.await(ctx, func(*Status) bool { return r.within(time.Now().UnixNano(), r.o.MaxAge) })
}

func (r *Replica) await(ctx context.Context, so func(*Status) bool) error {
	for {
		r.mu.RLock()
		changed, fault, done := r.changed, r.fault, so(&r.status)
		r.mu.RUnlock()
		switch {
		case fault != nil:
			return fault
		case done:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// update changes the status and wakes those who wait for it.
func (r *Replica) update(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
	close(r.changed)
	r.changed = make(chan struct{})
}

// stop ends all answers. The first reason counts.
func (r *Replica) stop(why error) {
	r.proven.Store(never)
	r.update(func(*Status) {
		if r.fault == nil {
			r.fault = why
		}
	})
}
