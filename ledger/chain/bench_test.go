package chain_test

import (
	"testing"

	"github.com/permledger/permledger/ledger/chain"
)

// BenchmarkLoad parses and hashes one small entry, without a look at its signatures.
func BenchmarkLoad(b *testing.B) {
	raw := honest(b).raws()[5]
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if p := chain.Load(raw); p.Err != nil {
			b.Fatal(p.Err)
		}
	}
}
