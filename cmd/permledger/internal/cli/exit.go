package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/permledger/permledger/backup"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/client/pin"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/witness"
)

// The exit codes. Scripts rely on them: `permledger help exit-codes` says what they mean.
const (
	exitDone        = 0
	exitNo          = 1 // a negative answer
	exitUsage       = 2
	exitUnreached   = 3
	exitDenied      = 4
	exitNotFound    = 5
	exitConflict    = 6
	exitIntegrity   = 7
	exitInterrupted = 130
)

// An exitError ends the program with a code. Where err is nil the answer has been written, and nothing more is said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit gives an error with its exit code.
func exit(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// usage says that the command was not well asked; nothing was tried.
func usage(format string, args ...any) error { return exit(exitUsage, format, args...) }

// negative is the answer no, which has been written.
var negative = &exitError{code: exitNo}

// codeOf gives the exit code that an error means.
func codeOf(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	// First what must never be taken for anything else, however it is wrapped.
	if damaged(err) {
		return exitIntegrity
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	if coded := (*exitError)(nil); errors.As(err, &coded) {
		return coded.code
	}
	if errors.As(err, new(*client.UnknownError)) {
		return exitUnreached
	}
	if refusal := (*rules.Refusal)(nil); errors.As(err, &refusal) {
		return codeOfProblem(string(refusal.Code))
	}
	if problem, ok := problemOf(err); ok {
		if code := codeOfProblem(problem.Code()); code != 0 {
			return code
		}
		return codeOfStatus(problem.Status)
	}
	switch {
	case errors.Is(err, node.ErrLocked), errors.Is(err, witness.ErrLocked), errors.Is(err, ledger.ErrStopped), errors.Is(err, ledger.ErrUnknown):
		return exitUnreached
	case errors.Is(err, node.ErrKeyFile), errors.Is(err, node.ErrOwner), errors.Is(err, stream.ErrCredentials):
		return exitDenied
	case errors.Is(err, node.ErrNoOrganization):
		return exitNotFound
	case errors.Is(err, node.ErrInitialized), errors.Is(err, backup.ErrTarget):
		return exitConflict
	case errors.Is(err, node.ErrNotInitialized), errors.Is(err, node.ErrProfile), errors.Is(err, node.ErrPolicy), errors.Is(err, fs.ErrNotExist),
		errors.Is(err, backup.ErrNone), errors.Is(err, backup.ErrHalf), errors.Is(err, backup.ErrOther):
		return exitUsage
	}
	return exitUnreached
}

// damaged says whether an error means that a hash, link, signature or copy does not hold.
func damaged(err error) bool {
	return errors.As(err, new(*chain.BrokenError)) || errors.Is(err, ledger.ErrRolledBack) ||
		errors.Is(err, journal.ErrDamaged) || errors.Is(err, journal.ErrHead) || errors.As(err, new(*journal.HeadConflictError)) ||
		errors.As(err, new(*stream.DamagedError)) || errors.As(err, new(*stream.BlockError)) || errors.As(err, new(*stream.GapError)) ||
		errors.As(err, new(*stream.ConfigError)) || errors.As(err, new(*node.DamageError)) || errors.As(err, new(*node.LossError)) ||
		errors.As(err, new(*ledger.ForkError)) || errors.Is(err, tlog.ErrForked) || errors.As(err, new(*witness.ForkError)) || errors.Is(err, witness.ErrDamaged) || errors.As(err, new(*pin.Error)) || errors.Is(err, pin.ErrUnproven) ||
		errors.Is(err, backup.ErrDamaged) || errors.Is(err, backup.ErrBackward) || errors.As(err, new(*backup.NewerError)) || errors.As(err, new(*backup.ForkError))
}

// codeOfProblem gives the exit code of the code in a problem's type; 0 where the status has to say it.
func codeOfProblem(code string) int {
	switch rules.Code(code) {
	case rules.NotPermitted, rules.Escalation, rules.NotProven:
		return exitDenied
	case rules.NotFound, rules.Unknown:
		return exitNotFound
	case rules.Inactive, rules.Taken, rules.InUse, rules.NoChange, rules.Repeated, rules.Conflict, rules.AlreadyOpened, rules.PartMissing, rules.Stale:
		return exitConflict
	case rules.Invalid, rules.WrongLedger, rules.UnknownRules, rules.NotOpened, rules.MessageTooLong:
		return exitUsage
	}
	return 0
}

func codeOfStatus(status int) int {
	switch status {
	case 401, 403:
		return exitDenied
	case 404, 410:
		return exitNotFound
	case 409, 412:
		return exitConflict
	case 429, 500, 502, 503, 504:
		return exitUnreached
	}
	return exitUsage
}
