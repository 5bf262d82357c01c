package rules

import (
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
		put(s.notes, s.sources, i.Format+" "+i.Source, i.Occurred)
	}
	if e.Origin == (events.Origin{}) {
		put(s.notes, s.ids, e.ID, e.Sequence)
		keep(s.notes, &s.recent)
		s.recent = append(s.recent, e.ID)
	} else {
		put(s.notes, s.kept, e.ID, e.Sequence)
	}
	if e.Sequence%4096 == 0 {
		s.forget(e.Time)
	}
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		s.open(e, d)
	case *events.CataloguePublished:
		put(s.notes, s.catalogues, d.Catalogue, &catalogue{d.Title, d.Number, e.Sequence, d.Permissions})
		s.perms.publish(s.notes, d)
	case *events.SubjectAdded:
		s.addSubject(&subject{id: d.Subject, key: d.Key, kind: d.Kind, did: d.DID, credential: d.Credential, added: e.Sequence})
		if d.Credential != "" {
			put(s.notes, s.keys, d.Credential, &key{purpose: events.PurposeCredential, subject: d.Subject})
		}
	case *events.SubjectDeactivated:
		u := s.subjects[d.Subject]
		keep(s.notes, u)
		u.deactivated = e.Sequence
	case *events.RoleCreated:
		names, _ := s.resolve(d.Permissions, d.Parts, time.Time{})
		put(s.notes, s.roles, d.Role, &role{
			id: d.Role, key: d.Key, name: d.Name, description: d.Description, labels: d.Labels,
			set: s.change(empty, union(names, d.Included), nil), created: e.Sequence, changed: e.Sequence,
			holders: map[ulid.ULID]int{},
		})
		put(s.notes, s.roleKeys, d.Key, d.Role)
		count(s.notes, s.roleNames, d.Name, 1)
	case *events.RoleUpdated:
		s.updateRole(e, d)
	case *events.RoleDeleted:
		r := s.roles[d.Role]
		keep(s.notes, r)
		r.deleted, r.changed = e.Sequence, e.Sequence
		drop(s.notes, s.roleKeys, r.key)
		count(s.notes, s.roleNames, r.name, -1)
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
		put(s.notes, s.parts, d.Part, part{d.Permissions, e.Time})
	case *events.GrantEnded:
		s.endGrant(d)
	case *events.KeyRegistered:
		put(s.notes, s.keys, d.Key, &key{purpose: d.Purpose, subject: d.Subject})
	case *events.KeyRotated:
		s.replaceKey(e, d.Old, d.New)
	case *events.KeySucceeded:
		s.replaceKey(e, d.Lost, d.Key)
	case *events.KeyRevoked:
		k := s.keys[d.Key]
		keep(s.notes, k)
		k.revoked = e.Sequence
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
		s.perms.enter(s.notes, Qualified(Own, action))
	}
	for _, t := range d.Evidence {
		put(s.notes, s.evidence, events.Type(t), true)
	}
	o := d.Owner
	s.addSubject(&subject{id: o.Subject, key: o.Key, kind: o.Kind, did: o.DID, credential: o.Credential, added: e.Sequence})
	put(s.notes, s.keys, o.Credential, &key{purpose: events.PurposeCredential, subject: o.Subject})
	for purpose, did := range map[string]string{
		events.PurposeEvent: d.Keys.Event, events.PurposeDocument: d.Keys.Document,
		events.PurposeRoot: d.Keys.Root, events.PurposeOperator: d.Keys.Operator,
	} {
		put(s.notes, s.keys, did, &key{purpose: purpose})
		put(s.notes, s.current, purpose, did)
	}
}

func (s *State) addSubject(u *subject) {
	put(s.notes, s.subjects, u.id, u)
	put(s.notes, s.subjectKey, u.key, u.id)
}

func (s *State) updateRole(e *events.Event, d *events.RoleUpdated) {
	r := s.roles[d.Role]
	keep(s.notes, r)
	r.changed = e.Sequence
	if d.Name != nil {
		count(s.notes, s.roleNames, r.name, -1)
		r.name = *d.Name
		count(s.notes, s.roleNames, r.name, 1)
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
		r.set = s.change(r.set, add, remove)
	}
}

func (s *State) giveRole(e *events.Event, to, role ulid.ULID, scope string, until time.Time) {
	g := &grant{id: e.ID, position: e.Sequence, subject: to, role: role, scope: scope, until: until}
	u := s.subjects[to]
	if u.roles[roleScope{role, scope}] == nil { // one that has ended, and is not yet recorded so, is replaced
		count(s.notes, s.roles[role].holders, to, 1)
	}
	if u.roles == nil {
		u.roles = map[roleScope]*grant{}
	}
	put(s.notes, u.roles, roleScope{role, scope}, g)
	s.watch(g)
}

func (s *State) takeRole(from, role ulid.ULID, scope string) {
	u := s.subjects[from]
	if g := u.roles[roleScope{role, scope}]; g != nil {
		drop(s.notes, u.roles, roleScope{role, scope})
		s.unwatch(g)
		count(s.notes, s.roles[role].holders, from, -1)
	}
}

func (s *State) givePermission(e *events.Event, to ulid.ULID, name, scope string, until time.Time) {
	n := s.perms.enter(s.notes, name)
	g := &grant{id: e.ID, position: e.Sequence, subject: to, permission: name, scope: scope, until: until}
	u := s.subjects[to]
	if u.direct == nil {
		u.direct = map[permissionScope]*grant{}
	}
	put(s.notes, u.direct, permissionScope{n, scope}, g)
	s.watch(g)
}

func (s *State) takePermission(from ulid.ULID, name, scope string) {
	n, ok := s.perms.number[name]
	u := s.subjects[from]
	if g := u.direct[permissionScope{n, scope}]; ok && g != nil {
		drop(s.notes, u.direct, permissionScope{n, scope})
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

func (s *State) replaceKey(e *events.Event, old, with string) {
	k := s.keys[old]
	keep(s.notes, k)
	k.revoked = e.Sequence
	put(s.notes, s.keys, with, &key{purpose: k.purpose, subject: k.subject})
	if s.current[k.purpose] == old {
		put(s.notes, s.current, k.purpose, with)
	}
}

// forget drops what no decision can ask for any more: live ids outside their window, parts that are too old. An id waits
// for those recorded before it, at most as long as a window lasts: so each is looked at once, not all of them each time.
func (s *State) forget(now time.Time) {
	keep(s.notes, &s.recent)
	for len(s.recent) > 0 && now.Sub(s.recent[0].Timestamp()) > idSigned+idSkew {
		drop(s.notes, s.ids, s.recent[0])
		s.recent = s.recent[1:]
	}
	for digest, p := range s.parts {
		if now.Sub(p.at) > 2*partLife {
			drop(s.notes, s.parts, digest)
		}
	}
}

// Thing takes apart what a document is about.
func Thing(about string) (kind string, id ulid.ULID, ok bool) {
	kind, text, cut := strings.Cut(about, "/")
	id, err := ulid.ParseStrict(text)
	return kind, id, cut && err == nil && id.String() == text
}
