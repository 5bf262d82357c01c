// Package permledger_test holds what is true of the house as a whole.
package permledger_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers says what each package may import of ours: this is docs/architecture.md as a statement of policy. A prefix
// ending in /... stands for everything beneath. Tests may import what they like.
var layers = map[string][]string{
	"acceptance/...":                    {},
	"events/canon":                      {"events/didkey"},
	"events/didkey":                     {},
	"events/eip155":                     {},
	"events":                            {"events/canon", "events/eip155"},
	"events/eventtest":                  {"events/..."},
	"docs":                              {},
	"schemas":                           {},
	"schemas/catalogues":                {},
	"schemas/generate":                  {"events/...", "ledger/chain"},
	"ledger/journal":                    {},
	"deploy":                            {},
	"ledger/stream":                     {},
	"ledger/stream/natstest":            {"deploy"},
	"ledger/tree":                       {},
	"ledger/note":                       {"events/didkey", "ledger/tree"},
	"ledger/tlog":                       {"internal/synced", "ledger/journal", "ledger/note", "ledger/tree"},
	"ledger/login":                      {"events/didkey"},
	"ledger/private":                    {"events/...", "internal/synced"},
	"ledger/secret":                     {"events/didkey"},
	"ledger/snapshot":                   {},
	"ledger/wallet":                     {"events/eip155"},
	"ledger/chain":                      {"events/...", "ledger/wallet"},
	"ledger/rules":                      {"events/...", "ledger/snapshot", "ledger/wallet"},
	"ledger/credential":                 {"events/..."},
	"ledger/decision":                   {"events/...", "ledger/chain", "ledger/note", "ledger/rules", "ledger/tree"},
	"ledger/document":                   {"events/...", "ledger/chain", "ledger/credential", "ledger/rules", "ledger/snapshot"},
	"ledger/document/page":              {"events/canon", "ledger/credential", "ledger/document"},
	"ledger/document/documenttest":      {"events/...", "ledger/..."},
	"ledger/replay":                     {"events", "ledger/chain", "ledger/document", "ledger/rules", "ledger/tree"},
	"client/replica":                    {"events", "events/didkey", "internal/synced", "ledger/chain", "ledger/note", "ledger/replay", "ledger/rules", "ledger/snapshot", "ledger/tree", "projections/access"},
	"ledger":                            {"events/...", "ledger/..."},
	"projections":                       {"events/...", "ledger/chain", "ledger/rules", "ledger/snapshot"},
	"projections/projectionstest":       {"events/...", "ledger/...", "projections"},
	"projections/access":                {"events/...", "ledger/chain", "ledger/rules", "ledger/snapshot", "projections", "projections/tokens"},
	"projections/tokens":                {"events/...", "ledger/snapshot"},
	"projections/history":               {"events/...", "ledger/chain", "ledger/rules", "ledger/snapshot", "projections"},
	"projections/topic":                 {"events/...", "ledger/chain", "ledger/document", "ledger/rules", "ledger/snapshot", "projections"},
	"projections/changes":               {"events", "events/canon", "ledger/chain", "projections/access"},
	"projections/documents":             {"events/...", "ledger/chain", "ledger/credential", "ledger/document", "ledger/rules", "ledger/snapshot", "projections"},
	"importer":                          {"events/...", "ledger/rules"},
	"witness":                           {"internal/synced", "internal/trace", "ledger/note", "ledger/tree"},
	"webhook":                           {"internal/synced", "internal/trace"},
	"manifest":                          {"api/wire", "events", "ledger/rules"},
	"verify":                            {"bundle", "events/...", "ledger/chain", "ledger/credential", "ledger/decision", "ledger/document", "ledger/journal", "ledger/note", "ledger/private", "ledger/replay", "ledger/rules", "ledger/stream", "ledger/tlog", "ledger/tree"},
	"backup":                            {"events", "events/canon", "events/didkey", "internal/synced", "ledger/chain", "ledger/journal", "ledger/note", "ledger/private", "ledger/tlog", "ledger/tree", "verify"},
	"bundle":                            {"events", "events/canon", "ledger/chain", "ledger/journal", "ledger/note", "ledger/private", "ledger/tree", "schemas"},
	"bundle/bundletest":                 {"bundle", "events/...", "ledger/..."},
	"node":                              {"events/...", "internal/metrics", "internal/signer", "internal/synced", "ledger", "ledger/...", "projections", "projections/...", "readers", "webhook", "witness"},
	"node/nodetest":                     {"events/...", "ledger", "ledger/...", "node"},
	"readers":                           {"events/didkey"},
	"api/wire":                          {},
	"api/oidc":                          {},
	"api/oidc/oidctest":                 {},
	"api":                               {"api/oidc", "api/wire", "bundle", "events/...", "importer", "internal/metrics", "internal/synced", "internal/trace", "ledger", "ledger/...", "node", "projections/...", "schemas/...", "webhook"},
	"console":                           {"api/wire", "client", "events", "importer", "ledger/login", "ledger/secret"},
	"client/pin":                        {"events", "events/didkey", "ledger/chain", "ledger/note", "ledger/tree"},
	"client":                            {"api/wire", "client/pin", "events/...", "importer", "internal/trace", "ledger/chain", "ledger/note", "ledger/private", "ledger/rules", "ledger/secret", "ledger/tree", "ledger/wallet", "schemas/catalogues"},
	"internal/faults":                   {"api/wire", "client", "events", "events/didkey", "ledger/private", "ledger/stream", "node"},
	"console/browsertest":               {},
	"console/nodetest":                  {},
	"cmd/soak":                          {"internal/faults"},
	"cmd/permledger/...":                {"api", "api/oidc", "api/wire", "backup", "bundle", "client", "client/...", "cmd/permledger/...", "console", "events/...", "importer", "internal/listen", "internal/metrics", "internal/signer", "internal/trace", "ledger", "ledger/...", "manifest", "node", "projections/...", "schemas/...", "verify", "witness"},
	"examples/signer":                   {"events/didkey"},
	"examples/service":                  {"client/replica"},
	"internal/signer":                   {"events/didkey"},
	"internal/metrics":                  {},
	"internal/trace":                    {},
	"internal/listen":                   {},
	"internal/listen/listentest":        {},
	"internal/synced":                   {},
	"internal/signer/signertest":        {},
	"internal/signer/signertest/faulty": {},
	"internal/signer/...":               {"events/didkey"},
}

// apart says what a package must not reach, not even through others, and why.
var apart = []struct{ from, never, why string }{
	{"ledger/rules", "github.com/nats-io/", "a decision is pure"},
	{"ledger/rules", "net/http", "a decision is pure"},
	{"ledger/chain", "github.com/nats-io/", "entries are bytes, whatever carries them"},
	{"readers", "github.com/permledger/permledger/ledger/stream", "no connection leads from readers to the ledgers' streams"},
	{"projections/access", "github.com/nats-io/", "a projection is computed from entries alone"},
	{"projections/topic", "github.com/nats-io/", "a projection is computed from entries alone"},
	{"importer", "net/http", "an import is told what to write into"},
}

// pure are the packages that import neither clock of their own, nor chance, nor input and output. (crypto/ed25519 itself
// reaches crypto/rand, so this looks at what they import themselves. time is there for instants, not for time.Now.)
var pure = []string{"events", "events/canon", "ledger/rules", "ledger/tree", "ledger/note", "ledger/document"}

var impure = []string{"bufio", "context", "crypto/rand", "io", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os"}

const module = "github.com/permledger/permledger/"

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func matches(pattern, path string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == root || strings.HasPrefix(path, root+"/")
	}
	return path == pattern
}

func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t) {
		path, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue // the folder of this test
		}
		var may []string
		found := false
		for pattern, list := range layers {
			if matches(pattern, path) {
				may, found, seen[pattern] = list, true, true
			}
		}
		if !found {
			t.Errorf("%s stands in no layer: say in layers_test.go and docs/architecture.md what it may import", path)
			continue
		}
		for _, i := range p.Imports {
			if of, ours := strings.CutPrefix(i, module); ours && !slices.ContainsFunc(may, func(m string) bool { return matches(m, of) }) {
				t.Errorf("%s imports %s, which lies above or beside it", path, of)
			}
		}
		if slices.Contains(pure, path) {
			for _, i := range p.Imports {
				if slices.Contains(impure, i) {
					t.Errorf("%s imports %s, and is to be pure", path, i)
				}
			}
		}
		for _, a := range apart {
			if a.from != path {
				continue
			}
			for _, d := range p.Deps {
				if strings.HasPrefix(d, a.never) {
					t.Errorf("%s reaches %s: %s", path, d, a.why)
				}
			}
		}
	}
	for pattern := range layers {
		if !seen[pattern] {
			t.Errorf("the layer %s is empty: take it out of the picture", pattern)
		}
	}
}
