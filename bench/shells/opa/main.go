// Open Policy Agent as a library: a prepared query over bindings and roles in its store.
package main

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/permledger/permledger/bench/shell"
	"github.com/permledger/permledger/bench/world"
)

const policy = `package bench

default allow := false

allow if {
	some b in data.bindings[input.user]
	b.resource in {"", input.resource}
	data.roles[b.role][input.permission]
}
`

func main() { shell.Main(decider) }

func decider(w *world.World) (shell.Decider, error) {
	roles, bindings := map[string]any{}, map[string]any{}
	for _, r := range w.Roles {
		has := map[string]any{}
		for _, p := range r.Permissions {
			has[p] = true
		}
		roles[r.Name] = has
	}
	for _, b := range w.Bindings {
		list, _ := bindings[b.User].([]any)
		bindings[b.User] = append(list, map[string]any{"role": b.Role, "resource": b.Resource})
	}
	ctx := context.Background()
	query, err := rego.New(
		rego.Query("data.bench.allow"), rego.Module("bench.rego", policy),
		rego.Store(inmem.NewFromObject(map[string]any{"roles": roles, "bindings": bindings})),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	user, permission, resource := ast.StringTerm("user"), ast.StringTerm("permission"), ast.StringTerm("resource")
	return func(u, p, r string) (bool, error) {
		input := ast.NewObject(ast.Item(user, ast.StringTerm(u)), ast.Item(permission, ast.StringTerm(p)), ast.Item(resource, ast.StringTerm(r)))
		result, err := query.Eval(ctx, rego.EvalParsedInput(input))
		return result.Allowed(), err
	}, nil
}
