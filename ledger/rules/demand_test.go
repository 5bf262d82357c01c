package rules_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Given a subject with one permission, when it reads, then it may what the permission is for, and is refused anything else
// by the permission's name.
func TestDemand(t *testing.T) {
	w := open(t, plain, add("ann"), grant("ann", "ledger:permissions.read"))
	for _, c := range []struct {
		action  string
		allowed bool
	}{{rules.ActionPermissionsRead, true}, {rules.ActionRolesRead, false}, {rules.ActionLogUsers, false}} {
		r := w.s.Demand(id("ann"), c.action, "", w.s.Time())
		switch {
		case (r == nil) != c.allowed:
			t.Errorf("%s: %v", c.action, r)
		case r != nil && (r.Code != rules.NotPermitted || r.Permission != "ledger:"+c.action):
			t.Errorf("%s is refused as %s for %s", c.action, r.Code, r.Permission)
		}
	}
}

// allowedAsDemanded fails where a subject's list of actions is not what it is let do one by one.
func (w *world) allowedAsDemanded(t *testing.T, who string) []string {
	t.Helper()
	have := w.s.Allowed(id(who), w.s.Time())
	for _, action := range rules.Actions() {
		if r := w.s.Demand(id(who), action, "", w.s.Time()); (r == nil) != slices.Contains(have, action) {
			t.Errorf("%s: of %s the list is %v, and the demand says %v", who, action, have, r)
		}
	}
	return have
}

// Given subjects with everything, something and nothing, in ledgers of old and new rules, then the list of what each may
// do is what it is let do.
func TestAllowed(t *testing.T) {
	w := open(t, plain, add("ann"), add("ben"), grant("ann", "ledger:permissions.read"), grant("ann", "ledger:role.create"))
	if have := w.allowedAsDemanded(t, "ann"); !slices.Equal(have, []string{rules.ActionPermissionsRead, rules.ActionRoleCreate}) {
		t.Errorf("ann may %v", have)
	}
	if have := w.allowedAsDemanded(t, "ben"); len(have) != 0 {
		t.Errorf("ben may %v", have)
	}
	if have := w.allowedAsDemanded(t, "owner"); !slices.Equal(have, rules.Actions()) {
		t.Errorf("the owner may %v", have)
	}
}

// Given a ledger of version 1, which does not know the finer actions, when somebody reads, then it takes the broader one.
func TestDemandOfOlderRules(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	w.do(openingBut(func(d *events.OrganizationOpened, c *events.Command) {
		d.Rules, d.Operator, d.Keys.Checkpoint, c.Version = 1, [16]byte{}, "", 1
		d.Profile = events.Profile{Name: d.Profile.Name, DirectGrants: true, NewPermissions: true}
	}))
	w.do(add("ann").but(func(c *events.Command) { c.Version = w.s.Newest("subject.added") }))
	w.do(grant("ann", "ledger:roles.read").but(func(c *events.Command) { c.Version = w.s.Newest("permission.granted") }))
	if r := w.s.Demand(id("ann"), rules.ActionPermissionsRead, "", w.s.Time()); r != nil {
		t.Errorf("with roles.read: %v", r)
	}
	if r := w.s.Demand(id("ann"), rules.ActionLogUsers, "", w.s.Time()); r == nil || r.Permission != "ledger:history.read" {
		t.Errorf("without history.read: %v", r)
	}
	if !w.s.May(id("owner"), rules.ActionRolesRead, "", w.s.Time()) || w.s.May(id("owner"), rules.ActionLogUsers, "", w.s.Time()) {
		t.Error("a ledger of version 1 knows an action of version 2")
	}
	if have := w.allowedAsDemanded(t, "ann"); !slices.Contains(have, rules.ActionPermissionsRead) || slices.Contains(have, rules.ActionLogUsers) {
		t.Errorf("ann may %v", have)
	}
	w.allowedAsDemanded(t, "owner")
}

func TestActionsOfVersions(t *testing.T) {
	first := rules.ActionsOf(1)
	if len(first) != 21 || !slices.IsSorted(first) || slices.Contains(first, rules.ActionLogUsers) {
		t.Errorf("version 1 knows %v", first)
	}
	all := rules.Actions()
	if !slices.Equal(rules.ActionsOf(rules.Version), all) {
		t.Error("the newest version does not know all actions")
	}
	for _, a := range first {
		if !slices.Contains(all, a) {
			t.Errorf("%s is gone", a)
		}
	}
}
