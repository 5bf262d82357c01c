package node

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
)

// A Proof is a checkpoint that a log has kept of events which no copy holds any more: it proves that they existed, and
// whoever finds them again can hold them against its root.
type Proof struct {
	Size     uint64    `json:"size"`
	Root     string    `json:"root"` // base64, as in the note
	Kept     time.Time `json:"kept"`
	Cosigned []string  `json:"cosigned,omitempty"` // names under which others signed, which are not verified here
	Note     string    `json:"note"`
}

// String says what the proof is, in one line.
func (p *Proof) String() string {
	s := fmt.Sprintf("the checkpoint of %s with the root %s, signed by the ledger and kept since %s", eventsOf(p.Size), p.Root, p.Kept.Format(time.RFC3339))
	if len(p.Cosigned) > 0 {
		s += ", cosigned by " + strings.Join(p.Cosigned, " and ")
	}
	return s
}

// proofs gives what the log in an organization's directory has kept of events behind a position: the newest checkpoint that
// reaches beyond it, and, where that has none, the newest that others cosigned. keys are those that may have signed; where no
// entry is left there are none, and every checkpoint of that name is taken for what it says.
func proofs(dir, origin string, end uint64, keys []string) (found []*Proof, err error) {
	var newest, cosigned *Proof
	if len(keys) == 0 && end > 0 {
		return nil, nil
	}
	err = tlog.Read(filepath.Join(dir, "log"), origin, func(c note.Checkpoint, b []byte, at time.Time) {
		n, err := note.Parse(b)
		if err != nil || c.Size <= end {
			return
		}
		if by, err := n.SignedBy(origin, keys); len(keys) > 0 && (err != nil || len(by) == 0) {
			return
		}
		p := &Proof{Size: c.Size, Root: note.FormatHash(c.Root), Kept: at, Note: string(b)}
		for _, s := range n.Signatures {
			if s.Name != origin && !slices.Contains(p.Cosigned, s.Name) {
				p.Cosigned = append(p.Cosigned, s.Name)
			}
		}
		if newest == nil || p.Size >= newest.Size {
			newest = p
		}
		if len(p.Cosigned) > 0 && (cosigned == nil || p.Size >= cosigned.Size) {
			cosigned = p
		}
	})
	if newest != nil {
		found = append(found, newest)
	}
	if cosigned != nil && cosigned.Size < newest.Size {
		found = append(found, cosigned)
	}
	return found, err
}

// published says whether the log has kept a checkpoint of more events than both copies give together: then an old copy of
// all else was put back, or the end was lost.
func (n *Node) published(p *prepared) error {
	c, dir := &p.compare, n.orgDir(p.name)
	have, beyond := c.Journal+uint64(len(c.OnlyStream)), false
	err := tlog.ReadLast(filepath.Join(dir, "log"), p.genesis.Source, func(c note.Checkpoint, _ []byte, _ time.Time) {
		beyond = beyond || c.Size > have
	})
	if err != nil || !beyond {
		return err
	}
	// It counts only where a key of the ledger signed it: else a damaged file would keep a whole ledger from starting.
	var keys chain.CheckpointKeys
	for r, err := range p.reader.Range(1, c.Journal) {
		if err != nil {
			return err
		}
		if e := chain.Load(bytes.Clone(r.Entry)); e.Err == nil {
			keys.Note(e.Entry.Event)
		}
	}
	left, err := proofs(dir, p.genesis.Source, have, keys.At(c.Journal))
	if err != nil || len(left) == 0 {
		return err
	}
	return fmt.Errorf("%w: %d events are here; %s", ledger.ErrRolledBack, have, lost(have, left[0].Size, left))
}

// surveyedKeys gives the keys that sign checkpoints at the end of what was found of a history.
func surveyedKeys(ctx context.Context, s *ledger.Survey) ([]string, error) {
	var keys chain.CheckpointKeys
	for raw, err := range s.Entries(ctx) {
		if err != nil {
			return nil, err
		}
		if p := chain.Load(raw); p.Err == nil {
			keys.Note(p.Entry.Event)
		}
	}
	return keys.At(s.Head.Position), nil
}

// lost says which positions no copy holds, and what still proves that they existed.
func lost(end, last uint64, proofs []*Proof) string {
	if last <= end {
		return ""
	}
	s := fmt.Sprintf("position %d is lost", last)
	if last > end+1 {
		s = fmt.Sprintf("positions %d to %d are lost", end+1, last)
	}
	if len(proofs) == 0 {
		return s + ", and no checkpoint is kept here that proves it"
	}
	for i, p := range proofs {
		s += map[bool]string{true: "; ", false: " and "}[i == 0] + p.String()
	}
	if covers := proofs[0].Size; covers < last {
		return s + fmt.Sprintf(" proves that those up to %d existed", covers)
	}
	verb, what := "proves", "they"
	if len(proofs) > 1 {
		verb = "prove"
	}
	if last == end+1 {
		what = "it"
	}
	return fmt.Sprintf("%s %s that %s existed", s, verb, what)
}
