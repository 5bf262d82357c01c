package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func ptr(s string) *string { return &s }

// Every kind of intent is prepared, signed and recorded, and the preview says what the reads then show.
func TestEveryKindOfIntentIsRecorded(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	inAYear := time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339)
	gains := func(subject string, names ...string) []wire.Effective {
		var list []wire.Effective
		for _, n := range names {
			n, scope, _ := strings.Cut(n, "@")
			list = append(list, wire.Effective{Subject: subject, Permission: n, Scope: scope})
		}
		return list
	}
	eventKey := firstEventKey(t, w)
	for i, step := range []struct {
		in   wire.Intent
		typ  string
		gain []wire.Effective
		lose []wire.Effective
	}{
		{in: wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stokr"}, typ: "catalogue.published"},
		{in: wire.Intent{Kind: wire.PublishCatalogue, Catalogue: json.RawMessage(`{"catalogue":"own","title":"<Own> & more","permissions":[{"name":"mint","category":"c","entity":"e","action":"a","level":"token","description":"d"}]}`)}, typ: "catalogue.published"},
		{in: wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", SubjectKey: did("acme/bob")}, typ: "subject.added"},
		{in: wire.Intent{Kind: wire.AddSubject, Subject: "w/1 #%", SubjectKind: "wallet"}, typ: "subject.added"},
		{in: wire.Intent{Kind: wire.CreateRole, Role: "desk", Name: ptr("The <desk>"), Permissions: []string{"read", "write"}}, typ: "role.created"},
		{in: wire.Intent{Kind: wire.CreateRole, Role: "minters", Permissions: []string{"mint"}}, typ: "role.created"},
		{in: wire.Intent{Kind: wire.CreateRole, Role: "empty"}, typ: "role.created"},
		{in: wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob", Until: inAYear}, typ: "role.assigned", gain: gains("bob", "read", "write")},
		{in: wire.Intent{Kind: wire.AssignRole, Role: "minters", Subject: "bob"}, typ: "role.assigned"}, // of the token level: nothing for bob
		{in: wire.Intent{Kind: wire.AssignRole, Role: "minters", Subject: "w/1 #%", Scope: "assets/1"}, typ: "role.assigned", gain: gains("w/1 #%", "own:mint@assets/1")},
		{in: wire.Intent{Kind: wire.UpdateRole, Role: "desk", Description: ptr("more"), Add: []string{"sign"}, Remove: []string{"write"}}, typ: "role.updated", gain: gains("bob", "sign"), lose: gains("bob", "write")},
		{in: wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "read", Scope: "assets/1"}, typ: "permission.granted"}, // it has it already, on all
		{in: wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "audit"}, typ: "permission.granted", gain: gains("bob", "audit")},
		{in: wire.Intent{Kind: wire.SetPermissions, Subject: "bob", Permissions: []string{"report", "audit", "sign"}}, typ: "permissions.set", gain: gains("bob", "report")},
		{in: wire.Intent{Kind: wire.RevokePermission, Subject: "bob", Permission: "audit"}, typ: "permission.revoked", lose: gains("bob", "audit")},
		{in: wire.Intent{Kind: wire.RevokeRole, Role: "minters", Subject: "bob"}, typ: "role.revoked"},
		{in: wire.Intent{Kind: wire.SetRoles, Subject: "bob", Roles: []string{"empty"}}, typ: "roles.set", lose: gains("bob", "read")},
		{in: wire.Intent{Kind: wire.SetRoles, Subject: "bob"}, typ: "roles.set"},
		{in: wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: "empty"}, typ: "role.deleted"},
		{in: wire.Intent{Kind: wire.IssueDocument, About: "role:desk"}, typ: "document.issued"},
		{in: wire.Intent{Kind: wire.IssueDocument, About: "subject:bob"}, typ: "document.issued"},
		{in: wire.Intent{Kind: wire.RegisterKey, Purpose: "credential", Subject: "bob", Key: did("bob2")}, typ: "key.registered"},
		{in: wire.Intent{Kind: wire.RotateKey, Old: did("bob2"), Key: did("bob3")}, typ: "key.rotated"},
		{in: wire.Intent{Kind: wire.ReportKey, Key: did("bob3"), From: 3}, typ: "key.reported"},
		{in: wire.Intent{Kind: wire.RevokeKey, Key: did("bob3")}, typ: "key.revoked"},
		{in: wire.Intent{Kind: wire.RotateKey, Old: eventKey}, typ: "key.rotated"}, // the node makes the new one
		{in: wire.Intent{Kind: wire.RegisterKey, Purpose: "event"}, typ: "key.registered"},
		{in: wire.Intent{Kind: wire.DeactivateSubject, Subject: "bob"}, typ: "subject.deactivated", lose: gains("bob", "read@assets/1", "report", "sign")},
	} {
		t.Run(fmt.Sprintf("%02d %s", i, step.in.Kind), func(t *testing.T) {
			p, r := w.do("acme", step.in)
			if p.Refusal != nil || p.Preview == nil {
				t.Fatalf("prepared with refusal %+v, preview %+v", p.Refusal, p.Preview)
			}
			want := wire.Preview{Type: step.typ, Gains: step.gain, Losses: step.lose}
			if step.in.Kind == wire.UpdateRole {
				want.Holders = 1
			}
			if diff := cmp.Diff(want, *p.Preview, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b wire.Effective) bool { return a.Permission < b.Permission })); diff != "" {
				t.Errorf("preview (-want +got):\n%s", diff)
			}
			if r.Seq != p.Seq+1 || r.Type != step.typ || r.Repeated {
				t.Errorf("recorded as %+v after %d; want %s at the next position", r, p.Seq, step.typ)
			}
			// What the preview says is what the reads show.
			for _, g := range step.gain {
				w.mustCheck(g, client.Read{AtLeast: r.Seq}, true)
			}
			for _, l := range step.lose {
				w.mustCheck(l, client.Read{AtLeast: r.Seq}, false)
				w.mustCheck(l, client.Read{AsOf: fmt.Sprint(p.Seq)}, true)
			}
		})
	}
}

// firstEventKey gives the key that the ledger's entries are signed with.
func firstEventKey(t *testing.T, w *world) string {
	t.Helper()
	e, err := w.Entry(t.Context(), "acme", "1")
	if err != nil {
		t.Fatal(err)
	}
	var entry struct{ Signatures []struct{ Key string } }
	if err := json.Unmarshal(e.Entry, &entry); err != nil {
		t.Fatal(err)
	}
	return entry.Signatures[0].Key
}

func (w *world) mustCheck(e wire.Effective, r client.Read, want bool) {
	w.t.Helper()
	c, err := w.Check(w.t.Context(), "acme", e.Subject, e.Permission, e.Scope, r)
	if err != nil {
		w.t.Fatal(err)
	}
	if c.Allowed != want || (len(c.Because) > 0) != want {
		w.t.Errorf("%s %s %s as of %d: allowed %v because %v; want %v", e.Subject, e.Permission, e.Scope, c.AsOf.Seq, c.Allowed, c.Because, want)
	}
}

// The root key acts in the owner's name: it succeeds a lost event key, and itself.
func TestRootKeyIntents(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	for _, step := range []struct {
		in  wire.Intent
		who string
	}{
		{wire.Intent{Kind: wire.SucceedKey, Old: firstEventKey(t, w)}, "root"},
		{wire.Intent{Kind: wire.RotateKey, Old: did("acme/root"), Key: did("acme/root2")}, "root"},
	} {
		p, r, err := w.try("acme", step.who, step.in)
		if err != nil || r.Seq != p.Seq+1 {
			t.Fatalf("%s: %+v, %v, %v", step.in.Kind, r, p.Refusal, err)
		}
	}
	p, _, err := w.try("acme", "owner", wire.Intent{Kind: wire.SucceedKey, Old: did("acme/root2")})
	if p.Refusal == nil || p.Refusal.Code() != "not-proven" || client.CodeOf(err) != "not-proven" {
		t.Errorf("the owner's own key succeeds an event key: prepared with %+v, recorded with %v; want not-proven", p.Refusal, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", SubjectKey: did("acme/bob")})
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"read"}})
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob"})
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stokr"})
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "tokeny"})
	for _, c := range []struct {
		name     string
		who      string
		in       wire.Intent
		prepared bool // it is refused when prepared already, with an error
		code     string
		nearest  []string
		holders  []string
	}{
		{name: "unknown role", who: "owner", in: wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: "desc"}, prepared: true, code: "not-found", nearest: []string{"desk"}},
		{name: "unknown subject", who: "owner", in: wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "rob"}, prepared: true, code: "not-found", nearest: []string{"bob"}},
		{name: "unknown permission", who: "owner", in: wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "nope:reed"}, prepared: true, code: "unknown", nearest: []string{"read"}},
		{name: "unknown catalogue", who: "owner", in: wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stocker"}, prepared: true, code: "not-found", nearest: []string{"guardian", "ipaware", "stokr", "tokeny"}},
		{name: "in use", who: "owner", in: wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: "desk"}, code: "in-use", holders: []string{"bob"}},
		{name: "not permitted", who: "bob", in: wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: "desk"}, code: "not-permitted"},
		{name: "no change", who: "owner", in: wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob"}, code: "no-change"},
		{name: "taken", who: "owner", in: wire.Intent{Kind: wire.CreateRole, Role: "desk"}, code: "taken"},
		{name: "ended before it begins", who: "owner", in: wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "read", Until: "2001-01-01T00:00:00Z"}, code: "invalid"},
		{name: "bad scope", who: "owner", in: wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "read", Scope: "no scope"}, prepared: true, code: "invalid"},
		{name: "bad until", who: "owner", in: wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "read", Until: "tomorrow"}, prepared: true, code: wire.CodeBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, err := w.try("acme", c.who, c.in)
			if client.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			problem := err.(*client.Error).Problem
			if (p.Refusal == nil) != c.prepared {
				t.Errorf("prepared with the refusal %+v", p.Refusal)
			} else if p.Refusal != nil && p.Refusal.Code() != c.code {
				t.Errorf("prepared with %s, recorded with %s", p.Refusal.Code(), c.code)
			}
			if !slices.Equal(problem.Nearest, c.nearest) || !slices.Equal(problem.Holders, c.holders) {
				t.Errorf("nearest %v, holders %v; want %v, %v", problem.Nearest, problem.Holders, c.nearest, c.holders)
			}
		})
	}
}

// A role of many permissions is recorded in parts, and what it does is previewed as if it were one.
func TestBigSetsAreDivided(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human"})
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "big"})
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "big", Subject: "bob"})
	names := make([]string, 3000)
	for i := range names {
		names[i] = fmt.Sprintf("some.entity.%05d.update", i)
	}
	p, r := w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "big", Add: names})
	if len(p.Parts) < 2 || r.Seq != p.Seq+uint64(len(p.Parts))+1 {
		t.Errorf("%d parts, recorded at %d after %d", len(p.Parts), r.Seq, p.Seq)
	}
	if p.Preview == nil || len(p.Preview.Gains) != 1000 || p.Preview.More != 2000 {
		t.Errorf("preview %+v; want 1,000 gains and 2,000 more", p.Preview)
	}
	role, err := w.Role(t.Context(), "acme", "big", client.Read{})
	if err != nil || !slices.Equal(role.Item.Permissions, names) {
		t.Errorf("the role has %d permissions (%v); want %d", len(role.Item.Permissions), err, len(names))
	}
	p, _ = w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "big2", Permissions: names})
	if len(p.Parts) < 2 {
		t.Errorf("%d parts of a new role", len(p.Parts))
	}
	p, _ = w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: "bob", Permissions: names[:2000]})
	if len(p.Parts) < 2 || len(p.Preview.Gains) != 0 {
		t.Errorf("%d parts of a set, preview %+v; it gives nothing that the role does not", len(p.Parts), p.Preview)
	}
}
