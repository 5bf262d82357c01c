package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// ErrOther says that a checkpoint that a backup is to be held against is not known to be of its ledgers.
var ErrOther = errors.New("not known to be a checkpoint of a ledger in the backup")

// RestoreOptions say how to restore.
type RestoreOptions struct {
	// Known is what others have seen; what is of ledgers that the backup has not is passed over.
	Known []Known
	// Measures are checkpoints that somebody chose to hold the backup against: each has to be of one of its ledgers.
	Measures []Known
	// Ask gives how many entries of a ledger each witness of a policy has cosigned; nil: nobody is asked. It is given a
	// checkpoint of the backup. Who cannot be asked is left out.
	Ask func(ctx context.Context, policy *note.Policy, checkpoint []byte) []Known
	// Replace sets aside what is at the target, if that is a data directory.
	Replace bool
	// AcceptLoss goes on although more is known of a ledger. It never accepts another history.
	AcceptLoss bool
	// Keys is a directory with node/ and keys/ as a data directory has them, whose private keys are taken; empty: those of the
	// backup, if it has any.
	Keys string
	Now  func() time.Time // nil: time.Now
}

// A Restored is what was made.
type Restored struct {
	Manifest *Manifest
	Reports  []*verify.Report // of the directory that was made, by organization
	Aside    string           // where what was at the target is now; empty: nothing was
	Keys     bool             // private keys are in it
	Lost     []*NewerError    // that were accepted
}

// freshSuffix ends the name of a directory that is being made.
const freshSuffix = ".restoring"

// Restore makes a data directory of a backup. The backup is verified first, and the directory afterwards, from its bytes: its
// roots are those of the manifest. Until it is whole it has another name; a run that was cut off leaves nothing at the target.
//
// It fails with a [*NewerError] or a [*ForkError] where what is known does not fit; [ErrTarget]; [ErrDamaged].
func Restore(ctx context.Context, src, dir string, o RestoreOptions) (*Restored, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	r, err := restore(ctx, src, filepath.Clean(dir), o)
	if err != nil {
		return nil, fmt.Errorf("restore %s to %s: %w", src, dir, err)
	}
	return r, nil
}

// Against verifies a backup and holds it against what is known. It makes nothing. Errors are those of [Restore].
func Against(ctx context.Context, src string, o RestoreOptions) (*Manifest, []*NewerError, error) {
	m, _, err := Check(ctx, src, verify.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("check %s: %w", src, err)
	}
	lost, err := held(ctx, src, m, o)
	if err != nil {
		return nil, nil, fmt.Errorf("check %s: %w", src, err)
	}
	return m, lost, nil
}

func restore(ctx context.Context, src, dir string, o RestoreOptions) (*Restored, error) {
	m, _, err := Check(ctx, src, verify.Options{})
	if err != nil {
		return nil, err
	}
	free, err := empty(dir)
	if err != nil {
		return nil, err
	}
	if !free {
		if _, err := os.Lstat(filepath.Join(dir, "orgs")); err != nil {
			return nil, fmt.Errorf("%w: the directory is not empty, and no data directory", ErrTarget)
		}
		held, err := lock(filepath.Join(dir, "lock"), errors.New("a server, or another process, has it open"))
		if err != nil {
			return nil, err
		}
		defer held.Close()
		own, err := DirectoryKnown(dir)
		if err != nil {
			return nil, err
		}
		o.Known = append(own, o.Known...)
	}
	r := &Restored{Manifest: m}
	if r.Lost, err = held(ctx, src, m, o); err != nil {
		return nil, err
	}
	if !free && !o.Replace {
		return nil, fmt.Errorf("%w: a data directory is there; --replace sets it aside", ErrTarget)
	}
	fresh := dir + freshSuffix
	if err := os.RemoveAll(fresh); err != nil {
		return nil, err
	}
	if r.Keys, err = m.build(src, fresh, o.Keys); err != nil {
		return nil, err
	}
	if r.Reports, err = verify.Directory(ctx, fresh, verify.Options{}); err != nil {
		return nil, err
	}
	for _, report := range r.Reports {
		l, _ := m.Find(report.Organization)
		if root, err := l.RootOf(); err != nil || root != report.Root || l.Position != report.Position {
			return nil, fmt.Errorf("%w: %s has another root than the manifest says", ErrDamaged, report.Organization)
		}
	}
	if !free {
		r.Aside = dir + "-aside-" + o.Now().UTC().Format("20060102T150405.000")
		if err := os.Rename(dir, r.Aside); err != nil {
			return nil, err
		}
	}
	if err := os.Rename(fresh, dir); err != nil {
		return nil, err
	}
	return r, synced.Dir(filepath.Dir(dir))
}

// held holds a backup against what is known.
func held(ctx context.Context, src string, m *Manifest, o RestoreOptions) ([]*NewerError, error) {
	met := make([]bool, len(o.Measures))
	var lost []*NewerError
	for _, l := range m.Ledgers {
		h, err := l.history(src)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Organization, err)
		}
		asked, err := l.asked(ctx, src, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Organization, err)
		}
		for i, k := range slices.Concat(o.Measures, o.Known, asked) {
			same, err := h.same(k)
			if err != nil {
				return nil, err
			}
			if !same {
				continue
			}
			if i < len(met) {
				met[i] = true
			}
			err = h.against(k)
			if newer := (*NewerError)(nil); errors.As(err, &newer) && o.AcceptLoss {
				lost = append(lost, newer)
			} else if err != nil {
				return nil, err
			}
		}
	}
	for i, ok := range met {
		if !ok {
			return nil, fmt.Errorf("%s: %w: it may be of a later key, and so newer", o.Measures[i].Where, ErrOther)
		}
	}
	return lost, nil
}

// asked asks the witnesses that the backup names.
func (l Ledger) asked(ctx context.Context, src string, o RestoreOptions) ([]Known, error) {
	b, err := os.ReadFile(filepath.Join(src, "node", "witnesses.policy"))
	if errors.Is(err, fs.ErrNotExist) || o.Ask == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	policy, err := note.ParsePolicy(b)
	if err != nil {
		return nil, err
	}
	var newest []byte
	var size uint64
	if err := tlog.ReadLast(filepath.Join(src, ledgersDir, l.Organization, "log"), l.Source, func(c note.Checkpoint, b []byte, _ time.Time) {
		if c.Size >= size {
			size, newest = c.Size, bytes.Clone(b)
		}
	}); err != nil || newest == nil {
		return nil, err
	}
	all := o.Ask(ctx, policy, newest)
	for i := range all {
		all[i].Origin, all[i].Keys = l.Source, []string{l.Genesis}
	}
	return all, nil
}

// build makes the directory. The file that marks it comes last.
func (m *Manifest) build(src, fresh, keys string) (withKeys bool, err error) {
	for _, d := range []string{"", "keys", "node", "store", "orgs", "run"} {
		if err := os.MkdirAll(filepath.Join(fresh, d), 0o700); err != nil {
			return false, err
		}
	}
	for _, f := range m.all() {
		to := f.Path
		if rest, ok := strings.CutPrefix(f.Path, ledgersDir+"/"); ok {
			to = "orgs/" + rest
			if strings.HasSuffix(rest, "/"+erasedFile) && strings.Count(rest, "/") == 1 {
				continue
			}
		} else if keys != "" && !public(f.Path) {
			continue
		}
		if err := copySynced(filepath.Join(src, filepath.FromSlash(f.Path)), filepath.Join(fresh, filepath.FromSlash(to))); err != nil {
			return false, err
		}
		withKeys = withKeys || !public(f.Path) && to == f.Path
	}
	for _, l := range m.Ledgers {
		if err := l.tiles(src, filepath.Join(fresh, "orgs", l.Organization, "log")); err != nil {
			return false, fmt.Errorf("%s: %w", l.Organization, err)
		}
	}
	if keys != "" {
		c := &copying{dest: fresh}
		if err := c.keys(keys, true); err != nil {
			return false, err
		}
		if len(c.l.Files) == 0 {
			return false, fmt.Errorf("%w: %s has neither node/ nor keys/ with keys in it", ErrTarget, keys)
		}
		if err := (&Manifest{Files: c.l.Files}).settle(fresh); err != nil {
			return false, err
		}
		withKeys = true
	}
	var mark bytes.Buffer
	if err := json.Compact(&mark, m.Marker); err != nil {
		return false, err
	}
	err = synced.WriteFile(filepath.Join(fresh, "permledger.json"), append(mark.Bytes(), '\n'), 0o600)
	if err != nil {
		return false, err
	}
	return withKeys, filepath.WalkDir(fresh, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return synced.Dir(path)
	})
}

// tiles makes the full hash tiles of a ledger, which backups leave out.
func (l Ledger) tiles(src, to string) error {
	j, err := journal.OpenReader(filepath.Join(src, ledgersDir, l.Organization, "journal"), journal.Options{})
	if err != nil {
		return err
	}
	var edges [8][]byte
	for r, err := range j.Range(1, l.Position) {
		if err != nil {
			return err
		}
		leaf := tree.Leaf(r.Entry)
		for level := range uint8(len(edges)) {
			edges[level] = append(edges[level], leaf[:]...)
			if len(edges[level]) < tree.TileWidth*len(leaf) {
				break
			}
			of := tree.Tile{Level: level, Index: r.Position>>(8*(uint(level)+1)) - 1, Width: tree.TileWidth}
			path := filepath.Join(to, filepath.FromSlash(of.Path()))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			if err := synced.Replace(path, edges[level], 0o600); err != nil {
				return err
			}
			if leaf, err = tree.SumTile(edges[level]); err != nil {
				return err
			}
			edges[level] = edges[level][:0]
		}
	}
	return nil
}

func copySynced(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
