package stream

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// resume is what reading from a cluster does about an error at position *next. What a replica could not give the leader
// may have, and is yielded. What passes by itself (a change of leaders, a lost connection) is waited out a little. It
// reports whether to go on, and the error where that will not help.
func (q *sequence) resume(ctx context.Context, next *uint64, last uint64, yield func(Entry, error) bool, err error) (more bool, _ error) {
	switch {
	case ctx.Err() != nil:
		return true, context.Cause(ctx)
	case err == nil:
		return true, nil
	case errors.Is(err, nats.ErrConnectionClosed):
		return true, err
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, ErrMissing):
		return true, ErrMissing
	case !errors.Is(err, errStall) && !errors.Is(err, ErrNoEntry) && !errors.As(err, new(*GapError)):
		sleep(ctx, maxPause)
		return true, nil
	}
	e, lerr := q.leaderRead(ctx, *next)
	if lerr == nil {
		return q.deliver(ctx, e, next, last, yield)
	}
	if isCode(lerr, codeNoMessage) {
		r, ierr := q.c.info(ctx, q.name)
		if ierr == nil && q.ages() && *next < r.State.FirstSeq {
			*next = r.State.FirstSeq // aged away meanwhile
			return true, nil
		}
		if ierr == nil && *next <= r.State.LastSeq {
			return true, &GapError{q.name, *next, 0} // the leader, which would have it, has it not
		}
	}
	sleep(ctx, maxPause)
	return true, nil
}
