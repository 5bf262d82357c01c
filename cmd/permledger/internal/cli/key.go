package cli

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
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
					t.row("PURPOSE", "USER", "SINCE", "STATE", "ROLES", "HOLDER", "LAST USED", "LAST CHANGE", "DID")
					for _, k := range list.Items {
						purpose, holder, changed, used := k.Purpose, "", "", ""
						if k.LastUsed != "" {
							used = when(k.LastUsed)
						}
						if k.APIKey {
							purpose, holder = "api key", cmp.Or(k.Holder, "the organization")
						}
						if k.Changed != nil {
							changed = fmt.Sprintf("at %d, %s, by %s", k.Changed.Seq, when(k.Changed.Time), k.Changed.By)
						}
						t.row(purpose, k.Subject, fmt.Sprint(k.Since), stateOfKey(k), strings.Join(k.Roles, ", "), holder, used, changed, k.DID)
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

// stateOfKey says in words whether a key signs.
func stateOfKey(k wire.Key) string {
	state := "active"
	switch {
	case k.Revoked != 0:
		state = fmt.Sprintf("until %d", k.Revoked)
	case k.Beside:
		state = "replaced, still signs"
	case k.Until != "":
		state = "active until " + when(k.Until)
		if at, err := time.Parse(time.RFC3339, k.Until); err == nil && !time.Now().Before(at) {
			state = "ended " + when(k.Until)
		}
	}
	if k.Reported != 0 {
		state += fmt.Sprintf(", in doubt from %d", k.Reported)
	}
	return state
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

// keyFor is key for a purpose. What the node does not sign with is made by the signer program, where nothing else is said.
func (r *replacement) keyFor(a *app, purpose string) (string, error) {
	did, err := r.key(a)
	if did != "" || err != nil || nodeSigns(purpose) {
		return did, err
	}
	p, err := a.signer.open(a)
	switch {
	case err != nil:
		return "", err
	case p == nil:
		return "", usage("which key comes in? Say --new-key FILE to make one, --to DID, or --signer COMMAND for a program that makes it")
	case a.dryRun: // nothing is made for it
		public, _, err := ed25519.GenerateKey(rand.Reader)
		return didkey.Encode(public), err
	}
	return p.Make(purpose)
}

// nodeSigns says whether the node makes and holds the keys for a purpose.
func nodeSigns(purpose string) bool {
	return purpose == events.PurposeEvent || purpose == events.PurposeDocument || purpose == events.PurposeCheckpoint
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
	c.Flags().StringVar(&purpose, "purpose", events.PurposeCredential, "credential, event, checkpoint, attestor or reader")
	c.Flags().StringVar(&user, "user", "", "the `key` of the user who signs with it")
	_ = c.RegisterFlagCompletionFunc("user", a.complete(subjects))
	return c
}

func (a *app) keyRotate() *cobra.Command {
	var r replacement
	var expires, overlap string
	var out secretFlag
	c := a.writes(&cobra.Command{
		Use:   "rotate PURPOSE|OLD|NAME",
		Short: "Replace a key by another, or the secret of an API key",
		Long: `Replace a key by another: the one that now serves the PURPOSE event, document, checkpoint, root or operator, the
credential that you sign with by the word credential, or any by its DID.

The node makes the keys that it signs with itself: for events, documents and checkpoints. Others are made in a file with
--new-key, or by the program that --signer names. The root key and the operator's key sign their own replacement: with
--data they are found in DIR/keys; else name the old one's file, or with --signer its DID, with --key.

What a key signed until then stays as right as it was. A checkpoint key signs beside the new one until it is revoked, which
the ledger does by itself after seven days.

By its NAME an API key gets another secret, which is shown once; the one before works no more, or with --overlap for so long.`,
		Example: `  permledger key rotate event --reason "yearly"
  permledger key rotate root --new-key new-root.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			until, err1 := parseExpiry("--expires", expires, time.Now())
			beside, err2 := parseExpiry("--overlap", overlap, time.Now())
			if err := cmp.Or(err1, err2); err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				old, purpose, err := a.serving(c.Context(), s, args[0])
				if err != nil {
					return err
				}
				if purpose == "" {
					if old, err = a.apiKey(c.Context(), s, args[0]); err != nil {
						return err
					}
					made, err := out.make(a)
					if err != nil {
						return err
					}
					return a.showing(c.Context(), s, made, out, args[0], wire.Intent{Kind: wire.RotateKey, Old: old, Key: made.DID(), Until: until, Beside: beside})
				}
				if err := a.itself(s.org, old, purpose); err != nil {
					return err
				}
				did, err := r.keyFor(a, purpose)
				if err != nil {
					return err
				}
				return a.change(c.Context(), s, wire.Intent{Kind: wire.RotateKey, Old: old, Key: did, Until: until, Beside: beside})
			})
		},
		ValidArgs: []string{
			events.PurposeEvent, events.PurposeDocument, events.PurposeCheckpoint, events.PurposeRoot, events.PurposeOperator, events.PurposeCredential,
		},
	})
	r.flags(c)
	out.flag(c)
	c.Flags().StringVar(&expires, "expires", "", "of an API key, or another credential: when the new one ends, after a `time`, as 90d, or at an instant")
	c.Flags().StringVar(&overlap, "overlap", "", "of such: how long the old one still works, as a `time`, 24h, at most 90d")
	return c
}

// serving gives the key that somebody names by its purpose or its DID, and what it is for; no purpose where it is the name of
// an API key.
func (a *app) serving(ctx context.Context, s *session, named string) (did, purpose string, err error) {
	list, err := s.Keys(ctx, s.org)
	if err != nil {
		return "", "", fmt.Errorf("find the key %s: %w", named, err)
	}
	if named == events.PurposeCredential {
		key, err := a.signingKey(s.org)
		if err != nil {
			return "", "", err
		}
		named = didOf(key)
	}
	for _, k := range list.Items {
		switch {
		case k.DID == named:
			did, purpose = k.DID, k.Purpose
		case k.APIKey && k.Subject == named && k.Revoked == 0:
			if purpose != "" {
				return "", "", usage("%s is an API key and a purpose: name the key by its DID, which `permledger key ls` shows", named)
			}
			return "", "", nil
		case k.Purpose == named && k.Subject == "" && k.Revoked == 0 && k.Current:
			did, purpose = k.DID, k.Purpose
		}
	}
	if purpose == "" && strings.HasPrefix(named, "did:") {
		return named, events.PurposeCredential, nil // the ledger says that it is none
	}
	return did, purpose, nil
}

// itself has a root or operator key sign its own replacement, where none was named that signs: the signer program's, else
// the file's.
func (a *app) itself(org, did, purpose string) error {
	if purpose != events.PurposeRoot && purpose != events.PurposeOperator {
		return nil
	}
	a.signs = purpose
	if a.key != "" {
		return nil
	}
	has, err := a.signer.has(a, did)
	switch {
	case err != nil:
		return err
	case has:
		a.key = did
	case a.data != "" && purpose == events.PurposeRoot:
		a.key = rootKeyFile(a.data, org)
	case a.data != "":
		a.key = operatorKeyFile(a.data)
	}
	return nil
}

func (a *app) keySucceed() *cobra.Command {
	var r replacement
	c := a.writes(&cobra.Command{
		Use:   "succeed LOST",
		Short: "Put a key in the place of an event key that is lost; the root key signs",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				root, _, err := a.serving(c.Context(), s, events.PurposeRoot)
				if err == nil {
					err = a.itself(s.org, root, events.PurposeRoot)
				}
				if err != nil {
					return err
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
		Use:   "report [PURPOSE|DID]",
		Short: "Report that others may have had a key: verify lists what it signed. Without one: list the keys that were",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.with(c.Context(), func(s *session) error { return a.reported(c.Context(), s) })
			}
			return a.with(c.Context(), func(s *session) error {
				did, purpose, err := a.serving(c.Context(), s, args[0])
				if err == nil && purpose == "" {
					err = exit(exitNotFound, "there is no key %q; `permledger key ls` lists them", args[0])
				}
				if err != nil {
					return err
				}
				return a.change(c.Context(), s, wire.Intent{Kind: wire.ReportKey, Key: did, From: from})
			})
		},
	})
	c.Flags().Uint64Var(&from, "from", 1, "the first `position` that is in doubt")
	return c
}

// reported lists the keys that were reported.
func (a *app) reported(ctx context.Context, s *session) error {
	list, err := s.Keys(ctx, s.org)
	if err != nil {
		return fmt.Errorf("list the keys: %w", err)
	}
	list.Items = slices.DeleteFunc(list.Items, func(k wire.Key) bool { return k.Reported == 0 })
	return answerList(a, list, func(w io.Writer) error {
		if len(list.Items) == 0 {
			_, err := fmt.Fprintln(w, "no key was reported")
			return err
		}
		t := table{}
		t.row("PURPOSE", "USER", "IN DOUBT FROM", "STATE", "DID")
		for _, k := range list.Items {
			t.row(k.Purpose, k.Subject, fmt.Sprint(k.Reported), stateOfKey(k), k.DID)
		}
		if err := t.writeTo(w, ""); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "`permledger verify` lists what each signed from there on")
		return err
	})
}
