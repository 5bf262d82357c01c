package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) activityCommand() *cobra.Command {
	var q wire.ActivityQuery
	c := a.answers(&cobra.Command{
		Use:   "activity",
		Short: "List what was refused, who signed in, and what was mended: what the ledger does not hold",
		Long: `List what was refused, who signed in, and what was mended: what was asked or done beside the ledger. The newest come
last. Everybody may read its own; of others it takes a permission for their log.`,
		Example: `  permledger activity --user bob --since 2026-03-01T00:00:00Z
  permledger activity --kind refused --permission user.deactivate -o jsonl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if kind, name, ok := strings.Cut(q.About, ":"); ok && kind == "user" {
				q.About = "subject:" + name
			}
			return a.with(c.Context(), func(s *session) error {
				list, err := s.FindActivity(c.Context(), s.org, q)
				if err != nil {
					return fmt.Errorf("activity: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error { return writeActivity(w, list.Items) })
			})
		},
	})
	f := c.Flags()
	f.StringVar(&q.Actor, "user", "", "of a user, by `key`")
	f.StringVar(&q.Type, "action", "", "that asked for an event of a `type`, as role.created")
	f.StringVar(&q.About, "about", "", "about a `thing`: role:KEY or user:KEY")
	f.StringVar(&q.Kind, "kind", "", "of a `kind`: refused, denied, signed-in, signed-out, sign-in-refused, webhook, mended or alarm")
	f.StringVar(&q.Code, "code", "", "refused with a `code`, as not-permitted")
	f.StringVar(&q.Permission, "permission", "", "for want of a `permission`")
	f.StringVar(&q.Since, "since", "", "not before a `time` (RFC 3339)")
	f.StringVar(&q.Before, "before", "", "before a `time` (RFC 3339)")
	f.IntVar(&q.Limit, "limit", 0, "the newest `number` of them; 100 where nothing is said")
	_ = c.RegisterFlagCompletionFunc("user", a.complete(subjects))
	_ = c.RegisterFlagCompletionFunc("permission", a.complete(permissions))
	return c
}

func writeActivity(w io.Writer, items []wire.Activity) error {
	t := table{}
	t.row("SEQ", "WHEN", "WHO", "KIND", "WHAT", "WHY")
	for _, i := range items {
		what := i.Request
		if i.Type != "" {
			what = i.Type + " " + i.About
		}
		why := i.Reason
		if i.Permission != "" && !strings.Contains(why, i.Permission) {
			why += " (" + i.Permission + ")"
		}
		t.row(strconv.FormatUint(i.Seq, 10), when(i.Time), i.Actor, i.Kind, strings.TrimSpace(what), why)
	}
	return t.writeTo(w, "")
}
