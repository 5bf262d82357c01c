package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/importer"
	"github.com/permledger/permledger/ledger/rules"
)

// imported is the answer of import.
type imported struct {
	Records   int       `json:"records"`
	Recorded  int       `json:"recorded"`
	Repeated  int       `json:"repeated"`  // recorded by an earlier run
	Unchanged int       `json:"unchanged"` // said what was so already
	Bad       int       `json:"bad"`
	Entries   int       `json:"entries"` // that are new
	AsOf      wire.AsOf `json:"asOf"`
}

func (a *app) importCommand() *cobra.Command {
	var format string
	var o importer.Options
	c := a.answers(&cobra.Command{
		Use:   "import FILE",
		Short: "Take in records of somebody else; a second run changes nothing",
		Long: `Take in records of somebody else: role-history (JSON lines, one change of a role each) or assignments (one JSON
object of roles, users and permissions), plain or compressed with gzip. FILE may be - for stdin.

The same records have the same ids in every run, from any path: what is recorded already is recognized, and an import
that was interrupted is continued by running it again. A bad record ends the run with its number, or is skipped and
counted with --skip-bad.

role-history: members marked ? may be left out; title, description and stage are texts.

  {"time":"2021-11-12T10:28:19Z","op":"create-role","role":"editor","title"?:"Editor","description"?:"Edits","stage"?:"GA","permissions":["a.get","a.list"]}
  {"time":"2021-11-13T10:28:19Z","op":"update-role","role":"editor","title"?:"Editors","description"?:"","stage"?:"BETA","add"?:["b.get"],"remove"?:["a.get"]}
  {"time":"2021-11-14T10:28:19Z","op":"delete-role","role":"editor"}

The time is RFC 3339, says when it occurred (--as-of occurred:TIME), and may not go back from line to line.

assignments: names are texts or whole numbers. userPermissions must be what a user's roles give together.

  {"roles":[{"role":1,"permissions":[1,2],"users":[7,8]}],"userPermissions":{"7":[1,2],"8":[1,2]}}

Reading is strict: unknown members, members given twice, and names given twice in a set are refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in, size, err := a.input(args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			p := a.newProgress("import", size)
			o.Bad = func(b *importer.BadRecord) { p.line("skipped: " + b.Error()) }
			o.Progress = func(read int64, so importer.Summary) { p.at(read, count(so.Records, "record", "records")) }
			return a.with(c.Context(), func(s *session) error {
				key, err := a.signingKey(s.org)
				if err != nil {
					return err
				}
				t, err := s.Target(c.Context(), s.org, key)
				if err != nil {
					return fmt.Errorf("import: %w", err)
				}
				sum, err := importer.Run(c.Context(), in, format, o, t)
				p.end()
				if err != nil {
					return a.importFailed(sum, err)
				}
				head, err := s.Organization(c.Context(), s.org, client.Read{})
				if err != nil {
					return fmt.Errorf("import: %w", err)
				}
				return a.summary(sum, head.AsOf)
			})
		},
	})
	f := c.Flags()
	f.StringVar(&format, "format", "", strings.Join(importer.Formats(), " or "))
	f.StringVar(&o.Source, "source", "", "the `name` of where the records come from, the same in every run; else the format's")
	f.BoolVar(&o.SkipBad, "skip-bad", false, "skip and count bad records")
	f.StringVar(&a.key, "key", "", "the `file` with the key that signs (PERMLEDGER_KEY)")
	_ = c.MarkFlagRequired("format")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(importer.Formats(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// input opens what is to be read, and gives its size; 0 where it is not known.
func (a *app) input(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(a.p.In), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, usage("import: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("import: %w", err), f.Close())
	}
	if info.IsDir() {
		return nil, 0, errors.Join(usage("import: %s is a directory", name), f.Close())
	}
	return f, info.Size(), nil
}

// importFailed says how far an import came. A bad record is bad input; what stood before it is recorded.
func (a *app) importFailed(sum importer.Summary, err error) error {
	a.say("before it stopped: %s recorded, %d recorded already, %d unchanged, %d bad", count(sum.Recorded, "record", "records"), sum.Repeated, sum.Unchanged, sum.Bad)
	if errors.As(err, new(*client.UnreachableError)) {
		return fmt.Errorf("%w\nWhat was sent last may or may not be recorded: run the import again, which goes on where it was", err)
	}
	if errors.As(err, new(*importer.BadRecord)) || inputFailed(err) {
		return usage("%w", err)
	}
	return err
}

// inputFailed says whether an import failed for what was read, and not for the ledger it was to go into, or the disk it
// was read from.
func inputFailed(err error) bool {
	return !errors.As(err, new(*client.Error)) && !errors.As(err, new(*rules.Refusal)) && !errors.As(err, new(*fs.PathError)) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

func (a *app) summary(sum importer.Summary, at wire.AsOf) error {
	answer := imported{
		Records: sum.Records, Recorded: sum.Recorded, Repeated: sum.Repeated, Unchanged: sum.Unchanged, Bad: sum.Bad,
		Entries: sum.Commands, AsOf: at,
	}
	return a.answer(answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %d recorded, %d recorded before, %d unchanged, %d bad; %s; head %d  %s\n",
			count(sum.Records, "record", "records"), sum.Recorded, sum.Repeated, sum.Unchanged, sum.Bad,
			count(sum.Commands, "new entry", "new entries"), at.Seq, at.CID)
		return err
	})
}

func (a *app) assignmentsCommand() *cobra.Command {
	export := &cobra.Command{
		Use:   "export",
		Short: `Write {"userPermissions":{user:[permission,…],…}}, in the form of assignments that are imported`,
		Long: `Write {"userPermissions":{user:[permission,…],…}}: what every active user may use by roles and grants, on whatever
scope. The owner, who may do everything, is there with what was given to it, if anything was.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				if err := a.exportAssignments(c.Context(), s); err != nil {
					return fmt.Errorf("export assignments: %w", err)
				}
				return nil
			})
		},
	}
	export.Flags().StringVar(&a.asOf, "as-of", "", "the `moment` that is asked about: see `permledger help revisions`")
	return group("assignments", "Write who effectively has which permissions", export)
}

func (a *app) exportAssignments(ctx context.Context, s *session) error {
	org, err := s.Organization(ctx, s.org, a.read())
	if err != nil {
		return err
	}
	_, rows, err := s.Assignments(ctx, s.org, a.read())
	if err != nil {
		return err
	}
	var broken error
	err = importer.WriteAssignments(a.p.Out, func(yield func(string, []string) bool) {
		for row, err := range rows {
			if err == nil && row.Subject == org.Owner {
				if row.Permissions, err = a.givenTo(ctx, s, org.Owner); err == nil && len(row.Permissions) == 0 {
					continue
				}
			}
			if err != nil {
				broken = err
				return
			}
			if !yield(row.Subject, row.Permissions) {
				return
			}
		}
	})
	return errors.Join(broken, err)
}

// givenTo gives what a subject may use for another reason than that it is the owner.
func (a *app) givenTo(ctx context.Context, s *session, subject string) ([]string, error) {
	all, err := s.Access(ctx, s.org, subject, a.read())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range all.Items {
		if slices.ContainsFunc(p.Because, func(b wire.Because) bool { return b.Kind != "owner" }) {
			names = append(names, p.Permission)
		}
	}
	return set(names), nil
}
