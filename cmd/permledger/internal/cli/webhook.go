package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) webhookCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "webhook",
		Short: "Have what changes sent to an address",
		Long: `Have what changes in who may do what sent to an address, signed as Standard Webhooks says (docs/webhooks.md). It takes the
permissions ledger:organization.update and ledger:history.read. A running server delivers; other commands only change what it does.`,
	}
	c.AddCommand(a.webhookCreateCommand(), a.webhookListCommand(), a.webhookSecretCommand(), a.webhookReplayCommand(), a.webhookDeadCommand())
	c.AddCommand(a.ofWebhook("rm ID", "Send nothing there any more", func(c *cobra.Command, s *session, id string) error {
		_, err := s.DeleteWebhook(c.Context(), s.org, id)
		return err
	}, "%s is removed"))
	c.AddCommand(a.ofWebhook("test ID", "Send a message that is no change, once", func(c *cobra.Command, s *session, id string) error {
		return s.TestWebhook(c.Context(), s.org, id)
	}, "%s took it"))
	return c
}

// ofWebhook makes a command that does something with one webhook.
func (a *app) ofWebhook(use, short string, do func(*cobra.Command, *session, string) error, said string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		return a.with(c.Context(), func(s *session) error {
			if err := do(c, s, args[0]); err != nil {
				return fmt.Errorf("webhook: %w", err)
			}
			a.say(said, args[0])
			return nil
		})
	}}
}

func (a *app) webhookCreateCommand() *cobra.Command {
	var in wire.NewWebhook
	c := a.answers(&cobra.Command{
		Use:     "create URL",
		Short:   "Have what changes sent to an address; the secret is shown this once",
		Example: "  permledger webhook create https://example.com/hooks/permissions --kind subject --kind role",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in.URL = args[0]
			return a.with(c.Context(), func(s *session) error {
				w, err := s.CreateWebhook(c.Context(), s.org, in)
				if err != nil {
					return fmt.Errorf("webhook create: %w", err)
				}
				return a.answer(w, func(out io.Writer) error { return writeWebhookSecret(out, w) })
			})
		},
	})
	c.Flags().StringArrayVar(&in.Kinds, "kind", nil, "only changes of a `kind`: subject, role, organization, resource, token or other; may be said again")
	c.Flags().Uint64Var(&in.From, "from", 0, "the first `position` to be sent; else what comes next")
	return c
}

func writeWebhookSecret(out io.Writer, w wire.Webhook) error {
	_, err := fmt.Fprintf(out, "webhook  %s\nsecret   %s\nThe secret is not shown again: the receiver verifies with it what it gets.\n", w.ID, w.Secret)
	return err
}

func (a *app) webhookListCommand() *cobra.Command {
	return a.answers(&cobra.Command{
		Use: "ls", Short: "List where what changes is sent, and how that goes", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Webhooks(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("webhook ls: %w", err)
				}
				return answerList(a, list, func(out io.Writer) error {
					t := table{}
					t.row("ID", "URL", "KINDS", "AT", "DEAD", "STATE")
					for _, w := range list.Items {
						state := "ok"
						switch {
						case w.Stopped != "":
							state = "stopped: " + w.Stopped
						case w.Error != "":
							state = fmt.Sprintf("%s failed, again at %s: %s", count(w.Failures, "attempt", "attempts"), when(w.Next), w.Error)
						}
						t.row(w.ID, w.URL, strings.Join(w.Kinds, ","), fmt.Sprintf("%d of %d", w.Position, w.Head), strconv.Itoa(w.Dead), state)
					}
					return t.writeTo(out, "")
				})
			})
		},
	})
}

func (a *app) webhookSecretCommand() *cobra.Command {
	var overlap string
	c := a.answers(&cobra.Command{
		Use: "secret ID", Short: "Another secret; the one before signs too until an overlap is over", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				w, err := s.RotateWebhook(c.Context(), s.org, args[0], overlap)
				if err != nil {
					return fmt.Errorf("webhook secret: %w", err)
				}
				return a.answer(w, func(out io.Writer) error { return writeWebhookSecret(out, w) })
			})
		},
	})
	c.Flags().StringVar(&overlap, "overlap", "24h", "how `long` deliveries are signed with both")
	return c
}

func (a *app) webhookReplayCommand() *cobra.Command {
	var from uint64
	c := a.ofWebhook("replay ID --from POSITION", "Send what was recorded from a position on, and start a webhook that was stopped",
		func(c *cobra.Command, s *session, id string) error {
			_, err := s.ReplayWebhook(c.Context(), s.org, id, from)
			return err
		}, "%s is sent what was recorded from there on")
	c.Flags().Uint64Var(&from, "from", 0, "the first `position` to be sent")
	_ = c.MarkFlagRequired("from")
	return c
}

func (a *app) webhookDeadCommand() *cobra.Command {
	return a.answers(&cobra.Command{
		Use: "dead ID", Short: "List the messages that a webhook would not take", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.DeadLetters(c.Context(), s.org, args[0])
				if err != nil {
					return fmt.Errorf("webhook dead: %w", err)
				}
				return answerList(a, list, func(out io.Writer) error {
					t := table{}
					t.row("SEQ", "WHEN", "ATTEMPTS", "WHY")
					for _, d := range list.Items {
						t.row(strconv.FormatUint(d.Seq, 10), when(d.Time), strconv.Itoa(d.Attempts), d.Error)
					}
					return t.writeTo(out, "")
				})
			})
		},
	})
}
