package acceptance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
)

// The tokens of these tests: ABC TOKEN at Polygon mainnet, and the same address at Ethereum.
const (
	signedToken    = "eip155:137:0x000000000000000000000000000000000000dEaD"
	sameOnEthereum = "eip155:1:0x000000000000000000000000000000000000dEaD"
)

// agentIntent asks that a purse be an agent of ABC TOKEN, or be none any more.
func agentIntent(kind string, agent *purse) wire.Intent {
	return wire.Intent{Kind: kind, AtToken: wire.AtToken{Token: signedToken, Wallet: agent.ID}}
}

// deployed has the organization complete, and in it a token that a purse owns.
func (o *org) deployed(token string, owner *purse) {
	o.t.Helper()
	if _, err := o.Found(o.t.Context(), o.ID, o.Profile, o.Key("owner")); err != nil {
		o.t.Fatal(err)
	}
	cmd := o.command("owner", &events.TokenDeployed{Token: token, Name: "ABC TOKEN", Owner: owner.ID})
	sub, err := signedAt(o, &cmd, "owner")
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.send(sub); err != nil {
		o.t.Fatal(err)
	}
}

func TestT2AWalletActsAtATokenWithItsSignature(t *testing.T) {
	o := open(t, "tokeny")
	ann, agent := o.Purse("ann"), o.Purse("agent")
	// Given ABC TOKEN, which ann's wallet owns, and a wallet that is no agent of it
	o.deployed(signedToken, ann)
	// When ann's wallet signs, in whatever scheme, that it adds that agent, and takes it away again
	for _, scheme := range []string{"eip712", "eip191", "eip4361"} {
		for _, kind := range []string{wire.AddAgent, wire.RemoveAgent} {
			r, err := o.send(ann.asks("owner", scheme, agentIntent(kind, agent)))
			if err != nil {
				t.Fatalf("%s by %s: %v", kind, scheme, err)
			}
			// Then it is authenticated as that wallet, and the entry carries the signature
			entry, err := o.Entry(t.Context(), o.ID, r.CID)
			if err != nil {
				t.Fatal(err)
			}
			if text := string(entry.Entry); entry.Actor != ann.ID || !strings.Contains(text, `"auth":{"credential":"`+ann.ID+`","method":"`+scheme+`"}`) {
				t.Errorf("recorded as %s", text)
			}
			held := o.Ask(agent.ID, "token.mint", "token/"+signedToken).Allowed
			if added := kind == wire.AddAgent; held != added {
				t.Errorf("after %s the agent may mint: %t", kind, held)
			}
		}
	}
	o.Recorded(ann.ID, "agent.added")
}

func TestT3ATokenActionWithoutTheWalletsSignatureIsDenied(t *testing.T) {
	c := newClock(time.Now())
	o := openAt(t, "tokeny", c)
	ann, eve, agent := o.Purse("ann"), o.Purse("eve"), o.Purse("agent")
	// Given ABC TOKEN, which ann's wallet owns
	o.deployed(signedToken, ann)
	add := func() events.Command {
		return o.command(ann.ID, &events.AgentAdded{Token: signedToken, Agent: agent.ID})
	}
	hour := c.Now().Add(time.Hour)

	// When somebody asks for a token action with no signature: then it is denied
	s := ann.Signs(ann.ID, "eip712", add(), hour)
	s.Wallet = nil
	_, err := o.send(s)
	o.Refused(err, "bad-command", "evidence", "")
	// with an account's key instead of the wallet: denied, even of the organization's owner
	byKey := o.command("owner", &events.AgentAdded{Token: signedToken, Agent: agent.ID})
	keyed, err := signedAt(o, &byKey, "owner")
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.send(keyed)
	o.Refused(err, "not-proven", "signature of a wallet", "Sign with the wallet that owns the token")
	// with an account's key in the wallet's name: denied
	inItsName := add()
	if keyed, err = signedAt(o, &inItsName, "owner"); err != nil {
		t.Fatal(err)
	}
	_, err = o.send(keyed)
	o.Refused(err, "not-proven", "is not a credential of", "")
	// with the signature of another wallet: denied, in its own name and in ann's
	_, err = o.send(eve.Signs(ann.ID, "eip712", add(), hour))
	o.Refused(err, "not-proven", "is of another wallet, or of something else", "")
	_, err = o.send(eve.Signs(eve.ID, "eip712", add(), hour))
	o.Refused(err, "not-proven", eve.ID+" is not the wallet of", "")
	// with a signature for another token, or for the same address of another chain: denied
	s = ann.Signs(ann.ID, "eip712", add(), hour)
	s.Command = json.RawMessage(strings.ReplaceAll(string(s.Command), signedToken, sameOnEthereum))
	_, err = o.send(s)
	o.Refused(err, "not-proven", "is of another wallet, or of something else", "")
	// with an expired message: denied
	s = ann.Signs(ann.ID, "eip712", add(), c.Now().Add(time.Minute))
	c.Advance(time.Minute)
	_, err = o.send(s)
	o.Refused(err, "not-proven", "the command was void from", "")

	// And with its own signature, in time, it is allowed
	s = ann.Signs(ann.ID, "eip712", add(), c.Now().Add(time.Minute))
	r, err := o.send(s)
	if err != nil {
		t.Fatal(err)
	}
	o.Allowed(agent.ID, "token.mint", "token/"+signedToken)
	// A used nonce does nothing again: not now, and not when the agent was taken away since
	again, err := o.send(s)
	if err != nil || !again.Repeated || again.Seq != r.Seq {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	if _, err = o.send(ann.Signs(ann.ID, "eip712", o.command(ann.ID, &events.AgentRemoved{Token: signedToken, Agent: agent.ID}), c.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	if again, err = o.send(s); err != nil || !again.Repeated {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	o.Denied(agent.ID, "token.mint", "token/"+signedToken)
	// and an old one is not taken
	old := add()
	c.Advance(25 * time.Hour)
	_, err = o.send(ann.Signs(ann.ID, "eip712", old, c.Now().Add(time.Minute)))
	o.Refused(err, "stale", "The time in the id", "Send the command again with a new id")
}

func TestT22AnOwnerProvesThatItControlsItsWallet(t *testing.T) {
	o := open(t, "tokeny")
	ann, eve, agent := o.Purse("ann"), o.Purse("eve"), o.Purse("agent")
	// Given a token each of two owners
	o.deployed(signedToken, ann)
	o.deployed(sameOnEthereum, eve)
	// When each adds an agent to its own token, with the key of its wallet: then that is done
	until := o.clock().Add(time.Hour)
	for token, owner := range map[string]*purse{signedToken: ann, sameOnEthereum: eve} {
		if _, err := o.send(owner.Signs(owner.ID, "eip712", o.command(owner.ID, &events.AgentAdded{Token: token, Agent: agent.ID}), until)); err != nil {
			t.Errorf("%s: %v", token, err)
		}
		o.Recorded(owner.ID, "agent.added")
	}
	// When one claims to be the other, without its key: then that is denied
	remove := o.command(ann.ID, &events.AgentRemoved{Token: signedToken, Agent: agent.ID})
	_, err := o.send(eve.Signs(ann.ID, "eip712", remove, until))
	o.Refused(err, "not-proven", "it would be of "+eve.ID+", not of "+ann.ID, "")
	// and with its own key it may do nothing at the other's token
	_, err = o.send(eve.Signs(eve.ID, "eip712", o.command(eve.ID, &events.AgentRemoved{Token: signedToken, Agent: agent.ID}), until))
	o.Refused(err, "not-permitted", "token.agent.remove", "")
	o.Turned(eve.ID, "agent.removed", "not-permitted")
	o.Allowed(agent.ID, "token.mint", "token/"+signedToken)
}

func TestT23AnOwnerActsThroughTheServicingPlatform(t *testing.T) {
	o := open(t, "tokeny")
	ann, eve, agent := o.Purse("ann"), o.Purse("eve"), o.Purse("agent")
	// Given ABC TOKEN, which ann's wallet owns, and user1@tokeny.com, an account of the platform that may do nothing itself
	o.deployed(signedToken, ann)
	o.Add("user1@tokeny.com")
	add, remove := agentIntent(wire.AddAgent, agent), agentIntent(wire.RemoveAgent, agent)
	// When the account calls the platform, and ann's wallet signs what it answers: then it is done, in the wallet's name
	if _, err := o.send(ann.asks("user1@tokeny.com", "", add)); err != nil {
		t.Fatal(err)
	}
	o.Recorded(ann.ID, "agent.added")
	o.Allowed(agent.ID, "token.mint", "token/"+signedToken)
	// When the account does it with its own credentials, or with another wallet: then it is denied
	_, err := o.DoAs("user1@tokeny.com", remove)
	o.Refused(err, "not-proven", "signature of a wallet", "Sign with the wallet that owns the token")
	s := ann.asks("user1@tokeny.com", "", remove)
	s.Wallet.Signature = eve.Signs(ann.ID, "eip712", o.command(ann.ID, &events.AgentRemoved{Token: signedToken, Agent: agent.ID}), o.clock().Add(time.Hour)).Wallet.Signature
	_, err = o.send(s)
	o.Refused(err, "not-proven", "is of another wallet, or of something else", "")
	o.Allowed(agent.ID, "token.mint", "token/"+signedToken)
	// And from the command line: with a key in a file, and with a wallet elsewhere
	o.Run("", "token", "agent", "rm", signedToken, agent.ID, "--wallet", ann.file())
	o.Denied(agent.ID, "token.mint", "token/"+signedToken)
	change := filepath.Join(t.TempDir(), "change.json")
	if out := o.Run("", "token", "agent", "add", signedToken, agent.ID, "--wallet", ann.ID, "--prepare", change); !strings.Contains(out, "nothing recorded") {
		t.Errorf("prepared: %s", out)
	}
	o.Denied(agent.ID, "token.mint", "token/"+signedToken)
	b, err := os.ReadFile(change)
	if err != nil {
		t.Fatal(err)
	}
	var asked struct{ TypedData json.RawMessage }
	if err := json.Unmarshal(b, &asked); err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{"agent.added", "token/" + signedToken, agent.ID, `"verifyingContract": "0x000000000000000000000000000000000000dEaD"`, `"chainId": 137`} {
		if !strings.Contains(string(asked.TypedData), shown) {
			t.Errorf("the wallet does not show %s: %s", shown, asked.TypedData)
		}
	}
	if r := o.CLI("", "submit", change, "--signature", eve.answers(wire.WalletRequest{TypedData: asked.TypedData})); r.Code != 4 || !strings.Contains(r.Err, "is of another wallet, or of something else") {
		t.Errorf("with another wallet's signature: %d %s", r.Code, r.Err)
	}
	o.Run("", "submit", change, "--signature", ann.answers(wire.WalletRequest{TypedData: asked.TypedData}))
	o.Allowed(agent.ID, "token.mint", "token/"+signedToken)
}

// signedAt signs a command with somebody's key, by the organization's clock.
func signedAt(o *org, cmd *events.Command, who string) (wire.Submission, error) {
	signed := events.Signed{Expires: o.clock().UTC().Add(client.Expiry).Truncate(time.Millisecond)}
	evidence, err := chain.SignCommand(cmd, signed, o.Key(who))
	if err != nil {
		return wire.Submission{}, err
	}
	proof, err := canon.Encode(evidence.Members)
	if err != nil {
		return wire.Submission{}, err
	}
	b, err := cmd.Bytes(signed)
	return wire.Submission{Command: b, Evidence: proof}, err
}
