package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/stream"
)

// guardName is the directory that holds hard links to the files of an organization's stream while nats-server starts, which
// deletes a stream that it cannot read. It is gone once the ledger is open. In it are
//
//	where     the path of the stream's directory below DIR/store
//	files/    the links, as they lie there
const guardName = "guard"

// guard makes the links, anew. A file system that has none is no reason not to start: the journal is there.
func (n *Node) guard(p *prepared) error {
	if err := n.unguard(p.name); err != nil {
		return err
	}
	from, err := stream.StreamDir(n.store(), stream.LogName(p.name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var where string
	if err == nil {
		where, err = filepath.Rel(n.store(), from)
	}
	if err != nil {
		return err
	}
	fresh := filepath.Join(n.orgDir(p.name), guardName+".new")
	err = errors.Join(os.RemoveAll(fresh), os.MkdirAll(filepath.Join(fresh, "files"), 0o700))
	if err == nil {
		err = linkTree(from, filepath.Join(fresh, "files"))
	}
	if err == nil {
		err = synced.WriteFile(filepath.Join(fresh, "where"), []byte(where), 0o600) // a power cut leaves it whole or not at all
	}
	if err == nil {
		err = os.Rename(fresh, filepath.Join(n.orgDir(p.name), guardName))
	}
	for _, cannot := range []error{unix.EPERM, unix.ENOTSUP, unix.EMLINK, unix.EXDEV, unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, cannot) {
			n.log.Warn("the stream's files cannot be linked; nats-server starts without that precaution", "organization", p.name, "error", err)
			return os.RemoveAll(fresh)
		}
	}
	if err != nil {
		return fmt.Errorf("link the stream's files: %w", err)
	}
	return nil
}

// unguard removes links that are no longer needed. It deletes no file that the stream has.
func (n *Node) unguard(name string) error {
	path := filepath.Join(n.orgDir(name), guardName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Half a guard must not be taken for a whole one.
	old := path + ".old"
	return errors.Join(os.RemoveAll(old), os.Rename(path, old), os.RemoveAll(old))
}

// guardAside moves the links to where the stream was set aside.
func (n *Node) guardAside(name, aside string) error {
	err := os.Rename(filepath.Join(n.orgDir(name), guardName), filepath.Join(aside, guardName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, synced.Dir(aside))
}

// putBack gives the stream back the files that a start has lost. It replaces none.
func (n *Node) putBack(p *prepared) error {
	lost, err := n.linkBack(p.name)
	if err != nil {
		return fmt.Errorf("%s: put back what a start lost of the stream: %w", p.name, err)
	}
	if lost > 0 {
		n.did(p, Mended{What: fmt.Sprintf("nats-server deleted the stream when it started, or was killed while it did; %d files are put back", lost)})
	}
	return nil
}

func (n *Node) linkBack(name string) (lost int, err error) {
	guard := filepath.Join(n.orgDir(name), guardName)
	b, err := os.ReadFile(filepath.Join(guard, "where"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	where := string(b)
	if !filepath.IsLocal(where) || filepath.Base(where) != stream.LogName(name) {
		return 0, fmt.Errorf("%s: the links of an earlier start are damaged", guard)
	}
	to := filepath.Join(n.store(), where)
	if err := os.MkdirAll(to, 0o750); err != nil {
		return 0, err
	}
	err = filepath.WalkDir(filepath.Join(guard, "files"), func(path string, d fs.DirEntry, err error) error {
		if d == nil && errors.Is(err, fs.ErrNotExist) {
			return nil // a power cut took the links, which nothing depends on
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(filepath.Join(guard, "files"), path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		lost++
		return errors.Join(os.MkdirAll(filepath.Dir(target), 0o750), os.Link(path, target), synced.Dir(filepath.Dir(target)))
	})
	if err != nil || lost == 0 {
		return lost, err
	}
	return lost, errors.Join(synced.Dir(to), synced.Dir(filepath.Dir(to)))
}

// linkTree links the files of a directory into another, but not the index, which nats-server replaces and can do without.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case d.Type().IsRegular() && d.Name() != "index.db" && !strings.HasSuffix(d.Name(), ".tmp"):
			return os.Link(path, target)
		}
		return nil
	})
}
