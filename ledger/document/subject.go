package document

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
)

// writer writes what a document says of its thing: members in the order of canonical JSON.
type writer struct {
	after *rules.State
	e     *events.Event
	two   bool   // format vc.2
	lists []List // that are left out
}

func (w *writer) subject(about Thing) ([]byte, error) {
	switch about.Kind {
	case KindRole:
		return w.role(about.ID)
	case KindReview:
		return w.review(about.ID)
	}
	return w.user(about.ID)
}

// place says where the entry stands that carries the document: its ledger; behind that follows the position.
func (w *writer) ledger(b []byte) []byte {
	if w.two {
		b = appendMember(b, ',', "ledger", w.e.Source)
	}
	return b
}

func (w *writer) position(b []byte) []byte {
	if w.two {
		b = strconv.AppendUint(append(b, `,"position":`...), w.e.Sequence, 10)
	}
	return b
}

// array writes an array; one of more than most bytes as count and digest, and keeps it among the lists. spelled and
// digest are how such a list is written, and named.
func (w *writer) array(b []byte, one, member string, array []byte, most, count int, spelled func() ([]byte, events.Digest)) []byte {
	if len(array) <= most {
		return append(append(append(append(b, `,"`...), member...), `":`...), array...)
	}
	whole, digest := array, events.Digest(sha256.Sum256(array))
	if spelled != nil {
		whole, digest = spelled()
	}
	w.lists = append(w.lists, List{member, whole})
	b = append(append(append(b, `,"`...), one...), `Set":{"count":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	return append(appendMember(b, ',', "digest", base64.RawURLEncoding.EncodeToString(digest[:])), '}')
}

func (w *writer) role(id ulid.ULID) ([]byte, error) {
	r, ok := w.after.Role(id)
	if !ok {
		return nil, fmt.Errorf("document: there is no role %s", id)
	}
	uuid := rules.UUID(id)
	b := []byte{'{'}
	if w.two && r.Deleted != 0 {
		b = append(b, `"deleted":true,`...)
	}
	b = appendMember(b[:len(b)-1], b[len(b)-1], "description", r.Description)
	b = appendMember(b, ',', "id", uuidPrefix+uuid)
	b = w.ledger(b)
	b = appendMember(b, ',', "name", r.Name)
	names := w.after.RolePermissions(id)
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = written(w.after, name)
	}
	slices.Sort(short)
	b = w.array(b, "permission", "permissions", arrayOf(short), maxNames, r.Count, func() ([]byte, events.Digest) { return arrayOf(names), r.Set })
	b = w.position(b)
	b = appendMember(b, ',', "type", "Role")
	return append(appendMember(b, ',', "uuid", uuid), '}'), nil
}

// arrayOf writes an array of strings.
func arrayOf(names []string) []byte {
	list := []byte{'['}
	for i, name := range names {
		if i > 0 {
			list = append(list, ',')
		}
		list = canon.AppendString(list, name)
	}
	return append(list, ']')
}

// held is a role that somebody has, or a permission that somebody has without a role.
type held struct{ uuid, name, scope, until, condition, by string }

func (w *writer) user(id ulid.ULID) ([]byte, error) {
	u, ok := w.after.Subject(id)
	if !ok {
		return nil, fmt.Errorf("document: there is no subject %s", id)
	}
	var roles, permissions []held
	for _, h := range w.after.Held(id, w.e.Time) {
		one := held{scope: h.Scope, until: end(h.Until)}
		if w.two {
			if one.condition = h.Condition; h.By != (ulid.ULID{}) {
				one.by = didOf(w.after, h.By)
			}
		}
		if h.Role == (ulid.ULID{}) {
			one.name = written(w.after, h.Permission)
			permissions = append(permissions, one)
			continue
		}
		r, _ := w.after.Role(h.Role) // a role that somebody holds is there
		one.uuid, one.name = rules.UUID(h.Role), r.Name
		roles = append(roles, one)
	}
	slices.SortFunc(roles, func(a, b held) int { return cmp.Or(cmp.Compare(a.uuid, b.uuid), cmp.Compare(a.scope, b.scope)) })
	slices.SortFunc(permissions, func(a, b held) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.scope, b.scope)) })
	mostPermissions, mostRoles := maxNames, int(^uint(0)>>1)
	if w.two {
		mostPermissions, mostRoles = maxHeld, maxHeld
	}
	b := appendMember(nil, '{', "id", u.DID)
	b = w.ledger(b)
	if w.two && w.after.Owner() == id {
		b = append(b, `,"organizationOwner":true`...)
	}
	b = w.array(b, "permission", "permissions", w.holdings(permissions), mostPermissions, len(permissions), nil)
	b = w.position(b)
	b = w.array(b, "role", "roles", w.holdings(roles), mostRoles, len(roles), nil)
	if state := w.state(u); w.two && state != rules.StateActive {
		b = appendMember(b, ',', "state", state)
	}
	b = appendMember(b, ',', "type", "UserPermissions")
	return append(appendMember(b, ',', "userId", u.DID), '}'), nil
}

// state says whether a subject can act: an API key that is assigned to somebody can only while that one can.
func (w *writer) state(u rules.Subject) string {
	if u.Kind == events.KindAPIKey && u.State == rules.StateActive {
		if holder, ok := w.after.Subject(w.after.About(u.ID).Holder); ok && holder.Deactivated != 0 {
			return rules.StateDeactivated
		}
	}
	return u.State
}

func (w *writer) holdings(all []held) []byte {
	list := []byte{'['}
	for i, h := range all {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, '{')
		first := len(list)
		list = appendOptional(list, "condition", h.condition)
		list = appendOptional(list, "delegatedBy", h.by)
		list = appendMember(list, ',', "name", h.name)
		list = append(list[:first], list[first+1:]...) // the first has no comma before it
		if h.uuid != "" {
			list = appendMember(list, ',', "owner", w.after.DID())
		}
		list = appendOptional(list, "scope", h.scope)
		list = appendOptional(list, "until", h.until)
		list = append(appendOptional(list, "uuid", h.uuid), '}')
	}
	return append(list, ']')
}
