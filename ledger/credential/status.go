package credential

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrList says that an encoded list is none of Bitstring Status List 1.0.
var ErrList = errors.New("credential: not an encoded status list")

// Bits is a status list of Bitstring Status List 1.0 with entries of one bit: index 0 is the first bit from the left.
type Bits []byte

// NewBits returns a list of n entries, none of them set.
func NewBits(n int) Bits { return make(Bits, (n+7)/8) }

// Set sets the bit of an index.
func (b Bits) Set(index int) { b[index/8] |= 0x80 >> (index % 8) }

// Get says whether the bit of an index is set.
func (b Bits) Get(index int) bool { return b[index/8]&(0x80>>(index%8)) != 0 }

// Encode returns the encodedList: multibase base64url of gzip (RFC 1952). Equal bits give equal bytes with every release
// of Go, for the compression is this package's own: one DEFLATE block of fixed codes, in which a byte that comes again
// and again is a run.
func (b Bits) Encode() string {
	// ID, deflate, no flags, no time, no extra flags, unknown system.
	out := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
	w := bitWriter{out: out}
	w.put(0b011, 3) // the last block, of fixed codes
	for i := 0; i < len(b); {
		w.literal(b[i])
		run := 0
		for i+1+run < len(b) && b[i+1+run] == b[i] {
			run++
		}
		i += 1 + run
		for ; run >= 3; run -= min(run, 258) {
			w.again(min(run, 258))
		}
		for ; run > 0; run-- {
			w.literal(b[i-1])
		}
	}
	w.code(0, 7) // the end
	out = binary.LittleEndian.AppendUint32(w.bytes(), crc32.ChecksumIEEE(b))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(b)))
	return "u" + base64.RawURLEncoding.EncodeToString(out)
}

// DecodeBits reads an encodedList of at most limit bytes when it is unpacked, in whatever way it was compressed.
func DecodeBits(encoded string, limit int) (Bits, error) {
	if len(encoded) == 0 || encoded[0] != 'u' || len(encoded) > 2*limit+1024 {
		return nil, fmt.Errorf("%w: no base64url in multibase of a fitting length", ErrList)
	}
	packed, err := base64.RawURLEncoding.Strict().DecodeString(encoded[1:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	in := bytes.NewReader(packed)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	z.Multistream(false)
	b, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	case len(b) > limit:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrList, limit)
	case in.Len() > 0:
		return nil, fmt.Errorf("%w: something stands behind it", ErrList)
	}
	return b, nil
}

// bitWriter writes the codes of DEFLATE (RFC 1951), which fill bytes from the least significant bit.
type bitWriter struct {
	out  []byte
	bits uint32
	n    uint
}

// put writes n bits of a number, the least significant first.
func (w *bitWriter) put(bits uint32, n uint) {
	for w.bits, w.n = w.bits|bits<<w.n, w.n+n; w.n >= 8; w.bits, w.n = w.bits>>8, w.n-8 {
		w.out = append(w.out, byte(w.bits))
	}
}

// code writes n bits of a Huffman code, the most significant first.
func (w *bitWriter) code(code uint32, n uint) {
	for n > 0 {
		n--
		w.put(code>>n&1, 1)
	}
}

func (w *bitWriter) literal(b byte) {
	if b < 144 {
		w.code(0x30+uint32(b), 8)
	} else {
		w.code(0x190+uint32(b)-144, 9)
	}
}

// again writes that the last byte comes n times more, 3 to 258.
func (w *bitWriter) again(n int) {
	symbol, extra := 285, uint(0)
	if n < 258 {
		symbol, extra = 257+n-3, 0
		if n > 10 {
			for extra = 1; n-3 >= 8<<extra; extra++ {
			}
			symbol = 261 + 4*int(extra) + (n-3)>>extra&3
		}
	}
	if symbol < 280 {
		w.code(uint32(symbol-256), 7)
	} else {
		w.code(0xc0+uint32(symbol-280), 8)
	}
	w.put(uint32(n-3)&(1<<extra-1), extra)
	w.code(0, 5) // one byte back
}

// bytes gives what was written, the last byte filled with zeros.
func (w *bitWriter) bytes() []byte {
	if w.n > 0 {
		w.out = append(w.out, byte(w.bits))
	}
	return w.out
}
