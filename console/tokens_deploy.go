package console

import (
	"cmp"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// deploying is what the page shows that records a token.
type deploying struct {
	Form    filled
	Wallets []option // the caller's
}

func (v *visit) deployPage() (view, error) { return v.deployForm(filled{}) }

func (v *visit) deployForm(f filled) (view, error) {
	mine, err := v.ownWallets()
	if err != nil {
		return view{}, err
	}
	d := deploying{Form: f}
	for _, w := range mine {
		d.Wallets = append(d.Wallets, option{Value: w, Text: w})
	}
	return view{template: "deploy", title: "Deploy a token", data: &d, status: f.status()}, nil
}

// deploy reviews a new token. An account does that: the wallet that is to own it need not sign.
func (v *visit) deploy() (view, error) {
	f := filled{Values: v.PostForm}
	chain, contract := strings.TrimSpace(f.Get("chain")), strings.TrimSpace(f.Get("contract"))
	if chain == "" || strings.ContainsFunc(chain, func(r rune) bool { return r < '0' || r > '9' }) {
		f.fail("chain", "The chain is a number: 1 is Ethereum, 137 is Polygon")
	}
	if !isAddress(contract) {
		f.fail("contract", "An address is 0x and 40 hexadecimal digits")
	}
	owner := strings.TrimSpace(f.Get("owner"))
	if owner != "" && !isAddress(owner) {
		f.fail("owner", "An address is 0x and 40 hexadecimal digits")
	}
	if f.bad() {
		return v.deployForm(f)
	}
	in := wire.Intent{Kind: wire.DeployToken, AtToken: wire.AtToken{Token: "eip155:" + chain + ":" + contract, Wallet: owner}}
	if name := strings.TrimSpace(f.Get("name")); name != "" {
		in.Name = &name
	}
	return v.review("Deploy "+cmp.Or(strings.TrimSpace(f.Get("name")), in.Token), v.address("tokens"), in)
}

// isAddress says whether a text may be an address. Whether its mixed case is right, which is a checksum, the API says.
func isAddress(text string) bool {
	rest, ok := strings.CutPrefix(text, "0x")
	return ok && len(rest) == 40 && !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')
	})
}
