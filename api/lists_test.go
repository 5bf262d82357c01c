package api_test

import (
	"cmp"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/node/nodetest"
)

// peopled is an organization with subjects of all kinds, states and names.
func peopled(t *testing.T) *world {
	t.Helper()
	w := newWorldIn(t, filepath.Join(t.TempDir(), "data"))
	nodetest.Open(t, w.node, "acme", nodetest.Size{Subjects: 60, Roles: 7, Permissions: 30, Entries: 300})
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "BOT", SubjectKind: "api-key", SubjectKey: did("acme/bot"), Roles: []string{"role-001"}})
	w.do("acme", wire.Intent{Kind: wire.InviteSubject, Subject: "eve", SubjectKind: "human", Invitation: secret.New(secret.Invitation).DID()})
	w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: nodetest.Subject(7)})
	w.rename(nodetest.Subject(8), "Ärzte GmbH")
	return w
}

// rename gives a subject another name.
func (w *world) rename(who, name string) {
	w.t.Helper()
	commitment, text := client.Commit(name)
	p, err := w.Prepare(w.t.Context(), "acme", wire.Intent{Kind: wire.UpdateSubject, Subject: who, DisplayName: commitment, Credential: did("acme/owner")})
	if err == nil {
		_, err = w.SignAndRecord(w.t.Context(), "acme", p, keyOf("acme/owner"), []wire.Text{text})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func has(text, q string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(q)) }

func ordered[T any](list []T, sort string, orders map[string]func(a, b T) int) []T {
	name, backwards := strings.CutPrefix(cmp.Or(sort, "key"), "-")
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int {
		if c := orders[name](a, b); !backwards {
			return c
		} else {
			return -c
		}
	})
	return list
}

// all reads a list page by page, and fails where a page does not say how many items all have.
func all[T any](t *rapid.T, limit int, total int, ask func(client.Read) (wire.List[T], error), asOf string) (items []T) {
	r := client.Read{Limit: limit, AsOf: asOf}
	for {
		page, err := ask(r)
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != total || len(page.Items) > limit {
			t.Fatalf("a page of %d says that there are %d; there are %d", len(page.Items), page.Total, total)
		}
		items = append(items, page.Items...)
		if r.Cursor = page.Next; r.Cursor == "" {
			return items
		}
	}
}

// Given an organization, when its subjects and roles are looked for in any way, in any order and in pages of any size, now or
// as of an earlier position, then what comes is what whoever reads the whole list would pick.
func TestWhatIsLookedForIsFound(t *testing.T) {
	w := peopled(t)
	ctx := t.Context()
	subjectOrder := map[string]func(a, b wire.Subject) int{
		"key":   func(a, b wire.Subject) int { return cmp.Compare(a.Key, b.Key) },
		"added": func(a, b wire.Subject) int { return cmp.Compare(a.Added, b.Added) },
	}
	roleOrder := map[string]func(a, b wire.Role) int{
		"key":         func(a, b wire.Role) int { return cmp.Compare(a.Key, b.Key) },
		"name":        func(a, b wire.Role) int { return cmp.Compare(a.Name, b.Name) },
		"permissions": func(a, b wire.Role) int { return cmp.Compare(a.Count, b.Count) },
		"holders":     func(a, b wire.Role) int { return cmp.Compare(a.Holders, b.Holders) },
		"created":     func(a, b wire.Role) int { return cmp.Compare(a.Created, b.Created) },
		"changed":     func(a, b wire.Role) int { return cmp.Compare(a.Changed, b.Changed) },
	}
	texts := []string{"", "USER-0001", "example.COM", "ada", "müller", "ärzte", "Borg", "bot", "nobody at all", "role-00", "Role 003", "desk", "@"}
	subjects := map[string][]wire.Subject{}
	roles := map[string][]wire.Role{}
	given := map[string][]wire.Holds{} // what a subject has of role-001, by moment and id
	moments := []string{"", "120", "150", "head~2"}
	for _, at := range moments {
		list, err := w.FindSubjects(ctx, "acme", wire.SubjectQuery{Names: true}, client.Read{AsOf: at})
		if err != nil || list.Total != 0 {
			t.Fatalf("%d, %v", list.Total, err)
		}
		for _, s := range list.Items {
			one, err := w.Subject(ctx, "acme", s.ID, client.Read{AsOf: at})
			if err != nil || one.Item.DisplayName != s.DisplayName || one.Item.Email != s.Email || !slices.Equal(one.Item.Roles, s.Roles) {
				t.Fatalf("as of %q %s is %+v in the list, and %+v by itself; %v", at, s.Key, s, one.Item, err)
			}
			given[at+s.ID] = slices.DeleteFunc(one.Item.Holds, func(h wire.Holds) bool { return h.Role != "role-001" })
		}
		subjects[at] = list.Items
		whole, err := w.Roles(ctx, "acme", true, client.Read{AsOf: at})
		if err != nil {
			t.Fatal(err)
		}
		roles[at] = whole.Items
	}
	rapid.Check(t, func(t *rapid.T) {
		at, limit := rapid.SampledFrom(moments).Draw(t, "asOf"), rapid.IntRange(1, 70).Draw(t, "limit")
		q := wire.SubjectQuery{
			Text: rapid.SampledFrom(texts).Draw(t, "q"), Kind: rapid.SampledFrom([]string{"", "human", "technical", "human,api-key"}).Draw(t, "kind"),
			State: rapid.SampledFrom([]string{"", "active", "invited,deactivated"}).Draw(t, "state"), Role: rapid.SampledFrom([]string{"", "role-001"}).Draw(t, "role"),
			Sort: rapid.SampledFrom([]string{"", "-key", "added", "-added"}).Draw(t, "sort"), Names: true,
		}
		if rapid.Bool().Draw(t, "by id") {
			q.Text = strings.ToLower(rapid.SampledFrom(subjects[at]).Draw(t, "whose").ID)
		}
		var want []wire.Subject
		for _, s := range subjects[at] {
			if (has(s.Key, q.Text) || has(s.DisplayName, q.Text) || has(s.Email, q.Text) || strings.EqualFold(s.ID, q.Text)) &&
				(q.Kind == "" || slices.Contains(strings.Split(q.Kind, ","), s.Kind)) && (q.State == "" || slices.Contains(strings.Split(q.State, ","), s.State)) &&
				(q.Role == "" || slices.Contains(s.Roles, q.Role)) {
				if q.Role != "" {
					s.Holds = given[at+s.ID]
				}
				want = append(want, s)
			}
		}
		want = ordered(want, q.Sort, subjectOrder)
		have := all(t, limit, len(want), func(r client.Read) (wire.List[wire.Subject], error) { return w.FindSubjects(ctx, "acme", q, r) }, at)
		if fmt.Sprintf("%+v", have) != fmt.Sprintf("%+v", want) {
			t.Fatalf("%+v finds\n%+v\nand should\n%+v", q, have, want)
		}
		rq := wire.RoleQuery{Text: rapid.SampledFrom(texts).Draw(t, "role text"), Permissions: true, Sort: rapid.SampledFrom([]string{"", "-key", "name", "-permissions", "holders", "-created", "changed"}).Draw(t, "role sort")}
		var wantRoles []wire.Role
		for _, r := range roles[at] {
			if has(r.Key, rq.Text) || has(r.Name, rq.Text) || has(r.Description, rq.Text) {
				wantRoles = append(wantRoles, r)
			}
		}
		wantRoles = ordered(wantRoles, rq.Sort, roleOrder)
		haveRoles := all(t, limit, len(wantRoles), func(r client.Read) (wire.List[wire.Role], error) { return w.FindRoles(ctx, "acme", rq, r) }, at)
		if fmt.Sprintf("%+v", haveRoles) != fmt.Sprintf("%+v", wantRoles) {
			t.Fatalf("%+v finds\n%+v\nand should\n%+v", rq, haveRoles, wantRoles)
		}
	})
	for _, bad := range []string{"/subjects?sort=name", "/roles?sort=added", "/roles?sort=--key", "/subjects?state=away", "/subjects?state=active,", "/subjects?names=yes"} {
		if resp, body := w.call("owner", http.MethodGet, "/v1/orgs/acme"+bad, ""); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s is answered with %d %s", bad, resp.StatusCode, body)
		}
	}
}

// Given names that were erased, or replaced, when they are searched for, then nobody is found by them any more; and whoever
// finds somebody by a name, or lists names, is noted as having read them.
func TestNamesAreFoundWhileTheyAreThere(t *testing.T) {
	w := peopled(t)
	reader := "reader"
	w.add("acme", reader)
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: reader, Permission: "ledger:subjects.read"})
	me := w.As(apiKey("acme", reader))
	find := func(text string, at string) []string {
		t.Helper()
		list, err := me.FindSubjects(t.Context(), "acme", wire.SubjectQuery{Text: text}, client.Read{AsOf: at})
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, s := range list.Items {
			if s.DisplayName != "" || s.Email != "" {
				t.Errorf("%s is shown with its name, which nobody asked for", s.Key)
			}
			keys = append(keys, s.Key)
		}
		return keys
	}
	noted := func() int {
		t.Helper()
		list, err := w.FindActivity(t.Context(), "acme", wire.ActivityQuery{Kind: "personal-data"})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	old := nodetest.Name(8)
	if got := find("user-00008", ""); len(got) != 1 || noted() != 0 {
		t.Errorf("by the key it finds %v, and %d readings of names are noted", got, noted())
	}
	if got := find("ÄRZTE", ""); !slices.Equal(got, []string{nodetest.Subject(8)}) {
		t.Errorf("by the new name it finds %v", got)
	}
	waitFor(t, "somebody notes who was found by a name", func() bool { return noted() > 0 })
	if got := find(old, ""); slices.Contains(got, nodetest.Subject(8)) {
		t.Errorf("by the old name it finds %v", got)
	}
	if got := find(old, "head~4"); !slices.Contains(got, nodetest.Subject(8)) {
		t.Errorf("as of then, by the old name, it finds %v", got)
	}
	w.do("acme", wire.Intent{Kind: wire.EraseSubject, Subject: nodetest.Subject(8)})
	for _, name := range []string{"ärzte", "(erased)"} {
		if got := find(name, ""); len(got) != 0 {
			t.Errorf("what was erased is found: %v", got)
		}
	}
	list, err := me.FindSubjects(t.Context(), "acme", wire.SubjectQuery{Text: "user-00008", Names: true}, client.Read{})
	if err != nil || len(list.Items) != 1 || list.Items[0].DisplayName != "(erased)" {
		t.Errorf("it is listed as %+v, %v", list.Items, err)
	}
}
