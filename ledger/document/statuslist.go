package document

import (
	"crypto"
	"fmt"
	"strconv"
	"time"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/credential"
)

// A StatusList says of the documents of one list, by their index, whether a bit is set for them, as of a position.
type StatusList struct {
	Source  string // the ledger
	DID     string // that the organization named; empty: the list is issued by the did:key of the key
	Purpose string // PurposeRevocation or PurposeRefresh
	List    uint64
	Bits    credential.Bits // [StatusListLength] of them
	Time    time.Time       // of the entry at that position
	Since   time.Time       // when the key came into force, where that is later: what it signs it cannot have signed before
}

// Sign gives the list as a credential (BitstringStatusListCredential) that is signed as documents are. Equal arguments
// give equal bytes.
func (l StatusList) Sign(key crypto.Signer) ([]byte, error) {
	public, err := didkey.PublicOf(key)
	if err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	issuer, name := l.DID, credential.VerificationMethod(public)
	if issuer == "" {
		issuer = didkey.Encode(public)
	} else if isWeb(issuer) {
		name = credential.MethodOf(issuer, public)
	}
	url := StatusListURL(l.Source, l.Purpose, l.List)
	b := []byte(`{"@context":["` + contextV2 + `"],"credentialSubject":{"encodedList":"` + l.Bits.Encode())
	b = canon.AppendString(append(b, `","id":`...), url+"#list")
	b = appendMember(b, ',', "statusPurpose", l.Purpose)
	b = append(appendMember(b, ',', "type", "BitstringStatusList"), '}')
	b = appendMember(b, ',', "id", url)
	b = appendMember(b, ',', "issuer", issuer)
	b = append(b, `,"type":["VerifiableCredential","BitstringStatusListCredential"]`...)
	b = append(appendMember(b, ',', "validFrom", end(l.Time)), '}')
	created := l.Time
	if l.Since.After(created) {
		created = l.Since
	}
	_, file, err := credential.Issue(b, key, name, created)
	if err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	return file, nil
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
