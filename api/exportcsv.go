package api

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/importer"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

// exportColumns are those of the form csv. New ones come behind.
var exportColumns = []string{"position", "time", "type", "about", "actor", "what", "reason", "command", "cid"}

// csv writes a row for each entry. It is for people: what a spreadsheet shows proves nothing. What a spreadsheet would take
// for a formula is written as text.
func (e *exporting) csv(w io.Writer) error {
	positions, err := e.positions()
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write(exportColumns); err != nil {
		return err
	}
	names := &namesAsOf{e.org.Access, e.at, map[ulid.ULID]string{}}
	row := func(raw []byte) error {
		en, err := chain.Parse(raw)
		if err != nil {
			return err
		}
		v := en.Event
		reason := ""
		if e.question.Texts != bundle.NoTexts {
			reason = words(e.org, v.Reason)
		}
		cells := []string{
			strconv.FormatUint(v.Sequence, 10), stamp(v.Time), string(v.Data.Type()), names.about(v.Data.About()), names.SubjectKey(v.Actor),
			strings.Join(history.Describe(v, names), "; "), reason, v.ID.String(), en.CID(),
		}
		for i := range cells {
			cells[i] = importer.Guarded(cells[i])
		}
		return out.Write(cells)
	}
	if e.question.Kind == bundle.All {
		for r, err := range e.org.Journal.Range(1, e.at.Position) {
			if err == nil {
				err = row(append([]byte(nil), r.Entry...))
			}
			if err != nil {
				return err
			}
		}
	}
	for _, at := range positions {
		raw, err := e.org.Journal.Read(at)
		if err == nil {
			err = row(raw)
		}
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// namesAsOf gives the keys that roles and subjects had at a position, so that what is said of an entry does not change.
type namesAsOf struct {
	index *access.Index
	at    access.AsOf
	known map[ulid.ULID]string
}

func (n *namesAsOf) key(id ulid.ULID, of func(string) (string, error)) string {
	key, ok := n.known[id]
	if !ok {
		var err error
		if key, err = of(id.String()); err != nil {
			key = id.String()
		}
		n.known[id] = key
	}
	return key
}

func (n *namesAsOf) RoleKey(id ulid.ULID) string {
	return n.key(id, func(name string) (string, error) {
		r, err := n.index.Role(name, n.at)
		return r.Key, err
	})
}

func (n *namesAsOf) SubjectKey(id ulid.ULID) string {
	return n.key(id, func(name string) (string, error) {
		u, err := n.index.Subject(name, n.at)
		return u.Key, err
	})
}

// about says what an event is about as people write it.
func (n *namesAsOf) about(thing string) string {
	kind, rest, _ := strings.Cut(thing, "/")
	if id, err := ulid.ParseStrict(rest); err == nil {
		switch kind {
		case "role":
			rest = n.RoleKey(id)
		case "subject":
			rest = n.SubjectKey(id)
		}
	}
	return kind + ":" + rest
}
