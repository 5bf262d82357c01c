package journal

import (
	"fmt"
	"os"
	"path/filepath"
)

// OpenCut opens a journal for writing whose last segment is damaged behind position after, and cuts what is there: whole
// records, and bytes that are none. As [Journal.CutAfter] it sets them aside, in the file whose path is kept. The caller has
// verified that nothing of value follows. Damage that lies elsewhere is refused with the [*DamageError], and nothing is
// changed.
func OpenCut(dir string, opts Options, after uint64) (j *Journal, kept string, err error) {
	d := opts.disk
	if d.open == nil {
		d = osDisk
	}
	r, damage, err := Salvage(dir, opts)
	if err != nil {
		return nil, "", err
	}
	last := filepath.Join(dir, segmentName(r.last))
	for _, at := range damage {
		if at.File != last || at.Position <= after {
			return nil, "", fmt.Errorf("journal: cut after %d: %w", after, at)
		}
	}
	info, err := os.Stat(last)
	if err != nil {
		return nil, "", fmt.Errorf("journal: cut after %d: %w", after, err)
	}
	s := r.segs[r.last]
	s.torn = info.Size() - s.end
	j = &Journal{Reader: r, disk: d}
	if kept, err = j.CutAfter(after); err != nil {
		return nil, kept, err
	}
	if err := j.Close(); err != nil {
		return nil, kept, err
	}
	j, err = Open(dir, opts)
	return j, kept, err
}

// Swap puts the journal at fresh, which is whole and synced, in the place of the one at dir, and keeps that one at aside.
// All three stand in one directory; aside must not exist, and dir need not. A crash in between can leave no journal at dir:
// then fresh and aside are there, and what was begun can be begun again.
func Swap(dir, fresh, aside string) error {
	if taken, err := exists(aside); err != nil || taken {
		return fmt.Errorf("journal: keep the old one at %s: %w", aside, orExist(err))
	}
	there, err := exists(dir)
	if err == nil && there {
		err = os.Rename(dir, aside)
	}
	if err == nil {
		err = os.Rename(fresh, dir)
	}
	if err == nil {
		err = osDisk.syncDir(filepath.Dir(dir))
	}
	if err != nil {
		return fmt.Errorf("journal: put %s in place: %w", fresh, err)
	}
	return nil
}

func orExist(err error) error {
	if err != nil {
		return err
	}
	return os.ErrExist
}
