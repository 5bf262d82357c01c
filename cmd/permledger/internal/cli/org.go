package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

func (a *app) orgCommand() *cobra.Command {
	return group("org", "List, show, open and rename organizations, and change who owns them; each has a ledger of its own",
		a.orgList(), a.orgShow(), a.orgOpen(), a.orgEdit(), a.orgTransfer(), a.orgRecover(), a.orgAdopt())
}

func (a *app) orgList() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "ls",
		Short: "List the organizations",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withServer(c.Context(), func(s *session) error {
				all, err := s.Organizations(c.Context())
				if err != nil {
					return fmt.Errorf("list the organizations: %w", err)
				}
				return a.organizations(all)
			})
		},
	})
}

// organizations writes a list whose rows each say as of when they hold: organizations have a history each.
func (a *app) organizations(all []wire.Organization) error {
	if a.format == asLines {
		for _, o := range all {
			b, err := encodeJSON(o, false)
			if err != nil {
				return err
			}
			if err := a.write(b); err != nil {
				return err
			}
		}
		return nil
	}
	if all == nil {
		all = []wire.Organization{}
	}
	answer := struct {
		Items []wire.Organization `json:"items"`
	}{all}
	return a.answer(answer, func(w io.Writer) error {
		t := table{}
		t.row("ID", "NAME", "PROFILE", "OWNER", "HEAD", "CID")
		for _, o := range all {
			t.row(o.ID, o.Name, profileName(o), o.Owner, strconv.FormatUint(o.AsOf.Seq, 10), short(o.AsOf.CID))
		}
		return t.writeTo(w, "")
	})
}

func profileName(o wire.Organization) string {
	name, _ := o.Profile["name"].(string)
	return name
}

func (a *app) orgShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "show [ID]",
		Short: "Show an organization",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.org = args[0]
			}
			return a.with(c.Context(), func(s *session) error {
				o, err := s.Organization(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("show organization %s: %w", s.org, err)
				}
				return a.answer(o, func(w io.Writer) error {
					t := table{}
					t.row("id", o.ID)
					t.row("name", o.Name)
					t.row("ledger", o.Ledger)
					t.row("did", o.DID)
					t.row("profile", profileName(o))
					t.row("owner", o.Owner)
					if r := o.Recovery; r != nil {
						t.row("recovery", fmt.Sprintf("%s becomes the owner at %s or later, announced at %d", r.To, r.Due, r.At))
					}
					if o.DefaultRole != "" {
						t.row("default role", o.DefaultRole)
					}
					t.row("rules", fmt.Sprintf("version %d", o.Rules))
					t.row("genesis", o.Genesis)
					t.row("head", fmt.Sprintf("%d  %s", o.AsOf.Seq, o.AsOf.CID))
					for _, w := range o.Witnesses {
						t.row("witness", w.Name+"  "+witnessLine(w))
					}
					if err := t.writeTo(w, ""); err != nil {
						return err
					}
					if _, err := fmt.Fprintln(w); err != nil {
						return err
					}
					return writeSwitches(w, o.Profile)
				})
			})
		},
	})
}

// profileHelp says what the profiles switch on.
const profileHelp = `The profile says which rules the organization has beside those that all have, and what it begins with:

  guardian  permissions bring along those they depend on; signed documents and topic messages; no direct grants; roles can be
            passed on, and are withdrawn from their holders when they are deleted; four roles, one of which everybody gets
  ipaware   no two roles have the same name; no role without a permission; no direct grants; one role for an API key; the
            roles Organization Owner, Organization Admin and Organization Member
  plain     direct grants; new permissions without a catalogue; roles without a permission; roles can be passed on
  stokr     direct grants; no two roles have the same name; roles without a permission; signed documents and topic messages
  tokeny    no direct grants; there are no roles but Token Owner, Token Agent, Investor, Issuer Admin and Marketplace Admin

All but plain begin with the catalogue of their permissions. A direct grant gives a permission to a user without a role.
` + "`permledger org show`" + ` says every switch in words.`

func (a *app) orgOpen() *cobra.Command {
	var o wire.Opening
	c := a.answers(&cobra.Command{
		Use:   "open ID",
		Short: "Open an organization: the first entry of a ledger of its own",
		Long: `Open an organization: the first entry of a ledger of its own. Its owner's key and its root key are made in DIR/keys,
where they are not there yet: keep both elsewhere. Then the profile's catalogue is published and its roles are made; where that
was interrupted, the same command completes it.

` + profileHelp,
		Example: `  permledger org open acme --profile stokr --name "Acme Securities S.A."`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if a.data == "" {
				return usage("open %s: the keys are made in the data directory; say --data DIR", args[0])
			}
			o.Organization = args[0]
			if o.Name == "" {
				o.Name = args[0]
			}
			return a.withServer(c.Context(), func(s *session) error {
				r, err := openComplete(c.Context(), s.Client, a.data, o)
				if err != nil {
					return err
				}
				a.say("owner's key  %s\nroot key     %s", ownerKeyFile(a.data, o.Organization), rootKeyFile(a.data, o.Organization))
				return a.receipt(r)
			})
		},
	})
	f := c.Flags()
	f.StringVar(&o.Profile, "profile", "", "the rules that differ: guardian, ipaware, plain, stokr or tokeny")
	f.StringVar(&o.Name, "name", "", "the `name` for people to read")
	f.StringVar(&o.DID, "did", "", "the `DID` that issues its documents, for ever: one it has elsewhere, or web for the one under the ledger's host; else that of the key that signs")
	f.StringVar(&o.OwnerKey, "owner", "owner", "the `key` of the owner in the organization")
	f.StringVar(&o.OwnerKind, "owner-kind", events.KindHuman, "human, technical or did")
	f.StringVar(&o.OwnerDID, "owner-did", "", "the `DID` the owner has elsewhere")
	_ = c.MarkFlagRequired("profile")
	_ = c.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(node.Profiles(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// openComplete opens an organization with all that its profile begins with. Where an opening was interrupted before that was
// all there, it is completed.
func openComplete(ctx context.Context, c *client.Client, dir string, o wire.Opening) (wire.Receipt, error) {
	r, opened := openOrganization(ctx, c, dir, o)
	if opened != nil && client.CodeOf(opened) != string(rules.AlreadyOpened) {
		return r, opened
	}
	owner, err := keyAt(ownerKeyFile(dir, o.Organization))
	if err != nil {
		return r, err
	}
	if opened != nil {
		if r, err = halfOpen(ctx, c, o, didOf(owner)); err != nil {
			return r, errors.Join(opened, err)
		}
		if r.Seq == 0 {
			return r, opened
		}
	}
	n, err := c.Found(ctx, o.Organization, o.Profile, owner)
	if err == nil && n == 0 && opened != nil {
		err = opened
	}
	return r, err
}

// halfOpen gives the receipt of an organization that the same opening has begun, and that nobody was added to yet; an empty
// one where it is another.
func halfOpen(ctx context.Context, c *client.Client, o wire.Opening, credential string) (wire.Receipt, error) {
	have, err := c.Organization(ctx, o.Organization, client.Read{})
	if err != nil || profileName(have) != o.Profile {
		return wire.Receipt{}, err
	}
	subjects, err := c.Subjects(ctx, o.Organization, client.Read{})
	if err != nil || len(subjects.Items) != 1 {
		return wire.Receipt{}, err
	}
	if owner, err := c.CredentialOwner(ctx, o.Organization, credential); err != nil || !owner.Item.Owner {
		return wire.Receipt{}, nil // somebody else's
	}
	first, err := c.Entry(ctx, o.Organization, "1")
	if err != nil {
		return wire.Receipt{}, err
	}
	return wire.Receipt{Seq: 1, CID: first.CID, Type: string((*events.OrganizationOpened)(nil).Type()), Repeated: true}, nil
}

// openOrganization makes the keys that an organization begins with, where they are not there yet, and opens it.
func openOrganization(ctx context.Context, c *client.Client, dir string, o wire.Opening) (wire.Receipt, error) {
	fail := func(err error) (wire.Receipt, error) {
		return wire.Receipt{}, fmt.Errorf("open %s: %w", o.Organization, err)
	}
	if err := canon.Organization.Check(o.Organization); err != nil { // before its name is in the name of a file
		return fail(usage("%w", err))
	}
	var owner ed25519.PrivateKey
	for _, k := range []struct {
		file string
		did  *string
	}{
		{ownerKeyFile(dir, o.Organization), &o.Credential},
		{rootKeyFile(dir, o.Organization), &o.Root},
		{operatorKeyFile(dir), &o.OperatorKey},
	} {
		key, err := keyAt(k.file)
		if err != nil {
			return fail(err)
		}
		*k.did = didOf(key)
		if owner == nil {
			owner = key
		}
	}
	p, err := c.PrepareOpening(ctx, o)
	if err != nil {
		return fail(err)
	}
	r, err := c.SignAndRecord(ctx, o.Organization, p, owner, nil)
	if err != nil {
		return fail(err)
	}
	return r, nil
}
