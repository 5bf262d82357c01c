package verify

import (
	"context"
	"fmt"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// Hashes verifies what everybody may read of a served log: every hash tile, and the checkpoint. Whose checkpoint that is say
// the options, or where they trust nobody the policy that the server shows. Errors are as of [Log].
func Hashes(ctx context.Context, get Get, shown *note.Policy, o Options) (*Report, error) {
	c := signedTree{file: fileCheckpoint, policy: shown}
	var err error
	if c.raw, err = get(ctx, fileCheckpoint, note.MaxSize); err != nil {
		return &Report{}, err
	}
	policy, claimed := o.Trust, false
	if policy == nil {
		policy, claimed = shown, true
	}
	v, err := policy.Verify(c.raw)
	if err != nil && (v == nil || !claimed) {
		return &Report{}, c.broken(CheckTrust, err)
	}
	r := &Report{Source: v.Origin, Position: v.Size, Hashes: true}
	l := &leafTiles{servedLog: servedLog{ctx: ctx, get: get, of: v.Checkpoint}}
	if r.Root, err = l.sum(); err != nil {
		return &Report{}, err
	}
	if r.Root != v.Root {
		return &Report{}, &chain.BrokenError{File: fileCheckpoint, Check: CheckCheckpoint,
			Expected: fmt.Sprintf("the root of %d hashes, %x", v.Size, r.Root), Found: fmt.Sprintf("%x", v.Root)}
	}
	r.Checkpoint = &Checkpoint{
		Checkpoint: v.Checkpoint, Keys: []string{didkey.Encode(v.Log.Public)}, Trusted: !claimed, Witnesses: v.Witnesses, Claimed: claimed, Vouched: "entry",
	}
	if vouched(r.Checkpoint, v) {
		r.Checkpoint.Vouched = "witnesses"
	} else if o.MaxAge > 0 {
		return &Report{}, c.broken(CheckAge, fmt.Errorf("%w: no witness vouches for it, and the last entry is not read", ErrStale))
	}
	return r, c.fresh(o, r.Checkpoint)
}

// leafTiles gives the tiles of a served log, and keeps the last one of leaves, which is read twice.
type leafTiles struct {
	servedLog
	last  tree.Tile
	bytes []byte
}

// Tile implements tree.TileReader.
func (l *leafTiles) Tile(t tree.Tile) ([]byte, error) {
	if t.Level == 0 && t == l.last && l.bytes != nil {
		return l.bytes, nil
	}
	b, err := l.servedLog.Tile(t)
	if err == nil && t.Level == 0 {
		l.last, l.bytes = t, b
	}
	return b, err
}

// sum gives the root of the leaves, and holds every tile above them against them.
func (l *leafTiles) sum() (tree.Hash, error) {
	var root tree.Frontier
	above := &tiles{kept: l}
	for at := uint64(0); at < l.of.Size; {
		t := tree.Tile{Index: at / tree.TileWidth, Width: int(min(l.of.Size-at, tree.TileWidth))}
		b, err := l.Tile(t)
		var leaf tree.Hash
		if err == nil && len(b) != t.Width*len(leaf) {
			err = fmt.Errorf("%d bytes instead of %d", len(b), t.Width*len(leaf))
		}
		if err != nil {
			return tree.Hash{}, &chain.BrokenError{File: t.Path(), Position: at + 1, Check: CheckTile, Err: err}
		}
		for ; len(b) > 0; b, at = b[len(leaf):], at+1 {
			copy(leaf[:], b)
			root.Append(leaf)
			if err := above.append(leaf); err != nil {
				return tree.Hash{}, err
			}
		}
	}
	return root.Root(), above.end()
}
