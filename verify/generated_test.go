package verify_test

import (
	"crypto/ed25519"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/verify"
)

// A generated history is one of small events of many sorts, in a journal on the disk. The benchmarks read it from there. How
// many events it has says PERMLEDGER_EVENTS, else it is a million with PERMLEDGER_LONG=1, and 20,000 without. It is made
// anew each time (some 80 µs an event), unless PERMLEDGER_HISTORY names a directory in which to keep and find it.
type generated struct {
	dir     string
	journal *journal.Reader
	n       uint64
}

func makeHistory(b *testing.B) generated {
	b.Helper()
	n := 20_000
	if os.Getenv("PERMLEDGER_LONG") != "" {
		n = 1_000_000
	}
	if s := os.Getenv("PERMLEDGER_EVENTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal("PERMLEDGER_EVENTS: ", err)
		}
	}
	dir := filepath.Join(b.TempDir(), "journal")
	if keep := os.Getenv("PERMLEDGER_HISTORY"); keep != "" {
		dir = filepath.Join(keep, fmt.Sprint("journal-", n))
	}
	if _, err := os.Stat(dir); err != nil {
		write(b, dir, n)
	}
	r, err := journal.OpenReader(dir, journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if r.Len() != uint64(n) {
		b.Fatalf("%s has %d events; want %d", dir, r.Len(), n)
	}
	return generated{dir, r, r.Len()}
}

// raws yields the entries for [verify.Entries].
func (m generated) raws() iter.Seq2[verify.Raw, error] {
	return func(yield func(verify.Raw, error) bool) {
		var own chain.Copier
		for r, err := range m.journal.Range(1, m.n) {
			if !yield(verify.Raw{Bytes: own.Copy(r.Entry)}, err) {
				return
			}
		}
	}
}

// write makes the history: each event is decided by the rules, signed by its author, and sealed.
func write(b *testing.B, dir string, n int) {
	j, err := journal.Open(dir, journal.Options{Create: true})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	m := maker{
		B: b, state: rules.New(), rand: rand.New(rand.NewPCG(1, 2)), now: time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC),
		owner: documenttest.Key("owner"), event: documenttest.Key("event"),
	}
	m.ownerDID, m.eventDID = documenttest.DID(m.owner), documenttest.DID(m.event)
	m.ownerID, m.nodeID = m.id(), m.id()
	group := make([][]byte, 0, 1024)
	for m.sequence < uint64(n) {
		group = append(group, m.next())
		if len(group) == cap(group) || m.sequence == uint64(n) {
			if _, err := j.Append(group); err != nil {
				b.Fatal(err)
			}
			group = group[:0]
		}
	}
}

// maker is a ledger in the making, of which only what the next event needs is kept.
type maker struct {
	*testing.B
	state    *rules.State
	rand     *rand.Rand
	now      time.Time
	sequence uint64
	prev     string
	ids      uint64

	owner, event       ed25519.PrivateKey
	ownerDID, eventDID string
	ownerID, nodeID    ulid.ULID

	roles, subjects []ulid.ULID
	held            []events.Data // what was given and can be taken
}

func (m *maker) id() (id ulid.ULID) {
	m.ids++
	if err := id.SetTime(uint64(m.now.UnixMilli())); err != nil {
		m.Fatal(err)
	}
	for i := range 8 {
		id[6+i] = byte(m.ids * 0x9e3779b97f4a7c15 >> (8 * i))
	}
	return id
}

func (m *maker) next() []byte {
	m.now = m.now.Add(time.Second)
	if due, ok := m.state.NextEnd(); ok && !due.Until.After(m.now) {
		from := events.Derived{From: due.Grant}
		return m.record(events.Command{
			ID: events.DerivedID("grant.ended", from, due.Until), Actor: m.nodeID, Origin: events.Origin{Derived: &from},
			Auth: events.Auth{Method: events.MethodNode, Credential: m.eventDID}, Data: &events.GrantEnded{Grant: due.Grant},
		})
	}
	return m.record(events.Command{
		ID: m.id(), Actor: m.ownerID, Auth: events.Auth{Method: events.MethodSignature, Credential: m.ownerDID}, Data: m.data(),
	})
}

// data is what the owner asks for next: mostly that somebody is given or loses something.
func (m *maker) data() events.Data {
	permission := func() string { return fmt.Sprintf("service%d.things.action%d", m.rand.IntN(12), m.rand.IntN(25)) }
	subject := func() ulid.ULID { return m.subjects[m.rand.IntN(len(m.subjects))] }
	switch turn := m.rand.IntN(100); {
	case m.sequence == 0:
		return &events.OrganizationOpened{
			Organization: events.Organization(documenttest.Source), Name: "ACME", Rules: rules.Version, Profile: plain, Node: m.nodeID, Operator: id("platform"),
			Owner: events.Owner{Subject: m.ownerID, Key: "owner", Kind: events.KindHuman, Credential: m.ownerDID},
			Keys:  events.Keys{Event: m.eventDID, Document: did("document"), Root: did("root"), Operator: did("operator"), Checkpoint: did("checkpoint")},
		}
	case turn < 8 || len(m.subjects) < 10:
		m.subjects = append(m.subjects, m.id())
		return &events.SubjectAdded{Subject: m.subjects[len(m.subjects)-1], Key: fmt.Sprintf("user-%d@acme.example", m.ids), Kind: events.KindHuman}
	case turn < 10 || len(m.roles) < 10:
		m.roles = append(m.roles, m.id())
		return &events.RoleCreated{Role: m.roles[len(m.roles)-1], Key: fmt.Sprintf("role-%d", m.ids), Name: fmt.Sprint("Role ", m.ids), Permissions: []string{permission()}}
	case turn < 15:
		role := m.roles[m.rand.IntN(len(m.roles))]
		if name := permission(); m.has(role, name) {
			return &events.RoleUpdated{Role: role, Remove: []string{name}}
		} else {
			return &events.RoleUpdated{Role: role, Add: []string{name}}
		}
	case turn < 45 && len(m.held) > 20:
		i := m.rand.IntN(len(m.held))
		taken := m.held[i]
		m.held[i] = m.held[len(m.held)-1]
		m.held = m.held[:len(m.held)-1]
		return taken
	case turn < 48:
		return &events.RoleAssigned{Subject: m.fresh(), Role: m.roles[m.rand.IntN(len(m.roles))], Until: m.now.Add(time.Duration(60+m.rand.IntN(7200)) * time.Second)}
	case turn < 75:
		g := &events.RoleAssigned{Subject: subject(), Role: m.roles[m.rand.IntN(len(m.roles))], Scope: fmt.Sprint("site/", m.ids)}
		m.held = append(m.held, &events.RoleRevoked{Subject: g.Subject, Role: g.Role, Scope: g.Scope})
		return g
	default:
		g := &events.PermissionGranted{Subject: subject(), Permission: permission(), Scope: fmt.Sprint("site/", m.ids)}
		m.held = append(m.held, &events.PermissionRevoked{Subject: g.Subject, Permission: g.Permission, Scope: g.Scope})
		return g
	}
}

// fresh gives a subject that was given no role with an end yet.
func (m *maker) fresh() ulid.ULID {
	s := m.subjects[len(m.subjects)-1]
	m.subjects = m.subjects[:len(m.subjects)-1]
	return s
}

func (m *maker) has(role ulid.ULID, name string) bool {
	for _, n := range m.state.RolePermissions(role) {
		if n == name {
			return true
		}
	}
	return false
}

func (m *maker) record(c events.Command) []byte {
	c.Ledger = documenttest.Source
	e, err := rules.Decide(m.state, c, m.now)
	if err != nil {
		m.Fatalf("%s at %d: %v", c.Data.Type(), m.sequence+1, err)
	}
	m.sequence++
	e.Sequence, e.Prev = m.sequence, m.prev
	body, err := e.Encode()
	if err != nil {
		m.Fatal(err)
	}
	var ev *chain.Evidence
	if c.Auth.Method == events.MethodSignature {
		if ev, err = chain.SignCommand(&c, events.Signed{Expires: m.now.Add(time.Minute)}, m.owner); err != nil {
			m.Fatal(err)
		}
	}
	en, err := chain.Seal(&e, body, nil, ev, m.event, m.eventDID)
	if err != nil {
		m.Fatal(err)
	}
	rules.Evolve(m.state, &e)
	m.prev = en.CID()
	return en.Bytes()
}
