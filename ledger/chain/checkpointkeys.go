package chain

import (
	"slices"

	"github.com/permledger/permledger/events"
)

// CheckpointKeys is the history of the keys that sign a ledger's checkpoints, by position: docs/format.md, section 6.1. Only
// the first entry and those about keys change it, so who has these of a larger history, in order, judges as who has all.
// It needs no rules. The zero CheckpointKeys stands before the first entry.
type CheckpointKeys struct {
	list    []CheckpointKey
	doubted bool // the one in use is reported
}

// CheckpointKey is a key and the sizes of the checkpoints that it may sign.
type CheckpointKey struct {
	DID   string
	From  uint64 // the first
	Until uint64 // the first that it may not sign any more; 0: there is none yet
}

// signs says whether the key may sign a checkpoint of a size.
func (k *CheckpointKey) signs(size uint64) bool {
	return k.From <= size && (k.Until == 0 || size < k.Until)
}

// Note takes in the next event. Those of other types may be left out.
func (k *CheckpointKeys) Note(e *events.Event) {
	at := e.Sequence
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		if d.Keys.Checkpoint != "" {
			k.add(d.Keys.Checkpoint, at)
		}
	case *events.KeyRegistered:
		if d.Purpose == events.PurposeCheckpoint {
			k.add(d.Key, at)
		}
	case *events.KeyRotated:
		if now := k.current(); now != nil && now.DID == d.Old {
			k.endOverlap(at)
			if k.doubted {
				now.Until = at
			}
			k.add(d.New, at)
		}
	case *events.KeyRevoked:
		if old := k.beside(); old != nil && old.DID == d.Key {
			old.Until = at
		}
	case *events.KeyReported:
		if old := k.beside(); old != nil && old.DID == d.Key {
			old.Until = at
		} else if now := k.current(); now != nil && now.DID == d.Key {
			k.doubted = true
		}
	}
}

// At gives the keys that may sign a checkpoint of a size, which must not lie behind the last event that was noted, or that
// was left out: the key in use at that size first, then the one that it replaced, while both sign. None: the ledger had no
// checkpoint key then.
func (k *CheckpointKeys) At(size uint64) (dids []string) {
	for i := range slices.Backward(k.list) {
		if k.list[i].signs(size) {
			dids = append(dids, k.list[i].DID)
		}
	}
	return dids
}

// All gives every key there was, in the order of their positions.
func (k *CheckpointKeys) All() []CheckpointKey { return slices.Clone(k.list) }

func (k *CheckpointKeys) add(did string, at uint64) {
	k.list, k.doubted = append(k.list, CheckpointKey{DID: did, From: at}), false
}

// current gives the key in use.
func (k *CheckpointKeys) current() *CheckpointKey {
	if len(k.list) == 0 {
		return nil
	}
	return &k.list[len(k.list)-1]
}

// beside gives the key that was replaced and still signs.
func (k *CheckpointKeys) beside() *CheckpointKey {
	if n := len(k.list); n > 1 && k.list[n-2].Until == 0 {
		return &k.list[n-2]
	}
	return nil
}

func (k *CheckpointKeys) endOverlap(at uint64) {
	if old := k.beside(); old != nil {
		old.Until = at
	}
}
