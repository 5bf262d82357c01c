package api

import (
	"net/http"
	"strings"

	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// keyCache remembers which did:key the API keys have that were used last, by the hashes of the keys: deriving it takes
// as long as a dozen decisions. It says nothing of whether a key may do anything.
type keyCache = recent[[32]byte, string]

const mostKeys = 5_000 // of each half

// remember notes the did:key of an API key that somebody was let in with.
func (s *server) remember(c Caller, r *http.Request) {
	if token, ok := bearer(r); ok && c.Kind == APIKey && c.key != nil {
		s.dids.put(hashToken(token), c.did(), mostKeys)
	}
}

// bearer gives the token of a request's one Authorization.
func bearer(r *http.Request) (string, bool) {
	fields := r.Header["Authorization"]
	if len(fields) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(fields[0], " ")
	return token, ok && strings.EqualFold(scheme, "Bearer")
}

// onlyOrganization gives the one organization that somebody is in; empty: there is none, or there are several.
func (s *server) onlyOrganization(in func(*node.Org) bool) string {
	only := ""
	for _, id := range s.node.Organizations() {
		org, err := s.node.Org(id)
		if err != nil || !in(org) { // closed since, or another's
			continue
		}
		if only != "" {
			return ""
		}
		only = id
	}
	return only
}

// organizationOfKey is onlyOrganization for the holder of a did:key.
func (s *server) organizationOfKey(did string) string {
	return s.onlyOrganization(func(org *node.Org) (in bool) {
		org.Fold.Read(func(s *rules.State) { _, in = s.KeyOwner(did) })
		return in
	})
}

// organizationOf gives the organization whose decision point is at the root for a caller.
func (s *server) organizationOf(c Caller) (string, error) {
	if c.Kind == LocalOperator {
		only := s.onlyOrganization(func(org *node.Org) bool { return org.ID != node.Operator })
		if only == "" {
			return "", badRequest("There is not one organization alone: ask at /orgs/{org}" + accessPath)
		}
		return only, nil
	}
	only := s.onlyOrganization(func(org *node.Org) bool { _, in := c.Subject(org); return in })
	if only == "" {
		return "", unauthenticated("Who asks is not somebody in one organization alone", "Ask at /orgs/{org}"+accessPath)
	}
	return only, nil
}
