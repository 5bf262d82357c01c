package faults

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Ack is the answer to a command, which this process has read: it stands at this position, with this CID.
type Ack struct {
	ID       string `json:"id"`
	Position uint64 `json:"position"`
	CID      string `json:"cid"`
	Texts    int    `json:"texts,omitempty"` // private texts that came along
}

// Kinds of findings.
const (
	Lost      = "lost"      // an acknowledged entry is not there
	Doubled   = "doubled"   // a command stands at two positions
	Moved     = "moved"     // an acknowledged entry stands at another position
	Other     = "other"     // at an acknowledged position stands the same command with another CID
	Unread    = "unread"    // the files cannot be read as what they are
	Unproven  = "unproven"  // `permledger verify` does not hold them for good
	Withheld  = "withheld"  // a private text of an acknowledged command is gone
	Silent    = "silent"    // it was refused without a line that says why, or with a wrong exit code
	Changed   = "changed"   // a start that was refused changed files
	Unmended  = "unmended"  // a repair that ought to mend it did not
	Unstarted = "unstarted" // a start that ought to succeed was refused
)

// A Finding is something that must not be.
type Finding struct {
	Kind string
	What string
}

func (f Finding) String() string { return f.Kind + ": " + f.What }

// Findings are what a judge found. As an error they say what, at some length.
type Findings []Finding

func (f Findings) Error() string {
	lines := make([]string, 0, len(f))
	for i, one := range f {
		if i == 20 {
			lines = append(lines, fmt.Sprintf("and %d more", len(f)-i))
			break
		}
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Has says whether something of a kind was found.
func (f Findings) Has(kind string) bool {
	return slices.ContainsFunc(f, func(one Finding) bool { return one.Kind == kind })
}

// asError keeps no findings from being an error that is not nil.
func (f Findings) asError() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// entry is what the judge knows of an entry.
type entry struct{ id, cid string }

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// cidOf gives the CIDv1 (raw, sha2-256) of bytes.
func cidOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "b" + lower.EncodeToString(append([]byte{1, 0x55, 0x12, 32}, sum[:]...))
}

func journalDir(dir string) string { return filepath.Join(dir, "orgs", Organization, "journal") }

// segments gives the files of the journal, in order.
func segments(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(journalDir(dir), "????????.seg")) // sorted
}

// records cuts the bytes of a journal segment into entries. What is cut off at its end is left out: nothing of it was
// acknowledged, or else it will be missed.
func records(b []byte) (entries [][]byte) {
	for len(b) >= 2 {
		n := int(binary.BigEndian.Uint16(b))
		if n == 0 || len(b) < 2+n {
			break
		}
		entries, b = append(entries, b[2:2+n]), b[2+n:]
	}
	return entries
}

// readEntries reads the journal of a data directory.
func readEntries(dir string) ([]entry, error) {
	files, err := segments(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no segments", journalDir(dir))
	}
	var all []entry
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, raw := range records(b) {
			var e struct{ Event struct{ ID string } }
			if err := json.Unmarshal(raw, &e); err != nil {
				return nil, fmt.Errorf("entry %d: %w", len(all)+1, err)
			}
			all = append(all, entry{e.Event.ID, cidOf(raw)})
		}
	}
	return all, nil
}

// Judge holds what was acknowledged against the journal of a data directory, of which a server may be running. It finds
// nothing where every acknowledged entry stands at its position and no command stands there twice.
func Judge(dir string, acks []Ack) Findings {
	all, err := readEntries(dir)
	if err != nil {
		return Findings{{Unread, err.Error()}}
	}
	var found Findings
	at := make(map[string]uint64, len(all)) // by id
	for i, e := range all {
		position := uint64(i) + 1
		if before, ok := at[e.id]; ok {
			found = append(found, Finding{Doubled, fmt.Sprintf("the command %s stands at %d and at %d", e.id, before, position)})
			continue
		}
		at[e.id] = position
	}
	for _, a := range acks {
		have, ok := at[a.ID]
		switch {
		case !ok:
			found = append(found, Finding{Lost, fmt.Sprintf("%s was acknowledged at %d; the journal has %d entries, not this one", a.ID, a.Position, len(all))})
		case have != a.Position:
			found = append(found, Finding{Moved, fmt.Sprintf("%s was acknowledged at %d and stands at %d", a.ID, a.Position, have)})
		case all[have-1].cid != a.CID:
			found = append(found, Finding{Other, fmt.Sprintf("%s was acknowledged with the CID %s and has %s", a.ID, a.CID, all[have-1].cid)})
		}
	}
	return found
}

// Verify lets `permledger verify` judge a data directory: everything holds, both copies are the same as far as they go,
// and no private text is missing that came along with an acknowledged command.
func (p *Program) Verify(ctx context.Context, dir string, acks []Ack) Findings {
	texts := 0
	for _, a := range acks {
		texts += a.Texts
	}
	out, err := p.Run(ctx, "verify", dir, "--output", "json")
	var v struct {
		Verified bool
		Ledgers  []struct {
			Organization string
			Texts        int
			Withheld     int
		}
	}
	if bad := json.Unmarshal([]byte(out), &v); bad != nil && err == nil {
		err = bad
	}
	if err != nil || !v.Verified {
		return Findings{{Unproven, fmt.Sprintf("%v %s", err, out)}}
	}
	for _, l := range v.Ledgers {
		if l.Organization == Organization && (l.Withheld > 0 || l.Texts < texts) {
			return Findings{{Withheld, fmt.Sprintf("%d private texts are there and %d are withheld; %d were acknowledged", l.Texts, l.Withheld, texts)}}
		}
	}
	return nil
}

// exitOf gives the exit code in err; false where it has none.
func exitOf(err error) (code int, said string, ok bool) {
	e := (*ExitError)(nil)
	if !errors.As(err, &e) {
		return 0, "", false
	}
	return e.Code, e.Stderr, true
}
