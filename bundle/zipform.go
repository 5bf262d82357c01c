package bundle

import (
	"encoding/binary"
	"math"
)

// The records of a zip file (PKWARE's APPNOTE.TXT), in the one way that bundles write them: nothing is compressed or
// encrypted, the time is that of the first day of 1980, there are no comments, and the only extra field is the offset of a
// file beyond 4 GiB. A reader makes each record again and compares.

const (
	localLen   = 30 // and the name
	centralLen = 46 // and the name
	endLen     = 22
	end64Len   = 56
	locatorLen = 20

	date1980 = 1<<5 | 1 // month and day; the year counts from 1980
	plain    = 10       // version of the format that is needed to extract
	with64   = 45
	fromUnix = 3<<8 | 20
	mode     = 0o100644 << 16

	full16, full32 = math.MaxUint16, math.MaxUint32
)

// header is what the two records of a file say of it.
type header struct {
	name   string
	crc    uint32
	size   uint32
	offset uint64 // of the local record
}

func (h *header) appendSizes(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, h.crc)
	b = binary.LittleEndian.AppendUint32(b, h.size)
	b = binary.LittleEndian.AppendUint32(b, h.size)
	return binary.LittleEndian.AppendUint16(b, uint16(len(h.name)))
}

func appendWords(b []byte, words ...uint16) []byte {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	return b
}

// appendLocal writes the record before the contents.
func (h *header) appendLocal(b []byte) []byte {
	b = append(b, "PK\x03\x04"...)
	b = appendWords(b, plain, 0, 0, 0, date1980)
	b = h.appendSizes(b)
	b = appendWords(b, 0)
	return append(b, h.name...)
}

// appendCentral writes the record in the directory.
func (h *header) appendCentral(b []byte) []byte {
	needs, extra := uint16(plain), uint16(0)
	if h.offset >= full32 {
		needs, extra = with64, 12
	}
	b = append(b, "PK\x01\x02"...)
	b = appendWords(b, fromUnix, needs, 0, 0, 0, date1980)
	b = h.appendSizes(b)
	b = appendWords(b, extra, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, mode)
	b = binary.LittleEndian.AppendUint32(b, uint32(min(h.offset, full32)))
	b = append(b, h.name...)
	if extra > 0 {
		b = appendWords(b, 1, 8)
		b = binary.LittleEndian.AppendUint64(b, h.offset)
	}
	return b
}

// ending is what the records at the end of a file say of its directory.
type ending struct {
	files, offset, size uint64
}

func (e *ending) is64() bool { return e.files >= full16 || e.offset >= full32 || e.size >= full32 }

// len is how many bytes the records have.
func (e *ending) len() int64 {
	if e.is64() {
		return end64Len + locatorLen + endLen
	}
	return endLen
}

func (e *ending) append(b []byte) []byte {
	if e.is64() {
		b = append(b, "PK\x06\x06"...)
		b = binary.LittleEndian.AppendUint64(b, end64Len-12)
		b = appendWords(b, fromUnix&^0xff|with64, with64, 0, 0, 0, 0)
		for _, n := range []uint64{e.files, e.files, e.size, e.offset} {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		b = append(b, "PK\x06\x07\x00\x00\x00\x00"...)
		b = binary.LittleEndian.AppendUint64(b, e.offset+e.size)
		b = binary.LittleEndian.AppendUint32(b, 1)
	}
	b = append(b, "PK\x05\x06"...)
	n := uint16(min(e.files, full16))
	b = appendWords(b, 0, 0, n, n)
	b = binary.LittleEndian.AppendUint32(b, uint32(min(e.size, full32)))
	b = binary.LittleEndian.AppendUint32(b, uint32(min(e.offset, full32)))
	return appendWords(b, 0)
}
