package chain

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/wallet"
)

// What wallets sign of a command, and in which scheme. The key of such evidence is the wallet: did:pkh of an eip155 chain,
// or the bare address of a wallet of all chains.
const (
	AlgorithmEIP712  = "EIP-712"  // typed data
	AlgorithmEIP191  = "EIP-191"  // a text, as personal_sign does
	AlgorithmEIP4361 = "EIP-4361" // a message of Sign-In with Ethereum
)

// methods says how an actor proved itself whose evidence is of an algorithm.
var methods = map[string]string{
	AlgorithmEd25519: events.MethodSignature,
	AlgorithmEIP712:  events.MethodEIP712,
	AlgorithmEIP191:  events.MethodEIP191,
	AlgorithmEIP4361: events.MethodEIP4361,
}

// MethodOf gives the method of authentication that evidence of an algorithm proves; empty where the algorithm is not known.
func MethodOf(algorithm string) string { return methods[algorithm] }

// A WalletRequest is what a wallet is asked to sign for a command. Everything in it follows from the command, what its
// author says beside it, and the wallet: whoever has these makes the same request again.
type WalletRequest struct {
	Algorithm string
	Wallet    wallet.ID
	Typed     *wallet.TypedData // of EIP-712
	Text      string            // of the others
}

// actionType is the struct that wallets sign by EIP-712.
var actionType = []wallet.Field{
	{Name: "actor", Type: "address"},
	{Name: "ledger", Type: "string"},
	{Name: "action", Type: "string"},
	{Name: "resource", Type: "string"},
	{Name: "command", Type: "string"},
	{Name: "payloadHash", Type: "bytes32"},
	{Name: "nonce", Type: "string"},
	{Name: "issuedAt", Type: "string"},
	{Name: "expiresAt", Type: "string"},
}

// said is what a wallet shows its user of a command, in each of the schemes.
type said struct {
	chain    uint64 // that the command is about, else that of the wallet; 0: none
	contract string // of the token that the command is about; empty: none
	resource string
	command  string // canonical JSON of what is asked
	hash     string // Keccak-256 of the command's bytes: it covers all the rest
	issued   string
	expires  string
}

// AskWallet gives what a wallet, in its one spelling, has to sign for a command in the scheme of an algorithm. A wallet of
// one chain signs nothing about a token of another one.
func AskWallet(algorithm, key string, c *events.Command, s events.Signed) (WalletRequest, error) {
	r := WalletRequest{Algorithm: algorithm}
	var err error
	if r.Wallet, err = wallet.ParseID(key); err != nil {
		return r, err
	}
	if r.Wallet.String() != key {
		return r, fmt.Errorf("the wallet is written %s, not %s", r.Wallet, key)
	}
	say, err := describe(r.Wallet, c, s)
	if err != nil {
		return r, err
	}
	switch algorithm {
	case AlgorithmEIP712:
		r.Typed = typed(r.Wallet, c, say)
	case AlgorithmEIP191:
		r.Text = text(r.Wallet, c, say)
	case AlgorithmEIP4361:
		m := signIn(r.Wallet, c, say)
		if err := m.Check(); err != nil {
			return r, err
		}
		r.Text = m.String()
	default:
		return r, &events.UnknownTypeError{Schema: "the algorithm " + algorithm}
	}
	return r, nil
}

// Hash gives what the wallet's signature is over.
func (r *WalletRequest) Hash() ([32]byte, error) {
	if r.Typed != nil {
		return r.Typed.Hash()
	}
	return wallet.TextHash(r.Text), nil
}

// Evidence makes the evidence of a wallet's signature, in its one spelling. It does not check it.
func (r *WalletRequest) Evidence(s events.Signed, sig wallet.Signature) *Evidence {
	return &Evidence{Algorithm: r.Algorithm, Key: r.Wallet.String(), Signed: s, Signature: sig[:]}
}

// SignWallet makes the evidence for a command with the key of a wallet, which is on one chain, or on all where chain is 0.
func SignWallet(algorithm string, chain uint64, c *events.Command, s events.Signed, key *wallet.Key) (*Evidence, error) {
	r, err := AskWallet(algorithm, wallet.ID{Chain: chain, Address: key.Address()}.String(), c, s)
	if err != nil {
		return nil, fmt.Errorf("sign command %s: %w", c.ID, err)
	}
	hash, err := r.Hash()
	if err != nil {
		return nil, fmt.Errorf("sign command %s: %w", c.ID, err)
	}
	return r.Evidence(s, key.Sign(hash)), nil
}

// checkWallet is [Evidence.Check] for the schemes of wallets.
func (ev *Evidence) checkWallet(c *events.Command) error {
	r, err := AskWallet(ev.Algorithm, ev.Key, c, ev.Signed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	sig, err := wallet.ReadSignature(ev.Signature)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if string(sig[:]) != string(ev.Signature) {
		return fmt.Errorf("%w: v is %d, where 27 and 28 are written", ErrEvidence, ev.Signature[64])
	}
	hash, err := r.Hash()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if err := sig.Check(hash, r.Wallet.Address); err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return nil
}

func describe(w wallet.ID, c *events.Command, s events.Signed) (said, error) {
	b, err := c.Bytes(s)
	if err != nil {
		return said{}, err
	}
	issued := c.ID.Timestamp().UTC()
	if issued.Year() > 9999 {
		return said{}, fmt.Errorf("the time in the id %s is beyond the year 9999", c.ID)
	}
	var whole struct {
		Command json.RawMessage `json:"command"`
	}
	if err := json.Unmarshal(b, &whole); err != nil {
		return said{}, err
	}
	sum := wallet.Keccak256(b)
	say := said{
		chain: w.Chain, resource: c.Data.About(), command: string(whole.Command), hash: "0x" + hex.EncodeToString(sum[:]),
		issued: issued.Format(canon.TimeLayout), expires: s.Expires.Format(canon.TimeLayout),
	}
	token, ok := tokenOf(say.resource)
	if !ok {
		return say, nil
	}
	id, contract, _ := token.EVM()
	if !w.Acts(id) {
		return said{}, fmt.Errorf("the wallet %s is of another chain than the token %s", w, token)
	}
	say.chain, say.contract = id, contract.String()
	return say, nil
}

// tokenOf gives the token that a thing is, or lies under.
func tokenOf(resource string) (wallet.Account, bool) {
	rest, ok := strings.CutPrefix(resource, "token/")
	id, _, _ := strings.Cut(rest, "/")
	a, err := wallet.ParseAccount(id)
	_, _, evm := a.EVM()
	return a, ok && err == nil && evm && a.String() == id
}

func typed(w wallet.ID, c *events.Command, say said) *wallet.TypedData {
	domain := map[string]any{"name": "Permission Ledger", "version": "1"}
	if say.chain != 0 {
		domain["chainId"] = say.chain
	}
	if say.contract != "" {
		domain["verifyingContract"] = say.contract
	}
	return &wallet.TypedData{
		Types:       map[string][]wallet.Field{"EIP712Domain": wallet.DomainFields(domain), "Action": actionType},
		PrimaryType: "Action",
		Domain:      domain,
		Message: map[string]any{
			"actor": w.Address.String(), "ledger": c.Ledger, "action": string(c.Data.Type()), "resource": say.resource, "command": say.command,
			"payloadHash": say.hash, "nonce": c.ID.String(), "issuedAt": say.issued, "expiresAt": say.expires,
		},
	}
}

// text gives what wallets sign by EIP-191. No value has a line feed: in canonical JSON it is escaped, and things of the
// ledger have none.
func text(w wallet.ID, c *events.Command, say said) string {
	return "Permission Ledger: sign a command\n" +
		"\nLedger: " + c.Ledger +
		"\nAction: " + string(c.Data.Type()) +
		"\nResource: " + say.resource +
		"\nCommand: " + say.command +
		"\nWallet: " + w.String() +
		"\nNonce: " + c.ID.String() +
		"\nIssued At: " + say.issued +
		"\nExpiration Time: " + say.expires +
		"\nHash: " + say.hash
}

// signIn gives the message of EIP-4361. It names a chain even where nothing does: chain 1 then.
func signIn(w wallet.ID, c *events.Command, say said) *wallet.Message {
	host := strings.TrimSuffix(c.Ledger, "/"+events.Organization(c.Ledger))
	return &wallet.Message{
		Domain: host, Address: w.Address, URI: "https://" + c.Ledger, Version: "1", ChainID: max(say.chain, 1),
		Statement: "Sign the command " + string(c.Data.Type()) + " for the permission ledger " + c.Ledger + ". It is written out below.",
		Nonce:     c.ID.String(), IssuedAt: say.issued, Expiration: say.expires, RequestID: c.ID.String(),
		Resources: []string{
			"https://" + c.Ledger + "#" + escape(say.resource),
			"data:application/json," + escape(say.command),
			"urn:permledger:keccak256:" + strings.TrimPrefix(say.hash, "0x"),
		},
	}
}

// escape writes a text so that it may stand in a URI: what is neither a letter, a digit nor one of -._~:/@!$&'()*+,;= is
// written as %, and two digits from 0-9A-F for each of its bytes.
func escape(s string) string {
	b := make([]byte, 0, len(s)+len(s)/2)
	for i := 0; i < len(s); i++ {
		if plain[s[i]] {
			b = append(b, s[i])
			continue
		}
		b = append(b, '%')
		if s[i] < 0x10 {
			b = append(b, '0')
		}
		b = append(b, strings.ToUpper(strconv.FormatUint(uint64(s[i]), 16))...)
	}
	return string(b)
}

var plain = canon.NewAlphabet("AZaz09--..__~~:://@@!!$$&&''()**++,,;;==")
