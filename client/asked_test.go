package client_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

// A server that prepares something else than was asked for gets no signature.
func TestOnlyWhatWasAskedForIsSigned(t *testing.T) {
	c := open(t)
	owner := did("owner")
	text := func(s string) *string { return &s }
	do := func(in wire.Intent) wire.Prepared {
		t.Helper()
		in.Credential = owner
		p, err := c.Prepare(t.Context(), "main", in)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	record := func(in wire.Intent) {
		t.Helper()
		if _, err := c.SignAndRecord(t.Context(), "main", do(in), keyOf("owner"), nil); err != nil {
			t.Fatal(err)
		}
	}
	record(wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human"})
	record(wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"read", "write"}})
	big := make([]string, 2000)
	for i := range big {
		big[i] = "permission." + strings.Repeat("x", 10) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	reason, _ := client.Commit("why")
	grant := wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "read", Scope: "a/1", Until: "2999-01-01T00:00:00Z", Reason: reason}
	for name, c := range map[string]struct {
		in    wire.Intent
		other func(*wire.Intent)
	}{
		"kind":        {grant, func(in *wire.Intent) { in.Kind = wire.RevokePermission; in.Until = "" }},
		"permission":  {grant, func(in *wire.Intent) { in.Permission = "write" }},
		"scope":       {grant, func(in *wire.Intent) { in.Scope = "" }},
		"end":         {grant, func(in *wire.Intent) { in.Until = "" }},
		"reason":      {grant, func(in *wire.Intent) { in.Reason = "" }},
		"role's set":  {wire.Intent{Kind: wire.CreateRole, Role: "r", Permissions: []string{"read"}}, func(in *wire.Intent) { in.Permissions = []string{"read", "write"} }},
		"role's key":  {wire.Intent{Kind: wire.CreateRole, Role: "r"}, func(in *wire.Intent) { in.Role = "s" }},
		"name":        {wire.Intent{Kind: wire.UpdateRole, Role: "desk", Name: text("a")}, func(in *wire.Intent) { in.Name = text("b") }},
		"added":       {wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"sign"}}, func(in *wire.Intent) { in.Add = append(in.Add, "more") }},
		"removed":     {wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"sign"}}, func(in *wire.Intent) { in.Remove = []string{"read"} }},
		"in parts":    {wire.Intent{Kind: wire.SetPermissions, Subject: "bob", Permissions: big}, func(in *wire.Intent) { in.Permissions = big[1:] }},
		"subject":     {wire.Intent{Kind: wire.AddSubject, Subject: "eve", SubjectKind: "human", SubjectKey: did("eve")}, func(in *wire.Intent) { in.SubjectKey = did("mallory") }},
		"credential":  {wire.Intent{Kind: wire.RegisterKey, Purpose: "credential", Subject: "bob", Key: did("bob")}, func(in *wire.Intent) { in.Key = did("mallory") }},
		"revoked key": {wire.Intent{Kind: wire.RevokeKey, Key: did("bob")}, func(in *wire.Intent) { in.Key = owner }},
		"roles":       {wire.Intent{Kind: wire.SetRoles, Subject: "bob"}, func(in *wire.Intent) { in.Roles = []string{"desk"} }},
	} {
		t.Run(name, func(t *testing.T) {
			other := c.in
			c.other(&other)
			p := do(other)
			asked := c.in
			p.Intent = &asked
			if err := sign(t, p); !errors.Is(err, client.ErrNotAsked) {
				t.Errorf("got %v; want ErrNotAsked", err)
			}
		})
	}
	p := do(wire.Intent{Kind: wire.CreateRole, Role: "r"})
	for name, change := range map[string]func(*events.Command, *events.Signed){
		"ledger": func(c *events.Command, _ *events.Signed) { c.Ledger = "ledger.test/other" },
		"expiry": func(c *events.Command, s *events.Signed) { s.Expires = c.ID.Timestamp() },
		"origin": func(c *events.Command, _ *events.Signed) { c.Origin.Derived = &events.Derived{From: c.ID} },
	} {
		t.Run(name, func(t *testing.T) {
			cmd, signed, err := events.ParseCommand(p.Command)
			if err != nil {
				t.Fatal(err)
			}
			change(&cmd, &signed)
			q := p
			if q.Command, err = cmd.Bytes(signed); err != nil {
				t.Fatal(err)
			}
			if err := sign(t, q); !errors.Is(err, client.ErrNotAsked) {
				t.Errorf("got %v; want ErrNotAsked", err)
			}
			q = p
			q.Parts = []json.RawMessage{p.Command}
			if err := sign(t, q); !errors.Is(err, client.ErrNotAsked) {
				t.Errorf("a part that is none: %v; want ErrNotAsked", err)
			}
		})
	}
	other := opening
	other.Organization, other.Root = "beta", did("mallory")
	q, err := c.PrepareOpening(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	wanted := other
	wanted.Root = did("root")
	q.Opening = &wanted
	if _, err := c.SignAndRecord(t.Context(), "beta", q, keyOf("owner"), nil); !errors.Is(err, client.ErrNotAsked) {
		t.Errorf("an opening with another root key: %v; want ErrNotAsked", err)
	}
}

// sign tries to have a prepared command signed; a client of nobody cannot send it anywhere.
func sign(t *testing.T, p wire.Prepared) error {
	t.Helper()
	_, err := client.New("http://127.0.0.1:1", "", nil).SignAndRecord(t.Context(), "main", p, keyOf("owner"), nil)
	return err
}
