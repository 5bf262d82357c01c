package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	slotSize   = 512  // bytes of a slot
	slotStride = 4096 // bytes from one slot to the next, so that no sector or page of a disk holds both
	headSize   = 2 * slotStride
	slotMagic  = "permledger/head1"
	maxCID     = 128 // bytes
	sumAt      = slotSize - sha256.Size
)

// slot is what one slot holds. Generations count the stores; an even one stands in slot 0, an odd one in slot 1.
type slot struct {
	generation uint64
	head       Head
}

// encode returns the bytes of a slot, integers big-endian:
//
//	  0  [16]byte   "permledger/head1"
//	 16  uint64     generation
//	 24  uint64     position; 0: no head stored yet, and all of it is zero
//	 32  [32]byte   root
//	 64  [32]byte   snapshot
//	 96  uint16     length of the CID
//	 98  [382]byte  the CID, then zeros
//	480  [32]byte   SHA-256 of the bytes before
func (s slot) encode() []byte {
	b := make([]byte, 0, slotSize)
	b = append(b, slotMagic...)
	b = binary.BigEndian.AppendUint64(b, s.generation)
	b = binary.BigEndian.AppendUint64(b, s.head.Position)
	b = append(b, s.head.Root[:]...)
	b = append(b, s.head.Snapshot[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.head.CID)))
	b = append(b, s.head.CID...)
	b = append(b, make([]byte, sumAt-len(b))...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// decodeSlot accepts exactly what encode gives for slot number index.
func decodeSlot(b []byte, index int) (slot, error) {
	if len(b) != slotSize {
		return slot{}, errors.New("slot is cut off")
	}
	if string(b[:len(slotMagic)]) != slotMagic {
		return slot{}, errors.New("slot does not begin as a head record")
	}
	if sum := sha256.Sum256(b[:sumAt]); !bytes.Equal(sum[:], b[sumAt:]) {
		return slot{}, errors.New("checksum of the slot does not fit")
	}
	s := slot{generation: binary.BigEndian.Uint64(b[16:])}
	s.head.Position = binary.BigEndian.Uint64(b[24:])
	copy(s.head.Root[:], b[32:])
	copy(s.head.Snapshot[:], b[64:])
	n := binary.BigEndian.Uint16(b[96:])
	if n > maxCID {
		return slot{}, fmt.Errorf("CID of %d bytes in the slot", n)
	}
	s.head.CID = string(b[98 : 98+int(n)])
	if s.head.Position == 0 && s.head != (Head{}) {
		return slot{}, errors.New("slot has a head without a position")
	}
	if s.head.Position != 0 {
		if err := s.head.check(); err != nil {
			return slot{}, err
		}
	}
	if s.generation%2 != uint64(index) {
		return slot{}, fmt.Errorf("generation %d in slot %d", s.generation, index)
	}
	if !bytes.Equal(s.encode(), b) {
		return slot{}, errors.New("slot has bytes where zeros belong")
	}
	return s, nil
}

// newest returns the newest slot of a head record's bytes. One damaged slot is what a power cut in a store leaves, and
// the other one then counts.
func newest(path string, b []byte) (slot, error) {
	part := func(i int) []byte {
		from := min(i*slotStride, len(b))
		return b[from:min(from+slotSize, len(b))]
	}
	s0, err0 := decodeSlot(part(0), 0)
	s1, err1 := decodeSlot(part(1), 1)
	switch {
	case err0 != nil && err1 != nil:
		return slot{}, &DamageError{File: path, Reason: fmt.Sprintf("slot 0: %v; slot 1: %v", err0, err1)}
	case err0 != nil:
		return s1, nil
	case err1 != nil:
		return s0, nil
	}
	older, newer := s0, s1
	if s0.generation > s1.generation {
		older, newer = s1, s0
	}
	if newer.generation != older.generation+1 {
		return slot{}, &DamageError{File: path, Reason: fmt.Sprintf(
			"slots of generations %d and %d do not follow each other", older.generation, newer.generation)}
	}
	if err := newer.head.follows(older.head); err != nil {
		return slot{}, &DamageError{File: path, Reason: err.Error()}
	}
	return newer, nil
}
