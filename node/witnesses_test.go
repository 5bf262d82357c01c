package node_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/witness"
)

// startWitness starts a witness of some ledgers.
func startWitness(t *testing.T, name string, logs []note.Key) note.Witness {
	t.Helper()
	seed := bytes.Repeat([]byte(name[len(name)-1:]), ed25519.SeedSize)
	w, err := witness.Open(witness.Config{Dir: t.TempDir(), Name: name, Signer: ed25519.NewKeyFromSeed(seed), Logs: logs})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(w.Handler())
	t.Cleanup(func() {
		s.Close()
		if err := errors.Join(w.Err(), w.Close()); err != nil {
			t.Error(err)
		}
	})
	return note.Witness{Name: name, Key: w.Key(), URL: s.URL}
}

// deadWitness is a witness where nobody listens, muteWitness one that takes connections and never answers.
func deadWitness() note.Witness {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("d"), ed25519.SeedSize))
	return note.Witness{Name: "dead", Key: note.WitnessKey("dead", key.Public().(ed25519.PublicKey)), URL: "http://127.0.0.1:1"}
}

func muteWitness(t *testing.T) note.Witness {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("m"), ed25519.SeedSize))
	return note.Witness{Name: "mute", Key: note.WitnessKey("mute", key.Public().(ed25519.PublicKey)), URL: "http://" + l.Addr().String()}
}

func openWith(t *testing.T, dir string, p *note.Policy) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), dir, node.Options{Witnesses: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// keysOf gives the keys of an organization's log.
func keysOf(n *node.Node, o *node.Org) (keys []note.Key) {
	for _, l := range n.Policy(o, o.Access.Head().Position).Logs {
		keys = append(keys, l.Key)
	}
	return keys
}

// TestDeadWitnesses: no witness keeps anybody from recording, or a checkpoint from being signed.
func TestDeadWitnesses(t *testing.T) {
	p := &note.Policy{Witnesses: []note.Witness{deadWitness(), muteWitness(t)}, Groups: []note.Group{{Name: "all", K: 2, Members: []string{"dead", "mute"}}}, Quorum: "all"}
	n := openWith(t, initialised(t), p)
	ann := newOwner(t)
	o := organization(t, n, ann, "acme", "plain")
	role := newRole("desk")
	ann.do(t, o, role)
	r := ann.do(t, o, &events.RoleDeleted{Role: role.Role})
	if _, c, err := o.Log.Committed(t.Context(), r.Position); err != nil || c.Size < r.Position {
		t.Errorf("%v, %v", c, err)
	}
	eventually(t, "it is known that the dead one is", func() bool { return o.Witnesses()[0].Error != "" })
	for _, w := range o.Witnesses() {
		if w.Size > 0 || w.Alarm {
			t.Errorf("%+v", w)
		}
	}
	if err := n.Close(); err != nil { // does not wait for the mute one either
		t.Error(err)
	}
}

// TestTwoOfThreeWitnesses: what waits for witnesses gets a checkpoint that the exported policy takes, while one of three
// never answers; and it gets it from a directory's own file.
func TestTwoOfThreeWitnesses(t *testing.T) {
	dir := initialised(t)
	ann := newOwner(t)
	n := open(t, dir)
	o := organization(t, n, ann, "acme", "plain")
	logs := keysOf(n, o)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	p := &note.Policy{
		Witnesses: []note.Witness{startWitness(t, "a", logs), startWitness(t, "b", logs), muteWitness(t)},
		Groups:    []note.Group{{Name: "two", K: 2, Members: []string{"a", "b", "mute"}}}, Quorum: "two",
	}
	if err := os.WriteFile(filepath.Join(dir, "node", node.WitnessesFile), []byte(p.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	n = open(t, dir)
	o, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		r := ann.do(t, o, newRole(fmt.Sprint("desk", i)))
		b, c, err := o.Log.Witnessed(t.Context(), r.Position)
		if err != nil {
			t.Fatal(err)
		}
		exported, err := note.ParsePolicy([]byte(n.Policy(o, c.Size).String()))
		if err != nil {
			t.Fatal(err)
		}
		v, err := exported.Verify(b)
		if err != nil || v.Size < r.Position || len(v.Witnesses) < 2 {
			t.Fatalf("%v, %v:\n%s", v, err, b)
		}
	}
	var source string
	o.Fold.Read(func(s *rules.State) { source = s.Source() })
	if logs[0].Name != source {
		t.Errorf("the log is called %s, the ledger %s", logs[0].Name, source)
	}
}

// TestWitnessAlarmIsNoted: a backup was put back, and the witness knows more. That is an alarm, and recording goes on.
func TestWitnessAlarmIsNoted(t *testing.T) {
	dir := initialised(t)
	ann := newOwner(t)
	n := open(t, dir)
	o := organization(t, n, ann, "acme", "plain")
	p := &note.Policy{Witnesses: []note.Witness{startWitness(t, "a", keysOf(n, o))}, Quorum: "a"}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for path := range contents(t, backup) { // CopyFS leaves modes behind that keys must not have
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n = openWith(t, dir, p)
	if o, err := n.Org("acme"); err != nil {
		t.Fatal(err)
	} else {
		var last uint64
		for i := range 6 {
			last = ann.do(t, o, newRole(fmt.Sprint("desk", i))).Position
		}
		if _, _, err := o.Log.Witnessed(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = openWith(t, backup, p)
	o, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is an alarm", func() bool { return o.Witnesses()[0].Alarm })
	ann.do(t, o, newRole("after"))
	alarm := ""
	eventually(t, "it is in the activity stream", func() bool {
		for e, err := range o.Activity.Feed().Entries(t.Context(), 1) {
			if err != nil {
				t.Fatal(err)
			}
			var r node.ActivityRecord
			if err := json.Unmarshal(e.Data, &r); err != nil {
				t.Fatal(err)
			}
			if r.Kind == node.ActivityAlarm {
				alarm = r.Reason
			}
		}
		return alarm != ""
	})
	if !strings.Contains(alarm, "the witness a has cosigned") {
		t.Error(alarm)
	}
}

// TestBadPolicies: a policy that cannot be used keeps the node from starting, and changes nothing.
func TestBadPolicies(t *testing.T) {
	key := newOwner(t).did()
	public, err := didkey.Parse(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no policy":    "hello\n",
		"cut":          "quorum none",
		"has log":      "log " + note.LogKey("x", public).String() + "\nquorum none\n",
		"no such name": "quorum all\n",
	} {
		dir := initialised(t)
		if err := os.WriteFile(filepath.Join(dir, "node", node.WitnessesFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		if n, err := node.Open(t.Context(), dir, node.Options{}); !errors.Is(err, node.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				n.Close()
			}
		}
		findings, err := node.Examine(t.Context(), dir, node.NoMinFree)
		if err != nil || !slices.ContainsFunc(findings, func(f node.Finding) bool { return f.Check == "witnesses" && f.Level == node.FindingFail }) {
			t.Errorf("%s: doctor finds nothing: %v", name, err)
		}
		if after := contents(t, dir); len(after) != len(before) {
			t.Errorf("%s: files came or went: %v, %v", name, before, after)
		}
	}
}
