package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// errOrphan says that an organization's directory was taken away, and its stream was not.
var errOrphan = errors.New("its stream is in store/, and its directory in orgs/ is missing")

// errNoOrgs says that the directory of all organizations was taken away.
var errNoOrgs = errors.New("the directory orgs/ is missing, which `permledger init` makes: put it back from where it went. " +
	"Where it is lost, make it anew, empty: `permledger repair` takes from store/ what that holds")

// orphans gives the organizations whose directory was taken away and whose stream is there, sorted.
func (n *Node) orphans() ([]string, error) {
	streams, err := n.homeless()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range streams {
		if orphan, err := n.orphaned(name); err != nil {
			return nil, err
		} else if orphan {
			names = append(names, name)
		}
	}
	return names, nil
}

// homeless gives the organizations that have a stream and no directory, sorted.
func (n *Node) homeless() ([]string, error) {
	streams, err := filepath.Glob(filepath.Join(n.store(), "jetstream", "*", "streams", stream.LogName("*")))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range streams {
		name := strings.TrimPrefix(filepath.Base(s), stream.LogName(""))
		if canon.Organization.Check(name) != nil {
			continue
		}
		if _, err := os.Lstat(n.orgDir(name)); errors.Is(err, fs.ErrNotExist) {
			names = append(names, name)
		} else if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// orphaned says whether an organization has a stream and no directory, and was opened to the end. It was not where an
// interrupted opening was moved away without its stream and that holds no more than a first entry: a crash came between
// the two moves of [Node.abandon].
func (n *Node) orphaned(name string) (bool, error) {
	all, err := n.homeless()
	if err != nil || !slices.Contains(all, name) {
		return false, err
	}
	if n.unfinished(name) == "" {
		return true, nil
	}
	further, err := ledger.Further(n.store(), name, 1)
	return further > 0, err
}

// unfinished gives where the latest interrupted opening of a name was moved to without a stream; empty: there is none.
func (n *Node) unfinished(name string) string {
	aside, _ := filepath.Glob(filepath.Join(n.dir, "orgs", "_"+name+"-interrupted-*")) // sorted; it fails for no pattern like this
	for _, dir := range slices.Backward(aside) {
		if _, err := os.Lstat(filepath.Join(dir, "stream")); errors.Is(err, fs.ErrNotExist) {
			return dir
		}
	}
	return ""
}

// settle refuses streams whose organizations were taken away, and moves the others that have none after what their
// interrupted openings left.
func (n *Node) settle() error {
	if orphans, err := n.orphans(); err != nil {
		return err
	} else if len(orphans) > 0 {
		return n.damage(orphans[0], errOrphan)
	}
	left, err := n.homeless()
	for _, name := range left {
		err = errors.Join(err, stream.SetAside(n.store(), name, filepath.Join(n.unfinished(name), "stream")))
	}
	return err
}

// strange refuses to open an organization whose stream is here already: its history is not given up for a new one.
func (n *Node) strange(id string) error {
	if n.cluster != nil {
		return nil
	}
	if _, err := os.Lstat(n.orgDir(id)); err == nil {
		return nil // half opened, or another one's doing: what makes it says so
	}
	_, err := stream.StreamDir(n.store(), stream.LogName(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", id, err)
	}
	return &rules.Refusal{Code: rules.AlreadyOpened,
		Reason: fmt.Sprintf("A ledger of %s was here before: its stream is in store/, and its directory orgs/%s is missing", id, id),
		Hint:   "Stop the server; `permledger repair` says what can be mended"}
}
