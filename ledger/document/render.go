package document

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
	// All strings here are ones that entries hold, so the canonical form of events is that of RFC 8785 for them.
	b := append(make([]byte, 0, len(subject)+1024), `{"@context":["`+contextV2+`","`+contextUndefined+`"],"credentialStatus":`...)
	b = appendStatus(b, e.Source, after.Documents()-1) // the state counts this document already
	b = append(append(b, `,"credentialSubject":`...), subject...)
	b = appendMember(b, ',', "id", uuidPrefix+rules.UUID(e.ID))
	b = appendMember(b, ',', "issuer", after.DID())
	b = append(b, `,"type":["VerifiableCredential"]`...)
	b = appendMember(b, ',', "validFrom", e.Time.UTC().Format(timeLayout))
	return append(b, '}'), nil
}

// appendMember writes a member whose value is a string, behind a comma or what opens the object.
func appendMember(b []byte, before byte, name, value string) []byte {
	b = append(append(append(b, before, '"'), name...), '"', ':')
	return canon.AppendString(b, value)
}

// appendOptional writes a member, unless its value is empty.
func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendMember(b, ',', name, value)
}

func appendSet(b []byte, count int, digest events.Digest) []byte {
	b = strconv.AppendInt(append(b, `,"permissionSet":{"count":`...), int64(count), 10)
	return append(appendMember(b, ',', "digest", base64.RawURLEncoding.EncodeToString(digest[:])), '}')
}

// appendStatus names the two bits of the document with number n, counted from 0.
func appendStatus(b []byte, source string, n uint64) []byte {
	organization := events.Organization(source)
	host := strings.TrimSuffix(source, "/"+organization)
	for i, purpose := range []string{PurposeRevocation, PurposeRefresh} {
		b = append(b, "[,"[i])
		list := "https://" + host + "/orgs/" + organization + "/status/" + purpose + "/" + strconv.FormatUint(n/StatusListLength, 10)
		b = appendMember(b, '{', "statusListCredential", list)
		b = appendMember(b, ',', "statusListIndex", strconv.FormatUint(n%StatusListLength, 10))
		b = appendMember(b, ',', "statusPurpose", purpose)
		b = append(appendMember(b, ',', "type", "BitstringStatusListEntry"), '}')
	}
	return append(b, ']')
}

func subjectOf(after *rules.State, e *events.Event, about Thing) ([]byte, error) {
	switch about.Kind {
	case KindRole:
		return roleOf(after, about.ID)
	case KindReview:
		return reviewOf(after, about.ID)
	}
	return userOf(after, e, about.ID)
}

func roleOf(after *rules.State, id ulid.ULID) ([]byte, error) {
	r, ok := after.Role(id)
	if !ok {
		return nil, fmt.Errorf("document: there is no role %s", id)
	}
	uuid := rules.UUID(id)
	b := appendMember(nil, '{', "description", r.Description)
	b = appendMember(b, ',', "id", uuidPrefix+uuid)
	b = appendMember(b, ',', "name", r.Name)
	names := after.RolePermissions(id)
	for i, name := range names {
		names[i] = written(after, name)
	}
	slices.Sort(names)
	list := []byte{'['}
	for i, name := range names {
		if i > 0 {
			list = append(list, ',')
		}
		list = canon.AppendString(list, name)
	}
	list = append(list, ']')
	if len(list) > maxNames {
		b = appendSet(b, r.Count, r.Set)
	} else {
		b = append(append(b, `,"permissions":`...), list...)
	}
	b = appendMember(b, ',', "type", "Role")
	return append(appendMember(b, ',', "uuid", uuid), '}'), nil
}

// held is a role that somebody has, given a permission without a role.
type held struct{ uuid, name, scope, until string }
type given struct{ name, scope, until string }

func userOf(after *rules.State, e *events.Event, id ulid.ULID) ([]byte, error) {
	u, ok := after.Subject(id)
	if !ok {
		return nil, fmt.Errorf("document: there is no subject %s", id)
	}
	var roles []held
	var permissions []given
	for _, h := range after.Held(id, e.Time) {
		if h.Role == (ulid.ULID{}) {
			permissions = append(permissions, given{written(after, h.Permission), h.Scope, end(h.Until)})
			continue
		}
		r, _ := after.Role(h.Role) // a role that somebody holds is there
		roles = append(roles, held{rules.UUID(h.Role), r.Name, h.Scope, end(h.Until)})
	}
	slices.SortFunc(roles, func(a, b held) int {
		return cmp.Or(cmp.Compare(a.uuid, b.uuid), cmp.Compare(a.scope, b.scope))
	})
	slices.SortFunc(permissions, func(a, b given) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.scope, b.scope))
	})
	list := []byte{'['}
	for i, g := range permissions {
		if i > 0 {
			list = append(list, ',')
		}
		list = appendMember(list, '{', "name", g.name)
		list = appendOptional(list, "scope", g.scope)
		list = append(appendOptional(list, "until", g.until), '}')
	}
	list = append(list, ']')
	b := appendMember(nil, '{', "id", u.DID)
	if len(list) > maxNames {
		b = appendSet(b, len(permissions), sha256.Sum256(list))
	} else {
		b = append(append(b, `,"permissions":`...), list...)
	}
	b = append(b, `,"roles":[`...)
	for i, h := range roles {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, '{', "name", h.name)
		b = appendMember(b, ',', "owner", after.DID())
		b = appendOptional(b, "scope", h.scope)
		b = appendOptional(b, "until", h.until)
		b = append(appendMember(b, ',', "uuid", h.uuid), '}')
	}
	b = append(b, ']')
	b = appendMember(b, ',', "type", "UserPermissions")
	return append(appendMember(b, ',', "userId", u.DID), '}'), nil
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
