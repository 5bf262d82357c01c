package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// window and windowBytes bound what is published and not yet answered.
	window      = 512
	windowBytes = 8 << 20
	// headerRoom is more than the headers of a message take.
	headerRoom = 256
	// attempts is how often the part of a group that is not in the stream is published.
	attempts = 3

	expectedLast = "Nats-Expected-Last-Sequence"
)

// errSilent says that an answer did not come in time.
var errSilent = errors.New("no answer")

// append publishes, and whenever not every message was confirmed at its position, reads back what happened: one loop
// covers a lost race, a lost answer, a lost connection and the retry of a caller.
func (q *sequence) append(ctx context.Context, after uint64, msgs []Msg) error {
	for _, m := range msgs {
		if !q.id.owns(m.Subject) {
			return &NameError{"subject", m.Subject}
		}
		if len(m.Data) > MaxPayload-headerRoom {
			return fmt.Errorf("stream: append to %s: %d bytes: %w", q.name, len(m.Data), ErrTooLarge)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stream: append to %s: %w", q.name, context.Cause(ctx))
	}
	if q.c.remote && len(msgs) > MaxGroup {
		return fmt.Errorf("stream: append to %s: %d messages, a group has at most %d: %w", q.name, len(msgs), MaxGroup, ErrTooLarge)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.c.remote {
		if len(msgs) == 0 {
			return nil
		}
		return q.appendGroup(ctx, after, msgs)
	}
	if err := q.openInbox(); err != nil {
		return fmt.Errorf("stream: append to %s: %w", q.name, err)
	}
	at, rest := after, msgs
	var strays []uint64
	for try := 1; ; try++ {
		r := q.publish(ctx, at, rest)
		if r.err == nil {
			return nil
		}
		strays = append(strays, r.strays()...)
		n, last, err := q.written(ctx, at, rest)
		at, rest = at+uint64(n), rest[n:]
		switch {
		case err != nil:
			return &UnknownError{q.name, at + 1, errors.Join(r.err, err)}
		case len(rest) == 0:
			return nil
		case last != at:
			strays = slices.DeleteFunc(strays, func(p uint64) bool { return p <= at })
			return &StaleError{q.name, at, last, strays}
		case try == attempts || ctx.Err() != nil:
			// The rest is not there now, but what was sent may still be on its way.
			return &UnknownError{q.name, at + 1, r.err}
		}
	}
}

// openInbox subscribes to the answers, once for all appends.
func (q *sequence) openInbox() error {
	if q.sub != nil {
		return nil
	}
	inbox := q.c.write.NewInbox()
	acks := make(chan *nats.Msg, 2*window)
	sub, err := q.c.write.ChanSubscribe(inbox+".*", acks)
	if err != nil {
		return err
	}
	q.inbox, q.acks, q.sub = inbox, acks, sub
	return nil
}

// result is what became of a group that was published.
type result struct {
	err     error    // nil: each message was ordered at its position
	refused int      // index of the first message that was refused, len(ordered) if none was
	ordered []uint64 // position of each message, 0 where it was refused or not heard of
}

// strays are the positions that took messages after one that was refused: their predecessor is not before them.
func (r *result) strays() (at []uint64) {
	for i := r.refused; i < len(r.ordered); i++ {
		if r.ordered[i] != 0 {
			at = append(at, r.ordered[i])
		}
	}
	return at
}

// publish sends msgs, each with the position that it must follow, and waits for the answers. After the first refusal it
// sends no more. The first message goes alone: when the stream has moved on, one of those behind it might be the one that
// follows what is last now, and would be let through.
func (q *sequence) publish(ctx context.Context, at uint64, msgs []Msg) (r result) {
	q.drainAcks()
	base := q.token
	q.token += uint64(len(msgs))
	lost := q.c.write.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	defer q.c.write.RemoveStatusListener(lost)
	timer := time.NewTimer(q.c.ackWait)
	defer timer.Stop()
	r.ordered, r.refused = make([]uint64, len(msgs)), len(msgs)

	var sent, answered, inFlight int
	subject := make([]byte, 0, len(q.inbox)+21)
	for answered < len(msgs) {
		room := sent-answered < window && inFlight < windowBytes && (sent == 0 || answered > 0)
		if r.err == nil && sent < len(msgs) && room {
			subject = append(append(subject[:0], q.inbox...), '.')
			subject = strconv.AppendUint(subject, base+uint64(sent), 10)
			err := q.c.write.PublishMsg(&nats.Msg{
				Subject: msgs[sent].Subject,
				Reply:   string(subject),
				Header:  nats.Header{expectedLast: {strconv.FormatUint(at+uint64(sent), 10)}},
				Data:    msgs[sent].Data,
			})
			if err != nil {
				r.err = errors.Join(r.err, err)
				return r
			}
			inFlight += len(msgs[sent].Data)
			sent++
			continue
		}
		if answered == sent {
			return r // refused, and nothing is outstanding
		}
		var m *nats.Msg
		select {
		case m = <-q.acks:
		default:
			timer.Reset(q.c.ackWait)
			select {
			case m = <-q.acks:
			case <-timer.C:
				r.err = errors.Join(r.err, errSilent)
				return r
			case <-lost:
				r.err = errors.Join(r.err, nats.ErrDisconnected)
				return r
			case <-ctx.Done():
				r.err = errors.Join(r.err, context.Cause(ctx))
				return r
			}
		}
		i, ok := q.index(m, base, sent)
		if !ok {
			continue // a late answer to an earlier append
		}
		answered++
		inFlight -= len(msgs[i].Data)
		seq, err := q.parseAck(m)
		if want := at + uint64(i) + 1; err == nil && seq != want {
			err = fmt.Errorf("message for position %d was ordered at %d", want, seq)
		} else if err != nil {
			r.refused = min(r.refused, i)
		}
		r.ordered[i] = seq
		if err != nil && r.err == nil {
			r.err = err
		}
	}
	return r
}

// drainAcks takes away what came after an earlier append had stopped waiting.
func (q *sequence) drainAcks() {
	for {
		select {
		case <-q.acks:
		default:
			return
		}
	}
}

// index tells which message of the group that began with token base m answers.
func (q *sequence) index(m *nats.Msg, base uint64, sent int) (int, bool) {
	t, err := strconv.ParseUint(m.Subject[len(q.inbox)+1:], 10, 64)
	if err != nil || t < base || t-base >= uint64(sent) {
		return 0, false
	}
	return int(t - base), true
}

// parseAck is the position in a publish acknowledgement, or the refusal in it.
func (q *sequence) parseAck(m *nats.Msg) (uint64, error) {
	// {"stream":"LEDGER_acme","seq":41} is what all answers but refusals look like.
	if b, ok := bytes.CutPrefix(m.Data, []byte(`{"stream":"`)); ok {
		if b, ok = bytes.CutPrefix(b, []byte(q.name)); ok {
			if b, ok = bytes.CutPrefix(b, []byte(`","seq":`)); ok {
				if b, ok = bytes.CutSuffix(b, []byte("}")); ok {
					if seq, err := strconv.ParseUint(string(b), 10, 64); err == nil {
						return seq, nil
					}
				}
			}
		}
	}
	if len(m.Data) == 0 {
		return 0, fmt.Errorf("status %s %s", m.Header.Get("Status"), m.Header.Get("Description"))
	}
	var ack struct {
		Stream string    `json:"stream"`
		Seq    uint64    `json:"seq"`
		Error  *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return 0, fmt.Errorf("acknowledgement: %w", err)
	}
	if ack.Error != nil {
		return 0, ack.Error
	}
	if ack.Stream != q.name {
		return 0, fmt.Errorf("acknowledged by stream %q", ack.Stream)
	}
	return ack.Seq, nil
}

// written reads back how many of msgs stand at the positions after at, and where the stream ends. It does so even when
// ctx has ended: the caller wants to know.
func (q *sequence) written(ctx context.Context, at uint64, msgs []Msg) (n int, last uint64, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.c.ackWait)
	defer cancel()
	for _, nc := range []*nats.Conn{q.c.write, q.c.read} {
		if err := awaitConnected(ctx, nc); err != nil {
			return 0, 0, err
		}
	}
	r, err := q.c.info(ctx, q.name)
	if err != nil {
		return 0, 0, err
	}
	last = r.State.LastSeq
	for e, err := range q.entries(ctx, at+1, min(last, at+uint64(len(msgs)))) {
		if err != nil {
			return n, last, err
		}
		if e.Subject != msgs[n].Subject || !bytes.Equal(e.Data, msgs[n].Data) {
			break
		}
		n++
	}
	return n, last, nil
}
