package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) delegateCommand() *cobra.Command {
	var scope, end string
	c := a.writes(&cobra.Command{
		Use:   "delegate ROLE|POLICY to SUBJECT",
		Short: "Pass on a role that you have, or access to a policy",
		Long: `Pass on a role that you have yourself, or access to a policy, whoever gave it to you. You keep it. The other has it while
you do, or, where the organization keeps what was delegated, for good. A policy is named by its path: policy/4711.`,
		Example: `  permledger delegate policy-approver to bob --until 2027-01-31
  permledger delegate policy/4711 to bob`,
		Args: between("to"),
		RunE: func(c *cobra.Command, args []string) error {
			ends, err := parseEnd(end)
			if err != nil {
				return err
			}
			in := wire.Intent{Kind: wire.DelegateRole, Role: args[0], Subject: args[2], Scope: scope, Until: ends}
			if strings.Contains(args[0], "/") {
				if scope != "" || ends != "" {
					return usage("delegate %s: --scope and --until go with a role", args[0])
				}
				in = wire.Intent{Kind: wire.DelegateAccess, Resource: args[0], Subject: args[2]}
			}
			return a.do(c.Context(), in)
		},
		ValidArgsFunction: a.complete(rolesOrPermissions, word("to"), subjects),
	})
	c.Flags().StringVar(&scope, "scope", "", "the `path` that it covers, with all beneath it; else the whole organization")
	c.Flags().StringVar(&end, "until", "", "the `instant` from which it holds no more: a day (its end, UTC), or RFC 3339")
	return c
}

func (a *app) delegableCommand() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "delegable SUBJECT",
		Short: "List the roles and policies that a subject can delegate: those it has, whoever gave them",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				d, err := s.Delegable(c.Context(), s.org, args[0], a.read())
				if err != nil {
					return fmt.Errorf("what %s can delegate: %w", args[0], err)
				}
				return a.answer(d, func(w io.Writer) error {
					t := table{}
					t.row("WHAT", "ON", "FROM", "IF", "UNTIL")
					for _, h := range d.Item.Roles {
						from := fmt.Sprint("given at ", h.At)
						if h.Delegated != "" {
							from = fmt.Sprintf("delegated by %s at %d", h.Delegated, h.At)
						}
						t.row(h.Role, orAll(h.Scope), from, h.Condition, h.Until)
					}
					for _, p := range d.Item.Policies {
						t.row(p.Path, "", fmt.Sprint("registered at ", p.Registered), "", "")
					}
					return t.writeTo(w, "")
				})
			})
		},
		ValidArgsFunction: a.complete(subjects),
	})
}

// aside are the flags of what a question says beside who, what and where.
type aside struct {
	properties []string
	with       string
}

func (q *aside) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&q.properties, "property", nil, "what conditions compare, as `resource.country=LU`; also of subject and action")
	c.Flags().StringVar(&q.with, "with", "", "a `wallet` that comes with the subject")
}

// question makes the question of arguments and flags; false where the arguments alone ask it.
func (q *aside) question(args []string) (wire.Question, bool, error) {
	w := wire.Question{Subject: args[0], Permission: args[1], Resource: third(args), With: q.with}
	for _, text := range q.properties {
		name, value, ok := strings.Cut(text, "=")
		of, name, dotted := strings.Cut(name, ".")
		into := map[string]*map[string]string{"subject": &w.Properties.Subject, "action": &w.Properties.Action, "resource": &w.Properties.Resource}[of]
		if !ok || !dotted || into == nil {
			return w, false, usage("--property %s: say it as resource.country=LU, subject.desk=retail or action.channel=api", text)
		}
		if *into == nil {
			*into = map[string]string{}
		}
		(*into)[name] = value
	}
	return w, q.with != "" || len(q.properties) > 0, nil
}
