package api

import (
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eip155"
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
	in, err := c.context(a)
	if err != nil {
		return q, err
	}
	answer := c.org.Access.CheckIn(q.Subject, q.Permission, q.Resource, in, a)
	q.Allowed = answer.Allowed
	q.Because, err = c.because(answer.Because)
	return q, err
}

// context reads what the question says beside: the wallet that comes with the subject.
func (c *call) context(a access.AsOf) (rules.Context, error) {
	var in rules.Context
	with := c.query.Get("with")
	if with == "" {
		return in, nil
	}
	if spelt, ok := eip155.Address(with); ok {
		with = spelt
	}
	u, err := c.org.Access.Subject(with, a)
	if err == nil && u.Kind != events.KindWallet {
		err = badRequest(clip(with) + " is no wallet, and with names one")
	}
	in.With = u.ID
	return in, err
}
