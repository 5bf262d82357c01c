package chain_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
)

// Given the whole history of a ledger's keys, then what signed a checkpoint of an older size is what signed then, whatever
// came behind it: the key in use first, then the one it replaced, from its successor's entry up to the one that ends it.
func TestCheckpointKeysByPosition(t *testing.T) {
	var keys chain.CheckpointKeys
	for _, e := range []events.Event{
		{Sequence: 1, Data: &events.OrganizationOpened{}},
		{Sequence: 3, Data: &events.KeyRegistered{Key: "a", Purpose: events.PurposeCheckpoint}},
		{Sequence: 4, Data: &events.KeyRegistered{Key: "e", Purpose: events.PurposeEvent}},
		{Sequence: 6, Data: &events.KeyRotated{Old: "a", New: "b"}},
		{Sequence: 8, Data: &events.KeyRevoked{Key: "a"}},
		{Sequence: 9, Data: &events.KeyReported{Key: "b"}},
		{Sequence: 11, Data: &events.KeyRotated{Old: "b", New: "c"}},
	} {
		keys.Note(&e)
	}
	for _, tt := range []struct {
		from, to uint64
		want     []string
	}{
		{1, 2, nil},
		{3, 5, []string{"a"}},
		{6, 7, []string{"b", "a"}},
		{8, 10, []string{"b"}},
		{11, 12, []string{"c"}},
	} {
		for size := tt.from; size <= tt.to; size++ {
			t.Run(fmt.Sprint(size), func(t *testing.T) {
				if got := keys.At(size); !slices.Equal(got, tt.want) {
					t.Errorf("a checkpoint of %d entries may be signed by %v, want %v", size, got, tt.want)
				}
			})
		}
	}
}
