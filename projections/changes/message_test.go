package changes_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/changes"
	"github.com/permledger/permledger/projections/projectionstest"
	"github.com/permledger/permledger/schemas"
)

// schema gives the validator of messages.
func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.Change()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("change", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("change")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t rapid.TB, s *jsonschema.Schema, b []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Fatalf("%v in %.2000s", err, b)
	}
}

// index takes in the entries of a ledger.
func index(l *documenttest.Ledger) *access.Index {
	x, state := access.New(), rules.New()
	for _, en := range l.Entries {
		rules.Evolve(state, en.Event)
		x.Apply(en, state)
	}
	return x
}

// Given any ledger, when somebody reads the messages as JSON and takes in what they say, and what the query of each says
// of the holders of a role, then at every position it knows of everybody what the index says; and a message that is asked
// for when its entry has just come has the bytes that it has later.
func TestMessagesSayWhoHoldsWhat(t *testing.T) {
	s := schema(t)
	rapid.Check(t, func(rt *rapid.T) {
		l := projectionstest.Ledger(t, rt)
		last, early, state := index(l), access.New(), rules.New()
		type at struct{ subject, permission, resource string }
		held, owner := map[at]string{}, ""
		take := func(list []changes.OfSubject) {
			for _, of := range list {
				if of.Owner != nil && *of.Owner {
					owner = of.ID
				}
				for _, h := range of.Lost {
					delete(held, at{of.ID, h.Permission, h.Resource})
				}
				for _, h := range append(of.Gained, of.Changed...) {
					held[at{of.ID, h.Permission, h.Resource}] = h.Until
				}
			}
		}
		for i, en := range l.Entries {
			rules.Evolve(state, en.Event)
			early.Apply(en, state)
			b := changes.Of(last, en).Bytes()
			if now := changes.Of(early, en).Bytes(); !bytes.Equal(b, now) {
				rt.Fatalf("%d: later the message is\n%s\nand first it was\n%s", i+1, b, now)
			}
			valid(rt, s, b)
			var m changes.Message
			if err := json.Unmarshal(b, &m); err != nil {
				rt.Fatal(err)
			}
			if m.Position != uint64(i+1) || m.CID != en.CID() || m.Cut != nil {
				rt.Fatalf("%d: %s", i+1, b)
			}
			take(m.Subjects)
			if m.Holders != nil {
				list, more := last.EffectOn(en.Event, ulid.ULID{}, 1<<20)
				if more || len(list) > m.Holders.Count {
					rt.Fatalf("%d of %d holders, more: %v", len(list), m.Holders.Count, more)
				}
				take(changes.OfSubjects(list))
			}
			a := access.AsOf{Position: m.Position, Instant: en.Event.Time}
			want, got := map[at]bool{}, map[at]bool{}
			for _, u := range last.Subjects(a) {
				list, err := last.Effective(u.Key, a)
				if err != nil {
					rt.Fatal(err)
				}
				for _, p := range list {
					for _, r := range p.Because {
						if r.Kind == access.ByOwner {
							if owner != u.ID.String() {
								rt.Fatalf("%d: the owner is %s, the messages say %s", i+1, u.ID, owner)
							}
							continue
						}
						want[at{u.ID.String(), p.Permission, r.Scope}] = true
					}
				}
			}
			for h, until := range held {
				if until == "" || a.Instant.UTC().Format("2006-01-02T15:04:05.000Z") < until {
					got[h] = true
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("after %d, a %s (-index +messages):\n%s", i+1, m.Type, diff)
			}
		}
	})
}

// Given a role that very many hold, when it is edited, then one message says so, of at most 64 KiB, with the number of its
// holders; and where more permissions change than fit, it says how many are left out.
func TestAnEditOfARoleIsOneMessage(t *testing.T) {
	s := schema(t)
	l := documenttest.Open(t, events.Profile{Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true}, "")
	role := l.AddRole("Desk", "", "read")
	for range 300 {
		l.Do(&events.RoleAssigned{Subject: l.AddSubject(""), Role: role})
	}
	edit := l.Do(&events.RoleUpdated{Role: role, Add: []string{"write"}, Remove: []string{"read"}})
	x := index(l)
	m := changes.Of(x, edit)
	valid(t, s, m.Bytes())
	want := fmt.Sprintf("/v1/orgs/%s/changes/%d", events.Organization(edit.Event.Source), m.Position)
	if m.Kind != changes.Role || m.Holders == nil || m.Holders.Count != 300 || m.Holders.Query != want || len(m.Subjects) != 0 || m.Cut != nil {
		t.Errorf("got %s", m.Bytes())
	}
	if diff := cmp.Diff([]string{"write"}, m.Role.Added); diff != "" || len(m.Role.Removed) != 1 {
		t.Errorf("got %+v", m.Role)
	}
	list, more := x.EffectOn(edit.Event, ulid.ULID{}, 1<<20)
	if more || len(list) != 300 || len(list[0].Gained) != 1 || len(list[0].Lost) != 1 {
		t.Errorf("%d holders, more %v; the first %+v", len(list), more, list[0])
	}

	// Given more permissions than fit
	var parts []events.Digest
	const all = 3000
	for i := 0; i < all; i += 500 {
		var names []string
		for k := range 500 {
			names = append(names, fmt.Sprintf("desk.of.some.service.%05d.%s", i+k, strings.Repeat("x", 10)))
		}
		parts = append(parts, l.Do(&events.PermissionsRecorded{Permissions: names}).Event.Data.(*events.PermissionsRecorded).Part)
	}
	for name, en := range map[string]func() changes.Message{
		"in a role": func() changes.Message {
			en := l.Do(&events.RoleUpdated{Role: role, AddParts: parts})
			return changes.Of(index(l), en)
		},
		"of a subject": func() changes.Message {
			en := l.Do(&events.PermissionsSet{Subject: l.AddSubject(""), Parts: parts})
			return changes.Of(index(l), en)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := en().Bytes()
			valid(t, s, b)
			var m changes.Message
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			n := 0
			if m.Role != nil {
				n += len(m.Role.Added)
			}
			for _, of := range m.Subjects {
				n += len(of.Gained)
			}
			if len(b) > changes.MaxMessage || len(b) < changes.MaxMessage/2 || m.Cut == nil || n+m.Cut.Count != all {
				t.Errorf("%d bytes with %d permissions, cut %+v", len(b), n, m.Cut)
			}
		})
	}
}

// Every type of event is of a kind, and what is of the kind other changes nothing that anybody holds.
func TestKinds(t *testing.T) {
	seen := map[changes.Kind]bool{}
	for typ := range events.Types() {
		d, _ := events.New(typ)
		seen[changes.KindOf(d)] = true
	}
	for _, k := range changes.Kinds() {
		if !seen[k] {
			t.Errorf("nothing is of the kind %s", k)
		}
	}
}

// BenchmarkOf is what it costs to compute the message of an assignment to somebody who has three roles of 20 permissions.
func BenchmarkOf(b *testing.B) {
	l := documenttest.Open(b, events.Profile{Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true}, "")
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("some.entity.%02d", i))
	}
	who := l.AddSubject("")
	for i := range 3 {
		l.Do(&events.RoleAssigned{Subject: who, Role: l.AddRole(fmt.Sprint("R", i), "", names...), Until: l.Now.Add(time.Hour)})
	}
	x, en := index(l), l.Entries[len(l.Entries)-1]
	for b.Loop() {
		m := changes.Of(x, en)
		b.SetBytes(int64(len(m.Bytes())))
	}
}
