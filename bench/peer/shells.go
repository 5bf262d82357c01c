package peer

import (
	"context"
	"path/filepath"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/shell"
)

// Libraries stand behind the same small net/http server (package shell), and so does the floor, which looks maps up.
var (
	floor  = shellOf("floor", "net/http + maps")
	casbin = shellOf("casbin", "casbin v3.10.0")
	cedar  = shellOf("cedar", "cedar-go v1.9.0")
	opa    = shellOf("opa", "OPA v1.22.2")
)

func shellOf(name, title string) Peer {
	return Peer{
		Name:  name,
		build: func(ctx context.Context, e *Env) error { return e.local(ctx, e.Bench, name, "./shells/"+name) },
		start: func(ctx context.Context, e *Env) (*Server, error) {
			addr, err := address()
			if err != nil {
				return nil, err
			}
			program := filepath.Join(e.Dir, name)
			p, err := e.run(ctx, name, nil, program, "-listen", addr)
			if err != nil {
				return nil, err
			}
			t := load.Target{Addr: addr, Wrong: load.Expect("allowed", "true", "false", single(e.World))}
			for _, c := range e.World.Checks {
				t.Requests = append(t.Requests, load.Request("POST", addr, shell.Path, shell.Body(c)))
			}
			return &Server{Process: p, Rows: []Row{{Name: title + ", HTTP", Asks: 1, Target: t}}, Library: title, Measure: []string{program, "-measure"}}, p.listening(ctx, addr)
		},
	}
}
