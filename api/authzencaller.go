package api

import (
	"net/http"
	"strings"
	"sync"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// tokenCache remembers which did:key the API keys have that were used last, by the hashes of the keys: deriving it takes
// as long as a dozen decisions. It says nothing of whether a key may do anything.
type tokenCache struct {
	mu   sync.RWMutex
	dids map[[32]byte]string
}

const mostTokens = 10_000

func (t *tokenCache) find(hash [32]byte) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	did, ok := t.dids[hash]
	return did, ok
}

// keep remembers the did:key of a token that somebody was let in with.
func (t *tokenCache) keep(hash [32]byte, did string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dids == nil {
		t.dids = map[[32]byte]string{}
	}
	for other := range t.dids {
		if len(t.dids) < mostTokens {
			break
		}
		delete(t.dids, other)
	}
	t.dids[hash] = did
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

// onlyOrganization gives the one organization that a key is somebody's in; empty: it is so in none, or in several.
func (s *server) onlyOrganization(did string) string {
	only := ""
	for _, id := range s.node.Organizations() {
		org, err := s.node.Org(id)
		if err != nil { // closed since
			continue
		}
		somebody := false
		org.Fold.Read(func(s *rules.State) { _, somebody = s.KeyOwner(did) })
		switch {
		case somebody && only != "":
			return ""
		case somebody:
			only = id
		}
	}
	return only
}

// organizationOf gives the organization whose decision point is at the root for a caller.
func (s *server) organizationOf(c Caller) (string, error) {
	only := ""
	switch {
	case c.session != nil:
		only = c.session.org
	case c.vouched != nil:
		only = c.vouched.org
	case c.Kind == LocalOperator:
		for _, id := range s.node.Organizations() {
			switch {
			case id == node.Operator:
			case only != "":
				return "", badRequest("There are several organizations: ask at /orgs/{org}" + accessPath)
			default:
				only = id
			}
		}
		if only == "" {
			return "", problemOf(http.StatusNotFound, wire.CodeNoOrganization, "There is no organization yet")
		}
	default:
		if only = s.onlyOrganization(c.did()); only == "" {
			return "", unauthenticated("The API key is not somebody's in one organization alone", "Ask at /orgs/{org}"+accessPath)
		}
	}
	return only, nil
}
