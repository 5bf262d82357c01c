package console

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// asking is a change that only a wallet may make: it is shown, given a reason, and then signed by the wallet, which no session
// stands in for. It is a [change] besides, whose steps the wallet signs one by one.
type asking struct {
	change
	Wallet string // that signs: its address, or did:pkh
	Scheme string // in which it signs; empty: typed data
	Import *imported

	Signings []signing // what it is asked to sign, one for each step; none: the reason comes first
	Problem  *wire.Problem
}

// signing is one command that a wallet is asked to sign. All of it goes to the page and comes back: the console keeps nothing.
type signing struct {
	Title     string
	Command   string // canonical bytes, expiry included
	Method    string
	TypedData string
	Text, Hex string
	Expires   string
	Texts     string // private texts that the command commits to, as JSON
	Signature string
	Shell     string // what does the same from a terminal
}

func signRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "{org}/tokens/wallet", screen: (*visit).toTokens}, // a page of a form that is loaded anew
		{method: http.MethodPost, path: "{org}/tokens/wallet", screen: (*visit).forWallet},
		{method: http.MethodPost, path: "{org}/tokens/wallet/signed", screen: (*visit).recordSigned},
	}
}

func (v *visit) toTokens() (view, error) { return view{to: v.address("tokens")}, nil }

// reviewForWallet shows what a change would do that a wallet signs. back is where to go on once it is recorded.
func (v *visit) reviewForWallet(title, back, wallet string, steps ...wire.Intent) (view, error) {
	return v.asked(&asking{change: change{Title: title, Steps: steps, Back: back}, Wallet: wallet})
}

// asked gives the page of a change for a wallet, with a preview of what it would do now.
func (v *visit) asked(a *asking) (view, error) {
	var gains, losses []wire.Effective
	a.Seq, a.Preview = 0, preview{}
	for _, in := range a.Steps[a.Done:] {
		p, _, err := v.prepareFor(&a.Wallet, a.Scheme, in)
		if e := refused(err); e != nil {
			p.Refusal = e
		} else if err != nil {
			return view{}, err
		}
		if p.Refusal != nil {
			a.Refusal = p.Refusal
			break
		}
		if a.Seq == 0 {
			a.Seq = p.Seq
		}
		if p.Preview != nil {
			gains, losses, a.Preview.More = append(gains, p.Preview.Gains...), append(losses, p.Preview.Losses...), a.Preview.More+p.Preview.More
		}
	}
	a.Preview.People = people(gains, losses)
	return a.page(), nil
}

func (a *asking) page() view { return view{template: "wallet", title: a.Title, data: a} }

// prepareFor prepares a change that a wallet is to sign, and gives the private texts that it commits to. A wallet that stands in
// the organization as one of a chain alone is found by its address, too.
func (v *visit) prepareFor(wallet *string, scheme string, in wire.Intent) (wire.Prepared, []wire.Text, error) {
	var texts []wire.Text
	for _, member := range in.Private() {
		if *member != "" {
			commitment, text := client.Commit(*member)
			*member, texts = commitment, append(texts, text)
		}
	}
	in.Credential, in.Scheme = *wallet, scheme
	p, err := v.client.Prepare(v.ctx(), v.org, in)
	if e := refused(err); e != nil && e.Code() == "not-proven" && strings.HasPrefix(*wallet, "0x") {
		if chain, _, ok := cutContract(in.Token); ok {
			in.Credential = "did:pkh:" + chain + ":" + *wallet
			if again, err := v.client.Prepare(v.ctx(), v.org, in); err == nil {
				*wallet = in.Credential
				return again, texts, nil
			}
		}
	}
	return p, texts, err
}

// cutContract divides the CAIP-10 id of a contract into its chain and its address.
func cutContract(token string) (chain, address string, ok bool) {
	i := strings.LastIndexByte(token, ':')
	if i < 0 {
		return "", "", false
	}
	return token[:i], token[i+1:], true
}

// readAsking reads the form of a change that was shown.
func readAsking(v *visit) (*asking, error) {
	a := &asking{Wallet: v.PostFormValue("wallet"), Scheme: v.PostFormValue("scheme")}
	a.Title, a.Back, a.Reason = v.PostFormValue("title"), v.ours(v.PostFormValue("back")), strings.TrimSpace(v.PostFormValue("reason"))
	for _, text := range v.PostForm["step"] {
		var in wire.Intent
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			return nil, badForm("one of its steps cannot be read")
		}
		a.Steps = append(a.Steps, in)
	}
	var ok bool
	if a.Seq, ok = readNumber(v.PostFormValue("seq")); !ok || len(a.Steps) == 0 || len(a.Steps) > mostSigned {
		return nil, badForm("its steps are incomplete")
	}
	return a, nil
}

// ours gives an address of this organization's pages: never another place, whoever made the form.
func (v *visit) ours(back string) string {
	if !inside(v.org, back) {
		return v.address("overview")
	}
	return back
}

// forWallet makes the commands of a change that was shown, and asks the wallet to sign them.
func (v *visit) forWallet() (view, error) {
	a, err := readAsking(v)
	if err != nil {
		return view{}, err
	}
	var fresh []signing
	for _, in := range a.Steps {
		title, command := tokenStep(in), tokenCommand(in, a.Reason)
		if a.Reason != "" {
			in.Reason = a.Reason
		}
		p, texts, err := v.prepareFor(&a.Wallet, a.Scheme, in)
		if err == nil && p.Refusal != nil {
			return v.asked(a)
		}
		if refused(err) != nil {
			return v.asked(a)
		}
		if err != nil {
			return view{}, err
		}
		s := signing{Title: title, Command: string(p.Wallet.Command), Method: p.Wallet.Method, TypedData: string(p.Wallet.TypedData), Text: p.Wallet.Text, Hex: p.Wallet.Hex, Expires: p.Wallet.Expires, Shell: command}
		if len(texts) > 0 {
			b, err := json.Marshal(texts)
			if err != nil {
				return view{}, err
			}
			s.Texts = string(b)
		}
		fresh = append(fresh, s)
	}
	a.Signings = fresh
	return a.page(), nil
}

// recordSigned records what a wallet signed, one after the other. Sent again, it records nothing twice.
func (v *visit) recordSigned() (view, error) {
	a, err := readAsking(v)
	if err != nil {
		return view{}, err
	}
	columns := map[string][]string{}
	for _, name := range []string{"command", "method", "typed", "text", "hex", "expires", "texts", "signature"} {
		if columns[name] = v.PostForm[name]; len(columns[name]) != len(a.Steps) {
			return view{}, badForm("its signatures are incomplete")
		}
	}
	for i, in := range a.Steps {
		a.Signings = append(a.Signings, signing{
			Title: tokenStep(in), Shell: tokenCommand(in, a.Reason), Command: columns["command"][i], Method: columns["method"][i], TypedData: columns["typed"][i], Text: strings.ReplaceAll(columns["text"][i], "\r\n", "\n"), // as browsers send lines
			Hex: columns["hex"][i], Expires: columns["expires"][i], Texts: columns["texts"][i], Signature: strings.TrimSpace(columns["signature"][i]),
		})
	}
	for _, s := range a.Signings {
		r, err := v.submitSigned(a, s)
		if err != nil {
			return v.notSigned(a, err)
		}
		a.Done, a.Seq = a.Done+1, max(a.Seq, r.Seq)
	}
	return view{to: recorded(a.Back, a.Seq)}, nil
}

func (v *visit) submitSigned(a *asking, s signing) (wire.Receipt, error) {
	sub := wire.Submission{Command: json.RawMessage(s.Command), Wallet: &wire.WalletSignature{Wallet: a.Wallet, Method: s.Method, Signature: s.Signature}}
	if s.Signature == "" {
		return wire.Receipt{}, unsigned("The wallet's signature is missing", "Sign it with the wallet, or paste what the wallet gave")
	}
	if !json.Valid(sub.Command) {
		return wire.Receipt{}, badForm("one of its commands cannot be read")
	}
	if s.Texts != "" {
		if err := json.Unmarshal([]byte(s.Texts), &sub.Texts); err != nil {
			return wire.Receipt{}, badForm("one of its texts cannot be read")
		}
	}
	outcomes, err := v.client.IfUnchangedSince(a.Seq).Submit(v.ctx(), v.org, []wire.Submission{sub}, client.StopAtRefusal)
	if len(outcomes) == 1 && outcomes[0].Problem != nil {
		return wire.Receipt{}, &client.Error{Problem: *outcomes[0].Problem}
	}
	if err != nil {
		return wire.Receipt{}, err
	}
	return *outcomes[0].Recorded, nil
}

func unsigned(title, hint string) error {
	return &client.Error{Problem: wire.Problem{Type: wire.ProblemType + wire.CodeBadCommand, Status: http.StatusUnprocessableEntity, Title: title, Hint: hint}}
}

// notSigned shows what was to be signed again, with why it is not recorded. What others did meanwhile does not make the
// signatures void: whoever looked at it can send them again.
func (v *visit) notSigned(a *asking, err error) (view, error) {
	p := problem(err)
	switch code := p.Code(); {
	case code == wire.CodeChanged:
		a.Others = p.Changes
		seq := a.Seq
		if head, e := v.client.Whoami(v.ctx(), v.org); e == nil {
			seq = head.AsOf.Seq
		}
		a.Seq = seq
	case code == wire.CodeOutcomeUnknown:
		a.Unknown = true
	case refused(err) != nil || p.Status == http.StatusUnprocessableEntity:
		a.Problem = &p
	default:
		return view{}, err
	}
	shown := a.page()
	shown.status = http.StatusConflict
	if a.Problem != nil {
		shown.status = a.Problem.Status
	}
	return shown, nil
}
