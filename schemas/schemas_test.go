package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/schemas"
)

// compile makes a validator of each file, by its name.
func compile(t testing.TB) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	ids := map[string]string{}
	for _, name := range schemas.List() {
		b, ok := schemas.File(name)
		if !ok {
			t.Fatalf("%s is listed and not there", name)
		}
		doc := parse(t, b).(map[string]any)
		id, _ := doc["$id"].(string)
		if id == "" || doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Fatalf("%s has the id %q and the dialect %v", name, id, doc["$schema"])
		}
		if err := c.AddResource(id, doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ids[name] = id
	}
	compiled := map[string]*jsonschema.Schema{}
	for name, id := range ids {
		s, err := c.Compile(id)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compiled[name] = s
	}
	return compiled
}

func parse(t testing.TB, b []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return doc
}

func golden(t testing.TB, k eventtest.Kind) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "events", "testdata", "golden", k.String()+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Given every kind of event, then it has a schema, and so has its command; and there is none of what is no kind.
func TestEveryKindHasSchemas(t *testing.T) {
	for _, k := range eventtest.Kinds() {
		if _, ok := schemas.Event(string(k.Type), k.Version); !ok {
			t.Errorf("%v: no schema of the event", k)
		}
		if _, ok := schemas.Command(string(k.Type), k.Version); !ok {
			t.Errorf("%v: no schema of the command", k)
		}
	}
	if want := 2*len(eventtest.Kinds()) + 1; len(schemas.List()) != want {
		t.Errorf("%d schemas; want %d", len(schemas.List()), want)
	}
	for _, typ := range []string{"role.painted", "", "../entry"} {
		if b, ok := schemas.Event(typ, 1); ok {
			t.Errorf("%q has a schema: %s", typ, b)
		}
	}
	if len(schemas.Entry()) == 0 {
		t.Error("no schema of entries")
	}
}

// Given the golden event of each kind, and any other, then its schema takes it; so do those of its command and of the
// entry around it.
func TestValidEventsValidate(t *testing.T) {
	compiled := compile(t)
	check := func(t testing.TB, name string, b []byte) {
		t.Helper()
		s := compiled[name]
		if s == nil {
			t.Fatalf("there is no %s", name)
		}
		if err := s.Validate(parse(t, b)); err != nil {
			t.Fatalf("%s refuses %s: %v", name, b, err)
		}
	}
	all := func(t testing.TB, k eventtest.Kind, e *events.Event) {
		t.Helper()
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		check(t, "events/"+k.String()+".json", body)
		c := events.CommandOf(e)
		s := events.Signed{Expires: time.UnixMilli(1).UTC(), Seen: &events.Seen{Size: 1}}
		command, err := c.Bytes(s)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "commands/"+k.String()+".json", command)
		key := eventtest.PrivateKey(1)
		ev, err := chain.SignCommand(&c, s, key)
		if err != nil {
			t.Fatal(err)
		}
		en, err := chain.Seal(e, body, nil, ev, key, eventtest.KeyOf(key))
		if err != nil {
			t.Fatal(err)
		}
		check(t, "entry.1.json", en.Bytes())
	}
	for _, k := range eventtest.Kinds() {
		t.Run(k.String(), func(t *testing.T) {
			e, err := events.Decode(golden(t, k))
			if err != nil {
				t.Fatal(err)
			}
			all(t, k, e)
			rapid.Check(t, func(r *rapid.T) { all(t, k, eventtest.Event(k).Draw(r, "event")) })
		})
	}
}

// Given the golden event of each kind, when a member is added, taken away or of another type, anywhere in it, then the
// schema refuses it, and so does reading it.
func TestInvalidEventsAreRefused(t *testing.T) {
	compiled := compile(t)
	for _, k := range eventtest.Kinds() {
		t.Run(k.String(), func(t *testing.T) {
			b, _ := schemas.Event(string(k.Type), k.Version)
			schema := parse(t, b).(map[string]any)
			n := 0
			mutate(parse(t, golden(t, k)), schema, func(what string, event any) {
				n++
				bad := canonical(t, event)
				if err := compiled["events/"+k.String()+".json"].Validate(parse(t, bad)); err == nil {
					t.Errorf("%s: the schema takes %s", what, bad)
				}
				if _, err := events.Decode(bad); err == nil {
					t.Errorf("%s: it is read: %s", what, bad)
				}
			})
			if n < 40 {
				t.Errorf("only %d ways to make it wrong", n)
			}
		})
	}
}

// mutate calls try with root wrong in each way in turn, and then right again.
func mutate(root any, schema map[string]any, try func(what string, root any)) {
	var walk func(path string, v any, schema map[string]any, put func(any))
	walk = func(path string, v any, schema map[string]any, put func(any)) {
		if path != "" {
			put(another(v))
			try("another type for "+path, root)
			put(nil)
			try("null for "+path, root)
			put(v)
		}
		switch v := v.(type) {
		case map[string]any:
			for _, name := range []string{"a", "zz", "effect", "Actor"} {
				if _, ok := v[name]; !ok {
					v[name] = map[string]any{}
					try("an unknown member "+path+"."+name, root)
					delete(v, name)
				}
			}
			required, _ := schema["required"].([]any)
			properties, _ := schema["properties"].(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(v)) {
				member := v[name]
				if slices.Contains(required, any(name)) {
					delete(v, name)
					try("without "+path+"."+name, root)
					v[name] = member
				}
				walk(path+"."+name, member, properties[name].(map[string]any), func(m any) { v[name] = m })
			}
		case []any:
			items := schema["items"].(map[string]any)
			for i, element := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), element, items, func(m any) { v[i] = m })
			}
		}
	}
	walk("", root, schema, nil)
}

// another gives a value of another type.
func another(v any) any {
	switch v.(type) {
	case string:
		return json.Number("1")
	case []any:
		return map[string]any{}
	case map[string]any:
		return []any{}
	}
	return "1"
}

func canonical(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = jcs.Transform(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// Given the folder of the library, then none of its files but tests imports anything of the ledger: whoever embeds the
// schemas gets nothing else.
func TestImportsNothingOfOurs(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(f, "_test.go") && bytes.Contains(b, []byte(`"github.com/permledger/`)) {
			t.Errorf("%s imports something of ours", f)
		}
	}
}
