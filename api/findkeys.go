package api

import (
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/ledger/rules"
)

// keysAsked gives the keys that the parameters subject, kind (of the subjects whose they are) and purposes leave, before anything
// else is found out about them.
func (c *call) keysAsked(s *rules.State) ([]rules.Key, error) {
	keys := s.Keys()
	if name := c.query.Get("subject"); name != "" {
		id, ok := s.SubjectByKey(name)
		if !ok {
			if given, err := ulid.ParseStrict(name); err == nil {
				id = given
				_, ok = s.Subject(id)
			}
		}
		if !ok {
			return nil, refused(&rules.Refusal{Code: rules.NotFound, Reason: "There is no subject " + clip(name)}, c.org)
		}
		keys = slices.DeleteFunc(keys, func(k rules.Key) bool { return k.Subject != id })
	}
	if kinds := c.query.Get("kind"); kinds != "" {
		all := strings.Split(kinds, ",")
		keys = slices.DeleteFunc(keys, func(k rules.Key) bool {
			u, ok := s.Subject(k.Subject)
			return !ok || !slices.Contains(all, u.Kind)
		})
	}
	if purposes := c.query.Get("purposes"); purposes != "" {
		all := strings.Split(purposes, ",")
		keys = slices.DeleteFunc(keys, func(k rules.Key) bool { return !slices.Contains(all, k.Purpose) })
	}
	return keys, nil
}
