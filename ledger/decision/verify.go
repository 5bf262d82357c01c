package decision

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// Verified says what was found of a decision that holds, from its own bytes.
type Verified struct {
	*Decision
	Checkpoint note.Checkpoint
	// LogKeys are the did:keys that signed the checkpoint, of those that may by the entries of the decision.
	LogKeys []string
	// Trusted is what the policy found; nil where none was given.
	Trusted *note.Verified
}

// Verify checks everything that the file alone can show, and that a policy, nil for none, trusts its checkpoint:
//
//   - the checkpoint is one of the ledger, signed with a key that the entries register for checkpoints;
//   - each entry is whole, of this ledger, signed by a key that the entries before it registered, with its author's own
//     signature where it says so, and stands in the tree of the checkpoint at its position;
//   - the decision is signed with a key that the entries register for documents;
//   - of a yes: the rules, given the entries up to the position alone, say yes.
//
// Errors wrap [ErrRefused]; a [*chain.BrokenError] among them names the entry. It never proves a no, nor that nothing
// took a yes away.
func (d *Decision) Verify(trust *note.Policy) (*Verified, error) {
	v, err := d.verify(trust)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return v, nil
}

func (d *Decision) verify(trust *note.Policy) (*Verified, error) {
	signer, err := didkey.Parse(d.Key)
	if err != nil {
		return nil, fmt.Errorf("its key: %w", err)
	}
	if !ed25519.Verify(signer, events.PAE(Type, d.raw), d.signature[:]) {
		return nil, fmt.Errorf("its signature is not one of %s over it", d.Key)
	}
	v := &Verified{Decision: d}
	n, c, err := note.ReadCheckpoint(d.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("its checkpoint: %w", err)
	}
	v.Checkpoint = c
	switch {
	case v.Checkpoint.Origin != d.Ledger:
		return nil, fmt.Errorf("its checkpoint is of %s, the decision of %s", v.Checkpoint.Origin, d.Ledger)
	case d.Position == 0 || v.Checkpoint.Size < d.Position:
		return nil, fmt.Errorf("its checkpoint is of %d entries, the decision as of %d", v.Checkpoint.Size, d.Position)
	}
	if trust != nil {
		if v.Trusted, err = trust.Verify(d.Checkpoint); err != nil {
			return nil, fmt.Errorf("its checkpoint: %w", err)
		}
	}
	keys, err := d.entries(v.Checkpoint)
	if err != nil {
		return nil, err
	}
	if v.LogKeys, err = n.SignedBy(c.Origin, keys.CheckpointKeys(c.Size)); err != nil {
		return nil, fmt.Errorf("its checkpoint: %w", err)
	}
	if len(v.LogKeys) == 0 {
		return nil, errors.New("its checkpoint: no key that its entries name for checkpoints has signed it")
	}
	if !keys.Active(d.Key, events.PurposeDocument) {
		return nil, fmt.Errorf("%s signed it, and its entries know no such key for documents", d.Key)
	}
	if d.Answer == Yes {
		before, _ := d.events()
		if err := Gives(before, &d.Question); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// entries checks each entry by itself, its place and its signer, and gives the state that those make which are of keys.
func (d *Decision) entries(c note.Checkpoint) (*rules.State, error) {
	var signers chain.Signers
	state := rules.New()
	last := uint64(0)
	for _, cited := range d.Entries {
		e := cited.Entry.Event
		at := e.Sequence
		broken := func(check, expected, found string, err error) error {
			return &chain.BrokenError{Position: at, Check: check, Expected: expected, Found: found, Err: err}
		}
		p := chain.Inspect(cited.Entry.Bytes())
		switch {
		case p.Err != nil:
			p.Err.Position = at
			return nil, p.Err
		case e.Source != d.Ledger:
			return nil, broken(chain.CheckSource, d.Ledger, e.Source, nil)
		case at <= last:
			return nil, broken(chain.CheckPosition, fmt.Sprintf("a position behind %d", last), fmt.Sprint(at), nil)
		case at > d.Position && !ofKeys(e.Data):
			return nil, broken(chain.CheckPosition, fmt.Sprintf("only what registers keys behind %d", d.Position), string(e.Data.Type()), nil)
		}
		if err := tree.CheckInclusion(cited.Proof, c.Size, c.Root, at-1, tree.Leaf(cited.Entry.Bytes())); err != nil {
			return nil, broken(CheckInclusion, "", "", err)
		}
		if err := signers.May(p.Entry); err != nil {
			return nil, broken(chain.CheckKey, "an event key that the entries before it register", p.Entry.Key, err)
		}
		signers.Note(e)
		if last = at; at > 1 && !ofKeys(e.Data) {
			continue
		}
		if err := state.Ready(e); err != nil {
			return nil, err
		}
		rules.Evolve(state, e)
	}
	return state, nil
}

// CheckInclusion is the check of a [chain.BrokenError] for an entry that is not in the tree of the checkpoint.
const CheckInclusion = "inclusion"

// ofKeys says whether an event only says which keys there are, so that it may stand behind the position of a decision: the
// key that signs it may be newer than what it is about.
func ofKeys(d events.Data) bool {
	switch d.(type) {
	case *events.KeyRegistered, *events.KeyRotated, *events.KeySucceeded:
		return true
	}
	return false
}
