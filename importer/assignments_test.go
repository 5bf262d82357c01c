package importer

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// effective gives what each user that an import added may do, by the rules' own check.
func (l *ledger) effective(permissions []string) iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, e := range l.log {
			d, ok := e.Data.(*events.SubjectAdded)
			if !ok || e.Origin.Import == nil {
				continue
			}
			var may []string
			for _, p := range permissions {
				if l.state.Check(d.Subject, p, "", l.at) {
					may = append(may, p)
				}
			}
			if !yield(d.Key, may) {
				return
			}
		}
	}
}

// checkAssignments demands that what is exported is what the file says is true, byte for byte.
func checkAssignments(t *testing.T, l *ledger, in []byte) {
	t.Helper()
	var permissions []string
	for _, e := range l.log {
		if d, ok := e.Data.(*events.RoleCreated); ok {
			permissions = append(permissions, d.Permissions...)
		}
	}
	slices.Sort(permissions)
	var got bytes.Buffer
	if err := WriteAssignments(&got, l.effective(slices.Compact(permissions))); err != nil {
		t.Fatal(err)
	}
	want := "{" + string(in[bytes.Index(in, []byte(`"userPermissions"`)):])
	if want = strings.TrimSpace(want); strings.TrimSpace(got.String()) != want {
		t.Errorf("got %.300s\nwant %.300s", got.String(), want)
	}
}

func TestAssignments(t *testing.T) {
	in := file(t, "assignments.json")
	l := newLedger(t)
	sum := l.run(FormatAssignments, in, Options{})
	if want := (Summary{Records: 8, Recorded: 8, Commands: 8}); sum != want {
		t.Errorf("got %+v; want %+v", sum, want)
	}
	checkAssignments(t, l, in)
	var records []string
	for _, e := range l.log[1:] {
		i := e.Origin.Import
		records = append(records, i.Record)
		if i.Format != "assignments" || i.Source != "assignments" || !i.Occurred.IsZero() {
			t.Errorf("%s comes from %+v", e.Data.About(), i)
		}
	}
	if got, want := fmt.Sprint(records), "[role/1 role/2 role/3 user/1 user/2 user/3 roles-of/1 roles-of/3]"; got != want {
		t.Errorf("records are %s; want %s", got, want)
	}
	id, _ := l.state.RoleByKey("3")
	if r, _ := l.state.Role(id); r.Name != "Role 3" || r.Count != 0 || r.Holders != 1 {
		t.Errorf("role 3 is %+v", r)
	}
	if again := l.run(FormatAssignments, zipped(t, in), Options{}); again != (Summary{Records: 8, Repeated: 8}) {
		t.Errorf("second run: %+v", again)
	}
}

func TestAssignmentsContinue(t *testing.T) {
	in := file(t, "assignments.json")
	for kill := 1; kill <= 8; kill++ {
		l := newLedger(t)
		l.killIn = kill
		if _, err := Run(t.Context(), bytes.NewReader(in), FormatAssignments, Options{}, l); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if sum := l.run(FormatAssignments, in, Options{}); sum.Repeated != kill-1 || sum.Recorded != 8-kill+1 {
			t.Errorf("killed in command %d: %+v", kill, sum)
		}
		checkAssignments(t, l, in)
	}
}

func TestRealAssignments(t *testing.T) {
	for _, name := range []string{"hp-hc.json.gz", "hp-fire1.json.gz"} {
		t.Run(name, func(t *testing.T) {
			in := realData(t, name)
			l := newLedger(t)
			sum := l.run(FormatAssignments, in, Options{})
			if sum.Recorded != sum.Records {
				t.Errorf("got %+v", sum)
			}
			checkAssignments(t, l, in)
			if again := l.run(FormatAssignments, in, Options{}); again.Repeated != sum.Records || again.Commands != 0 {
				t.Errorf("second run: %+v", again)
			}
		})
	}
}

func TestBadAssignments(t *testing.T) {
	const good = `{"role":1,"permissions":[1],"users":[1]}`
	for name, c := range map[string]struct {
		in      string
		record  string // of the first bad one; empty: the whole file is no such object
		want    string
		skipped Summary
	}{
		"not JSON":         {in: `x`, want: "not an assignments object"},
		"nothing":          {in: ``, want: "not an assignments object"},
		"no truth":         {in: `{"roles":[]}`, want: `"userPermissions" is missing`},
		"unknown member":   {in: `{"roles":[],"userPermissions":{},"x":1}`, want: `there is no member "x"`},
		"member twice":     {in: `{"roles":[],"roles":[],"userPermissions":{}}`, want: `"roles" is there twice`},
		"user twice":       {in: `{"roles":[],"userPermissions":{"1":[],"1":[]}}`, want: `"1" is there twice`},
		"role without key": {in: `{"roles":[{"permissions":[],"users":[]}],"userPermissions":{}}`, want: `role number 1: the member "role" is missing`},
		"unknown in role":  {in: `{"roles":[{"role":1,"permissions":[],"users":[],"x":1}],"userPermissions":{}}`, want: `no member "x" in a role`},
		"fraction":         {in: `{"roles":[{"role":1.5,"permissions":[],"users":[]}],"userPermissions":{}}`, want: `whole number`},
		"negative":         {in: `{"roles":[{"role":-1,"permissions":[],"users":[]}],"userPermissions":{}}`, want: `whole number`},
		"zero in front":    {in: `{"roles":[{"role":01,"permissions":[],"users":[]}],"userPermissions":{}}`, want: `does not begin with 0`},
		"number and text":  {in: `{"roles":[{"role":1,"permissions":[1,"1"],"users":[]}],"userPermissions":{}}`, want: `"1" is there twice`},
		"trailing":         {in: `{"roles":[],"userPermissions":{}}{}`, want: `want the end`},
		"missing": {
			in:     `{"roles":[` + good + `],"userPermissions":{"1":[1],"2":[1]}}`,
			record: "roles-of/2", want: `user "2": 1 of its userPermissions come from no role, as 1`,
			skipped: Summary{Records: 5, Recorded: 4, Bad: 1, Commands: 4},
		},
		"extra": {
			in:     `{"roles":[` + good + `],"userPermissions":{"1":[]}}`,
			record: "roles-of/1", want: `its roles give 1 that are not in userPermissions, as 1`,
			skipped: Summary{Records: 3, Recorded: 2, Bad: 1, Commands: 2},
		},
		"user not in the truth": {
			in:     `{"roles":[` + good + `],"userPermissions":{}}`,
			record: "role/1", want: `the user "1" of the role "1" has no userPermissions`,
			skipped: Summary{Records: 1, Bad: 1},
		},
		"role twice": {
			in:     `{"roles":[` + good + `,{"role":1,"permissions":[2],"users":[]}],"userPermissions":{"1":[1]}}`,
			record: "role/1", want: `the role "1" is there twice`,
			skipped: Summary{Records: 4, Recorded: 3, Bad: 1, Commands: 3},
		},
		"bad permission": {
			in:     `{"roles":[{"role":"r","permissions":["a b"],"users":["u"]}],"userPermissions":{"u":["a b"]}}`,
			record: "role/r", want: `"a b": not a permission`,
			skipped: Summary{Records: 3, Recorded: 1, Bad: 2, Commands: 1},
		},
		"bad user": {
			in:     `{"roles":[],"userPermissions":{"ü":[],"v":[]}}`,
			record: "user/ü", want: `not a key`,
			skipped: Summary{Records: 2, Recorded: 1, Bad: 1, Commands: 1},
		},
		"user too long for a record": {
			in:     `{"roles":[],"userPermissions":{"` + strings.Repeat("u", 128) + `":[]}}`,
			record: "user/" + strings.Repeat("u", 128), want: `the name of the record`,
			skipped: Summary{Records: 1, Bad: 1},
		},
		"key taken": {
			in:     `{"roles":[],"userPermissions":{"owner":[],"v":[]}}`,
			record: "user/owner", want: `Somebody has the key "owner" already`,
			skipped: Summary{Records: 2, Recorded: 1, Bad: 1, Commands: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			sum, err := Run(t.Context(), strings.NewReader(c.in), FormatAssignments, Options{}, l)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v; want %s", err, c.want)
			}
			bad := new(BadRecord)
			if errors.As(err, &bad) != (c.record != "") || bad.Record != c.record || sum.Recorded != 0 || l.state.Position() != 1 {
				t.Errorf("got the bad record %q, %+v, %d entries; want %q and nothing recorded", bad.Record, sum, l.state.Position(), c.record)
			}
			sum, err = Run(t.Context(), strings.NewReader(c.in), FormatAssignments, Options{SkipBad: true}, l)
			if (err == nil) != (c.record != "") || sum != c.skipped {
				t.Errorf("skip: got %+v, %v; want %+v", sum, err, c.skipped)
			}
		})
	}
}

// A subject that is there already is not given roles by an import, nor do its own get lost.
func TestAssignmentsOfSomebodyElse(t *testing.T) {
	l := newLedger(t)
	l.say(&events.SubjectAdded{Subject: ulid.ULID{7}, Key: "1", Kind: events.KindHuman})
	sum := l.run(FormatAssignments, file(t, "assignments.json"), Options{SkipBad: true})
	if sum.Bad != 2 || len(l.state.Held(ulid.ULID{7}, l.at)) != 0 {
		t.Errorf("got %+v", sum)
	}
}

func TestAssignmentsInParts(t *testing.T) {
	var names []string
	for i := range 20_000 {
		names = append(names, fmt.Sprint(i))
	}
	all := strings.Join(names, ",")
	l := newLedger(t)
	in := `{"roles":[{"role":1,"permissions":[` + all + `],"users":[1]}],"userPermissions":{"1":[` + all + `]}}`
	sum := l.run(FormatAssignments, []byte(in), Options{})
	if sum.Recorded != 3 || sum.Commands <= 4 {
		t.Errorf("got %+v", sum)
	}
	id, _ := l.state.RoleByKey("1")
	if r, _ := l.state.Role(id); r.Count != len(names) {
		t.Errorf("the role holds %d", r.Count)
	}
}

func TestWriteAssignments(t *testing.T) {
	for _, c := range []struct {
		pairs map[string][]string
		want  string
	}{
		{nil, `{"userPermissions":{}}`},
		{map[string][]string{"10": {"10", "9", "9"}, "9": nil}, `{"userPermissions":{"9":[],"10":[9,10]}}`},
		{map[string][]string{"10": {"10"}, "9": {"9", "010"}}, `{"userPermissions":{"9":["010","9"],"10":["10"]}}`},
		{map[string][]string{"b": {"1"}, "9": {"2"}, "10": {"3"}}, `{"userPermissions":{"10":[3],"9":[2],"b":[1]}}`},
		{map[string][]string{`a"\`: {"stokr:x<y", `p"`}}, `{"userPermissions":{"a\"\\":["p\"","stokr:x<y"]}}`},
		{map[string][]string{"1": {"1234567890123456"}}, `{"userPermissions":{"1":["1234567890123456"]}}`},
		{map[string][]string{"1": {"123456789012345", "0", ""}}, `{"userPermissions":{"1":["","0","123456789012345"]}}`},
	} {
		var got strings.Builder
		if err := WriteAssignments(&got, maps.All(c.pairs)); err != nil || got.String() != c.want+"\n" {
			t.Errorf("got %s, %v; want %s", got.String(), err, c.want)
		}
	}
	twice := func(yield func(string, []string) bool) {
		_ = yield("1", []string{"2", "1"}) && yield("1", []string{"3", "2"})
	}
	var got strings.Builder
	if err := WriteAssignments(&got, twice); err != nil || got.String() != `{"userPermissions":{"1":[1,2,3]}}`+"\n" {
		t.Errorf("a user twice: got %s, %v", got.String(), err)
	}
	if err := WriteAssignments(broken{}, twice); !errors.Is(err, errKilled) {
		t.Errorf("got %v; want the writer's error", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errKilled }
