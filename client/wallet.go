package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/wallet"
)

// WalletSigner signs with the key of a wallet, which is one of a chain, or of all chains where chain is 0, in the scheme
// of an algorithm of package chain. What it signs is void after [Expiry].
func WalletSigner(key *wallet.Key, chainID uint64, algorithm string) Signer {
	return func(cmd *events.Command) (wire.Submission, error) {
		signed := until(Expiry)
		ev, err := chain.SignWallet(algorithm, chainID, cmd, signed, key)
		if err != nil {
			return wire.Submission{}, err
		}
		return submission(cmd, signed, ev)
	}
}

// A ToSign is a command that a wallet elsewhere is asked to sign: in a browser, or on a device. It is made here from the
// command and from nothing else that a server said. Its JSON can be kept until the signature is there.
type ToSign struct {
	Organization string            `json:"organization"`
	Wallet       string            `json:"wallet"`
	Method       string            `json:"method"`
	Expires      string            `json:"expires"`
	TypedData    *wallet.TypedData `json:"typedData,omitempty"` // of eth_signTypedData_v4
	Text         string            `json:"text,omitempty"`      // of personal_sign
	Command      json.RawMessage   `json:"command"`             // canonical bytes, expiry included
	Texts        []wire.Text       `json:"texts,omitempty"`     // what the command commits to: private
}

// AskWallet gives what a wallet has to sign of a prepared command. It looks, as [Client.Record] does, whether the command
// is the one that was asked for; else the error is an [ErrNotAsked].
func AskWallet(org string, p wire.Prepared, texts []wire.Text) (ToSign, error) {
	commands, err := read(org, p)
	if err != nil {
		return ToSign{}, err
	}
	if p.Wallet == nil || len(commands) != 1 {
		return ToSign{}, fmt.Errorf("%w: it is nothing for a wallet", ErrNotAsked)
	}
	cmd, signed, err := events.ParseCommand(p.Wallet.Command)
	if err != nil {
		return ToSign{}, fmt.Errorf("%w: %w", ErrNotAsked, err)
	}
	if b, err := cmd.Bytes(events.Signed{}); err != nil || string(b) != string(p.Command) || signed.Seen != nil || signed.Expires.IsZero() {
		return ToSign{}, fmt.Errorf("%w: what the wallet is to sign is another command", ErrNotAsked)
	}
	if in := p.Intent; in != nil && in.Credential != p.Wallet.Wallet {
		return ToSign{}, fmt.Errorf("%w: another wallet is to sign it", ErrNotAsked)
	}
	t := ToSign{Organization: org, Wallet: p.Wallet.Wallet, Method: p.Wallet.Method, Expires: p.Wallet.Expires, Command: p.Wallet.Command, Texts: texts}
	r, err := t.request()
	t.TypedData, t.Text = r.Typed, r.Text
	return t, err
}

// request makes again what the wallet is asked to sign: what a file says of it is for people to read.
func (t *ToSign) request() (chain.WalletRequest, error) {
	cmd, signed, err := events.ParseCommand(t.Command)
	if err != nil {
		return chain.WalletRequest{}, fmt.Errorf("the command: %w", err)
	}
	for _, algorithm := range []string{chain.AlgorithmEIP712, chain.AlgorithmEIP191, chain.AlgorithmEIP4361} {
		if chain.MethodOf(algorithm) == t.Method {
			return chain.AskWallet(algorithm, t.Wallet, &cmd, signed)
		}
	}
	return chain.WalletRequest{}, fmt.Errorf("a wallet signs by eip712, eip191 or eip4361, not by %q", t.Method)
}

// Sign signs it with the key of a wallet.
func (t *ToSign) Sign(key *wallet.Key) (wallet.Signature, error) {
	r, err := t.request()
	if err != nil {
		return wallet.Signature{}, err
	}
	if r.Wallet.Address != key.Address() {
		return wallet.Signature{}, fmt.Errorf("%w: the key is of the wallet %s, and %s is to sign", wallet.ErrSigner, key.Address(), r.Wallet)
	}
	hash, err := r.Hash()
	if err != nil {
		return wallet.Signature{}, err
	}
	return key.Sign(hash), nil
}

// RecordSigned records what a wallet signed elsewhere. A signature that does not hold is refused here already.
func (c *Client) RecordSigned(ctx context.Context, t ToSign, sig wallet.Signature) (wire.Receipt, error) {
	r, err := t.request()
	if err != nil {
		return wire.Receipt{}, err
	}
	hash, err := r.Hash()
	if err != nil {
		return wire.Receipt{}, err
	}
	if err := sig.Check(hash, r.Wallet.Address); err != nil {
		return wire.Receipt{}, err
	}
	cmd, signed, err := events.ParseCommand(t.Command)
	if err != nil {
		return wire.Receipt{}, err
	}
	sub, err := submission(&cmd, signed, r.Evidence(signed, sig))
	if err != nil {
		return wire.Receipt{}, err
	}
	sub.Texts = t.Texts
	return untilKnown(ctx, cmd.ID, func(ctx context.Context) (wire.Receipt, error) {
		return c.recordAll(ctx, t.Organization, []wire.Submission{sub})
	})
}
