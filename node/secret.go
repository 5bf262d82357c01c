package node

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/internal/synced"
)

// A secret seals what the nodes of a cluster tell each other through NATS: records and private texts. AES-256-GCM; the
// nonce is an HMAC of name and content, so that the same content under the same name has the same bytes, and no nonce
// serves two contents.
type secret struct {
	aead  cipher.AEAD
	nonce []byte // key of the HMAC
}

// secretFile is what node/cluster.key holds. Who has it can read what the cluster shares, and have a key of its own
// registered to write with.
type secretFile struct {
	Host   string `json:"host"` // of the cluster's ledgers
	Secret string `json:"secret"`
}

// ErrSecret says that something was not sealed with this cluster's secret.
var ErrSecret = errors.New("not sealed with the secret of this cluster")

func secretPath(dir string) string { return filepath.Join(dir, "node", "cluster.key") }

// makeSecret makes the secret of a new cluster.
func makeSecret(dir, host string) error {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return secretFile{host, base64.RawURLEncoding.EncodeToString(b)}.write(dir)
}

func (f secretFile) write(dir string) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return synced.WriteFile(secretPath(dir), append(b, '\n'), 0o600)
}

// readSecret reads a file that makeSecret wrote. It refuses one that others can read.
func readSecret(path string) (secretFile, *secret, error) {
	var f secretFile
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil, fmt.Errorf("%w: the cluster's secret %s is missing; copy it from another node", ErrKeyFile, path)
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%w %s can be read by others (mode %04o); `chmod 600` it", ErrKeyFile, path, info.Mode().Perm())
	}
	if err != nil {
		return f, nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return f, nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, nil, fmt.Errorf("%w: %s is no cluster's secret", ErrKeyFile, path)
	}
	key, err := base64.RawURLEncoding.DecodeString(f.Secret)
	if err != nil || len(key) != 32 {
		return f, nil, fmt.Errorf("%w: %s is no cluster's secret", ErrKeyFile, path)
	}
	s, err := newSecret(key)
	return f, s, err
}

func newSecret(key []byte) (*secret, error) {
	seal, err1 := hkdf.Key(sha256.New, key, nil, "permledger cluster seal", 32)
	nonce, err2 := hkdf.Key(sha256.New, key, nil, "permledger cluster nonce", 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &secret{aead, nonce}, err
}

// seal gives v as JSON that only the cluster's nodes can read, and only under that name.
func (s *secret) seal(name string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, s.nonce)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
	mac.Write([]byte(name))
	mac.Write(plain)
	nonce := mac.Sum(nil)[:s.aead.NonceSize()]
	return s.aead.Seal(nonce, nonce, plain, []byte(name)), nil
}

// open is the inverse of seal.
func (s *secret) open(name string, sealed []byte, v any) error {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return ErrSecret
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil {
		return ErrSecret
	}
	return json.Unmarshal(plain, v)
}
