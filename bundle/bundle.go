package bundle

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
)

// Format names the version of what a bundle holds, in its manifest.
const Format = "permledger-bundle/1"

// Kinds of questions.
const (
	All     = "all"     // every entry
	Role    = "role"    // those that concern one role
	Subject = "subject" // those that concern one subject
)

// Private texts that a question wants disclosed. What passwords wrap and other secrets are in no bundle.
const (
	NoTexts  = ""
	Reasons  = "reasons"  // the reasons that people gave
	Personal = "personal" // these, and the names and e-mail addresses of subjects
)

// Question is what a bundle answers.
type Question struct {
	Kind  string
	ID    ulid.ULID // of the role or subject; zero for [All]
	Texts string    // which are wanted; those that are missing were erased, or are not where the bundle was made
}

func (q Question) check() error {
	if q.Kind != All && q.Kind != Role && q.Kind != Subject {
		return fmt.Errorf("a question of the kind %q", q.Kind)
	}
	if (q.ID == ulid.ULID{}) != (q.Kind == All) {
		return errors.New("a question about a role or a subject names it, one about all names nothing")
	}
	if q.Texts != NoTexts && q.Texts != Reasons && q.Texts != Personal {
		return fmt.Errorf("texts of the kind %q", q.Texts)
	}
	return nil
}

// Thing names the role or subject, as documents and events do; empty for [All].
func (q Question) Thing() string {
	if q.Kind == All {
		return ""
	}
	return q.Kind + "/" + q.ID.String()
}

// Manifest says what a bundle holds.
type Manifest struct {
	Origin   string // of the log, which is the source of the ledger: <host>/<organization>
	Question Question
	Position uint64 // as of which; no entry of the bundle lies beyond
	Size     uint64 // of the tree that the checkpoint is of; at least Position
}

func (m *Manifest) check() error {
	if err := m.Question.check(); err != nil {
		return err
	}
	if m.Position == 0 || m.Size < m.Position || m.Size > canon.MaxInteger {
		return fmt.Errorf("position %d under a checkpoint of %d entries", m.Position, m.Size)
	}
	return nil
}

// further says whether the checkpoint is of more entries than are all here.
func (m *Manifest) further() bool { return m.Question.Kind == All && m.Size > m.Position }

func (m *Manifest) members(c *canon.Codec) {
	c.Uint("checkpointSize", &m.Size)
	c.Const("format", Format)
	c.String("origin", &m.Origin, canon.Source)
	c.Uint("position", &m.Position)
	c.Object("question", func(c *canon.Codec) {
		c.OptionalULID("id", &m.Question.ID)
		c.String("kind", &m.Question.Kind, canon.Token)
		c.OptionalString("texts", &m.Question.Texts, canon.Token)
	})
	if err := m.check(); c.Reading() && err != nil {
		c.Fail(err)
	}
}

// Entry is one entry of a bundle.
type Entry struct {
	Position uint64 // 0 in JSON Lines, which do not say it
	Bytes    []byte // the caller's own
	Proof    []byte // a C2SP tlog-proof of its inclusion, in bundles about a role or a subject; else nil
}

// Document is a signed document.
type Document struct {
	CID   string // CIDv1, raw, of the bytes; the reader has checked that it is theirs
	Bytes []byte
}

// Text is a private text with the salt of its commitment, which the reader has checked.
type Text struct {
	Commitment events.Digest
	Salt       [32]byte
	Text       string
}

// Form is how a bundle is packed.
type Form int

// The forms that [Open] reads.
const (
	Zip Form = iota + 1
	CAR
	Lines
)

func (f Form) String() string {
	switch f {
	case Zip:
		return "zip"
	case CAR:
		return "CAR"
	case Lines:
		return "JSON Lines"
	}
	return "form " + strconv.Itoa(int(f))
}

var (
	// ErrNotBundle says that a file is none of the forms.
	ErrNotBundle = errors.New("is no bundle: a bundle is a zip, CAR or JSON Lines file that `permledger export` wrote")
	// ErrForm is what every [*FormError] is.
	ErrForm = errors.New("not in the form of a bundle")
)

// FormError says where a bundle is not in the one form it can have, or not what that form says of it.
type FormError struct {
	Path  string // the file within the bundle; of CAR and JSON Lines the part: "header", "entries"; empty: the bundle as a whole
	Index uint64 // of the record, block or line in there, from 0; [Whole] where the file as a whole is meant
	Err   error
}

// Whole is the Index of an error that is about no one record.
const Whole = ^uint64(0)

func (e *FormError) Error() string {
	at := e.Path
	if e.Index != Whole {
		at += "[" + strconv.FormatUint(e.Index, 10) + "]"
	}
	if at == "" {
		return "the bundle: " + e.Err.Error()
	}
	return at + ": " + e.Err.Error()
}

func (e *FormError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrForm) true.
func (e *FormError) Is(target error) bool { return target == ErrForm }

func malformed(path, format string, args ...any) error {
	return &FormError{Path: path, Index: Whole, Err: fmt.Errorf(format, args...)}
}

func malformedAt(path string, index uint64, format string, args ...any) error {
	return &FormError{Path: path, Index: index, Err: fmt.Errorf(format, args...)}
}

// Limits of what is read, whatever a bundle says of itself.
const (
	maxFiles    = 1 << 17 // in a zip file
	maxName     = 96      // bytes of a path
	maxSmall    = 1 << 20 // bytes of a checkpoint, a proof, a policy and whatever else is no entry and no document
	maxText     = 1 << 16 // bytes of a private text with its salt
	maxDocument = 8 << 20 // bytes of a signed document
	page        = 1024    // links on a page of a CAR file
)
