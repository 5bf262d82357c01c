package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

func (a *app) userCommand() *cobra.Command {
	return group("user", "List, show, add and deactivate people, services and wallets",
		a.userList(), a.userShow(), a.userAdd(), a.userDeactivate())
}

func (a *app) userList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "ls",
		Short: "List the users",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Subjects(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("list the users: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("KEY", "KIND", "NAME", "STATE", "ROLES")
					for _, u := range list.Items {
						t.row(u.Key, u.Kind, u.DisplayName, stateOf(u), strings.Join(u.Roles, ", "))
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

func stateOf(u wire.Subject) string {
	switch {
	case u.Deactivated != 0:
		return fmt.Sprintf("deactivated at %d", u.Deactivated)
	case u.Owner:
		return "active, owner"
	}
	return "active"
}

func (a *app) userShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "show KEY",
		Short: "Show a user and what was given to it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				one, err := s.Subject(c.Context(), s.org, args[0], a.read())
				if err != nil {
					return fmt.Errorf("show user %s: %w", args[0], err)
				}
				answer := struct {
					wire.Subject
					AsOf wire.AsOf `json:"asOf"`
				}{one.Item, one.AsOf}
				return a.answer(answer, func(w io.Writer) error { return writeUser(w, one.Item, one.AsOf) })
			})
		},
		ValidArgsFunction: a.complete(subjects),
	})
}

func writeUser(w io.Writer, u wire.Subject, at wire.AsOf) error {
	t := table{}
	t.row("key", u.Key)
	t.row("kind", u.Kind)
	if u.DisplayName != "" {
		t.row("name", u.DisplayName)
	}
	if u.DID != "" {
		t.row("did", u.DID)
	}
	t.row("added", fmt.Sprintf("at %d, %s", u.Added, stateOf(u)))
	t.row("as of", strings.TrimPrefix(asOfText(at), "as of "))
	if err := t.writeTo(w, ""); err != nil {
		return err
	}
	held := table{}
	for _, h := range u.Holds {
		what := "role " + h.Role
		if h.Permission != "" {
			what = h.Permission
		}
		held.row("+ "+what, orAll(h.Scope), fmt.Sprintf("since %d%s", h.At, until(h.Until)))
	}
	return held.writeTo(w, "")
}

func (a *app) userAdd() *cobra.Command {
	var kind, did, name, email, credential, newKey string
	c := a.writes(&cobra.Command{
		Use:   "add KEY",
		Short: "Add a person, a service or a wallet",
		Long: `Add a person, a service or a wallet, under a key of your own.

Name and e-mail stand in the log as commitments only; the words are kept apart and can be erased.`,
		Example: `  permledger user add ben --name "Ben Okafor" --new-key ben.key
  permledger user add etl-nightly --kind technical`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if newKey != "" && credential != "" {
				return usage("add user %s: --new-key makes the key that --credential would name", args[0])
			}
			in := wire.Intent{Kind: wire.AddSubject, Subject: args[0], SubjectKind: kind, DID: did, SubjectKey: credential}
			var texts []wire.Text
			private := func(member *string, text string) {
				if text != "" {
					commitment, t := client.Commit(text)
					*member, texts = commitment, append(texts, t)
				}
			}
			private(&in.DisplayName, name)
			private(&in.Email, email)
			if newKey != "" {
				var err error
				if in.SubjectKey, err = a.makeKey(newKey); err != nil {
					return fmt.Errorf("add user %s: %w", args[0], err)
				}
			}
			return a.with(c.Context(), func(s *session) error { return a.change(c.Context(), s, in, texts...) })
		},
	})
	f := c.Flags()
	f.StringVar(&kind, "kind", events.KindHuman, "human, technical, api-key, wallet or did")
	f.StringVar(&did, "did", "", "the `DID` the subject has elsewhere")
	f.StringVar(&name, "name", "", "the `name` for people to read")
	f.StringVar(&email, "email", "", "the e-mail `address`")
	f.StringVar(&credential, "credential", "", "the `did:key` that the subject signs with")
	f.StringVar(&newKey, "new-key", "", "make that key, in a `file`")
	return c
}

func (a *app) userDeactivate() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "deactivate KEY",
		Short: "Deactivate a user: from then on it may do nothing",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				return a.change(c.Context(), s, wire.Intent{Kind: wire.DeactivateSubject, Subject: args[0]})
			})
		},
		ValidArgsFunction: a.complete(subjects),
	})
}
