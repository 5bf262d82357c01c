package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// verdict is what documents/verify.mjs says of a file.
type verdict struct {
	File     string `json:"file"`
	Verified bool   `json:"verified"`
	Issuer   string `json:"issuer"`
	Error    string `json:"error"`
}

// javascript installs what a folder's package-lock.json pins, and gives the directory it is in.
func javascript(t *testing.T, folder, script string) string {
	t.Helper()
	need(t, "node", "npm")
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", script} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Log(string(out))
		without(t, err)
	}
	return dir
}

// verdicts asks the JavaScript verifier about files.
func verdicts(t *testing.T, dir string, args ...string) map[string]verdict {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"verify.mjs"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("verify.mjs: %v\n%s", err, out)
	}
	all := map[string]verdict{}
	for line := range bytes.Lines(out) {
		var v verdict
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[filepath.Base(v.File)] = v
	}
	return all
}

// documentsOf gives the files of the documents about something, or of all, the oldest first, named NAME-1.json and so on.
func (l *ledger) documentsOf(name string, about ...string) (files []string) {
	l.t.Helper()
	for line := range strings.Lines(l.run(append([]string{"document", "ls", "-o", "jsonl"}, about...)...)) {
		var d struct {
			CID string `json:"cid"`
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil || d.CID == "" {
			l.t.Fatalf("document ls: %s: %v", line, err)
		}
		files = append(files, l.file(fmt.Sprintf("%s-%d.json", name, len(files)+1), "cat", d.CID))
	}
	return files
}

func TestJavaScriptVerifiesOurDocuments(t *testing.T) {
	dir := javascript(t, "documents", "verify.mjs")
	// Given a document of each kind
	l := initialised(t, "guardian")
	l.run("role", "create", "desk", "--allow", "POLICIES_POLICY_READ", "--reason", "ünïcode ✓ \" \\ reason")
	l.run("user", "add", "ben", "--name", "Ben Okafor")
	l.run("grant", "desk", "to", "ben")
	l.run("document", "issue", "user:ben")
	l.run("review", "start", "Second quarter")
	l.run("review", "close", "Second quarter", "--rest", "keep")
	files := append(l.documentsOf("role", "role:desk"), l.documentsOf("user", "user:ben")...)
	// and one that another key signed, after a rotation
	before := len(files)
	rotated := keyOf(l, "document")
	l.run("key", "rotate", rotated)
	l.run("role", "edit", "desk", "--allow", "POLICIES_POLICY_CREATE")
	all := l.documentsOf("role", "role:desk")
	files = append(files, all[len(all)-1])
	if before < 2 {
		t.Fatalf("%d documents; want one of a role and one of a user at least", before)
	}
	review := ""
	for _, f := range l.documentsOf("any") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "Second quarter") {
			review = f
		}
	}
	if review == "" {
		t.Fatal("there is no document of the review")
	}
	files = append(files, review)
	// when an implementation that is not ours verifies them
	got := verdicts(t, dir, files...)
	// then it accepts each, and the rotated key is the issuer of the last
	issuers := map[string]bool{}
	for _, f := range files {
		v := got[filepath.Base(f)]
		if !v.Verified {
			t.Errorf("%s: %s", f, v.Error)
		}
		issuers[v.Issuer] = true
	}
	if !issuers[rotated] || len(issuers) != 2 {
		t.Errorf("issuers: %v; want %s and the key after it", issuers, rotated)
	}
	// and refuses each of them as soon as one of its values is another
	var tampered []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(string) string{
			"date":   func(s string) string { return strings.Replace(s, `"validFrom":"2`, `"validFrom":"3`, 1) },
			"status": func(s string) string { return strings.Replace(s, `"statusListIndex":"`, `"statusListIndex":"1`, 1) },
			"proof":  func(s string) string { return strings.Replace(s, `"created":"2`, `"created":"3`, 1) },
			"more": func(s string) string {
				return strings.Replace(s, `"credentialSubject":{`, `"credentialSubject":{"a":1,`, 1)
			},
		} {
			to := filepath.Join(filepath.Dir(f), name+"-of-"+filepath.Base(f))
			changed := change(string(b))
			if changed == string(b) {
				t.Fatalf("%s has no %s to change", f, name)
			}
			if err := os.WriteFile(to, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			tampered = append(tampered, to)
		}
	}
	for name, v := range verdicts(t, dir, tampered...) {
		if v.Verified {
			t.Errorf("%s is accepted", name)
		}
	}
}

// keyOf gives the did:key of the active key for a purpose.
func keyOf(l *ledger, purpose string) string {
	l.t.Helper()
	for line := range strings.Lines(l.run("key", "ls")) {
		f := strings.Fields(line)
		if len(f) > 1 && f[0] == purpose && strings.Contains(line, "active") {
			return f[len(f)-1]
		}
	}
	l.t.Fatalf("there is no %s key", purpose)
	return ""
}
