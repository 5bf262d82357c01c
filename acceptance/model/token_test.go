package model_test

import (
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// noAddress is the address that nobody has.
const noAddress = "0x0000000000000000000000000000000000000000"

// coin is a token.
type coin struct {
	owner      ulid.ULID
	paused     bool
	registry   string
	compliance string
	condition  string
	holders    map[ulid.ULID]record
	blocked    map[ulid.ULID]bool
}

// record is that of a holder.
type record struct {
	investor, onchain string
	properties        []events.Property
}

func recordOf(d *events.InvestorQualified) record { return record{d.Investor, d.OnchainID, d.Record()} }

func (r record) same(o record) bool {
	return r.investor == o.investor && r.onchain == o.onchain && slices.Equal(r.properties, o.properties)
}

func at(token string) string { return "token/" + token }

// wallet gives the subject of an address: a wallet on the token's chain before one of all chains.
func (r *reader) wallet(token, address string) *subject {
	chain := token[:strings.LastIndexByte(token, ':')]
	for _, key := range []string{"did:pkh:" + chain + ":" + address, address} {
		for _, u := range r.subjects {
			if u.key == key && u.kind == "wallet" {
				return u
			}
		}
	}
	return nil
}

// enlist gives the subject of an address, and makes it one where it was none.
func (r *reader) enlist(e *events.Event, token, address string) ulid.ULID {
	if u := r.wallet(token, address); u != nil {
		return u.id
	}
	id := events.WalletID(e.ID, address)
	r.add(id, address, "wallet", "")
	r.added = true
	return id
}

func (r *reader) readToken(e *events.Event) {
	give := func(managed string, to ulid.ULID, token string) {
		r.give(gift{to: to, role: r.managed[managed], scope: at(token), by: e.ID})
	}
	take := func(managed string, from ulid.ULID, token string) {
		r.take(gift{to: from, role: r.managed[managed], scope: at(token)})
	}
	switch d := e.Data.(type) {
	case *events.TokenDeployed:
		owner := r.enlist(e, d.Token, d.Owner)
		r.coins[d.Token] = &coin{owner: owner, holders: map[ulid.ULID]record{}, blocked: map[ulid.ULID]bool{}}
		give("token-owner", owner, d.Token)
	case *events.TokenTransferred:
		c := r.coins[d.Token]
		take("token-owner", c.owner, d.Token)
		c.owner = r.enlist(e, d.Token, d.To)
		give("token-owner", c.owner, d.Token)
	case *events.AgentAdded:
		give("token-agent", r.enlist(e, d.Token, d.Agent), d.Token)
	case *events.AgentRemoved:
		take("token-agent", r.wallet(d.Token, d.Agent).id, d.Token)
	case *events.InvestorQualified:
		who := r.enlist(e, d.Token, d.Wallet)
		if _, is := r.coins[d.Token].holders[who]; !is {
			give("token-holder", who, d.Token)
		}
		r.coins[d.Token].holders[who] = recordOf(d)
	case *events.InvestorDisqualified:
		who := r.wallet(d.Token, d.Wallet).id
		delete(r.coins[d.Token].holders, who)
		take("token-holder", who, d.Token)
	case *events.WalletBlocked:
		r.coins[d.Token].blocked[r.enlist(e, d.Token, d.Wallet)] = true
	case *events.WalletUnblocked:
		delete(r.coins[d.Token].blocked, r.wallet(d.Token, d.Wallet).id)
	case *events.TokenUpdated:
		c := r.coins[d.Token]
		if d.State != "" {
			c.paused = d.State == "paused"
		}
		if d.IdentityRegistry != "" {
			c.registry = d.IdentityRegistry
		}
		if d.Compliance != "" {
			c.compliance = d.Compliance
		}
		if d.Condition != nil {
			c.condition = *d.Condition
		}
	}
}

// atToken says whether something is so at the token that a resource lies beneath.
func (r *reader) atToken(who ulid.ULID, need, resource string) bool {
	var c *coin
	for id := range r.coins {
		if covers(at(id), resource) {
			c = r.coins[id]
		}
	}
	if c == nil {
		return false
	}
	held, is := c.holders[who]
	switch need {
	case "unpaused":
		return !c.paused
	case "unblocked":
		return !c.blocked[who]
	case "qualified":
		return is
	case "compliant":
		if !is || c.condition == "" {
			return is
		}
		terms, err := events.ParseCondition(c.condition)
		for _, t := range terms {
			value, known := events.ValueOf(held.properties, t.Name)
			is = is && known && (value == t.Value) != t.Not
		}
		return is && err == nil
	}
	return false // no question of these comes with a wallet
}

// coin judges a token that has to be there.
func (a asker) coin(id string) string { return unless(a.coins[id] != nil, "not-found") }

// byWallet demands a wallet's own signature.
func (a asker) byWallet() string {
	return unless(a.subjects[a.c.Actor].kind == "wallet" && a.c.Auth.Method == "eip712", "not-proven")
}

// managedRole judges whether the organization has a role of tokens.
func (a asker) managedRole(managed string) string {
	return unless(a.managed[managed] != nobody, "not-found")
}

// mayAt judges who does something at a token.
func (a asker) mayAt(token, action, managed string) string {
	return first(
		func() string { return a.coin(token) },
		a.byWallet,
		func() string { return a.need(action, at(token)) },
		func() string {
			if managed == "" {
				return ""
			}
			return a.managedRole(managed)
		},
	)
}

// address judges the address of a wallet that is to be given something.
func (a asker) address(token, address string) string {
	if address == noAddress {
		return "invalid"
	}
	if u := a.wallet(token, address); u != nil {
		return unless(!u.off, "inactive")
	}
	for _, u := range a.subjects {
		if u.key == address {
			return "taken"
		}
	}
	return ""
}

func (a asker) deploy(d *events.TokenDeployed) string {
	return first(
		func() string { return a.need("token.deploy", "") },
		func() string { return unless(a.coins[d.Token] == nil, "taken") },
		func() string { return a.managedRole("token-owner") },
		func() string { return a.address(d.Token, d.Owner) },
	)
}

func (a asker) transferToken(d *events.TokenTransferred) string {
	return first(
		func() string { return a.mayAt(d.Token, "token.transfer", "token-owner") },
		func() string { return a.address(d.Token, d.To) },
		func() string {
			u := a.wallet(d.Token, d.To)
			return unless(u == nil || u.id != a.coins[d.Token].owner, "no-change")
		},
	)
}

// isAt says whether the wallet of an address has a role at a token.
func (a asker) isAt(managed, token, address string) bool {
	u := a.wallet(token, address)
	return u != nil && slices.ContainsFunc(a.gifts, gift{to: u.id, role: a.managed[managed], scope: at(token)}.same)
}

func (a asker) addAgent(d *events.AgentAdded) string {
	return first(
		func() string { return a.mayAt(d.Token, "agent.add", "token-agent") },
		func() string { return a.address(d.Token, d.Agent) },
		func() string { return unless(!a.isAt("token-agent", d.Token, d.Agent), "no-change") },
	)
}

func (a asker) removeAgent(d *events.AgentRemoved) string {
	return first(
		func() string { return a.mayAt(d.Token, "agent.remove", "token-agent") },
		func() string { return unless(d.Agent != noAddress, "invalid") },
		func() string { return unless(a.isAt("token-agent", d.Token, d.Agent), "not-found") },
	)
}

func (a asker) qualify(d *events.InvestorQualified) string {
	return first(
		func() string { return a.mayAt(d.Token, "investor.qualify", "token-holder") },
		func() string { return a.address(d.Token, d.Wallet) },
		func() string {
			if u := a.wallet(d.Token, d.Wallet); u != nil {
				had, is := a.coins[d.Token].holders[u.id]
				return unless(!is || !had.same(recordOf(d)), "no-change")
			}
			return ""
		},
	)
}

func (a asker) disqualify(d *events.InvestorDisqualified) string {
	return first(
		func() string { return a.mayAt(d.Token, "investor.disqualify", "token-holder") },
		func() string {
			u := a.wallet(d.Token, d.Wallet)
			if u == nil {
				return "not-found"
			}
			_, is := a.coins[d.Token].holders[u.id]
			return unless(is, "not-found")
		},
	)
}

func (a asker) block(d *events.WalletBlocked) string {
	return first(
		func() string { return a.mayAt(d.Token, "wallet.block", "") },
		func() string { return a.address(d.Token, d.Wallet) },
		func() string {
			u := a.wallet(d.Token, d.Wallet)
			return unless(u == nil || !a.coins[d.Token].blocked[u.id], "no-change")
		},
	)
}

func (a asker) unblock(d *events.WalletUnblocked) string {
	return first(
		func() string { return a.mayAt(d.Token, "wallet.unblock", "") },
		func() string {
			u := a.wallet(d.Token, d.Wallet)
			return unless(u != nil && a.coins[d.Token].blocked[u.id], "no-change")
		},
	)
}

func (a asker) updateToken(d *events.TokenUpdated) string {
	c := a.coins[d.Token]
	if c == nil {
		return "not-found"
	}
	type part struct {
		action string
		said   bool
		same   bool
	}
	state := "token.pause"
	if d.State == "active" {
		state = "token.unpause"
	}
	parts := []part{
		{state, d.State != "", c.paused == (d.State == "paused")},
		{"token.registry", d.IdentityRegistry != "", c.registry == d.IdentityRegistry},
		{"token.compliance", d.Compliance != "", c.compliance == d.Compliance},
		{"token.condition", d.Condition != nil, d.Condition != nil && *d.Condition == c.condition},
	}
	said, changes := false, false
	for _, p := range parts {
		if !p.said {
			continue
		}
		if code := a.mayAt(d.Token, p.action, ""); code != "" {
			return code
		}
		said, changes = true, changes || !p.same
	}
	switch {
	case d.IdentityRegistry == noAddress || d.Compliance == noAddress || !said:
		return "invalid"
	}
	return unless(changes, "no-change")
}

func (a asker) act(d *events.TokenActed) string {
	return first(
		func() string { return a.coin(d.Token) },
		a.byWallet,
		func() string { return unless(a.names[d.Permission] != nil, "unknown") },
		func() string { return unless(a.names[d.Permission].token, "invalid") },
		func() string {
			return unless(a.reader.may(a.c.Actor, d.Permission, at(d.Token), a.at), "not-permitted")
		},
	)
}
