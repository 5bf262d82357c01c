package model_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// A reader knows what a history says. It reads all of it anew whenever it is asked, into plain lists and maps, and shares
// no code with the rules or the projections: of the project it knows package events alone. It believes what was asked for
// and, of what the rules made of it, only which names came into a role because others depend on them.
type reader struct {
	opened     *events.OrganizationOpened
	source     string
	last       time.Time
	owner      ulid.ULID
	ids        map[ulid.ULID]bool
	subjects   map[ulid.ULID]*subject
	roles      map[ulid.ULID]*role
	names      map[string]*name
	catalogues map[string]*events.CataloguePublished
	keys       map[string]*key
	event      string // the newest event key
	root       string
	operator   string
	checkpoint []string // keys that sign checkpoints: the one in use, and the one it replaced while both do
	parts      map[events.Digest]part
	gifts      []gift
	ends       []gift // those with an end that is not recorded yet
	things     map[string]*thing
	coins      map[string]*coin  // tokens
	in         map[string]string // what a question says of properties beside: of.name to value
	called     string            // the organization
	managed    map[string]ulid.ULID
	standard   ulid.ULID // the default role
	recovery   *recovery
	added      bool // somebody was, since the opening
}

type subject struct {
	id         ulid.ULID
	key        string
	kind       string
	properties []events.Property
	life
}

type role struct {
	key, title, text string
	has              map[string]bool
	gone             bool
	system           bool
	managed          string
}

// name is a permission.
type name struct {
	token, reserved, retired bool
	needs                    []string // names
	opens                    []string // actions of the ledger
	of                       string   // the kind of things that it is about
	besides                  []string // what must be so beside holding it
	reach                    string   // the access to policies that it gives
}

type key struct {
	purpose string
	of      ulid.ULID
	revoked bool
}

type part struct {
	names []string
	at    time.Time
}

// gift is something that somebody was given: a role or a permission.
type gift struct {
	to    ulid.ULID
	role  ulid.ULID
	perm  string
	scope string
	until time.Time
	by    ulid.ULID // the event
	under string    // the condition
	passed
}

func (g gift) over(at time.Time) bool { return !g.until.IsZero() && !at.Before(g.until) }

// same says whether two gifts are of one thing to one subject on one scope.
func (g gift) same(o gift) bool {
	return g.to == o.to && g.role == o.role && g.perm == o.perm && g.scope == o.scope
}

// actions are what the ledger itself lets people do; each is a permission of its own catalogue. Their names are all that
// the reader is told of the rules.
var actions []string

// readAll reads a history.
func readAll(history []*events.Event) *reader {
	r := &reader{
		ids: map[ulid.ULID]bool{}, subjects: map[ulid.ULID]*subject{}, roles: map[ulid.ULID]*role{}, names: map[string]*name{},
		catalogues: map[string]*events.CataloguePublished{}, keys: map[string]*key{}, parts: map[events.Digest]part{}, things: map[string]*thing{},
		managed: map[string]ulid.ULID{}, coins: map[string]*coin{},
	}
	for _, e := range history {
		r.ids[e.ID], r.last = true, e.Time
		r.read(e)
	}
	return r
}

func (r *reader) read(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		r.open(e, d)
	case *events.CataloguePublished:
		r.publish(d)
	case *events.SubjectAdded, *events.SubjectInvited, *events.SubjectJoined, *events.SubjectDeactivated, *events.SubjectReactivated,
		*events.SubjectRemoved, *events.SubjectUpdated, *events.SubjectLinked, *events.SubjectUnlinked, *events.LoginChanged:
		r.readLife(e)
	case *events.RoleCreated:
		r.roles[d.Role] = &role{key: d.Key, title: d.Name, text: d.Description, has: map[string]bool{}, system: d.System, managed: d.Managed}
		r.into(d.Role, r.all(d.Permissions, d.Parts), d.Included)
		if d.Managed != "" && d.Managed != "operator" {
			r.managed[d.Managed] = d.Role
		}
		if d.Managed == "owner" {
			r.give(gift{to: r.owner, role: d.Role, by: e.ID})
		}
	case *events.RoleUpdated:
		o := r.roles[d.Role]
		if d.Name != nil {
			o.title = *d.Name
		}
		if d.Description != nil {
			o.text = *d.Description
		}
		for _, n := range r.all(d.Remove, d.RemoveParts) {
			delete(o.has, n)
		}
		r.into(d.Role, r.all(d.Add, d.AddParts), d.Included)
	case *events.RoleDeleted:
		r.roles[d.Role].gone = true
		if r.standard == d.Role {
			r.standard = nobody
		}
	case *events.RoleDefaulted, *events.OrganizationUpdated, *events.OwnershipTransferred, *events.OwnershipRecovered, *events.RecoveryStarted,
		*events.RecoveryStopped:
		r.readOwner(e)
	case *events.RoleAssigned:
		r.give(gift{to: d.Subject, role: d.Role, scope: d.Scope, until: d.Until, by: e.ID, under: d.Condition})
	case *events.RoleDelegated:
		r.delegate(e, d)
	case *events.RoleRevoked:
		r.take(gift{to: d.Subject, role: d.Role, scope: d.Scope})
	case *events.RolesSet:
		var wanted []gift
		for _, id := range d.Roles {
			wanted = append(wanted, gift{to: d.Subject, role: id, by: e.ID})
		}
		r.replace(e.Time, wanted, func(g gift) bool { return g.to == d.Subject && g.perm == "" && g.scope == "" })
	case *events.PermissionGranted:
		r.know(d.Permission)
		r.give(gift{to: d.Subject, perm: d.Permission, scope: d.Scope, until: d.Until, by: e.ID, under: d.Condition})
	case *events.PermissionRevoked:
		r.take(gift{to: d.Subject, perm: d.Permission, scope: d.Scope})
	case *events.PermissionsSet:
		var wanted []gift
		for _, n := range r.all(d.Permissions, d.Parts) {
			r.know(n)
			wanted = append(wanted, gift{to: d.Subject, perm: n, scope: d.Scope, by: e.ID})
		}
		r.replace(e.Time, wanted, func(g gift) bool { return g.to == d.Subject && g.perm != "" && g.scope == d.Scope })
	case *events.PermissionsRecorded:
		r.parts[events.PartDigest(d.Permissions)] = part{d.Permissions, e.Time}
	case *events.GrantEnded:
		for _, g := range slices.Clone(r.ends) {
			if g.by == d.Grant {
				r.gifts = slices.DeleteFunc(r.gifts, func(have gift) bool { return have == g })
				r.ends = slices.DeleteFunc(r.ends, func(have gift) bool { return have == g })
			}
		}
	case *events.ResourceRegistered, *events.ResourceUpdated, *events.ResourceRemoved, *events.AccessAssigned, *events.AccessUnassigned,
		*events.AccessDelegated:
		r.readThing(e)
	case events.TokenData:
		r.readToken(e)
	case *events.KeyRegistered:
		r.keys[d.Key] = &key{purpose: d.Purpose, of: d.Subject}
	case *events.KeyRotated:
		r.replaceKey(d.Old, d.New)
	case *events.KeySucceeded:
		r.replaceKey(d.Lost, d.Key)
	case *events.KeyRevoked:
		r.keys[d.Key].revoked = true
		r.checkpoint = slices.DeleteFunc(r.checkpoint, func(did string) bool { return did == d.Key })
	}
}

func (r *reader) open(e *events.Event, d *events.OrganizationOpened) {
	r.opened, r.source, r.owner, r.called = d, e.Source, d.Owner.Subject, d.Name
	for _, a := range actions {
		r.know("ledger:" + a).opens = []string{a}
	}
	r.add(d.Owner.Subject, d.Owner.Key, d.Owner.Kind, d.Owner.Credential)
	r.event, r.root, r.operator = d.Keys.Event, d.Keys.Root, d.Keys.Operator
	r.keys[d.Keys.Event] = &key{purpose: "event"}
	r.keys[d.Keys.Document] = &key{purpose: "document"}
	r.keys[d.Keys.Root] = &key{purpose: "root"}
	r.keys[d.Keys.Operator] = &key{purpose: "operator"}
	r.keys[d.Keys.Checkpoint], r.checkpoint = &key{purpose: "checkpoint"}, []string{d.Keys.Checkpoint}
}

func (r *reader) publish(d *events.CataloguePublished) {
	for n, is := range r.names {
		if strings.HasPrefix(n, d.Catalogue+":") {
			is.retired, is.opens = true, nil
		}
	}
	for _, p := range d.Permissions {
		is := r.know(d.Catalogue + ":" + p.Name)
		*is = name{token: p.Level == "token", reserved: p.Reserved, opens: p.Guards, of: strings.ToLower(p.Entity), besides: p.Needs, reach: p.Access}
		for _, other := range p.DependsOn {
			is.needs = append(is.needs, d.Catalogue+":"+other)
		}
	}
	r.catalogues[d.Catalogue] = d
}

func (r *reader) add(id ulid.ULID, name, kind, credential string) {
	r.subjects[id] = &subject{id: id, key: name, kind: kind}
	if credential != "" {
		r.keys[credential] = &key{purpose: "credential", of: id}
	}
}

func (r *reader) know(n string) *name {
	if r.names[n] == nil {
		r.names[n] = &name{}
	}
	return r.names[n]
}

// all gives the names of a set, those of its parts with them, sorted.
func (r *reader) all(names []string, parts []events.Digest) []string {
	out := slices.Clone(names)
	for _, p := range parts {
		out = append(out, r.parts[p].names...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *reader) into(id ulid.ULID, lists ...[]string) {
	for _, n := range slices.Concat(lists...) {
		r.know(n)
		r.roles[id].has[n] = true
	}
}

// give takes the place of what somebody had of the same; an end of that which is due is still to be recorded.
func (r *reader) give(g gift) {
	r.gifts = append(slices.DeleteFunc(r.gifts, g.same), g)
	if !g.until.IsZero() {
		r.ends = append(r.ends, g)
	}
}

func (r *reader) take(g gift) {
	for _, have := range r.gifts {
		if have.same(g) {
			r.ends = slices.DeleteFunc(r.ends, func(e gift) bool { return e == have })
		}
	}
	r.gifts = slices.DeleteFunc(r.gifts, g.same)
}

// replace makes what somebody has of a kind the wanted. What it has of it, and is not over, stays as it was given.
func (r *reader) replace(at time.Time, wanted []gift, of func(gift) bool) {
	for _, g := range slices.Clone(r.gifts) {
		if of(g) && !slices.ContainsFunc(wanted, g.same) {
			r.take(g)
		}
	}
	for _, w := range wanted {
		if i := slices.IndexFunc(r.gifts, w.same); i < 0 || !r.there(r.gifts[i], at) {
			r.give(w)
		}
	}
}

func (r *reader) replaceKey(old, with string) {
	k := r.keys[old]
	if k.purpose == "checkpoint" {
		for _, before := range r.checkpoint[1:] {
			r.keys[before].revoked = true
		}
		r.keys[with], r.checkpoint = &key{purpose: "checkpoint"}, []string{with, old}
		return
	}
	k.revoked = true
	r.keys[with] = &key{purpose: k.purpose, of: k.of}
	for _, newest := range []*string{&r.event, &r.root, &r.operator} {
		if *newest == old {
			*newest = with
		}
	}
}

// covers says whether a gift on a scope is one on a resource.
func covers(scope, resource string) bool {
	return scope == "" || strings.HasPrefix(resource+"/", scope+"/")
}

// sources gives all by which somebody has a permission, wherever and under whatever condition, of which nothing has ended.
func (r *reader) sources(who ulid.ULID, permission string, at time.Time) (list []gift) {
	u, n := r.subjects[who], r.names[permission]
	if u == nil || !r.acts(u) || n == nil {
		return nil
	}
	if who == r.owner {
		list = append(list, gift{to: who, perm: permission})
	}
	if n.token != (u.kind == "wallet") {
		return list
	}
	for _, g := range r.gifts {
		if g.to == who && r.there(g, at) && (g.perm == permission || g.perm == "" && r.roles[g.role].has[permission]) {
			list = append(list, g)
		}
	}
	return list
}

// why gives what lets somebody do something to a resource, whatever the permission needs beside.
func (r *reader) why(who ulid.ULID, permission, resource string, at time.Time) (list []gift) {
	for _, g := range r.sources(who, permission, at) {
		if covers(g.scope, resource) && r.meets(g, resource) {
			list = append(list, g)
		}
	}
	return list
}

// may says whether somebody may do something.
func (r *reader) may(who ulid.ULID, permission, resource string, at time.Time) bool {
	return len(r.why(who, permission, resource, at)) > 0 && r.besides(who, permission, resource, at)
}

// mayGive says whether somebody may do something at least until an instant, zero: for ever, and in all cases that meet a
// condition; and has it for itself, and not only while somebody else does.
func (r *reader) mayGive(who ulid.ULID, permission, scope, under string, until, at time.Time) bool {
	u, n := r.subjects[who], r.names[permission]
	switch {
	case u == nil || !r.acts(u) || n == nil:
		return false
	case who == r.owner:
		return true
	case n.token != (u.kind == "wallet"):
		return false
	}
	return slices.ContainsFunc(r.gifts, func(g gift) bool {
		return g.to == who && !g.over(at) && covers(g.scope, scope) && (g.perm == permission || g.perm == "" && r.roles[g.role].has[permission]) &&
			(g.from == nobody || g.keep) && within(under, g.under) &&
			(g.until.IsZero() || !until.IsZero() && !until.After(g.until))
	})
}

// held is a permission on a scope.
type held struct{ permission, scope string }

// effective gives all that somebody may use somewhere, sorted.
func (r *reader) effective(who ulid.ULID, at time.Time) []held {
	var list []held
	for n := range r.names {
		for _, g := range r.sources(who, n, at) {
			list = append(list, held{n, g.scope})
		}
	}
	slices.SortFunc(list, byText)
	return slices.Compact(list)
}

func byText(a, b held) int {
	return cmp.Or(strings.Compare(a.permission, b.permission), strings.Compare(a.scope, b.scope))
}

func byID(a, b ulid.ULID) int { return a.Compare(b) }
