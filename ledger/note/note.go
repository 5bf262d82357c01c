// Package note reads, writes and verifies what a transparency log and its witnesses sign. It follows the formats of C2SP:
//
//	c2sp.org/signed-note       [Note], [Signature], [Key]: a text, an empty line, signature lines
//	c2sp.org/tlog-checkpoint   [Checkpoint]: the text is origin, size and root of a log
//	c2sp.org/tlog-cosignature  [Cosign]: a witness's Ed25519 cosignature/v1, with its time
//	c2sp.org/tlog-policy       [Policy]: which logs are trusted, and how many witnesses it takes
//	c2sp.org/tlog-proof        [Proof]: an entry's inclusion, with the checkpoint it is included in
//
// A checkpoint as a log publishes it:
//
//	ledger.example/acme
//	128
//	CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//
//	— ledger.example/acme Az3grl…
//	— witness.example/w1 jWbPPw…
//
// A signature line ends in base64(4 bytes of key ID || signature). The key ID is the start of SHA-256(name || "\n" ||
// kind || public key): a hint, no proof. Signatures of keys that nobody asked for are carried and ignored; a signature
// under name and ID of a known key that does not verify rejects the whole note.
//
// The parsers take one spelling only: what they accept, Bytes, Text or String gives back byte for byte ([ParsePolicy]
// apart, where people write comments). Only Ed25519 is known: kind 0x01 of logs, kind 0x04 of witnesses.
//
// The package does no input or output, reads no clock, and all of it is safe for concurrent use.
package note

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxSignatures is how many signatures a note may have. C2SP asks verifiers for at least 16.
const MaxSignatures = 100

// MaxSize is how long a note may be, in bytes.
const MaxSize = 1 << 20

// Errors of this package, to be told apart with errors.Is.
var (
	// ErrMalformed says that bytes are not in the form they are said to be in. Every error of a parser wraps it.
	ErrMalformed = errors.New("malformed")
	// ErrUnsigned says that a key has not signed a note.
	ErrUnsigned = errors.New("not signed by this key")
	// ErrBadSignature says that a note has a signature under the name and ID of a known key that does not verify. Then
	// nothing of the note is to be believed.
	ErrBadSignature = errors.New("a signature does not verify")
)

// prefix starts every signature line: an em dash and a space.
const prefix = "— "

var encoding = base64.StdEncoding.Strict()

// Signature is one signature of a note: whose it says it is, and the bytes.
type Signature struct {
	Name  string
	ID    uint32
	Bytes []byte // as the kind of key has it: 64 bytes of Ed25519; before them 8 of time in a cosignature
}

// String gives the signature as a line of a note, without its newline.
func (s Signature) String() string {
	return prefix + s.Name + " " + encoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, s.ID), s.Bytes...))
}

// SameKey says whether two signatures say that they are of one key.
func (s Signature) SameKey(other Signature) bool { return s.Name == other.Name && s.ID == other.ID }

func (s Signature) equal(other Signature) bool {
	return s.SameKey(other) && bytes.Equal(s.Bytes, other.Bytes)
}

// Note is a text and its signatures, none of which is verified by being here.
type Note struct {
	Text       string // ends with a newline
	Signatures []Signature
}

// Parse reads a note. It verifies nothing.
func Parse(b []byte) (*Note, error) {
	if len(b) > MaxSize {
		return nil, malformed("note", "it is longer than %d bytes", MaxSize)
	}
	if err := characters(string(b)); err != nil {
		return nil, malformed("note", "%v", err)
	}
	// The text may have empty lines; the last one stands before the signatures.
	at := bytes.LastIndex(b, []byte("\n\n"))
	if at < 0 {
		return nil, malformed("note", "no empty line between text and signatures")
	}
	signatures, err := ParseSignatures(b[at+2:])
	if err != nil {
		return nil, err
	}
	return &Note{Text: string(b[:at+1]), Signatures: signatures}, nil
}

// ParseSignatures reads signature lines, at least one, as they end a note and as witnesses answer with them.
func ParseSignatures(b []byte) ([]Signature, error) {
	if len(b) == 0 || b[len(b)-1] != '\n' {
		return nil, malformed("note", "it does not end with a signature and a newline")
	}
	lines := strings.SplitN(string(b[:len(b)-1]), "\n", MaxSignatures+1)
	if len(lines) > MaxSignatures {
		return nil, malformed("note", "more than %d signatures", MaxSignatures)
	}
	signatures := make([]Signature, len(lines))
	for i, line := range lines {
		var err error
		if signatures[i], err = parseSignature(line); err != nil {
			return nil, malformed("note", "signature %d: %v", i+1, err)
		}
	}
	return signatures, nil
}

func parseSignature(line string) (Signature, error) {
	rest, ok := strings.CutPrefix(line, prefix)
	if !ok {
		return Signature{}, errors.New("the line does not begin with an em dash and a space")
	}
	name, text, ok := strings.Cut(rest, " ")
	if !ok || !ValidName(name) {
		return Signature{}, errors.New("no name of a key")
	}
	b, err := decode(text)
	if err != nil {
		return Signature{}, err
	}
	if len(b) < 5 {
		return Signature{}, errors.New("no signature after the key ID")
	}
	return Signature{Name: name, ID: binary.BigEndian.Uint32(b), Bytes: b[4:]}, nil
}

// Bytes gives the note as it is published: Parse(n.Bytes()) is n again, for whatever Parse gave.
func (n *Note) Bytes() []byte {
	var b strings.Builder
	b.WriteString(n.Text)
	b.WriteByte('\n')
	for _, s := range n.Signatures {
		b.WriteString(s.String())
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// With gives the note with more signatures behind its own; those it has already are not repeated.
func (n *Note) With(more ...Signature) *Note {
	out := &Note{Text: n.Text, Signatures: n.Signatures[:len(n.Signatures):len(n.Signatures)]}
next:
	for _, s := range more {
		for _, have := range out.Signatures {
			if have.equal(s) {
				continue next
			}
		}
		out.Signatures = append(out.Signatures, s)
	}
	return out
}

// Only gives the note with the signatures of these keys alone, verified or not.
func (n *Note) Only(keys ...Key) *Note {
	out := &Note{Text: n.Text}
	for _, s := range n.Signatures {
		for _, k := range keys {
			if s.Name == k.Name && s.ID == k.ID() {
				out.Signatures = append(out.Signatures, s)
				break
			}
		}
	}
	return out
}

// ValidName says whether a key may have this name: not empty, UTF-8 without spaces of any alphabet, without "+" and
// without control characters.
func ValidName(name string) bool {
	return name != "" && characters(name) == nil && !strings.ContainsFunc(name, func(r rune) bool { return r == '+' || unicode.IsSpace(r) })
}

// characters refuses what no note may contain: what is not UTF-8, and ASCII control characters other than newline.
func characters(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8")
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < 0x20 && r != '\n' }); i >= 0 {
		return fmt.Errorf("control character %#02x", text[i])
	}
	return nil
}

// decode reads base64 in its one spelling: with its padding, without the newlines that encoding/base64 skips.
func decode(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("not base64: it has a newline")
	}
	b, err := encoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	return b, nil
}

func malformed(what, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %w", what, ErrMalformed, fmt.Errorf(format, args...))
}
