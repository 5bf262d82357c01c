package cli

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// managedWords says who assigns the roles that are assigned in a way of their own.
var managedWords = map[string]string{
	events.ManagedOwner:       "to the owner alone, with the ownership",
	events.ManagedOperator:    "by whoever runs the ledger",
	events.ManagedTokenOwner:  "by the deployment and the transfer of a token",
	events.ManagedTokenAgent:  "by the owner of a token",
	events.ManagedTokenHolder: "by qualification for a token",
}

func (a *app) roleRemove() *cobra.Command {
	var yes bool
	c := a.writes(&cobra.Command{
		Use:   "rm KEY",
		Short: "Remove a role for good",
		Long: `Remove a role for good, after asking; --yes says so beforehand. A role that somebody holds is refused, with the list of its
holders; where the organization's switches say so (org show: withdrawRoles), it is taken from each of them first, one
event for each.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error { return a.removeRole(c.Context(), s, args[0], yes) })
		},
		ValidArgsFunction: a.complete(roles),
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (a *app) removeRole(ctx context.Context, s *session, key string, yes bool) error {
	in := wire.Intent{Kind: wire.DeleteRole, Role: key, Confirm: true}
	d, err := a.prepare(ctx, s, in)
	if err != nil {
		return err
	}
	p := d.Prepared
	first, err := a.withdrawals(ctx, s, key, p)
	if err != nil {
		return err
	}
	if p.Refusal != nil && first == nil || a.dryRun {
		for _, h := range first {
			a.say("first it would be withdrawn from %s%s", h.Subject, onScope(h.Scope))
		}
		if a.dryRun && (p.Refusal == nil || first == nil) {
			return a.preview(p)
		}
		if a.dryRun {
			return nil
		}
		_, err := a.record(ctx, s, d) // so that the refusal is noted
		return err
	}
	for _, h := range first {
		a.say("it is withdrawn from %s%s", h.Subject, onScope(h.Scope))
	}
	if !yes && !a.confirmed("Remove the role "+key+" for good?") {
		return usage("rm %s: not confirmed, so nothing was removed; say --yes", key)
	}
	for _, h := range first {
		d, err := a.prepare(ctx, s, h)
		if err != nil {
			return err
		}
		if _, err := a.record(ctx, s, d); err != nil {
			return err
		}
	}
	return a.change(ctx, s, in)
}

// withdrawals gives what takes a role from everybody who holds it, where that is what keeps it from being deleted and the
// organization withdraws roles; else none.
func (a *app) withdrawals(ctx context.Context, s *session, key string, p wire.Prepared) ([]wire.Intent, error) {
	if p.Refusal == nil || p.Refusal.Code() != string(rules.InUse) || len(p.Refusal.Holders) == 0 {
		return nil, nil
	}
	o, err := s.Organization(ctx, s.org, client.Read{})
	if err != nil {
		return nil, err
	}
	if on, _ := o.Profile["withdrawRoles"].(bool); !on {
		return nil, nil
	}
	role, err := s.Role(ctx, s.org, key, client.Read{})
	if err != nil {
		return nil, err
	}
	var all []wire.Intent
	for _, holder := range slices.Sorted(slices.Values(p.Refusal.Holders)) {
		u, err := s.Subject(ctx, s.org, holder, client.Read{})
		if err != nil {
			return nil, err
		}
		for _, h := range u.Item.Holds {
			if h.Role == role.Item.Key {
				all = append(all, wire.Intent{Kind: wire.RevokeRole, Role: key, Subject: holder, Scope: h.Scope})
			}
		}
	}
	return all, nil
}

// confirmed asks a question that is answered with yes, or not.
func (a *app) confirmed(question string) bool {
	fmt.Fprintf(a.p.Err, "%s This cannot be undone. [yes/no] ", question)
	line, _ := bufio.NewReader(a.p.In).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "yes" || answer == "y"
}

func (a *app) roleDefault() *cobra.Command {
	var none bool
	c := a.writes(&cobra.Command{
		Use:   "default [KEY]",
		Short: "Say which role everybody gets who is added from now on",
		Long: `Say which role everybody gets who is added from now on; --none says that there is none. Whoever is there already keeps what
it has. At most one role is the default.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if none == (len(args) == 1) {
				return usage("default role: say which, or --none")
			}
			in := wire.Intent{Kind: wire.DefaultRole}
			if !none {
				in.Role = args[0]
			}
			return a.do(c.Context(), in)
		},
		ValidArgsFunction: a.complete(roles),
	})
	c.Flags().BoolVar(&none, "none", false, "nobody gets a role by being added")
	return c
}
