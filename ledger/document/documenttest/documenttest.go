// Package documenttest makes small ledgers for tests: commands are signed, decided, taken into the state and sealed
// with real keys, and each entry that must carries its document. Keys, ids and times are fixed, so that equal calls
// give equal bytes.
package documenttest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/rules"
)

// Source is the name of the ledgers made here.
const Source = "ledger.example/acme"

// Catalogue is that of the permissions Read and Write, which is published first. Its name is that of [Guardian].
const (
	Catalogue = "guardian"
	Read      = "guardian:POLICIES_POLICY_READ"
	Write     = "guardian:POLICIES_POLICY_UPDATE"
)

// Guardian is a profile in which each change of a role, or of what somebody holds, carries a document.
var Guardian = events.Profile{Name: Catalogue, DirectGrants: true, Documents: true, EmptyRoles: true, NewPermissions: true}

// A Ledger is one organization's. It is for one goroutine.
type Ledger struct {
	State   *rules.State
	Entries []*chain.Entry // read back from their bytes
	Files   [][]byte       // of the same entry; nil where it carries no document
	Owner   ulid.ULID
	Now     time.Time // of the next command

	t        testing.TB
	verifier chain.Verifier
	ids      uint64
	node     ulid.ULID
	operator ulid.ULID
	owner    ed25519.PrivateKey
	event    ed25519.PrivateKey
	document ed25519.PrivateKey
}

// Key gives the key that goes by a name.
func Key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("permledger test key " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// DID gives the did:key of a key.
func DID(key ed25519.PrivateKey) string { return didkey.Encode(key.Public().(ed25519.PublicKey)) }

// Open makes a ledger of a profile and publishes its catalogue. did is the organization's own; it may be empty.
func Open(t testing.TB, profile events.Profile, did string) *Ledger {
	t.Helper()
	return OpenUnder(t, rules.Version, profile, did)
}

// OpenUnder is Open of a ledger that goes by a version of the rules.
func OpenUnder(t testing.TB, version uint64, profile events.Profile, did string) *Ledger {
	t.Helper()
	l := &Ledger{
		State: rules.New(), t: t, Now: time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC),
		owner: Key("owner"), event: Key("event"), document: Key("document"),
	}
	l.Owner, l.node = l.ID(), l.ID()
	l.operator = l.node // but for its last byte
	l.operator[15] ^= 1
	checkpoint := DID(Key("checkpoint"))
	if version == 1 { // it knew neither
		l.operator, checkpoint = ulid.ULID{}, ""
	}
	l.Do(&events.OrganizationOpened{
		Organization: events.Organization(Source), Name: "ACME", DID: did, Rules: version, Profile: profile, Node: l.node, Operator: l.operator,
		Owner: events.Owner{Subject: l.Owner, Key: "owner", Kind: events.KindHuman, Credential: DID(l.owner)},
		Keys: events.Keys{
			Event: DID(l.event), Document: DID(l.document), Root: DID(Key("root")), Operator: DID(Key("operator")),
			Checkpoint: checkpoint,
		},
	})
	permission := func(name, action string) events.Permission {
		return events.Permission{Name: name, Category: "POLICIES", Entity: "POLICY", Action: action}
	}
	l.Do(&events.CataloguePublished{Catalogue: Catalogue, Title: "Guardian", Permissions: []events.Permission{
		permission("POLICIES_POLICY_READ", "READ"), permission("POLICIES_POLICY_UPDATE", "UPDATE"),
	}})
	return l
}

// ID gives an id of the present that no other has.
func (l *Ledger) ID() ulid.ULID {
	l.ids++
	var id ulid.ULID
	if err := id.SetTime(uint64(l.Now.UnixMilli())); err != nil {
		l.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte{byte(l.ids >> 16), byte(l.ids >> 8), byte(l.ids)})
	copy(id[6:], sum[:])
	if events.Hashed(id) {
		id[15] = 0 // that form is for imported and derived commands
	}
	return id
}

// AddRole creates a role and gives its id.
func (l *Ledger) AddRole(name, description string, permissions ...string) ulid.ULID {
	l.t.Helper()
	id := l.ID()
	l.Do(&events.RoleCreated{Role: id, Key: id.String(), Name: name, Description: description, Permissions: permissions})
	return id
}

// AddSubject adds a subject, with a DID of its own or none, and gives its id.
func (l *Ledger) AddSubject(did string) ulid.ULID {
	l.t.Helper()
	id := l.ID()
	l.Do(&events.SubjectAdded{Subject: id, Key: id.String(), Kind: events.KindHuman, DID: did})
	return id
}

// RotateDocumentKey puts another document key in the place of the present one.
func (l *Ledger) RotateDocumentKey(key ed25519.PrivateKey) {
	l.t.Helper()
	l.Do(&events.KeyRotated{Old: DID(l.document), New: DID(key)})
	l.document = key
}

// Do records what the owner asks, a second after the last; of [events.GrantEnded] it records what is due.
func (l *Ledger) Do(data events.Data) *chain.Entry {
	l.t.Helper()
	en, err := l.do(l.Owner, data)
	if err != nil {
		l.t.Fatalf("%s: %v", data.Type(), err)
	}
	return en
}

// Try is Do of what may be refused; it says whether it was recorded.
func (l *Ledger) Try(data events.Data) bool { return l.TryAs(l.Owner, data) }

// TryAs is Try in the name of a subject, which is given a key of its own where it has none.
func (l *Ledger) TryAs(actor ulid.ULID, data events.Data) bool {
	l.t.Helper()
	_, err := l.do(actor, data)
	return err == nil
}

// credential gives the key that somebody signs with, and registers it the first time.
func (l *Ledger) credential(actor ulid.ULID) ed25519.PrivateKey {
	key := Key(actor.String())
	if actor == l.Owner {
		return l.owner
	}
	if _, ok := l.State.KeyOwner(DID(key)); !ok {
		_, _ = l.do(l.Owner, &events.KeyRegistered{Key: DID(key), Purpose: events.PurposeCredential, Subject: actor})
	}
	return key
}

func (l *Ledger) do(actor ulid.ULID, data events.Data) (*chain.Entry, error) {
	l.t.Helper()
	author := l.credential(actor)
	c := events.Command{
		ID: l.ID(), Ledger: Source, Actor: actor, Data: data, Version: l.State.Newest(data.Type()),
		Auth: events.Auth{Method: events.MethodSignature, Credential: DID(author)},
	}
	if opened, ok := data.(*events.OrganizationOpened); ok && opened.Rules == 1 {
		c.Version = 1
	}
	if ended, ok := data.(*events.GrantEnded); ok {
		c.Actor, c.Auth = l.node, events.Auth{Method: events.MethodNode, Credential: DID(l.event)}
		c.Origin.Derived = &events.Derived{From: ended.Grant}
		due, _ := l.State.NextEnd()
		c.ID = events.DerivedID(data.Type(), *c.Origin.Derived, due.Until)
	}
	e, err := rules.Decide(l.State, c, l.Now)
	if err != nil {
		return nil, err
	}
	at, prev := l.verifier.Head()
	e.Sequence, e.Prev = at+1, prev
	body, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	var evidence *chain.Evidence
	if c.Auth.Method == events.MethodSignature {
		if evidence, err = chain.SignCommand(&c, events.Signed{Expires: l.Now.Add(time.Minute)}, author); err != nil {
			l.t.Fatal(err)
		}
	}
	rules.Evolve(l.State, &e)
	var doc *chain.Document
	var file []byte
	if l.State.Documented(data) {
		if doc, file, err = document.Sign(l.State, &e, l.document); err != nil {
			l.t.Fatal(err)
		}
	}
	sealed, err := chain.Seal(&e, body, doc, evidence, l.event, DID(l.event))
	if err != nil {
		l.t.Fatal(err)
	}
	read := chain.Inspect(sealed.Bytes())
	if err := l.verifier.Next(read, sealed.Subject()); err != nil {
		l.t.Fatal(err)
	}
	l.Entries, l.Files, l.Now = append(l.Entries, read.Entry), append(l.Files, file), l.Now.Add(time.Second)
	return read.Entry, nil
}

// Last gives the last entry, and the file of its document.
func (l *Ledger) Last() (*chain.Entry, []byte) {
	return l.Entries[len(l.Entries)-1], l.Files[len(l.Files)-1]
}
