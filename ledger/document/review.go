package document

import (
	"fmt"
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/ledger/rules"
)

// reviewOf writes what was decided of each item of a review that the event closed.
func (w *writer) review(id ulid.ULID) ([]byte, error) {
	after := w.after
	r, ok := after.Review(id)
	if !ok || !r.Closed {
		return nil, fmt.Errorf("document: no review %s was closed here", id)
	}
	list := []byte{'['}
	for i := range r.Items {
		if i > 0 {
			list = append(list, ',')
		}
		list = appendItem(list, after, &r.Items[i])
	}
	list = append(list, ']')
	b := []byte{}
	before := byte('{')
	if !r.Due.IsZero() {
		b = appendMember(b, before, "due", end(r.Due))
		before = ','
	}
	b = appendMember(b, before, "id", uuidPrefix+rules.UUID(id))
	b = w.array(b, "item", "items", list, maxNames, len(r.Items), nil)
	b = w.position(w.ledger(b))
	b = appendMember(b, ',', "scope", reviewed(after, r.Scope))
	b = strconv.AppendUint(append(b, `,"started":`...), r.Started, 10)
	b = appendMember(b, ',', "title", r.Title)
	return append(appendMember(b, ',', "type", "AccessReview"), '}'), nil
}

func appendItem(b []byte, after *rules.State, i *rules.ReviewItem) []byte {
	decision := "none"
	switch {
	case i.Decided != 0 && i.Revoke:
		decision = "revoke"
	case i.Decided != 0:
		decision = "keep"
	}
	before := byte('{')
	if i.Decided != 0 {
		b = appendMember(b, before, "by", didOf(after, i.By))
		b = appendMember(b, ',', "decided", end(i.At))
		before = ','
	}
	b = appendMember(b, before, "decision", decision)
	b = appendMember(b, ',', "grant", uuidPrefix+rules.UUID(i.Grant))
	if i.Permission != "" {
		b = appendMember(b, ',', "permission", written(after, i.Permission))
	} else {
		r, _ := after.Role(i.Role)
		b = appendMember(b, ',', "role", r.Name)
	}
	b = appendOptional(b, "scope", i.Scope)
	return append(appendMember(b, ',', "userId", didOf(after, i.Subject)), '}')
}

func didOf(after *rules.State, id ulid.ULID) string {
	if u, ok := after.Subject(id); ok {
		return u.DID
	}
	return uuidPrefix + rules.UUID(id)
}

// reviewed names what a review is of.
func reviewed(after *rules.State, scope string) string {
	kind, id, one := rules.Thing(scope)
	switch {
	case !one:
		return scope
	case kind == KindRole:
		return uuidPrefix + rules.UUID(id)
	}
	return didOf(after, id)
}
