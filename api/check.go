package api

import (
	"cmp"
	"maps"
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// question is what check and explain were asked, as the rules and the index take it.
type question struct {
	wire.Check
	in rules.Context
	at access.AsOf
}

// asked reads the question of check and explain from the query.
func asked(c *call) (question, error) {
	return c.question(wire.Question{Subject: c.query.Get("subject"), Permission: c.query.Get("permission"), Resource: c.query.Get("resource")})
}

// posed reads the question from the body. What a caller may ask of itself, it may ask so too.
func posed(c *call, w wire.Question) (question, error) {
	if !c.isCaller(w.Subject) {
		if err := c.may(rules.ActionRolesRead); err != nil {
			return question{}, err
		}
	}
	return c.question(w)
}

func (c *call) question(w wire.Question) (question, error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return question{}, err
	}
	q := question{Check: wire.Check{Subject: w.Subject, Resource: w.Resource, Because: []wire.Because{}, AsOf: asOf}, at: a}
	if w.Subject == "" {
		return q, missingParameter("subject")
	}
	if w.Permission == "" {
		return q, missingParameter("permission")
	}
	if q.Permission, _, _, err = c.permissionOf(w.Permission); err != nil {
		return q, err
	}
	for _, p := range []struct {
		of   string
		from map[string]string
		to   *[]events.Property
	}{{events.OfSubject, w.Properties.Subject, &q.in.Subject}, {events.OfAction, w.Properties.Action, &q.in.Action}, {events.OfResource, w.Properties.Resource, &q.in.Resource}} {
		for _, name := range slices.Sorted(maps.Keys(p.from)) {
			if err := cmp.Or(canon.Token.Check(name), canon.Value.Check(p.from[name])); err != nil {
				return q, badRequest(p.of + ": the property " + clip(name) + ": " + err.Error())
			}
		}
		*p.to = propertiesOf(p.from)
	}
	if w.With != "" {
		v, err := c.org.Access.Subject(w.With, a)
		if err != nil {
			return q, err
		}
		q.in.With = v.ID
	}
	return q, nil
}

// check denies whom or what nobody knows: it is asked by programs, which take any other answer for a failure.
func check(c *call) (wire.Check, error) {
	q, err := asked(c)
	if err != nil {
		return q.Check, err
	}
	return c.checkOrProve(q)
}

// checkOrProve answers, with a signed decision where the parameter proof asks for it.
func (c *call) checkOrProve(q question) (wire.Check, error) {
	proof, err := c.flag("proof")
	switch {
	case err != nil:
		return q.Check, err
	case proof: // it holds entries, which may be about others
		if err := c.may(rules.ActionHistoryRead); err != nil {
			return q.Check, err
		}
		return c.decided(q)
	}
	return c.check(q)
}

func checkWith(c *call, w wire.Question) (wire.Check, error) {
	if w.Record && c.query.Get("as_of") != "" {
		return wire.Check{}, badRequest("What is recorded is decided now: record goes without as_of")
	}
	q, err := posed(c, w)
	if err != nil {
		return q.Check, err
	}
	answer, err := c.checkOrProve(q)
	if err == nil && w.Record {
		c.note(answer)
	}
	return answer, err
}

func (c *call) check(q question) (wire.Check, error) {
	answer := c.org.Access.CheckIn(q.Subject, q.Permission, q.Resource, q.in, q.at)
	q.Allowed = answer.Allowed
	c.org.Stats.Decided(answer.Allowed)
	var err error
	q.Because, err = c.because(answer.Because)
	return q.Check, err
}
