//go:build unix

package main

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/oklog/ulid/v2"
)

// op is something that somebody asked, and was told.
type op struct {
	kind     kind
	caller   int
	subject  int
	give     bool // of a write: whether the role is given; of a read: whether the subject has it
	position uint64
	id       ulid.ULID // of a write's command
	open     bool      // it was never answered, and found recorded later
	call     time.Time
	back     time.Time
}

type kind int

const (
	dropped  kind = iota // it was said that nothing was recorded, or read
	writes               // recorded at position
	reads                // as of position
	refusals             // refused by the rules
	doubtful             // not answered
)

// rolls is what there is to know: a position, and who has the role there.
type rolls struct {
	position uint64
	has      uint64 // a bit for each subject
}

// model is one ledger and nothing else: each write follows the one before and changes something, a refusal is of what
// would change nothing, and a read sees the newest position.
func model(start uint64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return rolls{position: start} },
		Step: func(state, input, _ any) (bool, any) {
			s, o := state.(rolls), input.(op)
			has := s.has&(1<<o.subject) != 0
			switch o.kind {
			case writes:
				return has != o.give && o.position == s.position+1, rolls{o.position, s.has ^ 1<<o.subject}
			case refusals:
				return has == o.give, s
			default:
				return has == o.give && o.position == s.position, s
			}
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprintf("%+v", input) },
	}
}

// linearizable fails unless the history is linearizable, or is not where it is known not to be.
func (w *town) linearizable(history []op, want bool) {
	w.t.Helper()
	ops := make([]porcupine.Operation, len(history))
	for i, o := range history {
		ops[i] = porcupine.Operation{ClientId: i, Input: o, Call: o.call.UnixNano(), Return: o.back.UnixNano()}
		if o.open {
			ops[i].Return = math.MaxInt64
		}
	}
	got := porcupine.CheckOperationsTimeout(model(w.start), ops, time.Minute)
	if got == porcupine.Unknown || (got == porcupine.Ok) != want {
		w.t.Errorf("the history of %d operations: %s; want linearizable: %v", len(history), got, want)
	}
}
