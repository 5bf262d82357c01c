package note

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/permledger/permledger/ledger/tree"
)

const consistencyHeader = "permledger/consistency-proof@v1"

// Consistency is what shows offline that a log only grew between two of its checkpoints, in files that end in
// .tlog-consistency. C2SP has no such file; this one is made as a [Proof] is: a header, the hashes in base64, and after
// empty lines the two notes, the older one first.
type Consistency struct {
	Old, New []byte      // notes, as they were published
	Hashes   []tree.Hash // as RFC 6962 section 2.1.2 has them
}

// ParseConsistency reads a file, strictly: what it takes, Bytes gives back. It checks nothing but the form: see
// [Consistency.Check], and [Policy.Verify] for each checkpoint.
func ParseConsistency(b []byte) (*Consistency, error) {
	if len(b) > 2*MaxSize {
		return nil, malformed("consistency proof", "it is longer than %d bytes", 2*MaxSize)
	}
	// Neither checkpoints nor signatures have an empty line within.
	parts := strings.Split(string(b), "\n\n")
	if len(parts) != 5 {
		return nil, malformed("consistency proof", "want a header with hashes and two checkpoints, between empty lines")
	}
	lines := strings.Split(parts[0], "\n")
	if lines[0] != consistencyHeader {
		return nil, malformed("consistency proof", "the first line is not %s", consistencyHeader)
	}
	if len(lines)-1 > maxHashes+1 {
		return nil, malformed("consistency proof", "more than %d hashes", maxHashes+1)
	}
	c := &Consistency{Old: []byte(parts[1] + "\n\n" + parts[2] + "\n"), New: []byte(parts[3] + "\n\n" + parts[4])}
	for i, line := range lines[1:] {
		h, err := ParseHash(line)
		if err != nil {
			return nil, malformed("consistency proof", "hash %d: %v", i+1, err)
		}
		c.Hashes = append(c.Hashes, h)
	}
	if _, _, err := c.Checkpoints(); err != nil {
		return nil, fmt.Errorf("consistency proof: %w", err)
	}
	return c, nil
}

// IsConsistency says whether bytes begin as such a file does.
func IsConsistency(b []byte) bool { return bytes.HasPrefix(b, []byte(consistencyHeader+"\n")) }

// IsProof says whether bytes begin as the file of a [Proof] does.
func IsProof(b []byte) bool { return bytes.HasPrefix(b, []byte(proofHeader)) }

// Bytes gives the proof as it stands in a file.
func (c *Consistency) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(consistencyHeader + "\n")
	for _, h := range c.Hashes {
		fmt.Fprintf(&b, "%s\n", FormatHash(h))
	}
	b.WriteByte('\n')
	b.Write(c.Old)
	b.WriteByte('\n')
	b.Write(c.New)
	return b.Bytes()
}

// Checkpoints gives the two checkpoints, none of whose signatures is verified.
func (c *Consistency) Checkpoints() (older, newer Checkpoint, err error) {
	if _, older, err = ReadCheckpoint(c.Old); err != nil {
		return older, newer, err
	}
	_, newer, err = ReadCheckpoint(c.New)
	return older, newer, err
}

// Check says whether the newer checkpoint's tree begins with the older one's, of the same log. It does not look at
// signatures: [Policy.Verify] does, of each checkpoint.
func (c *Consistency) Check() error {
	older, newer, err := c.Checkpoints()
	if err != nil {
		return fmt.Errorf("consistency proof: %w", err)
	}
	if older.Origin != newer.Origin {
		return fmt.Errorf("consistency proof: the checkpoints are of two logs, %s and %s", older.Origin, newer.Origin)
	}
	if err := tree.CheckConsistency(c.Hashes, older.Size, older.Root, newer.Size, newer.Root); err != nil {
		return fmt.Errorf("consistency proof: the tree of %d entries does not begin with the one of %d: %w", newer.Size, older.Size, err)
	}
	return nil
}
