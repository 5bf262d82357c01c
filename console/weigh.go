package console

import (
	"slices"

	"github.com/permledger/permledger/api/wire"
)

// weighed are the kinds of changes of which preparing does not tell all who gain and lose: that is asked for by rehearsing them.
var weighed = []string{
	wire.AddSubject, wire.InviteSubject, wire.UpdateSubject, wire.DeactivateSubject, wire.ReactivateSubject, wire.RemoveSubject, wire.TransferOwnership,
}

// weigh adds to a preview who would gain and lose what, for who may ask that. Whoever is invited gains it when it joins.
func (v *visit) weigh(p *preview, in wire.Intent) error {
	if !slices.Contains(weighed, in.Kind) || !v.can("roles.read") {
		return nil
	}
	if in.Kind == wire.InviteSubject {
		in = wire.Intent{Kind: wire.AddSubject, Subject: in.Subject, SubjectKind: in.SubjectKind, Roles: in.Roles}
	}
	for _, member := range in.Private() {
		*member = ""
	}
	r, err := v.client.Simulate(v.ctx(), v.org, wire.Rehearsal{Intents: []wire.Intent{in}})
	if refused(err) != nil || err == nil && slices.ContainsFunc(r.Steps, func(s wire.Step) bool { return s.Refusal != nil }) {
		return nil // that it is refused is said already, or concerns the rehearsal alone
	}
	if err != nil {
		return err
	}
	p.People, p.More = people(r.Gains, r.Losses), r.More
	return nil
}
