package chain_test

import (
	"testing"

	"github.com/permledger/permledger/events"
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

// BenchmarkEvidence checks the evidence of one command: of a key, and of a wallet in each scheme.
func BenchmarkEvidence(b *testing.B) {
	h := newHistory(b).add(firstKey, ownerKey, opened())
	e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
	c := events.CommandOf(e)
	all := map[string]*chain.Evidence{chain.AlgorithmEd25519: evidence(b, e, ownerKey)}
	for _, algorithm := range schemes {
		all[algorithm] = walletEvidence(b, e, algorithm, 137, cow)
	}
	for _, algorithm := range append([]string{chain.AlgorithmEd25519}, schemes...) {
		b.Run(algorithm, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := all[algorithm].Check(&c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
