package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/verify"
)

// verifyDocument judges a signed document: who signed its bytes, and with a history, which entry names them. A bundle about the role or
// subject alone will do.
func (a *app) verifyDocument(ctx context.Context, p *proven, b []byte, f *proofFlags, o verify.Options) error {
	if f.entry != "" {
		return usage("--entry goes with a tlog-proof")
	}
	if f.bundle+f.ledger == "" && (o.Trust != nil || o.MaxAge > 0 || o.Genesis != "") {
		return usage("--trust, --max-age and --genesis judge a history: name one with --bundle or --ledger")
	}
	var says struct {
		Subject struct {
			Ledger   string `json:"ledger"`
			Position uint64 `json:"position"`
		} `json:"credentialSubject"`
		Proof struct {
			Method string `json:"verificationMethod"`
		} `json:"proof"`
	}
	if err := json.Unmarshal(b, &says); err != nil {
		return refusedProof(fmt.Errorf("it is no document: %w", err))
	}
	v, err := credential.Verify(b, methodOption(says.Proof.Method)...)
	if err != nil {
		return refusedProof(err)
	}
	key, cid := didkey.Encode(v.Key), credential.CID(b)
	p.Ledger = says.Subject.Ledger
	p.say("%s signed the document %s, which is unchanged since", key, cid)
	if f.bundle+f.ledger == "" {
		if v.SelfIssued() {
			p.not("whose key that is: the entries say it, with --bundle or --ledger")
		} else {
			p.not("that this key is one of %s: its DID document says so, or the entries, with --bundle or --ledger", v.Issuer)
		}
		p.not("that the ledger recorded it, and that nothing it says was taken away since")
		return nil
	}
	org := events.Organization(says.Subject.Ledger)
	if org == "" {
		org = a.org // of the first format, which does not name its ledger
	}
	r, err := verify.Recorded(ctx, cid, o, a.replay(f, org))
	switch {
	case errors.Is(err, verify.ErrNotRecorded):
		return refusedProof(err)
	case errors.Is(err, bundle.ErrNotBundle), errors.Is(err, verify.ErrNothing):
		return usage("verify: %w", err)
	case err != nil:
		return err
	case r.Key != key:
		return refusedProof(fmt.Errorf("entry %d says that %s signed it", r.Position, r.Key))
	case says.Subject.Ledger != "" && (r.Source != says.Subject.Ledger || r.Position != says.Subject.Position):
		return refusedProof(fmt.Errorf("it says that it is of entry %d of %s, and entry %d of %s names it", says.Subject.Position, says.Subject.Ledger, r.Position, r.Source))
	}
	p.Ledger = r.Source
	p.say("entry %d of %s names this very file, and this key as the ledger's for documents", r.Position, r.Source)
	p.not("that it still holds: a later entry may have taken something away, which its credentialStatus says")
	return nil
}
