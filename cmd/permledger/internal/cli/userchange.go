package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func (a *app) userAdd() *cobra.Command {
	var p aboutFlags
	var did, credential, newKey, holder string
	c := a.writes(&cobra.Command{
		Use:   "add KEY",
		Short: "Add a person, a service, an API key or a wallet",
		Long: `Add a person, a service, an API key or a wallet, under a key of your own. That of a wallet is its address, or did:pkh of its
chain, for it signs in that name.

Name and e-mail stand in the log as commitments only; the words are kept apart and can be erased.`,
		Example: `  permledger user add ben --name "Ben Okafor" --new-key ben.key --role auditor
  permledger user add etl-nightly --kind technical --auth api-key --property desk=data
  permledger user add 0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826 --kind wallet`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if newKey != "" && credential != "" {
				return usage("add user %s: --new-key makes the key that --credential would name", args[0])
			}
			in := wire.Intent{Kind: wire.AddSubject, Subject: args[0], DID: did, SubjectKey: credential, Holder: holder}
			texts, err := p.put(c, &in)
			if err != nil {
				return err
			}
			if newKey != "" {
				if in.SubjectKey, err = a.makeKey(newKey); err != nil {
					return fmt.Errorf("add user %s: %w", args[0], err)
				}
			}
			return a.do(c.Context(), in, texts...)
		},
	})
	p.flags(a, c)
	f := c.Flags()
	f.StringVar(&p.kind, "kind", events.KindHuman, "human, technical, api-key, wallet or did")
	f.StringVar(&did, "did", "", "the `DID` the subject has elsewhere")
	f.StringVar(&credential, "credential", "", "the `did:key` that the subject signs with")
	f.StringVar(&newKey, "new-key", "", "make that key, in a `file`")
	f.StringVar(&holder, "assigned-to", "", "the `key` of the member that an API key is assigned to")
	_ = c.RegisterFlagCompletionFunc("assigned-to", a.complete(subjects))
	return c
}

func (a *app) userUpdate() *cobra.Command {
	var p aboutFlags
	var holder string
	var unassigned, none bool
	c := a.writes(&cobra.Command{
		Use:   "update KEY",
		Short: "Change what is said of a user; what is not named stays",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.UpdateSubject, Subject: args[0], Holder: holder, Unassigned: unassigned}
			texts, err := p.put(c, &in)
			if err != nil {
				return err
			}
			if none {
				in.Properties = map[string]string{}
			}
			return a.do(c.Context(), in, texts...)
		},
		ValidArgsFunction: a.complete(subjects),
	})
	f := c.Flags()
	f.StringVar(&p.name, "name", "", "the `name` for people to read")
	f.StringVar(&p.email, "email", "", "the e-mail `address`")
	f.StringVar(&p.reference, "reference", "", "its `name` in another system; empty takes it away")
	f.StringArrayVar(&p.properties, "property", nil, "`name=value`: all that there are, several times for several")
	f.BoolVar(&none, "no-properties", false, "take all properties away")
	f.StringVar(&holder, "assigned-to", "", "the `key` of the member that an API key is assigned to")
	f.BoolVar(&unassigned, "unassigned", false, "an API key is assigned to nobody any more")
	c.MarkFlagsMutuallyExclusive("property", "no-properties")
	c.MarkFlagsMutuallyExclusive("assigned-to", "unassigned")
	_ = c.RegisterFlagCompletionFunc("assigned-to", a.complete(subjects))
	return c
}

// userEnd gives a command that takes nothing but a user.
func (a *app) userEnd(use, kind, short string) *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   use + " KEY",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.do(c.Context(), wire.Intent{Kind: kind, Subject: args[0]})
		},
		ValidArgsFunction: a.complete(subjects),
	})
}

func (a *app) userLink() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "link KEY with WALLET|DID",
		Short: "Show a user together with a wallet or a DID; nothing follows from it for what is allowed",
		Args:  between("with"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.do(c.Context(), wire.Intent{Kind: wire.LinkSubject, Subject: args[0], To: args[2]})
		},
		ValidArgsFunction: a.complete(subjects, word("with"), nothing),
	})
}

func (a *app) userUnlink() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "unlink KEY from WALLET|DID",
		Short: "Show a user no longer together with a wallet or a DID",
		Args:  between("from"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.do(c.Context(), wire.Intent{Kind: wire.UnlinkSubject, Subject: args[0], To: args[2]})
		},
		ValidArgsFunction: a.complete(subjects, word("from"), nothing),
	})
}

// erased is the answer of erase: one event takes 1,000 texts at most.
type erased struct {
	Recorded []wire.Receipt `json:"recorded"`
	Erased   []wire.Erasure `json:"erased"`
}

func (a *app) userErase() *cobra.Command {
	var everything bool
	c := a.writes(&cobra.Command{
		Use:   "erase KEY",
		Short: "Erase what is private about a user: name, e-mail, login, and the reasons of what was recorded about it",
		Long: `Erase what is private about a user: its name, e-mail address and login, and the reasons of what was recorded about it.
The event that says so is recorded first; then the texts and their salts are removed wherever the ledger keeps them, and they
are removed again where an old copy of them is put back. The log holds commitments only, and every proof still verifies.

What stands in the log itself cannot be erased: the user's key, its id, the address of a wallet. Nor are backups of yours.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.EraseSubject, Subject: args[0], Everything: everything}
			return a.with(c.Context(), func(s *session) error {
				var all erased
				for full := true; full; {
					d, err := a.prepare(c.Context(), s, in)
					if client.CodeOf(err) == string(rules.NoChange) && len(all.Recorded) > 0 {
						break
					}
					if err != nil {
						return err
					}
					if a.dryRun {
						return a.preview(d.Prepared)
					}
					r, err := a.record(c.Context(), s, d)
					if err != nil {
						return err
					}
					all.Recorded, full = append(all.Recorded, r), false
					if d.Preview != nil {
						all.Erased = append(all.Erased, d.Preview.Erases...)
						full = len(d.Preview.Erases) == events.MaxErased
					}
				}
				return a.answer(all, func(w io.Writer) error { return writeErased(w, all) })
			})
		},
		ValidArgsFunction: a.complete(subjects),
	})
	c.Flags().BoolVar(&everything, "everything", false, "the reasons that it gave for what it did to others, too")
	return c
}

func writeErased(w io.Writer, e erased) error {
	p := printer{w: w}
	for _, r := range e.Recorded {
		p.f("recorded at %d  %s  %s\n", r.Seq, r.CID, r.Type)
	}
	for _, one := range e.Erased {
		p.f("erased  %s of %d\n", one.What, one.Seq)
	}
	return p.err
}
