package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// What the random world is made of.
var (
	someSubjects   = []string{"ann", "ben", "carl", "etl", "key", "robot"}
	someKinds      = map[string]string{"ann": "human", "ben": "human", "carl": "did", "etl": "technical", "key": "api-key", "robot": "technical"}
	someTypes      = []string{"user", "service", "identity", "subject", "human", "technical", "api-key", "wallet", "machine", "x"}
	someRoles      = []string{"r1", "r2", "r3"}
	someActions    = []string{"read", "write", "delete", "share", "nothing"}
	someScopes     = []string{"", "fund/f1", "fund/f1/doc/d1", "doc/d2", "doc/a%2Fb"}
	someConditions = []string{"", `resource.properties.state == "open"`, `subject.properties.desk != "retail"`, `action.properties.soft == "true" && subject.properties.level == "3"`}
	someResources  = [][2]string{{"fund", "f1"}, {"doc", "fund/f1/doc/d1"}, {"doc", "d2"}, {"doc", "a/b"}, {"doc", "d1"}, {"Doc", "d2"}, {"fund/f1/doc", "d1"}, {"doc", ""}}
	someValues     = []string{`"open"`, `"retail"`, `"3"`, `3`, `3.0`, `true`, `"true"`, `null`, `["open"]`}
	someNames      = []string{"state", "desk", "soft", "level", "type"}
)

func drawn[V any](t *rapid.T, label string, from []V) V {
	return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
}

// changes gives a random change; many are refused.
func randomChange(t *rapid.T) wire.Intent {
	subject, role := drawn(t, "subject", someSubjects), drawn(t, "role", someRoles)
	in := wire.Intent{Subject: subject, Scope: drawn(t, "scope", someScopes)}
	switch rapid.IntRange(0, 12).Draw(t, "change") {
	case 0, 1, 2, 3:
		in.Kind, in.Role, in.Condition = wire.AssignRole, role, drawn(t, "condition", someConditions)
	case 4:
		in.Kind, in.Role = wire.RevokeRole, role
	case 5, 6:
		in.Kind, in.Permission, in.Condition = wire.GrantPermission, drawn(t, "permission", someActions[:4]), drawn(t, "condition", someConditions)
	case 7:
		in.Kind, in.Permission = wire.RevokePermission, drawn(t, "permission", someActions[:4])
	case 8:
		in = wire.Intent{Kind: wire.UpdateRole, Role: role, Add: []string{drawn(t, "permission", someActions[:4])}}
	case 9:
		in = wire.Intent{Kind: wire.UpdateRole, Role: role, Remove: []string{drawn(t, "permission", someActions[:4])}}
	case 10:
		in = wire.Intent{Kind: wire.UpdateSubject, Subject: subject, Properties: map[string]string{drawn(t, "name", someNames): drawn(t, "value", []string{"open", "retail", "3", "machine"})}}
	case 11:
		in = wire.Intent{Kind: wire.RegisterResource, Resource: drawn(t, "resource", someScopes[1:]), Name: new("x"), Properties: map[string]string{"state": drawn(t, "value", []string{"open", "shut"})}}
	case 12:
		in = wire.Intent{Kind: drawn(t, "life", []string{wire.DeactivateSubject, wire.ReactivateSubject}), Subject: subject}
	}
	return in
}

// entityJSON gives a random entity as it stands in a request, and its properties as conditions compare them.
func entityJSON(t *rapid.T, head string) (string, []events.Property) {
	props, kept := map[string]string{}, map[string]string{}
	for range rapid.IntRange(0, 2).Draw(t, "properties") {
		props[drawn(t, "name", someNames)] = drawn(t, "value", someValues)
	}
	var members []string
	for name, value := range props {
		members = append(members, fmt.Sprintf("%q:%s", name, value))
		switch value {
		case "null", `["open"]`:
		case "3.0":
			kept[name] = "3"
		default:
			kept[name] = strings.Trim(value, `"`)
		}
	}
	var list []events.Property
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		list = append(list, events.Property{Name: name, Value: kept[name]})
	}
	if len(members) == 0 {
		return "{" + head + "}", nil
	}
	return "{" + head + `,"properties":{` + strings.Join(members, ",") + "}}", list
}

// question is a random question, and what the index is asked in its place.
type randomQuestion struct {
	subject, action, resource string // as JSON
	context                   string // its member permledger
	typ, id, name, path       string
	resourceType, resourceID  string
	in                        rules.Context
	asOf                      string
}

func (w *world) randomQuestion(t *rapid.T) (q randomQuestion) {
	org, _ := w.node.Org("acme")
	q.typ, q.id, q.name = drawn(t, "type", someTypes), drawn(t, "id", append(someSubjects, "owner", "nobody")), drawn(t, "action", someActions)
	if v, err := org.Access.Subject(q.id, org.Access.Now(time.Now())); err == nil && rapid.Bool().Draw(t, "by id") {
		q.id = v.ID.String()
	}
	r := drawn(t, "resource", someResources)
	q.resourceType, q.resourceID = r[0], r[1]
	switch {
	case r[1] == "fund/f1/doc/d1":
		q.path = r[1]
	default:
		q.path = map[string]string{"Doc": "%44oc", "fund/f1/doc": "fund%2Ff1%2Fdoc"}[r[0]]
		if q.path == "" {
			q.path = r[0]
		}
		q.path += "/" + strings.ReplaceAll(r[1], "/", "%2F")
	}
	q.subject, q.in.Subject = entityJSON(t, fmt.Sprintf(`"type":%q,"id":%q`, q.typ, q.id))
	q.action, q.in.Action = entityJSON(t, fmt.Sprintf(`"name":%q`, q.name))
	q.resource, q.in.Resource = entityJSON(t, fmt.Sprintf(`"type":%q,"id":%q`, r[0], r[1]))
	if rapid.IntRange(0, 3).Draw(t, "earlier") == 0 {
		q.asOf = fmt.Sprint(rapid.Uint64Range(1, org.Access.Head().Position).Draw(t, "as of"))
		q.context = fmt.Sprintf(`,"context":{"permledger":{"as_of":%q}}`, q.asOf)
	}
	return q
}

func (q randomQuestion) json() string {
	return fmt.Sprintf(`{"subject":%s,"action":%s,"resource":%s%s}`, q.subject, q.action, q.resource, q.context)
}

// allowed answers a question without the decision point.
func (w *world) allowed(t *rapid.T, q randomQuestion) bool {
	org, _ := w.node.Org("acme")
	a, _, err := org.Access.ParseAsOf(q.asOf, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v, err := org.Access.Subject(q.id, access.AsOf{Position: org.Access.Head().Position})
	if err != nil {
		return false
	}
	kinds := map[string][]string{"user": {"human", "did"}, "service": {"technical", "api-key"}, "identity": {v.Kind}, "subject": {v.Kind}}
	own, said := org.Access.Property(q.id, "type", a)
	if !slices.Contains(kinds[q.typ], v.Kind) && q.typ != v.Kind && !(said && own == q.typ) {
		return false
	}
	return org.Access.CheckIn(q.id, q.name, q.path, q.in, a).Allowed
}

// post asks a decision point, which must answer.
func (w *world) post(t *rapid.T, path, body string, into any) {
	resp, answer := w.asked(apiKey("acme", "owner"), "/orgs/acme/access/v1/"+path, body)
	if err := json.Unmarshal([]byte(answer), into); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", path, body, resp.StatusCode, answer)
	}
}

// Given random changes, when random questions are asked, then an evaluation is what the index answers with its reasons, a
// batch is the sequence of its evaluations, and a search, page by page, finds just what evaluations say yes to.
func TestAuthZENIsTheIndex(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	for _, subject := range someSubjects {
		w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: subject, SubjectKind: someKinds[subject]})
	}
	for _, role := range someRoles {
		w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: role, Permissions: []string{"read"}})
	}
	yes := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 3 {
			_, _, _ = w.try("acme", "owner", randomChange(t))
		}
		var questions, answers []string
		var want []wire.AuthZENDecision
		for range 8 {
			q := w.randomQuestion(t)
			one, allowed := wire.AuthZENDecision{}, w.allowed(t, q)
			if w.post(t, "evaluation", q.json(), &one); one.Decision != allowed {
				t.Fatalf("%s is answered with %v", q.json(), one.Decision)
			}
			if allowed {
				yes++
			}
			questions, answers, want = append(questions, q.json()), append(answers, fmt.Sprint(one.Decision)), append(want, one)
		}
		semantic := drawn(t, "semantic", []string{"execute_all", "deny_on_first_deny", "permit_on_first_permit"})
		if n := slices.Index(answers, fmt.Sprint(semantic == "permit_on_first_permit")); semantic != "execute_all" && n >= 0 {
			want = want[:n+1]
		}
		var many wire.AuthZENDecisions
		w.post(t, "evaluations", fmt.Sprintf(`{"options":{"evaluations_semantic":%q},"evaluations":[%s]}`, semantic, strings.Join(questions, ",")), &many)
		if diff := cmp.Diff(want, many.Evaluations); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", semantic, diff)
		}
		w.searches(t, w.randomQuestion(t))
	})
	if yes == 0 {
		t.Error("nothing was ever allowed")
	}
}

// searches asks each search with a question's other members, and holds it against evaluations of all that there is.
func (w *world) searches(t *rapid.T, q randomQuestion) {
	org, _ := w.node.Org("acme")
	a, _, err := org.Access.ParseAsOf(q.asOf, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	results := map[string][]wire.AuthZENResult{}
	// try asks everything that a search could find at once, and keeps what is answered with yes.
	try := func(searched string, candidates []wire.AuthZENResult, item func(wire.AuthZENResult) string) {
		results[searched] = []wire.AuthZENResult{}
		items := []string{}
		for _, c := range candidates {
			items = append(items, item(c))
		}
		var many wire.AuthZENDecisions
		if w.post(t, "evaluations", `{"evaluations":[`+strings.Join(items, ",")+`],`+q.json()[1:], &many); len(items) > 0 {
			for n, d := range many.Evaluations {
				if d.Decision {
					results[searched] = append(results[searched], candidates[n])
				}
			}
		}
	}
	var subjects, resources, actions []wire.AuthZENResult
	all := org.Access.Subjects(a)
	slices.SortFunc(all, func(a, b access.SubjectView) int { return int(a.Added) - int(b.Added) })
	for _, v := range all {
		subjects = append(subjects, wire.AuthZENResult{Type: q.typ, ID: v.Key})
	}
	for _, r := range org.Access.Resources(q.resourceType, a) {
		id := strings.ReplaceAll(strings.TrimPrefix(r.Path, "doc/"), "%2F", "/")
		if q.resourceType == "fund" {
			id = strings.TrimPrefix(r.Path, "fund/")
		}
		resources = append(resources, wire.AuthZENResult{Type: q.resourceType, ID: id})
	}
	for _, p := range org.Access.Permissions(a) {
		actions = append(actions, wire.AuthZENResult{Name: p.Name})
	}
	try("subject", subjects, func(r wire.AuthZENResult) string {
		return `{"subject":` + strings.Replace(q.subject, fmt.Sprintf(`"id":%q`, q.id), fmt.Sprintf(`"id":%q`, r.ID), 1) + "}"
	})
	try("resource", resources, func(r wire.AuthZENResult) string {
		return `{"resource":` + strings.Replace(q.resource, fmt.Sprintf(`"id":%q`, q.resourceID), fmt.Sprintf(`"id":%q`, r.ID), 1) + "}"
	})
	try("action", actions, func(r wire.AuthZENResult) string { return fmt.Sprintf(`{"action":{"name":%q}}`, r.Name) })
	for searched, want := range results {
		if got := w.pages(t, searched, q.json()[1:], rapid.IntRange(1, 60).Draw(t, "limit")); !slices.Equal(got, want) {
			t.Errorf("%s of %s (-want +got):\n%s", searched, q.json(), cmp.Diff(want, got))
		}
	}
}

// pages gives the results of a search, asked for page by page.
func (w *world) pages(t *rapid.T, searched, rest string, limit int) []wire.AuthZENResult {
	all := []wire.AuthZENResult{}
	for token := ""; ; {
		var page wire.AuthZENResults
		w.post(t, "search/"+searched, fmt.Sprintf(`{"page":{"limit":%d,"token":%q},`, limit, token)+rest, &page)
		all = append(all, page.Results...)
		if page.Page == nil || page.Page.Count != len(page.Results) || len(page.Results) > limit {
			t.Fatalf("a page of %d says of itself %+v", len(page.Results), page.Page)
		}
		if token = page.Page.NextToken; token == "" {
			return all
		}
		if len(page.Results) != limit {
			t.Fatalf("a page has %d results of %d, and is not the last", len(page.Results), limit)
		}
	}
}
