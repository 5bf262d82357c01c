package pin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/ledger/note"
)

// A Pin is what is kept of one ledger.
type Pin struct {
	Origin     string   `json:"origin"`
	Keys       []string `json:"keys"`                // vkeys that may sign its checkpoints, as of the newest
	Checkpoint string   `json:"checkpoint"`          // the newest, as a signed note
	Witnessed  string   `json:"witnessed,omitempty"` // the newest that a quorum of the client's policy cosigned
	Answered   uint64   `json:"answered,omitempty"`  // the last position that it answered a command with
	Known      []string `json:"known"`               // vkeys that signed its checkpoints once, the first first
	Places     []string `json:"places"`              // where it was met: URLs and directories
}

func (k *Pin) shownAt(place string) bool { return slices.Contains(k.Places, place) }

// name gives the file of a ledger: there may be several of one origin, which have other keys from the beginning on.
func (k *Pin) name() string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, k.Origin)
	_, id, _ := strings.Cut(k.Known[0], "+")
	id, _, _ = strings.Cut(id, "+")
	return strings.TrimLeft(safe, ".") + "-" + id + ".json"
}

// All gives every pin, by the name of its file.
func (p *Pins) All() ([]*Pin, error) {
	files, err := filepath.Glob(filepath.Join(escape(p.dir), "*.json"))
	if err != nil {
		return nil, err
	}
	var all []*Pin
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue // forgotten meanwhile
		}
		k := &Pin{}
		if err == nil {
			if err = json.Unmarshal(b, k); err == nil && (len(k.Keys) == 0 || len(k.Known) == 0) {
				err = errors.New("it has no keys")
			}
		}
		if err != nil {
			return nil, fmt.Errorf("the checkpoint that is kept in %s cannot be read: %w\n"+
				"Of which ledger it is, is not known either. Look who damaged it; whoever moves the file away believes that ledger anew", f, err)
		}
		all = append(all, k)
	}
	return all, nil
}

// escape keeps a directory's name from being a pattern.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// at gives what is kept of the ledger at a place; nil where nothing is.
func (p *Pins) at(place string) (*Pin, error) {
	all, err := p.All()
	for _, k := range all {
		if k.shownAt(place) {
			return k, err
		}
	}
	return nil, err
}

// same gives what is kept of the ledger of that origin of which a key signed a note, met at whatever place.
func (p *Pins) same(origin string, n *note.Note) (*Pin, error) {
	all, err := p.All()
	for _, k := range all {
		if k.Origin == origin && k.signed(n) == nil {
			return k, err
		}
	}
	return nil, err
}

// Forget takes away what is kept of the ledger at a place or of an origin. It gives how many ledgers these were.
func (p *Pins) Forget(placeOrOrigin string) (n int, err error) {
	err = p.locked(func() error {
		all, err := p.All()
		if err != nil {
			return err
		}
		for _, k := range all {
			if k.Origin != placeOrOrigin && !k.shownAt(placeOrOrigin) {
				continue
			}
			if err := os.Remove(filepath.Join(p.dir, k.name())); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// Moved says that a new ledger is at a place now, as its maker knows.
func (p *Pins) Moved(place string) error {
	if known, err := p.at(place); err != nil || known == nil {
		return err
	}
	return p.locked(func() error {
		k, err := p.at(place)
		if err != nil || k == nil {
			return err
		}
		k.Places = slices.DeleteFunc(k.Places, func(other string) bool { return other == place })
		return p.write(k)
	})
}

// Answered notes that the ledger at a place answered a command with a position.
func (p *Pins) Answered(place string, position uint64) {
	p.kept(p.locked(func() error {
		k, err := p.at(place)
		if err != nil || k == nil || k.Answered >= position {
			return err
		}
		k.Answered = position
		return p.write(k)
	}))
}

// keep keeps what is next, unless another process has kept a later one meanwhile. It says whether it could.
func (p *Pins) keep(place string, next *Pin) bool {
	return p.kept(p.locked(func() error {
		all, err := p.All()
		if err != nil {
			return err
		}
		merged := *next
		for _, k := range all {
			if k.name() != next.name() {
				continue
			}
			merged.Answered = max(merged.Answered, k.Answered)
			if size(k.Checkpoint) > size(next.Checkpoint) {
				merged.Checkpoint, merged.Keys, merged.Known = k.Checkpoint, k.Keys, k.Known
			}
			if size(k.Witnessed) > size(next.Witnessed) {
				merged.Witnessed = k.Witnessed
			}
			merged.Places = slices.Concat(merged.Places, k.Places)
		}
		places := map[string]bool{place: true}
		for _, other := range merged.Places {
			places[other] = true
		}
		merged.Places = slices.Sorted(maps.Keys(places))
		return p.write(&merged)
	}))
}

func (p *Pins) kept(err error) bool {
	if err != nil {
		p.o.Warn(fmt.Errorf("what this ledger shows cannot be kept: %w", err))
	}
	return err == nil
}

// size gives how many entries a checkpoint that is kept has; 0 where it is none.
func size(checkpoint string) uint64 {
	_, c, err := note.ReadCheckpoint([]byte(checkpoint))
	if err != nil {
		return 0
	}
	return c.Size
}

// write puts a pin in the place of the one before. It need not outlast a power cut: then an older one is there.
func (p *Pins) write(k *Pin) error {
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(p.dir, k.name())
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// locked does something while no other process changes what is kept.
func (p *Pins) locked(do func() error) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(p.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // and gives up the lock
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return do()
}
