package wallet_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/wallet"
)

// The key of the vectors that web3.js publishes.
const web3Key = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"

// cow is the key of the example in EIP-712: keccak256("cow").
func cow(t *testing.T) *wallet.Key {
	t.Helper()
	sum := wallet.Keccak256([]byte("cow"))
	return must(wallet.KeyOf(sum[:]))(t)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func hexed(b [32]byte) string { return "0x" + hex.EncodeToString(b[:]) }

// Given a text and a key whose signature others publish, then hash, signature and recovered address are the same here.
func TestText(t *testing.T) {
	tests := []struct{ text, hash, signature string }{
		{
			"Some data", "0x1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655", // web3.js
			"0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
		},
		{
			"é€😀", "0x6db6516943aceb2941094234c991a23447131e5ef34417d1f4c0a32f8bb719d1", // the length is in bytes
			"0x5602662c3f8c1e41bb758c493b4d5c537d2835bb18cd6e99086b79e451228f9e6277948ef56b372903abf74832c8da469e37f9c4f30523e5d3c07ce92012a5601b",
		},
	}
	key := must(wallet.ParseKey(web3Key))(t)
	if got := key.Address().String(); got != "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23" {
		t.Fatalf("the key's address is %s", got)
	}
	for _, tt := range tests {
		hash := wallet.TextHash(tt.text)
		if got := hexed(hash); got != tt.hash {
			t.Errorf("%q: hash %s, want %s", tt.text, got, tt.hash)
		}
		if got := key.Sign(hash).String(); got != tt.signature {
			t.Errorf("%q: signature %s, want %s", tt.text, got, tt.signature)
		}
		if err := must(wallet.ParseSignature(tt.signature))(t).Check(hash, key.Address()); err != nil {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
}

const mail = `{"types":{
	"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],
	"Person":[{"name":"name","type":"string"},{"name":"wallet","type":"address"}],
	"Mail":[{"name":"from","type":"Person"},{"name":"to","type":"Person"},{"name":"contents","type":"string"}]},
	"primaryType":"Mail",
	"domain":{"name":"Ether Mail","version":"1","chainId":1,"verifyingContract":"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
	"message":{"from":{"name":"Cow","wallet":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
		"to":{"name":"Bob","wallet":"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},"contents":"Hello, Bob!"}}`

// Given the example of EIP-712, then each step gives what the specification publishes.
func TestMail(t *testing.T) {
	td := must(wallet.ParseTypedData([]byte(mail)))(t)
	if got := must(td.EncodeType("Mail"))(t); got != "Mail(Person from,Person to,string contents)Person(string name,address wallet)" {
		t.Errorf("encodeType %s", got)
	}
	if got := hexed(must(td.DomainSeparator())(t)); got != "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f" {
		t.Errorf("domain separator %s", got)
	}
	if got := hexed(must(td.StructHash())(t)); got != "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e" {
		t.Errorf("hashStruct %s", got)
	}
	hash := must(td.Hash())(t)
	if got := hexed(hash); got != "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2" {
		t.Errorf("hash %s", got)
	}
	const want = "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
	if got := cow(t).Sign(hash).String(); got != want {
		t.Errorf("signature %s", got)
	}
	if got := cow(t).Address().String(); got != "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" {
		t.Errorf("address %s", got)
	}
}

// Given an action on a token that ethers signed, then hash and signature are the same here.
func TestAction(t *testing.T) {
	payload := wallet.Keccak256([]byte("{}"))
	td := wallet.TypedData{
		Types: map[string][]wallet.Field{"Action": {
			{Name: "actor", Type: "address"}, {Name: "action", Type: "string"}, {Name: "resource", Type: "string"}, {Name: "payloadHash", Type: "bytes32"},
			{Name: "nonce", Type: "string"}, {Name: "issuedAt", Type: "uint256"}, {Name: "expiresAt", Type: "uint256"},
		}},
		PrimaryType: "Action",
		Domain:      map[string]any{"name": "Permission Ledger", "version": "1", "chainId": uint64(137), "verifyingContract": "0x000000000000000000000000000000000000dEaD"},
		Message: map[string]any{
			"actor": cow(t).Address().String(), "action": "tokeny:token.agent.add", "resource": "eip155:137:0x000000000000000000000000000000000000dEaD",
			"payloadHash": hexed(payload), "nonce": "0f1e2d3c4b5a6978", "issuedAt": json.Number("1735787041"), "expiresAt": "1735787341",
		},
	}
	if got := hexed(must(td.DomainSeparator())(t)); got != "0x42a92fec1090d5e209ad8c4c1f2f301e1ce8739fdaa6dfb355feba6c5ed5d669" {
		t.Errorf("domain separator %s", got)
	}
	hash := must(td.Hash())(t)
	if got := hexed(hash); got != "0xd5d9b1b3410e0d81f299c5c2601cecec14f1d116e630e9552db0f88848894e45" {
		t.Errorf("hash %s", got)
	}
	const want = "0xc2eba58c283e50efc2dcddc145670c574217aee5c636f26a55fa34d6a3379d2677df3afd8ca6dff569c377aa4ef2384125f0173acb374ac714436e8dc466a01d1c"
	if got := cow(t).Sign(hash).String(); got != want {
		t.Errorf("signature %s", got)
	}
}

func login() wallet.Message { // test/verification_positive.json of spruceid/siwe
	return wallet.Message{
		Domain: "login.xyz", Address: address("0x9D85ca56217D2bb651b00f15e694EB7E713637D4"), Statement: "Sign-In With Ethereum Example Statement",
		URI: "https://login.xyz", Version: "1", ChainID: 1, Nonce: "bTyXgcQxn2htgkjJn", IssuedAt: "2022-01-27T17:09:38.578Z", Expiration: "2100-01-07T14:31:43.952Z",
	}
}

const loginSignature = "0xdc35c7f8ba2720df052e0092556456127f00f7707eaa8e3bbff7e56774e7f2e05a093cfc9e02964c33d86e8e066e221b7d153d27e5a2e97ccd5ca7d3f2ce06cb1b"

func tally() wallet.Message {
	return wallet.Message{
		Domain: "www.tally.xyz", Address: address("0xc95EB884FE852e241D409234bfC7045CB9E31BD7"), Statement: "Sign in with Ethereum to Tally",
		URI: "https://tally.xyz", Version: "1", ChainID: 1, Nonce: "15050747", IssuedAt: "2022-06-30T14:08:51.382Z",
	}
}

// tallySignature ends with v = 1.
const tallySignature = "0x8c46b6eb8505939892d8e9b075f89f8277321b17b993151f37810cdda38cce6f4a85909d2b53e6a14629c74c0ac38bf4becde78ee5b2529812bf6cceaf7b2a2501"

func action() (wallet.Message, string) {
	return wallet.Message{
		Domain: "ledger.example", Address: address("0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"), Statement: "Sign in to the permission ledger.",
		URI: "https://ledger.example/v1/auth/wallet", Version: "1", ChainID: 137, Nonce: "a1B2c3D4e5", IssuedAt: "2025-01-02T03:04:05Z",
		Expiration: "2025-01-02T03:09:05Z", RequestID: "req-1",
		Resources: []string{"https://ledger.example/v1/tokens/eip155:137:0x000000000000000000000000000000000000dEaD"},
	}, "0xb2da04d9a111cceb22c4a7960d506615fa43fdfbb0a14e73546b0381cc420e5f31ea8bb5d3eccffc9ee2ade7242fb28271a9128896a645b8ceeb977cebf44d0f1c"
}

func address(s string) wallet.Address {
	a, err := wallet.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// Given messages that others published and signed, then they are written and read alike, and their signatures hold.
func TestSignIn(t *testing.T) {
	own, ownSignature := action()
	for _, tt := range []struct {
		m   wallet.Message
		sig string
	}{{login(), loginSignature}, {tally(), tallySignature}, {own, ownSignature}} {
		text := tt.m.String()
		read := must(wallet.ParseMessage(text))(t)
		if read.String() != text {
			t.Errorf("read as\n%s\nwant\n%s", read, text)
		}
		if err := must(wallet.ParseSignature(tt.sig))(t).Check(read.Hash(), tt.m.Address); err != nil {
			t.Errorf("%s: %v", tt.m.Domain, err)
		}
	}
	const want = "ledger.example wants you to sign in with your Ethereum account:\n0x2c7536E3605D9C16a7a3D7b1898e529396a65c23\n\nSign in to the permission ledger.\n\nURI: https://ledger.example/v1/auth/wallet\nVersion: 1\nChain ID: 137\nNonce: a1B2c3D4e5\nIssued At: 2025-01-02T03:04:05Z\nExpiration Time: 2025-01-02T03:09:05Z\nRequest ID: req-1\nResources:\n- https://ledger.example/v1/tokens/eip155:137:0x000000000000000000000000000000000000dEaD"
	if own.String() != want {
		t.Errorf("written as\n%s\nwant\n%s", own.String(), want)
	}
	own.Statement = ""
	if text := own.String(); !strings.Contains(text, "5c23\n\n\nURI: ") || must(wallet.ParseMessage(text))(t).Statement != "" {
		t.Errorf("without a statement:\n%s", text)
	}
}

// Given the message of login.xyz, when one thing about it is not as expected, then it is refused, as spruceid/siwe does.
func TestSignInRefused(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name   string
		change func(*wallet.Message, *wallet.Expected)
		want   error
	}{
		{"as expected", func(*wallet.Message, *wallet.Expected) {}, nil},
		{"expired", func(m *wallet.Message, _ *wallet.Expected) { m.Expiration = "2021-01-07T14:31:43.952Z" }, wallet.ErrExpired},
		{"at the instant it expires", func(_ *wallet.Message, x *wallet.Expected) {
			x.At = time.Date(2100, 1, 7, 14, 31, 43, 952e6, time.UTC)
		}, wallet.ErrExpired},
		{"not valid yet", func(m *wallet.Message, _ *wallet.Expected) { m.NotBefore = "2100-01-07T14:31:43.952Z" }, wallet.ErrNotYet},
		{"of another domain", func(m *wallet.Message, _ *wallet.Expected) { m.Domain = "evil.xyz" }, wallet.ErrOther},
		{"with another nonce", func(_ *wallet.Message, x *wallet.Expected) { x.Nonce = "bTyXgcQxn2htgkjJm" }, wallet.ErrOther},
		{"with another URI", func(_ *wallet.Message, x *wallet.Expected) { x.URI = "https://login.xyz/" }, wallet.ErrOther},
		{"on another chain", func(_ *wallet.Message, x *wallet.Expected) { x.ChainID = 137 }, wallet.ErrOther},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := login()
			x := wallet.Expected{Domain: "login.xyz", URI: "https://login.xyz", Nonce: "bTyXgcQxn2htgkjJn", ChainID: 1, At: at}
			tt.change(&m, &x)
			if err := m.Expect(x); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			signed := login()
			err := must(wallet.ParseSignature(loginSignature))(t).Check(m.Hash(), m.Address)
			if changed := m.String() != signed.String(); changed != errors.Is(err, wallet.ErrSigner) {
				t.Errorf("the signature: %v; the message was changed: %t", err, changed)
			}
		})
	}
}

// Given signatures that are not in order, then each is refused with its reason.
func TestSignatureRefused(t *testing.T) {
	const good = "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
	const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	zero := strings.Repeat("0", 64)
	tests := []struct {
		name, sig string
		want      error
	}{
		{"the twin with a high s", "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd9ff818b327d1fc847ffe79bdd03d25e83e3a5df66962ceb160751b8bd754a1181b", wallet.ErrHighS},
		{"64 bytes", good[:130], wallet.ErrSignature},
		{"one byte more", good + "00", wallet.ErrContractWallet},
		{"two signatures, as of a contract with two owners", good + good[2:], wallet.ErrContractWallet},
		{"nothing, as of a contract that approved beforehand", "0x", wallet.ErrContractWallet},
		{"half a digit", good[:131], wallet.ErrSignature},
		{"no digits", "0xzz", wallet.ErrSignature},
		{"v of 2", good[:130] + "02", wallet.ErrSignature},
		{"v of 29", good[:130] + "1d", wallet.ErrSignature},
		{"v of EIP-155", good[:130] + "25", wallet.ErrSignature},
		{"r of 0", "0x" + zero + good[66:], wallet.ErrSignature},
		{"s of 0", good[:66] + zero + "1c", wallet.ErrSignature},
		{"r of the order", "0x" + order + good[66:], wallet.ErrSignature},
		{"s of the order", good[:66] + order + "1c", wallet.ErrSignature},
	}
	for _, tt := range tests {
		if _, err := wallet.ParseSignature(tt.sig); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	hash, by := wallet.TextHash("Some data"), address("0x2c7536E3605D9C16a7a3D7b1898e529396a65c23")
	sig := must(wallet.ParseSignature(good))(t)
	if err := sig.Check(wallet.TextHash("Some Data"), by); !errors.Is(err, wallet.ErrSigner) {
		t.Errorf("another text: %v", err)
	}
	if err := sig.Check(hash, cow(t).Address()); !errors.Is(err, wallet.ErrSigner) {
		t.Errorf("another wallet: %v", err)
	}
	sig[64] = 27
	if err := sig.Check(hash, by); err == nil {
		t.Error("the other v was taken")
	}
	short := must(wallet.ParseSignature(good[:130] + "01"))(t)
	if short.String() != good {
		t.Errorf("v of 1 is written as %s", short)
	}
	if err := (wallet.Signature{}).Check(hash, by); !errors.Is(err, wallet.ErrSignature) {
		t.Errorf("no signature at all: %v", err)
	}
}

// Given bytes that are no key, then they are refused, and no error repeats them.
func TestKeyRefused(t *testing.T) {
	for _, s := range []string{"", "0x", strings.Repeat("0", 64), strings.Repeat("f", 64), web3Key[:64], web3Key + "00", "0x" + strings.Repeat("g", 64)} {
		_, err := wallet.ParseKey(s)
		if !errors.Is(err, wallet.ErrKey) {
			t.Errorf("%q: %v", s, err)
		} else if len(s) > 10 && strings.Contains(err.Error(), s[2:]) {
			t.Errorf("the error tells the key: %v", err)
		}
	}
}
