// Package document says what signed documents about roles and about what somebody holds contain, signs them, and
// computes them again.
//
// A document is a W3C Verifiable Credential 2.0, secured as in ledger/credential. Its bytes are a pure function of the
// format, the event E that its entry records, the state after E, and the organization's document key; its proof is
// dated E's time. Nothing of it comes from private texts, from a clock, or from the entry's own CID, which covers the
// document's. An entry therefore keeps four short strings of it ([chain.Document]), and whoever has the entries up to
// it has the file, without any private key: [Rebuild].
//
// Format "vc.2", all times in UTC with milliseconds, in canonical JSON (RFC 8785):
//
//	@context           https://www.w3.org/ns/credentials/v2, https://www.w3.org/ns/credentials/undefined-terms/v2
//	id                 urn:uuid: and the id of E as a UUID
//	type               VerifiableCredential
//	issuer             the organization's DID: the one it named, else that of its document key
//	validFrom          E's time
//	credentialStatus   two entries of Bitstring Status List 1.0, of the purposes revocation and refresh, for the
//	                   document's number n, counted from 0 in its ledger: list n div 131,072, index n mod 131,072, at
//	                   https://<host>/orgs/<organization>/status/<purpose>/<list>
//	credentialSubject  a Role, UserPermissions or AccessReview, as the state after E has it
//
// The proof's verification method is that of the issuer's DID document where the issuer is a did:web (see
// [DIDDocument]), else the did:key of the document key. Each subject says ledger (the source of E) and position (its
// sequence).
//
// Role: id (urn:uuid: and uuid), type, uuid, name, description, permissions in ascending order of bytes; deleted (true)
// where it is no more. Where this array would take more than 200,000 bytes, permissionSet stands in its place: count,
// and digest, which is [events.SetDigest] of the names as entries spell them, in base64url.
//
// UserPermissions: id and userId (the subject's DID), type, roles (uuid, name, owner, scope, until, condition,
// delegatedBy; by uuid, then scope) and permissions given without a role (name, scope, until, condition, delegatedBy; by
// name, then scope). The owner of a role is the issuer; scope is left out for the whole organization, until where there
// is no end, condition where there is none, delegatedBy (a DID) where nobody passed it on. What has reached its end by
// E's time is not there, nor what was passed on by somebody who has it no more. organizationOwner (true) stands where
// the subject is the owner, who may do everything; state where it is not active: invited, deactivated (an API key also
// where its holder is) or removed. Where one of the arrays would take more than 100,000 bytes, permissionSet or roleSet stands in its place: count, and digest,
// which is the SHA-256 of that array in canonical JSON, in base64url.
//
// AccessReview: id (urn:uuid: and the review's id), type, title, scope (all, or the role's uuid or the subject's DID), started
// (the position), due where there is one, and items: what was given when it started, by subject, role, permission and
// scope. Each has userId (the subject's DID), role (its name) or permission, scope, grant (urn:uuid: and the id of the
// event that gave it), and decision: keep, revoke, or none where nobody decided of it and all of these were kept; by (the
// DID of who decided) and decided (when). Where the array would take more than 200,000 bytes, itemSet stands in its place:
// count, and digest, which is the SHA-256 of that array in canonical JSON, in base64url.
//
// Permissions are named as entries name them, save that a name of the catalogue that is called as the organization's
// profile stands without it ("POLICIES_POLICY_READ" for "guardian:POLICIES_POLICY_READ" in the profile guardian), for
// readers of that world know no prefix. It keeps the prefix where another permission has the short name.
//
// So a file of vc.2 is never larger than one chunk of IPFS ([credential.Chunk]). [Lists] gives what a document names by
// digest alone.
//
// Format "vc.1" is that of ledgers that go by version 1 of the rules. The verification method is always the did:key; there
// is no ledger, position, deleted, condition, delegatedBy, organizationOwner or state; permissions become a set above
// 200,000 bytes, and roles never do.
package document

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/rules"
)

// Formats of documents. None is ever taken away: entries of old ones stay verifiable.
const (
	Format    = "vc.2"
	FormatOne = "vc.1"
)

// FormatFor gives the format in which [Sign] renders the documents of a ledger: it changes with the rules, so that nodes
// of an older release stop before they would meet a document that they cannot check.
func FormatFor(after *rules.State) string {
	if o := after.Opened(); o != nil && o.Rules == 1 {
		return FormatOne
	}
	return Format
}

// Method gives the verification method of a document of a format that key signs.
func Method(after *rules.State, format string, key ed25519.PublicKey) string {
	if did := after.DID(); format != FormatOne && isWeb(did) {
		return credential.MethodOf(did, key)
	}
	return credential.VerificationMethod(key)
}

// ErrNone says that an event carries no document.
var ErrNone = errors.New("this event carries no document")

// What a [MismatchError] can be about.
const (
	MismatchFormat   = "format"   // no format this release knows
	MismatchPosition = "position" // the state is not the one after the event
	MismatchKey      = "key"      // not the organization's document key of that position
	MismatchProof    = "proof"    // not the signature of that key over this document
	MismatchCID      = "cid"      // of another file than the state gives
)

// A MismatchError says that a document is not the one that event and state give.
type MismatchError struct {
	What     string
	Expected string
	Found    string
	Err      error // the reason, where there is more to say
}

func (e *MismatchError) Error() string {
	s := fmt.Sprintf("document: %s: expected %s, found %s", e.What, e.Expected, e.Found)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *MismatchError) Unwrap() error { return e.Err }

// Sign makes the document of event e, to be recorded with it. after is the state with e; signer is of the organization's
// document key. It gives what the entry keeps and the file itself. Equal arguments give equal bytes. Errors are a
// [*MismatchError] where signer is of another key, wrap [ErrNone], or are the signer's.
func Sign(after *rules.State, e *events.Event, signer crypto.Signer) (*chain.Document, []byte, error) {
	public, err := didkey.PublicOf(signer)
	if err != nil {
		return nil, nil, fmt.Errorf("document: %w", err)
	}
	key := didkey.Encode(public)
	format := FormatFor(after)
	unsigned, err := Render(after, e, format, key)
	if err != nil {
		return nil, nil, err
	}
	proof, file, err := credential.Issue(unsigned, signer, Method(after, format, public), e.Time)
	if err != nil {
		return nil, nil, fmt.Errorf("document: sign: %w", err)
	}
	return &chain.Document{CID: credential.CID(file), Format: format, Key: key, Proof: proof}, file, nil
}

// Rebuild computes the file of a document again from the event that carries it, the state with that event, and what
// the entry keeps, and checks all of the latter: that the format is known, the key is the organization's document key
// at this position, the proof is that key's over this document, and the CID that of the file. Errors are a
// [*MismatchError], or wrap [ErrNone].
func Rebuild(after *rules.State, e *events.Event, d *chain.Document) ([]byte, error) {
	unsigned, err := Render(after, e, d.Format, d.Key)
	if err != nil {
		return nil, err
	}
	public, err := didkey.Parse(d.Key)
	if err != nil {
		return nil, &MismatchError{MismatchKey, "an Ed25519 did:key", d.Key, err}
	}
	file, err := credential.Restore(unsigned, public, Method(after, d.Format, public), e.Time, d.Proof)
	if err != nil {
		return nil, &MismatchError{MismatchProof, "a signature of " + d.Key, d.Proof, err}
	}
	if cid := credential.CID(file); cid != d.CID {
		return nil, &MismatchError{What: MismatchCID, Expected: cid, Found: d.CID}
	}
	return file, nil
}
