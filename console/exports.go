package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

func exportRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "{org}/exports", screen: (*visit).exports},
	}
}

// An exportForm is one of the forms that a file may have.
type exportForm struct {
	Name, Title, For string
	Proves           bool // permledger verify takes it
}

var exportForms = []exportForm{
	{wire.ExportBundle, "Bundle (zip)", "for an auditor: the exact entries with what proves them, and a program that checks it", true},
	{wire.ExportVC, "Signed document (JSON)", "for whoever is to be shown what a role or a person has: a W3C Verifiable Credential. Of everything: the newest about each, one a line", false},
	{wire.ExportCAR, "CAR file", "the same parts as a bundle, as blocks for IPLD tools", true},
	{wire.ExportLines, "JSON Lines", "the exact entries, one a line", true},
	{wire.ExportCSV, "Spreadsheet (CSV)", "for people; it proves nothing", false},
}

// exported is what the page Exports shows.
type exported struct {
	Kind, Role, Subject string // what is exported: all, role or subject, and which one
	Form                exportForm
	Forms               []exportForm
	Texts               string // none, reasons or personal
	Roles               []wire.Role
	Problem             *wire.Problem // why this cannot be exported

	Address string // of the file
	Command string // that writes the same file
	Name    string // suggested for it
	key     string // of the role or subject
	Signed  *signedDocument
	Any     bool // the reader chose something: what is offered is what they asked for

	Documents []wire.Document
	More      string // address of the next documents; empty: these are all
	First     string // address of the first ones; empty: these are they
}

// documentLines are how many documents a page has.
const documentLines = 20

func (v *visit) exports() (view, error) {
	q := v.URL.Query()
	e := exported{Kind: "all", Form: exportForms[0], Forms: exportForms, Texts: "reasons", Any: q.Has("format")}
	if kind := q.Get("what"); kind == "role" || kind == "subject" {
		e.Kind = kind
	}
	e.Role, e.Subject = strings.TrimSpace(q.Get("role")), strings.TrimSpace(q.Get("subject"))
	if i := slices.IndexFunc(exportForms, func(f exportForm) bool { return f.Name == q.Get("format") }); i >= 0 {
		e.Form = exportForms[i]
	}
	if texts := q.Get("texts"); texts == "none" || texts == "personal" && v.can("subjects.read") {
		e.Texts = texts
	}
	if v.can("roles.read") {
		list, err := v.client.Roles(v.ctx(), v.org, false, v.read())
		if err != nil {
			return view{}, err
		}
		e.Roles = list.Items
	}
	about, err := v.chosen(&e)
	var docs []wire.Document
	if err == nil {
		docs, err = v.documentsOf(&e, about)
	}
	if err == nil && about != "" && len(docs) > 0 {
		e.Signed, err = v.signed(docs[len(docs)-1])
	}
	status := 0
	if p := refused(err); p != nil {
		e.Problem, status = p, p.Status
	} else if err != nil {
		return view{}, err
	} else {
		v.offer(&e)
	}
	return view{template: "exports", title: "Exports", data: &e, status: status}, nil
}

// chosen gives what is exported as the API names it, empty for everything; it errs where there is no such role or subject.
func (v *visit) chosen(e *exported) (about string, err error) {
	switch {
	case e.Kind == "role" && e.Role != "":
		r, err := v.client.Role(v.ctx(), v.org, e.Role, v.read())
		e.key = cmp.Or(r.Item.Key, e.Role)
		return "role:" + e.Role, err
	case e.Kind == "subject" && e.Subject != "":
		if v.can("subjects.read") {
			var s wire.One[wire.Subject]
			s, err = v.client.Subject(v.ctx(), v.org, e.Subject, v.read())
			e.key = s.Item.Key
		}
		e.key = cmp.Or(e.key, e.Subject)
		return "subject:" + e.Subject, err
	}
	e.Kind = "all"
	return "", nil
}

// documentsOf gives the documents about a thing, the oldest first: all where it is one thing, of which the page shows the last ones;
// a page of them else.
func (v *visit) documentsOf(e *exported, about string) ([]wire.Document, error) {
	cursor := v.URL.Query().Get("documents")
	if about == "" {
		r := v.read()
		r.Limit, r.Cursor = documentLines, cursor
		list, err := v.client.DocumentsAt(v.ctx(), v.org, "", r)
		e.Documents = list.Items
		if list.Next != "" {
			e.More = v.changed("documents", list.Next)
		}
		if cursor != "" {
			e.First = v.changed("documents", "")
		}
		return list.Items, err
	}
	var all []wire.Document
	for r := v.read(); ; {
		r.Limit = 1000
		list, err := v.client.DocumentsAt(v.ctx(), v.org, about, r)
		if err != nil {
			return nil, err
		}
		all = append(all, list.Items...)
		if r.Cursor = list.Next; r.Cursor == "" {
			break
		}
	}
	e.Documents = all[max(0, len(all)-documentLines):]
	return all, nil
}

// offer says where the file is, and what writes the same one without a browser.
func (v *visit) offer(e *exported) {
	at := number(v.call.asOf.Seq)
	q := url.Values{"format": {e.Form.Name}, "as_of": {at}}
	command := []string{"permledger export"}
	switch e.Kind {
	case "role":
		q.Set("role", e.Role)
		command = append(command, "--role", quoted(e.Role))
	case "subject":
		q.Set("subject", e.Subject)
		command = append(command, "--subject", quoted(e.Subject))
	default:
		command = append(command, "--all")
	}
	switch e.Texts {
	case "none":
		command = append(command, "--without-texts")
	case "personal":
		command = append(command, "--personal")
	}
	if e.Texts != "reasons" {
		q.Set("texts", e.Texts)
	}
	ending := map[string]string{wire.ExportBundle: "zip", wire.ExportVC: "json"}[e.Form.Name]
	if e.Form.Name == wire.ExportVC && e.Kind == "all" {
		ending = "jsonl"
	}
	e.Name = wire.ExportName(v.org, e.Kind, e.key, v.call.asOf.Seq, cmp.Or(ending, e.Form.Name))
	e.Address = "/v1/orgs/" + url.PathEscape(v.org) + "/export?" + q.Encode()
	e.Command = strings.Join(append(command, "--org", v.org, "-f", e.Form.Name, "--as-of", at, "-O", e.Name), " ")
}

// quoted writes a word as shells take it.
func quoted(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@:/") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// A signedDocument is what the newest document about a thing says.
type signedDocument struct {
	wire.Document
	Type, Issuer, From, Method string
	Says                       []claim
	Pretty                     string
	Bytes                      int
}

// A claim is one thing that a document says.
type claim struct {
	Name  string
	Value string
	List  []string
}

// signed reads a document. What a page shows of it is a rendering: the file counts.
func (v *visit) signed(d wire.Document) (*signedDocument, error) {
	b, err := v.client.Document(v.ctx(), v.org, d.CID)
	if err != nil {
		return nil, err
	}
	var file struct {
		Issuer    string                     `json:"issuer"`
		ValidFrom string                     `json:"validFrom"`
		Subject   map[string]json.RawMessage `json:"credentialSubject"`
		Proof     struct {
			VerificationMethod string `json:"verificationMethod"`
		} `json:"proof"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, err
	}
	s := &signedDocument{Document: d, Issuer: file.Issuer, From: file.ValidFrom, Method: file.Proof.VerificationMethod, Bytes: len(b)}
	_ = json.Unmarshal(file.Subject["type"], &s.Type) // another kind of document has another title
	for _, m := range claims {
		if raw, ok := file.Subject[m.member]; ok {
			if c := readClaim(m.title, raw); c.Value != "" || c.List != nil {
				s.Says = append(s.Says, c)
			}
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, b, "", "  "); err != nil {
		return nil, err
	}
	s.Pretty = pretty.String()
	return s, nil
}

// claims are the members of a document's subject that a person reads first, in order.
var claims = []struct{ member, title string }{
	{"name", "Name"}, {"description", "Description"}, {"userId", "Of"}, {"state", "State"}, {"organizationOwner", "Owner of the organization"}, {"deleted", "Deleted"},
	{"permissions", "Permissions"}, {"permissionSet", "Permissions"}, {"roles", "Roles"}, {"roleSet", "Roles"}, {"title", "Title"}, {"scope", "Scope"},
}

// document is what the part document-state is given.
type document struct {
	Page *page
	Doc  wire.Document
}

func documentOf(p *page, d wire.Document) document { return document{p, d} }

// readClaim reads a value: a text, a flag, names, or objects with names and where they hold.
func readClaim(title string, raw json.RawMessage) claim {
	c := claim{Name: title}
	var flag bool
	var list []json.RawMessage
	var set struct {
		Count  int    `json:"count"`
		Digest string `json:"digest"`
	}
	switch {
	case json.Unmarshal(raw, &c.Value) == nil:
	case json.Unmarshal(raw, &flag) == nil:
		c.Value = "yes"
	case json.Unmarshal(raw, &list) == nil:
		for _, x := range list {
			c.List = append(c.List, claimed(x))
		}
		if len(list) == 0 {
			c.Value = "none"
		}
	case json.Unmarshal(raw, &set) == nil:
		c.Value = count(set.Count, "name") + ", with the digest " + set.Digest
	}
	return c
}

// claimed writes one of a list: a permission's name, or what somebody has and where.
func claimed(raw json.RawMessage) string {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return name
	}
	var has struct{ UUID, Name, Scope, Until, Condition, DelegatedBy string }
	if err := json.Unmarshal(raw, &has); err != nil {
		return string(raw)
	}
	text := cmp.Or(has.Name, has.UUID)
	for _, more := range [][2]string{{"on", has.Scope}, {"until", has.Until}, {"where", has.Condition}, {"passed on by", has.DelegatedBy}} {
		if more[1] != "" {
			text += " " + more[0] + " " + more[1]
		}
	}
	return text
}
