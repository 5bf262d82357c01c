package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) resourceCommand() *cobra.Command {
	return group("resource", "List, register, change and remove resources, and assign people to policies",
		a.resourceList(), a.resourceAdd(), a.resourceEdit(), a.resourceRemove(), a.resourceAssign(), a.resourceUnassign())
}

func (a *app) resourceList() *cobra.Command {
	var kind, subject, can string
	c := a.reads(&cobra.Command{
		Use:   "ls",
		Short: "List the resources, or those that a subject may see",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Resources(c.Context(), s.org, kind, subject, can, a.read())
				if err != nil {
					return fmt.Errorf("list the resources: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("RESOURCE", "NAME", "PUBLISHED", "BY", "ASSIGNED", "PROPERTIES")
					for _, r := range list.Items {
						t.row(r.Path, r.Name, yes(r.Published), r.Creator, strings.Join(r.Assigned, ", "), pairs(r.Properties))
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
	c.Flags().StringVar(&kind, "kind", "", "of this `kind` only, as policy")
	c.Flags().StringVar(&subject, "subject", "", "the policies that this `subject` may see")
	c.Flags().StringVar(&can, "can", "", "with --subject: those on which it may do what this `permission` allows")
	return c
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func pairs(m map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, name+"="+m[name])
	}
	return strings.Join(list, ", ")
}

// said are the flags of what is said of a resource.
type said struct {
	name       string
	properties []string
	none       bool
}

func (f *said) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "name", "", "the `name` for people")
	c.Flags().StringArrayVar(&f.properties, "property", nil, "a property that conditions may compare, as `country=LU`")
}

func (f *said) into(c *cobra.Command, in *wire.Intent) error {
	if c.Flags().Changed("name") {
		in.Name = &f.name
	}
	if len(f.properties) > 0 || f.none {
		in.Properties = map[string]string{}
	}
	for _, text := range f.properties {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return usage("--property %s: say it as country=LU", text)
		}
		in.Properties[name] = value
	}
	return nil
}

func (a *app) resourceAdd() *cobra.Command {
	var f said
	var published bool
	c := a.writes(&cobra.Command{
		Use:     "add PATH",
		Short:   "Register a resource; you are its creator",
		Example: `  permledger resource add asset/4711/investor/A --property country=LU`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.RegisterResource, Resource: args[0], Publish: published}
			if err := f.into(c, &in); err != nil {
				return err
			}
			return a.do(c.Context(), in)
		},
	})
	f.flags(c)
	c.Flags().BoolVar(&published, "published", false, "it is published")
	return c
}

func (a *app) resourceEdit() *cobra.Command {
	var f said
	var publish, withdraw bool
	c := a.writes(&cobra.Command{
		Use:   "edit PATH",
		Short: "Say something else of a resource, publish it or withdraw it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.UpdateResource, Resource: args[0], Publish: publish, Withdraw: withdraw}
			if err := f.into(c, &in); err != nil {
				return err
			}
			return a.do(c.Context(), in)
		},
	})
	f.flags(c)
	c.Flags().BoolVar(&f.none, "no-properties", false, "take all properties away that --property does not name")
	c.Flags().BoolVar(&publish, "publish", false, "publish it")
	c.Flags().BoolVar(&withdraw, "withdraw", false, "it is not published any more")
	c.MarkFlagsMutuallyExclusive("publish", "withdraw")
	return c
}

func (a *app) resourceRemove() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "rm PATH",
		Short: "Remove a resource, and with it who is assigned to it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.RemoveResource, Resource: args[0]}
			return a.do(c.Context(), in)
		},
	})
}

func (a *app) resourceAssign() *cobra.Command {
	return a.assignment(wire.AssignAccess, "assign POLICY to SUBJECT", "to", "Assign a subject to a policy")
}

func (a *app) resourceUnassign() *cobra.Command {
	return a.assignment(wire.UnassignAccess, "unassign POLICY from SUBJECT", "from", "End that a subject is assigned to a policy")
}

func (a *app) assignment(kind, use, middle, short string) *cobra.Command {
	return a.writes(&cobra.Command{
		Use: use, Short: short, Args: between(middle),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: kind, Resource: args[0], Subject: args[2]}
			return a.do(c.Context(), in)
		},
	})
}
