package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/schemas/catalogues"
)

func (a *app) permCommand() *cobra.Command {
	return group("perm", "List permissions, and publish catalogues of them",
		a.permList(), a.permPublish())
}

func (a *app) permList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "ls",
		Short: "List what can be given or asked about",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Permissions(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("list the permissions: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("PERMISSION", "CATEGORY", "LEVEL", "", "DESCRIPTION")
					for _, p := range list.Items {
						t.row(p.Name, p.Category, p.Level, marks(p), p.Description)
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

func marks(p wire.Permission) string {
	switch {
	case p.Retired:
		return "retired"
	case p.Reserved:
		return "reserved"
	}
	return ""
}

func (a *app) permPublish() *cobra.Command {
	names := strings.Join(catalogues.Names(), ", ")
	return a.writes(&cobra.Command{
		Use:   "publish NAME|FILE",
		Short: "Publish a catalogue: one that comes along (" + names + "), or one in a file",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.PublishCatalogue}
			if slices.Contains(catalogues.Names(), args[0]) {
				in.Embedded = args[0]
			} else {
				b, err := os.ReadFile(args[0])
				if err != nil {
					return usage("publish %s: no catalogue of this name comes along (%s do), and %w", args[0], names, err)
				}
				if !json.Valid(b) {
					return usage("publish %s: the file is not JSON", args[0])
				}
				in.Catalogue = b
			}
			return a.do(c.Context(), in)
		},
		ValidArgs: catalogues.Names(),
	})
}

func (a *app) documentCommand() *cobra.Command {
	return group("document", "Issue and list signed documents about roles and users", a.writes(&cobra.Command{
		Use:   "issue role:KEY|user:KEY",
		Short: "Issue a signed document about a role, or about what a user has",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			about, err := thing(args[0])
			if err != nil {
				return err
			}
			return a.do(c.Context(), wire.Intent{Kind: wire.IssueDocument, About: about})
		},
	}), a.answers(&cobra.Command{
		Use:   "ls [role:KEY|user:KEY]",
		Short: "List the signed documents; `permledger cat CID` writes one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			about := ""
			if len(args) == 1 {
				var err error
				if about, err = thing(args[0]); err != nil {
					return err
				}
			}
			return a.with(c.Context(), func(s *session) error { return a.documents(c, s, about) })
		},
	}))
}

func (a *app) documents(c *cobra.Command, s *session, about string) error {
	all, err := s.Documents(c.Context(), s.org, about, "")
	for err == nil && all.Next != "" {
		var page wire.List[wire.Document]
		page, err = s.Documents(c.Context(), s.org, about, all.Next)
		all.Items, all.Next = append(all.Items, page.Items...), page.Next
	}
	if err != nil {
		return fmt.Errorf("list the documents: %w", err)
	}
	return answerList(a, all, func(w io.Writer) error {
		t := table{}
		t.row("SEQ", "ABOUT", "CID")
		for _, d := range all.Items {
			t.row(fmt.Sprint(d.Seq), d.About, d.CID)
		}
		return t.writeTo(w, "")
	})
}

// thing reads what a document is about; users are subjects to the API.
func thing(about string) (string, error) {
	switch kind, name, _ := strings.Cut(about, ":"); {
	case name != "" && (kind == "role" || kind == "subject"):
		return about, nil
	case name != "" && kind == "user":
		return "subject:" + name, nil
	}
	return "", usage("a document about %s: say role:KEY or user:KEY", about)
}
