package events

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// Purposes of keys. A key has one purpose for ever.
const (
	PurposeEvent      = "event"      // signs entries
	PurposeDocument   = "document"   // signs documents
	PurposeCheckpoint = "checkpoint" // signs checkpoints of the organization's log
	PurposeRoot       = "root"       // replaces event keys, and itself
	PurposeOperator   = "operator"   // whoever runs the ledger
	PurposeCredential = "credential" // a subject signs its commands with it
	PurposeInvitation = "invitation" // signs that whoever was invited joins, once
	PurposeAttestor   = "attestor"   // a subject signs with it what it saw on a chain, and nothing else
	PurposeReader     = "reader"     // a subject proves with it over NATS that it may read; it signs nothing of the ledger
)

// KeyRegistered makes a key known: a further event key, or a credential of a subject.
//
// Version 1 knew no until.
type KeyRegistered struct {
	none
	Key     string // did:key
	Purpose string
	Subject ulid.ULID // whose credential it is, or whose key for another purpose; zero for keys of the ledger
	Until   time.Time // the first instant at which a credential signs nothing any more; zero: it has no end
}

func (*KeyRegistered) Type() Type      { return "key.registered" }
func (d *KeyRegistered) About() string { return "key/" + d.Key }
func (d *KeyRegistered) asked() Data   { return new(*d) }

func (d *KeyRegistered) command(c *canon.Codec, version int) {
	if version == 1 && !c.Reading() && !d.Until.IsZero() {
		c.Failf("version 1 of key.registered knows no end")
	}
	c.String("key", &d.Key, canon.DIDKey)
	c.String("purpose", &d.Purpose, canon.Token)
	c.OptionalULID("subject", &d.Subject)
	if version > 1 {
		c.OptionalTime("until", &d.Until)
	}
}

// KeyRotated puts one key in the place of another of the same purpose and owner. The old key signs nothing after this
// position; an event key still signs this entry, a checkpoint key signs beside the new one until it is revoked, and a
// credential where it is said until when it does.
//
// Version 1 knew neither beside nor until.
type KeyRotated struct {
	Old    string
	New    string
	Beside time.Time // the first instant at which the old one, a credential, signs nothing any more; zero: that of this entry
	Until  time.Time // as that of a [KeyRegistered], of the new one

	Purpose string
}

func (*KeyRotated) Type() Type      { return "key.rotated" }
func (d *KeyRotated) About() string { return "key/" + d.New }
func (d *KeyRotated) asked() Data {
	return &KeyRotated{Old: d.Old, New: d.New, Beside: d.Beside, Until: d.Until}
}

func (d *KeyRotated) command(c *canon.Codec, version int) {
	if version == 1 && !c.Reading() && (!d.Beside.IsZero() || !d.Until.IsZero()) {
		c.Failf("version 1 of key.rotated knows neither beside nor until")
	}
	if version > 1 {
		c.OptionalTime("beside", &d.Beside)
	}
	c.String("new", &d.New, canon.DIDKey)
	c.String("old", &d.Old, canon.DIDKey)
	if version > 1 {
		c.OptionalTime("until", &d.Until)
	}
}

func (d *KeyRotated) effect(c *canon.Codec, _ int) { c.String("purpose", &d.Purpose, canon.Token) }

// KeySucceeded puts an event key in the place of one that is lost. The entry is signed with the key it registers, and
// its evidence is the root key's.
type KeySucceeded struct {
	none
	Lost string
	Key  string
}

func (*KeySucceeded) Type() Type      { return "key.succeeded" }
func (d *KeySucceeded) About() string { return "key/" + d.Key }
func (d *KeySucceeded) asked() Data   { return new(*d) }

func (d *KeySucceeded) command(c *canon.Codec, _ int) {
	c.String("key", &d.Key, canon.DIDKey)
	c.String("lost", &d.Lost, canon.DIDKey)
}

// KeyRevoked says that a key signs nothing after this position, and that no other takes its place.
type KeyRevoked struct {
	none
	Key string
}

func (*KeyRevoked) Type() Type      { return "key.revoked" }
func (d *KeyRevoked) About() string { return "key/" + d.Key }
func (d *KeyRevoked) asked() Data   { return new(*d) }

func (d *KeyRevoked) command(c *canon.Codec, _ int) { c.String("key", &d.Key, canon.DIDKey) }

// KeyReported says that somebody else may have had a key from a position on. It changes no state: verification lists
// what the key signed from there, and whoever decides so undoes it with commands.
type KeyReported struct {
	none
	Key  string
	From uint64 // the first position in doubt
}

func (*KeyReported) Type() Type      { return "key.reported" }
func (d *KeyReported) About() string { return "key/" + d.Key }
func (d *KeyReported) asked() Data   { return new(*d) }

func (d *KeyReported) command(c *canon.Codec, _ int) {
	c.Uint("from", &d.From)
	c.String("key", &d.Key, canon.DIDKey)
}
