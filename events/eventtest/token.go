package eventtest

import (
	"encoding/hex"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eip155"
)

// Address generates the address of a wallet or a contract.
func Address() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 20, 20), func(b []byte) string {
		spelt, _ := eip155.Address("0x" + hex.EncodeToString(b))
		return spelt
	})
}

// Contract generates the CAIP-10 id of a contract.
func Contract() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		chain := rapid.SampledFrom([]string{"1", "137", "80002", "9007199254740991"}).Draw(t, "chain")
		return "eip155:" + chain + ":" + Address().Draw(t, "contract")
	})
}

// Hash generates the hash of a block or a transaction.
func Hash() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 32, 32), func(b []byte) string { return "0x" + hex.EncodeToString(b) })
}

func init() {
	for of, generate := range map[events.Type]func(*rapid.T) events.Data{
		"agent.added": func(t *rapid.T) events.Data {
			return &events.AgentAdded{
				Token: Contract().Draw(t, "token"), Agent: Address().Draw(t, "agent"),
				Subject: ID().Draw(t, "subject"), Added: rapid.Bool().Draw(t, "added"), Role: ID().Draw(t, "role"),
			}
		},
		"agent.removed": func(t *rapid.T) events.Data {
			return &events.AgentRemoved{
				Token: Contract().Draw(t, "token"), Agent: Address().Draw(t, "agent"), Subject: ID().Draw(t, "subject"), Role: ID().Draw(t, "role"),
			}
		},
		"chain.observed": func(t *rapid.T) events.Data { return observed(t) },
		"investor.disqualified": func(t *rapid.T) events.Data {
			return &events.InvestorDisqualified{
				Token: Contract().Draw(t, "token"), Wallet: Address().Draw(t, "wallet"),
				Subject: ID().Draw(t, "subject"), Role: ID().Draw(t, "role"), OnBehalfOf: optional(t, "on behalf of", ID()),
			}
		},
		"investor.qualified": func(t *rapid.T) events.Data {
			return &events.InvestorQualified{
				Token: Contract().Draw(t, "token"), Wallet: Address().Draw(t, "wallet"), Investor: Key().Draw(t, "investor"),
				OnchainID: optional(t, "onchain id", Address()), Country: optional(t, "country", rapid.StringMatching("[A-Z]{2}")),
				Properties: properties(t), Subject: ID().Draw(t, "subject"), Added: rapid.Bool().Draw(t, "added"),
				Role: optional(t, "role", ID()), OnBehalfOf: optional(t, "on behalf of", ID()),
			}
		},
		"token.acted": func(t *rapid.T) events.Data {
			return &events.TokenActed{
				Token: Contract().Draw(t, "token"), Permission: Permission().Draw(t, "permission"),
				Payload: optional(t, "payload", Digest()), OnBehalfOf: optional(t, "on behalf of", ID()),
			}
		},
		"token.deployed": func(t *rapid.T) events.Data {
			return &events.TokenDeployed{
				Token: Contract().Draw(t, "token"), Name: Name().Draw(t, "name"), Owner: Address().Draw(t, "owner"),
				Subject: ID().Draw(t, "subject"), Added: rapid.Bool().Draw(t, "added"), Role: ID().Draw(t, "role"),
			}
		},
		"token.transferred": func(t *rapid.T) events.Data {
			return &events.TokenTransferred{
				Token: Contract().Draw(t, "token"), To: Address().Draw(t, "to"), Subject: ID().Draw(t, "subject"),
				Added: rapid.Bool().Draw(t, "added"), From: ID().Draw(t, "from"), Role: ID().Draw(t, "role"),
			}
		},
		"token.updated": func(t *rapid.T) events.Data { return tokenUpdated(t) },
		"wallet.blocked": func(t *rapid.T) events.Data {
			return &events.WalletBlocked{
				Token: Contract().Draw(t, "token"), Wallet: Address().Draw(t, "wallet"), Subject: ID().Draw(t, "subject"),
				Added: rapid.Bool().Draw(t, "added"), OnBehalfOf: optional(t, "on behalf of", ID()),
			}
		},
		"wallet.unblocked": func(t *rapid.T) events.Data {
			return &events.WalletUnblocked{
				Token: Contract().Draw(t, "token"), Wallet: Address().Draw(t, "wallet"),
				Subject: ID().Draw(t, "subject"), OnBehalfOf: optional(t, "on behalf of", ID()),
			}
		},
	} {
		data[of] = func(t *rapid.T, _ int) events.Data { return generate(t) }
	}
}

func tokenUpdated(t *rapid.T) *events.TokenUpdated {
	d := &events.TokenUpdated{
		Token: Contract().Draw(t, "token"), State: rapid.SampledFrom([]string{"", events.TokenPaused, events.TokenActive}).Draw(t, "state"),
		IdentityRegistry: optional(t, "registry", Address()), Compliance: optional(t, "compliance", Address()), OnBehalfOf: optional(t, "on behalf of", ID()),
	}
	if rapid.Bool().Draw(t, "has condition") {
		text := rapid.SampledFrom([]string{"", `subject.properties.country != "US"`, `subject.properties.class == "retail" && subject.properties.country == "LU"`}).Draw(t, "condition")
		d.Condition = &text
	}
	return d
}

func observed(t *rapid.T) *events.ChainObserved {
	d := &events.ChainObserved{
		Token: Contract().Draw(t, "token"), Account: Address().Draw(t, "account"),
		Fact:  rapid.SampledFrom([]string{events.FactAgentAdded, events.FactAgentRemoved, events.FactOwnershipTransferred}).Draw(t, "fact"),
		Block: events.Block{Hash: Hash().Draw(t, "block"), Number: Uint().Draw(t, "number")},
		Tx:    Hash().Draw(t, "tx"), Index: Uint().Draw(t, "index"),
		Subject: optional(t, "subject", ID()), Added: rapid.Bool().Draw(t, "added"), Role: optional(t, "role", ID()), From: optional(t, "from", ID()),
	}
	if d.Fact == events.FactOwnershipTransferred {
		d.Previous = Address().Draw(t, "previous")
	}
	return d
}
