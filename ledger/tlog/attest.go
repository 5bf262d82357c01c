package tlog

import (
	"context"
	"time"

	"github.com/permledger/permledger/ledger/note"
)

// Attest waits for a checkpoint that covers a position, and gives the newest with a cosignature/v1 (C2SP tlog-cosignature) of
// each of the log's own keys: at this time the log had no larger tree. A checkpoint says nothing of when, so without this nobody
// could tell a log that nothing is written to from one that is held back. That the position covers all that was recorded at
// that time is the caller's to know. Nothing is kept. Errors are those of [Log.Committed] and of the keys.
func (l *Log) Attest(ctx context.Context, position uint64, at time.Time) ([]byte, error) {
	b, c, err := l.Committed(ctx, position)
	if err != nil {
		return nil, err
	}
	signers, err := l.c.Signers(c.Size)
	if err != nil {
		return nil, err
	}
	if len(signers) == 0 {
		return nil, ErrNoKey
	}
	n, err := note.Parse(b)
	if err != nil {
		return nil, err
	}
	for _, s := range signers {
		signature, err := note.Cosign(n.Text, c.Origin, s, at)
		if err != nil {
			return nil, err
		}
		n = n.With(signature)
	}
	return n.Bytes(), nil
}
