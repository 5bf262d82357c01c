package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) sessionCommand() *cobra.Command {
	return group("session", "List and end your sessions, or those of others", a.sessionList(), a.sessionEnd())
}

func (a *app) sessionList() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "ls",
		Short: "List your sessions",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.atServer(c.Context(), "list your sessions", func(s *session) error {
				list, err := s.Sessions(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("list your sessions: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("ID", "OPENED WITH", "IN A", "SINCE", "LAST USED", "ENDS", "")
					for _, one := range list.Items {
						with, in, here := one.Kind, "program", ""
						if with == "session" {
							with = "password"
						}
						if one.Cookie {
							in = "browser"
						}
						if one.Current {
							here = "this one"
						}
						t.row(one.ID, with, in, when(one.Begun), when(one.Seen), when(one.Ends), here)
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

func (a *app) sessionEnd() *cobra.Command {
	var user string
	c := a.answers(&cobra.Command{
		Use:   "end [ID]",
		Short: "End one of your sessions by its ID, or all of a user's",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == (user != "") {
				return usage("end which session? Say its ID, as `permledger session ls` shows it, or --user KEY for all of a user")
			}
			return a.atServer(c.Context(), "end a session", func(s *session) error {
				end := func() (any, int, error) {
					if user != "" {
						out, err := s.EndSessionsOf(c.Context(), s.org, user)
						return out, out.Ended, err
					}
					out, err := s.EndSession(c.Context(), s.org, args[0])
					return out, out.Ended, err
				}
				out, ended, err := end()
				if err != nil {
					return fmt.Errorf("end a session: %w", err)
				}
				return a.answer(out, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "ended %s\n", count(ended, "session", "sessions"))
					return err
				})
			})
		},
	})
	c.Flags().StringVar(&user, "user", "", "the `key` of a user, all of whose sessions end")
	_ = c.RegisterFlagCompletionFunc("user", a.complete(subjects))
	return c
}
