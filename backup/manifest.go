// Package backup copies the ledgers of a data directory to another place while a server writes to them, and makes a data
// directory of such a copy again.
//
//	DEST/backup.json                 the manifest: what the backup is of, and the size and SHA-256 of each file. Written last
//	DEST/lock                        held by the one process that writes the backup
//	DEST/ledgers/<org>/              journal/, genesis, head, private, log/checkpoints, mended.jsonl, as in a data directory
//	DEST/ledgers/<org>/erased        the commitments of texts that the ledger has erased, one a line
//	DEST/ledgers/<org>/...           with keys also what the server keeps beside the ledger, as webhooks with their secrets
//	DEST/node/                       witnesses.policy; with keys also all else that lies in DIR/node
//	DEST/keys/                       with keys alone: those of people that lie in DIR/keys
//
// # What is guaranteed
//
// A backup is of one position of each ledger: all entries up to it, under a checkpoint that the ledger has signed of exactly so
// many, or, where it signs none, under its head record. The root over the bytes that were copied is the root of that. Whatever
// was acknowledged before the backup began is in it.
//
// Only what the manifest names counts. It is written whole, when all else is synced; until then the backup that was in DEST before
// is there still, for journals only grow, and everything else that is put in its place says no more than the manifest before
// did. A first backup that was cut off has no manifest, and is no backup.
//
// A backup goes forward only: one that would end earlier than what DEST has, or that is of another history, is refused. What
// [Restore] makes has the roots of the manifest; it refuses where somebody is known to have seen more of a ledger.
//
// Streams, tiles and snapshots are not copied: restoring, or a start, makes them again. The activity stream, which has one copy, is not either.
package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/internal/synced"
)

// Format is the version of the form of backups.
const Format = 1

// ManifestFile is the name of the manifest in a backup.
const ManifestFile = "backup.json"

// ledgersDir holds the ledgers of a backup. It has another name than in a data directory, so that nobody serves a backup.
const ledgersDir = "ledgers"

var (
	// ErrNone says that a directory holds no backup.
	ErrNone = errors.New("no backup here")
	// ErrHalf says that a directory holds a first backup that was cut off.
	ErrHalf = errors.New("a backup that did not come to its end: run `permledger backup` into it again")
	// ErrDamaged says that a backup is not as it was written.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrBackward says that the backup has more of a ledger than the directory, or another history.
	ErrBackward = errors.New("the backup is newer than the ledger, or of another history; nothing was changed")
	// ErrBusy says that another process writes the backup.
	ErrBusy = errors.New("another process writes this backup")
	// ErrTarget says that nothing can be made at a place.
	ErrTarget = errors.New("not a place for this")
)

// A Manifest says what a backup is of.
type Manifest struct {
	Format  int             `json:"format"`
	Made    string          `json:"made"`
	Marker  json.RawMessage `json:"marker"` // permledger.json of the data directory
	Keys    bool            `json:"keys"`   // private keys are here
	Ledgers []Ledger        `json:"ledgers"`
	Files   []File          `json:"files"` // of no one ledger
}

// A Ledger is what a backup has of one organization.
type Ledger struct {
	Organization string `json:"organization"`
	Source       string `json:"source"`
	Genesis      string `json:"genesis"`
	Position     uint64 `json:"position"`
	CID          string `json:"cid"`
	Root         string `json:"root"`   // hex
	Signed       bool   `json:"signed"` // by a checkpoint of exactly this position
	Behind       uint64 `json:"behind,omitempty"`
	Files        []File `json:"files"`
}

// A File is a file of a backup.
type File struct {
	Path   string `json:"path"` // below DEST, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hex
}

// Find gives the ledger of an organization.
func (m *Manifest) Find(organization string) (Ledger, bool) {
	for _, l := range m.Ledgers {
		if l.Organization == organization {
			return l, true
		}
	}
	return Ledger{}, false
}

// file gives the file of a path.
func (l *Ledger) file(path string) (File, bool) {
	i := slices.IndexFunc(l.Files, func(f File) bool { return f.Path == path })
	if i < 0 {
		return File{}, false
	}
	return l.Files[i], true
}

// Is says whether a directory is a backup, whole or not.
func Is(dir string) bool {
	_, err := Read(dir)
	return !errors.Is(err, ErrNone)
}

// Read reads the manifest of a backup: [ErrNone], [ErrHalf], or an error that wraps [ErrDamaged].
func Read(dir string) (*Manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, ledgersDir)); err == nil {
			return nil, fmt.Errorf("%s: %w", dir, ErrHalf)
		}
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, ManifestFile, err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("%s has format %d, this release reads %d", ManifestFile, m.Format, Format)
	}
	return m, m.check()
}

// check refuses a manifest that would lead out of the directory.
func (m *Manifest) check() error {
	all := slices.Clone(m.Files)
	for _, f := range m.Files {
		if !strings.HasPrefix(f.Path, "node/") && !strings.HasPrefix(f.Path, "keys/") {
			return fmt.Errorf("%w: %s: %q belongs to no backup", ErrDamaged, ManifestFile, f.Path)
		}
	}
	for _, l := range m.Ledgers {
		if err := canon.Organization.Check(l.Organization); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, ManifestFile, err)
		}
		for _, f := range l.Files {
			if !strings.HasPrefix(f.Path, ledgersDir+"/"+l.Organization+"/") {
				return fmt.Errorf("%w: %s: %q is not of %s", ErrDamaged, ManifestFile, f.Path, l.Organization)
			}
		}
		all = append(all, l.Files...)
	}
	for _, f := range all {
		if !fs.ValidPath(f.Path) || !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return fmt.Errorf("%w: %s: %q is no path in it", ErrDamaged, ManifestFile, f.Path)
		}
	}
	return nil
}

func (m *Manifest) write(dir string, now time.Time) error {
	m.Format, m.Made = Format, now.UTC().Format(canon.TimeLayout)
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return synced.WriteFile(filepath.Join(dir, ManifestFile), append(b, '\n'), 0o600)
}

// marker reads the file that marks a data directory.
func marker(dir string) (json.RawMessage, error) {
	b, err := os.ReadFile(filepath.Join(dir, "permledger.json"))
	if err != nil {
		return nil, err
	}
	if !json.Valid(b) {
		return nil, fmt.Errorf("%s/permledger.json does not hold what was written to it", dir)
	}
	return bytes.TrimSpace(b), nil
}

// genesis is what stands in the file of that name.
type genesis struct {
	Source string `json:"source"`
	CID    string `json:"cid"`
}

func readGenesis(path string) (g genesis, raw []byte, err error) {
	if raw, err = os.ReadFile(path); err != nil {
		return g, nil, err
	}
	if err = json.Unmarshal(raw, &g); err == nil && (g.Source == "" || g.CID == "") {
		err = errors.New("it says nothing")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return g, raw, err
}

// organizations gives those that a data directory has opened to the end.
func organizations(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "orgs"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() || canon.Organization.Check(e.Name()) != nil {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, "orgs", e.Name(), "genesis")); err == nil {
			names = append(names, e.Name())
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return names, nil
}

// lock takes a file for this process; the kernel gives it back however the process ends.
func lock(path string, busy error) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = busy
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
