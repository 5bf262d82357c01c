package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/stream"
)

// A DamageError says that the files of an organization, or of the directory itself, are not as they were left, by more than a power cut, a kill or
// nats-server explains. Nothing was changed. A person looks, and runs `permledger repair`.
type DamageError struct {
	Organization string // empty: it is about the directory itself
	Dir          string // the data directory
	Err          error

	repairing bool // [Repair] found it, which is not to advise itself
}

func (e *DamageError) Error() string {
	text := e.Err.Error() + "; nothing was changed"
	if e.Organization != "" {
		text = e.Organization + ": " + text
		if !e.repairing {
			text += fmt.Sprintf("; `permledger repair %s --dry-run` says what can be mended", e.Dir)
		}
	}
	return text
}

func (e *DamageError) Unwrap() error { return e.Err }

// prepared is an organization that was looked at before the server started.
type prepared struct {
	name    string
	genesis Genesis
	head    *journal.HeadFile
	compare ledger.Comparison
	mended  []Mended

	recorded func() (journal.Head, bool, error) // reads the head record

	copied  bool // a sync had failed, so the journal's last segment was copied before it was trusted
	reader  *journal.Reader
	journal *journal.Journal // nil until it is mended, where its end has to be cut
	cut     uint64           // then, the position after which everything goes
}

// prepare opens the journal and compares it with the stream's files. It changes neither, but for what an opening that was
// interrupted left behind: that it moves away, and gives nil.
func (n *Node) prepare(ctx context.Context, name string) (*prepared, error) {
	dir := n.orgDir(name)
	p := &prepared{name: name}
	genesis, err := readGenesis(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, n.abandon(name)
	}
	if err != nil {
		return nil, n.damage(name, err)
	}
	p.genesis = genesis
	if _, err := n.keys.of(name); err != nil {
		return nil, err
	}
	if err := n.putBack(p); err != nil {
		return nil, err
	}
	if p.head, err = journal.OpenHead(filepath.Join(dir, "head"), false); err == nil {
		p.recorded = p.head.Load
		err = n.look(ctx, p)
	}
	if err != nil {
		if p.journal != nil {
			_ = p.journal.Close()
		}
		return nil, n.damage(name, err)
	}
	return p, nil
}

// damage wraps an error where it means that files are not as they were left; one that says that something could not be
// read, or not yet, stays as it is.
func (n *Node) damage(name string, err error) error {
	if isDamage(err) {
		return &DamageError{name, n.dir, err, n.repaired != nil}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// errGenesis says that the genesis file does not hold what was written to it.
var errGenesis = errors.New("the genesis file is damaged")

func readGenesis(dir string) (Genesis, error) {
	var g Genesis
	b, err := os.ReadFile(filepath.Join(dir, "genesis"))
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal(b, &g); err != nil {
		return g, fmt.Errorf("%w: %w", errGenesis, err)
	}
	if g.Source == "" || g.CID == "" {
		return g, errGenesis
	}
	return g, nil
}

// look opens the journal and compares the copies. Where the journal's end does not hold, it asks whether that is what a
// power cut leaves.
func (n *Node) look(ctx context.Context, p *prepared) error {
	dir := filepath.Join(n.orgDir(p.name), "journal")
	var err error
	if p.copied, err = journal.Unsynced(dir); err != nil {
		return err
	}
	if p.journal, err = journal.Open(dir, journal.Options{Ahead: true}); err == nil {
		p.reader = p.journal.Reader
	}
	return n.judge(ctx, p, err)
}

// judge compares the copies once the journal is open, or was refused with an error. It changes nothing.
func (n *Node) judge(ctx context.Context, p *prepared, err error) error {
	dir := filepath.Join(n.orgDir(p.name), "journal")
	if err == nil {
		if p.compare, err = ledger.Compare(p.reader, n.store(), p.name); err == nil {
			err = n.check(p)
		}
	}
	if !errors.Is(err, journal.ErrDamaged) && !errors.As(err, new(*chain.BrokenError)) {
		return err
	}
	if harmless, failed := n.powerCut(ctx, p, dir); failed != nil {
		return failed
	} else if !harmless {
		return err
	}
	return n.check(p)
}

// powerCut says whether all that is wrong with a journal is behind its last entry that verifies, in the last segment,
// where neither copy has an entry, verified or not, and the head record asks for none: a write that was never synced, of
// which the disk kept some pages. Then p is what there is without it.
func (n *Node) powerCut(ctx context.Context, p *prepared, dir string) (bool, error) {
	head, known, err := p.recorded()
	if err != nil || !known {
		return false, err
	}
	s, err := ledger.Look(ctx, n.sources(p.name, p.genesis.CID, &head))
	if errors.As(err, new(*ledger.ForkError)) || errors.As(err, new(*chain.BrokenError)) {
		return false, nil // what was found wrong says more
	}
	if err != nil {
		return false, err
	}
	r, _, err := journal.Salvage(dir, journal.Options{})
	if err != nil {
		return false, err
	}
	good, whole, err := s.Journaled(dir)
	if err != nil || whole || len(s.Beyond) > 0 || good < head.Position || good < r.Base() || good == 0 {
		return false, err
	}
	if p.journal != nil {
		err, p.journal = p.journal.Close(), nil
	}
	if err != nil {
		return false, err
	}
	p.reader, p.cut = r, good
	p.compare, err = ledger.CompareTo(r, good, n.store(), p.name)
	return err == nil, err
}

// sources says where the copies of an organization's ledger lie.
func (n *Node) sources(name, genesis string, head *journal.Head) ledger.Sources {
	dir := n.orgDir(name)
	src := ledger.Sources{
		Organization: name, Genesis: genesis, Head: head,
		Journals: []string{filepath.Join(dir, "journal")}, Streams: []string{filepath.Join(dir, guardName, "files")},
	}
	if at, err := stream.StreamDir(n.store(), stream.LogName(name)); err == nil {
		src.Streams = append(src.Streams, at)
	}
	return src
}

// check says whether the history that both copies give together begins and ends where it must, and whether what one of
// them is about to be completed with holds: what is damaged is given to nobody.
func (n *Node) check(p *prepared) error {
	head, known, err := p.recorded()
	if err != nil {
		return err
	}
	c := &p.compare
	if have := c.Journal + uint64(len(c.OnlyStream)); known && have < head.Position {
		return fmt.Errorf("%w: %d events are here, %d were recorded: an old copy was put back, or the end was lost", ledger.ErrRolledBack, have, head.Position)
	}
	if known && c.Journal < head.Position {
		return fmt.Errorf("%w: the journal has %d events, %d were recorded: an old copy of it was put back, or its end was lost; the stream has the rest", ledger.ErrRolledBack, c.Journal, head.Position)
	}
	if err := n.published(p); err != nil {
		return err
	}
	first := "none"
	if c.Journal > 0 {
		raw, err := p.reader.Read(1)
		if err != nil {
			return err
		}
		first = chain.CID(raw)
	} else if len(c.OnlyStream) > 0 {
		first = chain.CID(c.OnlyStream[0])
	}
	if first != p.genesis.CID {
		return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: p.genesis.CID, Found: first}
	}
	if c.Damage == nil && c.Stream == c.Journal && len(c.OnlyStream) == 0 {
		return nil
	}
	var v chain.Verifier
	for r, err := range p.reader.Range(1, c.Journal) {
		if err != nil {
			return err
		}
		look := chain.Inspect
		if c.Damage == nil && r.Position <= c.Stream { // both hold it, and it stays where it is
			look = chain.Load
		}
		if err := v.Next(look(bytes.Clone(r.Entry)), ""); err != nil {
			return fmt.Errorf("the journal: %w", err)
		}
	}
	for _, raw := range c.OnlyStream {
		if err := v.Next(chain.Inspect(raw), ""); err != nil {
			return fmt.Errorf("the stream, behind the journal's end: %w", err)
		}
	}
	if c.Damage == nil || c.Missing() {
		return nil
	}
	// Made again from the journal, it must not lose what only it holds behind its damage.
	have := c.Journal + uint64(len(c.OnlyStream))
	if further, err := ledger.Further(n.store(), p.name, have); err != nil {
		return err
	} else if further > 0 {
		return fmt.Errorf("the journal ends at %d, and the damaged stream holds something up to %d: %w", have, further, c.Damage)
	}
	return nil
}

// mend cuts the end of the journal that nobody was told of, completes it from the stream's files, and sets those aside
// that must be made again.
func (n *Node) mend(p *prepared) error {
	dir := filepath.Join(n.orgDir(p.name), "journal")
	if p.copied {
		n.did(p, Mended{What: "a sync of the journal had failed; its last segment was copied to a new file"})
	}
	if p.journal == nil {
		j, kept, err := journal.OpenCut(dir, journal.Options{Ahead: true}, p.cut)
		if err != nil {
			return err
		}
		p.journal = j
		n.did(p, Mended{What: fmt.Sprintf("the journal's last write had not reached the disk; what was left of it behind event %d was cut off", p.cut), Kept: kept})
	} else {
		_, torn := p.journal.Torn()
		kept, err := p.journal.CutTorn()
		if err != nil {
			return err
		}
		if kept != "" { // else there were at most zeros, which are no sign of anything
			n.did(p, Mended{What: fmt.Sprintf("the journal's last write was cut off; its %d bytes are set aside", torn), Kept: kept})
		}
	}
	if err := ledger.Extend(p.journal, p.compare.OnlyStream); err != nil {
		return err
	}
	if k := len(p.compare.OnlyStream); k > 0 {
		n.did(p, Mended{What: fmt.Sprintf("the journal was completed from the stream with %s", eventsOf(uint64(k)))})
	}
	if p.compare.Damage == nil {
		return nil
	}
	if p.compare.Missing() {
		n.did(p, Mended{What: fmt.Sprintf("the stream is missing and is made again from the journal with %s", eventsOf(p.journal.Len()))})
		return nil
	}
	return n.setStreamAside(p)
}

// setStreamAside moves the stream's directory away; no server may run. Links to its files that a start has made go along,
// last, so that they are never put back beside the files of the stream that takes its place.
func (n *Node) setStreamAside(p *prepared) error {
	aside := n.aside(p.name, "stream-aside-")
	if err := stream.SetAside(n.store(), p.name, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	} else if err != nil {
		if err := os.Mkdir(aside, 0o700); err != nil {
			return err
		}
	}
	if err := n.guardAside(p.name, aside); err != nil {
		return err
	}
	n.did(p, Mended{What: fmt.Sprintf("the stream is damaged; it is set aside and made again from the journal with %s: %v", eventsOf(p.journal.Len()), p.compare.Damage), Kept: aside})
	return nil
}

// aside gives a path in an organization's directory where something is kept that is no longer used. It is free.
func (n *Node) aside(name, what string) string {
	base := filepath.Join(n.orgDir(name), what+n.opts.Now().UTC().Format("20060102T150405.000"))
	path := base
	for i := 1; ; i++ {
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		path = fmt.Sprintf("%s.%d", base, i)
	}
}

// abandon moves away what an opening left that was interrupted before it was acknowledged.
func (n *Node) abandon(name string) error {
	if begun, err := n.begun(name); err != nil {
		return err
	} else if begun != "" {
		return n.damage(name, &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: "the file orgs/" + name + "/genesis", Found: "none beside " + begun})
	}
	aside, err := n.setAside(name)
	if err != nil {
		return err
	}
	err = stream.SetAside(n.store(), name, filepath.Join(aside, "stream"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// begun says what there is of an organization without a genesis file that an opening cannot have left, in whatever copy:
// more than its first entry. Such a ledger was opened to the end; it is damaged, and stays where it is. Empty: it was not.
func (n *Node) begun(name string) (string, error) {
	dir := n.orgDir(name)
	j, err := journal.OpenReader(filepath.Join(dir, "journal"), journal.Options{})
	switch {
	case errors.Is(err, journal.ErrDamaged):
		return "a damaged journal", nil
	case err != nil && !errors.Is(err, journal.ErrMissing):
		return "", fmt.Errorf("%s: the genesis file is missing, and the journal cannot be read: %w", name, err)
	case err == nil && j.Len() > 1:
		return fmt.Sprintf("%d entries", j.Len()), nil
	}
	head, _, err := journal.ReadHead(filepath.Join(dir, "head"))
	switch {
	case errors.Is(err, journal.ErrDamaged):
		return "a damaged head record", nil
	case err != nil && !errors.Is(err, journal.ErrMissing):
		return "", fmt.Errorf("%s: the genesis file is missing, and the head record cannot be read: %w", name, err)
	case head.Position > 1:
		return fmt.Sprintf("a head record at %d", head.Position), nil
	}
	further, err := ledger.Further(n.store(), name, 1)
	if err != nil {
		return "", fmt.Errorf("%s: the genesis file is missing, and the stream cannot be read: %w", name, err)
	}
	if further > 0 {
		return fmt.Sprintf("a stream of %d entries", further), nil
	}
	orphan, err := n.orphaned(name)
	if err == nil && orphan {
		return "a stream without a directory", nil
	}
	return "", err
}

// setAside moves away the directory of an organization that was never opened, to a name that no organization can have.
func (n *Node) setAside(name string) (aside string, err error) {
	aside = filepath.Join(n.dir, "orgs", "_"+name+"-interrupted-"+n.opts.Now().UTC().Format("20060102T150405.000"))
	if err := os.Rename(n.orgDir(name), aside); err != nil {
		return "", err
	}
	n.log.Warn("an organization was never opened to the end; what it left is set aside", "organization", name, "kept", aside)
	return aside, nil
}
