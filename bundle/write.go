package bundle

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/tree"
)

// Source is what a bundle is made from: one organization's ledger, and which parts of it answer the question.
type Source struct {
	Origin     string          // of the log
	Journal    *journal.Reader // has the entries up to the position at least
	Tiles      tree.TileReader // of the tree that the checkpoint is of
	Checkpoint []byte          // a signed note that covers the position
	Policy     []byte          // a C2SP tlog-policy, in text; empty: none
	DID        []byte          // the DID document of the issuer as of the position; empty: none

	// Positions are those of the entries that concern the role or subject, ascending, none twice, the first entry among
	// them. It is not used where the question is about all.
	Positions []uint64
	// Documents are the CIDs of the signed documents that belong to the answer, and Document gives their bytes.
	Documents []string
	Document  func(cid string) ([]byte, error)
	// Text gives a private text that may be disclosed. It is asked only where the question wants texts.
	Text func(events.Digest) (private.Text, bool)
}

// ErrSource says that a bundle cannot be made of what was given.
var ErrSource = errors.New("no bundle can be made of this")

// Write writes the bundle that answers a question as of a position. It writes in one go, from the first byte to the last;
// after an error what was written is no bundle. Equal sources and questions give equal bytes.
//
// In JSON Lines it needs of the source only the journal and the positions.
func Write(w io.Writer, f Form, s *Source, q Question, position uint64) error {
	p := &packer{Source: s, m: Manifest{Origin: s.Origin, Question: q, Position: position, Size: position}}
	if err := p.prepare(f); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	var err error
	switch f {
	case Zip:
		err = p.writeZip(w)
	case CAR:
		err = p.writeCAR(w)
	case Lines:
		err = p.writeLines(w)
	default:
		err = fmt.Errorf("%w: there is no %v", ErrSource, f)
	}
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

// packer writes one bundle.
type packer struct {
	*Source
	m         Manifest
	documents []string // sorted

	schemas map[string]struct{}        // of the entries that were noted
	texts   map[events.Digest]struct{} // that they commit to, and that may be disclosed
}

func (p *packer) prepare(f Form) error {
	if err := p.m.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if p.m.Question.Kind != All {
		if len(p.Positions) == 0 || p.Positions[0] != 1 || p.Positions[len(p.Positions)-1] > p.m.Position {
			return fmt.Errorf("%w: the entries about %s lack the first one, or lie beyond %d", ErrSource, p.m.Question.Thing(), p.m.Position)
		}
	}
	p.schemas, p.texts = map[string]struct{}{"entry.1": {}}, map[events.Digest]struct{}{}
	p.documents = slices.Compact(slices.Sorted(slices.Values(p.Documents)))
	if f == Lines {
		return nil
	}
	_, c, err := note.ReadCheckpoint(p.Checkpoint)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if c.Origin != p.m.Origin || c.Size < p.m.Position {
		return fmt.Errorf("%w: a checkpoint of %s with %d entries does not cover position %d of %s", ErrSource, c.Origin, c.Size, p.m.Position, p.m.Origin)
	}
	p.m.Size = c.Size
	return nil
}

// count says how many entries there are.
func (p *packer) count() int {
	if p.m.Question.Kind == All {
		return int(p.m.Position)
	}
	return len(p.Positions)
}

// position gives that of the i-th entry.
func (p *packer) position(i int) uint64 {
	if p.m.Question.Kind == All {
		return uint64(i) + 1
	}
	return p.Positions[i]
}

// entries gives the entries from number i to j, j not included. A record is valid until the next one.
func (p *packer) entries(i, j int) iter.Seq2[journal.Record, error] {
	if p.m.Question.Kind == All {
		return p.Journal.Range(uint64(i)+1, uint64(j))
	}
	return func(yield func(journal.Record, error) bool) {
		for _, at := range p.Positions[i:j] {
			b, err := p.Journal.Read(at)
			if !yield(journal.Record{Position: at, Entry: b}, err) || err != nil {
				return
			}
		}
	}
}

// note takes in what an entry needs beside it: schemas and texts.
func (p *packer) note(position uint64, raw []byte) error {
	en, err := chain.Parse(raw)
	if err != nil {
		return &chain.BrokenError{Position: position, Check: chain.CheckForm, Err: err}
	}
	p.schemas[string(en.Event.Data.Type())+"."+strconv.Itoa(en.Event.Version)] = struct{}{}
	for _, c := range disclosed(en.Event, p.m.Question.Texts) {
		p.texts[c] = struct{}{}
	}
	return nil
}

// disclosed gives the commitments of an event whose texts a bundle may hold. A type that is not named here keeps its
// texts to itself: among them are keys that passwords wrap.
func disclosed(e *events.Event, texts string) []events.Digest {
	if texts == NoTexts {
		return nil
	}
	if texts == Personal {
		switch e.Data.(type) {
		case *events.SubjectAdded, *events.SubjectInvited, *events.SubjectUpdated:
			return e.Commitments()
		}
	}
	if e.Reason == (events.Digest{}) {
		return nil
	}
	return []events.Digest{e.Reason}
}

// commitments gives those of the texts that can be disclosed, in ascending order.
func (p *packer) commitments() []events.Digest {
	return slices.SortedFunc(maps.Keys(p.texts), func(a, b events.Digest) int { return slices.Compare(a[:], b[:]) })
}

// text gives the line of a private text, nil where it may not be disclosed or is no more.
func (p *packer) text(c events.Digest) ([]byte, error) {
	t, ok := p.Text(c)
	if !ok {
		return nil, nil
	}
	b, err := appendText(Text{Salt: t.Salt, Text: t.Text})
	if err != nil || len(b) > maxText || events.Commit(t.Salt, t.Text) != c {
		return nil, nil // a reader could not use it
	}
	if again, err := readText(b); err != nil || again.Commitment != c {
		return nil, nil
	}
	return b, nil
}

func (p *packer) document(cid string) ([]byte, error) {
	b, err := p.Document(cid)
	if err == nil && len(b) > maxDocument {
		err = fmt.Errorf("%w: document %s has %d bytes; a bundle takes %d", ErrSource, cid, len(b), maxDocument)
	}
	if err == nil && chain.CID(b) != cid {
		err = fmt.Errorf("%w: the bytes of document %s have another CID", ErrSource, cid)
	}
	return b, err
}

// proof gives the tlog-proof of an entry.
func (p *packer) proof(position uint64) ([]byte, error) {
	hashes, err := tree.Inclusion(p.Tiles, p.m.Size, position-1)
	if err != nil {
		return nil, fmt.Errorf("proof of entry %d: %w", position, err)
	}
	proof := note.Proof{Index: position - 1, Hashes: hashes, Checkpoint: p.Checkpoint}
	return proof.Bytes(), nil
}

var lineEnd = []byte{'\n'}

func (p *packer) writeLines(w io.Writer) error {
	for r, err := range p.entries(0, p.count()) {
		if err != nil {
			return err
		}
		if _, err := w.Write(r.Entry); err != nil {
			return err
		}
		if _, err := w.Write(lineEnd); err != nil {
			return err
		}
	}
	return nil
}
