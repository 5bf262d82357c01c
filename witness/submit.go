package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/permledger/permledger/internal/trace"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// Log is what a [Submitter] needs of the log whose checkpoints are to be cosigned.
type Log interface {
	tree.TileReader
	// Latest gives the newest checkpoint as a note; false: there is none yet.
	Latest() (signed []byte, c note.Checkpoint, ok bool)
	// Changed gives a channel that is closed when there is another checkpoint.
	Changed() <-chan struct{}
	// AddCosignature takes a cosignature of the checkpoint of a size, which was verified.
	AddCosignature(size uint64, s note.Signature) error
}

// timeout is how long a witness may take to answer.
const timeout = 10 * time.Second

// pace is how often a witness is asked.
type pace struct {
	refresh time.Duration // how old a cosignature of the newest checkpoint gets while nothing is written
	first   time.Duration // how long it is until a failed submission is tried again; then twice as long each time,
	longest time.Duration // up to this
	burst   float64       // how many submissions may be made at once,
	each    time.Duration // and how long it is until one more may
	catchUp time.Duration // how long a node of several may be behind what a witness knows
}

var usual = pace{
	refresh: 10 * time.Minute, first: time.Second, longest: time.Minute,
	burst: 8, each: time.Second, catchUp: 15 * time.Second,
}

// SubmitConfig says what is submitted to whom.
type SubmitConfig struct {
	Log       Log
	Witnesses []note.Witness // those without URL are not asked
	// Shared says that other nodes write to the same log: then a witness that knows more than this node has, knows it of
	// another node, unless this node does not have it some seconds later.
	Shared bool
	// Alarm is told when a witness says that the log's history is not one, once as long as it says the same. It must not
	// wait.
	Alarm  func(State)
	Logger *slog.Logger     // nil: nothing is said
	Now    func() time.Time // nil: time.Now
	Client *http.Client     // nil: one that waits 10 seconds for an answer and follows no redirections

	pace pace // zero: usual
}

// State is how far a witness is, for people.
type State struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Size uint64 `json:"size"` // of the newest checkpoint that it cosigned
	// At is the time of that cosignature; zero: there is none since the start.
	At time.Time `json:"at,omitzero"`
	// Error says why the last submission failed; empty: it did not.
	Error string `json:"error,omitempty"`
	// Since is when that began.
	Since time.Time `json:"since,omitzero"`
	// Alarm: the witness knows another history than this log has. A person has to look.
	Alarm bool `json:"alarm,omitempty"`
}

// Submitter asks witnesses for their cosignatures, each in a goroutine of its own: one that does not answer, or answers
// late, keeps nobody waiting but itself.
type Submitter struct {
	o    SubmitConfig
	stop context.CancelFunc
	all  sync.WaitGroup

	mu     sync.Mutex
	states []State
}

// Submit begins to submit, until [Submitter.Close].
func Submit(o SubmitConfig) *Submitter {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Alarm == nil {
		o.Alarm = func(State) {}
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Timeout:       timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.pace == (pace{}) {
		o.pace = usual
	}
	s := &Submitter{o: o}
	for _, w := range o.Witnesses { // before any of them is asked: a goroutine writes into its place among all
		s.states = append(s.states, State{Name: w.Name, URL: w.URL})
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	for i, w := range o.Witnesses {
		if w.URL == "" {
			s.states[i].Error = "the policy has no URL of it"
			continue
		}
		c := &courier{s: s, i: i, w: w, tokens: o.pace.burst}
		s.all.Go(func() { c.run(ctx) })
	}
	return s
}

// Close ends the submissions and waits for those that are under way to be given up.
func (s *Submitter) Close() {
	s.stop()
	s.all.Wait()
}

// States gives the state of each witness, in the order of the policy.
func (s *Submitter) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}

// AlarmError says that a witness knows another history of the log than the log has: its history went back or forked.
// Nothing is retried until the log has grown or somebody has looked.
type AlarmError struct {
	Witness string
	What    string
}

func (e *AlarmError) Error() string {
	return fmt.Sprintf("ALARM: the witness %s %s", e.Witness, e.What)
}

// courier submits to one witness. Its fields are of its goroutine.
type courier struct {
	s *Submitter
	i int
	w note.Witness

	known   uint64    // the size that the witness has, as far as it told
	asked   uint64    // the size that was submitted last
	settled time.Time // when that was cosigned, or ended in an alarm; zero: it is still to be
	alarmed bool
	fails   int

	tokens float64 // submissions that are allowed now
	filled time.Time
}

// run submits what is new, and what is old enough to be cosigned again.
func (c *courier) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := c.s.o.Log.Changed()
		if wait := c.due(); wait > 0 {
			c.sleep(ctx, wait, changed)
			continue
		}
		traced := trace.With(ctx, trace.New()) // by which a witness and our log say the same of it
		err := c.submit(traced)
		if ctx.Err() != nil {
			return
		}
		c.report(traced, err)
		if err != nil && !c.alarmed {
			c.settled = time.Time{}
			c.sleep(ctx, min(c.s.o.pace.longest, c.s.o.pace.first<<min(c.fails-1, 10)), nil)
			continue
		}
		c.settled = time.Now()
	}
}

// due gives how long it is until there is something to submit. After an alarm that is not before some time has passed, or
// the log is as long as the witness says that it was.
func (c *courier) due() time.Duration {
	_, latest, ok := c.s.o.Log.Latest()
	if !ok {
		return c.s.o.pace.refresh // or until there is a checkpoint
	}
	waits := latest.Size == c.asked || c.alarmed && (c.known <= c.asked || latest.Size < c.known)
	if waits && !c.settled.IsZero() {
		if rest := c.s.o.pace.refresh - time.Since(c.settled); rest > 0 {
			return rest
		}
	}
	return c.take()
}

// take takes one of the submissions that are allowed now; else it gives the time until there is one.
func (c *courier) take() time.Duration {
	now, p := time.Now(), c.s.o.pace
	c.tokens = min(p.burst, c.tokens+float64(now.Sub(c.filled))/float64(p.each))
	c.filled = now
	if c.tokens < 1 {
		return time.Duration((1 - c.tokens) * float64(p.each))
	}
	c.tokens--
	return 0
}

// sleep waits for some time, or for another checkpoint.
func (c *courier) sleep(ctx context.Context, d time.Duration, changed <-chan struct{}) {
	t := time.NewTimer(max(d, time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	case <-ctx.Done():
	}
}

// report keeps what came of a submission, and says what is new about it.
func (c *courier) report(ctx context.Context, err error) {
	alarm := errors.As(err, new(*AlarmError))
	c.alarmed = alarm
	c.s.mu.Lock()
	st := &c.s.states[c.i]
	was := *st
	if err == nil {
		c.fails = 0
		st.Error, st.Since, st.Alarm = "", time.Time{}, false
	} else {
		c.fails++
		if st.Error == "" {
			st.Since = c.s.o.Now().UTC()
		}
		st.Error, st.Alarm = err.Error(), alarm
	}
	now := *st
	c.s.mu.Unlock()
	switch {
	case alarm && was.Error != now.Error:
		c.s.o.Logger.ErrorContext(ctx, now.Error, "witness", c.w.Name, "url", c.w.URL)
		c.s.o.Alarm(now)
	case err != nil && was.Error == "":
		c.s.o.Logger.WarnContext(ctx, "a witness does not cosign; nothing waits for it but who asked to", "witness", c.w.Name, "url", c.w.URL, "error", err)
	case err == nil && was.Error != "":
		c.s.o.Logger.WarnContext(ctx, "a witness cosigns again", "witness", c.w.Name, "url", c.w.URL)
	}
}

func (c *courier) cosigned(size uint64, at time.Time) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.states[c.i].Size, c.s.states[c.i].At = size, at
}
