package document

import (
	"fmt"
	"strconv"
	"strings"
	"time"

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
	// maxHeld is maxNames for each of the two arrays of format vc.2 that say what somebody holds.
	maxHeld = 100_000
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
	b, _, err := render(after, e, format, key)
	return b, err
}

// render is Render, and gives the lists that the document names by their digests alone.
func render(after *rules.State, e *events.Event, format, key string) ([]byte, []List, error) {
	if format != Format && format != FormatOne {
		return nil, nil, &MismatchError{What: MismatchFormat, Expected: Format + " or " + FormatOne, Found: format}
	}
	if after.Position() != e.Sequence || after.Source() != e.Source {
		return nil, nil, &MismatchError{
			What:     MismatchPosition,
			Expected: fmt.Sprintf("the state of %s after %d", e.Source, e.Sequence),
			Found:    fmt.Sprintf("that of %s after %d", after.Source(), after.Position()),
		}
	}
	about, ok := About(e.Data)
	if !ok || !after.Documented(e.Data) {
		return nil, nil, fmt.Errorf("document: %s at %d: %w", e.Data.Type(), e.Sequence, ErrNone)
	}
	if want := after.Key(events.PurposeDocument); key != want {
		return nil, nil, &MismatchError{What: MismatchKey, Expected: want, Found: key}
	}
	w := writer{after: after, e: e, two: format != FormatOne}
	subject, err := w.subject(about)
	if err != nil {
		return nil, nil, err
	}
	// All strings here are ones that entries hold, so the canonical form of events is that of RFC 8785 for them.
	b := append(make([]byte, 0, len(subject)+1024), `{"@context":["`+contextV2+`","`+contextUndefined+`"],"credentialStatus":`...)
	b = appendStatus(b, e.Source, after.Documents()-1) // the state counts this document already
	b = append(append(b, `,"credentialSubject":`...), subject...)
	b = appendMember(b, ',', "id", uuidPrefix+rules.UUID(e.ID))
	b = appendMember(b, ',', "issuer", after.DID())
	b = append(b, `,"type":["VerifiableCredential"]`...)
	b = appendMember(b, ',', "validFrom", e.Time.UTC().Format(timeLayout))
	return append(b, '}'), w.lists, nil
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

// appendStatus names the two bits of the document with number n, counted from 0.
func appendStatus(b []byte, source string, n uint64) []byte {
	for i, purpose := range []string{PurposeRevocation, PurposeRefresh} {
		b = append(b, "[,"[i])
		list := statusListURL(source, purpose, n/StatusListLength)
		b = appendMember(b, '{', "statusListCredential", list)
		b = appendMember(b, ',', "statusListIndex", strconv.FormatUint(n%StatusListLength, 10))
		b = appendMember(b, ',', "statusPurpose", purpose)
		b = append(appendMember(b, ',', "type", "BitstringStatusListEntry"), '}')
	}
	return append(b, ']')
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
