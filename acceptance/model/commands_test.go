package model_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
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
		"ledger:key.register", "ledger:role.delegate", "ledger:access.delegate", "shop:t", "shop:v", "shop:x", "shop:y", "shop:z",
		"shop:read", "shop:all", "shop:assigned", "shop:published", "shop:both", "shop:own", "shop:agent", "shop:hold", "shop:list",
	}
	places   = []string{"", "x/1", "x/1/y/2", "x/2", "policy/p"}
	asked    = []string{"", "x/1", "x/1/y/2", "x/1/y/3", "x/11", "x/2", "policy/p", "policy/q/y/2", at(tokens[0]), at(tokens[1]) + "/y/1"}
	policies = []string{"policy/p", "policy/q"}
	things   = []string{"policy/p", "policy/q", "x/1", "x/1/y/2"}
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

// wallet is the address that wal has; its name in the ledger too.
const wallet = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"

// addresses are those of wallets that take part at tokens: of wal, of one that nobody knows before, and of nobody.
var addresses = []string{wallet, "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", noAddress}

// tokens are two: at one address, on two chains.
var tokens = []string{"eip155:137:0x000000000000000000000000000000000000dEaD", "eip155:1:0x000000000000000000000000000000000000dEaD"}

// keyOf gives the key that somebody has in the ledger.
func keyOf(name string) string {
	if name == "wal" {
		return wallet
	}
	return name
}

// roleIDs are the roles that commands speak of; of each two have the same key.
var roleIDs = []string{"r1", "r2", "r3", "r1 again", "r2 again", "r0", "so", "sp", "st"}

// checkpointKeys are those that serve one after the other.
var checkpointKeys = []string{"checkpoint", "checkpoint 2", "checkpoint 3", "checkpoint 4"}

func roleKeyOf(name string) string { return name[:2] }

// profiles are the ways in which organizations go by the rules; each switch is on in one and off in another.
var profiles = []events.Profile{
	{Name: "tokeny", UniqueNames: true, FixedRoles: true, RecoveryDelay: 60},
	{Name: "cascade", DirectGrants: true, EmptyRoles: true, NewPermissions: true, Delegation: true},
	{Name: "guardian", Dependencies: true, EmptyRoles: true, Delegation: true, KeepDelegated: true, DefaultRoles: true, WithdrawRoles: true},
	{Name: "plain", EmptyRoles: true, NewPermissions: true, DirectGrants: true},
	{Name: "stokr", DirectGrants: true, UniqueNames: true},
	{Name: "ipaware", UniqueNames: true, RecoveryDelay: 3600, OneRolePerKey: true},
	{Name: "strict", DirectGrants: true, Dependencies: true},
}

func opening(p events.Profile) *events.OrganizationOpened {
	return &events.OrganizationOpened{
		Organization: "acme", Name: "Acme", Rules: 2, Profile: p, Node: idOf("node"), Operator: idOf("platform"),
		Owner: events.Owner{Subject: idOf("owner"), Key: "owner", Kind: events.KindHuman, Credential: didOf("owner")},
		Keys:  events.Keys{Event: didOf("event"), Document: didOf("document"), Root: didOf("root"), Operator: didOf("operator"), Checkpoint: didOf("checkpoint")},
	}
}

// shops are versions of a catalogue: permissions come, go, and change their level, what they need and what they open.
var shops = [][]events.Permission{
	sorted(perm("t", token), perm("v"), perm("x", opens("role.set", "subject.add")), perm("y", needs("x"), opens("resource.register", "resource.update")), perm("z", needs("t", "y")),
		perm("read", besides("access")), perm("all", reach("all")), perm("assigned", reach("assigned")), perm("published", reach("published")), perm("both", reach("assigned-and-published")),
		perm("own", token, opens("agent.add", "agent.remove", "token.compliance", "token.condition", "token.registry", "token.transfer")),
		perm("agent", token, opens("investor.disqualify", "investor.qualify", "token.pause", "token.unpause", "wallet.block", "wallet.unblock")),
		perm("hold", token, besides("compliant", "qualified", "unblocked", "unpaused")), perm("list", besides("token-role"))),
	sorted(perm("t", token), perm("v", reserved), perm("x"), perm("y", needs("v", "x")), perm("read", besides("access")), perm("assigned", reach("assigned"))),
	sorted(perm("t"), perm("x", opens("role.assign")), perm("z", needs("x")), perm("read"), perm("all", reach("published")), perm("both", reach("assigned-and-published"))),
	sorted(perm("t"), perm("x", needs("gone"))),
	sorted(perm("t"), perm("x", opens("no.action"))),
}

func sorted(list ...events.Permission) []events.Permission {
	slices.SortFunc(list, func(a, b events.Permission) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func besides(needs ...string) func(*events.Permission) {
	return func(p *events.Permission) { p.Needs = needs }
}

func reach(access string) func(*events.Permission) {
	return func(p *events.Permission) { p.Access = access }
}

func perm(name string, more ...func(*events.Permission)) events.Permission {
	p := events.Permission{Name: name, Category: "shop", Entity: "X", Action: name}
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
	if d.rarely(15, label+", gone") {
		for _, n := range roleIDs {
			if o := d.roles[idOf(n)]; o != nil && o.gone {
				return idOf(n)
			}
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
		if u := d.subjects[idOf(n)]; are == (u != nil && u.state == "") {
			list = append(list, n)
		}
	}
	return list
}

// until draws an end: none, mostly, else one that has passed, is near, or is far.
func (d *drawing) until(at time.Time) time.Time {
	if !d.rarely(2, "with an end") {
		return time.Time{}
	}
	minutes := rapid.SampledFrom([]int{0, 1, 90, 3000}).Draw(d.T, "minutes")
	return at.Add(time.Duration(minutes) * time.Minute)
}

// under draws a condition: none, mostly.
func (d *drawing) under() string {
	if !d.rarely(4, "with a condition") {
		return ""
	}
	return d.one([]string{
		`resource.properties.country == "LU"`, `resource.properties.country != "LU"`, `subject.properties.desk == "retail"`,
		`resource.properties.country == "LU" && resource.properties.size == "big"`,
	}, "condition")
}

func (d *drawing) properties() []events.Property {
	return rapid.SampledFrom([][]events.Property{
		nil, {{Name: "country", Value: "LU"}}, {{Name: "country", Value: "FR"}}, {{Name: "country", Value: "LU"}, {Name: "size", Value: "big"}},
	}).Draw(d.T, "properties")
}

// place draws the path of a thing, mostly of one that is there, or is not.
func (d *drawing) place(of []string, there bool, label string) string {
	return mostly(d, slices.DeleteFunc(slices.Clone(of), func(path string) bool { return (d.things[path] != nil) != there }), of, label)
}

// over draws something that somebody had until an instant that has passed, to be given again before that is recorded.
func (d *drawing) over(at time.Time, role bool) (gift, bool) {
	var all []gift
	for _, g := range d.gifts {
		if g.over(at) && role == (g.perm == "") {
			all = append(all, g)
		}
	}
	if len(all) == 0 || !d.rarely(3, "again") {
		return gift{}, false
	}
	return rapid.SampledFrom(all).Draw(d.T, "over"), true
}

// token draws one of the tokens, mostly one that is deployed.
func (d *drawing) token() string {
	return mostly(d, slices.Sorted(maps.Keys(d.coins)), tokens, "token")
}

func (d *drawing) address() string { return d.one(addresses, "address") }

// said draws what is said of a subject.
func (d *drawing) said() []events.Property {
	return rapid.SampledFrom([][]events.Property{nil, nil, {{Name: "desk", Value: "retail"}}, {{Name: "desk", Value: "head"}}}).Draw(d.T, "said")
}

// first draws the roles that a subject begins with: none, mostly.
func (d *drawing) first() []ulid.ULID {
	if !d.rarely(3, "with a role") {
		return nil
	}
	return []ulid.ULID{d.roleID("first role")}
}

func (d *drawing) days(of ...int) time.Duration {
	return time.Duration(rapid.SampledFrom(of).Draw(d.T, "days")) * 24 * time.Hour
}

// invited gives the people who are invited and have not joined.
func (d *drawing) invited() (list []string) {
	for _, n := range people {
		if u := d.subjects[idOf(n)]; u != nil && u.state == "invited" {
			list = append(list, n)
		}
	}
	return list
}

// announced draws who was announced as the owner, mostly.
func (d *drawing) announced() ulid.ULID {
	if d.recovery != nil && !d.rarely(4, "another") {
		return d.recovery.to
	}
	return d.who("to")
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
	name := rapid.Permutation(names).Draw(d.T, "kinds")[0] // of a permutation each is first as often
	return kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })].draw()
}

type kind struct {
	name  string
	often int
	draw  func() events.Data
}

// kinds are what is asked for.
func (d *drawing) kinds(at time.Time) []kind {
	p := d.opened.Profile
	when := func(on bool, often int) int { // what an organization refuses altogether is asked for rarely
		if !on && !d.rarely(20, "in vain") {
			return 0
		}
		return often
	}
	return []kind{
		{"role.assigned", 3, func() events.Data {
			if g, ok := d.over(at, true); ok {
				return &events.RoleAssigned{Subject: g.to, Role: g.role, Scope: g.scope, Until: d.until(at)}
			}
			return &events.RoleAssigned{Subject: d.who("to"), Role: d.roleID("role"), Scope: d.one(places, "scope"), Until: d.until(at), Condition: d.under()}
		}},
		{"role.created", when(!p.FixedRoles, 6), func() events.Data {
			var free []string
			for _, n := range roleIDs {
				if d.roles[idOf(n)] == nil {
					free = append(free, n)
				}
			}
			name := mostly(d, free, roleIDs, "role")
			return &events.RoleCreated{Role: idOf(name), Key: roleKeyOf(name), Name: d.one(titles, "title"), Permissions: d.some(rights, "permissions"), Parts: d.parts(), System: d.rarely(20, "of the system")}
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
		{"permission.granted", when(p.DirectGrants, 4), func() events.Data {
			if g, ok := d.over(at, false); ok {
				return &events.PermissionGranted{Subject: g.to, Permission: g.perm, Scope: g.scope, Until: d.until(at)}
			}
			return &events.PermissionGranted{Subject: d.who("to"), Permission: d.one(rights, "permission"), Scope: d.one(places, "scope"), Until: d.until(at), Condition: d.under()}
		}},
		{"permissions.set", when(p.DirectGrants, 4), func() events.Data {
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
		{"role.delegated", when(p.Delegation, 4), func() events.Data {
			return &events.RoleDelegated{Subject: d.who("to"), Role: d.roleID("role"), Scope: d.one(places, "scope"), Until: d.until(at)}
		}},
		{"resource.registered", 1, func() events.Data {
			return &events.ResourceRegistered{Resource: d.place(things, false, "resource"), Properties: d.properties(), Published: d.flip("published")}
		}},
		{"access.assigned", 2, func() events.Data {
			return &events.AccessAssigned{Subject: d.who("to"), Resource: d.place(things, true, "policy")}
		}},
		{"access.delegated", when(p.Delegation, 3), func() events.Data {
			return &events.AccessDelegated{Subject: d.who("to"), Resource: d.place(policies, true, "policy")}
		}},
		{"token.deployed", when(p.FixedRoles, 2), func() events.Data {
			return &events.TokenDeployed{Token: d.token(), Name: "ABC", Owner: d.address()}
		}},
		{"token.transferred", when(len(d.coins) > 0, 4), func() events.Data {
			return &events.TokenTransferred{Token: d.token(), To: d.address()}
		}},
		{"agent.added", when(len(d.coins) > 0, 8), func() events.Data {
			return &events.AgentAdded{Token: d.token(), Agent: d.address()}
		}},
		{"agent.removed", when(len(d.coins) > 0, 6), func() events.Data {
			return &events.AgentRemoved{Token: d.token(), Agent: d.address()}
		}},
		{"investor.qualified", when(len(d.coins) > 0, 10), func() events.Data {
			return &events.InvestorQualified{Token: d.token(), Wallet: d.address(), Investor: "INV-1", Country: d.one([]string{"LU", "FR", ""}, "country")}
		}},
		{"investor.disqualified", when(len(d.coins) > 0, 4), func() events.Data {
			return &events.InvestorDisqualified{Token: d.token(), Wallet: d.address()}
		}},
		{"wallet.blocked", when(len(d.coins) > 0, 6), func() events.Data {
			return &events.WalletBlocked{Token: d.token(), Wallet: d.address()}
		}},
		{"wallet.unblocked", when(len(d.coins) > 0, 4), func() events.Data {
			return &events.WalletUnblocked{Token: d.token(), Wallet: d.address()}
		}},
		{"token.updated", when(len(d.coins) > 0, 8), func() events.Data {
			u := &events.TokenUpdated{Token: d.token()}
			switch d.one([]string{"paused", "active", "registry", "compliance", "condition"}, "what") {
			case "paused":
				u.State = "paused"
			case "active":
				u.State = "active"
			case "registry":
				u.IdentityRegistry = d.address()
			case "compliance":
				u.Compliance = d.address()
			case "condition":
				text := d.one([]string{"", `subject.properties.country == "LU"`, `subject.properties.country != "LU"`}, "condition")
				u.Condition = &text
			}
			return u
		}},
		{"token.acted", when(len(d.coins) > 0, 6), func() events.Data {
			return &events.TokenActed{Token: d.token(), Permission: d.one([]string{"shop:hold", "shop:agent", "shop:own", "shop:x", "shop:none"}, "permission")}
		}},
		{"ownership.transferred", 1, func() events.Data { return &events.OwnershipTransferred{To: d.who("to")} }},
		{"recovery.started", when(p.RecoveryDelay > 0, 3), func() events.Data { return &events.RecoveryStarted{To: d.who("to")} }},
		{"recovery.stopped", when(d.recovery != nil, 2), func() events.Data { return &events.RecoveryStopped{To: d.announced()} }},
		{"ownership.recovered", when(d.recovery != nil, 8), func() events.Data { return &events.OwnershipRecovered{To: d.announced()} }},
		{"organization.updated", 1, func() events.Data {
			return &events.OrganizationUpdated{Organization: d.one([]string{"acme", "acme", "other"}, "organization"), Name: d.one(titles[:3], "name")}
		}},
		{"role.defaulted", when(p.DefaultRoles, 2), func() events.Data {
			if d.standard != nobody && d.rarely(2, "no longer") {
				return &events.RoleDefaulted{Role: d.standard, None: true}
			}
			return &events.RoleDefaulted{Role: d.roleID("role"), None: d.rarely(8, "none")}
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
		{"subject.added", 2, func() events.Data {
			who := mostly(d, d.there(false), people, "new")
			add := &events.SubjectAdded{
				Subject: idOf(who), Key: keyOf(mostly(d, []string{who}, people, "key")), Kind: d.one([]string{"human", "technical", "api-key", "wallet", "none"}, "kind of subject"),
				Credential: didOf(who + d.one([]string{"", "'s other", "'s third"}, "credential")), Auth: d.one([]string{"", "", "", "email", "wallet"}, "auth"),
				Properties: d.said(), Roles: d.first(),
			}
			if add.Kind == "wallet" && !strings.HasPrefix(add.Key, "0x") {
				add.Kind = "api-key"
			}
			if add.Kind == "api-key" && d.flip("assigned") {
				add.Holder = d.who("holder")
			}
			return add
		}},
		{"subject.invited", 3, func() events.Data {
			who := d.one([]string{"new", "key", "new", "bob"}, "invited")
			return &events.SubjectInvited{
				Subject: idOf(who), Key: mostly(d, []string{who}, people, "key"), Kind: d.one([]string{"technical", "human", "did", "api-key"}, "kind of subject"),
				Invitation: didOf(who + d.one([]string{" code", " code 2", " code 3", ""}, "code")), Roles: d.first(), Properties: d.said(),
				Until: at.Add(d.days(7, 7, 0, 1, 40)),
			}
		}},
		{"subject.joined", when(len(d.invited()) > 0, 8), func() events.Data {
			who := mostly(d, d.invited(), people, "who joins")
			return &events.SubjectJoined{Subject: idOf(who), Credential: didOf(who + d.one([]string{"'s own", "'s next", ""}, "credential"))}
		}},
		{"subject.reactivated", 2, func() events.Data {
			return &events.SubjectReactivated{Subject: idOf(mostly(d, d.there(false), people, "whom"))}
		}},
		{"subject.removed", 1, func() events.Data {
			return &events.SubjectRemoved{Subject: idOf(mostly(d, []string{"new", "key"}, people, "whom"))}
		}},
		{"subject.updated", 3, func() events.Data {
			u := &events.SubjectUpdated{Subject: d.who("whom"), Properties: d.said()}
			switch {
			case d.rarely(4, "assigned"):
				u.Holder = d.who("holder")
			case d.rarely(8, "to nobody"):
				u.Unassigned = true
			case d.rarely(8, "reference"):
				text := d.one([]string{"A-1", "A-2"}, "reference")
				u.Reference = &text
			}
			return u
		}},
		{"subject.linked", 1, func() events.Data {
			return &events.SubjectLinked{Subject: d.who("whom"), To: d.one(addresses[:3], "wallet")}
		}},
		{"subject.unlinked", 1, func() events.Data {
			return &events.SubjectUnlinked{Subject: d.who("whom"), To: d.one(addresses[:3], "wallet")}
		}},
		{"login.changed", 1, func() events.Data {
			who := d.one(people, "whose")
			return &events.LoginChanged{Subject: idOf(who), Credential: didOf(who + d.one([]string{"", "'s other"}, "credential")), Login: events.Digest{byte(len(who))}}
		}},
		{"subject.erased", 1, func() events.Data {
			return &events.SubjectErased{Subject: d.who("whose"), Texts: []events.Digest{{1}}}
		}},
		{"resource.updated", 1, func() events.Data {
			u := &events.ResourceUpdated{Resource: d.place(things, true, "resource"), Properties: d.properties()}
			switch d.one([]string{"publish", "withdraw", ""}, "publish") {
			case "publish":
				u.Publish = true
			case "withdraw":
				u.Withdraw = true
			}
			return u
		}},
		{"access.unassigned", 2, func() events.Data {
			u := &events.AccessUnassigned{Subject: d.who("whom"), Resource: d.place(policies, true, "policy")}
			if t := d.things[u.Resource]; t != nil && len(t.assigned) > 0 {
				u.Subject = mostly(d, slices.SortedFunc(maps.Keys(t.assigned), byID), []ulid.ULID{u.Subject}, "assigned")
			}
			return u
		}},
		{"resource.removed", 1, func() events.Data {
			return &events.ResourceRemoved{Resource: d.place(things, true, "resource")}
		}},
		{"role.deleted", 2, func() events.Data { return &events.RoleDeleted{Role: d.roleID("role")} }},
		{"key.registered", 1, func() events.Data {
			return &events.KeyRegistered{Key: didOf(d.one(people, "key") + "'s other"), Purpose: "credential", Subject: d.who("whose")}
		}},
		{"grant.ended", when(len(d.ends) > 0, 2), func() events.Data {
			if len(d.ends) == 0 {
				return &events.GrantEnded{Grant: idOf("no grant")}
			}
			return &events.GrantEnded{Grant: rapid.SampledFrom(d.ends).Draw(d.T, "end of").by}
		}},
		{"permissions.recorded", 1, func() events.Data { return &events.PermissionsRecorded{Permissions: d.part()} }},
		{"key.rotated", 1, func() events.Data {
			return &events.KeyRotated{Old: didOf(d.one(people, "old")), New: didOf(d.one(people, "new key") + "'s third")}
		}},
		{"key.rotated", 1, func() events.Data {
			return &events.KeyRotated{Old: didOf(d.one(checkpointKeys, "old checkpoint key")), New: didOf(d.one(checkpointKeys, "new checkpoint key"))}
		}},
		{"key.revoked", 1, func() events.Data { return &events.KeyRevoked{Key: didOf(d.one(checkpointKeys, "checkpoint key"))} }},
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
	at := d.last.Add(time.Second + rapid.SampledFrom([]time.Duration{0, 0, time.Minute, time.Minute, 2 * time.Hour, 25 * time.Hour}).Draw(d.T, "wait"))
	d.made++
	actor := mostly(d, []string{nameOf(d.owner), "ann", "bob", "ann", "owner", "wal"}, append([]string{"platform", "stranger"}, people...), "actor")
	var joining ulid.ULID
	c := events.Command{Ledger: source, Actor: idOf(actor), Data: d.data(at)}
	switch c.Data.(type) {
	case *events.RecoveryStarted, *events.RecoveryStopped, *events.OwnershipRecovered:
		if !d.rarely(5, "not the operator") {
			actor = "platform"
		}
	case *events.RoleAssigned, *events.RoleRevoked:
		if d.rarely(8, "the operator") {
			actor = "platform"
		}
	case *events.TokenDeployed:
	case events.TokenData:
		if !d.rarely(6, "not a wallet") {
			actor = d.walletOf(c.Data.(events.TokenData).Of())
		}
	case *events.SubjectJoined:
		if !d.rarely(8, "not with the code") {
			joining = c.Data.(*events.SubjectJoined).Subject
		}
	case *events.OwnershipTransferred:
		if !d.rarely(3, "not the owner") {
			actor = nameOf(d.owner)
		}
	}
	c.Actor = idOf(actor)
	if joining != nobody {
		c.Actor = joining
	}
	if d.flip("for a reason") {
		c.Reason = events.Digest{1}
	}
	// The command is signed with a key of the actor's that holds, mostly.
	var own []string
	for did, k := range d.keys {
		if k.of == c.Actor && !k.revoked && k.purpose == "credential" {
			own = append(own, did)
		}
	}
	if u := d.subjects[joining]; u != nil && u.invitation != "" && !d.rarely(6, "with a key") {
		own = []string{u.invitation}
	}
	if actor == "platform" {
		own = []string{didOf("operator")}
	}
	slices.Sort(own)
	c.Auth = events.Auth{Method: "signature", Credential: mostly(d, own, []string{didOf(actor), didOf("new code"), didOf("bob"), didOf("operator"), didOf("event")}, "credential")}
	if slices.Contains(addresses, actor) {
		if u := d.wallet(tokens[0], actor); u != nil {
			c.Actor = u.id
		}
		c.Auth = events.Auth{Method: "eip712", Credential: actor}
	} else if actor == "wal" && !d.rarely(12, "not as a wallet") || d.rarely(30, "as a wallet") {
		c.Auth = events.Auth{Method: "eip712", Credential: wallet}
	}
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

// walletOf draws the address of somebody at a token: its owner, or any.
func (d *drawing) walletOf(token string) string {
	if c := d.coins[token]; c != nil && d.flip("the owner") {
		if u := d.subjects[c.owner]; u != nil {
			return u.key
		}
	}
	return d.one(addresses[:3], "wallet")
}
