package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// entryPage is one event, and the entry that holds it.
type entryPage struct {
	Item     wire.Item
	Previous uint64 // 0: it is the first
	Next     uint64 // 0: it is the last that the page knows of

	Exact    *wire.Entry // nil: the caller may not read it
	Bytes    int
	Pretty   string
	Parts    entryParts
	Document *wire.DocumentRecord // that it carries
	Change   *difference          // what it changed; nil: that is not shown
}

// entryParts are those of an entry that the page explains.
type entryParts struct {
	Event struct {
		ID     string `json:"id"`
		Prev   string `json:"prev"`
		Schema string `json:"dataschema"`
		Source string `json:"source"`
		Data   struct {
			Auth struct {
				Method     string `json:"method"`
				Credential string `json:"credential"`
			} `json:"auth"`
			Origin struct {
				Import *struct {
					Format string `json:"format"`
					Source string `json:"source"`
					Record string `json:"record"`
				} `json:"import"`
				Derived *struct {
					From string `json:"from"`
				} `json:"derived"`
			} `json:"origin"`
		} `json:"data"`
	} `json:"event"`
	Evidence *struct {
		Algorithm string `json:"algorithm"`
		Key       string `json:"key"`
		Seen      *struct {
			Size uint64 `json:"size"`
		} `json:"seen"`
	} `json:"evidence"`
	Signatures []struct {
		Key string `json:"key"`
	} `json:"signatures"`
	Document *struct {
		CID string `json:"cid"`
	} `json:"document"`
}

// entry shows an event by its position, or by the CID of its entry.
func (v *visit) entry() (view, error) {
	ref := v.PathValue("ref")
	at, err := v.moment()
	if err != nil {
		return view{}, err
	}
	seq, ok := readNumber(ref)
	if !ok {
		e, err := v.client.Entry(v.ctx(), v.org, ref)
		if err != nil {
			return view{}, err
		}
		seq = e.Seq
	}
	if seq == 0 || seq > at.Seq {
		return v.noEntry(ref, at.Seq)
	}
	// Who may not read the history sees its own events, and those that it may read the log of.
	list, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, From: seq, To: seq})
	if err != nil {
		return view{}, err
	}
	if len(list.Items) == 0 {
		return v.noEntry(ref, at.Seq)
	}
	e := entryPage{Item: list.Items[0], Previous: seq - 1}
	if seq < at.Seq {
		e.Next = seq + 1
	}
	if v.can("history.read") {
		if err := v.exact(&e); err != nil {
			return view{}, err
		}
	}
	return view{template: "entry", title: "Event " + number(seq), data: &e}, nil
}

// noEntry says that there is no such event, and in the past that there is one later on.
func (v *visit) noEntry(ref string, at uint64) (view, error) {
	p := wire.Problem{Title: "There is no event " + ref + " that you may read", Status: http.StatusNotFound}
	if v.at != "" {
		p.Title = "As of event " + number(at) + " there was no event " + ref
		p.Hint = "Go back to live to see what was recorded since"
	}
	return view{template: "problem", title: p.Title, data: p, status: p.Status}, nil
}

// exact adds the bytes, what they say of themselves, what they carry and what the event changed.
func (v *visit) exact(e *entryPage) error {
	exact, err := v.client.Entry(v.ctx(), v.org, number(e.Item.Seq))
	if err != nil {
		return err
	}
	e.Exact, e.Bytes = &exact, len(exact.Entry)
	var pretty bytes.Buffer
	if err := errors.Join(json.Indent(&pretty, exact.Entry, "", "  "), json.Unmarshal(exact.Entry, &e.Parts)); err != nil {
		return err
	}
	e.Pretty = pretty.String()
	if d := e.Parts.Document; d != nil {
		record, err := v.client.DocumentRecord(v.ctx(), v.org, d.CID)
		if notThere := (*client.Error)(nil); err != nil && !errors.As(err, &notThere) { // erased, or not made yet
			return err
		}
		if err == nil {
			e.Document = &record.Item
		}
	}
	if e.Previous > 0 {
		e.Change, err = v.difference(wire.DiffQuery{From: number(e.Previous), To: number(e.Item.Seq)})
	}
	return err
}
