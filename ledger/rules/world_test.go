package rules_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/schemas/catalogues"
)

// The profiles of the tests: one for each way in which an organization can go by the rules.
var (
	plain    = events.Profile{Name: "plain", EmptyRoles: true, NewPermissions: true, DirectGrants: true, Delegation: true}
	stokr    = events.Profile{Name: "stokr", DirectGrants: true, UniqueNames: true}
	ipaware  = events.Profile{Name: "ipaware", UniqueNames: true}
	guardian = events.Profile{Name: "guardian", Dependencies: true, EmptyRoles: true, Documents: true, Delegation: true, KeepDelegated: true,
		DefaultRoles: true, WithdrawRoles: true, RecoveryDelay: 3600}
	strict = events.Profile{Name: "strict", DirectGrants: true, Dependencies: true, Delegation: true}
)

const ledger = "test.example/acme"

// start is the time of the first event of every world; each step is a second after the one before.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A reporter is told what does not hold: a test, or one run of a property.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A world is a ledger without bytes on a disk: the state, and the events that made it.
type world struct {
	reporter
	s      *rules.State
	events []*events.Event
	prev   string
	ids    int
}

// A step is something that somebody asks for. The zero actor is the owner.
type step struct {
	actor string
	data  events.Data
	wait  time.Duration
	edits []func(*world, *events.Command)
}

func (st step) by(actor string) step       { st.actor = actor; return st }
func (st step) after(d time.Duration) step { st.wait = d; return st }
func (st step) signedWith(credential string) step {
	return st.but(func(c *events.Command) { c.Auth.Credential = credential })
}

// but changes the command of a step just before it is asked.
func (st step) but(f func(*events.Command)) step {
	return st.butIn(func(_ *world, c *events.Command) { f(c) })
}

func (st step) butIn(f func(*world, *events.Command)) step {
	st.edits = append(slices.Clone(st.edits), f)
	return st
}

// id gives the id of a thing by its name. What follows # tells apart things of one key.
func id(name string) ulid.ULID {
	sum := sha256.Sum256([]byte("id of " + name))
	var u ulid.ULID
	_ = u.SetTime(uint64(start.UnixMilli()))
	copy(u[6:], sum[:])
	return u
}

// did gives the public key that belongs to a name, whose seed is the name's SHA-256.
func did(name string) string {
	seed := sha256.Sum256([]byte("key of " + name))
	return didkey.Encode(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
}

// liveID gives an id made at an instant; n makes it one of its own.
func liveID(at time.Time, n int) ulid.ULID {
	u := id("command " + time.Duration(n).String())
	_ = u.SetTime(uint64(at.UnixMilli()))
	return u
}

func opening(p events.Profile) step {
	return step{actor: "owner", data: &events.OrganizationOpened{
		Organization: "acme", Name: "Acme", Rules: rules.Version, Profile: p, Node: id("node"), Operator: id("platform"),
		Owner: events.Owner{Subject: id("owner"), Key: "owner", Kind: events.KindHuman, Credential: did("owner")},
		Keys:  events.Keys{Event: did("event"), Document: did("document"), Root: did("root"), Operator: did("operator"), Checkpoint: did("checkpoint")},
	}}
}

// open gives a world after its first event and the given ones.
func open(t reporter, p events.Profile, given ...any) *world {
	t.Helper()
	w := &world{reporter: t, s: rules.New()}
	w.do(opening(p))
	w.do(given...)
	return w
}

// now gives the instant at which a step would be decided.
func (w *world) now(st step) time.Time {
	if w.s.Position() == 0 {
		return start.Add(st.wait)
	}
	return w.s.Time().Add(time.Second + st.wait)
}

// command gives what a step asks, by its actor's own credential or, for the node, with the event key.
func (w *world) command(st step) (events.Command, time.Time) {
	at := w.now(st)
	actor := st.actor
	if actor == "" {
		actor = "owner"
	}
	w.ids++
	source := ledger
	if w.s.Position() > 0 {
		source = w.s.Source()
	}
	c := events.Command{
		ID: liveID(at, w.ids), Ledger: source, Actor: id(actor), Data: st.data,
		Auth: events.Auth{Method: events.MethodSignature, Credential: did(actor)},
	}
	if actor == "node" {
		c.Auth = events.Auth{Method: events.MethodNode, Credential: did("event")}
	}
	if st.data != nil {
		c.Version = w.s.Newest(st.data.Type())
	}
	for _, f := range st.edits {
		f(w, &c)
	}
	return c, at
}

// flatten gives the steps that stand in parts, which are steps and lists of them.
func flatten(parts []any) (all []step) {
	for _, p := range parts {
		switch p := p.(type) {
		case step:
			all = append(all, p)
		case []step:
			all = append(all, p...)
		case []any:
			all = append(all, flatten(p)...)
		default:
			panic("neither a step nor steps")
		}
	}
	return all
}

// do records steps, none of which may be refused, and gives the event of the last.
func (w *world) do(parts ...any) *events.Event {
	w.Helper()
	var last *events.Event
	for _, st := range flatten(parts) {
		c, at := w.command(st)
		last = w.record(c, at)
	}
	return last
}

// record decides a command and takes its event in as a verifier would: from its bytes.
func (w *world) record(c events.Command, at time.Time) *events.Event {
	w.Helper()
	e, err := rules.Decide(w.s, c, at)
	if err != nil {
		w.Fatalf("%s by %s at %v: %v", c.Data.Type(), c.Actor, at, err)
	}
	return w.take(e)
}

func (w *world) take(e events.Event) *events.Event {
	w.Helper()
	e.Sequence, e.Prev = w.s.Position()+1, w.prev
	b, err := e.Encode()
	if err != nil {
		w.Fatal(err)
	}
	got, err := events.Decode(b)
	if err != nil {
		w.Fatal(err)
	}
	w.prev = address(b)
	rules.Evolve(w.s, got)
	w.events = append(w.events, got)
	return got
}

// address gives the CID of bytes.
func address(b []byte) string {
	sum := sha256.Sum256(b)
	return "b" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append([]byte{1, 0x55, 0x12, 0x20}, sum[:]...)))
}

// refused asks for a step that has to be refused, and holds Decide to changing neither the state nor the command, and
// to refusing again in the same words.
func (w *world) refused(st step) rules.Refusal {
	w.Helper()
	c, at := w.command(st)
	return w.refusedCommand(c, at)
}

func (w *world) refusedCommand(c events.Command, at time.Time) rules.Refusal {
	w.Helper()
	state, command := digest(w.s), digest(c)
	_, err := rules.Decide(w.s, c, at)
	r := new(rules.Refusal)
	if !errors.As(err, &r) {
		w.Fatalf("%s by %s: error %v; want a refusal", c.Data.Type(), c.Actor, err)
	}
	if digest(w.s) != state {
		w.Errorf("the refusal %v changed the state", r)
	}
	if digest(c) != command {
		w.Errorf("the refusal %v changed the command", r)
	}
	if _, err := rules.Decide(w.s, c, at); err == nil || err.Error() != r.Error() {
		w.Errorf("asked again: %v; want %v", err, r)
	}
	return *r
}

// check asks at the time of the last event.
func (w *world) check(subject, permission, resource string) bool {
	return w.s.Check(id(subject), permission, resource, w.s.Time())
}

// catalogue gives the publication of one of the catalogues that come with the program.
func catalogue(name string) step {
	c, err := catalogues.Load(name)
	if err != nil {
		panic(err)
	}
	d := &events.CataloguePublished{Catalogue: c.Name, Title: c.Title}
	for _, p := range c.Permissions {
		level := ""
		if p.Level == catalogues.Token {
			level = events.LevelToken
		}
		d.Permissions = append(d.Permissions, events.Permission{
			Name: p.Name, Category: p.Category, Entity: p.Entity, Action: p.Action, Description: p.Description,
			DependsOn: p.DependsOn, Guards: p.Guards, Level: level, Reserved: !p.Selectable, Needs: p.Needs, Access: p.Access,
		})
	}
	return step{data: d}
}
