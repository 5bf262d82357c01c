package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/rules"
)

// given is what a name in grant, revoke and set stands for: a role or a permission.
type given struct {
	asRole, asPermission bool   // what the flags say
	orNew                string // what can be done where the name is neither
}

func (g *given) flags(c *cobra.Command) {
	c.Flags().BoolVar(&g.asRole, "role", false, "the name is a role's")
	c.Flags().BoolVar(&g.asPermission, "permission", false, "the name is a permission's")
	c.MarkFlagsMutuallyExclusive("role", "permission")
}

// isRole says whether a name is a role's. A name that is neither a role's nor a permission's is refused, also where
// the organization would take in a new permission: a slip of the pen is likelier.
func (g *given) isRole(ctx context.Context, s *session, name string) (bool, error) {
	if g.asRole || g.asPermission {
		return g.asRole, nil
	}
	unread := func(err error) (bool, error) {
		if client.CodeOf(err) == string(rules.NotPermitted) { // who may give something need not be one who may list it
			return false, fmt.Errorf("whether %q is a role's name or a permission's is not for you to look up: say --role or --permission\n%w", name, err)
		}
		return false, err
	}
	_, err := s.Role(ctx, s.org, name, client.Read{})
	role := err == nil
	if err != nil && client.CodeOf(err) != string(rules.NotFound) {
		return unread(err)
	}
	known, err := s.Permissions(ctx, s.org, client.Read{})
	if err != nil {
		return unread(err)
	}
	permission := slices.ContainsFunc(known.Items, func(p wire.Permission) bool {
		return p.Name == name || p.Catalogue != "" && strings.TrimPrefix(p.Name, p.Catalogue+":") == name
	})
	switch {
	case role && permission:
		return false, usage("%q is a role and a permission: say --role or --permission", name)
	case !role && !permission:
		return false, exit(exitNotFound, "%q is neither a role nor a permission%s%s", name, g.orNew, near(ctx, s, name, known.Items))
	}
	return role, nil
}

// near says which roles and permissions somebody may have meant who misspelled one; nothing, where none is near.
func near(ctx context.Context, s *session, name string, permissions []wire.Permission) string {
	var names []string
	if roles, err := s.Roles(ctx, s.org, false, client.Read{}); err == nil { // else without them
		for _, r := range roles.Items {
			names = append(names, r.Key)
		}
	}
	for _, p := range permissions {
		names = append(names, p.Name)
	}
	found := rules.Nearest(name, slices.Values(names))
	if len(found) == 0 {
		return ""
	}
	return "\nNear it: " + strings.Join(found, ", ")
}

func (a *app) grantCommand() *cobra.Command {
	g := given{orNew: "; to give a permission that is new, say --permission"}
	var scope, end, condition string
	c := a.writes(&cobra.Command{
		Use:   "grant ROLE|PERMISSION to SUBJECT",
		Short: "Give a role or a permission",
		Example: `  permledger grant compliance-officer to ben --reason TICKET-201
  permledger grant investor.view to dora --scope org/acme/investor/1042 --until 2027-01-31
  permledger grant auditor to carla --if 'resource.properties.country == "LU"'`,
		Args: between("to"),
		RunE: func(c *cobra.Command, args []string) error {
			ends, err := parseEnd(end)
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				role, err := g.isRole(c.Context(), s, args[0])
				if err != nil {
					return fmt.Errorf("grant: %w", err)
				}
				in := wire.Intent{Kind: wire.GrantPermission, Permission: args[0], Subject: args[2], Scope: scope, Until: ends, Condition: condition}
				if role {
					in.Kind, in.Role, in.Permission = wire.AssignRole, args[0], ""
				}
				return a.change(c.Context(), s, in)
			})
		},
		ValidArgsFunction: a.complete(rolesOrPermissions, word("to"), subjects),
	})
	c.Flags().StringVar(&scope, "scope", "", "the `path` that it covers, with all beneath it; else the whole organization")
	c.Flags().StringVar(&end, "until", "", "the `instant` from which it holds no more: a day (its end, UTC), or RFC 3339")
	c.Flags().StringVar(&condition, "if", "", `the `+"`condition`"+` under which it holds: terms like resource.properties.country == "LU", joined by &&`)
	g.flags(c)
	return c
}

func (a *app) revokeCommand() *cobra.Command {
	var g given
	var scope string
	c := a.writes(&cobra.Command{
		Use:   "revoke ROLE|PERMISSION from SUBJECT",
		Short: "Take a role or a permission away",
		Args:  between("from"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				role, err := g.isRole(c.Context(), s, args[0])
				if err != nil {
					return fmt.Errorf("revoke: %w", err)
				}
				in := wire.Intent{Kind: wire.RevokePermission, Permission: args[0], Subject: args[2], Scope: scope}
				if role {
					in.Kind, in.Role, in.Permission = wire.RevokeRole, args[0], ""
				}
				return a.change(c.Context(), s, in)
			})
		},
		ValidArgsFunction: a.complete(rolesOrPermissions, word("from"), subjects),
	})
	c.Flags().StringVar(&scope, "scope", "", "the `path` that it was given on")
	g.flags(c)
	return c
}

func (a *app) setCommand() *cobra.Command {
	var direct bool
	var scope string
	c := a.writes(&cobra.Command{
		Use:   "set SUBJECT [ROLE|PERMISSION]...",
		Short: "Replace all roles of a subject, or all its permissions: the save of a form with checkboxes",
		Long: `Replace all roles of a subject by those named, none included. With --permissions, replace the permissions that it was
given directly instead. One event says what came and what went.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.SetRoles, Subject: args[0], Roles: set(args[1:])}
			if direct {
				in = wire.Intent{Kind: wire.SetPermissions, Subject: args[0], Permissions: set(args[1:]), Scope: scope}
			} else if scope != "" {
				return usage("set %s: --scope goes with --permissions", args[0])
			}
			return a.do(c.Context(), in)
		},
		ValidArgsFunction: a.complete(subjects, rolesOrPermissions),
	})
	c.Flags().BoolVar(&direct, "permissions", false, "replace permissions, not roles")
	c.Flags().StringVar(&scope, "scope", "", "the `path` that the permissions are on")
	return c
}

// between wants three arguments with a word in the middle.
func between(word string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 3 || args[1] != word {
			return fmt.Errorf("%s: say it as `%s`", c.Name(), c.UseLine())
		}
		return nil
	}
}

// parseEnd reads when a grant ends: an instant, or a day, at whose end (UTC) it ends. It gives RFC 3339.
func parseEnd(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Format(time.RFC3339), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", usage("--until %s: say a day, as 2027-01-31, or an instant, as 2027-01-31T12:00:00Z", text)
	}
	return t.UTC().Format(time.RFC3339Nano), nil
}
