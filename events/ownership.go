package events

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// OwnershipTransferred puts another subject in the place of the owner, by the owner's own word.
type OwnershipTransferred struct {
	To ulid.ULID

	From ulid.ULID // who was the owner
	Role ulid.ULID // the role that every owner has; zero where the organization has none
}

func (*OwnershipTransferred) Type() Type      { return "ownership.transferred" }
func (d *OwnershipTransferred) About() string { return about("subject", d.To) }
func (d *OwnershipTransferred) asked() Data   { return &OwnershipTransferred{To: d.To} }

func (d *OwnershipTransferred) command(c *canon.Codec, _ int) { c.ULID("to", &d.To) }

func (d *OwnershipTransferred) effect(c *canon.Codec, _ int) {
	c.ULID("from", &d.From)
	c.OptionalULID("role", &d.Role)
}

// RecoveryStarted announces that a subject is to become the owner in the place of one who is lost. Why stands in the
// event's reason. Nothing changes before the owner had the time to say no.
type RecoveryStarted struct {
	To ulid.ULID

	From ulid.ULID // the owner whose place it is
	Due  time.Time // the first instant at which the owner can be replaced
}

func (*RecoveryStarted) Type() Type      { return "recovery.started" }
func (d *RecoveryStarted) About() string { return about("subject", d.To) }
func (d *RecoveryStarted) asked() Data   { return &RecoveryStarted{To: d.To} }

func (d *RecoveryStarted) command(c *canon.Codec, _ int) { c.ULID("to", &d.To) }

func (d *RecoveryStarted) effect(c *canon.Codec, _ int) {
	c.Time("due", &d.Due)
	c.ULID("from", &d.From)
}

// RecoveryStopped says that the announced subject does not become the owner.
type RecoveryStopped struct {
	none
	To ulid.ULID // who was announced
}

func (*RecoveryStopped) Type() Type      { return "recovery.stopped" }
func (d *RecoveryStopped) About() string { return about("subject", d.To) }
func (d *RecoveryStopped) asked() Data   { return new(*d) }

func (d *RecoveryStopped) command(c *canon.Codec, _ int) { c.ULID("to", &d.To) }

// OwnershipRecovered puts the announced subject in the place of the lost owner.
type OwnershipRecovered struct {
	To ulid.ULID

	From ulid.ULID // who was the owner
	Role ulid.ULID // the role that every owner has; zero where the organization has none
}

func (*OwnershipRecovered) Type() Type      { return "ownership.recovered" }
func (d *OwnershipRecovered) About() string { return about("subject", d.To) }
func (d *OwnershipRecovered) asked() Data   { return &OwnershipRecovered{To: d.To} }

func (d *OwnershipRecovered) command(c *canon.Codec, _ int) { c.ULID("to", &d.To) }

func (d *OwnershipRecovered) effect(c *canon.Codec, _ int) {
	c.ULID("from", &d.From)
	c.OptionalULID("role", &d.Role)
}

// OrganizationUpdated says what people call the organization from now on. Its id never changes.
type OrganizationUpdated struct {
	none
	Organization string
	Name         string
}

func (*OrganizationUpdated) Type() Type      { return "organization.updated" }
func (d *OrganizationUpdated) About() string { return "organization/" + d.Organization }
func (d *OrganizationUpdated) asked() Data   { return new(*d) }

func (d *OrganizationUpdated) command(c *canon.Codec, _ int) {
	c.String("name", &d.Name, canon.Name)
	c.String("organization", &d.Organization, canon.Organization)
}

// RulesAdopted says by which rules the ledger goes after this position, and how the switches stand that those brought.
// The switches that the first entry set stay as they are.
type RulesAdopted struct {
	Organization string
	Rules        uint64
	Operator     ulid.ULID // the actor of commands signed with the operator key
	Switches     Profile   // only those that version 1 did not know

	From uint64 // the rules before
}

func (*RulesAdopted) Type() Type      { return "rules.adopted" }
func (d *RulesAdopted) About() string { return "organization/" + d.Organization }
func (d *RulesAdopted) asked() Data {
	a := *d
	a.From = 0
	return &a
}

func (d *RulesAdopted) command(c *canon.Codec, _ int) {
	c.ULID("operator", &d.Operator)
	c.String("organization", &d.Organization, canon.Organization)
	c.Uint("rules", &d.Rules)
	c.Object("switches", d.Switches.later)
}

func (d *RulesAdopted) effect(c *canon.Codec, _ int) { c.Uint("from", &d.From) }
