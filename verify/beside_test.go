package verify_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// Given what lies beside journal and stream, when it is of another ledger, of another time, damaged or not there, then
// that is noticed.
func TestBesideTheJournal(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(*testing.T, *disk)
		check    string // empty: another error
		position uint64
		found    string // in another error
	}{
		{"the genesis of another ledger", func(t *testing.T, d *disk) {
			b, err := os.ReadFile(filepath.Join(d.org, "..", beta, "genesis"))
			if err != nil {
				t.Fatal(err)
			}
			d.write(t, filepath.Join(d.org, "genesis"), b)
		}, chain.CheckGenesis, 1, ""},
		{"a genesis that is none", func(t *testing.T, d *disk) { d.write(t, filepath.Join(d.org, "genesis"), []byte("{")) }, chain.CheckGenesis, 1, ""},
		{"a genesis that cannot be read", func(t *testing.T, d *disk) {
			path := filepath.Join(d.org, "genesis")
			d.remove(t, path)
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", 0, "is a directory"},
		{"the journal cut off, the stream too", func(t *testing.T, d *disk) {
			d.cutJournal(t, perOrganization-1)
			d.cutStream(t, perOrganization-1)
		}, chain.CheckHead, perOrganization, ""},
		{"the journal cut off within an entry", func(t *testing.T, d *disk) {
			d.write(t, d.segment, d.journal[:len(d.journal)-5])
		}, chain.CheckHead, perOrganization, ""},
		{"a head further on", func(t *testing.T, d *disk) {
			d.putHead(t, journal.Head{Position: perOrganization + 5, CID: chain.CID(d.entry(1))})
		}, chain.CheckHead, perOrganization + 1, ""},
		{"a head of another history", func(t *testing.T, d *disk) {
			d.putHead(t, journal.Head{Position: 7, CID: chain.CID(d.entry(7)), Root: [32]byte{1}})
		}, chain.CheckHead, 7, ""},
		{"the stream damaged behind the end of the journal", func(t *testing.T, d *disk) {
			d.cutJournal(t, perOrganization-1)
			d.putHead(t, journal.Head{Position: 1, CID: chain.CID(d.entry(1)), Root: tree.Leaf(d.entry(1))})
			bad := slices.Clone(d.stream)
			bad[len(bad)-20] ^= 1
			d.write(t, d.block, bad)
		}, chain.CheckCopy, perOrganization, ""},
		{"the stream goes on beyond the journal", func(t *testing.T, d *disk) {
			d.cutJournal(t, perOrganization-1)
			d.putHead(t, journal.Head{Position: 1, CID: chain.CID(d.entry(1)), Root: tree.Leaf(d.entry(1))})
		}, chain.CheckCopy, perOrganization, ""},
		{"a damaged head record", func(t *testing.T, d *disk) { d.write(t, filepath.Join(d.org, "head"), make([]byte, 8192)) }, chain.CheckHead, 0, ""},
		{"no genesis", func(t *testing.T, d *disk) { d.remove(t, filepath.Join(d.org, "genesis")) }, chain.CheckGenesis, 1, ""},
		{"a segment missing", func(t *testing.T, d *disk) {
			if err := os.Rename(d.segment, filepath.Join(filepath.Dir(d.segment), "00000001.seg")); err != nil {
				t.Fatal(err)
			}
		}, chain.CheckForm, 1, ""},
		{"no segment", func(t *testing.T, d *disk) {
			d.remove(t, d.segment)
		}, chain.CheckForm, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := dataDirectory(t)
			d := openDisk(t, dir, acme)
			tt.change(t, d)
			reports, err := directory(t, dir, dir)
			if len(reports) != 1 || reports[0].Organization != acme {
				t.Errorf("the last report is not of the ledger that does not hold: %+v", reports)
			}
			if tt.check != "" {
				wantBroken(t, err, tt.check, tt.position)
			} else if broken := (*chain.BrokenError)(nil); err == nil || errors.As(err, &broken) || !strings.Contains(err.Error(), tt.found) {
				t.Errorf("got %v; want another error that says %q", err, tt.found)
			}
		})
	}
}

// Given a process that has the directory open, then a stream that is ahead of the journal as it was opened is no damage:
// the report says that what follows was not judged.
func TestStreamAheadWhileRunning(t *testing.T) {
	dir := dataDirectory(t)
	d := openDisk(t, dir, acme)
	d.cutJournal(t, perOrganization-1)
	d.putHead(t, journal.Head{Position: 1, CID: chain.CID(d.entry(1)), Root: tree.Leaf(d.entry(1))})
	d.remove(t, filepath.Join(d.org, "log", "checkpoints")) // who has read a checkpoint finds its entries in the journal
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, d.org)[0]; r.Position != perOrganization-1 || !strings.Contains(notes(r), "being written now") {
		t.Errorf("%+v", r)
	}
}

// Given no head record, as in a copy that somebody keeps, then the ledger verifies, and the report says what that leaves
// open.
func TestNoHeadRecord(t *testing.T) {
	dir := dataDirectory(t)
	d := openDisk(t, dir, acme)
	d.remove(t, filepath.Join(d.org, "head"))
	if r := verified(t, dir, d.org)[0]; r.Position != perOrganization || !strings.Contains(notes(r), "No head was given") {
		t.Errorf("%+v", r)
	}
}

// Given a server that records an entry, and then the head, just while verification begins, then the head is not taken for
// one that the journal does not reach: who has read a head finds all of it in the journal. The head record is a pipe here,
// so that the moment at which it is read is known.
func TestServerMovesOn(t *testing.T) {
	dir := dataDirectory(t)
	d := openDisk(t, dir, acme)
	d.cutJournal(t, perOrganization-1)
	head := filepath.Join(d.org, "head")
	content, err := os.ReadFile(head)
	if err != nil {
		t.Fatal(err)
	}
	d.remove(t, head)
	if err := unix.Mkfifo(head, 0o600); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		reports []*verify.Report
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		reports, err := verify.Directory(t.Context(), d.org, verify.Options{})
		answers <- answer{reports, err}
	}()
	opened := make(chan *os.File, 1)
	go func() {
		f, err := os.OpenFile(head, os.O_WRONLY, 0) // waits until the head is read
		if err != nil {
			t.Error(err)
		}
		opened <- f
	}()
	var pipe *os.File
	select {
	case pipe = <-opened:
	case a := <-answers:
		t.Fatalf("the head was not read: %+v, %v", a.reports, a.err)
	}
	d.write(t, d.segment, d.journal)
	if _, err := pipe.Write(content); err != nil {
		t.Error(err)
	}
	if err := pipe.Close(); err != nil {
		t.Error(err)
	}
	if a := <-answers; a.err != nil || a.reports[0].Position != perOrganization {
		t.Errorf("got %+v, %v", a.reports, a.err)
	}
}

// Given an opening that was interrupted, so that no genesis was written, then it is no ledger yet.
func TestInterruptedOpening(t *testing.T) {
	dir := dataDirectory(t)
	d := openDisk(t, dir, acme)
	d.remove(t, filepath.Join(d.org, "genesis"))
	d.cutJournal(t, 1)
	if reports := verified(t, dir, dir); len(reports) != 1 || reports[0].Organization != beta {
		t.Errorf("%+v", reports)
	}
}
