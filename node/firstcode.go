package node

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/login"
)

// FirstCodeLife is how long a one-time code works from the first time that the directory is served with it.
const FirstCodeLife = 15 * time.Minute

// Errors of [FirstCodes.Use].
var (
	ErrNoCode    = errors.New("there is no one-time code, or it was used")
	ErrCodeEnded = errors.New("the one-time code has ended")
	ErrCodeWrong = errors.New("this is not the one-time code")
)

// firstCode is DIR/node/first-sign-in: the key of an organization's owner, wrapped with a code that is nowhere else, as a
// password wraps it (package login). Whoever has the code has the key, once, until the code ends: then nothing of it is left.
type firstCode struct {
	Organization string    `json:"organization"`
	Credential   string    `json:"credential"` // did:key
	Wrapped      string    `json:"wrapped"`
	Served       time.Time `json:"served,omitzero"` // from when it counts; zero: it was not served yet
}

func firstCodeFile(dir string) string { return filepath.Join(dir, "node", "first-sign-in") }

// MakeFirstCode makes the one-time code with which the owner of an organization signs in first, and sets a password then. It
// takes the place of one before. The code's time counts from served, or where that is zero from when the directory is served.
//
// A code is 20 characters of 32, which is 100 bits: nobody finds it by trying, not even with the file.
func MakeFirstCode(dir, org string, key ed25519.PrivateKey, served time.Time) (code string, err error) {
	text := rand.Text() // 26 characters of base32
	code = strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:20]}, "-")
	f := firstCode{Organization: org, Credential: didkey.Encode(key.Public().(ed25519.PublicKey)), Served: served}
	if f.Wrapped, err = login.Wrap(key, code); err != nil {
		return "", err
	}
	return code, f.write(dir)
}

func (f *firstCode) write(dir string) error {
	b, err := json.Marshal(f)
	if err == nil {
		err = synced.WriteFile(firstCodeFile(dir), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the one-time code: %w", err)
	}
	return nil
}

// FirstCodes looks after the one-time code of a directory while it is served. It is safe for concurrent use.
type FirstCodes struct {
	dir string
	mu  sync.Mutex
}

// ServeFirstCode begins the time of a one-time code that was not served yet.
func (n *Node) ServeFirstCode(now time.Time) *FirstCodes {
	c := &FirstCodes{dir: n.Dir()}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.read(now) // whoever uses it is told why it cannot be
	return c
}

// read gives the code of the directory. It begins its time, and removes one that has ended.
func (c *FirstCodes) read(now time.Time) (*firstCode, error) {
	b, err := os.ReadFile(firstCodeFile(c.dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoCode
	}
	f := new(firstCode)
	if err == nil {
		err = json.Unmarshal(b, f)
	}
	if err != nil {
		return nil, fmt.Errorf("read the one-time code: %w", err)
	}
	if f.Served.IsZero() {
		f.Served = now.UTC()
		if err := f.write(c.dir); err != nil {
			return nil, err
		}
	}
	if now.Sub(f.Served) >= FirstCodeLife {
		return nil, errors.Join(ErrCodeEnded, c.remove())
	}
	return f, nil
}

func (c *FirstCodes) remove() error {
	if err := os.Remove(firstCodeFile(c.dir)); err != nil {
		return err
	}
	return synced.Dir(filepath.Dir(firstCodeFile(c.dir)))
}

// Use gives the owner's key to whoever has the code. Where use gives no error the code is gone; else it stays as it was. One
// is tried at a time, so that it is used once. Errors are those of use, [ErrNoCode], [ErrCodeEnded], [ErrCodeWrong], or say
// what is wrong with the file.
func (c *FirstCodes) Use(org, code string, now time.Time, use func(ed25519.PrivateKey) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := c.read(now)
	if err != nil || f.Organization != org {
		login.Spend(code)
		if err == nil {
			err = ErrCodeWrong
		}
		return err
	}
	key, err := login.Unwrap(f.Wrapped, f.Credential, strings.ToUpper(strings.TrimSpace(code)))
	if errors.Is(err, login.ErrWrong) {
		return ErrCodeWrong
	}
	if err != nil {
		return fmt.Errorf("read the one-time code: %w", err)
	}
	if err := c.remove(); err != nil { // first: a code that was used is never there again
		return err
	}
	if err := use(key); err != nil {
		return errors.Join(err, f.write(c.dir))
	}
	return nil
}
