package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/internal/synced"
)

// heldSuffix ends the names of files which say that the signer program has a key. A file holds the key's purpose.
const heldSuffix = ".held"

// ErrSigner says that there is no signer program, and something needs one.
var ErrSigner = errors.New("no signer program is named: say --signer COMMAND, or set PERMLEDGER_SIGNER")

// readHeld takes in a key that the signer program has.
func (k *keys) readHeld(file string) error {
	purpose, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	did := "did:key:" + strings.TrimSuffix(filepath.Base(file), heldSuffix)
	if _, err := didkey.Parse(did); err != nil {
		return fmt.Errorf("%w %s: its name is no key's", ErrKeyFile, file)
	}
	if k.program == nil { // what is recorded can be read without it
		k.absent[did] = true
		return nil
	}
	return k.take(did, strings.TrimSpace(string(purpose)))
}

// take has the program sign with one of its keys.
func (k *keys) take(did, purpose string) error {
	key, err := k.program.Key(did, purpose)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all[did] = key
	return nil
}

// hold notes that the program has a key, for a purpose in this organization; again, it does nothing.
func (k *keys) hold(did, purpose string) error {
	if k.program == nil {
		return ErrSigner
	}
	if _, ok := k.Signer(did); ok {
		return nil
	}
	if err := k.makeDir(); err != nil {
		return err
	}
	if err := synced.WriteFile(filepath.Join(k.dir, strings.TrimPrefix(did, "did:key:")+heldSuffix), []byte(purpose+"\n"), 0o600); err != nil {
		return err
	}
	return k.take(did, purpose)
}

// makeKey makes a key for a purpose in an organization, keeps it, and gives its did:key. The signer program makes it where
// there is one.
func (r *keyrings) makeKey(org, purpose string) (string, error) {
	k, err := r.of(org)
	if err != nil {
		return "", err
	}
	if r.program == nil {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return "", err
		}
		return didkey.Encode(public), k.keep(private)
	}
	did, err := r.program.Make(purpose)
	if err != nil {
		return "", err
	}
	return did, r.hold(org, did, purpose)
}

// hold notes that the signer program has a key of an organization. It refuses one that another organization here has.
func (r *keyrings) hold(org, did, purpose string) error {
	k, err := r.of(org)
	if err != nil {
		return err
	}
	others, err := filepath.Glob(filepath.Join(r.dir, "*", strings.TrimPrefix(did, "did:key:")+".*"))
	if err != nil {
		return err
	}
	for _, f := range others {
		if filepath.Dir(f) != k.dir {
			return fmt.Errorf("%w: %s is a key of %s", ErrKeyFile, did, filepath.Base(filepath.Dir(f)))
		}
	}
	return k.hold(did, purpose)
}

// NewKey makes a key that the node can sign with in an open organization, and gives its did:key. [ErrNoOrganization] where
// none of that name is open.
func (n *Node) NewKey(org, purpose string) (string, error) {
	if _, err := n.Org(org); err != nil {
		return "", err
	}
	return n.keys.makeKey(org, purpose)
}

// HoldKey has the node sign with a key that the signer program says it has, in an open organization: one that was made
// there. In a cluster the other nodes are told of one for documents or checkpoints.
func (n *Node) HoldKey(ctx context.Context, org, did, purpose string) error {
	if _, err := n.Org(org); err != nil {
		return err
	}
	if n.keys.program == nil {
		return ErrSigner
	}
	have, err := n.keys.program.Keys()
	if err != nil {
		return err
	}
	if !slices.Contains(have, did) {
		return fmt.Errorf("%w: the signer program does not have %s", ErrKeyFile, did)
	}
	if err := n.keys.hold(org, did, purpose); err != nil || n.cluster == nil || !shares(purpose) {
		return err
	}
	return n.shareKey(ctx, org, did, purpose)
}
