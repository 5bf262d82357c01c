package events

import (
	"fmt"

	"github.com/permledger/permledger/events/canon"
)

// Operator is the organization of whoever runs the ledgers of a host. Its ledger keeps the checkpoints of the others.
const Operator = "operator"

// MaxCheckpoints is how many checkpoints one event records at most: so many fit into an entry, whatever they say.
const MaxCheckpoints = 256

// CheckpointsRecorded says, in the operator's ledger, how far the logs of other organizations had come, and with which
// roots. Whoever has this ledger can tell a log that was forked or cut since.
type CheckpointsRecorded struct {
	none
	Checkpoints []RecordedCheckpoint // sorted by organization, each at most once
}

// RecordedCheckpoint is the checkpoint of one organization's log.
type RecordedCheckpoint struct {
	Organization string
	Size         uint64
	Root         Digest
	Key          string // did:key that signed the checkpoint; empty: it is not said
}

func (*CheckpointsRecorded) Type() Type    { return "checkpoints.recorded" }
func (*CheckpointsRecorded) About() string { return "organization/" + Operator }
func (d *CheckpointsRecorded) asked() Data { return new(*d) }

func (d *CheckpointsRecorded) command(c *canon.Codec, _ int) {
	canon.Objects(c, "checkpoints", &d.Checkpoints, true, func(c *canon.Codec, r *RecordedCheckpoint) {
		c.OptionalString("key", &r.Key, canon.DIDKey)
		c.String("organization", &r.Organization, canon.Organization)
		c.Digest("root", (*[32]byte)(&r.Root))
		c.Uint("size", &r.Size)
	}, func(before, r *RecordedCheckpoint) error {
		if r.Organization <= before.Organization {
			return fmt.Errorf("the checkpoint of %s does not stand in ascending order", r.Organization)
		}
		return nil
	})
	if n := len(d.Checkpoints); !c.Describing() && (n == 0 || n > MaxCheckpoints) {
		c.Failf("1 to %d checkpoints are recorded at once, not %d", MaxCheckpoints, n)
	}
}
