package pin

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/permledger/permledger/ledger/tree"
)

// A Kind says in which way a ledger does not continue what it showed before.
type Kind string

const (
	Rollback     Kind = "ROLLBACK"       // it has fewer entries than it had
	Equivocation Kind = "EQUIVOCATION"   // it has signed two histories of one length
	Fork         Kind = "FORK"           // it has grown from another history
	Stale        Kind = "STALE"          // what it shows is too old
	Another      Kind = "ANOTHER LEDGER" // another ledger is at this place
)

// An Error says that a ledger does not continue what it showed before. Nothing more should be done with it.
type Error struct {
	Kind  Kind
	Place string
	What  string
	Known *Pin        // what is kept
	Shown []byte      // the note that it shows now; nil where it shows none
	Proof []tree.Hash // of a fork: what its own tiles give
	File  string      // that holds both notes; empty where it could not be written
	Err   error       // why not
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: the ledger %s at %s: %s", e.Kind, e.Known.Origin, e.Place, e.What)
	if e.File != "" {
		s += "; both checkpoints are kept in " + e.File
	}
	if e.Err != nil {
		s += fmt.Sprintf("; they could not be written to a file: %v", e.Err)
	}
	return s
}

// accuse writes both notes to a file. One that was written already of the same two notes is named again.
func (p *Pins) accuse(place string, e *Error) error {
	e.Place = place
	text := e.evidence()
	e.Err = p.locked(func() error {
		files, err := filepath.Glob(filepath.Join(escape(p.dir), "equivocation-*.txt"))
		if err != nil {
			return err
		}
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && bytes.HasSuffix(b, text) {
				e.File = f
				return nil
			}
		}
		now := p.o.Now().UTC()
		for n := 0; ; n++ {
			name := "equivocation-" + now.Format("20060102T150405Z")
			if n > 0 {
				name += fmt.Sprintf("-%d", n)
			}
			path := filepath.Join(p.dir, name+".txt")
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if os.IsExist(err) {
				continue
			}
			if err != nil {
				return err
			}
			e.File = path
			_, err = fmt.Fprintf(f, "Noticed %s.\n\n%s", now.Format(time.RFC3339), text)
			if closed := f.Close(); err == nil {
				err = closed
			}
			return err
		}
	})
	return e
}

// evidence is what somebody needs who is shown the accusation.
func (e *Error) evidence() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\nledger %s\nplace  %s\n%s.\n\n", e.Kind, e.Known.Origin, e.Place, e.What)
	for _, vkey := range e.Known.Keys {
		fmt.Fprintf(&b, "key    %s\n", vkey)
	}
	fmt.Fprintf(&b, "\nThe checkpoint that was kept:\n\n%s\n", e.Known.Checkpoint)
	if e.Shown == nil {
		b.WriteString("None is shown now.\n")
	} else {
		fmt.Fprintf(&b, "The checkpoint that is shown now:\n\n%s\n", e.Shown)
	}
	switch e.Kind {
	case Equivocation:
		b.WriteString("Both are of one size, have other roots, and are signed by one key: this proves by itself that its holder has\nsigned two histories.\n")
	case Fork:
		b.WriteString("By the tiles of the second, which give its root, these hashes lead from the first size to the second (RFC 6962,\nsection 2.1.2); they do not lead from the first root:\n\n")
		for _, h := range e.Proof {
			fmt.Fprintf(&b, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
		}
	case Rollback:
		b.WriteString("Entries that were shown are not there now: an old copy was put back, or history was cut off.\n")
	}
	return b.Bytes()
}
