package backup

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
)

// erasing notes the commitments that an entry erases.
func erasing(raw []byte, erased map[events.Digest]bool) error {
	link, err := chain.Glance(raw)
	if err != nil {
		return err
	}
	if !bytes.Contains(link.Schema, []byte((*events.SubjectErased)(nil).Type())) {
		return nil
	}
	en, err := chain.Parse(raw)
	if err != nil {
		return err
	}
	if d, ok := en.Event.Data.(*events.SubjectErased); ok {
		for _, t := range d.Texts {
			erased[t] = true
		}
	}
	return nil
}

const erasedFile = "erased"

func (c *copying) erasedBefore() (map[events.Digest]bool, error) {
	erased := map[events.Digest]bool{}
	if c.old.Position == 0 {
		return erased, nil
	}
	b, err := os.ReadFile(c.path(erasedFile))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		d, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(line, "\n"))
		if err != nil || len(d) != len(events.Digest{}) {
			return nil, fmt.Errorf("%w: %s", ErrDamaged, erasedFile)
		}
		erased[events.Digest(d)] = true
	}
	return erased, nil
}

// texts copies the private texts that are not erased. A text that was erased after the last run is gone from the backup with
// this one, for the file is put in the place of the one before.
func (c *copying) texts(erased map[events.Digest]bool) error {
	texts, _, err := private.Look(filepath.Join(c.from, "private"))
	if err != nil {
		return err
	}
	maps.DeleteFunc(texts, func(d events.Digest, _ private.Text) bool { return erased[d] })
	var gone strings.Builder
	for _, d := range slices.SortedFunc(maps.Keys(erased), func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		gone.WriteString(base64.RawURLEncoding.EncodeToString(d[:]) + "\n")
	}
	return errors.Join(c.put(erasedFile, []byte(gone.String())), c.put("private", private.Lines(texts)))
}
