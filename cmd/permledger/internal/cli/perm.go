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
