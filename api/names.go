package api

import (
	"iter"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
)

func roleKeys(x *access.Index, a access.AsOf) iter.Seq[string] {
	return keysOf(x.RoleList(a), func(r access.RoleView) string { return r.Key })
}

func subjectKeys(x *access.Index, a access.AsOf) iter.Seq[string] {
	return keysOf(x.FindSubjects(access.SubjectFilter{}, a), func(u access.Found) string { return u.Key })
}

func keysOf[T any](list []T, key func(T) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, one := range list {
			if !yield(key(one)) {
				return
			}
		}
	}
}

// nearThing gives names near the one that was not found, as the organization is now.
func nearThing(org *node.Org, e *access.NotFoundError) []string {
	if org == nil {
		return nil
	}
	now := access.AsOf{Position: org.Access.Head().Position}
	switch e.Kind {
	case "role":
		return rules.Nearest(e.Name, roleKeys(org.Access, now))
	case "subject":
		return rules.Nearest(e.Name, subjectKeys(org.Access, now))
	}
	_, near := permission(org, e.Name)
	return near
}

// permission gives the canonical name of a permission that was named with or without its catalogue, else names near it.
func permission(org *node.Org, name string) (canonical string, near []string) {
	org.Fold.Read(func(s *rules.State) { canonical, near = s.Permission(name) })
	return canonical, near
}

// ledgerActor is how the ledger's own actor, which has an id only, is shown.
const ledgerActor = "ledger"

// operatorActor is how whoever runs the ledger is shown, who has an id only, too.
const operatorActor = "ledger-operator"

// keyOf gives the key of a subject, or that of the ledger's own actor; what is neither is shown by its id.
func keyOf(org *node.Org, id ulid.ULID) string {
	key := id.String()
	if org != nil {
		org.Fold.Read(func(s *rules.State) {
			if u, ok := s.Subject(id); ok {
				key = u.Key
			} else if o := s.Opened(); o != nil && o.Node == id {
				key = ledgerActor
			} else if o != nil && o.Operator == id {
				key = operatorActor
			}
		})
	}
	return key
}

// erasedText stands where a text was erased.
const erasedText = "(erased)"

// words gives the text that a commitment is of; empty where there is none, or it is not here.
func words(org *node.Org, commitment events.Digest) string {
	if commitment == (events.Digest{}) {
		return ""
	}
	t, here := org.Private.Get(commitment)
	if !here && org.Private.Erased(commitment) {
		return erasedText
	}
	return t.Text
}
