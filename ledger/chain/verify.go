package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
)

// The checks a [BrokenError] can name.
const (
	CheckForm      = "form"      // the bytes are an entry in canonical form
	CheckPosition  = "position"  // the sequence is the next one
	CheckLink      = "link"      // prev is the CID of the entry before
	CheckSource    = "source"    // the entry is of this ledger
	CheckSubject   = "subject"   // it stands under the subject its event implies
	CheckTime      = "time"      // it is not before the entry before
	CheckKey       = "key"       // an event key registered before, and not replaced, signed
	CheckSignature = "signature" // the signature is that key's over these bytes
	CheckEvidence  = "evidence"  // the actor's own signature is there where it must be, and holds
	CheckRules     = "rules"     // the rules, given the state before, make this event of its command
	CheckDocument  = "document"  // the document is there where it must be, and is what the state gives
	CheckCopy      = "copy"      // journal and stream hold the same bytes
	CheckGenesis   = "genesis"   // the first entry is the one that is pinned
	CheckHead      = "head"      // the history reaches the position and root that were recorded
)

// A BrokenError says which entry does not hold, by which check, and what was expected and found.
type BrokenError struct {
	Position uint64 // 0: it is of no one entry
	File     string // in which it is seen, where what was verified is made of files; else empty
	Check    string
	Expected string
	Found    string
	Err      error // the reason, where there is more to say
}

func (e *BrokenError) Error() string {
	s := e.Check + " does not hold"
	if e.Position > 0 {
		s = fmt.Sprintf("event %d: %s", e.Position, s)
	}
	if e.File != "" {
		s = e.File + ": " + s
	}
	if e.Expected != "" {
		s += fmt.Sprintf(": expected %s, found %s", e.Expected, e.Found)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *BrokenError) Unwrap() error { return e.Err }

// Differ gives the error for two copies of the entry at a position that are not the same bytes. It says which of them
// does not verify by itself: where it is only one, the other is the true one.
func Differ(position uint64, journal, stream []byte) *BrokenError {
	say := func(name string, raw []byte) string {
		if p := Inspect(raw); p.Err != nil {
			return fmt.Sprintf("%s (%s; does not verify: %s)", p.CID, name, p.Err.Check)
		}
		return fmt.Sprintf("%s (%s)", CID(raw), name)
	}
	return &BrokenError{Position: position, Check: CheckCopy, Expected: say("journal", journal), Found: say("stream", stream)}
}

// Saw says whether the checkpoint that the author had seen, if it names one, is of this ledger: below the event's
// position, with the root that the tree of that size has. Who signed in one branch of a forked ledger cannot be shown in
// another.
func (ev *Evidence) Saw(position uint64, root func(size uint64) ([32]byte, bool)) error {
	if ev == nil || ev.Signed.Seen == nil {
		return nil
	}
	seen := ev.Signed.Seen
	if have, ok := root(seen.Size); seen.Size >= position || !ok || have != seen.Root {
		return fmt.Errorf("%w: its author had seen another history: size %d, root %x", ErrEvidence, seen.Size, seen.Root)
	}
	return nil
}

// Parsed is what can be checked of an entry without its neighbours, and so by many at once.
type Parsed struct {
	Entry *Entry
	CID   string
	Err   *BrokenError // the first check that does not hold; its position is not set
}

// Load parses an entry and gives its CID, without a look at any signature.
func Load(raw []byte) Parsed {
	p := Parsed{CID: CID(raw)}
	var err error
	if p.Entry, err = Parse(raw); err != nil {
		p.Err = &BrokenError{Check: CheckForm, Err: err}
		return p
	}
	p.Entry.cid = p.CID
	return p
}

// Inspect is Load, and checks the signatures in the entry: that the key it names signed the event, and that the key its
// evidence names signed the command. Whose keys they are is for [Verifier.Next].
//
// Signatures are checked one by one and never in a batch. A batch is checked with the cofactor, so it takes signatures with
// a part of small order that crypto/ed25519 refuses, and what a ledger holds would depend on how it was read.
func Inspect(raw []byte) Parsed {
	p := Load(raw)
	if p.Err != nil {
		return p
	}
	key, err := didkey.Parse(p.Entry.Key)
	if err != nil {
		p.Err = &BrokenError{Check: CheckKey, Err: err}
		return p
	}
	if !ed25519.Verify(key, events.PAE(EventType, p.Entry.rawEvent), p.Entry.Signature[:]) {
		p.Err = &BrokenError{Check: CheckSignature, Expected: "a signature of " + p.Entry.Key + " over the event", Found: "another"}
		return p
	}
	if a := p.Entry.Event.Auth; a.Method == events.MethodNode && a.Credential != p.Entry.Key {
		p.Err = &BrokenError{Check: CheckKey, Expected: "a signature of " + a.Credential + ", which the node says it proved itself with", Found: p.Entry.Key}
		return p
	}
	if err := p.Entry.Evidence.Fits(p.Entry.Event); err != nil {
		p.Err = &BrokenError{Check: CheckEvidence, Err: err}
		return p
	}
	if ev := p.Entry.Evidence; ev != nil {
		c := events.CommandOf(p.Entry.Event)
		if err := ev.Check(&c); err != nil {
			p.Err = &BrokenError{Check: CheckEvidence, Err: err}
		}
	}
	return p
}

// Fits says whether the evidence, nil where there is none, is what the event needs: it is there where the event says
// that its actor signed, and nowhere else; of the key the event names; and not expired. [Evidence.Check] looks at the
// signature itself.
func (ev *Evidence) Fits(e *events.Event) error {
	switch m := e.Auth.Method; {
	case !events.Signs(m) && m != events.MethodNode:
		return fmt.Errorf("%w: %w", ErrEvidence, &events.UnknownTypeError{Schema: "the method " + m})
	case events.Signs(m) && ev == nil:
		return fmt.Errorf("%w: the event says its actor signed, and there is no evidence", ErrEvidence)
	case m == events.MethodNode && ev != nil:
		return fmt.Errorf("%w: the event does not say that its actor signed, yet there is evidence", ErrEvidence)
	case ev == nil:
		return nil
	case MethodOf(ev.Algorithm) == "":
		return fmt.Errorf("%w: %w", ErrEvidence, &events.UnknownTypeError{Schema: "the algorithm " + ev.Algorithm})
	case MethodOf(ev.Algorithm) != m:
		return fmt.Errorf("%w: it is by %s, the event says %s", ErrEvidence, ev.Algorithm, m)
	case ev.Key != e.Auth.Credential:
		return fmt.Errorf("%w: it is of %s, the event says %s", ErrEvidence, ev.Key, e.Auth.Credential)
	case !e.Time.Before(ev.Signed.Expires):
		return fmt.Errorf("%w: the command was void from %s on", ErrEvidence, ev.Signed.Expires.Format(canon.TimeLayout))
	case e.Origin.Import == nil && ev.Signed.Expires.Sub(e.ID.Timestamp()) > MaxExpiry:
		// An imported id says when the record happened, not when its command was signed, so it bounds no expiry.
		return fmt.Errorf("%w: it expires more than 24 h after the command's id was made", ErrEvidence)
	}
	return nil
}

// A Verifier checks the entries of one ledger in order: place, link, time, and the history of the event keys. It needs
// no rules: a stranger can write it from docs/format.md. The zero Verifier stands before the first entry.
type Verifier struct {
	next   uint64 // the position that comes next, 0 before the first entry
	prev   string
	gap    bool // the entry before the next one is not here, so prev is not known
	source string
	last   *events.Event
	keys   Signers
}

// Signers are the keys that may sign the next entry, as the events before it made them. The zero Signers stand before the
// first entry. Of some entries of a ledger alone, the first among them, they say which keys these speak for.
type Signers struct {
	event map[string]bool // may sign
	root  string          // the root key
}

// ErrUnknownSigner says that an entry is signed with a key that may not sign at its position.
var ErrUnknownSigner = errors.New("no event key of this ledger at this position")

// ErrNotRoot says that the root key is replaced without its own signature.
var ErrNotRoot = errors.New("the root key is replaced with its own signature as evidence")

// Head gives the last position that was verified and its CID; 0 before the first entry.
func (v *Verifier) Head() (uint64, string) {
	if v.next == 0 {
		return 0, ""
	}
	return v.next - 1, v.prev
}

// Clone gives a verifier that stands at the same place, to try an entry on.
func (v *Verifier) Clone() *Verifier {
	c := *v
	c.keys.event = maps.Clone(v.keys.event)
	return &c
}

// Source gives the ledger the entries are of.
func (v *Verifier) Source() string { return v.source }

// Skip says that the entries up to a position are not here, so that the entry of this position comes next, and nothing can be
// said of its link. What these entries did to keys is not known either. The first entry cannot be left out, and no position
// comes again: these are a [*BrokenError].
func (v *Verifier) Skip(position uint64) error {
	if at := max(v.next, 1); position < at || v.next == 0 && position > 1 {
		return &BrokenError{Position: position, Check: CheckPosition, Expected: fmt.Sprint("a position from ", at, " on"), Found: fmt.Sprint(position)}
	}
	if position > v.next && v.next > 0 {
		v.next, v.gap = position, true
	}
	return nil
}

// Next checks that p is the entry that comes next. subject is the one it was read under; empty where it was read from
// a place that keeps none. After an error the verifier stands where it stood.
func (v *Verifier) Next(p Parsed, subject string) error {
	at := max(v.next, 1)
	broken := func(check, expected, found string, err error) error {
		return &BrokenError{Position: at, Check: check, Expected: expected, Found: found, Err: err}
	}
	if p.Err != nil && (p.Err.Check == CheckForm || p.Entry == nil) {
		b := *p.Err
		b.Position = at
		return &b
	}
	e := p.Entry.Event
	if e.Sequence != at {
		return broken(CheckPosition, fmt.Sprint("sequence ", at), fmt.Sprint(e.Sequence), nil)
	}
	if e.Prev != v.prev && !v.gap {
		return broken(CheckLink, "prev "+v.prev, e.Prev, nil)
	}
	if v.source != "" && e.Source != v.source {
		return broken(CheckSource, v.source, e.Source, nil)
	}
	if subject != "" && subject != p.Entry.Subject() {
		return broken(CheckSubject, p.Entry.Subject(), subject, nil)
	}
	if v.last != nil && e.Time.Before(v.last.Time) {
		return broken(CheckTime, "a time from "+v.last.Time.Format(canon.TimeLayout)+" on", e.Time.Format(canon.TimeLayout), nil)
	}
	if p.Err != nil {
		b := *p.Err
		b.Position = at
		return &b
	}
	if err := v.keys.May(p.Entry); err != nil {
		return broken(CheckKey, "an event key of this ledger", p.Entry.Key, err)
	}
	v.keys.Note(e)
	v.next, v.prev, v.gap, v.source, v.last = at+1, p.CID, false, e.Source, e
	return nil
}

// May says whether the key of the entry may sign at its position: one registered before it, but for the two events
// that sign with the key they register: nil, [ErrUnknownSigner] or [ErrNotRoot].
func (s *Signers) May(en *Entry) error {
	switch d := en.Event.Data.(type) {
	case *events.OrganizationOpened:
		if en.Event.Sequence == 1 && en.Key == d.Keys.Event {
			return nil
		}
	case *events.KeySucceeded:
		if en.Key == d.Key && en.Evidence != nil && en.Evidence.Key == s.root {
			return nil
		}
	case *events.KeyRotated:
		if d.Old == s.root && (en.Evidence == nil || en.Evidence.Key != s.root) {
			return ErrNotRoot
		}
		if s.event[en.Key] {
			return nil
		}
	default:
		if s.event[en.Key] {
			return nil
		}
	}
	return ErrUnknownSigner
}

// Note takes in what an event does to the event keys.
func (s *Signers) Note(e *events.Event) {
	if s.event == nil {
		s.event = map[string]bool{}
	}
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		s.event[d.Keys.Event] = true
		s.root = d.Keys.Root
	case *events.KeyRegistered:
		if d.Purpose == events.PurposeEvent {
			s.event[d.Key] = true
		}
	case *events.KeyRotated:
		switch {
		case s.event[d.Old]:
			delete(s.event, d.Old)
			s.event[d.New] = true
		case d.Old == s.root:
			s.root = d.New
		}
	case *events.KeySucceeded:
		delete(s.event, d.Lost)
		s.event[d.Key] = true
	case *events.KeyRevoked:
		delete(s.event, d.Key)
	}
}
