package interop

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var natsAddress = regexp.MustCompile(`readers connect to (nats://\S+)`)

// Given a server with a reader, when the examples of subscribers follow its changes with the clients of others, then they say who
// gained and lost what, what comes while they run too.
func TestSubscribers(t *testing.T) {
	examples := filepath.Join("..", "examples")
	for _, c := range []struct {
		name    string
		command func(t *testing.T) *exec.Cmd
	}{
		{"javascript", func(t *testing.T) *exec.Cmd {
			dir := javascript(t, filepath.Join(examples, "subscriber-javascript"), "subscriber.js")
			cmd := exec.CommandContext(t.Context(), "node", "subscriber.js")
			cmd.Dir = dir
			return cmd
		}},
		{"python", func(t *testing.T) *exec.Cmd {
			need(t, "python3")
			script := filepath.Join(examples, "subscriber-python", "subscriber.py")
			// That it can be read is tried everywhere, and what it does where there is a client for it.
			if out, err := exec.CommandContext(t.Context(), "python3", "-c", "import ast,sys; ast.parse(open(sys.argv[1]).read())", script).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if exec.CommandContext(t.Context(), "python3", "-c", "import nats, nkeys").Run() != nil {
				t.Skip("there is no nats-py here: the example is read, and not run")
			}
			return exec.CommandContext(t.Context(), "python3", script)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := c.command(t)
			l := initialised(t, "plain")
			s := l.serve("--nats-listen", "127.0.0.1:0")
			at := natsAddress.FindStringSubmatch(s.said.String())
			if at == nil {
				t.Fatalf("it does not say where readers connect: %s", s.said)
			}
			seed := filepath.Join(t.TempDir(), "shop.nk")
			l.run("role", "create", "Cashier", "--allow", "invoice.pay")
			l.run("user", "add", "ann", "--role", "cashier")
			l.run("user", "add", "shop", "--kind", "technical")
			l.run("grant", "ledger:history.read", "to", "shop")
			l.run("reader", "create", "shop", "--out", seed)
			heard := &said{}
			cmd.Args = append(cmd.Args, at[1], "main", seed, "3")
			cmd.Env = append(os.Environ(), "NO_COLOR=1")
			cmd.Stdout, cmd.Stderr = heard, heard
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			says := func(line string) {
				t.Helper()
				l.eventually("it says "+line, func() error {
					for have := range strings.Lines(heard.String()) {
						if strings.TrimSpace(have) == line {
							return nil
						}
					}
					return errors.New(heard.String())
				})
			}
			says("3 ann + invoice.pay")
			l.run("revoke", "cashier", "from", "ann")
			says("7 ann - invoice.pay")
			if c.name == "javascript" { // whose client gives up, and would end without a word
				l.run("reader", "rm", "shop")
				says("the connection is closed: Authorization Violation")
			}
		})
	}
}
