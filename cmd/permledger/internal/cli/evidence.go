package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/bundle"
)

func (a *app) exportCommand() *cobra.Command {
	var (
		q              wire.ExportQuery
		all, bare      bool
		personal, over bool
		file           string
	)
	c := &cobra.Command{
		Use:   "export (--role R | --subject S | --all) -O FILE",
		Short: "Write evidence into one file that others can verify without us",
		Long: `Write what concerns a role or a subject, or everything, into one file, as of now or as of any moment before.

  -f bundle   a zip file: the entries, what proves that they stand in the ledger, signed documents, and a page that explains them
  -f car      the same as IPLD blocks (CAR, version 1)
  -f jsonl    the exact entries, one a line: sha256sum of a line without its end is the digest in its CID
  -f csv      a row for each entry, for spreadsheets; it proves nothing
  -f vc       the signed document about the role or subject; with --all the newest one about each, one a line

Equal questions get equal bytes. "permledger verify FILE" checks a bundle, a CAR file or lines on any machine, without a server.
The reasons that people gave are in bundles and CAR files; names and e-mail addresses with --personal only.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			asked := 0
			for _, one := range []bool{q.Role != "", q.Subject != "", all} {
				if one {
					asked++
				}
			}
			switch {
			case asked != 1:
				return usage("export: say --role R, --subject S or --all, one of them")
			case bare && personal:
				return usage("export: --without-texts and --personal say the opposite")
			case bare:
				q.Texts = "none"
			case personal:
				q.Texts = bundle.Personal
			}
			q.AsOf = a.asOf
			return a.with(c.Context(), func(s *session) error {
				var at wire.AsOf
				size, err := a.into(file, over, func(w io.Writer) (err error) {
					at, err = s.Export(c.Context(), s.org, q, w)
					return err
				}, q.Format)
				if err != nil {
					return fmt.Errorf("export: %w", err)
				}
				if file != "-" {
					a.say("%s written: %s, %s", file, count(int(size), "byte", "bytes"), asOfText(at))
				}
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringVar(&q.Role, "role", "", "what concerns a role, by `key`")
	f.StringVar(&q.Subject, "subject", "", "what concerns a user or another subject, by `key`")
	f.BoolVar(&all, "all", false, "every entry")
	f.StringVarP(&q.Format, "format", "f", wire.ExportBundle, "the `form` of the file: bundle, car, jsonl, csv or vc")
	f.StringVarP(&file, "output-file", "O", "", "the `file` that is written; - for standard output")
	f.BoolVar(&over, "force", false, "write over a file that is there")
	f.BoolVar(&bare, "without-texts", false, "leave out the reasons that people gave")
	f.BoolVar(&personal, "personal", false, "with names and e-mail addresses of subjects, too")
	f.StringVar(&a.asOf, "as-of", "", "the `moment` that is asked about: see `permledger help revisions`")
	_ = c.MarkFlagRequired("output-file")
	_ = c.RegisterFlagCompletionFunc("role", a.complete(roles))
	_ = c.RegisterFlagCompletionFunc("subject", a.complete(subjects))
	forms := []string{wire.ExportBundle, wire.ExportCAR, wire.ExportLines, wire.ExportCSV, wire.ExportVC}
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// into writes a file that is there whole or not at all, and gives its size. What can be read as a bundle is read before
// it gets its name.
func (a *app) into(path string, over bool, write func(io.Writer) error, format string) (size int64, err error) {
	if path == "-" {
		return 0, write(a.p.Out)
	}
	taken := exit(exitConflict, "%s is there already; --force writes over it", path)
	if _, err := os.Lstat(path); err == nil && !over {
		return 0, taken
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".permledger-export-*") // of mode 0600: it may hold private texts
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, ignoreMissing(os.Remove(f.Name()))) }()
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err == nil {
		size, err = readBack(f, format)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	if over {
		return size, os.Rename(f.Name(), path)
	}
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) { // somebody was faster
		return 0, taken
	} else if err != nil {
		return 0, err
	}
	return size, nil
}

func readBack(f *os.File, format string) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	switch format {
	case wire.ExportBundle, wire.ExportCAR, wire.ExportLines:
		_, err = bundle.Open(f, info.Size())
	}
	return info.Size(), err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
