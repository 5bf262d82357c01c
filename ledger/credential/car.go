package credential

import (
	"encoding/binary"
	"slices"
)

// CAR returns an archive of version 1 with one root and its one block, as other tools of IPFS write it: the header in
// dag-cbor {"roots": [root], "version": 1}, then the block behind its CID, each behind its length. cid is in binary.
func CAR(cid, block []byte) []byte {
	header := []byte("\xa2\x65roots\x81\xd8\x2a\x58") // a map of two; "roots": an array of one; tag 42 and a byte string
	header = append(append(header, byte(1+len(cid)), 0), cid...)
	header = append(header, "\x67version\x01"...)
	b := append(binary.AppendUvarint(nil, uint64(len(header))), header...)
	return slices.Concat(binary.AppendUvarint(b, uint64(len(cid)+len(block))), cid, block)
}
