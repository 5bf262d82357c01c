package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"testing"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/bundle/bundletest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document/documenttest"
)

// long makes a source of 100,000 entries with PERMLEDGER_LONG=1, else of 5,000.
func long(b *testing.B) *bundle.Source {
	b.Helper()
	n := 5_000
	if os.Getenv("PERMLEDGER_LONG") != "" {
		n = 100_000
	}
	l := documenttest.Open(b, events.Profile{Name: documenttest.Catalogue, NewPermissions: true, EmptyRoles: true}, "")
	role := l.AddRole("Auditor", "", documenttest.Read)
	for len(l.Entries) < n {
		l.Do(&events.RoleUpdated{Role: role, Add: []string{documenttest.Write}})
		l.Do(&events.RoleUpdated{Role: role, Remove: []string{documenttest.Write}})
	}
	return bundletest.Ledger(b, l)
}

// perEvent reports how many entries there were in a second.
func perEvent(b *testing.B, s *bundle.Source) {
	b.ReportMetric(float64(s.Journal.Len())*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkBundle writes everything in each form, and reads it. What it compares with is SHA-256 over the same entries.
func BenchmarkBundle(b *testing.B) {
	s := long(b)
	all := bundle.Question{Kind: bundle.All}
	b.Run("hash", func(b *testing.B) {
		for b.Loop() {
			for r, err := range s.Journal.Range(1, s.Journal.Len()) {
				if err != nil {
					b.Fatal(err)
				}
				sha256.Sum256(r.Entry)
			}
		}
		perEvent(b, s)
	})
	for _, f := range forms {
		b.Run("write/"+f.String(), func(b *testing.B) {
			for b.Loop() {
				if err := bundle.Write(io.Discard, f, s, all, s.Journal.Len()); err != nil {
					b.Fatal(err)
				}
			}
			perEvent(b, s)
		})
		file := write(b, f, s, all, s.Journal.Len())
		b.Run("read/"+f.String(), func(b *testing.B) {
			for b.Loop() {
				r, err := bundle.Open(bytes.NewReader(file), int64(len(file)))
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range r.Entries() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			perEvent(b, s)
		})
	}
}
