package events

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// A Command is what somebody asks of a ledger. Its Data has the members of what is asked; effects are for the rules
// to fill in.
type Command struct {
	ID     ulid.ULID
	Ledger string // the source of the ledger it is for
	Actor  ulid.ULID
	Auth   Auth
	Origin Origin
	Reason Digest
	Data   Data
	// Version is that of the event asked for; 0 means the newest. Only the verifier asks for older ones.
	Version int
}

// CommandOf takes out of an event the command it came from. It is total: each event has one.
func CommandOf(e *Event) Command {
	return Command{
		ID: e.ID, Ledger: e.Source, Actor: e.Actor, Auth: e.Auth, Origin: e.Origin, Reason: e.Reason,
		Data: Asked(e.Data, e.Version), Version: e.Version,
	}
}

// Asked copies data without its effect. The copy shares the slices of what was asked with d.
func Asked(d Data, version int) Data { return d.asked() }

// Event gives the event of a command at an instant, before it has a place: without sequence, prev and effect.
func (c *Command) Event(at time.Time) Event {
	return Event{
		ID: c.ID, Source: c.Ledger, Time: at, Actor: c.Actor, Auth: c.Auth, Origin: c.Origin, Reason: c.Reason,
		Version: c.Version, Data: Asked(c.Data, c.Version),
	}
}

// CommandType is the DSSE payload type of signed commands.
const CommandType = "application/vnd.permledger.command+json"

// Signed is what an author's signature says beside the command itself.
type Signed struct {
	Expires time.Time // the command is void from here on; at most 24 h after the id's time
	Seen    *Seen     // a checkpoint the author had verified; nil: none
}

// Seen names a checkpoint.
type Seen struct {
	Size uint64
	Root Digest
}

// Bytes gives the canonical bytes that the author of a command signs.
func (c *Command) Bytes(s Signed) ([]byte, error) {
	return canon.Encode(func(k *canon.Codec) { c.members(k, &s) })
}

// ParseCommand reads what [Command.Bytes] writes, in whatever version. Auth is not among the bytes: the evidence beside
// them names the key.
func ParseCommand(b []byte) (Command, Signed, error) {
	var c Command
	var s Signed
	if err := canon.Decode(b, func(k *canon.Codec) { c.members(k, &s) }); err != nil {
		return Command{}, Signed{}, err
	}
	return c, s, nil
}

// members walks over the command; see [Event.Members] for why reading looks ahead.
func (c *Command) members(k *canon.Codec, s *Signed) {
	of := new(schema) // one that is not known
	switch {
	case k.Reading():
		if known := schemas[string(k.Ahead("dataschema"))]; known != nil {
			of, c.Version, c.Data = known, known.version, known.new()
		} else {
			c.Data = nil
		}
	case !k.Describing():
		var err error
		if of, err = schemaToWrite(c.Data, &c.Version); err != nil {
			k.Failf("%v", err)
			return
		}
	}
	k.ULID("actor", &c.Actor)
	if c.Data != nil {
		k.Object("command", func(k *canon.Codec) { c.Data.command(k, c.Version) })
	} else {
		k.Raw("command", new([]byte))
	}
	dataschema := k.Implied("dataschema", of.name, canon.EventSchema)
	k.OptionalTime("expires", &s.Expires)
	k.ULID("id", &c.ID)
	k.String("ledger", &c.Ledger, canon.Source)
	c.Origin.member(k)
	k.OptionalDigest("reason", &c.Reason)
	k.OptionalObject("seen", s.Seen != nil, func(k *canon.Codec) {
		if s.Seen == nil {
			s.Seen = new(Seen)
		}
		k.Digest("root", &s.Seen.Root)
		k.Uint("size", &s.Seen.Size)
	})
	if k.Reading() && (dataschema != of.name || of.name == "") {
		unknown(k, dataschema)
	}
}

// Digest identifies what a command asks: two commands of one id are the same when their digests are. Time, position
// and the details of authentication are not part of it.
func (c *Command) Digest() (Digest, error) {
	b, err := c.Bytes(Signed{})
	if err != nil {
		return Digest{}, err
	}
	return sha256.Sum256(b), nil
}

// PAE is the pre-authentication encoding of DSSE: what is signed instead of a payload, so that a signature for one
// payload type is worth nothing for another.
func PAE(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+32)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// ImportID gives the id of an imported command: the occurred time in milliseconds (0 where there is none), 64 bits of a
// SHA-256 over what names the record, and sixteen one bits. The same record has the same id in every run.
func ImportID(i Import) ulid.ULID {
	return hashedCommand(importTime(i), "import", i.Format, i.Source, i.Record, strconv.FormatUint(i.Part, 10))
}

// DerivedID gives the id of a command that follows from another: the given instant, 64 bits of a SHA-256, and sixteen
// one bits.
func DerivedID(t Type, d Derived, at time.Time) ulid.ULID {
	return hashedCommand(uint64(at.UnixMilli()), "derived", string(t), d.From.String(), strconv.FormatUint(d.Row, 10))
}

// Hashed says whether an id has the form of an imported or derived command's. A live command has another: so nobody can
// take, beforehand, the id that somebody else's record will have.
func Hashed(id ulid.ULID) bool { return id[14] == 0xff && id[15] == 0xff }

func hashedCommand(ms uint64, parts ...string) ulid.ULID {
	id := hashedID(ms, parts...)
	id[14], id[15] = 0xff, 0xff
	return id
}

// ThingID gives an id for a thing that an imported record makes, as a role or a subject: the same in every run. It is
// the occurred time and 80 bits of a SHA-256.
func ThingID(kind string, i Import) ulid.ULID {
	return hashedID(importTime(i), "thing", kind, i.Format, i.Source, i.Record)
}

func importTime(i Import) uint64 {
	if i.Occurred.IsZero() {
		return 0
	}
	return uint64(i.Occurred.UnixMilli())
}

// WalletID gives the id of a wallet that becomes a subject by a command: of the command's time, and one that nobody can
// have taken before.
func WalletID(command ulid.ULID, address string) ulid.ULID {
	return hashedID(command.Time(), "wallet", command.String(), address)
}

// hashedID puts each part behind its length, so that no two lists of parts hash alike.
func hashedID(ms uint64, parts ...string) ulid.ULID {
	h := sha256.New()
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var id ulid.ULID
	_ = id.SetTime(min(ms, ulid.MaxTime()))
	copy(id[6:], h.Sum(nil))
	return id
}

// Commit gives the commitment to a private text: SHA-256 over a fixed prefix, the 32 bytes of salt and the text. The
// entry holds the commitment; salt and text can be erased and the entry still verifies.
func Commit(salt [32]byte, text string) Digest {
	h := sha256.New()
	h.Write([]byte("permledger commitment/1\n"))
	h.Write(salt[:])
	h.Write([]byte(text))
	return Digest(h.Sum(nil))
}
