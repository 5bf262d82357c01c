package backup

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

// Options say how to make a backup.
type Options struct {
	// AtLeast says which position of each organization the backup has to reach: what was acknowledged when it began. The
	// ledger's head record comes at most some tens of milliseconds later.
	AtLeast map[string]uint64
	// Keys copies private keys too, and what the server keeps beside the ledgers, as webhooks with their secrets. Without it a backup can be given to somebody who may read the ledgers, and not sign.
	Keys bool
	// Patience is how long the head record, and a checkpoint of it, is waited for. Default 10 s.
	Patience time.Duration
	Now      func() time.Time // nil: time.Now
}

// poll is how often the head record is looked at.
const poll = 20 * time.Millisecond

// unsigned is for how long a checkpoint is waited for that covers the head record: of a ledger whose signer does not answer the
// head record alone has to do.
const unsigned = 3 * time.Second

// Make brings a backup to where the ledgers of a data directory are, whether a server writes to them or not. It reads files of
// the directory and changes none. A run that was cut off at any moment leaves the backup that was there before, and is done
// again by the next.
func Make(ctx context.Context, dir, dest string, o Options) (*Manifest, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	mark, err := marker(dir)
	if err != nil {
		return nil, fmt.Errorf("back up %s: %w", dir, err)
	}
	m, err := makeAt(ctx, dir, dest, mark, o)
	if err != nil {
		return nil, fmt.Errorf("back up %s to %s: %w", dir, dest, err)
	}
	return m, nil
}

func makeAt(ctx context.Context, dir, dest string, mark []byte, o Options) (*Manifest, error) {
	if err := fits(dir, dest); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dest, 0o700); err != nil {
		return nil, err
	}
	held, err := lock(filepath.Join(dest, "lock"), ErrBusy)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	old, err := Read(dest)
	switch {
	case errors.Is(err, ErrNone), errors.Is(err, ErrHalf):
		old = &Manifest{}
		if err := os.Mkdir(filepath.Join(dest, ledgersDir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		if err := old.settle(dest); err != nil {
			return nil, err
		}
	}
	names, err := organizations(dir)
	if err != nil {
		return nil, err
	}
	next := &Manifest{Marker: mark, Keys: o.Keys}
	for _, l := range old.Ledgers {
		if !slices.Contains(names, l.Organization) {
			return nil, fmt.Errorf("%w: it has %s, which the directory has not", ErrBackward, l.Organization)
		}
	}
	for _, name := range names {
		c := &copying{from: filepath.Join(dir, "orgs", name), dest: dest, to: ledgersDir + "/" + name}
		was, known := old.Find(name)
		if known {
			c.old = was
		}
		c.l.Organization = name
		if err := c.run(ctx, o.AtLeast[name], o.Patience); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if o.Keys {
			if err := c.beside(); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		next.Ledgers = append(next.Ledgers, c.l)
	}
	rest := &copying{dest: dest}
	if err := rest.keys(dir, o.Keys); err != nil {
		return nil, err
	}
	next.Files = rest.l.Files
	if err := next.write(dest, o.Now()); err != nil {
		return nil, err
	}
	return next, errors.Join(next.settle(dest), next.strip(dest))
}

// fits refuses places that would put the copy into the original, or among other files.
func fits(dir, dest string) error {
	from, err1 := filepath.Abs(dir)
	to, err2 := filepath.Abs(dest)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if rel, err := filepath.Rel(from, to); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("%w: a backup within the data directory would be lost with it", ErrTarget)
	}
	entries, err := os.ReadDir(dest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains([]string{ManifestFile, ManifestFile + ".new", "lock", ledgersDir, "node", "keys"}, e.Name()) {
			return fmt.Errorf("%w: %s is in it, which is of no backup", ErrTarget, e.Name())
		}
	}
	if len(entries) > 0 && !Is(dest) && !(len(entries) == 1 && entries[0].Name() == "lock") {
		return fmt.Errorf("%w: the directory is not empty, and holds no backup", ErrTarget)
	}
	return nil
}

// copying is the copying of one ledger.
type copying struct {
	from string // directory of the organization
	dest string // of the backup
	to   string // below dest
	old  Ledger // what is in the backup already; no position: nothing
	l    Ledger
}

func (c *copying) path(name string) string {
	return filepath.Join(c.dest, filepath.FromSlash(c.to), filepath.FromSlash(name))
}

// aim finds the position to copy up to: that of the newest checkpoint, if it reaches what was asked for, else that of the head
// record. What the head record or a checkpoint says is synced; what the journal has beyond it may not be, and be other
// entries after a power cut.
func (c *copying) aim(ctx context.Context, source string, atLeast uint64, patience time.Duration) (head journal.Head, root tree.Hash, err error) {
	begun := time.Now()
	for {
		var newest uint64
		var signed tree.Hash
		if err := tlog.ReadLast(filepath.Join(c.from, "log"), source, func(k note.Checkpoint, _ []byte, _ time.Time) {
			if k.Size >= newest {
				newest, signed = k.Size, k.Root
			}
		}); err != nil {
			return head, root, err
		}
		// After the checkpoints, so that it has as much.
		head, known, err := journal.ReadHead(filepath.Join(c.from, "head"))
		if err != nil {
			return head, root, err
		}
		waited := time.Since(begun)
		switch {
		case newest > 0 && newest >= atLeast && newest <= head.Position:
			c.l.Signed = true
			head.Position = newest
			return head, signed, nil
		case known && head.Position >= atLeast && (newest == 0 || waited > unsigned):
			return head, head.Root, nil
		case known && waited > patience:
			c.l.Behind = atLeast - min(atLeast, head.Position)
			return head, head.Root, nil
		case waited > patience:
			return head, root, errors.New("no head record was stored yet")
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return head, root, context.Cause(ctx)
		}
	}
}

// run copies everything of the ledger that the manifest is to name.
func (c *copying) run(ctx context.Context, atLeast uint64, patience time.Duration) error {
	g, raw, err := readGenesis(filepath.Join(c.from, "genesis"))
	if err != nil {
		return err
	}
	c.l.Source, c.l.Genesis = g.Source, g.CID
	if c.old.Position > 0 && c.old.Genesis != g.CID {
		return fmt.Errorf("%w: its first entry is %s, the ledger's is %s", ErrBackward, c.old.Genesis, g.CID)
	}
	if c.old.Position == 0 { // what is there is of a first run that was cut off
		if err := os.RemoveAll(c.path("")); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.path("log"), 0o700); err != nil {
		return err
	}
	head, root, err := c.aim(ctx, g.Source, atLeast, patience)
	if err != nil {
		return err
	}
	if head.Position < c.old.Position {
		return fmt.Errorf("%w: it has %d entries, the ledger %d", ErrBackward, c.old.Position, head.Position)
	}
	erased, err := c.entries(ctx, head.Position, root)
	if err != nil {
		return err
	}
	c.l.Root = hex.EncodeToString(root[:])
	if err := c.texts(erased); err != nil {
		return err
	}
	if err := c.checkpoints(); err != nil {
		return err
	}
	if err := c.head(journal.Head{Position: c.l.Position, CID: c.l.CID, Root: root}); err != nil {
		return err
	}
	if err := c.put("genesis", raw); err != nil {
		return err
	}
	mended, err := os.ReadFile(filepath.Join(c.from, "mended.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.put("mended.jsonl", mended[:bytes.LastIndexByte(mended, '\n')+1])
}

// group is how many bytes of entries are appended with one sync.
const group = 4 << 20

// entries copies the entries up to a position, looks whether all of them have the root that was signed, and those that the
// backup has already the one that it had; and gives the commitments that were ever erased.
func (c *copying) entries(ctx context.Context, to uint64, root tree.Hash) (map[events.Digest]bool, error) {
	src, damage, err := journal.Salvage(filepath.Join(c.from, "journal"), journal.Options{})
	if err != nil {
		return nil, err
	}
	if src.Len() < to {
		if len(damage) > 0 {
			return nil, damage[0]
		}
		return nil, fmt.Errorf("the journal ends at %d, the head record says %d: see `permledger doctor`", src.Len(), to)
	}
	erased, err := c.erasedBefore()
	if err != nil {
		return nil, err
	}
	dst, err := journal.Open(c.path("journal"), journal.Options{Create: true})
	if err != nil {
		return nil, err
	}
	defer dst.Close()
	if dst.Len() != c.old.Position {
		return nil, fmt.Errorf("%w: its journal has %d entries, %s says %d", ErrDamaged, dst.Len(), ManifestFile, c.old.Position)
	}
	var edge tree.Frontier
	var pending [][]byte
	size := 0
	flush := func() error {
		_, err := dst.Append(pending)
		pending, size = nil, 0
		return err
	}
	for r, err := range src.Range(1, to) {
		if err != nil {
			return nil, err
		}
		edge.Append(tree.Leaf(r.Entry))
		if r.Position == c.old.Position {
			if was := edge.Root(); hex.EncodeToString(was[:]) != c.old.Root {
				return nil, fmt.Errorf("%w: the first %d entries of the ledger are others", ErrBackward, r.Position)
			}
		}
		if r.Position == to {
			c.l.Position, c.l.CID = to, chain.CID(r.Entry)
		}
		if r.Position <= c.old.Position {
			continue
		}
		if err := erasing(r.Entry, erased); err != nil {
			return nil, fmt.Errorf("entry %d: %w", r.Position, err)
		}
		pending, size = append(pending, bytes.Clone(r.Entry)), size+len(r.Entry)
		if size >= group {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if got := edge.Root(); got != root {
		return nil, fmt.Errorf("the %d entries have the root %x, and %x is what the ledger says: run `permledger doctor`", to, got[:8], root[:8])
	}
	segments, err := filepath.Glob(filepath.Join(escape(c.path("journal")), "*.seg"))
	if err != nil {
		return nil, err
	}
	for i, s := range segments {
		name := "journal/" + filepath.Base(s)
		if f, ok := c.old.file(c.to + "/" + name); ok && i < len(segments)-1 && sized(s, f.Size) {
			c.l.Files = append(c.l.Files, f) // full, and not written to
			continue
		}
		f, err := sum(s, c.to+"/"+name)
		if err != nil {
			return nil, err
		}
		c.l.Files = append(c.l.Files, f)
	}
	return erased, nil
}

// erasing notes the commitments that an entry erases.
func erasing(raw []byte, erased map[events.Digest]bool) error {
	link, err := chain.Glance(raw)
	if err != nil {
		return err
	}
	if !bytes.Contains(link.Schema, []byte((*events.SubjectErased)(nil).Type())) {
		return nil
	}
	en, err := chain.Parse(raw)
	if err != nil {
		return err
	}
	if d, ok := en.Event.Data.(*events.SubjectErased); ok {
		for _, t := range d.Texts {
			erased[t] = true
		}
	}
	return nil
}

const erasedFile = "erased"

func (c *copying) erasedBefore() (map[events.Digest]bool, error) {
	erased := map[events.Digest]bool{}
	if c.old.Position == 0 {
		return erased, nil
	}
	b, err := os.ReadFile(c.path(erasedFile))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		d, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(line, "\n"))
		if err != nil || len(d) != len(events.Digest{}) {
			return nil, fmt.Errorf("%w: %s", ErrDamaged, erasedFile)
		}
		erased[events.Digest(d)] = true
	}
	return erased, nil
}

// texts copies the private texts that are not erased. A text that was erased after the last run is gone from the backup with
// this one, for the file is put in the place of the one before.
func (c *copying) texts(erased map[events.Digest]bool) error {
	texts, _, err := private.Look(filepath.Join(c.from, "private"))
	if err != nil {
		return err
	}
	maps.DeleteFunc(texts, func(d events.Digest, _ private.Text) bool { return erased[d] })
	var gone strings.Builder
	for _, d := range slices.SortedFunc(maps.Keys(erased), func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		gone.WriteString(base64.RawURLEncoding.EncodeToString(d[:]) + "\n")
	}
	return errors.Join(c.put(erasedFile, []byte(gone.String())), c.put("private", private.Lines(texts)))
}

// checkpoints copies those that the log keeps of what is copied.
func (c *copying) checkpoints() error {
	var b bytes.Buffer
	err := tlog.Read(filepath.Join(c.from, "log"), c.l.Source, func(k note.Checkpoint, raw []byte, at time.Time) {
		if k.Size <= c.l.Position {
			b.Write(tlog.Record(at, raw))
		}
	})
	if err != nil || b.Len() == 0 {
		return err
	}
	return c.put("log/checkpoints", b.Bytes())
}

// head writes the head record of what is copied.
func (c *copying) head(h journal.Head) error {
	aside := c.path("head") + ".made"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := journal.OpenHead(aside, true)
	if err == nil {
		err = f.Store(h)
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(aside)
	if err != nil {
		return err
	}
	return errors.Join(c.put("head", b), os.Remove(aside))
}

// keys copies what belongs to no one organization.
func (c *copying) keys(dir string, private bool) error {
	for _, top := range []string{"node", "keys"} {
		err := filepath.WalkDir(filepath.Join(dir, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".new") {
				return err
			}
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if !private && !public(rel) {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return c.put(rel, b)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ofLedger are the names in an organization's directory that a backup has anyway, or that are made again.
var ofLedger = regexp.MustCompile(`^(journal.*|genesis|head.*|private.*|snapshot|log|guard.*|mended\.jsonl|stream)$|-aside-|\.new$`)

// beside copies what the server keeps of an organization beside its ledger, as webhooks with their secrets.
func (c *copying) beside() error {
	return filepath.WalkDir(c.from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was replaced meanwhile
		}
		if err != nil || path == c.from {
			return err
		}
		rel, err := filepath.Rel(c.from, path)
		if err != nil {
			return err
		}
		if ofLedger.MatchString(d.Name()) && (filepath.Dir(rel) == "." || strings.HasSuffix(rel, ".new")) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return c.put(filepath.ToSlash(rel), b)
	})
}

// public says whether a file below DIR/node or DIR/keys is no secret: the policy of witnesses, and which keys a signer program has.
func public(path string) bool {
	return strings.HasPrefix(path, "node/") && (strings.HasSuffix(path, ".policy") || strings.HasSuffix(path, ".held"))
}
