// Cedar's own implementation in Go: two policies for each role, for its holders everywhere and on one resource. Which
// actions a role gives, and who holds what where, is data of the actions and the users, which is faster than lists in policies.
package main

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/permledger/permledger/bench/shell"
	"github.com/permledger/permledger/bench/world"
)

func main() { shell.Main(decider) }

const (
	user, role, action, resource = "User", "Role", "Action", "Resource"
)

func decider(w *world.World) (shell.Decider, error) {
	var text strings.Builder
	groups := map[string][]cedar.EntityUID{} // of each action: it is in that of every role that gives it
	for _, r := range w.Roles {
		for _, p := range r.Permissions {
			groups[p] = append(groups[p], cedar.NewEntityUID(action, cedar.String(r.Name)))
		}
		fmt.Fprintf(&text, "permit(principal in %s::%q, action in %s::%[2]q, resource);\n", role, r.Name, action)
		fmt.Fprintf(&text, "permit(principal, action in %s::%q, resource) when { principal has %[2]s && principal.%[2]s == resource };\n", action, r.Name)
	}
	policies, err := cedar.NewPolicySetFromBytes("bench.cedar", []byte(text.String()))
	if err != nil {
		return nil, err
	}
	everywhere, on := map[string][]cedar.EntityUID{}, map[string]cedar.RecordMap{}
	for _, b := range w.Bindings {
		if b.Resource == "" {
			everywhere[b.User] = append(everywhere[b.User], cedar.NewEntityUID(role, cedar.String(b.Role)))
			continue
		}
		if on[b.User] == nil {
			on[b.User] = cedar.RecordMap{}
		}
		on[b.User][cedar.String(b.Role)] = cedar.NewEntityUID(resource, cedar.String(b.Resource))
	}
	entities := cedar.EntityMap{}
	for _, p := range w.Permissions {
		id := cedar.NewEntityUID(action, cedar.String(p))
		entities[id] = cedar.Entity{UID: id, Parents: cedar.NewEntityUIDSet(groups[p]...)}
	}
	for _, u := range w.Users {
		id := cedar.NewEntityUID(user, cedar.String(u))
		entities[id] = cedar.Entity{UID: id, Parents: cedar.NewEntityUIDSet(everywhere[u]...), Attributes: cedar.NewRecord(on[u])}
	}
	return func(u, p, r string) (bool, error) {
		decision, why := cedar.Authorize(policies, entities, cedar.Request{
			Principal: cedar.NewEntityUID(user, cedar.String(u)), Action: cedar.NewEntityUID(action, cedar.String(p)), Resource: cedar.NewEntityUID(resource, cedar.String(r)),
		})
		if len(why.Errors) > 0 {
			return false, fmt.Errorf("%v", why.Errors)
		}
		return decision == cedar.Allow, nil
	}, nil
}
