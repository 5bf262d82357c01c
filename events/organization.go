package events

import (
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// OrganizationOpened is the first event of every ledger: who owns it, by which rules it goes, and with which keys.
//
// Version 1 knew neither the operator's actor nor a checkpoint key, nor the switches of the profile that came with version 2
// of the rules.
type OrganizationOpened struct {
	none
	Organization string
	Name         string
	DID          string // of the organization, where it has one elsewhere; empty: that of its document key
	Rules        uint64 // the version of the rules
	Profile      Profile
	Owner        Owner
	Node         ulid.ULID // the ledger's own actor
	Operator     ulid.ULID // the actor of commands signed with the operator key; zero in version 1
	Keys         Keys
	Evidence     []string // types whose commands must carry their author's signature, sorted
}

// Profile is a set of switches, named after the document whose rules it gives.
type Profile struct {
	Name           string
	Dependencies   bool // a role takes in what its permissions depend on
	DirectGrants   bool // permissions may be given without a role
	Documents      bool // each change of a role, or of what a user holds, carries a signed document and a topic message
	EmptyRoles     bool // a role may be without permissions
	NewPermissions bool // names that no catalogue knows enter the organization's own
	UniqueNames    bool // no two roles have the same name

	// Of version 2.
	DefaultRoles  bool   // a new subject gets the organization's default role
	Delegation    bool   // who holds a role, or access to a thing, may pass it on
	FixedRoles    bool   // there are no roles but those of the system
	KeepDelegated bool   // what was passed on stays when whoever did loses it
	OneRolePerKey bool   // an API key has exactly one role
	RecoveryDelay uint64 // seconds between announcing a new owner in the place of a lost one, and putting it there
	WithdrawRoles bool   // a role that somebody holds is withdrawn when it is deleted, instead of staying
}

// Owner is the subject that a ledger begins with. It holds every permission.
type Owner struct {
	Subject    ulid.ULID
	Key        string
	Kind       string
	DID        string
	Credential string // the did:key that the owner signs commands with
}

// Keys are the did:keys a ledger begins with. No two are the same key.
type Keys struct {
	Event      string // signs entries
	Document   string // signs documents
	Root       string // replaces event keys, and itself
	Operator   string // whoever runs the ledger
	Checkpoint string // signs checkpoints; empty in version 1
}

func (*OrganizationOpened) Type() Type      { return "organization.opened" }
func (d *OrganizationOpened) About() string { return "organization/" + d.Organization }
func (d *OrganizationOpened) asked() Data   { return new(*d) }

func (d *OrganizationOpened) command(c *canon.Codec, version int) {
	if version == 1 && !c.Reading() && (d.Operator != ulid.ULID{} || d.Keys.Checkpoint != "" || d.Profile != d.Profile.first()) {
		c.Failf("version 1 of organization.opened knows neither an operator's actor nor a checkpoint key nor all of these switches")
	}
	c.OptionalString("did", &d.DID, canon.DID)
	c.OptionalSet("evidence", &d.Evidence, canon.Token)
	c.Object("keys", func(c *canon.Codec) {
		if version > 1 {
			c.String("checkpoint", &d.Keys.Checkpoint, canon.DIDKey)
		}
		c.String("document", &d.Keys.Document, canon.DIDKey)
		c.String("event", &d.Keys.Event, canon.DIDKey)
		c.String("operator", &d.Keys.Operator, canon.DIDKey)
		c.String("root", &d.Keys.Root, canon.DIDKey)
	})
	c.String("name", &d.Name, canon.Name)
	c.ULID("node", &d.Node)
	if version > 1 {
		c.ULID("operator", &d.Operator)
	}
	c.String("organization", &d.Organization, canon.Organization)
	c.Object("owner", func(c *canon.Codec) {
		c.String("credential", &d.Owner.Credential, canon.DIDKey)
		c.OptionalString("did", &d.Owner.DID, canon.DID)
		c.String("key", &d.Owner.Key, canon.Key)
		c.String("kind", &d.Owner.Kind, canon.Token)
		c.ULID("subject", &d.Owner.Subject)
	})
	c.Object("profile", func(c *canon.Codec) {
		d.Profile.members(c, version)
	})
	c.Uint("rules", &d.Rules)
}

// members walks over the switches; those of version 2 stand among the others, in the order of their names.
func (p *Profile) members(c *canon.Codec, version int) {
	flag := func(name string, on *bool) {
		if version > 1 {
			c.Flag(name, on)
		}
	}
	flag("defaultRoles", &p.DefaultRoles)
	flag("delegation", &p.Delegation)
	c.Flag("dependencies", &p.Dependencies)
	c.Flag("directGrants", &p.DirectGrants)
	c.Flag("documents", &p.Documents)
	c.Flag("emptyRoles", &p.EmptyRoles)
	flag("fixedRoles", &p.FixedRoles)
	flag("keepDelegated", &p.KeepDelegated)
	c.String("name", &p.Name, canon.Token)
	c.Flag("newPermissions", &p.NewPermissions)
	flag("oneRolePerKey", &p.OneRolePerKey)
	if version > 1 {
		c.Uint("recoveryDelay", &p.RecoveryDelay)
	}
	c.Flag("uniqueNames", &p.UniqueNames)
	flag("withdrawRoles", &p.WithdrawRoles)
}

// first gives the profile without the switches that version 1 did not know.
func (p Profile) first() Profile {
	return Profile{
		Name: p.Name, Dependencies: p.Dependencies, DirectGrants: p.DirectGrants, Documents: p.Documents,
		EmptyRoles: p.EmptyRoles, NewPermissions: p.NewPermissions, UniqueNames: p.UniqueNames,
	}
}

// later walks over the switches that version 1 did not know.
func (p *Profile) later(c *canon.Codec) {
	c.Flag("defaultRoles", &p.DefaultRoles)
	c.Flag("delegation", &p.Delegation)
	c.Flag("fixedRoles", &p.FixedRoles)
	c.Flag("keepDelegated", &p.KeepDelegated)
	c.Flag("oneRolePerKey", &p.OneRolePerKey)
	c.Uint("recoveryDelay", &p.RecoveryDelay)
	c.Flag("withdrawRoles", &p.WithdrawRoles)
}

// With gives the profile with the switches of another that version 1 did not know.
func (p Profile) With(later Profile) Profile {
	later.Name, later.Dependencies, later.DirectGrants, later.Documents = p.Name, p.Dependencies, p.DirectGrants, p.Documents
	later.EmptyRoles, later.NewPermissions, later.UniqueNames = p.EmptyRoles, p.NewPermissions, p.UniqueNames
	return later
}

// CataloguePublished says which permissions there are. A later one of the same catalogue takes the place of the former.
// Version 1 knew neither needs nor access.
type CataloguePublished struct {
	Catalogue   string
	Title       string
	Permissions []Permission // sorted by name

	Number  uint64   // how often this catalogue was published, this time included
	Added   []string // names that the one before had not; not said the first time
	Retired []string // names that the one before had
}

// Permission is one permission of a catalogue.
type Permission struct {
	Name        string // as its document spells it, without the catalogue
	Category    string
	Entity      string
	Action      string
	Description string
	DependsOn   []string
	Guards      []string // actions of the ledger itself that holding it allows
	Level       string   // LevelToken, or empty for the platform
	Reserved    bool     // cannot be put into a role
	Needs       []string // what must be so beside holding it, of the Need constants
	Access      string   // the access to policies that it gives, of the Reach constants; empty: none
}

// SamePermission says whether two permissions say the same in every member.
func SamePermission(a, b Permission) bool {
	return a.Name == b.Name && a.Category == b.Category && a.Entity == b.Entity && a.Action == b.Action &&
		a.Description == b.Description && a.Level == b.Level && a.Reserved == b.Reserved && a.Access == b.Access &&
		slices.Equal(a.DependsOn, b.DependsOn) && slices.Equal(a.Guards, b.Guards) && slices.Equal(a.Needs, b.Needs)
}

// What a permission may need beside somebody who holds it. A resource lies under a token, or is a policy, by its path.
const (
	NeedAccess    = "access"     // the subject's access scope lets it at the policy
	NeedCompliant = "compliant"  // the token's compliance lets the wallet transact
	NeedQualified = "qualified"  // the wallet is a qualified investor of the token
	NeedTokenRole = "token-role" // a wallet that comes with the subject owns the token, or is its agent
	NeedUnblocked = "unblocked"  // the wallet is not blocked on the token
	NeedUnpaused  = "unpaused"   // the token is not paused
)

// Needs lists what a permission may need, sorted.
func Needs() []string {
	return []string{NeedAccess, NeedCompliant, NeedQualified, NeedTokenRole, NeedUnblocked, NeedUnpaused}
}

// The access to policies that a permission may give.
const (
	ReachAll                  = "all"
	ReachAssigned             = "assigned"
	ReachPublished            = "published"
	ReachAssignedAndPublished = "assigned-and-published"
)

// Accesses lists them, sorted.
func Accesses() []string {
	return []string{ReachAll, ReachAssigned, ReachAssignedAndPublished, ReachPublished}
}

// LevelToken marks permissions of the token level, which only wallets hold.
const LevelToken = "token"

func (*CataloguePublished) Type() Type      { return "catalogue.published" }
func (d *CataloguePublished) About() string { return "catalogue/" + d.Catalogue }
func (d *CataloguePublished) asked() Data {
	return &CataloguePublished{Catalogue: d.Catalogue, Title: d.Title, Permissions: d.Permissions}
}

func (d *CataloguePublished) command(c *canon.Codec, version int) {
	c.String("catalogue", &d.Catalogue, canon.Organization)
	canon.Objects(c, "permissions", &d.Permissions, true, func(c *canon.Codec, p *Permission) {
		if version == 1 && !c.Reading() && (p.Access != "" || len(p.Needs) > 0) {
			c.Failf("version 1 of catalogue.published knows neither needs nor access")
		}
		if version > 1 {
			c.OptionalString("access", &p.Access, canon.Token)
		}
		c.String("action", &p.Action, canon.Name)
		c.String("category", &p.Category, canon.Name)
		c.OptionalSet("dependsOn", &p.DependsOn, canon.Permission)
		c.OptionalString("description", &p.Description, canon.Text)
		c.String("entity", &p.Entity, canon.Name)
		c.OptionalSet("guards", &p.Guards, canon.Token)
		c.OptionalString("level", &p.Level, canon.Token)
		c.String("name", &p.Name, canon.Permission)
		if version > 1 {
			c.OptionalSet("needs", &p.Needs, canon.Token)
		}
		c.Flag("reserved", &p.Reserved)
	}, func(before, p *Permission) error {
		if p.Name <= before.Name {
			return fmt.Errorf("permission %q does not stand in ascending order", p.Name)
		}
		return nil
	})
	c.OptionalString("title", &d.Title, canon.Name)
}

func (d *CataloguePublished) effect(c *canon.Codec, _ int) {
	c.OptionalSet("added", &d.Added, canon.Permission)
	c.Uint("number", &d.Number)
	c.OptionalSet("retired", &d.Retired, canon.Permission)
}
