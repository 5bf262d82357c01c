package note

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/tree"
)

// ErrExtension says that a checkpoint has lines after its root. The format allows them and advises against them, since
// nobody can check what they say: this ledger writes none, and takes none.
var ErrExtension = errors.New("the checkpoint has extension lines")

// Checkpoint is the state of a log: how many entries it has, and the root of the tree over them.
type Checkpoint struct {
	Origin string    // names the log, for ever
	Size   uint64    // at most 2^63 - 1
	Root   tree.Hash // RFC 6962
}

// Text gives the checkpoint as the text of a note.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, FormatHash(c.Root))
}

// ParseCheckpoint reads the text of a note as a checkpoint, strictly: ParseCheckpoint(c.Text()) is c, and no other text
// gives it. Errors wrap [ErrMalformed], or are [ErrExtension].
func ParseCheckpoint(text string) (Checkpoint, error) {
	if len(text) > MaxSize {
		return Checkpoint{}, malformed("checkpoint", "it is longer than %d bytes", MaxSize)
	}
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 {
		return Checkpoint{}, malformed("checkpoint", "want three lines: origin, size, root")
	}
	c := Checkpoint{Origin: lines[0]}
	if err := characters(c.Origin); err != nil || c.Origin == "" {
		return Checkpoint{}, malformed("checkpoint", "no origin on its first line")
	}
	var err error
	if c.Size, err = number(lines[1]); err != nil {
		return Checkpoint{}, malformed("checkpoint", "size: %v", err)
	}
	if c.Root, err = ParseHash(lines[2]); err != nil {
		return Checkpoint{}, malformed("checkpoint", "root: %v", err)
	}
	if lines[3] == "" {
		return c, nil
	}
	if strings.HasSuffix(lines[3], "\n") && !strings.HasPrefix(lines[3], "\n") && !strings.Contains(lines[3], "\n\n") {
		return Checkpoint{}, ErrExtension
	}
	return Checkpoint{}, malformed("checkpoint", "an empty or unfinished line after the root")
}

// ReadCheckpoint reads a checkpoint as it is published: a note with that text, none of whose signatures is verified.
func ReadCheckpoint(b []byte) (*Note, Checkpoint, error) {
	n, err := Parse(b)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	return n, c, nil
}

// SignedBy gives those of a log's keys, did:keys, that signed the checkpoint under its origin. Where a signature says that
// it is of one of them and is not, that is an error ([ErrBadSignature]), whoever else has signed.
func (n *Note) SignedBy(origin string, dids []string) (by []string, err error) {
	for _, did := range dids {
		public, err := didkey.Parse(did)
		if err != nil {
			return nil, err
		}
		switch _, err := n.Verify(LogKey(origin, public)); {
		case err == nil:
			by = append(by, did)
		case !errors.Is(err, ErrUnsigned):
			return nil, err
		}
	}
	return by, nil
}

// number reads a decimal number in its one spelling, up to 2^63 - 1: tools that count in signed numbers are to take what
// we take.
func number(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != text || n > math.MaxInt64 {
		return 0, errors.New("not a decimal number without leading zeros, below 2^63")
	}
	return n, nil
}

// FormatHash writes a hash as it stands in checkpoints and proofs: base64.
func FormatHash(h tree.Hash) string { return encoding.EncodeToString(h[:]) }

// ParseHash reads a hash in its one spelling.
func ParseHash(text string) (h tree.Hash, err error) {
	b, err := decode(text)
	if err != nil {
		return h, err
	}
	if len(b) != len(h) {
		return h, fmt.Errorf("%d bytes; a hash has %d", len(b), len(h))
	}
	return tree.Hash(b), nil
}
