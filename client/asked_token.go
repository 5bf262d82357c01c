package client

import (
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// chained compares names on chains, of which the case is a checksum alone.
func (d *differs) chained(name, want, have string) {
	if !strings.EqualFold(want, have) {
		*d = append(*d, name)
	}
}

// token compares what is asked for at a token.
func (d *differs) token(in *wire.Intent, have events.TokenData) {
	d.chained("token", in.Token, have.Of())
	switch have := have.(type) {
	case *events.TokenDeployed:
		if in.Wallet != "" { // else the server says which wallet the account is linked with
			d.chained("owner", in.Wallet, have.Owner)
		}
		d.given("name", in.Name, have.Name)
	case *events.TokenTransferred:
		d.chained("new owner", in.Wallet, have.To)
	case *events.AgentAdded:
		d.chained("agent", in.Wallet, have.Agent)
	case *events.AgentRemoved:
		d.chained("agent", in.Wallet, have.Agent)
	case *events.WalletBlocked:
		d.chained("wallet", in.Wallet, have.Wallet)
	case *events.WalletUnblocked:
		d.chained("wallet", in.Wallet, have.Wallet)
	case *events.InvestorDisqualified:
		d.chained("wallet", in.Wallet, have.Wallet)
	case *events.TokenUpdated:
		d.text("state", in.State, have.State)
		d.chained("identity registry", in.IdentityRegistry, have.IdentityRegistry)
		d.chained("compliance", in.Compliance, have.Compliance)
		d.holders(in.HolderCondition, have.Condition)
	case *events.TokenActed:
		d.permission(in.Permission, have.Permission)
		d.text("payload", in.Payload, text(have.Payload))
	case *events.InvestorQualified:
		d.investor(in, have)
	case *events.ChainObserved:
		d.observed(in.Observed, have)
	}
}

// holders compares conditions of holder records.
func (d *differs) holders(want, have *string) {
	if want != nil {
		want = new(spelt(*want))
	}
	d.optional("condition", want, have)
}

func (d *differs) investor(in *wire.Intent, have *events.InvestorQualified) {
	d.chained("wallet", in.Wallet, have.Wallet)
	d.chained("onchain id", in.OnchainID, have.OnchainID)
	d.text("country", strings.ToUpper(in.Country), have.Country)
	switch {
	case in.Investor != "":
		d.text("investor", in.Investor, have.Investor)
	case in.OnchainID != "":
		d.chained("investor", in.OnchainID, have.Investor)
	default:
		d.chained("investor", in.Wallet, have.Investor)
	}
	d.properties("record", in.Properties, have.Properties)
}

func (d *differs) observed(in *wire.Observed, have *events.ChainObserved) {
	if in == nil {
		*d = append(*d, "observation")
		return
	}
	d.text("fact", in.Fact, have.Fact)
	d.chained("account", in.Account, have.Account)
	d.chained("previous owner", in.Previous, have.Previous)
	d.chained("block", in.Hash, have.Block.Hash)
	d.chained("transaction", in.Tx, have.Tx)
	if in.Block != have.Block.Number || in.Index != have.Index {
		*d = append(*d, "place")
	}
}
