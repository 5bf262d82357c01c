package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

// health answers 503 when a ledger has stopped, or takes no command now: what asks is a watchdog, which looks at nothing
// else. Which ledgers there are, and how each is, learn the node's operator and those who are somebody in them.
func health(c *call, w http.ResponseWriter) error {
	ids := c.server.node.Organizations()
	all := make([]*wire.OrganizationHealth, len(ids))
	var wg sync.WaitGroup // each may wait for a cluster
	for i, id := range ids {
		o, err := c.server.node.Org(id)
		if err != nil { // closed since
			continue
		}
		wg.Go(func() { all[i] = healthOf(c.Context(), o) })
	}
	wg.Wait()
	caller, err := c.server.identify(c.Request)
	if err != nil {
		caller = Caller{} // nobody is turned away here, and nobody told more
	}
	h := wire.Health{Status: wire.HealthOK, Organizations: []wire.OrganizationHealth{}}
	for _, one := range all {
		if one == nil {
			continue
		}
		switch {
		case one.Waits && h.Status == wire.HealthOK:
			h.Status = wire.HealthWaiting
		case !one.Writing && !one.Waits:
			h.Status = wire.HealthStopped
		}
		if o, err := c.server.node.Org(one.ID); err == nil && caller.within(o) {
			h.Organizations = append(h.Organizations, *one)
		}
	}
	status := http.StatusOK
	if h.Status != wire.HealthOK {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, mediaJSON, status, h)
	return nil
}

func healthOf(ctx context.Context, o *node.Org) *wire.OrganizationHealth {
	head := o.Access.Head()
	one := &wire.OrganizationHealth{ID: o.ID, Position: head.Position, CID: head.CID, Writing: true, Unsigned: o.Log.Err() != nil, Witnesses: countWitnesses(o)}
	err := o.Ledger.Err()
	if err == nil {
		err = o.Waits(ctx)
		one.Waits = err != nil
	}
	if err != nil {
		one.Writing, one.Error = false, err.Error()
	}
	if key := (*ledger.KeyError)(nil); errors.As(err, &key) {
		one.Do = key.Do()
	}
	return one
}

func listOrganizations(c *call) (wire.List[wire.Organization], error) {
	list := wire.List[wire.Organization]{Items: []wire.Organization{}}
	for _, id := range c.server.node.Organizations() {
		o, err := c.server.node.Org(id)
		if err != nil { // closed since
			continue
		}
		if !c.caller.within(o) {
			continue
		}
		c.org = o
		one, err := organization(c, o.Access.Now(c.now))
		if err != nil {
			return list, err
		}
		one.AsOf = head(o, c.now)
		list.Items = append(list.Items, one)
	}
	return list, nil
}

func getOrganization(c *call) (wire.Organization, error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.Organization{}, err
	}
	o, err := organization(c, a)
	if err != nil {
		return o, err
	}
	o.AsOf, o.Counts = asOf, countsOf(c.org, a)
	return o, nil
}

func countsOf(o *node.Org, a access.AsOf) *wire.Counts {
	n := o.Access.Count(a)
	w := &wire.Counts{Roles: n.Roles, Members: n.Members, Invited: n.Invited, APIKeys: n.Keys}
	for what, sign := range map[events.Type]int{"review.started": 1, "review.closed": -1} {
		found, _ := o.History.Find(history.Query{Types: []events.Type{what}, To: a.Position})
		w.Reviews += sign * len(found)
	}
	return w
}

// organization says what the first entry of a ledger says, as later ones left it as of then. The DID, the default role and
// a recovery are of now.
func organization(c *call, a access.AsOf) (wire.Organization, error) {
	o := c.org
	d, err := openedAs(c, a)
	if err != nil {
		return wire.Organization{}, err
	}
	w := wire.Organization{ID: o.ID, Name: d.Name, Profile: profile(d.Profile), Rules: d.Rules}
	if owner, ok := o.Access.Owner(a); ok {
		w.Owner = owner.Key
	}
	var to ulid.ULID
	o.Fold.Read(func(s *rules.State) {
		w.Ledger, w.DID = s.Source(), s.DID()
		if r, ok := s.Role(s.DefaultRole()); ok {
			w.DefaultRole = r.Key
		}
		if r, ok := s.Recovery(); ok {
			to, w.Recovery = r.To, &wire.Recovery{At: r.Position, Due: stamp(r.Due)}
		}
	})
	if w.Recovery != nil { // outside Read: it looks at the state, too
		w.Recovery.To = keyOf(o, to)
	}
	first, _ := o.Access.At(1)
	w.Genesis, w.Witnesses = first.CID, witnesses(o)
	return w, nil
}

// openedAs gives the opening with the name, the rules and the switches as of then.
func openedAs(c *call, a access.AsOf) (events.OrganizationOpened, error) {
	if a.Position >= c.org.Access.Head().Position {
		var o events.OrganizationOpened
		c.org.Fold.Read(func(s *rules.State) { o = *s.Opened() })
		return o, nil
	}
	positions, _ := c.org.History.Find(history.Query{
		Types: []events.Type{"organization.opened", "organization.updated", "rules.adopted"}, To: a.Position,
	})
	var o events.OrganizationOpened
	for _, at := range positions {
		raw, err := c.org.Journal.Read(at)
		if err != nil {
			return o, err
		}
		en, err := chain.Parse(raw)
		if err != nil {
			return o, &chain.BrokenError{Position: at, Check: chain.CheckForm, Err: err}
		}
		switch d := en.Event.Data.(type) {
		case *events.OrganizationOpened:
			o = *d
		case *events.OrganizationUpdated:
			o.Name = d.Name
		case *events.RulesAdopted:
			o.Rules, o.Profile = d.Rules, o.Profile.With(d.Switches)
		}
	}
	return o, nil
}

func profile(p events.Profile) map[string]any {
	return map[string]any{
		"name": p.Name, "dependencies": p.Dependencies, "directGrants": p.DirectGrants, "documents": p.Documents,
		"emptyRoles": p.EmptyRoles, "newPermissions": p.NewPermissions, "uniqueNames": p.UniqueNames,
		"defaultRoles": p.DefaultRoles, "delegation": p.Delegation, "fixedRoles": p.FixedRoles, "keepDelegated": p.KeepDelegated,
		"oneRolePerKey": p.OneRolePerKey, "recoveryDelay": p.RecoveryDelay, "withdrawRoles": p.WithdrawRoles,
	}
}

func prepareOpening(c *call, in wire.Opening) (wire.Prepared, error) {
	if err := canon.Organization.Check(in.Organization); err != nil { // before keys are made for it
		return wire.Prepared{}, invalid(err)
	}
	if in.DID == wire.WebDID {
		in.DID = events.WebDID(c.server.node.Host() + "/" + in.Organization)
	}
	cmd, err := c.server.node.Opening(node.Opening{
		Organization: in.Organization, Name: in.Name, Profile: in.Profile, DID: in.DID, OwnerKey: in.OwnerKey, OwnerKind: in.OwnerKind,
		OwnerDID: in.OwnerDID, Credential: in.Credential, Root: in.Root, OperatorKey: in.OperatorKey,
	})
	if err != nil {
		return wire.Prepared{}, err
	}
	b, err := cmd.Bytes(events.Signed{})
	if err != nil {
		return wire.Prepared{}, err
	}
	p := wire.Prepared{Command: json.RawMessage(b), Preview: &wire.Preview{Type: string(cmd.Data.Type())}}
	if _, err := ledger.Try(rules.New(), cmd, c.now); err != nil {
		p.Preview, p.Refusal, err = refusal(err, nil)
		return p, err
	}
	if _, err := c.server.node.Org(in.Organization); err == nil {
		r := &rules.Refusal{Code: rules.AlreadyOpened, Reason: "The organization " + in.Organization + " is here already"}
		p.Preview, p.Refusal = nil, &refused(r, nil).Problem
	}
	return p, nil
}

func openOrganization(c *call, in wire.Submission) (wire.Receipt, error) {
	r, err := request(in)
	if err != nil {
		return wire.Receipt{}, err
	}
	if _, ok := r.Command.Data.(*events.OrganizationOpened); !ok {
		return wire.Receipt{}, problemOf(http.StatusUnprocessableEntity, string(rules.Invalid), "The command opens no organization")
	}
	// A caller that goes away must not leave an organization half opened.
	o, receipt, err := c.server.node.OpenOrganization(context.WithoutCancel(c.Context()), r)
	if err != nil {
		return wire.Receipt{}, err
	}
	out := received(receipt)
	c.stand(o, out)
	return *out, nil
}
