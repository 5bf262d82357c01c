package rules_test

import (
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Given a wallet, when it signs that it joins, then it is refused as everybody who does that without an invitation: a wallet
// signs with no key of the ledger.
func TestWalletDoesNotJoin(t *testing.T) {
	w := open(t, plain, addWallet(everywhere))
	c, at := w.command(step{data: &events.SubjectJoined{Subject: id(everywhere), Credential: did("another")}}.signedAs(everywhere, events.MethodEIP712))
	if r := w.refusedCommand(c, at); r.Code != rules.NotProven {
		t.Errorf("%+v", r)
	}
}
