package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// The checks of what stands around the entries that a [chain.BrokenError] can name, beside those of package chain.
const (
	CheckCheckpoint = "checkpoint" // it is of this ledger, and of the tree that the entries make
	CheckSigner     = "signer"     // a key signed it that the entries name as the ledger's checkpoint key at its size
	CheckTrust      = "trust"      // the policy that was given takes it
	CheckAge        = "age"        // somebody vouched for it not longer ago than was asked
)

// ErrStale is in errors about a checkpoint for which nobody has vouched for too long.
var ErrStale = errors.New("STALE")

// ahead is by how much a clock may be behind another's.
const ahead = 5 * time.Minute

// Checkpoint is what a report says of a checkpoint that holds.
type Checkpoint struct {
	note.Checkpoint
	Keys      []string         // the ledger's checkpoint keys, as did:key, that signed it
	Trusted   bool             // the policy that was given takes it
	Witnesses []note.Witnessed // who cosigned, by the policy that was given, else by the one that came with it
	Claimed   bool             // that policy came with the checkpoint: nobody but its sender says who these witnesses are
	At        time.Time        // when it was vouched for, by Vouched
	Vouched   string           // who says so: "witnesses", or "entry", which is the ledger itself
	MaxAge    time.Duration    // that it was held against; 0: none
	Unknown   []string         // whose lines stand under it too; no policy was there to say whether they hold
	Doubted   []Suspect        // of Keys, those that were reported as known to others at this size already
	Ahead     []string         // names of Witnesses whose time of signing is yet to come
}

// A signedTree is a checkpoint to be held against the entries of a ledger.
type signedTree struct {
	raw    []byte
	file   string       // where it stands, for errors
	policy *note.Policy // that came with it; nil: none
}

// read gives what a checkpoint says, if it is this ledger's.
func (c signedTree) read(origin string) (*note.Note, note.Checkpoint, error) {
	n, of, err := note.ReadCheckpoint(c.raw)
	if err != nil {
		return nil, of, c.broken(CheckCheckpoint, err)
	}
	if of.Origin != origin {
		return nil, of, &chain.BrokenError{File: c.file, Check: CheckCheckpoint, Expected: "one of " + origin, Found: "one of " + of.Origin}
	}
	return n, of, nil
}

func (c signedTree) broken(check string, err error) error {
	return &chain.BrokenError{File: c.file, Check: check, Err: err}
}

// judge says what of a checkpoint holds: its root is the one that the entries give, one of keys, which are the ledger's
// checkpoint keys at that size, signed it, and whoever the options trust. last is when the last entry says it was made.
func (c signedTree) judge(o Options, origin string, root tree.Hash, keys []string, last time.Time) (*Checkpoint, error) {
	n, of, err := c.read(origin)
	if err != nil {
		return nil, err
	}
	if of.Root != root {
		return nil, &chain.BrokenError{File: c.file, Check: CheckCheckpoint,
			Expected: fmt.Sprintf("the root of the first %d entries, %x", of.Size, root), Found: fmt.Sprintf("%x", of.Root)}
	}
	r := &Checkpoint{Checkpoint: of, At: last, Vouched: "entry", MaxAge: max(o.MaxAge, 0)}
	if r.Keys, err = c.signers(n, origin, keys); err != nil {
		return nil, err
	}
	policy := o.Trust
	if policy == nil {
		policy, r.Claimed = c.policy, c.policy != nil
	}
	if policy != nil {
		v, err := policy.Verify(c.raw)
		if err != nil && !(r.Claimed && errors.Is(err, note.ErrQuorum)) {
			return nil, c.broken(CheckTrust, replaced(err, r.Keys))
		}
		r.Witnesses, r.Trusted = v.Witnesses, !r.Claimed
		if vouched(r, v) {
			r.Vouched = "witnesses"
		}
	} else {
		for _, s := range n.Signatures {
			if s.Name != origin && !slices.Contains(r.Unknown, s.Name) {
				r.Unknown = append(r.Unknown, s.Name)
			}
		}
	}
	for _, w := range r.Witnesses {
		if w.At.Sub(o.now()) > ahead {
			r.Ahead = append(r.Ahead, w.Name)
		}
	}
	return r, c.fresh(o, r)
}

// doubt notes which of the keys that signed a checkpoint others had by then, as entries say that are here.
func (f *fold) doubt() {
	c := f.report.Checkpoint
	for _, did := range c.Keys {
		if from, ok := f.suspects[did]; ok && from <= c.Size {
			c.Doubted = append(c.Doubted, Suspect{Key: did, From: from})
		}
	}
}

// replaced says of a checkpoint that the policy's key has not signed that the ledger's key at its size has: whoever keeps a
// policy learns so that it is an old one. Whether the ledger did replace its key is for them to ask elsewhere.
func replaced(err error, keys []string) error {
	if !errors.Is(err, note.ErrUnsigned) {
		return err
	}
	return fmt.Errorf("%w; %s signed it, which the entries name: where the ledger replaced its key, get a newer policy", err, strings.Join(keys, " and "))
}

// vouched takes the time at which witnesses vouched: that of the quorum, or where the policy asks for none, of the last of
// them.
func vouched(r *Checkpoint, v *note.Verified) bool {
	at := v.At
	if at.IsZero() && v.Quorum {
		for _, w := range v.Witnesses {
			if w.At.After(at) {
				at = w.At
			}
		}
	}
	if at.IsZero() {
		return false
	}
	r.At = at
	return true
}

// signers gives which of the ledger's keys signed. A signature that is said to be of one of them and is not makes all of it
// worthless.
func (c signedTree) signers(n *note.Note, origin string, keys []string) ([]string, error) {
	signed, err := n.SignedBy(origin, keys)
	if err != nil {
		return nil, c.broken(CheckSigner, err)
	}
	if len(signed) > 0 {
		return signed, nil
	}
	expected := "a signature of " + strings.Join(keys, " or ")
	if len(keys) == 0 {
		expected = "none, for the entries name no key that signs checkpoints"
	}
	return nil, &chain.BrokenError{File: c.file, Check: CheckSigner, Expected: expected, Found: "a signature of another key"}
}

// fresh holds a checkpoint against the greatest age that was asked for.
func (c signedTree) fresh(o Options, r *Checkpoint) error {
	if o.MaxAge <= 0 {
		return nil
	}
	by := "the last entry, for no witness vouches for it,"
	if r.Vouched == "witnesses" {
		by = "the last time that witnesses vouched for it"
	}
	switch age := o.now().Sub(r.At); {
	case age > o.MaxAge:
		return c.broken(CheckAge, fmt.Errorf("%w: %s was %s, more than %v ago", ErrStale, by, r.At.UTC().Format(canon.TimeLayout), o.MaxAge))
	case age < -ahead:
		return c.broken(CheckAge, fmt.Errorf("%s would be %s, which is yet to come: a clock is wrong", by, r.At.UTC().Format(canon.TimeLayout)))
	}
	return nil
}
