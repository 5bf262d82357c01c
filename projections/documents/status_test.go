package documents_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/documents"
)

// Given a role and a user whose documents were issued, when what they say is added to, taken away and ended, then the
// bits are set from the entry on that did so, and a status list of an earlier position is as it was.
func TestStatus(t *testing.T) {
	l, role, subject := some(t)                                                // documents at 3 (role), 5 (subject), 6 (role with more), 7 (subject with nothing)
	l.Do(&events.RoleUpdated{Role: role, Remove: []string{documenttest.Read}}) // 8
	l.Do(&events.DocumentIssued{Thing: "subject/" + subject.String()})         // 9
	l.Do(&events.RoleDeleted{Role: role})                                      // 10
	l.Do(&events.SubjectDeactivated{Subject: subject})                         // 11
	p := fold(l.Entries)
	for n, want := range [][2]uint64{{8, 6}, {7, 7}, {8, 8}, {11, 9}, {10, 10}, {11, 0}, {0, 0}} {
		d, _ := p.At(p.List("", 0, 10)[n].Position)
		if d.Number != uint64(n) || d.Revoked != want[0] || d.Refreshed != want[1] {
			t.Errorf("document %d, at %d: revoked at %d, refreshed at %d; want %v", n, d.Position, d.Revoked, d.Refreshed, want)
		}
	}
	for at := uint64(0); at <= 11; at++ {
		for i, purpose := range []string{document.PurposeRevocation, document.PurposeRefresh} {
			bits, ok := p.Status(purpose, 0, at)
			if ok != (at >= 3) {
				t.Errorf("at %d there is a list: %v", at, ok)
			}
			for n, d := range p.List("", 0, 10) {
				since := [2]uint64{d.Revoked, d.Refreshed}[i]
				if ok && bits.Get(n) != (since != 0 && since <= at) {
					t.Errorf("%s of %d at %d: %v", purpose, n, at, bits.Get(n))
				}
			}
			if len(bits) != 0 && len(bits) != document.StatusListLength/8 {
				t.Errorf("a list of %d bytes", len(bits))
			}
		}
	}
	for _, none := range []struct {
		purpose string
		list    uint64
	}{{document.PurposeRefresh, 1}, {document.PurposeRevocation, 1 << 60}, {"suspension", 0}, {"", 0}} {
		if _, ok := p.Status(none.purpose, none.list, 11); ok {
			t.Errorf("there is a list %+v", none)
		}
	}
}

// Given any history, when it is read slowly, then a document that is not revoked says nothing that is not so any more,
// but for what it says the end of; and each that is was revoked by an entry that took something from what it speaks of.
func TestRevokedIsWhatIsNotSoAnyMore(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := anything(t, r)
		p := documents.New()
		f := projections.NewFold(p)
		state := rules.New()
		var before, after map[string]saying
		var kept *documents.Projection // read from a snapshot on the way
		cut := rapid.Uint64Range(1, uint64(len(l.Entries))).Draw(r, "snapshot at")
		for _, en := range l.Entries {
			before, after = says(state, l, en), nil
			f.Apply(en)
			rules.Evolve(state, en.Event)
			if kept != nil {
				kept.Apply(en, state)
			}
			if en.Event.Sequence == cut {
				kept = documents.New()
				if err := kept.ReadSnapshot(p.AppendSnapshot(nil)); err != nil {
					r.Fatal(err)
				}
			}
			after = says(state, l, en)
			for _, d := range p.List("", 0, 1000) {
				about := d.About.String()
				whole, _ := p.At(d.Position)
				if d.Revoked == 0 {
					if gone := after[about].lacks(stated(t, whole.File), en.Event.Time); gone != "" {
						r.Fatalf("at %d %s: document %d is not revoked and says %s\n%s", en.Event.Sequence, en.Event.Data.Type(), d.Number, gone, whole.File)
					}
				}
				_, removed := en.Event.Data.(*events.SubjectRemoved) // for ever: that is more, also of who could do nothing before
				if d.Revoked == en.Event.Sequence && !removed {
					if after[about].lacks(before[about], time.Time{}) == "" {
						r.Fatalf("at %d %s: document %d is revoked, and nothing was taken away", en.Event.Sequence, en.Event.Data.Type(), d.Number)
					}
				}
			}
		}
		if got, want := everything(kept), everything(p); got != want {
			r.Fatalf("from a snapshot at %d it goes on as\n%s\nwant\n%s", cut, got, want)
		}
	})
}

// saying is what is so of a thing: each with its end.
type saying map[string]time.Time

// lacks gives something of another saying that is not in this one, and had not ended.
func (s saying) lacks(other saying, at time.Time) string {
	for what, until := range other {
		if _, ok := s[what]; !ok && (until.IsZero() || at.Before(until)) {
			return what
		}
	}
	return ""
}

// says is what is so of each thing, asked one by one.
func says(s *rules.State, l *documenttest.Ledger, en *chain.Entry) map[string]saying {
	all := map[string]saying{}
	if s.Position() == 0 {
		return all
	}
	for _, e := range l.Entries[:s.Position()] {
		switch d := e.Event.Data.(type) {
		case *events.RoleCreated:
			r, _ := s.Role(d.Role)
			one := saying{}
			if r.Deleted == 0 {
				one["there"] = time.Time{}
				for _, name := range s.RolePermissions(d.Role) {
					one[name] = time.Time{}
				}
			}
			all["role/"+d.Role.String()] = one
		case *events.SubjectAdded:
			u, _ := s.Subject(d.Subject)
			one := saying{}
			active := u.Deactivated == 0
			if h := s.About(d.Subject).Holder; h != (ulid.ULID{}) {
				holder, _ := s.Subject(h)
				active = active && holder.Deactivated == 0
			}
			if active {
				one["active"] = time.Time{}
			}
			for _, h := range s.Held(d.Subject, time.Time{}) { // ends apart: documents say them
				one[h.Role.String()+h.Permission+" on "+h.Scope] = h.Until
			}
			all["subject/"+d.Subject.String()] = one
		}
	}
	return all
}

// stated is what a document says is so.
func stated(t *testing.T, file []byte) saying {
	var doc struct {
		Subject struct {
			Type        string `json:"type"`
			Deleted     bool
			State       string
			Permissions []json.RawMessage
			Roles       []struct{ UUID, Scope, Until string }
		} `json:"credentialSubject"`
	}
	if err := json.Unmarshal(file, &doc); err != nil {
		t.Fatal(err)
	}
	until := func(text string) (at time.Time) {
		at, _ = time.Parse(time.RFC3339Nano, text)
		return at
	}
	one := saying{}
	if doc.Subject.Type == "Role" {
		if !doc.Subject.Deleted {
			one["there"] = time.Time{}
			for _, name := range doc.Subject.Permissions {
				var text string
				if err := json.Unmarshal(name, &text); err != nil {
					t.Fatal(err)
				}
				one[canonicalName(text)] = time.Time{}
			}
		}
		return one
	}
	if doc.Subject.State == "" {
		one["active"] = time.Time{}
	}
	for _, raw := range doc.Subject.Permissions {
		var p struct{ Name, Scope, Until string }
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		one[ulid.ULID{}.String()+canonicalName(p.Name)+" on "+p.Scope] = until(p.Until)
	}
	for _, r := range doc.Subject.Roles {
		var id ulid.ULID
		var plain []byte
		if _, err := fmt.Sscanf(r.UUID[:8]+r.UUID[9:13]+r.UUID[14:18]+r.UUID[19:23]+r.UUID[24:], "%x", &plain); err != nil {
			t.Fatal(err)
		}
		copy(id[:], plain)
		one[id.String()+" on "+r.Scope] = until(r.Until)
	}
	return one
}

func canonicalName(text string) string {
	if text == "POLICIES_POLICY_READ" || text == "POLICIES_POLICY_UPDATE" {
		return "guardian:" + text
	}
	return text
}

// anything draws a ledger in which everything happens that gives and takes, by the owner and by those who pass on.
func anything(tb testing.TB, t *rapid.T) *documenttest.Ledger {
	profile := documenttest.Guardian
	profile.Delegation, profile.Documents = true, rapid.Bool().Draw(t, "documents")
	l := documenttest.Open(tb, profile, "")
	roles := []ulid.ULID{l.AddRole("One", "", documenttest.Read, documenttest.Write), l.AddRole("Two", "", "export")}
	people := []ulid.ULID{l.AddSubject(""), l.AddSubject(""), l.AddSubject("")}
	key := l.ID()
	l.Do(&events.SubjectAdded{Subject: key, Key: "key", Kind: events.KindAPIKey, Holder: people[0]})
	people = append(people, key)
	scopes := []string{"", "policy/1"}
	for range rapid.IntRange(0, 25).Draw(t, "steps") {
		role := rapid.SampledFrom(roles).Draw(t, "role")
		person := rapid.SampledFrom(people).Draw(t, "person")
		scope := rapid.SampledFrom(scopes).Draw(t, "scope")
		var until time.Time
		if rapid.Bool().Draw(t, "ends") {
			until = l.Now.Add(5 * time.Second)
		}
		switch rapid.IntRange(0, 15).Draw(t, "step") {
		case 0, 1:
			l.Try(&events.RoleAssigned{Subject: person, Role: role, Scope: scope, Until: until})
		case 2, 3, 4:
			by := rapid.SampledFrom(people).Draw(t, "by")
			l.TryAs(by, &events.RoleDelegated{Subject: person, Role: role, Scope: scope, Until: until})
		case 5:
			l.Try(&events.RoleRevoked{Subject: person, Role: role, Scope: scope})
		case 6:
			l.Try(&events.PermissionGranted{Subject: person, Permission: documenttest.Write, Scope: scope, Until: until})
		case 7:
			l.Try(&events.PermissionRevoked{Subject: person, Permission: documenttest.Write, Scope: scope})
		case 8:
			l.Try(&events.RolesSet{Subject: person, Roles: slices.Clone(roles[:rapid.IntRange(0, 1).Draw(t, "set")])})
		case 9:
			l.Try(&events.PermissionsSet{Subject: person, Scope: scope, Permissions: []string{"export"}})
		case 10:
			l.Try(&events.SubjectDeactivated{Subject: person})
		case 11:
			l.Try(&events.SubjectReactivated{Subject: person})
		case 12:
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				l.Try(&events.SubjectRemoved{Subject: person})
			}
		case 13:
			if rapid.Bool().Draw(t, "take") {
				l.Try(&events.RoleUpdated{Role: role, Remove: []string{documenttest.Write}})
			} else {
				l.Try(&events.RoleUpdated{Role: role, Add: []string{documenttest.Write}})
			}
		default:
			l.Try(&events.DocumentIssued{Thing: "subject/" + person.String()})
			l.Try(&events.DocumentIssued{Thing: "role/" + role.String()})
		}
		for {
			due, ok := l.State.NextEnd()
			if !ok || due.Until.After(l.Now) {
				break
			}
			l.Do(&events.GrantEnded{Grant: due.Grant})
		}
	}
	return l
}
