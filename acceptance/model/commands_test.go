package model_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
)

// The small world of the random commands: so small that they meet each other all the time.
var (
	people = []string{"owner", "ann", "bob", "wal", "key", "new"}
	titles = []string{"Desk", "Staff", "Compliance Officer", "Auditor", "Head", " "}
	rights = []string{
		"a", "b", "ledger:role.create", "ledger:role.assign", "ledger:permission.grant", "ledger:permission.set", "ledger:subject.add",
		"ledger:key.register", "shop:t", "shop:v", "shop:x", "shop:y", "shop:z",
	}
	places = []string{"", "x/1", "x/1/y/2", "x/2"}
	asked  = []string{"", "x/1", "x/1/y/2", "x/1/y/3", "x/11", "x/2"}
)

const source = "test.example/acme"

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// idOf gives the id of a thing by its name.
func idOf(thing string) ulid.ULID {
	sum := sha256.Sum256([]byte("id of " + thing))
	var id ulid.ULID
	_ = id.SetTime(uint64(start.UnixMilli()))
	copy(id[6:], sum[:10])
	id[15] = 0 // not the form of an imported command's
	return id
}

// didOf gives the key that belongs to a name.
func didOf(thing string) string {
	seed := sha256.Sum256([]byte("key of " + thing))
	return didkey.Encode(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
}

// roleIDs are the roles that commands speak of; of each two have the same key.
var roleIDs = []string{"r1", "r2", "r3", "r1 again", "r2 again"}

func roleKeyOf(name string) string { return name[:2] }

// profiles are the ways in which organizations go by the rules; each switch is on in one and off in another.
var profiles = []events.Profile{
	{Name: "plain", EmptyRoles: true, NewPermissions: true, DirectGrants: true},
	{Name: "stokr", DirectGrants: true, UniqueNames: true},
	{Name: "ipaware", UniqueNames: true},
	{Name: "guardian", Dependencies: true, EmptyRoles: true},
	{Name: "strict", DirectGrants: true, Dependencies: true},
}

func opening(p events.Profile) *events.OrganizationOpened {
	return &events.OrganizationOpened{
		Organization: "acme", Name: "Acme", Rules: 2, Profile: p, Node: idOf("node"), Operator: idOf("platform"),
		Owner: events.Owner{Subject: idOf("owner"), Key: "owner", Kind: events.KindHuman, Credential: didOf("owner")},
		Keys:  events.Keys{Event: didOf("event"), Document: didOf("document"), Root: didOf("root"), Operator: didOf("operator")},
	}
}

// shops are versions of a catalogue: permissions come, go, and change their level, what they need and what they open.
var shops = [][]events.Permission{
	{perm("t", token), perm("v"), perm("x", opens("role.set", "subject.add")), perm("y", needs("x")), perm("z", needs("t", "y"))},
	{perm("t", token), perm("v", reserved), perm("x"), perm("y", needs("v", "x"))},
	{perm("t"), perm("x", opens("role.assign")), perm("z", needs("x"))},
	{perm("t"), perm("x", needs("gone"))},
	{perm("t"), perm("x", opens("no.action"))},
}

func perm(name string, more ...func(*events.Permission)) events.Permission {
	p := events.Permission{Name: name, Category: "shop", Entity: "thing", Action: name}
	for _, f := range more {
		f(&p)
	}
	return p
}

func token(p *events.Permission)    { p.Level = events.LevelToken }
func reserved(p *events.Permission) { p.Reserved = true }
func needs(names ...string) func(*events.Permission) {
	return func(p *events.Permission) { p.DependsOn = names }
}
func opens(actions ...string) func(*events.Permission) {
	return func(p *events.Permission) { p.Guards = actions }
}

// drawing draws commands. What it knows of the ledger it has from the reader.
type drawing struct {
	*rapid.T
	*reader
	made int
}

func (d *drawing) one(of []string, label string) string {
	return rapid.SampledFrom(of).Draw(d.T, label)
}

// mostly draws one that is in the list of likely ones, where there are any, and any other from time to time.
func mostly[V any](d *drawing, likely, all []V, label string) V {
	if len(likely) == 0 || d.rarely(12, label+", any") {
		likely = all
	}
	return rapid.SampledFrom(likely).Draw(d.T, label)
}

func (d *drawing) some(of []string, label string) []string {
	list := rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 3, rapid.ID[string]).Draw(d.T, label)
	slices.Sort(list)
	return list
}

// flip is true one time in four, and where a failure is made smaller.
func (d *drawing) flip(label string) bool {
	return rapid.SampledFrom([]bool{true, false, false, false}).Draw(d.T, label)
}

// rarely is true once in so many times. (rapid draws small numbers more often than others, but of a list each the same.)
func (d *drawing) rarely(times int, label string) bool {
	list := make([]bool, times)
	list[times-1] = true
	return rapid.SampledFrom(list).Draw(d.T, label)
}

func (d *drawing) roleID(label string) ulid.ULID {
	var there []string
	for _, n := range roleIDs {
		if o := d.roles[idOf(n)]; o != nil && !o.gone {
			there = append(there, n)
		}
	}
	return idOf(mostly(d, there, roleIDs, label))
}

// who draws somebody, mostly one who is there and active.
func (d *drawing) who(label string) ulid.ULID {
	return idOf(mostly(d, d.there(true), people, label))
}

// there gives the people who are there and active, or those who are not.
func (d *drawing) there(are bool) (list []string) {
	for _, n := range people {
		if u := d.subjects[idOf(n)]; are == (u != nil && !u.off) {
			list = append(list, n)
		}
	}
	return list
}

// until draws an end: none, mostly, else one that has passed, is near, or is far.
func (d *drawing) until(at time.Time) time.Time {
	if !d.rarely(3, "with an end") {
		return time.Time{}
	}
	minutes := rapid.SampledFrom([]int{0, 1, 90, 3000}).Draw(d.T, "minutes")
	return at.Add(time.Duration(minutes) * time.Minute)
}

// given draws something that somebody has, a role or not; false where there is nothing.
func (d *drawing) given(role bool) (gift, bool) {
	var all []gift
	for _, g := range d.gifts {
		if role == (g.perm == "") {
			all = append(all, g)
		}
	}
	if len(all) == 0 || d.rarely(5, "not what is given") {
		return gift{}, false
	}
	return rapid.SampledFrom(all).Draw(d.T, "given"), true
}

// part draws the digest of a part, mostly of one that is recorded.
func (d *drawing) parts() []events.Digest {
	if !d.rarely(4, "by parts") {
		return nil
	}
	return []events.Digest{events.PartDigest(d.part())}
}

func (d *drawing) part() []string {
	return rapid.SampledFrom([][]string{{"a", "b"}, {"shop:x", "shop:y"}, {"shop:v"}}).Draw(d.T, "part")
}

// data draws what is asked for.
func (d *drawing) data(at time.Time) events.Data {
	kinds := d.kinds(at)
	var names []string
	for _, k := range kinds {
		names = append(names, slices.Repeat([]string{k.name}, k.often)...)
	}
	name := d.one(names, "kind")
	return kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })].draw()
}

type kind struct {
	name  string
	often int
	draw  func() events.Data
}

// kinds are what is asked for, what is worth most first: rapid draws the first of a list more often than the last.
func (d *drawing) kinds(at time.Time) []kind {
	return []kind{
		{"role.assigned", 3, func() events.Data {
			return &events.RoleAssigned{Subject: d.who("to"), Role: d.roleID("role"), Scope: d.one(places, "scope"), Until: d.until(at)}
		}},
		{"role.created", 6, func() events.Data {
			var free []string
			for _, n := range roleIDs {
				if d.roles[idOf(n)] == nil {
					free = append(free, n)
				}
			}
			name := mostly(d, free, roleIDs, "role")
			return &events.RoleCreated{Role: idOf(name), Key: roleKeyOf(name), Name: d.one(titles, "title"), Permissions: d.some(rights, "permissions"), Parts: d.parts()}
		}},
		{"role.updated", 5, func() events.Data {
			u := &events.RoleUpdated{Role: d.roleID("role"), AddParts: d.parts()}
			in := []string{"a"}
			if o := d.roles[u.Role]; o != nil {
				for _, n := range rights {
					if o.has[n] {
						in = append(in, n)
					}
				}
			}
			u.Add = slices.DeleteFunc(d.some(rights, "add"), func(n string) bool { return slices.Contains(in[1:], n) && !d.rarely(5, "again") })
			slices.Sort(in)
			u.Remove = slices.DeleteFunc(d.some(slices.Compact(in), "remove"), func(n string) bool { return slices.Contains(u.Add, n) })
			if d.rarely(3, "renamed") {
				title := d.one(titles, "title")
				u.Name = &title
			}
			return u
		}},
		{"permission.granted", 4, func() events.Data {
			return &events.PermissionGranted{Subject: d.who("to"), Permission: d.one(rights, "permission"), Scope: d.one(places, "scope"), Until: d.until(at)}
		}},
		{"permissions.set", 4, func() events.Data {
			return &events.PermissionsSet{Subject: d.who("whose"), Scope: d.one(places, "scope"), Permissions: d.some(rights, "permissions"), Parts: d.parts()}
		}},
		{"roles.set", 2, func() events.Data {
			set := &events.RolesSet{Subject: d.who("whose"), Roles: []ulid.ULID{}}
			for range rapid.IntRange(0, 2).Draw(d.T, "roles") {
				set.Roles = append(set.Roles, d.roleID("role"))
			}
			slices.SortFunc(set.Roles, byID)
			set.Roles = slices.Compact(set.Roles)
			return set
		}},
		{"role.revoked", 2, func() events.Data {
			if g, ok := d.given(true); ok {
				return &events.RoleRevoked{Subject: g.to, Role: g.role, Scope: g.scope}
			}
			return &events.RoleRevoked{Subject: d.who("from"), Role: d.roleID("role"), Scope: d.one(places, "scope")}
		}},
		{"permission.revoked", 2, func() events.Data {
			if g, ok := d.given(false); ok {
				return &events.PermissionRevoked{Subject: g.to, Permission: g.perm, Scope: g.scope}
			}
			return &events.PermissionRevoked{Subject: d.who("from"), Permission: d.one(rights, "permission"), Scope: d.one(places, "scope")}
		}},
		{"subject.added", 1, func() events.Data {
			who := mostly(d, d.there(false), people, "new")
			return &events.SubjectAdded{Subject: idOf(who), Key: mostly(d, []string{who}, people, "key"), Kind: d.one([]string{"human", "technical", "wallet"}, "kind of subject"), Credential: didOf(who + d.one([]string{"", "'s other", "'s third"}, "credential"))}
		}},
		{"role.deleted", 2, func() events.Data { return &events.RoleDeleted{Role: d.roleID("role")} }},
		{"key.registered", 1, func() events.Data {
			return &events.KeyRegistered{Key: didOf(d.one(people, "key") + "'s other"), Purpose: "credential", Subject: d.who("whose")}
		}},
		{"grant.ended", 2, func() events.Data {
			if len(d.ends) == 0 {
				return &events.GrantEnded{Grant: idOf("no grant")}
			}
			return &events.GrantEnded{Grant: rapid.SampledFrom(d.ends).Draw(d.T, "end of").by}
		}},
		{"permissions.recorded", 1, func() events.Data { return &events.PermissionsRecorded{Permissions: d.part()} }},
		{"key.rotated", 1, func() events.Data {
			return &events.KeyRotated{Old: didOf(d.one(people, "old")), New: didOf(d.one(people, "new key") + "'s third")}
		}},
		{"key.revoked", 1, func() events.Data {
			return &events.KeyRevoked{Key: didOf(d.one(people, "key") + d.one([]string{"", "'s other", "'s third"}, "which"))}
		}},
		{"catalogue.published", 1, func() events.Data {
			return &events.CataloguePublished{Catalogue: d.one([]string{"shop", "shop", "shop", "ledger"}, "catalogue"), Permissions: rapid.SampledFrom(shops).Draw(d.T, "version")}
		}},
		{"subject.deactivated", 1, func() events.Data {
			return &events.SubjectDeactivated{Subject: idOf(mostly(d, []string{"new", "key"}, people, "whom"))}
		}},
	}
}

// command draws a command, and when it is decided.
func (d *drawing) command() (events.Command, time.Time) {
	at := d.last.Add(time.Second + rapid.SampledFrom([]time.Duration{0, 0, 0, time.Minute, time.Hour, 25 * time.Hour}).Draw(d.T, "wait"))
	d.made++
	actor := mostly(d, []string{"owner", "owner", "owner", "ann", "ann", "bob"}, append([]string{"platform", "stranger"}, people...), "actor")
	c := events.Command{Ledger: source, Actor: idOf(actor), Data: d.data(at)}
	// The command is signed with a key of the actor's that holds, mostly.
	var own []string
	for did, k := range d.keys {
		if k.of == c.Actor && !k.revoked && k.purpose == "credential" {
			own = append(own, did)
		}
	}
	slices.Sort(own)
	c.Auth = events.Auth{Method: "signature", Credential: mostly(d, own, []string{didOf(actor), didOf("bob"), didOf("operator"), didOf("event")}, "credential")}
	c.ID = idOf("command " + time.Duration(d.made).String())
	_ = c.ID.SetTime(uint64(at.UnixMilli()))
	switch {
	case d.rarely(30, "an id of before"):
		for _, g := range d.gifts {
			c.ID = g.by
		}
	case d.rarely(30, "an id of another time"):
		_ = c.ID.SetTime(uint64(at.Add(rapid.SampledFrom([]time.Duration{-25 * time.Hour, -time.Hour, time.Hour}).Draw(d.T, "made")).UnixMilli()))
	}
	if end, ok := c.Data.(*events.GrantEnded); ok && !d.rarely(5, "by somebody") {
		c.Actor, c.Auth = idOf("node"), events.Auth{Method: "node", Credential: d.event}
		c.Origin.Derived = &events.Derived{From: end.Grant}
		for _, g := range d.ends {
			if g.by == end.Grant {
				c.ID = events.DerivedID("grant.ended", *c.Origin.Derived, g.until)
			}
		}
	}
	return c, at
}
