package document

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
)

const (
	contextV2        = "https://www.w3.org/ns/credentials/v2"
	contextUndefined = "https://www.w3.org/ns/credentials/undefined-terms/v2" // else strict JSON-LD readers refuse our terms
	timeLayout       = "2006-01-02T15:04:05.000Z"
	uuidPrefix       = "urn:uuid:"

	// StatusListLength is how many documents one status list covers: the least the specification allows.
	StatusListLength = 131_072
	// maxNames is how many bytes an array of permissions may take, so that a file stays within one IPFS block.
	maxNames = 200_000
)

// Purposes of the status lists that each document names.
const (
	PurposeRevocation = "revocation" // the role, or what somebody held, is no more
	PurposeRefresh    = "refresh"    // a newer document speaks of the same thing
)

type vc struct {
	Context   []string `json:"@context"`
	ID        string   `json:"id"`
	Type      []string `json:"type"`
	Issuer    string   `json:"issuer"`
	ValidFrom string   `json:"validFrom"`
	Status    []status `json:"credentialStatus"`
	Subject   any      `json:"credentialSubject"`
}

type status struct {
	Type    string `json:"type"`
	Purpose string `json:"statusPurpose"`
	Index   string `json:"statusListIndex"`
	List    string `json:"statusListCredential"`
}

type roleSubject struct {
	ID          string   `json:"id"`
	Type        string   `json:"type"`
	UUID        string   `json:"uuid"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Permissions []string `json:"permissions,omitzero"` // nil where Set stands in its place
	Set         *setOf   `json:"permissionSet,omitempty"`
}

type userSubject struct {
	ID          string  `json:"id"`
	Type        string  `json:"type"`
	UserID      string  `json:"userId"`
	Roles       []held  `json:"roles"`
	Permissions []given `json:"permissions,omitzero"` // nil where Set stands in its place
	Set         *setOf  `json:"permissionSet,omitempty"`
}

type setOf struct {
	Count  int    `json:"count"`
	Digest string `json:"digest"`
}

func newSet(count int, digest events.Digest) *setOf {
	return &setOf{count, base64.RawURLEncoding.EncodeToString(digest[:])}
}

type held struct {
	UUID  string `json:"uuid"`
	Name  string `json:"name"`
	Owner string `json:"owner"`
	Scope string `json:"scope,omitempty"`
	Until string `json:"until,omitempty"`
}

type given struct {
	Name  string `json:"name"`
	Scope string `json:"scope,omitempty"`
	Until string `json:"until,omitempty"`
}

// Render gives the document of event e without its proof, in canonical JSON. after is the state with e; format is the
// one it is recorded in, and key the did:key that signs it. Errors are a [*MismatchError] where these do not fit
// together, or wrap [ErrNone].
func Render(after *rules.State, e *events.Event, format, key string) ([]byte, error) {
	if format != Format {
		return nil, &MismatchError{What: MismatchFormat, Expected: Format, Found: format}
	}
	if after.Position() != e.Sequence || after.Source() != e.Source {
		return nil, &MismatchError{
			What:     MismatchPosition,
			Expected: fmt.Sprintf("the state of %s after %d", e.Source, e.Sequence),
			Found:    fmt.Sprintf("that of %s after %d", after.Source(), after.Position()),
		}
	}
	about, ok := About(e.Data)
	if !ok || !after.Documented(e.Data) {
		return nil, fmt.Errorf("document: %s at %d: %w", e.Data.Type(), e.Sequence, ErrNone)
	}
	if want := after.Key(events.PurposeDocument); key != want {
		return nil, &MismatchError{What: MismatchKey, Expected: want, Found: key}
	}
	subject, err := subjectOf(after, e, about)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(vc{
		Context:   []string{contextV2, contextUndefined},
		ID:        uuidPrefix + rules.UUID(e.ID),
		Type:      []string{"VerifiableCredential"},
		Issuer:    after.DID(),
		ValidFrom: e.Time.UTC().Format(timeLayout),
		Status:    statusOf(e.Source, after.Documents()-1), // the state counts this document already
		Subject:   subject,
	})
	if err != nil {
		return nil, fmt.Errorf("document: render: %w", err)
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return nil, fmt.Errorf("document: render: %w", err)
	}
	return canonical, nil
}

// statusOf names the two bits of the document with number n, counted from 0.
func statusOf(source string, n uint64) []status {
	organization := events.Organization(source)
	host := strings.TrimSuffix(source, "/"+organization)
	index := strconv.FormatUint(n%StatusListLength, 10)
	entries := make([]status, 0, 2)
	for _, purpose := range []string{PurposeRevocation, PurposeRefresh} {
		list := fmt.Sprintf("https://%s/orgs/%s/status/%s/%d", host, organization, purpose, n/StatusListLength)
		entries = append(entries, status{"BitstringStatusListEntry", purpose, index, list})
	}
	return entries
}

func subjectOf(after *rules.State, e *events.Event, about Thing) (any, error) {
	if about.Kind == KindRole {
		return roleOf(after, about.ID)
	}
	return userOf(after, e, about.ID)
}

func roleOf(after *rules.State, id ulid.ULID) (roleSubject, error) {
	r, ok := after.Role(id)
	if !ok {
		return roleSubject{}, fmt.Errorf("document: there is no role %s", id)
	}
	uuid := rules.UUID(id)
	subject := roleSubject{ID: uuidPrefix + uuid, Type: "Role", UUID: uuid, Name: r.Name, Description: r.Description}
	names := after.RolePermissions(id)
	size := 2
	for i, name := range names {
		names[i] = written(after, name)
		size += len(canon.AppendString(nil, names[i])) + 1
	}
	if size-1 > maxNames { // the last name has no comma after it
		subject.Set = newSet(r.Count, r.Set)
		return subject, nil
	}
	slices.Sort(names)
	subject.Permissions = names
	return subject, nil
}

func userOf(after *rules.State, e *events.Event, id ulid.ULID) (userSubject, error) {
	u, ok := after.Subject(id)
	if !ok {
		return userSubject{}, fmt.Errorf("document: there is no subject %s", id)
	}
	subject := userSubject{ID: u.DID, Type: "UserPermissions", UserID: u.DID, Roles: []held{}, Permissions: []given{}}
	for _, h := range after.Held(id, e.Time) {
		if h.Role == (ulid.ULID{}) {
			subject.Permissions = append(subject.Permissions, given{written(after, h.Permission), h.Scope, end(h.Until)})
			continue
		}
		r, _ := after.Role(h.Role) // a role that somebody holds is there
		subject.Roles = append(subject.Roles, held{rules.UUID(h.Role), r.Name, after.DID(), h.Scope, end(h.Until)})
	}
	slices.SortFunc(subject.Roles, func(a, b held) int {
		return cmp.Or(cmp.Compare(a.UUID, b.UUID), cmp.Compare(a.Scope, b.Scope))
	})
	slices.SortFunc(subject.Permissions, func(a, b given) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope))
	})
	// The members of given are in canonical order, and names and scopes are ASCII: this is the canonical length but for
	// the escapes of <, > and &, so it is made canonical before it is measured.
	text, err := json.Marshal(subject.Permissions)
	if err != nil {
		return userSubject{}, fmt.Errorf("document: render: %w", err)
	}
	if len(text) <= maxNames {
		return subject, nil
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return userSubject{}, fmt.Errorf("document: render: %w", err)
	}
	if len(canonical) > maxNames {
		subject.Set = newSet(len(subject.Permissions), sha256.Sum256(canonical))
		subject.Permissions = nil
	}
	return subject, nil
}

// written gives a permission's name as documents write it. No two names are written alike.
func written(after *rules.State, name string) string {
	short, ok := strings.CutPrefix(name, after.Opened().Profile.Name+":")
	if !ok {
		return name
	}
	if canonical, _ := after.Permission(short); canonical == short {
		return name
	}
	return short
}

func end(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return until.UTC().Format(timeLayout)
}
