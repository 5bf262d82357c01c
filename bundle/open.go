package bundle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gowebpki/jcs"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/tree"
)

const maxEntry = events.MaxEntry

// Reader reads a bundle. Its methods are safe for concurrent use where the io.ReaderAt is.
//
// Each method reads from the file what it gives. The errors of all of them are [*FormError]s where the file is at fault.
type Reader struct {
	in         packed
	form       Form
	manifest   Manifest
	checkpoint []byte
	policy     []byte
	did        []byte

	consistency []tree.Hash
}

// packed is what differs between the forms.
type packed interface {
	entries() iter.Seq2[Entry, error]
	tile(tree.Tile) ([]byte, error)
	documents() iter.Seq2[Document, error]
	texts() iter.Seq2[Text, error]
	others() iter.Seq2[File, error]
	sums() error
}

// Open reads the form of a bundle of size bytes, and so refuses all that could not be read in one way only. It tells the
// forms apart by their first bytes.
func Open(r io.ReaderAt, size int64) (*Reader, error) {
	var first [12]byte
	n, err := r.ReadAt(first[:min(size, int64(len(first)))], 0)
	if n < len(first) && err != nil && err != io.EOF {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	b := &Reader{}
	switch head := first[:n]; {
	case bytes.HasPrefix(head, []byte("PK")):
		b.form, err = Zip, b.openZip(r, size)
	case bytes.Equal(head, []byte(`{"@context":`)): // as all of them begin in canonical JSON
		return nil, fmt.Errorf("the file %w; this is a signed document (W3C Verifiable Credential), of which a bundle shows that the ledger recorded it", ErrNotBundle)
	case bytes.HasPrefix(head, []byte("{")):
		b.form, b.in = Lines, &lines{r, size}
		err = (&lines{r, size}).each(func(uint64, []byte) bool { return true })
	case n >= 4 && head[1] == 0xa2:
		b.form, err = CAR, b.openCAR(r, size)
	default:
		return nil, fmt.Errorf("the file %w", ErrNotBundle)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Form says how the bundle is packed.
func (r *Reader) Form() Form { return r.form }

// Manifest says what the bundle claims to hold: that it does hold it, [Open] has checked as far as form goes. It is zero in
// JSON Lines, which claim nothing.
func (r *Reader) Manifest() Manifest { return r.manifest }

// Checkpoint gives the signed note of the tree of Manifest().Size entries; nil in JSON Lines.
func (r *Reader) Checkpoint() []byte { return r.checkpoint }

// Policy gives the witness policy of the ledger's own node, nil where there is none. It is a claim of who packed the
// bundle: trust comes from a policy that the reader has from elsewhere.
func (r *Reader) Policy() []byte { return r.policy }

// DID gives the DID document of the ledger's issuer, nil where there is none.
func (r *Reader) DID() []byte { return r.did }

// Entries gives the entries in order: all of them up to the position, or those of a role or subject with their proofs. It
// ends after the first error.
func (r *Reader) Entries() iter.Seq2[Entry, error] { return r.in.entries() }

// Tile gives the hashes of a tile of the tree of Manifest().Size entries, which zip bundles of all entries have; else, and for
// other tiles, [ErrNoTile].
func (r *Reader) Tile(t tree.Tile) ([]byte, error) { return r.in.tile(t) }

// Consistency gives the proof that the tree of Manifest().Size entries begins with that of the entries that are here: in CAR
// files of all entries whose checkpoint is of more of them. Zip files have the tiles instead.
func (r *Reader) Consistency() []tree.Hash { return r.consistency }

// Documents gives the signed documents in ascending order of their CIDs. It ends after the first error.
func (r *Reader) Documents() iter.Seq2[Document, error] { return r.in.documents() }

// Texts gives the private texts in ascending order of their commitments. It ends after the first error.
func (r *Reader) Texts() iter.Seq2[Text, error] { return r.in.texts() }

// Others gives the files of a zip bundle that prove nothing: the readme, schemas and the program. It ends after the first
// error.
func (r *Reader) Others() iter.Seq2[File, error] { return r.in.others() }

// CheckSums reads the whole of a zip bundle and compares it with the SHA-256 sums that it lists. What the checkpoint
// covers needs no sums; they tell a file that was changed on its way from one that was never right. Other forms have
// none, and it gives nil.
func (r *Reader) CheckSums() error { return r.in.sums() }

// File is a file of a zip bundle.
type File struct {
	Path  string
	Bytes []byte
}

// readManifest takes in the manifest of a zip bundle.
func (r *Reader) readManifest(b []byte) error {
	if err := canon.Decode(b, r.manifest.members); err != nil {
		return malformed(fileManifest, "%w", err)
	}
	return nil
}

// textFile is a private text as a line or a block, as canonical JSON (RFC 8785) has it.
type textFile struct {
	Salt string `json:"salt"` // base64url without padding
	Text string `json:"text"`
}

var errText = errors.New("not the canonical JSON of a text with its salt of 32 bytes")

func appendText(t Text) ([]byte, error) {
	b, err := json.Marshal(textFile{base64.RawURLEncoding.EncodeToString(t.Salt[:]), t.Text})
	if err != nil {
		return nil, err
	}
	return jcs.Transform(b)
}

func readText(b []byte) (Text, error) {
	var f textFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Text{}, errText
	}
	t := Text{Text: f.Text}
	if salt, err := base64.RawURLEncoding.DecodeString(f.Salt); err != nil || len(salt) != len(t.Salt) {
		return Text{}, errText
	} else {
		t.Salt = [32]byte(salt)
	}
	if again, err := appendText(t); err != nil || !bytes.Equal(again, b) {
		return Text{}, errText
	}
	t.Commitment = events.Commit(t.Salt, t.Text)
	return t, nil
}
