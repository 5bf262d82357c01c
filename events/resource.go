package events

import (
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// KindPolicy is the kind of the resources that permissions with an access give access to.
const KindPolicy = "policy"

// KindOf gives the kind of a resource: what its last name follows.
func KindOf(resource string) string {
	rest := resource[:max(strings.LastIndexByte(resource, '/'), 0)]
	return rest[strings.LastIndexByte(rest, '/')+1:]
}

// PolicyOf gives the policy that a resource is or lies beneath; empty: none.
func PolicyOf(resource string) string {
	for kind, at := true, 0; at < len(resource); kind = !kind {
		part, _, more := strings.Cut(resource[at:], "/")
		if kind && part == KindPolicy && more {
			name, _, _ := strings.Cut(resource[at+len(part)+1:], "/")
			return resource[:at+len(part)+1+len(name)]
		}
		at += len(part) + 1
	}
	return ""
}

// ResourceRegistered says that there is a resource, which its path names. Its parents are the resources whose paths it
// lies beneath. Its creator is the actor.
type ResourceRegistered struct {
	none
	Resource   string
	Name       string // for people
	Properties []Property
	Published  bool
}

func (*ResourceRegistered) Type() Type      { return "resource.registered" }
func (d *ResourceRegistered) About() string { return "resource/" + d.Resource }
func (d *ResourceRegistered) asked() Data   { return new(*d) }

func (d *ResourceRegistered) command(c *canon.Codec, _ int) {
	c.OptionalString("name", &d.Name, canon.Name)
	properties(c, &d.Properties, false)
	c.Flag("published", &d.Published)
	c.String("resource", &d.Resource, canon.Path)
}

// ResourceUpdated says something else of a resource. Members that are not said stay as they are.
type ResourceUpdated struct {
	none
	Resource   string
	Name       *string
	Properties []Property // nil: as before; else all there are now
	Publish    bool       // it is published now
	Withdraw   bool       // it is not published any more
}

func (*ResourceUpdated) Type() Type      { return "resource.updated" }
func (d *ResourceUpdated) About() string { return "resource/" + d.Resource }
func (d *ResourceUpdated) asked() Data   { return new(*d) }

func (d *ResourceUpdated) command(c *canon.Codec, _ int) {
	c.Change("name", &d.Name, canon.Value)
	properties(c, &d.Properties, true)
	c.Flag("publish", &d.Publish)
	c.String("resource", &d.Resource, canon.Path)
	c.Flag("withdraw", &d.Withdraw)
	if !c.Describing() && d.Publish && d.Withdraw {
		c.Failf("a resource is published or withdrawn")
	}
}

// ResourceRemoved says that a resource is gone, and with it who was assigned to it.
type ResourceRemoved struct {
	none
	Resource string
}

func (*ResourceRemoved) Type() Type      { return "resource.removed" }
func (d *ResourceRemoved) About() string { return "resource/" + d.Resource }
func (d *ResourceRemoved) asked() Data   { return new(*d) }

func (d *ResourceRemoved) command(c *canon.Codec, _ int) {
	c.String("resource", &d.Resource, canon.Path)
}

// AccessAssigned says that a subject is assigned to a resource. The id of the event names the assignment.
type AccessAssigned struct {
	none
	Subject  ulid.ULID
	Resource string
}

func (*AccessAssigned) Type() Type      { return "access.assigned" }
func (d *AccessAssigned) About() string { return about("subject", d.Subject) }
func (d *AccessAssigned) asked() Data   { return new(*d) }

func (d *AccessAssigned) command(c *canon.Codec, _ int) {
	c.String("resource", &d.Resource, canon.Path)
	c.ULID("subject", &d.Subject)
}

// AccessUnassigned says that a subject is not assigned to a resource any more.
type AccessUnassigned struct {
	Subject  ulid.ULID
	Resource string

	Grant ulid.ULID // the event that assigned it
}

func (*AccessUnassigned) Type() Type      { return "access.unassigned" }
func (d *AccessUnassigned) About() string { return about("subject", d.Subject) }
func (d *AccessUnassigned) asked() Data {
	return &AccessUnassigned{Subject: d.Subject, Resource: d.Resource}
}

func (d *AccessUnassigned) command(c *canon.Codec, _ int) {
	c.String("resource", &d.Resource, canon.Path)
	c.ULID("subject", &d.Subject)
}

func (d *AccessUnassigned) effect(c *canon.Codec, _ int) { c.ULID("grant", &d.Grant) }

// AccessDelegated says that the actor, who has access to a resource, assigns another subject to it. Unless Keep is said,
// the other is assigned only while the actor has access.
type AccessDelegated struct {
	Subject  ulid.ULID
	Resource string

	From ulid.ULID // the actor's own assignment; zero: it has access without one
	Keep bool      // the assignment stays when the actor loses access
}

func (*AccessDelegated) Type() Type      { return "access.delegated" }
func (d *AccessDelegated) About() string { return about("subject", d.Subject) }
func (d *AccessDelegated) asked() Data {
	return &AccessDelegated{Subject: d.Subject, Resource: d.Resource}
}

func (d *AccessDelegated) command(c *canon.Codec, _ int) {
	c.String("resource", &d.Resource, canon.Path)
	c.ULID("subject", &d.Subject)
}

func (d *AccessDelegated) effect(c *canon.Codec, _ int) {
	c.OptionalULID("from", &d.From)
	c.Flag("keep", &d.Keep)
}
