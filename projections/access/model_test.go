package access_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// model is a dumb reader of a history: maps by the names the tests use, filled by going through the events that count.
// It shares no code with the index, and of the rules only the two functions that say what a scope covers and a level
// fits.
type model struct {
	catalogue map[string]events.Permission
	known     map[string]bool
	kinds     map[string]string // of active subjects
	roles     map[string]*modelRole
	grants    map[modelGrant]modelHeld
	parts     map[events.Digest][]string
	name      map[ulid.ULID]string
}

type modelRole struct {
	key, name string
	in        map[string]uint64 // name to the position that put it in
	changed   uint64
}

func (r *modelRole) sorted() []string {
	names := []string{}
	for n := range r.in {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

type modelGrant struct{ subject, role, permission, scope string }

type modelHeld struct {
	at    uint64
	event ulid.ULID
	until time.Time
}

func (h modelHeld) holds(at time.Time) bool { return h.until.IsZero() || at.Before(h.until) }

type reason struct {
	kind      access.Kind
	at        uint64
	key, name string
	put       uint64
	scope     string
	until     time.Time
}

func byText(a, b reason) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }

// fold reads entries; occurred zero: all of them count.
func fold(entries []*chain.Entry, occurred time.Time) *model {
	m := &model{
		catalogue: map[string]events.Permission{}, known: map[string]bool{}, kinds: map[string]string{}, roles: map[string]*modelRole{},
		grants: map[modelGrant]modelHeld{}, parts: map[events.Digest][]string{}, name: map[ulid.ULID]string{},
	}
	for _, name := range append(append([]string{"owner"}, people...), roleNames...) {
		m.name[id(name)] = name
	}
	for _, en := range entries {
		e := en.Event
		when := e.Time
		if i := e.Origin.Import; i != nil && !i.Occurred.IsZero() {
			when = i.Occurred
		}
		kind, _, _ := strings.Cut(string(e.Data.Type()), ".")
		change := slices.Contains([]string{"role", "roles", "permission", "grant"}, kind) || e.Data.Type() == "permissions.set"
		if change && !occurred.IsZero() && when.After(occurred) {
			continue
		}
		m.take(e)
	}
	return m
}

func (m *model) all(names []string, parts []events.Digest, more []string) []string {
	all := append(slices.Clone(names), more...)
	for _, p := range parts {
		all = append(all, m.parts[p]...)
	}
	return all
}

func (m *model) take(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		m.kinds["owner"] = d.Owner.Kind
		for _, a := range rules.Actions() {
			m.known["ledger:"+a] = true
		}
	case *events.CataloguePublished:
		for _, p := range d.Permissions {
			m.catalogue[d.Catalogue+":"+p.Name] = p
			m.known[d.Catalogue+":"+p.Name] = true
		}
	case *events.SubjectAdded:
		m.kinds[d.Key] = d.Kind
	case *events.SubjectDeactivated:
		delete(m.kinds, m.name[d.Subject])
	case *events.SubjectInvited:
		delete(m.kinds, m.name[d.Subject])
		for _, r := range d.Roles {
			m.grants[modelGrant{m.name[d.Subject], m.name[r], "", ""}] = modelHeld{at: e.Sequence, event: e.ID}
		}
	case *events.SubjectJoined:
		m.kinds[m.name[d.Subject]] = events.KindHuman
	case *events.SubjectReactivated:
		m.kinds[m.name[d.Subject]] = events.KindHuman
		if m.name[d.Subject] == "wallet" {
			m.kinds["wallet"] = events.KindWallet
		}
	case *events.SubjectRemoved:
		delete(m.kinds, m.name[d.Subject])
		for g := range m.grants {
			if g.subject == m.name[d.Subject] {
				delete(m.grants, g)
			}
		}
	case *events.PermissionsRecorded:
		m.parts[d.Part] = d.Permissions
	case *events.RoleCreated:
		r := &modelRole{key: d.Key, name: d.Name, in: map[string]uint64{}, changed: e.Sequence}
		m.roles[m.name[d.Role]] = r
		m.put(r, m.all(d.Permissions, d.Parts, d.Included), e.Sequence)
	case *events.RoleUpdated:
		r := m.roles[m.name[d.Role]]
		if r == nil {
			return
		}
		r.changed = e.Sequence
		if d.Name != nil {
			r.name = *d.Name
		}
		m.put(r, m.all(d.Add, d.AddParts, d.Included), e.Sequence)
		for _, n := range m.all(d.Remove, d.RemoveParts, nil) {
			delete(r.in, n)
		}
	case *events.RoleDeleted:
		delete(m.roles, m.name[d.Role])
	case *events.RoleAssigned:
		m.grants[modelGrant{m.name[d.Subject], m.name[d.Role], "", d.Scope}] = modelHeld{e.Sequence, e.ID, d.Until}
	case *events.RoleRevoked:
		delete(m.grants, modelGrant{m.name[d.Subject], m.name[d.Role], "", d.Scope})
	case *events.RolesSet:
		for _, r := range d.Added {
			m.grants[modelGrant{m.name[d.Subject], m.name[r], "", ""}] = modelHeld{at: e.Sequence, event: e.ID}
		}
		for _, r := range d.Removed {
			delete(m.grants, modelGrant{m.name[d.Subject], m.name[r], "", ""})
		}
	case *events.PermissionGranted:
		m.known[d.Permission] = true
		m.grants[modelGrant{m.name[d.Subject], "", d.Permission, d.Scope}] = modelHeld{e.Sequence, e.ID, d.Until}
	case *events.PermissionRevoked:
		delete(m.grants, modelGrant{m.name[d.Subject], "", d.Permission, d.Scope})
	case *events.PermissionsSet:
		after := m.all(d.Permissions, d.Parts, nil)
		for g := range m.grants {
			if g.subject == m.name[d.Subject] && g.permission != "" && g.scope == d.Scope && !slices.Contains(after, g.permission) {
				delete(m.grants, g)
			}
		}
		for _, n := range after {
			m.known[n] = true
			g := modelGrant{m.name[d.Subject], "", n, d.Scope}
			if had, ok := m.grants[g]; !ok || !had.holds(e.Time) {
				m.grants[g] = modelHeld{at: e.Sequence, event: e.ID}
			}
		}
	case *events.GrantEnded:
		for g, h := range m.grants {
			if h.event == d.Grant {
				delete(m.grants, g)
			}
		}
	}
}

func (m *model) put(r *modelRole, names []string, at uint64) {
	for _, n := range names {
		m.known[n] = true
		if r.in[n] == 0 {
			r.in[n] = at
		}
	}
}

func (m *model) because(subject, permission, resource string, at time.Time) []reason {
	kind, active := m.kinds[subject]
	if !active || !m.known[permission] {
		return nil
	}
	var list []reason
	if subject == "owner" {
		list = append(list, reason{kind: access.ByOwner, at: 1})
	}
	if !rules.LevelFits(m.catalogue[permission].Level == events.LevelToken, kind) {
		return list
	}
	for g, h := range m.grants {
		if g.subject != subject || !h.holds(at) || !rules.Covers(g.scope, resource) {
			continue
		}
		if g.permission == permission {
			list = append(list, reason{kind: access.ByPermission, at: h.at, scope: g.scope, until: h.until})
		}
		if r := m.roles[g.role]; r != nil && r.in[permission] != 0 {
			list = append(list, reason{access.ByRole, h.at, r.key, r.name, r.in[permission], g.scope, h.until})
		}
	}
	return list
}
