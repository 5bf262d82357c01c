package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

const (
	// MaxValue is the size of the largest text and the largest shared record, in bytes.
	MaxValue = 64 << 10

	expectedLastOfSubject = "Nats-Expected-Last-Subject-Sequence"
)

// ErrEmbedded says that what was asked for is kept in an external cluster only.
var ErrEmbedded = errors.New("only in an external cluster")

// keyed is a stream that is written and read by key: each key has a subject of its own, the last token.
type keyed struct{ q *sequence }

// openKeyed opens a keyed stream and makes it where it is missing, which is no loss that could go unnoticed: what it
// keeps is committed to elsewhere.
func (c *Conn) openKeyed(ctx context.Context, i id) (keyed, error) {
	k := keyed{c.sequence(i)}
	if !c.remote {
		return k, fmt.Errorf("stream: open %s: %w", k.q.name, ErrEmbedded)
	}
	err := k.check(ctx)
	if errors.Is(err, ErrMissing) {
		if err := c.create(ctx, i); err != nil && !errors.Is(err, ErrExists) {
			return k, fmt.Errorf("stream: create %s: %w", k.q.name, err)
		}
		err = k.check(ctx)
	}
	return k, err
}

// check is [Log.Check] for a stream from which messages may have been erased.
func (k keyed) check(ctx context.Context) error {
	r, err := k.q.c.info(ctx, k.q.name)
	if err != nil {
		return fmt.Errorf("stream: check %s: %w", k.q.name, err)
	}
	if err := checkConfig(config(k.q.id, k.q.c.maxAge, k.q.c.replicas), r.Config); err != nil {
		return err
	}
	if s := r.state(); s.Lost != "" {
		return &DamagedError{k.q.name, s}
	}
	return nil
}

func (k keyed) subject(key string) string { return k.q.id.root() + "." + key }

// create writes the first value of key, and reports nil where that value stands there already. [ErrExists] says that
// another does. An outcome that is not clear is asked after until ctx ends.
func (k keyed) create(ctx context.Context, key string, value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("stream: create %s: %d bytes: %w", k.subject(key), len(value), ErrTooLarge)
	}
	refusals := 0
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		perr := k.publish(ctx, key, value)
		if perr == nil {
			return nil
		}
		if errors.As(perr, new(*apiError)) && !passing(perr) {
			refusals++
		}
		// What is seen is final; that nothing is seen is not: see appendGroup.
		e, err := k.last(context.WithoutCancel(ctx), key)
		switch {
		case err == nil && bytes.Equal(e.Data, value):
			return nil
		case err == nil:
			return fmt.Errorf("stream: create %s: another value: %w", k.subject(key), ErrExists)
		case ctx.Err() != nil || refusals == attempts || errors.Is(err, ErrMissing):
			if errors.Is(err, ErrNoEntry) {
				err = nil
			}
			return fmt.Errorf("stream: create %s: it is not known whether it is written; create it again: %w",
				k.subject(key), errors.Join(perr, err))
		}
		sleep(ctx, pause)
	}
}

// publish publishes value as the first of key.
func (k keyed) publish(ctx context.Context, key string, value []byte) error {
	m, err := k.q.c.ask(ctx, func(nc *nats.Conn, inbox string) error {
		return nc.PublishMsg(&nats.Msg{
			Subject: k.subject(key),
			Reply:   inbox,
			Header:  nats.Header{expectedLastOfSubject: {"0"}},
			Data:    value,
		})
	})
	if err != nil {
		return err
	}
	_, err = k.q.ack(m)
	return err
}

// last is the newest value of key that the stream's leader has: [ErrNoEntry] where there is none.
func (k keyed) last(ctx context.Context, key string) (Entry, error) {
	e, err := k.q.leaderGet(ctx, fmt.Appendf(nil, `{"last_by_subj":%q}`, k.subject(key)))
	if isCode(err, codeNoMessage) {
		err = fmt.Errorf("stream: %s: %w", k.subject(key), ErrNoEntry)
	}
	return e, err
}
