package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/node"
)

func (a *app) orgTransfer() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "transfer SUBJECT",
		Short: "Make somebody else the owner",
		Long: `Make somebody else the owner, who from then on may everything; whoever was it keeps nothing but its other roles. Only the
owner does this, and only to somebody who is active and has a key to sign with.`,
		Example: `  permledger org transfer bob --reason "founder leaves"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.do(c.Context(), wire.Intent{Kind: wire.TransferOwnership, Subject: args[0]})
		},
		ValidArgsFunction: a.complete(subjects),
	})
}

func (a *app) orgRecover() *cobra.Command {
	var stop, finish bool
	c := a.writes(&cobra.Command{
		Use:   "recover [SUBJECT]",
		Short: "Put somebody in the place of an owner who is lost",
		Long: `Put somebody in the place of an owner who is lost, in two steps. Whoever runs the ledger announces the new owner with the
operator key and a reason; everybody who watches the ledger sees it. Once the time has passed that the organization's first
entry sets, the operator finishes it with --finish. Until then the owner can stop it with --stop, or by transferring the
ownership.

The key that signs is DIR/keys/operator.key, with --stop the owner's.`,
		Example: `  permledger org recover bob --reason "anna lost her keys, TICKET-12"
  permledger org recover --finish`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.StartRecovery}
			switch {
			case stop && finish:
				return usage("recover: --stop and --finish are two things")
			case stop:
				in.Kind = wire.StopRecovery
			case finish:
				in.Kind = wire.RecoverOwnership
			case len(args) == 0:
				return usage("recover: say who is to be the owner, --finish or --stop")
			}
			if len(args) == 1 {
				in.Subject = args[0]
			}
			if !stop && a.key == "" && a.p.Env("PERMLEDGER_KEY") == "" && a.data != "" {
				a.key = operatorKeyFile(a.data)
			}
			if !stop {
				a.signs = events.PurposeOperator
			}
			return a.do(c.Context(), in)
		},
		ValidArgsFunction: a.complete(subjects),
	})
	c.Flags().BoolVar(&stop, "stop", false, "stop the recovery that is under way")
	c.Flags().BoolVar(&finish, "finish", false, "put the announced owner in the place of the lost one")
	return c
}

func (a *app) orgEdit() *cobra.Command {
	var name string
	c := a.writes(&cobra.Command{
		Use:   "edit --name NAME",
		Short: "Change what people call the organization",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.do(c.Context(), wire.Intent{Kind: wire.UpdateOrganization, Name: &name})
		},
	})
	c.Flags().StringVar(&name, "name", "", "the new `name` for people to read")
	_ = c.MarkFlagRequired("name")
	return c
}

func (a *app) orgAdopt() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "adopt",
		Short: "Go by the newest rules from now on, in a ledger of an earlier release",
		Long: `Go by the newest rules from now on, in a ledger that an earlier release opened. Only the owner does this. The switches that
came with these rules are set as the profile has them today; those of the first entry stay. Releases that do not know these
rules read the ledger up to there, and no further.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				o, err := s.Organization(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("adopt the newest rules: %w", err)
				}
				p, _ := node.Profile(profileName(o))
				return a.change(c.Context(), s, wire.Intent{Kind: wire.AdoptRules, Switches: new(client.SwitchesOf(p))})
			})
		},
	})
}

// switchWords says of each switch of a profile what it means where it is on, and where it is off.
var switchWords = []struct{ name, on, off string }{
	{"directGrants", "permissions are given with or without a role", "permissions are given by roles alone"},
	{"uniqueNames", "no two roles have the same name", "several roles may have the same name"},
	{"fixedRoles", "there are no roles but those of the system", "roles can be made"},
	{"emptyRoles", "a role may be without a permission", "a role has a permission at least"},
	{"newPermissions", "names that no catalogue has become permissions", "names that no catalogue has are refused"},
	{"dependencies", "a permission brings along those it depends on", "a permission comes alone"},
	{"documents", "each change of a role, or of what a user holds, has a signed document and a topic message", "documents are signed when they are asked for"},
	{"withdrawRoles", "a role that is deleted is withdrawn from its holders first", "a role that somebody holds cannot be deleted"},
	{"defaultRoles", "whoever is added gets the default role", "whoever is added holds nothing"},
	{"oneRolePerKey", "an API key has exactly one role", "an API key may have several roles"},
	{"delegation", "who holds a role may be allowed to pass it on", "nobody passes on a role"},
	{"keepDelegated", "what was passed on stays when whoever did loses it", "what was passed on ends when whoever did loses it"},
}

// writeSwitches says every switch of an organization in words.
func writeSwitches(w io.Writer, profile map[string]any) error {
	t := table{}
	for _, s := range switchWords {
		words := s.off
		if on, _ := profile[s.name].(bool); on {
			words = s.on
		}
		t.row(s.name, words)
	}
	seconds, _ := profile["recoveryDelay"].(float64)
	words := "nobody can be put in the place of a lost owner"
	if seconds > 0 {
		delay := strings.TrimSuffix(strings.TrimSuffix((time.Duration(seconds)*time.Second).String(), "0s"), "0m")
		words = fmt.Sprintf("a lost owner can be replaced %s after that was announced", delay)
	}
	t.row("recoveryDelay", words)
	return t.writeTo(w, "")
}
