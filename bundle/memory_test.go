// What a process took is read from /proc, and the race detector takes several times as much.

//go:build linux && !race

package bundle

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
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

// zeroList writes a zip file that says it has so many files.
func zeroList(files uint64) func(*sparse) {
	return func(s *sparse) {
		e := ending{files: files, size: files * 80, offset: 4 << 30}
		s.write([]byte("PK"))
		s.skip(int64(e.offset+e.size) - s.at)
		s.write(e.append(nil))
	}
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
