package console_test

import (
	"crypto/sha256"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console/browsertest"
	"github.com/permledger/permledger/ledger/wallet"
)

const (
	abc   = "eip155:137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	ofABC = "/console/acme/tokens/" + abc
)

// walletOf gives the same wallet for the same name in every run.
func walletOf(name string) *wallet.Key {
	seed := sha256.Sum256([]byte("wallet " + name))
	key, err := wallet.KeyOf(seed[:])
	if err != nil {
		panic(err) // of a seed beyond the group's order, which nobody will ever see
	}
	return key
}

func addressOf(name string) string { return walletOf(name).Address().String() }

// newTokens serves acme of the profile tokeny, with the token ABC, its owner and an agent.
func newTokens(t testing.TB) *world {
	w := newWorld(t, "tokeny")
	name := "ABC TOKEN"
	w.do(wire.Intent{Kind: wire.DeployToken, Name: &name, AtToken: wire.AtToken{Token: abc, Wallet: addressOf("owner")}})
	return w
}

var typed = regexp.MustCompile(`<input type="hidden" name="typed" value="([^"]*)">`)

// sign signs what a page asks a wallet to, and sends it.
func (b *visitor) sign(page shown, key *wallet.Key) shown {
	b.t.Helper()
	var signatures []string
	for _, m := range typed.FindAllStringSubmatch(page.html, -1) {
		signatures = append(signatures, signTyped(b.t, html.UnescapeString(m[1]), key))
	}
	if len(signatures) == 0 {
		b.t.Fatalf("nothing is to be signed (%d): %s", page.status, page.text())
	}
	return b.submit(page, "/console/acme/tokens/wallet/signed", url.Values{"signature": signatures})
}

func signTyped(t testing.TB, text string, key *wallet.Key) string {
	t.Helper()
	data, err := wallet.ParseTypedData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	hash, err := data.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return key.Sign(hash).String()
}

// asks confirms what a page shows for a wallet: the page that follows asks for signatures.
func (b *visitor) asks(review shown, reason string) shown {
	b.t.Helper()
	return b.submit(review, "/console/acme/tokens/wallet", url.Values{"reason": {reason}, "scheme": {""}})
}

// at does something at ABC with a wallet, from the page of the token to the record.
func (b *visitor) at(signer string, form url.Values) shown {
	b.t.Helper()
	form.Set("wallet", addressOf(signer))
	page := b.get(ofABC + "?wallet=" + addressOf(signer))
	form.Set("csrf", page.csrf())
	review := b.post(ofABC, form)
	asked := b.asks(review, "")
	return b.sign(asked, walletOf(signer))
}

// Given a token, when its owner's wallet signs that there is an agent, and the agent's that it is paused, then both are recorded; what
// no wallet signed, or another, is not.
func TestTokens(t *testing.T) {
	w := newTokens(t)
	b := w.signedIn("owner")
	b.get("/console/acme/tokens").has(t, "Tokens 1", "ABC TOKEN", "Active", "Deploy a token")
	page := b.get(ofABC)
	page.has(t, "Who signs", "Your account is linked with none of them", "Agents 0")
	page.hasNot(t, "Another agent", "Pause")
	page = b.get(ofABC + "?wallet=" + addressOf("owner"))
	page.has(t, "Another agent")

	to := url.Values{"do": {"add-agent"}, "agent": {"0x12"}, "wallet": {addressOf("owner")}, "csrf": {page.csrf()}}
	if bad := b.post(ofABC, to); bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.html, `value="0x12"`) {
		t.Errorf("a bad address is answered with %d: %s", bad.status, bad.text())
	}
	to.Set("agent", addressOf("agent"))
	review := b.post(ofABC, to)
	review.has(t, "Make "+addressOf("agent")+" an agent", addressOf("agent")+" gains", "tokeny:token.mint", "token/"+abc)
	asked := b.asks(review, "TICKET-9")
	asked.has(t, "eth_signTypedData_v4", "TICKET-9", "permledger wallet sign")

	if none := b.submit(asked, "/console/acme/tokens/wallet/signed", url.Values{"signature": {""}}); none.status != http.StatusUnprocessableEntity {
		t.Errorf("without a signature: %d: %s", none.status, none.text())
	}
	other := b.sign(asked, walletOf("somebody"))
	other.has(t, "Sign it elsewhere")
	if other.status < 400 {
		t.Errorf("another wallet's signature: %d: %s", other.status, other.text())
	}
	done := b.sign(asked, walletOf("owner"))
	if !strings.Contains(done.address, "recorded=") {
		t.Fatalf("it is not recorded: %s", done.text())
	}
	done.has(t, "Agents 1", "TICKET-9", "agent.added")
	again := b.sign(asked, walletOf("owner"))
	if again.address != done.address {
		t.Errorf("the same signature again leads to %s, not to %s", again.address, done.address)
	}

	b.at("agent", url.Values{"do": {"pause"}}).has(t, "Paused", "Unpause")
	b.at("agent", url.Values{"do": {"unpause"}}).has(t, "Active")
	b.at("agent", url.Values{"do": {"act"}, "permission": {"tokeny:token.mint"}, "payload": {`{"amount":"100"}`}}).has(t, "token.acted")
	b.at("owner", url.Values{"do": {"registry"}, "registry": {addressOf("registry")}}).has(t, "Identity registry", addressOf("registry"))
	b.at("owner", url.Values{"do": {"condition"}, "condition": {`subject.properties.country != "US"`}}).has(t, "Holder records meet")

	mint := b.get(ofABC + "?wallet=" + addressOf("owner"))
	refused := b.post(ofABC, url.Values{"do": {"pause"}, "wallet": {addressOf("owner")}, "csrf": {mint.csrf()}})
	refused.has(t, "AgentRole: caller does not have the Agent role")
	refused.hasNot(t, "Go on to the signature")

	b.at("owner", url.Values{"do": {"transfer"}, "to": {addressOf("heir")}}).has(t, addressOf("heir"))
	past := b.get(ofABC + "?at=12&wallet=" + addressOf("owner"))
	past.has(t, "As of event 12", addressOf("owner"))
	past.hasNot(t, "Who signs", "Another agent")
}

// Given an organization in which no role is for owners of tokens, when its tokens are looked at, then none is offered to be deployed.
func TestNoTokens(t *testing.T) {
	w := newWorld(t, "plain")
	page := w.signedIn("owner").get("/console/acme/tokens")
	page.has(t, "Tokens 0", "no role is for whoever owns one")
	page.hasNot(t, "Deploy a token")
}

// Given a change that a wallet signed, when another was recorded meanwhile, then it is shown, and the same signature can be sent again.
func TestSignedConflict(t *testing.T) {
	w := newTokens(t)
	b := w.signedIn("owner")
	page := b.get(ofABC)
	review := b.post(ofABC, url.Values{"do": {"add-agent"}, "agent": {addressOf("agent")}, "wallet": {addressOf("owner")}, "csrf": {page.csrf()}})
	asked := b.asks(review, "mine")
	b.at("owner", url.Values{"do": {"add-agent"}, "agent": {addressOf("second")}})
	conflict := b.sign(asked, walletOf("owner"))
	if conflict.status != http.StatusConflict {
		t.Fatalf("answered with %d: %s", conflict.status, conflict.text())
	}
	conflict.has(t, "Somebody else changed the same thing meanwhile", "agent.added")
	b.sign(conflict, walletOf("owner")).has(t, "Agents 2", "mine")
}

// Given an account that is linked with a wallet, when it deploys a token and names no owner, then that wallet owns it, and is the one
// that the token's page signs with.
func TestDeploy(t *testing.T) {
	w := newWorld(t, "tokeny")
	w.do(wire.Intent{Kind: wire.LinkSubject, Subject: "owner", To: addressOf("owner")})
	b := w.signedIn("owner")
	page := b.get("/console/acme/tokens/deploy")
	page.has(t, addressOf("owner"))
	bad := b.submit(page, "/console/acme/tokens/deploy", url.Values{"chain": {"Polygon"}, "contract": {"0x5a"}, "owner": {"x"}})
	bad.has(t, "The chain is a number", "An address is 0x")
	contract := strings.TrimPrefix(abc, "eip155:137:")
	review := b.submit(page, "/console/acme/tokens/deploy", url.Values{"chain": {"137"}, "contract": {contract}, "name": {"ABC TOKEN"}})
	review.has(t, "Deploy ABC TOKEN", addressOf("owner")+" gains")
	b.confirm(review, "first").has(t, "Tokens 1", "ABC TOKEN")
	b.get(ofABC).has(t, "Another agent", addressOf("owner")+" (owner)")
	b.get("/console/acme/tokens/guide").has(t, "Token Agent", "Proven by", "the signature of the wallet that has it", "an agent of the token, by qualification")
}

// Given somebody who may read no roles, when it opens the console, then it sees the tokens of its own wallets, and no others.
func TestOwnTokens(t *testing.T) {
	w := newTokens(t)
	other, name := "eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "OTHER"
	w.do(wire.Intent{Kind: wire.DeployToken, Name: &name, AtToken: wire.AtToken{Token: other, Wallet: addressOf("other")}})
	w.join("ann", "ann@acme.test")
	w.do(wire.Intent{Kind: wire.LinkSubject, Subject: "ann", To: addressOf("owner")})
	b := w.signedIn("ann")
	list := b.get("/console/acme/tokens")
	list.has(t, "Tokens 1", "ABC TOKEN", "owner")
	list.hasNot(t, "OTHER", "Deploy a token")
	b.get(ofABC).has(t, "ABC TOKEN", "Another agent")
	if page := b.get("/console/acme/tokens/" + other); page.status != http.StatusNotFound {
		t.Errorf("another's token is answered with %d: %s", page.status, page.text())
	}
	b.get(ofABC+"/investors").has(t, "Not permitted")
}

// Given an agent, when it qualifies investors by CSV, then bad rows are named by line and column and nothing is recorded; mended, or with
// the bad rows left out, each row is signed; the same file again records nothing; the CSV that comes out is read back.
func TestInvestors(t *testing.T) {
	w := newTokens(t)
	b := w.signedIn("owner")
	b.at("owner", url.Values{"do": {"add-agent"}, "agent": {addressOf("agent")}})
	agent := addressOf("agent")
	form := b.get(ofABC + "/import?wallet=" + agent)
	form.has(t, "Qualify investors by CSV", agent+" (agent)")
	rows := "wallet,investor,country,property:note\r\n" + addressOf("one") + ",INV-1,LU,'=1+1\r\n0x12,INV-2,LU,\r\n" + addressOf("three") + ",INV-3,Luxembourg,\r\n" + addressOf("one") + ",INV-4,,\r\n"
	bad := b.submit(form, ofABC+"/import", url.Values{"wallet": {agent}, "rows": {rows}})
	if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.html, "INV-2,LU") {
		t.Errorf("bad rows are answered with %d", bad.status)
	}
	bad.has(t, "3 rows cannot be taken", "3 wallet", "4 country", "5 wallet", "stands on line 2 already", "1 row is good")
	b.get(ofABC+"/investors").has(t, "Investors 0")

	review := b.submit(form, ofABC+"/import", url.Values{"wallet": {agent}, "rows": {rows}, "keep": {"yes"}})
	review.has(t, "Qualify 1 investor of ABC TOKEN", "1 row to be recorded", "3 bad rows are left out", addressOf("one")+" gains", "tokeny:token.transact")
	b.sign(b.asks(review, "onboarding"), walletOf("agent")).has(t, "Investors 1", "INV-1", "LU", "Qualified", "=1+1")
	same := b.submit(form, ofABC+"/import", url.Values{"wallet": {agent}, "rows": {rows}, "keep": {"yes"}})
	same.has(t, "1 is qualified already")
	same = b.submit(form, ofABC+"/import", url.Values{"wallet": {agent}, "rows": {strings.Join(strings.SplitN(rows, "\r\n", 3)[:2], "\r\n")}})
	same.has(t, "Nothing is to be recorded: 1 row is qualified already")

	file := b.get(ofABC + "/investors.csv")
	if want := "wallet,investor,onchain_id,country,property:note\n" + addressOf("one") + ",INV-1,,LU,'=1+1\n"; file.html != want {
		t.Errorf("the file is\n%s, not\n%s", file.html, want)
	}
	for _, none := range []string{"", "  ", "country\nLU\n", "wallet,wallet\n", "wallet\n", "wallet\n\"broken", "wallet,surprise\n"} {
		if page := b.submit(form, ofABC+"/import", url.Values{"wallet": {agent}, "rows": {none}}); page.status != http.StatusUnprocessableEntity {
			t.Errorf("%q is answered with %d: %s", none, page.status, page.text())
		}
	}

	b.at("agent", url.Values{"do": {"block"}, "subject": {addressOf("one")}, "page": {"investors"}}).has(t, "Blocked")
	b.at("agent", url.Values{"do": {"unblock"}, "subject": {addressOf("one")}, "page": {"investors"}}).has(t, "Qualified")
	b.at("agent", url.Values{"do": {"qualify"}, "investor-wallet": {addressOf("two")}, "investor": {"INV-2"}, "country": {"de"}, "properties": {"class=A"}, "page": {"investors"}}).has(t, "Investors 2", "INV-2", "DE", "class : A")
	b.at("agent", url.Values{"do": {"disqualify"}, "subject": {addressOf("one")}, "page": {"investors"}}).has(t, "Investors 1")
	b.get(ofABC+"/investors?q=inv-1").has(t, "Investors 0", "None")
}

// Given more rows than a page asks signatures for, when they are recorded, then the same file goes on where it ended.
func TestManyInvestors(t *testing.T) {
	w := newTokens(t)
	b := w.signedIn("owner")
	b.at("owner", url.Values{"do": {"add-agent"}, "agent": {addressOf("agent")}})
	var rows strings.Builder
	rows.WriteString("wallet,investor\n")
	for i := range 60 {
		fmt.Fprintf(&rows, "%s,INV-%d\n", addressOf(fmt.Sprint("investor ", i)), i)
	}
	if page := b.get("/console/acme/tokens/wallet"); page.address != "/console/acme/tokens" {
		t.Errorf("a form that is loaded anew leads to %s", page.address)
	}
	form := b.get(ofABC + "/import")
	take := func() shown {
		return b.submit(form, ofABC+"/import", url.Values{"wallet": {addressOf("agent")}, "rows": {rows.String()}})
	}
	review := take()
	review.has(t, "Qualify 50 investors", "10 more rows when the file is taken again")
	b.sign(b.asks(review, ""), walletOf("agent")).has(t, "Investors 50")
	b.sign(b.asks(take(), ""), walletOf("agent")).has(t, "Investors 60")
}

// In a browser: an agent is made by the owner's wallet, and investors are qualified from a file by the agent's. The browser's wallet is
// a stand-in that asks this test, which has the keys.
func TestTokensInABrowser(t *testing.T) {
	w := newTokens(t)
	p := w.browse(t, "owner")
	p.Click("Tokens")
	p.Inspect("tokens")
	p.Click("ABC TOKEN")
	p.Select("Wallet", addressOf("owner")+" (owner)")
	p.Click("Sign with this wallet")
	p.See("Another agent")
	p.Inspect("token")
	p.Fill("Another agent", addressOf("agent"))
	p.Click("Review making it an agent")
	p.See(addressOf("agent") + " gains")
	p.Fill("Reason", "TICKET-9")
	p.Inspect("wallet-review")
	p.Click("Go on to the signature")
	p.See("The wallet shows what it signs")
	p.Inspect("wallet")
	p.Click("Sign with the wallet of this browser")
	p.See("This browser has no wallet that pages can ask")
	plugIn(p, addressOf("agent"))
	p.Click("Sign with the wallet of this browser")
	p.See("Choose the account there")
	plugIn(p, addressOf("owner"))
	p.Click("Sign with the wallet of this browser")
	decline(p)
	p.See("it was declined there")
	p.Click("Sign with the wallet of this browser")
	answer(t, p, walletOf("owner"))
	p.See("Agents 1")
	p.See("TICKET-9")

	path := filepath.Join(t.TempDir(), "investors.csv")
	rows := "wallet,investor,country\n" + addressOf("one") + ",INV-1,LU\n0x12,INV-2,LU\n" + addressOf("two") + ",INV-2,DE\n"
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Go(ofABC + "/import")
	p.Select("The agent's wallet, which signs each row", addressOf("agent")+" (agent)")
	p.Upload("#file", path)
	p.Expect(http.StatusUnprocessableEntity)
	p.Click("Review")
	p.See("1 row cannot be taken")
	p.Inspect("import")
	p.Check("Record the good rows though others are bad", true)
	p.Click("Review")
	p.See("2 rows to be recorded")
	p.Inspect("import-review")
	p.Click("Go on to the signatures")
	plugIn(p, addressOf("agent"))
	p.Click("Sign with the wallet of this browser")
	answer(t, p, walletOf("agent"))
	answer(t, p, walletOf("agent"))
	p.See("Investors 2")
	p.See("INV-2")
	p.Inspect("investors")
	p.Go("/console/acme/tokens/guide")
	p.Inspect("guide")
	p.Go("/console/acme/tokens/deploy")
	p.Inspect("deploy")
}

// plugIn gives a page's browser a wallet with one account. What it is asked to sign waits for [answer] or [decline].
func plugIn(p *browsertest.Page, account string) {
	browsertest.Eval[bool](p, `(account) => {
		window.asked = [];
		window.ethereum = { request: ({method, params}) => {
			if (method === "eth_requestAccounts") return Promise.resolve([account.toLowerCase()]);
			if (method === "wallet_switchEthereumChain") return Promise.reject({code: 4902, message: "unknown chain"});
			return new Promise((resolve, reject) => window.asked.push({method, params, resolve, reject}));
		}};
		return true;
	}`, account)
}

// waiting gives what the wallet of a page is asked to sign.
func waiting(p *browsertest.Page) []string {
	for {
		if params := browsertest.Eval[[]string](p, `() => window.asked[0] ? [window.asked[0].method, ...window.asked[0].params] : []`); len(params) > 0 {
			return params
		}
	}
}

func decline(p *browsertest.Page) {
	waiting(p)
	browsertest.Eval[bool](p, `() => { window.asked.shift().reject({code: 4001, message: "declined"}); return true; }`)
}

// answer signs what the wallet of a page is asked to sign.
func answer(t *testing.T, p *browsertest.Page, key *wallet.Key) {
	t.Helper()
	params := waiting(p)
	if params[0] != "eth_signTypedData_v4" || !strings.EqualFold(params[1], key.Address().String()) {
		t.Fatalf("the wallet is asked %v", params)
	}
	browsertest.Eval[bool](p, `(signature) => { window.asked.shift().resolve(signature); return true; }`, signTyped(t, params[2], key))
}
