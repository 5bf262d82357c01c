package console

import (
	"maps"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// tokenStep says in words what a step does to a token.
func tokenStep(in wire.Intent) string {
	switch in.Kind {
	case wire.AddAgent:
		return "Make " + in.Wallet + " an agent"
	case wire.RemoveAgent:
		return "Take the agent " + in.Wallet + " away"
	case wire.TransferToken:
		return "Give the token to " + in.Wallet
	case wire.QualifyInvestor:
		return "Qualify " + strings.Join(nonEmpty(in.Wallet, in.Investor, in.Country), ", ")
	case wire.DisqualifyInvestor:
		return "Take " + in.Wallet + " out of the qualified investors"
	case wire.BlockWallet:
		return "Block " + in.Wallet
	case wire.UnblockWallet:
		return "Unblock " + in.Wallet
	case wire.ActOnToken:
		return "Record " + in.Permission
	case wire.UpdateToken:
		switch {
		case in.State == "paused":
			return "Pause the token"
		case in.State == "active":
			return "Unpause the token"
		case in.IdentityRegistry != "":
			return "Set the identity registry " + in.IdentityRegistry
		case in.Compliance != "":
			return "Set the compliance contract " + in.Compliance
		case in.HolderCondition != nil && *in.HolderCondition == "":
			return "Take away what holder records have to meet"
		case in.HolderCondition != nil:
			return "Let holder records have to meet " + *in.HolderCondition
		}
	}
	return in.Kind
}

func nonEmpty(all ...string) (some []string) {
	for _, s := range all {
		if s != "" {
			some = append(some, s)
		}
	}
	return some
}

// tokenCommand gives what does a step from a terminal, with the wallet's key in a file.
func tokenCommand(in wire.Intent, reason string) string {
	of := func(words ...string) []string { return append([]string{"permledger"}, words...) }
	var c []string
	switch in.Kind {
	case wire.AddAgent:
		c = of("token", "agent", "add", in.Token, in.Wallet)
	case wire.RemoveAgent:
		c = of("token", "agent", "rm", in.Token, in.Wallet)
	case wire.TransferToken:
		c = of("token", "transfer", in.Token, in.Wallet)
	case wire.DisqualifyInvestor:
		c = of("investor", "disqualify", in.Token, in.Wallet)
	case wire.BlockWallet:
		c = of("token", "block", in.Token, in.Wallet)
	case wire.UnblockWallet:
		c = of("token", "unblock", in.Token, in.Wallet)
	case wire.ActOnToken:
		c = of("token", "act", in.Token, in.Permission)
		if in.Payload != "" {
			c = append(c, "--payload", in.Payload)
		}
	case wire.QualifyInvestor:
		c = of("investor", "qualify", in.Token, in.Wallet)
		for _, flag := range [][2]string{{"--investor", in.Investor}, {"--onchain-id", in.OnchainID}, {"--country", in.Country}} {
			if flag[1] != "" {
				c = append(c, flag[0], flag[1])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(in.Properties)) {
			pair := name + "=" + in.Properties[name]
			if strings.ContainsAny(pair, ",\"\n") { // the flag is read as a line of CSV
				pair = `"` + strings.ReplaceAll(pair, `"`, `""`) + `"`
			}
			c = append(c, "--property", pair)
		}
	case wire.UpdateToken:
		switch {
		case in.State == "paused":
			c = of("token", "pause", in.Token)
		case in.State == "active":
			c = of("token", "unpause", in.Token)
		case in.IdentityRegistry != "":
			c = of("token", "set", in.Token, "--identity-registry", in.IdentityRegistry)
		case in.Compliance != "":
			c = of("token", "set", in.Token, "--compliance", in.Compliance)
		case in.HolderCondition != nil:
			c = of("token", "set", in.Token, "--holders", *in.HolderCondition)
		}
	}
	if c == nil {
		return ""
	}
	if reason != "" {
		c = append(c, "--reason", reason)
	}
	return shell(append(c, "--wallet", "KEYFILE"))
}
