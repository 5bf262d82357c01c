// What a process took is read from /proc, and the race detector takes several times as much.

//go:build linux && !race

package bundle

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/tree"
)

// A bundle is read in a process of its own, whose memory is looked at afterwards.
const readsFile = "PERMLEDGER_TEST_READS"

func TestMain(m *testing.M) {
	path := os.Getenv(readsFile)
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := os.Open(path)
	if err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil {
			err = readAll(f, info.Size())
		}
	}
	fmt.Printf("%v\n%s", err, peak())
	os.Exit(0)
}

// readAll reads all that a bundle has.
func readAll(f io.ReaderAt, size int64) error {
	r, err := Open(f, size)
	if err != nil {
		return err
	}
	for _, err := range r.Entries() {
		if err != nil {
			return err
		}
	}
	for _, err := range r.Documents() {
		if err != nil {
			return err
		}
	}
	for _, err := range r.Texts() {
		if err != nil {
			return err
		}
	}
	for t := range tree.Tiles(min(r.Manifest().Size, 1<<16)) {
		if _, err := r.Tile(t); err != nil {
			return err
		}
	}
	return r.CheckSums()
}

// peak gives the line that says how much memory this process had at most.
func peak() string {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "VmHWM:") {
			return line
		}
	}
	return ""
}

// sparse is a file of which only some bytes are written.
type sparse struct {
	*os.File
	t       *testing.T
	at      int64
	pending []byte // written at once, up to at
}

func (s *sparse) write(b []byte) {
	s.pending = append(s.pending, b...)
	s.at += int64(len(b))
	if len(s.pending) > 1<<20 {
		s.flush()
	}
}

func (s *sparse) flush() {
	if _, err := s.WriteAt(s.pending, s.at-int64(len(s.pending))); err != nil {
		s.t.Fatal(err)
	}
	s.pending = s.pending[:0]
}

// skip leaves n bytes out.
func (s *sparse) skip(n int64) {
	s.flush()
	s.at += n
}

// checksumOfZeros gives that of n zeros.
func checksumOfZeros(n int) (crc uint32) {
	piece := make([]byte, 1<<16)
	for n > 0 {
		k := min(n, len(piece))
		crc = crc32.Update(crc, crc32.IEEETable, piece[:k])
		n -= k
	}
	return crc
}

// zipOf writes files of zeros and others, and the list of them.
type zipOf struct {
	*sparse
	files []header
}

func (z *zipOf) zero(name string, size int) {
	h := header{name: name, size: uint32(size), crc: checksumOfZeros(size), offset: uint64(z.at)}
	z.write(h.appendLocal(nil))
	if size > 0 {
		z.skip(int64(size))
	}
	z.files = append(z.files, h)
}

func (z *zipOf) add(name string, b []byte) {
	h := header{name: name, size: uint32(len(b)), crc: crc32.ChecksumIEEE(b), offset: uint64(z.at)}
	z.write(append(h.appendLocal(nil), b...))
	z.files = append(z.files, h)
}

func (z *zipOf) end() {
	e := ending{files: uint64(len(z.files)), offset: uint64(z.at)}
	var b []byte
	for _, h := range z.files {
		b = h.appendCentral(b)
	}
	e.size = uint64(len(b))
	z.write(e.append(b))
}

// begin adds the files that come first in a bundle of all entries.
func (z *zipOf) begin(position, size uint64) {
	m := Manifest{Origin: testOrigin, Question: Question{Kind: All}, Position: position, Size: size}
	b, err := canon.Encode(m.members)
	if err != nil {
		z.t.Fatal(err)
	}
	z.zero(fileReadme, maxSmall)
	z.add(fileManifest, b)
	z.zero(fileCheckpoint, maxSmall)
	z.zero(filePolicy, maxSmall)
	z.zero(fileDID, maxSmall)
}

// zeroList writes a zip file that says it has so many files.
func zeroList(files uint64) func(*sparse) {
	return func(s *sparse) {
		e := ending{files: files, size: files * 80, offset: 4 << 30}
		s.write([]byte("PK"))
		s.skip(int64(e.offset+e.size) - s.at)
		s.write(e.append(nil))
	}
}

// cidNumber gives a CID that nothing has, in ascending order.
func cidNumber(n int) string {
	const digits = "234567abcdefghijklmnopqrstuvwxyz"
	b := []byte("bafkrei" + strings.Repeat("2", 51) + "a")
	for i := len(b) - 2; n > 0; i-- {
		b[i] = digits[n%32]
		n /= 32
	}
	return string(b)
}

// Given files that were made to take as much memory as they can, when each is read in a process of its own, then it is
// refused (but for those that are right), and the process never had 64 MiB.
func TestMemoryStaysBounded(t *testing.T) {
	asZip := func(f func(z *zipOf)) func(*sparse) {
		return func(s *sparse) {
			z := &zipOf{sparse: s}
			f(z)
			z.end()
		}
	}
	const most = tree.TileWidth * (2 + maxEntry)
	for name, tt := range map[string]struct {
		make func(*sparse)
		want string
	}{
		"zip of as many files as there may be": {asZip(func(z *zipOf) {
			z.begin(1, 1)
			for n := range maxFiles - len(z.files) - 1 {
				z.zero(documentPath(cidNumber(n)), 0)
			}
			z.zero(fileSums, 0)
		}), "tile/entries/000.p/1: it is missing"},
		"zip of one file more": {zeroList(maxFiles + 1), "131073 files; a bundle has at most 131072"},
		"zip of the largest files": {asZip(func(z *zipOf) {
			z.begin(256, 256)
			var b []byte
			for range tree.TileWidth {
				b = append(binary.BigEndian.AppendUint16(b, maxEntry), make([]byte, maxEntry)...)
			}
			z.add(tree.EntriesPath(0, tree.TileWidth), b)
			z.zero("tile/0/000", 8192)
			z.zero("tile/1/000.p/1", 32)
			zeros := make([]byte, maxDocument)
			z.add(documentPath(chain.CID(zeros)), zeros)
			z.zero("schemas/x.json", maxSmall)
			z.zero(fileVerifier, maxSmall)
			z.zero(fileSums, maxFiles*(66+maxName+1))
		}), "README.txt: its SHA-256"},
		"zip of a bundle of entries of zeros": {asZip(func(z *zipOf) {
			z.begin(256, 256)
			z.zero(tree.EntriesPath(0, tree.TileWidth), most)
			z.zero("tile/0/000", 8192)
			z.zero("tile/1/000.p/1", 32)
			z.zero(fileSums, 0)
		}), "tile/entries/000[0]: an entry of 0 bytes"},
		"zip of a document of 4 GiB": {asZip(func(z *zipOf) {
			z.files = append(z.files, header{name: documentPath(cidNumber(1)), size: 1<<32 - 1})
		}), "4294967295 bytes; it has at most 8388608"},
		"zip of 2^53 entries": {asZip(func(z *zipOf) {
			z.begin(canon.MaxInteger, canon.MaxInteger)
			z.zero(fileSums, 0)
		}), "tile/entries/000: it is missing"},
		"zip whose list is of zeros": {zeroList(maxFiles), "[0]: no file of a bundle"},
		"CAR of the largest manifest": {func(s *sparse) {
			m := &carManifest{Manifest: Manifest{Origin: testOrigin, Question: Question{Kind: All}, Position: 1, Size: 1}, checkpoint: make([]link, 1)}
			m.checkpoint[0] = rawOf(nil)
			for range (4<<20 - 1000) / inCBOR {
				m.entries = append(m.entries, cborOf(nil))
			}
			s.write(carOf(m.append(nil), blockOf(cborOf(nil), nil)))
		}, "entries page[0]"},
		"CAR of a block of 256 MiB": {func(s *sparse) {
			s.write(appendCARHeader(nil, cborOf(nil)))
			s.write(binary.AppendUvarint(nil, 1<<28-1))
			s.skip(1<<28 - 2)
			s.write([]byte{0})
		}, "manifest[0]: a block of 268435455 bytes"},
		"CAR of the largest documents": {func(s *sparse) {
			var blocks [][]byte
			for i := range 10 {
				b := bytes.Repeat([]byte{byte(i)}, maxDocument)
				blocks = append(blocks, blockOf(rawOf(b), b))
			}
			digest := func(block []byte) [32]byte { return [32]byte(block[4+4:]) } // behind four bytes of length
			slices.SortFunc(blocks, func(a, b []byte) int { return strings.Compare(chain.CIDOf(digest(a)), chain.CIDOf(digest(b))) })
			var links []link
			for _, b := range blocks {
				links = append(links, linkTo(codecRaw, digest(b)))
			}
			entry, checkpoint := []byte("{}"), []byte("c")
			page := appendLinks(nil, []link{rawOf(entry)})
			documents := appendLinks(nil, links)
			m := &carManifest{
				Manifest: Manifest{Origin: testOrigin, Question: Question{Kind: All}, Position: 1, Size: 1},
				entries:  []link{cborOf(page)}, documents: []link{cborOf(documents)}, checkpoint: []link{rawOf(checkpoint)},
			}
			s.write(carOf(m.append(nil), blockOf(cborOf(page), page), blockOf(rawOf(entry), entry), blockOf(cborOf(documents), documents)))
			for _, b := range blocks {
				s.write(b)
			}
			s.write(blockOf(rawOf(checkpoint), checkpoint))
		}, "tile"},
		"a line of 4 GiB": {func(s *sparse) {
			s.write([]byte("{"))
			s.skip(4 << 30)
			s.write([]byte("}\n"))
		}, "entries[0]: a line of more than 65535 bytes"},
		"lines without number": {func(s *sparse) {
			line := []byte(strings.Repeat(" ", maxEntry-2))
			line = append(append([]byte{'{'}, line...), "}\n"...)
			for range 1000 {
				s.write(line)
			}
		}, "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "b")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			s := &sparse{File: f, t: t}
			tt.make(s)
			s.flush()
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			said, memory := apart(t, path)
			if !strings.Contains(said, tt.want) {
				t.Errorf("%s; want %q", said, tt.want)
			}
			if memory >= 64<<10 {
				t.Errorf("%d KiB of memory, for: %s", memory, said)
			}
			t.Logf("%d KiB: %s", memory, said)
		})
	}
}

// apart reads a file in a process of its own. It gives what that said, and its memory in KiB.
func apart(t *testing.T, path string) (said string, memory int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a hang, not a bound of its time
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), readsFile+"="+path)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said, line, _ := strings.Cut(string(out), "\n")
	memory, err = strconv.Atoi(strings.Fields(line)[1])
	if err != nil {
		t.Fatal(err)
	}
	return said, memory
}
