package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/importer"
)

// asCSV is a form of reports that are opened in a spreadsheet.
const asCSV = "csv"

// csvRows writes rows as CSV (RFC 4180) with line feeds. What a spreadsheet would take for a formula is written as text.
func csvRows(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = importer.Guarded(cell)
		}
		if err := w.Write(cells); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func (a *app) reportWhoHasWhat() *cobra.Command {
	var form string
	c := &cobra.Command{
		Use:   "who-has-what",
		Short: "List everything everybody may do, and through what",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch form {
			case asTable, asJSON, asLines, asCSV:
			default:
				return usage("-o %s: the forms are table, json, jsonl and csv", form)
			}
			return a.with(c.Context(), func(s *session) error {
				at, rows, err := s.WhoHasWhat(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("report who-has-what: %w", err)
				}
				list := wire.List[wire.Having]{Items: []wire.Having{}, AsOf: at}
				for row, err := range rows {
					if err != nil {
						return fmt.Errorf("report who-has-what: %w", err)
					}
					list.Items = append(list.Items, row)
				}
				if form != asCSV {
					a.format = form
					return answerList(a, list, func(w io.Writer) error { return writeHaving(w, list.Items) })
				}
				lines := [][]string{{"subject", "kind", "permission", "scope", "through", "as_of"}}
				for _, h := range list.Items {
					lines = append(lines, []string{h.Subject, h.Kind, h.Permission, h.Scope, throughWhat(h), strconv.FormatUint(at.Seq, 10)})
				}
				return a.writeCSV(lines)
			})
		},
	}
	c.Flags().StringVar(&a.asOf, "as-of", "", "the `moment` that is asked about: see `permledger help revisions`")
	c.Flags().StringVarP(&form, "output", "o", asTable, "the `form` of the answer: table, json, jsonl or csv")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{asTable, asJSON, asLines, asCSV}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) writeCSV(rows [][]string) error {
	b, err := csvRows(rows)
	if err != nil {
		return err
	}
	return a.write(b)
}

// throughWhat says by what somebody has something, in one cell.
func throughWhat(h wire.Having) string {
	if h.Permission == "*" {
		return "owner"
	}
	var names []string
	for _, key := range h.Through {
		if key == "" {
			names = append(names, "given directly")
		} else {
			names = append(names, "role "+key)
		}
	}
	return strings.Join(names, "; ")
}

func writeHaving(w io.Writer, items []wire.Having) error {
	t := table{}
	t.row("SUBJECT", "KIND", "PERMISSION", "SCOPE", "THROUGH")
	for _, h := range items {
		t.row(h.Subject, h.Kind, everythingOr(h.Permission), orAll(h.Scope), throughWhat(h))
	}
	return t.writeTo(w, "")
}

// Forms of the document about roles.
const asMarkdown = "md"

func (a *app) reportRoles() *cobra.Command {
	var form string
	c := &cobra.Command{
		Use:   "roles",
		Short: "Write all roles as one document that says what each allows and when to use it",
		Long: `Write all roles as one document: what each is for, when to give it (its guideline), what it allows and how many have it.
Descriptions and guidelines are set with "role create" and "role edit".`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Roles(c.Context(), s.org, true, a.read())
				if err == nil && form != asJSON && form != asCSV && form != asMarkdown {
					err = usage("--format %s: the forms are md, json and csv", form)
				}
				if err != nil {
					return fmt.Errorf("report roles: %w", err)
				}
				return a.roleDocument(form, s.org, list)
			})
		},
	}
	c.Flags().StringVar(&a.asOf, "as-of", "", "the `moment` that is asked about: see `permledger help revisions`")
	c.Flags().StringVar(&form, "format", asMarkdown, "the `form` of the document: md, json or csv")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{asMarkdown, asJSON, asCSV}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) roleDocument(form, org string, list wire.List[wire.Role]) error {
	switch form {
	case asJSON:
		a.format = asJSON
		return a.answer(list, nil)
	case asCSV:
		rows := [][]string{{"role", "name", "type", "description", "guideline", "permissions", "holders"}}
		for _, r := range list.Items {
			rows = append(rows, []string{
				r.Key, r.Name, r.Type, r.Description, r.Labels[wire.Guideline], strings.Join(r.Permissions, " "), strconv.Itoa(r.Holders),
			})
		}
		return a.writeCSV(rows)
	}
	var b bytes.Buffer
	p := printer{w: &b}
	p.f("# Roles of %s\n\n%s, as of %d (%s).\n", plainText(org), count(len(list.Items), "role", "roles"), list.AsOf.Seq, when(list.AsOf.Time))
	for _, r := range list.Items {
		p.f("\n## %s\n\n", plainText(r.Name))
		p.f("Key `%s`, %s, held by %d.\n", r.Key, r.Type, r.Holders)
		for _, part := range [][2]string{{"What it is for", r.Description}, {"When to use it", r.Labels[wire.Guideline]}} {
			if part[1] == "" {
				part[1] = "(not said)"
			}
			p.f("\n**%s.** %s\n", part[0], plainText(part[1]))
		}
		for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
			if name != wire.Guideline {
				p.f("\n**%s.** %s\n", plainText(name), plainText(r.Labels[name]))
			}
		}
		p.f("\nIt allows:\n\n")
		for _, name := range r.Permissions {
			p.f("* `%s`\n", name)
		}
		if len(r.Permissions) == 0 {
			p.f("* nothing\n")
		}
	}
	return errors.Join(p.err, a.write(b.Bytes()))
}

// plainText keeps Markdown from reading what people wrote as its own.
func plainText(text string) string { return markdown.Replace(text) }

var markdown = strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "`", "\\`", "#", "\\#", "[", "\\[", "<", "&lt;", "\n", " ", "\r", " ")
