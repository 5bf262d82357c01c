//go:build unix

package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/stream/natstest"
	"github.com/permledger/permledger/verify"
)

// member is one node's ledger of an organization whose stream lies in a cluster.
type member struct {
	*place // of its own: journal, keys, private texts; without a server
	org    string
	conn   *stream.Conn
	ready  atomic.Pointer[func()] // called once, between the next decision and its publishing
	texts  atomic.Int64
}

// pair opens an organization on one member and joins it with another, each with an event key of its own.
func pair(t testing.TB, c *natstest.Cluster, org string, urls ...string) (a, b *member) {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), keys: keyring{}, now: time.Now}
	p.owner = p.id()
	credential := p.keys.make(t)
	p.genesis = events.Command{
		ID: p.id(), Ledger: "localhost/" + org, Actor: p.owner, Auth: events.Auth{Method: events.MethodSignature, Credential: credential},
		Data: &events.OrganizationOpened{
			Organization: org, Name: "Main", Rules: rules.Version,
			Profile: events.Profile{Name: "guardian", DirectGrants: true, EmptyRoles: true, NewPermissions: true, Documents: true},
			Owner:   events.Owner{Subject: p.owner, Key: "owner", Kind: events.KindHuman, Credential: credential},
			Node:    p.id(), Operator: p.id(),
			Keys: events.Keys{Event: p.keys.make(t), Document: p.keys.make(t), Root: p.keys.make(t), Operator: p.keys.make(t), Checkpoint: p.keys.make(t)},
		},
	}
	a = &member{place: p, org: org}
	a.dial(c, append(urls, c.URLs)[0])
	if _, err := a.conn.CreateLog(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	a.open(true)
	if _, err := a.do(p.genesis); err != nil {
		t.Fatal(err)
	}
	b = a.another(c)
	// A registers B's own event key, as the ledger's own actor
	d := p.genesis.Data.(*events.OrganizationOpened)
	own := b.keys.make(t)
	if _, err := a.ledger.Execute(t.Context(), ledger.Request{Command: events.Command{
		ID: p.id(), Ledger: p.genesis.Ledger, Actor: d.Node, Auth: events.Auth{Method: events.MethodNode, Credential: d.Keys.Event},
		Data: &events.KeyRegistered{Key: own, Purpose: events.PurposeEvent},
	}}); err != nil {
		t.Fatal(err)
	}
	b.at(2)
	return a, b
}

// another joins with a directory of its own. It has the keys of people, and the document key, but not the event key.
func (m *member) another(c *natstest.Cluster, urls ...string) *member {
	m.t.Helper()
	b := &member{place: &place{t: m.t, dir: m.t.TempDir(), keys: keyring{}, now: time.Now, owner: m.owner, genesis: m.genesis}, org: m.org}
	for did, key := range m.keys {
		if did != m.genesis.Data.(*events.OrganizationOpened).Keys.Event {
			b.keys[did] = key
		}
	}
	b.dial(c, append(urls, c.URLs)[0])
	b.open(true)
	return b
}

func (m *member) dial(c *natstest.Cluster, urls string) {
	m.t.Helper()
	m.conn = must(stream.Connect(stream.RemoteOptions{URLs: urls, Credentials: c.Credentials, Replicas: c.Len(), SyncAlways: true, AckWait: time.Second}))(m.t)
	m.t.Cleanup(func() { m.conn.Close() })
}

func (m *member) open(create bool) {
	m.t.Helper()
	if err := m.tryOpen(create); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) tryOpen(create bool) error {
	m.t.Helper()
	t := m.t
	m.journal = must(journal.Open(filepath.Join(m.dir, "journal"), journal.Options{Create: create}))(t)
	head := must(journal.OpenHead(filepath.Join(m.dir, "head"), create))(t)
	m.private = must(private.Open(filepath.Join(m.dir, "private")))(t)
	m.applied = nil
	log, err := m.conn.OpenLog(t.Context(), m.org)
	if err == nil {
		m.ledger, err = ledger.Open(t.Context(), ledger.Config{
			Organization: m.org, Journal: m.journal, Head: head, Log: log, Private: m.private, Keys: m.keys,
			Now:       func() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.now() },
			Snapshots: m.snapshots(), Logger: slog.New(slog.NewTextHandler(&m.said, nil)),
			Applied: func(en *chain.Entry) {
				if m.fold != nil {
					m.fold.Apply(en)
				}
				m.mu.Lock()
				defer m.mu.Unlock()
				m.applied = append(m.applied, en)
				if m.hold != nil {
					m.hold()
				}
			},
			Refused: func(_ events.Command, r *rules.Refusal) {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.refused = append(m.refused, r.Code)
			},
			Shared: &ledger.Shared{
				Texts: func(_ context.Context, texts []private.Text) error { m.texts.Add(int64(len(texts))); return nil },
				Ready: func() error {
					if f := m.ready.Swap(nil); f != nil {
						(*f)()
					}
					return m.conn.Health()
				},
				Own:  func() []string { return m.own() },
				Wait: time.Second,
			},
		})
	}
	if err != nil {
		m.private.Close()
		m.journal.Close()
		m.ledger = nil
		return err
	}
	t.Cleanup(m.shut)
	return nil
}

func (m *member) own() (dids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for did := range m.keys {
		dids = append(dids, did)
	}
	slices.Sort(dids)
	return dids
}

func (m *member) shut() {
	if m.ledger != nil {
		if err := errors.Join(m.ledger.Close(), m.private.Close(), m.journal.Close()); err != nil {
			m.t.Error(err)
		}
		m.ledger = nil
	}
}

// before has f happen between the next decision of this member and its publishing.
func (m *member) before(f func()) { m.ready.Store(&f) }

// at waits until the member has shown a position.
func (m *member) at(position uint64) {
	m.t.Helper()
	m.wait(fmt.Sprintf("position %d is shown (%v)", position, m.ledger.Err()), func() bool { return m.count() >= int(position) })
}

// as makes a command of a subject.
func (m *member) as(actor ulid.ULID, credential string, d events.Data) events.Command {
	return events.Command{ID: m.id(), Ledger: m.genesis.Ledger, Actor: actor, Auth: events.Auth{Method: events.MethodSignature, Credential: credential}, Data: d}
}

func (m *member) mine(d events.Data) events.Command {
	return m.as(m.owner, m.genesis.Auth.Credential, d)
}

func (m *member) mustDo(d events.Data) ledger.Receipt {
	m.t.Helper()
	return must(m.do(m.mine(d)))(m.t)
}

// same fails unless the journals are equal as far as both go, and each verifies by itself.
func same(t *testing.T, members ...*member) {
	t.Helper()
	for _, m := range members {
		n := min(m.journal.Len(), members[0].journal.Len())
		for at := uint64(1); at <= n; at++ {
			if !bytes.Equal(must(m.journal.Read(at))(t), must(members[0].journal.Read(at))(t)) {
				t.Fatalf("the journals differ at %d", at)
			}
		}
		if _, err := verify.Entries(t.Context(), func(yield func(verify.Raw, error) bool) {
			for r, err := range m.journal.Range(1, m.journal.Len()) {
				if !yield(verify.Raw{Bytes: bytes.Clone(r.Entry)}, err) {
					return
				}
			}
		}, verify.Options{}); err != nil {
			t.Error(err)
		}
	}
}

func TestShared(t *testing.T) {
	c := natstest.Start(t, 3)

	t.Run("entries of another node arrive", func(t *testing.T) {
		a, b := pair(t, c, "arrive")
		r := a.mustDo(a.role("one"))
		b.at(r.Position)
		r = b.mustDo(b.role("two"))
		a.at(r.Position)
		// B signs with a key of its own
		en := must(chain.Parse(must(a.journal.Read(r.Position))(t)))(t)
		if _, ok := a.keys[en.Key]; ok {
			t.Error("both nodes sign with the same key")
		}
		same(t, a, b)
	})

	t.Run("a lost race is decided again", func(t *testing.T) {
		a, b := pair(t, c, "race")
		var first ledger.Receipt
		b.before(func() { first = a.mustDo(a.role("one")) })
		second := b.mustDo(b.role("two"))
		if second.Position != first.Position+1 {
			t.Errorf("the first is at %d, the second at %d", first.Position, second.Position)
		}
		// What is then refused was never recorded, and is noted once
		b.before(func() { a.mustDo(a.role("same")) })
		if _, err := b.do(b.mine(b.role("same"))); code(err) != rules.Taken {
			t.Errorf("got %v", err)
		}
		if got := b.refused; len(got) != 1 || got[0] != rules.Taken {
			t.Errorf("noted: %v", got)
		}
		// The same command through both nodes is recorded once
		cmd := a.mine(a.role("once"))
		b.before(func() { first = must(a.do(cmd))(t) })
		if r := must(b.do(cmd))(t); !r.Repeated || r.Position != first.Position {
			t.Errorf("got %+v; recorded at %d", r, first.Position)
		}
		a.at(b.journal.Len())
		same(t, a, b)
	})

	t.Run("who lost a power on one node has none on the other", func(t *testing.T) {
		a, b := pair(t, c, "enemy")
		ann, key, desk := a.id(), a.keys.make(t), a.id()
		b.keys[key] = a.keys[key]
		a.mustDo(&events.SubjectAdded{Subject: ann, Key: "ann", Kind: events.KindHuman, Credential: key})
		a.mustDo(&events.RoleCreated{Role: desk, Key: "desk", Name: "Desk", Permissions: []string{rules.Qualified(rules.Own, rules.ActionRoleCreate), rules.Qualified(rules.Own, rules.ActionSubjectAdd)}})
		a.mustDo(&events.RoleAssigned{Subject: ann, Role: desk})
		b.at(a.journal.Len())
		if _, err := b.do(b.as(ann, key, &events.RoleCreated{Role: b.id(), Key: "hers", Name: "hers"})); err != nil {
			t.Fatal(err)
		}
		// When it is revoked on A between B's decision and its publishing
		b.before(func() { a.mustDo(&events.RoleRevoked{Subject: ann, Role: desk}) })
		_, err := b.do(b.as(ann, key, &events.RoleCreated{Role: b.id(), Key: "late", Name: "late"}))
		if code(err) != rules.NotPermitted {
			t.Errorf("got %v", err)
		}
		// and a refusal on an older state than another node's is none
		a.mustDo(&events.RoleAssigned{Subject: ann, Role: desk})
		if _, err := b.do(b.as(ann, key, &events.RoleCreated{Role: b.id(), Key: "again", Name: "again"})); err != nil {
			t.Errorf("B refuses what A has made good: %v", err)
		}
		same(t, a, b)
	})

	t.Run("both write at once", func(t *testing.T) {
		a, b := pair(t, c, "busy")
		const callers, each = 6, 15
		var mu sync.Mutex
		positions := map[uint64]string{}
		var wg sync.WaitGroup
		for i := range callers {
			m := []*member{a, b}[i%2]
			wg.Go(func() {
				for k := range each {
					name := fmt.Sprintf("role-%d-%d", i, k)
					cmd := m.mine(m.role(name))
					r, err := m.do(cmd)
					for errors.Is(err, ledger.ErrWait) || errors.Is(err, ledger.ErrUnknown) {
						r, err = m.do(cmd)
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if other, ok := positions[r.Position]; ok {
						t.Errorf("%s and %s have position %d", name, other, r.Position)
					}
					positions[r.Position] = name
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		a.at(2 + callers*each)
		b.at(2 + callers*each)
		for at, name := range positions {
			if en := must(chain.Parse(must(b.journal.Read(at))(t)))(t); en.Event.Data.(*events.RoleCreated).Key != name {
				t.Errorf("%d is not %s", at, name)
			}
		}
		same(t, a, b)
	})

	t.Run("an unknown outcome becomes known", func(t *testing.T) {
		proxy := c.Proxy(t)
		a, b := pair(t, c, "unknown", proxy.URLs)
		// Given that B loses the stream while it publishes
		lost := a // the one behind the proxy
		lost.before(proxy.Stall)
		cmd := lost.mine(lost.role("doubtful"))
		if _, err := lost.do(cmd); !errors.Is(err, ledger.ErrUnknown) {
			t.Fatalf("got %v", err)
		}
		// then nothing else is decided meanwhile, and who gave up before it was tried knows that
		if _, err := lost.do(lost.mine(lost.role("later"))); !errors.Is(err, ledger.ErrWait) {
			t.Errorf("got %v", err)
		}
		other := b.mustDo(b.role("meanwhile"))
		// and it says that commands wait, as long as they do
		if err := lost.ledger.Waits(t.Context()); err == nil {
			t.Error("it says that commands are decided")
		}
		proxy.Heal()
		lost.wait("commands are decided again", func() bool { return lost.ledger.Waits(t.Context()) == nil })
		// and it is recorded once, or once it is sent again
		var r ledger.Receipt
		lost.wait("the outcome is known", func() bool {
			var err error
			r, err = lost.do(cmd)
			return err == nil
		})
		b.at(r.Position)
		if n := strings.Count(fmt.Sprint(keys(t, b)), "doubtful"); n != 1 || r.Position == other.Position || slices.Contains(keys(t, b), "later") {
			t.Errorf("%v, at %d", keys(t, b), r.Position)
		}
		same(t, a, b)
	})

	t.Run("cut off it refuses to write and goes on reading", func(t *testing.T) {
		proxy := c.Proxy(t)
		a, b := pair(t, c, "cut", proxy.URLs)
		proxy.Cut()
		a.wait("the connection is gone", func() bool { return a.conn.Health() != nil })
		if _, err := a.do(a.mine(a.role("no"))); !errors.Is(err, ledger.ErrWait) {
			t.Errorf("got %v", err)
		}
		r := b.mustDo(b.role("yes"))
		proxy.Heal()
		a.at(r.Position)
		if a.ledger.Err() != nil {
			t.Error(a.ledger.Err())
		}
		a.wait("it writes again", func() bool { _, err := a.do(a.mine(a.role("again"))); return err == nil })
		same(t, a, b)
	})

	t.Run("what breaks the rules stops the others", func(t *testing.T) {
		a, b := pair(t, c, "rogue")
		a.mustDo(a.role("taken"))
		b.at(a.journal.Len())
		b.shut()
		// Given a node that holds an event key and does not keep to the rules
		at := a.journal.Len() + 1
		before := rules.New()
		for i := uint64(1); i < at-1; i++ {
			rules.Evolve(before, must(chain.Parse(must(a.journal.Read(i))(t)))(t).Event)
		}
		twice := a.request(a.mine(a.role("taken")))
		e := must(ledger.Try(before, twice.Command, time.Now()))(t)
		e.Sequence, e.Prev = at, chain.CID(must(a.journal.Read(at-1))(t))
		key := a.genesis.Data.(*events.OrganizationOpened).Keys.Event
		en := must(chain.Seal(&e, must(e.Encode())(t), nil, twice.Evidence, a.keys[key], key))(t)
		l := must(a.conn.OpenLog(t.Context(), a.org))(t)
		if err := l.Append(t.Context(), at-1, []stream.Msg{{Subject: en.Subject(), Data: en.Bytes()}}); err != nil {
			t.Fatal(err)
		}
		// then the others take in nothing of it, and say so
		a.wait("A stops", func() bool { return a.ledger.Err() != nil })
		broken := (*chain.BrokenError)(nil)
		if err := a.ledger.Err(); !errors.As(err, &broken) || broken.Check != chain.CheckRules || broken.Position != at {
			t.Errorf("got %v", err)
		}
		if _, err := a.do(a.mine(a.role("more"))); !errors.Is(err, ledger.ErrStopped) || a.journal.Len() != at-1 {
			t.Errorf("it goes on: %v, %d entries", err, a.journal.Len())
		}
		b.open(false)
		if err := b.ledger.Err(); !errors.As(err, &broken) || b.journal.Len() != at-1 || b.count() != int(at-1) {
			t.Errorf("B opens with %d entries: %v", b.journal.Len(), err)
		}
	})

	t.Run("the end of a grant is recorded once", func(t *testing.T) {
		a, b := pair(t, c, "due")
		ann, desk := a.id(), a.id()
		a.mustDo(&events.SubjectAdded{Subject: ann, Key: "ann", Kind: events.KindHuman})
		a.mustDo(&events.RoleCreated{Role: desk, Key: "desk", Name: "Desk"})
		r := a.mustDo(&events.RoleAssigned{Subject: ann, Role: desk, Until: time.Now().UTC().Add(300 * time.Millisecond).Truncate(time.Millisecond)})
		b.at(r.Position + 1)
		a.at(r.Position + 1)
		r = b.mustDo(b.role("next"))
		a.at(r.Position)
		ended := 0
		for at := uint64(1); at <= a.journal.Len(); at++ {
			if en := must(chain.Parse(must(a.journal.Read(at))(t)))(t); en.Event.Data.Type() == "grant.ended" {
				ended++
			}
		}
		if ended != 1 {
			t.Errorf("recorded %d times", ended)
		}
		same(t, a, b)
	})

	t.Run("a node that comes back reads what it missed", func(t *testing.T) {
		a, b := pair(t, c, "back")
		b.shut()
		for i := range 30 {
			a.mustDo(a.role(fmt.Sprint("role-", i)))
		}
		b.open(false)
		if b.journal.Len() != a.journal.Len() || b.count() != a.count() {
			t.Errorf("%d of %d entries, %d shown", b.journal.Len(), a.journal.Len(), b.count())
		}
		same(t, a, b)
	})

	t.Run("a stream that was put back stops the node", func(t *testing.T) {
		a, b := pair(t, c, "rolledback")
		a.mustDo(a.role("one"))
		a.mustDo(a.role("two"))
		b.at(4)
		b.shut()
		a.shut()
		first := []stream.Msg{}
		for at := range uint64(3) {
			en := must(chain.Parse(must(a.journal.Read(at + 1))(t)))(t)
			first = append(first, stream.Msg{Subject: en.Subject(), Data: en.Bytes()})
		}
		// Given a stream that an administrator made again from an old copy
		if _, err := c.Admin().Request("$JS.API.STREAM.DELETE."+stream.LogName(a.org), nil, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		var l *stream.Log
		a.wait("the stream can be made", func() (ok bool) {
			var err error
			l, err = a.conn.CreateLog(t.Context(), a.org)
			return err == nil
		})
		if err := l.Append(t.Context(), 0, first); err != nil {
			t.Fatal(err)
		}
		defer ledger.DoubtFor(ledger.DoubtFor(time.Second))
		// then nobody begins to write behind its end
		if err := a.tryOpen(false); !errors.Is(err, ledger.ErrRolledBack) {
			t.Errorf("got %v", err)
		}
		if last, _, err := l.Last(t.Context()); last != 3 || err != nil {
			t.Errorf("the stream ends at %d, %v", last, err)
		}
	})

	t.Run("what is no entry stops the node", func(t *testing.T) {
		a, _ := pair(t, c, "garbage")
		at := a.journal.Len()
		l := must(a.conn.OpenLog(t.Context(), a.org))(t)
		if err := l.Append(t.Context(), at, []stream.Msg{{Subject: "ledger.garbage.role.created", Data: []byte("{}")}}); err != nil {
			t.Fatal(err)
		}
		_, err := a.do(a.mine(a.role("behind it")))
		broken := (*chain.BrokenError)(nil)
		if !errors.Is(err, ledger.ErrStopped) || !errors.As(a.ledger.Err(), &broken) || broken.Check != chain.CheckForm || a.journal.Len() != at {
			t.Errorf("got %v; %v; %d entries", err, a.ledger.Err(), a.journal.Len())
		}
	})

	t.Run("a journal that is not the stream's is refused", func(t *testing.T) {
		a, b := pair(t, c, "fork")
		other, _ := pair(t, c, "forked") // another history
		a.mustDo(a.role("one"))
		b.at(3)
		b.shut()
		// Given a journal with another entry at its end
		if err := os.RemoveAll(filepath.Join(b.dir, "journal")); err != nil {
			t.Fatal(err)
		}
		j := must(journal.Open(filepath.Join(b.dir, "journal"), journal.Options{Create: true}))(t)
		var raw [][]byte
		for at := range uint64(2) {
			raw = append(raw, must(other.journal.Read(at+1))(t))
		}
		must(j.Append(raw))(t)
		j.Close()
		os.Remove(filepath.Join(b.dir, "head"))
		must(journal.OpenHead(filepath.Join(b.dir, "head"), true))(t)
		broken := (*chain.BrokenError)(nil)
		if err := b.tryOpen(false); !errors.As(err, &broken) || broken.Check != chain.CheckCopy || broken.Position != 2 {
			t.Errorf("got %v", err)
		}
	})
}

// keys gives the keys of the roles that a member has recorded.
func keys(t *testing.T, m *member) (keys []string) {
	t.Helper()
	for at := uint64(1); at <= m.journal.Len(); at++ {
		if d, ok := must(chain.Parse(must(m.journal.Read(at))(t)))(t).Event.Data.(*events.RoleCreated); ok {
			keys = append(keys, d.Key)
		}
	}
	return keys
}

// Several nodes' ledgers make their snapshots aside too, of what others wrote as of what they wrote themselves.
func TestSharedSnapshotAside(t *testing.T) {
	c := natstest.Start(t, 1)
	a, b := pair(t, c, "aside")
	// Given two members that keep snapshots while they run
	live := map[*member]map[uint64][][]byte{a: {}, b: {}}
	all := map[*member]*[]*making{}
	for m, at := range live {
		m.shut()
		all[m] = m.makings(nil)
		m.hold = func() {
			position, sections := m.fold.Snapshot()
			at[position] = sections
		}
		m.open(false)
	}
	// when one of them writes
	for range 2 {
		was := [][32]byte{a.named(), b.named()}
		for range 12 {
			a.mustDo(a.role(fmt.Sprint("role-", a.journal.Len())))
		}
		a.anew(was[0])
		b.anew(was[1])
	}
	// then both have made what they have folded, and start from it
	for m, at := range live {
		m.shut()
		for _, made := range *all[m] {
			if made.sections != nil && !slices.EqualFunc(made.sections, at[made.position], bytes.Equal) {
				t.Errorf("the snapshot of %d is another than the live one", made.position)
			}
		}
		m.open(false)
		if n := m.count(); n >= 10 || strings.Contains(m.said.String(), unused) {
			t.Errorf("%d entries were folded\n%s", n, m.said.String())
		}
	}
}
