package events

import (
	"slices"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/eip155"
)

// Country is an ISO 3166-1 code of two letters.
var Country = canon.NewRule("a country (ISO 3166-1, two letters)", `^[A-Z]{2}$`, 2, 2, canon.NewAlphabet("AZ").All)

// InvestorQualified says that a wallet is that of a qualified investor of a token: its position in the token is a holder
// record. Said again of the same wallet, the record is another.
type InvestorQualified struct {
	Token      string
	Wallet     string     // address
	Investor   string     // names the investor across tokens
	OnchainID  string     // address of the investor's ONCHAINID; empty: none is known
	Country    string     // empty: it is not known
	Properties []Property // country is not among them

	Subject    ulid.ULID // the wallet
	Added      bool
	Role       ulid.ULID // that of holders, which the wallet got; zero: it had it
	OnBehalfOf ulid.ULID // the owner's wallet; zero: nobody owns the token
}

func (*InvestorQualified) Type() Type      { return "investor.qualified" }
func (d *InvestorQualified) About() string { return TokenScope(d.Token) }
func (d *InvestorQualified) Of() string    { return d.Token }
func (d *InvestorQualified) asked() Data {
	a := *d
	a.Subject, a.Added, a.Role, a.OnBehalfOf = ulid.ULID{}, false, ulid.ULID{}, ulid.ULID{}
	return &a
}
func (d *InvestorQualified) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.Wallet, Added: d.Added, Give: d.Role}
}

func (d *InvestorQualified) command(c *canon.Codec, _ int) {
	c.OptionalString("country", &d.Country, Country)
	c.String("investor", &d.Investor, canon.Key)
	c.OptionalString("onchainId", &d.OnchainID, Address)
	properties(c, &d.Properties, false)
	c.String("token", &d.Token, Contract)
	c.String("wallet", &d.Wallet, Address)
	if slices.ContainsFunc(d.Properties, func(p Property) bool { return p.Name == "country" }) {
		c.Failf("the country is a member of its own")
	}
}

// Record gives what a condition may ask for of the holder record: its properties, and the country among them.
func (d *InvestorQualified) Record() []Property {
	if d.Country == "" {
		return d.Properties
	}
	at, _ := slices.BinarySearchFunc(d.Properties, "country", func(p Property, name string) int { return strings.Compare(p.Name, name) })
	return slices.Insert(slices.Clone(d.Properties), at, Property{Name: "country", Value: d.Country})
}

func (d *InvestorQualified) effect(c *canon.Codec, _ int) {
	c.Flag("added", &d.Added)
	c.OptionalULID("onBehalfOf", &d.OnBehalfOf)
	c.OptionalULID("role", &d.Role)
	c.ULID("subject", &d.Subject)
}

// InvestorDisqualified says that a wallet is a qualified investor's of a token no more.
type InvestorDisqualified struct {
	Token  string
	Wallet string // address

	Subject    ulid.ULID
	Role       ulid.ULID // that of holders, which the wallet lost
	OnBehalfOf ulid.ULID
}

func (*InvestorDisqualified) Type() Type      { return "investor.disqualified" }
func (d *InvestorDisqualified) About() string { return TokenScope(d.Token) }
func (d *InvestorDisqualified) Of() string    { return d.Token }
func (d *InvestorDisqualified) asked() Data {
	return &InvestorDisqualified{Token: d.Token, Wallet: d.Wallet}
}
func (d *InvestorDisqualified) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.Wallet, Take: d.Role, From: d.Subject}
}

func (d *InvestorDisqualified) command(c *canon.Codec, _ int) {
	c.String("token", &d.Token, Contract)
	c.String("wallet", &d.Wallet, Address)
}

func (d *InvestorDisqualified) effect(c *canon.Codec, _ int) {
	c.OptionalULID("onBehalfOf", &d.OnBehalfOf)
	c.ULID("role", &d.Role)
	c.ULID("subject", &d.Subject)
}

// WalletBlocked says that a wallet can neither send nor get a token, whether or not it is an investor's.
type WalletBlocked struct {
	Token  string
	Wallet string // address

	Subject    ulid.ULID
	Added      bool
	OnBehalfOf ulid.ULID
}

func (*WalletBlocked) Type() Type      { return "wallet.blocked" }
func (d *WalletBlocked) About() string { return TokenScope(d.Token) }
func (d *WalletBlocked) Of() string    { return d.Token }
func (d *WalletBlocked) asked() Data   { return &WalletBlocked{Token: d.Token, Wallet: d.Wallet} }
func (d *WalletBlocked) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.Wallet, Added: d.Added}
}

func (d *WalletBlocked) command(c *canon.Codec, _ int) {
	c.String("token", &d.Token, Contract)
	c.String("wallet", &d.Wallet, Address)
}

func (d *WalletBlocked) effect(c *canon.Codec, _ int) {
	c.Flag("added", &d.Added)
	c.OptionalULID("onBehalfOf", &d.OnBehalfOf)
	c.ULID("subject", &d.Subject)
}

// WalletUnblocked says that a wallet is blocked on a token no more.
type WalletUnblocked struct {
	Token  string
	Wallet string // address

	Subject    ulid.ULID
	OnBehalfOf ulid.ULID
}

func (*WalletUnblocked) Type() Type      { return "wallet.unblocked" }
func (d *WalletUnblocked) About() string { return TokenScope(d.Token) }
func (d *WalletUnblocked) Of() string    { return d.Token }
func (d *WalletUnblocked) asked() Data {
	return &WalletUnblocked{Token: d.Token, Wallet: d.Wallet}
}
func (d *WalletUnblocked) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.Wallet}
}

func (d *WalletUnblocked) command(c *canon.Codec, _ int) {
	c.String("token", &d.Token, Contract)
	c.String("wallet", &d.Wallet, Address)
}

func (d *WalletUnblocked) effect(c *canon.Codec, _ int) {
	c.OptionalULID("onBehalfOf", &d.OnBehalfOf)
	c.ULID("subject", &d.Subject)
}

// Facts that a token's contract tells, by the names of its events.
const (
	FactAgentAdded           = "AgentAdded"
	FactAgentRemoved         = "AgentRemoved"
	FactOwnershipTransferred = "OwnershipTransferred"
)

// ChainObserved says what the contract of a token told, as somebody who watches the chain saw it. The ledger takes it
// over; where it is so already, only the observation is new.
type ChainObserved struct {
	Token    string
	Fact     string
	Account  string // address: the agent, or the new owner, of which the zero address is none
	Previous string // address of the owner before; empty for other facts
	Block    Block
	Tx       string // hash
	Index    uint64 // of the log in its block

	Subject ulid.ULID // the wallet of Account; zero: there is none
	Added   bool
	Role    ulid.ULID // that the wallet got or lost; zero: it was so already
	From    ulid.ULID // the owner before, who lost the role; zero: nobody did
}

// Block is one block of a chain.
type Block struct {
	Hash   string
	Number uint64
}

func (*ChainObserved) Type() Type      { return "chain.observed" }
func (d *ChainObserved) About() string { return TokenScope(d.Token) }
func (d *ChainObserved) Of() string    { return d.Token }
func (d *ChainObserved) asked() Data {
	a := *d
	a.Subject, a.Added, a.Role, a.From = ulid.ULID{}, false, ulid.ULID{}, ulid.ULID{}
	return &a
}

func (d *ChainObserved) Change() TokenChange {
	c := TokenChange{Subject: d.Subject, Address: d.Account, Added: d.Added}
	switch d.Fact {
	case FactAgentAdded:
		c.Give = d.Role
	case FactAgentRemoved:
		c.Take, c.From = d.Role, d.Subject
	case FactOwnershipTransferred:
		if d.Subject != (ulid.ULID{}) {
			c.Give = d.Role
		}
		if d.From != (ulid.ULID{}) {
			c.Take, c.From = d.Role, d.From
		}
	}
	return c
}

// Import gives where the record of the observation comes from: so each log of a chain is recorded once, whoever saw it.
func (d *ChainObserved) Import() Import {
	chain, _, _ := eip155.Cut(d.Token)
	return Import{Format: "eip155-log", Source: chain, Record: d.Block.Hash + "/" + strconv.FormatUint(d.Index, 10)}
}

func (d *ChainObserved) command(c *canon.Codec, _ int) {
	c.String("account", &d.Account, Address)
	c.Object("block", func(c *canon.Codec) {
		c.String("hash", &d.Block.Hash, Hash)
		c.Uint("number", &d.Block.Number)
	})
	c.String("fact", &d.Fact, Fact)
	c.Uint("index", &d.Index)
	c.OptionalString("previous", &d.Previous, Address)
	c.String("token", &d.Token, Contract)
	c.String("tx", &d.Tx, Hash)
	if !c.Describing() && (d.Previous != "") != (d.Fact == FactOwnershipTransferred) {
		c.Failf("%s, and no other fact, tells of a previous owner", FactOwnershipTransferred)
	}
}

// Fact is what a contract told.
var Fact = canon.NewRule("a fact of a token's contract", `^(AgentAdded|AgentRemoved|OwnershipTransferred)$`, 10, 20, func(s string) bool {
	return s == FactAgentAdded || s == FactAgentRemoved || s == FactOwnershipTransferred
})

func (d *ChainObserved) effect(c *canon.Codec, _ int) {
	c.Flag("added", &d.Added)
	c.OptionalULID("from", &d.From)
	c.OptionalULID("role", &d.Role)
	c.OptionalULID("subject", &d.Subject)
}
