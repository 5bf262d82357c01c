package api

import (
	"maps"
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/projections/access"
)

// listResources gives all resources, or those of a kind; with a subject those that it may see.
func listResources(c *call) (wire.List[wire.Resource], error) {
	var list wire.List[wire.Resource]
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	kind, subject := c.query.Get("kind"), c.query.Get("subject")
	permission := ""
	if c.query.Has("permission") {
		if subject == "" {
			return list, badRequest("permission comes with subject: on which resources who may do it")
		}
		if permission, _, _, err = c.permissionName(); err != nil {
			return list, err
		}
	}
	var found []access.ResourceView
	if subject == "" {
		found = c.org.Access.Resources(kind, a)
	} else if found, err = c.org.Access.Reachable(subject, kind, permission, a); err != nil {
		return list, err
	}
	list = wire.List[wire.Resource]{Items: []wire.Resource{}, AsOf: asOf}
	for _, v := range found {
		list.Items = append(list.Items, resourceOf(v))
	}
	return list, nil
}

// getDelegable gives what a subject can delegate.
func getDelegable(c *call) (wire.One[wire.Delegable], error) {
	var one wire.One[wire.Delegable]
	a, asOf, err := c.asOf()
	if err != nil {
		return one, err
	}
	v, err := c.org.Access.Subject(c.PathValue("key"), a)
	if err != nil {
		return one, err
	}
	d, err := c.org.Access.Delegable(v.ID.String(), a)
	if err != nil {
		return one, err
	}
	one = wire.One[wire.Delegable]{Item: wire.Delegable{Subject: v.Key, Roles: []wire.Holds{}, Policies: []wire.Resource{}}, AsOf: asOf}
	for _, h := range d.Roles {
		one.Item.Roles = append(one.Item.Roles, c.holdsOf(h))
	}
	for _, r := range d.Policies {
		one.Item.Policies = append(one.Item.Policies, resourceOf(r))
	}
	return one, nil
}

func resourceOf(v access.ResourceView) wire.Resource {
	return wire.Resource{
		Path: v.Path, Kind: v.Kind, Name: v.Name, Published: v.Published, Creator: v.Creator, Parents: v.Parents, Assigned: v.Assigned,
		Registered: v.Registered, Changed: v.Changed, Properties: valuesOf(v.Properties),
	}
}

// valuesOf gives properties by name, none where there are none.
func valuesOf(list []events.Property) map[string]string {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]string, len(list))
	for _, p := range list {
		m[p.Name] = p.Value
	}
	return m
}

// propertiesOf gives properties as events hold them: sorted by name, none where there is no map.
func propertiesOf(m map[string]string) []events.Property {
	if m == nil {
		return nil
	}
	list := []events.Property{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, events.Property{Name: name, Value: m[name]})
	}
	return list
}
