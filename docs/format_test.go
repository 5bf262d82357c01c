package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/eventtest"
)

// strs are the sorts of strings of section 1.3.
var strs = []struct {
	name string
	rule *canon.Rule
}{
	{"text", canon.Text}, {"name", canon.Name}, {"value", canon.Value}, {"key", canon.Key}, {"permission", canon.Permission},
	{"token", canon.Token}, {"organization", canon.Organization}, {"scope", canon.Scope}, {"source", canon.Source},
	{"thing", canon.About}, {"did", canon.DID}, {"did:key", canon.DIDKey}, {"credential", canon.Credential}, {"cid", canon.CID}, {"decimal", canon.Decimal},
	{"schema", canon.EventSchema}, {"path", canon.Path}, {"condition (3.6)", events.ConditionText},
	{"address", events.Address}, {"contract", events.Contract}, {"hash", events.Hash}, {"country", events.Country}, {"fact", events.Fact},
}

// others are the sorts of values of section 1.4 that a schema tells by their pattern.
var others = map[string]string{
	`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`:                                      "id",
	`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$`: "time",
	`^[A-Za-z0-9_-]{43}$`:                                                "digest",
	`^[A-Za-z0-9_-]{86}$`:                                                "signature",
}

// Given the document, then its generated parts are what the code says.
func TestFormatIsGenerated(t *testing.T) {
	b, err := os.ReadFile("format.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for name, content := range map[string]string{
		"forbidden": forbidden(), "strings": stringTable(), "kinds": kindTables(t), "example": example(t),
	} {
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->"
		before, rest, ok := strings.Cut(doc, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("format.md has no part between %q and %q", begin, end)
		}
		doc = before + begin + content + end + after
	}
	published(t, "format.md", []byte(doc))
}

// forbidden lists the ranges that canon.Forbidden names, found by asking about every code point.
func forbidden() string {
	var b strings.Builder
	b.WriteString("\n```\n")
	for r := rune(0); r <= 0x10ffff; r++ {
		if !canon.Forbidden(r) {
			continue
		}
		first := r
		for r < 0x10ffff && canon.Forbidden(r+1) {
			r++
		}
		if first == r {
			fmt.Fprintf(&b, "U+%04X\n", first)
		} else {
			fmt.Fprintf(&b, "U+%04X to U+%04X\n", first, r)
		}
	}
	b.WriteString("```\n\n")
	return b.String()
}

func stringTable() string {
	var b strings.Builder
	b.WriteString("\n| name | pattern | bytes | U+000A |\n|---|---|---|---|\n")
	for _, s := range strs {
		pattern, lines := "any", "no"
		if s.rule.Pattern != "" {
			pattern = "`" + s.rule.Pattern + "`"
		}
		if s.rule.Lines {
			lines = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %d to %d | %s |\n", s.name, strings.ReplaceAll(pattern, "|", `\|`), s.rule.Min, s.rule.Max, lines)
	}
	b.WriteString("\n")
	return b.String()
}

func kindTables(t *testing.T) string {
	var b strings.Builder
	for _, k := range eventtest.Kinds() {
		s, err := events.Describe(k.Type, k.Version)
		if err != nil {
			t.Fatal(err)
		}
		meaning := meanings[string(k.Type)]
		if abouts[k] == "" || meaning == "" {
			t.Fatalf("%v has no subject or no meaning in kinds_test.go", k)
		}
		fmt.Fprintf(&b, "\n#### %s, version %d\n\n%s Its `subject` is `%s`.\n\n| member | value | | |\n|---|---|---|---|\n", k.Type, k.Version, meaning, abouts[k])
		data := s.Member("data")
		for _, part := range []string{"command", "effect"} {
			if m := data.Member(part); m != nil {
				rows(t, &b, string(k.Type), part, m)
			}
		}
	}
	b.WriteString("\n")
	return b.String()
}

// rows writes a row for each member of an object, and for those within it.
func rows(t *testing.T, b *strings.Builder, typ, path string, object *canon.Schema) {
	for _, name := range object.Names() {
		m, at := object.Member(name), path+"."+name
		optional := ""
		if !slices.Contains(object.Required, name) {
			optional = "optional"
			if m.Type == "string" && m.MinLength == 0 && others[m.Pattern] == "" {
				optional = "optional, may be empty"
			}
		}
		note, ok := notes[typ+" "+at]
		if !ok {
			note = notes[at]
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", at, valueOf(t, m), optional, note)
		if m.Type == "object" {
			rows(t, b, typ, at, m)
		}
		if m.Items != nil && m.Items.Type == "object" {
			rows(t, b, typ, at+"[]", m.Items)
		}
	}
}

// valueOf names the sort of a value, as sections 1.3 and 1.4 do.
func valueOf(t *testing.T, s *canon.Schema) string {
	switch {
	case s.Const == true:
		return "flag"
	case s.Type == "integer" && *s.Minimum == 0:
		return "integer"
	case s.Type == "object":
		return "object"
	case s.Type == "array" && s.Items.Type == "object":
		return "objects, ascending by `name`"
	case s.Type == "array" && s.UniqueItems:
		return "set of " + valueOf(t, s.Items)
	case s.Type == "array":
		return "list of " + valueOf(t, s.Items)
	case s.Type == "string" && others[s.Pattern] != "":
		return others[s.Pattern]
	case s.Type == "string":
		for _, x := range strs {
			if r := x.rule; r.Pattern == s.Pattern && r.Max == s.MaxLength && (r.Pattern != "" || r.Max != 512 || (r.Min == 0) == (s.MinLength == 0)) {
				return x.name
			}
		}
	}
	t.Fatalf("format.md has no name for a value of the schema %+v", s)
	return ""
}

// Given the golden event of each kind, then what the document says it is about is its subject.
func TestAbouts(t *testing.T) {
	for _, k := range eventtest.Kinds() {
		b, err := os.ReadFile(filepath.Join("..", "events", "testdata", "golden", k.String()+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			Subject string
			Data    struct{ Command map[string]any }
		}
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		about := abouts[k]
		for name, v := range e.Data.Command {
			about = strings.ReplaceAll(about, "{"+name+"}", fmt.Sprint(v))
		}
		if about != e.Subject {
			t.Errorf("%v is about %q; the document makes it %q", k, e.Subject, about)
		}
	}
}

// example writes the worked example out.
func example(t *testing.T) string {
	v := vector(t, "", small(t))
	var b strings.Builder
	b.WriteString("\n| key | seed | did:key |\n|---|---|---|\n")
	for _, k := range v.Keys[:6] {
		fmt.Fprintf(&b, "| %s | 32 times `%s` | `%s` |\n", k.Use, k.Seed[:2], k.DID)
	}
	for _, x := range v.Entries {
		fmt.Fprintf(&b, "\n### Entry %d\n\nThe entry, %d bytes:\n\n```\n%s\n```\n", x.Position, x.Length, x.Entry)
		fmt.Fprintf(&b, "\n| | |\n|---|---|\n| SHA-256 | `%s` |\n| CID | `%s` |\n| leaf | `%s` |\n| root of the tree of %d | `%s` |\n",
			x.SHA256, x.CID, x.Leaf, x.Position, x.Root)
		fmt.Fprintf(&b, "\nSigned by the event key, %d bytes, signature `%s`:\n\n```\n%s\n```\n", len(x.EventPAE), x.Signature, x.EventPAE)
		if x.Command == "" {
			b.WriteString("\nThe node acted: there is no evidence.\n")
			continue
		}
		fmt.Fprintf(&b, "\nSigned by the owner, %d bytes, signature `%s`:\n\n```\n%s\n```\n", len(x.CommandPAE), x.Evidence, x.CommandPAE)
	}
	fmt.Fprintf(&b, "\nThe journal of these three entries is `docs/vectors/small/00000000.seg`, %d bytes.\n\n", len(segment(small(t).raws())))
	return b.String()
}
