package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func (a *app) roleCommand() *cobra.Command {
	return group("role", "List, show, make, change and remove roles",
		a.roleList(), a.roleGuide(), a.roleShow(), a.roleCreate(), a.roleEdit(), a.roleRemove(), a.roleDefault(), a.roleReview())
}

// roleWithPermissions is a row of `role ls --permissions`, in the form that scripts compare.
type roleWithPermissions struct {
	Key         string   `json:"key"`
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Description string   `json:"description"`
	Permissions []string `json:"permissions"`
}

func (a *app) roleList() *cobra.Command {
	var full bool
	c := a.reads(&cobra.Command{
		Use:   "ls",
		Short: "List the roles",
		Long: `List the roles.

With --permissions, -o json is an array of {"key","name","type","description","permissions":[…]} in the order of the
keys, each set sorted by name: two ledgers with the same roles give the same bytes.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Roles(c.Context(), s.org, full, a.read())
				if err != nil {
					return fmt.Errorf("list the roles: %w", err)
				}
				if full && a.format != asTable {
					return a.fullRoles(list.Items)
				}
				return answerList(a, list, func(w io.Writer) error { return writeRoles(w, list.Items) })
			})
		},
	})
	c.Flags().BoolVar(&full, "permissions", false, "with the permissions of each")
	return c
}

func (a *app) fullRoles(roles []wire.Role) error {
	rows := make([]roleWithPermissions, len(roles))
	for i, r := range roles {
		rows[i] = roleWithPermissions{r.Key, r.Name, r.Type, r.Description, r.Permissions}
		if r.Permissions == nil {
			rows[i].Permissions = []string{}
		}
	}
	if a.format == asJSON {
		return a.answer(rows, nil)
	}
	for _, r := range rows {
		b, err := encodeJSON(r, false)
		if err != nil {
			return err
		}
		if err := a.write(b); err != nil {
			return err
		}
	}
	return nil
}

func writeRoles(w io.Writer, roles []wire.Role) error {
	t := table{}
	t.row("KEY", "ROLE NAME", "DESCRIPTION", "PERMISSIONS", "TYPE", "ACTIONS", "HOLDERS", "CHANGED")
	for _, r := range roles {
		t.row(r.Key, r.Name, r.Description, strconv.Itoa(r.Count), typeOf(r), strings.Join(r.Actions, ", "), strconv.Itoa(r.Holders),
			strconv.FormatUint(r.Changed, 10))
		for _, p := range r.Permissions {
			t.row("", p)
		}
	}
	return t.writeTo(w, "")
}

// typeOf gives the type of a role as people read it.
func typeOf(r wire.Role) string {
	if r.Type == "global" {
		return "Global"
	}
	return "Custom"
}

func (a *app) roleShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "show KEY",
		Short: "Show a role and its permissions",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				one, err := s.Role(c.Context(), s.org, args[0], a.read())
				if err != nil {
					return fmt.Errorf("show role %s: %w", args[0], err)
				}
				if one.Item.Permissions == nil {
					one.Item.Permissions = []string{}
				}
				answer := struct {
					wire.Role
					AsOf wire.AsOf `json:"asOf"`
				}{one.Item, one.AsOf}
				return a.answer(answer, func(w io.Writer) error { return writeRole(w, one.Item, one.AsOf) })
			})
		},
		ValidArgsFunction: a.complete(roles),
	})
}

func writeRole(w io.Writer, r wire.Role, at wire.AsOf) error {
	t := table{}
	t.row("key", r.Key)
	t.row("name", r.Name)
	t.row("type", typeOf(r))
	if r.Managed != "" {
		t.row("assigned", managedWords[r.Managed])
	}
	if r.Default {
		t.row("default", "whoever is added gets it")
	}
	if r.Description != "" {
		t.row("description", r.Description)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		t.row(name, r.Labels[name])
	}
	t.row("holders", strconv.Itoa(r.Holders))
	t.row("created", fmt.Sprintf("at %d, changed at %d", r.Created, r.Changed))
	t.row("as of", strings.TrimPrefix(asOfText(at), "as of "))
	if err := t.writeTo(w, ""); err != nil {
		return err
	}
	p := printer{w: w}
	p.f("%s\n", count(len(r.Permissions), "permission", "permissions"))
	for _, name := range r.Permissions {
		p.f("  %s\n", name)
	}
	return p.err
}

func (a *app) roleCreate() *cobra.Command {
	var key, description string
	var allow []string
	var more labels
	c := a.writes(&cobra.Command{
		Use:   "create NAME [PERMISSION]...",
		Short: "Make a role",
		Example: `  permledger role create "Compliance Officer" --allow investor.create,investor.verify --reason TICKET-201
  permledger role create "Investor Viewer" --as viewer investor.list investor.view`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if key == "" {
				if key = client.RoleKey(args[0]); key == "" {
					return usage("no key can be made of the name %q: say --as KEY", args[0])
				}
			}
			in := wire.Intent{Kind: wire.CreateRole, Role: key, Name: &args[0], Permissions: set(append(allow, args[1:]...))}
			if description != "" {
				in.Description = &description
			}
			var err error
			if in.Labels, err = more.set(); err != nil {
				return err
			}
			return a.do(c.Context(), in)
		},
		ValidArgsFunction: a.complete(nothing, permissions),
	})
	c.Flags().StringVar(&key, "as", "", "the `key` of the role; else it is made of the name")
	c.Flags().StringVar(&description, "description", "", "what the role is for")
	c.Flags().StringSliceVar(&allow, "allow", nil, "a `permission` in the role; may be given often, or with commas")
	_ = c.RegisterFlagCompletionFunc("allow", a.complete(permissions))
	more.flags(c)
	return c
}

// labels are what else is said of a role. The label guideline says when to use it.
type labels struct {
	guideline string
	pairs     []string
	cmd       *cobra.Command
}

func (l *labels) flags(c *cobra.Command) {
	l.cmd = c
	c.Flags().StringVar(&l.guideline, "guideline", "", "when to give the role and to whom, in a few `words`; it stands in the export of roles")
	c.Flags().StringArrayVar(&l.pairs, "label", nil, "something else to be said of the role, as `name=value`; without a value it is taken away")
}

func (l *labels) set() (map[string]string, error) {
	set := map[string]string{}
	if l.cmd.Flags().Changed("guideline") {
		set[wire.Guideline] = l.guideline
	}
	for _, pair := range l.pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usage("--label %s: say it as name=value", pair)
		}
		set[name] = value
	}
	return set, nil
}

func (a *app) roleEdit() *cobra.Command {
	var name, description string
	var allow, disallow []string
	var more labels
	c := a.writes(&cobra.Command{
		Use:   "edit KEY",
		Short: "Change what a role is called, and what it allows to all who have it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.UpdateRole, Role: args[0], Add: set(allow), Remove: set(disallow)}
			if c.Flags().Changed("name") {
				in.Name = &name
			}
			if c.Flags().Changed("description") {
				in.Description = &description
			}
			var err error
			if in.Labels, err = more.set(); err != nil {
				return err
			}
			if in.Name == nil && in.Description == nil && len(in.Add)+len(in.Remove)+len(in.Labels) == 0 {
				return usage("edit role %s: say what: --allow, --disallow, --name, --description, --guideline or --label", args[0])
			}
			return a.do(c.Context(), in)
		},
		ValidArgsFunction: a.complete(roles),
	})
	c.Flags().StringVar(&name, "name", "", "the new name")
	c.Flags().StringVar(&description, "description", "", "the new description")
	c.Flags().StringSliceVar(&allow, "allow", nil, "a `permission` that comes into the role; may be given often, or with commas")
	c.Flags().StringSliceVar(&disallow, "disallow", nil, "a `permission` that goes")
	_ = c.RegisterFlagCompletionFunc("allow", a.complete(permissions))
	_ = c.RegisterFlagCompletionFunc("disallow", a.complete(permissions))
	more.flags(c)
	return c
}

// set sorts names and leaves out those that are there twice: a set is written in one way.
func set(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
