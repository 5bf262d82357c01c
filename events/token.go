package events

import (
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/eip155"
)

// A token is named by the CAIP-10 id of its contract, a wallet by its address, both in the spelling of EIP-55. What a
// wallet may do at a token it may do by roles that the rules give and take with these events, on the scope of the token.

// The sorts of names on chains.
var (
	// Address is the address of a wallet or a contract.
	Address = canon.NewRule("an address in the spelling of EIP-55", `^0x[0-9A-Fa-f]{40}$`, 42, 42, eip155.Spelt)
	// Contract is the CAIP-10 id of a contract.
	Contract = canon.NewRule("the CAIP-10 id of a contract", `^eip155:[1-9][0-9]{0,15}:0x[0-9A-Fa-f]{40}$`, 51, 66, eip155.SpeltContract)
	// Hash is that of a block or a transaction.
	Hash = canon.NewRule("a hash", `^0x[0-9a-f]{64}$`, 66, 66, func(s string) bool {
		return strings.HasPrefix(s, "0x") && strings.Trim(s[2:], "0123456789abcdef") == ""
	})
)

// TokenScope gives the scope of all that belongs to a token.
func TokenScope(token string) string { return "token/" + token }

// TokenOf gives the token that a resource is, or lies under; empty: none.
func TokenOf(resource string) string {
	rest, ok := strings.CutPrefix(resource, "token/")
	token, _, _ := strings.Cut(rest, "/")
	if !ok || !eip155.SpeltContract(token) {
		return ""
	}
	return token
}

// TokenData is the data of an event about a token.
type TokenData interface {
	Data
	// Of gives the token.
	Of() string
	// Change gives what the event made of wallets, as the rules said.
	Change() TokenChange
}

// TokenChange is what an event about a token did to who holds which role on the scope of the token.
type TokenChange struct {
	Subject ulid.ULID // the wallet it is about; zero: none
	Address string    // of that wallet
	Added   bool      // the event made the wallet a subject
	Give    ulid.ULID // the role that the wallet got; zero: none
	Take    ulid.ULID // the role that From lost; zero: none
	From    ulid.ULID
}

// TokenDeployed says that there is a token, and which wallet owns it.
type TokenDeployed struct {
	Token string
	Name  string
	Owner string // address

	Subject ulid.ULID // the owner's wallet
	Added   bool      // it was no subject before
	Role    ulid.ULID // that of owners, which it has on the token from here on
}

func (*TokenDeployed) Type() Type      { return "token.deployed" }
func (d *TokenDeployed) About() string { return TokenScope(d.Token) }
func (d *TokenDeployed) Of() string    { return d.Token }
func (d *TokenDeployed) asked() Data {
	return &TokenDeployed{Token: d.Token, Name: d.Name, Owner: d.Owner}
}
func (d *TokenDeployed) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.Owner, Added: d.Added, Give: d.Role}
}

func (d *TokenDeployed) command(c *canon.Codec, _ int) {
	c.String("name", &d.Name, canon.Name)
	c.String("owner", &d.Owner, Address)
	c.String("token", &d.Token, Contract)
}

func (d *TokenDeployed) effect(c *canon.Codec, _ int) {
	c.Flag("added", &d.Added)
	c.ULID("role", &d.Role)
	c.ULID("subject", &d.Subject)
}

// TokenTransferred says that a token has another owner. The one before is owner no more.
type TokenTransferred struct {
	Token string
	To    string // address

	Subject ulid.ULID // the new owner's wallet
	Added   bool
	From    ulid.ULID // the owner before
	Role    ulid.ULID // that of owners
}

func (*TokenTransferred) Type() Type      { return "token.transferred" }
func (d *TokenTransferred) About() string { return TokenScope(d.Token) }
func (d *TokenTransferred) Of() string    { return d.Token }
func (d *TokenTransferred) asked() Data   { return &TokenTransferred{Token: d.Token, To: d.To} }
func (d *TokenTransferred) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.To, Added: d.Added, Give: d.Role, Take: d.Role, From: d.From}
}

func (d *TokenTransferred) command(c *canon.Codec, _ int) {
	c.String("to", &d.To, Address)
	c.String("token", &d.Token, Contract)
}

func (d *TokenTransferred) effect(c *canon.Codec, _ int) {
	c.Flag("added", &d.Added)
	c.ULID("from", &d.From)
	c.ULID("role", &d.Role)
	c.ULID("subject", &d.Subject)
}

// AgentAdded says that a wallet is an agent of a token.
type AgentAdded struct {
	Token string
	Agent string // address

	Subject ulid.ULID
	Added   bool
	Role    ulid.ULID // that of agents
}

func (*AgentAdded) Type() Type      { return "agent.added" }
func (d *AgentAdded) About() string { return TokenScope(d.Token) }
func (d *AgentAdded) Of() string    { return d.Token }
func (d *AgentAdded) asked() Data   { return &AgentAdded{Token: d.Token, Agent: d.Agent} }
func (d *AgentAdded) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.Agent, Added: d.Added, Give: d.Role}
}

func (d *AgentAdded) command(c *canon.Codec, _ int) {
	c.String("agent", &d.Agent, Address)
	c.String("token", &d.Token, Contract)
}

func (d *AgentAdded) effect(c *canon.Codec, _ int) {
	c.Flag("added", &d.Added)
	c.ULID("role", &d.Role)
	c.ULID("subject", &d.Subject)
}

// AgentRemoved says that a wallet is an agent of a token no more.
type AgentRemoved struct {
	Token string
	Agent string // address

	Subject ulid.ULID
	Role    ulid.ULID
}

func (*AgentRemoved) Type() Type      { return "agent.removed" }
func (d *AgentRemoved) About() string { return TokenScope(d.Token) }
func (d *AgentRemoved) Of() string    { return d.Token }
func (d *AgentRemoved) asked() Data   { return &AgentRemoved{Token: d.Token, Agent: d.Agent} }
func (d *AgentRemoved) Change() TokenChange {
	return TokenChange{Subject: d.Subject, Address: d.Agent, Take: d.Role, From: d.Subject}
}

func (d *AgentRemoved) command(c *canon.Codec, _ int) {
	c.String("agent", &d.Agent, Address)
	c.String("token", &d.Token, Contract)
}

func (d *AgentRemoved) effect(c *canon.Codec, _ int) {
	c.ULID("role", &d.Role)
	c.ULID("subject", &d.Subject)
}

// States of a token.
const (
	TokenPaused = "paused"
	TokenActive = "active"
)

// TokenUpdated says what changed in a token. Members that are not said stay as they are.
type TokenUpdated struct {
	Token            string
	State            string  // TokenPaused or TokenActive; empty: as before
	IdentityRegistry string  // address; empty: as before
	Compliance       string  // address; empty: as before
	Condition        *string // nil: as before; else the [Condition] that a holder record has to meet, empty: none

	OnBehalfOf ulid.ULID // the owner's wallet; zero: nobody owns the token
}

func (*TokenUpdated) Type() Type            { return "token.updated" }
func (d *TokenUpdated) About() string       { return TokenScope(d.Token) }
func (d *TokenUpdated) Of() string          { return d.Token }
func (d *TokenUpdated) Change() TokenChange { return TokenChange{} }
func (d *TokenUpdated) asked() Data {
	a := *d
	a.OnBehalfOf = ulid.ULID{}
	return &a
}

func (d *TokenUpdated) command(c *canon.Codec, _ int) {
	c.OptionalString("compliance", &d.Compliance, Address)
	c.Change("condition", &d.Condition, holderCondition)
	c.OptionalString("identityRegistry", &d.IdentityRegistry, Address)
	c.OptionalString("state", &d.State, canon.Token)
	c.String("token", &d.Token, Contract)
	if d.State != "" && d.State != TokenPaused && d.State != TokenActive {
		c.Failf("a token is %s or %s, not %q", TokenPaused, TokenActive, d.State)
	}
}

// holderCondition is the rule of what a holder record has to meet: terms of the subject alone, or nothing.
var holderCondition = canon.NewTextRule("a condition of subject properties in its one spelling, or nothing", 0, 2048, func(text string) bool {
	if text == "" {
		return true
	}
	c, err := ParseCondition(text)
	return err == nil && c.String() == text && !slices.ContainsFunc(c, func(t Term) bool { return t.Of != OfSubject })
})

// RecordMeets says whether what a holder record says is as the condition of its token demands, in its one spelling.
func RecordMeets(condition string, record []Property) bool {
	if condition == "" {
		return true
	}
	c, err := ParseCondition(condition)
	return err == nil && !slices.ContainsFunc(c, func(t Term) bool { return !t.Holds(ValueOf(record, t.Name)) })
}

func (d *TokenUpdated) effect(c *canon.Codec, _ int) { c.OptionalULID("onBehalfOf", &d.OnBehalfOf) }

// TokenActed says that a wallet did something else at a token, by a permission of the token level: it minted, burnt, or
// forced a transfer. What exactly it did stands in a private text.
type TokenActed struct {
	Token      string
	Permission string
	Payload    Digest // commitment; zero: none

	OnBehalfOf ulid.ULID // the owner's wallet; zero: nobody owns the token
}

func (*TokenActed) Type() Type            { return "token.acted" }
func (d *TokenActed) About() string       { return TokenScope(d.Token) }
func (d *TokenActed) Of() string          { return d.Token }
func (d *TokenActed) Change() TokenChange { return TokenChange{} }
func (d *TokenActed) asked() Data {
	return &TokenActed{Token: d.Token, Permission: d.Permission, Payload: d.Payload}
}

func (d *TokenActed) command(c *canon.Codec, _ int) {
	c.OptionalDigest("payload", &d.Payload)
	c.String("permission", &d.Permission, canon.Permission)
	c.String("token", &d.Token, Contract)
}

func (d *TokenActed) commits() []Digest { return []Digest{d.Payload} }

func (d *TokenActed) effect(c *canon.Codec, _ int) { c.OptionalULID("onBehalfOf", &d.OnBehalfOf) }
