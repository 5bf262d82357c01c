package api

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
)

// nearest gives up to three names that differ little from one that nobody has.
func nearest(name string, names iter.Seq[string]) []string {
	type near struct {
		name string
		far  int
	}
	const longest = 256 // nobody means a longer name
	if len(name) > longest {
		return nil
	}
	limit := max(2, len(name)/4)
	var found []near
	for have := range names {
		if far := distance(strings.ToLower(name), strings.ToLower(have), limit); far <= limit {
			found = append(found, near{have, far})
		}
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name)) })
	var out []string
	for _, n := range found[:min(3, len(found))] {
		out = append(out, n.name)
	}
	return out
}

// distance counts the insertions, deletions and substitutions between two names; above limit it gives up.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal, least := row[0], i
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}

func roleKeys(x *access.Index, a access.AsOf) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range x.Roles(a) {
			if !yield(r.Key) {
				return
			}
		}
	}
}

func subjectKeys(x *access.Index, a access.AsOf) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, u := range x.Subjects(a) {
			if !yield(u.Key) {
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
		return nearest(e.Name, roleKeys(org.Access, now))
	case "subject":
		return nearest(e.Name, subjectKeys(org.Access, now))
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

// keyOf gives the key of a subject, or that of the ledger's own actor; what is neither is shown by its id.
func keyOf(org *node.Org, id ulid.ULID) string {
	key := id.String()
	if org != nil {
		org.Fold.Read(func(s *rules.State) {
			if u, ok := s.Subject(id); ok {
				key = u.Key
			} else if o := s.Opened(); o != nil && o.Node == id {
				key = ledgerActor
			}
		})
	}
	return key
}

// words gives the text that a commitment is of; empty where there is none, or where it was erased.
func words(org *node.Org, commitment events.Digest) string {
	if commitment == (events.Digest{}) {
		return ""
	}
	t, _ := org.Private.Get(commitment)
	return t.Text
}
