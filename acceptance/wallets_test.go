package acceptance_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/wallet"
	"github.com/permledger/permledger/node"
)

// A purse is a wallet and its key, made of a name.
type purse struct {
	o   *org
	key *wallet.Key
	ID  string // as it stands in the organization
}

// Purse gives the wallet of a name, which is one of all chains. Its key is the same in every organization: a wallet is not
// made for one of them.
func (o *org) Purse(name string) *purse {
	o.t.Helper()
	sum := wallet.Keccak256([]byte(name))
	key, err := wallet.KeyOf(sum[:])
	if err != nil {
		o.t.Fatal(err)
	}
	return &purse{o, key, wallet.ID{Address: key.Address()}.String()}
}

// clock gives the time of the organization's node.
func (o *org) clock() time.Time {
	if o.now != nil {
		return o.now()
	}
	return time.Now()
}

// command makes the command of somebody, by the key it has in the organization.
func (o *org) command(who string, data events.Data) events.Command {
	o.t.Helper()
	s, err := o.Subject(o.t.Context(), o.ID, who, client.Read{})
	if err != nil {
		o.t.Fatalf("who is %s? %v", who, err)
	}
	id, err := ulid.ParseStrict(s.Item.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	return events.Command{ID: node.NewID(o.clock().UnixMilli()), Ledger: "ledger.test/" + o.ID, Actor: id, Data: data}
}

// Signs gives a command with the purse's signature over what a wallet is asked, in the name of a wallet and in a scheme. The
// signature is made from the JSON alone, as a wallet in a browser makes it.
func (p *purse) Signs(as, scheme string, cmd events.Command, expires time.Time) wire.Submission {
	t := p.o.t
	t.Helper()
	algorithm := map[string]string{"eip712": chain.AlgorithmEIP712, "eip191": chain.AlgorithmEIP191, "eip4361": chain.AlgorithmEIP4361}[scheme]
	signed := events.Signed{Expires: expires.UTC().Truncate(time.Millisecond)}
	ask, err := chain.AskWallet(algorithm, as, &cmd, signed)
	if err != nil {
		t.Fatal(err)
	}
	r := wire.WalletRequest{Text: ask.Text, Hex: "0x" + hex.EncodeToString([]byte(ask.Text))}
	if ask.Typed != nil {
		if r.TypedData, err = json.Marshal(ask.Typed); err != nil {
			t.Fatal(err)
		}
	}
	b, err := cmd.Bytes(signed)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Submission{Command: b, Wallet: &wire.WalletSignature{Wallet: as, Method: scheme, Signature: p.answers(r)}}
}

// asks has the purse ask for a change through the API, as somebody's account calls it, and sign what it is answered with, in a
// scheme. It gives the submission.
func (p *purse) asks(account, scheme string, in wire.Intent) wire.Submission {
	p.o.t.Helper()
	in.Credential, in.Scheme = p.ID, scheme
	prepared, err := p.o.Me(account).Prepare(p.o.t.Context(), p.o.ID, in)
	if err != nil {
		p.o.t.Fatal(err)
	}
	r := prepared.Wallet
	if r == nil {
		p.o.t.Fatalf("nothing is to be signed: %+v", prepared)
	}
	return wire.Submission{Command: r.Command, Wallet: &wire.WalletSignature{Wallet: r.Wallet, Method: r.Method, Signature: p.answers(*r)}}
}

// file gives the file with the purse's key, as permledger wallet new writes it.
func (p *purse) file() string {
	p.o.t.Helper()
	path := filepath.Join(p.o.t.TempDir(), "wallet.key")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(p.key.Bytes())+"\n"), 0o600); err != nil {
		p.o.t.Fatal(err)
	}
	return path
}

// answers gives the signature of a wallet that knows nothing but what it is asked.
func (p *purse) answers(r wire.WalletRequest) string {
	p.o.t.Helper()
	if r.TypedData == nil {
		text, err := hex.DecodeString(r.Hex[len("0x"):])
		if err != nil {
			p.o.t.Fatal(err)
		}
		return p.key.Sign(wallet.TextHash(string(text))).String()
	}
	typed, err := wallet.ParseTypedData(r.TypedData)
	if err != nil {
		p.o.t.Fatal(err)
	}
	hash, err := typed.Hash()
	if err != nil {
		p.o.t.Fatal(err)
	}
	return p.key.Sign(hash).String()
}

// send submits a command as it is. Where it is refused the ledger must be as it was.
func (o *org) send(s wire.Submission) (wire.Receipt, error) {
	o.t.Helper()
	before := o.Head()
	outcomes, err := o.Submit(o.t.Context(), o.ID, []wire.Submission{s}, client.StopNever)
	if err != nil {
		o.t.Fatal(err)
	}
	if p := outcomes[0].Problem; p != nil {
		if after := o.Head(); after != before {
			o.t.Errorf("%s was refused, and the ledger went from %d to %d", p.Detail, before, after)
		}
		return wire.Receipt{}, &client.Error{Problem: *p}
	}
	return *outcomes[0].Recorded, nil
}
