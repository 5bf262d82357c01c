package rules

import (
	"slices"
	"time"

	"github.com/permledger/permledger/events"
)

// CheckpointOverlap is how long a checkpoint key that was replaced signs beside the new one, so that whoever knows only the
// old one learns of the new one meanwhile. The ledger's own actor ends it by an entry once so much time lies between that
// of the replacement and that entry; who may revoke keys can end it before. Only the entry counts, never a clock.
const CheckpointOverlap = 7 * 24 * time.Hour

// checkpointsEvery is how much time lies between two recorded checkpoints of one organization, at least.
const checkpointsEvery = time.Minute

// An overlap is a checkpoint key that was replaced and still signs. It never changes.
type overlap struct {
	did   string
	since time.Time // when it was replaced
}

// recordedCheckpoint is the last one that the operator's ledger recorded of an organization's log.
type recordedCheckpoint struct {
	size     uint64
	root     events.Digest
	position uint64
	at       time.Time
}

// CheckpointKeys gives the keys that may sign a checkpoint of a size up to the state's position: the one in use at that
// size first, then the one that it replaced, while both sign. There is none where the ledger had no checkpoint key yet.
// What comes behind the size decides nothing, so every holder of the entries up to there gets the same answer.
func (s *State) CheckpointKeys(size uint64) (dids []string) {
	for _, did := range slices.Backward(s.checkpointKeys) {
		if k := s.keys[did]; k.since <= size && (k.revoked == 0 || size < k.revoked) {
			dids = append(dids, did)
		}
	}
	return dids
}

// SignableFrom gives the smallest size, not below the one that is given, of which a checkpoint may be signed; 0: there is none
// up to the state's position. It is a larger one where the ledger had no checkpoint key yet.
func (s *State) SignableFrom(size uint64) (least uint64) {
	for _, did := range s.checkpointKeys {
		k := s.keys[did]
		if at := max(k.since, size); at <= s.Position() && (k.revoked == 0 || at < k.revoked) && (least == 0 || at < least) {
			least = at
		}
	}
	return least
}

// Overlap gives the checkpoint key that was replaced and still signs, if there is one, and from when on the ledger's own
// actor revokes it.
func (s *State) Overlap() (did string, ends time.Time, ok bool) {
	if s.overlap == nil {
		return "", time.Time{}, false
	}
	return s.overlap.did, s.overlap.since.Add(CheckpointOverlap), true
}

// RecordedCheckpoint gives the last checkpoint that this ledger, the operator's, recorded of an organization's log; due is
// when the next one may be.
func (s *State) RecordedCheckpoint(organization string) (c events.RecordedCheckpoint, position uint64, due time.Time, ok bool) {
	r, ok := s.recorded[organization]
	if !ok {
		return events.RecordedCheckpoint{}, 0, time.Time{}, false
	}
	return events.RecordedCheckpoint{Organization: organization, Size: r.size, Root: r.root}, r.position, r.at.Add(checkpointsEvery), true
}

// firstCheckpointKey judges a checkpoint key of a ledger that has none, because it was opened by older rules.
func (s *State) firstCheckpointKey(e *events.Event, d *events.KeyRegistered) *Refusal {
	switch {
	case s.opened.Rules == 1 || s.current[events.PurposeCheckpoint] != "":
		return refuse(Invalid, "A key for %q is rotated, not registered beside the one there is", d.Purpose)
	case e.Auth.Method != events.MethodNode && e.Actor != s.owner:
		return refuse(NotPermitted, "Only the owner, or the ledger's own actor, registers a checkpoint key")
	case d.Subject != ulidZero:
		return refuse(Invalid, "A checkpoint key is no subject's")
	}
	return nil
}

// endOfOverlap judges the revocation of a checkpoint key.
func (s *State) endOfOverlap(e *events.Event, d *events.KeyRevoked) *Refusal {
	did, ends, ok := s.Overlap()
	switch {
	case !ok || did != d.Key:
		return refuse(InUse, "The checkpoint key in use cannot be revoked").hint("Rotate it")
	case e.Auth.Method == events.MethodNode && e.Time.Before(ends):
		return refuse(Invalid, "The replaced checkpoint key signs beside the new one until %s", ends.Format(time.RFC3339))
	}
	return nil
}

// addCheckpointKey takes in a checkpoint key, which is the one in use from there on.
func (s *State) addCheckpointKey(did string) {
	put(s.notes, s.current, events.PurposeCheckpoint, did)
	keep(s.notes, &s.checkpointKeys)
	s.checkpointKeys = append(s.checkpointKeys, did)
	s.doubted = false
}

// replaceCheckpointKey puts one checkpoint key in the place of another. The old one still signs for a time; not if somebody
// else may have it.
func (s *State) replaceCheckpointKey(e *events.Event, old, with string) {
	s.endOverlap(e.Sequence)
	s.overlap = &overlap{old, e.Time}
	if s.doubted {
		s.endOverlap(e.Sequence)
	}
	s.addCheckpointKey(with)
}

func (s *State) endOverlap(at uint64) {
	if s.overlap != nil {
		k := s.keys[s.overlap.did]
		keep(s.notes, k)
		k.revoked, s.overlap = at, nil
	}
}

// doubt notes that somebody else may have a key: a checkpoint key that was replaced signs no more from there on.
func (s *State) doubt(e *events.Event, did string) {
	switch {
	case s.overlap != nil && s.overlap.did == did:
		s.endOverlap(e.Sequence)
	case did == s.current[events.PurposeCheckpoint]:
		s.doubted = true
	}
}

func (s *State) decideCheckpoints(e *events.Event, d *events.CheckpointsRecorded) *Refusal {
	switch {
	case s.opened.Organization != events.Operator:
		return refuse(Invalid, "Only the ledger of %s records checkpoints", events.Operator)
	case e.Auth.Method != events.MethodNode:
		return refuse(NotPermitted, "Only the ledger's own actor records checkpoints")
	}
	for _, c := range d.Checkpoints {
		last, known := s.recorded[c.Organization]
		switch {
		case c.Organization == events.Operator:
			return refuse(Invalid, "No ledger records its own checkpoints")
		case c.Size == 0:
			return refuse(Invalid, "The log of %s is empty", c.Organization)
		case known && c.Size <= last.size:
			return refuse(NoChange, "The log of %s has not grown: a checkpoint of size %d is recorded", c.Organization, last.size)
		case known && e.Time.Before(last.at.Add(checkpointsEvery)):
			return refuse(Invalid, "A checkpoint of %s was recorded less than a minute ago", c.Organization)
		}
	}
	return nil
}

func (s *State) takeCheckpoints(e *events.Event, d *events.CheckpointsRecorded) {
	for _, c := range d.Checkpoints {
		put(s.notes, s.recorded, c.Organization, recordedCheckpoint{c.Size, c.Root, e.Sequence, e.Time})
	}
}
