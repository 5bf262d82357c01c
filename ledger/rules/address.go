package rules

import (
	"strings"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/wallet"
)

// address refuses a text that is no address, account or wallet in its one spelling.
func address(text string) *Refusal {
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, pkh) {
		w, err := wallet.ParseID(text)
		switch {
		case err == nil && w.String() == text:
			return nil
		case err == nil:
			return refuse(Invalid, "%s is spelled %s", text, w).hint("EIP-55 says which letters are capitals")
		case !strings.HasPrefix(text, pkh):
			return refuse(Invalid, "%v", err)
		}
	}
	a, err := wallet.ParseAccount(strings.TrimPrefix(text, pkh))
	if err != nil {
		return refuse(Invalid, "%v", err)
	}
	if want := a.String(); want != strings.TrimPrefix(text, pkh) {
		return refuse(Invalid, "%s is spelled %s", text, want).hint("EIP-55 says which letters are capitals")
	}
	return nil
}

const pkh = "did:pkh:"

// walletOf judges what names the wallet that a subject is: whatever looks like an address is one, in its one spelling.
func walletOf(d *events.SubjectAdded) *Refusal {
	if strings.HasPrefix(d.DID, pkh) {
		if r := address(d.DID); r != nil {
			return r
		}
	}
	if d.Kind == events.KindWallet && (strings.HasPrefix(d.Key, "0x") || strings.HasPrefix(d.Key, pkh)) {
		if r := address(d.Key); r != nil {
			return r
		}
	}
	return nil
}
