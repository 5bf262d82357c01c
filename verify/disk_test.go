package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/highwayhash"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/verify"
)

// A disk is the files of one ledger in a data directory: the journal's only segment and the stream's only block.
type disk struct {
	org     string // directory
	segment string // path
	journal []byte // its content, as it was
	records []span // of each entry, its length included
	block   string // path
	stream  []byte
	stored  []span
}

type span struct{ from, to int }

func openDisk(t testing.TB, dir, org string) *disk {
	t.Helper()
	d := &disk{org: filepath.Join(dir, "orgs", org)}
	read := func(pattern string) (string, []byte) {
		t.Helper()
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v %v", pattern, found, err)
		}
		b, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		return found[0], b
	}
	d.segment, d.journal = read(filepath.Join(d.org, "journal", "*.seg"))
	for at := 0; at < len(d.journal); {
		next := at + 2 + int(binary.BigEndian.Uint16(d.journal[at:]))
		d.records, at = append(d.records, span{at, next}), next
	}
	d.block, d.stream = read(filepath.Join(streamDir(t, dir, org), "msgs", "*.blk"))
	for at := 0; at < len(d.stream); {
		next := at + int(binary.LittleEndian.Uint32(d.stream[at:])&^(1<<31))
		d.stored, at = append(d.stored, span{at, next}), next
	}
	if len(d.records) != perOrganization || len(d.stored) != perOrganization {
		t.Fatalf("%d entries in the journal, %d in the stream", len(d.records), len(d.stored))
	}
	return d
}

// write replaces a file's content. The file looks as if written long ago: what reads the files of a running server gives
// the newest a little time.
func (d *disk) write(t testing.TB, path string, content []byte) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	if err := errors.Join(os.WriteFile(path, content, 0o600), os.Chtimes(path, old, old)); err != nil {
		t.Fatal(err)
	}
}

// cutJournal leaves the first n entries in the journal.
func (d *disk) cutJournal(t testing.TB, n int) { d.write(t, d.segment, d.journal[:d.records[n-1].to]) }

// cutStream leaves the first n entries in the stream.
func (d *disk) cutStream(t testing.TB, n int) { d.write(t, d.block, d.stream[:d.stored[n-1].to]) }

func (d *disk) remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// entry gives the bytes of the entry at a position.
func (d *disk) entry(position int) []byte {
	r := d.records[position-1]
	return d.journal[r.from+2 : r.to]
}

// putHead writes the head record anew.
func (d *disk) putHead(t testing.TB, head journal.Head) {
	t.Helper()
	path := filepath.Join(d.org, "head")
	d.remove(t, path)
	f, err := journal.OpenHead(path, true)
	if err == nil {
		err = f.Store(head)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Given the two copies of a ledger, when a byte of one of them is changed anywhere, then the entry in which it stands
// does not hold.
func TestFlipsOnDisk(t *testing.T) {
	dir := dataDirectory(t)
	d := openDisk(t, dir, acme)
	flip := func(file string, good []byte, at int, bit byte, position int) {
		t.Helper()
		bad := slices.Clone(good)
		bad[at] ^= bit
		d.write(t, file, bad)
		_, err := verify.Directory(t.Context(), dir, verify.Options{})
		var broken *chain.BrokenError
		if !errors.As(err, &broken) || broken.Position != uint64(position) || file == d.block && !errors.As(err, new(*stream.BlockError)) {
			t.Errorf("%s, byte %d of %d, bit %08b: %v; want an error at %d", filepath.Base(file), at, len(good), bit, err, position)
		}
	}
	for i := range perOrganization {
		position, record, stored := i+1, d.records[i], d.stored[i]
		for n := range 4 { // spread over the entry, elsewhere in each
			at := record.from + 2 + (n*(record.to-record.from-2)+i*37)/4%(record.to-record.from-2)
			flip(d.segment, d.journal, at, 1<<((i+n)%8), position)
		}
		for bit := range 8 { // of both bytes of the length
			flip(d.segment, d.journal, record.from, 1<<bit, position)
			flip(d.segment, d.journal, record.from+1, 1<<bit, position)
		}
		d.write(t, d.segment, d.journal)
		for n := range 4 {
			at := stored.from + (n*(stored.to-stored.from)+i*41)/4%(stored.to-stored.from)
			flip(d.block, d.stream, at, 1<<((i+n)%8), position)
		}
		for at := stored.from; at < stored.from+22; at++ { // length, position, time, length of the subject
			flip(d.block, d.stream, at, 1<<((i+at)%8), position)
		}
		flip(d.block, d.stream, stored.to-1, 1, position) // checksum
		d.write(t, d.block, d.stream)
	}
	verified(t, dir, dir)
}

// Given a journal of two segments, when the first is damaged so that its records are read at wrong places, then the entry
// at which that begins is named, and not a later one; and an entry before the damage that does not hold comes first.
func TestDamageInAFullSegment(t *testing.T) {
	const n, bad = 10, 5
	w := long(t, n)
	var full []byte
	var starts []int
	for i := range journal.SegmentEntries { // only the first entries are such; the framing is right throughout
		starts = append(starts, len(full))
		if i < n {
			full = binary.BigEndian.AppendUint16(full, uint16(len(w.entries[i].Bytes())))
			full = append(full, w.entries[i].Bytes()...)
		} else {
			full = append(full, 0, 1, '{')
		}
	}
	for _, tt := range []struct {
		name     string
		change   func([]byte) []byte
		position uint64
	}{
		{"nothing changed", func(b []byte) []byte { return b }, n + 1},
		{"a length", func(b []byte) []byte { b[starts[bad-1]+1] ^= 1; return b }, bad},
		{"a great length", func(b []byte) []byte { b[starts[bad-1]] ^= 0x80; return b }, bad},
		{"a length, and an entry before it", func(b []byte) []byte {
			b[starts[bad-1]+1] ^= 1
			b[starts[bad-2]+50] ^= 1
			return b
		}, bad - 1},
		{"the end, and an entry", func(b []byte) []byte {
			b[starts[bad-1]+50] ^= 1
			return b[:len(b)-3]
		}, bad},
		{"all but some entries", func(b []byte) []byte { return b[:starts[bad-1]] }, bad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string][]byte{"00000000.seg": tt.change(slices.Clone(full)), "00000001.seg": {0, 1, '{'}} {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := directory(t, dir, dir)
			wantBroken(t, err, chain.CheckForm, tt.position)
			if missing := tt.name == "all but some entries"; missing && !strings.Contains(err.Error(), "4 of 65536 entries") {
				t.Errorf("%v does not say how much is there", err)
			}
		})
	}
}

// Given a journal that becomes shorter while it is read, then the entry that is no longer there is named.
func TestJournalChangesMeanwhile(t *testing.T) {
	const n = 4000
	w := long(t, n)
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, en := range w.entries {
		all = append(all, en.Bytes())
	}
	if _, err := j.Append(all); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = verify.Directory(t.Context(), dir, verify.Options{Workers: 1, Progress: func(_ string, done uint64) {
		if done <= 128 {
			if err := os.Truncate(filepath.Join(dir, "00000000.seg"), 1000); err != nil {
				t.Error(err)
			}
		}
	}})
	var broken *chain.BrokenError
	if !errors.As(err, &broken) || broken.Check != chain.CheckForm || broken.Position <= 128 || !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("got %v; want damage behind 128", err)
	}
}

// Given somebody who can write the server's own files, when the stream says something else than the journal with the
// right checksum, or stands under another subject, then that is noticed.
func TestStreamSaysOtherwise(t *testing.T) {
	dir := dataDirectory(t)
	d := openDisk(t, dir, acme)
	const position = 5
	forge := func(old, text string) {
		t.Helper()
		all := slices.Clone(d.stream)
		at := d.stored[position-1]
		r := all[at.from:at.to]
		changed := bytes.Replace(r, []byte(old), []byte(text), 1)
		if len(old) != len(text) || bytes.Equal(r, changed) {
			t.Fatalf("%q cannot become %q in %q", old, text, r)
		}
		copy(r, changed)
		key := sha256.Sum256(fmt.Append(nil, stream.LogName(acme), "-1"))
		sum, err := highwayhash.New64(key[:])
		if err != nil {
			t.Fatal(err)
		}
		subject := int(binary.LittleEndian.Uint16(r[20:]))
		sum.Write(r[4:20])
		sum.Write(r[22 : 22+subject])
		sum.Write(r[22+subject+4 : len(r)-8]) // without the length of the headers
		sum.Sum(r[:len(r)-8])
		d.write(t, d.block, all)
	}
	forge(`"specversion":"1.0"`, `"specversion":"1.1"`)
	_, err := directory(t, dir, dir)
	wantBroken(t, err, chain.CheckCopy, position)
	forge("ledger.acme.role.assigned", "ledger.acme.role.awarded0")
	_, err = directory(t, dir, dir)
	wantBroken(t, err, chain.CheckSubject, position)
}
