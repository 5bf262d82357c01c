package backup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/verify"
)

// Check looks whether a backup is as it was written: every file against the manifest, and then every ledger from its bytes, as
// `permledger verify` does, whose reports it gives. It changes nothing but what a run that was cut off left.
func Check(ctx context.Context, dir string, o verify.Options) (*Manifest, []*verify.Report, error) {
	m, err := Read(dir)
	if err != nil {
		return nil, nil, err
	}
	held, err := lock(filepath.Join(dir, "lock"), ErrBusy)
	switch {
	case errors.Is(err, ErrBusy):
		return m, nil, err
	case err == nil:
		defer held.Close()
		if m, err = Read(dir); err == nil { // another process may have written it meanwhile
			err = m.settle(dir)
		}
		if err != nil {
			return m, nil, err
		}
	} // else nothing can be written here, as on a medium that is put away: then all of it has to be in its place
	for _, f := range m.all() {
		have, err := sum(filepath.Join(dir, filepath.FromSlash(f.Path)), f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return m, nil, fmt.Errorf("%w: %s is missing", ErrDamaged, f.Path)
		}
		if err != nil {
			return m, nil, err
		}
		if have != f {
			return m, nil, fmt.Errorf("%w: %s is not as it was written (%d bytes, %s…; the manifest has %d, %s…)",
				ErrDamaged, f.Path, have.Size, have.SHA256[:16], f.Size, f.SHA256[:min(16, len(f.SHA256))])
		}
	}
	var reports []*verify.Report
	for _, l := range m.Ledgers {
		of := o
		of.Genesis, of.Head, of.NoTiles = l.Genesis, nil, true
		if o.Genesis != "" {
			of.Genesis = o.Genesis
		}
		one, err := verify.Directory(ctx, filepath.Join(dir, ledgersDir, l.Organization), of)
		reports = append(reports, one...)
		if err != nil {
			return m, reports, err
		}
		if r := one[0]; r.Position != l.Position || r.CID != l.CID || hex.EncodeToString(r.Root[:]) != l.Root {
			return m, reports, fmt.Errorf("%w: %s ends at %d with the root %x, the manifest has %d and %s", ErrDamaged, l.Organization, r.Position, r.Root, l.Position, l.Root)
		}
	}
	return m, reports, nil
}

// empty says whether there is nothing at a place, or a directory with nothing in it.
func empty(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && len(entries) == 0, err
}
