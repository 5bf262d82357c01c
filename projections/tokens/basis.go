package tokens

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// Basis gives the positions of what makes it so that [Index.Meets] says yes, in no order: that there is the token, who owns
// it, and what is known of the wallet. What is so because nobody ever said otherwise has no position.
func (x *Index) Basis(need string, wallet, with ulid.ULID, resource string, v View) (list []uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	t := x.byID[events.TokenOf(resource)]
	if t == nil || !v.counts(t.deployed) {
		return nil
	}
	list = append(list, t.deployed.position)
	switch need {
	case events.NeedTokenRole:
		if owner, at := last(t.owner, v); owner == with {
			list = append(list, at.position)
		} else if agent, at := last(t.agents[with], v); agent {
			list = append(list, at.position)
		}
	case events.NeedQualified, events.NeedCompliant:
		if record, at := last(t.holders[wallet], v); record != nil {
			list = append(list, at.position)
		}
	}
	return list
}

// Deployed gives the position at which a token was deployed; 0: it never was.
func (x *Index) Deployed(id string) uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if t := x.byID[id]; t != nil {
		return t.deployed.position
	}
	return 0
}
