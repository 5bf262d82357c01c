package rules

import (
	"cmp"
	"maps"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// appendCheckpoints appends what is so of checkpoint keys beside the keys themselves, and the checkpoints of others.
func (s *State) appendCheckpoints(b []byte) []byte {
	b = snapshot.AppendBool(b, s.doubted)
	if b = snapshot.AppendBool(b, s.overlap != nil); s.overlap != nil {
		b = snapshot.AppendInt(snapshot.AppendString(b, s.overlap.did), s.overlap.since.UnixMilli())
	}
	b = snapshot.AppendCount(b, len(s.recorded))
	for _, organization := range slices.Sorted(maps.Keys(s.recorded)) {
		c := s.recorded[organization]
		b = snapshot.AppendUint(snapshot.AppendString(b, organization), c.size)
		b = snapshot.AppendUint(append(b, c.root[:]...), c.position)
		b = snapshot.AppendInt(b, c.at.UnixMilli())
	}
	return b
}

// readCheckpoints reads what appendCheckpoints wrote, behind the keys.
func (s *State) readCheckpoints(r *snapshot.Reader) {
	for did, k := range s.keys {
		if k.purpose == events.PurposeCheckpoint {
			s.checkpointKeys = append(s.checkpointKeys, did)
		}
	}
	slices.SortFunc(s.checkpointKeys, func(a, b string) int { return cmp.Compare(s.keys[a].since, s.keys[b].since) })
	s.doubted = r.Bool()
	if r.Bool() {
		s.overlap = &overlap{r.String(), instant(r.Int())}
		if !slices.Contains(s.checkpointKeys, s.overlap.did) || s.keys[s.overlap.did].revoked != 0 {
			r.Fail("the checkpoint key that was replaced signs no more, or is none")
		}
	}
	readSorted(r, 36, r.String, func(organization string) {
		s.recorded[organization] = recordedCheckpoint{r.Uint(), events.Digest(r.Sum()), s.past(r), instant(r.Int())}
	})
}
