// Package model_test holds the rules and the projections to a reader of the whole history that shares no code with them:
// random commands by random people, and after each of them the same answers and the same refusals on both sides.
// PERMLEDGER_LONG=1 makes it many and long histories.
package model_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// commands is how many there are in a history, with those that are left out.
const commands = 60

// long says that histories are many and long.
var long = os.Getenv("PERMLEDGER_LONG") == "1"

func TestMain(m *testing.M) {
	flag.Parse()
	actions = rules.Actions()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		histories := "60"
		if long {
			histories = "1500"
		}
		if err := f.Value.Set(histories); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// ledger is the engine: the state of the rules, and the index that answers.
type ledger struct {
	*rapid.T
	state   *rules.State
	index   *access.Index
	history []*events.Event
}

func begin(t *rapid.T, p events.Profile) *ledger {
	l := &ledger{T: t, state: rules.New(), index: access.New()}
	l.must("owner", opening(p))
	l.must("owner", &events.CataloguePublished{Catalogue: "shop", Permissions: shops[0]})
	if p.DefaultRoles || p.RecoveryDelay > 0 { // roles of the system, made before anybody is added
		for key, managed := range map[string]string{"so": events.ManagedOwner, "sp": events.ManagedOperator, "st": events.ManagedTokenAgent, "su": events.ManagedTokenOwner, "sv": events.ManagedTokenHolder} {
			d := &events.RoleCreated{Role: idOf(key), Key: key, Name: "System " + key, System: true, Managed: managed}
			d.Permissions = map[string][]string{"sp": {"shop:v", "shop:x"}, "st": {"shop:agent"}, "su": {"shop:own"}, "sv": {"shop:hold"}}[key]
			l.must("owner", d)
		}
		l.must("owner", &events.RoleCreated{Role: idOf("r0"), Key: "r0", Name: "Admin", Permissions: admin(), System: p.FixedRoles})
		l.must("owner", &events.RoleCreated{Role: idOf("r1"), Key: "r1", Name: "Staff", Permissions: staff, System: p.FixedRoles})
	}
	for key, kind := range map[string]string{"ann": "human", "bob": "human", "wal": "wallet", "key": "technical"} {
		l.must("owner", &events.SubjectAdded{Subject: idOf(key), Key: keyOf(key), Kind: kind, Credential: didOf(key)})
	}
	if !(p.DefaultRoles || p.RecoveryDelay > 0) {
		l.must("owner", &events.RoleCreated{Role: idOf("r0"), Key: "r0", Name: "Admin", Permissions: admin()})
		l.must("owner", &events.RoleCreated{Role: idOf("r1"), Key: "r1", Name: "Staff", Permissions: staff})
	}
	l.must("owner", &events.RoleAssigned{Role: idOf("r1"), Subject: idOf("ann")})
	l.must("owner", &events.RoleAssigned{Role: idOf("r1"), Subject: idOf("bob"), Scope: "x/1"})
	l.must("owner", &events.RoleAssigned{Role: idOf("r0"), Subject: idOf("ann")})
	l.must("owner", &events.RoleAssigned{Role: idOf("r0"), Subject: idOf("bob"), Until: start.Add(100 * time.Hour)})
	if p.FixedRoles {
		l.must("owner", &events.TokenDeployed{Token: tokens[0], Name: "ABC TOKEN", Owner: wallet})
		l.must("wal", &events.AgentAdded{Token: tokens[0], Agent: addresses[1]})
		l.must("wal", &events.AgentAdded{Token: tokens[0], Agent: wallet})
	}
	for _, path := range policies {
		l.must("owner", &events.ResourceRegistered{Resource: path})
	}
	l.must("owner", &events.AccessAssigned{Resource: "policy/p", Subject: idOf("ann")})
	if rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "much") { // of those who have much, it is kept in another way
		for i := range 26 {
			l.must("owner", &events.RoleAssigned{Role: idOf("r1"), Subject: idOf("bob"), Scope: fmt.Sprintf("y/%d", i)})
		}
	}
	return l
}

// staff is what somebody may do who is not much.
var staff = []string{
	"ledger:access.delegate", "ledger:permission.grant", "ledger:permission.set", "ledger:role.assign", "ledger:role.create", "ledger:role.delegate",
	"ledger:role.update", "shop:assigned", "shop:read", "shop:x", "shop:y",
}

// admin is what admins may do: what the ledger does, and not all there is.
func admin() []string {
	all := []string{"shop:x"}
	for _, a := range actions {
		if a != "import" {
			all = append(all, "ledger:"+a)
		}
	}
	slices.Sort(all)
	return all
}

// must records what cannot be refused.
func (l *ledger) must(actor string, d events.Data) {
	at := start.Add(time.Duration(len(l.history)) * time.Second)
	id := idOf(fmt.Sprintf("given %d", len(l.history)))
	_ = id.SetTime(uint64(at.UnixMilli()))
	c := events.Command{ID: id, Ledger: source, Actor: idOf(actor), Auth: events.Auth{Method: "signature", Credential: didOf(actor)}, Data: d}
	if actor == "wal" {
		c.Auth = events.Auth{Method: "eip712", Credential: wallet}
	}
	e, err := rules.Decide(l.state, c, at)
	if err != nil {
		l.Fatal(err)
	}
	l.take(e)
}

// take takes an event in from its bytes, as everybody does who reads the ledger.
func (l *ledger) take(e events.Event) {
	e.Sequence = uint64(len(l.history)) + 1
	if e.Sequence > 1 {
		e.Prev = chain.CID([]byte("the one before"))
	}
	b, err := e.Encode()
	if err != nil {
		l.Fatal(err)
	}
	read, err := events.Decode(b)
	if err != nil {
		l.Fatal(err)
	}
	rules.Evolve(l.state, read)
	l.index.Apply(&chain.Entry{Event: read}, l.state)
	l.history = append(l.history, read)
}

// try decides a command on both sides and takes in what is recorded. It gives the code of the refusal.
func (l *ledger) try(c events.Command, at time.Time, r *reader) string {
	want := r.refusal(c, at)
	e, err := rules.Decide(l.state, c, at)
	got := ""
	if refusal := (*rules.Refusal)(nil); errors.As(err, &refusal) {
		got = string(refusal.Code)
	} else if err != nil {
		l.Fatal(err)
	}
	if got != want {
		l.Fatalf("after %d: %s %+v by %s is refused with %q (%v); the history says %q", len(l.history), c.Data.Type(), c.Data, nameOf(c.Actor), got, err, want)
	}
	if err == nil {
		l.take(e)
	}
	return got
}

func nameOf(id ulid.ULID) string {
	for _, n := range append([]string{"node", "platform"}, people...) {
		if idOf(n) == id {
			return n
		}
	}
	return id.String()
}

// agree holds every answer, as of a position and at an instant, to the reader's of the history up to there.
func (l *ledger) agree(r *reader, a access.AsOf, now bool) {
	if got := l.state.CheckpointKeys(a.Position); !slices.Equal(got, r.checkpoint) {
		l.Fatalf("after %d: the rules say that %v sign checkpoints; the history says %v", a.Position, got, r.checkpoint)
	}
	all := append(slices.SortedFunc(maps.Keys(r.subjects), byID), idOf("nobody"), idOf("node"))
	for _, who := range all {
		u := r.subjects[who]
		for _, p := range append([]string{"none", "ledger:none"}, rights...) {
			for _, resource := range asked {
				want := r.may(who, p, resource, a.Instant)
				if now && l.state.Check(who, p, resource, a.Instant) != want {
					l.Fatalf("after %d: the rules say that %s may do %s on %q at %v: %t; the history says %t", a.Position, nameOf(who), p, resource, a.Instant, !want, want)
				}
				if u == nil && want {
					l.Fatalf("after %d: nobody is %s", a.Position, nameOf(who))
				}
				if notYet(r, who, p) {
					continue
				}
				got := l.index.Check(who.String(), p, resource, a)
				if got.Allowed != want || l.index.Allows(who.String(), p, resource, a) != want {
					l.Fatalf("after %d: check says that %s may do %s on %q at %v: %t, because of %+v; the history says %t", a.Position, nameOf(who), p, resource, a.Instant, got.Allowed, got.Because, want)
				}
				for _, because := range got.Because {
					l.justified(who, p, because)
				}
				l.agreeIn(r, who, p, resource, a, now)
			}
		}
		if u != nil && !notYet(r, who, "a") {
			l.agreeOnAll(r, who, a)
		}
	}
}

// notYet says whether the index does not answer yet as the rules do: of conditions, of what was passed on, and of what a
// permission needs beside a holder.
func notYet(r *reader, who ulid.ULID, permission string) bool {
	if n := r.names[permission]; n != nil && len(n.besides) > 0 {
		return true
	}
	return slices.ContainsFunc(r.gifts, func(g gift) bool { return g.to == who && (g.under != "" || g.from != nobody) })
}

// said is what questions say of properties beside.
var said = rules.Context{
	Subject: []events.Property{{Name: "desk", Value: "retail"}}, Resource: []events.Property{{Name: "country", Value: "LU"}, {Name: "size", Value: "big"}},
}

// agreeIn holds the answer to a question that says something beside to the reader's.
func (l *ledger) agreeIn(r *reader, who ulid.ULID, permission, resource string, a access.AsOf, now bool) {
	if !slices.ContainsFunc(r.gifts, func(g gift) bool { return g.to == who && g.under != "" }) {
		return
	}
	r.in = map[string]string{"subject.desk": "retail", "resource.country": "LU", "resource.size": "big"}
	want := r.may(who, permission, resource, a.Instant)
	r.in = nil
	if now && l.state.CheckIn(who, permission, resource, a.Instant, said) != want {
		l.Fatalf("after %d: the rules say that %s may do %s on %q, and what is said beside: %t; the history says %t", a.Position, nameOf(who), permission, resource, !want, want)
	}
	if l.index.CheckIn(who.String(), permission, resource, said, a).Allowed != want || l.index.AllowsIn(who.String(), permission, resource, said, a) != want {
		l.Fatalf("after %d: check says that %s may do %s on %q, and what is said beside: %t; the history says %t", a.Position, nameOf(who), permission, resource, !want, want)
	}
}

// agreeOnAll holds the list of all that somebody may use to the reader's.
func (l *ledger) agreeOnAll(r *reader, who ulid.ULID, a access.AsOf) {
	list, err := l.index.Effective(who.String(), a)
	if err != nil {
		l.Fatalf("after %d: what may %s do? %v", a.Position, nameOf(who), err)
	}
	var got []held
	for _, p := range list {
		for _, b := range p.Because {
			got = append(got, held{p.Permission, b.Scope})
		}
	}
	slices.SortFunc(got, byText)
	got = slices.Compact(got)
	if want := r.effective(who, a.Instant); !slices.Equal(got, want) {
		l.Fatalf("after %d: %s may use %v at %v; the history says %v", a.Position, nameOf(who), got, a.Instant, want)
	}
}

// justified looks up the entry that is named as the reason of a yes: it gives that thing to that subject.
func (l *ledger) justified(who ulid.ULID, permission string, b access.Reason) {
	e := l.history[b.At-1]
	ok := false
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		ok = d.Owner.Subject == who
	case *events.OwnershipTransferred:
		ok = d.To == who
	case *events.OwnershipRecovered:
		ok = d.To == who
	case events.TokenData:
		ok = d.Change().Subject == who && d.Change().Give == b.Role.ID && b.Scope == at(d.Of())
	case *events.RoleCreated: // of the owner's role
		ok = d.Role == b.Role.ID && d.Managed == events.ManagedOwner
	case *events.RoleAssigned:
		ok = d.Subject == who && d.Role == b.Role.ID && d.Scope == b.Scope
	case *events.RoleDelegated:
		ok = d.Subject == who && d.Role == b.Role.ID && d.Scope == b.Scope
	case *events.SubjectAdded:
		ok = d.Subject == who && (slices.Contains(d.Roles, b.Role.ID) || d.DefaultRole == b.Role.ID) && b.Scope == ""
	case *events.SubjectInvited:
		ok = d.Subject == who && (slices.Contains(d.Roles, b.Role.ID) || d.DefaultRole == b.Role.ID) && b.Scope == ""
	case *events.RolesSet:
		ok = d.Subject == who && slices.Contains(d.Roles, b.Role.ID) && b.Scope == ""
	case *events.PermissionGranted:
		ok = d.Subject == who && d.Permission == permission && d.Scope == b.Scope
	case *events.PermissionsSet:
		ok = d.Subject == who && d.Scope == b.Scope && (slices.Contains(d.Permissions, permission) || len(d.Parts) > 0)
	}
	if ok && b.Kind == access.ByRole {
		switch d := l.history[b.PermissionAt-1].Data.(type) {
		case *events.RoleCreated:
			ok = d.Role == b.Role.ID && (slices.Contains(slices.Concat(d.Permissions, d.Included), permission) || len(d.Parts) > 0)
		case *events.RoleUpdated:
			ok = d.Role == b.Role.ID && (slices.Contains(slices.Concat(d.Add, d.Included), permission) || len(d.AddParts) > 0)
		default:
			ok = false
		}
	}
	if !ok || b.Grant != e.ID {
		l.Fatalf("%s may do %s because of %+v, and entry %d says nothing of it: %+v", nameOf(who), permission, b, b.At, e.Data)
	}
}

// Whatever anybody asks for, rules and projections say what a reader of the history says, at every position.
func TestModel(t *testing.T) {
	recorded, refused := map[string]int{}, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		l := begin(t, rapid.SampledFrom(profiles).Draw(t, "profile"))
		r := readAll(l.history)
		draw := &drawing{T: t, reader: r}
		for range commands {
			if draw.flip("nothing") { // so that a failure is told with few commands
				continue
			}
			c, at := draw.command()
			if code := l.try(c, at, r); code != "" {
				refused[code]++
				continue
			}
			recorded[string(c.Data.Type())]++
			r = readAll(l.history)
			draw.reader = r
			l.agree(r, l.index.Now(at), true)
		}
		for _, later := range []time.Duration{2 * time.Minute, 100 * time.Hour} {
			l.agree(r, l.index.Now(r.last.Add(later)), true)
		}
		for range 5 { // and as of any position, at the instant of its entry or later
			p := rapid.IntRange(1, len(l.history)).Draw(t, "position")
			at := l.history[p-1].Time.Add(rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "later"))
			l.agree(readAll(l.history[:p]), access.AsOf{Position: uint64(p), Instant: at}, false)
		}
	})
	t.Logf("recorded %v\nrefused %v", recorded, refused)
	if !long || t.Failed() {
		return
	}
	// Of commands that never go through, or never fail in some way, nothing would be known.
	for typ := range events.Types() {
		if recorded[string(typ)] == 0 && !slices.Contains(given, string(typ)) {
			t.Errorf("no %s was ever recorded", typ)
		}
	}
	for _, code := range codes {
		if refused[code] == 0 {
			t.Errorf("nothing was ever refused with %s", code)
		}
	}
}

// given are the types that are no random command: what opens a ledger or makes an old one newer, and what changes nothing
// of who may do what.
var given = []string{"chain.observed", "document.issued", "key.reported", "key.succeeded", "organization.opened", "review.closed", "review.decided",
	"review.started", "role.reviewed", "rules.adopted"}

// codes are the refusals that the commands meet.
var codes = []string{
	"not-permitted", "escalation", "not-proven", "inactive", "not-found", "taken", "in-use", "unknown", "invalid", "no-change",
	"repeated", "stale", "part-missing",
}
