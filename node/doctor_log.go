package node

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
)

// lost says what a repair would: which positions of a ledger that does not start are in no copy, and what proves that they
// existed.
func (x *examination) lost(ctx context.Context, name string) {
	if x.running || x.remote {
		return
	}
	_, err := x.plan(ctx, name, RepairOptions{DryRun: true})
	text := ""
	var loss *LossError
	var none *DamageError
	switch {
	case errors.As(err, &loss):
		text = loss.Lost()
	case errors.As(err, &none):
		text = none.Err.Error()
	}
	if text != "" {
		x.add("lost", name, FindingDamage, "keep orgs/"+name+"/log/checkpoints, and look for another copy: a backup, a bundle, a client's", "%s", text)
	}
}

// kept looks at the checkpoints that are kept, but for their signatures.
func (x *examination) kept(name, origin string) {
	if origin == "" {
		return
	}
	n := 0
	bad, err := tlog.Flawed(filepath.Join(x.orgDir(name), "log"), origin, func(note.Checkpoint, []byte) error { n++; return nil })
	switch {
	case err != nil:
		x.add("checkpoints", name, FindingFail, "see that they can be read", "%v", err)
	case bad != "":
		x.add("checkpoints", name, FindingDamage, "the next start, or `permledger repair`, leaves out what does not hold, and keeps the file before aside", "%d hold; %s", n, bad)
	default:
		x.ok("checkpoints", name, "%d are kept", n)
	}
}
