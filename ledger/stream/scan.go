package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/highwayhash"
)

// A block file is records one after the other, all integers little-endian:
//
//	length     4  of the record; bit 31: it has headers
//	sequence   8  bit 63: erased, bit 62: tombstone of a message elsewhere
//	time       8  nanoseconds since 1970
//	subject    2  length of the subject
//	           …  subject
//	headers    4  length of the headers, if the record has any
//	           …  headers, "NATS/1.0\r\n" to the first empty line
//	           …  data
//	checksum   8  HighwayHash-64 of sequence, time, subject, headers, data
//
// The key of the checksum is SHA-256("<stream>-<number of the block>"). The checksum does not cover the three lengths; a
// wrong one moves the boundaries of what it covers. So Scan also demands what makes the boundaries unique: the subject is
// one of the stream's, the headers begin with their magic right after it and end with their first empty line.
const (
	fixedLen    = 22
	checksumLen = 8
	hasHeaders  = 1 << 31
	erased      = 1 << 63
	tombstone   = 1 << 62
	maxRecord   = 32 << 20
	maxBlock    = 1 << 30

	// tailPolls is how often a record that is cut off at the end of the newest block is looked at again, once a
	// tailWait, if the file was written less than tailFresh ago: a running server may be in the middle of it.
	tailPolls = 20
	tailWait  = 5 * time.Millisecond
	tailFresh = 2 * time.Second
)

// Record is one message as it stands in a block file.
type Record struct {
	Seq     uint64
	Subject string
	Data    []byte
}

// Scan reads the block files that the embedded server keeps of a stream under storeDir and yields their records in order,
// each with its checksum verified and its position one after the one before; a ledger and a topic begin at 1. It opens
// files only for reading, and the server may be running or not: what is written after the iteration begins may or may not
// be seen. It ends with a *[BlockError] at the first damage. Nothing tells Scan where the stream ought to end: whole
// records missing at the end are for the head record to notice. Old messages of an activity feed may appear although they
// have aged away. Where the directory is missing the error wraps [ErrMissing]; any other error says that something could
// not be opened or read (no permission, too many files, the disk), which proves nothing about what is in it.
func Scan(storeDir, streamName string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		s, blocks, err := openScan(storeDir, streamName)
		if err != nil {
			yield(Record{}, fmt.Errorf("stream: scan %s: %w", streamName, err))
			return
		}
		for n, b := range blocks {
			more, err := s.block(b, n == len(blocks)-1, yield)
			if err != nil {
				yield(Record{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// scanner goes through the blocks of one stream.
type scanner struct {
	id   id
	name string
	dir  string
	next uint64 // position that the next record must have; 0: any
}

func openScan(storeDir, streamName string) (*scanner, []uint64, error) {
	i, err := parseID(streamName)
	if err != nil {
		return nil, nil, err
	}
	dir, err := StreamDir(storeDir, streamName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %w", ErrMissing, err)
	} else if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "meta.key")); err == nil {
		return nil, nil, fmt.Errorf("%s is encrypted, which no ledger is", dir)
	}
	s := &scanner{id: i, name: streamName, dir: filepath.Join(dir, "msgs"), next: 1}
	if i.kind == kindActivity {
		s.next = 0
	}
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) { // a power cut while nats-server made the stream can leave that
		return nil, nil, &BlockError{s.dir, 0, s.next, "the directory of the blocks is missing"}
	}
	if err != nil {
		return nil, nil, err
	}
	var blocks []uint64
	for _, f := range files {
		base, ok := strings.CutSuffix(f.Name(), ".blk")
		if !ok {
			continue // the index, or a temporary file
		}
		n, err := strconv.ParseUint(base, 10, 32)
		if err != nil || strconv.FormatUint(n, 10) != base {
			return nil, nil, &BlockError{filepath.Join(s.dir, f.Name()), 0, s.next, "name is not the number of a block"}
		}
		blocks = append(blocks, n)
	}
	slices.Sort(blocks)
	return s, blocks, nil
}

// block yields the records of one block; newest says that the server may be appending to it.
func (s *scanner) block(number uint64, newest bool, yield func(Record, error) bool) (more bool, err error) {
	file := filepath.Join(s.dir, strconv.FormatUint(number, 10)+".blk")
	buf, err := readBlock(file)
	if err != nil {
		return false, fmt.Errorf("stream: scan: %w", err)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", s.name, number))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return false, fmt.Errorf("stream: scan %s: %w", file, err)
	}
	polls := 0
	for at := 0; at < len(buf); {
		r, size, err := s.record(buf[at:], sum)
		if errors.Is(err, errCutOff) && newest && polls < tailPolls && fresh(file) {
			polls++
			time.Sleep(tailWait)
			if buf, err = readBlock(file); err != nil {
				return false, fmt.Errorf("stream: scan: %w", err)
			}
			continue
		}
		if err != nil {
			reason := err.Error()
			if at == 0 && bytes.HasPrefix(buf, []byte("cmp")) {
				reason = "the block is compressed, which no ledger is"
			}
			return false, &BlockError{file, int64(at), s.next, reason}
		}
		at += size
		if r.Seq == 0 {
			continue // marks something taken away from an activity feed
		}
		s.next = r.Seq + 1
		if !yield(r, nil) {
			return false, nil
		}
	}
	return true, nil
}

// fresh reports whether a file was written just now.
func fresh(file string) bool {
	info, err := os.Stat(file)
	return err == nil && time.Since(info.ModTime()) < tailFresh
}

func readBlock(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBlock {
		return nil, fmt.Errorf("%d bytes are more than a block has", info.Size())
	}
	return os.ReadFile(file)
}

// errCutOff says that a record goes on past the end of its file.
var errCutOff = errors.New("the record is cut off, or its length is wrong")

// record reads the record that b begins with; size is its length. Its Seq is 0 where it is not a message.
func (s *scanner) record(b []byte, sum hash.Hash64) (r Record, size int, err error) {
	if len(b) < fixedLen {
		return r, 0, errCutOff
	}
	le := binary.LittleEndian
	length, seq, subjectLen := le.Uint32(b), le.Uint64(b[4:]), int(le.Uint16(b[20:]))
	headers := length&hasHeaders != 0
	length &^= hasHeaders
	if length > maxRecord || int(length) < fixedLen+subjectLen+checksumLen {
		return r, 0, fmt.Errorf("no record has the length %d with a subject of %d", length, subjectLen)
	}
	size = int(length)
	if size > len(b) {
		return r, 0, errCutOff
	}
	end := size - checksumLen
	body := b[fixedLen+subjectLen : end]
	var headerLen int
	if headers {
		if len(body) < 4 {
			return r, 0, fmt.Errorf("no record with headers has the length %d", length)
		}
		headerLen, body = int(le.Uint32(body)), body[4:]
	}
	sum.Reset()
	sum.Write(b[4:20])
	sum.Write(b[fixedLen : fixedLen+subjectLen])
	sum.Write(body)
	var have [checksumLen]byte
	if !bytes.Equal(sum.Sum(have[:0]), b[end:size]) {
		return r, 0, errors.New("the checksum is wrong")
	}
	if seq&(erased|tombstone) != 0 {
		return r, size, s.removal(seq)
	}
	if s.next != 0 && seq != s.next {
		return r, 0, fmt.Errorf("the record is of position %d", seq)
	}
	if seq == 0 {
		return r, 0, errors.New("the record has no position")
	}
	subject := string(b[fixedLen : fixedLen+subjectLen])
	if !s.id.owns(subject) {
		return r, 0, fmt.Errorf("the subject %q is not one of this stream", subject)
	}
	if !headers || !bytes.HasPrefix(body, []byte("NATS/1.0\r\n")) {
		return r, 0, errors.New("the record has not the headers that an entry is published with")
	}
	if i := bytes.Index(body, []byte("\r\n\r\n")); i < 0 || headerLen != i+4 {
		return r, 0, fmt.Errorf("the headers do not have the length %d", headerLen)
	}
	return Record{seq, subject, body[headerLen:len(body):len(body)]}, size, nil
}

// removal judges a record that says that a message is gone. Only an activity feed forgets, and only its oldest.
func (s *scanner) removal(seq uint64) error {
	at := seq &^ (erased | tombstone)
	if s.id.kind != kindActivity {
		return fmt.Errorf("position %d was removed", at)
	}
	if seq&erased != 0 {
		if s.next != 0 && at != s.next {
			return fmt.Errorf("the record is of position %d", at)
		}
		s.next = at + 1
	}
	return nil
}
