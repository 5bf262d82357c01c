package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
	"github.com/permledger/permledger/projections/history"
)

// exporting is one answer of the route export: what was asked, as of when.
type exporting struct {
	*call
	question bundle.Question
	at       access.AsOf
	asOf     wire.AsOf
}

// A form is one of those that an export has.
type form struct {
	media, extension string
	write            func(*exporting, io.Writer) error
}

// exportForms are the forms by their names.
var exportForms = map[string]form{
	wire.ExportBundle: {"application/zip", "zip", packed(bundle.Zip)},
	wire.ExportCAR:    {"application/vnd.ipld.car; version=1", "car", packed(bundle.CAR)},
	wire.ExportLines:  {mediaLines, "jsonl", packed(bundle.Lines)},
	wire.ExportCSV:    {"text/csv; charset=utf-8; header=present", "csv", (*exporting).csv},
	wire.ExportVC:     {mediaDocument, "json", (*exporting).credentials},
}

// export streams the entries that concern a role or subject, or all, with what proves them.
func export(c *call, w http.ResponseWriter) error {
	name := cmp.Or(c.query.Get("format"), wire.ExportBundle)
	f, ok := exportForms[name]
	if !ok {
		return badRequest(fmt.Sprintf("There is no format %q: the formats are bundle, car, jsonl, csv and vc", clip(name)))
	}
	e := &exporting{call: c}
	if err := e.read(); err != nil {
		return err
	}
	if name == wire.ExportVC && e.question.Kind == bundle.All {
		f.media, f.extension = mediaLines, "jsonl"
	}
	if err := setAsOf(w, e.asOf); err != nil {
		return err
	}
	out := newLineWriter(w, f.media)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", e.fileName(f.extension)))
	return out.end(c, f.write(e, &exportWriter{c, out}))
}

// exportWriter sends what is written, and ends where the caller has gone.
type exportWriter struct {
	c   *call
	out *lineWriter
}

func (w *exportWriter) Write(b []byte) (int, error) {
	if err := w.c.Context().Err(); err != nil {
		return 0, err
	}
	w.out.buffer.Write(b)
	return len(b), w.out.some()
}

// read reads the parameters.
func (e *exporting) read() (err error) {
	if e.at, e.asOf, err = e.call.asOf(); err != nil {
		return err
	}
	if !e.at.Occurred.IsZero() {
		return badRequest("An export is as of a position: occurred times leave entries out, and proofs do not")
	}
	role, subject := e.query.Get("role"), e.query.Get("subject")
	q := &e.question
	switch {
	case role != "" && subject != "":
		return badRequest("An export is about a role or a subject, not both")
	case role != "":
		q.Kind = bundle.Role
		q.ID, err = e.anyRole(role, e.at)
	case subject != "":
		q.Kind = bundle.Subject
		q.ID, err = e.anySubject(subject, e.at)
	default:
		q.Kind = bundle.All
	}
	if err != nil {
		return err
	}
	switch texts := e.query.Get("texts"); texts {
	case "", bundle.Reasons:
		q.Texts = bundle.Reasons
	case "none":
	case bundle.Personal:
		q.Texts = bundle.Personal
		if err := e.may(rules.ActionSubjectsRead); err != nil {
			return err
		}
		e.readPersonal(q.ID, "exported names and e-mail addresses")
	default:
		return badRequest(fmt.Sprintf("texts is %q: it is none, reasons or personal", clip(texts)))
	}
	return nil
}

// fileName suggests how a file is called.
func (e *exporting) fileName(extension string) string {
	key := ""
	switch q := e.question; q.Kind {
	case bundle.Role:
		key = names{e.org}.RoleKey(q.ID)
	case bundle.Subject:
		key = keyOf(e.org, q.ID)
	}
	return wire.ExportName(e.org.ID, e.question.Kind, key, e.at.Position, extension)
}

// packed makes a form of one that package bundle writes.
func packed(f bundle.Form) func(*exporting, io.Writer) error {
	return func(e *exporting, w io.Writer) error {
		s, err := e.source(f)
		if err != nil {
			return err
		}
		return bundle.Write(w, f, s, e.question, e.at.Position)
	}
}

// source gives what a bundle is made of. Nothing in it depends on what was recorded behind the position, but for a
// checkpoint that others signed, and for texts that were erased.
func (e *exporting) source(f bundle.Form) (*bundle.Source, error) {
	s := &bundle.Source{Journal: e.org.Journal, Tiles: e.org.Log, Text: e.org.Private.Get}
	e.org.Fold.Read(func(state *rules.State) { s.Origin = state.Source() })
	var err error
	if s.Positions, err = e.positions(); err != nil || f == bundle.Lines {
		return s, err
	}
	if s.Checkpoint, err = e.checkpoint(); err != nil {
		return nil, noProof(err)
	}
	if s.DID, err = e.didDocument(s.Origin); err != nil {
		return nil, err
	}
	if s.Policy, err = e.policy(s.Checkpoint); err != nil {
		return nil, err
	}
	for _, d := range e.issued() {
		s.Documents = append(s.Documents, d.CID)
	}
	s.Document = func(cid string) ([]byte, error) {
		d, ok := e.org.Documents.ByCID(cid)
		if !ok {
			return nil, cmp.Or(e.org.Documents.Err(), errors.New("document "+cid+" is not here"))
		}
		return d.File, nil
	}
	return s, nil
}

// checkpoint gives the one under which the export stands. Before its first checkpoint key came, nothing in the export would
// name whoever signed.
func (e *exporting) checkpoint() ([]byte, error) {
	ctx, cancel := context.WithTimeout(e.Context(), maxWait)
	defer cancel()
	if first := e.org.SignableFrom(e.at.Position); first > e.at.Position {
		p := problemOf(http.StatusConflict, wire.CodeNotYet, fmt.Sprintf("At %d this ledger had no key for checkpoints yet: its first came at %d", e.at.Position, first))
		p.Hint = fmt.Sprintf("Export as of %d, or later; the formats jsonl and csv need no checkpoint", first)
		return nil, p
	}
	return e.org.Vouched(ctx, e.at.Position)
}

// policy gives the policy that a verifier may start from: the keys of the log that may sign this checkpoint, and the node's
// witnesses where enough of them have cosigned it. Whom to trust beside them, no bundle can say.
func (e *exporting) policy(checkpoint []byte) ([]byte, error) {
	_, c, err := note.ReadCheckpoint(checkpoint)
	if err != nil {
		return nil, err
	}
	p := e.server.node.Policy(e.org, c.Size)
	if _, err := p.Verify(checkpoint); errors.Is(err, note.ErrQuorum) {
		p = &note.Policy{Logs: p.Logs, Quorum: note.None}
	}
	return []byte(p.String()), nil
}

// didDocument gives the issuer's DID document as of the position.
func (e *exporting) didDocument(origin string) ([]byte, error) {
	var keys document.Keys
	var did string
	for _, at := range e.find(history.Query{Types: append(slices.Clone(keyTypes), (&events.OrganizationOpened{}).Type())}) {
		en, err := e.fresh(at)
		if err != nil {
			return nil, err
		}
		keys.Apply(en.Event)
		if d, ok := en.Event.Data.(*events.OrganizationOpened); ok {
			did = d.DID
		}
	}
	return document.DIDDocument(origin, did, keys.At(e.at.Position)), nil
}

// keyTypes are the types of events that say which keys sign.
var keyTypes = func() (types []events.Type) {
	for t := range events.Types() {
		if strings.HasPrefix(string(t), "key.") {
			types = append(types, t)
		}
	}
	return types
}()

// find gives positions up to the one that is asked about.
func (e *exporting) find(q history.Query) []uint64 {
	q.To = e.at.Position
	found, _ := e.org.History.Find(q)
	return found
}

// fresh reads an entry without keeping it.
func (e *exporting) fresh(at uint64) (*chain.Entry, error) {
	en, err := e.call.entry(at)
	clear(e.entries)
	return en, err
}

// positions gives the entries that concern the role or subject, with those that it takes to read them: the first, all
// that are about keys, and the parts that sets of permissions were recorded in. It is nil for all.
func (e *exporting) positions() ([]uint64, error) {
	q := history.Query{}
	switch e.question.Kind {
	case bundle.Role:
		q.Role = e.question.ID
	case bundle.Subject:
		q.Subject = e.question.ID
	default:
		return nil, nil
	}
	list := append(e.find(q), 1)
	parts := map[events.Digest]bool{}
	for _, at := range list {
		en, err := e.fresh(at)
		if err != nil {
			return nil, err
		}
		for _, part := range partsOf(en.Event.Data) {
			parts[part] = true
		}
	}
	if len(parts) > 0 {
		for _, at := range e.find(history.Query{Types: []events.Type{(&events.PermissionsRecorded{}).Type()}}) {
			en, err := e.fresh(at)
			if err != nil {
				return nil, err
			}
			if d, ok := en.Event.Data.(*events.PermissionsRecorded); ok && parts[d.Part] {
				list = append(list, at)
			}
		}
	}
	list = append(list, e.find(history.Query{Types: keyTypes})...)
	slices.Sort(list)
	return slices.Compact(list), nil
}

func partsOf(d events.Data) []events.Digest {
	switch d := d.(type) {
	case *events.RoleCreated:
		return d.Parts
	case *events.RoleUpdated:
		return slices.Concat(d.AddParts, d.RemoveParts)
	case *events.PermissionsSet:
		return d.Parts
	}
	return nil
}

// issued gives every document about what is asked for: each is carried by an entry, which commits to it.
func (e *exporting) issued() []documents.Doc {
	all := e.org.Documents.List(e.question.Thing(), 0, e.org.Documents.Len())
	return slices.DeleteFunc(all, func(d documents.Doc) bool { return d.Position > e.at.Position })
}

// documents gives the signed documents about the role or subject; for all, the newest about each.
func (e *exporting) documents() (list []documents.Doc) {
	all := e.issued()
	if e.question.Kind != bundle.All {
		return all
	}
	seen := map[document.Thing]bool{}
	for _, d := range slices.Backward(all) {
		if !seen[d.About] {
			seen[d.About] = true
			list = append(list, d)
		}
	}
	slices.Reverse(list)
	return list
}

// credentials writes the newest document about the role or subject in its exact bytes, or one a line about each.
func (e *exporting) credentials(w io.Writer) error {
	list := e.documents()
	if e.question.Kind != bundle.All {
		if len(list) == 0 {
			return problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no signed document about %s as of %d", e.question.Thing(), e.at.Position))
		}
		list = list[len(list)-1:]
	}
	for _, d := range list {
		whole, ok := e.org.Documents.ByCID(d.CID)
		if !ok {
			return cmp.Or(e.org.Documents.Err(), errors.New("document "+d.CID+" is not here"))
		}
		b := whole.File
		if e.question.Kind == bundle.All {
			b = append(slices.Clip(b), '\n')
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
