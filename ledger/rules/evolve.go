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
	s.position, s.time, s.closed = e.Sequence, e.Time, nil
	if i := e.Origin.Import; i != nil && !i.Occurred.IsZero() {
		put(s.notes, s.sources, i.Format+" "+i.Source, i.Occurred)
	}
	if e.Origin == (events.Origin{}) {
		s.live.add(s.notes, e.ID, e.Sequence)
	} else {
		s.kept.add(s.notes, e.ID, e.Sequence)
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
		s.addSubject(e, d)
	case *events.SubjectDeactivated:
		u := s.subjects.get(d.Subject)
		keep(s.notes, &u.deactivated)
		u.deactivated = e.Sequence
	case *events.SubjectInvited:
		s.inviteSubject(e, d)
	case *events.SubjectJoined:
		s.joinSubject(e, d)
	case *events.SubjectLinked:
		s.linkSubject(d.Subject, d.To, true)
	case *events.SubjectReactivated:
		u := s.subjects.get(d.Subject)
		keep(s.notes, &u.deactivated)
		u.deactivated = 0
	case *events.SubjectRemoved:
		s.removeSubject(e, d)
	case *events.SubjectUnlinked:
		s.linkSubject(d.Subject, d.To, false)
	case *events.SubjectUpdated:
		s.updateSubject(d)
	case *events.LoginChanged:
		s.setLogin(d.Subject, d.Credential, d.Login)
	case *events.RoleCreated:
		names, _ := s.resolve(d.Permissions, d.Parts, time.Time{})
		s.addRole(&role{
			id: d.Role, key: d.Key, name: d.Name, description: d.Description, labels: d.Labels,
			set: s.change(empty, union(names, d.Included), nil), created: e.Sequence, changed: e.Sequence,
			system: d.System, managed: d.Managed,
		})
		put(s.notes, s.roleKeys, d.Key, d.Role)
		count(s.notes, s.roleNames, d.Name, 1)
		if d.Managed != "" && d.Managed != events.ManagedOperator {
			put(s.notes, s.managed, d.Managed, d.Role)
		}
		if d.Managed == events.ManagedOwner {
			s.giveRole(e, s.owner, d.Role, "", time.Time{}, nil)
		}
	case *events.RoleDefaulted:
		if s.defaultRole = d.Role; d.None {
			s.defaultRole = ulidZero
		}
	case *events.RoleUpdated:
		s.updateRole(e, d)
	case *events.RoleDeleted:
		r := s.roles[d.Role]
		keep(s.notes, r)
		r.deleted, r.changed = e.Sequence, e.Sequence
		drop(s.notes, s.roleKeys, r.key)
		count(s.notes, s.roleNames, r.name, -1)
		if s.defaultRole == d.Role {
			s.defaultRole = ulidZero
		}
	case *events.RoleAssigned:
		s.giveRole(e, d.Subject, d.Role, d.Scope, d.Until, tieOf(conditionOf(d.Condition), passed{}))
	case *events.RoleDelegated:
		from := s.subjects.get(e.Actor).byID(d.From)
		s.giveRole(e, d.Subject, d.Role, d.Scope, d.Until, tieOf(conditionOf(d.Condition), passed{e.Actor, d.From, from.scope, d.Keep}))
	case *events.RoleRevoked:
		s.takeRole(d.Subject, d.Role, d.Scope)
	case *events.RolesSet:
		for _, id := range d.Added {
			s.giveRole(e, d.Subject, id, "", time.Time{}, nil)
		}
		for _, id := range d.Removed {
			s.takeRole(d.Subject, id, "")
		}
	case *events.PermissionGranted:
		s.givePermission(e, d.Subject, d.Permission, d.Scope, d.Until, tieOf(conditionOf(d.Condition), passed{}))
	case *events.PermissionRevoked:
		s.takePermission(d.Subject, d.Permission, d.Scope)
	case *events.PermissionsSet:
		s.setPermissions(e, d)
	case *events.PermissionsRecorded:
		put(s.notes, s.parts, d.Part, part{d.Permissions, e.Time})
	case *events.GrantEnded:
		s.endGrant(d)
	case *events.KeyRegistered:
		put(s.notes, s.keys, d.Key, &key{purpose: d.Purpose, subject: d.Subject, since: e.Sequence, until: d.Until})
		switch d.Purpose {
		case events.PurposeCredential:
			s.addFurther(d.Subject, d.Key)
		case events.PurposeCheckpoint:
			s.addCheckpointKey(d.Key)
		}
	case *events.KeyRotated:
		s.replaceKey(e, d.Old, d.New)
		s.besides(d)
	case *events.KeySucceeded:
		s.replaceKey(e, d.Lost, d.Key)
	case *events.KeyRevoked:
		if s.overlap != nil && s.overlap.did == d.Key {
			s.endOverlap(e.Sequence)
			break
		}
		k := s.keys[d.Key]
		keep(s.notes, k)
		k.revoked = e.Sequence
	case *events.ReviewStarted:
		s.startReview(e, d)
	case *events.ReviewDecided:
		s.decideItem(e, d)
	case *events.ReviewClosed:
		s.closeReview(d)
	case events.TokenData:
		s.evolveToken(e, d)
	case *events.OrganizationUpdated:
		s.rename(d)
	case *events.OwnershipTransferred:
		s.changeOwner(e, d.To, d.Role)
	case *events.OwnershipRecovered:
		s.changeOwner(e, d.To, d.Role)
	case *events.RecoveryStarted:
		s.recovery = &recovery{d.To, e.Sequence, d.Due}
	case *events.RecoveryStopped:
		s.recovery = nil
	case *events.RulesAdopted:
		s.adopt(d)
	case *events.ResourceRegistered:
		put(s.notes, s.resources, d.Resource, &resource{
			name: d.Name, properties: d.Properties, published: d.Published, creator: e.Actor, registered: e.Sequence, changed: e.Sequence,
		})
	case *events.ResourceUpdated:
		s.updateResource(e, d)
	case *events.ResourceRemoved:
		drop(s.notes, s.resources, d.Resource)
	case *events.AccessAssigned:
		s.assign(e, d.Resource, d.Subject, passed{})
	case *events.AccessDelegated:
		s.assign(e, d.Resource, d.Subject, passed{by: e.Actor, from: d.From, keep: d.Keep})
	case *events.AccessUnassigned:
		drop(s.notes, s.resources[d.Resource].assigned, d.Subject)
	case *events.KeyReported:
		s.doubt(e, d.Key)
	case *events.CheckpointsRecorded:
		s.takeCheckpoints(e, d)
	case *events.DocumentIssued, *events.RoleReviewed, *events.SubjectErased:
		// None changes what is so.
	}
	if s.Documented(e.Data) {
		s.documents++
	}
}

func (s *State) open(e *events.Event, d *events.OrganizationOpened) {
	s.opened, s.source, s.owner = d, e.Source, d.Owner.Subject
	for _, action := range ActionsOf(d.Rules) {
		s.perms.enter(s.notes, Qualified(Own, action))
	}
	for _, t := range d.Evidence {
		put(s.notes, s.evidence, events.Type(t), true)
	}
	o := d.Owner
	s.subjects.add(s.notes, subject{id: o.Subject, key: o.Key, kind: o.Kind, did: o.DID, credential: o.Credential, added: e.Sequence})
	s.founded = s.subjects.count
	put(s.notes, s.keys, o.Credential, &key{purpose: events.PurposeCredential, subject: o.Subject, since: e.Sequence})
	for purpose, did := range map[string]string{
		events.PurposeEvent: d.Keys.Event, events.PurposeDocument: d.Keys.Document,
		events.PurposeRoot: d.Keys.Root, events.PurposeOperator: d.Keys.Operator,
	} {
		put(s.notes, s.keys, did, &key{purpose: purpose, since: e.Sequence})
		put(s.notes, s.current, purpose, did)
	}
	if did := d.Keys.Checkpoint; did != "" {
		put(s.notes, s.keys, did, &key{purpose: events.PurposeCheckpoint, since: e.Sequence})
		s.addCheckpointKey(did)
	}
}

func (s *State) addRole(r *role) {
	r.number = uint32(len(s.numbered))
	put(s.notes, s.roles, r.id, r)
	keep(s.notes, &s.numbered)
	s.numbered = append(s.numbered, r)
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

// giveRole gives a role to a subject. Of entries without gaps both are known; see [State.Ready].
func (s *State) giveRole(e *events.Event, to, role ulid.ULID, scope string, until time.Time, t *tie) {
	r, u := s.roles[role], s.subjects.get(to)
	if r == nil || u == nil {
		return
	}
	if u.times(whatRole(r.number)) == 0 {
		keep(s.notes, &r.holders)
		r.holders++
	}
	s.give(e, u, whatRole(r.number), scope, until, t)
}

// give gives something to a subject. What it had of it on this scope, if anything, has ended, is not yet recorded so, and
// is replaced; or it was under a condition or passed on, and this gives more.
func (s *State) give(e *events.Event, u *subject, w what, scope string, until time.Time, t *tie) {
	if had := u.get(w, scope); had != nil {
		s.untie(had)
	}
	if t != nil {
		put(s.notes, s.ties, e.ID, t)
	}
	g := grant{id: e.ID, position: e.Sequence, until: endingAt(until), scope: scope, what: w, tied: t != nil}
	u.give(s.notes, g)
	s.watch(u.id, g)
}

func (s *State) takeRole(from, role ulid.ULID, scope string) {
	if r, u := s.roles[role], s.subjects.get(from); r != nil && u != nil {
		s.take(u, whatRole(r.number), scope)
	}
}

// take takes something from a subject, if it has it on this scope.
func (s *State) take(u *subject, w what, scope string) {
	i := u.find(w, scope)
	if i < 0 {
		return
	}
	g := u.take(s.notes, i)
	s.unwatch(&g)
	s.untie(&g)
	if w.role() && u.times(w) == 0 {
		r := s.numbered[w.number()]
		keep(s.notes, &r.holders)
		r.holders--
	}
}

func (s *State) givePermission(e *events.Event, to ulid.ULID, name, scope string, until time.Time, t *tie) {
	s.give(e, s.subjects.get(to), whatPermission(s.perms.enter(s.notes, name)), scope, until, t)
}

func (s *State) takePermission(from ulid.ULID, name, scope string) {
	if n, ok := s.perms.number[name]; ok {
		s.take(s.subjects.get(from), whatPermission(n), scope)
	}
}

func (s *State) setPermissions(e *events.Event, d *events.PermissionsSet) {
	after, _ := s.resolve(d.Permissions, d.Parts, time.Time{})
	u := s.subjects.get(d.Subject)
	var before, ended []string
	for i := range u.grants {
		if g := &u.grants[i]; !g.what.role() && g.scope == d.Scope {
			name := s.perms.names[g.what.number()]
			if g.holds(e.Time) {
				before = append(before, name)
			} else if _, wanted := slices.BinarySearch(after, name); !wanted {
				ended = append(ended, name)
			}
		}
	}
	for _, name := range ended {
		s.takePermission(d.Subject, name, d.Scope)
	}
	slices.Sort(before)
	for _, name := range difference(before, after) {
		s.takePermission(d.Subject, name, d.Scope)
	}
	for _, name := range difference(after, before) {
		s.givePermission(e, d.Subject, name, d.Scope, time.Time{}, nil)
	}
}

func (s *State) endGrant(d *events.GrantEnded) {
	g := s.ending[d.Grant]
	s.unwatch(&g.grant)
	u := s.subjects.get(g.subject)
	if has := u.get(g.what, g.scope); has != nil && has.same(&g.grant) {
		s.take(u, g.what, g.scope)
	}
}

func (s *State) replaceKey(e *events.Event, old, with string) {
	k := s.keys[old]
	put(s.notes, s.keys, with, &key{purpose: k.purpose, subject: k.subject, since: e.Sequence})
	if k.purpose == events.PurposeCheckpoint {
		s.replaceCheckpointKey(e, old, with)
		return
	}
	keep(s.notes, k)
	k.revoked = e.Sequence
	if k.purpose == events.PurposeCredential {
		s.addFurther(k.subject, with)
	}
	if s.current[k.purpose] == old {
		put(s.notes, s.current, k.purpose, with)
	}
}

// besides takes in that a credential which was replaced still signs, and until when the new one does.
func (s *State) besides(d *events.KeyRotated) {
	s.keys[d.New].until = d.Until // it is new: undoing takes all of it away
	if k := s.keys[d.Old]; !d.Beside.IsZero() {
		k.revoked = 0 // replaceKey has kept it for undoing
		if k.until.IsZero() || d.Beside.Before(k.until) {
			k.until = d.Beside
		}
	}
}

// forget drops what no decision can ask for any more: live ids outside their window, parts that are too old. An id waits
// for those recorded before it, at most as long as a window lasts: so each is looked at once, not all of them each time.
func (s *State) forget(now time.Time) {
	old := 0
	for old < len(s.live.list) && now.Sub(s.live.list[old].id.Timestamp()) > idSigned+idSkew {
		old++
	}
	s.live.forget(s.notes, old)
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
