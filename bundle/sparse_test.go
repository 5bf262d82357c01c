package bundle

import (
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/permledger/permledger/events/canon"
)

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
