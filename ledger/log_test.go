package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/ledger/tlog"
)

// TestChangedJournalIsNotSigned changes an entry on the disk after it was sealed and synced, and before the log reads it
// back.
func TestChangedJournalIsNotSigned(t *testing.T) {
	p := newPlace(t)
	l := p.openLog()
	if _, _, err := l.Committed(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.hold = func() {
		path := filepath.Join(p.dir, "journal", "00000000.seg")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			return
		}
		first := 2 + int(b[0])<<8 + int(b[1])
		b[first+2+100] ^= 1
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt(b[first+2+100:first+2+101], int64(first+2+100))
		}
		if err != nil {
			t.Error(err)
		}
		f.Close()
	}
	p.mu.Unlock()
	if _, err := p.do(p.command(p.role("kyc"))); err != nil {
		t.Fatal(err)
	}
	p.wait("the ledger is halted", func() bool { return p.ledger.Err() != nil })
	if err := p.ledger.Err(); !errors.Is(err, tlog.ErrDoubt) {
		t.Errorf("halted for %v", err)
	}
	if _, c, _ := l.Latest(); c.Size != 1 {
		t.Errorf("a checkpoint of size %d is signed", c.Size)
	}
}

// TestEveryWriteIsCovered waits for the checkpoint over each command, without asking for it.
func TestEveryWriteIsCovered(t *testing.T) {
	p := newPlace(t)
	l := p.openLog()
	for _, key := range []string{"a", "b", "c"} {
		r, err := p.do(p.command(p.role(key)))
		if err != nil {
			t.Fatal(err)
		}
		p.wait("a checkpoint covers it", func() bool { _, c, _ := l.Latest(); return c.Size >= r.Position })
	}
}
