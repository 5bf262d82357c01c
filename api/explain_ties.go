package api

import (
	"fmt"
	"strconv"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/projections/access"
)

// ties says what a subject has of a permission and what does not hold: the condition that is not met and why, who delegated
// it and has it no more, and what the permission needs beside.
func ties(q *wire.Check, e *access.Explanation) (list []wire.Missing) {
	for _, u := range e.Unmet {
		value := "there is none"
		if u.Known {
			value = "it is " + strconv.Quote(u.Value)
		}
		list = append(list, wire.Missing{
			Kind: "condition", Role: u.Role.Key, Scope: u.Scope, Since: u.At,
			Text: fmt.Sprintf("%s holds it %s, given at %d, if %s: %s does not hold, %s", q.Subject, bywhat(u.Reason), u.At, u.Condition, u.Term, value),
		})
	}
	for _, b := range e.Broken {
		m := wire.Missing{Kind: "delegation", Role: b.Role.Key, Scope: b.Scope, Since: b.At, LostAt: b.LostAt}
		switch {
		case b.Inactive != 0:
			m.Text = fmt.Sprintf("%s was delegated it %s at %d by %s, who is deactivated since %d", q.Subject, bywhat(b.Reason), b.At, b.Key, b.Inactive)
		case b.LostAt != 0:
			m.Text = fmt.Sprintf("%s was delegated it %s at %d by %s, who lost it at %d", q.Subject, bywhat(b.Reason), b.At, b.Key, b.LostAt)
		default:
			m.Text = fmt.Sprintf("%s was delegated it %s at %d by %s, who does not have it as before any more", q.Subject, bywhat(b.Reason), b.At, b.Key)
		}
		list = append(list, m)
	}
	switch {
	case e.Access != nil:
		list = append(list, wire.Missing{Kind: "access", Scope: e.Access.Policy, Text: lacksAccess(q, e.Access)})
	case e.Needs != "":
		list = append(list, wire.Missing{Kind: "need", Text: fmt.Sprintf("%s needs more than to be held: %s", q.Permission, needs[e.Needs])})
	}
	return list
}

// needs says in words what a permission needs.
var needs = map[string]string{
	events.NeedAccess:    "access to the policy",
	events.NeedCompliant: "compliance with the token's rules",
	events.NeedQualified: "a qualified investor",
	events.NeedTokenRole: "a wallet that owns the token or is its agent, to come with the subject",
	events.NeedUnblocked: "a wallet that is not blocked",
	events.NeedUnpaused:  "a token that is not paused",
}

func bywhat(r access.Reason) string {
	if r.Role.Key != "" {
		return "by role " + r.Role.Key + on(r.Scope)
	}
	return "without a role" + on(r.Scope)
}

func lacksAccess(q *wire.Check, p *access.PolicyAccess) string {
	if !p.Registered {
		return fmt.Sprintf("there is no policy %s in this organization", p.Policy)
	}
	state := "not published"
	if p.Published {
		state = "published"
	}
	if p.Assigned {
		state += " and assigned to " + q.Subject
	} else {
		state += ", and not assigned to " + q.Subject
	}
	reach := "to no policies but its own"
	if p.Scope != "" {
		reach = "to " + p.Scope + " policies"
	}
	return fmt.Sprintf("%s has access %s; %s is %s", q.Subject, reach, p.Policy, state)
}
