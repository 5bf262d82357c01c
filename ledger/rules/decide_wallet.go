package rules

import (
	"strings"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/wallet"
)

// decideWallet judges whether the actor is a wallet and the signature is its own. A wallet's credential is its key in the
// organization: did:pkh of a chain where it is a wallet of that chain, its address where it is one of all chains, each in
// its one spelling. So no two subjects have the same, and none has it before it is added, whoever holds the private key.
func (s *State) decideWallet(e *events.Event) *Refusal {
	u := s.subjects.get(e.Actor)
	if u == nil || u.kind != events.KindWallet || u.key != e.Auth.Credential || !wallet.IsID(u.key) {
		return refuse(NotProven, "%s is not the wallet of %s", e.Auth.Credential, e.Actor).
			hint("A wallet signs in its own name; people and programs sign with their keys")
	}
	if u.deactivated != 0 {
		return refuse(Inactive, "%s is deactivated", u.key)
	}
	if w, err := wallet.ParseID(u.key); err != nil || !actsOn(w, e.Data.About()) {
		return refuse(NotProven, "%s is a wallet of one chain, and %s lies on another", u.key, e.Data.About()).
			hint("Sign with a wallet of that chain")
	}
	return nil
}

// actsOn says whether a wallet may act on a thing of the ledger: on tokens of its own chain, and on what lies on no chain.
func actsOn(w wallet.ID, thing string) bool {
	rest, ok := strings.CutPrefix(thing, "token/")
	token, _, _ := strings.Cut(rest, "/")
	a, err := wallet.ParseAccount(token)
	if !ok || err != nil {
		return true
	}
	chain, _, ok := a.EVM()
	return ok && w.Acts(chain)
}
