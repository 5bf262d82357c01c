package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// direct is up to how many entries are read by request instead of by a consumer, which costs a millisecond to make
	// and take away but then delivers twice as fast and does not hold up appends.
	direct = 256
	// pull and pullBytes are what a consumer asks for at a time.
	pull      = 2000
	pullBytes = 16 << 20
	// stall is after how long without a message it is looked whether the next one can be read at all.
	stall = time.Second
	// heartbeat is how often the server of a cluster that has nothing to deliver says so. After two that did not come
	// the consumer is made anew.
	heartbeat = time.Second
	// forgotten is how long the server keeps a consumer that nobody asks anything.
	forgotten = time.Minute
)

// errStall says that a consumer delivered nothing for too long.
var errStall = errors.New("no message came")

// Read is the message at position seq: [ErrNoEntry] where the stream has none, a *[GapError] where it should have one.
func (q *sequence) Read(ctx context.Context, seq uint64) (Msg, error) {
	if seq == 0 {
		return Msg{}, fmt.Errorf("stream: read %s at 0: %w", q.name, ErrNoEntry)
	}
	m, err := q.c.request(ctx, "$JS.API.DIRECT.GET."+q.name, fmt.Appendf(nil, `{"seq":%d}`, seq))
	if err != nil {
		return Msg{}, fmt.Errorf("stream: read %s at %d: %w", q.name, seq, err)
	}
	switch status := m.Header.Get("Status"); status {
	case "":
		e, err := directEntry(m)
		if err == nil && e.Seq != seq {
			err = &GapError{q.name, seq, e.Seq}
		}
		return Msg{e.Subject, e.Data}, err
	case "404":
		if q.c.remote { // any replica answers a direct get, also one that lags
			if e, err := q.leaderRead(ctx, seq); err == nil {
				return Msg{e.Subject, e.Data}, nil
			} else if !isCode(err, codeNoMessage) {
				return Msg{}, fmt.Errorf("stream: read: %w", err)
			}
		}
		return Msg{}, q.absent(ctx, seq)
	default:
		return Msg{}, fmt.Errorf("stream: read %s at %d: status %s %s", q.name, seq, status, m.Header.Get("Description"))
	}
}

// absent is the error for a position that the server does not find.
func (q *sequence) absent(ctx context.Context, seq uint64) error {
	r, err := q.c.info(ctx, q.name)
	if err != nil {
		return fmt.Errorf("stream: read %s at %d: %w", q.name, seq, err)
	}
	if seq > r.State.LastSeq || q.ages() && seq < r.State.FirstSeq {
		return fmt.Errorf("stream: read %s at %d: %w", q.name, seq, ErrNoEntry)
	}
	return &GapError{q.name, seq, 0}
}

// directEntry is the entry in the answer to a direct get.
func directEntry(m *nats.Msg) (Entry, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("stream: sequence of a message: %w", err)
	}
	return Entry{seq, m.Header.Get("Nats-Subject"), m.Data}, nil
}

// Entries yields the entries from position from (0 is 1) to the one that is last when the iteration begins, each position
// once and in order. It ends with an error where it cannot: a *[GapError] for a position that cannot be read, the
// context's where that ends. A feed that forgets its oldest messages begins with the oldest that it has.
func (q *sequence) Entries(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r, err := q.c.info(ctx, q.name)
		if err != nil {
			yield(Entry{}, fmt.Errorf("stream: entries of %s: %w", q.name, err))
			return
		}
		from := max(from, 1)
		if q.ages() {
			from = max(from, r.State.FirstSeq)
		}
		q.entries(ctx, from, r.State.LastSeq)(yield)
	}
}

// Follow is [Log.Entries] that goes on with new entries as they are written, until ctx ends, whose error comes last. What
// it yields has been ordered; whether it is on disk is the journal's to say. From an external cluster it goes on after a
// change of leaders or a lost connection, where it was; it waits for as long as that takes.
func (q *sequence) Follow(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		next := max(from, 1)
		for {
			more, err := q.consume(ctx, &next, math.MaxUint64, yield)
			if more && q.c.remote {
				more, err = q.resume(ctx, &next, math.MaxUint64, yield, err)
			}
			if !more {
				return
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("stream: follow %s at %d: %w", q.name, next, err))
				return
			}
		}
	}
}

// entries yields the entries from next to last.
func (q *sequence) entries(ctx context.Context, next, last uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		progress := time.Now()
		for next <= last {
			read, before := q.consume, next
			if last-next < direct {
				read = q.request
			}
			more, err := read(ctx, &next, last, yield)
			if more && q.c.remote && (err != nil || next == before) {
				if err == nil {
					err = &GapError{q.name, next, 0}
				}
				was := err
				if more, err = q.resume(ctx, &next, last, yield, err); err == nil && more {
					if next != before {
						progress = time.Now()
					} else if time.Since(progress) > settle*q.c.ackWait {
						yield(Entry{}, fmt.Errorf("stream: entries of %s at %d: %w", q.name, next, was))
						return
					}
					continue
				}
			}
			if !more {
				return
			}
			if errors.Is(err, errStall) {
				// A record that is damaged on disk is never delivered. Asking for it tells.
				if _, err = q.Read(ctx, next); err == nil {
					continue
				}
			}
			if errors.Is(err, ErrNoEntry) && q.ages() {
				next, err = q.skipAged(ctx, next)
			}
			if err == nil && next == before {
				err = &GapError{q.name, next, 0}
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("stream: entries of %s at %d: %w", q.name, next, err))
				return
			}
		}
	}
}

// skipAged is the oldest position of an ageing feed, if it lies past next.
func (q *sequence) skipAged(ctx context.Context, next uint64) (uint64, error) {
	r, err := q.c.info(ctx, q.name)
	if err != nil {
		return next, err
	}
	return max(next, r.State.FirstSeq), nil
}

// request yields the entries from *next to last by asking for them, and moves *next past what it yielded. It reports
// whether to go on.
func (q *sequence) request(ctx context.Context, next *uint64, last uint64, yield func(Entry, error) bool) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return true, context.Cause(ctx)
	}
	answers := make(chan *nats.Msg, direct+1)
	inbox := q.c.read.NewInbox()
	sub, err := q.c.read.ChanSubscribe(inbox, answers)
	if err != nil {
		return true, err
	}
	defer sub.Unsubscribe()
	req := fmt.Appendf(nil, `{"seq":%d,"batch":%d,"max_bytes":%d}`, *next, last-*next+1, pullBytes)
	if err := q.c.read.PublishRequest("$JS.API.DIRECT.GET."+q.name, inbox, req); err != nil {
		return true, err
	}
	timer := time.NewTimer(q.c.ackWait)
	defer timer.Stop()
	for {
		select {
		case m := <-answers:
			switch status := m.Header.Get("Status"); status {
			case "":
			case "204": // the batch is at its end, by number or by bytes
				return true, nil
			case "404":
				return true, q.absent(ctx, *next)
			default:
				return true, fmt.Errorf("status %s %s", status, m.Header.Get("Description"))
			}
			e, err := directEntry(m)
			if err != nil {
				return true, err
			}
			if more, err := q.deliver(ctx, e, next, last, yield); err != nil || !more {
				return more, err
			}
		case <-timer.C:
			return true, errSilent
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
	}
}

// consumer makes a consumer that begins at position next: in memory, nothing acknowledged. Within this process it is
// nats.go's ordered one, which makes itself anew when it must. Against a cluster [sequence.resume] sees to that, because
// nats.go would not notice while it does that the caller's context has ended.
func (q *sequence) consumer(ctx context.Context, next uint64) (jetstream.Consumer, error) {
	if !q.c.remote {
		return q.c.js.OrderedConsumer(ctx, q.name, jetstream.OrderedConsumerConfig{
			DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
			OptStartSeq:       next,
			InactiveThreshold: forgotten,
			MaxResetAttempts:  attempts,
		})
	}
	cctx, cancel := context.WithTimeout(ctx, q.c.ackWait)
	defer cancel()
	return q.c.js.CreateConsumer(cctx, q.name, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       next,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		InactiveThreshold: forgotten,
		MemoryStorage:     true,
		Replicas:          1,
	})
}

// consume yields the entries from *next to last by an ordered consumer (in memory, nothing acknowledged), and moves *next
// past what it yielded. With last at its maximum it goes on until ctx ends; else it gives up after a stall.
func (q *sequence) consume(ctx context.Context, next *uint64, last uint64, yield func(Entry, error) bool) (more bool, err error) {
	oc, err := q.consumer(ctx, *next)
	if err != nil {
		return true, err
	}
	defer func() {
		// Kept otherwise until the server forgets it; the outcome does not matter.
		_ = q.c.read.Publish("$JS.API.CONSUMER.DELETE."+q.name+"."+oc.CachedInfo().Name, nil)
	}()
	opts := []jetstream.PullMessagesOpt{jetstream.PullMaxMessagesWithBytesLimit(pull, pullBytes)}
	if q.c.remote {
		opts = append(opts, jetstream.PullExpiry(10*heartbeat), jetstream.PullHeartbeat(heartbeat))
	}
	it, err := oc.Messages(opts...)
	if err != nil {
		return true, err
	}
	defer it.Stop()
	wctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	wait := jetstream.NextContext(wctx)
	live := last == math.MaxUint64
	var watch *time.Timer
	if !live {
		watch = time.AfterFunc(stall, func() { cancel(errStall) })
		defer watch.Stop()
	}
	for *next <= last {
		m, err := it.Next(wait)
		if err != nil {
			if wctx.Err() != nil {
				err = context.Cause(wctx)
			}
			return true, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return true, err
		}
		e := Entry{meta.Sequence.Stream, m.Subject(), m.Data()}
		if more, err := q.deliver(ctx, e, next, last, yield); err != nil || !more {
			return more, err
		}
		if !live {
			watch.Reset(stall)
		}
	}
	return true, nil
}

// deliver yields e if it is the next one, and moves *next past it. What was yielded before is left out.
func (q *sequence) deliver(ctx context.Context, e Entry, next *uint64, last uint64, yield func(Entry, error) bool) (more bool, err error) {
	if e.Seq < *next || *next > last {
		return true, nil
	}
	if e.Seq > *next {
		first := *next
		if q.ages() {
			// What lies before may have aged away since.
			if first, err = q.skipAged(ctx, *next); err != nil {
				return true, err
			}
		}
		if e.Seq > first {
			return true, &GapError{q.name, *next, e.Seq}
		}
	}
	*next = e.Seq + 1
	return e.Seq > last || yield(e, nil), nil
}
