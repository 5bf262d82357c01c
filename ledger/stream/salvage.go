package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
)

// Found is a message that [Salvage] found in a block file.
type Found struct {
	Record
	File   string
	Offset int64 // of Data in File, in bytes
	Sure   bool  // the record's checksum holds
}

// Salvage finds what is left of the messages in the block files of an organization's ledger, in the directory of the
// stream or a copy of it: behind a bad record it goes on at the next one. What it yields is in the order of the files and
// may have any position; who reads it verifies it. A message whose checksum is wrong is yielded too, where its lengths
// still say where its data is. It only reads; a directory without blocks gives nothing; an error says that something could
// not be read, which proves nothing about what is in it.
func Salvage(streamDir, org string) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		err := salvage(streamDir, org, yield)
		if err != nil && !errors.Is(err, errEnough) {
			yield(Found{}, fmt.Errorf("stream: look for messages in %s: %w", streamDir, err))
		}
	}
}

var errEnough = errors.New("no more is wanted")

func salvage(streamDir, org string, yield func(Found, error) bool) error {
	i, err := newID(kindLedger, org)
	if err != nil {
		return err
	}
	dir := filepath.Join(streamDir, "msgs")
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var blocks []uint64
	for _, f := range files {
		base, ok := strings.CutSuffix(f.Name(), ".blk")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(base, 10, 32); err == nil {
			blocks = append(blocks, n)
		}
	}
	slices.Sort(blocks)
	for _, n := range blocks {
		if err := salvageBlock(i, filepath.Join(dir, strconv.FormatUint(n, 10)+".blk"), n, yield); err != nil {
			return err
		}
	}
	return nil
}

func salvageBlock(i id, file string, number uint64, yield func(Found, error) bool) error {
	b, err := readBlock(file)
	if err != nil {
		return err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", i.stream(), number))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return err
	}
	s := &scanner{id: i, name: i.stream()} // next is 0: any position
	give := func(at int, r Record, dataAt int, sure bool) error {
		if !yield(Found{r, file, int64(at + dataAt), sure}, nil) {
			return errEnough
		}
		return nil
	}
	for at := 0; at < len(b); {
		if r, size, err := s.record(b[at:], sum); err == nil {
			if err := give(at, r, size-checksumLen-len(r.Data), true); err != nil {
				return err
			}
			at += size
			continue
		}
		if r, dataAt, ok := s.loose(b[at:]); ok {
			if err := give(at, r, dataAt, false); err != nil {
				return err
			}
		}
		// The next record is where a subject of this stream stands behind the fixed fields.
		next := bytes.Index(b[min(at+1+fixedLen, len(b)):], []byte(i.root()+"."))
		if next < 0 {
			return nil
		}
		at += 1 + next
	}
	return nil
}

// loose reads the record that b begins with by its lengths alone, and says where its data begins.
func (s *scanner) loose(b []byte) (r Record, dataAt int, ok bool) {
	if len(b) < fixedLen {
		return r, 0, false
	}
	length, subjectLen := int(binary.LittleEndian.Uint32(b)&^hasHeaders), int(binary.LittleEndian.Uint16(b[20:]))
	if length > len(b) || length < fixedLen+subjectLen+checksumLen {
		return r, 0, false
	}
	end := length - checksumLen
	i := bytes.Index(b[fixedLen+subjectLen:end], []byte("\r\n\r\n"))
	if i < 0 {
		return r, 0, false
	}
	dataAt = fixedLen + subjectLen + i + 4
	return Record{binary.LittleEndian.Uint64(b[4:]), string(b[fixedLen : fixedLen+subjectLen]), b[dataAt:end:end]}, dataAt, true
}
