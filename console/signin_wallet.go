package console

import (
	"context"
	"net/http"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// walletEntering is what the page shows on which a wallet is to sign.
type walletEntering struct {
	Wallet    string
	Challenge wire.Challenge
	Then      string
	Problem   *wire.Problem
}

// askWallet gives what a wallet signs to sign in: in this browser, or anywhere else.
func (v *visit) askWallet() (view, error) {
	w := walletEntering{Wallet: strings.TrimSpace(v.PostFormValue("wallet")), Then: v.then()}
	var err error
	if w.Challenge, err = v.client.Challenge(v.ctx(), v.org, wire.AskChallenge{Wallet: w.Wallet}); err != nil {
		if p := refused(err); p != nil {
			return v.signInPage(entering{Problem: p, Wallet: w.Wallet})
		}
		return view{}, err
	}
	return view{template: "signin-wallet", title: "Sign in with a wallet", data: &w}, nil
}

// enterWithWallet opens the session of whose wallet signed the message.
func (v *visit) enterWithWallet() (view, error) {
	// Browsers send the lines of a form's field with the line ends of the web; what was signed has those of the message.
	message := strings.ReplaceAll(v.PostFormValue("message"), "\r\n", "\n")
	in := wire.SignIn{Wallet: &wire.WalletSignIn{Message: message, Signature: strings.TrimSpace(v.PostFormValue("signature"))}, Cookie: true}
	return v.entered(entering{Wallet: v.PostFormValue("wallet")}, func(ctx context.Context) error {
		_, err := v.client.SignIn(ctx, v.org, in)
		return err
	})
}

func walletSignInRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "{org}/sign-in/challenge", screen: (*visit).askWallet, open: true},
		{method: http.MethodPost, path: "{org}/sign-in/wallet", screen: (*visit).enterWithWallet, open: true},
	}
}
