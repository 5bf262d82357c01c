package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// accepts takes everything and keeps nothing.
type accepts struct{}

func (accepts) Role(context.Context, string, events.Import) (ulid.ULID, bool, error) {
	return ulid.ULID{}, false, nil
}

func (accepts) Do(_ context.Context, commands []Command) ([]Outcome, error) {
	return make([]Outcome, len(commands)), nil
}

// Each line stands third in a history whose second is blank, between good lines.
func TestBadLines(t *testing.T) {
	first := `{{T2},"op":"create-role","role":"r","title":"R","permissions":["a","b"]}`
	after := `{{T3},"op":"create-role","role":"after","permissions":["c"]}`
	long := strings.Repeat("x", 600)
	for name, c := range map[string]struct{ line, want string }{
		"not JSON":               {`nonsense`, `want '{'`},
		"cut":                    {`{{T2},"op":"delete-role","role":"r"`, `found the end`},
		"two values":             {`{{T2},"op":"delete-role","role":"r"} {}`, `want the end`},
		"array":                  {`[]`, `want '{'`},
		"comma at the end":       {`{{T2},"op":"delete-role","role":"r",}`, `want a string`},
		"unknown member":         {`{{T2},"op":"delete-role","role":"r","why":"x"}`, `there is no member "why"`},
		"member in capitals":     {`{{T2},"op":"delete-role","Role":"r"}`, `there is no member "Role"`},
		"member twice":           {`{{T2},"op":"delete-role","role":"r","role":"r"}`, `the member "role" is there twice`},
		"member twice, escaped":  {`{{T2},"op":"delete-role","role":"r","rol\u0065":"r"}`, `the member "role" is there twice`},
		"null":                   {`{{T2},"op":"update-role","role":"r","title":null}`, `title: byte`},
		"number":                 {`{{T2},"op":"update-role","role":1,"title":"T"}`, `role: byte`},
		"no time":                {`{"op":"delete-role","role":"r"}`, `the member "time" is missing`},
		"no op":                  {`{{T2},"role":"r"}`, `the member "op" is missing`},
		"no role":                {`{{T2},"op":"delete-role"}`, `the member "role" is missing`},
		"no permissions":         {`{{T2},"op":"create-role","role":"s"}`, `the member "permissions" is missing`},
		"unknown op":             {`{{T2},"op":"rename-role","role":"r"}`, `there is no op "rename-role"`},
		"delete with title":      {`{{T2},"op":"delete-role","role":"r","title":"x"}`, `delete-role has no member "title"`},
		"create with add":        {`{{T2},"op":"create-role","role":"s","permissions":[],"add":[]}`, `create-role has no member "add"`},
		"update of all":          {`{{T2},"op":"update-role","role":"r","permissions":["x"]}`, `update-role has no member "permissions"`},
		"time without zone":      {`{"time":"2024-01-03T00:00:00","op":"delete-role","role":"r"}`, `is not an RFC 3339 time`},
		"time with a comma":      {`{"time":"2024-01-03T00:00:00,5Z","op":"delete-role","role":"r"}`, `is not an RFC 3339 time`},
		"hour of one digit":      {`{"time":"2024-01-03T1:00:00Z","op":"delete-role","role":"r"}`, `is not an RFC 3339 time`},
		"offset of two days":     {`{"time":"2024-01-03T00:00:00+48:00","op":"delete-role","role":"r"}`, `is not an RFC 3339 time`},
		"no such day":            {`{"time":"2024-02-30T00:00:00Z","op":"delete-role","role":"r"}`, `is not an RFC 3339 time`},
		"time before 1970":       {`{"time":"1969-12-31T23:59:59Z","op":"delete-role","role":"r"}`, `outside the years`},
		"time after 9999":        {`{"time":"9999-12-31T23:59:59-01:00","op":"delete-role","role":"r"}`, `outside the years`},
		"time goes back":         {`{{T1},"op":"delete-role","role":"r"}`, `the time goes back`},
		"time in the future":     {`{"time":"2027-01-01T00:00:00Z","op":"delete-role","role":"r"}`, `in the future`},
		"forbidden in title":     {`{{T2},"op":"update-role","role":"r","title":"a\u202eb"}`, `U+202E`},
		"tab in description":     {`{{T2},"op":"update-role","role":"r","description":"a\tb"}`, `U+0009`},
		"line feed in title":     {`{{T2},"op":"update-role","role":"r","title":"a\nb"}`, `U+000A`},
		"control in a string":    {"{{T2},\"op\":\"delete-role\",\"role\":\"r\x01\"}", `a control character`},
		"not UTF-8":              {"{{T2},\"op\":\"update-role\",\"role\":\"r\",\"title\":\"\xff\"}", `not UTF-8`},
		"not UTF-8 after escape": {"{{T2},\"op\":\"update-role\",\"role\":\"r\",\"title\":\"\\n\xc3\"}", `not UTF-8`},
		"lone surrogate":         {`{{T2},"op":"update-role","role":"r","title":"\ud83d"}`, `a surrogate stands alone`},
		"surrogates swapped":     {`{{T2},"op":"update-role","role":"r","title":"\ude00\ud83d"}`, `a surrogate stands alone`},
		"no escape":              {`{{T2},"op":"update-role","role":"r","title":"\x"}`, `no escape sequence`},
		"title too long":         {`{{T2},"op":"update-role","role":"r","title":"` + long + `"}`, `600 bytes long, at most 512`},
		"stage too long":         {`{{T2},"op":"update-role","role":"r","stage":"` + long + `"}`, `600 bytes long`},
		"title of spaces":        {`{{T2},"op":"update-role","role":"r","title":" "}`, `A role has a name`},
		"empty role":             {`{{T2},"op":"delete-role","role":""}`, `role: a key is empty`},
		"role not ASCII":         {`{{T2},"op":"delete-role","role":"ü"}`, `role: not a key`},
		"bad permission":         {`{{T2},"op":"update-role","role":"r","add":["a b"]}`, `add: "a b": not a permission`},
		"empty permission":       {`{{T2},"op":"update-role","role":"r","add":[""]}`, `is empty`},
		"permission is a number": {`{{T2},"op":"update-role","role":"r","add":[1]}`, `want a string`},
		"permission twice":       {`{{T2},"op":"update-role","role":"r","add":["x","y","x"]}`, `"x" is there twice`},
		"added and removed":      {`{{T2},"op":"update-role","role":"r","add":["a"],"remove":["a"]}`, `both added and removed`},
		"catalogue unknown":      {`{{T2},"op":"update-role","role":"r","add":["nobody:x"]}`, `There is no permission "nobody:x"`},
		"add of what is there":   {`{{T2},"op":"update-role","role":"r","add":["a","new"]}`, `has a already`},
		"remove of what is not":  {`{{T2},"op":"update-role","role":"r","remove":["x"]}`, `does not have x`},
		"create twice":           {`{{T2},"op":"create-role","role":"r","permissions":[]}`, `there is a role "r" already`},
		"create taken":           {`{{T2},"op":"create-role","role":"live","permissions":[]}`, `A role has the key "live" already`},
		"update of no role":      {`{{T2},"op":"update-role","role":"s","add":["x"]}`, `there is no role "s"`},
		"delete of no role":      {`{{T2},"op":"delete-role","role":"s"}`, `there is no role "s"`},
		"add to somebody else's": {`{{T2},"op":"update-role","role":"live","add":["x","y"]}`, `has x already`},
	} {
		t.Run(name, func(t *testing.T) {
			in := historyOf(first, "  ", c.line, after)
			l := newLedger(t)
			l.say(&events.RoleCreated{Role: ulid.ULID{1}, Key: "live", Name: "Live", Permissions: []string{"x"}})

			sum, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{}, l)
			bad := new(BadRecord)
			if !errors.As(err, &bad) || bad.Line != 3 || bad.Record != "3" || !strings.Contains(bad.Error(), c.want) || !strings.HasPrefix(bad.Error(), "line 3: ") {
				t.Fatalf("stop: got %v; want line 3: … %s", err, c.want)
			}
			if want := (Summary{Records: 2, Recorded: 1, Bad: 1, Commands: 1}); sum != want {
				t.Errorf("stop: got %+v; want %+v", sum, want)
			}
			if _, there := l.state.RoleByKey("after"); there {
				t.Error("stop: a line after the bad one is recorded")
			}

			var told []int
			opt := Options{SkipBad: true, Bad: func(b *BadRecord) { told = append(told, b.Line) }}
			sum = l.run(FormatRoleHistory, in, opt)
			if want := (Summary{Records: 3, Recorded: 1, Repeated: 1, Bad: 1, Commands: 1}); sum != want || len(told) != 1 || told[0] != 3 {
				t.Errorf("skip: got %+v, told of %v; want %+v, 3", sum, told, want)
			}
		})
	}
}

func TestLineTooLong(t *testing.T) {
	good := string(historyOf(`{{T1},"op":"create-role","role":"r","permissions":[]}`))
	for _, c := range []struct {
		length int
		bad    string
	}{{maxLine - 1, "[]"}, {maxLine, "[]"}, {maxLine + 1, "[2]"}, {3 * maxLine, "[2]"}} {
		line := strings.TrimSuffix(string(historyOf(`{{T1},"op":"create-role","role":"s","permissions":[]}`)), "\n")
		line += strings.Repeat(" ", c.length-len(line))
		in := good + line + "\n" + strings.Replace(good, `"r"`, `"q"`, 1)
		var told []int
		l := newLedger(t)
		sum := l.run(FormatRoleHistory, []byte(in), Options{SkipBad: true, Bad: func(b *BadRecord) { told = append(told, b.Line) }})
		if fmt.Sprint(told) != c.bad || sum.Records != 3 {
			t.Errorf("a line of %d bytes: got %+v, told of %v; want %s", c.length, sum, told, c.bad)
		}
	}
}

func TestUnchanged(t *testing.T) {
	in := historyOf(
		`{{T1},"op":"create-role","role":"r","title":"R","stage":"GA","permissions":["a"]}`,
		`{{T2},"op":"update-role","role":"r","title":"R"}`,
		`{{T2},"op":"update-role","role":"r"}`,
		`{{T2},"op":"update-role","role":"r","stage":"GA","description":"","add":[],"remove":[]}`)
	l := newLedger(t)
	for _, want := range []Summary{{Records: 4, Recorded: 1, Unchanged: 3, Commands: 1}, {Records: 4, Repeated: 1, Unchanged: 3}} {
		if sum := l.run(FormatRoleHistory, in, Options{}); sum != want {
			t.Errorf("got %+v; want %+v", sum, want)
		}
	}
}

// What a refused line would have done must not count for the lines after it, of the same batch.
func TestRefusedIsTakenBack(t *testing.T) {
	in := historyOf(
		`{{T1},"op":"create-role","role":"r","title":"R","permissions":["a"]}`,
		`{{T2},"op":"update-role","role":"r","title":"S","add":["b","no:such"],"remove":["a"]}`,
		`{{T3},"op":"update-role","role":"r","add":["b"]}`,
		`{{T3},"op":"update-role","role":"r","remove":["a"]}`,
		`{{T3},"op":"update-role","role":"r","title":"R"}`,
		`{{T4},"op":"create-role","role":"q","permissions":["no:such"]}`,
		`{{T5},"op":"update-role","role":"q","add":["b"]}`,
		`{{T6},"op":"create-role","role":"q","permissions":["c"]}`,
		`{{T7},"op":"update-role","role":"q","add":["b"]}`)
	l := newLedger(t)
	var told []int
	opt := Options{SkipBad: true, Bad: func(b *BadRecord) { told = append(told, b.Line) }}
	sum := l.run(FormatRoleHistory, in, opt)
	if want := (Summary{Records: 9, Recorded: 5, Unchanged: 1, Bad: 3, Commands: 5}); sum != want || fmt.Sprint(told) != "[2 6 7]" {
		t.Errorf("got %+v, bad %v; want %+v, [2 6 7]", sum, told, want)
	}
	if got := fmt.Sprint(holdings(l.state, []string{"q", "r"})); got != "map[q:[b c] r:[b]]" {
		t.Errorf("the roles hold %s", got)
	}
	if again := l.run(FormatRoleHistory, in, opt); again.Repeated != 5 || again.Commands != 0 {
		t.Errorf("second run: %+v", again)
	}
}

func TestManyBadLines(t *testing.T) {
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf(`{{T1},"op":"create-role","role":"g%d","permissions":["a"]}`, i), fmt.Sprintf(`{{T1},"op":"create-role","role":"b%d","permissions":["no:x"]}`, i))
	}
	l := newLedger(t)
	sum := l.run(FormatRoleHistory, historyOf(lines...), Options{SkipBad: true})
	if sum.Recorded != 1000 || sum.Bad != 1000 {
		t.Errorf("got %+v", sum)
	}
}

// refuses answers each command with an outcome.
type refuses struct {
	accepts
	outcomes func([]Command) ([]Outcome, error)
}

func (r refuses) Do(_ context.Context, c []Command) ([]Outcome, error) { return r.outcomes(c) }

func TestTargetStopsTheRun(t *testing.T) {
	in := historyOf(`{{T1},"op":"create-role","role":"r","permissions":[]}`, `{{T1},"op":"create-role","role":"s","permissions":[]}`)
	cut := &rules.Refusal{Code: rules.NotPermitted, Reason: "Don't have ledger:import permission"}
	for name, c := range map[string]struct {
		do   func([]Command) ([]Outcome, error)
		want string
	}{
		"not permitted":      {func([]Command) ([]Outcome, error) { return []Outcome{{Refusal: cut}}, nil }, "stopped at record 1: refused (not-permitted)"},
		"nothing tried":      {func([]Command) ([]Outcome, error) { return nil, nil }, "tried none of 2"},
		"too many":           {func([]Command) ([]Outcome, error) { return make([]Outcome, 3), nil }, "3 outcomes for 2"},
		"went on":            {func([]Command) ([]Outcome, error) { return []Outcome{{Refusal: io.EOF}, {}}, nil }, "went on after it refused 1"},
		"failed":             {func([]Command) ([]Outcome, error) { return make([]Outcome, 1), errKilled }, "record: killed"},
		"refused and failed": {func([]Command) ([]Outcome, error) { return []Outcome{{Refusal: io.EOF}}, errKilled }, "record: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			sum, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{SkipBad: true}, refuses{outcomes: c.do})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want %s", err, c.want)
			}
			if sum.Records != sum.Recorded+sum.Repeated+sum.Unchanged+sum.Bad {
				t.Errorf("the summary %+v does not add up", sum)
			}
		})
	}
}

func TestInput(t *testing.T) {
	in := file(t, "history.jsonl")
	for name, c := range map[string]struct {
		in     io.Reader
		format string
		source string
		want   error
		text   string
	}{
		"empty":          {in: strings.NewReader(""), format: FormatRoleHistory},
		"no line at all": {in: strings.NewReader("\n \r\n"), format: FormatRoleHistory},
		"byte by byte":   {in: iotest.OneByteReader(bytes.NewReader(zipped(t, in))), format: FormatRoleHistory},
		"no last feed":   {in: bytes.NewReader(bytes.TrimSpace(in)), format: FormatRoleHistory},
		"format":         {in: bytes.NewReader(in), format: "csv", want: ErrFormat},
		"source":         {in: bytes.NewReader(in), format: FormatRoleHistory, source: "ü", text: "the name of the source"},
		"gzip cut":       {in: bytes.NewReader(zipped(t, in)[:100]), format: FormatRoleHistory, want: io.ErrUnexpectedEOF},
		"gzip header":    {in: strings.NewReader("\x1f\x8bxx"), format: FormatRoleHistory, text: "read gzip"},
		"fails":          {in: iotest.ErrReader(errKilled), format: FormatRoleHistory, want: errKilled},
		"fails later":    {in: io.MultiReader(bytes.NewReader(in), iotest.ErrReader(errKilled)), format: FormatRoleHistory, want: errKilled},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(t.Context(), c.in, c.format, Options{Source: c.source}, newLedger(t))
			if (err != nil) != (c.want != nil || c.text != "") || c.want != nil && !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v; want %v %s", err, c.want, c.text)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errKilled)
	l := newLedger(t)
	if _, err := Run(ctx, bytes.NewReader(in), FormatRoleHistory, Options{}, l); !errors.Is(err, errKilled) || l.calls != 0 {
		t.Errorf("cancelled: got %v after %d calls", err, l.calls)
	}
}
