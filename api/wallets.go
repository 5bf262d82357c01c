package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/wallet"
)

// walletExpiry is how long a command that a wallet is asked to sign may wait for that, unless the caller says so: its owner
// looks at a screen, or fetches a device.
const walletExpiry = time.Hour

// algorithms of the schemes in which wallets sign.
var algorithms = map[string]string{
	events.MethodEIP712: chain.AlgorithmEIP712, events.MethodEIP191: chain.AlgorithmEIP191, events.MethodEIP4361: chain.AlgorithmEIP4361,
}

// algorithm gives that of a scheme; the empty scheme is EIP-712.
func algorithm(scheme string) (string, error) {
	if scheme == "" {
		scheme = events.MethodEIP712
	}
	if a, ok := algorithms[scheme]; ok {
		return a, nil
	}
	return "", badRequest(fmt.Sprintf("A wallet signs by eip712, eip191 or eip4361, not by %q", clip(scheme)))
}

// auth says how the author of an intent will prove itself.
func (d *draft) auth() (events.Auth, error) {
	a := events.Auth{Method: events.MethodSignature, Credential: d.in.Credential}
	if !wallet.IsID(d.in.Credential) {
		if d.in.Scheme != "" || d.in.Expires != "" {
			return a, badRequest("scheme and expires are of what a wallet signs, and the credential is none")
		}
		return a, nil
	}
	scheme, err := algorithm(d.in.Scheme)
	a.Method = chain.MethodOf(scheme)
	return a, err
}

// askWallet gives what the author's wallet has to sign for a command; nil where the author is none.
func (d *draft) askWallet(cmd events.Command) (*wire.WalletRequest, error) {
	if !events.SignsWithWallet(cmd.Auth.Method) {
		return nil, nil
	}
	if len(d.parts) > 0 {
		return nil, &rules.Refusal{Code: rules.Invalid, Reason: "A wallet signs one command, and this set takes several"}
	}
	signed, err := d.expires()
	if err != nil {
		return nil, err
	}
	scheme, err := algorithm(d.in.Scheme)
	if err != nil {
		return nil, err
	}
	ask, err := chain.AskWallet(scheme, d.in.Credential, &cmd, signed)
	if err != nil {
		return nil, &rules.Refusal{Code: rules.NotProven, Reason: err.Error()}
	}
	r := &wire.WalletRequest{Wallet: d.in.Credential, Method: cmd.Auth.Method, Text: ask.Text, Expires: stamp(signed.Expires)}
	if r.Command, err = cmd.Bytes(signed); err != nil {
		return nil, err
	}
	if ask.Typed != nil {
		if r.TypedData, err = json.Marshal(ask.Typed); err != nil {
			return nil, err
		}
		return r, nil
	}
	r.Hex = "0x" + hex.EncodeToString([]byte(ask.Text))
	return r, nil
}

// expires gives until when what a wallet signs holds.
func (d *draft) expires() (events.Signed, error) {
	if d.in.Expires == "" {
		return events.Signed{Expires: d.call.now.UTC().Add(walletExpiry).Truncate(time.Millisecond)}, nil
	}
	at, err := instant(d.in.Expires)
	if err != nil || !at.After(d.call.now) || at.Sub(d.call.now) > chain.MaxExpiry-time.Minute {
		return events.Signed{}, badRequest("expires is no RFC 3339 time within the next 24 hours")
	}
	return events.Signed{Expires: at}, nil
}

// evidence makes the evidence of a wallet's signature over a submitted command.
func walletEvidence(w wire.WalletSignature, cmd *events.Command, signed events.Signed) (*chain.Evidence, error) {
	scheme, err := algorithm(w.Method)
	if err != nil {
		return nil, err
	}
	sig, err := wallet.ParseSignature(w.Signature)
	if err != nil {
		p := problemOf(http.StatusUnprocessableEntity, wire.CodeBadCommand, clip("The wallet's signature: "+err.Error()))
		if errors.Is(err, wallet.ErrContractWallet) {
			p.Hint = "Sign with the key of an account of your own"
		}
		return nil, p
	}
	ask, err := chain.AskWallet(scheme, w.Wallet, cmd, signed)
	if err != nil {
		return nil, badCommand("The wallet's signature: %v", err)
	}
	return ask.Evidence(signed, sig), nil
}

// walletKey refuses a wallet under another spelling than its one: nobody could sign for it.
func walletKey(kind, key string) error {
	if kind != events.KindWallet || wallet.IsID(key) {
		return nil
	}
	w, err := wallet.ParseID(key)
	if err == nil {
		p := problemOf(http.StatusUnprocessableEntity, string(rules.Invalid), "The wallet "+clip(key)+" is written in another way here")
		p.Hint = "Write it as " + w.String()
		return p
	}
	for _, prefix := range []string{"0x", "0X", "did:pkh:", "eip155:"} {
		if strings.HasPrefix(key, prefix) {
			return invalid(err)
		}
	}
	return nil // a name: a wallet that signs nothing here
}
