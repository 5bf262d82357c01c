// Package importer turns the records of somebody else into commands of a ledger, and effective pairs back into the form
// that such records have. It knows neither network nor storage: a [Target] records the commands.
//
// Two formats are read, each plain or compressed with gzip (RFC 1952):
//
// role-history is JSON Lines: one change of a role a line, in the order in which the source published them.
//
//	{"time":"2021-11-12T10:28:19+00:00","op":"create-role","role":"editor","title"?:…,"description"?:…,"stage"?:…,"permissions":[…]}
//	{"time":…,"op":"update-role","role":"editor","title"?:…,"description"?:…,"stage"?:…,"add"?:[…],"remove"?:[…]}
//	{"time":…,"op":"delete-role","role":"editor"}
//
// The time is RFC 3339 and becomes the occurred time, in whole milliseconds; it never goes back. A record is named by
// the number of its line, from 1. Blank lines are skipped, and counted as lines. A line that adds what a role has, or
// removes what it has not, is a bad line. Roles that the file does not make are the target's, where they are older than
// the change.
//
// assignments is one JSON object. A name is a string or an integer; both mean the same text.
//
//	{"roles":[{"role":1,"permissions":[1,2],"users":[1,2]},…],"userPermissions":{"1":[1,2],…}}
//
// userPermissions is the truth that the union over a user's roles must equal: the importer proves it before anything is
// recorded. The records are role/<role>, user/<user> and roles-of/<user>.
//
// Reading is strict: unknown members, members given twice, text that is not UTF-8 and names given twice in a set are
// errors. All ids follow from format, source name, record and occurred time, so a second run, from another path or
// compressed, records nothing, and a run that was killed is continued by running it again.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
)

// The formats.
const (
	FormatRoleHistory = "role-history"
	FormatAssignments = "assignments"
)

// Formats lists the formats that Run reads.
func Formats() []string { return []string{FormatAssignments, FormatRoleHistory} }

// Target is what an import writes into. Run calls it from one goroutine.
type Target interface {
	// Role gives the role that a record speaks of: where a command with the record's id ([events.ImportID]) is recorded
	// already, the role that one is about; else the role that has the key now. It says false when there is neither.
	Role(ctx context.Context, key string, of events.Import) (ulid.ULID, bool, error)
	// Do records commands in order, each decided by itself, and stops at the first that is refused, for whatever reason,
	// no-change included: nothing after it may be recorded. The outcomes stand in the same order, at least one; only the
	// last may be a refusal. Where there are fewer than commands, the rest was not tried. With an error the outcomes
	// given hold as well, and what follows them may or may not have been recorded.
	Do(ctx context.Context, commands []Command) ([]Outcome, error)
}

// Command is one command to record. Its id is [events.ImportID] of Origin.
type Command struct {
	Origin events.Import
	Data   events.Data
}

// Outcome is what became of a command.
type Outcome struct {
	Position uint64
	Repeated bool  // the same command was recorded before, at Position
	Refusal  error // why it is not recorded: a [*rules.Refusal] where the rules say so. A known id with other content is one
}

// Options says how to import. The zero Options is a good start.
type Options struct {
	// Source names where the records come from, the same in every run: it is part of each id. Empty: the format's name.
	Source string
	// SkipBad goes on after a bad record. Else Run stops at it with a [*BadRecord]; what stood before it is recorded,
	// nothing after it.
	SkipBad bool
	// Bad is told of each record that SkipBad skips, in order; nil: nobody is.
	Bad func(*BadRecord)
	// Progress is told now and then how many bytes of the input, as it stands, are read, and what is done; nil: nobody is.
	Progress func(read int64, so Summary)
}

// Summary counts what became of the records. Records is the sum of the four below it.
type Summary struct {
	Records   int
	Recorded  int
	Repeated  int // recorded before
	Unchanged int // what they say was so already; nothing is recorded for them
	Bad       int
	Commands  int // entries that are new: one for each of Recorded, and the parts of big sets
}

// BadRecord says why a record cannot be imported.
type BadRecord struct {
	Line   int    // from 1; 0 in formats without lines
	Record string // the record's name within the source
	Err    error
}

func (b *BadRecord) Error() string {
	if b.Line > 0 {
		return "line " + strconv.Itoa(b.Line) + ": " + b.Err.Error()
	}
	return b.Record + ": " + b.Err.Error()
}

func (b *BadRecord) Unwrap() error { return b.Err }

// ErrFormat says that there is no such format.
var ErrFormat = errors.New("the formats are role-history and assignments")

// Run imports what r holds. The summary is right in every case, also beside an error, which is a [*BadRecord] where a
// record stopped the run; else the input could not be read, the target failed, or it refused for a reason that no other
// record would change, as that the caller may not import.
func Run(ctx context.Context, r io.Reader, format string, opt Options, t Target) (Summary, error) {
	if opt.Source == "" {
		opt.Source = format
	}
	if err := canon.Key.Check(opt.Source); err != nil {
		return Summary{}, fmt.Errorf("import: the name of the source: %w", err)
	}
	s := &sender{target: t, opt: opt, limit: maxBatch}
	var run func(context.Context, io.Reader, *sender) error
	switch format {
	case FormatRoleHistory:
		run = runHistory
	case FormatAssignments:
		run = runAssignments
	default:
		return Summary{}, fmt.Errorf("import %q: %w", format, ErrFormat)
	}
	in, err := open(r, &s.read)
	if err == nil {
		err = run(ctx, in, s)
	}
	if err != nil {
		return s.sum, fmt.Errorf("import %s: %w", opt.Source, err)
	}
	return s.sum, nil
}

// final says whether a refusal speaks of the caller or the ledger, so that every other record would be refused too.
func final(code rules.Code) bool {
	switch code {
	case rules.NotPermitted, rules.NotProven, rules.WrongLedger, rules.UnknownRules, rules.NotOpened:
		return true
	}
	return false
}
