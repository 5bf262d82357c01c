package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// judged is what openapi/judge.mjs says of a document.
type judged struct {
	Version  string            `json:"version"`
	Schema   []json.RawMessage `json:"schema"`
	Errors   []string          `json:"errors"`
	Warnings []string          `json:"warnings"`
}

func judgeAPI(t *testing.T, dir, file string) judged {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "judge.mjs", file)
	cmd.Dir = dir
	out, err := cmd.Output()
	var j judged
	if err == nil {
		err = json.Unmarshal(out, &j)
	}
	if err != nil {
		t.Fatalf("judge.mjs: %v\n%s", err, out)
	}
	return j
}

// Given a server, when two validators of others read its OpenAPI document, with an organization's names and without, then
// they find nothing wrong; and of one that is spoilt they do.
func TestOpenAPI(t *testing.T) {
	dir := javascript(t, "openapi", "judge.mjs")
	l := initialised(t, "plain")
	s := l.serve()
	secret, err := os.ReadFile(filepath.Join(l.dir, "run", "token"))
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(path string) []byte {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(secret)))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, resp.Status, err)
		}
		return b
	}
	write := func(name string, b []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	all := fetch("/v1/openapi.json")
	for name, b := range map[string][]byte{"all.json": all, "main.json": fetch("/v1/orgs/main/openapi.json")} {
		j := judgeAPI(t, dir, write(name, b))
		if j.Version != "3.1" || len(j.Schema) > 0 || len(j.Errors) > 0 {
			t.Errorf("%s (OpenAPI %s): %s %q", name, j.Version, j.Schema, j.Errors)
		}
		for _, w := range j.Warnings {
			if !strings.HasPrefix(w, "no-unused-components") { // what is one line of a stream is used in a way that 3.1 has no word for
				t.Errorf("%s: %s", name, w)
			}
		}
	}

	var spoilt map[string]any
	if err := json.Unmarshal(all, &spoilt); err != nil {
		t.Fatal(err)
	}
	paths := spoilt["paths"].(map[string]any)
	paths["/v1/orgs/{org}/else"] = paths["/v1/orgs"]
	delete(spoilt["info"].(map[string]any), "title")
	b, err := json.Marshal(spoilt)
	if err != nil {
		t.Fatal(err)
	}
	if j := judgeAPI(t, dir, write("spoilt.json", b)); len(j.Schema) == 0 || len(j.Errors) == 0 {
		t.Errorf("nothing is found in a spoilt document: %+v", j)
	}
}
