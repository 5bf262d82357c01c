package note

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/permledger/permledger/ledger/tree"
)

const proofHeader = "c2sp.org/tlog-proof@v1\n"

// maxHashes is more than a proof in any tree of less than 2^63 entries has.
const maxHashes = 63

// Proof is what shows offline that an entry stands in a log: c2sp.org/tlog-proof@v1, in files that end in .tlog-proof.
type Proof struct {
	Index      uint64      // of the entry, from 0: its position less one
	Hashes     []tree.Hash // from the leaf's sibling up
	Checkpoint []byte      // the note, as it was published
	Extra      []byte      // whatever a program puts there: nothing vouches for it
}

// ParseProof reads a proof. It checks nothing but its form: see [Proof.Check], and [Policy.Verify] for the checkpoint.
func ParseProof(b []byte) (*Proof, error) {
	if len(b) > MaxSize {
		return nil, malformed("proof", "it is longer than %d bytes", MaxSize)
	}
	rest, ok := bytes.CutPrefix(b, []byte(proofHeader))
	if !ok {
		return nil, malformed("proof", "the first line is not %s", strings.TrimSpace(proofHeader))
	}
	head, checkpoint, ok := strings.Cut(string(rest), "\n\n")
	if !ok {
		return nil, malformed("proof", "no checkpoint after an empty line")
	}
	p := &Proof{Checkpoint: []byte(checkpoint)}
	lines := strings.Split(head, "\n")
	var err error
	if text, ok := strings.CutPrefix(lines[0], "extra "); ok {
		if p.Extra, err = decode(text); err != nil || len(p.Extra) == 0 {
			return nil, malformed("proof", "the extra data is empty, or not base64")
		}
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return nil, malformed("proof", "no index")
	}
	if p.Index, err = number(strings.TrimPrefix(lines[0], "index ")); err != nil {
		return nil, malformed("proof", "index: %v", err)
	}
	if len(lines)-1 > maxHashes {
		return nil, malformed("proof", "more than %d hashes", maxHashes)
	}
	for i, line := range lines[1:] {
		h, err := ParseHash(line)
		if err != nil {
			return nil, malformed("proof", "hash %d: %v", i+1, err)
		}
		p.Hashes = append(p.Hashes, h)
	}
	if _, _, err := ReadCheckpoint(p.Checkpoint); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	return p, nil
}

// Bytes gives the proof as it stands in a file.
func (p *Proof) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader)
	if len(p.Extra) > 0 {
		fmt.Fprintf(&b, "extra %s\n", encoding.EncodeToString(p.Extra))
	}
	fmt.Fprintf(&b, "index %d\n", p.Index)
	for _, h := range p.Hashes {
		fmt.Fprintf(&b, "%s\n", FormatHash(h))
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// Check says whether the entry with this leaf hash stands at the index, in the tree of the checkpoint. It does not look
// at the checkpoint's signatures: a proof proves nothing until [Policy.Verify] has taken p.Checkpoint.
func (p *Proof) Check(leaf tree.Hash) error {
	_, c, err := ReadCheckpoint(p.Checkpoint)
	if err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	if err := tree.CheckInclusion(p.Hashes, c.Size, c.Root, p.Index, leaf); err != nil {
		return fmt.Errorf("proof: the entry is not the one at index %d of the tree of %d entries: %w", p.Index, c.Size, err)
	}
	return nil
}
