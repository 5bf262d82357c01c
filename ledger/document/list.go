package document

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

// A List is an array that was too large for its document, which names it by count and digest.
type List struct {
	Member string // that it would have been: permissions, roles or items
	Array  []byte // in canonical JSON; of a role's permissions the names as entries spell them
}

// ErrList says that a list is not the one that a document names.
var ErrList = errors.New("document: not the list that the document names")

// sets are the members that stand in the place of lists.
var sets = map[string]string{"permissions": "permissionSet", "roles": "roleSet", "items": "itemSet"}

// Named says which lists a document names by their digests alone, by the members that they would have been.
func Named(file []byte) []string {
	var names []string
	for _, member := range []string{"items", "permissions", "roles"} {
		if bytes.Contains(file, []byte(`"`+sets[member]+`":{`)) { // a text would have its quotation marks escaped
			names = append(names, member)
		}
	}
	return names
}

// Lists gives the lists that the document of an event names by their digests alone; none where it holds all it says. The
// arguments are those of [Rebuild], which they were checked by.
func Lists(after *rules.State, e *events.Event, d *chain.Document) ([]List, error) {
	_, lists, err := render(after, e, d.Format, d.Key)
	return lists, err
}

// CheckList says whether a list is the one that a document names: it errs with [ErrList] where it is not. It looks at
// nothing else of either.
func CheckList(file []byte, l List) error {
	type set struct {
		Count  int    `json:"count"`
		Digest string `json:"digest"`
	}
	var doc struct {
		Subject struct {
			Type        string `json:"type"`
			Permissions *set   `json:"permissionSet"`
			Roles       *set   `json:"roleSet"`
			Items       *set   `json:"itemSet"`
		} `json:"credentialSubject"`
	}
	if err := json.Unmarshal(file, &doc); err != nil {
		return fmt.Errorf("%w: %w", ErrList, err)
	}
	of := map[string]*set{"permissions": doc.Subject.Permissions, "roles": doc.Subject.Roles, "items": doc.Subject.Items}[l.Member]
	if of == nil {
		return fmt.Errorf("%w: it names no list of %s", ErrList, l.Member)
	}
	digest := events.Digest(sha256.Sum256(l.Array))
	count := 0
	if doc.Subject.Type == "Role" {
		var names []string
		if err := json.Unmarshal(l.Array, &names); err != nil {
			return fmt.Errorf("%w: %w", ErrList, err)
		}
		if !bytes.Equal(arrayOf(names), l.Array) {
			return fmt.Errorf("%w: it is not in canonical JSON", ErrList)
		}
		digest, count = events.SetDigest(names), len(names)
	} else {
		var items []json.RawMessage
		if err := json.Unmarshal(l.Array, &items); err != nil {
			return fmt.Errorf("%w: %w", ErrList, err)
		}
		count = len(items)
	}
	if have := base64.RawURLEncoding.EncodeToString(digest[:]); have != of.Digest || count != of.Count {
		return fmt.Errorf("%w: %d %s of digest %s, found %d of %s", ErrList, of.Count, l.Member, of.Digest, count, have)
	}
	return nil
}
