// Package pin keeps the last checkpoint of each ledger that a client talks to, and holds what the ledger shows later
// against it. A history that was put back, forked or frozen looks whole from inside; whoever remembers a later checkpoint
// can tell. See C2SP tlog-checkpoint and tlog-tiles for what is compared.
//
// The first checkpoint of a ledger is believed (trust on first use), with the key that signs it. From then on a ledger may
// only grow: each later checkpoint has to be signed by a key of it, and its tree has to begin with the tree that is kept,
// which is computed from tiles that fit the new checkpoint. Another key is believed where the ledger's own entries, all of
// which are read and verified then, put it in the place of the old one.
//
// What does not hold is an [*Error]: ROLLBACK, EQUIVOCATION, FORK, STALE or ANOTHER LEDGER. Both notes are written to a
// file then, and what is kept stays as it is, so that the next contact says the same until a person decides.
//
// Everything lies in one directory, in files that only their owner can read, each written aside and renamed. Several
// processes may use it at once.
package pin

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// ErrNone is what a [Source] gives where the ledger has no checkpoint, as one that was made before there were any.
var ErrNone = errors.New("the ledger has no checkpoint")

// ErrHidden is what a [Source] gives where the caller may not read the ledger's log.
var ErrHidden = errors.New("the ledger does not show its checkpoint to this caller")

// ErrUnproven says that the ledger did not give what shows that its checkpoint continues the one that is kept.
var ErrUnproven = errors.New("the ledger does not show that its checkpoint continues the one that is kept")

// A Source is a ledger as somebody serves it. Nothing it gives is believed.
type Source interface {
	// Checkpoint gives the newest checkpoint, as a signed note; [ErrNone] where there is none, [ErrHidden] where it is not
	// for the caller.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Tile gives the 32*t.Width bytes of a hash tile.
	Tile(ctx context.Context, t tree.Tile) ([]byte, error)
	// Keys gives the keys that the ledger says sign its checkpoints now.
	Keys(ctx context.Context) ([]ed25519.PublicKey, error)
	// Entries gives the exact bytes of the first size entries, in order.
	Entries(ctx context.Context, size uint64) iter.Seq2[[]byte, error]
}

// Options say how strict a client is. The zero value keeps checkpoints and demands nothing of witnesses.
type Options struct {
	// Policy says who has to have cosigned; nil: nobody has to.
	Policy *note.Policy
	// MaxAge is how long ago the quorum of Policy may have vouched for the newest checkpoint that it vouched for. 0: ever.
	MaxAge time.Duration
	// Patience is how long a checkpoint may be behind what was seen of the ledger before it counts: nodes of a cluster and
	// caches are a little behind. Default 5 s.
	Patience time.Duration
	// Now is the clock that MaxAge is measured with. Default time.Now.
	Now func() time.Time
	// First is called when a ledger is met for the first time.
	First func(c note.Checkpoint, key note.Key)
	// Warn is called where what was seen cannot be kept. Default: nobody is told.
	Warn func(error)
}

// Pins are the checkpoints that are kept in a directory. The methods are safe for concurrent use.
type Pins struct {
	dir string
	o   Options
}

// Open gives the pins in a directory, which is made when the first is kept.
func Open(dir string, o Options) *Pins {
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.First == nil {
		o.First = func(note.Checkpoint, note.Key) {}
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	return &Pins{dir, o}
}

// again is how often a checkpoint that is behind is asked for.
const again = 50 * time.Millisecond

// Check holds what a ledger shows at a place, a URL or a directory, against what is kept, and keeps what it shows. It is nil
// too where the ledger has no checkpoint and never had any, and where it does not show any to a caller who was never shown
// one. Errors are an [*Error]; wrap [ErrUnproven] where the ledger
// does not answer for what it shows; or are those of the source.
func (p *Pins) Check(ctx context.Context, place string, src Source) error {
	kept, err := p.at(place)
	if err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, p.o.Patience)
	defer cancel()
	for {
		err := p.check(ctx, place, src, kept)
		e := (*Error)(nil)
		if !errors.As(err, &e) {
			return err
		}
		if e.Kind == Rollback || e.Kind == Stale {
			select {
			case <-patience.Done():
			case <-time.After(again):
				continue
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return p.accuse(place, e)
	}
}

func (p *Pins) check(ctx context.Context, place string, src Source, kept *Pin) error {
	raw, err := src.Checkpoint(ctx)
	switch {
	case (errors.Is(err, ErrNone) || errors.Is(err, ErrHidden)) && kept == nil:
		return nil
	case errors.Is(err, ErrNone):
		return &Error{Kind: Rollback, Known: kept, What: "it shows no checkpoint any more"}
	case err != nil:
		return err
	}
	n, c, err := note.ReadCheckpoint(raw)
	if err != nil {
		return fmt.Errorf("%w: its checkpoint cannot be read: %w", ErrUnproven, err)
	}
	if kept == nil {
		if kept, err = p.same(c.Origin, n); err != nil {
			return err
		}
	}
	if kept == nil {
		return p.first(ctx, place, src, n, c)
	}
	next, err := compare(ctx, src, kept, n, c)
	if err != nil {
		return err
	}
	if err := p.fresh(next, n, c); err != nil {
		return err
	}
	if next.Checkpoint != kept.Checkpoint || next.Witnessed != kept.Witnessed || len(next.Keys) != len(kept.Keys) || !kept.shownAt(place) {
		p.keep(place, next)
	}
	return nil
}

// first believes a ledger that is met for the first time: that the key which it names signs what it shows.
func (p *Pins) first(ctx context.Context, place string, src Source, n *note.Note, c note.Checkpoint) error {
	keys, err := src.Keys(ctx)
	if err != nil {
		return fmt.Errorf("ask for the keys of the checkpoints of %s: %w", c.Origin, err)
	}
	for _, public := range keys {
		key := note.LogKey(c.Origin, public)
		if _, err := n.Verify(key); err != nil {
			continue
		}
		pin := &Pin{Origin: c.Origin, Keys: []string{key.String()}, Known: []string{key.String()}, Checkpoint: string(n.Bytes())}
		if err := p.fresh(pin, n, c); err != nil {
			return err
		}
		if p.keep(place, pin) {
			p.o.First(c, key)
		}
		return nil
	}
	return fmt.Errorf("%w: the checkpoint of %s is signed by none of the %d keys that it names", ErrUnproven, c.Origin, len(keys))
}

// compare gives what is to be kept after a checkpoint was shown that continues the one that is kept.
func compare(ctx context.Context, src Source, kept *Pin, n *note.Note, c note.Checkpoint) (*Pin, error) {
	shown := string(n.Bytes())
	if shown == kept.Checkpoint {
		return kept, kept.covers(c, n)
	}
	if c.Origin != kept.Origin {
		return nil, &Error{Kind: Another, Known: kept, Shown: n.Bytes(), What: fmt.Sprintf("it shows the ledger %s", c.Origin)}
	}
	next := *kept
	next.Checkpoint = shown
	_, was, err := note.ReadCheckpoint([]byte(kept.Checkpoint))
	if err != nil {
		return nil, fmt.Errorf("the checkpoint of %s that is kept: %w", kept.Origin, err)
	}
	if err := kept.signed(n); errors.Is(err, note.ErrUnsigned) {
		if next.Keys, err = walk(ctx, src, kept, was, n, c); err != nil {
			return nil, err
		}
		next.Known = slices.Clone(kept.Known)
		for _, k := range next.Keys {
			if !slices.Contains(next.Known, k) {
				next.Known = append(next.Known, k)
			}
		}
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	switch {
	case c.Size < was.Size:
		return nil, &Error{Kind: Rollback, Known: kept, Shown: n.Bytes(), What: fmt.Sprintf("it had %d entries, and shows %d", was.Size, c.Size)}
	case c.Size == was.Size && c.Root != was.Root:
		return nil, &Error{Kind: Equivocation, Known: kept, Shown: n.Bytes(), What: fmt.Sprintf("it has signed two histories of %d entries", c.Size)}
	case c.Size > was.Size:
		if err := continues(ctx, src, kept, was, n, c); err != nil {
			return nil, err
		}
	}
	return &next, next.covers(c, n)
}

// covers demands that a checkpoint covers what the ledger has answered with. What was answered a moment ago it need not
// cover yet: see [Options.Patience].
func (k *Pin) covers(c note.Checkpoint, n *note.Note) error {
	if c.Size < k.Answered {
		return &Error{Kind: Stale, Known: k, Shown: n.Bytes(), What: fmt.Sprintf("it answered with position %d, and its checkpoint covers %d", k.Answered, c.Size)}
	}
	return nil
}

// signed says whether a key that is kept signed a note.
func (k *Pin) signed(n *note.Note) error {
	result := note.ErrUnsigned
	for _, vkey := range k.Keys {
		key, err := note.ParseKey(vkey)
		if err != nil {
			return fmt.Errorf("a key of %s that is kept: %w", k.Origin, err)
		}
		switch _, err := n.Verify(key); {
		case err == nil:
			result = nil
		case !errors.Is(err, note.ErrUnsigned):
			return err // a signature of a known key that does not hold spoils the note
		}
	}
	return result
}

// clocksApart is by how much the clock here may be behind a witness's.
const clocksApart = 5 * time.Minute

// fresh demands of a checkpoint what the policy does, and notes which is the newest that the witnesses vouched for.
func (p *Pins) fresh(next *Pin, n *note.Note, c note.Checkpoint) error {
	if p.o.Policy == nil {
		return nil
	}
	policy := *p.o.Policy
	if len(policy.Logs) == 0 {
		for _, vkey := range next.Keys {
			key, err := note.ParseKey(vkey)
			if err != nil {
				return err
			}
			policy.Logs = append(policy.Logs, note.Log{Key: key})
		}
	}
	if _, err := policy.Verify(n.Bytes()); err == nil {
		next.Witnessed = string(n.Bytes())
	} else if !errors.Is(err, note.ErrQuorum) {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	stale := func(what string) error {
		return &Error{Kind: Stale, Known: next, Shown: n.Bytes(), What: what}
	}
	if next.Witnessed == "" {
		return stale(fmt.Sprintf("too few witnesses have cosigned its checkpoint of %d entries, or any before", c.Size))
	}
	v, err := policy.Verify([]byte(next.Witnessed))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	switch age := p.o.Now().Sub(v.At); {
	case p.o.MaxAge <= 0 || v.At.IsZero():
	case age < -clocksApart: // else whoever has a witness's key makes it vouch for years to come
		return stale(fmt.Sprintf("the witnesses vouched for it at %s, which is yet to come: a clock is wrong", v.At.Format(time.RFC3339)))
	case age > p.o.MaxAge:
		return stale(fmt.Sprintf("the witnesses vouched for it %s ago the last time, at %d entries; more than %s is too old",
			age.Round(time.Second), v.Size, p.o.MaxAge))
	}
	return nil
}

// continues demands that the tree of a checkpoint begins with the tree that is kept, by tiles that fit the new one.
func continues(ctx context.Context, src Source, kept *Pin, was note.Checkpoint, n *note.Note, c note.Checkpoint) error {
	r := &reader{ctx: ctx, src: src, tiles: map[tree.Tile][]byte{}}
	proof, err := tree.Consistency(r, was.Size, c.Size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	if tree.CheckConsistency(proof, was.Size, was.Root, c.Size, c.Root) == nil {
		return nil
	}
	// A tile that is damaged is no fork: only one that is in the tree that was signed accuses who signed it.
	if err := r.fit(c); err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return &Error{Kind: Fork, Known: kept, Shown: n.Bytes(), Proof: proof,
		What: fmt.Sprintf("its %d entries do not begin with the %d that it showed before", c.Size, was.Size)}
}

// reader keeps the tiles that it got.
type reader struct {
	ctx   context.Context
	src   Source
	tiles map[tree.Tile][]byte
}

func (r *reader) Tile(t tree.Tile) ([]byte, error) {
	if b, ok := r.tiles[t]; ok {
		return b, nil
	}
	b, err := r.src.Tile(r.ctx, t)
	if err != nil {
		return nil, err
	}
	if len(b) != 32*t.Width {
		return nil, fmt.Errorf("%s has %d bytes: it is of %d", t.Path(), len(b), 32*t.Width)
	}
	r.tiles[t] = bytes.Clone(b)
	return b, nil
}

// fit demands that every tile that was read is in the tree of a checkpoint.
func (r *reader) fit(c note.Checkpoint) error {
	edge, err := tree.Resume(r, c.Size)
	if err != nil {
		return err
	}
	if edge.Root() != c.Root {
		return errors.New("its tiles do not give the root of its checkpoint")
	}
	for t, b := range r.tiles {
		for t.Width == tree.TileWidth { // up to the edge, which is looked at already
			sum, err := tree.SumTile(b)
			if err != nil {
				return err
			}
			above := tree.Tile{Level: t.Level + 1, Index: t.Index / tree.TileWidth, Width: tree.TileWidth}
			if have := c.Size >> (8 * uint(above.Level)); above.Index == have/tree.TileWidth {
				above.Width = int(have % tree.TileWidth)
			}
			at := t.Index % tree.TileWidth * 32
			if b, err = r.Tile(above); err != nil {
				return err
			}
			if tree.Hash(b[at:at+32]) != sum {
				return fmt.Errorf("%s is not in the tree of its checkpoint", t.Path())
			}
			t = above
		}
	}
	return nil
}
