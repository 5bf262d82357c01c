package api

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eip155"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/tokens"
)

// listTokens gives all tokens; those of a wallet, or those that an account sees through the wallets it is linked with.
func listTokens(c *call) (wire.List[wire.Token], error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.List[wire.Token]{}, err
	}
	list := wire.List[wire.Token]{Items: []wire.Token{}, AsOf: asOf}
	view := c.org.Access.TokensOf(a)
	wallet, account := c.query.Get("wallet"), c.query.Get("account")
	switch {
	case wallet != "" && account != "":
		return list, badRequest("Tokens are those of a wallet or of an account")
	case wallet == "" && account == "":
		for _, t := range c.org.Access.Tokens().Tokens(view) {
			list.Items = append(list.Items, tokenOf(t))
		}
		return list, nil
	}
	wallets := []string{wallet}
	if account != "" {
		if _, err := c.org.Access.Subject(account, a); err != nil {
			return list, err
		}
		wallets = linkedWallets(c.org.Access, account, a)
	}
	var ids []ulid.ULID
	for _, w := range wallets {
		if spelt, ok := eip155.Address(w); ok {
			w = spelt
		}
		u, err := c.org.Access.Subject(w, a)
		if err == nil {
			ids = append(ids, u.ID)
		} else if wallet != "" {
			return list, err
		}
	}
	for _, t := range c.org.Access.Tokens().Of(view, ids...) {
		one := tokenOf(t)
		if slices.Contains(ids, t.Owner.Subject) {
			one.As = append(one.As, "owner")
		}
		if slices.ContainsFunc(t.Agents, func(w tokens.Wallet) bool { return slices.Contains(ids, w.Subject) }) {
			one.As = append(one.As, "agent")
		}
		list.Items = append(list.Items, one)
	}
	return list, nil
}

func tokenOf(t tokens.Token) wire.Token {
	w := wire.Token{
		Token: t.ID, Name: t.Name, Owner: t.Owner.Address, OwnerSince: t.Owner.Since, Agents: addresses(t.Agents), State: events.TokenActive,
		IdentityRegistry: t.IdentityRegistry, Compliance: t.Compliance, HolderCondition: t.Condition, Holders: t.Holders,
		Blocked: addresses(t.Blocked), Deployed: t.Deployed,
	}
	if t.Paused {
		w.State = events.TokenPaused
	}
	return w
}

func addresses(wallets []tokens.Wallet) []string {
	list := []string{}
	for _, w := range wallets {
		list = append(list, w.Address)
	}
	return list
}

func getToken(c *call) (wire.One[wire.Token], error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.One[wire.Token]{}, err
	}
	id, err := contract(c.PathValue("token"))
	if err != nil {
		return wire.One[wire.Token]{}, err
	}
	t, ok := c.org.Access.Tokens().Token(id, c.org.Access.TokensOf(a))
	if !ok {
		p := problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no token %s", id))
		p.Hint = "Deploy it first"
		return wire.One[wire.Token]{}, p
	}
	return wire.One[wire.Token]{Item: tokenOf(t), AsOf: asOf}, nil
}

// listInvestors gives holder records: of a token, of an investor, or all.
func listInvestors(c *call) (wire.List[wire.HolderRecord], error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.List[wire.HolderRecord]{}, err
	}
	list := wire.List[wire.HolderRecord]{Items: []wire.HolderRecord{}, AsOf: asOf}
	id := c.query.Get("token")
	if id != "" {
		if id, err = contract(id); err != nil {
			return list, err
		}
	}
	for _, h := range c.org.Access.Tokens().Holders(id, c.query.Get("investor"), c.org.Access.TokensOf(a)) {
		r := wire.HolderRecord{
			Token: h.Token, Wallet: h.Address, Investor: h.Investor, OnchainID: h.OnchainID, Blocked: h.Blocked, Compliant: h.Compliant, Since: h.Since,
			Properties: valuesOf(h.Properties),
		}
		r.Country = r.Properties["country"]
		delete(r.Properties, "country")
		list.Items = append(list.Items, r)
	}
	return list, nil
}

// listGuide says of each role of its own kind what a reader asks: its type, how it is proven, what it is able to, and who
// grants it. All of it follows from the role and its permissions.
func listGuide(c *call) (wire.List[wire.RoleGuide], error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.List[wire.RoleGuide]{}, err
	}
	list := wire.List[wire.RoleGuide]{Items: []wire.RoleGuide{}, AsOf: asOf}
	level := map[string]string{}
	for _, p := range c.org.Access.Permissions(a) {
		level[p.Name] = p.Level
	}
	catalogue := ""
	c.org.Fold.Read(func(s *rules.State) { catalogue = s.Opened().Profile.Name + ":" })
	for _, r := range c.org.Access.Roles(a) {
		g := wire.RoleGuide{Role: r.Key, Name: r.Name, Type: access.LevelPlatform, Text: r.Description, Abilities: []string{}}
		g.Proof, g.GrantedBy = "the account's credentials", "whoever may assign roles"
		token := "the signature of the wallet that has it"
		switch r.Managed {
		case events.ManagedOwner:
			g.GrantedBy = "the owner before, by a transfer"
		case events.ManagedOperator:
			g.GrantedBy = "the operator of the platform"
		case events.ManagedTokenOwner:
			g.Type, g.Proof, g.GrantedBy = events.LevelToken, token, "whoever deploys the token; then the owner before, by a transfer"
		case events.ManagedTokenAgent:
			g.Type, g.Proof, g.GrantedBy = events.LevelToken, token, "the owner of the token"
		case events.ManagedTokenHolder:
			g.Type, g.Proof, g.GrantedBy = events.LevelToken, token, "an agent of the token, by qualification"
		}
		for _, name := range r.Permissions {
			if level[name] == g.Type {
				g.Abilities = append(g.Abilities, strings.TrimPrefix(name, catalogue))
			}
		}
		list.Items = append(list.Items, g)
	}
	slices.SortFunc(list.Items, func(a, b wire.RoleGuide) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Role, b.Role)) })
	return list, nil
}

// linkedWallets gives the wallets that an account is linked with; of a wallet itself.
func linkedWallets(x *access.Index, account string, a access.AsOf) []string {
	u, err := x.Subject(account, a)
	if err != nil {
		return nil
	}
	if u.Kind == events.KindWallet {
		return append(slices.Clone(u.About.Links), u.Key)
	}
	return u.About.Links
}
