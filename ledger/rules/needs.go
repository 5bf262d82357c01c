package rules

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// NeedText says in words what is missing where a need of a permission is not met.
func NeedText(need string) string {
	switch need {
	case events.NeedQualified:
		return "the wallet is not that of a qualified investor of the token"
	case events.NeedUnblocked:
		return "the wallet is blocked on the token"
	case events.NeedUnpaused:
		return "the token is paused"
	case events.NeedCompliant:
		return "the token's compliance rules do not let the wallet"
	case events.NeedTokenRole:
		return "no wallet that owns the token, or is its agent, comes with it"
	}
	return "it needs " + need
}

// meetsNeed says whether what a permission needs of tokens is so: of the wallet u, at the token that the resource is or
// lies under, with a wallet that comes along, zero for none. A need that nobody knows is met by nobody.
func (s *State) meetsNeed(u *subject, need, resource string, with ulid.ULID) bool {
	t := s.tokens[events.TokenOf(resource)]
	if t == nil {
		return false
	}
	switch need {
	case events.NeedUnpaused:
		return !t.paused
	case events.NeedUnblocked:
		return t.blocked[u.id] == 0
	case events.NeedQualified:
		_, is := t.holders[u.id]
		return is
	case events.NeedCompliant:
		h, is := t.holders[u.id]
		return is && t.meets(h)
	case events.NeedTokenRole:
		return s.atHome(with, t)
	}
	return false
}

// atHome says whether a wallet owns a token or is its agent.
func (s *State) atHome(wallet ulid.ULID, t *token) bool {
	u := s.subjects.get(wallet)
	if u == nil || u.deactivated != 0 {
		return false
	}
	if wallet == t.owner {
		return true
	}
	ro, r := s.tokenRole(events.ManagedTokenAgent)
	return r == nil && u.has(ro, t.id)
}
