package api

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

const (
	mediaEntries = "application/octet-stream"
	mediaTopic   = "text/plain; charset=utf-8"
)

func getEntry(c *call) (wire.Entry, error) {
	ref := c.PathValue("ref")
	if seq, err := strconv.ParseUint(ref, 10, 64); err == nil {
		return c.wireEntry(seq)
	}
	at, ok := c.org.Access.ByCID(ref)
	if !ok {
		return wire.Entry{}, problemOf(http.StatusNotFound, string(rules.NotFound), "No entry has the CID "+clip(ref))
	}
	return c.wireEntry(at.Position)
}

func (c *call) wireEntry(seq uint64) (wire.Entry, error) {
	if seq > c.org.Access.Head().Position { // synced perhaps, but not shown to anybody yet
		return wire.Entry{}, problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no entry %d", seq))
	}
	en, err := c.entry(seq)
	if err != nil {
		return wire.Entry{}, err
	}
	return wire.Entry{
		Seq: seq, CID: en.CID(), Subject: en.Subject(), Entry: json.RawMessage(en.Bytes()), Actor: keyOf(c.org, en.Event.Actor),
		Reason: words(c.org, en.Event.Reason),
	}, nil
}

// getRecorded finds the entry of a command by the ids that the rules remember: those of imports and derived commands
// for ever, others while they could still be sent again.
func getRecorded(c *call) (wire.Entry, error) {
	id, err := commandID(c.PathValue("id"))
	if err != nil {
		return wire.Entry{}, badRequest("The id of a command is a ULID, or a UUID of version 7")
	}
	if at, ok := c.recordedAt(id); ok {
		return c.wireEntry(at)
	}
	return wire.Entry{}, problemOf(http.StatusNotFound, string(rules.NotFound), "No command with this id is known to be recorded")
}

// entries streams the journal's own form: to be verified, the bytes must be the very ones.
func entries(c *call, w http.ResponseWriter) error {
	length := c.org.Access.Head().Position
	from, err1 := c.number("from", 1)
	to, err2 := c.number("to", length)
	if err := cmp.Or(err1, err2); err != nil {
		return err
	}
	if from == 0 || to > length || from > to {
		return problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There are no entries %d to %d; the last is %d", from, to, length))
	}
	out := newLineWriter(w, mediaEntries)
	for r, err := range c.org.Journal.Range(from, to) {
		if err == nil {
			err = c.Context().Err()
		}
		if err != nil {
			return out.end(c, err)
		}
		var prefix [2]byte
		binary.BigEndian.PutUint16(prefix[:], uint16(len(r.Entry)))
		out.buffer.Write(prefix[:])
		out.buffer.Write(r.Entry)
		if err := out.some(); err != nil {
			return out.end(c, err)
		}
	}
	return out.end(c, nil)
}

func getTopic(c *call, w http.ResponseWriter) error {
	from, err := c.number("from", 1)
	if err != nil {
		return err
	}
	out := newLineWriter(w, mediaTopic)
	for i := c.org.Topic.From(from); c.Context().Err() == nil; i++ {
		m, ok := c.org.Topic.Message(i)
		if !ok {
			break
		}
		out.buffer.Write(m.Bytes)
		out.buffer.WriteByte('\n')
		if err := out.some(); err != nil {
			return out.end(c, err)
		}
	}
	return out.end(c, c.Context().Err())
}
