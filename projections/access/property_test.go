package access_test

import (
	gocmp "cmp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// questions calls ask with every subject, permission and resource there is.
func questions(ask func(subject, permission, resource string)) {
	for _, s := range append([]string{"owner", "nobody"}, people...) {
		for _, p := range allNames() {
			for _, r := range resources {
				ask(s, p, r)
			}
		}
	}
}

// asOf draws a point in the ledger's history: a position, and an instant near its time.
func (l *ledger) asOf(t *rapid.T) access.AsOf {
	n := uint64(len(l.entries))
	if rapid.Bool().Draw(t, "earlier") {
		n = uint64(draw(t, int(n)+1, "position"))
	}
	at := begin
	if n > 0 {
		at = l.entries[n-1].Event.Time
	}
	return access.AsOf{Position: n, Instant: at.Add(time.Duration(draw(t, 500, "instant")-200) * time.Minute)}
}

// Given any history, when it is asked as of any position and instant, then the index says what the rules say of the
// state folded to there.
func TestAsTheRulesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := random(t)
		for range 4 {
			a := l.asOf(t)
			compareWithState(t, l, a)
			compareQuestions(t, l, a)
		}
	})
}

func compareWithState(t *rapid.T, l *ledger, a access.AsOf) {
	t.Helper()
	x, s := l.index, l.stateAt(a.Position)
	questions(func(subject, permission, resource string) {
		got, want := x.Check(subject, permission, resource, a), false
		if a.Position > 0 {
			want = s.Check(id(subject), permission, resource, a.Instant)
		}
		if got.Allowed != want || got.Allowed != (len(got.Because) > 0) {
			t.Fatalf("Check(%s, %s, %q) as of %v: got %+v, want %t", subject, permission, resource, a, got, want)
		}
		if got := x.Allows(subject, permission, resource, a); got != want {
			t.Fatalf("Allows(%s, %s, %q) as of %v: got %t, want %t", subject, permission, resource, a, got, want)
		}
	})
	holders := map[ulid.ULID]int{}
	for _, name := range append([]string{"owner"}, people...) {
		want, known := s.Subject(id(name))
		got, err := x.Subject(name, a)
		if known != (err == nil) {
			t.Fatalf("Subject(%s) as of %v: %v, want %t", name, a, err, known)
		}
		if !known {
			continue
		}
		if got.ID != want.ID || got.Key != want.Key || got.Kind != want.Kind || got.DID != want.DID || got.Added != want.Added || got.Deactivated != want.Deactivated {
			t.Fatalf("Subject(%s) as of %v: got %+v, want %+v", name, a, got, want)
		}
		h, err := x.Holdings(want.ID.String(), a)
		if err != nil {
			t.Fatal(err)
		}
		var held []rules.Held
		has := map[ulid.ULID]bool{}
		for _, one := range append(slices.Clone(h.Roles), h.Permissions...) {
			held = append(held, rules.Held{Grant: one.Grant, Role: one.Role.ID, Permission: one.Permission, Scope: one.Scope, Until: one.Until})
			if one.Role.ID != (ulid.ULID{}) && !has[one.Role.ID] {
				has[one.Role.ID] = true
				holders[one.Role.ID]++
			}
			if e := l.entries[one.At-1].Event; e.ID != one.Grant || e.Actor != one.By {
				t.Fatalf("Holdings(%s): %+v was not given at %d", name, one, one.At)
			}
		}
		less := func(a, b rules.Held) int {
			return gocmp.Or(a.Role.Compare(b.Role), gocmp.Compare(a.Permission, b.Permission), gocmp.Compare(a.Scope, b.Scope))
		}
		all := s.Held(want.ID, a.Instant)
		slices.SortFunc(held, less)
		slices.SortFunc(all, less)
		if diff := cmp.Diff(all, held); diff != "" {
			t.Fatalf("Holdings(%s) as of %v (-want +got):\n%s", name, a, diff)
		}
	}
	for _, name := range roleNames {
		want, known := s.Role(id(name))
		known = known && want.Deleted == 0
		got, err := x.Role(id(name).String(), a)
		if known != (err == nil) {
			t.Fatalf("Role(%s) as of %v: %v, want %t", name, a, err, known)
		}
		if !known {
			continue
		}
		permissions := s.RolePermissions(want.ID)
		if got.Key != want.Key || got.Name != want.Name || !slices.Equal(got.Labels, want.Labels) || got.Count != want.Count ||
			got.Created != want.Created || got.Changed != want.Changed || !slices.Equal(got.Permissions, permissions) || got.Holders != holders[want.ID] {
			t.Fatalf("Role(%s) as of %v: got %+v, want %+v %v, %d holders", name, a, got, want, permissions, holders[want.ID])
		}
	}
	for _, key := range roleKeys {
		want, known := s.RoleByKey(key)
		if got, err := x.Role(key, a); known != (err == nil) || known && got.ID != want {
			t.Fatalf("Role(%s) as of %v: got %v %v, want %v %t", key, a, got.ID, err, want, known)
		}
	}
	for _, name := range allNames() {
		canonical, _ := s.Permission(name)
		if _, err := x.Permission(name, a); (err == nil) != (canonical == name) {
			t.Fatalf("Permission(%s) as of %v: %v, want %t", name, a, err, canonical == name)
		}
	}
}

// compareQuestions holds the other questions against Check, which is held against the rules.
func compareQuestions(t *rapid.T, l *ledger, a access.AsOf) {
	t.Helper()
	x := l.index
	questions(func(subject, permission, resource string) {
		check := x.Check(subject, permission, resource, a)
		explained := x.Explain(subject, permission, resource, a)
		if diff := cmp.Diff(check, explained.Answer); diff != "" {
			t.Fatalf("Explain(%s, %s, %q) as of %v differs from Check (-check +explain):\n%s", subject, permission, resource, a, diff)
		}
		i := slices.IndexFunc(x.WhoCan(permission, resource, a), func(w access.Who) bool { return w.Subject.Key == subject })
		if (i >= 0) != check.Allowed {
			t.Fatalf("WhoCan(%s, %q) as of %v has %s: %t, Check says %t", permission, resource, a, subject, i >= 0, check.Allowed)
		}
	})
	assigned := map[string][]string{}
	for s, names := range x.Assignments(a) {
		assigned[s.Key] = names
	}
	for _, s := range x.Subjects(a) {
		effective, err := x.Effective(s.Key, a)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, e := range effective {
			names = append(names, e.Permission)
			for _, r := range e.Because {
				here := x.Check(s.Key, e.Permission, r.Scope, a)
				if !slices.Contains(here.Because, r) {
					t.Fatalf("Effective(%s) as of %v: %s by %+v, which Check does not say", s.Key, a, e.Permission, r)
				}
			}
		}
		for _, p := range allNames() {
			for _, r := range resources {
				if x.Check(s.Key, p, r, a).Allowed && !slices.Contains(names, p) {
					t.Fatalf("Effective(%s) as of %v lacks %s", s.Key, a, p)
				}
			}
		}
		given, active := assigned[s.Key]
		if active != (s.Deactivated == 0) || active && !slices.Equal(given, names) {
			t.Fatalf("Assignments as of %v: %s has %v, want %v", a, s.Key, given, names)
		}
	}
}

// Given any history, when answers as of a position are taken before and after more is recorded, then they are the same.
func TestThePastStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := random(t)
		a := l.asOf(t)
		if rapid.Bool().Draw(t, "filtered") {
			a.Occurred = l.now.Add(-time.Duration(draw(t, 4000, "occurred")) * time.Minute)
		}
		ask := func() (all []any) {
			questions(func(subject, permission, resource string) {
				all = append(all, l.index.Explain(subject, permission, resource, a))
			})
			return append(all, l.index.Roles(a), l.index.Subjects(a), l.index.Permissions(a))
		}
		before := ask()
		for range 5 {
			l.step(t)
		}
		if diff := cmp.Diff(before, ask()); diff != "" {
			t.Fatalf("as of %v (-before +after):\n%s", a, diff)
		}
	})
}

// Given any history, when it is asked as of an occurred time, then the index says what a dumb fold over the events
// that count says.
func TestOccurredAsTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := random(t)
		for range 4 {
			a := l.asOf(t)
			m := fold(l.entries[:a.Position], time.Time{})
			compareWithModel(t, l, m, a) // so that the model itself is known to say what the rules say
			a.Occurred = l.now.Add(-time.Duration(draw(t, 5000, "occurred")) * time.Minute)
			compareWithModel(t, l, fold(l.entries[:a.Position], a.Occurred), a)
			compareQuestions(t, l, a)
		}
	})
}

func compareWithModel(t *rapid.T, l *ledger, m *model, a access.AsOf) {
	t.Helper()
	questions(func(subject, permission, resource string) {
		got, want := l.index.Check(subject, permission, resource, a), m.because(subject, permission, resource, a.Instant)
		var reasons []reason
		for _, r := range got.Because {
			reasons = append(reasons, reason{r.Kind, r.At, r.Role.Key, r.Role.Name, r.PermissionAt, r.Scope, r.Until})
		}
		slices.SortFunc(reasons, byText)
		slices.SortFunc(want, byText)
		if diff := cmp.Diff(want, reasons, cmp.AllowUnexported(reason{})); diff != "" {
			t.Fatalf("Check(%s, %s, %q) as of %v (-model +index):\n%s", subject, permission, resource, a, diff)
		}
	})
	for _, name := range roleNames {
		want := m.roles[name]
		got, err := l.index.Role(id(name).String(), a)
		if (err == nil) != (want != nil) || want != nil && (got.Name != want.name || !slices.Equal(got.Permissions, want.sorted()) || got.Changed != want.changed) {
			t.Fatalf("Role(%s) as of %v: got %+v %v, want %+v", name, a, got, err, want)
		}
	}
}
