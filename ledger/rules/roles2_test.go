package rules_test

import (
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/events"
)

// system makes a role of the system; managed is the way of its own in which it is assigned, or empty.
func system(name, managed string, permissions ...string) step {
	slices.Sort(permissions)
	key, _, _ := strings.Cut(name, "#")
	return step{data: &events.RoleCreated{Role: id(name), Key: key, Name: key, Permissions: permissions, System: true, Managed: managed}}
}

func transfer(to string) step { return step{data: &events.OwnershipTransferred{To: id(to)}} }

// recover announces a new owner, as the operator of the ledger.
func recoverTo(to string) step {
	return step{data: &events.RecoveryStarted{To: id(to)}}.by("platform").signedWith(did("operator")).
		but(func(c *events.Command) { c.Reason = events.Digest{7} })
}

func recovered(to string) step {
	return step{data: &events.OwnershipRecovered{To: id(to)}}.by("platform").signedWith(did("operator"))
}

func stopRecovery(to string) step { return step{data: &events.RecoveryStopped{To: id(to)}} }

// byOperator has a step asked by the operator of the ledger.
func (st step) byOperator() step { return st.by("platform").signedWith(did("operator")) }

// defaulted makes a role the default.
func defaulted(role string) step { return step{data: &events.RoleDefaulted{Role: id(role)}} }

// noDefault says that a role is the default no longer.
func noDefault(role string) step {
	return step{data: &events.RoleDefaulted{Role: id(role), None: true}}
}

func nameOrganization(name string) step {
	return step{data: &events.OrganizationUpdated{Name: name}}.butIn(func(w *world, c *events.Command) {
		c.Data.(*events.OrganizationUpdated).Organization = w.s.Opened().Organization
	})
}

// adopt takes a ledger from version 1 of the rules to version 2.
func adopt(switches events.Profile) step {
	return step{data: &events.RulesAdopted{Organization: "acme", Rules: 2, Operator: id("platform"), Switches: switches}}
}

// opening1 opens a ledger of version 1 of the rules.
func opening1(p events.Profile) step {
	return opening(p).but(func(c *events.Command) {
		d := *c.Data.(*events.OrganizationOpened)
		d.Rules, d.Operator, d.Keys.Checkpoint = 1, [16]byte{}, ""
		c.Data, c.Version = &d, 1
	})
}

// goldenRoles are the steps of the golden history about roles of the system and who owns; they come after everybody else's.
func goldenRoles() []any {
	hour := time.Hour
	return given(
		assign("bob", "ops").by("platform").signedWith(did("operator2")), assign("ann", "ops").by("platform").signedWith(did("operator2")),
		revokeRole("ann", "ops").by("platform").signedWith(did("operator2")),
		with("owner4", nameOrganization("Acme S.A."), defaulted("short#2"), defaulted("reader"), noDefault("reader")),
		recoverTo("bob").signedWith(did("operator2")), with("owner4", stopRecovery("bob")),
		recoverTo("bob").signedWith(did("operator2")), recovered("bob").signedWith(did("operator2")).after(hour),
		nameOrganization("Acme Ltd.").by("bob").signedWith(did("bob2")), transfer("owner").by("bob").signedWith(did("bob2")),
	)
}
