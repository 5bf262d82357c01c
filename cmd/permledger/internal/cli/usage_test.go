package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
