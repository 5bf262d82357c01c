package rules_test

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// add adds a human who signs with a key of its own.
func add(key string) step { return addKind(key, events.KindHuman) }

func addKind(key, kind string) step {
	return step{data: &events.SubjectAdded{Subject: id(key), Key: key, Kind: kind, Credential: did(key)}}
}

func deactivate(key string) step { return step{data: &events.SubjectDeactivated{Subject: id(key)}} }

// create makes a role. Roles of one key are told apart by what follows #.
func create(name string, permissions ...string) step {
	slices.Sort(permissions)
	key, _, _ := strings.Cut(name, "#")
	return step{data: &events.RoleCreated{Role: id(name), Key: key, Name: key, Permissions: permissions}}
}

func update(role string, f func(*events.RoleUpdated)) step {
	d := &events.RoleUpdated{Role: id(role)}
	f(d)
	return step{data: d}
}

func addTo(role string, permissions ...string) step {
	return update(role, func(d *events.RoleUpdated) { d.Add = permissions })
}

func takeFrom(role string, permissions ...string) step {
	return update(role, func(d *events.RoleUpdated) { d.Remove = permissions })
}

func rename(role, name string) step {
	return update(role, func(d *events.RoleUpdated) { d.Name = &name })
}

func remove(role string) step { return step{data: &events.RoleDeleted{Role: id(role)}} }

func assign(subject, role string) step {
	return step{data: &events.RoleAssigned{Subject: id(subject), Role: id(role)}}
}

func revokeRole(subject, role string) step {
	return step{data: &events.RoleRevoked{Subject: id(subject), Role: id(role)}}
}

func setRoles(subject string, roles ...string) step {
	return step{data: &events.RolesSet{Subject: id(subject), Roles: ids(roles...)}}
}

func grant(subject, permission string) step {
	return step{data: &events.PermissionGranted{Subject: id(subject), Permission: permission}}
}

func revoke(subject, permission string) step {
	return step{data: &events.PermissionRevoked{Subject: id(subject), Permission: permission}}
}

func set(subject string, permissions ...string) step {
	slices.Sort(permissions)
	return step{data: &events.PermissionsSet{Subject: id(subject), Permissions: permissions}}
}

func part(permissions ...string) step {
	slices.Sort(permissions)
	return step{data: &events.PermissionsRecorded{Permissions: permissions}}
}

func register(key, purpose, subject string) step {
	d := &events.KeyRegistered{Key: did(key), Purpose: purpose}
	if subject != "" {
		d.Subject = id(subject)
	}
	return step{data: d}
}

func rotate(old, with string) step {
	return step{data: &events.KeyRotated{Old: did(old), New: did(with)}}
}

func succeed(lost, key string) step {
	return step{data: &events.KeySucceeded{Lost: did(lost), Key: did(key)}}.signedWith(did("root"))
}

func revokeKey(key string) step { return step{data: &events.KeyRevoked{Key: did(key)}} }

func report(key string, from uint64) step {
	return step{data: &events.KeyReported{Key: did(key), From: from}}
}

func issue(thing string) step { return step{data: &events.DocumentIssued{Thing: thing}} }

func publish(name string, permissions ...events.Permission) step {
	slices.SortFunc(permissions, func(a, b events.Permission) int { return strings.Compare(a.Name, b.Name) })
	return step{data: &events.CataloguePublished{Catalogue: name, Title: "Title of " + name, Permissions: permissions}}
}

// perm gives a permission of a catalogue; each edit changes one thing of it.
func perm(name string, edits ...func(*events.Permission)) events.Permission {
	p := events.Permission{Name: name, Category: "c", Entity: "e", Action: "a"}
	for _, f := range edits {
		f(&p)
	}
	return p
}

func needs(names ...string) func(*events.Permission) {
	return func(p *events.Permission) { p.DependsOn = names }
}

func guards(actions ...string) func(*events.Permission) {
	return func(p *events.Permission) { p.Guards = actions }
}

func tokenLevel(p *events.Permission) { p.Level = events.LevelToken }
func reserved(p *events.Permission)   { p.Reserved = true }

func need(names ...string) func(*events.Permission) {
	return func(p *events.Permission) { p.Needs = names }
}

func access(reach string) func(*events.Permission) {
	return func(p *events.Permission) { p.Access = reach }
}

func entity(name string) func(*events.Permission) {
	return func(p *events.Permission) { p.Entity = name }
}

func delegate(subject, role string) step {
	return step{data: &events.RoleDelegated{Subject: id(subject), Role: id(role)}}
}

// registered makes a resource with properties, each a name and a value.
func registered(path string, properties ...string) step {
	d := &events.ResourceRegistered{Resource: path}
	for i := 0; i < len(properties); i += 2 {
		d.Properties = append(d.Properties, events.Property{Name: properties[i], Value: properties[i+1]})
	}
	return step{data: d}
}

func assignTo(subject, policy string) step {
	return step{data: &events.AccessAssigned{Subject: id(subject), Resource: policy}}
}

func unassign(subject, policy string) step {
	return step{data: &events.AccessUnassigned{Subject: id(subject), Resource: policy}}
}

func delegateAccess(subject, policy string) step {
	return step{data: &events.AccessDelegated{Subject: id(subject), Resource: policy}}
}

// given puts a condition on what a step gives.
func (st step) given(condition string) step {
	switch d := st.data.(type) {
	case *events.RoleAssigned:
		d.Condition = condition
	case *events.PermissionGranted:
		d.Condition = condition
	default:
		panic("no condition")
	}
	return st
}

// give gives permissions to a subject by a role that only it has.
func give(subject string, permissions ...string) []step {
	return []step{create("of "+subject, permissions...), assign(subject, "of "+subject)}
}

// staffed adds a human and gives it permissions.
func staffed(subject string, permissions ...string) []step {
	return append([]step{add(subject)}, give(subject, permissions...)...)
}

// on puts a scope on what a step gives, takes or sets.
func (st step) on(scope string) step {
	switch d := st.data.(type) {
	case *events.RoleAssigned:
		d.Scope = scope
	case *events.RoleDelegated:
		d.Scope = scope
	case *events.RoleRevoked:
		d.Scope = scope
	case *events.PermissionGranted:
		d.Scope = scope
	case *events.PermissionRevoked:
		d.Scope = scope
	case *events.PermissionsSet:
		d.Scope = scope
	default:
		panic("no scope")
	}
	return st
}

// until puts an end to what a step gives.
func (st step) until(end time.Time) step {
	switch d := st.data.(type) {
	case *events.RoleAssigned:
		d.Until = end
	case *events.RoleDelegated:
		d.Until = end
	case *events.PermissionGranted:
		d.Until = end
	default:
		panic("no end")
	}
	return st
}

// imported makes a step an imported one.
func (st step) imported(i events.Import) step {
	return st.but(func(c *events.Command) {
		c.ID, c.Origin = events.ImportID(i), events.Origin{Import: &i}
	})
}

// ended is the node's word that the grant which the n-th event gave has ended.
func ended(n int) step {
	return step{actor: "node"}.butIn(func(w *world, c *events.Command) {
		e := w.events[n-1]
		var end time.Time
		switch d := e.Data.(type) {
		case *events.RoleAssigned:
			end = d.Until
		case *events.PermissionGranted:
			end = d.Until
		}
		*c = ending(*c, e.ID, end)
	})
}

// ending makes a command the one that follows from a grant's end.
func ending(c events.Command, grant ulid.ULID, end time.Time) events.Command {
	d := events.Derived{From: grant}
	c.ID, c.Origin, c.Data = events.DerivedID("grant.ended", d, end), events.Origin{Derived: &d}, &events.GrantEnded{Grant: grant}
	return c
}

// ids gives the ids of things, ascending.
func ids(names ...string) []ulid.ULID {
	list := make([]ulid.ULID, 0, len(names))
	for _, n := range names {
		list = append(list, id(n))
	}
	slices.SortFunc(list, ulid.ULID.Compare)
	return list
}

func reviewRole(role string) step { return step{data: &events.RoleReviewed{Role: id(role)}} }

func startReview(name, scope string) step {
	return step{data: &events.ReviewStarted{Review: id(name), Title: name, Scope: scope}}
}

func decideOf(review ulid.ULID, i rules.ReviewItem, revoke bool) step {
	return step{data: &events.ReviewDecided{
		Review: review, Grant: i.Grant, Subject: i.Subject, Role: i.Role, Permission: i.Permission, Scope: i.Scope, Revoke: revoke,
	}}
}

func closeReview(name string, keepRest bool) step {
	return step{data: &events.ReviewClosed{Review: id(name), KeepRest: keepRest}}
}

// decided decides of the first item that a subject has of a role or permission.
func decided(review, subject, thing string, revoke bool) step {
	return step{data: &events.ReviewDecided{}}.butIn(func(w *world, c *events.Command) {
		v, _ := w.s.Review(id(review))
		for _, i := range v.Items {
			if i.Subject == id(subject) && (i.Permission == thing || i.Role == id(thing)) {
				c.Data = decideOf(v.ID, i, revoke).data
				return
			}
		}
		w.Fatalf("%s has no item %s of %s", review, thing, subject)
	})
}
