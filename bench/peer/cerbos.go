package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/world"
)

const cerbosVersion = "v0.55.0"

// Cerbos runs as it is shipped, with a policy of two rules for each role. It stores no grants: each request brings those of
// its user along.
var cerbos = Peer{
	Name: "cerbos",
	build: func(ctx context.Context, e *Env) error {
		return e.module(ctx, "cerbos", "github.com/cerbos/cerbos", "./cmd/cerbos", cerbosVersion)
	},
	start: startCerbos,
}

func startCerbos(ctx context.Context, e *Env) (*Server, error) {
	dir := filepath.Join(e.Dir, "policies")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "asset.yaml"), cerbosPolicy(e.World), 0o644); err != nil {
		return nil, err
	}
	addr, err := address()
	if err != nil {
		return nil, err
	}
	grpc, err := address()
	if err != nil {
		return nil, err
	}
	p, err := e.run(ctx, "cerbos", []string{"CERBOS_NO_TELEMETRY=1"}, e.binary("cerbos", cerbosVersion), "server", "--log-level", "error",
		"--set", "server.httpListenAddr="+addr, "--set", "server.grpcListenAddr="+grpc, "--set", "telemetry.disabled=true",
		"--set", "storage.driver=disk", "--set", "storage.disk.directory="+dir)
	if err != nil {
		return nil, err
	}
	if err := p.listening(ctx, addr); err != nil {
		return nil, err
	}
	t := load.Target{Addr: addr}
	var want [][]bool
	bindings := map[string][]world.Binding{}
	for _, b := range e.World.Bindings {
		bindings[b.User] = append(bindings[b.User], b)
	}
	for _, c := range e.World.Checks {
		body, err := cerbosRequest(c, bindings[c.User])
		if err != nil {
			return nil, err
		}
		t.Requests = append(t.Requests, load.Request("POST", addr, "/api/check/resources", body))
		want = append(want, []bool{c.Allowed})
	}
	expect := map[string]func(int, int, []byte) (int, error){} // the member that says the decision is named after the permission
	for _, name := range e.World.Permissions {
		expect[name] = load.Expect(name, `"EFFECT_ALLOW"`, `"EFFECT_DENY"`, want)
	}
	t.Wrong = func(i, status int, body []byte) (int, error) {
		return expect[e.World.Checks[i].Permission](i, status, body)
	}
	return &Server{Process: p, Rows: []Row{{Name: "Cerbos " + cerbosVersion + ", HTTP", Asks: 1, Target: t}}}, nil
}

func cerbosPolicy(w *world.World) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: %s\n  version: default\n  rules:\n", world.ResourceType)
	for _, r := range w.Roles {
		actions := strings.Join(r.Permissions, ", ")
		fmt.Fprintf(&text, "  - actions: [%s]\n    effect: EFFECT_ALLOW\n    roles: [%s]\n", actions, r.Name)
		fmt.Fprintf(&text, "  - actions: [%s]\n    effect: EFFECT_ALLOW\n    roles: [user]\n    condition:\n      match:\n        expr: has(P.attr.%[2]s) && P.attr.%[2]s == R.id\n", actions, r.Name)
	}
	return []byte(text.String())
}

func cerbosRequest(c world.Check, bindings []world.Binding) ([]byte, error) {
	roles, attr := []string{"user"}, map[string]string{}
	for _, b := range bindings {
		if b.Resource == "" {
			roles = append(roles, b.Role)
		} else {
			attr[b.Role] = b.Resource
		}
	}
	return json.Marshal(map[string]any{
		"principal": map[string]any{"id": c.User, "roles": roles, "attr": attr},
		"resources": []any{map[string]any{
			"actions": []string{c.Permission}, "resource": map[string]any{"kind": world.ResourceType, "id": c.Resource},
		}},
	})
}
