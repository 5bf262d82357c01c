// Package events holds the facts of the ledger: what can have happened, the exact bytes that say so, and the reading
// of old spellings.
//
// An event is a CloudEvents 1.0 event in canonical JSON. Its data has at most five members: auth (how the actor proved
// itself), command (what was asked), effect (what the rules made of it, where that is more than what was asked),
// origin (for imported and derived events) and reason (a commitment to the words somebody gave). So an event holds
// every input of the decision that led to it, and [CommandOf] takes them out again.
//
// Every type has a version, named in dataschema. Bytes of all versions stay readable for ever: reading lifts an old
// version to the Go type of today, and [Event.Encode] writes the version the event came in. docs/format.md specifies
// the bytes; schemas/ holds a JSON Schema for each type and version; a test holds the three together.
//
// The package knows no rule: whether an event may happen is decided in ledger/rules.
package events

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// MaxEntry is the size of the largest entry, in bytes: what the length prefix of a tlog-tiles entry bundle can say.
const MaxEntry = 65_535

// A Type is the kind of an event, in the past tense, as it is written.
type Type string

// Data says what happened. The set of types is closed: [Types] lists it.
type Data interface {
	// Type gives the kind of event this is the data of.
	Type() Type
	// About gives what the event is about, as CloudEvents' subject: kind/id.
	About() string
	// command walks over the members of what was asked, in the given version of the type.
	command(c *canon.Codec, version int)
	// effect walks over what the rules made of it; of types embedding none it is never asked.
	effect(c *canon.Codec, version int)
	// asked gives a copy without effect.
	asked() Data
}

// none is embedded by types of which the event says nothing that the command did not.
type none struct{}

func (none) effect(*canon.Codec, int) {}
func (none) noEffect()                {}

// An Event is one fact, at its place in one ledger.
type Event struct {
	ID       ulid.ULID // the command's; unique in the ledger for ever
	Source   string    // the ledger: host/organization
	Sequence uint64    // the position, from 1
	Prev     string    // CID of the entry before; empty in the first
	Time     time.Time // UTC, whole milliseconds; never below the entry before
	Actor    ulid.ULID // the subject whose command it was
	Auth     Auth
	Origin   Origin
	Reason   Digest // commitment to the reason given; zero: none was
	Version  int    // of the type; 0 means the newest
	Data     Data
}

// A Digest is a SHA-256. Zero stands for none.
type Digest = [32]byte

// Auth says how the actor proved itself. It never holds a secret.
type Auth struct {
	Method     string // see the Method constants
	Credential string // what it proved itself with: a did:key, or for the methods of wallets the wallet
}

// Methods of authentication.
const (
	MethodSignature = "signature" // the entry carries the actor's own signature over the command, as evidence
	MethodNode      = "node"      // the ledger's own actor: the node that signed the entry

	// Of version 2 of the rules: the entry carries the signature of the actor's wallet, in one of three schemes.
	MethodEIP712  = "eip712"
	MethodEIP191  = "eip191"
	MethodEIP4361 = "eip4361"
)

// SignsWithWallet says whether a method is the signature of a wallet.
func SignsWithWallet(method string) bool {
	return method == MethodEIP712 || method == MethodEIP191 || method == MethodEIP4361
}

// Signs says whether a method is the actor's own signature, which the entry carries as evidence.
func Signs(method string) bool { return method == MethodSignature || SignsWithWallet(method) }

// Origin says where a command's id comes from, and so how it is unique. The zero Origin is a live command's.
type Origin struct {
	Import  *Import
	Derived *Derived
}

// Import marks a command taken from somebody else's records.
type Import struct {
	Format   string    // of the records, as role-history
	Source   string    // the name of the source, the same in every run; never a path
	Record   string    // names the record within the source
	Part     uint64    // a record may need several commands
	Occurred time.Time // when the source says it happened; zero: it does not say
}

// Derived marks work that follows from something recorded: the ledger's own, or a row of a bulk.
type Derived struct {
	From ulid.ULID // what it follows from
	Row  uint64
}

// Types lists every type with its newest version.
func Types() map[Type]int {
	all := make(map[Type]int, len(kinds))
	for t, k := range kinds {
		all[t] = k.version
	}
	return all
}

// Newest gives the newest version of a type; 0 where no such type is known.
func Newest(t Type) int { return kinds[t].version }

// New gives empty data of a type; false when no such type is known.
func New(t Type) (Data, bool) {
	k, ok := kinds[t]
	if !ok {
		return nil, false
	}
	return k.new(), true
}

type kind struct {
	version int // the newest; all from 1 on are read
	new     func() Data
}

// schemaOf names type and version, as in dataschema.
func schemaOf(t Type, version int) string {
	return "urn:permledger:" + string(t) + ":" + strconv.Itoa(version)
}

// A schema is one version of a type.
type schema struct {
	name    string // as in dataschema
	typ     Type
	version int
	new     func() Data
}

// schemas has every version of every type, by name.
var schemas = func() map[string]*schema {
	all := map[string]*schema{}
	for t, k := range kinds {
		for v := 1; v <= k.version; v++ {
			all[schemaOf(t, v)] = &schema{schemaOf(t, v), t, v, k.new}
		}
	}
	return all
}()

// parseSchema is schemaOf read back. It accepts only versions this program knows.
func parseSchema(s string) (*schema, error) {
	if known := schemas[s]; known != nil {
		return known, nil
	}
	rest, ok := strings.CutPrefix(s, "urn:permledger:")
	_, number, cut := strings.Cut(rest, ":")
	version, err := strconv.Atoi(number)
	if !ok || !cut || err != nil || strconv.Itoa(version) != number {
		return nil, fmt.Errorf("%q names no type of event", s)
	}
	return nil, &UnknownTypeError{Schema: s}
}

// schemaToWrite gives the schema of data in a version, of which 0, which it replaces, stands for the newest.
func schemaToWrite(d Data, version *int) (*schema, error) {
	t := d.Type()
	if *version == 0 {
		*version = kinds[t].version
	}
	if s := schemas[schemaOf(t, *version)]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%s has no version %d", t, *version)
}

// about names a thing by its kind and id, as [Data.About] does.
func about(kind string, id ulid.ULID) string {
	var room [40]byte
	return string(canon.AppendULID(append(append(room[:0], kind...), '/'), id))
}

// KnowsSchema says whether this release reads events of a dataschema: nil, or an [*UnknownTypeError]. It gives nil too for
// what names no type at all.
func KnowsSchema(dataschema string) error {
	_, err := parseSchema(dataschema)
	if unknown := (*UnknownTypeError)(nil); errors.As(err, &unknown) {
		return unknown
	}
	return nil
}

// An UnknownTypeError says that an event is of a type or version this program does not know: a newer release wrote it.
type UnknownTypeError struct{ Schema string }

func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("%s is not known to this release; a newer one is needed to read on", e.Schema)
}

// Subject gives the NATS subject of an event of type t in an organization's ledger.
func Subject(organization string, t Type) string { return "ledger." + organization + "." + string(t) }

// Organization gives the organization a source names: what follows the last slash.
func Organization(source string) string { return source[strings.LastIndexByte(source, '/')+1:] }

// WebDID gives the did:web that an organization has by its ledger's name: its DID document is served at
// https://<host>/orgs/<organization>/did.json.
func WebDID(source string) string {
	organization := Organization(source)
	host := strings.TrimSuffix(source, "/"+organization)
	return "did:web:" + strings.ReplaceAll(host, ":", "%3A") + ":orgs:" + organization
}

// Encode gives the canonical bytes of the event.
func (e *Event) Encode() ([]byte, error) {
	b, err := canon.Encode(e.Members)
	if err != nil {
		return nil, fmt.Errorf("event %s: encode: %w", e.ID, err)
	}
	return b, nil
}

// Decode reads an event from its canonical bytes, and nothing else: what it accepts, Encode gives back byte for byte.
func Decode(b []byte) (*Event, error) {
	e := new(Event)
	if err := canon.Decode(b, e.Members); err != nil {
		return nil, fmt.Errorf("not an event: %w", err)
	}
	return e, nil
}

// Members walks over the event, as an entry holds it. Data stands before the member that names its type, so reading looks
// ahead for that one, and demands afterwards that it was the right one.
func (e *Event) Members(c *canon.Codec) {
	s := new(schema) // one that is not known
	switch {
	case c.Reading():
		if known := schemas[string(c.Ahead("dataschema"))]; known != nil {
			s, e.Version, e.Data = known, known.version, known.new()
		} else {
			e.Data = nil
		}
	case !c.Describing():
		var err error
		if s, err = schemaToWrite(e.Data, &e.Version); err != nil {
			c.Failf("%v", err)
			return
		}
	}
	c.ULID("actor", &e.Actor)
	if e.Data != nil {
		c.Object("data", e.data)
	} else {
		c.Raw("data", new([]byte))
	}
	dataschema := c.Implied("dataschema", s.name, canon.EventSchema)
	c.ULID("id", &e.ID)
	c.OptionalString("prev", &e.Prev, canon.CID)
	c.Decimal("sequence", &e.Sequence)
	c.String("source", &e.Source, canon.Source)
	c.Const("specversion", "1.0")
	var about string
	if e.Data != nil {
		about = e.Data.About()
	}
	subject := c.Implied("subject", about, canon.About)
	c.Time("time", &e.Time)
	typ := c.Implied("type", string(s.typ), canon.Token)
	switch {
	case !c.Reading():
	case dataschema != s.name || s.name == "":
		unknown(c, dataschema)
		return
	case typ != string(s.typ):
		c.Failf("type is %q, but dataschema says %q", typ, s.typ)
	case subject != about:
		c.Failf("subject is %q, but the data is about %q", subject, about)
	}
	e.place(c)
}

// unknown fails for a dataschema that is not one by which the data before it could be read.
func unknown(c *canon.Codec, dataschema string) {
	if _, err := parseSchema(dataschema); err != nil {
		c.Fail(err)
	}
	c.Failf("the data is not that of %q", dataschema)
}

// place demands a prev of each event but the first.
func (e *Event) place(c *canon.Codec) {
	if (e.Prev == "") != (e.Sequence == 1) {
		c.Failf("the first event, and no other, has no prev; this one is at %d", e.Sequence)
	}
}

func (e *Event) data(c *canon.Codec) {
	c.Object("auth", e.Auth.members)
	c.Object("command", func(c *canon.Codec) { e.Data.command(c, e.Version) })
	if HasEffect(e.Data, e.Version) {
		c.Object("effect", func(c *canon.Codec) { e.Data.effect(c, e.Version) })
	}
	e.Origin.member(c)
	c.OptionalDigest("reason", &e.Reason)
}

// HasEffect says whether events of this type carry an effect in a version.
func HasEffect(d Data, version int) bool {
	if since, ok := d.(interface{ effectSince() int }); ok {
		return version >= since.effectSince()
	}
	_, none := d.(interface{ noEffect() })
	return !none
}

func (a *Auth) members(c *canon.Codec) {
	c.String("credential", &a.Credential, canon.Credential)
	c.String("method", &a.Method, canon.Token)
	switch a.Method { // other methods come with later rules; these prove themselves with keys
	case MethodSignature, MethodNode:
		if err := canon.DIDKey.Check(a.Credential); err != nil {
			c.Failf("the credential of method %s: %v", a.Method, err)
		}
	}
}

func (o *Origin) member(c *canon.Codec) {
	c.OptionalObject("origin", o.Import != nil || o.Derived != nil, func(c *canon.Codec) {
		c.OptionalObject("derived", o.Derived != nil, func(c *canon.Codec) {
			if o.Derived == nil {
				o.Derived = new(Derived)
			}
			c.ULID("from", &o.Derived.From)
			c.Uint("row", &o.Derived.Row)
		})
		c.OptionalObject("import", o.Import != nil, func(c *canon.Codec) {
			if o.Import == nil {
				o.Import = new(Import)
			}
			i := o.Import
			c.String("format", &i.Format, canon.Token)
			c.OptionalTime("occurred", &i.Occurred)
			c.Uint("part", &i.Part)
			c.String("record", &i.Record, canon.Key)
			c.String("source", &i.Source, canon.Key)
		})
		if (o.Import == nil) == (o.Derived == nil) {
			c.Failf("an origin is either imported or derived")
		}
	})
}

// Occurred gives when the event happened: what the source of an import says, else the event's own time.
func (e *Event) Occurred() time.Time {
	if i := e.Origin.Import; i != nil && !i.Occurred.IsZero() {
		return i.Occurred
	}
	return e.Time
}
