package credential

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Chunk is the size in bytes up to which `ipfs add` keeps a file in one block.
const Chunk = 262_144

// CID returns the content identifier of a file: CIDv1, raw, SHA-256 of the file's own bytes, in
// base32 (bafkrei…). It is what `ipfs add --cid-version=1` prints for a file of at most [Chunk]
// bytes; for longer ones it is still the identifier of the bytes as one block.
func CID(file []byte) string {
	return cid.NewCidV1(cid.Raw, sum(file)).String()
}

// Node returns the block that [LegacyCID] is the identifier of, and whether there is one: the dag-pb node that holds the
// whole file.
func Node(file []byte) ([]byte, bool) {
	if len(file) > Chunk {
		return nil, false
	}
	return unixFS(file), true
}

// LegacyCID returns the identifier (CIDv0, Qm…) that plain `ipfs add` prints for a file, and
// whether there is one here: a file over [Chunk] bytes becomes a tree of blocks, whose root
// depends on the importer's settings.
func LegacyCID(file []byte) (string, bool) {
	if len(file) > Chunk {
		return "", false
	}
	return cid.NewCidV0(sum(unixFS(file))).String(), true
}

// LegacyCIDOf returns the identifier (CIDv0) of the block with a SHA-256.
func LegacyCIDOf(digest [32]byte) string {
	mh, err := multihash.Encode(digest[:], multihash.SHA2_256)
	if err != nil {
		panic(fmt.Sprintf("credential: multihash of a SHA-256: %v", err)) // only for unknown hashes
	}
	return cid.NewCidV0(mh).String()
}

// unixFS returns the dag-pb node that holds a file of one chunk: the node's field Data (1) around
// a UnixFS message of type File (field 1 = 2), its data (2, absent for the empty file) and its
// size (3).
func unixFS(file []byte) []byte {
	message := make([]byte, 0, len(file)+16)
	message = append(message, 0x08, 0x02)
	if len(file) > 0 {
		message = append(message, 0x12)
		message = binary.AppendUvarint(message, uint64(len(file)))
		message = append(message, file...)
	}
	message = append(message, 0x18)
	message = binary.AppendUvarint(message, uint64(len(file)))

	node := make([]byte, 0, len(message)+8)
	node = append(node, 0x0a)
	node = binary.AppendUvarint(node, uint64(len(message)))
	return append(node, message...)
}

func sum(b []byte) multihash.Multihash {
	digest := sha256.Sum256(b)
	mh, err := multihash.Encode(digest[:], multihash.SHA2_256)
	if err != nil {
		panic(fmt.Sprintf("credential: multihash of a SHA-256: %v", err)) // only for unknown hashes
	}
	return mh
}
