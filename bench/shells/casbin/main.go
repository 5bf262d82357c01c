// Apache Casbin, with its model of roles in domains: a domain is a resource, or every one.
package main

import (
	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/permledger/permledger/bench/shell"
	"github.com/permledger/permledger/bench/world"
)

// What is cheap to compare stands first in the matcher, as its documentation advises.
const text = `
[request_definition]
r = sub, act, dom

[policy_definition]
p = sub, act

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.act == p.act && (g(r.sub, p.sub, "*") || g(r.sub, p.sub, r.dom))
`

func main() { shell.Main(decider) }

func decider(w *world.World) (shell.Decider, error) {
	m, err := model.NewModelFromString(text)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	var policies, groups [][]string
	for _, r := range w.Roles {
		for _, p := range r.Permissions {
			policies = append(policies, []string{r.Name, p})
		}
	}
	for _, b := range w.Bindings {
		on := b.Resource
		if on == "" {
			on = "*"
		}
		groups = append(groups, []string{b.User, b.Role, on})
	}
	if _, err := e.AddPolicies(policies); err != nil {
		return nil, err
	}
	if _, err := e.AddGroupingPolicies(groups); err != nil {
		return nil, err
	}
	return func(user, permission, resource string) (bool, error) { return e.Enforce(user, permission, resource) }, nil
}
