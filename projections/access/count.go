package access

import "github.com/permledger/permledger/events"

// Counts say how many there are of what an organization has, as of then.
type Counts struct {
	Roles   int
	Members int // subjects that are active, API keys not counted
	Invited int // subjects that have not joined yet
	Keys    int // API keys that are active themselves
}

// Count counts roles and subjects as of then.
func (x *Index) Count(a AsOf) (c Counts) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	for _, r := range x.roles.all {
		if x.existed(r, v) {
			c.Roles++
		}
	}
	for _, u := range x.subjects.all {
		if uint64(u.added) > v.position {
			break // those after it were added later
		}
		switch state, _ := x.stateOf(u, v); {
		case state == invited:
			c.Invited++
		case state != active:
		case x.kinds[u.kind] == events.KindAPIKey:
			c.Keys++
		default:
			c.Members++
		}
	}
	return c
}
