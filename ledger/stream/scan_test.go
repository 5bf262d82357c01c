package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func scanAll(storeDir, name string) ([]Record, error) {
	var got []Record
	for r, err := range Scan(storeDir, name) {
		if err != nil {
			return got, err
		}
		got = append(got, r)
	}
	return got, nil
}

func sameRecords(t *testing.T, got []Record, want []Msg) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d records; want %d", len(got), len(want))
	}
	for i, r := range got {
		if r.Seq != uint64(i+1) || r.Subject != want[i].Subject || !bytes.Equal(r.Data, want[i].Data) {
			t.Fatalf("record %d: got %d %s %.40q", i+1, r.Seq, r.Subject, r.Data)
		}
	}
}

// offsetOf is where the n-th record (from 1) of a block begins.
func offsetOf(t *testing.T, b []byte, n int) int {
	t.Helper()
	at := 0
	for ; n > 1; n-- {
		at += int(binary.LittleEndian.Uint32(b[at:]) &^ hasHeaders)
	}
	return at
}

// block is a ledger on disk without a server, in one block file.
func block(t *testing.T, msgs []Msg) (dir, file string, b []byte) {
	t.Helper()
	dir = t.TempDir()
	s := run(t, dir)
	appendAll(t, create(t, s, "acme"), 0, msgs)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "jetstream", "$G", "streams", "LEDGER_acme", "msgs", "1.blk")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return dir, file, b
}

// write replaces a block file with one that nobody seems to be writing at the moment.
func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
}

func TestScanSeveralBlocks(t *testing.T) {
	dir := t.TempDir()
	s := run(t, dir)
	l := create(t, s, "acme")
	msgs := group("acme", 1, 400, 50_000) // 20 MB
	msgs = append(msgs, group("acme", 2, 300, 10)...)
	msgs = append(msgs, Msg{"ledger.acme.a", nil}, Msg{"ledger.acme.a", []byte("\r\n\r\nNATS/1.0\r\n\r\n")})
	appendAll(t, l, 0, msgs)
	check := func() {
		t.Helper()
		got, err := scanAll(dir, "LEDGER_acme")
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, got, msgs)
	}
	check() // while the server runs
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check()

	blocks, _ := filepath.Glob(filepath.Join(dir, "jetstream", "$G", "streams", "LEDGER_acme", "msgs", "*.blk"))
	if len(blocks) < 3 {
		t.Fatalf("%d blocks; the test wants several", len(blocks))
	}
	// A block that is missing, not the last, is a gap.
	for n := range len(blocks) - 1 {
		file := filepath.Join(filepath.Dir(blocks[0]), strconv.Itoa(n+1)+".blk")
		if err := os.Rename(file, file+".away"); err != nil {
			t.Fatal(err)
		}
		var bad *BlockError
		if _, err := scanAll(dir, "LEDGER_acme"); !errors.As(err, &bad) || bad.Offset != 0 {
			t.Errorf("without block %d: got %v; want a BlockError at a block's begin", n+1, err)
		}
		if err := os.Rename(file+".away", file); err != nil {
			t.Fatal(err)
		}
	}
	// Two blocks in each other's place: the key of the checksum holds the number.
	one, two := filepath.Join(filepath.Dir(blocks[0]), "1.blk"), filepath.Join(filepath.Dir(blocks[0]), "2.blk")
	for _, mv := range [][2]string{{one, one + "x"}, {two, one}, {one + "x", two}} {
		if err := os.Rename(mv[0], mv[1]); err != nil {
			t.Fatal(err)
		}
	}
	var bad *BlockError
	if got, err := scanAll(dir, "LEDGER_acme"); !errors.As(err, &bad) || len(got) != 0 {
		t.Errorf("blocks swapped: got %d records and %v; want a BlockError", len(got), err)
	}
}

// Given any one bit of a block file flipped, then Scan reports it, in the record where it is, and yields those before it.
func TestScanFlippedBits(t *testing.T) {
	msgs := group("acme", 1, 4, 120)
	dir, file, b := block(t, msgs)
	var starts []int
	for n := 1; n <= len(msgs); n++ {
		starts = append(starts, offsetOf(t, b, n))
	}
	for at := range b {
		in := 0
		for in+1 < len(starts) && starts[in+1] <= at {
			in++
		}
		for bit := range 8 {
			bad := bytes.Clone(b)
			bad[at] ^= 1 << bit
			write(t, file, bad)
			got, err := scanAll(dir, "LEDGER_acme")
			var be *BlockError
			if !errors.As(err, &be) || be.Offset != int64(starts[in]) || be.Seq != uint64(in+1) || be.File != file {
				t.Fatalf("byte %d bit %d: got %d records and %v; want a BlockError in record %d", at, bit, len(got), err, in+1)
			}
			sameRecords(t, got, msgs[:in])
		}
	}
	write(t, file, b)
	got, err := scanAll(dir, "LEDGER_acme")
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, got, msgs)
}

// Given a block file cut off anywhere, then Scan reports it unless the cut is between two records.
func TestScanTruncated(t *testing.T) {
	msgs := group("acme", 1, 4, 120)
	dir, file, b := block(t, msgs)
	whole := map[int]int{len(b): len(msgs)}
	for n := range msgs {
		whole[offsetOf(t, b, n+1)] = n
	}
	for size := range len(b) + 1 {
		write(t, file, b[:size])
		got, err := scanAll(dir, "LEDGER_acme")
		if n, ok := whole[size]; ok {
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			sameRecords(t, got, msgs[:n])
			continue
		}
		var bad *BlockError
		if !errors.As(err, &bad) {
			t.Fatalf("%d bytes: got %v; want a BlockError", size, err)
		}
	}
	for name, more := range map[string][]byte{
		"zeros": make([]byte, 4096), "a record twice": b[offsetOf(t, b, 4):], "compressed": nil,
	} {
		bad := append(bytes.Clone(b), more...)
		if more == nil {
			bad = append([]byte("cmp\x01"), b...)
		}
		write(t, file, bad)
		var be *BlockError
		if _, err := scanAll(dir, "LEDGER_acme"); !errors.As(err, &be) {
			t.Errorf("%s: got %v; want a BlockError", name, err)
		}
	}
}

// Given a server that is writing, then Scan sees a prefix of what is written and no damage.
// Given a stream whose directory lacks that of the blocks, as a power cut while nats-server makes it can leave it, then that
// is damage of the stream, and not a stream that cannot be read now.
func TestScanWithoutBlocksDirectory(t *testing.T) {
	dir, file, _ := block(t, group("acme", 1, 4, 120))
	if err := os.RemoveAll(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	var bad *BlockError
	if got, err := scanAll(dir, "LEDGER_acme"); !errors.As(err, &bad) || bad.Seq != 1 || len(got) != 0 {
		t.Errorf("got %d records and %v; want a BlockError at position 1", len(got), err)
	}
}

func TestScanWhileWriting(t *testing.T) {
	dir := t.TempDir()
	s := run(t, dir)
	l := create(t, s, "acme")
	msgs := group("acme", 1, 2000, 12_000)
	done := make(chan error, 1)
	go func() {
		for i := 0; i < len(msgs); i += 100 {
			if err := l.Append(deadline(t), uint64(i), msgs[i:i+100]); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for scans := 0; ; scans++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			got, err := scanAll(dir, "LEDGER_acme")
			if err != nil {
				t.Fatal(err)
			}
			sameRecords(t, got, msgs)
			t.Logf("%d scans", scans)
			return
		default:
			got, err := scanAll(dir, "LEDGER_acme")
			if err != nil {
				t.Fatal(err)
			}
			sameRecords(t, got, msgs[:len(got)])
		}
	}
}

func TestScanFindsTheAccount(t *testing.T) {
	msgs := group("acme", 1, 4, 120)
	dir, _, _ := block(t, msgs)
	js := filepath.Join(dir, "jetstream")
	if err := os.Rename(filepath.Join(js, "$G"), filepath.Join(js, "LEDGERS")); err != nil {
		t.Fatal(err)
	}
	got, err := scanAll(dir, "LEDGER_acme")
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, got, msgs)
	for _, name := range []string{"LEDGER_other", "TOPIC_acme"} {
		if _, err := scanAll(dir, name); !errors.Is(err, ErrMissing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v; want %v", name, err, ErrMissing)
		}
	}
	for _, name := range []string{"", "LEDGER_", "LEDGER_../x", "OTHER_acme"} {
		var bad *NameError
		if _, err := scanAll(dir, name); !errors.As(err, &bad) {
			t.Errorf("%q: got %v; want a NameError", name, err)
		}
	}
	// What cannot be read is not what is damaged.
	file := filepath.Join(js, "LEDGERS", "streams", "LEDGER_acme", "msgs", "2.blk")
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	var bad *BlockError
	if _, err := scanAll(dir, "LEDGER_acme"); err == nil || errors.As(err, &bad) || errors.Is(err, ErrMissing) {
		t.Errorf("got %v; want the error of reading a directory", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(js, "SECOND"), os.DirFS(filepath.Join(js, "LEDGERS"))); err != nil {
		t.Fatal(err)
	}
	if _, err := scanAll(dir, "LEDGER_acme"); err == nil {
		t.Error("two accounts have the stream; want an error")
	}
}

func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	s := run(t, dir)
	msgs := group("acme", 1, 30, 120)
	appendAll(t, create(t, s, "acme"), 0, msgs)
	if err := SyncStore(dir, "acme"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "aside")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := SetAside(dir, "acme", to); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v; want %v", err, fs.ErrExist)
	}
	to = filepath.Join(to, "acme")
	if err := SetAside(dir, "acme", to); err != nil {
		t.Fatal(err)
	}
	if err := SetAside(dir, "acme", to+"-2"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v; want %v", err, fs.ErrNotExist)
	}
	if _, err := os.Stat(filepath.Join(to, "msgs", "1.blk")); err != nil {
		t.Fatal(err)
	}
	s = run(t, dir)
	if _, err := s.OpenLog(deadline(t), "acme"); !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v; want %v", err, ErrMissing)
	}
	l := create(t, s, "acme")
	appendAll(t, l, 0, msgs)
	holds(t, l, msgs)
}

// Given a stream whose description is damaged, so that the server does not load it, then making it again is refused.
func TestCreateRefusesWhatIsNotLoaded(t *testing.T) {
	dir, file, _ := block(t, group("acme", 1, 4, 120))
	if err := os.Remove(filepath.Join(filepath.Dir(filepath.Dir(file)), "meta.sum")); err != nil {
		t.Fatal(err)
	}
	s := run(t, dir)
	if _, err := s.OpenLog(deadline(t), "acme"); !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v; want %v", err, ErrMissing)
	}
	if _, err := s.CreateLog(deadline(t), "acme"); !errors.Is(err, ErrExists) {
		t.Fatalf("got %v; want %v", err, ErrExists)
	}
}
