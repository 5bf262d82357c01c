package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/note"
)

// judge is what is known of checkpoints.
type judge struct {
	kept     kept              // the largest that was found to be of these entries, and when; of an earlier run too
	owed     bool              // kept is of an earlier run, and its entries are not here yet
	ahead    map[uint64][]byte // by size: those whose entries are not here yet
	accepted bool              // the policy has accepted a checkpoint of these entries; true where there is none
}

// mostAhead is how many checkpoints wait for their entries.
const mostAhead = 64

// clocksApart is by how much the clock here may be behind those of who signs.
const clocksApart = 5 * time.Minute

// checkpoint takes in a checkpoint that was announced. What nobody signed whose word counts is passed over: else whoever may
// publish could stop the replica. An error is a [*Fault].
func (r *Replica) checkpoint(raw []byte) error {
	n, c, err := note.ReadCheckpoint(raw)
	if err != nil || len(raw) > note.MaxSize {
		r.ignore("cannot be read", err)
		return nil
	}
	if at := uint64(len(r.leaves)); c.Size <= at && c.Size > 0 {
		return r.compare(raw, n, c)
	}
	if len(r.ahead) >= mostAhead {
		largest := uint64(0)
		for size := range r.ahead {
			largest = max(largest, size)
		}
		delete(r.ahead, largest) // what nobody ever signs must not keep out the next
	}
	r.ahead[c.Size] = raw
	return nil
}

func (r *Replica) ignore(why string, err error) {
	r.log.Warn("a checkpoint is passed over: it "+why, "error", err)
	r.update(func(s *Status) { s.Ignored++ })
}

// judgeReached compares the checkpoints whose entries are here now.
func (r *Replica) judgeReached() error {
	at := uint64(len(r.leaves))
	if r.owed && at >= r.kept.size() {
		r.owed = false
		n, c, err := note.ReadCheckpoint([]byte(r.kept.Checkpoint))
		if err != nil {
			return r.halt(&Fault{Kind: Damaged, Position: at, What: "the checkpoint that was kept cannot be read", Err: err})
		}
		if err := r.compare([]byte(r.kept.Checkpoint), n, c); err != nil {
			return err
		}
	}
	raw, ok := r.ahead[at]
	if !ok {
		return nil
	}
	delete(r.ahead, at)
	n, c, err := note.ReadCheckpoint(raw)
	if err != nil {
		return nil // it was read before
	}
	return r.compare(raw, n, c)
}

// compare holds a checkpoint of entries that are here against the tree.
func (r *Replica) compare(raw []byte, n *note.Note, c note.Checkpoint) error {
	if c.Origin != r.state.Source() {
		r.ignore("is of another log: "+c.Origin, nil)
		return nil
	}
	by, err := n.SignedBy(c.Origin, r.state.CheckpointKeys(c.Size))
	if err != nil || len(by) == 0 {
		r.ignore(fmt.Sprintf("is signed by no key of the ledger (%d entries)", c.Size), err)
		return nil
	}
	if root, _ := r.tree.Root(c.Size); root != c.Root {
		return r.accuse(&Fault{Kind: Fork, Position: c.Size, Shown: raw,
			What: fmt.Sprintf("the log has signed a checkpoint of %d entries with the root %s; those that the stream gave have %s", c.Size, note.FormatHash(c.Root), note.FormatHash(root))})
	}
	at := r.signedAt(n, c, by)
	if at.IsZero() {
		return r.found(raw, c, r.covered(c), time.Time{})
	}
	if last := r.keptEntry(); c.Size < r.kept.size() && at.After(last.Add(r.o.Patience)) {
		return r.accuse(&Fault{Kind: Rollback, Position: c.Size, Shown: raw,
			What: fmt.Sprintf("the log had %d entries, the last of %s, and signed at %s that it has %d", r.kept.size(), last.Format(time.RFC3339), at.Format(time.RFC3339), c.Size)})
	}
	return r.found(raw, c, r.covered(c), at)
}

// signedAt gives when the log itself said that this was its newest tree; zero: it did not.
func (r *Replica) signedAt(n *note.Note, c note.Checkpoint, by []string) (at time.Time) {
	for _, did := range by {
		public, err := didkey.Parse(did)
		if err != nil {
			continue
		}
		if t, err := n.Verify(note.WitnessKey(c.Origin, public)); err == nil && t.After(at) {
			at = t
		}
	}
	return at
}

// covered gives the time of the last entry that a checkpoint covers.
func (r *Replica) covered(c note.Checkpoint) time.Time {
	p, _ := r.index.At(c.Size)
	return p.Time
}

// keptEntry gives the time of the last entry of the checkpoint that is kept; of one that is not here yet, when it was kept.
func (r *Replica) keptEntry() time.Time {
	if p, ok := r.index.At(r.kept.size()); ok {
		return p.Time
	}
	return r.kept.At
}

// found takes in a checkpoint that is of these entries. last is the time of the last one that it covers, at when the log said
// that there were no more; zero: it did not say.
func (r *Replica) found(raw []byte, c note.Checkpoint, last, at time.Time) error {
	fresh := at
	if at.IsZero() {
		fresh = last // the entry itself is signed, and says when it was the newest
	}
	if p := r.o.Policy; p != nil {
		v, err := p.Verify(raw)
		switch {
		case errors.Is(err, note.ErrQuorum):
			fresh = time.Time{}
		case err != nil:
			r.ignore("is not what the policy wants", err)
			return nil
		default:
			r.accepted = true
			if p.Quorum != note.None {
				fresh = v.At
			}
		}
	}
	if c.Size > r.kept.size() {
		r.kept = kept{Genesis: r.status.Genesis, Checkpoint: string(raw), At: last, n: c.Size}
	}
	if c.Size > r.status.Checkpoint {
		r.update(func(s *Status) { s.Checkpoint = c.Size })
	}
	r.prove(fresh)
	return nil
}

// prove notes that nothing was missing at an instant.
func (r *Replica) prove(at time.Time) {
	now := time.Now()
	switch {
	case at.IsZero() || r.owed || !r.accepted:
		return
	case at.After(now.Add(clocksApart)):
		r.log.Warn("the clock here is behind the one of who signs the checkpoints: nothing is known of how fresh the replica is", "signed", at, "now", now)
		return
	case at.After(now):
		at = now
	}
	if old := r.proven.Load(); old != never && at.UnixNano() <= old {
		return
	}
	r.proven.Store(at.UnixNano())
	r.update(func(s *Status) { s.Proven = at })
}
