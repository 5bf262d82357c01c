package world_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/bench/world"
)

// The published figures are of these bytes: another hash is another comparison.
func TestTheStandardWorldIsAlwaysTheSame(t *testing.T) {
	text, err := json.Marshal(world.Make(world.Standard, world.Seed))
	if err != nil {
		t.Fatal(err)
	}
	const want = "d605725386c2ed9b085d38ec2657e0dc61a15c859b2feb0db8dd6aba7a0bc19a"
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
		t.Errorf("the standard world is %x, not %s", sum, want)
	}
}

func TestAWorldIsWhatItsSizesSay(t *testing.T) {
	w := world.Make(world.Standard, world.Seed)
	var scoped, allowed, elsewhere int
	bound := map[[2]string]bool{}
	for _, b := range w.Bindings {
		if b.Resource != "" {
			scoped++
		}
		if bound[[2]string{b.User, b.Role}] {
			t.Fatalf("%s has %s twice", b.User, b.Role)
		}
		bound[[2]string{b.User, b.Role}] = true
	}
	for _, c := range w.Checks {
		if c.Allowed {
			allowed++
		} else if slices.ContainsFunc(w.Bindings, func(b world.Binding) bool { return gives(w, b, c, b.Resource) }) {
			elsewhere++
		}
	}
	if len(w.Users) != 1000 || len(w.Roles) != 100 || len(w.Permissions) != 500 || len(w.Resources) != 1000 || len(w.Bindings) != 3000 || scoped != 1500 {
		t.Errorf("%d users, %d roles, %d permissions, %d resources, %d bindings of which %d on one resource",
			len(w.Users), len(w.Roles), len(w.Permissions), len(w.Resources), len(w.Bindings), scoped)
	}
	if len(w.Checks) != 20_000 || allowed != 10_000 || elsewhere < 5_000 {
		t.Errorf("%d checks, %d allowed, %d of the others on the wrong resource", len(w.Checks), allowed, elsewhere)
	}
}

// gives says whether a binding gives what a check asks for, were it asked on the resource.
func gives(w *world.World, b world.Binding, c world.Check, on string) bool {
	if b.User != c.User || b.Resource != "" && b.Resource != on {
		return false
	}
	i := slices.IndexFunc(w.Roles, func(r world.Role) bool { return r.Name == b.Role })
	return slices.Contains(w.Roles[i].Permissions, c.Permission)
}

// The oracle's maps say what going through all of the bindings says, in worlds of any size.
func TestTheOracleIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := world.Sizes{
			Users: rapid.IntRange(1, 8).Draw(t, "users"), Roles: rapid.IntRange(3, 6).Draw(t, "roles"), Permissions: rapid.IntRange(30, 50).Draw(t, "permissions"),
			Resources: rapid.IntRange(2, 6).Draw(t, "resources"), PerRole: rapid.IntRange(1, 4).Draw(t, "per role"), PerUser: rapid.IntRange(1, 3).Draw(t, "per user"),
			Scoped: 1, Checks: 16,
		}
		w := world.Make(s, rapid.Uint64().Draw(t, "seed"))
		allowed := 0
		for _, c := range w.Checks {
			if c.Allowed {
				allowed++
			}
			if want := slices.ContainsFunc(w.Bindings, func(b world.Binding) bool { return gives(w, b, c, c.Resource) }); c.Allowed != want {
				t.Fatalf("%v, and the bindings say %t", c, want)
			}
		}
		if allowed != s.Checks/2 {
			t.Fatalf("%d of %d checks are allowed", allowed, s.Checks)
		}
	})
}
