package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) reportCommand() *cobra.Command {
	return group("report", "Reports for those who look after roles",
		a.reportRoles(), a.reportSimilar(), a.reportUndocumented(), a.reportUnheld(), a.reportUnreviewed(), a.reportUnused(), a.reportUnusedPermissions(),
		a.reportWhoHasWhat(), a.reportChanges(), a.reportOperations())
}

func (a *app) reportSimilar() *cobra.Command {
	var least int
	c := a.reads(&cobra.Command{
		Use:   "similar",
		Short: "List roles that give the same permissions, or nearly",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.SimilarRoles(c.Context(), s.org, least, a.read())
				if err != nil {
					return fmt.Errorf("report similar: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("ROLE", "OTHER", "OVERLAP", "COMMON", "ONLY IN ROLE", "ONLY IN OTHER")
					for _, r := range list.Items {
						t.row(r.Role, r.Other, strconv.Itoa(r.Overlap)+"%", strconv.Itoa(r.Common), some(r.Only), some(r.InOther))
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
	c.Flags().IntVar(&least, "least", 0, "how many `percent` of the permissions both have at least; else 80")
	return c
}

// some names a few of many.
func some(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (a *app) reportUndocumented() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "undocumented",
		Short: "List roles without a description, or without a guideline that says when to give them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.UndocumentedRoles(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("report undocumented: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					return writeRoleReport(w, list.Items, "MISSING", func(r wire.RoleReport) string { return strings.Join(r.Missing, ", ") })
				})
			})
		},
	})
}

func (a *app) reportUnheld() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "unheld",
		Short: "List roles that nobody has",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.UnheldRoles(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("report unheld: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					return writeRoleReport(w, list.Items, "SINCE", func(r wire.RoleReport) string {
						if r.Since == 0 {
							return fmt.Sprintf("nobody had it, since it was made at %d", r.Created)
						}
						return strconv.FormatUint(r.Since, 10)
					})
				})
			})
		},
	})
}

func writeRoleReport(w io.Writer, items []wire.RoleReport, heading string, say func(wire.RoleReport) string) error {
	t := table{}
	t.row("ROLE", "NAME", "PERMISSIONS", "HOLDERS", heading)
	for _, r := range items {
		t.row(r.Role, r.Name, strconv.Itoa(r.Count), strconv.Itoa(r.Holders), say(r))
	}
	return t.writeTo(w, "")
}

// use asks which permissions were not used.
func (a *app) use(c *cobra.Command, print func(wire.Usage) func(io.Writer) error) *cobra.Command {
	var since, subject string
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.with(c.Context(), func(s *session) error {
			u, err := s.Unused(c.Context(), s.org, since, subject, a.read())
			if err != nil {
				return fmt.Errorf("report %s: %w", c.Name(), err)
			}
			if err := a.answer(u, print(u)); err != nil || a.format != asTable {
				return err
			}
			a.say("since %s: %s", when(u.Since), u.Counts)
			return nil
		})
	}
	c.Flags().StringVar(&since, "since", "", "the `moment` at which the period begins, as 24h or 2026-10-01; else 90 days before")
	if c.Name() == "unused-permissions" {
		c.Flags().StringVar(&subject, "subject", "", "of this subject alone, by `key`")
	}
	return a.reads(c)
}

const useHelp = `

What counts as use: what a holder recorded in the ledger with a permission, and checks that were recorded with
"permledger check --record" (in the API: record) and answered with yes. Whoever asks without recording leaves no trace, so
a permission is only known to be unused where the services that check it record what they ask. Recorded decisions are kept
as long as the activity stream is. The owner, who may do everything, is left out.`

func (a *app) reportUnused() *cobra.Command {
	return a.use(&cobra.Command{
		Use:   "unused",
		Short: "List roles of which no holder used anything in a period",
		Long:  "List roles of which no holder used any permission in a period." + useHelp,
	}, func(u wire.Usage) func(io.Writer) error {
		return func(w io.Writer) error {
			t := table{}
			t.row("ROLE", "NAME", "PERMISSIONS", "HOLDERS")
			for _, r := range u.Roles {
				t.row(r.Role, r.Name, strconv.Itoa(r.Count), strconv.Itoa(r.Holders))
			}
			return t.writeTo(w, "")
		}
	})
}

func (a *app) reportUnusedPermissions() *cobra.Command {
	return a.use(&cobra.Command{
		Use:   "unused-permissions",
		Short: "List permissions that somebody holds and did not use in a period",
		Long:  "List permissions that somebody holds and did not use in a period." + useHelp,
	}, func(u wire.Usage) func(io.Writer) error {
		return func(w io.Writer) error {
			t := table{}
			t.row("SUBJECT", "PERMISSION", "THROUGH", "HELD SINCE")
			for _, p := range u.Items {
				through := "given directly"
				if len(p.Through) > 0 {
					through = "role " + strings.Join(p.Through, ", ")
				}
				t.row(p.Subject, p.Permission, through, fmt.Sprintf("%d, %s", p.Since, when(p.Held)))
			}
			return t.writeTo(w, "")
		}
	})
}

func (a *app) reportChanges() *cobra.Command {
	var between string
	c := a.answers(&cobra.Command{
		Use:   "changes ROLE",
		Short: "List whom the last change of a role concerns, or its changes between two moments",
		Long: `List who has a role whose change is to be told them, with what they gained and lost by it: people, services, API keys and
wallets. Nothing is sent to anybody.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var from, to string
			if between != "" {
				var err error
				if from, to, _, _, err = parseDiff([]string{between}); err != nil {
					return err
				}
			}
			return a.with(c.Context(), func(s *session) error {
				r, err := s.Affected(c.Context(), s.org, args[0], from, to)
				if err != nil {
					return fmt.Errorf("report changes %s: %w", args[0], err)
				}
				return a.answer(r, func(w io.Writer) error { return writeAffected(w, r) })
			})
		},
		ValidArgsFunction: a.complete(roles),
	})
	c.Flags().StringVar(&between, "between", "", "two moments, as `A..B`; else the role's last change")
	return c
}

func writeAffected(w io.Writer, r wire.Affected) error {
	p := printer{w: w}
	p.f("role %s, from %d to %d%s\n", r.Role, r.From.Seq, r.To.Seq, roleStory(r.Change))
	for _, in := range r.Change.Added {
		p.f("  + %s\n", in.Permission)
	}
	for _, in := range r.Change.Removed {
		p.f("  − %s\n", in.Permission)
	}
	if p.err != nil {
		return p.err
	}
	t := table{}
	t.row("WHO", "KIND", "GAINED", "LOST")
	for _, h := range r.Holders {
		t.row(h.Subject, h.Kind, effects(h.Gained), effects(h.Lost))
	}
	return t.writeTo(w, "")
}

func effects(list []wire.Effective) string {
	var names []string
	for _, e := range list {
		names = append(names, e.Permission+onScope(e.Scope))
	}
	return some(names)
}

func (a *app) reportOperations() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "operations",
		Short: "List what can be done, and which permissions allow it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Operations(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("report operations: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("OPERATION", "PERMISSION", "WHAT IT DOES")
					for _, o := range list.Items {
						takes := strings.Join(o.Permissions, " or ")
						if takes == "" {
							takes = "none: " + o.Why
						}
						name := o.Kind
						if name == "" {
							name = o.Method + " " + o.Path
						}
						t.row(name, takes, o.Summary)
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}
