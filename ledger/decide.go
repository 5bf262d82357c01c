package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// What one group writes, and how many it answers, is bounded: an answer should not wait for thousands of others.
const (
	maxGroup      = 512     // entries
	maxGroupBytes = 4 << 20 // of entries
	maxJobs       = 1024
)

// group is what is written together.
type group struct {
	jobs    []*job
	entries []*chain.Entry
	raw     [][]byte
	texts   []Request    // requests that bring private texts
	head    journal.Head // behind the last entry
	after   uint64       // the last position that was sealed when its last command was decided
	size    int
	asked   bool      // whether there is room
	full    error     // why not
	taken   *taken    // a snapshot, for the writer to have the head record name it; nil: none
	headDue bool      // the head record is old enough
	refused []refusal // of a shared ledger: to be told when they are final

	unsigned error // of a shared ledger: why one of its documents could not be signed, so that all of it is taken back
}

type refusal struct {
	events.Command
	*rules.Refusal
}

// room says why nothing can be added to a group now.
func (l *Ledger) room(g *group) error {
	if !g.asked && l.c.Room != nil {
		g.full = l.c.Room()
	}
	g.asked = true
	return g.full
}

// decideAll takes jobs until the ledger is closed, decides them one after the other and hands groups to the writer.
func (l *Ledger) decideAll() {
	defer close(l.groups)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.turn.Lock()
		due := l.untilDue()
		l.turn.Unlock()
		timer.Reset(due)
		select {
		case j := <-l.jobs:
			l.together(func(g *group) { l.decideJob(g, j) })
		case <-timer.C:
			l.together(l.decideDue)
		case t := <-l.taken:
			l.together(func(g *group) { g.taken = &t })
		case <-l.headDue:
			l.together(func(g *group) { g.headDue = true })
		case <-l.ended:
		case <-l.quit:
			l.turn.Lock() // from here on nobody else writes: a caller who is alone looks at quit first
			defer l.turn.Unlock()
			for { // what was taken before the end is answered
				select {
				case j := <-l.jobs:
					g := &group{}
					l.decideJob(g, j)
					l.hand(g)
				default:
					return
				}
			}
		}
	}
}

// together decides something, and what waits besides, and hands on what comes of it.
func (l *Ledger) together(decide func(*group)) {
	l.turn.Lock()
	defer l.turn.Unlock()
	g := &group{}
	decide(g)
	l.fill(g)
	if len(g.jobs) > 0 || len(g.entries) > 0 || g.taken != nil || g.headDue {
		l.hand(g)
	}
}

// alone decides and writes the job of a caller when nobody else is there, in the caller's own goroutine: waking two
// others would take as long as deciding. It reports whether it did. What it began it ends, however long the disk takes.
func (l *Ledger) alone(ctx context.Context, j *job) bool {
	if l.c.Shared != nil || l.callers.Load() > 1 || ctx.Err() != nil || !l.turn.TryLock() {
		return false
	}
	whole := false
	defer func() {
		if !whole { // a panic, which somebody above may survive
			l.fail(errors.New("a command was left half done"))
		}
		l.turn.Unlock()
	}()
	select {
	case <-l.quit:
		whole = true
		return false
	default:
	}
	if len(l.jobs) > 0 || l.queued.Load() > 0 {
		whole = true
		return false
	}
	before, _ := l.state.NextEnd()
	g := &group{}
	l.decideJob(g, j)
	l.finish(g)
	if next, ok := l.state.NextEnd(); ok && next != before {
		select {
		case l.ended <- struct{}{}:
		default:
		}
	}
	whole = true
	return true
}

// hand gives a group to the writer. Where the writer has nothing to do, and nobody is there who could be decided
// meanwhile, the decider is the writer: waking another goroutine would only take time.
func (l *Ledger) hand(g *group) {
	if l.callers.Load() <= 1 && l.queued.Load() == 0 {
		l.finish(g)
		return
	}
	l.queued.Add(1)
	l.groups <- g
}

// fill adds the jobs that wait already.
func (l *Ledger) fill(g *group) {
	for len(g.entries) < maxGroup && g.size < maxGroupBytes && len(g.jobs) < maxJobs {
		select {
		case j := <-l.jobs:
			l.decideJob(g, j)
		default:
			return
		}
	}
}

// decideJob decides the commands of a job in order. Their answers wait for the writer, refusals too: they speak of a
// state that is not written yet.
func (l *Ledger) decideJob(g *group, j *job) {
	refused := false
	for i := range j.requests {
		o := &j.outcomes[i]
		switch {
		case refused && j.stop:
			o.Err = ErrNotTried
		case o.Err != nil: // not proven
		default:
			j.entries[i], o.Receipt, o.Err = l.decide(g, &j.requests[i], func() error { return j.proven(i) })
		}
		refused = refused || o.Err != nil
		// Of whoever did not prove who it is nothing is noted, nor of what is so already.
		if r := (*rules.Refusal)(nil); errors.As(o.Err, &r) && r.Code != rules.NotProven && r.Code != rules.NoChange &&
			l.c.Refused != nil && l.state.Authentic(j.requests[i].Command, l.c.Now()) {
			if l.c.Shared != nil { // it may be decided otherwise yet
				g.refused = append(g.refused, refusal{j.requests[i].Command, r})
				continue
			}
			l.c.Refused(j.requests[i].Command, r)
		}
	}
	g.jobs, g.after = append(g.jobs, j), l.next-1
}

// draft is what becomes an entry.
type draft struct {
	event     events.Event
	body      []byte // of the event
	signer    string
	signature [64]byte
}

// draft decides one command, and signs what is to be recorded of it. The state stays as it is, so a draft can be thrown
// away. Where the command is recorded already there is a receipt in its place.
func (l *Ledger) draft(g *group, r *Request) (d draft, old *Receipt, err error) {
	if err := l.Err(); err != nil {
		return draft{}, nil, fmt.Errorf("%w: %w", ErrStopped, err)
	}
	if g.unsigned != nil {
		return draft{}, nil, g.unsigned
	}
	at, err := l.clock.stamp(l.state.Time())
	if err == nil {
		err = l.room(g)
	}
	if err != nil {
		return draft{}, nil, fmt.Errorf("%w: %w", ErrWait, err)
	}
	e, err := rules.Decide(l.state, r.Command, at)
	if err != nil {
		var refusal *rules.Refusal
		if errors.As(err, &refusal) && refusal.Code == rules.Repeated {
			receipt, err := l.repeated(r.Command, refusal.At)
			return draft{}, &receipt, err
		}
		if changed := l.holds(r.If); changed != nil { // which is why, as where the role is gone
			return draft{}, nil, changed
		}
		return draft{}, nil, err
	}
	if err := l.holds(r.If); err != nil {
		return draft{}, nil, err
	}
	if v := e.Version; v != 0 && v != l.state.Newest(e.Data.Type()) {
		return draft{}, nil, &rules.Refusal{Code: rules.Invalid, Reason: fmt.Sprintf("Version %d of %s is read, and recorded no more", v, e.Data.Type())}
	}
	if err := errors.Join(r.Evidence.Fits(&e), r.Evidence.Saw(l.next, l.roots.Root)); err != nil {
		return draft{}, nil, &rules.Refusal{Code: rules.NotProven, Reason: err.Error()}
	}
	if r := l.custody(&e); r != nil {
		return draft{}, nil, r
	}
	e.Sequence, e.Prev = l.next, l.prev
	body, err := e.Encode()
	if err != nil {
		return draft{}, nil, &rules.Refusal{Code: rules.Invalid, Reason: err.Error()}
	}
	documented := l.state.Documented(e.Data)
	if err := chain.Room(len(body), r.Evidence, documented); err != nil {
		return draft{}, nil, &rules.Refusal{Code: rules.Invalid, Reason: err.Error(), Hint: "Record the names in parts first"}
	}
	signer := l.signer(&e)
	key, ok := l.c.Keys.Signer(signer)
	if !ok { // with the root key's signature the lost key can be succeeded
		return draft{}, nil, fmt.Errorf("%w: %w", ErrWait, l.noKey(events.PurposeEvent, signer))
	}
	if err := l.canSeal(&e, signer, documented); err != nil {
		return draft{}, nil, fmt.Errorf("%w: %w", ErrWait, err)
	}
	sig, err := chain.Sign(body, key)
	if err != nil {
		return draft{}, nil, l.notSigned(err)
	}
	return draft{e, body, signer, sig}, nil, nil
}

// decide makes the entry of one command, and adds it to the group. The receipt's CID is filled in. proven is asked last,
// and what it says against the command is the answer whatever else there is to say; nil: it is.
func (l *Ledger) decide(g *group, r *Request, proven func() error) (*chain.Entry, Receipt, error) {
	d, old, err := l.draft(g, r)
	if proven != nil {
		if err := proven(); err != nil { // the draft, signed as it is, is forgotten
			return nil, Receipt{}, err
		}
	}
	if err != nil {
		return nil, Receipt{}, err
	}
	if old != nil {
		return nil, *old, nil
	}
	e := &d.event
	doc, err := l.evolve(g, e)
	if err != nil {
		return nil, Receipt{}, err
	}
	en, err := chain.SealSigned(e, d.body, doc, r.Evidence, d.signature, d.signer)
	if err != nil {
		return nil, Receipt{}, l.end(err)
	}
	cid := en.CID()
	l.next, l.prev = l.next+1, cid
	l.roots.Append(tree.Leaf(en.Bytes()))
	root, _ := l.roots.Root(e.Sequence)
	g.head = journal.Head{Position: e.Sequence, CID: cid, Root: root}
	l.mu.Lock()
	l.pending[e.Sequence] = en
	l.mu.Unlock()
	g.entries, g.raw = append(g.entries, en), append(g.raw, en.Bytes())
	g.size += len(en.Bytes())
	if len(r.Texts) > 0 {
		g.texts = append(g.texts, *r)
	}
	return en, Receipt{Position: e.Sequence, CID: cid, Time: e.Time, Event: en.Event}, nil
}

// evolve takes an event into the state and makes its document, where it has one. Where that cannot be signed just now the
// state is as before, or in a shared ledger the group is taken back. From here on the state has the event in it: what fails
// then ends the ledger, which is rebuilt when it is opened.
func (l *Ledger) evolve(g *group, e *events.Event) (*chain.Document, error) {
	if !l.state.Documented(e.Data) {
		rules.Evolve(l.state, e)
		return nil, nil
	}
	key, ok := l.c.Keys.Signer(l.state.Key(events.PurposeDocument))
	if !ok {
		return nil, l.end(errors.New("the node does not hold the document key"))
	}
	_, here := key.(ed25519.PrivateKey)
	apart := !here && l.c.Shared == nil
	if apart {
		l.state.Begin()
	}
	rules.Evolve(l.state, e)
	doc, _, err := document.Sign(l.state, e, key)
	switch {
	case err == nil && apart:
		l.state.Commit()
		return doc, nil
	case err == nil:
		return doc, nil
	case !errors.Is(err, didkey.ErrNotSigned):
		return nil, l.end(err)
	case apart:
		l.state.Rollback()
		return nil, l.notSigned(err)
	}
	g.unsigned = l.notSigned(err)
	return nil, g.unsigned
}

// notSigned is what a caller is told where a key that another program holds did not sign. A signature that is not the
// key's ends the ledger: whatever gave it cannot be trusted with the next one either.
func (l *Ledger) notSigned(err error) error {
	if errors.Is(err, didkey.ErrNotSigned) {
		return fmt.Errorf("%w: %w", ErrWait, err)
	}
	return l.end(err)
}

// end is fail, for a command that was not recorded.
func (l *Ledger) end(err error) error { return fmt.Errorf("%w: %w", ErrStopped, l.fail(err)) }

// signer gives the key that signs an event: the ledger's event key, but for the events that sign with the key they
// register.
func (l *Ledger) signer(e *events.Event) string {
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		return d.Keys.Event
	case *events.KeySucceeded:
		return d.Key
	}
	return l.eventKey()
}

// eventKey gives the key that signs entries here.
func (l *Ledger) eventKey() string {
	if l.c.Shared != nil {
		return EventKey(l.state, l.c.Shared.Own())
	}
	return l.state.Key(events.PurposeEvent)
}

// custody refuses to hand the ledger over to a key that this node could not sign with.
func (l *Ledger) custody(e *events.Event) *rules.Refusal {
	did := ""
	switch d := e.Data.(type) {
	case *events.KeyRotated:
		for _, purpose := range []string{events.PurposeEvent, events.PurposeDocument, events.PurposeCheckpoint} {
			if d.Old == l.state.Key(purpose) {
				did = d.New
			}
		}
	case *events.KeyRegistered:
		if d.Purpose == events.PurposeCheckpoint {
			did = d.Key
		}
	case *events.KeySucceeded:
		did = d.Key
	}
	if did == "" {
		return nil
	}
	if _, ok := l.c.Keys.Signer(did); ok {
		return nil
	}
	return (&rules.Refusal{Code: rules.NotFound, Reason: "The node does not hold the private key of " + did,
		Hint: "Make the key on the node first"})
}

// repeated answers a command whose id is recorded: with its old answer where it is the same command.
func (l *Ledger) repeated(c events.Command, at uint64) (Receipt, error) {
	l.mu.Lock()
	en := l.pending[at]
	l.mu.Unlock()
	if en == nil {
		raw, err := l.c.Journal.Read(at)
		if err != nil {
			return Receipt{}, fmt.Errorf("%w: read event %d, which has this id: %w", ErrUnknown, at, err)
		}
		if en, err = chain.Parse(raw); err != nil {
			return Receipt{}, fmt.Errorf("%w: read event %d, which has this id: %w", ErrUnknown, at, err)
		}
	}
	recorded := events.CommandOf(en.Event)
	c.Version = recorded.Version
	want, err1 := recorded.Digest()
	got, err2 := c.Digest()
	if err := errors.Join(err1, err2); err != nil || want != got {
		return Receipt{}, &rules.Refusal{Code: rules.Conflict, At: at, Reason: fmt.Sprintf("Another command with this id is recorded at %d", at),
			Hint: "An id names one command for ever: take a new one"}
	}
	return Receipt{Position: at, CID: en.CID(), Time: en.Event.Time, Repeated: true, Event: en.Event}, nil
}

// dueRetry is how long the recording of ended grants rests after it had to wait for the clock or for a key.
const dueRetry = time.Second

// untilDue says how long it is until the next grant ends.
func (l *Ledger) untilDue() time.Duration {
	next, ok := l.state.NextEnd()
	if !ok || l.Err() != nil {
		return time.Hour
	}
	return max(next.Until.Sub(l.c.Now()), l.dueRest, time.Millisecond)
}

// decideDue records, as the ledger's own actor, the grants that have ended. What anybody may do never waits for it: an
// ended grant holds no more from its instant on.
func (l *Ledger) decideDue(g *group) {
	for len(g.entries) < maxGroup {
		next, ok := l.state.NextEnd()
		if !ok || next.Until.After(l.c.Now()) {
			return
		}
		d := &events.GrantEnded{Grant: next.Grant}
		origin := events.Derived{From: next.Grant}
		c := events.Command{
			ID: events.DerivedID(d.Type(), origin, next.Until), Ledger: l.state.Source(), Actor: l.state.Opened().Node,
			Auth:   events.Auth{Method: events.MethodNode, Credential: l.eventKey()},
			Origin: events.Origin{Derived: &origin}, Data: d, Version: l.state.Newest(d.Type()),
		}
		_, _, err := l.decide(g, &Request{Command: c}, nil)
		if r := (*rules.Refusal)(nil); errors.As(err, &r) { // state and rules contradict each other
			l.fail(fmt.Errorf("record the end of grant %s: %w", next.Grant, err))
			return
		}
		if err != nil { // the clock is not believed, or the key is lost: both can pass
			l.dueRest = dueRetry
			l.log.Warn("the end of a grant is not recorded yet", "organization", l.c.Organization, "grant", next.Grant, "error", err)
			return
		}
		l.dueRest = 0
	}
}
