package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/stream"
)

// ErrNothing says that there is nothing to verify at a path.
var ErrNothing = errors.New("no ledger here: neither a data directory, nor an organization's, nor a journal")

// ErrSeveral says that a genesis or a head was given, which is of one ledger, for a directory of several.
var ErrSeveral = errors.New("a genesis and a head are of one ledger, and there are several here")

// Directory verifies every ledger of a data directory, or the one of an organization's directory or a journal in it. It
// opens files for reading only, whether a server runs on them or not. The reports are in the order of the
// organizations' names; with an error the last one is of the ledger that does not hold.
func Directory(ctx context.Context, path string, o Options) ([]*Report, error) {
	orgs, err := ledgers(path)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", path, err)
	}
	if len(orgs) > 1 && (o.Genesis != "" || o.Head != nil) {
		return nil, fmt.Errorf("verify %s: %w: name one of %d", path, ErrSeveral, len(orgs))
	}
	var reports []*Report
	for _, l := range orgs {
		r, err := l.settled(ctx, o)
		r.Organization = cmp.Or(r.Organization, l.name)
		reports = append(reports, r)
		if err != nil {
			return reports, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return reports, nil
}

// onDisk is one ledger's files.
type onDisk struct {
	name    string
	journal string
	dir     string // of the organization: head, genesis, private; empty where there is but a journal
	store   string // nats-server's; empty where there is none
}

func ledgers(path string) ([]onDisk, error) {
	path, err := filepath.Abs(path) // the organization is named after its directory
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	if exists(filepath.Join(path, "permledger.json")) {
		entries, err := os.ReadDir(filepath.Join(path, "orgs"))
		if err != nil {
			return nil, err
		}
		var found []onDisk
		for _, e := range entries {
			dir := filepath.Join(path, "orgs", e.Name())
			if e.IsDir() && (exists(filepath.Join(dir, "genesis")) || begun(dir)) {
				found = append(found, onDisk{e.Name(), filepath.Join(dir, "journal"), dir, filepath.Join(path, "store")})
			}
		}
		for _, name := range missing(path) {
			found = append(found, onDisk{name, filepath.Join(path, "orgs", name, "journal"), filepath.Join(path, "orgs", name), filepath.Join(path, "store")})
		}
		if len(found) == 0 {
			return nil, ErrNothing
		}
		if clustered(path) {
			for i := range found {
				found[i].store = ""
			}
		}
		return found, nil
	}
	if exists(filepath.Join(path, "journal")) {
		l := onDisk{filepath.Base(path), filepath.Join(path, "journal"), path, ""}
		if of := filepath.Join(path, "..", ".."); exists(filepath.Join(of, "permledger.json")) && !clustered(of) {
			l.store = filepath.Join(of, "store")
		}
		return []onDisk{l}, nil
	}
	if segments, _ := filepath.Glob(filepath.Join(path, "*.seg")); len(segments) > 0 {
		return []onDisk{{name: filepath.Base(path), journal: path}}, nil
	}
	return nil, ErrNothing
}

// clustered says whether the streams of a data directory lie in a cluster, so that only the journal can be read here.
func clustered(path string) bool {
	var m struct {
		Cluster bool `json:"cluster"`
	}
	b, err := os.ReadFile(filepath.Join(path, "permledger.json"))
	return err == nil && json.Unmarshal(b, &m) == nil && m.Cluster
}

// missing gives the organizations that have a stream and no directory of their own: somebody took it away. Keys alone
// say nothing: an opening that was refused leaves some.
func missing(path string) []string {
	var names []string
	streams, _ := filepath.Glob(filepath.Join(path, "store", "jetstream", "*", "streams", "LEDGER_*"))
	for _, s := range streams {
		names = append(names, strings.TrimPrefix(filepath.Base(s), "LEDGER_"))
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		aside, _ := filepath.Glob(filepath.Join(path, "orgs", "_"+name+"-interrupted-*"))
		unfinished := slices.ContainsFunc(aside, func(dir string) bool { return !exists(filepath.Join(dir, "stream")) })
		return exists(filepath.Join(path, "orgs", name)) || unfinished && !streamed(path, name)
	})
}

// streamed says whether the stream of an organization holds more than a first entry, which is all that an opening that was
// interrupted can have left, or cannot be read.
func streamed(path, name string) bool {
	dir, err := stream.StreamDir(filepath.Join(path, "store"), stream.LogName(name))
	if err != nil {
		return true
	}
	for f, err := range stream.Salvage(dir, name) {
		if err != nil {
			return true
		}
		if en, err := chain.Parse(f.Data); err == nil && en.Event.Sequence > 1 {
			return true
		}
	}
	return false
}

// begun says whether more is recorded in an organization's directory than an opening that was interrupted, or is going
// on, leaves in it. The node keeps what it moved away under names with an underscore.
func begun(dir string) bool {
	if strings.HasPrefix(filepath.Base(dir), "_") {
		return false
	}
	j, damage, err := journal.Salvage(filepath.Join(dir, "journal"), journal.Options{})
	return err == nil && (j.Len() > 1 || len(damage) > 0)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// settled verifies a ledger. A server that runs may be writing its last entry while it is read, of which then only a part is
// seen: beside one, what does not hold is looked at again until it is the same twice.
func (l onDisk) settled(ctx context.Context, o Options) (*Report, error) {
	var before string
	for {
		r, err := l.verify(ctx, o)
		if !errors.As(err, new(*chain.BrokenError)) || err.Error() == before || !l.running() {
			return r, err
		}
		before = err.Error()
	}
}

func (l onDisk) verify(ctx context.Context, o Options) (*Report, error) {
	// First the head, then the journal: a server that runs moves the head on only once the journal holds that much.
	if l.dir != "" {
		if err := l.expect(&o); err != nil {
			return &Report{}, err
		}
	}
	var log *logFiles
	if l.dir != "" {
		var err error
		if log, err = openLog(l.dir); err != nil {
			return &Report{}, err
		}
		if log != nil {
			defer log.kept.Close()
		}
	}
	j, damage, err := journal.Salvage(l.journal, journal.Options{})
	if errors.Is(err, journal.ErrMissing) && l.dir != "" {
		return &Report{}, &chain.BrokenError{Position: 1, Check: chain.CheckForm, Expected: "a journal", Found: "none", Err: err}
	}
	if err != nil {
		return &Report{}, err
	}
	copies := &copies{}
	if l.store != "" {
		copies.next, copies.stop = iter.Pull2(stream.Scan(l.store, stream.LogName(l.name)))
		defer copies.stop()
	}
	o.disclosed = commitments{}
	f := newFold(o)
	if log != nil && !o.NoTiles {
		f.tiles = &tiles{kept: log, prefix: "log/", full: true}
	}
	r, err := f.run(ctx, l.entries(j, damage, copies))
	if err != nil {
		return r, err
	}
	if err := copies.end(r, l.running()); err != nil {
		return r, err
	}
	if log != nil {
		err = log.judge(f)
	} else {
		err = unsigned(o)
	}
	if err != nil {
		return r, err
	}
	if offset, torn := j.Torn(); torn > 0 {
		r.note(fmt.Sprintf("The journal ends with %d bytes, from byte %d of its last segment on, that are no whole entry: a write that was cut off, or is going on.", torn, offset))
	}
	if l.dir != "" {
		return r, l.texts(r, o.disclosed)
	}
	return r, nil
}

// expect reads what stands outside the journal: the genesis, and how far the history went. An operator who changes the
// ledger can change these too; they find accidents and old copies.
func (l onDisk) expect(o *Options) error {
	head, known, err := journal.ReadHead(filepath.Join(l.dir, "head"))
	switch d := (*journal.DamageError)(nil); {
	case errors.As(err, &d):
		return &chain.BrokenError{Check: chain.CheckHead, Err: err}
	case err != nil && !errors.Is(err, journal.ErrMissing):
		return err
	}
	if known && o.Head == nil {
		o.Head, o.ownHead = &Head{head.Position, head.CID, head.Root}, true
	}
	b, err := os.ReadFile(filepath.Join(l.dir, "genesis"))
	if errors.Is(err, fs.ErrNotExist) {
		return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: "the file genesis", Found: "none"}
	}
	if err != nil {
		return err
	}
	var g struct {
		CID string `json:"cid"`
	}
	if err := json.Unmarshal(b, &g); err != nil {
		return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: "the genesis file", Found: "something else", Err: err}
	}
	if o.Genesis == "" {
		o.Genesis, o.ownGenesis = g.CID, true
	}
	return nil
}

// running says whether a process has the data directory open, and so may be writing. It takes the lock only to ask.
func (l onDisk) running() bool {
	if l.store == "" && l.dir == "" {
		return false
	}
	f, err := os.Open(filepath.Join(cmp.Or(l.store, filepath.Dir(l.dir)), "..", "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// entries yields the journal's entries up to the first damage, each compared with the stream's copy and under the
// subject it has there, and then the damage: what stands before it is judged first.
func (l onDisk) entries(j *journal.Reader, damage []*journal.DamageError, c *copies) iter.Seq2[Raw, error] {
	last := j.Len()
	if len(damage) > 0 {
		last = damage[0].Position - 1
	}
	return func(yield func(Raw, error) bool) {
		var own chain.Copier
		for rec, err := range j.Range(1, last) {
			if err != nil {
				yield(Raw{}, broken(err))
				return
			}
			raw := Raw{Bytes: own.Copy(rec.Entry)}
			if raw.Subject, err = c.compare(rec.Position, raw.Bytes); err != nil {
				yield(Raw{}, err)
				return
			}
			if !yield(raw, nil) {
				return
			}
		}
		if len(damage) > 0 {
			yield(Raw{}, broken(damage[0]))
		}
	}
}

// copies walks over the stream's copy beside the journal's.
type copies struct {
	next func() (stream.Record, error, bool)
	stop func()
	n    uint64
	over bool // the stream has ended
	gone bool // there is no stream
}

func (c *copies) compare(position uint64, want []byte) (subject string, err error) {
	if c.next == nil || c.over {
		return "", nil
	}
	rec, err, ok := c.next()
	switch {
	case !ok:
		c.over = true
		return "", nil
	case errors.Is(err, stream.ErrMissing):
		c.over, c.gone = true, true
		return "", nil
	case err != nil:
		return "", broken(err)
	case string(rec.Data) != string(want):
		return "", chain.Differ(position, want, rec.Data)
	}
	c.n = position
	return rec.Subject, nil
}

// end looks at what the stream holds beyond the journal, or lacks.
func (c *copies) end(r *Report, running bool) error {
	r.Stream = c.n
	switch {
	case c.next == nil:
		r.note("Only the journal was read; a stream's copy was not compared.")
	case c.gone:
		r.note("The stream's copy is not here; the server makes it again from the journal.")
	case c.over:
		r.note(fmt.Sprintf("The stream's copy ends at %d; the server completes it from the journal.", c.n))
	default:
		rec, err, ok := c.next()
		switch {
		case err != nil:
			return broken(err)
		case ok && !running:
			return &chain.BrokenError{Position: rec.Seq, Check: chain.CheckCopy, Expected: "the journal's copy, which is written first", Found: "the stream's alone"}
		case ok:
			r.note("The stream holds more than the journal had when it was opened: what follows was not verified; it is being written now.")
		}
	}
	return nil
}

// commitments collects what entries commit to: true where a later one erased the text.
type commitments map[events.Digest]bool

func (d commitments) note(e *events.Event) {
	for _, c := range e.Commitments() {
		if !d[c] {
			d[c] = false
		}
	}
	if s, ok := e.Data.(*events.SubjectErased); ok {
		for _, c := range s.Texts {
			d[c] = true
		}
	}
}

// texts checks that the private texts beside the ledger are the ones that entries commit to.
func (l onDisk) texts(r *Report, d commitments) error {
	texts, err := private.Read(filepath.Join(l.dir, "private"))
	if err != nil {
		return &chain.BrokenError{Position: 0, Check: "private", Err: err}
	}
	if left := r.disclosed(d, func(c events.Digest) bool { _, here := texts[c]; return here }); left > 0 {
		r.note(fmt.Sprintf("%d private texts that were erased are still in the file: the node erases them when it starts.", left))
	}
	return nil
}

// disclosed counts the texts that entries commit to by whether they are here, and gives how many are here that were erased.
func (r *Report) disclosed(d commitments, here func(events.Digest) bool) (left int) {
	for c, erased := range d {
		switch {
		case erased:
			r.Erased++
			if here(c) {
				left++
			}
		case here(c):
			r.Texts++
		default:
			r.Withheld++
		}
	}
	return left
}

// broken says of damage that journal and stream find which event it is at.
func broken(err error) error {
	if d := (*journal.DamageError)(nil); errors.As(err, &d) {
		return &chain.BrokenError{Position: d.Position, Check: chain.CheckForm, Err: err}
	}
	if d := (*stream.BlockError)(nil); errors.As(err, &d) {
		return &chain.BrokenError{Position: d.Seq, Check: chain.CheckCopy, Err: err}
	}
	return err
}
