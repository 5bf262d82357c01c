package api

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// unique says whether no object of a JSON text has a name twice, and nothing is nested deeper than the reader reads.
func unique(text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil: an array
		value bool            // the next is a value
	}
	var open []level
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
		if n := len(open); n > 0 {
			if _, closing := tok.(json.Delim); open[n-1].names != nil && !open[n-1].value && !(closing && tok == json.Delim('}')) {
				name := tok.(string)
				if open[n-1].names[name] {
					return false
				}
				open[n-1].names[name], open[n-1].value = true, true
				continue
			}
			open[n-1].value = false
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxDepth {
			return false
		}
	}
}

var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

// What the reader takes is an object in JSON, as encoding/json takes it, and it says the same; and it takes all of them in which
// nothing can be taken for two things.
func FuzzAuthZENReader(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ``, `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"1","properties":{"a":1.50,"b":true,"c":null,"d":"x"}}}`,
		`{"subject":{"type":"user","type":"x"}}`, `{"a":1,"\u0061":2}`, `{"subject":{"id":"\ud83d\ude00\n\"\\\/"}}`, `{"x":"\ud800"}`, `{"x":"\udc00\ud800"}`, "{\"x\":\"\xff\"}",
		`{"x":[1,-0,0.5e-7,1E+9,01]}`, `{"x":-}`, `{"x":1.}`, `{"x":tru}`, `{"x":{"y":[[],{}]}} `, `{"x":1}{}`, "{\"x\":\"\t\"}", `{"evaluations":[{"subject":1},{}],"options":{"evaluations_semantic":"execute_all"}}`,
		`{"context":{"permledger":{"explain":true,"as_of":"3","at_least":7}}}`, `{"page":{"limit":3,"token":"x"}}`, `{"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}",
		`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"a":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var q authzenRequest
		err := q.read(body, true, true)
		good := utf8.ValidString(body) && json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{") && unique(body)
		if err == nil && !good {
			t.Fatalf("%q was taken", body)
		}
		if err != nil {
			if good && !surrogate.MatchString(body) && strings.Count(body, "{") < maxItems {
				t.Fatalf("%q was refused: %v", body, err)
			}
			return
		}
		if q.wrong != "" {
			return
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatal(err)
		}
		sameEntity(t, body, want["subject"], &q.subject, "id")
		sameEntity(t, body, want["action"], &q.action, "name")
		sameEntity(t, body, want["resource"], &q.resource, "id")
		if list, _ := want["evaluations"].([]any); len(list) != len(q.items) {
			t.Errorf("%q: %d evaluations", body, len(q.items))
		} else {
			for n, one := range list {
				if q.items[n].wrong == "" {
					sameEntity(t, body, one.(map[string]any)["subject"], &q.items[n].subject, "id")
				}
			}
		}
		if page, _ := want["page"].(map[string]any); page["token"] != nil && page["token"] != q.token {
			t.Errorf("%q: token %q", body, q.token)
		}
	})
}

func sameEntity(t *testing.T, body string, want any, got *entity, id string) {
	t.Helper()
	m, there := want.(map[string]any)
	if there != got.there {
		t.Errorf("%q: it is there: %v", body, got.there)
	}
	text, has := m[id].(string)
	if has != (got.has&hasID != 0) || text != got.id {
		t.Errorf("%q: %s is %q", body, id, got.id)
	}
	if typ, has := m["type"].(string); id == "id" && (has != (got.has&hasType != 0) || typ != got.typ) {
		t.Errorf("%q: type is %q", body, got.typ)
	}
	props, _ := m["properties"].(map[string]any)
	for _, p := range got.props {
		switch v := props[p.Name].(type) {
		case string:
			has = v == p.Value
		case bool:
			has = v == (p.Value == "true")
		case float64:
			has = numberText(p.Value) == p.Value
		default:
			has = false
		}
		if !has {
			t.Errorf("%q: property %s is %q", body, p.Name, p.Value)
		}
	}
}

func TestAuthZENReaderReusesItsBuffers(t *testing.T) {
	var q authzenRequest
	full := `{"subject":{"type":"user","id":"alice","properties":{"a":"b"}},"evaluations":[{"subject":{"type":"user","id":"eve"}},{}],"page":{"token":"t","limit":2},"options":{"evaluations_semantic":"deny_on_first_deny"},"context":{"permledger":{"explain":true}}}`
	for range 2 {
		if err := q.read(full, true, true); err != nil || q.wrong != "" || len(q.items) != 2 || q.items[1].subject.there || !q.wishes.explain {
			t.Fatalf("got %+v, %v", q, err)
		}
		if err := q.read(`{}`, true, true); err != nil || q.subject.there || len(q.items) != 0 || q.token != "" || q.limit != 0 || q.semantic != executeAll || q.wishes.there {
			t.Fatalf("of what was read before, this is left: %+v, %v", q, err)
		}
	}
}

// Whatever a type and an id are, the path that they name lies beneath no resource of another type, and search gives it back by
// an id that names it again.
func FuzzAuthZENPath(f *testing.F) {
	for _, seed := range [][2]string{{"record", "record-1"}, {"record", "a/b"}, {"document", "fund/f1/document/d7"}, {"route", "/todos/{todoId}"}, {"Record", "x y"}, {"a/b", "c"}, {"record", "50%"}, {"record", "%2F"}, {"", ""}, {"x", "ü"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, typ, id string) {
		path := string(appendPath(nil, typ, id))
		if path == id {
			if got := resourceID(typ, path); string(appendPath(nil, typ, got)) != path {
				t.Errorf("%q is found by the id %q", path, got)
			}
			return
		}
		kind, name, ok := strings.Cut(path, "/")
		if !ok || strings.Contains(name, "/") {
			t.Fatalf("%q of the type %q is the path %q", id, typ, path)
		}
		if got := resourceID(typ, path); kind == typ && got != id && string(appendPath(nil, typ, got)) != path {
			t.Errorf("%q of the type %q has the path %q and is found by %q", id, typ, path, got)
		}
	})
}
