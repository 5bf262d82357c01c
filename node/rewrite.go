package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tlog"
)

// freshJournal is where a journal is written before it takes the place of the old one.
const freshJournal = "journal.new"

// carryOut does what is planned, the journal first, so that no copy is given up before another one is whole.
func (n *Node) carryOut(ctx context.Context, p *plan, dry bool) error {
	dir, end := n.orgDir(p.name), p.survey.Head.Position
	type step struct {
		why, what string
		kept      string
		do        func(kept string) error
	}
	for _, s := range []step{
		{p.loss, fmt.Sprintf("an operator accepts that the history ends at event %d, %s", end, p.survey.Head.CID), "", func(string) error { return nil }},
		{p.journal, fmt.Sprintf("it is written anew from both copies with %s", eventsOf(end)), n.aside(p.name, "journal-aside-"), func(kept string) error {
			return n.writeJournal(ctx, p.survey, dir, kept)
		}},
		{p.genesis, "it is written anew: the first event is " + p.survey.First, n.aside(p.name, "genesis-aside-"), func(kept string) error {
			return n.writeGenesis(p.survey, dir, kept)
		}},
		{p.head, fmt.Sprintf("it is written anew at event %d", end), n.aside(p.name, "head-aside-"), func(kept string) error {
			return writeHead(p.survey.Head, dir, kept)
		}},
		{p.stream, fmt.Sprintf("it is made again from the journal with %s", eventsOf(end)), n.aside(p.name, "stream-aside-"), func(kept string) error {
			return errors.Join(stream.SetAside(n.store(), p.name, kept), n.guardAside(p.name, kept))
		}},
		{p.private, "it is written anew without them; what they held is withheld, unless a backup's copy is put back", n.aside(p.name, "private-aside-"), func(kept string) error {
			return private.Mend(filepath.Join(dir, "private"), kept)
		}},
		{p.signed, "they are set aside, and new ones are signed", n.aside(p.name, "checkpoints-aside-"), func(kept string) error {
			return os.Rename(filepath.Join(dir, "log", "checkpoints"), kept)
		}},
		{p.kept, "those that hold are kept on, and what is missing at the end is signed again", n.aside(p.name, "checkpoints-aside-"), func(kept string) error {
			return tlog.Mend(filepath.Join(dir, "log"), p.survey.Source, kept, p.history.holds)
		}},
	} {
		if s.why == "" {
			continue
		}
		m := Mended{What: s.why + "; " + s.what, Kept: s.kept}
		if dry {
			if m.Organization = p.name; n.told != nil {
				m.Kept = ""
				n.told(m)
			}
			continue
		}
		if err := os.MkdirAll(dir, 0o700); err != nil { // it can have been taken away
			return err
		}
		if err := s.do(s.kept); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if _, err := os.Lstat(s.kept); err != nil {
			m.Kept = "" // there was nothing
		}
		n.repaired[p.name] = append(n.repaired[p.name], n.note(p.name, m))
	}
	return nil
}

// writeJournal writes the history to a new journal, reads it back, and puts it in the place of the old one.
func (n *Node) writeJournal(ctx context.Context, s *ledger.Survey, dir, kept string) error {
	path, fresh := filepath.Join(dir, "journal"), filepath.Join(dir, freshJournal)
	// A journal that another repair was about to put in place is one of the copies the history is read from.
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		fresh += "er"
	}
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	j, err := journal.Open(fresh, journal.Options{Create: true})
	if err != nil {
		return err
	}
	defer j.Close()
	if err := ledger.Fill(ctx, j, s); err != nil {
		return err
	}
	if got, whole, err := s.Journaled(fresh); err != nil || !whole || got != s.Head.Position {
		return errors.Join(err, fmt.Errorf("the new journal holds %d of %d events", got, s.Head.Position))
	}
	return journal.Swap(path, fresh, kept)
}

func (n *Node) writeGenesis(s *ledger.Survey, dir, kept string) error {
	path := filepath.Join(dir, "genesis")
	if err := keep(path, kept); err != nil {
		return err
	}
	b, err := json.Marshal(Genesis{Source: s.Source, CID: s.First})
	if err != nil {
		return err
	}
	return synced.WriteFile(path, append(b, '\n'), 0o600)
}

func writeHead(head journal.Head, dir, kept string) error {
	path := filepath.Join(dir, "head")
	fresh := path + ".mended"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	h, err := journal.OpenHead(fresh, true)
	if err == nil {
		err = h.Store(head)
	}
	if err == nil {
		err = keep(path, kept)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return err
	}
	return synced.Dir(dir)
}

// keep gives a file that is about to be replaced a second name. There may be none.
func keep(path, kept string) error {
	err := os.Link(path, kept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return synced.Dir(filepath.Dir(kept))
}
