package api

import (
	"github.com/permledger/permledger/api/wire"
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
