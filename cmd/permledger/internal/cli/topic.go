package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/projections/topic"
)

func (a *app) topicCommand() *cobra.Command {
	var from uint64
	c := &cobra.Command{
		Use:   "topic",
		Short: "Write the organization's topic messages, a line each, in their exact bytes",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				none := true
				for line, err := range s.Topic(c.Context(), s.org, from) {
					if err != nil {
						return fmt.Errorf("topic: %w", err)
					}
					none = false
					if err := a.write(append(line[:len(line):len(line)], '\n')); err != nil {
						return err
					}
				}
				if none {
					return a.noMessages(c.Context(), s)
				}
				return nil
			})
		},
	}
	c.Flags().Uint64Var(&from, "from", 0, "the `position` of the first event whose message is wanted")
	c.AddCommand(a.topicCheck())
	return c
}

func (a *app) topicCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Read messages from a file, or from stdin with -, and write each again; one that is not in its one form ends it",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			in := a.p.In
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return usage("topic check: %w", err)
				}
				defer f.Close()
				in = f
			}
			n := 0
			for lines := bufio.NewScanner(in); ; n++ {
				if !lines.Scan() {
					if err := lines.Err(); err != nil {
						return fmt.Errorf("topic check %s: %w", args[0], err)
					}
					a.say("%s, each in its one form", count(n, "message", "messages"))
					return nil
				}
				m, err := topic.ParseMessage(lines.Bytes())
				if err != nil {
					return usage("topic check %s: line %d: %w", args[0], n+1, err)
				}
				if err := a.write(append(m.Bytes(), '\n')); err != nil {
					return err
				}
			}
		},
	}
}

// noMessages says why there are none, where it is the profile.
func (a *app) noMessages(ctx context.Context, s *session) error {
	o, err := s.Organization(ctx, s.org, client.Read{})
	if err != nil {
		return fmt.Errorf("topic: %w", err)
	}
	if with, _ := o.Profile["documents"].(bool); !with {
		a.say("topic: the profile of %s, %s, has no documents, so its changes give no messages; guardian and stokr have them", s.org, profileName(o))
	}
	return nil
}
