package rules

import (
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

var ulidZero ulid.ULID

// Evolve takes an event into the state, which it changes. It cannot fail: what is in the log has happened.
func Evolve(s *State, e *events.Event) {
	s.position, s.time = e.Sequence, e.Time
	if i := e.Origin.Import; i != nil && !i.Occurred.IsZero() {
		s.sources[i.Format+" "+i.Source] = i.Occurred
	}
	if e.Origin == (events.Origin{}) {
		s.ids[e.ID] = e.Sequence
	} else {
		s.kept[e.ID] = e.Sequence
	}
	if e.Sequence%4096 == 0 {
		s.forget(e.Time)
	}
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		s.open(e, d)
	case *events.CataloguePublished:
		s.catalogues[d.Catalogue] = &catalogue{d.Title, d.Number, e.Sequence, d.Permissions}
		s.perms.publish(d)
	case *events.SubjectAdded:
		s.addSubject(&subject{id: d.Subject, key: d.Key, kind: d.Kind, did: d.DID, credential: d.Credential, added: e.Sequence})
		if d.Credential != "" {
			s.keys[d.Credential] = &key{purpose: events.PurposeCredential, subject: d.Subject}
		}
	case *events.SubjectDeactivated:
		s.subjects[d.Subject].deactivated = e.Sequence
	case *events.RoleCreated:
		names, _ := s.resolve(d.Permissions, d.Parts, time.Time{})
		s.roles[d.Role] = &role{
			id: d.Role, key: d.Key, name: d.Name, description: d.Description, labels: d.Labels,
			set: empty.change(s.perms, union(names, d.Included), nil), created: e.Sequence, changed: e.Sequence,
			holders: map[ulid.ULID]int{},
		}
		s.roleKeys[d.Key] = d.Role
		s.roleNames[d.Name]++
	case *events.RoleUpdated:
		s.updateRole(e, d)
	case *events.RoleDeleted:
		r := s.roles[d.Role]
		r.deleted, r.changed = e.Sequence, e.Sequence
		delete(s.roleKeys, r.key)
		s.unname(r.name)
	case *events.RoleAssigned:
		s.giveRole(e, d.Subject, d.Role, d.Scope, d.Until)
	case *events.RoleRevoked:
		s.takeRole(d.Subject, d.Role, d.Scope)
	case *events.RolesSet:
		for _, id := range d.Added {
			s.giveRole(e, d.Subject, id, "", time.Time{})
		}
		for _, id := range d.Removed {
			s.takeRole(d.Subject, id, "")
		}
	case *events.PermissionGranted:
		s.givePermission(e, d.Subject, d.Permission, d.Scope, d.Until)
	case *events.PermissionRevoked:
		s.takePermission(d.Subject, d.Permission, d.Scope)
	case *events.PermissionsSet:
		s.setPermissions(e, d)
	case *events.PermissionsRecorded:
		s.parts[d.Part] = part{d.Permissions, e.Time}
	case *events.GrantEnded:
		s.endGrant(d)
	case *events.KeyRegistered:
		s.keys[d.Key] = &key{purpose: d.Purpose, subject: d.Subject}
	case *events.KeyRotated:
		s.replaceKey(e, d.Old, d.New)
	case *events.KeySucceeded:
		s.replaceKey(e, d.Lost, d.Key)
	case *events.KeyRevoked:
		s.keys[d.Key].revoked = e.Sequence
	case *events.KeyReported, *events.DocumentIssued:
		// Neither changes what is so.
	}
	if s.Documented(e.Data) {
		s.documents++
	}
}

func (s *State) open(e *events.Event, d *events.OrganizationOpened) {
	s.opened, s.source = d, e.Source
	for _, action := range Actions() {
		name := Qualified(Own, action)
		s.perms.info[s.perms.enter(name)].catalogue = Own
	}
	for _, t := range d.Evidence {
		s.evidence[events.Type(t)] = true
	}
	o := d.Owner
	s.addSubject(&subject{id: o.Subject, key: o.Key, kind: o.Kind, did: o.DID, credential: o.Credential, added: e.Sequence})
	s.keys[o.Credential] = &key{purpose: events.PurposeCredential, subject: o.Subject}
	for purpose, did := range map[string]string{
		events.PurposeEvent: d.Keys.Event, events.PurposeDocument: d.Keys.Document,
		events.PurposeRoot: d.Keys.Root, events.PurposeOperator: d.Keys.Operator,
	} {
		s.keys[did] = &key{purpose: purpose}
		s.current[purpose] = did
	}
}

func (s *State) addSubject(u *subject) {
	u.roles, u.direct = map[roleScope]*grant{}, map[permissionScope]*grant{}
	s.subjects[u.id] = u
	s.subjectKey[u.key] = u.id
}

func (s *State) updateRole(e *events.Event, d *events.RoleUpdated) {
	r := s.roles[d.Role]
	r.changed = e.Sequence
	if d.Name != nil {
		s.unname(r.name)
		r.name = *d.Name
		s.roleNames[r.name]++
	}
	if d.Description != nil {
		r.description = *d.Description
	}
	if d.Labels != nil {
		r.labels = d.Labels
	}
	add, _ := s.resolve(d.Add, d.AddParts, time.Time{})
	remove, _ := s.resolve(d.Remove, d.RemoveParts, time.Time{})
	if add = union(add, d.Included); len(add)+len(remove) > 0 {
		r.set = r.set.change(s.perms, add, remove)
	}
}

func (s *State) unname(name string) {
	if s.roleNames[name]--; s.roleNames[name] == 0 {
		delete(s.roleNames, name)
	}
}

func (s *State) giveRole(e *events.Event, to, role ulid.ULID, scope string, until time.Time) {
	g := &grant{id: e.ID, position: e.Sequence, subject: to, role: role, scope: scope, until: until}
	u := s.subjects[to]
	if u.roles[roleScope{role, scope}] == nil { // one that has ended, and is not yet recorded so, is replaced
		s.roles[role].holders[to]++
	}
	u.roles[roleScope{role, scope}] = g
	s.watch(g)
}

func (s *State) takeRole(from, role ulid.ULID, scope string) {
	u := s.subjects[from]
	if g := u.roles[roleScope{role, scope}]; g != nil {
		delete(u.roles, roleScope{role, scope})
		s.unwatch(g)
		holders := s.roles[role].holders
		if holders[from]--; holders[from] == 0 {
			delete(holders, from)
		}
	}
}

func (s *State) givePermission(e *events.Event, to ulid.ULID, name, scope string, until time.Time) {
	n := s.perms.enter(name)
	g := &grant{id: e.ID, position: e.Sequence, subject: to, permission: name, scope: scope, until: until}
	s.subjects[to].direct[permissionScope{n, scope}] = g
	s.watch(g)
}

func (s *State) takePermission(from ulid.ULID, name, scope string) {
	n, ok := s.perms.number[name]
	u := s.subjects[from]
	if g := u.direct[permissionScope{n, scope}]; ok && g != nil {
		delete(u.direct, permissionScope{n, scope})
		s.unwatch(g)
	}
}

func (s *State) setPermissions(e *events.Event, d *events.PermissionsSet) {
	after, _ := s.resolve(d.Permissions, d.Parts, time.Time{})
	u := s.subjects[d.Subject]
	var before []string
	for at, g := range u.direct {
		if at.scope == d.Scope {
			if g.holds(e.Time) {
				before = append(before, g.permission)
			} else if _, wanted := slices.BinarySearch(after, g.permission); !wanted {
				s.takePermission(d.Subject, g.permission, d.Scope)
			}
		}
	}
	slices.Sort(before)
	for _, name := range difference(before, after) {
		s.takePermission(d.Subject, name, d.Scope)
	}
	for _, name := range difference(after, before) {
		s.givePermission(e, d.Subject, name, d.Scope, time.Time{})
	}
}

func (s *State) endGrant(d *events.GrantEnded) {
	g := s.ending[d.Grant]
	s.unwatch(g)
	u := s.subjects[g.subject]
	switch {
	case g.permission == "":
		if u.roles[roleScope{g.role, g.scope}] == g {
			s.takeRole(g.subject, g.role, g.scope)
		}
	case u.direct[permissionScope{s.perms.number[g.permission], g.scope}] == g:
		s.takePermission(g.subject, g.permission, g.scope)
	}
}

func (s *State) watch(g *grant) {
	if !g.until.IsZero() {
		s.ending[g.id] = g
		heap.Push(&s.due, g)
	}
}

func (s *State) unwatch(g *grant) {
	if !g.until.IsZero() {
		delete(s.ending, g.id)
	}
}

func (s *State) replaceKey(e *events.Event, old, with string) {
	k := s.keys[old]
	k.revoked = e.Sequence
	s.keys[with] = &key{purpose: k.purpose, subject: k.subject}
	if s.current[k.purpose] == old {
		s.current[k.purpose] = with
	}
}

// forget drops what no decision can ask for any more: live ids outside their window, parts that are too old.
func (s *State) forget(now time.Time) {
	for id := range s.ids {
		if now.Sub(id.Timestamp()) > idSigned+idSkew {
			delete(s.ids, id)
		}
	}
	for digest, p := range s.parts {
		if now.Sub(p.at) > 2*partLife {
			delete(s.parts, digest)
		}
	}
}

// Thing takes apart what a document is about.
func Thing(about string) (kind string, id ulid.ULID, ok bool) {
	kind, text, cut := strings.Cut(about, "/")
	id, err := ulid.ParseStrict(text)
	return kind, id, cut && err == nil && id.String() == text
}
