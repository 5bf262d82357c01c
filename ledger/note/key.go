package note

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/permledger/permledger/events/didkey"
)

// The kinds of keys, which are the signature types of signed-note.
const (
	KindLog     = 0x01 // Ed25519 over the text
	KindWitness = 0x04 // Ed25519 cosignature/v1: over a header, a time and the text
)

// maxTime is the last second that has a year of four digits: later times no cosignature can have in earnest, and they
// could not be written as JSON.
const maxTime = 253402300799

// Key verifies signatures of notes. Whoever signs is known by name and key together.
type Key struct {
	Name   string
	Kind   byte
	Public ed25519.PublicKey
}

// LogKey gives the key with which a log signs its checkpoints: it has the log's origin for a name.
func LogKey(origin string, public ed25519.PublicKey) Key {
	return Key{Name: origin, Kind: KindLog, Public: public}
}

// WitnessKey gives the key with which a witness cosigns checkpoints.
func WitnessKey(name string, public ed25519.PublicKey) Key {
	return Key{Name: name, Kind: KindWitness, Public: public}
}

// ID gives the key ID: what finds the key's signatures in a note.
func (k Key) ID() uint32 {
	h := sha256.New()
	h.Write([]byte(k.Name))
	h.Write([]byte{'\n', k.Kind})
	h.Write(k.Public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// String gives the key as a vkey: name+ID+base64(kind || public key).
func (k Key) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.ID(), encoding.EncodeToString(append([]byte{k.Kind}, k.Public...)))
}

// Equal says whether two keys are the same: name, kind and bytes.
func (k Key) Equal(other Key) bool {
	return k.Name == other.Name && k.Kind == other.Kind && k.Public.Equal(other.Public)
}

// ParseKey reads a vkey of a log or of a witness. It refuses other kinds, and keys with which anybody could sign.
func ParseKey(vkey string) (Key, error) {
	name, rest, ok := strings.Cut(vkey, "+")
	id, text, ok2 := strings.Cut(rest, "+")
	if !ok || !ok2 || !ValidName(name) {
		return Key{}, malformed("vkey", "want name+ID+key")
	}
	b, err := decode(text)
	if err != nil {
		return Key{}, malformed("vkey", "%v", err)
	}
	if len(b) == 0 || b[0] != KindLog && b[0] != KindWitness {
		return Key{}, malformed("vkey", "only Ed25519 keys of kind 1 (logs) and 4 (witnesses) are known")
	}
	k := Key{Name: name, Kind: b[0], Public: ed25519.PublicKey(b[1:])}
	if err := k.check(); err != nil {
		return Key{}, malformed("vkey", "%v", err)
	}
	if want := fmt.Sprintf("%08x", k.ID()); id != want {
		return Key{}, malformed("vkey", "its ID is %q, and of this name and key would be %s", id, want)
	}
	return k, nil
}

func (k Key) check() error {
	if len(k.Public) != ed25519.PublicKeySize {
		return fmt.Errorf("the key has %d bytes; want %d", len(k.Public), ed25519.PublicKeySize)
	}
	// A point of small order would verify anything; did:key is where such keys are known.
	_, err := didkey.Parse(didkey.Encode(k.Public))
	return err
}

// Sign signs the text of a note as a log does, and looks whether the signature verifies before it gives it away: signers
// may be other programs. The name is the log's origin.
func Sign(text, name string, signer crypto.Signer) (Signature, error) {
	return sign(text, name, KindLog, signer, 0)
}

// Cosign signs a checkpoint's text as a witness does: at this time, the largest consistent tree of this origin that it
// has seen was this. The time counts in whole seconds.
func Cosign(text, name string, signer crypto.Signer, at time.Time) (Signature, error) {
	if _, err := ParseCheckpoint(text); err != nil {
		return Signature{}, fmt.Errorf("cosign: %w", err)
	}
	if at.Unix() < 0 || at.Unix() > maxTime {
		return Signature{}, fmt.Errorf("cosign: the time %v cannot be written", at)
	}
	return sign(text, name, KindWitness, signer, uint64(at.Unix()))
}

func sign(text, name string, kind byte, signer crypto.Signer, at uint64) (Signature, error) {
	if !strings.HasSuffix(text, "\n") || characters(text) != nil {
		return Signature{}, malformed("text to sign", "it does not end with a newline, or has other characters than a note may have")
	}
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return Signature{}, fmt.Errorf("sign a note: the signer has a %T; want an Ed25519 key", signer.Public())
	}
	if !ValidName(name) {
		return Signature{}, fmt.Errorf("sign a note: no key may have the name %q", name)
	}
	k := Key{Name: name, Kind: kind, Public: public}
	b, err := signer.Sign(nil, k.message(text, at), crypto.Hash(0))
	if err != nil {
		return Signature{}, fmt.Errorf("sign a note: %w", err)
	}
	if kind == KindWitness {
		b = append(binary.BigEndian.AppendUint64(nil, at), b...)
	}
	if _, ok := k.verify(text, b); !ok {
		return Signature{}, fmt.Errorf("sign a note: %w: the signer gave bytes that its own key %s refuses", ErrBadSignature, k)
	}
	return Signature{Name: name, ID: k.ID(), Bytes: b}, nil
}

// message gives the bytes under a signature.
func (k Key) message(text string, at uint64) []byte {
	if k.Kind == KindWitness {
		return []byte("cosignature/v1\ntime " + strconv.FormatUint(at, 10) + "\n" + text)
	}
	return []byte(text)
}

func (k Key) verify(text string, b []byte) (at time.Time, ok bool) {
	var seconds uint64
	switch k.Kind {
	case KindLog:
	case KindWitness:
		// A cosignature is one of a checkpoint: over another text it says nothing.
		if _, err := ParseCheckpoint(text); err != nil || len(b) < 8 {
			return time.Time{}, false
		}
		if seconds = binary.BigEndian.Uint64(b); seconds > maxTime {
			return time.Time{}, false
		}
		b, at = b[8:], time.Unix(int64(seconds), 0).UTC()
	default:
		return time.Time{}, false
	}
	if k.check() != nil || len(b) != ed25519.SignatureSize || !ed25519.Verify(k.Public, k.message(text, seconds), b) {
		return time.Time{}, false
	}
	return at, true
}

// Verify says whether the key signed the note: [ErrUnsigned] if it has no signature under its name and ID, and
// [ErrBadSignature] if any of these does not verify. Of a witness it gives the time of its cosignature, the latest where
// there are several.
func (n *Note) Verify(k Key) (at time.Time, err error) {
	id, signed := k.ID(), false
	for _, s := range n.Signatures {
		if s.Name != k.Name || s.ID != id {
			continue
		}
		t, ok := k.verify(n.Text, s.Bytes)
		if !ok {
			return time.Time{}, fmt.Errorf("%w: of %s", ErrBadSignature, k)
		}
		if signed = true; t.After(at) {
			at = t
		}
	}
	if !signed {
		return time.Time{}, fmt.Errorf("%w: %s", ErrUnsigned, k)
	}
	return at, nil
}
