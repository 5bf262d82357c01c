package rules

import (
	"fmt"

	"github.com/oklog/ulid/v2"
)

// A Code says by which kind of rule a command was refused. Codes are part of what callers rely on.
type Code string

// The codes.
const (
	NotPermitted   Code = "not-permitted"    // the actor lacks the permission the command needs
	Escalation     Code = "escalation"       // the actor would give what it does not hold itself
	NotProven      Code = "not-proven"       // the actor did not prove itself as it has to
	Inactive       Code = "inactive"         // the subject is deactivated
	NotFound       Code = "not-found"        // no such role, subject, grant or key
	Taken          Code = "taken"            // a key, name or id is in use
	InUse          Code = "in-use"           // a role that somebody holds
	Unknown        Code = "unknown"          // a permission that no catalogue has
	Invalid        Code = "invalid"          // the command says something that cannot be
	NoChange       Code = "no-change"        // what is asked for is already so
	Repeated       Code = "repeated"         // a command of this id is recorded at position At
	Conflict       Code = "conflict"         // another command of this id is recorded at position At
	WrongLedger    Code = "wrong-ledger"     // the command is for another ledger
	Stale          Code = "stale"            // the id is too old or too new
	PartMissing    Code = "part-missing"     // a part was not recorded in the last 24 h
	UnknownRules   Code = "unknown-rules"    // this release does not know the rules that are in force
	AlreadyOpened  Code = "already-opened"   // the ledger has a first entry
	NotOpened      Code = "not-opened"       // it has none
	MessageTooLong Code = "message-too-long" // the topic message would be above 1,024 bytes
)

// A Refusal says why a command is not recorded. It changes nothing.
type Refusal struct {
	Code       Code
	Reason     string
	Hint       string      // what the reader can do about it; may be empty
	Permission string      // the permission that is missing, or unknown
	Nearest    []string    // known names near an unknown one
	Holders    []ulid.ULID // who holds a role that is in use
	At         uint64      // for Repeated: where the command of this id stands
}

func (r *Refusal) Error() string {
	if r.Hint == "" {
		return fmt.Sprintf("refused (%s): %s", r.Code, r.Reason)
	}
	return fmt.Sprintf("refused (%s): %s. %s", r.Code, r.Reason, r.Hint)
}

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}

func (r *Refusal) hint(format string, args ...any) *Refusal {
	r.Hint = fmt.Sprintf(format, args...)
	return r
}
