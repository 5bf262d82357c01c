package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/node"
)

// initialized is the answer of init.
type initialized struct {
	Directory    string `json:"directory"`
	Organization string `json:"organization"`
	Genesis      string `json:"genesis"`
	Key          string `json:"key"`
	profile      string
	Recorded     wire.Receipt `json:"recorded"`
	Code         string       `json:"code,omitempty"` // with which the owner signs in first
}

func (a *app) initCommand() *cobra.Command {
	var host string
	var again bool
	o := wire.Opening{OwnerKey: "owner", OwnerKind: events.KindHuman}
	c := a.answers(&cobra.Command{
		Use:   "init DIR",
		Short: "Make a ledger that stays",
		Long: `Make a data directory with two organizations, each with a ledger of its own: operator, for whoever runs it, and
another, main, whose owner you are. The keys are in DIR/keys; keep them elsewhere too. ` + "`permledger org open --help`" + `
says what the profiles are.

What it prints is the CID of main's first entry. Who keeps it can tell this ledger from any other; and a one-time code, with
which the owner signs in first and chooses a password, within 15 minutes from when the ledger is first served: there is no
other password. With --new-code nothing but another code is made, for a directory that is there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("org") { // as all other commands call it: the id is for ever, so what was meant must not be lost
				if c.Flags().Changed("organization") && o.Organization != a.org {
					return usage("init %s: --org %s and --organization %s are two: say one", args[0], a.org, o.Organization)
				}
				o.Organization = a.org
			}
			if o.Name == "" {
				o.Name = o.Organization
			}
			a.data, a.server = args[0], ""
			if again {
				return a.newCode(o.Organization)
			}
			answer, err := a.initialize(c.Context(), host, o)
			if err != nil {
				return err
			}
			return a.answer(answer, func(w io.Writer) error { return writeInitialized(w, answer, a.nats.urls != "") })
		},
	})
	f := c.Flags()
	a.nats.flags(c, a.p)
	f.StringVar(&host, "host", "localhost", "the first part of the ledgers' names, for ever: a `name` of yours in the DNS")
	f.BoolVar(&again, "new-code", false, "make another one-time code for the owner of the organization, and nothing else")
	f.StringVar(&o.Profile, "profile", "plain", "the rules that differ: guardian, ipaware, plain, stokr or tokeny")
	f.StringVar(&o.Organization, "organization", mainOrganization, "the `id` of the organization, for ever; --org means the same here")
	f.StringVar(&o.Name, "name", "", "the organization's `name` for people to read")
	f.StringVar(&o.DID, "did", "", "the `DID` that issues its documents, for ever: one it has elsewhere, or web for the one under --host; else that of the key that signs")
	return c
}

func (a *app) initialize(ctx context.Context, host string, o wire.Opening) (initialized, error) {
	if err := fresh(a.data); err != nil {
		return initialized{}, err
	}
	if err := canon.Source.Check(host + "/" + o.Organization); err != nil {
		return initialized{}, usage("init %s: --host %s --organization %s: %w", a.data, host, o.Organization, err)
	}
	if !slices.Contains(node.Profiles(), o.Profile) {
		return initialized{}, usage("init %s: --profile %s: there are %s", a.data, o.Profile, strings.Join(node.Profiles(), ", "))
	}
	start := node.Init
	if a.nats.urls != "" {
		start = node.InitCluster
		if err := a.nats.reach(); err != nil { // else a directory would be left that opens nothing
			return initialized{}, fmt.Errorf("init %s: %w", a.data, err)
		}
	}
	if err := start(a.data, host); err != nil {
		return initialized{}, err
	}
	if err := a.unpinned(a.data, o.Organization); err != nil {
		a.say("permledger: %v", err)
	}
	s, err := a.directory(ctx)
	if err != nil {
		return initialized{}, err
	}
	r, err := a.openFirst(ctx, s, o)
	if err := errors.Join(err, s.close()); err != nil {
		return initialized{}, fmt.Errorf("init %s: %w", a.data, err)
	}
	made := initialized{Directory: a.data, Organization: o.Organization, Genesis: r.CID, Key: ownerKeyFile(a.data, o.Organization), Recorded: r, profile: o.Profile}
	if key, err := node.ReadKey(made.Key); err == nil { // a signer program does not give its keys away: then there is no code
		if made.Code, err = node.MakeFirstCode(a.data, o.Organization, key, time.Time{}); err != nil {
			return initialized{}, fmt.Errorf("init %s: %w", a.data, err)
		}
	}
	return made, nil
}

// codeMade is the answer of init --new-code.
type codeMade struct {
	Organization string `json:"organization"`
	Code         string `json:"code"`
}

// newCode makes another one-time code for the owner of an organization: with the owner's key, which is in the directory, or
// is named. Where a server runs its time begins at once.
func (a *app) newCode(org string) error {
	if !dataDirectory(a.data) {
		return usage("init %s --new-code: this is no data directory", a.data)
	}
	file := cmp.Or(a.keyNamed(), ownerKeyFile(a.data, org))
	key, err := node.ReadKey(file)
	if err != nil {
		return exit(exitDenied, "a one-time code opens the owner's key: %w", err)
	}
	var served time.Time
	if s, err := running(a.data); err == nil && s != nil {
		served = time.Now().UTC()
	}
	made := codeMade{Organization: org}
	if made.Code, err = node.MakeFirstCode(a.data, org, key, served); err != nil {
		return err
	}
	return a.answer(made, func(w io.Writer) error {
		p := printer{w: w}
		p.f("%s\n\n", made.Code)
		p.code(org)
		return p.err
	})
}

// code says what a one-time code is for.
func (p *printer) code(org string) {
	p.f("This is a one-time code for the owner of %s. It signs in and sets a password: in a browser at the server's\n", org)
	p.f("%s, or with `permledger login --code CODE`. It works once, for 15 minutes from when the\n", firstSignInAddress("", org))
	p.f("ledger is first served; `permledger init DIR --new-code` makes another.\n")
}

// firstSignInAddress is where the console takes the one-time code of an organization.
func firstSignInAddress(server, org string) string {
	return server + "/console/" + org + "/sign-in?code"
}

// fresh says why a ledger cannot be made at a path: it is a file, or a directory of something else.
func fresh(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // what cannot be looked at cannot be made either, which says why
	}
	if !info.IsDir() {
		return usage("init %s: this is a file", path)
	}
	if dataDirectory(path) {
		return fmt.Errorf("init %s: %w", path, node.ErrInitialized)
	}
	if entries, err := os.ReadDir(path); err == nil && len(entries) > 0 {
		return usage("init %s: the directory is not empty", path)
	}
	return nil
}

// dataDirectory says whether a path is a directory that init made.
func dataDirectory(path string) bool {
	_, err := os.Stat(filepath.Join(path, "permledger.json"))
	return err == nil
}

// openFirst opens the operator's organization and the first of the others.
func (a *app) openFirst(ctx context.Context, s *session, o wire.Opening) (wire.Receipt, error) {
	if _, err := openOrganization(ctx, s.Client, a.data, operatorOpening()); err != nil {
		return wire.Receipt{}, err
	}
	return openComplete(ctx, s.Client, a.data, o)
}

// operatorOpening opens the organization of whoever runs the node.
func operatorOpening() wire.Opening {
	return wire.Opening{Organization: node.Operator, Name: "Operator", Profile: "plain", OwnerKey: "operator", OwnerKind: events.KindHuman}
}

// firstCommands says for each profile what can be done first.
var firstCommands = map[string]string{
	"guardian": `role create "Policy Reader" POLICIES_POLICY_READ --reason "first desk"`,
	"ipaware":  `role create "Read-only" organization.view roles.view --reason "first desk"`,
	"plain":    `role create "Compliance Officer" investor.create investor.verify --reason "first desk"`,
	"stokr":    `role create "Compliance Officer" investor.create investor.verify --reason "first desk"`,
	"tokeny":   `user add anna --new-key anna.key --reason "first desk"`,
}

func writeInitialized(w io.Writer, i initialized, cluster bool) error {
	p := printer{w: w}
	p.f("%s\n\n", i.Genesis)
	p.f("This is the CID of the first entry of %s. Keep it: it tells this ledger from any other.\n", i.Organization)
	p.f("Keep the keys in %s elsewhere too; %s signs your commands.\n\n", filepath.Join(i.Directory, "keys"), filepath.Base(i.Key))
	if i.Code != "" {
		p.f("%s\n\n", i.Code)
		p.code(i.Organization)
		p.f("\n")
	}
	p.f("Next:\n")
	p.f("  export PERMLEDGER_DATA=%s\n", i.Directory)
	if cluster {
		p.f("  permledger serve --nats URL\n")
		p.f("  permledger join OTHERDIR --from %s    makes the directory of another node\n", i.Directory)
		return p.err
	}
	p.f("  permledger %s\n", firstCommands[i.profile])
	p.f("  permledger serve\n")
	return p.err
}
