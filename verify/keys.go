package verify

import (
	"slices"

	"github.com/permledger/permledger/events"
)

// checkpointKeys is the history of the keys that sign a ledger's checkpoints, by position and never by a clock: section 8 of
// docs/format.md. It is computed from the entries that change keys alone, so the fast pass knows it too.
type checkpointKeys struct {
	all     []checkpointKey // in the order in which they came
	overlap string          // the key that was replaced and signs beside the new one; empty: none
	doubted bool            // the key in use was reported: once replaced, it signs no more
}

type checkpointKey struct {
	did        string
	since, end uint64 // the positions of the entries that made it sign, and not; end 0: none
}

// at gives the keys that may sign a checkpoint of a size: the one in use there first. What comes behind that size decides
// nothing.
func (k *checkpointKeys) at(size uint64) (dids []string) {
	for _, key := range slices.Backward(k.all) {
		if key.since <= size && (key.end == 0 || size < key.end) {
			dids = append(dids, key.did)
		}
	}
	return dids
}

// noteKeys takes in what an entry does to the keys that sign something else than entries, and which keys it reports.
func (f *fold) noteKeys(e *events.Event) {
	f.keys.note(e)
	f.issuer.Apply(e)
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		f.did = d.DID
	case *events.KeyReported:
		if from, known := f.suspects[d.Key]; !known || d.From < from {
			f.suspects[d.Key] = d.From
		}
	}
}

// note takes in what an entry does to the keys.
func (k *checkpointKeys) note(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		if d.Keys.Checkpoint != "" {
			k.add(d.Keys.Checkpoint, e.Sequence)
		}
	case *events.KeyRegistered:
		if d.Purpose == events.PurposeCheckpoint {
			k.add(d.Key, e.Sequence)
		}
	case *events.KeyRotated:
		if d.Purpose == events.PurposeCheckpoint {
			k.replace(d.Old, d.New, e.Sequence)
		}
	case *events.KeyRevoked:
		if d.Key == k.overlap {
			k.finish(e.Sequence)
		}
	case *events.KeyReported:
		switch {
		case d.Key == k.overlap:
			k.finish(e.Sequence)
		case len(k.all) > 0 && d.Key == k.all[len(k.all)-1].did:
			k.doubted = true
		}
	}
}

func (k *checkpointKeys) add(did string, at uint64) {
	k.all = append(k.all, checkpointKey{did: did, since: at})
	k.doubted = false
}

// replace puts a key in another's place, which signs on beside it, unless it was reported.
func (k *checkpointKeys) replace(old, with string, at uint64) {
	k.finish(at)
	if k.overlap = old; k.doubted {
		k.finish(at)
	}
	k.add(with, at)
}

// finish ends the overlap.
func (k *checkpointKeys) finish(at uint64) {
	if k.overlap == "" {
		return
	}
	for i := range k.all {
		if k.all[i].did == k.overlap {
			k.all[i].end = at
		}
	}
	k.overlap = ""
}
