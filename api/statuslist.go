package api

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

const mediaDID = "application/did+json"

// getDID answers with the DID document that the organization has by its keys of now.
func getDID(c *call, w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeTagged(c, w, mediaDID, c.org.DIDDocument(c.org.Access.Head().Position))
	return nil
}

// writeTagged is writeBytes with an entity tag: who has the same bytes is told so.
func writeTagged(c *call, w http.ResponseWriter, mediaType string, b []byte) {
	tag := etagOf(b)
	w.Header().Set("ETag", tag)
	if matches(c.Header, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBytes(w, mediaType, b)
}

// getStatusList answers with a status list as of the last entry whose time is at most the timestamp's.
func getStatusList(c *call, w http.ResponseWriter) error {
	a := c.org.Access.Now(c.now)
	if c.query.Has("timestamp") {
		t, err := dateTimeStamp(c.query.Get("timestamp"))
		if err != nil {
			p := badRequest(fmt.Sprintf("timestamp is %q, which is no dateTimeStamp of XML Schema: %v", clip(c.query.Get("timestamp")), err))
			p.Hint = "Write it as 2026-03-04T05:06:07Z; a + is %2B in a URL"
			return p
		}
		if t.After(c.now) {
			return noList("there is no list of %s yet", stamp(t))
		}
		a, _, err = c.org.Access.ParseAsOf(t.Format(time.RFC3339Nano), c.now)
		if errors.Is(err, access.ErrBeforeFirst) {
			return noList("the ledger has no entry of %s or before", stamp(t))
		}
		if err != nil {
			return err
		}
	}
	number := c.PathValue("list")
	n, err := strconv.ParseUint(number, 10, 40)
	if err != nil || strconv.FormatUint(n, 10) != number {
		return problemOf(http.StatusNotFound, string(rules.NotFound), "Status lists are numbered from 0")
	}
	purpose := c.PathValue("purpose")
	bits, ok := c.org.Documents.Status(purpose, n, a.Position)
	if !ok {
		return noList("no document up to position %d is in a list %s/%d; the purposes are revocation and refresh", a.Position, purpose, n)
	}
	_, pos, err := c.org.Access.ParseAsOf(strconv.FormatUint(a.Position, 10), c.now)
	if err != nil {
		return err
	}
	keys := c.org.Documents.Keys(c.org.Access.Head().Position)
	list := document.StatusList{Source: c.org.Source(), DID: c.org.DID(), Purpose: purpose, List: n, Bits: bits, Time: pos.Time}
	signed, err := c.server.lists.sign(c, list, keys, a.Position)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set(wire.PositionHeader, strconv.FormatUint(a.Position, 10))
	writeTagged(c, w, mediaDocument, signed)
	return nil
}

// noList is the answer where there is no list of that time: STATUS_RETRIEVAL_ERROR of Bitstring Status List 1.0.
func noList(format string, args ...any) error {
	return problemOf(http.StatusNotFound, wire.CodeNoStatusList, "STATUS_RETRIEVAL_ERROR: "+fmt.Sprintf(format, args...))
}

// signedLists keeps the lists that were signed last: many ask for the same one, and the key may be far away. Those of before
// are apart from those of now: anybody may ask for as many of them as there are positions, one is signed at a time, and who
// asks for the list of now neither waits for them nor finds it pushed out by them.
type signedLists struct{ now, past someLists }

type someLists struct {
	kept    recent[signedList, []byte]
	signing sync.Mutex
	waiting atomic.Int64
}

type signedList struct {
	ledger, purpose, key string
	list, position       uint64
}

const (
	keptLists = 32 // of each half
	// maxWaiting is how many wait for a signature of a list at a time, before others are told to come again.
	maxWaiting = 64
)

// sign signs a list with the organization's present document key.
func (s *signedLists) sign(c *call, l document.StatusList, keys []document.Key, position uint64) ([]byte, error) {
	var did string
	var head uint64
	c.org.Fold.Read(func(state *rules.State) { did, head = state.Key(events.PurposeDocument), state.Position() })
	for _, k := range keys {
		if k.DID == did && k.From > position {
			_, pos, err := c.org.Access.ParseAsOf(strconv.FormatUint(k.From, 10), c.now)
			if err != nil {
				return nil, err
			}
			l.Since = pos.Time
		}
	}
	key, ok := c.org.DocumentSigner(did)
	if !ok {
		return nil, problemOf(http.StatusServiceUnavailable, wire.CodeWait, "This node does not hold the key that signs documents now")
	}
	of := signedList{l.Source, l.Purpose, did, l.List, position}
	if position < head {
		return s.past.get(of, func() ([]byte, error) { return l.Sign(key) })
	}
	return s.now.get(of, func() ([]byte, error) { return l.Sign(key) })
}

// get gives a list that was signed before, or has it signed, one at a time.
func (s *someLists) get(of signedList, sign func() ([]byte, error)) ([]byte, error) {
	if b, ok := s.kept.get(of); ok {
		return b, nil
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return nil, problemOf(http.StatusServiceUnavailable, wire.CodeWait, "Too many ask for status lists that are to be signed; ask again")
	}
	s.signing.Lock()
	defer s.signing.Unlock()
	if b, ok := s.kept.get(of); ok { // signed meanwhile
		return b, nil
	}
	b, err := sign()
	if err != nil {
		return nil, err
	}
	s.kept.put(of, b, keptLists)
	return b, nil
}

var dateTime = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,30})?|24:00:00(\.0{1,30})?)(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))$`)

// dateTimeStamp reads a dateTimeStamp of XML Schema 1.1, part 2, of the years 0000 to 9999.
func dateTimeStamp(text string) (time.Time, error) {
	if !dateTime.MatchString(text) {
		return time.Time{}, errors.New("it has another form")
	}
	whole, end := strings.Replace(text, "T24:00:00", "T00:00:00", 1), 0
	if whole != text {
		end = 1 // midnight at the end of the day
	}
	t, err := time.Parse(time.RFC3339Nano, whole)
	if err != nil {
		return t, errors.New("there is no such day")
	}
	return t.AddDate(0, 0, end).UTC(), nil
}
