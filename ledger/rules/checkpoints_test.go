package rules_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

func recorded(rows ...events.RecordedCheckpoint) step {
	return step{actor: "node", data: &events.CheckpointsRecorded{Checkpoints: rows}}
}

func logOf(organization string, size uint64) events.RecordedCheckpoint {
	return events.RecordedCheckpoint{Organization: organization, Size: size, Root: events.Digest{byte(size)}, Key: did("checkpoint of " + organization)}
}

// ofOperator opens the operator's ledger.
func ofOperator(t reporter, given ...any) *world {
	t.Helper()
	w := &world{reporter: t, s: rules.New()}
	w.do(opening(plain).but(func(c *events.Command) {
		c.Ledger, c.Data.(*events.OrganizationOpened).Organization = "test.example/operator", events.Operator
	}))
	w.do(given...)
	return w
}

// adopted opens a ledger of version 1 of the rules, which then adopts version 2.
func adopted(t reporter) *world {
	t.Helper()
	w := &world{reporter: t, s: rules.New()}
	w.do(opening(events.Profile{Name: "plain", EmptyRoles: true}).but(func(c *events.Command) {
		d := c.Data.(*events.OrganizationOpened)
		d.Rules, d.Operator, d.Keys.Checkpoint, c.Version = 1, [16]byte{}, "", 1
	}))
	w.do(adopt(events.Profile{}))
	return w
}

func checkpointRefusals() []refusal {
	beside := because(rules.Invalid, `A key for "checkpoint" is rotated, not registered beside the one there is`)
	inUse := hinted(rules.InUse, "The checkpoint key in use cannot be revoked", "Rotate it")
	admin := staffed("ann", "ledger:key.register", "ledger:key.revoke", "ledger:key.rotate")
	notDue := because(rules.NotPermitted, "The node only records what is due, and its own keys")
	return []refusal{
		{name: "checkpoint/a second key", profile: plain, when: register("k", events.PurposeCheckpoint, ""), then: beside},
		{name: "checkpoint/a second key by the node", profile: plain, when: register("k", events.PurposeCheckpoint, "").by("node"), then: beside},
		{name: "checkpoint/rotated by an administrator", profile: plain, given: given(admin), when: rotate("checkpoint", "k").by("ann"),
			then: because(rules.NotPermitted, "Only the owner replaces the ledger's checkpoint key")},
		{name: "checkpoint/rotated by the node", profile: plain, when: rotate("checkpoint", "k").by("node"),
			then: because(rules.NotPermitted, "The node rotates the key it signs with only")},
		{name: "checkpoint/rotated by the operator", profile: plain, when: rotate("checkpoint", "k").byOperator(),
			then: because(rules.NotPermitted, "The ledger's operator does not record key.rotated")},
		{name: "checkpoint/rotated again", profile: plain, given: given(rotate("checkpoint", "k")), when: rotate("checkpoint", "k2"),
			then: because(rules.NotFound, did("checkpoint")+" was replaced already")},
		{name: "checkpoint/rotated to itself", profile: plain, when: rotate("checkpoint", "checkpoint"),
			then: because(rules.Taken, "The key "+did("checkpoint")+" is, or was, of this ledger: a key has one purpose for ever")},
		{name: "checkpoint/revoked in use", profile: plain, when: revokeKey("checkpoint"), then: inUse},
		{name: "checkpoint/revoked in use by the node", profile: plain, when: revokeKey("checkpoint").by("node"), then: notDue},
		{name: "checkpoint/new one revoked", profile: plain, given: given(rotate("checkpoint", "k")), when: revokeKey("k"), then: inUse},
		{name: "checkpoint/old one revoked twice", profile: plain, given: given(rotate("checkpoint", "k"), revokeKey("checkpoint")), when: revokeKey("checkpoint"),
			then: because(rules.NotFound, did("checkpoint")+" is no key of this ledger, or is one no more")},
		{name: "checkpoint/old one revoked too early by the node", profile: plain, given: given(rotate("checkpoint", "k")),
			when: revokeKey("checkpoint").by("node").after(rules.CheckpointOverlap - 2*time.Second),
			then: because(rules.Invalid, "The replaced checkpoint key signs beside the new one until 2026-01-08T00:00:01Z")},
		{name: "checkpoint/old one revoked without permission", profile: plain, given: given(add("bob"), rotate("checkpoint", "k")),
			when: revokeKey("checkpoint").by("bob"), then: lacks("ledger:key.revoke")},
		{name: "checkpoint/somebody's key revoked by the node", profile: plain, given: given(add("bob"), rotate("checkpoint", "k")),
			when: revokeKey("bob").by("node"), then: notDue},
		{name: "checkpoints/in another ledger", profile: plain, when: recorded(logOf("bank", 1)),
			then: because(rules.Invalid, "Only the ledger of operator records checkpoints")},
	}
}

func TestCheckpointRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		given []any
		when  step
		then  rules.Refusal
	}{
		{"by the owner", nil, step{data: recorded(logOf("acme", 1)).data}, because(rules.NotPermitted, "Only the ledger's own actor records checkpoints")},
		{"of its own log", nil, recorded(logOf("operator", 1)), because(rules.Invalid, "No ledger records its own checkpoints")},
		{"of an empty log", nil, recorded(logOf("acme", 0)), because(rules.Invalid, "The log of acme is empty")},
		{"of the same size", given(recorded(logOf("acme", 5))), recorded(logOf("acme", 5)).after(time.Hour),
			because(rules.NoChange, "The log of acme has not grown: a checkpoint of size 5 is recorded")},
		{"of a smaller size", given(recorded(logOf("acme", 5))), recorded(logOf("acme", 4)).after(time.Hour),
			because(rules.NoChange, "The log of acme has not grown: a checkpoint of size 5 is recorded")},
		{"within the minute", given(recorded(logOf("acme", 5))), recorded(logOf("acme", 6)).after(58 * time.Second),
			because(rules.Invalid, "A checkpoint of acme was recorded less than a minute ago")},
		{"one of two within the minute", given(recorded(logOf("bank", 5))), recorded(logOf("acme", 6), logOf("bank", 6)),
			because(rules.Invalid, "A checkpoint of bank was recorded less than a minute ago")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ofOperator(t, c.given...)
			before := w.s.AppendSnapshot(nil)
			cmd, at := w.command(c.when)
			_, err := rules.Decide(w.s, cmd, at)
			if r, ok := err.(*rules.Refusal); !ok || r.Code != c.then.Code || r.Reason != c.then.Reason {
				t.Errorf("got %v; want %s: %s", err, c.then.Code, c.then.Reason)
			}
			if !bytes.Equal(before, w.s.AppendSnapshot(nil)) {
				t.Error("the refusal changed the state")
			}
		})
	}
}

// Given the operator's ledger, when checkpoints are recorded a minute apart, then the last one of each organization is known.
func TestCheckpointsAreRecorded(t *testing.T) {
	w := ofOperator(t, recorded(logOf("acme", 5), logOf("bank", 1)), recorded(logOf("acme", 6)).after(59*time.Second))
	c, position, due, ok := w.s.RecordedCheckpoint("acme")
	if !ok || c.Size != 6 || c.Root != (events.Digest{6}) || position != 3 || !due.Equal(w.s.Time().Add(time.Minute)) {
		t.Errorf("acme: %v at %d, due %v", c, position, due)
	}
	if c, position, _, ok := w.s.RecordedCheckpoint("bank"); !ok || c.Size != 1 || position != 2 {
		t.Errorf("bank: %v at %d", c, position)
	}
	if _, _, _, ok := w.s.RecordedCheckpoint("none"); ok {
		t.Error("a checkpoint of an organization that has none")
	}
}

// Which keys may sign a checkpoint is so by position: of the entries up to its size, and of nothing behind.
func TestCheckpointKeys(t *testing.T) {
	week := rules.CheckpointOverlap
	for _, c := range []struct {
		name string
		w    func(reporter) *world
		when []any
		keys []string // by size from 1, those that may sign
	}{
		{"from the first entry", func(t reporter) *world { return open(t, plain) }, given(add("ann")), []string{"checkpoint", "checkpoint"}},
		{"rotated", func(t reporter) *world { return open(t, plain) }, given(rotate("checkpoint", "c2"), add("ann")),
			[]string{"checkpoint", "c2 checkpoint", "c2 checkpoint"}},
		{"the old one revoked by the owner", func(t reporter) *world { return open(t, plain) }, given(rotate("checkpoint", "c2"), add("ann"), revokeKey("checkpoint")),
			[]string{"checkpoint", "c2 checkpoint", "c2 checkpoint", "c2"}},
		{"the old one revoked by the node in time", func(t reporter) *world { return open(t, plain) },
			given(rotate("checkpoint", "c2"), revokeKey("checkpoint").by("node").after(week)), []string{"checkpoint", "c2 checkpoint", "c2"}},
		{"rotated twice", func(t reporter) *world { return open(t, plain) }, given(rotate("checkpoint", "c2"), rotate("c2", "c3")),
			[]string{"checkpoint", "c2 checkpoint", "c3 c2"}},
		{"reported, then rotated", func(t reporter) *world { return open(t, plain) }, given(report("checkpoint", 1), rotate("checkpoint", "c2"), rotate("c2", "c3")),
			[]string{"checkpoint", "checkpoint", "c2", "c3 c2"}},
		{"rotated, then reported", func(t reporter) *world { return open(t, plain) }, given(rotate("checkpoint", "c2"), report("checkpoint", 1)),
			[]string{"checkpoint", "c2 checkpoint", "c2"}},
		{"another key reported", func(t reporter) *world { return open(t, plain) }, given(report("document", 1), rotate("checkpoint", "c2")),
			[]string{"checkpoint", "checkpoint", "c2 checkpoint"}},
		{"of a ledger that adopted newer rules", func(t reporter) *world { return adopted(t) },
			given(register("c1", events.PurposeCheckpoint, "").by("node"), rotate("c1", "c2")), []string{"", "", "c1", "c2 c1"}},
		{"by its owner", func(t reporter) *world { return adopted(t) }, given(register("c1", events.PurposeCheckpoint, "")), []string{"", "", "c1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.w(t)
			w.do(c.when...)
			names := map[string]string{}
			for _, n := range []string{"checkpoint", "c1", "c2", "c3"} {
				names[did(n)] = n
			}
			for i, want := range c.keys {
				var got []string
				for _, k := range w.s.CheckpointKeys(uint64(i + 1)) {
					got = append(got, names[k])
				}
				if text := fmt.Sprint(got); text != "["+want+"]" {
					t.Errorf("size %d: %s may sign, want [%s]", i+1, text, want)
				}
			}
			sameKeys(t, w)
			if w.s.Position() != uint64(len(c.keys)) {
				t.Errorf("the history has %d entries", w.s.Position())
			}
		})
	}
}

// sameKeys holds what a stranger makes of the events about keys alone against what the rules say.
func sameKeys(t reporter, w *world) {
	t.Helper()
	var some chain.CheckpointKeys
	for _, e := range w.events {
		if kind, _, _ := strings.Cut(string(e.Data.Type()), "."); kind == "key" || kind == "organization" {
			some.Note(e)
		}
	}
	for size := range w.s.Position() + 1 {
		if got, want := some.At(size), w.s.CheckpointKeys(size); !slices.Equal(got, want) {
			t.Errorf("size %d: the key history says %v, the rules %v", size, got, want)
		}
	}
}

// Given a ledger of version 1 of the rules, when somebody registers a checkpoint key, then it is refused as ever.
func TestNoCheckpointKeyOfOldRules(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	w.do(opening(events.Profile{Name: "plain"}).but(func(c *events.Command) {
		d := c.Data.(*events.OrganizationOpened)
		d.Rules, d.Operator, d.Keys.Checkpoint, c.Version = 1, [16]byte{}, "", 1
	}))
	for actor, want := range map[string]string{
		"owner": `A key for "checkpoint" is rotated, not registered beside the one there is`, "node": "The node registers event keys only",
	} {
		c, at := w.command(register("k", events.PurposeCheckpoint, "").by(actor))
		_, err := rules.Decide(w.s, c, at)
		if r, ok := err.(*rules.Refusal); !ok || r.Reason != want {
			t.Errorf("%s: %v; want %s", actor, err, want)
		}
	}
}

// Given an organization, when it is opened by newer rules without a checkpoint key of its own, then it is refused.
func TestEveryOrganizationHasACheckpointKey(t *testing.T) {
	for _, key := range []string{"event", "root", "owner"} {
		w := &world{reporter: t, s: rules.New()}
		c, at := w.command(opening(plain).but(func(c *events.Command) { c.Data.(*events.OrganizationOpened).Keys.Checkpoint = did(key) }))
		if _, err := rules.Decide(w.s, c, at); err == nil {
			t.Errorf("the %s key is its checkpoint key", key)
		}
	}
	d := *opening(plain).data.(*events.OrganizationOpened)
	d.Keys.Checkpoint = ""
	if _, err := (&events.Event{ID: id("e"), Actor: id("owner"), Sequence: 1, Source: ledger, Time: start,
		Auth: events.Auth{Method: events.MethodSignature, Credential: did("owner")}, Data: &d}).Encode(); err == nil {
		t.Error("an organization without a checkpoint key can be written")
	}
}

// goldenCheckpoints is what came with checkpoint keys, and with checkpoints in the operator's ledger.
func goldenCheckpoints() []any {
	byNode := func(st step) step { return st.by("node").signedWith(did("event4")) }
	return given(
		byNode(recorded(logOf("acme", 5), logOf("bank", 1))), with("owner4", rotate("checkpoint", "checkpoint2")),
		byNode(recorded(events.RecordedCheckpoint{Organization: "acme", Size: 7, Root: events.Digest{7}})).after(time.Minute),
		byNode(revokeKey("checkpoint")).after(rules.CheckpointOverlap), with("owner4", report("checkpoint2", 3), rotate("checkpoint2", "checkpoint3"), rotate("checkpoint3", "checkpoint4")),
	)
}

// answerCheckpoints says who may sign checkpoints, and which are recorded.
func answerCheckpoints(b *bytes.Buffer, s *rules.State) {
	fmt.Fprintf(b, "key checkpoint %s\n", s.Key(events.PurposeCheckpoint))
	var last []string
	for size := range s.Position() + 1 {
		if keys := s.CheckpointKeys(size); !slices.Equal(keys, last) {
			fmt.Fprintf(b, "checkpoints from %d on by %v\n", size, keys)
			last = keys
		}
	}
	if key, ends, ok := s.Overlap(); ok {
		fmt.Fprintf(b, "overlap of %s until %s\n", key, stamp(ends))
	}
	for _, o := range []string{"acme", "bank", "operator"} {
		if c, position, due, ok := s.RecordedCheckpoint(o); ok {
			fmt.Fprintf(b, "log of %s size %d root %x at %d due %s\n", o, c.Size, c.Root, position, stamp(due))
		}
	}
}
