package events

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// PermissionGranted gives one permission to a subject, without a role. The id of the event names the grant.
//
// Version 1 called the subject "user" and knew neither scope nor end: it gave the permission on the whole organization
// for good. Version 2 knew no condition.
type PermissionGranted struct {
	none
	Subject    ulid.ULID
	Permission string
	Scope      string    // what it covers; empty: the whole organization
	Until      time.Time // the first instant it does not hold; zero: it has no end
	Condition  string    // a [Condition] in its one spelling; empty: none
}

func (*PermissionGranted) Type() Type      { return "permission.granted" }
func (d *PermissionGranted) About() string { return about("subject", d.Subject) }
func (d *PermissionGranted) asked() Data   { return new(*d) }

func (d *PermissionGranted) command(c *canon.Codec, version int) {
	condition(c, &d.Condition, d.Type(), version, 3)
	c.String("permission", &d.Permission, canon.Permission)
	if version == 1 {
		if !c.Reading() && (d.Scope != "" || !d.Until.IsZero()) {
			c.Failf("version 1 of permission.granted knows neither scope nor end")
		}
		c.ULID("user", &d.Subject)
		return
	}
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
	c.OptionalTime("until", &d.Until)
}

// PermissionRevoked takes from a subject a permission that it was given without a role.
type PermissionRevoked struct {
	Subject    ulid.ULID
	Permission string
	Scope      string

	Grant ulid.ULID // the event that gave it
}

func (*PermissionRevoked) Type() Type      { return "permission.revoked" }
func (d *PermissionRevoked) About() string { return about("subject", d.Subject) }
func (d *PermissionRevoked) asked() Data {
	return &PermissionRevoked{Subject: d.Subject, Permission: d.Permission, Scope: d.Scope}
}

func (d *PermissionRevoked) command(c *canon.Codec, _ int) {
	c.String("permission", &d.Permission, canon.Permission)
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
}

func (d *PermissionRevoked) effect(c *canon.Codec, _ int) { c.ULID("grant", &d.Grant) }

// PermissionsSet replaces the permissions that a subject has without a role, on one scope. Those it keeps keep their
// grant and its end.
type PermissionsSet struct {
	Subject     ulid.ULID
	Scope       string
	Permissions []string // sorted
	Parts       []Digest

	Before, After Extent
	// Added and Removed are left out where their names together take more than 16,384 bytes: what changed is then
	// computed from the sets.
	Added, Removed []string
}

// Extent says of a set how big it is and what it holds.
type Extent struct {
	Count uint64
	Set   Digest
}

func (e *Extent) members(c *canon.Codec) {
	c.Uint("count", &e.Count)
	c.Digest("set", &e.Set)
}

func (*PermissionsSet) Type() Type      { return "permissions.set" }
func (d *PermissionsSet) About() string { return about("subject", d.Subject) }
func (d *PermissionsSet) asked() Data {
	return &PermissionsSet{Subject: d.Subject, Scope: d.Scope, Permissions: d.Permissions, Parts: d.Parts}
}

func (d *PermissionsSet) command(c *canon.Codec, _ int) {
	c.Digests("parts", &d.Parts)
	c.Set("permissions", &d.Permissions, canon.Permission)
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
}

func (d *PermissionsSet) effect(c *canon.Codec, _ int) {
	c.OptionalSet("added", &d.Added, canon.Permission)
	c.Object("after", d.After.members)
	c.Object("before", d.Before.members)
	c.OptionalSet("removed", &d.Removed, canon.Permission)
}

// PermissionsRecorded records a part of a set that is too big for one entry. It has no effect on what anybody may do.
type PermissionsRecorded struct {
	Permissions []string // sorted, at least one

	Part Digest // [PartDigest] of them
}

func (*PermissionsRecorded) Type() Type      { return "permissions.recorded" }
func (d *PermissionsRecorded) About() string { return "permissions/part" }
func (d *PermissionsRecorded) asked() Data {
	return &PermissionsRecorded{Permissions: d.Permissions}
}

func (d *PermissionsRecorded) command(c *canon.Codec, _ int) {
	c.Set("permissions", &d.Permissions, canon.Permission)
	if len(d.Permissions) == 0 {
		c.Failf("a part has at least one permission")
	}
}

func (d *PermissionsRecorded) effect(c *canon.Codec, _ int) { c.Digest("part", &d.Part) }

// GrantEnded says that a grant with an end has reached it. Only the ledger's own actor records it; what holds at an
// instant never depends on it.
type GrantEnded struct {
	Grant ulid.ULID // the event that gave it

	Subject    ulid.ULID
	Role       ulid.ULID // zero where it was a permission
	Permission string    // empty where it was a role
	Scope      string
}

func (*GrantEnded) Type() Type      { return "grant.ended" }
func (d *GrantEnded) About() string { return about("grant", d.Grant) }
func (d *GrantEnded) asked() Data   { return &GrantEnded{Grant: d.Grant} }

func (d *GrantEnded) command(c *canon.Codec, _ int) { c.ULID("grant", &d.Grant) }

func (d *GrantEnded) effect(c *canon.Codec, _ int) {
	c.OptionalString("permission", &d.Permission, canon.Permission)
	c.OptionalULID("role", &d.Role)
	c.OptionalString("scope", &d.Scope, canon.Scope)
	c.ULID("subject", &d.Subject)
}

// DocumentIssued asks for a signed document about a role or a subject as it is at this position. The document stands
// beside the event in the entry.
type DocumentIssued struct {
	none
	Thing string // role/<id> or subject/<id>
}

func (*DocumentIssued) Type() Type      { return "document.issued" }
func (d *DocumentIssued) About() string { return d.Thing }
func (d *DocumentIssued) asked() Data   { return new(*d) }

func (d *DocumentIssued) command(c *canon.Codec, _ int) { c.String("about", &d.Thing, canon.About) }
