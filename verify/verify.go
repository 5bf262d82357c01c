// Package verify checks a ledger from its bytes, for somebody who trusts neither the operator nor this program's
// memory of it. It needs no server, no key and no network.
//
// For every entry, in order, it checks: form, position, link, source, subject, time; that an event key registered
// before, and not replaced, signed it; the actor's own signature where the event says that there is one; and
// legitimacy: the command that the event came from is decided again on the state before it, by the rules that the
// ledger names, and must give the event back byte for byte. Documents are rendered again and compared. The first thing
// that does not hold ends it, with a [*chain.BrokenError]: everything before that event holds, nothing after it is
// judged.
//
// What it does not prove, unless a genesis and a head are pinned: that this is the ledger one thinks it is, and that it
// does not go on. [Report.Words] says so.
package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/replay"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// Options say what to hold a ledger against.
type Options struct {
	Genesis  string                                 // CID that the first entry must have; empty: any
	Head     *Head                                  // what the history must reach; nil: nothing
	Progress func(organization string, done uint64) // called from one goroutine now and then; may be nil
	Workers  int                                    // goroutines that check signatures; 0: one for each processor
	Fast     bool                                   // links and the tree alone: no signature, no document, no rule
	Trust    *note.Policy                           // who must have signed and cosigned the checkpoint; nil: whoever the entries name
	MaxAge   time.Duration                          // since somebody vouched for the checkpoint; 0: any
	Now      time.Time                              // for MaxAge; zero: the clock's
	NoTiles  bool                                   // of directories: hash tiles are not kept here, as in backups

	disclosed           commitments // takes in what the entries commit to; nil: nobody asks
	ownGenesis, ownHead bool        // they were kept beside the ledger, not by somebody else

	after   func(position uint64, state *rules.State, root func() tree.Hash) error // called behind each entry; may be nil
	carries func(position uint64, source string, d *chain.Document)                // called for each document that an entry carries; may be nil
}

// Head is a position that somebody remembers.
type Head struct {
	Position uint64
	CID      string
	Root     tree.Hash
}

// Raw is an entry as it was read, at the position after the one before.
type Raw struct {
	Bytes   []byte // kept by the verifier
	Subject string // it was read under; empty where the place it was read from keeps none
}

func (o Options) now() time.Time {
	if o.Now.IsZero() {
		return time.Now()
	}
	return o.Now
}

// Report says what was proven of one ledger.
type Report struct {
	Organization string
	Source       string
	Genesis      string // CID of the first entry
	Pinned       bool   // the genesis was given from outside
	Position     uint64
	CID          string // of the last entry
	Root         tree.Hash
	Rules        uint64
	Signed       uint64 // commands that carry their author's own signature
	Node         uint64 // commands of the ledger's own actor
	Documents    uint64
	Texts        uint64 // private texts that fit their commitments
	Withheld     uint64 // commitments whose text is not here
	Erased       uint64 // commitments whose text was erased by an event
	Stream       uint64 // entries of which the stream's copy was compared too
	Suspects     []Suspect
	Fast         bool        // no signature of an entry, no document and no rule was looked at
	Hashes       bool        // nothing but hash tiles and the checkpoint was looked at: no entry
	Checkpoint   *Checkpoint // the signed one that covers the entries; nil: there is none
	Kept         uint64      // checkpoints that were published and kept: each is of these entries
	Extract      *Extract    // it is of some entries only; nil: of all up to Position
	Notes        []string    // what was not proven, and what a reader should know
}

// Suspect is a key that was reported as possibly known to others, and what it signed from there on.
type Suspect struct {
	Key       string
	From      uint64
	Positions []uint64
	Documents bool // it signed the documents of these entries, and not the entries
}

// A NewerError says that an entry is of a later release than this one: everything before it holds, and it and what
// follows cannot be judged here.
type NewerError struct {
	Position uint64
	Err      error // what is not known
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("event %d is of a later release: %v", e.Position, e.Err)
}

func (e *NewerError) Unwrap() error { return e.Err }

// newer tells what is not known from what is wrong.
func newer(err error) error {
	b := (*chain.BrokenError)(nil)
	if !errors.As(err, &b) {
		return err
	}
	if unknown := (*events.UnknownTypeError)(nil); errors.As(b.Err, &unknown) {
		return &NewerError{b.Position, unknown}
	}
	if r := (*rules.Refusal)(nil); errors.As(b.Err, &r) && r.Code == rules.UnknownRules {
		return &NewerError{b.Position, r}
	}
	return err
}

// progressEvery is after how many entries progress is told.
const progressEvery = 128

// Entries verifies the entries that src yields, from the first on. Errors are a [*chain.BrokenError], a [*NewerError], or
// what src yielded, or the cause that ended ctx. The report is there also with an error, for what was proven before.
func Entries(ctx context.Context, src iter.Seq2[Raw, error], o Options) (*Report, error) {
	return newFold(o).run(ctx, src)
}

func (f *fold) run(ctx context.Context, src iter.Seq2[Raw, error]) (*Report, error) {
	err := f.all(ctx, src)
	if err == nil {
		err = f.end()
	}
	return &f.report, newer(err)
}

func newFold(o Options) *fold {
	return &fold{opts: o, state: rules.New(), suspects: map[string]uint64{}, report: Report{Fast: o.Fast}}
}

// looked is what many at once found out of an entry.
type looked struct {
	chain.Parsed
	link    chain.Link // in the fast pass, in which most entries are not parsed
	subject string
	leaf    tree.Hash
}

func look(r Raw) looked {
	return looked{Parsed: chain.Inspect(r.Bytes), subject: r.Subject, leaf: tree.Leaf(r.Bytes)}
}

func (f *fold) all(ctx context.Context, src iter.Seq2[Raw, error]) error {
	workers := f.opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	look, next := look, f.next
	if f.opts.Fast {
		look, next = glance, f.follow
	}
	for l, err := range chain.InOrder(workers, src, look) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := next(l); err != nil {
			return err
		}
		if f.report.Position%progressEvery == 0 {
			f.progress()
		}
	}
	f.progress()
	return nil
}

func (f *fold) progress() {
	if f.opts.Progress != nil && f.report.Position != f.told {
		f.told = f.report.Position
		f.opts.Progress(f.report.Organization, f.told)
	}
}

// signers are who signed an entry: the event key, and the author's where it signed.
type signers struct {
	position uint64
	keys     [3]string // of the entry, its author and its document
}

// ofDocument is where a document's key stands in signers.
const ofDocument = 2

// fold is what goes in order.
type fold struct {
	opts     Options
	chain    chain.Verifier
	state    *rules.State
	roots    tree.Roots
	report   Report
	signers  []signers         // of each entry
	suspects map[string]uint64 // reported keys, with the first position in doubt
	told     uint64            // the position of the last progress

	keys      chain.CheckpointKeys
	issuer    document.Keys // that sign documents
	did       string        // that the organization named
	last      time.Time     // that the last entry says; of the fast pass see lastText
	lastText  []byte
	covered   bool              // a checkpoint of all entries comes with them
	tiles     *tiles            // to hold the tree against; nil: there are none
	documents map[string]uint64 // takes in the CIDs that entries carry, with their positions; nil: nobody asks
}

func (f *fold) next(p looked) error {
	if err := f.chain.Next(p.Parsed, p.subject); err != nil {
		return err
	}
	e := p.Entry.Event
	if e.Sequence == 1 {
		if err := f.begins(p.CID, e.Source); err != nil {
			return err
		}
	}
	if err := replay.Apply(f.state, p.Entry, f.roots.Root); err != nil {
		return err
	}
	if d := p.Entry.Document; d != nil {
		if f.opts.carries != nil {
			f.opts.carries(e.Sequence, e.Source, d)
		}
		f.report.Documents++
		if f.documents != nil {
			f.documents[d.CID] = e.Sequence
		}
	}
	if err := f.grow(p.CID, p.leaf); err != nil {
		return err
	}
	f.count(p.Entry)
	if f.opts.after != nil {
		return f.opts.after(e.Sequence, f.state, f.root)
	}
	return nil
}

// grow takes in the next entry's place in the tree.
func (f *fold) grow(cid string, leaf tree.Hash) error {
	at := f.report.Position + 1
	f.roots.Append(leaf)
	if f.tiles != nil {
		if err := f.tiles.append(leaf); err != nil {
			return err
		}
	}
	if err := f.headAt(at, cid); err != nil {
		return err
	}
	f.report.Position, f.report.CID = at, cid
	return nil
}

// begins takes in the first entry, which is the pinned one where one is.
func (f *fold) begins(cid, source string) error {
	if f.opts.Genesis != "" && f.opts.Genesis != cid {
		return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: f.opts.Genesis, Found: cid}
	}
	f.report.Genesis, f.report.Pinned, f.report.Source = cid, f.opts.Genesis != "" && !f.opts.ownGenesis, source
	f.report.Organization = events.Organization(source)
	return nil
}

// headAt holds the entries up to a position against the head, where that is the head's.
func (f *fold) headAt(position uint64, cid string) error {
	if h := f.opts.Head; h != nil && h.Position == position && (h.CID != cid || h.Root != f.root()) {
		return &chain.BrokenError{Position: position, Check: chain.CheckHead, Expected: h.CID, Found: cid}
	}
	return nil
}

// root gives the root of all entries so far.
func (f *fold) root() tree.Hash {
	root, _ := f.roots.Root(f.roots.Size())
	return root
}

func (f *fold) count(en *chain.Entry) {
	keys := [3]string{en.Key}
	if en.Evidence != nil {
		keys[1] = en.Evidence.Key
	}
	if en.Document != nil {
		keys[ofDocument] = en.Document.Key
	}
	f.signers = append(f.signers, signers{en.Event.Sequence, keys})
	f.noteKeys(en.Event)
	f.last = en.Event.Time
	if f.opts.disclosed != nil {
		f.opts.disclosed.note(en.Event)
	}
	if events.Signs(en.Event.Auth.Method) {
		f.report.Signed++
	} else {
		f.report.Node++
	}
	switch d := en.Event.Data.(type) {
	case *events.OrganizationOpened:
		f.report.Rules = d.Rules
	}
}

// end judges what can only be said at the end.
func (f *fold) end() error {
	r := &f.report
	if h := f.opts.Head; h != nil && h.Position > r.Position {
		return &chain.BrokenError{Position: r.Position + 1, Check: chain.CheckHead,
			Expected: fmt.Sprintf("a history up to %d", h.Position), Found: fmt.Sprintf("its end at %d", r.Position)}
	}
	if r.Position == 0 {
		return errors.New("verify: there is no entry")
	}
	r.Root = f.root()
	f.suspected()
	if f.covered {
		return nil // what a checkpoint leaves open is said with it
	}
	if !r.Pinned {
		r.note("The first entry was taken from the ledger itself: pin it with --genesis to know that this is the ledger you mean.")
	}
	switch h := f.opts.Head; {
	case h == nil || h.Position == 0:
		r.note("No head was given: that the history does not go on, or was not cut at its end, is not proven.")
	case f.opts.ownHead:
		r.note("The head was taken from beside the ledger: it finds accidents, not whoever can write both.")
	}
	return nil
}

// suspected lists what reported keys signed.
func (f *fold) suspected() {
	for _, s := range f.signers {
		for i, key := range s.keys {
			if from, ok := f.suspects[key]; ok && s.position >= from {
				f.report.suspect(key, from, s.position, i == ofDocument)
			}
		}
	}
}

func (r *Report) note(text string) { r.Notes = append(r.Notes, text) }

func (r *Report) suspect(key string, from, position uint64, documents bool) {
	for i := range r.Suspects {
		if r.Suspects[i].Key == key {
			r.Suspects[i].Positions = append(r.Suspects[i].Positions, position)
			return
		}
	}
	r.Suspects = append(r.Suspects, Suspect{key, from, []uint64{position}, documents})
}
