package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/replay"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tree"
)

// followAgain is how long a follower waits after the stream could not be read.
const followAgain = 250 * time.Millisecond

// join brings a shared ledger to the end of the stream, and lets it follow. The journal was read and checked.
func (l *Ledger) join(ctx context.Context) error {
	l.s.arrived = make(chan arrival, maxGroup)
	l.s.ctx, l.s.end = context.WithCancel(context.Background())
	err := l.whole(ctx)
	if err == nil {
		// An entry that does not hold ends the writing; what stands before it can be read.
		if err = l.catchUp(ctx); l.Err() != nil {
			err = nil
		}
	}
	if err != nil {
		l.s.end()
		return cmp.Or(l.Err(), err) // the reason itself, without what is said of later commands
	}
	go l.follow()
	go l.shareAll()
	go func() { // Close does not wait for ever for an outcome
		select {
		case <-l.quit:
			time.AfterFunc(askWait, l.s.end)
		case <-l.s.ctx.Done():
		}
	}()
	return nil
}

// follow hands entries to the ledger's goroutine as they are ordered.
func (l *Ledger) follow() {
	for l.s.ctx.Err() == nil {
		for e, err := range l.c.Log.Follow(l.s.ctx, l.c.Journal.Len()+1) {
			if err != nil {
				l.log.Debug("the stream is followed anew", "organization", l.c.Organization, "error", err)
				break
			}
			if !l.deliver(arrival{Entry: e}) {
				return
			}
		}
		l.rest(followAgain)
		l.deliver(arrival{anew: true})
	}
}

func (l *Ledger) deliver(a arrival) bool {
	select {
	case l.s.arrived <- a:
		return true
	case <-l.s.ctx.Done():
		return false
	}
}

// Look has a shared ledger compare the stream with what it must be, soon: after a connection was lost, for example. It does
// not wait.
func (l *Ledger) Look() {
	select {
	case l.s.arrived <- arrival{anew: true}:
	default: // it has much to take in, and will look
	}
}

// take takes in what has arrived.
func (l *Ledger) take(a arrival) {
	var entries []stream.Entry
	anew := false
	for more := true; more; {
		if a.anew {
			anew = true
		} else {
			entries = append(entries, a.Entry)
		}
		more = len(entries) < maxGroup
		if more {
			select {
			case a = <-l.s.arrived:
			default:
				more = false
			}
		}
	}
	if l.Err() != nil {
		return
	}
	_ = l.takeIn(entries) // said and kept by fail
	if anew {
		l.look()
	}
}

// look compares the stream with what it must be, and reads what was missed.
func (l *Ledger) look() {
	if l.Err() != nil {
		return
	}
	err := l.whole(l.s.ctx)
	if err == nil {
		err = l.catchUp(l.s.ctx)
	}
	if err != nil && l.Err() == nil {
		l.log.Debug("the stream cannot be looked at", "organization", l.c.Organization, "error", err)
	}
}

// doubtFor is how long a stream must seem damaged, or to end before the journal does, to be believed: longer than a
// leader of the stream that was cut off from the others goes on answering.
var doubtFor = 15 * time.Second // a variable for tests

// whole says whether the stream is configured as it must be, lacks nothing, and holds at the journal's end what the
// journal holds there. If not, this node writes no more: the history was put back, or there are two.
func (l *Ledger) whole(ctx context.Context) error {
	have := l.c.Journal.Len()
	for began := time.Now(); ; l.rest(followAgain) {
		if l.s.ctx.Err() != nil {
			return fmt.Errorf("%w: the ledger is being closed", ErrWait)
		}
		doubted := time.Since(began) < doubtFor
		ask, cancel := context.WithTimeout(ctx, askWait)
		state, err := l.c.Log.Check(ask)
		cancel()
		switch {
		case errors.As(err, new(*stream.ConfigError)), errors.As(err, new(*stream.DamagedError)), errors.Is(err, stream.ErrMissing):
			if doubted {
				continue
			}
			return fmt.Errorf("%w: %w", ErrStopped, l.fail(err))
		case err != nil:
			return fmt.Errorf("%w: look at the stream: %w", ErrWait, err)
		case state.LastSeq < have && doubted:
			continue
		case state.LastSeq < have:
			return fmt.Errorf("%w: %w", ErrStopped, l.fail(fmt.Errorf("%w: the stream has %d entries, this node's journal %d", ErrRolledBack, state.LastSeq, have)))
		}
		break
	}
	if have == 0 {
		return nil
	}
	ask, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	m, err := l.c.Log.Read(ask, have)
	if err != nil {
		return fmt.Errorf("%w: look at the stream: %w", ErrWait, err)
	}
	return l.same(have, m.Data)
}

// same says whether the journal holds these bytes at a position. If not, there are two histories.
func (l *Ledger) same(at uint64, data []byte) error {
	want, err := l.c.Journal.Read(at)
	if err == nil && string(want) != string(data) {
		err = chain.Differ(at, want, data)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStopped, l.fail(err))
	}
	return nil
}

// catchUp takes in what the stream holds beyond the journal.
func (l *Ledger) catchUp(ctx context.Context) error {
	var entries []stream.Entry
	size := 0
	for e, err := range l.c.Log.Entries(ctx, l.next) {
		if err != nil {
			return fmt.Errorf("%w: read what other nodes wrote: %w", ErrWait, err)
		}
		entries, size = append(entries, e), size+len(e.Data)
		if len(entries) == maxGroup || size > maxGroupBytes {
			if err := l.takeIn(entries); err != nil {
				return err
			}
			entries, size = entries[:0], 0
		}
	}
	return l.takeIn(entries)
}

// takeIn verifies entries of other nodes, in order, as [verify] does: form, link, time, signatures, and that the rules
// make each of its command. Those that hold are journaled with one sync and shown; one that does not ends the writing
// here. Those that are here already are compared.
func (l *Ledger) takeIn(entries []stream.Entry) error {
	for len(entries) > 0 && entries[0].Seq < l.next {
		if err := l.same(entries[0].Seq, entries[0].Data); err != nil {
			return err
		}
		entries = entries[1:]
	}
	if len(entries) == 0 {
		return nil
	}
	if first := entries[0].Seq; first > l.next {
		return l.catchUp(l.s.ctx)
	}
	var broken error
	var taken []*chain.Entry
	var raw [][]byte
	var head journal.Head
	for i, p := range inspect(entries) {
		if broken = l.judge(p, entries[i].Subject); broken != nil {
			break
		}
		root, _ := l.roots.Root(l.roots.Size())
		taken, raw = append(taken, p.Entry), append(raw, entries[i].Data)
		head = journal.Head{Position: p.Entry.Event.Sequence, CID: p.CID, Root: root}
	}
	if len(taken) > 0 {
		if _, err := l.c.Journal.Append(raw); err != nil {
			return fmt.Errorf("%w: %w", ErrStopped, l.fail(err))
		}
		l.s.foreign = time.Now()
		l.show(taken, head)
	}
	if broken != nil {
		return fmt.Errorf("%w: %w", ErrStopped, l.fail(fmt.Errorf("another node wrote what does not hold: %w", broken)))
	}
	return nil
}

// inspect parses entries and checks their signatures, side by side.
func inspect(entries []stream.Entry) []chain.Parsed {
	parsed := make([]chain.Parsed, len(entries))
	workers := min(runtime.GOMAXPROCS(0), len(entries))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(entries); i += workers {
				parsed[i] = chain.Inspect(entries[i].Data)
			}
		})
	}
	wg.Wait()
	return parsed
}

// judge checks the entry that comes next and takes it into the state. After an error the state is good for nothing.
func (l *Ledger) judge(p chain.Parsed, subject string) error {
	if err := l.s.verifier.Next(p, subject); err != nil {
		return err
	}
	e := p.Entry.Event
	if err := replay.Apply(l.state, p.Entry, l.roots.Root); err != nil {
		return err
	}
	l.next, l.prev = e.Sequence+1, p.CID
	l.roots.Append(tree.Leaf(p.Entry.Bytes()))
	return nil
}
