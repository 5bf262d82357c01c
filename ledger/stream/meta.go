package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
)

// CheckFiles reads what nats-server keeps of the configuration of org's ledger, before a server may act on it: one that
// was changed can make it delete messages when it starts. Where the files are missing or their checksum is wrong, so that
// the server would not load the stream, it returns a *[BlockError], where the configuration is not what it must be a
// *[ConfigError], where there is no stream [ErrMissing]. Any other error says that something could not be read.
func CheckFiles(storeDir, org string) error {
	i, err := newID(kindLedger, org)
	if err != nil {
		return err
	}
	dir, err := StreamDir(storeDir, i.stream())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stream: check the files of %s: %w", i.stream(), ErrMissing)
	} else if err != nil {
		return fmt.Errorf("stream: check the files of %s: %w", i.stream(), err)
	}
	file := filepath.Join(dir, "meta.inf")
	meta, err := os.ReadFile(file)
	var sum []byte
	if err == nil {
		sum, err = os.ReadFile(filepath.Join(dir, "meta.sum"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &BlockError{File: file, Reason: "the stream's configuration or its checksum is missing"}
	}
	if err != nil {
		return fmt.Errorf("stream: check the files of %s: %w", i.stream(), err)
	}
	key := sha256.Sum256([]byte(i.stream()))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		return fmt.Errorf("stream: check the files of %s: %w", i.stream(), err)
	}
	h.Write(meta)
	var have members
	if hex.EncodeToString(h.Sum(nil)) != strings.TrimSpace(string(sum)) || json.Unmarshal(meta, &have) != nil {
		return &BlockError{File: file, Reason: "the checksum of the stream's configuration is wrong"}
	}
	delete(have, "Created")
	return checkConfig(config(i, 0, 1), have)
}
