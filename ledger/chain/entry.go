// Package chain makes the log tamper-evident: it seals events into entries, links them by CID, signs them, and checks
// all of it again from the bytes alone.
//
// An entry is one byte string with five uses: it is the body of the NATS message, what the CID addresses, the leaf of
// the Merkle tree, the entry of the tlog-tiles bundle and the block of a CAR file:
//
//	{"document":{…}?,"event":E,"evidence":{…}?,"signatures":[{"key":"did:key:z6Mk…","sig":"<base64url>"}]}
//
// in canonical JSON, of at most 65,535 bytes. Its CID is CIDv1, raw, sha2-256 of those bytes, and E names the CID of
// the entry before: whoever knows one CID knows the whole history up to it. The one signature is Ed25519 over the
// pre-authentication encoding of DSSE of (application/vnd.permledger.event+json, the exact bytes of E), checked as
// crypto/ed25519 checks: cofactorless.
//
// The package knows no permission: which events were allowed to happen is for ledger/rules.
package chain

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
)

// EventType is the DSSE payload type of events.
const EventType = "application/vnd.permledger.event+json"

// An Entry is an event with what vouches for it.
type Entry struct {
	Event     *events.Event
	Document  *Document // the signed document it carries, if any
	Evidence  *Evidence // the actor's own signature over the command, if any
	Key       string    // did:key of the event key that signed
	Signature [64]byte

	raw      []byte
	rawEvent []byte // aliases raw
	cid      string // of raw; empty where nobody has computed it
}

// Document is what an entry keeps of a signed document: the rest is computed from the event and the state after it.
type Document struct {
	CID    string // of the exact bytes of the document file
	Format string // how it is rendered
	Key    string // did:key that signed it
	Proof  string // the proofValue of eddsa-jcs-2022
}

// Evidence is the author's own signature over [events.Command.Bytes]: in DSSE's encoding, or in what a wallet signs, which
// [AskWallet] makes of them.
type Evidence struct {
	Algorithm string // AlgorithmEd25519, or one of wallets: AlgorithmEIP712, AlgorithmEIP191, AlgorithmEIP4361
	Key       string // of the author: for Ed25519 its did:key, else the wallet
	Signed    events.Signed
	Signature []byte
}

// AlgorithmEd25519 signs the DSSE encoding of (application/vnd.permledger.command+json, the command's bytes).
const AlgorithmEd25519 = "Ed25519"

// ErrTooLarge says that an entry would be above [events.MaxEntry]: sets of this size are recorded in parts first.
var ErrTooLarge = errors.New("the entry would be larger than 65,535 bytes")

// documentRoom is the most that the member "document" adds to an entry.
const documentRoom = 352

// Room says whether an event of so many bytes, with its evidence and, if so, a document, fits an entry.
func Room(event int, evidence *Evidence, document bool) error {
	n := event + 256
	if evidence != nil {
		n += 512 + 2*len(evidence.Signature)
	}
	if document {
		n += documentRoom
	}
	if n > events.MaxEntry {
		return fmt.Errorf("%w: the event alone takes %d bytes", ErrTooLarge, event)
	}
	return nil
}

// Seal signs the event, whose sequence and prev say where it stands, and gives the entry. body is e.Encode().
func Seal(e *events.Event, body []byte, doc *Document, ev *Evidence, key crypto.Signer, did string) (*Entry, error) {
	sig, err := Sign(body, key)
	if err != nil {
		return nil, fmt.Errorf("seal event %s: %w", e.ID, err)
	}
	return SealSigned(e, body, doc, ev, sig, did)
}

// Sign gives the signature of an event's bytes that its entry carries. It covers neither document nor evidence, so it
// can be made before they are there. Errors are those of [didkey.Sign].
func Sign(body []byte, key crypto.Signer) ([64]byte, error) {
	return didkey.Sign(key, events.PAE(EventType, body))
}

// SealSigned is Seal of an event that [Sign] signed.
func SealSigned(e *events.Event, body []byte, doc *Document, ev *Evidence, sig [64]byte, did string) (*Entry, error) {
	en := &Entry{Event: e, Document: doc, Evidence: ev, Key: did, Signature: sig, rawEvent: body}
	raw, err := canon.Append(make([]byte, 0, len(body)+1024), en.members)
	if err != nil {
		return nil, fmt.Errorf("seal event %s: %w", e.ID, err)
	}
	if len(raw) > events.MaxEntry {
		return nil, fmt.Errorf("seal event %s: %w (%d)", e.ID, ErrTooLarge, len(raw))
	}
	en.raw = raw
	return en, nil
}

// Parse reads an entry from its bytes, which it keeps: the caller must not change them. It checks their form alone;
// see [Verifier] for what they say.
func Parse(raw []byte) (*Entry, error) {
	if len(raw) > events.MaxEntry {
		return nil, fmt.Errorf("entry of %d bytes: %w", len(raw), ErrTooLarge)
	}
	var whole struct { // one piece of memory
		Entry
		event events.Event
	}
	en := &whole.Entry
	en.raw, en.Event = raw, &whole.event
	if err := canon.Decode(raw, en.members); err != nil {
		if newer := fromLater(raw); newer != nil {
			return nil, newer
		}
		return nil, fmt.Errorf("not an entry: %w", err)
	}
	return en, nil
}

// fromLater says whether bytes that are no entry of this release look like one of a later release: an event of a type or
// version that is not known. Nothing else of such an entry can be judged, and what is around the event may be new too.
func fromLater(raw []byte) error {
	var entry struct {
		Event struct {
			DataSchema string `json:"dataschema"`
		} `json:"event"`
	}
	if json.Unmarshal(raw, &entry) != nil || canon.EventSchema.Check(entry.Event.DataSchema) != nil {
		return nil
	}
	return events.KnowsSchema(entry.Event.DataSchema)
}

func (en *Entry) members(c *canon.Codec) {
	c.OptionalObject("document", en.Document != nil, func(c *canon.Codec) {
		if en.Document == nil {
			en.Document = new(Document)
		}
		c.String("cid", &en.Document.CID, canon.CID)
		c.String("format", &en.Document.Format, canon.Token)
		c.String("key", &en.Document.Key, canon.DIDKey)
		c.String("proof", &en.Document.Proof, proofValue)
	})
	c.Exact("event", &en.rawEvent, en.Event.Members)
	c.OptionalObject("evidence", en.Evidence != nil, func(c *canon.Codec) {
		if en.Evidence == nil {
			var whole struct { // one piece of memory
				Evidence
				sig [64]byte
			}
			en.Evidence, whole.Signature = &whole.Evidence, whole.sig[:0]
		}
		en.Evidence.Members(c)
	})
	signatures := []struct{}{{}}
	canon.Objects(c, "signatures", &signatures, true, func(c *canon.Codec, _ *struct{}) {
		c.String("key", &en.Key, canon.DIDKey)
		c.Signature("sig", &en.Signature)
	}, nil)
	if c.Reading() && len(signatures) != 1 {
		c.Failf("an entry has one signature, this one has %d", len(signatures))
	}
}

// Members walks over the evidence as an entry, and a request to record a command, hold it.
func (ev *Evidence) Members(c *canon.Codec) {
	c.String("algorithm", &ev.Algorithm, algorithm)
	c.Time("expires", &ev.Signed.Expires)
	c.String("key", &ev.Key, canon.Credential)
	c.OptionalObject("seen", ev.Signed.Seen != nil, func(c *canon.Codec) {
		if ev.Signed.Seen == nil {
			ev.Signed.Seen = new(events.Seen)
		}
		c.Digest("root", &ev.Signed.Seen.Root)
		c.Uint("size", &ev.Signed.Seen.Size)
	})
	c.Bytes("sig", &ev.Signature)
}

var algorithm = canon.NewRule("an algorithm", `^[A-Za-z0-9][A-Za-z0-9.-]*$`, 1, 64, func(s string) bool {
	return s[0] != '.' && s[0] != '-' && algorithmName.All(s)
})

var proofValue = canon.NewRule("a proofValue (base58btc)", `^z[1-9A-HJ-NP-Za-km-z]+$`, 64, 96, func(s string) bool {
	return s[0] == 'z' && base58.All(s[1:])
})

var algorithmName, base58 = canon.NewAlphabet("AZaz09..--"), canon.NewAlphabet("19AHJNPZakmz")

// Describe gives the JSON Schema of entries, with any object as the event.
func Describe() *canon.Schema {
	en := Entry{Event: new(events.Event)}
	s := canon.Describe(en.members)
	s.ID = "urn:permledger:schema:entry:1"
	s.Dialect = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "entry"
	return s
}

// Bytes gives the entry's exact bytes. The caller must not change them.
func (en *Entry) Bytes() []byte { return en.raw }

// EventBytes gives the exact bytes of the event within the entry.
func (en *Entry) EventBytes() []byte { return en.rawEvent }

// CID gives the address of the entry.
func (en *Entry) CID() string {
	if en.cid != "" {
		return en.cid
	}
	return CID(en.raw)
}

// Subject gives the NATS subject the entry must stand under.
func (en *Entry) Subject() string {
	return events.Subject(events.Organization(en.Event.Source), en.Event.Data.Type())
}

// CID gives the CIDv1 (raw, sha2-256, base32) of bytes: what sha256sum says of them, with a prefix.
func CID(b []byte) string { return CIDOf(sha256.Sum256(b)) }

// CIDOf gives the CID of bytes by their SHA-256.
func CIDOf(sum [32]byte) string {
	block := [4 + len(sum)]byte{0x01, 0x55, 0x12, 0x20} // CIDv1, raw, sha2-256, 32 bytes
	copy(block[4:], sum[:])
	text := [59]byte{'b'} // multibase: base32
	base32Lower.Encode(text[1:], block[:])
	return string(text[:])
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// SignCommand makes the evidence for a command: the author's signature over its bytes.
func SignCommand(c *events.Command, s events.Signed, key crypto.Signer) (*Evidence, error) {
	b, err := c.Bytes(s)
	if err != nil {
		return nil, fmt.Errorf("sign command %s: %w", c.ID, err)
	}
	public, err := didkey.PublicOf(key)
	if err != nil {
		return nil, fmt.Errorf("sign command %s: %w", c.ID, err)
	}
	sig, err := didkey.Sign(key, events.PAE(events.CommandType, b))
	if err != nil {
		return nil, fmt.Errorf("sign command %s: %w", c.ID, err)
	}
	return &Evidence{Algorithm: AlgorithmEd25519, Key: didkey.Encode(public), Signed: s, Signature: sig[:]}, nil
}

// ErrEvidence says that a command's evidence does not hold.
var ErrEvidence = errors.New("the evidence does not hold")

// Check says whether the evidence is the signature of its key over the command. Whether the key is the actor's is for
// the rules to say.
func (ev *Evidence) Check(c *events.Command) error {
	if ev.Signed.Expires.IsZero() {
		return fmt.Errorf("%w: it names no expiry", ErrEvidence)
	}
	if ev.Algorithm != AlgorithmEd25519 {
		return ev.checkWallet(c)
	}
	key, err := didkey.Parse(ev.Key)
	if err != nil {
		return fmt.Errorf("%w: its key: %w", ErrEvidence, err)
	}
	b, err := c.Bytes(ev.Signed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if !ed25519.Verify(key, events.PAE(events.CommandType, b), ev.Signature) {
		return fmt.Errorf("%w: %s did not sign this command", ErrEvidence, ev.Key)
	}
	return nil
}

// MaxExpiry is how long after the time in its id a signed command may be recorded.
const MaxExpiry = 24 * time.Hour
