package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/page"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
)

const (
	mediaDocument = "application/vc"
	mediaPage     = "text/html; charset=utf-8"
)

// document finds the document of the path by either of its CIDs.
func (c *call) document() (documents.Doc, error) {
	d, ok := c.org.Documents.ByCID(c.PathValue("cid"))
	if !ok {
		return d, problemOf(http.StatusNotFound, string(rules.NotFound), "There is no document "+clip(c.PathValue("cid")))
	}
	return d, nil
}

// writeBytes answers with bytes as they are.
func writeBytes(w http.ResponseWriter, mediaType string, b []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b) // a caller that has gone is nobody to tell
}

func getDocument(c *call, w http.ResponseWriter) error {
	w.Header().Set("Vary", "Accept")
	if accepts(c.Request, "text/html") {
		return printDocument(c, w)
	}
	d, err := c.document()
	if err != nil {
		return err
	}
	writeBytes(w, mediaDocument, d.File)
	return nil
}

func listDocuments(c *call) (wire.List[wire.Document], error) {
	list := wire.List[wire.Document]{Items: []wire.Document{}}
	a, asOf, err1 := c.asOf()
	limit, err2 := c.limit(pageSize, maxPageSize)
	cursor, err3 := c.number("cursor", 0)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return list, err
	}
	list.AsOf = asOf
	thing := c.query.Get("about")
	if thing != "" {
		var err error
		if thing, err = c.thing(thing, a); err != nil {
			return list, err
		}
	}
	for _, d := range c.org.Documents.List(thing, cursor, limit+1) {
		if d.Position > a.Position {
			break
		}
		if len(list.Items) == limit {
			list.Next = strconv.FormatUint(d.Position, 10)
			break
		}
		list.Items = append(list.Items, c.wireDocument(d, a))
	}
	return list, nil
}

// wireDocument says of a document what was so as of a position.
func (c *call) wireDocument(d documents.Doc, a access.AsOf) wire.Document {
	w := wire.Document{
		CID: d.CID, LegacyCID: d.LegacyCID, Seq: d.Position, Number: d.Number, Format: d.Format, About: d.About.String(), Key: c.named(d.About, a),
	}
	if d.Revoked <= a.Position {
		w.Revoked = d.Revoked
	}
	if d.Refreshed <= a.Position {
		w.Refreshed = d.Refreshed
	}
	return w
}

// named gives a thing as people name it; empty where it has no such name.
func (c *call) named(about document.Thing, a access.AsOf) string {
	switch about.Kind {
	case document.KindRole:
		if r, err := c.org.Access.Role(about.ID.String(), a); err == nil {
			return "role:" + r.Key
		}
	case document.KindSubject:
		return "subject:" + keyOf(c.org, about.ID)
	}
	return ""
}

func getDocumentRecord(c *call) (wire.One[wire.DocumentRecord], error) {
	var one wire.One[wire.DocumentRecord]
	a, asOf, err1 := c.asOf()
	d, err2 := c.document()
	if err := cmp.Or(err1, err2); err != nil {
		return one, err
	}
	en, err := c.entry(d.Position)
	if err != nil {
		return one, err
	}
	var signed struct {
		Issuer string
		Proof  struct{ VerificationMethod string }
		Status []struct {
			List string `json:"statusListCredential"`
		} `json:"credentialStatus"`
	}
	if err := json.Unmarshal(d.File, &signed); err != nil {
		return one, fmt.Errorf("the document %s: %w", d.CID, err)
	}
	sum := sha256.Sum256(d.File)
	one.AsOf, one.Item = asOf, wire.DocumentRecord{
		Document: c.wireDocument(d, a), Size: len(d.File), SHA256: hex.EncodeToString(sum[:]), Issuer: signed.Issuer,
		Method: signed.Proof.VerificationMethod, Lists: document.Named(d.File), Entry: en.CID(), Type: string(en.Event.Data.Type()), Time: stamp(en.Event.Time),
	}
	for _, s := range signed.Status {
		one.Item.Status = append(one.Item.Status, s.List)
	}
	return one, nil
}

// getDocumentLists answers with the very bytes that the document's digests are of, as members of one object.
func getDocumentLists(c *call, w http.ResponseWriter) error {
	d, err := c.document()
	if err != nil {
		return err
	}
	lists := c.org.Documents.Lists(d.Position)
	if lists == nil {
		return problemOf(http.StatusNotFound, string(rules.NotFound), "The document holds all that it says: there are no lists beside it")
	}
	writeBytes(w, mediaJSON, lists)
	return nil
}

func printDocument(c *call, w http.ResponseWriter) error {
	d, err := c.document()
	if err != nil {
		return err
	}
	a, _, err := c.asOf()
	if err != nil {
		return err
	}
	en, err := c.entry(d.Position)
	if err != nil {
		return err
	}
	one := c.wireDocument(d, a)
	facts := page.Facts{
		File: d.File, CID: d.CID, LegacyCID: d.LegacyCID, About: strings.Replace(one.Key, "subject:", "user:", 1), Position: d.Position,
		EntryCID: en.CID(), EntryType: string(en.Event.Data.Type()), AsOf: a.Position, Revoked: one.Revoked, Refreshed: one.Refreshed,
		Lists: c.org.Documents.Lists(d.Position), Category: c.categories(d.Position),
	}
	c.org.Fold.Read(func(s *rules.State) { facts.Ledger, facts.Organization = s.Source(), s.Opened().Name })
	facts.Proof = c.proofOf(d.Position)
	b, err := page.HTML(facts)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", page.Policy+"; frame-ancestors 'none'; sandbox")
	w.Header().Set("Referrer-Policy", "no-referrer")
	writeBytes(w, mediaPage, b)
	return nil
}

// printWait is how long a page waits for a checkpoint that covers its entry: there is one within 100 ms of a write.
const printWait = time.Second

// proofOf gives the proof that an entry is under a checkpoint; empty where there is none, as in a ledger without a key
// for checkpoints.
func (c *call) proofOf(position uint64) string {
	ctx, cancel := context.WithTimeout(c.Context(), printWait)
	defer cancel()
	p, err := c.org.Prove(ctx, position)
	if err != nil {
		return ""
	}
	return string(p.Bytes())
}

// categories gives the category of each permission of a catalogue as of a position, by its whole name and by that which
// documents write.
func (c *call) categories(position uint64) func(string) string {
	of := map[string]string{}
	a, _, err := c.org.Access.ParseAsOf(strconv.FormatUint(position, 10), c.now)
	if err == nil {
		for _, p := range c.org.Access.Permissions(a) {
			of[p.Name] = p.Category
			if _, short, ok := strings.Cut(p.Name, ":"); ok && of[short] == "" {
				of[short] = p.Category
			}
		}
	}
	return func(name string) string { return of[name] }
}
