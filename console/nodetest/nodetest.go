// Package nodetest runs the console's verifier (console/static/verify.js) in Node, for tests that hold it against verifiers in Go. Where
// there is no Node tests are skipped and say so; where PERMLEDGER_JUDGES is set, as in CI, they fail.
package nodetest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed verify.mjs
var script []byte

// A Case is a file to verify, and what the reader brings.
type Case struct {
	Name  string `json:"name"`
	File  []byte `json:"-"`
	Trust string `json:"trust,omitempty"` // a policy, a vkey or a did:key
	Known string `json:"known,omitempty"` // an entry, as 41@bafkrei…
	Kept  *Kept  `json:"kept,omitempty"`

	Path string `json:"path"`
}

// Kept is what was verified before.
type Kept struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"` // in hex
}

// A Verdict is what the verifier says of a file.
type Verdict struct {
	Name      string    `json:"name"`
	OK        bool      `json:"ok"`
	Position  uint64    `json:"position"`
	Head      string    `json:"head"`
	Root      string    `json:"root"`
	Signed    uint64    `json:"signed"`
	ByNode    uint64    `json:"byNode"`
	Documents uint64    `json:"documents"`
	Texts     uint64    `json:"texts"`
	Suspects  []Suspect `json:"suspects"`
	Millis    float64   `json:"millis"`
	Proven    []string  `json:"proven"`
	Not       []string  `json:"not"`
	Broken    *Broken   `json:"broken"`
}

// A Suspect is a key that was reported as known to others.
type Suspect struct {
	Key       string   `json:"key"`
	From      uint64   `json:"from"`
	Positions []uint64 `json:"positions"`
}

// Broken is where a file does not hold.
type Broken struct {
	Check    string `json:"check"`
	Position uint64 `json:"position"`
	File     string `json:"file"`
	Message  string `json:"message"`
	Unjudged bool   `json:"unjudged"`
	Raw      bool   `json:"raw"` // the bytes of the entry are there
}

// String gives a verdict in a line: ok, or the entry and the check that does not hold.
func (v Verdict) String() string {
	switch {
	case v.OK:
		return "ok"
	case v.Broken.Position > 0:
		return fmt.Sprintf("entry %d: %s", v.Broken.Position, v.Broken.Check)
	}
	return v.Broken.Check + ": " + v.Broken.File
}

// Verify has the verifier in the folder console, a path from the package of the test, judge cases: a verdict for each, in order.
func Verify(t testing.TB, console string, cases ...Case) []Verdict {
	t.Helper()
	dir := t.TempDir()
	for i := range cases {
		cases[i].Path = filepath.Join(dir, fmt.Sprintf("%04d", i))
		if err := os.WriteFile(cases[i].Path, cases[i].File, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var verdicts []Verdict
	Run(t, console, script, cases, &verdicts)
	if len(verdicts) != len(cases) {
		t.Fatalf("%d verdicts of %d files", len(verdicts), len(cases))
	}
	return verdicts
}

// Run runs a script, which imports ./static/verify.js or what lies beside it: in is its standard input, and out what it prints, both in JSON.
func Run(t testing.TB, console string, script []byte, in, out any) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("PERMLEDGER_JUDGES") != "" {
			t.Fatalf("node is missing: %v", err)
		}
		t.Skipf("node is missing, and the verifier of the console was not run: %v", err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "static"), os.DirFS(filepath.Join(console, "static"))); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"package.json": []byte(`{"type":"module"}`), "run.mjs": script} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, "--no-warnings", "run.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(b), &stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.Bytes())
	}
	if err := json.Unmarshal(printed, out); err != nil {
		t.Fatalf("%v in what node printed:\n%s", err, printed)
	}
}
