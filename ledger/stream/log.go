package stream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Msg is one message as it is written: the entry's bytes, and the subject that the entry implies.
type Msg struct {
	Subject string
	Data    []byte
}

// Entry is one message as it is read. Seq is its position; the first is 1.
type Entry struct {
	Seq     uint64
	Subject string
	Data    []byte
}

// Log is an organization's ledger. Its methods may be called from several goroutines; appends take turns.
type Log struct{ *sequence }

// sequence is what a Log and a Feed have in common: one stream, read and written by position.
type sequence struct {
	c    *Conn
	id   id
	name string // of the stream

	mu    sync.Mutex         // held while appending; guards what follows
	inbox string             // answers come to inbox.<token>
	sub   *nats.Subscription // nil until the first append
	acks  chan *nats.Msg
	token uint64 // of the next message
}

func (c *Conn) sequence(i id) *sequence { return &sequence{c: c, id: i, name: i.stream()} }

// ages reports whether the stream forgets its oldest messages.
func (q *sequence) ages() bool { return q.id.kind == kindActivity }

// CreateLog makes the ledger of org, empty. It refuses with [ErrExists] where one is there, also one that the server has
// not loaded but whose directory exists: making it would bring back or hide what lies in it. In a cluster two nodes that
// make it at the same moment may both be told that they did; the first entry decides, by the position it must follow.
func (c *Conn) CreateLog(ctx context.Context, org string) (*Log, error) {
	i, err := newID(kindLedger, org)
	if err != nil {
		return nil, err
	}
	if dir, err := StreamDir(c.storeDir, i.stream()); err == nil {
		return nil, fmt.Errorf("stream: create %s: %s: %w", i.stream(), dir, ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("stream: create %s: %w", i.stream(), err)
	}
	if err := c.create(ctx, i); err != nil {
		return nil, fmt.Errorf("stream: create %s: %w", i.stream(), err)
	}
	return &Log{c.sequence(i)}, nil
}

// The servers of a cluster that has just started, or has lost a connection, are offline to their leader for a moment: for so
// long it is asked again whether it can place a stream on them.
const (
	peersWait  = 5 * time.Second
	peersAgain = 50 * time.Millisecond
)

// untilPlaced asks for a stream again while too few servers are online for it.
func untilPlaced(ctx context.Context, ask func() (*reply, error)) (*reply, error) {
	for end := time.Now().Add(peersWait); ; {
		r, err := ask()
		if !isCode(err, codeNoPeers) || time.Now().After(end) {
			return r, err
		}
		select {
		case <-time.After(peersAgain):
		case <-ctx.Done():
			return r, err
		}
	}
}

// create makes a stream that must not be there yet.
func (c *Conn) create(ctx context.Context, i id) error {
	want := config(i, c.maxAge, c.replicas)
	if c.remote {
		// A server answers as if it had made a stream that was there with the same configuration.
		if _, err := c.info(ctx, want.Name); err == nil {
			return ErrExists
		} else if !errors.Is(err, ErrMissing) {
			return err
		}
	}
	r, err := untilPlaced(ctx, func() (*reply, error) { return c.api(ctx, "STREAM.CREATE", want.Name, want) })
	if isCode(err, codeStreamNameInUse) || err == nil && !r.Created {
		return ErrExists
	}
	if err != nil {
		return err
	}
	if err := checkConfig(want, r.Config); err != nil {
		return err
	}
	if s := r.state(); s.LastSeq != 0 {
		return &DamagedError{want.Name, s}
	}
	return nil
}

// OpenLog opens the ledger of org after the checks that [Log.Check] makes. It never makes one: [ErrMissing].
func (c *Conn) OpenLog(ctx context.Context, org string) (*Log, error) {
	i, err := newID(kindLedger, org)
	if err != nil {
		return nil, err
	}
	l := &Log{c.sequence(i)}
	if _, err := l.Check(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Confirm is [Log.Check] by a leader that still leads: one that was paused, or cut off from the others, goes on answering
// with what was so then, and is told apart by when it last heard from them. It asks until ctx ends, and then returns
// [ErrUnconfirmed].
func (q *sequence) Confirm(ctx context.Context) (State, error) {
	for {
		r, err := q.c.info(ctx, q.name)
		if err != nil {
			return State{}, fmt.Errorf("stream: confirm %s: %w", q.name, err)
		}
		if r.heardFrom() {
			return q.checked(r)
		}
		select {
		case <-ctx.Done():
			return State{}, fmt.Errorf("stream: confirm %s: %w", q.name, ErrUnconfirmed)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Check asks the server whether the stream is what it must be, in constant time: [ErrMissing], a *[ConfigError] that
// names each member of the configuration that differs, or a *[DamagedError] where the stream does not begin at 1 or
// positions are gone. It does not read the entries. The state returned is the one checked.
func (q *sequence) Check(ctx context.Context) (State, error) {
	r, err := q.c.info(ctx, q.name)
	if err != nil {
		return State{}, fmt.Errorf("stream: check %s: %w", q.name, err)
	}
	return q.checked(r)
}

// checked judges what a server says of the stream.
func (q *sequence) checked(r *reply) (State, error) {
	s := r.state()
	if err := checkConfig(config(q.id, q.c.maxAge, q.c.replicas), r.Config); err != nil {
		return s, err
	}
	if !s.whole(q.ages()) {
		return s, &DamagedError{q.name, s}
	}
	return s, nil
}

// Last is the last position and the bytes there; 0 and nil for an empty stream.
func (q *sequence) Last(ctx context.Context) (uint64, []byte, error) {
	r, err := q.c.info(ctx, q.name)
	if err != nil {
		return 0, nil, fmt.Errorf("stream: last of %s: %w", q.name, err)
	}
	seq := r.State.LastSeq
	if seq == 0 {
		return 0, nil, nil
	}
	m, err := q.Read(ctx, seq)
	if err != nil {
		return 0, nil, err
	}
	return seq, m.Data, nil
}

// Append writes msgs to the positions after+1 and on, if the stream ends at after. It returns nil when all of them stand
// there, also when an earlier call had written them. A *[StaleError] says that the stream does not end where it should;
// an *[UnknownError] that it could not be found out what happened; a *[NameError] or [ErrTooLarge], before anything is
// written, that a message cannot be one of this ledger. A context that ends stops the waiting, not what was sent.
//
// In an external cluster the group, at most [MaxGroup] messages, is in the stream as a whole or not at all, whatever
// happens to servers and connections, and Append goes on until it knows which or ctx ends: give it one that does. Of a
// group that was written in part before, as one of another extent, what is missing is written. That a stream is shorter
// than after is believed when it has been said for three AckWaits.
func (l *Log) Append(ctx context.Context, after uint64, msgs []Msg) error {
	return l.append(ctx, after, msgs)
}
