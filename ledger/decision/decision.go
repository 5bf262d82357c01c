// Package decision makes and verifies decisions: the answer to one question of who may do what, signed, with the entries
// that give it and the proofs that they stand in the ledger. Whoever has the file needs neither server nor ledger to see
// that a yes was given by somebody, when and how.
//
// A decision is canonical JSON, signed as entries are, by the key that signs the organization's documents:
//
//	{"decision":D,"signatures":[{"key":"did:key:z6Mk…","sig":"…"}]}
//
// D names ledger, question, answer and position, and holds one checkpoint and the entries that the answer rests on, in
// their exact bytes, each with its proof of inclusion in that checkpoint. docs/format.md has the members.
//
// What [Decision.Verify] proves of a yes: these entries stand in the ledger, keys of the ledger signed them, and the
// rules, given them alone, say yes. The entries are few, so it does not prove that nothing took the yes away again:
// for that, and for any no, the whole history is replayed (package verify). To make a yes of entries that were never in
// the ledger takes the keys of the organization and of its log; to hide a revocation takes the organization's alone.
//
// The package does no input or output and reads no clock.
package decision

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

const (
	// Type is the payload type in the pre-authentication encoding that is signed.
	Type = "application/vnd.permledger.decision+json"
	// Format names what this release writes.
	Format = "permledger-decision/1"
	// MaxSize is how long the file may be, in bytes.
	MaxSize = 8 << 20
	// MaxEntries is how many entries it may hold.
	MaxEntries = 4096
)

// Errors, to be told apart with errors.Is.
var (
	// ErrMalformed: the bytes are not a decision in its one spelling.
	ErrMalformed = errors.New("this is no decision")
	// ErrNewer: the decision, or an entry in it, was written by a later release.
	ErrNewer = errors.New("this takes a newer release")
	// ErrRefused: it is a decision, and something in it does not hold.
	ErrRefused = errors.New("the decision does not hold")
	// ErrNotGiven: the entries do not make the rules say yes.
	ErrNotGiven = errors.New("these entries do not give it")
)

// The answers.
const (
	Yes = "yes"
	No  = "no"
)

// A Question asks whether a subject may do what a permission, by its canonical name, allows on a resource at an instant.
type Question struct {
	Subject    ulid.ULID
	Key        string // of the subject
	Permission string
	Resource   string // empty: the organization itself
	Instant    time.Time
	In         rules.Context // what was given beside, on the word of whoever asked
}

// Cited is an entry that a decision rests on.
type Cited struct {
	Entry *chain.Entry
	Proof []tree.Hash // of its inclusion in the decision's checkpoint, from the leaf's sibling up
}

// A Decision is the answer to a question as of a position. The zero Decision is not valid.
type Decision struct {
	Ledger     string // origin: host/organization
	Question   Question
	Answer     string // [Yes] or [No]
	Position   uint64 // as of which it is
	Checkpoint []byte // a note; its size is at least the position
	Entries    []Cited
	Key        string // did:key that signed

	signature [64]byte
	raw       []byte // that was signed
}

// Parse reads a decision. It checks form alone: see [Decision.Verify]. Errors wrap [ErrMalformed] or [ErrNewer]. The
// result keeps parts of b.
func Parse(b []byte) (*Decision, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrMalformed, len(b), MaxSize)
	}
	d := new(Decision)
	var raws [][]byte
	err := canon.Decode(b, func(c *canon.Codec) { d.file(c, &raws) })
	if err != nil {
		if format := later(b); format != "" {
			return nil, fmt.Errorf("%w: the decision is of the format %s, this release reads %s", ErrNewer, format, Format)
		}
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for i, raw := range raws {
		en, err := chain.Parse(raw)
		if unknown := (*events.UnknownTypeError)(nil); errors.As(err, &unknown) {
			return nil, fmt.Errorf("%w: entry %d of the decision: %w", ErrNewer, i+1, unknown)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d of it: %w", ErrMalformed, i+1, err)
		}
		d.Entries[i].Entry = en
	}
	return d, nil
}

// Sign gives the file of a decision, signed. The signer's key is the one that signs the organization's documents.
func (d *Decision) Sign(signer crypto.Signer) ([]byte, error) {
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("sign a decision: the signer has a %T; want an Ed25519 key", signer.Public())
	}
	var err error
	if d.raw, err = canon.Encode(func(c *canon.Codec) { d.members(c, nil) }); err != nil {
		return nil, fmt.Errorf("sign a decision: %w", err)
	}
	if len(d.raw) > MaxSize-1024 || len(d.Entries) > MaxEntries {
		return nil, fmt.Errorf("sign a decision: it would have %d entries and %d bytes; at most %d and %d are read", len(d.Entries), len(d.raw), MaxEntries, MaxSize)
	}
	message := events.PAE(Type, d.raw)
	sig, err := signer.Sign(nil, message, crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("sign a decision: %w", err)
	}
	if !ed25519.Verify(public, message, sig) {
		return nil, errors.New("sign a decision: the signer gave bytes that its own key refuses")
	}
	d.Key, d.signature = didkey.Encode(public), [64]byte(sig)
	return canon.Encode(func(c *canon.Codec) { d.file(c, nil) })
}

func (d *Decision) file(c *canon.Codec, raws *[][]byte) {
	c.Exact("decision", &d.raw, func(c *canon.Codec) { d.members(c, raws) })
	signatures := []struct{}{{}}
	canon.Objects(c, "signatures", &signatures, true, func(c *canon.Codec, _ *struct{}) {
		c.String("key", &d.Key, canon.DIDKey)
		c.Signature("sig", &d.signature)
	}, nil)
	if c.Reading() && len(signatures) != 1 {
		c.Failf("a decision has one signature, this one has %d", len(signatures))
	}
}

// members walks over D. Entries are read as they stand; raws takes their bytes.
func (d *Decision) members(c *canon.Codec, raws *[][]byte) {
	c.String("answer", &d.Answer, answer)
	checkpoint := string(d.Checkpoint)
	c.String("checkpoint", &checkpoint, noteText)
	d.Checkpoint = []byte(checkpoint)
	canon.Objects(c, "entries", &d.Entries, true, func(c *canon.Codec, e *Cited) {
		var raw []byte
		if e.Entry != nil {
			raw = e.Entry.Bytes()
		}
		c.Raw("entry", &raw)
		c.Digests("proof", &e.Proof)
		if c.Reading() {
			if *raws = append(*raws, raw); len(*raws) > MaxEntries {
				c.Failf("more than %d entries", MaxEntries)
			}
		}
	}, nil)
	c.Const("format", Format)
	c.String("ledger", &d.Ledger, canon.Source)
	c.Uint("position", &d.Position)
	c.Object("question", d.Question.members)
}

func (q *Question) members(c *canon.Codec) {
	c.Time("instant", &q.Instant)
	c.String("permission", &q.Permission, canon.Permission)
	given := func(name string, list *[]events.Property) {
		canon.Objects(c, name, list, false, func(c *canon.Codec, p *events.Property) {
			c.String("name", &p.Name, canon.Token)
			c.String("value", &p.Value, canon.Value)
		}, func(before, p *events.Property) error {
			if p.Name <= before.Name {
				return fmt.Errorf("property %q does not stand in ascending order", p.Name)
			}
			return nil
		})
	}
	c.OptionalObject("properties", len(q.In.Action)+len(q.In.Resource)+len(q.In.Subject) > 0, func(in *canon.Codec) {
		given("action", &q.In.Action)
		given("resource", &q.In.Resource)
		given("subject", &q.In.Subject)
		if in.Reading() && len(q.In.Action)+len(q.In.Resource)+len(q.In.Subject) == 0 {
			in.Failf("no properties are left out")
		}
	})
	c.OptionalString("resource", &q.Resource, canon.Scope)
	c.Object("subject", func(c *canon.Codec) {
		c.ULID("id", &q.Subject)
		c.String("key", &q.Key, canon.Key)
	})
	c.OptionalULID("with", &q.In.With)
}

// later gives the format of what is no decision of this release but says that it is one of another; empty where it does not.
func later(b []byte) string {
	var file struct {
		Decision struct {
			Format string `json:"format"`
		} `json:"decision"`
	}
	if json.Unmarshal(b, &file) != nil || file.Decision.Format == Format || !formats.MatchString(file.Decision.Format) {
		return ""
	}
	return file.Decision.Format
}

var formats = regexp.MustCompile(`^permledger-decision/[1-9][0-9]{0,8}$`)

var (
	answer   = canon.NewRule("an answer", `^(yes|no)$`, 2, 3, func(s string) bool { return s == Yes || s == No })
	noteText = &canon.Rule{Name: "a signed note", Min: 1, Max: 64 << 10, Lines: true}
)

// events gives the events of the entries up to the position, and of those behind it.
func (d *Decision) events() (before, behind []*events.Event) {
	for _, cited := range d.Entries {
		if e := cited.Entry.Event; e.Sequence <= d.Position {
			before = append(before, e)
		} else {
			behind = append(behind, e)
		}
	}
	return before, behind
}

// Positions gives the positions of the entries, ascending.
func (d *Decision) Positions() []uint64 {
	list := make([]uint64, len(d.Entries))
	for i, cited := range d.Entries {
		list[i] = cited.Entry.Event.Sequence
	}
	slices.Sort(list)
	return list
}

// Is says whether bytes begin as a decision does.
func Is(b []byte) bool { return bytes.HasPrefix(b, []byte(`{"decision":{`)) }
