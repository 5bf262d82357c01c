package stream

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrExists says that a stream to be made is there already, loaded or as a directory on disk.
	ErrExists = errors.New("stream exists")
	// ErrMissing says that a stream is not there.
	ErrMissing = errors.New("stream is missing")
	// ErrUnconfirmed says that a stream's leader has not heard from the other servers lately: another may lead by now.
	ErrUnconfirmed = errors.New("the stream's leader has not heard from the other servers lately")
	// ErrNoEntry says that a stream holds no entry at a position: 0, past the end, or older than what a feed keeps.
	ErrNoEntry = errors.New("no entry at this position")
	// ErrNotPermitted says that something is the cluster administrator's to do.
	ErrNotPermitted = errors.New("the NATS administrator does this")
	// ErrTooLarge says that a message does not fit into [MaxPayload] together with its headers.
	ErrTooLarge = errors.New("message too large")
)

// NameError says that an organization's id or a subject is not one that this package uses.
type NameError struct {
	What string // "organization", "subject", "stream"
	Name string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("stream: %q is not a valid %s", e.Name, e.What)
}

// StaleError says that entries were to follow position Want, but the stream had already moved on to Have (or, after a
// loss, is shorter: Have is below Want). Entries of the group up to Want, if it lies past the position given to Append, are in the stream.
type StaleError struct {
	Stream     string
	Want, Have uint64
	// Strays are positions that took later entries of the group all the same, because another writer published between
	// two of them. Each breaks the chain there. Always empty where this node is the only writer.
	Strays []uint64
}

func (e *StaleError) Error() string {
	s := fmt.Sprintf("stream: %s ends at %d, not at %d", e.Stream, e.Have, e.Want)
	if len(e.Strays) > 0 {
		s += fmt.Sprintf("; another writer interleaved, entries landed out of place at %v", e.Strays)
	}
	return s
}

// UnknownError says that it is not known whether the entries from position From on are or will be in the stream; those
// before From are. Appending the same entries again settles it.
type UnknownError struct {
	Stream string
	From   uint64
	Err    error
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("stream: %s: outcome unknown from position %d on: %v", e.Stream, e.From, e.Err)
}

func (e *UnknownError) Unwrap() error { return e.Err }

// GapError says that position Want cannot be read although the stream's range includes it. Have is the position that came
// instead, 0 where none did.
type GapError struct {
	Stream     string
	Want, Have uint64
}

func (e *GapError) Error() string {
	if e.Have == 0 {
		return fmt.Sprintf("stream: %s: position %d cannot be read", e.Stream, e.Want)
	}
	return fmt.Sprintf("stream: %s: position %d is missing, %d came instead", e.Stream, e.Want, e.Have)
}

// FieldDiff is one member of a stream's configuration that is not what it must be. Name is NATS's JSON name; the values
// are JSON, "" where absent.
type FieldDiff struct {
	Name, Want, Have string
}

// ConfigError says that a stream's configuration is not what it must be.
type ConfigError struct {
	Stream string
	Fields []FieldDiff // at least one, sorted by name
}

func (e *ConfigError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stream: configuration of %s was changed:", e.Stream)
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s is %s, must be %s", f.Name, orAbsent(f.Have), orAbsent(f.Want))
	}
	return b.String()
}

func orAbsent(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}

// DamagedError says that a stream does not hold all it was given: it does not begin at 1, or positions are gone.
type DamagedError struct {
	Stream string
	State
}

func (e *DamagedError) Error() string {
	s := fmt.Sprintf("stream: %s is damaged: %d messages in positions %d to %d, %d deleted",
		e.Stream, e.Msgs, e.FirstSeq, e.LastSeq, e.NumDeleted)
	if e.Lost != "" {
		s += ", lost " + e.Lost
	}
	return s
}

// BlockError is the first damage that [Scan] met in a stream's files.
type BlockError struct {
	File   string // path of the block file
	Offset int64  // of the record in it, bytes
	Seq    uint64 // position that the record should have
	Reason string
}

func (e *BlockError) Error() string {
	return fmt.Sprintf("stream: %s, offset %d, position %d: %s", e.File, e.Offset, e.Seq, e.Reason)
}
