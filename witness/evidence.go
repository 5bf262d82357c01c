package witness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/note"
)

// writeEvidence writes what shows that a log has signed two histories, for somebody who has nothing but this file and
// the log's key.
func (w *Witness) writeEvidence(l *log, first *note.Note, r *request, what string, proven bool) (file string, err error) {
	now := w.o.Now().UTC()
	var b strings.Builder
	fmt.Fprintf(&b, "EQUIVOCATION\n\nThe log %s has signed two histories:\n%s.\n\n", l.origin, what)
	fmt.Fprintf(&b, "Found by the witness %s at %s.\n", w.key, now.Format(time.RFC3339))
	fmt.Fprintf(&b, "Keys of the log: %s\n", strings.Join(l.vkeys(), " "))
	b.WriteString("Both notes are signed by a key of the log (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).\n")
	fmt.Fprintf(&b, "\n---- the first note\n%s---- the second note\n%s", first.Bytes(), r.note.Bytes())
	if proven {
		fmt.Fprintf(&b, "---- the log's own proof from size %d to size %d (RFC 6962, section 2.1.2)\n", r.old, r.Size)
		for _, h := range r.proof {
			b.WriteString(note.FormatHash(h) + "\n")
		}
		b.WriteString("---- it gives the root of the second note, and not the one of the first\n")
	}
	for n := 0; ; n++ {
		name := "equivocation-" + now.Format("20060102T150405Z")
		if n > 0 {
			name += fmt.Sprintf("-%d", n)
		}
		file = filepath.Join(l.dir, name+".txt")
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.WriteString(b.String())
		return file, errors.Join(err, f.Sync(), f.Close(), synced.Dir(l.dir))
	}
}
