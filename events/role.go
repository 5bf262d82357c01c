package events

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// RoleCreated says that there is a role now, and which permissions it gives.
//
// Version 1 knew neither roles of the system nor roles that are assigned in a way of their own.
type RoleCreated struct {
	Role        ulid.ULID
	Key         string // unique among the organization's roles of its time
	Name        string
	Description string
	Labels      []Label
	Permissions []string // sorted
	Parts       []Digest // of permissions recorded before; they are in the role beside Permissions
	System      bool     // it can be neither changed nor deleted
	Managed     string   // how it is assigned, see the Managed constants; empty: by whoever may

	Included []string // names that came in because others depend on them
	Count    uint64   // of the permissions in the role
	Set      Digest   // [SetDigest] of the permissions in the role
}

// Managed says in which way of its own a role is assigned. There is one role of each but for [ManagedOperator].
const (
	ManagedOwner       = "owner"        // the owner has it, and nobody else; it gives every permission, future ones too
	ManagedOperator    = "operator"     // by whoever runs the ledger
	ManagedTokenOwner  = "token-owner"  // by the deployment and the transfer of a token
	ManagedTokenAgent  = "token-agent"  // by the owner of a token
	ManagedTokenHolder = "token-holder" // by qualification for a token
)

// Label is something else that the source of a role says of it, as its stage.
type Label struct{ Name, Value string }

// labels walks over labels; only a change may say that there are none.
func labels(c *canon.Codec, list *[]Label, change bool) {
	c.OptionalObject("labels", len(*list) > 0 || change && *list != nil, func(c *canon.Codec) {
		canon.Objects(c, "list", list, true, func(c *canon.Codec, l *Label) {
			c.String("name", &l.Name, canon.Token)
			c.String("value", &l.Value, canon.Value)
		}, func(before, l *Label) error {
			if l.Name <= before.Name {
				return fmt.Errorf("label %q does not stand in ascending order", l.Name)
			}
			return nil
		})
		if c.Reading() && !change && len(*list) == 0 {
			c.Failf("no labels are left out")
		}
	})
}

func (*RoleCreated) Type() Type      { return "role.created" }
func (d *RoleCreated) About() string { return about("role", d.Role) }
func (d *RoleCreated) asked() Data {
	a := *d
	a.Included, a.Count, a.Set = nil, 0, Digest{}
	return &a
}

func (d *RoleCreated) command(c *canon.Codec, version int) {
	if version == 1 && !c.Reading() && (d.System || d.Managed != "") {
		c.Failf("version 1 of role.created knows no roles of the system")
	}
	c.OptionalString("description", &d.Description, canon.Text)
	c.String("key", &d.Key, canon.Key)
	labels(c, &d.Labels, false)
	if version > 1 {
		c.OptionalString("managed", &d.Managed, canon.Token)
	}
	c.String("name", &d.Name, canon.Name)
	c.Digests("parts", &d.Parts)
	c.Set("permissions", &d.Permissions, canon.Permission)
	c.ULID("role", &d.Role)
	if version > 1 {
		c.Flag("system", &d.System)
	}
}

func (d *RoleCreated) effect(c *canon.Codec, _ int) {
	c.Uint("count", &d.Count)
	c.OptionalSet("included", &d.Included, canon.Permission)
	c.Digest("set", &d.Set)
}

// RoleUpdated says what changed in a role. Members that are not said stay as they are.
type RoleUpdated struct {
	Role        ulid.ULID
	Name        *string
	Description *string
	Labels      []Label // nil: as before; else all there are now
	Add         []string
	AddParts    []Digest
	Remove      []string
	RemoveParts []Digest

	Included []string
	Count    uint64
	Set      Digest
}

func (*RoleUpdated) Type() Type      { return "role.updated" }
func (d *RoleUpdated) About() string { return about("role", d.Role) }
func (d *RoleUpdated) asked() Data {
	a := *d
	a.Included, a.Count, a.Set = nil, 0, Digest{}
	return &a
}

func (d *RoleUpdated) command(c *canon.Codec, _ int) {
	c.OptionalSet("add", &d.Add, canon.Permission)
	c.Digests("addParts", &d.AddParts)
	c.Change("description", &d.Description, canon.Text)
	labels(c, &d.Labels, true)
	c.Change("name", &d.Name, canon.Name)
	c.OptionalSet("remove", &d.Remove, canon.Permission)
	c.Digests("removeParts", &d.RemoveParts)
	c.ULID("role", &d.Role)
}

func (d *RoleUpdated) effect(c *canon.Codec, _ int) {
	c.Uint("count", &d.Count)
	c.OptionalSet("included", &d.Included, canon.Permission)
	c.Digest("set", &d.Set)
}

// RoleDeleted says that a role is gone for good. Its id is never used again; its key may be.
type RoleDeleted struct {
	none
	Role ulid.ULID
}

func (*RoleDeleted) Type() Type      { return "role.deleted" }
func (d *RoleDeleted) About() string { return about("role", d.Role) }
func (d *RoleDeleted) asked() Data   { return new(*d) }

func (d *RoleDeleted) command(c *canon.Codec, _ int) { c.ULID("role", &d.Role) }

// RoleDefaulted says which role everybody gets who is added from now on. At most one role is the default.
type RoleDefaulted struct {
	Role ulid.ULID
	None bool // the role is the default no longer, and no other takes its place

	Former ulid.ULID // which one was; zero: none
}

func (*RoleDefaulted) Type() Type      { return "role.defaulted" }
func (d *RoleDefaulted) About() string { return about("role", d.Role) }
func (d *RoleDefaulted) asked() Data   { return &RoleDefaulted{Role: d.Role, None: d.None} }

func (d *RoleDefaulted) command(c *canon.Codec, _ int) {
	c.Flag("none", &d.None)
	c.ULID("role", &d.Role)
}

func (d *RoleDefaulted) effect(c *canon.Codec, _ int) { c.OptionalULID("former", &d.Former) }

// RoleAssigned gives a role to a subject. The id of the event names the grant. Version 1 knew no condition.
type RoleAssigned struct {
	none
	Subject ulid.ULID
	Role    ulid.ULID
	Scope   string    // what it covers; empty: the whole organization
	Until   time.Time // the first instant it does not hold; zero: it has no end
	// Condition is a [Condition] in its one spelling; empty: none.
	Condition string
}

func (*RoleAssigned) Type() Type      { return "role.assigned" }
func (d *RoleAssigned) About() string { return about("subject", d.Subject) }
func (d *RoleAssigned) asked() Data   { return new(*d) }

func (d *RoleAssigned) command(c *canon.Codec, version int) {
	condition(c, &d.Condition, d.Type(), version, 2)
	c.ULID("role", &d.Role)
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
	c.OptionalTime("until", &d.Until)
}

// condition walks over the condition of what is given, which a type knows from a version on.
func condition(c *canon.Codec, text *string, t Type, version, since int) {
	if version >= since {
		c.OptionalString("condition", text, ConditionText)
	} else if !c.Reading() && *text != "" {
		c.Failf("version %d of %s knows no condition", version, t)
	}
}

// RoleDelegated says that the actor gives a role that it has to another subject. The id of the event names the grant.
// Unless Keep is said, the grant holds only while the actor has the one that it comes from, and is active.
type RoleDelegated struct {
	Subject ulid.ULID
	Role    ulid.ULID
	Scope   string    // what it covers; empty: the whole organization
	Until   time.Time // the first instant it does not hold; zero: it has no end

	Condition string    // that of the grant it comes from
	From      ulid.ULID // the actor's grant
	Keep      bool      // the grant stays when the actor loses its own
}

func (*RoleDelegated) Type() Type      { return "role.delegated" }
func (d *RoleDelegated) About() string { return about("subject", d.Subject) }
func (d *RoleDelegated) asked() Data {
	return &RoleDelegated{Subject: d.Subject, Role: d.Role, Scope: d.Scope, Until: d.Until}
}

func (d *RoleDelegated) command(c *canon.Codec, _ int) {
	c.ULID("role", &d.Role)
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
	c.OptionalTime("until", &d.Until)
}

func (d *RoleDelegated) effect(c *canon.Codec, _ int) {
	c.OptionalString("condition", &d.Condition, ConditionText)
	c.ULID("from", &d.From)
	c.Flag("keep", &d.Keep)
}

// RoleRevoked takes a role from a subject, on the scope it was given for.
type RoleRevoked struct {
	Subject ulid.ULID
	Role    ulid.ULID
	Scope   string

	Grant ulid.ULID // the event that gave it
}

func (*RoleRevoked) Type() Type      { return "role.revoked" }
func (d *RoleRevoked) About() string { return about("subject", d.Subject) }
func (d *RoleRevoked) asked() Data {
	return &RoleRevoked{Subject: d.Subject, Role: d.Role, Scope: d.Scope}
}

func (d *RoleRevoked) command(c *canon.Codec, _ int) {
	c.ULID("role", &d.Role)
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
}

func (d *RoleRevoked) effect(c *canon.Codec, _ int) { c.ULID("grant", &d.Grant) }

// RolesSet replaces the roles that a subject has on the whole organization (set-role). Roles that it keeps keep their
// grant and its end; roles on scopes beneath stay.
type RolesSet struct {
	Subject ulid.ULID
	Roles   []ulid.ULID // ascending

	Added   []ulid.ULID
	Removed []ulid.ULID
}

func (*RolesSet) Type() Type      { return "roles.set" }
func (d *RolesSet) About() string { return about("subject", d.Subject) }
func (d *RolesSet) asked() Data   { return &RolesSet{Subject: d.Subject, Roles: d.Roles} }

func (d *RolesSet) command(c *canon.Codec, _ int) {
	c.ULIDs("roles", &d.Roles)
	c.ULID("subject", &d.Subject)
}

func (d *RolesSet) effect(c *canon.Codec, _ int) {
	c.OptionalULIDs("added", &d.Added)
	c.OptionalULIDs("removed", &d.Removed)
}
