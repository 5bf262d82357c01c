package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
)

const readRecord1 = `"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}`

func asks(who string) string {
	return `{"subject":{"type":"user","id":"` + who + `"},` + readRecord1 + "}"
}

// decided asks for one decision of acme's.
func (w *world) decided(token, body string) (status int, d wire.AuthZENDecision) {
	w.t.Helper()
	resp, answer := w.asked(token, "/orgs/acme/access/v1/evaluation", body)
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(answer), &d); err != nil {
			w.t.Fatalf("%s: %v", answer, err)
		}
	}
	return resp.StatusCode, d
}

// Given somebody who may read no roles, when it asks, then it is answered about itself, by key and id, and about nobody else,
// in a batch and in searches too.
func TestAuthZENAboutOneself(t *testing.T) {
	w := certification(t)
	w.do("acme", wire.Intent{Kind: wire.RegisterKey, Purpose: "credential", Subject: "alice", Key: did("acme/alice")})
	alice := apiKey("acme", "alice")
	org, _ := w.node.Org("acme")
	v, err := org.Access.Subject("alice", org.Access.Now(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	const point = "/orgs/acme/access/v1/"
	self := `{"subject":{"type":"user","id":"alice"},`
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"evaluation", asks("alice"), 200},
		{"evaluation", asks(v.ID.String()), 200},
		{"evaluation", asks("bob"), 403},
		{"evaluation", asks("nobody"), 403},
		{"evaluations", self + `"evaluations":[{` + readRecord1 + `}]}`, 200},
		{"evaluations", `{"evaluations":[` + asks("alice") + "," + asks("bob") + `]}`, 403},
		{"evaluations", self + readRecord1 + `,"evaluations":[{},{"subject":{"type":"user","id":"bob"}}]}`, 403},
		{"search/resource", self + `"action":{"name":"read"},"resource":{"type":"record"}}`, 200},
		{"search/action", self + `"resource":{"type":"record","id":"record-1"}}`, 200},
		{"search/subject", self + readRecord1 + "}", 403},
		{"search/resource", strings.ReplaceAll(self, "alice", "bob") + `"action":{"name":"read"},"resource":{"type":"record"}}`, 403},
		{"search/action", strings.ReplaceAll(self, "alice", "bob") + `"resource":{"type":"record","id":"record-1"}}`, 403},
	} {
		for _, base := range []string{"/orgs/acme", ""} {
			for range 2 { // the second time the key is known by its hash
				resp, answer := w.asked(alice, base+point[len("/orgs/acme"):]+c.path, c.body)
				if resp.StatusCode != c.status || c.status == 403 && !strings.Contains(answer, "ledger:roles.read") {
					t.Errorf("%s%s %s: got %d %s, want %d", base, c.path, c.body, resp.StatusCode, answer, c.status)
				}
			}
		}
	}
}

// Given a key by which decisions were asked for, when it is revoked, or its subject is deactivated or may no longer read, then
// the next request is refused.
func TestAuthZENAsksTheStateEachTime(t *testing.T) {
	w := certification(t)
	for _, c := range []struct {
		who    string
		change wire.Intent
		status int
	}{
		{"key", wire.Intent{Kind: wire.RevokeKey, Key: did("acme/key")}, 401},
		{"subject", wire.Intent{Kind: wire.DeactivateSubject, Subject: "subject"}, 401},
		{"right", wire.Intent{Kind: wire.SetPermissions, Subject: "right"}, 403},
	} {
		w.add("acme", c.who)
		w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: c.who, Permissions: []string{"ledger:roles.read"}})
		for range 3 {
			if status, d := w.decided(apiKey("acme", c.who), asks("alice")); status != 200 || !d.Decision {
				t.Fatalf("%s: got %d %+v", c.who, status, d)
			}
		}
		w.do("acme", c.change)
		for range 2 {
			if status, _ := w.decided(apiKey("acme", c.who), asks("alice")); status != c.status {
				t.Errorf("%s: got %d, want %d", c.who, status, c.status)
			}
		}
	}
}

// Given two organizations, when a caller of one asks at the decision point of the other, then it is answered as where there is
// no organization; and at the root it gets its own organization's answers.
func TestAuthZENTenantsApart(t *testing.T) {
	w := certification(t)
	w.open("bank", "plain")
	w.do("bank", wire.Intent{Kind: wire.AddSubject, Subject: "alice", SubjectKind: "human"})
	bank := apiKey("bank", "owner")
	for _, path := range []string{"evaluation", "evaluations", "search/subject", "search/resource", "search/action"} {
		var answers []string
		for _, org := range []string{"acme", "nobody", "acme"} {
			for _, body := range []string{asks("alice"), `{`, ``} {
				resp, answer := w.asked(bank, "/orgs/"+org+"/access/v1/"+path, body)
				if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" || resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s of %s: got %d %s", path, org, resp.StatusCode, answer)
				}
				answers = append(answers, answer)
			}
		}
		for _, answer := range answers {
			if answer != answers[0] {
				t.Errorf("%s: it is told apart: %q and %q", path, answers[0], answer)
			}
		}
	}
	for range 2 {
		if _, answer := w.asked(bank, "/access/v1/evaluation", asks("alice")); answer != `{"decision":false}` {
			t.Errorf("the bank's alice: %s", answer)
		}
		if _, answer := w.asked(apiKey("acme", "owner"), "/access/v1/evaluation", asks("alice")); answer != `{"decision":true}` {
			t.Errorf("acme's alice: %s", answer)
		}
	}
	// A key of two organizations has no one organization, also not once it was known in one.
	shared := apiKey("acme", "shared")
	w.add("acme", "shared")
	if resp, answer := w.asked(shared, "/access/v1/evaluation", asks("shared")); resp.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", resp.StatusCode, answer)
	}
	w.do("bank", wire.Intent{Kind: wire.AddSubject, Subject: "shared", SubjectKind: "technical", SubjectKey: did("acme/shared")})
	if resp, answer := w.asked(shared, "/access/v1/evaluation", asks("shared")); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(answer, "/orgs/{org}/access/v1/") {
		t.Errorf("got %d %s", resp.StatusCode, answer)
	}
	if resp, answer := w.asked(token, "/access/v1/evaluation", asks("alice")); resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, "/orgs/{org}/access/v1/") {
		t.Errorf("the operator of the machine: got %d %s", resp.StatusCode, answer)
	}
}

// Given a search of several pages, when the ledger grows meanwhile, then the pages answer as of the first; a token goes with no
// other request, organization or search, and nobody makes one up.
func TestAuthZENPages(t *testing.T) {
	w := certification(t)
	for _, who := range []string{"c1", "c2", "c3"} {
		w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: who, SubjectKind: "human", Roles: []string{"reader"}})
	}
	w.open("bank", "plain")
	const path = "/orgs/acme/access/v1/search/subject"
	owner := apiKey("acme", "owner")
	ask := func(path, token, key, rest string) (int, wire.AuthZENResults) {
		t.Helper()
		resp, answer := w.asked(key, path, fmt.Sprintf(`{"page":{"limit":2,"token":%q},%s}`, token, rest))
		var r wire.AuthZENResults
		if resp.StatusCode == http.StatusOK {
			if err := json.Unmarshal([]byte(answer), &r); err != nil {
				t.Fatal(err)
			}
		}
		return resp.StatusCode, r
	}
	rest := `"subject":{"type":"user"},` + readRecord1
	_, first := ask(path, "", owner, rest)
	if len(first.Results) != 2 || first.Page.NextToken == "" {
		t.Fatalf("the first page is %+v", first)
	}
	next := first.Page.NextToken

	w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: "c1"})
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "c4", SubjectKind: "human", Roles: []string{"reader"}})
	var found []string
	for token := next; token != ""; {
		status, page := ask(path, token, owner, ` "action" : {"name":"\u0072ead"}, "resource":{"id":"record-1","type":"record"}, "subject":{"type":"user"}`)
		if status != http.StatusOK {
			t.Fatalf("the same request in another spelling: %d", status)
		}
		for _, r := range page.Results {
			found = append(found, r.ID)
		}
		token = page.Page.NextToken
	}
	if got := strings.Join(found, " "); got != "bob c1 c2 c3" {
		t.Errorf("the other pages have %s", got)
	}
	if _, anew := ask(path, "", owner, rest); anew.Page.NextToken == next {
		t.Error("the same token comes from two positions")
	}

	for what, try := range map[string][4]string{
		"another action":       {path, next, owner, strings.Replace(rest, "read", "write", 1)},
		"another resource":     {path, next, owner, strings.Replace(rest, "record-1", "record-2", 1)},
		"another type":         {path, next, owner, strings.Replace(rest, "user", "human", 1)},
		"a further member":     {path, next, owner, rest + `,"x":1`},
		"context":              {path, next, owner, rest + `,"context":{"permledger":{"as_of":"3"}}`},
		"another search":       {"/orgs/acme/access/v1/search/resource", next, owner, `"subject":{"type":"user","id":"alice"},` + readRecord1},
		"another organization": {"/orgs/bank/access/v1/search/subject", next, apiKey("bank", "owner"), rest},
		"cut off":              {path, next[:len(next)-2], owner, rest},
		"longer":               {path, next + "AA", owner, rest},
		"no base64":            {path, "!" + next[1:], owner, rest},
		"another digest":       {path, next[:4] + "AAAA" + next[8:], owner, rest},
		"made up":              {path, "AQ", owner, rest},
	} {
		if status, _ := ask(try[0], try[1], try[2], try[3]); status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", what, status)
		}
	}
	if status, r := ask(path, next, owner, rest); status != http.StatusOK || len(r.Results) != 2 {
		t.Errorf("the request itself: %d %+v", status, r)
	}
}

// Given wishes in the context, when they are asked for, then decisions are as of then, wait, are explained or noted; what is
// misspelt is refused, and without wishes nothing is added to an answer.
func TestAuthZENWishes(t *testing.T) {
	w := certification(t)
	owner := apiKey("acme", "owner")
	with := func(who, wishes string) string {
		return strings.TrimSuffix(asks(who), "}") + `,"context":{"other":1,"permledger":{` + wishes + `}}}`
	}
	org, _ := w.node.Org("acme")
	head := org.Access.Head().Position

	status, d := w.decided(owner, with("alice", `"explain":true`))
	if status != 200 || !d.Decision || d.Context == nil || len(d.Context.Permledger.Because) != 1 || d.Context.Permledger.AsOf.Seq != head ||
		!strings.HasPrefix(d.Context.ReasonAdmin["en"], "reader at ") {
		t.Errorf("explained: %d %+v", status, d)
	}
	status, d = w.decided(owner, with("nobody", `"explain":true`))
	if status != 200 || d.Decision || d.Context == nil || len(d.Context.Permledger.Missing) == 0 || !strings.Contains(d.Context.ReasonAdmin["en"], "nobody") {
		t.Errorf("a no explained: %d %+v", status, d)
	}
	status, d = w.decided(owner, strings.Replace(with("alice", `"explain":true`), `"user"`, `"robot"`, 1))
	if status != 200 || d.Decision || !strings.Contains(d.Context.ReasonAdmin["en"], "robot") {
		t.Errorf("of another type: %d %+v", status, d)
	}
	if status, d = w.decided(owner, with("alice", `"as_of":"5"`)); status != 200 || d.Decision || d.Context != nil {
		t.Errorf("before it was given: %d %+v", status, d)
	}
	if status, d = w.decided(owner, with("alice", fmt.Sprintf(`"as_of":"%d","at_least":%d`, head, head))); status != 200 || !d.Decision {
		t.Errorf("as of the head: %d %+v", status, d)
	}
	if status, d = w.decided(owner, with("alice", `"record":true`)); status != 200 || !d.Decision || d.Context != nil {
		t.Errorf("recorded: %d %+v", status, d)
	}
	w.recorded(t, "alice", "read", "record/record-1")
	for _, wishes := range []string{`"as_off":"5"`, `"explain":1`, `"as_of":5`, `"at_least":"5"`, `"at_least":-1`, `"with":"nobody"`, `"with":1`, `"as_of":"yesterday"`, `"as_of":"99999"`, `"record":true,"as_of":"5"`} {
		if status, _ := w.decided(owner, with("alice", wishes)); status != 400 {
			t.Errorf("%s: got %d, want 400", wishes, status)
		}
	}
	_, many := w.asked(owner, "/orgs/acme/access/v1/evaluations", `{"evaluations":[`+with("alice", `"as_of":"5"`)+","+asks("alice")+","+with("alice", `"as_off":"5"`)+","+with("alice", `"as_of":"no"`)+`]}`)
	if want := `{"evaluations":[{"decision":false},{"decision":true},{"decision":false},{"decision":false}]}`; many != want {
		t.Errorf("in a batch: %s, want %s", many, want)
	}
	explained := `{"context":{"permledger":{"explain":true}},"subject":{"type":"user","id":"alice"},` + readRecord1 + `,"evaluations":[{}` + strings.Repeat(",{}", 100) + `]}`
	if resp, answer := w.asked(owner, "/orgs/acme/access/v1/evaluations", explained); resp.StatusCode != 400 || !strings.Contains(answer, "at most 100") {
		t.Errorf("101 explained: %d %.200s", resp.StatusCode, answer)
	}
	var list wire.AuthZENDecisions
	_, many = w.asked(owner, "/orgs/acme/access/v1/evaluations", `{"context":{"permledger":{"explain":true}},"evaluations":[`+asks("alice")+`,{}]}`)
	if err := json.Unmarshal([]byte(many), &list); err != nil || len(list.Evaluations) != 2 || list.Evaluations[0].Context.Permledger == nil || list.Evaluations[1].Context.ReasonAdmin["en"] != "subject is missing" {
		t.Errorf("explained in a batch: %s", many)
	}
	_, found := w.asked(owner, "/orgs/acme/access/v1/search/subject", `{"subject":{"type":"user"},`+readRecord1+`,"context":{"permledger":{"as_of":"6"}}}`)
	if found != `{"results":[{"type":"user","id":"owner"}]}` {
		t.Errorf("a search as of then: %s", found)
	}
}

// recorded waits for the record of a decision.
func (w *world) recorded(t *testing.T, subject, permission, resource string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		list, err := w.FindActivity(t.Context(), "acme", wire.ActivityQuery{Kind: "decided", Permission: permission, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) > 0 {
			if a := list.Items[0]; a.Resource != resource || !strings.Contains(a.About, subject) {
				t.Errorf("noted %+v", a)
			}
			return
		}
	}
	t.Error("the decision was not noted")
}

// Given the operator of the machine, or somebody who signed in, when it asks at the root, then it is answered.
func TestAuthZENEveryCaller(t *testing.T) {
	w := certification(t)
	for range 2 {
		if _, answer := w.asked(token, "/access/v1/evaluation", asks("alice")); answer != `{"decision":true}` {
			t.Errorf("the operator: %s", answer)
		}
	}
	for name, auth := range map[string]string{"nothing": "", "another scheme": "Basic x", "no token": "Bearer", "a wrong key": "Bearer plk_x"} {
		resp, answer := w.asked("", "/access/v1/evaluation", asks("alice"), "Authorization", auth, "X-Request-ID", "r-1")
		if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("X-Request-ID") != "r-1" || resp.Header.Get("WWW-Authenticate") == "" || !strings.HasPrefix(answer, `"`) {
			t.Errorf("%s: got %d %s", name, resp.StatusCode, answer)
		}
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/access/v1/evaluation", 405}, {"PUT", "/orgs/acme/access/v1/search/action", 405}, {"POST", "/access/v1/evaluation?x=1", 400}} {
		resp := w.raw(c.method, c.path, "application/json", "Bearer "+token, "{}")
		if messageOf(t, resp); resp.StatusCode != c.status {
			t.Errorf("%s %s: got %d, want %d", c.method, c.path, resp.StatusCode, c.status)
		}
	}
	big := `{"x":"` + strings.Repeat("a", 1<<20) + `"}`
	if resp, answer := w.asked(token, "/access/v1/evaluation", big); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(answer, "bytes") {
		t.Errorf("too large: %d %s", resp.StatusCode, answer)
	}
	if resp, answer := w.asked(token, "/access/v1/evaluations", `{"evaluations":[`+strings.Repeat("{},", 10_000)+`{}]}`); resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, "10000") {
		t.Errorf("too many: %d %s", resp.StatusCode, answer)
	}
}
