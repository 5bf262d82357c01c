package verify_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/wallet"
	"github.com/permledger/permledger/verify"
)

// Given a ledger in which wallets signed, when its operator, who holds the event keys, puts words into a wallet's mouth,
// then the entry does not hold; and what a wallet signed elsewhere, or once already, counts for nothing here.
func TestWalletForgeries(t *testing.T) {
	const at = "EIP-712 on 137"
	edit := func(f func(*world, *chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw { return w.forged(at, func(en *chain.Entry) { f(w, en) }) }
	}
	again := func(w *world, en *chain.Entry, on uint64, key *wallet.Key) {
		en.Evidence = w.signWallet(en.Event, en.Evidence.Signed, chain.AlgorithmEIP712, on, key)
	}
	fails(t, history(t, plain), []attack{
		{name: "another command", tamper: edit(func(_ *world, en *chain.Entry) {
			en.Event.Data = &events.DocumentIssued{Thing: "subject/" + id("ann").String()}
		}), check: chain.CheckEvidence, at: at, found: "another wallet, or of something else"},
		{name: "another key's signature", tamper: edit(func(w *world, en *chain.Entry) {
			again(w, en, 137, dog)
			en.Evidence.Key = walletOn(137)
		}), check: chain.CheckEvidence, at: at, found: "another wallet, or of something else"},
		{name: "another wallet in the actor's name", tamper: edit(func(w *world, en *chain.Entry) {
			again(w, en, 137, dog)
			en.Event.Auth.Credential = en.Evidence.Key
		}), check: chain.CheckRules, at: at, found: "is not the wallet of"},
		{name: "the wallet of all chains in the actor's name", tamper: edit(func(w *world, en *chain.Entry) {
			again(w, en, 0, cow)
			en.Event.Auth.Credential = en.Evidence.Key
		}), check: chain.CheckRules, at: at, found: "is not the wallet of"},
		{name: "the same wallet on another chain", tamper: edit(func(w *world, en *chain.Entry) {
			again(w, en, 1, cow)
			en.Event.Auth.Credential = en.Evidence.Key
		}), check: chain.CheckRules, at: at, found: "is not the wallet of"},
		{name: "a person's key in the actor's name", tamper: edit(func(w *world, en *chain.Entry) {
			en.Event.Auth = events.Auth{Method: events.MethodSignature, Credential: did("owner")}
			en.Evidence = w.evidence(en.Event, "owner")
		}), check: chain.CheckRules, at: at, found: "is not a credential of"},
		{name: "the wallet in a person's name", tamper: edit(func(w *world, en *chain.Entry) {
			en.Event.Actor = id("owner")
			again(w, en, 137, cow)
		}), check: chain.CheckRules, at: at, found: "is not the wallet of"},
		{name: "the node in the wallet's name", tamper: edit(func(w *world, en *chain.Entry) {
			en.Event.Auth, en.Evidence = events.Auth{Method: events.MethodNode, Credential: en.Key}, nil
		}), check: chain.CheckRules, at: at},
		{name: "no signature", tamper: edit(func(_ *world, en *chain.Entry) { en.Evidence = nil }), check: chain.CheckEvidence, at: at},
		{name: "recorded after it was void", tamper: edit(func(w *world, en *chain.Entry) {
			en.Evidence = w.signWallet(en.Event, events.Signed{Expires: en.Event.Time}, chain.AlgorithmEIP712, 137, cow)
		}), check: chain.CheckEvidence, at: at, found: "void"},
		{name: "good for more than a day", tamper: edit(func(w *world, en *chain.Entry) {
			en.Evidence = w.signWallet(en.Event, events.Signed{Expires: en.Event.Time.Add(25 * time.Hour)}, chain.AlgorithmEIP712, 137, cow)
		}), check: chain.CheckEvidence, at: at, found: "24 h"},
		{name: "signed for another ledger", tamper: edit(func(w *world, en *chain.Entry) {
			other := *en.Event
			other.Source = "ledger.example/other"
			en.Evidence = w.signWallet(&other, en.Evidence.Signed, chain.AlgorithmEIP712, 137, cow)
		}), check: chain.CheckEvidence, at: at, found: "another wallet, or of something else"},
		{name: "signed with another history in view", tamper: edit(func(w *world, en *chain.Entry) {
			en.Evidence.Signed.Seen = &events.Seen{Size: 11}
			again(w, en, 137, cow)
		}), check: chain.CheckEvidence, at: at, found: "another history"},
	})
	w := history(t, plain)
	w.do(ask{}, &events.SubjectDeactivated{Subject: id(walletOn(137))})
	fails(t, w, []attack{{name: "a wallet that was deactivated", tamper: func(w *world) []verify.Raw {
		return w.forced(ask{scheme: chain.AlgorithmEIP712, on: 137}, &events.DocumentIssued{Thing: "subject/" + id("bob").String()}, nil)
	}, check: chain.CheckRules, found: "is deactivated"}})
	// The same command once more: its id is taken for ever.
	fails(t, history(t, plain), []attack{{name: "the same once more", tamper: func(w *world) []verify.Raw {
		again := w.parse(w.entry(at).Bytes())
		again.Event.Sequence, again.Event.Prev = again.Event.Sequence+1, w.entry(at).CID()
		return append(w.raws()[:w.position(at)], raw(w.parse(w.seal(again))))
	}, check: chain.CheckRules, at: at, after: 1, found: "recorded"}})
}
