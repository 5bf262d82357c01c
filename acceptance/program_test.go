package acceptance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/permledger/permledger/node"
)

// program builds the command once, when the first test runs it.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "permledger")
	out, err := exec.Command("go", "build", "-o", path, "github.com/permledger/permledger/cmd/permledger").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, err
})

// ran is how a run of the program ended.
type ran struct {
	Code     int
	Out, Err string
}

// CLI runs the program as somebody of the organization: with their key, against the test's server. who may be empty.
func (o *org) CLI(who string, args ...string) ran {
	o.t.Helper()
	env := []string{"PERMLEDGER_SERVER=" + o.URL, "PERMLEDGER_TOKEN=" + token, "PERMLEDGER_ORG=" + o.ID}
	if who != "" {
		env = append(env, "PERMLEDGER_KEY="+o.keyFile(who))
	}
	return o.program(env, "", args...)
}

// program runs the program in an environment, with something to read.
func (o *org) program(env []string, in string, args ...string) ran {
	o.t.Helper()
	path, err := program()
	if err != nil {
		o.t.Fatal(err)
	}
	cmd := exec.CommandContext(o.t.Context(), path, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Stdin = append(env, "HOME="+scratch, "PERMLEDGER_PINS="+o.pins(), "PATH="+os.Getenv("PATH")), o.t.TempDir(), &out, &errs, strings.NewReader(in)
	err = cmd.Run()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		o.t.Fatalf("permledger %q: %v", args, err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// Run is CLI, and fails the test where the program does. It gives what was written to stdout.
func (o *org) Run(who string, args ...string) string {
	o.t.Helper()
	r := o.CLI(who, args...)
	if r.Code != 0 {
		o.t.Fatalf("permledger %q ended with %d:\n%s%s", args, r.Code, r.Out, r.Err)
	}
	return r.Out
}

// pins gives where commands of a test keep checkpoints: another server may take its port in the next.
func (o *org) pins() string {
	return filepath.Join(scratch, "pins", strings.ReplaceAll(o.t.Name(), "/", "_"))
}

var keyFiles sync.Mutex

func (o *org) keyFile(who string) string {
	o.t.Helper()
	keyFiles.Lock()
	defer keyFiles.Unlock()
	path := filepath.Join(scratch, "keys", o.ID, strings.ReplaceAll(who, "/", "_")+".key")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), node.WriteKey(path, o.Key(who))); err != nil {
		o.t.Fatal(err)
	}
	return path
}

// answered is an answer of the server.
type answered struct {
	Status int
	Header http.Header
	Body   string
}

// HTTP sends a request as it is, with the local operator's token. path is below the organization's; body is sent as
// JSON, where it is not nil.
func (o *org) HTTP(method, path string, body any) answered {
	o.t.Helper()
	return o.HTTPAs("Bearer "+token, method, path, body)
}

// HTTPAs is HTTP with another header field Authorization; empty: none.
func (o *org) HTTPAs(auth, method, path string, body any) answered {
	o.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			o.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.URL+"/v1/orgs/"+o.ID+path, in)
	if err != nil {
		o.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(b)}
}

// read reads an answer's JSON.
func read[T any](o *org, a answered) (out T) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		o.t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	return out
}
