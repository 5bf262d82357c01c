package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/rules"
)

func (a *app) diffCommand() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "diff A..B [role:KEY|user:KEY]",
		Short: "Say who gained and lost what between two moments, and how roles changed",
		Long: `Say who gained and lost what between two moments, how roles changed, and which events did it. A and B are written as
"permledger help revisions" says; B left out is now. Of the owner, who may do everything, nothing is said.`,
		Example: `  permledger diff 20..41
  permledger diff 2026-10-01..2026-10-31 role:compliance-officer
  permledger diff 24h.. user:ben`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			from, to, role, subject, err := parseDiff(args)
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				d, err := s.Diff(c.Context(), s.org, from, to, role, subject)
				if err != nil {
					return fmt.Errorf("diff %s: %w", args[0], err)
				}
				return a.answer(d, func(w io.Writer) error { return writeDifference(w, d) })
			})
		},
	})
}

// parseDiff reads the moments and what alone is looked at.
func parseDiff(args []string) (from, to, role, subject string, err error) {
	from, to, ok := strings.Cut(args[0], "..")
	if !ok || from == "" {
		return "", "", "", "", usage("diff %s: say two moments, as 20..41 or 2026-10-01..head", args[0])
	}
	if len(args) > 1 {
		kind, name, _ := strings.Cut(args[1], ":")
		switch {
		case kind == "role" && name != "":
			role = name
		case kind == "user" && name != "":
			subject = name
		default:
			return "", "", "", "", usage("diff %s: say role:KEY or user:KEY", args[1])
		}
	}
	return from, to, role, subject, nil
}

func writeDifference(w io.Writer, d wire.Difference) error {
	p := printer{w: w}
	if len(d.Subjects)+len(d.Roles) == 0 {
		p.f("no difference between %d and %d\n", d.From.Seq, d.To.Seq)
		return p.err
	}
	p.f("from %d to %d\n", d.From.Seq, d.To.Seq)
	t := table{}
	for _, s := range d.Subjects {
		t.row(s.Subject)
		for _, c := range s.Gained {
			t.row("  + "+c.Permission+onScope(c.Scope), atPositions(c.Causes))
		}
		for _, c := range s.Lost {
			t.row("  − "+c.Permission+onScope(c.Scope), atPositions(c.Causes))
		}
	}
	for _, r := range d.Roles {
		t.row("role "+r.Role, strings.TrimPrefix(roleStory(r), ", "))
		for _, in := range r.Added {
			t.row("  + "+in.Permission, atPositions([]uint64{in.At}))
		}
		for _, in := range r.Removed {
			t.row("  − "+in.Permission, atPositions([]uint64{in.At}))
		}
		for _, h := range r.Came {
			t.row("  + holder "+h.Subject+onScope(h.Scope), atPositions([]uint64{h.At}))
		}
		for _, h := range r.Left {
			t.row("  − holder "+h.Subject+onScope(h.Scope), atPositions([]uint64{h.At}))
		}
	}
	if p.err == nil {
		p.err = t.writeTo(w, "")
	}
	if p.err != nil || len(d.Entries) == 0 {
		return p.err
	}
	p.f("what was recorded\n")
	events := table{}
	for _, i := range d.Entries {
		events.row(historyRow(i)...)
	}
	if p.err == nil {
		p.err = events.writeTo(w, "  ")
	}
	if d.More > 0 {
		p.f("  and %d more\n", d.More)
	}
	return p.err
}

func roleStory(r wire.RoleChange) string {
	s := ""
	if r.Created != 0 {
		s += fmt.Sprintf(", created at %d", r.Created)
	}
	if r.Deleted != 0 {
		s += fmt.Sprintf(", deleted at %d", r.Deleted)
	}
	if r.Name != nil {
		s += fmt.Sprintf(", now called %q", *r.Name)
	}
	if r.Description != nil {
		s += fmt.Sprintf(", now described as %q", *r.Description)
	}
	return s
}

// atPositions says which events did something.
func atPositions(positions []uint64) string {
	var list []string
	for _, at := range positions {
		if at != 0 {
			list = append(list, strconv.FormatUint(at, 10))
		}
	}
	if len(list) == 0 {
		return "its end has come"
	}
	return "at " + strings.Join(list, ", ")
}

func (a *app) blameCommand() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "blame ROLE|user:KEY",
		Short: "Say since which event each permission is in a role, or with a user: by whom, when and why",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				var list wire.List[wire.Blame]
				user, isUser := strings.CutPrefix(args[0], "user:")
				var err error
				if isUser {
					list, err = s.BlameSubject(c.Context(), s.org, user, a.read())
				} else {
					list, err = s.BlameRole(c.Context(), s.org, strings.TrimPrefix(args[0], "role:"), a.read())
				}
				if client.CodeOf(err) == string(rules.NotFound) && !strings.Contains(args[0], ":") {
					return fmt.Errorf("blame %s: %w\nOf a user: permledger blame user:%s", args[0], err, args[0])
				}
				if err != nil {
					return fmt.Errorf("blame %s: %w", args[0], err)
				}
				return answerList(a, list, func(w io.Writer) error { return writeBlame(w, list.Items, isUser) })
			})
		},
		ValidArgsFunction: a.complete(roles),
	})
}

func writeBlame(w io.Writer, items []wire.Blame, user bool) error {
	t := table{}
	if user {
		t.row("PERMISSION", "SCOPE", "THROUGH", "SINCE", "WHEN", "WHO", "WHY")
	} else {
		t.row("PERMISSION", "SINCE", "WHEN", "WHO", "WHY")
	}
	for _, b := range items {
		rest := []string{strconv.FormatUint(b.Seq, 10), when(b.Time), b.By, b.Reason}
		if user {
			through := "directly"
			switch {
			case b.Role != "":
				through = "role " + b.Role
			case b.Type == "organization.opened":
				through = "owner"
			}
			rest = append([]string{orAll(b.Scope), through}, rest...)
		}
		t.row(append([]string{b.Permission}, rest...)...)
	}
	return t.writeTo(w, "")
}
