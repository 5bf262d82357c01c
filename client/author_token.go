package client

import (
	"context"

	"github.com/permledger/permledger/api/wire"
)

// Tokens are named by the CAIP-10 ids of their contracts, wallets by their addresses.

// DeployToken records a token; without a wallet it is owned by the one that the account is linked with.
func (a *Author) DeployToken(ctx context.Context, token, name, wallet string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.DeployToken, Name: nonEmpty(name), AtToken: wire.AtToken{Token: token, Wallet: wallet}})
}

// TransferToken gives a token another owner.
func (a *Author) TransferToken(ctx context.Context, token, wallet string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.TransferToken, AtToken: wire.AtToken{Token: token, Wallet: wallet}})
}

// TokenChange is what becomes another of a token; one of it at a time.
type TokenChange struct {
	State            string // paused or active
	IdentityRegistry string
	Compliance       string
	HolderCondition  *string // what holder records have to meet; empty: nothing
}

// UpdateToken changes a token.
func (a *Author) UpdateToken(ctx context.Context, token string, ch TokenChange) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.UpdateToken, AtToken: wire.AtToken{
		Token: token, State: ch.State, IdentityRegistry: ch.IdentityRegistry, Compliance: ch.Compliance, HolderCondition: ch.HolderCondition,
	}})
}

// ActOnToken records what was done with a token; payload is private.
func (a *Author) ActOnToken(ctx context.Context, token, permission, payload string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.ActOnToken, Permission: permission, AtToken: wire.AtToken{Token: token, Payload: payload}})
}

// AddAgent makes a wallet an agent of a token.
func (a *Author) AddAgent(ctx context.Context, token, wallet string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.AddAgent, AtToken: wire.AtToken{Token: token, Wallet: wallet}})
}

// RemoveAgent takes that away.
func (a *Author) RemoveAgent(ctx context.Context, token, wallet string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RemoveAgent, AtToken: wire.AtToken{Token: token, Wallet: wallet}})
}

// Investor is who may hold a token with a wallet.
type Investor struct {
	Wallet, OnchainID, Country string
	ID                         string // empty: named by its ONCHAINID, or else its wallet
	Properties                 map[string]string
}

// QualifyInvestor lets an investor hold a token.
func (a *Author) QualifyInvestor(ctx context.Context, token string, i Investor) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.QualifyInvestor, Properties: i.Properties, AtToken: wire.AtToken{
		Token: token, Wallet: i.Wallet, Investor: i.ID, OnchainID: i.OnchainID, Country: i.Country,
	}})
}

// DisqualifyInvestor takes that away.
func (a *Author) DisqualifyInvestor(ctx context.Context, token, wallet string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.DisqualifyInvestor, AtToken: wire.AtToken{Token: token, Wallet: wallet}})
}

// BlockWallet keeps a wallet from a token.
func (a *Author) BlockWallet(ctx context.Context, token, wallet string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.BlockWallet, AtToken: wire.AtToken{Token: token, Wallet: wallet}})
}

// UnblockWallet takes that away.
func (a *Author) UnblockWallet(ctx context.Context, token, wallet string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.UnblockWallet, AtToken: wire.AtToken{Token: token, Wallet: wallet}})
}

// ObserveChain records what the contract of a token told; a key registered for attesting signs it.
func (a *Author) ObserveChain(ctx context.Context, token string, o wire.Observed) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.ObserveChain, AtToken: wire.AtToken{Token: token, Observed: &o}})
}
