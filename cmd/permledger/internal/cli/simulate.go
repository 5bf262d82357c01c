package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/manifest"
)

// testSubject is the key of the subject that tries a role out. It is in no ledger.
const testSubject = "test-subject"

// asIf are the changes that flags of simulate name.
type asIf struct {
	file                             string
	role, kind, as                   string
	assign, revoke, allow, disallow  []string
	grant, withdraw, deactivate, del []string
}

func (a *app) simulateCommand() *cobra.Command {
	var f asIf
	c := a.answers(&cobra.Command{
		Use:   "simulate [-f FILE | --role ROLE | --assign ROLE=SUBJECT ...]",
		Short: "Say who would gain and lose what if changes were recorded; nothing is",
		Long: `Say who would gain and lose what if changes were recorded, one after the other, by the rules that would decide them, and
which of them would be refused. Nothing is recorded.

The changes are named by flags, or stand in a YAML or JSON file (- is stdin) as a list of what the API takes:

  - {kind: update-role, role: compliance-officer, add: [investor.modify]}
  - {kind: assign-role, role: compliance-officer, subject: dora}

--role says instead what a new subject with that role could do: a role can be tried out without giving it to anyone.`,
		Example: `  permledger simulate --role compliance-officer
  permledger simulate --allow compliance-officer=investor.modify --revoke compliance-officer=dora
  permledger simulate -f changes.yaml --as carla`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			in, err := f.intents(a.p.In)
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				r, err := s.Simulate(c.Context(), s.org, wire.Rehearsal{As: f.as, Intents: in})
				if err != nil {
					return fmt.Errorf("simulate: %w", err)
				}
				if err := a.answer(r, func(w io.Writer) error { return writeRehearsed(w, r) }); err != nil {
					return err
				}
				for i, step := range r.Steps {
					if step.Refusal != nil {
						return exit(codeOfRefusal(*step.Refusal), "change %d would be refused: %s", i+1, problemText(*step.Refusal))
					}
				}
				return nil
			})
		},
	})
	flags := c.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "a `file` with the changes")
	flags.StringVar(&f.role, "role", "", "say what somebody new with this `role` could do")
	flags.StringVar(&f.kind, "kind", events.KindHuman, "of what `kind` that somebody is: human, technical, api-key, wallet or did")
	flags.StringVar(&f.as, "as", "", "the `key` of the subject who would record the changes; else the owner")
	for _, one := range []struct {
		into      *[]string
		name, say string
	}{
		{&f.assign, "assign", "give a role: `ROLE=SUBJECT`"},
		{&f.revoke, "revoke", "take a role: `ROLE=SUBJECT`"},
		{&f.grant, "grant", "give a permission without a role: `PERMISSION=SUBJECT`"},
		{&f.withdraw, "withdraw", "take such a permission: `PERMISSION=SUBJECT`"},
		{&f.allow, "allow", "put a permission into a role: `ROLE=PERMISSION`"},
		{&f.disallow, "disallow", "take a permission out of a role: `ROLE=PERMISSION`"},
		{&f.deactivate, "deactivate", "deactivate a `SUBJECT`"},
		{&f.del, "delete", "delete a `ROLE`"},
	} {
		flags.StringArrayVar(one.into, one.name, nil, one.say+"; may be given often")
	}
	_ = c.RegisterFlagCompletionFunc("role", a.complete(roles))
	return c
}

func (f *asIf) intents(stdin io.Reader) ([]wire.Intent, error) {
	var list []wire.Intent
	if f.file != "" {
		text, name, err := readFile(f.file, stdin)
		if err != nil {
			return nil, exit(exitUsage, "simulate: %w", err)
		}
		if err := manifest.Decode(name, text, &list); err != nil {
			return nil, exit(exitUsage, "simulate: %w", err)
		}
	}
	if f.role != "" {
		list = append(list, wire.Intent{Kind: wire.AddSubject, Subject: testSubject, SubjectKind: f.kind},
			wire.Intent{Kind: wire.AssignRole, Role: f.role, Subject: testSubject})
	}
	var failed error
	pairs := func(flag string, all []string, make func(left, right string) wire.Intent) {
		for _, one := range all {
			left, right, ok := strings.Cut(one, "=")
			if !ok || left == "" || right == "" {
				failed = usage("--%s %s: say two names with = between them", flag, one)
				return
			}
			list = append(list, make(left, right))
		}
	}
	pairs("allow", f.allow, func(role, name string) wire.Intent {
		return wire.Intent{Kind: wire.UpdateRole, Role: role, Add: []string{name}}
	})
	pairs("disallow", f.disallow, func(role, name string) wire.Intent {
		return wire.Intent{Kind: wire.UpdateRole, Role: role, Remove: []string{name}}
	})
	pairs("assign", f.assign, func(role, who string) wire.Intent {
		return wire.Intent{Kind: wire.AssignRole, Role: role, Subject: who}
	})
	pairs("revoke", f.revoke, func(role, who string) wire.Intent {
		return wire.Intent{Kind: wire.RevokeRole, Role: role, Subject: who}
	})
	pairs("grant", f.grant, func(name, who string) wire.Intent {
		return wire.Intent{Kind: wire.GrantPermission, Permission: name, Subject: who}
	})
	pairs("withdraw", f.withdraw, func(name, who string) wire.Intent {
		return wire.Intent{Kind: wire.RevokePermission, Permission: name, Subject: who}
	})
	for _, who := range f.deactivate {
		list = append(list, wire.Intent{Kind: wire.DeactivateSubject, Subject: who})
	}
	for _, role := range f.del {
		list = append(list, wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: role})
	}
	if failed == nil && len(list) == 0 {
		failed = usage("simulate what? Say -f FILE, --role ROLE, or a change as --assign ROLE=SUBJECT")
	}
	return list, failed
}

// readFile reads a file that was named, or stdin.
func readFile(name string, stdin io.Reader) ([]byte, string, error) {
	if name == "-" {
		text, err := io.ReadAll(stdin)
		return text, "stdin", err
	}
	text, err := os.ReadFile(name)
	return text, name, err
}

func writeRehearsed(w io.Writer, r wire.Rehearsed) error {
	p := printer{w: w}
	p.f("nothing recorded; after %d it would be\n", r.AsOf.Seq)
	for i, s := range r.Steps {
		if s.Refusal != nil {
			p.f("%d. ✗ %s would be refused: %s\n", i+1, s.Kind, strings.ReplaceAll(problemText(*s.Refusal), "\n", "\n   "))
		} else {
			p.f("%d. ✓ %s\n", i+1, s.Type)
		}
	}
	if p.err != nil {
		return p.err
	}
	return writeEffects(w, r.Gains, r.Losses, r.More)
}

// agree asks the person at the terminal. Where there is none, nobody agreed.
func (a *app) agree(question string) error {
	in, ok := a.p.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usage("nobody can be asked whether to record this: say --yes, or --dry-run")
	}
	fmt.Fprintf(a.p.Err, "%s [y/N] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return exit(exitNo, "nothing was recorded")
	}
	return nil
}

// privately gives what puts the commitment to a text into an intent, and keeps the text.
func privately(texts *[]wire.Text) func(member *string, text string) {
	return func(member *string, text string) {
		if text != "" {
			commitment, said := client.Commit(text)
			*member, *texts = commitment, append(*texts, said)
		}
	}
}

func codeIs(err error, code string) bool { return err != nil && client.CodeOf(err) == code }
