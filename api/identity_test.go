package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/secret"
)

// apiKey gives the API key whose key is somebody's of an organization.
func apiKey(org, who string) string { return secret.Of(secret.APIKey, keyOf(org+"/"+who)).Text() }

// add adds somebody with a key named org/who.
func (w *world) add(org, who string) {
	w.t.Helper()
	w.do(org, wire.Intent{Kind: wire.AddSubject, Subject: who, SubjectKind: "technical", SubjectKey: did(org + "/" + who)})
}

// body is one that a route takes, and that says nothing that could be done.
func bodyFor(r api.Route) (contentType, body string) {
	switch {
	case r.Takes == "":
		return "", ""
	case strings.HasSuffix(r.Path, "/permissions"):
		return r.Takes, `{"permissions":[]}`
	case strings.HasSuffix(r.Path, "/roles"):
		return r.Takes, `{"roles":[]}`
	case strings.HasSuffix(r.Path, "/do"), strings.HasSuffix(r.Path, "{org}/prepare"):
		return r.Takes, `{"kind":"delete-role","role":"editor"}`
	}
	return r.Takes, "{}"
}

// Given somebody who holds nothing, when it makes each request of the API, then whatever has an action is refused with 403
// and the action's permission, and noted; with that permission, and no other, it is not.
func TestEveryRouteDemandsItsAction(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.add("acme", "k")
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "editor", Permissions: []string{"a"}})
	auth := "Bearer " + apiKey("acme", "k")
	about := map[string]string{ // what is asked is not about the caller
		"/check": "?subject=owner&permission=a", "/explain": "?subject=owner&permission=a",
	}
	demanded := map[string]bool{}
	for _, r := range api.Routes() {
		path := pathOf(api.Route{Path: strings.NewReplacer("{key}", "owner", "{subject}", "owner").Replace(r.Path)})
		if r.Method == http.MethodGet {
			path += about[strings.TrimPrefix(r.Path, "/v1/orgs/{org}")]
		}
		name := r.Method + " " + r.Path
		if strings.HasSuffix(r.Path, "/watch") {
			path += "?from=x" // or it would not end
		}
		contentType, body := bodyFor(r)
		resp := w.raw(r.Method, path, contentType, auth, body)
		shownInPart := strings.Contains(r.Path, "/history") || strings.HasSuffix(r.Path, "/activity")
		switch {
		case r.Operator:
			if p := problemOf(t, resp); resp.StatusCode != http.StatusForbidden || p.Code() != string(rules.NotPermitted) {
				t.Errorf("%s, for the node's operator alone, answers %d %s", name, resp.StatusCode, p.Code())
			}
		case r.Action == "" || shownInPart:
			if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden && r.Spec == "" && problemOf(t, resp).Permission == "ledger:"+r.Action {
				t.Errorf("%s, which everybody may, answers %d", name, resp.StatusCode)
			}
		default:
			demanded[r.Action] = true
			want := "ledger:" + r.Action
			if r.Spec != "" {
				if message := messageOf(t, resp); resp.StatusCode != http.StatusForbidden || !strings.Contains(message, want) {
					t.Errorf("%s answers %d %s; want 403 for %s", name, resp.StatusCode, message, want)
				}
			} else if p := problemOf(t, resp); resp.StatusCode != http.StatusForbidden || p.Code() != string(rules.NotPermitted) || p.Permission != want ||
				!strings.Contains(p.Detail, want) || p.Hint == "" {
				t.Errorf("%s answers %d %+v; want 403 for %s", name, resp.StatusCode, p, want)
			}
			w.denied(want, r.Method+" "+strings.SplitN(path, "?", 2)[0])

			w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: "k", Permissions: demands(r)})
			if resp := w.raw(r.Method, path, contentType, auth, body); resp.StatusCode == http.StatusForbidden {
				t.Errorf("%s answers 403 to who holds %s", name, want)
			}
			if me, err := w.As(auth[len("Bearer "):]).Whoami(t.Context(), "acme"); err != nil || !slices.Equal(qualified(me.Actions), demands(r)) {
				t.Errorf("who holds %v is told that it may %v; %v", demands(r), me.Actions, err)
			}
			w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: "k", Permissions: nil})
		}
	}
	if len(demanded) < 6 {
		t.Errorf("only %d actions were demanded", len(demanded))
	}
}

// demands gives what somebody must hold to make a request.
func demands(r api.Route) []string {
	all := []string{"ledger:" + r.Action}
	if r.And != "" {
		all = append(all, "ledger:"+r.And)
	}
	slices.Sort(all)
	return all
}

// qualified gives the permissions of the ledger's own that let somebody do actions.
func qualified(actions []string) (names []string) {
	for _, a := range actions {
		names = append(names, rules.Qualified(rules.Own, a))
	}
	return names
}

// denied waits for the record of a denied request of k's.
func (w *world) denied(permission, request string) {
	w.t.Helper()
	for range 1000 {
		list, err := w.FindActivity(w.t.Context(), "acme", wire.ActivityQuery{Kind: "denied", Permission: permission, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		if slices.ContainsFunc(list.Items, func(a wire.Activity) bool {
			return a.Request == request && a.Actor == "k" && a.Code == string(rules.NotPermitted) && a.Time != "" && a.Credential == did("acme/k")
		}) {
			return
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-w.t.Context().Done():
		}
	}
	w.t.Errorf("no record says that k was denied %s for want of %s", request, permission)
}

// Given somebody who holds nothing, when it asks about itself, then it is answered.
func TestEverybodyMayReadItself(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.add("acme", "k")
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "k", Permission: "a"})
	me := w.As(apiKey("acme", "k"))
	who, err := me.Whoami(t.Context(), "acme")
	if err != nil || who.Subject != "k" || who.Kind != "api-key" || who.Credential != did("acme/k") || who.Owner || len(who.Actions) != 0 {
		t.Errorf("whoami: %+v, %v", who, err)
	}
	if owner, err := w.As(apiKey("acme", "owner")).Whoami(t.Context(), "acme"); err != nil || !slices.Equal(owner.Actions, rules.Actions()) {
		t.Errorf("the owner may %v; %v", owner.Actions, err)
	}
	if operator, err := w.Whoami(t.Context(), "acme"); err != nil || !slices.Contains(operator.Actions, rules.ActionHistoryRead) || slices.Contains(operator.Actions, rules.ActionRoleCreate) {
		t.Errorf("the operator, who signs nothing, may %v; %v", operator.Actions, err)
	}
	if one, err := me.Subject(t.Context(), "acme", "k", client.Read{}); err != nil || one.Item.Key != "k" {
		t.Errorf("subject: %+v, %v", one, err)
	}
	if one, err := me.Subject(t.Context(), "acme", who.ID, client.Read{}); err != nil || one.Item.Key != "k" {
		t.Errorf("subject by id: %+v, %v", one, err)
	}
	if list, err := me.Access(t.Context(), "acme", "k", client.Read{}); err != nil || len(list.Items) != 1 {
		t.Errorf("access: %+v, %v", list, err)
	}
	if c, err := me.Check(t.Context(), "acme", "k", "a", "", client.Read{}); err != nil || !c.Allowed {
		t.Errorf("check: %+v, %v", c, err)
	}
	if one, err := me.CredentialOwner(t.Context(), "acme", did("acme/k")); err != nil || one.Item.Key != "k" {
		t.Errorf("credential: %+v, %v", one, err)
	}
	all, err := me.Organizations(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != "acme" {
		t.Errorf("organizations: %+v, %v", all, err)
	}
	for _, other := range []string{"", "owner"} {
		if _, err := me.Subject(t.Context(), "acme", other, client.Read{}); err == nil {
			t.Errorf("it reads %q", other)
		}
	}
}

// Given API keys of all kinds that do not count, when a request comes with one, then it is answered with 401, and neither
// answer nor log holds anything of the key.
func TestAPIKeysThatDoNotCount(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.open("beta", "plain")
	for _, who := range []string{"k", "revoked", "deactivated"} {
		w.add("acme", who)
	}
	var log bytes.Buffer
	srv := httptest.NewServer(api.New(w.node, api.Options{Token: token, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}))
	defer srv.Close()
	ask := func(key, org string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/v1/orgs/"+org+"/whoami", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(resp.Body)
		return resp.StatusCode, b.String()
	}
	for _, who := range []string{"k", "revoked", "deactivated"} {
		if status, body := ask(apiKey("acme", who), "acme"); status != http.StatusOK {
			t.Fatalf("%s: %d %s", who, status, body)
		}
	}
	w.do("acme", wire.Intent{Kind: wire.RevokeKey, Key: did("acme/revoked")})
	w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: "deactivated"})
	good := apiKey("acme", "k")
	for what, try := range map[string][2]string{
		"revoked":                    {apiKey("acme", "revoked"), "acme"},
		"deactivated":                {apiKey("acme", "deactivated"), "acme"},
		"nobody's":                   {apiKey("acme", "nobody"), "acme"},
		"of another organization":    {good, "beta"},
		"for no organization at all": {good, "gamma"},
		"mistyped":                   {good[:20] + "_" + good[21:], "acme"},
		"cut off":                    {good[:len(good)-1], "acme"},
		"in capitals":                {strings.ToUpper(good), "acme"},
		"an invitation":              {"pli_" + good[4:], "acme"},
		"no session":                 {secret.New(secret.Session).Text(), "acme"},
		"the root key's":             {secret.Of(secret.APIKey, keyOf("acme/root")).Text(), "acme"},
		"the operator's":             {secret.Of(secret.APIKey, keyOf("operator")).Text(), "acme"},
	} {
		status, body := ask(try[0], try[1])
		var p wire.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusUnauthorized || p.Code() != wire.CodeUnauthenticated || p.Hint == "" {
			t.Errorf("an API key that is %s is answered with %d %s", what, status, body)
		}
		if strings.Contains(body, try[0][4:14]) || strings.Contains(body, try[0][30:]) {
			t.Errorf("an API key that is %s is said back: %s", what, body)
		}
	}
	if strings.Contains(log.String(), good[4:14]) {
		t.Errorf("the log holds an API key: %s", &log)
	}
}

// Given an API key, when its holder has the server do a change, then the change is recorded with the holder's own signature,
// and with the words that it gave for it; and what it may not do is refused as if it had signed it itself.
func TestDo(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.add("acme", "k")
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "k", Permission: "ledger:role.create"})
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "k", Permission: "a"})
	me := w.As(apiKey("acme", "k"))

	r, err := me.Do(t.Context(), "acme", wire.Intent{Kind: wire.CreateRole, Role: "editor", Permissions: []string{"a"}, Reason: "TICKET-7"})
	if err != nil {
		t.Fatal(err)
	}
	en, err := w.Entry(t.Context(), "acme", fmt.Sprint(r.Seq))
	if err != nil || en.Actor != "k" || en.Reason != "TICKET-7" || !strings.Contains(string(en.Entry), did("acme/k")) {
		t.Errorf("it is recorded as %+v, %v", en, err)
	}
	if strings.Contains(string(en.Entry), "TICKET-7") {
		t.Error("the entry holds the reason's words")
	}
	_, err = me.Do(t.Context(), "acme", wire.Intent{Kind: wire.DeleteRole, Role: "editor"})
	p := problemIn(err)
	if p.Code() != string(rules.NotPermitted) || p.Permission != "ledger:role.delete" || p.Status != http.StatusForbidden {
		t.Errorf("what it may not do: %v", err)
	}
	for what, in := range map[string]wire.Intent{
		"another credential":  {Kind: wire.DeleteRole, Role: "editor", Credential: did("acme/owner")},
		"no such kind":        {Kind: "paint-role"},
		"a control character": {Kind: wire.DeleteRole, Role: "editor", Reason: "a\x07b"},
	} {
		if _, err := me.Do(t.Context(), "acme", in); problemIn(err).Code() != wire.CodeBadRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.Do(t.Context(), "acme", wire.Intent{Kind: wire.DeleteRole, Role: "editor"}); problemIn(err).Code() != string(rules.NotProven) {
		t.Errorf("as the local operator: %v", err)
	}
	if _, err := me.Prepare(t.Context(), "acme", wire.Intent{Kind: wire.DeleteRole, Role: "editor", Credential: did("acme/owner")}); problemIn(err).Code() != string(rules.NotProven) {
		t.Errorf("a preview in another's name: %v", err)
	}
	if p, err := me.Prepare(t.Context(), "acme", wire.Intent{Kind: wire.DeleteRole, Role: "editor"}); err != nil || p.Refusal == nil {
		t.Errorf("a preview of its own: %+v, %v", p, err)
	}
}

func problemIn(err error) *wire.Problem {
	if e, ok := err.(*client.Error); ok {
		return &e.Problem
	}
	return &wire.Problem{}
}

// Given a set too big for one entry, when it is put, then its parts are recorded with it.
func TestPutManyPermissions(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.add("acme", "k")
	me := w.As(apiKey("acme", "owner"))
	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprintf("a.permission.with.a.number.%d", i)
	}
	out, err := me.PutPermissions(t.Context(), "acme", "k", wire.PutPermissions{Permissions: many, Reason: "all of them"})
	if err != nil || out.Recorded == nil || out.After != 3000 || out.Before != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if list, err := w.Access(t.Context(), "acme", "k", client.Read{}); err != nil || len(list.Items) != 3000 {
		t.Errorf("it holds %d, %v", len(list.Items), err)
	}
}

// Every change that can be made says which permission it takes, or what is judged in the place of one.
func TestEveryKindOfChangeNamesItsPermission(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	resp := w.raw(http.MethodGet, "/v1/orgs/acme/operations", "", "Bearer "+token, "")
	var list wire.List[wire.Operation]
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for _, o := range list.Items {
		if o.Kind == "" {
			continue
		}
		kinds++
		if (len(o.Permissions) == 0) == (o.Why == "") {
			t.Errorf("%s takes %q, and %q in the place of one: say it in operations.go", o.Kind, o.Permissions, o.Why)
		}
	}
	if kinds < 40 {
		t.Errorf("only %d kinds of changes are listed", kinds)
	}
}
