package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/world"
)

// permledger is the real program as it is served, with embedded NATS, on a directory that its own commands made. Whoever asks
// is a service with an API key that may read roles; every request proves who it is and is judged by the state of that moment.
var permledger = Peer{
	Name: "permledger",
	build: func(ctx context.Context, e *Env) error {
		if err := e.local(ctx, e.Bench, "inside", "./shells/permledger"); err != nil {
			return err
		}
		return e.local(ctx, filepath.Dir(e.Bench), "permledger", "./cmd/permledger")
	},
	start: startPermledger,
}

// catalogue is the catalogue whose permissions the world's are.
const catalogue = "bench"

func startPermledger(ctx context.Context, e *Env) (*Server, error) {
	program, data := filepath.Join(e.Dir, "permledger"), filepath.Join(e.Dir, "ledger")
	env := []string{"PERMLEDGER_DATA=" + data, "XDG_STATE_HOME=" + e.Dir, "HOME=" + e.Dir}
	do := func(args ...string) error {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("permledger %s: %w: %s", strings.Join(args, " "), err, out[max(0, len(out)-500):])
		}
		return nil
	}
	files := filepath.Join(e.Dir, "world")
	if err := writeWorld(files, e.World); err != nil {
		return nil, err
	}
	if err := do("init", data); err != nil {
		return nil, err
	}
	addr, err := address()
	if err != nil {
		return nil, err
	}
	p, err := e.run(ctx, "permledger", env, program, "serve", "--listen", addr)
	if err != nil {
		return nil, err
	}
	if err := p.listening(ctx, addr); err != nil {
		return nil, err
	}
	secret := filepath.Join(e.Dir, "service.key")
	for _, args := range [][]string{
		{"perm", "publish", filepath.Join(files, "catalogue.json")},
		{"role", "create", "service", "--allow", "ledger:roles.read"},
		{"key", "create", "service", "--role", "service", "--out", secret},
		{"apply", "-f", files, "--yes", "--reason", "the data of the comparison"},
	} {
		if err := do(args...); err != nil {
			return nil, p.told(err)
		}
	}
	token, err := os.ReadFile(secret)
	if err != nil {
		return nil, err
	}
	inside := []string{filepath.Join(e.Dir, "inside"), "-data", data}
	return &Server{
		Process: p, Rows: rowsOfPermledger(e.World, addr, "Authorization: Bearer "+strings.TrimSpace(string(token))),
		Library: "permledger", Measure: slices.Concat(inside, []string{"-measure", "-prefix", catalogue + ":"}),
		Profile: slices.Concat(inside, []string{"-listen", addr, "-profile"}),
	}, nil
}

// batch is how many decisions a batch asks for.
const batch = 100

// evaluation is the body of an evaluation of AuthZEN, and an item of a batch of them.
type evaluation struct {
	Subject  entity `json:"subject"`
	Action   action `json:"action"`
	Resource entity `json:"resource"`
}

type entity struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type action struct {
	Name string `json:"name"`
}

func evaluationOf(c world.Check) evaluation {
	typ, id, _ := strings.Cut(c.Resource, "/")
	return evaluation{entity{"human", c.User}, action{catalogue + ":" + c.Permission}, entity{typ, id}}
}

// rowsOfPermledger are the decision point of AuthZEN, one decision or a hundred of different subjects in a request, and the
// check that answers with the reasons.
func rowsOfPermledger(w *world.World, addr, authorization string) []Row {
	const point = "/orgs/main/access/v1/"
	one := load.Target{Addr: addr, Wrong: load.Expect("decision", "true", "false", single(w))}
	get := load.Target{Addr: addr, Wrong: load.Expect("allowed", "true", "false", single(w))}
	many := load.Target{Addr: addr}
	var want [][]bool
	for checks := range slices.Chunk(w.Checks, batch) {
		var all struct {
			Evaluations []evaluation `json:"evaluations"`
		}
		var right []bool
		for _, c := range checks {
			e := evaluationOf(c)
			one.Requests = append(one.Requests, load.Request("POST", addr, point+"evaluation", encoded(e), authorization))
			q := url.Values{"subject": {c.User}, "permission": {catalogue + ":" + c.Permission}, "resource": {c.Resource}}
			get.Requests = append(get.Requests, load.Request("GET", addr, "/v1/orgs/main/check?"+q.Encode(), nil, authorization))
			all.Evaluations, right = append(all.Evaluations, e), append(right, c.Allowed)
		}
		many.Requests, want = append(many.Requests, load.Request("POST", addr, point+"evaluations", encoded(all), authorization)), append(want, right)
	}
	many.Wrong = load.Expect("decision", "true", "false", want)
	return []Row{
		{Name: "permledger, AuthZEN evaluation", Asks: 1, Target: one},
		{Name: "permledger, AuthZEN evaluations of 100", Asks: batch, Target: many},
		{Name: "permledger, GET /check with its reasons", Asks: 1, Target: get},
	}
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts can be written
	}
	return b
}

// writeWorld writes the catalogue and the manifest that permledger takes.
func writeWorld(dir string, w *world.World) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	type entry struct {
		Name        string `json:"name"`
		Category    string `json:"category"`
		Entity      string `json:"entity"`
		Action      string `json:"action"`
		Description string `json:"description"`
	}
	c := struct {
		Catalogue   string  `json:"catalogue"`
		Title       string  `json:"title"`
		Permissions []entry `json:"permissions"`
	}{Catalogue: catalogue, Title: "Bench"}
	for _, name := range w.Permissions {
		entity, action, _ := strings.Cut(name, ".")
		c.Permissions = append(c.Permissions, entry{name, "Parts", entity, action, "May " + action})
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "catalogue.json"), b, 0o644); err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("roles:\n")
	for _, r := range w.Roles {
		fmt.Fprintf(&text, "- key: %s\n  permissions:\n", r.Name)
		for _, p := range r.Permissions {
			fmt.Fprintf(&text, "  - %s:%s\n", catalogue, p)
		}
	}
	text.WriteString("subjects:\n")
	for _, u := range w.Users {
		fmt.Fprintf(&text, "- key: %s\n", u)
	}
	text.WriteString("bindings:\n")
	for _, b := range w.Bindings {
		fmt.Fprintf(&text, "- subject: %s\n  role: %s\n", b.User, b.Role)
		if b.Resource != "" {
			fmt.Fprintf(&text, "  scope: %s\n", b.Resource)
		}
	}
	return os.WriteFile(filepath.Join(dir, "world.yaml"), []byte(text.String()), 0o644)
}
