package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/node"
)

// changesFlags say what a server does with what changes, beside answering who asks.
type changesFlags struct {
	publish bool
	allow   []string // networks
}

func (f *changesFlags) flags(c *cobra.Command) {
	c.Flags().BoolVar(&f.publish, "publish-changes", false, "publish what changes to the streams CHANGES_* of all organizations, and not only of those that have readers")
	c.Flags().StringSliceVar(&f.allow, "webhook-allow", nil, "a `network` like 10.0.0.0/8 beside the public internet that webhooks may be in, with plain HTTP too")
}

// options puts the flags into what a node is opened with.
func (f *changesFlags) options(o *node.Options) error {
	o.PublishChanges, o.Webhooks.Deliver = f.publish, true
	for _, text := range f.allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return usage("--webhook-allow %s: a network is written like 10.0.0.0/8", text)
		}
		o.Webhooks.Allow = append(o.Webhooks.Allow, p.Masked())
	}
	return nil
}

func (a *app) changesCommand() *cobra.Command {
	var q wire.ChangesQuery
	var follow bool
	c := a.answers(&cobra.Command{
		Use:   "changes",
		Short: "List who gained and lost which permission on what, and by which entries",
		Long: `List who gained and lost which permission on what, entry by entry. With --follow it goes on as entries are recorded, until it
is told to stop. With -o jsonl each line is a message as docs/changes.md describes it.`,
		Example: `  permledger changes --subject bob
  permledger changes --role desk --follow -o jsonl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				if follow {
					for m, err := range s.FollowChanges(c.Context(), s.org, q) {
						if errors.Is(err, context.Canceled) {
							return nil // told to stop
						}
						if err != nil {
							return fmt.Errorf("changes: %w", err)
						}
						if err := a.changed(m); err != nil {
							return err
						}
					}
					return nil
				}
				for {
					page, err := s.Changes(c.Context(), s.org, q)
					if err != nil {
						return fmt.Errorf("changes: %w", err)
					}
					for _, m := range page.Items {
						if err := a.changed(m); err != nil {
							return err
						}
					}
					if q.From, q.Since = page.Next, ""; page.Next > page.Head {
						return nil
					}
				}
			})
		},
	})
	f := c.Flags()
	f.Uint64Var(&q.From, "from", 0, "the `position` to begin at; else the first, and with --follow what comes next")
	f.StringVar(&q.Since, "since", "", "a `time` to begin at (RFC 3339)")
	f.StringVar(&q.Subject, "subject", "", "for whom something changed, by `key`")
	f.StringVar(&q.Role, "role", "", "of a role, by `key`")
	f.StringVar(&q.Permission, "permission", "", "of a `permission`")
	f.StringVar(&q.Kind, "kind", "", "of a `kind`: subject, role, organization, resource, token or other")
	f.StringVar(&q.Type, "type", "", "by events of a `type`, as role.assigned")
	f.BoolVar(&follow, "follow", false, "go on with what is recorded")
	_ = c.RegisterFlagCompletionFunc("subject", a.complete(subjects))
	_ = c.RegisterFlagCompletionFunc("permission", a.complete(permissions))
	return c
}

// changed writes a message.
func (a *app) changed(m wire.ChangeMessage) error {
	if a.format != asTable {
		b, err := encodeJSON(m, false)
		if err != nil {
			return err
		}
		return a.write(b)
	}
	for _, line := range changedLines(m) {
		if err := a.write([]byte(line + "\n")); err != nil {
			return err
		}
	}
	return nil
}

// changedLines gives a message as people read it: a line for each permission that was gained, lost or held until another
// time; of what changed nothing of that there is no line.
func changedLines(m wire.ChangeMessage) (lines []string) {
	row := func(cells ...string) {
		cells = append([]string{strconv.FormatUint(m.Position, 10), when(m.Time), m.Type}, cells...)
		lines = append(lines, strings.TrimRight(strings.Join(cells, gap), " "))
	}
	if r := m.Role; r != nil {
		for _, p := range r.Added {
			row("role:"+r.Role, "+ "+p)
		}
		for _, p := range r.Removed {
			row("role:"+r.Role, "- "+p)
		}
	}
	for _, s := range m.Subjects {
		if s.Owner != nil {
			row(s.Subject, map[bool]string{true: "+ owner", false: "- owner"}[*s.Owner])
		}
		for _, h := range s.Gained {
			row(s.Subject, "+ "+heldText(h))
		}
		for _, h := range s.Lost {
			row(s.Subject, "- "+heldText(h))
		}
		for _, h := range s.Changed {
			row(s.Subject, "~ "+heldText(h))
		}
	}
	if m.Holders != nil {
		row(count(m.Holders.Count, "holder", "holders"), m.Holders.Query)
	}
	if m.Cut != nil {
		row(count(m.Cut.Count, "permission more", "permissions more"), m.Cut.Query)
	}
	return lines
}

func heldText(h wire.HeldChange) string {
	return h.Permission + onScope(h.Resource) + ifText(h.Condition) + until(h.Until)
}
