package replica_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/client/replica"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// stopped waits until the replica has stopped, and demands that it says why, refuses and has written down what it was shown.
func stopped(t *testing.T, r *replica.Replica, dir string, kind replica.Kind, shown ...[]byte) {
	t.Helper()
	wait(t, func() bool { return r.Status().Err != nil })
	f := (*replica.Fault)(nil)
	if err := r.Status().Err; !errors.As(err, &f) || f.Kind != kind {
		t.Fatalf("%v; want %s", err, kind)
	}
	if ok, err := r.CheckWithin(replica.Ever, "owner", documenttest.Read, ""); ok || !errors.As(err, &f) {
		t.Errorf("it answers %v, %v", ok, err)
	}
	files := evidence(t, dir)
	if len(files) != 1 || f.File != files[0] {
		t.Fatalf("evidence in %q; it says %q", files, f.File)
	}
	for _, part := range shown {
		if !strings.Contains(read(t, files[0]), string(part)) {
			t.Errorf("the evidence lacks %s", part)
		}
	}
}

// fork gives a ledger of so many entries that begins as [ledger] does, has its keys, and goes on as another.
func fork(t *testing.T, size int) *documenttest.Ledger {
	l := documenttest.Open(t, documenttest.Guardian, "")
	for len(l.Entries) < size {
		l.AddSubject("")
	}
	return l
}

// What a server may show instead of the entries, and what it is called.
func TestALyingServerIsNoticed(t *testing.T) {
	l := ledger(t)
	spoil := func(at int, change func(raw []byte) []byte) func(*testing.T, *broker) {
		return func(t *testing.T, b *broker) {
			for i, en := range l.Entries {
				raw := en.Bytes()
				if i == at {
					raw = change(bytes.Clone(raw))
				}
				b.publish(en.Subject(), raw)
			}
		}
	}
	foreign := func(raw []byte) []byte { // the same event, sealed by a key of nobody
		en, err := chain.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		key := documenttest.Key("stranger")
		other, err := chain.Seal(en.Event, en.EventBytes(), en.Document, en.Evidence, key, documenttest.DID(key))
		if err != nil {
			t.Fatal(err)
		}
		return other.Bytes()
	}
	stolen := func(raw []byte) []byte { // the ledger's own key, in the hands of somebody who may do nothing
		en, err := chain.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		key := documenttest.Key("event")
		e := *en.Event
		e.Auth = events.Auth{Method: events.MethodNode, Credential: documenttest.DID(key)}
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		other, err := chain.Seal(&e, body, en.Document, nil, key, documenttest.DID(key))
		if err != nil {
			t.Fatal(err)
		}
		if p := chain.Inspect(other.Bytes()); p.Err != nil { // the rules alone refuse it
			t.Fatal(p.Err)
		}
		return other.Bytes()
	}
	assigned := -1
	for i, en := range l.Entries {
		if _, ok := en.Event.Data.(*events.RoleAssigned); ok {
			assigned = i
		}
	}
	for name, c := range map[string]struct {
		kind replica.Kind
		show func(*testing.T, *broker)
	}{
		"a byte":             {replica.Broken, spoil(4, func(raw []byte) []byte { raw[len(raw)/2] ^= 1; return raw })},
		"a signature":        {replica.Broken, spoil(4, func(raw []byte) []byte { i := bytes.LastIndex(raw, []byte(`"sig":"`)) + 8; raw[i] ^= 3; return raw })},
		"a key of nobody":    {replica.Broken, spoil(4, foreign)},
		"a stolen key":       {replica.Broken, spoil(assigned, stolen)},
		"one left out":       {replica.Broken, func(t *testing.T, b *broker) { b.show(l, 0); cut(b, l, 3) }},
		"the first left out": {replica.Broken, func(t *testing.T, b *broker) { b.show(l, 1) }},
		"two swapped": {replica.Broken, func(t *testing.T, b *broker) {
			for _, i := range []int{0, 1, 2, 4, 3, 5} {
				b.publish(l.Entries[i].Subject(), l.Entries[i].Bytes())
			}
		}},
		"one twice": {replica.Broken, func(t *testing.T, b *broker) {
			for _, i := range []int{0, 1, 2, 2, 3} {
				b.publish(l.Entries[i].Subject(), l.Entries[i].Bytes())
			}
		}},
		"another subject": {replica.Broken, func(t *testing.T, b *broker) {
			b.publish(l.Entries[0].Subject(), l.Entries[0].Bytes())
			b.publish("ledger."+org+".role.created", l.Entries[1].Bytes())
		}},
		"one deleted": {replica.Gap, func(t *testing.T, b *broker) {
			b.show(l, 0)
			s, err := b.js.Stream(t.Context(), "LEDGER_"+org)
			if err == nil {
				err = s.DeleteMsg(t.Context(), 4)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, dir := newBroker(t), t.TempDir()
			c.show(t, b)
			stopped(t, b.opened(dir, nil), dir, c.kind)
		})
	}
	t.Run("control", func(t *testing.T) {
		b, dir := newBroker(t), t.TempDir()
		b.show(l, 0)
		r := b.opened(dir, nil)
		b.fresh(r, l)
		if files := evidence(t, dir); len(files) > 0 {
			t.Errorf("%q", files)
		}
	})
}

// cut makes the stream anew without the entry at an index.
func cut(b *broker, l *documenttest.Ledger, at int) {
	b.again()
	for i, en := range l.Entries {
		if i != at {
			b.publish(en.Subject(), en.Bytes())
		}
	}
}

// Given a replica that has followed a ledger, when it is shown another history, or a signed statement that does not fit, then
// it stops; when what it is shown says nothing, it goes on.
func TestALyingLogIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		kind replica.Kind // empty: it goes on
		then func(t *testing.T, b *broker, l *documenttest.Ledger)
	}{
		"another root for its size": {replica.Fork, func(t *testing.T, b *broker, l *documenttest.Ledger) {
			b.announce(checkpoint(t, fork(t, len(l.Entries)), len(l.Entries)-1, time.Time{}))
		}},
		"another root for a size to come": {replica.Fork, func(t *testing.T, b *broker, l *documenttest.Ledger) {
			b.announce(checkpoint(t, fork(t, len(l.Entries)+1), len(l.Entries)+1, time.Time{}))
			l.AddSubject("")
			b.show(l, len(l.Entries)-1)
		}},
		"it has become shorter": {replica.Rollback, func(t *testing.T, b *broker, l *documenttest.Ledger) {
			b.announce(checkpoint(t, l, len(l.Entries)-1, time.Now()))
		}},
		"the stream is another": {replica.Fork, func(t *testing.T, b *broker, l *documenttest.Ledger) {
			f := fork(t, len(l.Entries)+1)
			b.stop()
			b.start()
			b.again()
			b.show(f, 0)
		}},
		"an old checkpoint": {"", func(t *testing.T, b *broker, l *documenttest.Ledger) {
			b.announce(checkpoint(t, l, len(l.Entries)-2, time.Time{}))
		}},
		"an old heartbeat": {"", func(t *testing.T, b *broker, l *documenttest.Ledger) {
			b.announce(checkpoint(t, l, len(l.Entries)-2, l.Entries[len(l.Entries)-2].Event.Time))
		}},
		"a fork that nobody signed": {"", func(t *testing.T, b *broker, l *documenttest.Ledger) {
			b.announce(signed(t, fork(t, len(l.Entries)), len(l.Entries)-1, time.Now(), documenttest.Key("stranger")))
		}},
		"of another ledger": {"", func(t *testing.T, b *broker, l *documenttest.Ledger) {
			b.announce(signedRoot(t, note.Checkpoint{Origin: "ledger.example/other", Size: 3, Root: tree.Hash{1}}, time.Now(), documenttest.Key("checkpoint")))
		}},
		"no checkpoint": {"", func(t *testing.T, b *broker, l *documenttest.Ledger) { b.announce([]byte("hello")) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, dir, l := newBroker(t), t.TempDir(), ledger(t)
			b.show(l, 0)
			r := b.opened(dir, nil)
			b.fresh(r, l)
			known := checkpoint(t, l, len(l.Entries), time.Time{})
			c.then(t, b, l)
			if c.kind != "" {
				stopped(t, r, dir, c.kind, known[:len(known)-1])
				return
			}
			l.AddSubject("")
			b.show(l, len(l.Entries)-1)
			b.fresh(r, l)
			if files := evidence(t, dir); len(files) > 0 {
				t.Errorf("%q", files)
			}
		})
	}
}

// Given old checkpoints and heartbeats that are shown again and again, while new entries are held back, then the replica is
// told nothing of now, and does not answer.
func TestWhatIsHeldBackIsNoticed(t *testing.T) {
	l, b := ledger(t), newBroker(t)
	b.show(l, 0)
	r := b.opened(t.TempDir(), func(o *replica.Options) { o.MaxAge = time.Second })
	caught := checkpoint(t, l, len(l.Entries), time.Now())
	if err := r.AtLeast(within(t), uint64(len(l.Entries))); err != nil {
		t.Fatal(err)
	}
	refused := func() bool {
		b.announce(caught)
		_, err := r.Check("owner", documenttest.Read, "")
		return errors.Is(err, replica.ErrStale) && !r.Status().Proven.IsZero()
	}
	wait(t, refused)
	if err := r.Status().Err; err != nil {
		t.Fatal(err)
	}
}

// Given what a replica has kept, then it knows the ledger again, and one that was put back or is another.
func TestAStartHoldsWhatIsShownAgainstWhatIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		kind replica.Kind
		then func(t *testing.T, b *broker, l *documenttest.Ledger, dir string)
	}{
		"the same": {"", func(*testing.T, *broker, *documenttest.Ledger, string) {}},
		"grown": {"", func(t *testing.T, b *broker, l *documenttest.Ledger, _ string) {
			l.AddSubject("")
			b.show(l, len(l.Entries)-1)
		}},
		"no snapshot": {"", func(t *testing.T, _ *broker, _ *documenttest.Ledger, dir string) { remove(t, dir, "snapshot") }},
		"a damaged snapshot": {"", func(t *testing.T, _ *broker, _ *documenttest.Ledger, dir string) {
			spoil(t, filepath.Join(dir, "snapshot"))
		}},
		"a forked stream": {replica.Fork, func(t *testing.T, b *broker, l *documenttest.Ledger, dir string) {
			remove(t, dir, "snapshot")
			f := fork(t, len(l.Entries))
			b.again()
			b.show(f, 0)
		}},
		"a forked stream behind the snapshot": {replica.Fork, func(t *testing.T, b *broker, l *documenttest.Ledger, dir string) {
			f := fork(t, len(l.Entries)+1)
			b.again()
			b.show(f, 0)
		}},
		"another ledger": {replica.Broken, func(t *testing.T, b *broker, l *documenttest.Ledger, dir string) {
			remove(t, dir, "snapshot")
			o := documenttest.Open(t, documenttest.Guardian, "did:web:acme.example")
			b.again()
			b.show(o, 0)
		}},
		"put back": {replica.Rollback, func(t *testing.T, b *broker, l *documenttest.Ledger, dir string) {
			b.again()
			l.Entries = l.Entries[:len(l.Entries)-2]
			b.show(l, 0)
		}},
		"put back, without a snapshot": {replica.Rollback, func(t *testing.T, b *broker, l *documenttest.Ledger, dir string) {
			remove(t, dir, "snapshot")
			b.again()
			l.Entries = l.Entries[:len(l.Entries)-2]
			b.show(l, 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, dir, l := newBroker(t), t.TempDir(), ledger(t)
			b.show(l, 0)
			r := b.opened(dir, nil)
			b.fresh(r, l)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			c.then(t, b, l, dir)
			r = b.opened(dir, nil)
			if c.kind == "" {
				b.fresh(r, l)
				if ok, err := r.Check(l.Owner.String(), documenttest.Write, ""); !ok || err != nil {
					t.Error(ok, err)
				}
				return
			}
			if c.kind == replica.Rollback {
				wait(t, func() bool { b.beat(l); return r.Status().Err != nil })
			}
			stopped(t, r, dir, c.kind)
		})
	}
}

func TestAKeptCheckpointThatCannotBeReadStops(t *testing.T) {
	b, dir, l := newBroker(t), t.TempDir(), ledger(t)
	b.show(l, 0)
	r := b.opened(dir, nil)
	b.fresh(r, l)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, filepath.Join(dir, "checkpoint.json"))
	f := (*replica.Fault)(nil)
	if _, err := b.open(dir, nil); !errors.As(err, &f) || f.Kind != replica.Damaged || !strings.Contains(err.Error(), "checkpoint.json") {
		t.Errorf("%v; want a fault that names the file", err)
	}
}

func TestAnchors(t *testing.T) {
	l := ledger(t)
	witness := documenttest.Key("witness")
	cosigner := note.WitnessKey("witness.example", witness.Public().(ed25519.PublicKey))
	policy := func(key, quorum string) *note.Policy {
		public := documenttest.Key(key).Public().(ed25519.PublicKey)
		p := &note.Policy{Logs: []note.Log{{Key: note.LogKey(documenttest.Source, public)}}, Quorum: quorum}
		if quorum != note.None {
			p.Witnesses = []note.Witness{{Name: quorum, Key: cosigner}}
		}
		return p
	}
	pin := func(genesis string, p *note.Policy) func(*replica.Options) {
		return func(o *replica.Options) { o.FirstUse, o.Genesis, o.Policy = false, genesis, p }
	}
	for name, c := range map[string]struct {
		change  func(*replica.Options)
		answers bool
		kind    replica.Kind
	}{
		"its genesis":               {pin(l.Entries[0].CID(), nil), true, ""},
		"another genesis":           {pin(l.Entries[1].CID(), nil), false, replica.Broken},
		"its checkpoint key":        {pin("", policy("checkpoint", note.None)), true, ""},
		"another's checkpoint key":  {pin("", policy("stranger", note.None)), false, ""},
		"a witness who has not yet": {pin("", policy("checkpoint", "w")), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, dir := newBroker(t), t.TempDir()
			b.show(l, 0)
			r := b.opened(dir, c.change)
			switch {
			case c.kind != "":
				stopped(t, r, dir, c.kind)
			case c.answers:
				b.fresh(r, l)
			default:
				// what it is shown is compared, and proves nothing
				wait(t, func() bool {
					b.beat(l)
					s := r.Status()
					return s.Checkpoint == uint64(len(l.Entries)) || s.Ignored > 0
				})
				if _, err := r.CheckWithin(replica.Ever, "owner", documenttest.Read, ""); !errors.Is(err, replica.ErrStale) {
					t.Errorf("%v; want ErrStale", err)
				}
			}
		})
	}
	t.Run("a witness who has", func(t *testing.T) {
		b, dir := newBroker(t), t.TempDir()
		b.show(l, 0)
		r := b.opened(dir, pin("", policy("checkpoint", "w")))
		at := time.Now().Add(-3 * time.Second).Truncate(time.Second)
		n, err := note.Parse(checkpoint(t, l, len(l.Entries), time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		s, err := note.Cosign(n.Text, cosigner.Name, witness, at)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, func() bool { b.announce(n.With(s).Bytes()); return r.Status().Proven.Equal(at) })
		if _, err := r.Check("owner", documenttest.Read, ""); err != nil {
			t.Error(err)
		}
	})
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func spoil(t *testing.T, path string) {
	t.Helper()
	raw := []byte(read(t, path))
	raw[len(raw)/2] ^= 0x40
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
