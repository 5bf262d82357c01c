package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options say how to make a backup.
type Options struct {
	// AtLeast says which position of each organization the backup has to reach: what was acknowledged when it began. The
	// ledger's head record comes at most some tens of milliseconds later.
	AtLeast map[string]uint64
	// Keys copies private keys too, and what the server keeps beside the ledgers, as webhooks with their secrets. Without it
	// a backup can be given to somebody who may read the ledgers, and not sign.
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
