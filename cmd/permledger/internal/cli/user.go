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

func (a *app) userCommand() *cobra.Command {
	c := group("user", "List, show, add, change and remove people, services, API keys and wallets",
		a.userList(), a.userShow(), a.userAdd(), a.userUpdate(), a.userLink(), a.userUnlink(), a.userErase(),
		a.userEnd("deactivate", wire.DeactivateSubject, "Deactivate a user: from then on it may do nothing, and keeps what it has"),
		a.userEnd("reactivate", wire.ReactivateSubject, "Reactivate a user that was deactivated, with all that it has"),
		a.userEnd("remove", wire.RemoveSubject, "Remove a user for good: what it has is taken, its keys sign nothing, an invitation is withdrawn"))
	c.Aliases = []string{"subject"}
	return c
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
					t.row("KEY", "KIND", "STATE", "ROLES")
					for _, u := range list.Items {
						t.row(u.Key, u.Kind, stateOf(u), strings.Join(u.Roles, ", "))
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

func stateOf(u wire.Subject) string {
	switch {
	case u.InvitedUntil != "":
		return "invited until " + u.InvitedUntil
	case u.Deactivated != 0:
		return fmt.Sprintf("%s at %d", u.State, u.Deactivated)
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
	if u.Email != "" {
		t.row("e-mail", u.Email)
	}
	if u.Auth != "" {
		t.row("signs in by", u.Auth)
	}
	if u.Holder != "" {
		t.row("assigned to", u.Holder)
	}
	if u.Reference != "" {
		t.row("reference", u.Reference)
	}
	for _, name := range slices.Sorted(maps.Keys(u.Properties)) {
		t.row("property", name+" = "+u.Properties[name])
	}
	for _, to := range u.Links {
		t.row("linked with", to)
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
