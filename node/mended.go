package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/internal/synced"
)

// mendedName is the file in an organization's directory to which every mending adds a line of JSON, a [Mended].
const mendedName = "mended.jsonl"

// Mended is something that a start or a repair did to a copy of a ledger.
type Mended struct {
	Time         string `json:"time"`
	Organization string `json:"organization"`
	What         string `json:"what"`
	Kept         string `json:"kept,omitempty"` // where what was replaced is kept, as a path in the data directory
}

// did says what was mended, in one line, and notes it.
func (n *Node) did(p *prepared, m Mended) {
	m = n.note(p.name, m)
	p.mended = append(p.mended, m)
	if m.Kept != "" {
		n.log.Warn(m.What, "organization", p.name, "kept", m.Kept)
	} else {
		n.log.Warn(m.What, "organization", p.name)
	}
}

// note adds a mending to the organization's file. That this fails is said, and keeps nothing from being mended.
func (n *Node) note(name string, m Mended) Mended {
	m.Time, m.Organization = n.opts.Now().UTC().Format(canon.TimeLayout), name
	if rel, err := filepath.Rel(n.dir, m.Kept); err == nil && m.Kept != "" && filepath.IsLocal(rel) {
		m.Kept = rel
	}
	b, err := json.Marshal(m)
	if err == nil {
		err = appendSynced(filepath.Join(n.orgDir(name), mendedName), append(b, '\n'))
	}
	if err != nil {
		n.log.Error("what was mended could not be noted", "organization", name, "error", err)
	}
	if n.told != nil {
		n.told(m)
	}
	return m
}

func appendSynced(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Sync(), f.Close(), synced.Dir(filepath.Dir(path)))
}

// ReadMended gives what was mended of an organization in a data directory, oldest first.
func ReadMended(dir, organization string) ([]Mended, error) {
	f, err := os.Open(filepath.Join(dir, "orgs", organization, mendedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Mended
	for dec := json.NewDecoder(f); dec.More(); {
		var m Mended
		if err := dec.Decode(&m); err != nil {
			return all, fmt.Errorf("%s: %w", f.Name(), err)
		}
		all = append(all, m)
	}
	return all, nil
}

// mended notes a mending in the activity stream.
func (a *Activity) mended(m Mended) {
	what := m.What
	if m.Kept != "" {
		what += "; kept in " + m.Kept
	}
	a.add(ActivityRecord{Time: m.Time, Kind: activityMended, Reason: what})
}

func eventsOf(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
