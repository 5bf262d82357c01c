package access_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

const source = "ledger.example/acme"

var begin = time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)

// ledger decides commands as the real one does, without keys: nothing here looks at a signature.
type ledger struct {
	now       time.Time
	state     *rules.State
	entries   []*chain.Entry
	index     *access.Index
	count     uint64
	imports   uint64
	published []string // what the catalogue has now, of random histories
}

var (
	owner    = id("owner")
	node     = id("node")
	operator = id("operator's actor")
)

// id gives the same ULID for the same name.
func id(name string) ulid.ULID {
	sum := sha256.Sum256([]byte(name))
	u := ulid.ULID(sum[:16])
	u[0] &= 0x7f
	_ = u.SetTime(uint64(begin.UnixMilli()))
	return u
}

func credential(of ulid.ULID) string { return "did:key:" + of.String() }

func open(profile events.Profile) *ledger {
	l := &ledger{now: begin, state: rules.New(), index: access.New()}
	profile.Name = "plain"
	_, err := l.run(events.Command{Data: &events.OrganizationOpened{
		Organization: "acme", Name: "Acme", Rules: rules.Version, Profile: profile, Node: node, Operator: operator,
		Owner: events.Owner{Subject: owner, Key: "owner", Kind: events.KindHuman, Credential: credential(owner)},
		Keys:  events.Keys{Event: "did:key:event", Document: "did:key:document", Root: "did:key:root", Operator: "did:key:operator", Checkpoint: "did:key:checkpoint"},
	}})
	if err != nil {
		panic(err)
	}
	return l
}

// run completes a command as the owner's, decides it, and lets state and index take in the event.
func (l *ledger) run(c events.Command) (*events.Event, error) {
	c.Ledger = source
	if d, joins := c.Data.(*events.SubjectJoined); joins { // with the code that nobody has used
		for _, k := range l.state.Keys() {
			if k.Purpose == events.PurposeInvitation && k.Subject == d.Subject && k.Revoked == 0 {
				c.Actor, c.Auth = d.Subject, events.Auth{Method: events.MethodSignature, Credential: k.DID}
			}
		}
	}
	if c.Actor == (ulid.ULID{}) {
		c.Actor = owner
		c.Auth = events.Auth{Method: events.MethodSignature, Credential: credential(owner)}
	}
	switch {
	case c.Origin.Import != nil:
		c.ID = events.ImportID(*c.Origin.Import)
	case c.Origin.Derived == nil:
		l.count++
		_ = c.ID.SetTime(uint64(l.now.UnixMilli()))
		binary.BigEndian.PutUint64(c.ID[8:], l.count)
	}
	e, err := rules.Decide(l.state, c, l.now)
	if err != nil {
		return nil, err
	}
	e.Sequence = uint64(len(l.entries)) + 1
	rules.Evolve(l.state, &e)
	en := &chain.Entry{Event: &e}
	l.entries = append(l.entries, en)
	l.index.Apply(en, l.state)
	return &e, nil
}

// do is run with data alone, at a minute after what came before.
func (l *ledger) do(t rapid.TB, d events.Data) *events.Event {
	t.Helper()
	l.now = l.now.Add(time.Minute)
	e, err := l.run(events.Command{Data: d})
	if err != nil {
		t.Fatalf("%T: %v", d, err)
	}
	return e
}

// imported is do of a record that occurred earlier.
func (l *ledger) imported(t rapid.TB, occurred time.Time, d events.Data) *events.Event {
	t.Helper()
	l.now = l.now.Add(time.Minute)
	e, err := l.run(events.Command{Data: d, Origin: l.origin("hr", occurred)})
	if err != nil {
		t.Fatalf("%T: %v", d, err)
	}
	return e
}

func (l *ledger) origin(from string, occurred time.Time) events.Origin {
	l.imports++
	return events.Origin{Import: &events.Import{Format: "rows", Source: from, Record: "r", Part: l.imports, Occurred: occurred}}
}

// end records the ends that are due, as the ledger's own actor does.
func (l *ledger) end() {
	for {
		due, ok := l.state.NextEnd()
		if !ok || l.now.Before(due.Until) {
			return
		}
		from := events.Derived{From: due.Grant}
		_, err := l.run(events.Command{
			ID: events.DerivedID("grant.ended", from, due.Until), Actor: node,
			Auth:   events.Auth{Method: events.MethodNode, Credential: "did:key:event"},
			Origin: events.Origin{Derived: &from}, Data: &events.GrantEnded{Grant: due.Grant},
		})
		if err != nil {
			panic(err)
		}
	}
}

// parts records names in two parts.
func (l *ledger) parts(t rapid.TB, names []string) []events.Digest {
	t.Helper()
	var digests []events.Digest
	half := len(names) / 2
	for _, p := range [][]string{names[:half], names[half:]} {
		if len(p) == 0 {
			continue
		}
		l.now = l.now.Add(time.Second)
		e, err := l.run(events.Command{Data: &events.PermissionsRecorded{Permissions: p}})
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, e.Data.(*events.PermissionsRecorded).Part)
	}
	return digests
}

// stateAt folds the first n entries again.
func (l *ledger) stateAt(n uint64) *rules.State {
	s := rules.New()
	for _, en := range l.entries[:n] {
		rules.Evolve(s, en.Event)
	}
	return s
}

func refused(err error) bool {
	var r *rules.Refusal
	return errors.As(err, &r)
}
