package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

func tokenRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return slices.Concat([]route{
		{method: get, path: "{org}/tokens", screen: (*visit).tokens},
		{method: get, path: "{org}/tokens/deploy", screen: (*visit).deployPage},
		{method: post, path: "{org}/tokens/deploy", screen: (*visit).deploy},
		{method: get, path: "{org}/tokens/guide", screen: (*visit).guide},
		{method: get, path: "{org}/tokens/{token}", screen: (*visit).token},
		{method: post, path: "{org}/tokens/{token}", screen: (*visit).changeToken},
		{method: get, path: "{org}/tokens/{token}/investors", screen: (*visit).investors},
		{method: get, path: "{org}/tokens/{token}/investors.csv", screen: (*visit).investorsFile},
		{method: get, path: "{org}/tokens/{token}/import", screen: (*visit).importPage},
		{method: post, path: "{org}/tokens/{token}/import", screen: (*visit).importInvestors},
	}, signRoutes())
}

// shortWallet shortens an address, which is whole in the title beside it.
func shortWallet(address string) string {
	const keep = 6
	if len(address) <= 2*keep+2 {
		return address
	}
	return address[:2+keep] + "…" + address[len(address)-keep:]
}

// tokens is what the list of tokens shows.
type tokens struct {
	Tokens []wire.Token
	Total  int // that match
	All    int
	Query  string
	Own    bool // the caller sees those of its wallets alone
	None   bool // nobody could own a token: no role is for that
	pager
}

func (v *visit) tokens() (view, error) {
	l := tokens{Query: v.URL.Query().Get("q"), Own: !v.can("roles.read")}
	list, err := v.tokenList()
	if err != nil {
		return view{}, err
	}
	words := strings.Fields(strings.ToLower(l.Query))
	found := slices.DeleteFunc(slices.Clone(list), func(t wire.Token) bool { return !holdsAll(t.Token+" "+t.Name+" "+t.Owner, words) })
	l.Total, l.All = len(found), len(list)
	l.Tokens, l.pager = cut(v, found, "tokens")
	if l.All == 0 && !l.Own {
		roles, err := v.client.Roles(v.ctx(), v.org, false, v.read())
		if err != nil {
			return view{}, err
		}
		l.None = !slices.ContainsFunc(roles.Items, func(r wire.Role) bool { return r.Managed == "token-owner" })
	}
	return view{template: "tokens", title: "Tokens", data: &l}, nil
}

// tokenList gives all tokens; to who may not read them all those of its wallets.
func (v *visit) tokenList() ([]wire.Token, error) {
	account := ""
	if !v.can("roles.read") {
		account = v.me.Subject
	}
	list, err := v.client.Tokens(v.ctx(), v.org, "", account, v.read())
	return list.Items, err
}

// tokenNamed gives the token that the address names.
func (v *visit) tokenNamed() (wire.Token, error) {
	id := v.PathValue("token")
	if v.can("roles.read") {
		one, err := v.client.Token(v.ctx(), v.org, id, v.read())
		return one.Item, err
	}
	list, err := v.tokenList()
	if err != nil {
		return wire.Token{}, err
	}
	for _, t := range list {
		if strings.EqualFold(t.Token, id) {
			return t, nil
		}
	}
	return wire.Token{}, &notFound{"There is no token " + id + " here, or none that you see"}
}

// atToken is what the pages of a token have.
type atToken struct {
	wire.Token
	Wallet string   // that signs what is chosen; empty: none
	Mine   []string // addresses of the caller's, at this token
	Owns   bool     // the wallet owns the token
	Agent  bool     // it is an agent
	Form   filled
	Here   string // the page's address
}

// Signers are the wallets that may do something at the token.
func (t *atToken) Signers() (all []option) {
	is := func(address string) string {
		owner, agent := address == t.Owner, slices.Contains(t.Agents, address)
		switch {
		case owner && agent:
			return "owner and agent"
		case owner:
			return "owner"
		}
		return "agent"
	}
	for _, address := range append(nonEmpty(t.Owner), t.Agents...) {
		one := option{address, address + " (" + is(address) + ")"}
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// Contract gives chain and address of the token.
func (t *atToken) Contract() string { _, a, _ := cutContract(t.Token.Token); return a }
func (t *atToken) Chain() string    { c, _, _ := cutContract(t.Token.Token); return c }

// at gives the token of the address, and who is to sign: the wallet that was chosen, else the caller's own.
func (v *visit) atToken(form filled) (atToken, error) {
	token, err := v.tokenNamed()
	if err != nil {
		return atToken{}, err
	}
	t := atToken{Token: token, Form: form}
	if t.Form.Values == nil {
		t.Form.Values = url.Values{}
	}
	if v.at != "" {
		return t, nil
	}
	mine, err := v.ownWallets()
	if err != nil {
		return t, err
	}
	chain, _, _ := cutContract(token.Token)
	for _, s := range t.Signers() {
		if slices.ContainsFunc(mine, func(w string) bool { return sameWallet(w, chain, s.Value) }) {
			t.Mine = append(t.Mine, s.Value)
		}
	}
	t.Wallet = cmp.Or(v.PostFormValue("wallet"), v.URL.Query().Get("wallet"))
	if t.Wallet == "" && len(t.Mine) > 0 {
		t.Wallet = t.Mine[0]
	}
	if !slices.ContainsFunc(t.Signers(), func(o option) bool { return o.Value == t.Wallet }) {
		t.Wallet = ""
	}
	t.Owns, t.Agent = t.Wallet != "" && t.Wallet == t.Owner, slices.Contains(t.Agents, t.Wallet)
	return t, nil
}

// ownWallets gives the wallets that the caller is linked with, and itself where it is one.
func (v *visit) ownWallets() ([]string, error) {
	me, err := v.client.Subject(v.ctx(), v.org, v.me.Subject, v.read())
	if err != nil {
		return nil, err
	}
	all := slices.Clone(me.Item.Links)
	if me.Item.Kind == "wallet" {
		all = append(all, me.Item.Key)
	}
	return all, nil
}

// sameWallet says whether a link, an address or a did:pkh, is of the wallet of an address on a chain.
func sameWallet(link, chain, address string) bool {
	of := strings.TrimPrefix(link, "did:pkh:"+chain+":")
	return strings.EqualFold(of, address)
}

// oneToken is what the page of a token shows.
type oneToken struct {
	atToken
	History  []wire.Item
	Observed []wire.Item
	Unread   *wire.Problem // why the history is not shown
	Acts     []option      // what may be recorded as done
}

func (v *visit) token() (view, error) { return v.tokenPage(filled{}) }

func (v *visit) tokenPage(form filled) (view, error) {
	t, err := v.atToken(form)
	if err != nil {
		return view{}, err
	}
	page := oneToken{atToken: t}
	page.Here = v.address("tokens", t.Token.Token)
	if page.History, page.Unread, err = v.historyOf("token:" + t.Token.Token); err != nil {
		return view{}, err
	}
	if page.Unread == nil {
		seen, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, About: "token:" + t.Token.Token, Type: "chain.observed", Newest: true, Limit: 10})
		if err != nil {
			return view{}, err
		}
		page.Observed = seen.Items
	}
	if page.Wallet != "" && v.can("permissions.read") {
		if page.Acts, err = v.acts(); err != nil {
			return view{}, err
		}
	}
	return view{template: "token", title: cmp.Or(t.Name, t.Token.Token), data: &page, status: form.status()}, nil
}

// acts are the permissions of tokens that are recorded as done, and are no action of the ledger itself.
func (v *visit) acts() (all []option, err error) {
	list, err := v.client.Permissions(v.ctx(), v.org, v.read())
	if err != nil {
		return nil, err
	}
	for _, p := range list.Items {
		if p.Level == "token" && len(p.Guards) == 0 && !p.Retired {
			all = append(all, option{p.Name, p.Name + " · " + p.Description})
		}
	}
	return all, nil
}

// guide says of each role what it is, how it is proven, and who gives it.
func (v *visit) guide() (view, error) {
	list, err := v.client.Guide(v.ctx(), v.org, v.read())
	if err != nil {
		return view{}, err
	}
	return view{template: "guide", title: "Guide of the roles", data: list.Items}, nil
}

// changeToken reviews what a wallet is to do at a token.
func (v *visit) changeToken() (view, error) {
	f := filled{Values: v.PostForm}
	t, err := v.atToken(f)
	if err != nil {
		return view{}, err
	}
	back := v.address("tokens", t.Token.Token)
	again := v.tokenPage
	if f.Get("page") == "investors" {
		back, again = v.address("tokens", t.Token.Token, "investors"), v.investorsPage
	}
	back = with(back, "wallet="+url.QueryEscape(t.Wallet))
	if t.Wallet == "" {
		f.fail("wallet", "Choose the wallet that signs")
		return again(f)
	}
	in := wire.Intent{AtToken: wire.AtToken{Token: t.Token.Token}}
	address := func(field string) string {
		text := strings.TrimSpace(f.Get(field))
		if !isAddress(text) {
			f.fail(field, "An address is 0x and 40 hexadecimal digits")
		}
		return text
	}
	switch f.Get("do") {
	case "add-agent":
		in.Kind, in.Wallet = wire.AddAgent, address("agent")
	case "remove-agent":
		in.Kind, in.Wallet = wire.RemoveAgent, address("subject")
	case "transfer":
		in.Kind, in.Wallet = wire.TransferToken, address("to")
	case "pause":
		in.Kind, in.State = wire.UpdateToken, "paused"
	case "unpause":
		in.Kind, in.State = wire.UpdateToken, "active"
	case "registry":
		in.Kind, in.IdentityRegistry = wire.UpdateToken, address("registry")
	case "compliance":
		in.Kind, in.Compliance = wire.UpdateToken, address("compliance")
	case "condition":
		condition := strings.TrimSpace(f.Get("condition"))
		in.Kind, in.HolderCondition = wire.UpdateToken, &condition
	case "act":
		in.Kind, in.Permission, in.Payload = wire.ActOnToken, f.Get("permission"), strings.TrimSpace(f.Get("payload"))
		if in.Permission == "" {
			f.fail("permission", "Choose what was done")
		}
	case "block":
		in.Kind, in.Wallet = wire.BlockWallet, address("subject")
	case "unblock":
		in.Kind, in.Wallet = wire.UnblockWallet, address("subject")
	case "disqualify":
		in.Kind, in.Wallet = wire.DisqualifyInvestor, address("subject")
	case "qualify":
		in.Kind, in.Wallet = wire.QualifyInvestor, address("investor-wallet")
		in.Investor, in.OnchainID, in.Country = strings.TrimSpace(f.Get("investor")), strings.TrimSpace(f.Get("onchain")), strings.TrimSpace(f.Get("country"))
		if in.OnchainID != "" && !isAddress(in.OnchainID) {
			f.fail("onchain", "An address is 0x and 40 hexadecimal digits")
		}
		if properties := f.properties("properties"); len(properties) > 0 {
			in.Properties = properties
		}
	default:
		return view{}, badForm("it says nothing that can be done at a token")
	}
	if f.bad() {
		return again(f)
	}
	return v.reviewForWallet(tokenStep(in), back, t.Wallet, in)
}
