package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/verify"
)

// Given an operator who holds the event key and the document key, when a document is missing, too many, or says something
// else than the state, then that is noticed. Every entry is signed with the right event key.
func TestForgedDocument(t *testing.T) {
	edit := func(name string, f func(*world, *chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw { return w.forged(name, func(en *chain.Entry) { f(w, en) }) }
	}
	of := func(name string) func(w *world, en *chain.Entry) {
		return func(w *world, en *chain.Entry) { en.Document = w.entry(name).Document }
	}
	left := func(_ *world, en *chain.Entry) { en.Document = nil }
	attacks := []attack{
		{name: "left out", at: "ann's role", tamper: edit("ann's role", left), found: "expected a document, found none"},
		{name: "one that was asked for left out", at: "document about bob", tamper: edit("document about bob", left), found: "expected a document, found none"},
		{name: "of the node's work left out", at: "bob's role ended", tamper: edit("bob's role ended", left), found: "expected a document, found none"},
		{name: "one too many", at: "bob added", tamper: edit("bob added", of("ann's role")), found: "expected no document"},
		{name: "of another entry", at: "bob a reader", tamper: edit("bob a reader", of("ann made administrator"))},
		{name: "with another proof", at: "bob a reader", tamper: edit("bob a reader", func(w *world, en *chain.Entry) {
			en.Document.Proof = w.entry("ann's role").Document.Proof
		}), found: "signature does not verify"},
		{name: "with a proof that is none", at: "bob a reader", tamper: edit("bob a reader", func(_ *world, en *chain.Entry) {
			en.Document.Proof = "z" + strings.Repeat("1", 80)
		}), found: "proofValue"},
		{name: "with another CID", at: "bob a reader", tamper: edit("bob a reader", func(w *world, en *chain.Entry) {
			en.Document.CID = w.entry("ann's role").Document.CID
		}), found: "cid"},
		{name: "of a format that nobody knows", at: "bob a reader", tamper: edit("bob a reader", func(_ *world, en *chain.Entry) {
			en.Document.Format = "vc.0"
		}), found: "format"},
		{name: "said to be of another key", at: "bob a reader", tamper: edit("bob a reader", func(_ *world, en *chain.Entry) {
			en.Document.Key = did("document2")
		}), found: did("document2")},
		{name: "signed by another key", at: "bob a reader", tamper: edit("bob a reader", func(w *world, en *chain.Entry) {
			w.forgeDocument(en, "bob a reader", "stranger", nil)
		}), found: did("stranger")},
		{name: "signed by the event key", at: "bob a reader", tamper: edit("bob a reader", func(w *world, en *chain.Entry) {
			w.forgeDocument(en, "bob a reader", "event", nil)
		}), found: did("event")},
		{name: "signed by the document key that was rotated out", at: "readers again", tamper: edit("readers again", func(w *world, en *chain.Entry) {
			w.forgeDocument(en, "readers again", "document", nil)
		}), found: did("document")},
		{name: "signed by the right key, with other words", at: "ann's role", tamper: edit("ann's role", func(w *world, en *chain.Entry) {
			w.forgeDocument(en, "ann's role", "document", func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"name":"Readers"`), []byte(`"name":"Writers"`), 1)
			})
		})},
		{name: "signed by the right key, with a permission more", at: "ann's role", tamper: edit("ann's role", func(w *world, en *chain.Entry) {
			w.forgeDocument(en, "ann's role", "document", func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"permissions":[`), []byte(`"permissions":["POLICIES_ALL",`), 1)
			})
		})},
		{name: "signed by the right key, with another place in the status list", at: "ann's role", tamper: edit("ann's role", func(w *world, en *chain.Entry) {
			w.forgeDocument(en, "ann's role", "document", func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte(`"statusListIndex":"5"`), []byte(`"statusListIndex":"1"`))
			})
		})},
	}
	for i := range attacks {
		attacks[i].check = chain.CheckDocument
	}
	fails(t, history(t, documenttest.Guardian), attacks)
	fails(t, history(t, plain), []attack{
		{name: "where the profile wants none", at: "ann's role", check: chain.CheckDocument, found: "expected no document", tamper: edit("ann's role", func(w *world, en *chain.Entry) {
			en.Document = w.entry("document about bob").Document
		})},
		{name: "one that was asked for left out, where the profile wants none", at: "document about bob", check: chain.CheckDocument,
			found: "expected a document, found none", tamper: edit("document about bob", left)},
		{name: "of a review left out", at: "review closed", check: chain.CheckDocument, found: "expected a document, found none", tamper: edit("review closed", left)},
		{name: "of a review, by the right key, with another decision", at: "review closed", check: chain.CheckDocument, found: "proof",
			tamper: edit("review closed", func(w *world, en *chain.Entry) {
				w.forgeDocument(en, "review closed", "document2", func(b []byte) []byte {
					return bytes.Replace(b, []byte(`"decision":"keep"`), []byte(`"decision":"none"`), 1)
				})
			})},
		{name: "of a review, without an item", at: "review closed", check: chain.CheckDocument, found: "proof",
			tamper: edit("review closed", func(w *world, en *chain.Entry) {
				w.forgeDocument(en, "review closed", "document2", func(b []byte) []byte {
					from, to := bytes.Index(b, []byte(`"items":[`))+len(`"items":[`), bytes.Index(b, []byte(`],"ledger"`))
					return slices.Concat(b[:from], b[to:])
				})
			})},
		{name: "a document at the first entry", at: "opened", check: chain.CheckDocument, found: "expected no document", tamper: edit("opened", func(w *world, en *chain.Entry) {
			en.Document = w.entry("document about bob").Document
		})},
	})
}

// forgeDocument puts another document into the entry at a named position: the true one, with some words changed, signed with
// a key of the operator's choice.
func (w *world) forgeDocument(en *chain.Entry, name, by string, change func([]byte) []byte) {
	w.Helper()
	state := w.stateAt(name)
	text, err := document.Render(state, en.Event, document.Format, state.Key(events.PurposeDocument))
	if err != nil {
		w.Fatal(err)
	}
	if change != nil {
		changed := change(text)
		if bytes.Equal(changed, text) {
			w.Fatalf("nothing was changed in %s", text)
		}
		text = changed
	}
	signer := documenttest.Key(by)
	method := document.Method(state, document.Format, key(w, did(by)).Public().(ed25519.PublicKey))
	proof, err := credential.Sign(text, signer, method, en.Event.Time)
	if err != nil {
		w.Fatal(err)
	}
	file, err := credential.Secure(text, method, en.Event.Time, proof)
	if err != nil {
		w.Fatal(err)
	}
	en.Document = &chain.Document{CID: credential.CID(file), Format: document.Format, Key: did(by), Proof: proof}
}

// Given a document that was forged as above but with nothing changed and the right key, then it is the honest one: so
// what the attacks change is all that is wrong with them.
func TestForgedDocumentIsHonestOtherwise(t *testing.T) {
	w := history(t, documenttest.Guardian)
	for _, name := range []string{"ann's role", "bob a reader"} {
		en := w.parse(w.entry(name).Bytes())
		w.forgeDocument(en, name, "document", nil)
		if want := *w.entry(name).Document; *en.Document != want {
			t.Errorf("%s: made %+v; want %+v", name, *en.Document, want)
		}
	}
}
