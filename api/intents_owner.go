package api

import (
	"cmp"
	"net/http"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func (d *draft) transferOwnership() (events.Data, error) {
	to, err := d.subject(d.in.Subject)
	return &events.OwnershipTransferred{To: to}, err
}

func (d *draft) startRecovery() (events.Data, error) {
	to, err := d.subject(d.in.Subject)
	return &events.RecoveryStarted{To: to}, err
}

// announced gives the subject that was named, else the one that a recovery is in favour of.
func (d *draft) announced() string {
	if r, ok := d.state.Recovery(); ok {
		return cmp.Or(d.in.Subject, r.To.String())
	}
	return d.in.Subject
}

func (d *draft) stopRecovery() (events.Data, error) {
	to, err := d.recovering()
	return &events.RecoveryStopped{To: to}, err
}

func (d *draft) recoverOwnership() (events.Data, error) {
	to, err := d.recovering()
	return &events.OwnershipRecovered{To: to}, err
}

// recovering gives the subject in whose favour a recovery is to be stopped or finished.
func (d *draft) recovering() (ulid.ULID, error) {
	if _, ok := d.state.Recovery(); !ok && d.in.Subject == "" {
		return ulid.ULID{}, refused(&rules.Refusal{Code: rules.NotFound, Reason: "No recovery is under way"}, d.call.org)
	}
	return d.subject(d.announced())
}

func (d *draft) updateOrganization() (events.Data, error) {
	if d.in.Name == nil {
		return nil, badRequest("name is missing")
	}
	return &events.OrganizationUpdated{Organization: d.state.Opened().Organization, Name: *d.in.Name}, nil
}

func (d *draft) adoptRules() (events.Data, error) {
	w := d.in.Switches
	if w == nil {
		w = new(wire.Switches)
	}
	return &events.RulesAdopted{
		Organization: d.state.Opened().Organization, Rules: rules.Version, Operator: d.id(),
		Switches: events.Profile{
			DefaultRoles: w.DefaultRoles, Delegation: w.Delegation, FixedRoles: w.FixedRoles, KeepDelegated: w.KeepDelegated,
			OneRolePerKey: w.OneRolePerKey, RecoveryDelay: w.RecoveryDelay, WithdrawRoles: w.WithdrawRoles,
		},
	}, nil
}

func (d *draft) defaultRole() (events.Data, error) {
	if d.in.Role != "" {
		role, err := d.role(d.in.Role)
		return &events.RoleDefaulted{Role: role}, err
	}
	role := d.state.DefaultRole()
	if role == (ulid.ULID{}) {
		return nil, problemOf(http.StatusConflict, string(rules.NoChange), "No role is the default")
	}
	return &events.RoleDefaulted{Role: role, None: true}, nil
}
