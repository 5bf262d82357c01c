package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

func (a *app) keyCommand() *cobra.Command {
	return group("key", "Make, register, replace, revoke and report keys",
		a.keyCreate(), a.keyList(), a.keyRegister(), a.keyRotate(), a.keySucceed(), a.keyRevoke(), a.keyReport())
}

func (a *app) keyList() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "ls",
		Short: "List the ledger's keys, API keys, and the credentials that users sign with",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Keys(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("list the keys: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("PURPOSE", "USER", "STATE", "ROLES", "HOLDER", "LAST CHANGE", "DID")
					for _, k := range list.Items {
						state := "active"
						if k.Revoked != 0 {
							state = fmt.Sprintf("until %d", k.Revoked)
						}
						purpose, holder, changed := k.Purpose, "", ""
						if k.APIKey {
							purpose, holder = "api key", cmp.Or(k.Holder, "the organization")
						}
						if k.Changed != nil {
							changed = fmt.Sprintf("at %d, %s, by %s", k.Changed.Seq, when(k.Changed.Time), k.Changed.By)
						}
						t.row(purpose, k.Subject, state, strings.Join(k.Roles, ", "), holder, changed, k.DID)
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

// replacement is the flags that name the key which comes in.
type replacement struct{ did, file string }

func (r *replacement) flags(c *cobra.Command) {
	c.Flags().StringVar(&r.did, "to", "", "the `did:key` that comes in; keys that the node signs with it makes itself")
	c.Flags().StringVar(&r.file, "new-key", "", "make the key that comes in, in a `file`")
	c.MarkFlagsMutuallyExclusive("to", "new-key")
}

// key gives the did:key; empty where the node is to make the key.
func (r *replacement) key(a *app) (string, error) {
	if r.file == "" {
		return r.did, nil
	}
	return a.makeKey(r.file)
}

func (a *app) keyRegister() *cobra.Command {
	var r replacement
	var purpose, user string
	c := a.writes(&cobra.Command{
		Use:   "register",
		Short: "Register a key: a credential that a user signs with, or one of the ledger's",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if purpose == events.PurposeCredential && user == "" {
				return usage("register a key: whose is it? Say --user KEY")
			}
			if purpose == events.PurposeCredential && r.did == "" && r.file == "" {
				return usage("register a key: which? Say --to DID, or --new-key FILE to make one")
			}
			return a.with(c.Context(), func(s *session) error {
				did, err := r.key(a)
				if err != nil {
					return err
				}
				return a.change(c.Context(), s, wire.Intent{Kind: wire.RegisterKey, Key: did, Purpose: purpose, Subject: user})
			})
		},
	})
	r.flags(c)
	c.Flags().StringVar(&purpose, "purpose", events.PurposeCredential, "credential, event, document, root or operator")
	c.Flags().StringVar(&user, "user", "", "the `key` of the user who signs with it")
	_ = c.RegisterFlagCompletionFunc("user", a.complete(subjects))
	return c
}

func (a *app) keyRotate() *cobra.Command {
	var r replacement
	var out secretFlag
	c := a.writes(&cobra.Command{
		Use:   "rotate OLD|NAME",
		Short: "Replace a key by another, or the secret of an API key",
		Long: `Replace a key by another. The root key and the operator's key sign their own replacement: name the old one's file
with --key.

By its NAME an API key gets another secret, which is shown once; the one before works no more.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				if old, err := a.apiKey(c.Context(), s, args[0]); err != nil {
					return err
				} else if old != "" {
					made, err := out.make(a)
					if err != nil {
						return err
					}
					return a.showing(c.Context(), s, made, out, args[0], wire.Intent{Kind: wire.RotateKey, Old: old, Key: made.DID()})
				}
				did, err := r.key(a)
				if err != nil {
					return err
				}
				return a.change(c.Context(), s, wire.Intent{Kind: wire.RotateKey, Old: args[0], Key: did})
			})
		},
	})
	r.flags(c)
	out.flag(c)
	return c
}

func (a *app) keySucceed() *cobra.Command {
	var r replacement
	c := a.writes(&cobra.Command{
		Use:   "succeed LOST",
		Short: "Put a key in the place of an event key that is lost; the root key signs",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				if a.key == "" && a.data != "" {
					a.key = rootKeyFile(a.data, s.org)
				}
				did, err := r.key(a)
				if err != nil {
					return err
				}
				return a.change(c.Context(), s, wire.Intent{Kind: wire.SucceedKey, Old: args[0], Key: did})
			})
		},
	})
	r.flags(c)
	return c
}

func (a *app) keyRevoke() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "revoke DID|NAME",
		Short: "Revoke a key, or an API key by its name: what it signs from here on counts for nothing",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				name, err := a.apiKey(c.Context(), s, args[0])
				if err != nil {
					return err
				}
				if name != "" { // it is a subject of its own, which has nothing any more either
					return a.change(c.Context(), s, wire.Intent{Kind: wire.RemoveSubject, Subject: args[0]})
				}
				return a.change(c.Context(), s, wire.Intent{Kind: wire.RevokeKey, Key: args[0]})
			})
		},
	})
}

func (a *app) keyReport() *cobra.Command {
	var from uint64
	c := a.writes(&cobra.Command{
		Use:   "report DID",
		Short: "Report that others may have had a key: verify lists what it signed",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.do(c.Context(), wire.Intent{Kind: wire.ReportKey, Key: args[0], From: from})
		},
	})
	c.Flags().Uint64Var(&from, "from", 1, "the first `position` that is in doubt")
	return c
}
