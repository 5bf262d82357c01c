package docs_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/wallet"
)

// walletVector is what a wallet signs of a command, and its signature.
type walletVector struct {
	About     string            `json:"about"`
	Algorithm string            `json:"algorithm"`
	Wallet    string            `json:"wallet"`
	Command   string            `json:"command"` // its bytes
	Payload   string            `json:"payloadHash"`
	TypedData *wallet.TypedData `json:"typedData,omitempty"`
	Text      string            `json:"text,omitempty"`
	Hash      string            `json:"hash"` // that is signed
	Signature string            `json:"signature"`
}

// Given commands, then what wallets sign of them, and the signature, is as published: any Ethereum library comes to the
// same from typedData or text.
func TestWalletVectors(t *testing.T) {
	var all []walletVector
	tests := []struct {
		about string
		on    uint64
		data  events.Data
	}{
		{"of a wallet of all chains, about a token: the domain is of the token", 0, &events.DocumentIssued{Thing: "token/eip155:137:0x000000000000000000000000000000000000dEaD"}},
		{"of a wallet of one chain, about no token: the domain has the wallet's chain", 137, &events.RoleCreated{Role: role, Key: "r", Name: "Ä <&> \"r\"", Description: "One line.\nAnother."}},
		{"of a wallet of all chains, about no token: the domain has no chain; EIP-4361 demands one, which is 1", 0, &events.RoleCreated{Role: role, Key: "r", Name: "R"}},
	}
	for _, tt := range tests {
		for _, algorithm := range walletSchemes {
			c := events.Command{ID: id(start, 1), Ledger: "ledger.example/acme", Actor: walletID(tt.on), Data: tt.data, Version: 1}
			s := events.Signed{Expires: start.Add(time.Hour)}
			r, err := chain.AskWallet(algorithm, walletOn(tt.on), &c, s)
			if err != nil {
				t.Fatal(err)
			}
			hash, err := r.Hash()
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.Bytes(s)
			if err != nil {
				t.Fatal(err)
			}
			payload := wallet.Keccak256(b)
			all = append(all, walletVector{
				About: tt.about, Algorithm: algorithm, Wallet: walletOn(tt.on), Command: string(b), Payload: "0x" + hex.EncodeToString(payload[:]),
				TypedData: r.Typed, Text: r.Text, Hash: "0x" + hex.EncodeToString(hash[:]), Signature: cow.Sign(hash).String(),
			})
		}
	}
	published(t, "vectors/wallet-signatures.json", indented(t, struct {
		About      string         `json:"about"`
		PrivateKey string         `json:"privateKey"`
		Address    string         `json:"address"`
		Cases      []walletVector `json:"cases"`
	}{
		"What wallets sign of commands (format.md, 5.5), all with the key keccak256(\"cow\"). With ethers: " +
			"new Wallet(privateKey).signTypedData(domain, {Action: types.Action}, message) or signMessage(text) gives signature.",
		"0x" + hex.EncodeToString(cow.Bytes()), cow.Address().String(), all,
	}))
}
