package rules

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// NeedText says in words what is missing where a need of a permission is not met.
func NeedText(need string) string { return needText(need) }

func needText(need string) string {
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

// meets says whether what a permission needs beside its holder is so. The owner of the organization needs nothing.
func (s *State) meets(subject, with ulid.ULID, permission, resource string) bool {
	n, ok := s.perms.number[permission]
	if !ok || len(s.perms.info[n].needs) == 0 || subject == s.owner {
		return ok
	}
	u := s.subjects.get(subject)
	return u != nil && len(s.missingNeeds(u, s.perms.info[n].needs, resource, with)) == 0
}

// missingNeeds gives those needs of a permission that are not met: by the wallet u, at the token that the resource is or
// lies under, with a wallet that comes along, zero for none. Needs of other kinds are not looked at.
func (s *State) missingNeeds(u *subject, needs []string, resource string, with ulid.ULID) (missing []string) {
	for _, need := range needs {
		if !s.meetsNeed(u, need, resource, with) {
			missing = append(missing, need)
		}
	}
	return missing
}

func (s *State) meetsNeed(u *subject, need, resource string, with ulid.ULID) bool {
	if need == events.NeedAccess {
		return true // of policies, not of tokens
	}
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
	return false // a need that nobody knows is met by nobody
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
