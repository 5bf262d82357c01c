package rules_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// The small world of the random commands.
var (
	people      = []string{"owner", "ann", "bob", "wal"}
	roles       = []string{"staff", "r1", "r2", "r3", "r1#2", "r2#2"}
	permissions = []string{"a", "b", "ledger:role.create", "ledger:role.update", "ledger:role.assign", "ledger:permission.grant", "ledger:permission.set",
		"shop:t", "shop:v", "shop:x", "shop:y", "shop:z",
		"ledger:access.assign", "ledger:access.delegate", "ledger:resource.register", "ledger:role.delegate",
		"shop:p", "shop:all", "shop:assigned", "shop:both", "shop:published"}
	scopes     = []string{"", "x/1", "x/1/y/2", "x/2", "policy/1"}
	policies   = []string{"policy/1", "policy/2"}
	wallets    = []string{boss, boss, clerk, clerk, holder}
	conditions = []string{inLU, inLU, notDE, notDE + " && " + inLU}
	countries  = []string{"", "LU", "DE"} // that a question says
	shops      = []step{
		publish("shop", perm("p", need(events.NeedAccess)), perm("all", access(events.ReachAll)), perm("assigned", access(events.ReachAssigned)),
			perm("both", access(events.ReachAssignedAndPublished)), perm("published", access(events.ReachPublished)),
			perm("t", tokenLevel), perm("v"), perm("x", guards("role.set", "subject.add")), perm("y", needs("x")), perm("z", needs("t", "y"))),
		publish("shop", perm("t", tokenLevel), perm("v", reserved), perm("x"), perm("y", needs("v", "x"))),
		publish("shop", perm("t", tokenLevel), perm("x"), perm("z", needs("x"))),
	}
)

const (
	inLU  = `resource.properties.country == "LU"`
	notDE = `resource.properties.country != "DE"`
)

// in gives what a question says beside.
func in(country string) rules.Context {
	if country == "" {
		return rules.Context{}
	}
	return rules.Context{Resource: []events.Property{{Name: "country", Value: country}}}
}

// someStep draws what somebody may ask for; much of it is refused.
func someStep(t *rapid.T, w *world) step {
	one := func(of []string, label string) string { return rapid.SampledFrom(of).Draw(t, label) }
	some := func(of []string, label string) []string {
		return slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 3, rapid.ID[string]).Draw(t, label)))
	}
	who, role, scope := one(people[1:], "who"), one(roles, "role"), one(scopes, "scope")
	end := func() time.Time {
		return w.s.Time().Add(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 90, 3000}).Draw(t, "minutes")) * time.Minute)
	}
	until := func(st step) step {
		if rapid.Bool().Draw(t, "ends") {
			return st.until(end())
		}
		return st
	}
	under := func(st step) step {
		if rapid.IntRange(0, 2).Draw(t, "conditional") == 0 {
			return st.given(one(conditions, "condition"))
		}
		return st
	}
	country := func() []events.Property {
		if c := one(countries, "country"); c != "" {
			return []events.Property{{Name: "country", Value: c}}
		}
		return []events.Property{}
	}
	// Something that is held by a role, or without, so that taking it away does not fail each time.
	held := func(direct bool) (rules.Held, bool) {
		var all []rules.Held
		for _, h := range w.s.Held(id(who), w.s.Time()) {
			if direct == (h.Permission != "") {
				all = append(all, h)
			}
		}
		if len(all) == 0 || rapid.IntRange(0, 3).Draw(t, "another") == 0 {
			return rules.Held{}, false
		}
		return rapid.SampledFrom(all).Draw(t, "held"), true
	}
	// A part of what was recorded, or of what was not.
	parts := func() []string {
		return rapid.SampledFrom([][]string{{"a", "b"}, {"shop:x", "shop:y"}, {"shop:v"}}).Draw(t, "part")
	}
	kinds := map[events.Type]func() step{
		"catalogue.published": func() step { return rapid.SampledFrom(shops).Draw(t, "catalogue") },
		"document.issued":     func() step { return issue("role/" + id(role).String()) },
		"grant.ended": func() step {
			due, ok := w.s.NextEnd()
			if !ok {
				return add("late")
			}
			return step{actor: "node"}.but(func(c *events.Command) { *c = ending(*c, due.Grant, due.Until) })
		},
		"key.registered": func() step { return register("key of "+who+scope, events.PurposeCredential, who) },
		"key.reported":   func() step { return report(one([]string{who, "checkpoint", "key " + scope}, "key"), 1) },
		"key.revoked": func() step {
			return revokeKey(one([]string{"bob", "wal", "key of " + who + scope, "checkpoint", "key " + scope}, "key"))
		},
		"key.rotated": func() step {
			return rotate(one([]string{"bob", "wal", "key of " + who + scope, "checkpoint", "key " + scope}, "key"), "key "+one(scopes, "with"))
		},
		"key.succeeded":        func() step { return succeed("event", "event2") },
		"organization.updated": func() step { return nameOrganization(one([]string{"Acme", "Emca"}, "name")) },
		"ownership.recovered":  func() step { return recovered(who) },
		"ownership.transferred": func() step {
			return transfer(one(people, "to"))
		},
		"permission.granted": func() step { return under(until(grant(who, one(permissions, "permission")).on(scope))) },
		"permission.revoked": func() step {
			if h, ok := held(true); ok {
				return revoke(who, h.Permission).on(h.Scope)
			}
			return revoke(who, one(permissions, "permission")).on(scope)
		},
		"permissions.recorded": func() step { return part(parts()...) },
		"permissions.set": func() step {
			if rapid.Bool().Draw(t, "by parts") {
				return byParts(set(who, some(permissions, "permissions")...), parts()).on(scope)
			}
			return set(who, some(permissions, "permissions")...).on(scope)
		},
		"recovery.started": func() step { return recoverTo(who) },
		"recovery.stopped": func() step { return stopRecovery(w.owner()) },
		"role.assigned": func() step {
			if rapid.IntRange(0, 9).Draw(t, "by the operator") == 0 {
				return until(assign(who, "ops").on(scope)).byOperator()
			}
			return under(until(assign(who, one(append(roles, "bosses", "ops"), "role")).on(scope)))
		},
		"role.delegated": func() step {
			by := one(people[1:], "delegator")
			st := delegate(who, role).on(scope).by(by)
			for _, h := range w.s.Held(id(by), w.s.Time()) {
				if h.Permission == "" && rapid.Bool().Draw(t, "its own") {
					st.data.(*events.RoleDelegated).Role = h.Role
				}
			}
			return until(st)
		},
		"role.reviewed": func() step { return reviewRole(role) },
		"review.started": func() step {
			return startReview(one([]string{"q1", "q2"}, "review"), one([]string{events.ReviewAll, "role/" + id(role).String(), "subject/" + id(who).String()}, "of"))
		},
		"review.decided": func() step {
			for _, review := range w.s.Reviews() {
				v, _ := w.s.Review(review)
				if i := v.Items[rapid.IntRange(0, len(v.Items)-1).Draw(t, "item")]; rapid.Bool().Draw(t, "of this review") {
					return decideOf(review, i, rapid.Bool().Draw(t, "revoke"))
				}
			}
			return decideOf(id("q1"), rules.ReviewItem{Subject: id(who), Role: id(role)}, true)
		},
		"review.closed": func() step {
			st := closeReview(one([]string{"q1", "q2"}, "review"), rapid.IntRange(0, 3).Draw(t, "keep the rest") > 0)
			if open := w.s.Reviews(); len(open) > 0 {
				st.data.(*events.ReviewClosed).Review = open[0]
			}
			return st
		},
		"resource.registered": func() step {
			return step{data: &events.ResourceRegistered{Resource: one(append(policies, "x/1"), "resource"), Properties: country(), Published: rapid.Bool().Draw(t, "published")}}
		},
		"resource.updated": func() step {
			d := &events.ResourceUpdated{Resource: one(append(policies, "x/1"), "resource"), Properties: country(), Publish: rapid.Bool().Draw(t, "publish")}
			d.Withdraw = !d.Publish
			return step{data: d}
		},
		"resource.removed": func() step {
			return step{data: &events.ResourceRemoved{Resource: one(append(policies, "x/1"), "resource")}}
		},
		"access.assigned":  func() step { return assignTo(who, one(policies, "policy")) },
		"access.delegated": func() step { return delegateAccess(who, one(policies, "policy")).by(one(people[1:], "delegator")) },
		"access.unassigned": func() step {
			return unassign(who, one(policies, "policy"))
		},
		"role.created": func() step {
			st := create(role, some(permissions, "permissions")...)
			if rapid.Bool().Draw(t, "by parts") {
				return byParts(st, parts())
			}
			return st
		},
		"role.defaulted": func() step {
			if rapid.IntRange(0, 3).Draw(t, "no default") == 0 {
				return noDefault(role)
			}
			return defaulted(role)
		},
		"role.deleted": func() step {
			for _, name := range roles {
				if r, ok := w.s.Role(id(name)); ok && r.Deleted == 0 && r.Holders == 0 && rapid.Bool().Draw(t, "this one") {
					return remove(name)
				}
			}
			return remove(role)
		},
		"role.revoked": func() step {
			if h, ok := held(false); ok {
				return step{data: &events.RoleRevoked{Subject: id(who), Role: h.Role, Scope: h.Scope}}
			}
			return revokeRole(who, role).on(scope)
		},
		"role.updated": func() step {
			return update(role, func(d *events.RoleUpdated) {
				have := w.s.RolePermissions(d.Role)
				d.Add = slices.DeleteFunc(some(permissions, "add"), func(n string) bool { return slices.Contains(have, n) })
				d.Remove = some(append(have, "a"), "remove")
			})
		},
		"roles.set": func() step { return setRoles(who, some(roles, "roles")...) },
		"subject.added": func() step {
			return addWith(one([]string{"new", "newer"}, "key"), func(d *events.SubjectAdded) {
				if rapid.Bool().Draw(t, "with roles") {
					d.Roles = ids(some(roles, "roles")...)
				}
			})
		},
		"subject.deactivated": func() step { return deactivate(one([]string{"bob", "new"}, "whom")) },
		"subject.erased":      func() step { return erase(who, events.Digest{1}) },
		"subject.invited":     func() step { return inviteBy("new", "code "+scope, some(roles, "roles")...) },
		"subject.joined": func() step {
			for _, s := range scopes { // with a code that still works, if there is one
				if _, ok := w.s.Invitation(did("code " + s)); ok {
					return joinBy("new", "code "+s, "joined "+s)
				}
			}
			return joinBy("new", "code "+scope, "joined "+scope)
		},
		"subject.linked": func() step { return link(who, "did:web:"+one([]string{"a", "b"}, "link")) },
		"subject.reactivated": func() step {
			if u, _ := w.s.Subject(id("bob")); u.State == rules.StateDeactivated {
				return reactivate("bob")
			}
			return reactivate("new")
		},
		"subject.removed":  func() step { return removeSubject(one([]string{"bob", "new"}, "whom")) },
		"subject.unlinked": func() step { return unlink(who, "did:web:"+one([]string{"a", "b"}, "link")) },
		"subject.updated": func() step {
			return updateSubject(who, func(d *events.SubjectUpdated) {
				d.Properties = []events.Property{{Name: one([]string{"x", "y"}, "property")}}
			})
		},
		"agent.added": func() step { return agent(tokenA, one(wallets, "agent")).wallet(one(wallets, "wallet")) },
		"agent.removed": func() step {
			return step{data: &events.AgentRemoved{Token: tokenA, Agent: one(wallets, "agent")}}.wallet(one(wallets, "wallet"))
		},
		"chain.observed": func() step {
			fact := one([]string{events.FactAgentAdded, events.FactAgentRemoved}, "fact")
			return seen(fact, one(wallets, "account"), "", rapid.Uint64Range(1, 1<<20).Draw(t, "index"))
		},
		"investor.disqualified": func() step {
			return step{data: &events.InvestorDisqualified{Token: tokenA, Wallet: one(wallets, "investor")}}.wallet(one(wallets, "wallet"))
		},
		"investor.qualified": func() step {
			return qualify(tokenA, one(wallets, "investor"), one([]string{"LU", "US"}, "country")).wallet(one(wallets, "wallet"))
		},
		"token.acted": func() step {
			return step{data: &events.TokenActed{Token: tokenA, Permission: "coin:act"}}.wallet(one(wallets, "wallet"))
		},
		"token.deployed": func() step { return deploy(one([]string{tokenA, tokenB}, "token"), one(wallets, "owner")) },
		"token.transferred": func() step {
			return step{data: &events.TokenTransferred{Token: tokenA, To: one(wallets, "to")}}.wallet(one(wallets, "wallet"))
		},
		"token.updated": func() step {
			state := one([]string{events.TokenPaused, events.TokenActive}, "state")
			return step{data: &events.TokenUpdated{Token: tokenA, State: state}}.wallet(one(wallets, "wallet"))
		},
		"wallet.blocked": func() step {
			return step{data: &events.WalletBlocked{Token: tokenA, Wallet: holder}}.wallet(clerk)
		},
		"wallet.unblocked": func() step {
			return step{data: &events.WalletUnblocked{Token: tokenA, Wallet: holder}}.wallet(clerk)
		},
		"login.changed": func() step { return changeLogin(who, who, events.Digest{byte(len(scope))}).by(who) },
	}
	often := []events.Type{"role.delegated", "role.delegated", "role.assigned", "access.delegated", "access.assigned", "resource.registered", "review.started", "review.decided", "review.decided", "role.created", "role.updated", "role.assigned", "permission.granted", "roles.set", "permissions.set", "permissions.recorded", "grant.ended"}
	all := append(slices.Clone(often), often...)
	for typ := range kinds {
		all = append(all, typ)
	}
	slices.Sort(all)
	st := kinds[rapid.SampledFrom(all).Draw(t, "kind")]()
	if _, joins := st.data.(*events.SubjectJoined); !joins && st.actor == "" && rapid.IntRange(0, 2).Draw(t, "not the owner") == 0 {
		st.actor = one(people[1:3], "actor")
	}
	if st.actor == "" {
		st.actor = w.owner()
	}
	st.wait = rapid.SampledFrom([]time.Duration{0, 0, 0, time.Minute, time.Hour, 25 * time.Hour}).Draw(t, "wait")
	return st
}

// owner gives the name of who owns the world now.
func (w *world) owner() string {
	for _, name := range people {
		if id(name) == w.s.Owner() {
			return name
		}
	}
	return "owner"
}

// founding are the steps with which the worlds of random commands begin, while they may have roles of the system.
func founding() []any {
	return given(shops[0], system("bosses", events.ManagedOwner), system("ops", events.ManagedOperator, "shop:x"), goldenTokenRoles(),
		deploy(tokenA, boss), agent(tokenA, clerk).wallet(boss), qualify(tokenA, holder, "LU").wallet(clerk),
		addKind("watcher", events.KindTechnical), register("eye", events.PurposeAttestor, "watcher"), create("attestors", "ledger:chain.attest"), assign("watcher", "attestors"))
}

// holdings lists, for one instant, who may do what where.
func (w *world) holdings(at time.Time) map[[4]string]bool {
	all := map[[4]string]bool{}
	for _, who := range append(people, "new") {
		for _, p := range permissions {
			for _, scope := range append(scopes, "x/1/y/3") {
				for _, country := range countries {
					if w.s.CheckIn(id(who), p, scope, at, in(country)) {
						all[[4]string{who, p, scope, country}] = true
					}
				}
			}
		}
	}
	return all
}

// What holds of every command, whatever came before it.
func TestLaws(t *testing.T) {
	recorded := map[events.Type]int{}
	rapid.Check(t, func(t *rapid.T) {
		profile := rapid.SampledFrom([]events.Profile{plain, stokr, ipaware, guardian, strict}).Draw(t, "profile")
		profile.DefaultRoles, profile.RecoveryDelay = true, 60
		w := open(t, profile, founding(), add("ann"), add("bob"), addKind("wal", events.KindWallet),
			create("staff", append(slices.Clone(permissions[2:8]), "ledger:role.delegate", "ledger:access.delegate", "ledger:access.assign", "ledger:resource.register")...), assign("ann", "staff"))
		for range rapid.IntRange(30, 60).Draw(t, "commands") {
			c, at := w.command(someStep(t, w))
			if rapid.IntRange(0, 15).Draw(t, "again") == 0 {
				used := rapid.SampledFrom(w.events).Draw(t, "id of")
				c.ID = used.ID
				lawOfIDs(t, w, c, at, used)
				continue
			}
			if e := lawOfDecide(t, w, c, at); e != nil {
				recorded[e.Data.Type()]++
				lawOfEffects(t, w, e)
			}
		}
		lawOfCheck(t, w)
	})
	// Those that cannot be, like another opening, and those that take several steps at the right time, are left.
	if most := len(events.Types()) * 3 / 4; len(recorded) < most && !t.Failed() {
		t.Errorf("random commands were recorded as %d types of events only, %v; want %d at least", len(recorded), recorded, most)
	}
}

// lawOfIDs: an id is used once. Outside the window of live ids their time alone may refuse them.
func lawOfIDs(t *rapid.T, w *world, c events.Command, at time.Time, used *events.Event) {
	r := w.refusedCommand(c, at)
	stale := used.Origin == events.Origin{} && at.Sub(used.ID.Timestamp()) > 24*time.Hour
	if (r.Code != rules.Repeated || r.At != used.Sequence) && !(stale && r.Code == rules.Stale) {
		t.Fatalf("the id of event %d, again at %v: %v at %d", used.Sequence, at, &r, r.At)
	}
}

// lawOfDecide: Decide changes nothing and says the same twice; what it makes is legitimate, as the verifier finds from
// the bytes alone; and nobody but the owner gives what it does not hold, or for longer. It gives the event, if there is one.
func lawOfDecide(t *rapid.T, w *world, c events.Command, at time.Time) *events.Event {
	state, command := digest(w.s), digest(c)
	e, err := rules.Decide(w.s, c, at)
	again, err2 := rules.Decide(w.s, c, at)
	if digest(w.s) != state || digest(c) != command {
		t.Fatalf("deciding %s changed the state: %v, or the command: %v", c.Data.Type(), digest(w.s) != state, digest(c) != command)
	}
	if digest(e) != digest(again) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
		t.Fatalf("one state, one command, two answers: %+v, %v and %+v, %v", e.Data, err, again.Data, err2)
	}
	if err != nil {
		r := new(rules.Refusal)
		if !errors.As(err, &r) || r.Code == "" || r.Reason == "" || (e != events.Event{}) {
			t.Fatalf("refused with %v and %v", err, e)
		}
		return nil
	}
	e.Sequence, e.Prev = w.s.Position()+1, w.prev
	b, err := e.Encode()
	if err != nil {
		t.Fatalf("what was decided cannot be written: %v", err)
	}
	read, err := events.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	legitimate(t, w.s, read, b)
	if !w.s.Authentic(c, at) {
		t.Fatalf("%s by %s is recorded, and not authentic", c.Data.Type(), c.Actor)
	}
	instants := []time.Time{at, at.Add(time.Hour), at.Add(1000 * time.Hour)} // and for no longer than it holds it itself
	var before []map[[4]string]bool
	// Catalogues and what is said of resources change what grants mean; they give nothing.
	typ, owner := c.Data.Type(), w.s.Owner()
	judged := c.Actor != owner && c.Actor != id("platform") && typ != "catalogue.published" && typ != "subject.joined" && !strings.HasPrefix(string(typ), "resource.")
	for _, then := range instants {
		if judged {
			before = append(before, w.holdings(then))
		}
	}
	w.take(e)
	if judged {
		for i, then := range instants {
			for q := range w.holdings(then) {
				if q[1] == "shop:p" && q[2] == "policy/1" {
					continue // one gives the permission, another the access that it needs
				}
				mine := [4]string{"", q[1], q[2], q[3]}
				for _, p := range people {
					if id(p) == c.Actor {
						mine[0] = p
					}
				}
				if !before[i][q] && !before[i][mine] {
					t.Fatalf("%s by %s gave %v at %v, which it does not hold then: %+v", c.Data.Type(), c.Actor, q, then, c.Data)
				}
			}
		}
	}
	if digest(w.events[len(w.events)-1].Data) != digest(read.Data) {
		t.Fatal("taking an event in changed it")
	}
	return read
}

// legitimate holds an event to being what the rules make of its command in the state before it.
func legitimate(t reporter, s *rules.State, e *events.Event, want []byte) {
	t.Helper()
	got, err := rules.Decide(s, events.CommandOf(e), e.Time)
	if err != nil {
		t.Fatalf("event %d, decided again: %v", e.Sequence, err)
	}
	got.Sequence, got.Prev = e.Sequence, e.Prev
	if b, err := got.Encode(); err != nil || !bytes.Equal(b, want) {
		t.Fatalf("event %d, decided again (%v):\n got %s\nwant %s", e.Sequence, err, b, want)
	}
}

// lawOfEffects: digests and counts in an event are those of the names themselves, and what permissions depend on is there.
func lawOfEffects(t *rapid.T, w *world, e *events.Event) {
	o := ask(w.events)
	role := func(r ulid.ULID, count uint64, set events.Digest) {
		names := o.names(r)
		if got := w.s.RolePermissions(r); !slices.Equal(got, names) {
			t.Fatalf("event %d: the role has %v; want %v", e.Sequence, got, names)
		}
		if count != uint64(len(names)) || set != events.SetDigest(names) {
			t.Fatalf("event %d: says %d permissions, digest %x; the role has %v", e.Sequence, count, set, names)
		}
		for _, n := range names {
			for _, other := range o.needs[n] { // what was retired asks for nothing any more
				if !slices.Contains(names, other) && !o.retired[n] && w.s.Opened().Profile.Dependencies {
					t.Fatalf("event %d: the role has %s and not %s", e.Sequence, n, other)
				}
			}
		}
	}
	switch d := e.Data.(type) {
	case *events.RoleCreated:
		if d.Managed != events.ManagedOwner { // which gives everything
			role(d.Role, d.Count, d.Set)
		}
	case *events.RoleUpdated:
		role(d.Role, d.Count, d.Set)
	case *events.PermissionsSet:
		before, after := ask(w.events[:len(w.events)-1]).direct(d.Subject, d.Scope, e.Time), o.direct(d.Subject, d.Scope, e.Time)
		if d.Before != extent(before...) || d.After != extent(after...) {
			t.Fatalf("event %d: before %+v, after %+v; want those of %v, %v", e.Sequence, d.Before, d.After, before, after)
		}
	}
}

// lawOfCheck: Check says what a reader of all events says, now and later.
func lawOfCheck(t *rapid.T, w *world) {
	o := ask(w.events)
	for _, later := range []time.Duration{0, time.Minute, 90 * time.Minute, 100 * time.Hour} {
		at := w.s.Time().Add(later)
		for _, who := range append(people, "new", "nobody", "node") {
			for _, p := range append(slices.Clone(permissions), "none") {
				for _, resource := range append(scopes, "x/1/y/3", "x/11", "policy/2") {
					for _, country := range countries {
						got, want := w.s.CheckIn(id(who), p, resource, at, in(country)), o.check(id(who), p, resource, country, at)
						if got != want {
							t.Fatalf("Check(%s, %s, %q, %v) where %q = %v; the events say %v", who, p, resource, at, country, got, want)
						}
					}
				}
			}
		}
	}
	held := 0
	for who := range o.kind {
		held += len(w.s.Held(who, w.s.Time()))
	}
	still := 0
	for _, g := range o.given {
		if !g.over(w.s.Time()) && o.alive(g, w.s.Time()) {
			still++
		}
	}
	if held != still {
		t.Fatalf("%d things are held; the events say %d", held, still)
	}
}
