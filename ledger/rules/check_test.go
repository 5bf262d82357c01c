package rules_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		scope, resource string
		want            bool
	}{
		{"", "", true}, {"", "x/1", true}, {"x/1", "", false},
		{"x/1", "x/1", true}, {"x/1", "x/1/y/2", true}, {"x/1/y/2", "x/1", false},
		{"x/1", "x/11", false}, {"x/1", "x/2", false}, {"x/1", "y/1", false}, {"x/1", "x/", false}, {"x/1", "x", false}, {"x/1", "z/x/1", false},
		{"token/eip155:137:0xab", "token/eip155:1:0xab", false}, {"token/eip155:137:0xab", "token/eip155:137:0xabc", false},
	} {
		if got := rules.Covers(c.scope, c.resource); got != c.want {
			t.Errorf("Covers(%q, %q) = %v; want %v", c.scope, c.resource, got, c.want)
		}
	}
}

func TestLevelFits(t *testing.T) {
	for _, kind := range []string{events.KindHuman, events.KindTechnical, events.KindAPIKey, events.KindWallet, events.KindDID} {
		wallet := kind == events.KindWallet
		if rules.LevelFits(true, kind) != wallet || rules.LevelFits(false, kind) == wallet {
			t.Errorf("%s: token level %v, platform level %v", kind, rules.LevelFits(true, kind), rules.LevelFits(false, kind))
		}
	}
}

// T5, T10: token-level permissions count for wallets, those of the platform for accounts, whoever was given them.
func TestLevels(t *testing.T) {
	w := open(t, stokr, catalogue("tokeny"), add("ann"), addKind("wal", events.KindWallet), create("r", "tokeny:token.mint", "ledger:role.create"),
		assign("ann", "r"), assign("wal", "r").on("token/eip155:137:0xab"), grant("ann", "tokeny:token.pause"), grant("wal", "tokeny:token.pause"))
	for _, c := range []struct {
		who, permission, resource string
		want                      bool
	}{
		{"ann", "tokeny:token.mint", "", false}, {"ann", "tokeny:token.pause", "", false}, {"ann", "ledger:role.create", "", true},
		{"wal", "tokeny:token.mint", "token/eip155:137:0xab", true}, {"wal", "tokeny:token.mint", "token/eip155:1:0xab", false},
		{"wal", "tokeny:token.mint", "", false}, {"wal", "tokeny:token.pause", "token/eip155:1:0xab", true},
		{"wal", "ledger:role.create", "token/eip155:137:0xab", false},
		{"owner", "tokeny:token.mint", "", true}, {"owner", "ledger:role.create", "", true},
	} {
		if got := w.check(c.who, c.permission, c.resource); got != c.want {
			t.Errorf("%s may %s on %q: %v; want %v", c.who, c.permission, c.resource, got, c.want)
		}
	}
}

// S35, S36: a permission is there as long as one source gives it.
func TestSources(t *testing.T) {
	w := open(t, plain, add("bob"), create("r", "a", "b"), create("s", "a"), assign("bob", "r"), assign("bob", "s"), grant("bob", "a").on("x/1"), grant("bob", "a"))
	has := func(want bool, resource string, after ...step) {
		t.Helper()
		for _, st := range after {
			w.do(st)
		}
		if got := w.check("bob", "a", resource); got != want {
			t.Errorf("at %d: has a on %q: %v; want %v", w.s.Position(), resource, got, want)
		}
	}
	has(true, "")
	has(true, "", revoke("bob", "a"))
	has(true, "", revokeRole("bob", "r"))
	has(false, "", takeFrom("s", "a"))
	has(true, "x/1")
	has(true, "", addTo("s", "a"))
	has(false, "", revokeRole("bob", "s"))
	has(true, "x/1/y/2")
	has(false, "x/1/y/2", revoke("bob", "a").on("x/1"))
	for _, q := range []struct {
		who, permission string
	}{{"nobody", "a"}, {"node", "a"}, {"bob", "none"}, {"owner", "none"}} {
		if w.check(q.who, q.permission, "") {
			t.Errorf("%s may %s", q.who, q.permission)
		}
	}
	if !w.check("owner", "a", "x/1") {
		t.Error("the owner does not hold what it was never given")
	}
	if got := w.s.Held(id("nobody"), start); got != nil {
		t.Errorf("nobody holds %v", got)
	}
}

// S30, S32, S34: what one has is another's only by a source of its own.
func TestRoleOfTwo(t *testing.T) {
	w := open(t, stokr, catalogue("stokr"), add("u1"), add("u2"), create("officer", "stokr:investor.create"), assign("u1", "officer"), assign("u2", "officer"),
		grant("u1", "stokr:investor.deactivate"))
	if !w.check("u1", "stokr:investor.deactivate", "") || w.check("u2", "stokr:investor.deactivate", "") {
		t.Error("the grant to one holds for both, or for none")
	}
	w.do(addTo("officer", "stokr:investor.list"))
	if !w.check("u1", "stokr:investor.list", "") || !w.check("u2", "stokr:investor.list", "") {
		t.Error("S31: not both have what came into their role")
	}
	if held := w.s.Held(id("u1"), w.s.Time()); len(held) != 2 || held[0].Role != id("officer") || held[1].Permission != "stokr:investor.deactivate" {
		t.Errorf("held: %v", held)
	}
}

// Names as people type them.
func TestPermissionNames(t *testing.T) {
	w := open(t, plain, publish("bank", perm("acct.open"), perm("acct.view")), publish("shop", perm("acct.open"), perm("cart.view"), perm("gone")),
		publish("shop", perm("acct.open"), perm("cart.view")), create("r", "own.thing", "acct.view"))
	for _, c := range []struct {
		name, want string
		others     []string
	}{
		{"bank:acct.open", "bank:acct.open", nil}, {"cart.view", "shop:cart.view", nil},
		{"acct.open", "", []string{"bank:acct.open", "shop:acct.open"}},
		{"own.thing", "own.thing", nil},
		{"acct.view", "acct.view", nil}, // the organization's own comes first
		{"ledger:role.create", "ledger:role.create", nil},
		{"cart.veiw", "", []string{"shop:cart.view"}},
		{"CART.VIEW", "", []string{"shop:cart.view"}},
		{"shop:cart.views", "", []string{"shop:cart.view"}},
		{"nothing.like.this", "", nil},
		{"gone", "shop:gone", nil}, // retired: it can still be taken from who has it
	} {
		got, others := w.s.Permission(c.name)
		if got != c.want || !slices.Equal(others, c.others) {
			t.Errorf("Permission(%q) = %q, %q; want %q, %q", c.name, got, others, c.want, c.others)
		}
	}
}

// Near names: at most a quarter of the name may differ, three are shown, those of least difference first.
func TestNearest(t *testing.T) {
	w := open(t, stokr, publish("shop", perm("abcdefgh"), perm("abcdefgX"), perm("abcdefXY"), perm("abcdeXYZ"), perm("abcdefghij"), perm("zz")), add("bob"))
	for _, c := range []struct {
		name string
		want []string
	}{
		{"abcdefg", []string{"shop:abcdefgX", "shop:abcdefgh", "shop:abcdefXY"}},
		{"abcdefghi", []string{"shop:abcdefgh", "shop:abcdefghij", "shop:abcdefgX"}},
		{"z", []string{"shop:zz"}},
		{"other:zzz", []string{"shop:zz"}},
		{"shop:q", []string{"shop:zz"}},
		{"shop:qqqq", nil},
	} {
		if r := w.refused(grant("bob", c.name)); !slices.Equal(r.Nearest, c.want) {
			t.Errorf("near %q: %q; want %q", c.name, r.Nearest, c.want)
		}
	}
}

// The ledger's own actions are each a permission of the catalogue that every organization has.
func TestActions(t *testing.T) {
	actions := rules.Actions()
	if !slices.IsSorted(actions) || len(slices.Compact(slices.Clone(actions))) != len(actions) {
		t.Errorf("the actions are not sorted, or one stands twice: %v", actions)
	}
	w := open(t, ipaware)
	var names []string
	for _, a := range actions {
		names = append(names, "ledger:"+a)
	}
	w.do(staffed("ann", names...))
	for _, a := range actions {
		if !w.s.May(id("ann"), a, "", w.s.Time()) {
			t.Errorf("ann may not %s", a)
		}
	}
	if w.s.May(id("ann"), "role.paint", "", w.s.Time()) {
		t.Error("ann may do what is no action")
	}
}

// Each command needs its own permission: with all the others it is refused, with it alone it is recorded.
func TestEachCommandNeedsItsPermission(t *testing.T) {
	world := func(t *testing.T) *world {
		profile := plain
		profile.DefaultRoles = true
		return open(t, profile, add("off"), deactivate("off"), apiKey("k"), create("r", "a"), create("free", "a"), add("bob"), assign("bob", "r"), grant("bob", "a").on("x/1"), add("ann"), grant("ann", "a"),
			grant("ann", "ledger:resource.register"), registered("policy/1").by("ann"), registered("policy/2").by("ann"),
			revoke("ann", "ledger:resource.register"), assignTo("bob", "policy/1"), create("own", "a"), assign("ann", "own"),
			startReview("q", "subject/"+id("bob").String()))
	}
	others := map[string][]string{"import": {"subject.add"}} // an import is of something
	none := map[string]bool{                                 // reading is no command
		rules.ActionHistoryRead: true, rules.ActionKeysRead: true, rules.ActionLogRead: true, rules.ActionLogSystem: true, rules.ActionLogUsers: true,
		rules.ActionOrganizationRead: true, rules.ActionPermissionsRead: true, rules.ActionRolesRead: true, rules.ActionResourcesRead: true, rules.ActionSubjectsRead: true,
		rules.ActionAPIKeyRead: true,
	}
	steps := map[string]step{
		"access.assign":       assignTo("bob", "policy/2"),
		"access.delegate":     delegateAccess("bob", "policy/2"),
		"access.unassign":     unassign("bob", "policy/1"),
		"resource.register":   registered("policy/3"),
		"resource.remove":     {data: &events.ResourceRemoved{Resource: "policy/2"}},
		"resource.update":     {data: &events.ResourceUpdated{Resource: "policy/2", Publish: true}},
		"review.close":        closeReview("q", true),
		"review.decide":       decided("q", "bob", "r", false),
		"review.start":        startReview("q2", events.ReviewAll),
		"role.review":         reviewRole("r"),
		"role.delegate":       delegate("bob", "own"),
		"catalogue.publish":   publish("shop", perm("x")),
		"document.issue":      issue("role/" + id("r").String()),
		"import":              add("new").imported(record("old", "1", 0)),
		"key.register":        register("bob2", events.PurposeCredential, "bob"),
		"key.report":          report("event", 1),
		"key.revoke":          revokeKey("bob"),
		"key.rotate":          rotate("bob", "bob2"),
		"permission.grant":    grant("bob", "a"),
		"permission.revoke":   revoke("bob", "a").on("x/1"),
		"permission.set":      set("bob", "a"),
		"permissions.record":  part("a"),
		"role.assign":         assign("bob", "free"),
		"role.create":         create("new", "a"),
		"role.delete":         remove("free"),
		"role.revoke":         revokeRole("bob", "r"),
		"role.set":            setRoles("bob", "r", "free"),
		"role.update":         takeFrom("r", "a"),
		"subject.add":         add("new"),
		"subject.deactivate":  deactivate("bob"),
		"organization.update": nameOrganization("Other"),
		"role.default":        defaulted("free"),
		"subject.erase":       erase("bob", events.Digest{1}),
		"subject.invite":      invite("new"),
		"subject.link":        link("bob", "did:web:bob.example"),
		"subject.reactivate":  reactivate("off"),
		"subject.remove":      removeSubject("bob"),
		"subject.update":      updateSubject("bob", func(d *events.SubjectUpdated) { d.Email = events.Digest{1} }),
		"api-key.add":         apiKey("new"),
		"api-key.remove":      removeSubject("k"),
		"api-key.update":      updateSubject("k", func(d *events.SubjectUpdated) { d.Email = events.Digest{1} }),
	}
	instead := map[string][]string{ // what also allows it, alone or with another of them
		"role.set":           {"role.assign", "role.revoke"},
		"permissions.record": {"role.create", "role.update", "permission.set"},
	}
	for _, action := range rules.Actions() {
		if atTokens[action] {
			continue
		}
		st, ok := steps[action]
		if ok == none[action] {
			t.Fatalf("%s: has a step: %v", action, ok)
		}
		if !ok {
			continue
		}
		t.Run(action, func(t *testing.T) {
			w := world(t)
			for _, a := range rules.Actions() {
				if a != action && !slices.Contains(instead[action], a) {
					w.do(grant("ann", "ledger:"+a))
				}
			}
			if diff := cmp.Diff(lacks("ledger:"+action), w.refused(st.by("ann"))); diff != "" {
				t.Errorf("with all the others (-want +got):\n%s", diff)
			}
			w = world(t)
			for _, a := range append(others[action], action) {
				w.do(grant("ann", "ledger:"+a))
			}
			w.do(st.by("ann"))
			// And no longer than it is held.
			w = world(t)
			for _, a := range append(others[action], action) {
				w.do(grant("ann", "ledger:"+a).until(start.Add(time.Hour)))
			}
			if r := w.refused(st.by("ann").after(time.Hour)); r.Code != rules.NotPermitted {
				t.Errorf("after its end: %v", &r)
			}
		})
	}
}

// atTokens are the actions at tokens, which the permissions of wallets guard: see token_test.go.
var atTokens = map[string]bool{
	rules.ActionAgentAdd: true, rules.ActionAgentRemove: true, rules.ActionChainAttest: true, rules.ActionInvestorDisqualify: true,
	rules.ActionInvestorQualify: true, rules.ActionTokenCompliance: true, rules.ActionTokenCondition: true, rules.ActionTokenDeploy: true,
	rules.ActionTokenPause: true, rules.ActionTokenRegistry: true, rules.ActionTokenTransfer: true, rules.ActionTokenUnpause: true,
	rules.ActionWalletBlock: true, rules.ActionWalletUnblock: true,
}
