package cli

import (
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/node"
)

// mainOrganization is the one that init opens; its owner's key has the short name.
const mainOrganization = "main"

// ownerKeyFile says where the key of an organization's owner lies, until it is kept elsewhere.
func ownerKeyFile(dir, org string) string {
	name := org + ".owner.key"
	switch org {
	case mainOrganization:
		name = "owner.key"
	case node.Operator:
		name = "operator-owner.key"
	}
	return filepath.Join(dir, "keys", name)
}

func rootKeyFile(dir, org string) string { return filepath.Join(dir, "keys", org+".root.key") }

func operatorKeyFile(dir string) string { return filepath.Join(dir, "keys", "operator.key") }

// signingKey reads the key that signs what is changed in an organization.
func (a *app) signingKey(org string) (crypto.Signer, error) {
	file := a.keyNamed()
	if strings.HasPrefix(file, didkey.Prefix) {
		return a.heldKey(file)
	}
	if file == "" && a.data == "" && a.tokenFile == "" && isAPIKey(a.p.Env("PERMLEDGER_TOKEN")) {
		file = a.p.Env("PERMLEDGER_TOKEN")
	}
	if isAPIKey(file) {
		key, err := secret.Parse(secret.APIKey, file)
		if err != nil {
			return nil, exit(exitDenied, "read the key to sign with: %w", err)
		}
		return key.Key(), nil
	}
	if file == "" && a.data == "" {
		return nil, exit(exitDenied, "no key to sign with: say --key FILE, or set PERMLEDGER_KEY")
	}
	if file == "" {
		file = ownerKeyFile(a.data, org)
	}
	key, err := node.ReadKey(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(a.data, "orgs", org)); a.data != "" && file == ownerKeyFile(a.data, org) && errors.Is(err, fs.ErrNotExist) {
			return nil, exit(exitNotFound, "there is no organization %s in %s, nor a key to sign with at %s; `permledger org ls` lists them", org, a.data, file)
		}
		return nil, exit(exitDenied, "no key to sign with at %s: say --key FILE, or set PERMLEDGER_KEY", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key to sign with: %w", err)
	}
	return key, nil
}

// heldKey gives a key that the signer program has.
func (a *app) heldKey(did string) (crypto.Signer, error) {
	p, err := a.signer.open(a)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, usage("--key %s: which program has this key? Say --signer COMMAND, or set PERMLEDGER_SIGNER; else name a file", did)
	}
	key, err := p.Key(did, cmp.Or(a.signs, events.PurposeCredential))
	if err != nil {
		return nil, fmt.Errorf("read the key to sign with: %w", err)
	}
	return key, nil
}

// didOf names the public key of what signs.
func didOf(key crypto.Signer) string { return didkey.Encode(key.Public().(ed25519.PublicKey)) }

// keyAt reads a key, or makes it where there is none: opening an organization can be done again after it was
// interrupted, with the same keys.
func keyAt(path string) (ed25519.PrivateKey, error) {
	key, err := node.ReadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	return newKeyAt(path)
}

// A madeKey is a key that is not kept yet, and the file where it will be.
type madeKey struct {
	file string
	key  ed25519.PrivateKey
	text string // what is kept of it, where that is one line
}

// makeKey makes a key that a change puts into the ledger, and gives its did:key. The change keeps it.
func (a *app) makeKey(file string) (string, error) {
	if _, err := os.Lstat(file); err == nil {
		return "", usage("--new-key %s: the file is there already", file)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	a.made = &madeKey{file: file, key: key}
	return didOf(key), nil
}

func (m *madeKey) keep() error {
	if err := os.MkdirAll(filepath.Dir(m.file), 0o700); err != nil {
		return err
	}
	if m.text == "" {
		return node.WriteKey(m.file, m.key)
	}
	return writeNew(m.file, []byte(m.text+"\n"))
}

func (m *madeKey) drop() error { return os.Remove(m.file) }

// newKeyAt makes a key and keeps it in a file that is not there yet.
func newKeyAt(path string) (ed25519.PrivateKey, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, node.WriteKey(path, key)
}
