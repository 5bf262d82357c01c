package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/permledger/permledger/node"
)

// at runs a command and gives what it wrote, answers first, and its exit code.
func at(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out, err strings.Builder
	code := Run(t.Context(), Process{Args: args, In: strings.NewReader(""), Out: &out, Err: &err, Env: func(string) string { return "" }})
	return out.String() + err.String(), code
}

// Given arguments that a command does not take, when it is run, then it says how it is called, and where its help is.
func TestRefusedArgumentsSayHowItIsCalled(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"invite", "say it as: permledger invite KEY"},
		{"role rm a b", "say it as: permledger role rm KEY"},
		{"init x --owner me", "unknown flag: --owner\nTry: permledger init --help"},
		{"token agent ls", "`permledger token agent --help`"},
		{"nonsense", "Try: permledger help"},
	} {
		if got, code := at(t, strings.Fields(c.args)...); code != exitUsage || !strings.Contains(got, c.want) {
			t.Errorf("permledger %s: exit %d\n%swant it to say %q", c.args, code, got, c.want)
		}
	}
}

// Given a name that is a path, when an organization is opened, then it is refused, and no file is made for it anywhere.
func TestAnOrganizationsNameMakesNoFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "L")
	if got, code := at(t, "init", dir); code != exitDone {
		t.Fatal(got)
	}
	keys := func() (names []string) {
		for _, pattern := range []string{"*.key", "L/*.key", "L/keys/*"} {
			found, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), pattern))
			names = append(names, found...)
		}
		return names
	}
	before := len(keys())
	for _, id := range []string{"../../evil", "../evil", "Bad Name", ""} {
		if got, code := at(t, "--data", dir, "org", "open", id, "--profile", "plain"); code != exitUsage || !strings.Contains(got, "organization id") {
			t.Errorf("open %q: exit %d: %s", id, code, got)
		}
	}
	if after := keys(); len(after) != before {
		t.Errorf("keys were made: %q", after)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
}

// Given each profile, when a ledger is made, then the command that it proposes next works.
func TestInitProposesWhatWorks(t *testing.T) {
	for _, profile := range node.Profiles() {
		dir := filepath.Join(t.TempDir(), "L")
		got, code := at(t, "init", dir, "--profile", profile)
		if code != exitDone {
			t.Fatal(got)
		}
		command := firstCommands[profile]
		if command == "" || !strings.Contains(got, "permledger "+command+"\n") {
			t.Fatalf("%s: nothing is proposed:\n%s", profile, got)
		}
		var args []string
		for i, part := range strings.Split(command, `"`) {
			if i%2 == 1 {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		t.Chdir(t.TempDir()) // where a key may be made
		if got, code := at(t, append(args, "--data", dir)...); code != exitDone {
			t.Errorf("%s: %s: exit %d: %s", profile, command, code, got)
		}
	}
}

// Given names that are not quite those of what there is, when they are asked for, then the answer says what is near.
func TestWhatIsNearIsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "L")
	for _, args := range [][]string{
		{"init", dir, "--profile", "stokr"},
		{"--data", dir, "role", "create", "Compliance Officer", "investor.create"},
		{"--data", dir, "user", "add", "dora"},
		{"--data", dir, "key", "create", "backend", "--role", "compliance-officer", "--out", dir + ".key"},
	} {
		if got, code := at(t, args...); code != exitDone {
			t.Fatal(got)
		}
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"grant compliance-oficer to dora", exitNotFound, "Near it: compliance-officer"},
		{"grant investor.creat to dora", exitNotFound, "Near it: stokr:investor.create"},
		{"role ls --org mian", exitNotFound, "Near it: main"},
		{"blame dora", exitNotFound, "permledger blame user:dora"},
		{"org recover --finish", exitNotFound, "No recovery is under way"},
		{"org recover --stop", exitNotFound, "No recovery is under way"},
		{"passwd --key README", exitDenied, "accept --password"},
		{"role create X investor.view --key " + dir + ".key", exitDenied, "Don't have role.create permission"}, // the API key's file
	} {
		if got, code := at(t, append([]string{"--data", dir}, strings.Fields(c.args)...)...); code != c.code || !strings.Contains(got, c.want) {
			t.Errorf("permledger %s: exit %d, want %d\n%swant it to say %q", c.args, code, c.code, got, c.want)
		}
	}
}

// No flag's value is named by words that belong to its explanation.
func TestValuesOfFlagsAreNamedShortly(t *testing.T) {
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if name, _ := pflag.UnquoteUsage(f); strings.HasPrefix(name, "permledger") || f.Value.Type() == "bool" && name != "" {
				t.Errorf("%s --%s takes %q", c.CommandPath(), f.Name, name)
			}
		})
		for _, below := range c.Commands() {
			look(below)
		}
	}
	look(New(Process{Env: func(string) string { return "" }, Out: io.Discard, Err: io.Discard}))
}
