package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// ErrNotWhole says that a decision was to be held against something that is not the whole history.
var ErrNotWhole = errors.New("this is not the whole history: a decision is held against a bundle of everything, or a ledger")

// Replayed holds a decision, which [decision.Decision.Verify] has found to hold, against the whole history: replay is to
// verify the history of its ledger with the options it is given, by [Entries], [Directory] or what reads a bundle. The
// error wraps [decision.ErrRefused] where the history holds and says otherwise than the decision: another answer at its
// position, another root at the size of its checkpoint, other keys. It is what replay gave where the history does not hold.
func Replayed(ctx context.Context, v *decision.Verified, o Options, replay func(context.Context, Options) error) error {
	r := replayed{of: v}
	o.after = r.after
	if err := replay(ctx, o); err != nil {
		return err
	}
	refused := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{decision.ErrRefused}, args...)...)
	}
	c := v.Checkpoint
	switch {
	case r.last == 0:
		return ErrNotWhole
	case r.source != v.Ledger:
		return refused("it is of %s, the history of %s", v.Ledger, r.source)
	case r.last < c.Size:
		return refused("its checkpoint is of %d entries, and the history ends at %d", c.Size, r.last)
	case r.root != c.Root:
		return refused("its checkpoint of %d entries has another root than the history: one of them is not the ledger's", c.Size)
	case !r.signer:
		return refused("%s signed it, and was not the key for documents when there were %d entries", v.Key, c.Size)
	case !r.log:
		return refused("%s signed its checkpoint, and might not when there were %d entries", v.LogKeys[0], c.Size)
	case r.answer != (v.Answer == decision.Yes):
		if r.answer {
			return refused("it says no, and by the history %s may %s at %d, since %d", v.Question.Key, v.Question.Permission, v.Position, r.since)
		}
		if r.since == 0 {
			return refused("it says yes, and by the history %s never might %s up to %d", v.Question.Key, v.Question.Permission, v.Position)
		}
		return refused("it says yes, and by the history entry %d took it away: %s may not %s at %d", r.since, v.Question.Key, v.Question.Permission, v.Position)
	}
	return nil
}

// replayed looks on while a history is verified.
type replayed struct {
	of     *decision.Verified
	source string
	last   uint64
	answer bool   // at the position
	since  uint64 // the position that made it so; 0: it never was otherwise
	root   tree.Hash
	signer bool
	log    bool
}

func (r *replayed) after(position uint64, state *rules.State, root func() tree.Hash) error {
	r.last, r.source = position, state.Source()
	q := &r.of.Question
	if position <= r.of.Position {
		u, known := state.Subject(q.Subject)
		if answer := known && u.Key == q.Key && state.CheckIn(q.Subject, q.Permission, q.Resource, q.Instant, q.In); answer != r.answer {
			r.answer, r.since = answer, position
		}
	}
	if position == r.of.Checkpoint.Size {
		r.root, r.signer = root(), state.Active(r.of.Key, events.PurposeDocument)
		r.log = slices.ContainsFunc(r.of.LogKeys, func(did string) bool { return slices.Contains(state.CheckpointKeys(position), did) })
	}
	return nil
}

// Asked says in words what a decision was asked.
func Asked(d *decision.Decision) string {
	q := &d.Question
	on := ""
	if q.Resource != "" {
		on = " on " + q.Resource
	}
	return fmt.Sprintf("may %s %s%s, as of %d of %s, at %s", q.Key, q.Permission, on, d.Position, d.Ledger, q.Instant.UTC().Format(canon.TimeLayout))
}
