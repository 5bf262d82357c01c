package events

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/permledger/permledger/events/canon"
)

// A PartDigest is the SHA-256 of the canonical JSON array of the part's names, sorted: how a set that is too big for
// one entry names the parts that were recorded before it.
func PartDigest(sorted []string) Digest { return sha256.Sum256(namesArray(nil, sorted)) }

func namesArray(b []byte, sorted []string) []byte {
	b = append(b, '[')
	for i, n := range sorted {
		if i > 0 {
			b = append(b, ',')
		}
		b = canon.AppendString(b, n)
	}
	return append(b, ']')
}

// Bucket says in which of the 256 buckets of a [SetDigest] a name lies: the first byte of its SHA-256.
func Bucket(name string) byte { return sha256.Sum256([]byte(name))[0] }

// BucketDigest is the digest of the names of one bucket, sorted.
func BucketDigest(sorted []string) Digest { return PartDigest(sorted) }

// SetDigest names a set of permissions by its content, so that a change of one name costs a change of one bucket: the
// names are divided by [Bucket]; the digest is SHA-256 over a fixed prefix and, for each bucket that is not empty, in
// order, the bucket's number and its [BucketDigest]. The digest of a set of 9,000 names is renewed in some 40 names'
// time after a change.
func SetDigest(names []string) Digest {
	var buckets [256][]string
	for _, n := range names {
		b := Bucket(n)
		buckets[b] = append(buckets[b], n)
	}
	return CombineBuckets(func(b byte) (Digest, bool) {
		if len(buckets[b]) == 0 {
			return Digest{}, false
		}
		slices.Sort(buckets[b])
		return BucketDigest(slices.Compact(buckets[b])), true
	})
}

// CombineBuckets makes a set's digest from those of its buckets; bucket says false for an empty one.
func CombineBuckets(bucket func(byte) (Digest, bool)) Digest {
	var room [32 + 256*33]byte // on the stack: a change of one name should not allocate for all buckets
	b := append(room[:0], "permledger set/1\n"...)
	for i := range 256 {
		if d, ok := bucket(byte(i)); ok {
			b = append(b, byte(i))
			b = append(b, d[:]...)
		}
	}
	return sha256.Sum256(b)
}

// PartsOf divides sorted names into parts of which each fits an entry. The division is part of the ids of imported
// commands: it never changes.
func PartsOf(sorted []string) [][]string {
	const room = 48_000 // bytes of names a part; the rest of an entry is the event's frame, signatures and evidence
	var parts [][]string
	start, size := 0, 0
	for i, n := range sorted {
		written := len(n) + 3 + strings.Count(n, `"`) + strings.Count(n, `\`)
		if size += written; size > room {
			parts, start, size = append(parts, sorted[start:i]), i, written
		}
	}
	if start < len(sorted) {
		parts = append(parts, sorted[start:])
	}
	return parts
}
