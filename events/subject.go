package events

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// Kinds of subjects.
const (
	KindHuman     = "human"
	KindTechnical = "technical"
	KindAPIKey    = "api-key"
	KindWallet    = "wallet"
	KindDID       = "did"
)

// Ways in which a subject proves itself. A subject that names none may use any.
const (
	AuthAPIKey    = "api-key"   // the secret of an API key, whose key signs
	AuthEmail     = "email"     // e-mail and password, which open the key that signs
	AuthSignature = "signature" // a key of its own
	AuthWallet    = "wallet"    // a wallet's signature
	AuthOIDC      = "oidc"      // an identity provider's word, for reading; a key of its own signs
)

// SubjectAdded says that somebody, or something, can now be given permissions.
//
// Version 1 knew neither auth, holder, properties, reference nor roles, and no effect.
type SubjectAdded struct {
	Subject     ulid.ULID
	Key         string // unique in the organization
	Kind        string
	DID         string
	Credential  string      // a did:key it signs commands with; empty: none yet, or a wallet
	DisplayName Digest      // commitment
	Email       Digest      // commitment
	Auth        string      // how it proves itself; empty: in any way
	Holder      ulid.ULID   // the member that an API key is assigned to; zero: none
	Properties  []Property  // sorted by name
	Reference   string      // its name in another system
	Roles       []ulid.ULID // that it begins with, on the whole organization, ascending

	DefaultRole ulid.ULID // the organization's default role, which it got too; zero: there is none
}

func (*SubjectAdded) Type() Type       { return "subject.added" }
func (d *SubjectAdded) About() string  { return about("subject", d.Subject) }
func (*SubjectAdded) effectSince() int { return 2 }
func (d *SubjectAdded) asked() Data {
	a := *d
	a.DefaultRole = ulid.ULID{}
	return &a
}

func (d *SubjectAdded) command(c *canon.Codec, version int) {
	if version == 1 && !c.Reading() && (d.Auth != "" || d.Holder != ulid.ULID{} || d.Properties != nil || d.Reference != "" || d.Roles != nil) {
		c.Failf("version 1 of subject.added knows neither auth, holder, properties, reference nor roles")
	}
	newer := version > 1
	if newer {
		c.OptionalString("auth", &d.Auth, canon.Token)
	}
	c.OptionalString("credential", &d.Credential, canon.DIDKey)
	c.OptionalString("did", &d.DID, canon.DID)
	c.OptionalDigest("displayName", &d.DisplayName)
	c.OptionalDigest("email", &d.Email)
	if newer {
		c.OptionalULID("holder", &d.Holder)
	}
	c.String("key", &d.Key, canon.Key)
	c.String("kind", &d.Kind, canon.Token)
	if newer {
		properties(c, &d.Properties, false)
		c.OptionalString("reference", &d.Reference, canon.Name)
		c.OptionalULIDs("roles", &d.Roles)
	}
	c.ULID("subject", &d.Subject)
}

func (d *SubjectAdded) effect(c *canon.Codec, _ int) { c.OptionalULID("defaultRole", &d.DefaultRole) }

func (d *SubjectAdded) commits() []Digest { return []Digest{d.DisplayName, d.Email} }

// SubjectInvited says that somebody may join, by a code that works once and until an instant. Whoever is invited holds
// roles and can do nothing before it has joined. Who was invited before, or was removed, can be invited again: then the
// code takes the place of the one before.
type SubjectInvited struct {
	Subject     ulid.ULID
	Key         string
	Kind        string
	DisplayName Digest // commitment
	Email       Digest // commitment
	Auth        string
	Invitation  string // did:key of the code
	Properties  []Property
	Reference   string
	Roles       []ulid.ULID // ascending
	Until       time.Time   // the first instant at which the code does not work

	DefaultRole ulid.ULID
}

func (*SubjectInvited) Type() Type      { return "subject.invited" }
func (d *SubjectInvited) About() string { return about("subject", d.Subject) }
func (d *SubjectInvited) asked() Data {
	a := *d
	a.DefaultRole = ulid.ULID{}
	return &a
}

func (d *SubjectInvited) command(c *canon.Codec, _ int) {
	c.OptionalString("auth", &d.Auth, canon.Token)
	c.OptionalDigest("displayName", &d.DisplayName)
	c.OptionalDigest("email", &d.Email)
	c.String("invitation", &d.Invitation, canon.DIDKey)
	c.String("key", &d.Key, canon.Key)
	c.String("kind", &d.Kind, canon.Token)
	properties(c, &d.Properties, false)
	c.OptionalString("reference", &d.Reference, canon.Name)
	c.OptionalULIDs("roles", &d.Roles)
	c.ULID("subject", &d.Subject)
	c.Time("until", &d.Until)
}

func (d *SubjectInvited) effect(c *canon.Codec, _ int) { c.OptionalULID("defaultRole", &d.DefaultRole) }

func (d *SubjectInvited) commits() []Digest { return []Digest{d.DisplayName, d.Email} }

// SubjectJoined says that whoever was invited is active from here on, and signs with a key of its own. The key of the
// invitation signs it, and nothing else ever again.
type SubjectJoined struct {
	none
	Subject    ulid.ULID
	Credential string
	Login      Digest // commitment to the credential as a password wraps it; zero: there is none
}

func (*SubjectJoined) Type() Type      { return "subject.joined" }
func (d *SubjectJoined) About() string { return about("subject", d.Subject) }
func (d *SubjectJoined) asked() Data   { return new(*d) }

func (d *SubjectJoined) command(c *canon.Codec, _ int) {
	c.String("credential", &d.Credential, canon.DIDKey)
	c.OptionalDigest("login", &d.Login)
	c.ULID("subject", &d.Subject)
}

func (d *SubjectJoined) commits() []Digest { return []Digest{d.Login} }

// LoginChanged says by which login a subject opens a credential of its own from here on.
type LoginChanged struct {
	none
	Subject    ulid.ULID
	Credential string // that the login opens
	Login      Digest // commitment to the credential as a password wraps it; zero: there is no login any more
}

func (*LoginChanged) Type() Type      { return "login.changed" }
func (d *LoginChanged) About() string { return about("subject", d.Subject) }
func (d *LoginChanged) asked() Data   { return new(*d) }

func (d *LoginChanged) command(c *canon.Codec, _ int) {
	c.String("credential", &d.Credential, canon.DIDKey)
	c.OptionalDigest("login", &d.Login)
	c.ULID("subject", &d.Subject)
}

func (d *LoginChanged) commits() []Digest { return []Digest{d.Login} }

// SubjectUpdated says something else of a subject. Members that are not said stay as they are.
type SubjectUpdated struct {
	none
	Subject     ulid.ULID
	DisplayName Digest     // commitment; zero: as before
	Email       Digest     // commitment; zero: as before
	Holder      ulid.ULID  // zero: as before
	Unassigned  bool       // an API key is assigned to nobody any more
	Properties  []Property // nil: as before; else all there are now
	Reference   *string    // nil: as before
}

func (*SubjectUpdated) Type() Type      { return "subject.updated" }
func (d *SubjectUpdated) About() string { return about("subject", d.Subject) }
func (d *SubjectUpdated) asked() Data   { return new(*d) }

func (d *SubjectUpdated) command(c *canon.Codec, _ int) {
	c.OptionalDigest("displayName", &d.DisplayName)
	c.OptionalDigest("email", &d.Email)
	c.OptionalULID("holder", &d.Holder)
	properties(c, &d.Properties, true)
	c.Change("reference", &d.Reference, canon.Value)
	c.ULID("subject", &d.Subject)
	c.Flag("unassigned", &d.Unassigned)
	if d.Unassigned && d.Holder != (ulid.ULID{}) {
		c.Failf("an API key is assigned to somebody, or to nobody")
	}
}

func (d *SubjectUpdated) commits() []Digest { return []Digest{d.DisplayName, d.Email} }

// SubjectDeactivated says that a subject can no longer act, and that no check of it is answered with yes.
type SubjectDeactivated struct {
	none
	Subject ulid.ULID
}

func (*SubjectDeactivated) Type() Type      { return "subject.deactivated" }
func (d *SubjectDeactivated) About() string { return about("subject", d.Subject) }
func (d *SubjectDeactivated) asked() Data   { return new(*d) }

func (d *SubjectDeactivated) command(c *canon.Codec, _ int) { c.ULID("subject", &d.Subject) }

// SubjectReactivated says that a subject that was deactivated can act again, with what it has.
type SubjectReactivated struct {
	none
	Subject ulid.ULID
}

func (*SubjectReactivated) Type() Type      { return "subject.reactivated" }
func (d *SubjectReactivated) About() string { return about("subject", d.Subject) }
func (d *SubjectReactivated) asked() Data   { return new(*d) }

func (d *SubjectReactivated) command(c *canon.Codec, _ int) { c.ULID("subject", &d.Subject) }

// SubjectRemoved says that a subject has nothing any more and can never act again with the keys that it had. Its history
// stays. An invitation is withdrawn so, and an API key revoked. The API keys that are assigned to it are deactivated by
// this event, access that it passed on goes with its own, and it counts no more as who registered a resource.
type SubjectRemoved struct {
	Subject ulid.ULID

	Grants uint64      // how many it had: roles and permissions, on whatever scope
	Roles  []ulid.ULID // that were among them, ascending; left out where they are more than 1,000
}

func (*SubjectRemoved) Type() Type      { return "subject.removed" }
func (d *SubjectRemoved) About() string { return about("subject", d.Subject) }
func (d *SubjectRemoved) asked() Data   { return &SubjectRemoved{Subject: d.Subject} }

func (d *SubjectRemoved) command(c *canon.Codec, _ int) { c.ULID("subject", &d.Subject) }

func (d *SubjectRemoved) effect(c *canon.Codec, _ int) {
	c.Uint("grants", &d.Grants)
	c.OptionalULIDs("roles", &d.Roles)
}

// SubjectLinked says that an account goes with a wallet or a DID. Nothing follows from it for what is allowed: it says
// what is shown together, on the word of its author.
type SubjectLinked struct {
	none
	Subject ulid.ULID
	To      string // a DID, a CAIP-10 account or an address
}

func (*SubjectLinked) Type() Type      { return "subject.linked" }
func (d *SubjectLinked) About() string { return about("subject", d.Subject) }
func (d *SubjectLinked) asked() Data   { return new(*d) }

func (d *SubjectLinked) command(c *canon.Codec, _ int) {
	c.ULID("subject", &d.Subject)
	c.String("to", &d.To, canon.Credential)
}

// SubjectUnlinked says that an account does not go with a wallet or a DID any more.
type SubjectUnlinked struct {
	none
	Subject ulid.ULID
	To      string
}

func (*SubjectUnlinked) Type() Type      { return "subject.unlinked" }
func (d *SubjectUnlinked) About() string { return about("subject", d.Subject) }
func (d *SubjectUnlinked) asked() Data   { return new(*d) }

func (d *SubjectUnlinked) command(c *canon.Codec, _ int) {
	c.ULID("subject", &d.Subject)
	c.String("to", &d.To, canon.Credential)
}

// SubjectErased says that private texts about a subject are erased: salt and words are gone for good wherever the ledger
// keeps them, and every proof still verifies. The rules refuse a text that is known to be another subject's: its display
// name, its e-mail or its login. Reasons, which may name anybody, can be erased with any subject.
type SubjectErased struct {
	none
	Subject ulid.ULID
	Texts   []Digest // commitments, at least one, ascending
}

// MaxErased is how many texts one event erases.
const MaxErased = 1000

func (*SubjectErased) Type() Type      { return "subject.erased" }
func (d *SubjectErased) About() string { return about("subject", d.Subject) }
func (d *SubjectErased) asked() Data   { return new(*d) }

func (d *SubjectErased) command(c *canon.Codec, _ int) {
	c.ULID("subject", &d.Subject)
	c.Digests("texts", &d.Texts)
	switch {
	case c.Describing():
	case len(d.Texts) == 0 || len(d.Texts) > MaxErased:
		c.Failf("from 1 to %d texts are erased at a time, not %d", MaxErased, len(d.Texts))
	default:
		for i := 1; i < len(d.Texts); i++ {
			if string(d.Texts[i-1][:]) >= string(d.Texts[i][:]) {
				c.Failf("the texts are not in ascending order, or one stands twice")
			}
		}
	}
}

// Commitments gives what an event commits to: its reason, and the private texts that its data is about.
func (e *Event) Commitments() []Digest {
	all := []Digest{e.Reason}
	if d, ok := e.Data.(interface{ commits() []Digest }); ok {
		all = append(all, d.commits()...)
	}
	kept := all[:0]
	for _, c := range all {
		if c != (Digest{}) {
			kept = append(kept, c)
		}
	}
	return kept
}
