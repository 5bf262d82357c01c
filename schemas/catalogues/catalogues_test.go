package catalogues

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
)

func load(t *testing.T, name string) Catalogue {
	t.Helper()
	c, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func find(t *testing.T, c Catalogue, name string) Permission {
	t.Helper()
	for _, p := range c.Permissions {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("%s has no permission %s", c.Name, name)
	return Permission{}
}

func TestCounts(t *testing.T) {
	want := map[string]struct{ all, notSelectable, token int }{
		"guardian": {139, 50, 0},
		"ipaware":  {23, 0, 0},
		"stokr":    {63, 0, 0},
		"tokeny":   {40, 0, 25},
	}
	if got := Names(); !slices.Equal(got, []string{"guardian", "ipaware", "stokr", "tokeny"}) {
		t.Fatalf("Names() = %v", got)
	}
	for _, name := range Names() {
		got := want[name]
		got.all, got.notSelectable, got.token = 0, 0, 0
		for _, p := range load(t, name).Permissions {
			got.all++
			if !p.Selectable {
				got.notSelectable++
			}
			if p.Level == Token {
				got.token++
			}
		}
		if got != want[name] {
			t.Errorf("%s has %+v permissions; want %+v", name, got, want[name])
		}
	}
}

// The permissions of a catalogue go into one entry of the ledger, which has room for so much.
func TestPermissionsFitIntoAnEntry(t *testing.T) {
	const room = 60_000
	for _, name := range Names() {
		text, err := json.Marshal(load(t, name).Permissions)
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := jcs.Transform(text)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", name, len(canonical))
		if len(canonical) >= room {
			t.Errorf("%s: the permissions take %d bytes; there is room for %d", name, len(canonical), room)
		}
	}
}

// Guards decide who may change access, so each is written down here a second time.
func TestGuards(t *testing.T) {
	want := map[string]map[string][]string{
		"stokr": {
			"asset.create":           {"resource.register"},
			"asset.modify":           {"resource.update"},
			"investment.create":      {"resource.register"},
			"investment.modify":      {"resource.update"},
			"investor.create":        {"resource.register"},
			"investor.modify":        {"resource.update"},
			"investor_wallet.create": {"resource.register"},
			"investor_wallet.modify": {"resource.update"},
			"issuer.create":          {"resource.register"},
			"issuer.modify":          {"resource.update"},
			"treasury_wallet.create": {"resource.register"},
			"treasury_wallet.modify": {"resource.update"},
			"whitelist.create":       {"resource.register"},
			"whitelist.modify":       {"resource.update"},
			"permission.list":        {"permissions.read"},
			"role.create":            {"role.create"},
			"role.deactivate":        {"role.delete"},
			"role.list":              {"roles.read"},
			"role.modify":            {"role.update"},
			"role.set_permissions":   {"role.update"},
			"role.view":              {"roles.read"},
			"user.assign_role":       {"role.assign"},
			"user.create":            {"api-key.add", "subject.add", "subject.invite"},
			"user.deactivate":        {"api-key.remove", "subject.deactivate", "subject.reactivate", "subject.remove"},
			"user.list":              {"subjects.read"},
			"user.set_permissions":   {"permission.grant", "permission.revoke", "permission.set"},
			"user.unassign_role":     {"role.revoke"},
			"user.view":              {"subjects.read"},
			"user.modify":            {"api-key.update", "subject.link", "subject.update"},
		},
		"ipaware": {
			"api.key.create":      {"api-key.add"},
			"api.key.revoke":      {"api-key.remove"},
			"api.key.update":      {"api-key.update"},
			"api.key.view":        {"api-key.read", "keys.read"},
			"organization.invite": {"subject.add", "subject.invite"},
			"organization.remove": {"subject.deactivate", "subject.reactivate", "subject.remove"},
			"organization.update": {"organization.update"},
			"organization.view":   {"organization.read"},
			"permissions.view":    {"permissions.read"},
			"roles.assign":        {"role.assign"},
			"roles.create":        {"role.create"},
			"roles.delete":        {"role.delete"},
			"roles.revoke":        {"role.revoke"},
			"roles.update":        {"role.update"},
			"roles.view":          {"roles.read"},
		},
		"guardian": {
			"ACCOUNTS_ACCOUNT_READ":           {"subjects.read"},
			"LOG_LOG_READ":                    {"log.read"},
			"LOG_SYSTEM_READ":                 {"log.system"},
			"LOG_USERS_READ":                  {"log.users"},
			"PERMISSIONS_ROLE_CREATE":         {"role.create", "role.default"},
			"PERMISSIONS_ROLE_DELETE":         {"role.delete"},
			"DELEGATION_ROLE_MANAGE":          {"access.delegate", "permissions.read", "role.delegate"},
			"POLICIES_POLICY_CREATE":          {"resource.register"},
			"POLICIES_POLICY_DELETE":          {"resource.remove"},
			"POLICIES_POLICY_REVIEW":          {"resource.update"},
			"POLICIES_POLICY_UPDATE":          {"resource.update"},
			"PERMISSIONS_ROLE_MANAGE":         {"access.assign", "access.unassign", "role.assign", "role.revoke", "role.set"},
			"PERMISSIONS_ROLE_READ":           {"permissions.read", "roles.read"},
			"PERMISSIONS_ROLE_UPDATE":         {"role.update"},
			"ORGANIZATIONS_ORG_MEMBER_MANAGE": {"subject.add", "subject.deactivate", "subject.invite", "subject.reactivate", "subject.remove"},
			"PROFILES_USER_UPDATE":            {"subject.update"},
		},
		"tokeny": {
			"investor.disqualify":         {"investor.disqualify"},
			"investor.qualify":            {"investor.qualify"},
			"platform.token.deploy":       {"token.deploy"},
			"token.agent.add":             {"agent.add"},
			"token.agent.remove":          {"agent.remove"},
			"token.block":                 {"wallet.block"},
			"token.compliance.manage":     {"token.condition"},
			"token.compliance.set":        {"token.compliance"},
			"token.identity_registry.set": {"token.registry"},
			"token.ownership.transfer":    {"token.transfer"},
			"token.pause":                 {"token.pause"},
			"token.unblock":               {"wallet.unblock"},
			"token.unpause":               {"token.unpause"},
		},
	}
	for _, name := range Names() {
		got := map[string][]string{}
		for _, p := range load(t, name).Permissions {
			if len(p.Guards) > 0 {
				got[p.Name] = p.Guards
			}
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s: guards (-want +got):\n%s", name, diff)
		}
	}
}

func TestDependenciesHaveNoCircle(t *testing.T) {
	for _, name := range Names() {
		c := load(t, name)
		var walk func(p Permission, path []string)
		walk = func(p Permission, path []string) {
			if slices.Contains(path, p.Name) {
				t.Fatalf("%s: %v and again %s", name, path, p.Name)
			}
			for _, d := range p.DependsOn {
				walk(find(t, c, d), append(path, p.Name))
			}
		}
		for _, p := range c.Permissions {
			walk(p, nil)
		}
	}
}

func TestSamples(t *testing.T) {
	for _, tt := range []struct {
		catalogue string
		want      Permission
	}{
		// The parts do not stand in the name as they do elsewhere.
		{"guardian", Permission{
			Name: "LOG_SYSTEM_READ", Category: "LOG", Entity: "LOG", Action: "SYSTEM", Level: Platform, Selectable: true,
			Description: "System: view logs of the own SR account and system logs", Guards: []string{"log.system"},
		}},
		{"guardian", Permission{
			Name: "CONTRACTS_POOL_READ", Category: "CONTRACTS", Entity: "POOL", Action: "READ", Level: Platform,
			Description: "Read retire pools",
		}},
		{"guardian", Permission{
			Name: "TOKENS_TOKEN_MANAGE", Category: "TOKENS", Entity: "TOKEN", Action: "MANAGE", Level: Platform, Selectable: true,
			Description: "Controls access to managing tokens (balance, grant-kyc, freeze, unfreeze)",
			DependsOn:   []string{"ACCOUNTS_ACCOUNT_READ", "TOKENS_TOKEN_READ"},
		}},
		{"tokeny", Permission{
			Name: "token.agent.add", Category: "token", Entity: "agent", Action: "add", Level: Token, Selectable: true,
			Description: "Set an agent to administer the token", Guards: []string{"agent.add"},
		}},
		{"ipaware", Permission{
			Name: "api.key.create", Category: "API Keys", Entity: "api.key", Action: "create", Level: Platform, Selectable: true,
			Description: "Create new API keys", Guards: []string{"api-key.add"},
		}},
	} {
		if diff := cmp.Diff(tt.want, find(t, load(t, tt.catalogue), tt.want.Name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.want.Name, diff)
		}
	}
}

func TestLoadGivesACopy(t *testing.T) {
	load(t, "ipaware").Permissions[0].Name = "changed"
	Actions()[0] = "changed"
	if load(t, "ipaware").Permissions[0].Name == "changed" || Actions()[0] == "changed" {
		t.Error("a caller's change is seen by the next")
	}
}

func TestUnknownCatalogue(t *testing.T) {
	for _, name := range []string{"", "plain", "../catalogues/stokr", "stokr.json", "STOKR"} {
		if _, err := Load(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("Load(%q): %v; want ErrUnknown", name, err)
		}
	}
}

func TestActionsAreSorted(t *testing.T) {
	if !strictlySorted(actions) {
		t.Error("actions are searched as a sorted list, and are not")
	}
}

func TestDecodeIsStrict(t *testing.T) {
	const (
		a    = `{"name":"a","category":"c","entity":"e","action":"x","description":"d"}`
		b    = `{"name":"b","category":"c","entity":"e","action":"x","level":"token","description":"d <&>","dependsOn":["a"],"selectable":false,"guards":["role.create"]}`
		good = `{"catalogue":"n","title":"t","permissions":[` + a + "," + b + "]}"
	)
	if c, err := decode([]byte(good)); err != nil || len(c.Permissions) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, tt := range []struct{ name, old, new string }{
		{"unknown member", `"title":"t"`, `"title":"t","version":1`},
		{"unknown member of a permission", `"action":"x",`, `"action":"x","default":true,`},
		{"member in capitals", `"title"`, `"Title"`},
		{"member twice", `"title":"t"`, `"title":"s","title":"t"`},
		{"default level written out", `"action":"x",`, `"action":"x","level":"platform",`},
		{"default selectable written out", `"selectable":false`, `"selectable":true`},
		{"empty list written out", `"guards":["role.create"]`, `"guards":[]`},
		{"unknown level", `"level":"token"`, `"level":"investor"`},
		{"unknown guard", `"role.create"`, `"role.rule"`},
		{"guard twice", `["role.create"]`, `["role.create","role.create"]`},
		{"unknown dependency", `["a"]`, `["z"]`},
		{"depends on itself", `["a"]`, `["b"]`},
		{"name twice", `"name":"b"`, `"name":"a"`},
		{"not sorted", `"name":"a"`, `"name":"c"`},
		{"no description", `"description":"d"`, `"description":""`},
		{"a control character", `"description":"d"`, `"description":"d\n"`},
		{"beyond ASCII", `"description":"d"`, "\"description\":\"d\u200b\""},
		{"no title", `"title":"t"`, `"title":""`},
		{"no permissions", a + "," + b, ``},
		{"a null permission", a, `null`},
		{"something after it", `]}`, `]}{}`},
		{"cut", `]}`, `]`},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		if text == good {
			t.Fatalf("%s: %s does not stand in it", tt.name, tt.old)
		}
		if c, err := decode([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", tt.name, c)
		}
	}
}
