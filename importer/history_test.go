package importer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// checkHistory demands that a ledger says what the plain fold says, now and at instants in between.
func checkHistory(t *testing.T, l *ledger, history []byte, instants ...time.Time) {
	t.Helper()
	all := map[string]bool{}
	for line := range bytes.Lines(history) {
		if c, err := parseChange(line, nil); err == nil {
			all[c.role] = true
		}
	}
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	end := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if d := cmp.Diff(truth(t, history, end), holdings(l.state, keys)); d != "" {
		t.Errorf("roles at the end (-want +got):\n%s", d)
	}
	for _, at := range append(instants, end) {
		if d := cmp.Diff(truth(t, history, at), holdings(l.occurred(at), keys)); d != "" {
			t.Errorf("roles at %s (-want +got):\n%s", at, d)
		}
	}
}

func TestHistory(t *testing.T) {
	in := file(t, "history.jsonl")
	l := newLedger(t)
	sum := l.run(FormatRoleHistory, in, Options{})
	if want := (Summary{Records: 10, Recorded: 10, Commands: 10}); sum != want {
		t.Errorf("first run: got %+v; want %+v", sum, want)
	}
	day := func(d int) time.Time { return time.Date(2024, 2, d, 12, 0, 0, 0, time.UTC) }
	checkHistory(t, l, in, day(0), day(1), day(3), day(4), day(5), day(6))

	id, _ := l.state.RoleByKey("docs.editor")
	editor, _ := l.state.Role(id)
	if editor.Name != "Editor" || editor.Description != "Writes \"documents\".\nAnd reads them." || !slices.Equal(editor.Labels, []events.Label{{Name: "stage", Value: "GA"}}) {
		t.Errorf("the editor is %+v", editor)
	}
	before, _ := l.occurred(day(3)).Role(id)
	if want := uint64(3); before.Count != int(want) {
		t.Errorf("the editor held %d; want %d", before.Count, want)
	}
	e := l.log[4]
	want := events.Import{Format: "role-history", Source: "role-history", Record: "5", Occurred: time.Date(2024, 2, 3, 8, 0, 0, 125e6, time.UTC)}
	if d := cmp.Diff(&want, e.Origin.Import); d != "" || e.ID != events.ImportID(want) {
		t.Errorf("the fifth entry comes from (-want +got):\n%s", d)
	}
}

func TestSecondRunChangesNothing(t *testing.T) {
	in := file(t, "history.jsonl")
	for name, again := range map[string][]byte{
		"same":       in,
		"compressed": zipped(t, in),
		"in pieces":  append(zipped(t, in[:200]), zipped(t, in[200:])...), // gzip allows several members
		"crlf":       bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			l.run(FormatRoleHistory, in, Options{})
			end := l.state.Position()
			sum := l.run(FormatRoleHistory, again, Options{})
			if want := (Summary{Records: 10, Repeated: 10}); sum != want || l.state.Position() != end {
				t.Errorf("got %+v, %d entries; want %+v, %d", sum, l.state.Position(), want, end)
			}
		})
	}
	t.Run("another source", func(t *testing.T) {
		l := newLedger(t)
		l.run(FormatRoleHistory, in, Options{})
		sum, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{Source: "other"}, l)
		bad := new(BadRecord)
		if !errors.As(err, &bad) || bad.Line != 1 || sum.Recorded != 0 {
			t.Errorf("got %+v, %v; want line 1 refused, for the keys are taken", sum, err)
		}
	})
}

// A second run must not record what the first refused, though it would fit what is there now.
func TestSecondRunKeepsTheOrder(t *testing.T) {
	for name, in := range map[string][]byte{
		"add of what is there": historyOf(
			`{{T1},"op":"create-role","role":"r","permissions":["a"]}`,
			`{{T1},"op":"update-role","role":"r","add":["a"]}`,
			`{{T1},"op":"update-role","role":"r","remove":["a"]}`),
		"same title": historyOf(
			`{{T1},"op":"create-role","role":"r","title":"A","permissions":["a"]}`,
			`{{T1},"op":"update-role","role":"r","title":"A"}`,
			`{{T1},"op":"update-role","role":"r","title":"B"}`),
		"update before create": historyOf(
			`{{T1},"op":"update-role","role":"r","add":["b"]}`,
			`{{T1},"op":"create-role","role":"r","permissions":["a"]}`),
		"update before create, later": historyOf(
			`{{T1},"op":"update-role","role":"r","add":["b"]}`,
			`{{T2},"op":"create-role","role":"r","permissions":["a"]}`),
		"role of somebody else": historyOf(
			`{{T1},"op":"update-role","role":"live","add":["x"]}`,
			`{{T1},"op":"update-role","role":"live","remove":["x"]}`,
			`{{T1},"op":"update-role","role":"live","title":"Live"}`,
			`{{T2},"op":"update-role","role":"live","title":"Now"}`),
		"role of somebody else, replaced": historyOf(
			`{{T1},"op":"update-role","role":"live","remove":["x"]}`,
			`{{T1},"op":"delete-role","role":"live"}`,
			`{{T1},"op":"create-role","role":"live","permissions":["y"]}`,
			`{{T1},"op":"update-role","role":"live","add":["x"]}`),
		"key of somebody else": historyOf(
			`{{T1},"op":"create-role","role":"live","permissions":["y"]}`,
			`{{T1},"op":"update-role","role":"live","add":["z"]}`,
			`{{T2},"op":"delete-role","role":"live"}`),
		"broken create, key of somebody else": historyOf(
			`{{T1},"op":"create-role","role":"live","permissions":[" "]}`,
			`{{T1},"op":"delete-role","role":"live"}`),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			l.say(&events.RoleCreated{Role: ulid.ULID{1, 2, 3}, Key: "live", Name: "Live", Permissions: []string{"x"}})
			first := l.run(FormatRoleHistory, in, Options{SkipBad: true})
			end := l.state.Position()
			second := l.run(FormatRoleHistory, in, Options{SkipBad: true})
			if l.state.Position() != end || second.Recorded != 0 || second.Repeated != first.Recorded {
				t.Errorf("first %+v, second %+v, %d entries more", first, second, l.state.Position()-end)
			}
		})
	}
}

func TestRoleOfSomebodyElse(t *testing.T) {
	live := ulid.ULID{1, 2, 3}
	in := historyOf(
		`{{T1},"op":"update-role","role":"live","title":"L","add":["y"]}`,
		`{{T2},"op":"update-role","role":"live","title":"L"}`,
		`{{T3},"op":"update-role","role":"live","add":["w","x"]}`,
		`{{T4},"op":"delete-role","role":"live"}`,
		`{{T4},"op":"create-role","role":"live","permissions":["z"]}`)
	l := newLedger(t)
	l.say(&events.RoleCreated{Role: live, Key: "live", Name: "Live", Permissions: []string{"x"}})
	sum := l.run(FormatRoleHistory, in, Options{SkipBad: true})
	if want := (Summary{Records: 5, Recorded: 3, Unchanged: 1, Bad: 1, Commands: 3}); sum != want {
		t.Errorf("got %+v; want %+v: the third adds x, which is there, so nothing of it can be so already", sum, want)
	}
	if r, _ := l.state.Role(live); r.Name != "L" || r.Count != 2 || r.Deleted == 0 {
		t.Errorf("the live role is %+v", r)
	}
	if id, ok := l.state.RoleByKey("live"); !ok || id == live {
		t.Errorf("the key leads to %s", id)
	}
}

// bigHistory makes roles that need parts, and changes of them.
func bigHistory() []byte {
	names := func(prefix string, n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"%s.%05d"`, prefix, i))
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
		return strings.Join(list, ",")
	}
	text := strings.Repeat(`\"`, 4096) // as many bytes as a description may have, each escaped
	return historyOf(
		`{{T1},"op":"create-role","role":"small","description":"`+text+`","permissions":[`+names("s", 10)+`]}`,
		`{{T2},"op":"create-role","role":"big","description":"`+text+`","permissions":[`+names("service.thing.verb", 9000)+`]}`,
		`{{T3},"op":"update-role","role":"big","description":"`+text+`!","add":[`+names("other.service", 2200)+`],"remove":[`+names("service.thing.verb", 1200)+`]}`,
		`{{T4},"op":"update-role","role":"big","add":[`+names("service.thing.verb", 1200)+`],"remove":[`+names("other.service", 2200)+`]}`,
		`{{T5},"op":"create-role","role":"late","permissions":["a"]}`)
}

func TestBigSets(t *testing.T) {
	in := bigHistory()
	l := newLedger(t)
	sum := l.run(FormatRoleHistory, in, Options{})
	if sum.Recorded != 5 || sum.Commands <= 10 {
		t.Errorf("got %+v; want 5 records of more than 10 commands", sum)
	}
	checkHistory(t, l, in, time.Date(2024, 1, 3, 0, 0, 0, 0, time.UTC), time.Date(2024, 1, 4, 0, 0, 0, 0, time.UTC))
	part := uint64(0)
	for _, e := range l.log {
		if i := e.Origin.Import; i != nil && i.Record == "2" {
			if i.Part != part {
				t.Errorf("a command of line 2 has part %d; want %d", i.Part, part)
			}
			part++
		}
	}
	if d := l.log[1+1+int(part)-1].Data.(*events.RoleCreated); len(d.Parts) != int(part)-1 || len(d.Permissions) != 0 {
		t.Errorf("line 2 made a role of %d parts and %d names after %d parts", len(d.Parts), len(d.Permissions), part-1)
	}
	if again := l.run(FormatRoleHistory, in, Options{}); again != (Summary{Records: 5, Repeated: 5}) {
		t.Errorf("second run: %+v", again)
	}
}

// A run that was killed anywhere is continued by the next one, and gives the same entries.
func TestContinue(t *testing.T) {
	for name, in := range map[string][]byte{"small": file(t, "history.jsonl"), "parts": bigHistory()} {
		whole := newLedger(t)
		total := whole.run(FormatRoleHistory, in, Options{}).Commands
		for kill := 1; kill <= total; kill++ {
			l := newLedger(t)
			l.killIn, l.most = kill, kill%4 // answers in one call
			sum, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{}, l)
			if !errors.Is(err, errKilled) || sum.Commands != kill-1 {
				t.Fatalf("%s: killed in command %d: got %+v, %v", name, kill, sum, err)
			}
			rest := l.run(FormatRoleHistory, in, Options{})
			if rest.Commands != total-sum.Commands || rest.Recorded+sum.Recorded != rest.Records {
				t.Fatalf("%s: continued after %d: %+v", name, kill, rest)
			}
			if l.prev != whole.prev {
				t.Fatalf("%s: continued after %d: the last entry is %s; want %s", name, kill, l.prev, whole.prev)
			}
		}
	}
}

// Parts are forgotten after 24 hours: a run that stopped between them and their role records them again.
func TestContinueAfterDays(t *testing.T) {
	in := bigHistory()
	l := newLedger(t)
	l.killIn = 1 + 6 // amid the parts of line 2
	if _, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{}, l); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	for range 2 { // and once more amid those that are recorded again
		l.at = l.at.Add(48 * time.Hour)
		l.killIn = len(l.log) - 1 + 8
		if _, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{}, l); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if _, made := l.state.RoleByKey("big"); made {
			t.Fatal("the role is made already: the test does not stop amid its parts")
		}
	}
	l.at = l.at.Add(48 * time.Hour)
	l.run(FormatRoleHistory, in, Options{})
	checkHistory(t, l, in)
	if again := l.run(FormatRoleHistory, in, Options{}); again != (Summary{Records: 5, Repeated: 5}) {
		t.Errorf("run again: %+v", again)
	}
}

func TestRealHistory(t *testing.T) {
	in := realData(t, "gcp-roles-history-2021-2023.jsonl.gz")
	l := newLedger(t)
	var read int64
	start := time.Now()
	sum := l.run(FormatRoleHistory, zipped(t, in), Options{Progress: func(n int64, _ Summary) { read = n }})
	t.Logf("%d records, %d commands, %d calls in %v", sum.Records, sum.Commands, l.calls, time.Since(start))
	if sum.Records != bytes.Count(in, []byte("\n")) || sum.Recorded != sum.Records {
		t.Errorf("got %+v", sum)
	}
	if read != int64(len(zipped(t, in))) {
		t.Errorf("progress ended at %d", read)
	}
	var instants []time.Time
	for month := 0; month < 26; month += 9 {
		instants = append(instants, time.Date(2021, 11, 12, 10, 28, 19, 0, time.UTC).AddDate(0, month, 0))
	}
	checkHistory(t, l, in, instants...)
	end := l.state.Position()
	if again := l.run(FormatRoleHistory, in, Options{}); again.Repeated != sum.Records || l.state.Position() != end {
		t.Errorf("second run: %+v, %d entries more", again, l.state.Position()-end)
	}
}

func BenchmarkConvert(b *testing.B) {
	in := realData(b, "gcp-roles-history-2021-2023.jsonl.gz")
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Run(b.Context(), bytes.NewReader(in), FormatRoleHistory, Options{}, accepts{}); err != nil {
			b.Fatal(err)
		}
	}
}
