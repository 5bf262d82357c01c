package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

func explainCheck(c *call) (wire.Check, error) {
	q, err := asked(c)
	if err != nil {
		return q.Check, err
	}
	return c.explain(q)
}

func explainWith(c *call, w wire.Question) (wire.Check, error) {
	q, err := posed(c, w)
	if err != nil {
		return q.Check, err
	}
	return c.explain(q)
}

func (c *call) explain(asked question) (wire.Check, error) {
	q, a := asked.Check, asked.at
	e := c.org.Access.ExplainIn(q.Subject, q.Permission, q.Resource, asked.in, a)
	q.Allowed = e.Allowed
	var err error
	if q.Because, err = c.because(e.Because); err != nil {
		return q, err
	}
	q.Points = c.points(&q, &e, a)
	if !e.Allowed {
		q.Missing, err = c.missing(&q, &e, a)
	}
	return q, err
}

// points answers, in this order, what somebody looks at whose permission does not work: is a role assigned, does it
// include the permission, is the permission spelled as it is known, are the changes saved.
func (c *call) points(q *wire.Check, e *access.Explanation, a access.AsOf) []wire.Point {
	return []wire.Point{c.assigned(q, e, a), c.includes(q, e, a), spelling(q, e), c.saved(a)}
}

func (c *call) assigned(q *wire.Check, e *access.Explanation, a access.AsOf) wire.Point {
	p := wire.Point{Question: "Is a role assigned?"}
	held, err := c.org.Access.Holdings(q.Subject, a)
	var roles, elsewhere []string
	for _, h := range held.Roles {
		if rules.Covers(h.Scope, q.Resource) {
			roles = append(roles, fmt.Sprintf("%s%s since %d", h.Role.Key, on(h.Scope), h.At))
		} else {
			elsewhere = append(elsewhere, h.Role.Key+on(h.Scope))
		}
	}
	p.Yes = len(roles) > 0
	switch {
	case e.UnknownSubject || err != nil:
		p.Text = "nobody has the key " + clip(q.Subject)
	case p.Yes:
		p.Text = strings.Join(roles, ", ")
	case len(elsewhere) > 0:
		p.Text = "none that covers this; only " + strings.Join(elsewhere, ", ")
	case e.Subject.Owner:
		p.Text = "none is needed: the owner may do everything"
	case len(held.Permissions) > 0:
		p.Text = fmt.Sprintf("none; %d without a role", len(held.Permissions))
	default:
		p.Text = q.Subject + " has no role"
	}
	return p
}

func (c *call) includes(q *wire.Check, e *access.Explanation, a access.AsOf) wire.Point {
	p := wire.Point{Question: "Does a role of its include the permission?"}
	var own, others []string
	for _, b := range e.Because {
		if b.Kind == access.ByRole {
			own = append(own, fmt.Sprintf("%s since %d", b.Role.Key, b.PermissionAt))
		}
	}
	for _, r := range e.Roles {
		switch {
		case r.Since != 0 && r.Held:
			own = append(own, fmt.Sprintf("%s since %d", r.Role.Key, r.Since))
		case r.Since != 0:
			others = append(others, r.Role.Key)
		}
	}
	p.Yes = len(own) > 0
	switch {
	case p.Yes:
		p.Text = strings.Join(own, ", ")
	case e.Subject.Owner:
		p.Text = "none is needed: the owner may do everything"
	case e.Allowed:
		p.Text = "no; it is given without a role"
	case e.UnknownPermission:
		p.Text = "no role can include what nobody knows"
	case len(others) > 0:
		p.Text = "no; these do: " + strings.Join(others, ", ")
	default:
		p.Text = "no role at all includes it"
	}
	return p
}

func spelling(q *wire.Check, e *access.Explanation) wire.Point {
	p := wire.Point{Question: "Is the permission spelled correctly?", Yes: !e.UnknownPermission, Nearest: e.Nearest, Text: q.Permission}
	if e.UnknownPermission {
		p.Text = "no permission is called " + clip(q.Permission) + didYouMean(e.Nearest)
	}
	return p
}

// saved says where the ledger stands. What is recorded counts at once, so the changes are saved if they are among these.
func (c *call) saved(a access.AsOf) wire.Point {
	h := c.org.Access.Head()
	p := wire.Point{Question: "Are the changes saved?", Yes: a.Position >= h.Position && a.Occurred.IsZero()}
	if p.Yes {
		p.Text = fmt.Sprintf("this is the newest version: %d, of %s", h.Position, h.Time.UTC().Format(time.RFC3339))
	} else {
		p.Text = fmt.Sprintf("this is version %d; the newest is %d, of %s", a.Position, h.Position, h.Time.UTC().Format(time.RFC3339))
	}
	return p
}

// missing says what stands between a subject and a permission, most telling first, and who put it there when and why.
func (c *call) missing(q *wire.Check, e *access.Explanation, a access.AsOf) ([]wire.Missing, error) {
	var list []wire.Missing
	var failed error
	// at is the position of the entry that took something away, and by its actor; 0: there is none to tell of.
	add := func(m wire.Missing, at uint64, by ulid.ULID, format string, args ...any) {
		if at != 0 {
			en, err := c.entry(at)
			if err != nil {
				failed = err
				return
			}
			m.By, m.Time, m.Reason = keyOf(c.org, by), stamp(en.Event.Time), words(c.org, en.Event.Reason)
		}
		m.Text = fmt.Sprintf(format, args...) + byWhom(m)
		list = append(list, m)
	}
	nobody := ulid.ULID{}
	if e.UnknownSubject {
		near := rules.Nearest(q.Subject, subjectKeys(c.org.Access, a))
		add(wire.Missing{Kind: "unknown-subject", Nearest: near}, 0, nobody, "nobody has the key %s%s", clip(q.Subject), didYouMean(near))
	}
	if e.Deactivated != 0 {
		add(wire.Missing{Kind: "deactivated", Since: e.Deactivated}, e.Deactivated, e.DeactivatedBy, "%s is deactivated since %d", q.Subject, e.Deactivated)
	}
	if e.UnknownPermission {
		add(wire.Missing{Kind: "unknown-permission", Nearest: e.Nearest}, 0, nobody, "no permission is called %s%s", clip(q.Permission), didYouMean(e.Nearest))
	}
	if e.Level != "" {
		whom := "accounts"
		if e.Level == events.LevelToken {
			whom = "wallets"
		}
		add(wire.Missing{Kind: "level"}, 0, nobody, "%s is of the %s level, which counts for %s only; %s is a %s", q.Permission, e.Level, whom, q.Subject, e.Subject.Kind)
	}
	for _, m := range ties(q, e) {
		add(m, m.LostAt, nobody, "%s", m.Text)
	}
	for _, r := range e.Elsewhere {
		by := "given without a role"
		if r.Role.Key != "" {
			by = "by role " + r.Role.Key
		}
		add(wire.Missing{Kind: "scope", Scope: r.Scope, Role: r.Role.Key}, 0, nobody, "%s holds it on %s, %s", q.Subject, r.Scope, by)
	}
	for _, l := range e.Lost {
		m := wire.Missing{Kind: "permission", LostAt: l.LostAt, Ended: ended(l), Scope: l.Scope}
		add(m, l.LostAt, l.By, "%s had it, given at %d%s", q.Subject, l.At, lost(l))
	}
	for _, r := range e.Roles {
		m := wire.Missing{Kind: "role", Role: r.Role.Key, Held: r.Held || r.Since == 0 && !r.Deleted, Deleted: r.Deleted, Since: r.Since, LostAt: r.Removed}
		switch {
		case r.Deleted:
			add(m, r.Removed, r.By, "%s had role %s, which held it until it was deleted at %d", q.Subject, r.Role.Key, r.Removed)
		case r.Since == 0:
			add(m, r.Removed, r.By, "%s has role %s, which held it until %d", q.Subject, r.Role.Key, r.Removed)
		case r.Held:
			add(m, 0, nobody, "%s has role %s, which holds it since %d", q.Subject, r.Role.Key, r.Since)
		case len(r.Lost) > 0:
			was := r.Lost[0]
			m.LostAt, m.Ended, m.Scope = was.LostAt, ended(was), was.Scope
			add(m, was.LostAt, was.By, "role %s holds it since %d; %s had that role, given at %d%s", r.Role.Key, r.Since, q.Subject, was.At, lost(was))
		default:
			add(m, 0, nobody, "role %s holds it since %d", r.Role.Key, r.Since)
		}
	}
	return list, failed
}

// byWhom says who did what a line speaks of, when, and why.
func byWhom(m wire.Missing) string {
	if m.By == "" || m.By == ledgerActor {
		return ""
	}
	text := " by " + m.By
	if len(m.Time) >= len("2006-01-02T15:04") {
		text += " on " + strings.Replace(m.Time[:len("2006-01-02T15:04")], "T", " ", 1) + "Z"
	}
	if m.Reason != "" {
		text += fmt.Sprintf(" (%q)", m.Reason)
	}
	return text
}

func on(scope string) string {
	if scope == "" {
		return ""
	}
	return " on " + scope
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
