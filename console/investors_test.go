package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/wallet"
)

var (
	challenge = regexp.MustCompile(`(?s)<input type="hidden" name="message" value="([^"]*)">`)
	textToo   = regexp.MustCompile(`(?s)<input type="hidden" name="text" value="([^"]*)">`)
)

// Given a wallet that owns a token, when it signs in, then it sees that token, signs in the scheme of texts, and no session of it stands
// in for the signature.
func TestWalletAtItsToken(t *testing.T) {
	w := newTokens(t)
	b := w.visitor()
	page := b.post("/console/acme/sign-in/challenge", url.Values{"wallet": {addressOf("owner")}})
	m := challenge.FindStringSubmatch(page.html)
	if m == nil {
		t.Fatalf("there is no challenge: %s", page.text())
	}
	message := html.UnescapeString(m[1])
	in := b.submit(page, "/console/acme/sign-in/wallet", url.Values{"message": {message}, "signature": {walletOf("owner").Sign(wallet.TextHash(message)).String()}})
	if in.status != http.StatusOK {
		t.Fatalf("signing in leads to %d: %s", in.status, in.text())
	}
	b.get("/console/acme/tokens").has(t, "Tokens 1", "ABC TOKEN", "owner")
	page = b.get(ofABC)
	page.has(t, "Another agent", "Only what you did yourself is shown")
	page.hasNot(t, "Your account is linked with none of them")
	review := b.post(ofABC, url.Values{"do": {"add-agent"}, "agent": {addressOf("agent")}, "wallet": {addressOf("owner")}, "csrf": {page.csrf()}})
	asked := b.submit(review, "/console/acme/tokens/wallet", url.Values{"reason": {"it's \"mine\""}, "scheme": {"eip191"}})
	asked.has(t, "personal_sign", `permledger token agent add `+abc+` `+addressOf("agent")+` --reason 'it'\''s "mine"' --wallet KEYFILE`)
	text := textToo.FindStringSubmatch(asked.html)
	if text == nil {
		t.Fatalf("no text is to be signed: %s", asked.text())
	}
	if unsigned := b.submit(asked, "/console/acme/tokens/wallet/signed", url.Values{"signature": {"0x00"}}); unsigned.status != http.StatusUnprocessableEntity {
		t.Errorf("what is no signature is answered with %d: %s", unsigned.status, unsigned.text())
	}
	signature := walletOf("owner").Sign(wallet.TextHash(html.UnescapeString(text[1]))).String()
	b.submit(asked, "/console/acme/tokens/wallet/signed", url.Values{"signature": {signature}}).has(t, "Agents 1")
}

// Given a token and an investor whose texts try to be markup or formulas, when they are shown and written out, then they are text.
func TestHostileToken(t *testing.T) {
	w := newTokens(t)
	evil := `<script>alert(1)</script><img src=x onerror=alert(2)>"'` + strings.Repeat("x", 90)
	other := "eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	w.do(wire.Intent{Kind: wire.DeployToken, Name: &evil, AtToken: wire.AtToken{Token: other, Wallet: addressOf("owner")}})
	b := w.signedIn("owner")
	b.at("owner", url.Values{"do": {"add-agent"}, "agent": {addressOf("agent")}})
	b.at("agent", url.Values{"do": {"qualify"}, "investor-wallet": {addressOf("one")}, "investor": {"-1+cmd"}, "properties": {"note=@SUM(A1)<b>\nlong=" + strings.Repeat("y", 200)}, "page": {"investors"}})
	seq := b.get(ofABC + "/investors")
	for _, page := range []shown{seq, b.get("/console/acme/tokens"), b.get("/console/acme/tokens/" + other), b.get("/console/acme/tokens/" + other + "/investors"), b.get("/console/acme/tokens/" + other + "/import")} {
		if page.status != http.StatusOK || strings.Contains(page.html, "<script>alert") || strings.Contains(page.html, "<img src=x") || strings.Contains(page.html, "<b>") {
			t.Errorf("%s (%d) holds markup of a text", page.address, page.status)
		}
	}
	b.get(ofABC+"/investors").has(t, "-1+cmd", "@SUM(A1)<b>")
	if file := b.get(ofABC + "/investors.csv"); !strings.Contains(file.html, ",'-1+cmd,") || !strings.Contains(file.html, ",'@SUM(A1)<b>") {
		t.Errorf("the file holds formulas: %s", file.html)
	}
	bad := b.submit(b.get(ofABC+"/import"), ofABC+"/import", url.Values{"wallet": {addressOf("agent")}, "rows": {"wallet,investor\n<script>alert(3)</script>,x\n"}})
	if strings.Contains(bad.html, "<script>alert") {
		t.Errorf("the page of a bad row holds its markup")
	}
	bad.has(t, "<script>alert(3)</script>")
}

// Given investors that came and went, when a page or the file is asked for as of a moment, then it is what was so then, and nothing on
// it writes.
func TestInvestorsThen(t *testing.T) {
	w := newTokens(t)
	b := w.signedIn("owner")
	b.at("owner", url.Values{"do": {"add-agent"}, "agent": {addressOf("agent")}})
	b.at("agent", url.Values{"do": {"qualify"}, "investor-wallet": {addressOf("one")}, "investor": {"INV-1"}, "page": {"investors"}})
	gone := b.at("agent", url.Values{"do": {"disqualify"}, "subject": {addressOf("one")}, "page": {"investors"}})
	gone.has(t, "Investors 0")
	then := b.get(ofABC + "/investors?at=head~1")
	then.has(t, "Investors 1", "INV-1", "read-only")
	then.hasNot(t, "Disqualify", "Who signs", "Qualify many by CSV")
	if !strings.Contains(b.get(ofABC+"/investors.csv?at=head~1").html, "INV-1") || strings.Contains(b.get(ofABC+"/investors.csv").html, "INV-1") {
		t.Error("the file is not as of the moment that was asked for")
	}
	if page := b.post(ofABC+"?at=head~1", url.Values{"do": {"pause"}, "csrf": {gone.csrf()}}); page.status != http.StatusConflict {
		t.Errorf("a form in the past is answered with %d", page.status)
	}
}
