package importer

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

var (
	owner    = ulid.MustParse("01HZZZZZZZZZZZZZZZZZZZZZZ1")
	node     = ulid.MustParse("01HZZZZZZZZZZZZZZZZZZZZZZ2")
	operator = ulid.MustParse("01HZZZZZZZZZZZZZZZZZZZZZZ3")
	now      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	source   = "localhost/main"
)

var errKilled = errors.New("killed")

// ledger is a Target in memory: the real rules, and events that go through their bytes; nothing is signed.
type ledger struct {
	t      testing.TB
	state  *rules.State
	at     time.Time
	prev   string
	log    []*events.Event
	known  map[ulid.ULID]known
	calls  int
	most   int // answers in one call at most; 0: all
	killIn int // commands until Do fails; 0: it does not
	live   uint64
}

type known struct {
	position uint64
	digest   events.Digest
	about    string
}

func did(n byte) string {
	return didkey.Encode(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)).Public().(ed25519.PublicKey))
}

// newLedger opens a ledger; profile may change its profile, which takes in everything.
func newLedger(t testing.TB, profile ...func(*events.Profile)) *ledger {
	l := &ledger{t: t, state: rules.New(), at: now, known: map[ulid.ULID]known{}}
	open := &events.OrganizationOpened{
		Organization: "main", Name: "Main", Rules: rules.Version, Node: node, Operator: operator,
		Profile: events.Profile{Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true},
		Owner:   events.Owner{Subject: owner, Key: "owner", Kind: events.KindHuman, Credential: did(1)},
		Keys:    events.Keys{Event: did(2), Document: did(3), Root: did(4), Operator: did(5), Checkpoint: did(6)},
	}
	for _, change := range profile {
		change(&open.Profile)
	}
	l.say(open)
	return l
}

// say records a live command of the owner.
func (l *ledger) say(d events.Data) {
	l.t.Helper()
	l.live++
	id := ulid.ULID{15: byte(l.live)}
	if err := id.SetTime(uint64(l.at.UnixMilli())); err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.record(events.Command{ID: id, Data: d}); err != nil {
		l.t.Fatalf("%s: %v", d.Type(), err)
	}
}

func (l *ledger) record(c events.Command) (Outcome, error) {
	c.Ledger, c.Actor = source, owner
	c.Auth = events.Auth{Method: events.MethodSignature, Credential: did(1)}
	digest, err := c.Digest()
	if err != nil {
		return Outcome{}, err
	}
	if k, ok := l.known[c.ID]; ok {
		if k.digest != digest {
			return Outcome{}, &rules.Refusal{Code: rules.Conflict, Reason: "another command has this id", At: k.position}
		}
		return Outcome{Position: k.position, Repeated: true}, nil
	}
	e, err := rules.Decide(l.state, c, l.at)
	if err != nil {
		return Outcome{}, err
	}
	e.Sequence, e.Prev = l.state.Position()+1, l.prev
	b, err := e.Encode()
	if err == nil {
		err = chain.Room(len(b), &chain.Evidence{}, true)
	}
	if err != nil {
		return Outcome{}, &rules.Refusal{Code: rules.Invalid, Reason: err.Error()}
	}
	back, err := events.Decode(b)
	if err != nil {
		l.t.Fatalf("an event cannot be read back: %v", err)
	}
	rules.Evolve(l.state, back)
	l.prev = chain.CID(b)
	l.log = append(l.log, back)
	l.known[c.ID] = known{back.Sequence, digest, back.Data.About()}
	return Outcome{Position: back.Sequence}, nil
}

func (l *ledger) Role(_ context.Context, key string, of events.Import) (ulid.ULID, bool, error) {
	if k, ok := l.known[events.ImportID(of)]; ok {
		_, id, ok := rules.Thing(k.about)
		return id, ok, nil
	}
	id, ok := l.state.RoleByKey(key)
	return id, ok, nil
}

func (l *ledger) Do(_ context.Context, commands []Command) ([]Outcome, error) {
	l.calls++
	var out []Outcome
	for _, c := range commands {
		if l.killIn > 0 {
			if l.killIn--; l.killIn == 0 {
				return out, errKilled
			}
		}
		o, err := l.record(events.Command{ID: events.ImportID(c.Origin), Origin: events.Origin{Import: &c.Origin}, Data: c.Data})
		if err != nil {
			return append(out, Outcome{Refusal: err}), nil
		}
		if out = append(out, o); len(out) == l.most {
			break
		}
	}
	return out, nil
}

// holdings gives what each role holds, by key.
func holdings(s *rules.State, keys []string) map[string][]string {
	out := map[string][]string{}
	for _, key := range keys {
		if id, ok := s.RoleByKey(key); ok {
			out[key] = s.RolePermissions(id)
		}
	}
	return out
}

// occurred folds what occurred by an instant.
func (l *ledger) occurred(at time.Time) *rules.State {
	s := rules.New()
	for _, e := range l.log {
		if e.Origin.Import == nil || !e.Occurred().After(at) {
			rules.Evolve(s, e)
		}
	}
	return s
}

// truth folds the lines of a role history up to an instant, the plain way.
func truth(t testing.TB, history []byte, until time.Time) map[string][]string {
	roles := map[string]map[string]bool{}
	for line := range bytes.Lines(history) {
		var c struct {
			Time                     time.Time
			Op, Role                 string
			Permissions, Add, Remove []string
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if c.Time.After(until) {
			break
		}
		switch c.Op {
		case "create-role":
			roles[c.Role] = map[string]bool{}
		case "delete-role":
			delete(roles, c.Role)
			continue
		}
		for _, p := range append(c.Permissions, c.Add...) {
			roles[c.Role][p] = true
		}
		for _, p := range c.Remove {
			delete(roles[c.Role], p)
		}
	}
	out := map[string][]string{}
	for key, set := range roles {
		out[key] = slices.AppendSeq([]string{}, maps.Keys(set))
		slices.Sort(out[key])
	}
	return out
}

// realData gives a file of real records, plain, or skips the test.
func realData(t testing.TB, name string) []byte {
	dir := os.Getenv("PERMLEDGER_TESTDATA")
	if dir == "" {
		t.Skip("PERMLEDGER_TESTDATA does not name a folder of real records")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(t testing.TB, name string) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// run imports and demands that it goes well.
func (l *ledger) run(format string, in []byte, opt Options) Summary {
	l.t.Helper()
	sum, err := Run(l.t.Context(), bytes.NewReader(in), format, opt, l)
	if err != nil {
		l.t.Fatalf("Run: %v (%+v)", err, sum)
	}
	return sum
}

// history makes a role history of lines in which {T1}, {T2}… stand for ascending instants.
func historyOf(lines ...string) []byte {
	text := strings.Join(lines, "\n") + "\n"
	for i := range 10 {
		at := time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
		text = strings.ReplaceAll(text, fmt.Sprintf("{T%d}", i), `"time":"`+at+`"`)
	}
	return []byte(text)
}
