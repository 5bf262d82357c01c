// Package private keeps the words that a ledger only holds commitments to: reasons, display names, e-mail addresses.
// They are personal data, so they can be erased, and the ledger still verifies: an entry holds SHA-256 over a salt and
// the text, this store holds salt and text.
//
// The store of one organization is a file of JSON lines, {"commitment":…,"salt":…,"text":…}, base64url without padding.
// A text is synced here before the entry that commits to it is written anywhere. Whoever can read the file can read the
// texts; whoever changes it is found out, for the commitment no longer fits; whoever deletes it erases.
package private

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/internal/synced"
)

// A Text is a private text and the salt of its commitment.
type Text struct {
	Salt [32]byte
	Text string
}

// New salts a text.
func New(text string) Text {
	t := Text{Text: text}
	rand.Read(t.Salt[:]) // never fails: crypto/rand ends the process instead
	return t
}

// Commitment gives what entries say of the text.
func (t Text) Commitment() events.Digest { return events.Commit(t.Salt, t.Text) }

// ErrBroken says that a text could not be written and synced; nothing more is written until the store is opened again.
var ErrBroken = errors.New("private texts cannot be written")

// Store holds the texts of one organization. It is safe for concurrent use.
type Store struct {
	path string

	mu      sync.RWMutex
	texts   map[events.Digest]Text
	erased  map[events.Digest]struct{} // for ever: see Erase
	damaged [][]byte                   // lines that fit no commitment, as they stand in the file
	f       *os.File
	broken  error
}

type line struct {
	Commitment string `json:"commitment"`
	Salt       string `json:"salt"`
	Text       string `json:"text"`
}

var b64 = base64.RawURLEncoding

// Open reads the store at path, and makes it where there is none. A last line that a crash cut off is dropped, and lines of
// which a power cut left zeros are passed over, for it keeps the pages of a write in any order: no entry commits to a text
// whose line was not synced whole. Any other line that does not fit its commitment counts as damaged.
func Open(path string) (*Store, error) {
	s := &Store{path: path, erased: map[events.Digest]struct{}{}}
	var whole int
	var err error
	keep := func(line []byte, _ error) error {
		s.damaged = append(s.damaged, bytes.Clone(line))
		return nil
	}
	if s.texts, whole, err = read(path, keep); err != nil {
		return nil, err
	}
	if s.f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("private texts: %w", err)
	}
	if err := errors.Join(s.f.Truncate(int64(whole)), seekEnd(s.f), s.f.Sync(), synced.Dir(filepath.Dir(path))); err != nil {
		s.f.Close()
		return nil, fmt.Errorf("private texts: %w", err)
	}
	return s, nil
}

// Read gives the texts of the store at path, none where there is no store, and changes nothing. A line that does not fit
// its commitment is an error.
func Read(path string) (map[events.Digest]Text, error) {
	texts, _, err := read(path, func(_ []byte, err error) error { return err })
	return texts, err
}

// Look is Read that tolerates lines that fit no commitment, and says how many there are.
func Look(path string) (texts map[events.Digest]Text, damaged int, err error) {
	texts, _, err = read(path, func([]byte, error) error { damaged++; return nil })
	return texts, damaged, err
}

// Mend writes the store at path anew with the lines that fit their commitments, and keeps the file as it was at kept. It is
// for a store that nobody has open, and can be repeated after an error.
func Mend(path, kept string) error {
	texts, _, err := read(path, func([]byte, error) error { return nil })
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, t := range texts {
		write(&b, t)
	}
	f, err := replacement(path, b.Bytes(), func() error { return os.Link(path, kept) })
	if err == nil {
		err = errors.Join(f.Close(), synced.Dir(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("mend private texts: %w", err)
	}
	return nil
}

// Lines gives texts as a store's file holds them, in the order of their commitments.
func Lines(texts map[events.Digest]Text) []byte {
	var b bytes.Buffer
	for _, c := range slices.SortedFunc(maps.Keys(texts), func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		write(&b, texts[c])
	}
	return b.Bytes()
}

// replacement puts a synced file in the place of the store at path, after what has to be done before that.
func replacement(path string, content []byte, before func() error) (*os.File, error) {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync()); err == nil {
		err = before()
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// read gives the texts and how many bytes of the file are whole lines. damaged is asked about each line that fits no
// commitment.
func read(path string, damaged func(line []byte, err error) error) (texts map[events.Digest]Text, whole int, err error) {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("private texts: %w", err)
	}
	texts = map[events.Digest]Text{}
	whole = bytes.LastIndexByte(content, '\n') + 1
	for whole > 0 {
		from := bytes.LastIndexByte(content[:whole-1], '\n') + 1
		if bytes.IndexByte(content[from:whole], 0) < 0 {
			break
		}
		whole = from
	}
	scan := bufio.NewScanner(bytes.NewReader(content[:whole]))
	scan.Buffer(nil, 1<<20)
	for n := 1; scan.Scan(); n++ {
		if bytes.IndexByte(scan.Bytes(), 0) >= 0 { // JSON has no zero bytes: it was never written whole
			continue
		}
		t, commitment, err := parse(scan.Bytes())
		if err != nil {
			if err := damaged(scan.Bytes(), fmt.Errorf("private texts: %s, line %d: %w", filepath.Base(path), n, err)); err != nil {
				return nil, 0, err
			}
			continue
		}
		texts[commitment] = t
	}
	if err := scan.Err(); err != nil {
		return nil, 0, fmt.Errorf("private texts: %w", err)
	}
	return texts, whole, nil
}

func parse(b []byte) (Text, events.Digest, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return Text{}, events.Digest{}, errors.New("not a line of this store")
	}
	salt, err1 := b64.DecodeString(l.Salt)
	commitment, err2 := b64.DecodeString(l.Commitment)
	if err1 != nil || err2 != nil || len(salt) != 32 || len(commitment) != 32 {
		return Text{}, events.Digest{}, errors.New("not a line of this store")
	}
	t := Text{Salt: [32]byte(salt), Text: l.Text}
	if t.Commitment() != events.Digest(commitment) {
		return Text{}, events.Digest{}, errors.New("the text does not fit its commitment")
	}
	return t, events.Digest(commitment), nil
}

func seekEnd(f *os.File) error {
	_, err := f.Seek(0, 2)
	return err
}

// Damaged says how many lines of the file fit no commitment.
func (s *Store) Damaged() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.damaged)
}

// Put stores texts. When it returns nil they are synced. A text that was erased is not stored again, whoever brings it.
func (s *Store) Put(texts []Text) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts = slices.DeleteFunc(slices.Clone(texts), func(t Text) bool {
		_, gone := s.erased[t.Commitment()]
		return gone
	})
	if len(texts) == 0 {
		return nil
	}
	if s.broken != nil {
		return s.broken
	}
	var b bytes.Buffer
	for _, t := range texts {
		write(&b, t)
	}
	_, err := s.f.Write(b.Bytes())
	if err == nil {
		err = s.f.Sync()
	}
	if err != nil {
		s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return s.broken
	}
	for _, t := range texts {
		s.texts[t.Commitment()] = t
	}
	return nil
}

func write(b *bytes.Buffer, t Text) {
	c := t.Commitment()
	enc := json.NewEncoder(b) // ends the line
	enc.SetEscapeHTML(false)
	// A struct of three strings always encodes.
	_ = enc.Encode(line{b64.EncodeToString(c[:]), b64.EncodeToString(t.Salt[:]), t.Text})
}

// Get gives the text of a commitment; false where it was erased, or never was here.
func (s *Store) Get(commitment events.Digest) (Text, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, ok := s.texts[commitment]
	return t, ok
}

// Erased says whether the text of a commitment was erased by this store, and so is missing on purpose.
func (s *Store) Erased(commitment events.Digest) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, gone := s.erased[commitment]
	return gone
}

// Erase removes texts for good: the file is written anew without them and synced. It says how many there were. None of
// them is stored again while the store is open: whoever opens it again says again what is erased.
func (s *Store) Erase(commitments ...events.Digest) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	erased := 0
	for _, c := range commitments {
		s.erased[c] = struct{}{}
		if _, here := s.texts[c]; here {
			erased++
		}
	}
	if erased == 0 {
		return 0, nil
	}
	if s.broken != nil {
		return 0, s.broken
	}
	left := make(map[events.Digest]Text, len(s.texts)-erased)
	for c, t := range s.texts {
		if _, gone := s.erased[c]; !gone {
			left[c] = t
		}
	}
	var b bytes.Buffer
	for _, t := range left {
		write(&b, t)
	}
	for _, line := range s.damaged { // somebody may still read them
		b.Write(append(line, '\n'))
	}
	f, err := replacement(s.path, b.Bytes(), func() error { return nil })
	if err != nil {
		return 0, fmt.Errorf("erase private texts: %w", err)
	}
	s.f.Close()
	s.f, s.texts = f, left
	if err := synced.Dir(filepath.Dir(s.path)); err != nil {
		s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return erased, s.broken
	}
	return erased, nil
}

// Close closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = fmt.Errorf("%w: the store is closed", ErrBroken)
	return s.f.Close()
}
