package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/witness"
)

// WitnessesFile is where a directory names its witnesses, below DIR/node: a policy as c2sp.org/tlog-policy has it, without
// log lines, for all organizations of the node. ([Options.Witnesses] goes before it. No organization can have the name.)
const WitnessesFile = "witnesses.policy"

// ErrPolicy says that the policy of witnesses cannot be used.
var ErrPolicy = errors.New("the policy of witnesses")

// ReadWitnesses reads a policy of witnesses for [Options.Witnesses].
func ReadWitnesses(path string) (*note.Policy, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	p, err := note.ParsePolicy(b)
	if err == nil && len(p.Logs) > 0 {
		err = errors.New("it has log lines, which each organization has of its own: leave them out")
	}
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrPolicy, path, err)
	}
	return p, nil
}

// findWitnesses reads the policy of the directory, where the caller gave none.
func (n *Node) findWitnesses() error {
	if n.opts.Witnesses != nil {
		return nil
	}
	p, err := ReadWitnesses(filepath.Join(n.dir, "node", WitnessesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	n.opts.Witnesses = p
	return err
}

// Policy gives what a checkpoint of an organization of a size has to satisfy: the keys of the ledger that may sign it, and
// the node's witnesses; no quorum where it has none.
func (n *Node) Policy(o *Org, size uint64) *note.Policy {
	p := n.opts.Witnesses
	if p == nil {
		p = &note.Policy{Quorum: note.None}
	}
	var logs []note.Log
	origin := n.originOf(o)
	for _, key := range logKeys(o, size) {
		logs = append(logs, note.Log{Key: note.LogKey(origin, key)})
	}
	return p.For(logs...)
}

func (n *Node) originOf(o *Org) (origin string) {
	o.Fold.Read(func(s *rules.State) { origin = s.Source() })
	return origin
}

// logKeys gives the public keys that may sign a checkpoint of a size.
func logKeys(o *Org, size uint64) (all []ed25519.PublicKey) {
	var dids []string
	o.Fold.Read(func(s *rules.State) { dids = s.CheckpointKeys(size) })
	for _, did := range dids {
		if key, err := didkey.Parse(did); err == nil {
			all = append(all, key)
		}
	}
	return all
}

// quorum gives what says whether a checkpoint has enough cosignatures; nil: the node's policy asks for none.
func (n *Node) quorum(o *Org) func([]byte) bool {
	if p := n.opts.Witnesses; p == nil || p.Quorum == note.None {
		return nil
	}
	return func(b []byte) bool {
		_, c, err := note.ReadCheckpoint(b)
		if err != nil {
			return false
		}
		_, err = n.Policy(o, c.Size).Verify(b)
		return err == nil
	}
}

// askWitnesses lets witnesses be asked to cosign what the organization's log publishes. Nothing waits for them.
func (n *Node) askWitnesses(o *Org) {
	if n.opts.Witnesses == nil || n.opts.AskNobody {
		return
	}
	o.witnesses = witness.Submit(witness.SubmitConfig{
		Log: o.Log, Witnesses: n.opts.Witnesses.Witnesses, Shared: n.cluster != nil,
		Logger: n.log.With("organization", o.ID), Now: n.opts.Now,
		Alarm: func(s witness.State) {
			o.Activity.Note(n.opts.Now(), ActivityRecord{Kind: ActivityAlarm, Reason: s.Error})
		},
	})
}

// Witnesses says how far each witness of the organization is; none where the node has no policy.
func (o *Org) Witnesses() []witness.State {
	if o.witnesses == nil {
		return nil
	}
	return o.witnesses.States()
}

// witnesses says what the directory's own policy names, where it has one.
func (x *examination) witnesses() {
	path := filepath.Join(x.dir, "node", WitnessesFile)
	p, err := ReadWitnesses(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		x.add("witnesses", "", FindingFail, "put it right; the next start reads it", "%v", err)
	default:
		x.ok("witnesses", "", "%d in %s, quorum %s", len(p.Witnesses), WitnessesFile, p.Quorum)
	}
}
