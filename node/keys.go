package node

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/internal/signer"
	"github.com/permledger/permledger/internal/synced"
)

// ErrKeyFile says that a key file cannot be used as it is.
var ErrKeyFile = errors.New("key file")

// keyrings are the private keys of the organizations of a node. No ledger gets to see another one's: else an organization
// could name a key of its neighbour as its own, and what the node signs for one would hold for the other. program holds
// those that are not in files; nil: new keys go into files.
type keyrings struct {
	dir     string
	program *signer.Program
	mu      sync.Mutex
	all     map[string]*keys
}

// of gives the keys of an organization, which may have none yet.
func (r *keyrings) of(org string) (*keys, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.all[org]; ok {
		return k, nil
	}
	k, err := openKeys(filepath.Join(r.dir, org), r.program)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", org, err)
	}
	r.all[org] = k
	return k, nil
}

// keys holds what the node signs with in one organization: private keys, a file for each, named after the public key; and
// a file for each that the signer program has, which says its purpose.
type keys struct {
	dir     string
	program *signer.Program // nil: there is none
	mu      sync.RWMutex
	all     map[string]crypto.Signer
	absent  map[string]bool // which a program has, and none was named
}

// openKeys reads the keys in dir; none where it is not there.
func openKeys(dir string, program *signer.Program) (*keys, error) {
	k := &keys{dir: dir, program: program, all: map[string]crypto.Signer{}, absent: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		key, err := ReadKey(f)
		if err != nil {
			return nil, err
		}
		k.all[didkey.Encode(key.Public().(ed25519.PublicKey))] = key
	}
	if files, err = filepath.Glob(filepath.Join(dir, "*"+heldSuffix)); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := k.readHeld(f); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Signer gives what signs with a did:key.
func (k *keys) Signer(did string) (crypto.Signer, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, ok := k.all[did]
	return key, ok
}

// seed gives the seed of a private key that lies in a file.
func (k *keys) seed(did string) ([]byte, bool) {
	key, _ := k.Signer(did)
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, false
	}
	return private.Seed(), true
}

// makeDir makes the directory with the first key, so that a power cut takes neither.
func (k *keys) makeDir() error {
	if err := os.Mkdir(k.dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return synced.Dir(filepath.Dir(k.dir))
}

// own gives the did:keys of the keys, sorted.
func (k *keys) own() []string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Sorted(maps.Keys(k.all))
}

// keep keeps a key; again, it does nothing.
func (k *keys) keep(private ed25519.PrivateKey) error {
	did := didkey.Encode(private.Public().(ed25519.PublicKey))
	if _, ok := k.Signer(did); ok {
		return nil
	}
	if err := k.makeDir(); err != nil {
		return err
	}
	if err := WriteKey(filepath.Join(k.dir, strings.TrimPrefix(did, "did:key:")+".key"), private); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all[did] = private
	return nil
}

// WriteKey writes a private key as PKCS #8 in PEM, for its owner's eyes alone. A file that is there is not replaced.
func WriteKey(path string, key ed25519.PrivateKey) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w %s exists already", ErrKeyFile, path)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return synced.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// ReadKey reads what WriteKey, or `openssl genpkey -algorithm ed25519`, writes. It refuses a file that others can read.
func ReadKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w %s can be read by others (mode %04o); `chmod 600` it", ErrKeyFile, path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%w %s holds no PRIVATE KEY in PEM", ErrKeyFile, path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrKeyFile, path, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w %s holds no Ed25519 key", ErrKeyFile, path)
	}
	return private, nil
}
