package bundle

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// zipFile is the list of files of a zip bundle. Reading it has shown that the files lie one behind the other from the first
// byte on, then the directory, then its end, and that there is nothing else.
type zipFile struct {
	r     io.ReaderAt
	files []zipped
	names []byte // one behind the other
}

type zipped struct {
	at   uint64 // of the contents
	size uint32
	crc  uint32
	name uint32 // where it ends in names
}

func (z *zipFile) name(i int) string {
	from := uint32(0)
	if i > 0 {
		from = z.files[i-1].name
	}
	return string(z.names[from:z.files[i].name])
}

// place gives what a file is: its name was read before.
func (z *zipFile) place(i int) place {
	p, _ := parsePath(z.name(i))
	return p
}

// find gives the number of a file.
func (z *zipFile) find(want place) (int, bool) {
	low, high := 0, len(z.files)
	for low < high {
		middle := int(uint(low+high) / 2)
		if z.place(middle).compare(want) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(z.files) && z.place(low).compare(want) == 0
}

// since gives the number of the first file of a kind, or of the next one there is.
func (z *zipFile) since(k kind) int {
	i, _ := z.find(place{kind: k})
	return i
}

func readEnding(r io.ReaderAt, size int64) (*ending, error) {
	tail := make([]byte, min(size, end64Len+locatorLen+endLen))
	if err := readAt(r, tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	if len(tail) < endLen {
		return nil, malformed("", "it is cut off: it has no end record")
	}
	last := tail[len(tail)-endLen:]
	if string(last[:4]) != "PK\x05\x06" {
		return nil, malformed("", "it is cut off, or something follows: it does not end with the end record of a zip file")
	}
	e := ending{
		files:  uint64(binary.LittleEndian.Uint16(last[10:])),
		size:   uint64(binary.LittleEndian.Uint32(last[12:])),
		offset: uint64(binary.LittleEndian.Uint32(last[16:])),
	}
	if e.is64() && len(tail) == end64Len+locatorLen+endLen {
		e.files = binary.LittleEndian.Uint64(tail[32:])
		e.size = binary.LittleEndian.Uint64(tail[40:])
		e.offset = binary.LittleEndian.Uint64(tail[48:])
	}
	if n := e.len(); int64(len(tail)) < n || !bytes.Equal(e.append(nil), tail[int64(len(tail))-n:]) {
		return nil, malformed("", "the end record of the zip file is not as a bundle has it")
	}
	if e.files > maxFiles {
		return nil, malformed("", "%d files; a bundle has at most %d", e.files, maxFiles)
	}
	if rest := uint64(size - e.len()); e.offset > rest || e.size != rest-e.offset {
		return nil, malformed("", "the list of files does not end where the end record begins")
	}
	if e.size < e.files*centralLen || e.size > e.files*(centralLen+maxName+12) {
		return nil, malformed("", "a list of %d bytes for %d files", e.size, e.files)
	}
	return &e, nil
}

// openZip reads the list of files, and compares it with what stands before each of them.
func openZip(r io.ReaderAt, size int64) (*zipFile, error) {
	e, err := readEnding(r, size)
	if err != nil {
		return nil, err
	}
	z := &zipFile{r: r, files: make([]zipped, 0, e.files), names: make([]byte, 0, e.size-e.files*centralLen)}
	var (
		list     = bufio.NewReaderSize(io.NewSectionReader(r, int64(e.offset), int64(e.size)), 64<<10)
		left     = e.size
		at       uint64
		before   place
		have     [centralLen + maxName + 12]byte
		want     []byte
		localHad [localLen + maxName]byte
	)
	for i := range e.files {
		bad := func(name, format string, args ...any) error { return malformedAt(name, i, format, args...) }
		if left < centralLen {
			return nil, bad("", "the list of files ends early")
		}
		if _, err := io.ReadFull(list, have[:centralLen]); err != nil {
			return nil, cutOff("", err)
		}
		h := header{
			crc: binary.LittleEndian.Uint32(have[16:]), size: binary.LittleEndian.Uint32(have[20:]), offset: at,
		}
		n := int(binary.LittleEndian.Uint16(have[28:]))
		if n > maxName {
			return nil, bad("", "a path of %d bytes", n)
		}
		h.name = string(make([]byte, n)) // its length counts, until the name is read
		whole := len(h.appendCentral(want[:0]))
		if left < uint64(whole) {
			return nil, bad("", "the list of files ends early")
		}
		if _, err := io.ReadFull(list, have[centralLen:whole]); err != nil {
			return nil, cutOff("", err)
		}
		left -= uint64(whole)
		h.name = string(have[centralLen : centralLen+n])
		p, err := parsePath(h.name)
		if err != nil {
			return nil, bad(printable(h.name), "%w", err)
		}
		if want = h.appendCentral(want[:0]); !bytes.Equal(want, have[:whole]) {
			return nil, bad(h.name, "its record in the list of files is not as a bundle has it: %s", differs(want, have[:whole]))
		}
		if i > 0 && before.compare(p) >= 0 {
			return nil, bad(h.name, "it stands there twice, or out of order")
		}
		before = p
		if uint64(h.size) > p.limit() {
			return nil, bad(h.name, "%d bytes; it has at most %d", h.size, p.limit())
		}
		want = h.appendLocal(want[:0])
		next := at + uint64(len(want)) + uint64(h.size)
		if next > e.offset {
			return nil, bad(h.name, "it reaches into the list of files")
		}
		if err := readAt(r, localHad[:len(want)], int64(at)); err != nil {
			return nil, err
		}
		if !bytes.Equal(want, localHad[:len(want)]) {
			return nil, bad(h.name, "what stands before it is not what the list of files says")
		}
		z.names = append(z.names, h.name...)
		z.files = append(z.files, zipped{at: at + uint64(len(want)), size: h.size, crc: h.crc, name: uint32(len(z.names))})
		at = next
	}
	if left != 0 {
		return nil, malformed("", "the list of files is longer than %d files", e.files)
	}
	if at != e.offset {
		return nil, malformed("", "%d bytes belong to no file", e.offset-at)
	}
	return z, nil
}

// differs names what is usually meant by a record that another program wrote, or somebody who tries something.
func differs(want, have []byte) string {
	word := func(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
	switch {
	case word(have, 8)&1 != 0:
		return "it is encrypted"
	case word(have, 10) != 0:
		return "it is compressed"
	case word(have, 8) != 0:
		return fmt.Sprintf("flags %#x", word(have, 8))
	case word(have, 30) != word(want, 30):
		return "it has extra fields"
	case word(have, 32) != 0:
		return "it has a comment"
	case binary.LittleEndian.Uint32(have[38:])>>28 == 0o12:
		return "it is a symbolic link"
	case !bytes.Equal(have[42:46], want[42:46]):
		return "it does not lie behind the file before it"
	}
	i := 0
	for want[i] == have[i] {
		i++
	}
	return fmt.Sprintf("byte %d", i)
}

func printable(name string) string { return fmt.Sprintf("%q", name) }

// section gives the contents of a file.
func (z *zipFile) section(i int) *io.SectionReader {
	return io.NewSectionReader(z.r, int64(z.files[i].at), int64(z.files[i].size))
}

// read gives the contents of a file, which are as its checksum says.
func (z *zipFile) read(i int) ([]byte, error) {
	f := z.files[i]
	b := make([]byte, f.size)
	if err := readAt(z.r, b, int64(f.at)); err != nil {
		return nil, cutOff(z.name(i), err)
	}
	if crc32.ChecksumIEEE(b) != f.crc {
		return nil, z.changed(i)
	}
	return b, nil
}

// check reads the contents of a file through w, and compares them with its checksum.
func (z *zipFile) check(i int, w io.Writer) error {
	sum := crc32.NewIEEE()
	if _, err := io.Copy(io.MultiWriter(sum, w), z.section(i)); errors.Is(err, ErrForm) {
		return err
	} else if err != nil {
		return cutOff(z.name(i), err)
	}
	if sum.Sum32() != z.files[i].crc {
		return z.changed(i)
	}
	return nil
}

func (z *zipFile) changed(i int) error {
	return malformed(z.name(i), "%w: they do not fit the checksum of the zip file", errChanged)
}

var errChanged = errors.New("its bytes have changed")

// readAt fills b.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cutOff says where a file became shorter while it was read.
func cutOff(path string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(path, "it is cut off")
	}
	return fmt.Errorf("%s: %w", path, err)
}
