package topic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/documents"
	"github.com/permledger/permledger/projections/topic"
)

var _ projections.Projection = (*topic.Projection)(nil)

const (
	registry = "did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393"
	person   = "did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"
)

func fold(l *documenttest.Ledger) (*topic.Projection, *documents.Projection) {
	p, d := topic.New(), documents.New()
	f := projections.NewFold(p, d)
	for _, en := range l.Entries {
		f.Apply(en)
	}
	return p, d
}

// last reads the last message of the ledger's topic, which must announce the ledger's last entry.
func last(t *testing.T, l *documenttest.Ledger) topic.Message {
	t.Helper()
	p, _ := fold(l)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	posted, ok := p.Message(p.Len() - 1)
	en, _ := l.Last()
	if !ok || posted.Position != en.Event.Sequence {
		t.Fatalf("the last message is at %d, the last entry at %d", posted.Position, en.Event.Sequence)
	}
	m, err := topic.ParseMessage(posted.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func check(t *testing.T, got, want topic.Message) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want.Bytes())
	}
}

// TestG35RoleCreated: given a role that is created, then a message create-role is posted in the printed format.
func TestG35RoleCreated(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, registry)
	if p, _ := fold(l); p.Len() != 0 {
		t.Errorf("%d messages before the first role", p.Len())
	}
	role := l.AddRole("Role name", "Role description", documenttest.Read)
	en, file := l.Last()
	check(t, last(t, l), topic.Message{
		ID: rules.UUID(en.Event.ID), Action: topic.CreateRole, Issuer: registry, CID: credential.CID(file),
		UUID: rules.UUID(role), Name: "Role name", Description: "Role description",
	})
	p, _ := fold(l)
	posted, _ := p.Message(0)
	want := fmt.Sprintf(`{"id":"%s","status":"ISSUE","type":"Guardian-Role-Document","action":"create-role","lang":"en-US",`+
		`"issuer":"%s","encodedData":false,"cid":"%s","uri":"ipfs://%s","uuid":"%s","name":"Role name","description":"Role description"}`,
		rules.UUID(en.Event.ID), registry, en.Document.CID, en.Document.CID, rules.UUID(role))
	if string(posted.Bytes) != want {
		t.Errorf("got\n%s\nwant\n%s", posted.Bytes, want)
	}
}

// TestG36RoleUpdated: given a role that is edited, then a message update-role is posted, of the same role uuid with a
// new id, as the role is after it.
func TestG36RoleUpdated(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, registry)
	role := l.AddRole("Role name", "Role description", documenttest.Read)
	created := last(t, l)
	l.Do(&events.RoleUpdated{Role: role, Name: new("Other name"), Description: new("")})
	en, file := l.Last()
	updated := last(t, l)
	check(t, updated, topic.Message{
		ID: rules.UUID(en.Event.ID), Action: topic.UpdateRole, Issuer: registry, CID: credential.CID(file),
		UUID: created.UUID, Name: "Other name",
	})
	if updated.ID == created.ID || updated.CID == created.CID {
		t.Error("id or cid are those of the message before")
	}
	l.Do(&events.RoleUpdated{Role: role, Add: []string{documenttest.Write}})
	if got := last(t, l); got.Name != "Other name" || got.Action != topic.UpdateRole || got.CID == updated.CID {
		t.Errorf("permissions alone changed: %+v", got)
	}
}

// TestG37RoleDeleted: given a role that is deleted, then a message delete-role with status ISSUE is posted, and its
// document is whole and of the role's last state.
func TestG37RoleDeleted(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, registry)
	role := l.AddRole("Role name", "Role description", documenttest.Read)
	l.Do(&events.RoleUpdated{Role: role, Name: new("Last name")})
	l.Do(&events.RoleDeleted{Role: role})
	en, file := l.Last()
	m := last(t, l)
	check(t, m, topic.Message{
		ID: rules.UUID(en.Event.ID), Action: topic.DeleteRole, Issuer: registry, CID: credential.CID(file),
		UUID: rules.UUID(role), Name: "Last name", Description: "Role description",
	})
	if !bytes.Contains(m.Bytes(), []byte(`"status":"ISSUE"`)) {
		t.Errorf("status in %s", m.Bytes())
	}
	for _, part := range []string{`"name":"Last name"`, `"permissions":["POLICIES_POLICY_READ"]`} {
		if !bytes.Contains(file, []byte(part)) {
			t.Errorf("%s is not in %s", part, file)
		}
	}
}

// TestG38WhatSomebodyHolds: given any change of what somebody holds, then a message set-role of type User-Permissions
// is posted whose user is that somebody's DID.
func TestG38WhatSomebodyHolds(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, registry)
	role := l.AddRole("Role name", "", documenttest.Read)
	for did, want := range map[string]string{person: person, "": "urn:uuid:"} {
		id := l.AddSubject(did)
		if did == "" {
			want += rules.UUID(id)
		}
		short := &events.RoleAssigned{Subject: id, Role: role, Scope: "policy/7", Until: l.Now.Add(3 * time.Second)}
		var grant ulid.ULID
		for _, d := range []events.Data{
			short,
			&events.RoleAssigned{Subject: id, Role: role},
			&events.RoleRevoked{Subject: id, Role: role},
			&events.GrantEnded{},
			&events.RolesSet{Subject: id, Roles: []ulid.ULID{role}},
			&events.PermissionGranted{Subject: id, Permission: documenttest.Write},
			&events.PermissionRevoked{Subject: id, Permission: documenttest.Write},
			&events.PermissionsSet{Subject: id, Permissions: []string{documenttest.Write}},
		} {
			if ended, ok := d.(*events.GrantEnded); ok {
				ended.Grant = grant
			}
			l.Do(d)
			en, file := l.Last()
			if d == events.Data(short) {
				grant = en.Event.ID
			}
			m := last(t, l)
			check(t, m, topic.Message{
				ID: rules.UUID(en.Event.ID), Action: topic.SetRole, Issuer: registry, CID: credential.CID(file), User: want,
			})
			if !bytes.Contains(m.Bytes(), []byte(`"type":"User-Permissions"`)) {
				t.Errorf("%s: type in %s", d.Type(), m.Bytes())
			}
		}
	}
}

// TestG38UserWithAKeyOnly: given the owner, whose only DID is that of its credential, then user is its did:key.
func TestG38UserWithAKeyOnly(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	role := l.AddRole("Role name", "", documenttest.Read)
	l.Do(&events.RoleAssigned{Subject: l.Owner, Role: role})
	m := last(t, l)
	if m.User != documenttest.DID(documenttest.Key("owner")) || m.Issuer != documenttest.DID(documenttest.Key("document")) {
		t.Errorf("%+v", m)
	}
}

// TestG41CIDLeadsToTheDocument: given any message, when its cid is fetched, then there is a signed document with the
// permissions of the role, or the roles of the user.
func TestG41CIDLeadsToTheDocument(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, registry)
	role := l.AddRole("Role name", "", documenttest.Read)
	l.Do(&events.RoleUpdated{Role: role, Add: []string{documenttest.Write}})
	id := l.AddSubject(person)
	l.Do(&events.RolesSet{Subject: id, Roles: []ulid.ULID{role}})
	l.Do(&events.RolesSet{Subject: id})
	l.Do(&events.RoleDeleted{Role: role})
	both := []any{"POLICIES_POLICY_READ", "POLICIES_POLICY_UPDATE"}
	want := []map[string]any{
		{"permissions": both[:1]},
		{"permissions": both},
		{"roles": []any{map[string]any{"uuid": rules.UUID(role), "name": "Role name", "owner": registry}}},
		{"roles": []any{}},
		{"permissions": both},
	}
	p, d := fold(l)
	if p.Len() != len(want) {
		t.Fatalf("%d messages", p.Len())
	}
	for i, want := range want {
		posted, _ := p.Message(i)
		m, err := topic.ParseMessage(posted.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		doc, ok := d.ByCID(m.CID)
		if !ok || doc.Position != posted.Position {
			t.Fatalf("no document of message %d", i)
		}
		v, err := credential.Verify(doc.File)
		if err != nil || v.Issuer != m.Issuer {
			t.Errorf("message %d: %+v, %v", i, v, err)
		}
		var vc struct{ CredentialSubject map[string]any }
		if err := json.Unmarshal(doc.File, &vc); err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if !reflect.DeepEqual(vc.CredentialSubject[name], value) {
				t.Errorf("message %d: %s is %v; want %v", i, name, vc.CredentialSubject[name], value)
			}
		}
	}
}

// Given events that change no role and nothing held, and organizations without documents, then nothing is posted.
func TestNoMessage(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	role := l.AddRole("Role name", "")
	l.AddSubject("")
	l.Do(&events.DocumentIssued{Thing: "role/" + role.String()})
	l.RotateDocumentKey(documenttest.Key("second document"))
	if p, _ := fold(l); p.Len() != 1 {
		t.Errorf("%d messages; want that of the role alone", p.Len())
	}
	profile := documenttest.Guardian
	profile.Documents = false
	l = documenttest.Open(t, profile, "")
	l.AddRole("Role name", "")
	if p, _ := fold(l); p.Len() != 0 {
		t.Errorf("%d messages without documents", p.Len())
	}
}

// Given a history that is folded twice, from its bytes, then both topics are equal byte for byte.
func TestFoldedAgainItIsTheSame(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	role := l.AddRole("Rolle <ä> \"\\", "two\nlines", documenttest.Read)
	l.Do(&events.RoleAssigned{Subject: l.AddSubject(person), Role: role})
	l.RotateDocumentKey(documenttest.Key("second document")) // and so the issuer
	l.Do(&events.RoleUpdated{Role: role, Name: new("Rolle")})
	a, _ := fold(l)
	for i, en := range l.Entries {
		again, err := chain.Parse(bytes.Clone(en.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		l.Entries[i] = again
	}
	b, _ := fold(l)
	if a.Len() != 3 || a.Len() != b.Len() || a.Err() != nil {
		t.Fatalf("%d and %d messages, %v", a.Len(), b.Len(), a.Err())
	}
	issuers := map[string]bool{}
	for i := range a.Len() {
		x, _ := a.Message(i)
		y, _ := b.Message(i)
		if x.Position != y.Position || !bytes.Equal(x.Bytes, y.Bytes) {
			t.Errorf("message %d: at %d\n%s\nat %d\n%s", i, x.Position, x.Bytes, y.Position, y.Bytes)
		}
		m, err := topic.ParseMessage(x.Bytes)
		if err != nil {
			t.Error(err)
		}
		issuers[m.Issuer] = true
	}
	if len(issuers) != 2 {
		t.Errorf("the issuers are %v", issuers)
	}
}

func TestFrom(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "") // 1, 2
	l.AddRole("a", "")                                   // 3
	l.AddSubject("")                                     // 4
	l.AddRole("b", "")                                   // 5
	p, _ := fold(l)
	for position, want := range map[uint64]int{0: 0, 1: 0, 3: 0, 4: 1, 5: 1, 6: 2, 1 << 60: 2} {
		if got := p.From(position); got != want {
			t.Errorf("From(%d) = %d; want %d", position, got, want)
		}
	}
	for _, i := range []int{-1, 2} {
		if m, ok := p.Message(i); ok {
			t.Errorf("Message(%d) = %s", i, m.Bytes)
		}
	}
}

// Given a publisher that waits, when messages come, then it reads each once, in order, and stops with its context.
func TestWait(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	for i := range 20 {
		l.AddRole(fmt.Sprint("role ", i), "")
	}
	p := topic.New()
	f := projections.NewFold(p)
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan topic.Posted, 20)
	stopped := make(chan error)
	go func() {
		for i := 0; ; i++ {
			if err := p.Wait(ctx, i); err != nil {
				stopped <- err
				return
			}
			m, _ := p.Message(i)
			read <- m
		}
	}()
	changed := p.Changed()
	for _, en := range l.Entries {
		f.Apply(en)
	}
	<-changed
	for i := range 20 {
		if got, want := <-read, uint64(3+i); got.Position != want {
			t.Errorf("message %d is of the entry at %d; want %d", i, got.Position, want)
		}
	}
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("stopped with %v", err)
	}
}

// Given the longest DIDs that an entry takes, then a message has room for two.
func TestLongestDIDsFit(t *testing.T) {
	long := "did:web:" + strings.Repeat("a", canon.DID.Max-len("did:web:"))
	l := documenttest.Open(t, documenttest.Guardian, long)
	role := l.AddRole("Role name", "")
	l.Do(&events.RoleAssigned{Subject: l.AddSubject(long), Role: role})
	p, _ := fold(l)
	if m, ok := p.Message(1); p.Err() != nil || !ok || len(m.Bytes) > topic.MaxMessage {
		t.Errorf("Err says %v; the message is %s", p.Err(), m.Bytes)
	}
}

// Whatever name and description the rules let pass, the message is one that may be posted; and what they refuse as too
// long would have been.
func TestRulesAndMessagesAgreeOnLength(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, registry)
	role := l.AddRole("Role name", "")
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]string{"a", "ä", "😀", `"`, `\`, "\n", "<", "\u00ad"})
		text := func(label string, most int) string {
			return strings.Repeat(letters.Draw(t, label+" letter"), rapid.IntRange(0, most).Draw(t, label+" length"))
		}
		d := &events.RoleUpdated{Role: role, Name: new("n" + strings.ReplaceAll(text("name", 120), "\n", "")), Description: new(text("description", 600))}
		e, err := rules.Decide(l.State, events.Command{
			ID: l.ID(), Ledger: documenttest.Source, Actor: l.Owner, Data: d,
			Auth: events.Auth{Method: events.MethodSignature, Credential: documenttest.DID(documenttest.Key("owner"))},
		}, l.Now)
		var refusal *rules.Refusal
		if err != nil && (!errors.As(err, &refusal) || refusal.Code != rules.MessageTooLong) {
			t.Skip(err)
		}
		m := topic.Message{
			ID: rules.UUID(e.ID), Action: topic.UpdateRole, Issuer: registry, CID: credential.CID(nil),
			UUID: rules.UUID(role), Name: *d.Name, Description: *d.Description,
		}
		size := len(m.Bytes())
		if err == nil && size > topic.MaxMessage {
			t.Fatalf("the rules let a message of %d bytes pass", size)
		}
		if m.Description == "" {
			size += len(`,"description":""`) // the rules leave room for it
		}
		if err != nil && size <= topic.MaxMessage {
			t.Fatalf("the rules refuse a message of %d bytes: %v", size, err)
		}
	})
}
