package rules

import (
	"slices"

	"github.com/permledger/permledger/events"
)

func (s *State) decideCatalogue(e *events.Event, d *events.CataloguePublished) *Refusal {
	if r := s.need(e.Actor, ActionCataloguePublish, "", e.Time); r != nil {
		return r
	}
	if d.Catalogue == Own {
		return refuse(Taken, "The catalogue %q is the ledger's own", Own)
	}
	names := map[string]bool{}
	for _, p := range d.Permissions {
		if indexColon(p.Name) {
			return refuse(Invalid, "The catalogue's permission %q names a catalogue itself", p.Name)
		}
		if p.Level != "" && p.Level != events.LevelToken {
			return refuse(Invalid, "There is no level %q", p.Level)
		}
		if r := s.knownNeeds(&p); r != nil {
			return r
		}
		names[p.Name] = true
	}
	for _, p := range d.Permissions {
		name := Qualified(d.Catalogue, p.Name)
		// Another level takes the permission from all who hold it, or gives it to them.
		before, known := s.perms.lookup(name)
		if known && before.token != (p.Level == events.LevelToken) && e.Actor != s.owner {
			return refuse(NotPermitted, "Only the owner changes the level of %s, and with it who holds it", name)
		}
		for _, other := range p.DependsOn {
			if !names[other] {
				return refuse(Unknown, "%s depends on %s, which the catalogue does not have", p.Name, other)
			}
		}
		for _, action := range p.Guards {
			if !slices.Contains(ActionsOf(s.Rules()), action) {
				return refuse(Unknown, "%s guards %s, which is no action of the ledger", p.Name, action)
			}
			// Whoever holds the permission may then do the action: that is giving it, for ever.
			if !slices.Contains(s.perms.guards[action], name) {
				if r := s.need(e.Actor, action, "", e.Time); r != nil {
					return r
				}
				if h := s.mayGive(e.Actor, action, e.Time); !h.lasts(forever) {
					return beyond(Qualified(Own, action), "", h)
				}
			}
		}
	}
	d.Number = 1
	if before := s.catalogues[d.Catalogue]; before != nil {
		if before.title == d.Title && slices.EqualFunc(before.permissions, d.Permissions, events.SamePermission) {
			return refuse(NoChange, "The catalogue %s says this already", d.Catalogue)
		}
		d.Number = before.number + 1
		had := map[string]bool{}
		for _, p := range before.permissions {
			had[p.Name] = true
			if !names[p.Name] {
				d.Retired = append(d.Retired, p.Name)
			}
		}
		for _, p := range d.Permissions {
			if !had[p.Name] {
				d.Added = append(d.Added, p.Name)
			}
		}
	}
	return nil
}

// knownNeeds judges what a permission needs beside who holds it, and the access that it gives.
func (s *State) knownNeeds(p *events.Permission) *Refusal {
	for _, need := range p.Needs {
		if !slices.Contains(events.Needs(), need) {
			return refuse(Unknown, "%s needs %s, which is nothing that a permission can need", p.Name, need)
		}
	}
	if p.Access != "" && !slices.Contains(events.Accesses(), p.Access) {
		return refuse(Unknown, "%s gives the access %s, which there is not", p.Name, p.Access)
	}
	return nil
}

func indexColon(name string) bool { return slices.Contains([]byte(name), ':') }
