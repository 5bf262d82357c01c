package document

import (
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// DIDURL says where the DID document of an organization is served.
func DIDURL(source string) string {
	host, organization := split(source)
	return "https://" + host + "/orgs/" + organization + "/did.json"
}

// StatusListURL names a status list of a ledger.
func StatusListURL(source, purpose string, list uint64) string {
	host, organization := split(source)
	return "https://" + host + "/orgs/" + organization + "/status/" + purpose + "/" + number(list)
}

func isWeb(did string) bool { return strings.HasPrefix(did, "did:web:") }

func split(source string) (host, organization string) {
	organization = events.Organization(source)
	return strings.TrimSuffix(source, "/"+organization), organization
}

// A Key is a key that signs documents, or did.
type Key struct {
	DID   string // did:key
	From  uint64 // the position that it came into force with
	Until uint64 // the position that ended it; 0: it is in force
	Ended time.Time
	// Distrusted is the position from which it vouches for nothing by itself: of its revocation, or where somebody
	// reported that others may have it, and it is in force no more. 0: it is trusted.
	Distrusted uint64
	Since      time.Time // of that position

	reported   uint64
	reportedAt time.Time
}

// Keys follows the keys that sign the documents of one ledger. The zero Keys is before the first entry.
type Keys struct{ all []Key }

// Apply takes in the next event.
func (k *Keys) Apply(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		k.all = append(k.all, Key{DID: d.Keys.Document, From: e.Sequence})
	case *events.KeyRegistered:
		if d.Purpose == events.PurposeDocument {
			k.all = append(k.all, Key{DID: d.Key, From: e.Sequence})
		}
	case *events.KeyRotated:
		if old := k.find(d.Old); old != nil {
			old.end(e)
			k.all = append(k.all, Key{DID: d.New, From: e.Sequence})
		}
	case *events.KeyRevoked:
		if key := k.find(d.Key); key != nil {
			key.end(e)
			key.distrust(e.Sequence, e.Time)
		}
	case *events.KeyReported:
		if key := k.find(d.Key); key != nil {
			if key.reported == 0 {
				key.reported, key.reportedAt = e.Sequence, e.Time
			}
			if key.Until != 0 {
				key.distrust(e.Sequence, e.Time)
			}
		}
	}
}

func (k *Keys) find(did string) *Key {
	i := slices.IndexFunc(k.all, func(key Key) bool { return key.DID == did })
	if i < 0 {
		return nil
	}
	return &k.all[i]
}

func (k *Key) end(e *events.Event) {
	if k.Until == 0 {
		k.Until, k.Ended = e.Sequence, e.Time
	}
	if k.reported != 0 {
		k.distrust(e.Sequence, e.Time)
	}
}

func (k *Key) distrust(at uint64, since time.Time) {
	if k.Distrusted == 0 {
		k.Distrusted, k.Since = at, since
	}
}

// At gives the keys as they were at a position, in the order in which they came.
func (k *Keys) At(position uint64) []Key {
	var at []Key
	for _, key := range k.all {
		if key.From > position {
			continue
		}
		if key.Until > position {
			key.Until, key.Ended = 0, time.Time{}
		}
		if key.Distrusted > position {
			key.Distrusted, key.Since = 0, time.Time{}
		}
		key.reported, key.reportedAt = 0, time.Time{}
		at = append(at, key)
	}
	return at
}

// AppendSnapshot writes the keys as a part of a snapshot.
func (k *Keys) AppendSnapshot(b []byte) []byte {
	b = snapshot.AppendCount(b, len(k.all))
	for _, key := range k.all {
		b = snapshot.AppendString(b, key.DID)
		for _, at := range []uint64{key.From, key.Until, key.Distrusted, key.reported} {
			b = snapshot.AppendUint(b, at)
		}
		for _, at := range []time.Time{key.Ended, key.Since, key.reportedAt} {
			milli := int64(0) // nothing happened in 1970
			if !at.IsZero() {
				milli = at.UnixMilli()
			}
			b = snapshot.AppendInt(b, milli)
		}
	}
	return b
}

// ReadSnapshot reads what AppendSnapshot wrote into the zero Keys.
func (k *Keys) ReadSnapshot(r *snapshot.Reader) {
	instant := func() (at time.Time) {
		if milli := r.Int(); milli != 0 {
			at = time.UnixMilli(milli).UTC()
		}
		return at
	}
	for range r.Count(8) {
		key := Key{DID: r.String(), From: r.Uint(), Until: r.Uint(), Distrusted: r.Uint(), reported: r.Uint()}
		key.Ended, key.Since, key.reportedAt = instant(), instant(), instant()
		k.all = append(k.all, key)
	}
}

// DIDDocument gives the DID document of an organization, in canonical JSON: of the did:web that it named, else of the one
// that its ledger's name gives it ([events.WebDID]). did is the DID it named; empty: none. keys are those of a position.
//
// Each key has a verification method, those that sign nothing more too, so that old documents stay verifiable; all
// that are trusted are assertion methods. A key that is not has a revoked time instead.
func DIDDocument(source, did string, keys []Key) []byte {
	id := did
	if !isWeb(id) {
		id = events.WebDID(source)
	}
	var also []string
	switch {
	case did == "":
		for _, key := range keys {
			also = append(also, key.DID)
		}
	case did != id:
		also = append(also, did)
	}
	b := []byte(`{"@context":["https://www.w3.org/ns/did/v1","https://w3id.org/security/multikey/v1"]`)
	if len(also) > 0 {
		b = append(append(b, `,"alsoKnownAs":`...), arrayOf(also)...)
	}
	var methods, assertions []string
	for _, key := range keys {
		name := methodOf(id, key.DID)
		methods = append(methods, name)
		if key.Distrusted == 0 {
			assertions = append(assertions, name)
		}
	}
	b = append(append(b, `,"assertionMethod":`...), arrayOf(assertions)...)
	b = appendMember(b, ',', "id", id)
	b = append(b, `,"verificationMethod":[`...)
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, '{', "controller", id)
		b = appendMember(b, ',', "id", methods[i])
		b = appendMember(b, ',', "publicKeyMultibase", strings.TrimPrefix(key.DID, "did:key:"))
		if key.Distrusted != 0 {
			b = appendMember(b, ',', "revoked", end(key.Since))
		}
		b = append(appendMember(b, ',', "type", "Multikey"), '}')
	}
	return append(b, "]}"...)
}

// methodOf is credential.MethodOf of a key that is written as did:key.
func methodOf(did, key string) string { return did + "#" + strings.TrimPrefix(key, "did:key:") }
