package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/world"
)

// permledger is the real program as it is served, with embedded NATS, on a directory that its own commands made. Whoever asks
// is a service with an API key that may read roles; every request proves who it is and is judged by the state of that moment.
var permledger = Peer{
	Name: "permledger",
	build: func(ctx context.Context, e *Env) error {
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
	return &Server{Process: p, Rows: rowsOfPermledger(e.World, addr, "Authorization: Bearer "+strings.TrimSpace(string(token)))}, nil
}

func rowsOfPermledger(w *world.World, addr, authorization string) []Row {
	get := load.Target{Addr: addr, Wrong: load.Expect("allowed", "true", "false", single(w))}
	for _, c := range w.Checks {
		q := url.Values{"subject": {c.User}, "permission": {catalogue + ":" + c.Permission}, "resource": {c.Resource}}
		get.Requests = append(get.Requests, load.Request("GET", addr, "/v1/orgs/main/check?"+q.Encode(), nil, authorization))
	}
	return []Row{{Name: "permledger, GET /check with its reasons", Asks: 1, Target: get}}
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
