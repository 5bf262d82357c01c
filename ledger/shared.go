package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// Shared says that other nodes write to the stream too. Then one goroutine does everything, one group after the other:
//
//	decide ─► private texts ─► stream: one atomic batch, the quorum decides ─► journal, one sync ─► projections ─► answer
//
// A group that another node was faster than is taken back, what the other wrote is verified and taken in, and the group
// is decided again on that. Entries of others are taken in as they arrive, whether or not there is something to write.
type Shared struct {
	// Texts makes private texts durable where every node finds them. It may be given the same texts again.
	Texts func(context.Context, []private.Text) error
	// Ready says why nothing can reach the stream now; nil where something can. It does not wait.
	Ready func() error
	// Own gives the did:keys whose private keys this node holds; the ledger signs with an event key among them.
	Own func() []string
	// Wait bounds how long a caller waits for an answer. 0: 10 s.
	Wait time.Duration
}

const (
	sharedWait = 10 * time.Second
	// sharedTogether is how many commands of a caller go into one group. A group is one batch, of which nats-server
	// takes at most 1,000 messages.
	sharedTogether = 256
	// maxRaces is how often a group is decided again before its callers are told that it was not recorded.
	maxRaces = 24
	// askWait bounds one question to the stream, and how long Close waits for a group whose outcome is not known.
	askWait = 5 * time.Second
	// lookEvery is how often the stream's configuration, state and last entry are compared with what they must be.
	lookEvery = time.Minute
	// contended is how long after an entry of another node this one leaves room for others between its own groups.
	contended = 2 * time.Second
	// maxTurn bounds that room.
	maxTurn = 200 * time.Millisecond
)

// errOvertaken says that other nodes were faster each time.
var errOvertaken = errors.New("other nodes wrote first each time")

// sharing is what the goroutine of a shared ledger has of its own.
type sharing struct {
	verifier chain.Verifier // stands at the journal's end
	arrived  chan arrival
	ctx      context.Context // ends some time after Close began
	end      context.CancelFunc
	foreign  time.Time // when an entry of another node was last taken in
	turn     time.Time // before it no group is begun

	rebase func(lost *group) func(*group) // of tests: what to do instead of deciding a group again
}

// arrival is an entry of the stream, or word that it is followed anew and must be looked at.
type arrival struct {
	stream.Entry
	anew bool
}

// What a job of a shared ledger has come to.
const (
	jobWaits int32 = iota
	jobTaken
	jobGivenUp
)

// attempt is a group that is decided and can be taken back.
type attempt struct {
	*group
	next uint64
	prev string
}

// shareAll is the goroutine of a shared ledger.
func (l *Ledger) shareAll() {
	defer close(l.done)
	defer l.s.end()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	defer func() {
		if l.taking {
			l.recordSnapshot(<-l.taken)
		}
	}()
	for {
		jobs, wait := l.jobs, l.untilDue()
		if rest := time.Until(l.s.turn); rest > 0 {
			jobs, wait = nil, rest
		}
		timer.Reset(wait)
		select {
		case j := <-jobs:
			l.decideShared(l.gather(j))
		case <-timer.C:
			if !time.Now().Before(l.s.turn) {
				l.recordDue()
			}
		case a := <-l.s.arrived:
			l.take(a)
		case t := <-l.taken:
			l.recordSnapshot(t)
		case <-l.headDue:
			l.recordHead()
		case <-look.C:
			l.look()
		case <-l.quit:
			for { // what was taken before the end is answered
				select {
				case j := <-l.jobs:
					l.decideShared(l.gather(j))
				default:
					return
				}
			}
		}
	}
}

// executeShared is ExecuteAll of a shared ledger. A caller that gives up before its commands were looked at knows that
// they were not recorded; after that, their outcome is unknown to it.
func (l *Ledger) executeShared(ctx context.Context, rs []Request, stopAtRefusal bool) []Outcome {
	wait := l.c.Shared.Wait
	if wait <= 0 {
		wait = sharedWait
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, fmt.Errorf("no answer within %s", wait))
	defer cancel()
	var out []Outcome
	for len(rs) > 0 {
		n := min(len(rs), sharedTogether)
		if len(out) > 0 && stopAtRefusal && out[len(out)-1].Err != nil {
			for range rs {
				out = append(out, Outcome{Err: ErrNotTried})
			}
			return out
		}
		out, rs = append(out, l.execute(ctx, rs[:n], stopAtRefusal)...), rs[n:]
	}
	return out
}

// gather takes a job and the others that wait already. A job whose caller has given up is left out.
func (l *Ledger) gather(first *job) []*job {
	var jobs []*job
	for j, n := first, 0; ; {
		if j.state.CompareAndSwap(jobWaits, jobTaken) {
			jobs, n = append(jobs, j), n+len(j.requests)
		}
		if n >= maxGroup || len(jobs) >= maxJobs {
			return jobs
		}
		select {
		case j = <-l.jobs:
		default:
			return jobs
		}
	}
}

// decideShared decides jobs, writes what comes of them, and answers them.
func (l *Ledger) decideShared(jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	for _, j := range jobs {
		j.unproven = make([]error, len(j.outcomes))
		for i := range j.outcomes {
			j.unproven[i] = j.outcomes[i].Err
		}
	}
	l.race(func(g *group) {
		for _, j := range jobs {
			for i := range j.outcomes {
				j.outcomes[i], j.entries[i] = Outcome{Err: j.unproven[i]}, nil
			}
			l.decideJob(g, j)
		}
	})
}

// recordDue records the grants that have ended. Whichever node is first does: for the others they are then recorded.
func (l *Ledger) recordDue() {
	if next, ok := l.state.NextEnd(); ok && l.Err() == nil && !next.Until.After(l.c.Now()) {
		l.race(l.decideDue)
	}
}

// race decides a group until it is written or cannot be.
func (l *Ledger) race(decide func(*group)) {
	for try := 1; ; try++ {
		began := time.Now()
		a := l.attempt(decide)
		err := l.settle(a)
		if errors.Is(err, errOvertaken) && try < maxRaces && !l.closing() {
			if try > 2 { // who loses again and again falls out of step with the others
				l.rest(rand.N(time.Duration(try) * time.Millisecond))
			}
			if l.s.rebase != nil {
				decide = l.s.rebase(a.group)
			}
			continue
		}
		if errors.Is(err, errOvertaken) {
			err = fmt.Errorf("%w: %w", ErrWait, err)
		}
		if err != nil {
			l.dueRest = dueRetry
		}
		l.conclude(a.group, err)
		if len(a.entries) > 0 {
			l.giveWay(min(time.Since(began), maxTurn))
		}
		return
	}
}

// attempt decides a group in such a way that settle can take it back.
func (l *Ledger) attempt(decide func(*group)) attempt {
	a := attempt{group: &group{}, next: l.next, prev: l.prev}
	l.state.Begin()
	decide(a.group)
	return a
}

// undo takes a group back: it was not written.
func (l *Ledger) undo(a attempt) {
	l.state.Rollback()
	l.next, l.prev = a.next, a.prev
	l.roots.Cut(a.next - 1)
	l.forget(a.group)
}

func (l *Ledger) forget(g *group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, en := range g.entries {
		delete(l.pending, en.Event.Sequence)
	}
}

// giveWay leaves room for the other nodes where they write too: who has just written knows the end of the stream first,
// and would be first again.
func (l *Ledger) giveWay(took time.Duration) {
	if time.Since(l.s.foreign) < contended {
		l.s.turn = time.Now().Add(took + rand.N(took+time.Millisecond))
	}
}

// rest waits, but not once the ledger is closed and was waited for.
func (l *Ledger) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.s.ctx.Done():
	}
}

func (l *Ledger) closing() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

// canSeal says what else that the entry takes this node does not hold. Another node may have made the document key, and a
// command of the ledger's own actor names the key that was to sign it.
func (l *Ledger) canSeal(e *events.Event, signer string, documented bool) error {
	if documented {
		did := l.state.Key(events.PurposeDocument)
		if _, ok := l.c.Keys.Signer(did); !ok {
			return l.noKey(events.PurposeDocument, did)
		}
	}
	if l.c.Shared != nil && e.Auth.Method == events.MethodNode && e.Auth.Credential != signer {
		return l.noKey(events.PurposeEvent, e.Auth.Credential)
	}
	return nil
}

// EventKey gives the event key that a node signs with which holds the private keys of own: the one in use if it is among
// them, else any of the ledger's; empty where it holds none.
func EventKey(s *rules.State, own []string) string {
	key := ""
	for _, did := range own {
		if did == s.Key(events.PurposeEvent) {
			return did
		}
		if key == "" && s.Active(did, events.PurposeEvent) {
			key = did
		}
	}
	return key
}
