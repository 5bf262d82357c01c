package stream

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// Against an external cluster others may publish between two of our messages, so a group is one atomic batch (NATS
// ADR-50): the stream's leader takes all of it, if the stream ends where the first message says, or nothing.
//
// What is learnt afterwards is of two kinds. That a position holds certain bytes is final, whoever says so: a server shows
// only what a majority has. That a position is empty is never final: a replica may lag, a leader that was cut off does not
// know of its successor, and what was published and not answered may still be on its way. So an unclear group is published
// again, under the same expectation, until its first position is seen to be taken, by ourselves or by somebody else. The
// expectation lets at most one of the attempts in.
const (
	// MaxGroup is how many messages a group that is appended to an external cluster may have: nats-server's limit.
	MaxGroup = 1000

	batchID     = "Nats-Batch-Id"
	batchSeq    = "Nats-Batch-Sequence"
	batchCommit = "Nats-Batch-Commit"

	firstPause, maxPause = 2 * time.Millisecond, 250 * time.Millisecond
	// settle times AckWait is how long a stream must seem too short before it is believed: longer than a leader that has
	// lost its majority goes on answering.
	settle = 3
)

// appendGroup publishes msgs behind position at until it is known what became of them.
func (q *sequence) appendGroup(ctx context.Context, at uint64, msgs []Msg) error {
	rest, doubt, refusals := msgs, false, 0
	var shortSince time.Time
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		perr := q.publishGroup(ctx, at, rest)
		if perr == nil {
			return nil
		}
		refused := errors.As(perr, new(*apiError))
		doubt = doubt || !refused
		if refused && !passing(perr) {
			refusals++
		}
		s, err := q.standing(ctx, at, rest)
		at, rest = at+uint64(s.ours), rest[s.ours:]
		short := refused && err == nil && !s.taken && s.last < at
		if !short {
			shortSince = time.Time{}
		} else if shortSince.IsZero() {
			shortSince = time.Now()
		}
		switch {
		case err == nil && len(rest) == 0:
			return nil
		case s.taken:
			return &StaleError{q.name, at, s.last, nil}
		case short && !doubt && (time.Since(shortSince) > settle*q.c.ackWait || ctx.Err() != nil):
			return &StaleError{q.name, at, s.last, nil}
		case ctx.Err() != nil || refusals == attempts || errors.Is(err, ErrMissing):
			return &UnknownError{q.name, at + 1, errors.Join(perr, err)}
		}
		sleep(ctx, pause)
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// passing reports whether a refusal may be followed by consent, without anybody changing anything.
func passing(err error) bool {
	for _, code := range []int{codeWrongLastSequence, codeWrongLastConstant, codeBatchIncomplete, codeTooManyBatches, codeUnavailable} {
		if isCode(err, code) {
			return true
		}
	}
	return false
}

// publishGroup publishes msgs as one batch, or a single one as a message like any other, and waits for the answer. An
// *[apiError] says that nothing of it was taken in; after any other error it may be in the stream, or get there.
func (q *sequence) publishGroup(ctx context.Context, at uint64, msgs []Msg) error {
	id := rand.Text()
	m, err := q.c.ask(ctx, func(nc *nats.Conn, inbox string) error {
		for i, m := range msgs {
			out := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
			if i == 0 {
				out.Header[expectedLast] = []string{strconv.FormatUint(at, 10)}
			}
			if len(msgs) > 1 {
				out.Header[batchID] = []string{id}
				out.Header[batchSeq] = []string{strconv.Itoa(i + 1)}
			}
			if i == len(msgs)-1 {
				out.Reply = inbox
				if len(msgs) > 1 {
					out.Header[batchCommit] = []string{"1"}
				}
			}
			if err := nc.PublishMsg(out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	ack, err := q.ack(m)
	if err != nil {
		return err
	}
	n := len(msgs)
	if n > 1 && ack.Count != n || ack.Seq != at+uint64(n) {
		return fmt.Errorf("%d messages after %d were acknowledged as %d up to %d", n, at, ack.Count, ack.Seq)
	}
	return nil
}

// ask sends something to which one answer comes, and waits for it.
func (c *Conn) ask(ctx context.Context, send func(nc *nats.Conn, inbox string) error) (*nats.Msg, error) {
	nc := c.write
	if err := awaitConnected(ctx, nc); err != nil {
		return nil, err
	}
	inbox := nc.NewInbox()
	answers := make(chan *nats.Msg, 2)
	sub, err := nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe()
	lost := nc.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	defer nc.RemoveStatusListener(lost)
	if err := send(nc, inbox); err != nil {
		return nil, err
	}
	timer := time.NewTimer(c.ackWait)
	defer timer.Stop()
	select {
	case m := <-answers:
		return m, nil
	case <-timer.C:
		c.elsewhere(nc)
		return nil, errSilent
	case <-lost:
		return nil, nats.ErrDisconnected
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// published is the answer to what was published.
type published struct {
	Stream string    `json:"stream"`
	Seq    uint64    `json:"seq"`
	Count  int       `json:"count"` // of a batch
	Error  *apiError `json:"error"`
}

func (q *sequence) ack(m *nats.Msg) (p published, err error) {
	if len(m.Data) == 0 {
		// Nobody listens to the subject: the stream has no leader now.
		return p, &apiError{codeUnavailable, "status " + m.Header.Get("Status") + " " + m.Header.Get("Description")}
	}
	if err := json.Unmarshal(m.Data, &p); err != nil {
		return p, fmt.Errorf("acknowledgement: %w", err)
	}
	if p.Error != nil {
		return p, p.Error
	}
	if p.Stream != q.name {
		return p, fmt.Errorf("acknowledged by stream %q", p.Stream)
	}
	return p, nil
}

// standing is what the leader of a stream says of the positions after one.
type standing struct {
	ours  int    // that many hold our messages
	taken bool   // the next one holds another's
	last  uint64 // position, at least that of what was seen
}

// standing asks the leader what stands behind position at. It does so even when ctx has ended: the caller wants to know.
func (q *sequence) standing(ctx context.Context, at uint64, msgs []Msg) (s standing, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*q.c.ackWait)
	defer cancel()
	if err := awaitConnected(ctx, q.c.read); err != nil {
		return s, err
	}
	for s.ours < len(msgs) {
		e, err := q.leaderRead(ctx, at+uint64(s.ours)+1)
		if isCode(err, codeNoMessage) {
			break
		}
		if err != nil {
			return s, err
		}
		s.last = e.Seq
		if m := msgs[s.ours]; e.Subject != m.Subject || !bytes.Equal(e.Data, m.Data) {
			s.taken = true
			break
		}
		s.ours++
	}
	r, err := q.c.info(ctx, q.name)
	if err != nil {
		if s.taken {
			err = nil // s.last is where it ends at least
		}
		return s, err
	}
	s.last = max(s.last, r.State.LastSeq)
	return s, nil
}

// leaderRead is the message at position seq as the stream's leader has it: the one replica that does not lag.
func (q *sequence) leaderRead(ctx context.Context, seq uint64) (Entry, error) {
	e, err := q.leaderGet(ctx, fmt.Appendf(nil, `{"seq":%d}`, seq))
	if err == nil && e.Seq != seq {
		err = &GapError{q.name, seq, e.Seq}
	}
	return e, err
}

// leaderGet asks the stream's leader for one message; the query is io.nats.jetstream.api.v1.stream_msg_get_request.
func (q *sequence) leaderGet(ctx context.Context, query []byte) (Entry, error) {
	m, err := q.c.request(ctx, "$JS.API.STREAM.MSG.GET."+q.name, query)
	if err != nil {
		return Entry{}, fmt.Errorf("message %s of %s: %w", query, q.name, err)
	}
	var r struct {
		Error   *apiError `json:"error"`
		Message struct {
			Subject string `json:"subject"`
			Seq     uint64 `json:"seq"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return Entry{}, fmt.Errorf("message %s of %s: %w", query, q.name, err)
	}
	if r.Error != nil && r.Error.ErrCode == codeStreamNotFound {
		return Entry{}, ErrMissing
	}
	if r.Error != nil {
		return Entry{}, fmt.Errorf("message %s of %s: %w", query, q.name, r.Error)
	}
	return Entry{r.Message.Seq, r.Message.Subject, r.Message.Data}, nil
}
