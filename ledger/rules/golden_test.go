package rules_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

var rewrite = flag.Bool("rewrite", false, "write the golden history of the newest rules anew; never after a release")

// goldenFile gives the name of one of the golden files of a version of the rules.
func goldenFile(version uint64, kind string) string {
	return fmt.Sprintf("testdata/rules%d.%s", version, kind)
}

// The recorded history of each version of the rules: each event is, to the byte, what the rules make of its command.
func TestGoldenHistory(t *testing.T) {
	if *rewrite { // version 1 is as it was released
		rewriteGolden(t)
	}
	for version := range uint64(rules.Version) {
		t.Run(fmt.Sprint("rules ", version+1), func(t *testing.T) { testGoldenHistory(t, version+1) })
	}
}

func testGoldenHistory(t *testing.T, version uint64) {
	b, err := os.ReadFile(goldenFile(version, "jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s, types, lines := rules.New(), map[events.Type]bool{}, bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, events.MaxEntry+1)
	var all []*events.Event
	prev := ""
	for lines.Scan() {
		e, err := events.Decode(lines.Bytes())
		if err != nil {
			t.Fatalf("event %d: %v", s.Position()+1, err)
		}
		if e.Sequence != s.Position()+1 || e.Prev != prev {
			t.Fatalf("event %d stands at %d, after %s; want %s", e.Sequence, s.Position()+1, e.Prev, prev)
		}
		prev = address(lines.Bytes())
		legitimate(t, s, e, lines.Bytes())
		rules.Evolve(s, e)
		types[e.Data.Type()] = true
		all = append(all, e)
	}
	if err := lines.Err(); err != nil || len(all) < 60 {
		t.Fatalf("%d events (%v); want 60 at least", len(all), err)
	}
	for typ := range events.Types() {
		if !types[typ] && s.Newest(typ) > 0 && typ != "rules.adopted" { // that ends one version, and begins none
			t.Errorf("the history has no %s", typ)
		}
	}
	want, err := os.ReadFile(goldenFile(version, "answers"))
	if err != nil {
		t.Fatal(err)
	}
	got := answer(t, s, all)
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("what is so after it (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(goldenFile(version, "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), sumsOf(version, b, want)); diff != "" {
		t.Errorf("digests (-want +got):\n%s", diff)
	}
}

// golden gives the events of the golden history.
func golden(t *testing.T) []*events.Event {
	t.Helper()
	b, err := os.ReadFile(goldenFile(rules.Version, "jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*events.Event
	for line := range bytes.Lines(b) {
		e, err := events.Decode(bytes.TrimSuffix(line, []byte{'\n'}))
		if err != nil {
			t.Fatalf("event %d: %v", len(all)+1, err)
		}
		all = append(all, e)
	}
	return all
}

// sumsOf gives the digests as sha256sum does, to be checked with sha256sum -c.
func sumsOf(version uint64, history, answers []byte) string {
	return fmt.Sprintf("%x  rules%d.jsonl\n%x  rules%d.answers\n", sha256.Sum256(history), version, sha256.Sum256(answers), version)
}

func rewriteGolden(t *testing.T) {
	t.Helper()
	w := &world{reporter: t, s: rules.New()}
	w.do(goldenSteps()...)
	var b []byte
	for _, e := range w.events {
		line, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		b = append(append(b, line...), '\n')
	}
	a := answer(t, w.s, w.events)
	for kind, text := range map[string][]byte{"jsonl": b, "answers": a, "sha256": []byte(sumsOf(rules.Version, b, a))} {
		if err := os.WriteFile(goldenFile(rules.Version, kind), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// answer says in words all that can be asked of a state: one line for each answer.
func answer(t *testing.T, s *rules.State, all []*events.Event) []byte {
	var b bytes.Buffer
	end := s.Time()
	fmt.Fprintf(&b, "position %d time %s source %s did %s documents %d\n", s.Position(), stamp(end), s.Source(), s.DID(), s.Documents())
	for _, purpose := range []string{"event", "document", "root", "operator"} {
		fmt.Fprintf(&b, "key %s %s\n", purpose, s.Key(purpose))
	}
	if s.Rules() > 1 {
		answerCheckpoints(&b, s)
	}
	if due, ok := s.NextEnd(); ok {
		fmt.Fprintf(&b, "next end %s %s\n", due.Grant, stamp(due.Until))
	}
	questions, resources := goldenQuestions, []string{"", "asset/1", "asset/1/wallet/2", "asset/2"}
	if s.Rules() > 1 {
		questions, resources = slices.Concat(questions, newerQuestions), append(resources, "asset/9", "policy/1", "policy/2", "policy/3")
	}
	people := []string{"owner"}
	names := map[string]bool{}
	for _, e := range all {
		switch d := e.Data.(type) {
		case *events.SubjectAdded:
			people = append(people, d.Key)
		case *events.RoleCreated:
			r, _ := s.Role(d.Role)
			fmt.Fprintf(&b, "role %s key %q name %q description %q labels %q count %d set %x holders %d created %d changed %d deleted %d\n",
				r.ID, r.Key, r.Name, r.Description, r.Labels, r.Count, r.Set, r.Holders, r.Created, r.Changed, r.Deleted)
			for _, n := range s.RolePermissions(d.Role) {
				names[n] = true
				fmt.Fprintf(&b, "role %s permission %s\n", r.ID, n)
			}
		case *events.KeyRegistered:
			owner, ok := s.KeyOwner(d.Key)
			fmt.Fprintf(&b, "owner of %s %s %v\n", d.Key, owner, ok)
		case *events.KeyRotated:
			owner, ok := s.KeyOwner(d.New)
			fmt.Fprintf(&b, "owner of %s %s %v\n", d.New, owner, ok)
		}
	}
	for _, who := range people {
		u, ok := s.SubjectByKey(who)
		if !ok {
			t.Fatalf("nobody has the key %s", who)
		}
		v, _ := s.Subject(u)
		fmt.Fprintf(&b, "subject %s key %q kind %s did %s added %d deactivated %d\n", v.ID, v.Key, v.Kind, v.DID, v.Added, v.Deactivated)
		for _, at := range []time.Time{end, end.AddDate(1, 0, 0)} {
			for _, h := range s.Held(u, at) {
				fmt.Fprintf(&b, "held %s %s role %s permission %q scope %q until %s grant %s\n", who, stamp(at), h.Role, h.Permission, h.Scope, stamp(h.Until), h.Grant)
			}
			for _, permission := range questions {
				for _, resource := range resources {
					if s.Check(u, permission, resource, at) {
						fmt.Fprintf(&b, "yes %s %s %s %q\n", who, stamp(at), permission, resource)
					}
				}
			}
		}
	}
	for _, n := range []string{"view", "asset.view", "shop:asset.view", "asset.veiw", "wallet.freeze", "own.report"} {
		name, others := s.Permission(n)
		fmt.Fprintf(&b, "permission %s is %q else %q\n", n, name, others)
	}
	w := &world{reporter: t, s: s, events: all, ids: 1000}
	for _, st := range flatten(goldenRefusals()) {
		c, at := w.command(st)
		_, err := rules.Decide(s, c, at)
		r := new(rules.Refusal)
		if !errors.As(err, &r) {
			t.Fatalf("%s by %s: %v; want a refusal", c.Data.Type(), st.actor, err)
		}
		fmt.Fprintf(&b, "refused %s %s %q hint %q permission %q nearest %q holders %s at %d\n", c.Data.Type(), r.Code, r.Reason, r.Hint, r.Permission, r.Nearest, r.Holders, r.At)
	}
	return b.Bytes()
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}
