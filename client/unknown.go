package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
)

// UnknownError says that a command was sent and may or may not be recorded. Recorded finds out which by its id.
type UnknownError struct {
	ID  ulid.ULID // of the command
	Err error     // why it is not known
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the command %s may or may not be recorded: %v", e.ID, e.Err)
}

func (e *UnknownError) Unwrap() error { return e.Err }

// How long a command whose answer was lost is sent again, and the first pause, which doubles.
const (
	againFor   = 3 * time.Second
	againFirst = 100 * time.Millisecond
)

// untilKnown sends the command of an id until it is known what became of it, or for some seconds. Once an answer was
// lost, only one that speaks of the command itself says what became of it: that a server has meanwhile stopped, or knows
// the caller no more, does not.
func untilKnown(ctx context.Context, id ulid.ULID, send func(context.Context) (wire.Receipt, error)) (wire.Receipt, error) {
	r, err := send(ctx)
	if err == nil || !unclear(ctx, err) {
		return r, err
	}
	end, cancel := context.WithTimeout(ctx, againFor)
	defer cancel()
	for pause := againFirst; ; pause *= 2 {
		select {
		case <-time.After(pause):
		case <-end.Done():
			return wire.Receipt{}, &UnknownError{id, err}
		}
		r, again := send(end)
		if again == nil || decided(again) {
			return r, again
		}
	}
}

// unclear says whether a command that was sent may be recorded although there is an error.
func unclear(ctx context.Context, err error) bool {
	if e := (*Error)(nil); errors.As(err, &e) {
		switch e.Code() {
		case wire.CodeStopped, wire.CodeNotYet, wire.CodeWait:
			return false
		}
		return e.Problem.Status >= 500
	}
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return false // it never left
	}
	return ctx.Err() != nil || errors.As(err, new(*UnreachableError))
}

// decided says whether an error is the ledger's answer to the command.
func decided(err error) bool {
	e := (*Error)(nil)
	if !errors.As(err, &e) || e.Code() == wire.CodeNoOrganization || e.Code() == wire.CodeNoRoute || e.Problem.Type == "about:blank" {
		return false
	}
	return Refusal(&e.Problem) != nil
}
