package document_test

import (
	"testing"

	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
)

// BenchmarkDocument signs and rebuilds the document of a small role. Both stand on the path of a recorded command.
func BenchmarkDocument(b *testing.B) {
	l := documenttest.Open(b, documenttest.Guardian, organization)
	l.AddRole("Auditor", "Reads", "export", documenttest.Read, documenttest.Write)
	en, priv := l.Entries[len(l.Entries)-1], documenttest.Key("document")
	b.Run("Sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := document.Sign(l.State, en.Event, priv); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Rebuild", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := document.Rebuild(l.State, en.Event, en.Document); err != nil {
				b.Fatal(err)
			}
		}
	})
}
