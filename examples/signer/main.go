// Command signer is an example of a program that holds the private keys of a ledger, so that permledger itself never has
// them: docs/keys.md has the protocol, and `permledger serve --signer "signer DIR"` uses it. It keeps each key in a file of
// its own in DIR, which only its user can read, and signs with a key only for the purpose that it was made for. A real one
// would ask an HSM instead.
package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/permledger/permledger/events/didkey"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: signer DIR")
		os.Exit(2)
	}
	k, err := open(os.Args[1])
	if err == nil {
		err = k.serve(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "signer:", err)
		os.Exit(1)
	}
}

// A request asks for one thing.
type request struct {
	Keys    bool   `json:"keys"`
	Make    string `json:"make"`
	Sign    []byte `json:"sign"` // base64
	Key     string `json:"key"`
	Purpose string `json:"purpose"`
}

type answer struct {
	Keys      []string `json:"keys,omitempty"`
	Key       string   `json:"key,omitempty"`
	Signature []byte   `json:"signature,omitempty"` // base64
	Error     string   `json:"error,omitempty"`
}

type held struct {
	purpose string
	private ed25519.PrivateKey
}

type keys struct {
	dir string
	all map[string]held // by did:key
}

// open reads the keys in dir, whose files are named PURPOSE.KEY.pem.
func open(dir string) (*keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	k := &keys{dir, map[string]held{}}
	return k, k.read()
}

// read takes in what another process has made since, too.
func (k *keys) read() error {
	files, err := filepath.Glob(filepath.Join(k.dir, "*.pem"))
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(b)
		if block == nil {
			return fmt.Errorf("%s holds no key", file)
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		private, ok := key.(ed25519.PrivateKey)
		if err != nil || !ok {
			return fmt.Errorf("%s holds no Ed25519 key", file)
		}
		purpose, _, _ := strings.Cut(filepath.Base(file), ".")
		k.all[didkey.Encode(private.Public().(ed25519.PublicKey))] = held{purpose, private}
	}
	return nil
}

// serve answers each line with a line, until there are no more.
func (k *keys) serve(in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q request
		a := answer{}
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			a.Error = "not a request: " + err.Error()
		} else if a, err = k.answer(q); err != nil {
			a = answer{Error: err.Error()}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (k *keys) answer(q request) (a answer, err error) {
	switch {
	case q.Keys:
		if err := k.read(); err != nil {
			return a, err
		}
		for did := range k.all {
			a.Keys = append(a.Keys, did)
		}
	case q.Make != "":
		a.Key, err = k.make(q.Make)
	case q.Key != "":
		h, ok := k.all[q.Key]
		if !ok {
			if err := k.read(); err != nil {
				return a, err
			}
			h, ok = k.all[q.Key]
		}
		if !ok || h.purpose != q.Purpose {
			return a, fmt.Errorf("there is no key %s for %q here", q.Key, q.Purpose)
		}
		a.Signature = ed25519.Sign(h.private, q.Sign)
	default:
		err = fmt.Errorf("nothing is asked for")
	}
	return a, err
}

// make makes a key and keeps it, synced, before anybody hears of it.
func (k *keys) make(purpose string) (string, error) {
	if purpose != filepath.Base(purpose) || strings.Contains(purpose, ".") {
		return "", fmt.Errorf("%q is no purpose", purpose)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	did := didkey.Encode(public)
	name := filepath.Join(k.dir, purpose+"."+strings.TrimPrefix(did, "did:key:")+".pem")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	dir, err := os.Open(k.dir)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return "", err
	}
	k.all[did] = held{purpose, private}
	return did, nil
}
