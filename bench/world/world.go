// Package world makes the data and the questions of the comparison, and answers them: whoever is measured is asked what
// [World.Allows] has answered already.
//
// The data are drawn from one seed by a generator that no release of Go changes, so two machines compare the same.
package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Sizes say how large a world is.
type Sizes struct {
	Users, Roles, Permissions, Resources int

	PerRole int // permissions of a role
	PerUser int // roles of a user, each on everything or on one resource
	Scoped  int // bindings that are on one resource
	Checks  int // questions, half of them with yes for an answer
}

// Standard is the world of the published figures.
var Standard = Sizes{Users: 1000, Roles: 100, Permissions: 500, Resources: 1000, PerRole: 20, PerUser: 3, Scoped: 1500, Checks: 20_000}

// Seed is that of the published figures.
const Seed = 42

// A Role gives its permissions.
type Role struct {
	Name        string
	Permissions []string
}

// A Binding gives a user a role, on one resource or, where that is empty, on every one.
type Binding struct{ User, Role, Resource string }

// A Check is a question with its answer.
type Check struct {
	User, Permission, Resource string
	Allowed                    bool
}

// World is the data and the questions.
type World struct {
	Users, Permissions, Resources []string
	Roles                         []Role
	Bindings                      []Binding
	Checks                        []Check
}

// Resources are of this type; the rest of a resource's path names one of them.
const ResourceType = "asset"

// Make draws a world. Half of the checks are allowed; of those that are not, every other one asks for something that the
// user may do, but on another resource.
func Make(s Sizes, seed uint64) *World {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &World{}
	for i := range s.Users {
		w.Users = append(w.Users, fmt.Sprintf("user%04d", i))
	}
	for i := range s.Permissions {
		w.Permissions = append(w.Permissions, fmt.Sprintf("part%02d.verb%02d", i/20, i%20))
	}
	for i := range s.Resources {
		w.Resources = append(w.Resources, fmt.Sprintf("%s/%04d", ResourceType, i))
	}
	for i := range s.Roles {
		r := Role{Name: fmt.Sprintf("role%03d", i)}
		for _, n := range rng.Perm(s.Permissions)[:s.PerRole] {
			r.Permissions = append(r.Permissions, w.Permissions[n])
		}
		slices.Sort(r.Permissions)
		w.Roles = append(w.Roles, r)
	}
	for _, user := range w.Users {
		for _, n := range rng.Perm(s.Roles)[:s.PerUser] {
			w.Bindings = append(w.Bindings, Binding{User: user, Role: w.Roles[n].Name})
		}
	}
	for _, n := range rng.Perm(len(w.Bindings))[:s.Scoped] {
		w.Bindings[n].Resource = w.Resources[rng.IntN(s.Resources)]
	}
	w.ask(s.Checks, rng)
	return w
}

// ask draws the questions.
func (w *World) ask(n int, rng *rand.Rand) {
	facts := w.Facts()
	one := func(list []string) string { return list[rng.IntN(len(list))] }
	scoped := slices.DeleteFunc(slices.Clone(w.Bindings), func(b Binding) bool { return b.Resource == "" })
	add := func(c Check, want bool) bool {
		if c.Allowed = facts.Allows(c.User, c.Permission, c.Resource); c.Allowed == want {
			w.Checks = append(w.Checks, c)
		}
		return c.Allowed == want
	}
	for missed := 0; len(w.Checks) < n; {
		kind := len(w.Checks) % 4
		if kind == 3 && missed > 1000 { // in a small world there may be none
			kind = 1
		}
		switch kind {
		case 0, 2: // what some binding gives
			b := w.Bindings[rng.IntN(len(w.Bindings))]
			c := Check{User: b.User, Permission: one(facts.roles[b.Role].list), Resource: b.Resource}
			if c.Resource == "" {
				c.Resource = one(w.Resources)
			}
			add(c, true)
		case 1: // anything by anybody
			add(Check{User: one(w.Users), Permission: one(w.Permissions), Resource: one(w.Resources)}, false)
		case 3: // the right permission on the wrong resource
			b := scoped[rng.IntN(len(scoped))]
			if !add(Check{User: b.User, Permission: one(facts.roles[b.Role].list), Resource: one(w.Resources)}, false) {
				missed++
			}
		}
	}
	rng.Shuffle(len(w.Checks), func(i, j int) { w.Checks[i], w.Checks[j] = w.Checks[j], w.Checks[i] })
}

// Facts answer checks from maps: the oracle, and what the floor looks up.
type Facts struct {
	roles map[string]permissions
	users map[string][]Binding
}

type permissions struct {
	list []string
	has  map[string]bool
}

// Facts puts the world's data into maps.
func (w *World) Facts() *Facts {
	f := &Facts{roles: map[string]permissions{}, users: map[string][]Binding{}}
	for _, r := range w.Roles {
		p := permissions{list: r.Permissions, has: map[string]bool{}}
		for _, name := range r.Permissions {
			p.has[name] = true
		}
		f.roles[r.Name] = p
	}
	for _, b := range w.Bindings {
		f.users[b.User] = append(f.users[b.User], b)
	}
	return f
}

// Allows says whether a user may do something on a resource. It is safe for concurrent use.
func (f *Facts) Allows(user, permission, resource string) bool {
	for _, b := range f.users[user] {
		if (b.Resource == "" || b.Resource == resource) && f.roles[b.Role].has[permission] {
			return true
		}
	}
	return false
}
