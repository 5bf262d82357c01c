package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// Head says how far a ledger had come when it was last stored: the ledger has at least Position entries, of which
// the last has this CID, and all of which have this Merkle root.
type Head struct {
	Position uint64   // at least 1
	CID      string   // 1 to 128 printable ASCII characters, no space
	Root     [32]byte // of the tree of Position entries
	Snapshot [32]byte // digest of the file with the state and the projections; zero: none
}

// ErrHead refuses to store a head that could not be read back: see the fields of [Head].
var ErrHead = errors.New("not a head")

func (h Head) check() error {
	if h.Position == 0 {
		return fmt.Errorf("%w: position 0", ErrHead)
	}
	if len(h.CID) == 0 || len(h.CID) > maxCID {
		return fmt.Errorf("%w: CID of %d bytes", ErrHead, len(h.CID))
	}
	for _, c := range []byte(h.CID) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("%w: CID with byte %#x", ErrHead, c)
		}
	}
	return nil
}

// follows returns a *HeadConflictError if h must not come after the head have.
func (h Head) follows(have Head) error {
	if h.Position < have.Position || h.Position == have.Position && (h.CID != have.CID || h.Root != have.Root) {
		return &HeadConflictError{Have: have, Want: h}
	}
	return nil
}

// HeadFile keeps a [Head] in a file of 8,192 bytes with two slots, each of 512 bytes at the beginning of its own 4,096.
// A store writes the slot that does not hold the current head, and syncs it; so a power cut spoils at most the head
// that was just being stored. Slots have generation and checksum, see the format at their encoding.
//
// It stands outside the store whose head it records, so that an old copy of the store is noticed. It never goes
// backwards. An old copy of the file itself only somebody else can notice, who remembers a later head.
//
// Methods are safe for concurrent use. No file is open between two calls.
type HeadFile struct {
	path string
	disk disk

	mu      sync.Mutex
	current slot // as last synced
	broken  error
}

// OpenHead opens the head record at path. With create it makes an empty one where there is none, else that is
// ErrMissing. A file without one good slot is a [*DamageError], and so is one with two that cannot follow each other.
func OpenHead(path string, create bool) (*HeadFile, error) { return openHead(path, create, osDisk) }

// openHead syncs the file before it trusts it, or copies it if a sync failed before; see Open.
func openHead(path string, create bool, d disk) (*HeadFile, error) {
	found, err := exists(path)
	if err == nil && !found && !create {
		err = ErrMissing
	}
	if err == nil && !found {
		b := make([]byte, headSize)
		copy(b, slot{generation: 0}.encode())
		copy(b[slotStride:], slot{generation: 1}.encode())
		err = d.replace(path, bytes.NewReader(b))
	}
	marker := path + "." + markerName
	if err == nil {
		found, err = exists(marker)
	}
	if err == nil && found {
		err = d.rewrite(path, marker)
	}
	if err != nil {
		return nil, fmt.Errorf("journal: open head %s: %w", path, err)
	}
	current, err := readHead(path)
	if err != nil {
		return nil, err
	}
	f, err := d.open(path, os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("journal: open head: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		d.mark(marker)
		return nil, fmt.Errorf("journal: open head: %w: %w", ErrBroken, err)
	}
	return &HeadFile{path: path, disk: d, current: current}, nil
}

// ReadHead reads a head record without changing or syncing anything; false: none was stored yet. Errors are those of
// [OpenHead].
func ReadHead(path string) (Head, bool, error) {
	s, err := readHead(path)
	return s.head, s.head.Position > 0, err
}

func readHead(path string) (slot, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w", path, ErrMissing)
	}
	if err != nil {
		return slot{}, fmt.Errorf("journal: read head: %w", err)
	}
	s, err := newest(path, b)
	if err != nil {
		return slot{}, fmt.Errorf("journal: read head: %w", err)
	}
	return s, nil
}

// Load returns the head last stored, and false if none was. It reads the file, and returns a [*DamageError] if that no
// longer holds this head: someone else has changed it. After a failed store it gives the head before from memory.
func (h *HeadFile) Load() (Head, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken == nil {
		s, err := readHead(h.path)
		if err != nil {
			return Head{}, false, err
		}
		if s != h.current {
			return Head{}, false, fmt.Errorf("journal: read head: %w", &DamageError{File: h.path, Reason: fmt.Sprintf(
				"generation %d at position %d was stored, generation %d at position %d is there",
				h.current.generation, h.current.head.Position, s.generation, s.head.Position)})
		}
	}
	return h.current.head, h.current.head.Position > 0, nil
}

// Store records a head; when it returns nil that is synced. It refuses with [*HeadConflictError] one that goes back, or
// has another CID or root at the same position, and does nothing if all of it is on record already.
//
// An error that is not ErrBroken leaves everything as it was. After a failed write or sync the head before is the one on
// record, though the next start may find the new one, and this and every later Store returns ErrBroken with the first
// cause.
func (h *HeadFile) Store(head Head) error {
	if err := head.check(); err != nil {
		return fmt.Errorf("journal: store head: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return fmt.Errorf("journal: store head: %w: %w", ErrBroken, h.broken)
	}
	if err := head.follows(h.current.head); err != nil {
		return fmt.Errorf("journal: store head: %w", err)
	}
	if head == h.current.head {
		return nil
	}
	f, err := h.disk.open(h.path, os.O_RDWR)
	if err != nil {
		return fmt.Errorf("journal: store head: %w", err)
	}
	defer f.Close() // after a sync it has nothing to tell
	next := slot{generation: h.current.generation + 1, head: head}
	if _, h.broken = f.WriteAt(next.encode(), int64(next.generation%2)*slotStride); h.broken == nil {
		if h.broken = f.Sync(); h.broken != nil {
			h.disk.mark(h.path + "." + markerName)
		}
	}
	if h.broken != nil {
		return fmt.Errorf("journal: store head: %w: %w", ErrBroken, h.broken)
	}
	h.current = next
	return nil
}
