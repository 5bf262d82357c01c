package tenants_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/secret"
)

// lexicon holds what somebody knows of an organization, by the names of parameters and members.
type lexicon map[string][]string

// lexiconOf gives what is known of an organization under some of its names. What machines made is what its owner reads.
func (o *tenant) lexiconOf(t testing.TB, n names, w *world) lexicon {
	t.Helper()
	l := lexicon{
		"org": {o.id}, "role": n.roles, "subject": n.subjects, "key": slices.Concat(n.roles, n.subjects, []string{n.word + "-newcomer", n.word + "-other"}), "permission": n.permissions, "resource": n.resources,
		"actor": n.subjects, "account": n.subjects, "as": n.subjects, "with": n.subjects, "about": {"role:" + n.roles[0], "subject:" + n.subjects[0]},
		"email": {n.subjects[0] + "@example.com"}, "name": n.permissions, "investor": n.subjects, "review": {n.text("first review"), n.text("review")},
		"scope": n.resources, "kind": {n.resources[0][:strings.Index(n.resources[0], "/")], "role", "subject", "denied"}, "did": {did("key of " + n.subjects[0]), secret.Of(secret.Invitation, keyOf("invitation of "+n.subjects[0])).DID()},
		"token": {"eip155:1:0x5B38Da6a701c568545dCfcB03FcB875f56beddC4"}, "wallet": {"0x5B38Da6a701c568545dCfcB03FcB875f56beddC4"},
		"url": {w.receiver + "/" + o.id + "/asked"}, "text": {n.text("text")}, "path": {"0/000", "0/000.p/3", "000", "000.p/3", "1/000"}, "purpose": {"revocation", "refresh"},
		"list": {"0", "1"}, "provider": {"idp"}, "ref": {"1", "3", "5"}, "position": {"1", "3", "5"}, "from": {"1", "2"}, "to": {"3", "5"}, "least": {"1"}, "days": {"0"},
		"limit": {"1", "3"}, "format": {"bundle", "car", "jsonl", "csv", "vc", "raw", "x"}, "texts": {"none", "reasons", "personal"}, "type": {"role.created", "role.updated", "subject.added"},
		"since": {"2020-01-01T00:00:00Z"}, "before": {"2999-01-01T00:00:00Z"}, "newest": {"true"}, "permissions": {"true"}, "proof": {"true"}, "at_least": {"1"},
		"as_of": {"1", "5", "head", "24h"}, "wait": {wire.Recorded}, "stop": {"true"}, "code": {"not-permitted", "taken"}, "filename": {"a.bin"}, "return": {"/"},
		"condition": {`subject.properties.desk == "` + n.text("desk") + `"`}, "password": {"correct horse battery staple"}, "overlap": {"1h"}, "cursor": {"x"}, "id": {"x"}, "session": {"x"},
		"dag-scope": {"block"}, "car-version": {"1"}, "car-order": {"dfs"}, "car-dups": {"n"}, "timestamp": {"2999-01-01T00:00:00Z"}, "state": {"x"}, "iss": {"https://idp.example.com"}, "error": {"x"},
	}
	history, err := o.History(t.Context(), o.id, wire.HistoryQuery{Newest: true, Limit: 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range history.Items[:min(3, len(history.Items))] {
		l.add("ref", item.CID)
		l.add("cid", item.CID)
		l.add("as_of", "cid:"+item.CID)
		if en, err := o.Entry(t.Context(), o.id, item.CID); err == nil {
			for one := range tokensIn(string(en.Entry)) {
				if len(one) == 26 { // of commands and of things
					l.add("id", one)
					l.add("key", one)
				}
			}
		}
	}
	if docs, err := o.Documents(t.Context(), o.id, "", ""); err == nil {
		for _, d := range docs.Items[:min(3, len(docs.Items))] {
			l.add("cid", d.CID)
		}
	}
	if hooks, err := o.Webhooks(t.Context(), o.id); err == nil {
		for _, h := range hooks.Items[:min(1, len(hooks.Items))] {
			l.add("webhook", h.ID)
		}
	}
	if page, err := o.Documents(t.Context(), o.id, "", ""); err == nil && page.Next != "" {
		l.add("cursor", page.Next)
	}
	return l
}

func (l lexicon) add(name, value string) { l[name] = append(l[name], value) }

// question is one request, and by whom.
type question struct {
	method, path, accept, contentType, body string
	header                                  http.Header
	auth                                    string // of whom; empty: nobody
	ends                                    bool   // the answer would not end by itself
}

func (q question) String() string {
	return fmt.Sprintf("%s %s (accepting %q) %s", q.method, q.path, q.accept, q.body)
}

// ask gives the whole answer: status, header fields and body.
func (q question) ask(h http.Handler) string {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if q.ends {
		ctx, cancel = context.WithTimeout(ctx, 30*time.Millisecond)
	}
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, q.method, "http://permledger.test"+q.path, strings.NewReader(q.body))
	for name, value := range map[string]string{"Accept": q.accept, "Content-Type": q.contentType} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if q.auth != "" {
		r.Header.Set("Authorization", "Bearer "+q.auth)
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			}
		}()
		h.ServeHTTP(w, r)
	}()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\r\n", w.Code)
	_ = w.Result().Header.Write(&b)
	b.WriteString("\r\n")
	b.Write(w.Body.Bytes())
	return b.String()
}

// on draws a request to a route, about what is in the lexicon, in an organization.
func on(t *rapid.T, r api.Route, org string, l lexicon) question {
	one := func(name string) string {
		of := l[name]
		if len(of) == 0 {
			of = l["text"]
		}
		return rapid.SampledFrom(of).Draw(t, name)
	}
	escape := func(s string) string {
		return strings.NewReplacer(" ", "%20", "%", "%25", "\"", "%22", "+", "%2B", "&", "%26").Replace(s)
	}
	q := question{method: r.Method, contentType: r.Takes, header: http.Header{}}
	var segments []string
	for segment := range strings.SplitSeq(r.Path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
			if segment = org; name != "org" {
				if strings.Contains(r.Path, "/webhooks/") {
					name = "webhook"
				}
				segment = escape(one(name))
			}
		}
		segments = append(segments, segment)
	}
	q.path = strings.Join(segments, "/")
	sep := "?"
	for _, name := range r.Query {
		likely := []bool{true, false, false}
		if name == "permission" || name == "subject" || name == "role" {
			likely = []bool{true, true, false}
		}
		if name == "cursor" {
			likely = []bool{true, false, false, false, false, false, false, false}
		}
		if !rapid.SampledFrom(likely).Draw(t, "with "+name) {
			continue
		}
		value := one(name)
		if name == "wait" && strings.HasSuffix(r.Path, "/changes") {
			value = "5ms"
		}
		q.path += sep + name + "=" + escape(value)
		sep = "&"
	}
	if len(r.Also) > 0 {
		q.accept = rapid.SampledFrom(append([]string{""}, r.Also...)).Draw(t, "accept")
	}
	if r.Gives == "application/json" && rapid.SampledFrom([]bool{true, false, false}).Draw(t, "packed") {
		q.header.Set("Accept-Encoding", "gzip")
	}
	if strings.HasSuffix(r.Path, "/watch") || strings.HasSuffix(r.Path, "/changes") {
		q.accept = rapid.SampledFrom([]string{"", "text/event-stream"}).Draw(t, "accept a stream")
		q.ends = q.accept != "" || strings.HasSuffix(r.Path, "/watch")
		if rapid.Bool().Draw(t, "again") {
			q.header.Set("Last-Event-ID", "1")
		}
	}
	if r.Takes != "" && r.Request != nil {
		body := l.fill(t, r.Request, "").Interface()
		if in, ok := body.(wire.Intent); ok && strings.HasSuffix(r.Path, "/prepare") {
			body = wordless(in)
		}
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		q.body = string(b)
		if r.Takes != "application/json" {
			q.body += "\n"
		}
	}
	return q
}

// wordless is a change without private texts, which are commitments where nothing is recorded.
func wordless(in wire.Intent) wire.Intent {
	for _, private := range in.Private() {
		*private = ""
	}
	return in
}

// fill draws a value of a type, whose texts are of the lexicon by the names of their members.
func (l lexicon) fill(t *rapid.T, of reflect.Type, name string) reflect.Value {
	v := reflect.New(of).Elem()
	one := func(name string) string {
		if list := l[name]; len(list) > 0 {
			return rapid.SampledFrom(list).Draw(t, name)
		}
		return l["text"][0]
	}
	switch v.Interface().(type) {
	case wire.Intent:
		n := names{word: strings.Fields(l["text"][0])[0], roles: l["role"], subjects: l["subject"], permissions: l["permission"], resources: l["resource"]}
		in := n.intent(t)
		return reflect.ValueOf(in)
	case wire.Rehearsal:
		in := l.fill(t, reflect.TypeFor[wire.Intent](), "").Interface().(wire.Intent)
		return reflect.ValueOf(wire.Rehearsal{Intents: []wire.Intent{wordless(in)}})
	case wire.AuthZENEntity:
		e := wire.AuthZENEntity{Type: "user", ID: one("subject")}
		if name == "resource" {
			e.Type, e.ID, _ = strings.Cut(one("resource"), "/")
		}
		if rapid.SampledFrom([]bool{true, false, false}).Draw(t, "searched") {
			e.ID = ""
		}
		return reflect.ValueOf(e)
	case wire.AuthZENWishes:
		return reflect.ValueOf(wire.AuthZENWishes{Explain: rapid.Bool().Draw(t, "explain"), Record: rapid.SampledFrom([]bool{true, false, false}).Draw(t, "record")})
	case wire.AuthZENPage:
		return reflect.ValueOf(wire.AuthZENPage{Limit: 1})
	case wire.AuthZENOptions:
		return reflect.ValueOf(wire.AuthZENOptions{})
	case json.RawMessage:
		return reflect.ValueOf(json.RawMessage(`{}`))
	}
	switch of.Kind() {
	case reflect.String:
		v.SetString(one(name))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Int:
		v.SetInt(1)
	case reflect.Pointer:
		if rapid.SampledFrom([]bool{true, true, true, false}).Draw(t, "with "+name) {
			p := reflect.New(of.Elem())
			p.Elem().Set(l.fill(t, of.Elem(), name))
			v.Set(p)
		}
	case reflect.Slice:
		if of.Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.Append(v, l.fill(t, of.Elem(), strings.TrimSuffix(name, "s"))))
		}
	case reflect.Map:
		if of.Key().Kind() == reflect.String && of.Elem().Kind() == reflect.String {
			v.Set(reflect.MakeMap(of))
			v.SetMapIndex(reflect.ValueOf("desk"), l.fill(t, of.Elem(), "text"))
		}
	case reflect.Struct:
		for i := range of.NumField() {
			f := of.Field(i)
			member, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
			optional := strings.Contains(rest, "omitempty") && f.Type.Kind() != reflect.Pointer
			if f.IsExported() && (!optional || rapid.Bool().Draw(t, "with "+member)) {
				v.Field(i).Set(l.fill(t, f.Type, member))
			}
		}
	}
	return v
}
