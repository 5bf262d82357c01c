package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// asked reads the question of check and explain.
func asked(c *call) (wire.Check, access.AsOf, error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.Check{}, a, err
	}
	q := wire.Check{Resource: c.query.Get("resource"), Because: []wire.Because{}, AsOf: asOf}
	if q.Subject, err = c.text("subject"); err != nil {
		return q, a, err
	}
	q.Permission, _, _, err = c.permissionName()
	return q, a, err
}

// check denies whom or what nobody knows: it is asked by programs, which take any other answer for a failure.
func check(c *call) (wire.Check, error) {
	q, a, err := asked(c)
	if err != nil {
		return q, err
	}
	answer := c.org.Access.Check(q.Subject, q.Permission, q.Resource, a)
	q.Allowed = answer.Allowed
	q.Because, err = c.because(answer.Because)
	return q, err
}

func explainCheck(c *call) (wire.Check, error) {
	q, a, err := asked(c)
	if err != nil {
		return q, err
	}
	e := c.org.Access.Explain(q.Subject, q.Permission, q.Resource, a)
	q.Allowed = e.Allowed
	if q.Because, err = c.because(e.Because); err != nil || e.Allowed {
		return q, err
	}
	q.Missing = c.missing(&q, &e, a)
	return q, nil
}

// missing says what stands between a subject and a permission, most telling first.
func (c *call) missing(q *wire.Check, e *access.Explanation, a access.AsOf) []wire.Missing {
	var list []wire.Missing
	add := func(m wire.Missing, format string, args ...any) {
		m.Text = fmt.Sprintf(format, args...)
		list = append(list, m)
	}
	if e.UnknownSubject {
		near := rules.Nearest(q.Subject, subjectKeys(c.org.Access, a))
		add(wire.Missing{Kind: "unknown-subject", Nearest: near}, "nobody has the key %s%s", clip(q.Subject), didYouMean(near))
	}
	if e.Deactivated != 0 {
		add(wire.Missing{Kind: "deactivated", Since: e.Deactivated}, "%s is deactivated since %d", q.Subject, e.Deactivated)
	}
	if e.UnknownPermission {
		add(wire.Missing{Kind: "unknown-permission", Nearest: e.Nearest}, "no permission is called %s%s", clip(q.Permission), didYouMean(e.Nearest))
	}
	if e.Level != "" {
		whom := "accounts"
		if e.Level == events.LevelToken {
			whom = "wallets"
		}
		add(wire.Missing{Kind: "level"}, "%s is of the %s level, which counts for %s only; %s is a %s", q.Permission, e.Level, whom, q.Subject, e.Subject.Kind)
	}
	for _, r := range e.Elsewhere {
		by := "given without a role"
		if r.Role.Key != "" {
			by = "by role " + r.Role.Key
		}
		add(wire.Missing{Kind: "scope", Scope: r.Scope, Role: r.Role.Key}, "%s holds it on %s, %s", q.Subject, r.Scope, by)
	}
	for _, l := range e.Lost {
		add(wire.Missing{Kind: "permission", LostAt: l.LostAt, Ended: ended(l), Scope: l.Scope}, "%s had it, given at %d%s", q.Subject, l.At, lost(l))
	}
	for _, r := range e.Roles {
		m := wire.Missing{Kind: "role", Role: r.Role.Key, Since: r.Since, LostAt: r.Removed}
		switch {
		case r.Since == 0:
			add(m, "%s has role %s, which held it until %d", q.Subject, r.Role.Key, r.Removed)
		case r.Held:
			add(m, "%s has role %s, which holds it since %d", q.Subject, r.Role.Key, r.Since)
		case len(r.Lost) > 0:
			m.LostAt, m.Ended, m.Scope = r.Lost[0].LostAt, ended(r.Lost[0]), r.Lost[0].Scope
			add(m, "role %s holds it since %d; %s had that role, given at %d%s", r.Role.Key, r.Since, q.Subject, r.Lost[0].At, lost(r.Lost[0]))
		default:
			add(m, "role %s holds it since %d", r.Role.Key, r.Since)
		}
	}
	return list
}

func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

func ended(l access.Loss) string {
	if l.Ended {
		return stamp(l.Until)
	}
	return ""
}

func lost(l access.Loss) string {
	if l.Ended {
		return ", until " + l.Until.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf(", and lost it at %d", l.LostAt)
}
