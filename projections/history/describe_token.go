package history

import (
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// describeToken says in a few lines what an event about a token did.
func describeToken(d events.TokenData, names Names) []string {
	one := func(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
	behalf := func(owner ulid.ULID) string {
		if owner == (ulid.ULID{}) {
			return ""
		}
		return ", on behalf of its owner " + names.SubjectKey(owner)
	}
	at := " on token " + d.Of()
	switch d := d.(type) {
	case *events.TokenDeployed:
		return one("token %s (%s) deployed, owned by %s", d.Token, d.Name, d.Owner)
	case *events.TokenTransferred:
		return one("ownership of token %s transferred from %s to %s", d.Token, names.SubjectKey(d.From), d.To)
	case *events.TokenUpdated:
		return updatedToken(d, behalf(d.OnBehalfOf))
	case *events.TokenActed:
		return one("%s%s%s", d.Permission, at, behalf(d.OnBehalfOf))
	case *events.AgentAdded:
		return one("+ agent %s%s", d.Agent, at)
	case *events.AgentRemoved:
		return one("− agent %s%s", d.Agent, at)
	case *events.InvestorQualified:
		what := fmt.Sprintf("investor %s qualified with wallet %s%s%s", d.Investor, d.Wallet, at, behalf(d.OnBehalfOf))
		if d.Role == (ulid.ULID{}) {
			what = fmt.Sprintf("holder record of wallet %s changed%s%s", d.Wallet, at, behalf(d.OnBehalfOf))
		}
		return []string{what}
	case *events.InvestorDisqualified:
		return one("wallet %s disqualified%s%s", d.Wallet, at, behalf(d.OnBehalfOf))
	case *events.WalletBlocked:
		return one("wallet %s blocked%s%s", d.Wallet, at, behalf(d.OnBehalfOf))
	case *events.WalletUnblocked:
		return one("wallet %s unblocked%s%s", d.Wallet, at, behalf(d.OnBehalfOf))
	case *events.ChainObserved:
		lines := one("%s(%s)%s, seen in block %d, transaction %s, log %d", d.Fact, d.Account, at, d.Block.Number, d.Tx, d.Index)
		if d.Role == (ulid.ULID{}) {
			lines = append(lines, "it was so already")
		}
		return lines
	}
	return []string{string(d.Type())}
}

func updatedToken(d *events.TokenUpdated, behalf string) []string {
	lines := []string{"token " + d.Token + " changed" + behalf}
	if d.State != "" {
		lines = append(lines, "it is "+d.State)
	}
	if d.IdentityRegistry != "" {
		lines = append(lines, "identity registry: "+d.IdentityRegistry)
	}
	if d.Compliance != "" {
		lines = append(lines, "compliance: "+d.Compliance)
	}
	if d.Condition != nil {
		lines = append(lines, fmt.Sprintf("holders have to meet: %q", *d.Condition))
	}
	return lines
}

// wallets gives the subjects and roles that an event about a token is about.
func wallets(d events.TokenData) []ulid.ULID {
	c := d.Change()
	all := []ulid.ULID{c.Subject, c.From, c.Give, c.Take}
	switch d := d.(type) {
	case *events.TokenActed:
		all = append(all, d.OnBehalfOf)
	case *events.TokenUpdated:
		all = append(all, d.OnBehalfOf)
	}
	return slices.DeleteFunc(all, func(id ulid.ULID) bool { return id == ulid.ULID{} })
}
