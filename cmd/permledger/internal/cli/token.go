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

func (a *app) tokenCommand() *cobra.Command {
	return group("token", "List and show tokens; deploy, transfer, pause them, and set their agents",
		a.tokenList(), a.tokenShow(), a.tokenDeploy(), a.atToken("transfer TOKEN ADDRESS", "Transfer the ownership of a token to another wallet", wire.TransferToken),
		group("agent", "Set and revoke the agents of a token",
			a.atToken("add TOKEN ADDRESS", "Set an agent to administer the token", wire.AddAgent),
			a.atToken("rm TOKEN ADDRESS", "Revoke an agent", wire.RemoveAgent)),
		a.tokenState("pause TOKEN", "Pause a token: nobody transacts it", events.TokenPaused),
		a.tokenState("unpause TOKEN", "Unpause a token", events.TokenActive),
		a.atToken("block TOKEN ADDRESS", "Block a wallet: it neither sends nor gets the token", wire.BlockWallet),
		a.atToken("unblock TOKEN ADDRESS", "Unblock a wallet", wire.UnblockWallet),
		a.tokenSet(), a.tokenAct(), a.tokenObserve())
}

func (a *app) tokenList() *cobra.Command {
	var wallet, account string
	c := a.reads(&cobra.Command{
		Use:   "ls",
		Short: "List the tokens; those of a wallet, or those that an account sees through the wallets it is linked with",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Tokens(c.Context(), s.org, wallet, account, a.read())
				if err != nil {
					return fmt.Errorf("list the tokens: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("TOKEN", "NAME", "STATE", "OWNER", "AGENTS", "HOLDERS", "AS")
					for _, k := range list.Items {
						t.row(k.Token, k.Name, k.State, orNobody(k.Owner), fmt.Sprint(len(k.Agents)), fmt.Sprint(k.Holders), strings.Join(k.As, ", "))
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
	c.Flags().StringVar(&wallet, "of", "", "only those that this `wallet` owns, or is an agent of")
	c.Flags().StringVar(&account, "account", "", "only those that this `account` sees")
	return c
}

func orNobody(address string) string {
	if address == "" {
		return "nobody"
	}
	return address
}

func (a *app) tokenShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "show TOKEN",
		Short: "Show a token with its owner and agents",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				one, err := s.Token(c.Context(), s.org, args[0], a.read())
				if err != nil {
					return fmt.Errorf("show token %s: %w", args[0], err)
				}
				answer := struct {
					wire.Token
					AsOf wire.AsOf `json:"asOf"`
				}{one.Item, one.AsOf}
				return a.answer(answer, func(w io.Writer) error { return writeToken(w, one.Item, one.AsOf) })
			})
		},
	})
}

func writeToken(w io.Writer, k wire.Token, at wire.AsOf) error {
	t := table{}
	t.row("token", k.Token)
	t.row("name", k.Name)
	t.row("state", k.State)
	t.row("owner", orNobody(k.Owner))
	for _, agent := range k.Agents {
		t.row("agent", agent)
	}
	for _, said := range [][2]string{{"registry", k.IdentityRegistry}, {"compliance", k.Compliance}, {"holders", k.HolderCondition}} {
		if said[1] != "" {
			t.row(said[:]...)
		}
	}
	for _, wallet := range k.Blocked {
		t.row("blocked", wallet)
	}
	t.row("investors", fmt.Sprint(k.Holders))
	t.row("deployed", fmt.Sprintf("at %d", k.Deployed))
	t.row("as of", strings.TrimPrefix(asOfText(at), "as of "))
	return t.writeTo(w, "")
}

func (a *app) tokenDeploy() *cobra.Command {
	var name, owner string
	c := a.writes(&cobra.Command{
		Use:   "deploy TOKEN",
		Short: "Record a deployed token, and which wallet owns it",
		Long: `Record a deployed token, and which wallet owns it.

TOKEN is the CAIP-10 id of its contract, as eip155:137:0x…. Without --owner it is the wallet that the account is linked with.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.DeployToken, AtToken: wire.AtToken{Token: args[0], Wallet: owner}}
			if name != "" {
				in.Name = &name
			}
			return a.do(c.Context(), in)
		},
	})
	c.Flags().StringVar(&name, "name", "", "what people call the token")
	c.Flags().StringVar(&owner, "owner", "", "the `address` of the wallet that owns it")
	return c
}

// atToken makes a command that says a token and a wallet, and nothing more.
func (a *app) atToken(use, short, kind string) *cobra.Command {
	return a.writes(&cobra.Command{
		Use: use, Short: short,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: kind, AtToken: wire.AtToken{Token: args[0], Wallet: args[1]}}
			return a.do(c.Context(), in)
		},
	})
}

func (a *app) tokenState(use, short, state string) *cobra.Command {
	return a.writes(&cobra.Command{
		Use: use, Short: short,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: args[0], State: state}}
			return a.do(c.Context(), in)
		},
	})
}

func (a *app) tokenSet() *cobra.Command {
	var at wire.AtToken
	var condition string
	c := a.writes(&cobra.Command{
		Use:     "set TOKEN",
		Short:   "Set the contracts of a token, and what its holder records have to meet",
		Example: `  permledger token set eip155:137:0x… --holders 'subject.properties.country != "US"' --wallet owner.wallet`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			at.Token = args[0]
			if c.Flags().Changed("holders") {
				at.HolderCondition = &condition
			}
			return a.do(c.Context(), wire.Intent{Kind: wire.UpdateToken, AtToken: at})
		},
	})
	c.Flags().StringVar(&at.IdentityRegistry, "identity-registry", "", "the `address` of the Identity Registry")
	c.Flags().StringVar(&at.Compliance, "compliance", "", "the `address` of the Compliance contract")
	c.Flags().StringVar(&condition, "holders", "", "the `condition` that holder records have to meet; empty: none")
	return c
}

func (a *app) tokenAct() *cobra.Command {
	var payload string
	c := a.writes(&cobra.Command{
		Use:     "act TOKEN PERMISSION",
		Short:   "Record anything else that a wallet did at a token, as token.mint",
		Example: `  permledger token act eip155:137:0x… token.mint --payload '{"to":"0x…","amount":"100"}' --wallet agent.wallet`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			in := wire.Intent{Kind: wire.ActOnToken, Permission: args[1], AtToken: wire.AtToken{Token: args[0]}}
			var texts []wire.Text
			if payload != "" {
				var text wire.Text
				in.Payload, text = client.Commit(payload)
				texts = append(texts, text)
			}
			return a.do(c.Context(), in, texts...)
		},
	})
	c.Flags().StringVar(&payload, "payload", "", "what exactly was done; kept apart from the log, which holds a commitment to it")
	return c
}

func (a *app) tokenObserve() *cobra.Command {
	var o wire.Observed
	c := a.writes(&cobra.Command{
		Use:   "observe TOKEN FACT ACCOUNT",
		Short: "Take over what a token's contract told: AgentAdded, AgentRemoved or OwnershipTransferred",
		Long: `Take over what a token's contract told: AgentAdded, AgentRemoved or OwnershipTransferred.

It is signed with a key that is registered with the purpose attestor. Each log of a chain is taken over once.`,
		Args: cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			o.Fact, o.Account = args[1], args[2]
			in := wire.Intent{Kind: wire.ObserveChain, AtToken: wire.AtToken{Token: args[0], Observed: &o}}
			return a.do(c.Context(), in)
		},
	})
	f := c.Flags()
	f.StringVar(&o.Previous, "previous", "", "the `address` of the owner before")
	f.Uint64Var(&o.Block, "block", 0, "the block's `number`")
	f.StringVar(&o.Hash, "block-hash", "", "the block's `hash`")
	f.StringVar(&o.Tx, "tx", "", "the transaction's `hash`")
	f.Uint64Var(&o.Index, "index", 0, "the log's `index` in its block")
	return c
}
