package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func subjectRefusals() []refusal {
	noThing := func(thing string) refusal {
		return refusal{name: "document/" + thing, profile: plain, given: given(create("r"), create("gone"), remove("gone")), when: issue(thing),
			then: because(rules.NotFound, "There is no "+thing+" to issue a document about")}
	}
	return []refusal{
		{name: "subject/key in use", profile: plain, given: given(add("ann")),
			when: step{data: &events.SubjectAdded{Subject: id("bob"), Key: "ann", Kind: events.KindHuman}},
			then: because(rules.Taken, `Somebody has the key "ann" already`)},
		{name: "subject/key of who is deactivated", profile: plain, given: given(add("ann"), deactivate("ann")),
			when: step{data: &events.SubjectAdded{Subject: id("bob"), Key: "ann", Kind: events.KindHuman}},
			then: because(rules.Taken, `Somebody has the key "ann" already`)},
		{name: "subject/key of the owner", profile: plain,
			when: step{data: &events.SubjectAdded{Subject: id("bob"), Key: "owner", Kind: events.KindHuman}},
			then: because(rules.Taken, `Somebody has the key "owner" already`)},
		{name: "subject/id in use", profile: plain, given: given(add("ann")),
			when: step{data: &events.SubjectAdded{Subject: id("ann"), Key: "bob", Kind: events.KindHuman}},
			then: because(rules.Taken, "The id "+id("ann").String()+" is another subject's")},
		{name: "subject/id of the node", profile: plain,
			when: step{data: &events.SubjectAdded{Subject: id("node"), Key: "bob", Kind: events.KindHuman}},
			then: because(rules.Taken, "The id "+id("node").String()+" is another subject's")},
		{name: "subject/kind", profile: plain, when: addKind("bob", "robot"),
			then: because(rules.Invalid, `There is no kind of subject "robot"`)},

		{name: "deactivate/nobody", profile: plain, when: deactivate("ann"), then: because(rules.NotFound, "There is no subject "+id("ann").String())},
		{name: "deactivate/the node", profile: plain, when: deactivate("node"), then: because(rules.NotFound, "There is no subject "+id("node").String())},
		{name: "deactivate/the owner", profile: plain, given: given(staffed("ann", "ledger:subject.deactivate")), when: deactivate("owner").by("ann"),
			then: hinted(rules.InUse, "The owner cannot be deactivated", "Make somebody else the owner first")},
		{name: "deactivate/twice", profile: plain, given: given(add("ann"), deactivate("ann")), when: deactivate("ann"),
			then: because(rules.NoChange, "ann is deactivated since 3")},

		noThing("role/" + id("none").String()), noThing("role/" + id("gone").String()), noThing("role/" + id("owner").String()),
		noThing("subject/" + id("none").String()), noThing("subject/" + id("r").String()), noThing("subject/" + id("node").String()),
		noThing("grant/" + id("r").String()), noThing("role/r"), noThing("role"),
		noThing("role/" + strings.ToLower(id("r").String())), noThing("subject/" + strings.ToLower(id("owner").String())),
	}
}

// Kinds of subjects, and the DID that stands for each.
func TestSubjects(t *testing.T) {
	w := open(t, plain, add("ann"), addKind("job", events.KindTechnical))
	w.do(step{data: &events.SubjectAdded{Subject: id("key"), Key: "key", Kind: events.KindAPIKey}},
		step{data: &events.SubjectAdded{Subject: id("wal"), Key: "wal", Kind: events.KindWallet, DID: cowDID}},
		step{data: &events.SubjectAdded{Subject: id("sr"), Key: "sr", Kind: events.KindDID, DID: "did:hedera:testnet:a_0.0.1", Credential: did("sr")}})
	for i, want := range []rules.Subject{
		{ID: id("ann"), Key: "ann", Kind: events.KindHuman, DID: did("ann")},
		{ID: id("job"), Key: "job", Kind: events.KindTechnical, DID: did("job")},
		{ID: id("key"), Key: "key", Kind: events.KindAPIKey, DID: "urn:uuid:" + rules.UUID(id("key"))},
		{ID: id("wal"), Key: "wal", Kind: events.KindWallet, DID: cowDID},
		{ID: id("sr"), Key: "sr", Kind: events.KindDID, DID: "did:hedera:testnet:a_0.0.1"},
	} {
		want.Added, want.State = uint64(i+2), rules.StateActive
		if got, ok := w.s.Subject(want.ID); !ok || got != want {
			t.Errorf("Subject(%s) = %+v, %v; want %+v", want.Key, got, ok, want)
		}
		if got, ok := w.s.SubjectByKey(want.Key); !ok || got != want.ID {
			t.Errorf("SubjectByKey(%s) = %s, %v", want.Key, got, ok)
		}
	}
	if _, ok := w.s.SubjectByKey("node"); ok {
		t.Error("the node has a key")
	}
}

func TestUUID(t *testing.T) {
	u := [16]byte{0x6c, 0x0c, 0x8a, 0x7a, 0xaf, 0xef, 0x40, 0xe2, 0x90, 0x0b, 0x56, 0x0a, 0x60, 0x94, 0x5b, 0xfe}
	if got := rules.UUID(u); got != "6c0c8a7a-afef-40e2-900b-560a60945bfe" {
		t.Errorf("UUID = %s", got)
	}
}

// Who is deactivated keeps what it has, for nothing: no check says yes, nothing can be added, all can be taken.
func TestDeactivated(t *testing.T) {
	w := open(t, plain, create("r", "a"), staffed("ann", "ledger:subject.add", "a"), grant("ann", "b"), assign("ann", "r"))
	if !w.check("ann", "a", "") || !w.check("ann", "b", "") {
		t.Fatal("ann does not have what she was given")
	}
	w.do(deactivate("ann"))
	if u, _ := w.s.Subject(id("ann")); u.Deactivated != w.s.Position() {
		t.Errorf("deactivated at %d; want %d", u.Deactivated, w.s.Position())
	}
	for _, p := range []string{"a", "b", "ledger:subject.add"} {
		if w.check("ann", p, "") {
			t.Errorf("ann still has %s", p)
		}
	}
	if got := len(w.s.Held(id("ann"), w.s.Time())); got != 3 {
		t.Errorf("holds %d things; want the 3 she was given", got)
	}
	for _, st := range []step{assign("ann", "r").on("x/1"), grant("ann", "c"), setRoles("ann"), set("ann"), register("k", events.PurposeCredential, "ann")} {
		if r := w.refused(st); r.Code != rules.Inactive || r.Reason != "ann is deactivated since 8" {
			t.Errorf("%s: %v", st.data.Type(), &r)
		}
	}
	w.do(revoke("ann", "b"), revokeRole("ann", "r"), revokeKey("ann"), issue("subject/"+id("ann").String()))
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		profile events.Profile
		want    uint64
	}{{plain, 2}, {guardian, 10}} {
		w := open(t, c.profile, publish("shop", perm("x"), perm("y")), add("ann"), create("r", "shop:x"), addTo("r", "shop:y"), assign("ann", "r"),
			setRoles("ann"), assign("ann", "r").until(start.Add(time.Hour)), ended(8).after(time.Hour), remove("r"), create("r#2"),
			issue("role/"+id("r#2").String()), issue("subject/"+id("owner").String()), register("k", events.PurposeCredential, "ann"))
		documents := uint64(0)
		for _, e := range w.events {
			if w.s.Documented(e.Data) {
				documents++
			}
		}
		if got := w.s.Documents(); got != c.want || documents != c.want {
			t.Errorf("%s: %d documents, %d events that have one; want %d", c.profile.Name, got, documents, c.want)
		}
	}
}

// Announced are the types that change a role or what somebody holds, and no others.
func TestAnnounced(t *testing.T) {
	want := map[events.Type]bool{
		"role.created": true, "role.updated": true, "role.deleted": true, "role.assigned": true, "role.delegated": true, "role.revoked": true,
		"roles.set": true, "grant.ended": true, "permission.granted": true, "permission.revoked": true, "permissions.set": true,
	}
	for typ := range events.Types() {
		d, _ := events.New(typ)
		if got := rules.Announced(d); got != want[typ] {
			t.Errorf("Announced(%s) = %v; want %v", typ, got, want[typ])
		}
	}
}

func TestThing(t *testing.T) {
	u := id("r")
	for _, c := range []struct {
		about, kind string
		ok          bool
	}{
		{"role/" + u.String(), "role", true}, {"subject/" + u.String(), "subject", true}, {"/" + u.String(), "", true},
		{"role/" + u.String() + "/x", "role", false}, {u.String(), u.String(), false}, {"role/", "role", false},
		{"role/" + u.String()[1:], "role", false}, {"role/01arz3ndektsv4rrffq69g5fav", "role", false},
	} {
		kind, got, ok := rules.Thing(c.about)
		if kind != c.kind || ok != c.ok || ok && got != u {
			t.Errorf("Thing(%q) = %q, %s, %v; want %q, %v", c.about, kind, got, ok, c.kind, c.ok)
		}
	}
}
