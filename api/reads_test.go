package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// desk is an organization with a role that bob has and lost again.
func (w *world) desk(org, profile string) {
	w.t.Helper()
	w.open(org, profile)
	w.do(org, wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", SubjectKey: did(org + "/bob")}) // 2
	w.do(org, wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"read", "write"}})                // 3
	w.do(org, wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob"})                                        // 4
	w.do(org, wire.Intent{Kind: wire.RevokeRole, Role: "desk", Subject: "bob"})                                        // 5
	w.do(org, wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob", Scope: "assets/1"})                     // 6
}

func TestReadsAsOf(t *testing.T) {
	w := newWorld(t)
	w.desk("acme", "plain")
	fourth, err := w.Entry(t.Context(), "acme", "4")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		asOf    string
		seq     uint64
		allowed bool
	}{
		{"", 6, false}, {"head", 6, false}, {"head~1", 5, false}, {"head~2", 4, true}, {"4", 4, true}, {"3", 3, false},
		{"cid:" + fourth.CID, 4, true}, {"1h", 0, false}, {"2999-01-01", 6, false},
		{"occurred:2999-01-01T00:00Z", 6, false},
	} {
		got, err := w.Check(t.Context(), "acme", "bob", "read", "", client.Read{AsOf: c.asOf})
		if c.seq == 0 {
			if client.CodeOf(err) != wire.CodeBadAsOf {
				t.Errorf("as of %q: %v; want %s", c.asOf, err, wire.CodeBadAsOf)
			}
			continue
		}
		if err != nil || got.Allowed != c.allowed || got.AsOf.Seq != c.seq || got.AsOf.CID == "" || got.AsOf.Time == "" || got.AsOf.Instant == "" {
			t.Errorf("as of %q: %+v, %v; want %v as of %d", c.asOf, got, err, c.allowed, c.seq)
		}
		if (got.AsOf.Occurred != "") != strings.HasPrefix(c.asOf, "occurred:") {
			t.Errorf("as of %q: occurred %q", c.asOf, got.AsOf.Occurred)
		}
	}
	for _, read := range []func(client.Read) (wire.AsOf, error){
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Roles(t.Context(), "acme", false, r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Role(t.Context(), "acme", "desk", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Subjects(t.Context(), "acme", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Subject(t.Context(), "acme", "bob", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Permissions(t.Context(), "acme", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.WhoCan(t.Context(), "acme", "read", "", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Access(t.Context(), "acme", "bob", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Explain(t.Context(), "acme", "bob", "read", "", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.Organization(t.Context(), "acme", r)
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			v, err := w.History(t.Context(), "acme", wire.HistoryQuery{AsOf: r.AsOf})
			if n := len(v.Items); err == nil && (n == 0 || v.Items[n-1].Seq != 4) {
				t.Errorf("history as of 4 has %d lines", n)
			}
			return v.AsOf, err
		},
		func(r client.Read) (wire.AsOf, error) {
			asOf, lines, err := w.Assignments(t.Context(), "acme", r)
			if err == nil {
				for _, err := range lines {
					if err != nil {
						return asOf, err
					}
				}
			}
			return asOf, err
		},
	} {
		if asOf, err := read(client.Read{AsOf: "4"}); err != nil || asOf.Seq != 4 || asOf.CID != fourth.CID {
			t.Errorf("got %+v, %v; want as of 4", asOf, err)
		}
	}
}

func TestReadsSayWhy(t *testing.T) {
	w := newWorld(t)
	w.desk("acme", "plain")
	check, err := w.Check(t.Context(), "acme", "bob", "read", "assets/1/lots/2", client.Read{})
	if err != nil || !check.Allowed || len(check.Because) != 1 {
		t.Fatalf("%+v, %v", check, err)
	}
	if b := check.Because[0]; b.Kind != "role" || b.At != 6 || b.Role != "desk" || b.PermissionAt != 3 || b.Scope != "assets/1" || b.By != "owner" {
		t.Errorf("because %+v", b)
	}
	explained, err := w.Explain(t.Context(), "acme", "bob", "read", "", client.Read{})
	if err != nil || explained.Allowed {
		t.Fatalf("%+v, %v", explained, err)
	}
	var kinds []string
	for _, m := range explained.Missing {
		kinds = append(kinds, m.Kind)
		if m.Text == "" {
			t.Errorf("%s says nothing", m.Kind)
		}
		if m.Kind == "role" && (m.Role != "desk" || m.Since != 3 || m.LostAt != 5) {
			t.Errorf("missing %+v; want the role desk, lost at 5", m)
		}
	}
	if !slices.Equal(kinds, []string{"scope", "role"}) {
		t.Errorf("missing %v; want scope, role", kinds)
	}
	unknown, err := w.Explain(t.Context(), "acme", "bop", "reed", "", client.Read{})
	if err != nil || len(unknown.Missing) != 2 || !slices.Equal(unknown.Missing[0].Nearest, []string{"bob"}) || !slices.Contains(unknown.Missing[1].Nearest, "read") {
		t.Errorf("%+v, %v; want the subject and the permission to be unknown", unknown.Missing, err)
	}
	who, err := w.WhoCan(t.Context(), "acme", "read", "assets/1", client.Read{})
	if err != nil || len(who.Items) != 2 || who.Items[0].Subject != "bob" || who.Items[1].Because[0].Kind != "owner" {
		t.Errorf("who can: %+v, %v", who, err)
	}
	all, err := w.Access(t.Context(), "acme", "bob", client.Read{})
	if err != nil || len(all.Items) != 2 || all.Items[0].Permission != "read" || all.Items[0].Scope != "assets/1" || all.Items[0].Because[0].At != 6 {
		t.Errorf("access: %+v, %v", all, err)
	}
	bob, err := w.Subject(t.Context(), "acme", "bob", client.Read{})
	if err != nil || len(bob.Item.Holds) != 1 || bob.Item.Holds[0].Role != "desk" || !slices.Equal(bob.Item.Roles, []string{"desk"}) {
		t.Errorf("subject: %+v, %v", bob, err)
	}
	roles, err := w.Roles(t.Context(), "acme", false, client.Read{})
	if err != nil || len(roles.Items) != 1 || roles.Items[0].Count != 2 || roles.Items[0].Permissions != nil {
		t.Errorf("roles: %+v, %v", roles, err)
	}
	_, lines, err := w.Assignments(t.Context(), "acme", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	for a, err := range lines {
		if err != nil || a.Subject == "bob" && !slices.Equal(a.Permissions, []string{"read", "write"}) {
			t.Errorf("assignments: %+v, %v", a, err)
		}
	}
}

// A key may hold any printable ASCII character; in a path it stays one segment.
func TestKeysOfAnyCharacters(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.open("acme", "plain")
		for _, key := range []string{"a/b", "50%", "%2F", "a b", "a#b", "a?b&c=d", "..", ".", "a//b", "a/../b", `"<>\`, "{org}", "prepare", "~!@$^*()[]|;:'`,+="} {
			w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: key})
			w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: key, SubjectKind: "human"})
			role, err := w.Role(t.Context(), "acme", key, client.Read{})
			if err != nil || role.Item.Key != key {
				t.Errorf("role %q: %q, %v", key, role.Item.Key, err)
			}
			subject, err := w.Subject(t.Context(), "acme", key, client.Read{})
			if err != nil || subject.Item.Key != key {
				t.Errorf("subject %q: %q, %v", key, subject.Item.Key, err)
			}
			if _, err := w.Access(t.Context(), "acme", key, client.Read{}); err != nil {
				t.Errorf("access of %q: %v", key, err)
			}
			h, err := w.History(t.Context(), "acme", wire.HistoryQuery{Role: key})
			if err != nil || len(h.Items) != 1 || h.Items[0].About != "role:"+key {
				t.Errorf("history of %q: %+v, %v", key, h.Items, err)
			}
		}
	})
}

func TestHistoryPages(t *testing.T) {
	w := newWorld(t)
	w.desk("acme", "plain")
	w.desk("beta", "plain")
	for _, c := range []struct {
		name string
		q    wire.HistoryQuery
		want []uint64
	}{
		{"all", wire.HistoryQuery{}, []uint64{1, 2, 3, 4, 5, 6}},
		{"newest", wire.HistoryQuery{Newest: true}, []uint64{6, 5, 4, 3, 2, 1}},
		{"role", wire.HistoryQuery{Role: "desk"}, []uint64{3, 4, 5, 6}},
		{"subject", wire.HistoryQuery{Subject: "bob"}, []uint64{2, 4, 5, 6}},
		{"both", wire.HistoryQuery{Role: "desk", Subject: "bob", Newest: true}, []uint64{6, 5, 4}},
		{"permission", wire.HistoryQuery{Permission: "write"}, []uint64{3}},
		{"actor", wire.HistoryQuery{Actor: "bob"}, nil},
		{"type", wire.HistoryQuery{Type: "role.assigned"}, []uint64{4, 6}},
		{"range", wire.HistoryQuery{From: 2, To: 4}, []uint64{2, 3, 4}},
		{"since", wire.HistoryQuery{Since: "2999-01-01T00:00:00Z"}, nil},
		{"before", wire.HistoryQuery{Before: "2999-01-01T00:00:00Z", To: 2}, []uint64{1, 2}},
		{"as of", wire.HistoryQuery{AsOf: "3", Newest: true}, []uint64{3, 2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for limit := 1; limit < 8; limit++ {
				q := c.q
				q.Limit = limit
				var got []uint64
				for pages := 0; ; pages++ {
					list, err := w.History(t.Context(), "acme", q)
					if err != nil {
						t.Fatal(err)
					}
					if len(list.Items) > limit || pages > len(c.want) {
						t.Fatalf("page %d has %d lines", pages, len(list.Items))
					}
					for _, i := range list.Items {
						got = append(got, i.Seq)
						if i.Actor != "owner" || len(i.What) == 0 || i.Type == "" || i.CID == "" {
							t.Errorf("line %+v", i)
						}
					}
					if q.Cursor = list.Next; q.Cursor == "" {
						break
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("pages of %d: %v; want %v", limit, got, c.want)
				}
			}
		})
	}
}

// A role that is deleted still has a history under the key it had.
func TestHistoryOfADeletedRole(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "gone"})
	w.do("acme", wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: "gone"})
	h, err := w.History(t.Context(), "acme", wire.HistoryQuery{Role: "gone"})
	if err != nil || len(h.Items) != 2 {
		t.Errorf("%+v, %v; want two lines", h.Items, err)
	}
	var problem *client.Error
	if _, err := w.Role(t.Context(), "acme", "gone", client.Read{}); !errors.As(err, &problem) || problem.Problem.At != 3 {
		t.Errorf("the deleted role: %v; want not-found, at 3", err)
	}
}

func TestOrganizationsShareNothing(t *testing.T) {
	w := newWorld(t)
	w.desk("acme", "plain")
	w.open("beta", "guardian")
	orgs, err := w.Organizations(t.Context())
	if err != nil || len(orgs) != 2 || orgs[0].ID != "acme" || orgs[1].ID != "beta" || orgs[1].AsOf.Seq != 1 || orgs[1].Profile["name"] != "guardian" {
		t.Fatalf("%+v, %v", orgs, err)
	}
	acme, err := w.Entry(t.Context(), "acme", "4")
	if err != nil {
		t.Fatal(err)
	}
	role, err := w.Role(t.Context(), "acme", "desk", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"role by key": func() error { _, err := w.Role(t.Context(), "beta", "desk", client.Read{}); return err },
		"role by id":  func() error { _, err := w.Role(t.Context(), "beta", role.Item.ID, client.Read{}); return err },
		"subject":     func() error { _, err := w.Subject(t.Context(), "beta", "bob", client.Read{}); return err },
		"credential":  func() error { _, err := w.CredentialOwner(t.Context(), "beta", did("acme/bob")); return err },
		"entry":       func() error { _, err := w.Entry(t.Context(), "beta", acme.CID); return err },
		"position":    func() error { _, err := w.Entry(t.Context(), "beta", "4"); return err },
		"access":      func() error { _, err := w.Access(t.Context(), "beta", "bob", client.Read{}); return err },
		"who can":     func() error { _, err := w.WhoCan(t.Context(), "beta", "read", "", client.Read{}); return err },
		"history":     func() error { _, err := w.History(t.Context(), "beta", wire.HistoryQuery{Role: "desk"}); return err },
	} {
		if err := read(); client.CodeOf(err) != "not-found" {
			t.Errorf("%s of another organization: %v; want not-found", name, err)
		}
	}
	list, err := w.Subjects(t.Context(), "beta", client.Read{})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("beta has the subjects %+v, %v", list.Items, err)
	}
	if _, err := w.Check(t.Context(), "beta", "bob", "read", "assets/1", client.Read{AsOf: "cid:" + acme.CID}); client.CodeOf(err) != wire.CodeBadAsOf {
		t.Errorf("as of another ledger's entry: %v", err)
	}
}

func TestReadWaitsForThePositionItDemands(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Roles(ctx, "acme", false, client.Read{AtLeast: 2}); err == nil {
		t.Error("a read of what is not there yet is answered")
	}
	done := make(chan error, 1)
	go func() {
		list, err := w.Roles(t.Context(), "acme", false, client.Read{AtLeast: 2})
		if err == nil && (len(list.Items) != 1 || list.AsOf.Seq != 2) {
			err = fmt.Errorf("answered with %+v", list)
		}
		done <- err
	}()
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk"})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	h, err := w.Health(t.Context())
	if err != nil || h.Status != wire.HealthOK || len(h.Organizations) != 0 {
		t.Errorf("%+v, %v", h, err)
	}
	w.desk("acme", "plain")
	h, err = w.Health(t.Context())
	if err != nil || len(h.Organizations) != 1 || h.Organizations[0].Position != 6 || !h.Organizations[0].Writing || h.Organizations[0].CID == "" {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestOpening(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	in := wire.Opening{Organization: "acme", Name: "Again", Profile: "plain", OwnerKey: "o", OwnerKind: "human", Credential: did("o"), Root: did("r"), OperatorKey: did("operator")}
	p, err := w.PrepareOpening(t.Context(), in)
	if err != nil || p.Refusal == nil || p.Refusal.Code() != "already-opened" {
		t.Errorf("opening again: %+v, %v", p.Refusal, err)
	}
	if _, err := w.SignAndRecord(t.Context(), "acme", p, keyOf("o"), nil); client.CodeOf(err) != "already-opened" {
		t.Errorf("opening again: %v", err)
	}
	in.Organization, in.OwnerKind = "beta", "wallet"
	if p, err = w.PrepareOpening(t.Context(), in); err != nil || p.Refusal == nil || p.Refusal.Code() != "invalid" {
		t.Errorf("an owner that is a wallet: %+v, %v", p.Refusal, err)
	}
	in.OwnerKind, in.OwnerKey = "human", "ö"
	if _, err = w.PrepareOpening(t.Context(), in); client.CodeOf(err) != "invalid" {
		t.Errorf("an owner's key that is none: %v", err)
	}
}

// What the ledger recorded by itself is shown as done by it, and found so.
func TestTheLedgerIsAnActor(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "ben", SubjectKind: "human"})
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "a.read", Until: time.Now().Add(200 * time.Millisecond).Format(time.RFC3339Nano)})
	list, err := w.History(t.Context(), "acme", wire.HistoryQuery{Actor: "ledger", AtLeast: 4})
	if err != nil || len(list.Items) != 1 || list.Items[0].Actor != "ledger" || list.Items[0].Type != "grant.ended" {
		t.Fatalf("%+v, %v; want the end of the grant, by the ledger", list.Items, err)
	}
	gave, err := w.History(t.Context(), "acme", wire.HistoryQuery{Type: "permission.granted"})
	if err != nil || len(gave.Items) != 1 || gave.Items[0].Follows != "" || gave.Items[0].Command == "" || list.Items[0].Follows != gave.Items[0].Command {
		t.Errorf("the end follows from %q; what gave it is %+v, %v", list.Items[0].Follows, gave.Items, err)
	}
	if en, err := w.Client.Recorded(t.Context(), "acme", gave.Items[0].Command); err != nil || en.Seq != gave.Items[0].Seq {
		t.Errorf("the command %s is recorded as %+v, %v", gave.Items[0].Command, en, err)
	}
}

// The keys of a ledger are listed, with those that sign nothing more.
func TestKeysAreListed(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	list, err := w.Keys(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range list.Items {
		got = append(got, strings.TrimSpace(k.Purpose+" "+k.Subject))
		if k.Revoked != 0 || !strings.HasPrefix(k.DID, "did:key:z") {
			t.Errorf("%+v", k)
		}
	}
	if want := "checkpoint, credential owner, document, event, operator, root"; strings.Join(got, ", ") != want || list.AsOf.Seq != 1 {
		t.Errorf("got %q as of %d; want %q as of 1", got, list.AsOf.Seq, want)
	}
}
