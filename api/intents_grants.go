package api

import (
	"cmp"

	"github.com/permledger/permledger/events"
)

// condition gives a condition in its one spelling.
func condition(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	c, err := events.ParseCondition(text)
	if err != nil {
		return "", badRequest(err.Error())
	}
	return c.String(), nil
}

func (d *draft) delegateRole() (events.Data, error) {
	role, err1 := d.role(d.in.Role)
	subject, err2 := d.subject(d.in.Subject)
	until, err3 := instant(d.in.Until)
	return &events.RoleDelegated{Subject: subject, Role: role, Scope: d.in.Scope, Until: until}, cmp.Or(err1, err2, err3)
}

func (d *draft) assignAccess() (events.Data, error) {
	subject, err := d.subject(d.in.Subject)
	return &events.AccessAssigned{Subject: subject, Resource: d.in.Resource}, cmp.Or(err, d.resource())
}

func (d *draft) unassignAccess() (events.Data, error) {
	subject, err := d.subject(d.in.Subject)
	return &events.AccessUnassigned{Subject: subject, Resource: d.in.Resource}, cmp.Or(err, d.resource())
}

func (d *draft) delegateAccess() (events.Data, error) {
	subject, err := d.subject(d.in.Subject)
	return &events.AccessDelegated{Subject: subject, Resource: d.in.Resource}, cmp.Or(err, d.resource())
}

func (d *draft) registerResource() (events.Data, error) {
	data := &events.ResourceRegistered{Resource: d.in.Resource, Properties: propertiesOf(d.in.Properties), Published: d.in.Publish}
	if len(data.Properties) == 0 {
		data.Properties = nil
	}
	if d.in.Name != nil {
		data.Name = *d.in.Name
	}
	return data, d.resource()
}

func (d *draft) updateResource() (events.Data, error) {
	if d.in.Publish && d.in.Withdraw {
		return nil, badRequest("A resource is published or withdrawn")
	}
	return &events.ResourceUpdated{
		Resource: d.in.Resource, Name: d.in.Name, Properties: propertiesOf(d.in.Properties), Publish: d.in.Publish, Withdraw: d.in.Withdraw,
	}, d.resource()
}

func (d *draft) removeResource() (events.Data, error) {
	return &events.ResourceRemoved{Resource: d.in.Resource}, d.resource()
}

// resource demands that the intent names one.
func (d *draft) resource() error {
	if d.in.Resource == "" {
		return badRequest("resource is missing: a path, as policy/4711")
	}
	return nil
}
