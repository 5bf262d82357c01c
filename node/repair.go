package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tlog"
)

// RepairOptions say what to repair. The zero value mends what can be mended without loss, in all organizations.
type RepairOptions struct {
	Logger       *slog.Logger     // nil: nothing is said
	Now          func() time.Time // nil: time.Now
	Organization string           // only this one; empty: all
	DryRun       bool             // nothing is changed

	// AcceptLoss is the position at which the history of Organization is accepted to end although more was recorded. It
	// must be exactly where the history that verifies ends; 0 accepts none.
	AcceptLoss uint64
	// Told is called with each step when it is done, or with DryRun, when it would be.
	Told func(Mended)
}

// Repaired says how far a ledger goes after a repair.
type Repaired struct {
	Organization string `json:"organization"`
	Position     uint64 `json:"seq"`
	CID          string `json:"cid"`
}

// A LossError says that the longest history that verifies ends before what was recorded, or that it cannot be proven to
// be all: nothing was changed. A person may accept that.
type LossError struct {
	Organization string
	End          uint64 // of the history that verifies
	Why          string
	Last         uint64   // position that was recorded, as far as that is known; End where it is not
	Proofs       []*Proof // that the positions behind End existed
}

func (e *LossError) Error() string {
	why := e.Why
	if text := e.Lost(); text != "" {
		why += ": " + text
	}
	return fmt.Sprintf("%s: the history that verifies ends at %d, and %s; nothing was changed. Another copy may have the rest: a backup, a client's, a bundle. `permledger repair --org %s --accept-loss %d` accepts the end at %d, for ever",
		e.Organization, e.End, why, e.Organization, e.End, e.End)
}

// Lost says which positions are lost, and what still proves that they existed; empty where it is not known that any are.
func (e *LossError) Lost() string { return lost(e.End, e.Last, e.Proofs) }

// Repair mends the copies of the ledgers in a directory that no server has open: it takes each entry from whichever copy
// holds it and verifies, writes what is damaged anew beside the old, which is kept, and opens the ledgers once, which
// completes the streams. It can be killed at any moment and run again.
//
// It fails with [ErrLocked]; a [*ledger.ForkError]; a [*LossError]; a [*DamageError] where no entry verifies; or another
// error where something could not be read or written. What could be mended of other organizations is mended.
func Repair(ctx context.Context, dir string, o RepairOptions) ([]Repaired, error) {
	n := newNode(dir, Options{Logger: o.Logger, Now: o.Now})
	n.told, n.repaired = o.Told, map[string][]Mended{}
	done, err := n.repair(ctx, o)
	if err = errors.Join(err, n.Close()); err != nil {
		return done, fmt.Errorf("repair %s: %w", dir, err)
	}
	return done, nil
}

func (n *Node) repair(ctx context.Context, o RepairOptions) ([]Repaired, error) {
	m, err := readMarker(n.dir)
	if err != nil {
		return nil, err
	}
	if m.Cluster {
		return nil, ErrNoRepair
	}
	n.host = m.Host
	if n.lock, err = lock(filepath.Join(n.dir, "lock")); err != nil {
		return nil, err
	}
	if err := n.preflight(); err != nil {
		return nil, err
	}
	names, err := n.repairable(o.Organization)
	if err != nil {
		return nil, err
	}
	var done []Repaired
	var failed error
	for _, name := range names {
		p, err := n.plan(ctx, name, o)
		if err == nil && p != nil {
			done = append(done, Repaired{name, p.survey.Head.Position, p.survey.Head.CID})
			err = n.carryOut(ctx, p, o.DryRun)
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil || o.DryRun {
		return done, failed
	}
	if err := n.startLedgers(ctx); err != nil {
		return done, err
	}
	for i, r := range done {
		org, err := n.Org(r.Organization)
		if err != nil {
			return done, err
		}
		head := org.Access.Head()
		if head.Position < r.Position {
			return done, fmt.Errorf("%s: %w: it ends at %d after the repair, and not at %d", r.Organization, ledger.ErrRolledBack, head.Position, r.Position)
		}
		done[i].Position, done[i].CID = head.Position, head.CID
	}
	return done, nil
}

// repairable gives the organizations that have a directory, or whose directory was taken away and whose stream is there.
func (n *Node) repairable(only string) ([]string, error) {
	names, err := n.organizations()
	if err != nil {
		return nil, err
	}
	orphans, err := n.orphans()
	if err != nil {
		return nil, err
	}
	names = append(names, orphans...)
	slices.Sort(names)
	if only == "" {
		return names, nil
	}
	if !slices.Contains(names, only) {
		return nil, fmt.Errorf("%q: %w", only, ErrNoOrganization)
	}
	return []string{only}, nil
}

// plan is what is to be done about one organization.
type plan struct {
	name    string
	survey  *ledger.Survey
	journal string // why it is written anew; empty: it stays
	stream  string // why it is set aside
	genesis string
	head    string
	private string
	loss    string // what is accepted
	signed  string // why the checkpoints are set aside
	kept    string // what is wrong with some of them
	history *surveyed
}

// plan looks at what there is, and says what is to be done; nil where the organization was never opened.
func (n *Node) plan(ctx context.Context, name string, o RepairOptions) (*plan, error) {
	dir := n.orgDir(name)
	p := &plan{name: name}
	genesis, err := readGenesis(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if begun, err := n.begun(name); err != nil || begun == "" {
			return nil, err
		}
		p.genesis = "the genesis file is missing"
	case errors.Is(err, errGenesis):
		p.genesis = err.Error()
	case err != nil:
		return nil, err
	}
	var head *journal.Head
	switch h, known, err := journal.ReadHead(filepath.Join(dir, "head")); {
	case errors.Is(err, journal.ErrMissing), errors.Is(err, journal.ErrDamaged):
		p.head = err.Error()
	case err != nil:
		return nil, err
	case known:
		head = &h
	}
	src := n.sources(name, genesis.CID, head)
	if _, err := os.Lstat(src.Journals[0]); errors.Is(err, fs.ErrNotExist) { // perhaps a repair was killed while it swapped them
		kept, err := filepath.Glob(filepath.Join(dir, "journal-aside-*"))
		if err != nil {
			return nil, err
		}
		if _, err := os.Lstat(filepath.Join(dir, freshJournal)); err == nil {
			kept = append(kept, filepath.Join(dir, freshJournal))
		}
		src.Journals = kept
	}
	if p.survey, err = ledger.Look(ctx, src); err != nil {
		return nil, n.damage(name, err)
	}
	end := p.survey.Head.Position
	if end == 0 {
		err := p.survey.Stopped
		if err == nil {
			err = fmt.Errorf("no copy holds event 1: %w", journal.ErrMissing)
		}
		if left, failed := proofs(dir, cmp.Or(genesis.Source, n.host+"/"+name), 0, nil); failed == nil && len(left) > 0 {
			err = fmt.Errorf("%w: %s", err, lost(0, max(left[0].Size, positionOf(head)), left))
		}
		return nil, n.damage(name, err)
	}
	inJournal, whole, err := p.survey.Journaled(filepath.Join(dir, "journal"))
	if err != nil {
		return nil, err
	}
	if !whole || inJournal < end {
		p.journal = fmt.Sprintf("the journal is damaged or short behind event %d", inJournal)
	}
	inStream, streamWhole, err := p.survey.Streamed(n.store(), name)
	if err != nil {
		return nil, err
	}
	conf := stream.CheckFiles(n.store(), name)
	missing := errors.Is(conf, stream.ErrMissing)
	switch {
	case missing:
	case !streamWhole:
		p.stream = fmt.Sprintf("the stream is damaged behind event %d", inStream)
	case errors.As(conf, new(*stream.BlockError)), errors.As(conf, new(*stream.ConfigError)):
		p.stream = conf.Error()
	case conf != nil:
		return nil, conf
	}
	if p.history, err = survey(ctx, p.survey); err != nil {
		return nil, err
	}
	if err := p.history.forked(dir); err != nil {
		return nil, n.damage(name, err)
	}
	left, err := proofs(dir, p.survey.Source, end, p.history.keys.At(end))
	if err != nil {
		return nil, err
	}
	last := max(end, positionOf(head))
	for _, b := range p.survey.Beyond {
		last = max(last, b)
	}
	signed := uint64(0)
	if len(left) > 0 {
		signed = left[0].Size
		last = max(last, signed)
	}
	p.loss = lossOf(p, head, signed, whole && inJournal == end && streamWhole && inStream == end && !missing)
	if p.loss != "" && signed > end {
		p.signed = fmt.Sprintf("the log has signed checkpoints up to event %d, which whoever has one will hold against it", signed)
	}
	if p.signed == "" {
		if p.kept, err = tlog.Flawed(filepath.Join(dir, "log"), p.survey.Source, p.history.holds); err != nil {
			return nil, err
		}
	}
	if p.kept != "" {
		p.kept = "kept checkpoints are damaged: " + p.kept
	}
	if p.loss != "" && o.AcceptLoss != end {
		return nil, &LossError{name, end, p.loss, last, left}
	}
	if p.loss != "" && !missing && p.stream == "" {
		// Readers keep their position with the stream: one that is behind the end would take what comes there for read.
		p.stream = "readers of the stream may be behind the end that is accepted"
	}
	if head != nil && head.Position > end {
		p.head = fmt.Sprintf("the head record says that the history went on to event %d", head.Position)
	}
	_, damaged, err := private.Look(filepath.Join(dir, "private"))
	if err != nil {
		return nil, err
	}
	if damaged > 0 {
		p.private = fmt.Sprintf("%d lines of the file of private texts fit no commitment", damaged)
	}
	return p, nil
}

func positionOf(head *journal.Head) uint64 {
	if head == nil {
		return 0
	}
	return head.Position
}

// lossOf says why the history that verifies may not be all there was; empty where it is.
func lossOf(p *plan, head *journal.Head, signed uint64, bothWhole bool) string {
	end := p.survey.Head.Position
	switch {
	case head != nil && head.Position > end:
		return fmt.Sprintf("%d events were recorded", head.Position)
	case len(p.survey.Beyond) > 0:
		return fmt.Sprintf("event %d stands behind it, which cannot be joined to it (%v)", p.survey.Beyond[len(p.survey.Beyond)-1], p.survey.Stopped)
	case signed > end:
		return fmt.Sprintf("a checkpoint of %d events was signed", signed)
	case head == nil && !bothWhole:
		return "the head record is lost, so that nothing says whether that is all"
	}
	return ""
}
