package api

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eip155"
	"github.com/permledger/permledger/ledger/rules"
)

// contract reads the CAIP-10 id of a token.
func contract(text string) (string, error) {
	if text == "" {
		return "", badRequest("token is missing")
	}
	id, ok := eip155.Contract(text)
	if !ok {
		return "", badRequest(fmt.Sprintf("token is %q, which is no CAIP-10 id of a contract, as eip155:137:0x…", clip(text)))
	}
	return id, nil
}

// address reads an address; empty: there is none.
func address(name, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	a, ok := eip155.Address(text)
	if !ok {
		return "", badRequest(fmt.Sprintf("%s is %q, which is no address; a mixed case is a checksum (EIP-55)", name, clip(text)))
	}
	return a, nil
}

// tokenAndWallet reads both, which have to be there.
func (d *draft) tokenAndWallet() (token, wallet string, err error) {
	token, err1 := contract(d.in.Token)
	wallet, err2 := address("wallet", d.in.Wallet)
	if wallet == "" && err2 == nil {
		err2 = badRequest("wallet is missing")
	}
	return token, wallet, cmp.Or(err1, err2)
}

// deployToken takes the wallet that the account is linked with, where none is named as the owner.
func (d *draft) deployToken() (events.Data, error) {
	token, err1 := contract(d.in.Token)
	owner, err2 := address("wallet", d.in.Wallet)
	if err := cmp.Or(err1, err2); err != nil {
		return nil, err
	}
	data := &events.TokenDeployed{Token: token, Owner: owner, Name: token}
	if d.in.Name != nil {
		data.Name = *d.in.Name
	}
	if owner != "" {
		return data, nil
	}
	actor, err := d.actor()
	if err != nil {
		return nil, err
	}
	assigned := linkedOn(d.state, actor, token)
	if len(assigned) != 1 {
		r := &rules.Refusal{Code: rules.Invalid, Reason: "The account has no assigned wallet, which would own the token", Hint: "Link a wallet with the account, or name the owner"}
		if len(assigned) > 1 {
			r.Reason, r.Hint = "The account has several wallets", "Name which is to own the token: "+strings.Join(assigned, " or ")
		}
		return nil, refused(r, d.call.org)
	}
	data.Owner = assigned[0]
	return data, nil
}

// linkedOn gives the addresses of the wallets that an account is linked with, of those on the chain of a token.
func linkedOn(s *rules.State, account ulid.ULID, token string) []string {
	chain, _, _ := eip155.Cut(token)
	var list []string
	for _, link := range linksOf(s, account) {
		text, ours := strings.CutPrefix(link, "did:pkh:"+chain+":")
		if strings.HasPrefix(link, "did:") && !ours {
			continue
		}
		if a, ok := eip155.Address(text); ok {
			list = append(list, a)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (d *draft) transferToken() (events.Data, error) {
	token, wallet, err := d.tokenAndWallet()
	return &events.TokenTransferred{Token: token, To: wallet}, err
}

func (d *draft) addAgent() (events.Data, error) {
	token, wallet, err := d.tokenAndWallet()
	return &events.AgentAdded{Token: token, Agent: wallet}, err
}

func (d *draft) removeAgent() (events.Data, error) {
	token, wallet, err := d.tokenAndWallet()
	return &events.AgentRemoved{Token: token, Agent: wallet}, err
}

func (d *draft) updateToken() (events.Data, error) {
	token, err1 := contract(d.in.Token)
	registry, err2 := address("identityRegistry", d.in.IdentityRegistry)
	compliance, err3 := address("compliance", d.in.Compliance)
	data := &events.TokenUpdated{Token: token, State: d.in.State, IdentityRegistry: registry, Compliance: compliance}
	if s := d.in.State; s != "" && s != events.TokenPaused && s != events.TokenActive {
		return nil, badRequest(fmt.Sprintf("state is %q; a token is paused or active", clip(s)))
	}
	if text := d.in.HolderCondition; text != nil {
		spelt := ""
		if *text != "" {
			c, err := events.ParseCondition(*text)
			if err != nil {
				return nil, badRequest("holderCondition: " + err.Error())
			}
			if slices.ContainsFunc(c, func(t events.Term) bool { return t.Of != events.OfSubject }) {
				return nil, badRequest("holderCondition speaks of holder records alone: subject.properties.country != \"US\"")
			}
			spelt = c.String()
		}
		data.Condition = &spelt
	}
	return data, cmp.Or(err1, err2, err3)
}

func (d *draft) actOnToken() (events.Data, error) {
	token, err1 := contract(d.in.Token)
	permission, err2 := d.permission(d.in.Permission)
	payload, err3 := commitment("payload", d.in.Payload)
	return &events.TokenActed{Token: token, Permission: permission, Payload: payload}, cmp.Or(err1, err2, err3)
}

func (d *draft) qualifyInvestor() (events.Data, error) {
	token, wallet, err1 := d.tokenAndWallet()
	onchain, err2 := address("onchainId", d.in.OnchainID)
	data := &events.InvestorQualified{
		Token: token, Wallet: wallet, OnchainID: onchain, Country: strings.ToUpper(d.in.Country), Investor: cmp.Or(d.in.Investor, onchain, wallet),
		Properties: propertiesOf(d.in.Properties),
	}
	if _, said := d.in.Properties["country"]; said {
		return nil, badRequest("The country is a member of its own")
	}
	return data, cmp.Or(err1, err2)
}

func (d *draft) disqualifyInvestor() (events.Data, error) {
	token, wallet, err := d.tokenAndWallet()
	return &events.InvestorDisqualified{Token: token, Wallet: wallet}, err
}

func (d *draft) blockWallet() (events.Data, error) {
	token, wallet, err := d.tokenAndWallet()
	return &events.WalletBlocked{Token: token, Wallet: wallet}, err
}

func (d *draft) unblockWallet() (events.Data, error) {
	token, wallet, err := d.tokenAndWallet()
	return &events.WalletUnblocked{Token: token, Wallet: wallet}, err
}

func (d *draft) observeChain() (events.Data, error) {
	o := d.in.Observed
	if o == nil {
		return nil, badRequest("observed is missing: the log of the chain")
	}
	token, err1 := contract(d.in.Token)
	account, err2 := address("account", o.Account)
	previous, err3 := address("previous", o.Previous)
	return &events.ChainObserved{
		Token: token, Fact: o.Fact, Account: account, Previous: previous, Block: events.Block{Hash: strings.ToLower(o.Hash), Number: o.Block},
		Tx: strings.ToLower(o.Tx), Index: o.Index,
	}, cmp.Or(err1, err2, err3)
}

// linksOf gives what an account is linked with.
func linksOf(s *rules.State, account ulid.ULID) []string { return s.About(account).Links }
