package console

import "github.com/permledger/permledger/api/wire"

// A chain is one way from a subject to a permission, whole or broken.
type chain struct {
	Whole bool
	Steps []step
}

// A step is a box of the picture, or what joins two of them.
type step struct {
	Box       string // what stands in it; empty: it joins two
	Kind      string // of a box: subject, role, permission
	Text      string // of a joint
	Broken    bool
	At        uint64 // the event that made or broke it; 0: there is none
	By        string // key of who did
	Reason    string
	Time      string
	Until     string
	Scope     string
	Condition string
}

// pictured is how many ways a picture shows; the text below it has all.
const pictured = 6

// chains gives the ways that an answer speaks of: those that give the permission, and where none does, those that are broken.
func chains(q *wire.Check) (all []chain) {
	subject, permission := step{Box: q.Subject, Kind: "subject"}, step{Box: q.Permission, Kind: "permission"}
	add := func(whole bool, between ...step) {
		if len(all) < pictured {
			all = append(all, chain{whole, append(append([]step{subject}, between...), permission)})
		}
	}
	for _, b := range q.Because {
		given := step{Text: "given", At: b.At, By: b.By, Reason: b.Reason, Until: b.Until, Scope: b.Scope, Condition: b.Condition}
		if b.Delegated {
			given.Text = "delegated"
		}
		switch b.Kind {
		case "role":
			add(true, given, step{Box: b.Role, Kind: "role"}, step{Text: "holds it", At: b.PermissionAt})
		case "owner":
			given.Text = "owner: may everything"
			add(true, given)
		default:
			add(true, given)
		}
	}
	if q.Allowed {
		return all
	}
	for _, m := range q.Missing {
		if between := broken(&m); between != nil {
			add(false, between...)
		}
	}
	return all
}

// broken gives what stands between a subject and a permission, as far as that can be drawn.
func broken(m *wire.Missing) []step {
	cut := step{Broken: true, At: m.LostAt, By: m.By, Reason: m.Reason, Time: m.Time, Scope: m.Scope}
	role := step{Box: m.Role, Kind: "role"}
	holds := step{Text: "holds it", At: m.Since}
	switch m.Kind {
	case "role":
		switch {
		case m.Deleted:
			cut.Text = "the role was deleted"
			return []step{{Text: "had it"}, role, cut}
		case m.Held && m.LostAt != 0:
			cut.Text = "taken out"
			return []step{{Text: "has it"}, role, cut}
		case m.Held:
			return []step{{Text: "has it"}, role, holds}
		case m.Ended != "":
			cut.Text = "ended"
			cut.Time = m.Ended
			return []step{cut, role, holds}
		case m.LostAt != 0:
			cut.Text = "taken away"
			return []step{cut, role, holds}
		}
		cut.Text = "not given"
		return []step{cut, role, holds}
	case "permission":
		cut.Text = "taken away"
		if m.Ended != "" {
			cut.Text, cut.Time = "ended", m.Ended
		}
		return []step{cut}
	case "deactivated":
		cut.Text, cut.At = "deactivated", m.Since
		return []step{cut}
	case "scope":
		cut.Text = "given elsewhere only"
	case "condition":
		cut.Text, cut.At = "its condition is not met", m.Since
	case "delegation":
		cut.Text = "who delegated it has it no more"
	default:
		return nil
	}
	if m.Role != "" {
		return []step{cut, role, {Text: "holds it"}}
	}
	return []step{cut}
}
