package node

import "time"

// Guard links an organization's files as a start does, and leaves the links as one that was killed.
func Guard(dir, organization string) error {
	return newNode(dir, Options{}).guard(&prepared{name: organization})
}

// CheckEvery makes a node check its organizations more often.
func (o *Options) CheckEvery(d time.Duration) { o.checkEvery = d }

// NoteEvery makes a node look more often whether the operator's ledger is to record checkpoints.
func (o *Options) NoteEvery(d time.Duration) { o.noteEvery = d }

// BeatEvery says how often the newest checkpoint is announced again.
func (o *Options) BeatEvery(d time.Duration) { o.beatEvery = d }

// SnapshotEvery makes a node's ledgers take a snapshot of so many entries.
func (o *Options) SnapshotEvery(entries uint64) { o.snapshotEvery = entries }

// SignerWait makes a node wait so long for an answer of its signer program.
func (o *Options) SignerWait(d time.Duration) { o.signerWait = d }

// SetMinFree changes how much an open node keeps free.
func SetMinFree(n *Node, bytes uint64) {
	n.space.Lock()
	defer n.space.Unlock()
	n.opts.MinFree = bytes
}
