package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

func bodyOf(s string) io.Reader {
	if s == "" {
		return nil
	}
	return strings.NewReader(s)
}

func problemOf(t *testing.T, resp *http.Response) wire.Problem {
	t.Helper()
	var p wire.Problem
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("%s %s answers %d with %q; want a problem", resp.Request.Method, resp.Request.URL, resp.StatusCode, got)
	}
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if p.Status != resp.StatusCode || p.Title == "" || !strings.HasPrefix(p.Type, wire.ProblemType) {
		t.Errorf("problem %+v; want the status %d, a title and a type", p, resp.StatusCode)
	}
	return p
}

// inPath are values for the parameters of paths: of others any will do.
var inPath = strings.NewReplacer("{org}", "acme", "{key}", "k", "{subject}", "k", "{ref}", "1", "{purpose}", "refresh", "{list}", "0")

var otherParameter = regexp.MustCompile(`\{[^}]*\}`)

// pathOf fills in a route's path.
func pathOf(r api.Route) string { return otherParameter.ReplaceAllString(inPath.Replace(r.Path), "x") }

func TestEveryRouteNamesItsActionOrAReason(t *testing.T) {
	actions := map[string]bool{}
	for _, a := range rules.Actions() {
		actions[a] = true
	}
	seen := map[string]bool{}
	for _, r := range api.Routes() {
		name := r.Method + " " + r.Path
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if (r.Action == "") == (r.Why == "") {
			t.Errorf("%s: want either an action or the reason why it has none", name)
		}
		if r.Action != "" && !actions[r.Action] {
			t.Errorf("%s needs %q, which is no action of the ledger", name, r.Action)
		}
		if r.Summary == "" || r.Gives == "" {
			t.Errorf("%s says not what it is, or what it gives", name)
		}
		if (r.Method == http.MethodPost || r.Method == http.MethodPut) != (r.Takes != "" && r.Request != nil) {
			t.Errorf("%s: a body, and what it is, go with POST and PUT", name)
		}
		open := []string{"/healthz", "/v1/orgs/{org}/sessions/challenge", "/v1/orgs/{org}/sign-in", "/v1/orgs/{org}/first-sign-in", "/v1/orgs/{org}/oidc/{provider}", "/v1/oidc/callback",
			"/readyz", "/v1/openapi.json", "/v1/docs", "/v1/orgs/{org}/invitations/{did}", "/v1/orgs/{org}/join", "/v1/orgs/{org}/sessions",
			"/v1/orgs/{org}/policy", "/orgs/{org}/log/checkpoint", "/orgs/{org}/log/tile/{path...}", "/orgs/{org}/did.json", "/orgs/{org}/status/{purpose}/{list}",
			"/.well-known/authzen-configuration", "/.well-known/authzen-configuration/orgs/{org}"}
		if r.Open && !slices.Contains(open, r.Path) {
			t.Errorf("%s is open to everybody", name)
		}
		if r.Action != "" && !strings.Contains(r.Path, "{org}") {
			t.Errorf("%s needs an action of no organization", name)
		}
	}
}

func TestNobodyIsLetInWithoutTheToken(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	for _, auth := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Bearer " + token + "x", "Basic " + token, token} {
		for _, r := range api.Routes() {
			if auth != "" && r.Path != "/v1/orgs/{org}/roles" && r.Path != "/v1/orgs" {
				continue // the token is looked at in one place
			}
			resp := w.raw(r.Method, pathOf(r), "application/json", auth, "")
			if r.Open {
				if resp.StatusCode == http.StatusUnauthorized || r.Path == "/healthz" && resp.StatusCode != http.StatusOK {
					t.Errorf("%s %s answers %d without a token; want 200", r.Method, r.Path, resp.StatusCode)
				}
				continue
			}
			if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s answers %d to %q; want 401 with a challenge", r.Method, r.Path, resp.StatusCode, auth)
				continue
			}
			if r.Spec != "" {
				if message := messageOf(t, resp); !strings.Contains(message, "token") {
					t.Errorf("%s %s answers %q to %q", r.Method, r.Path, message, auth)
				}
				continue
			}
			if p := problemOf(t, resp); p.Code() != wire.CodeUnauthenticated {
				t.Errorf("%s %s answers %s to %q; want %s", r.Method, r.Path, p.Code(), auth, wire.CodeUnauthenticated)
			}
		}
	}
	if (api.Caller{}).May(nil, rules.ActionRolesRead, time.Now()) {
		t.Error("the zero caller may read roles")
	}
}

func TestWithoutATokenOfItsOwnAServerLetsNobodyIn(t *testing.T) {
	w := newWorld(t)
	h := api.New(w.node, api.Options{})
	for _, auth := range []string{"", "Bearer ", "Bearer"} {
		req := httptest.NewRequest(http.MethodGet, "/v1/orgs", nil)
		req.Header.Set("Authorization", auth)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("%q is answered with %d; want 401", auth, rec.Code)
		}
	}
}

func TestHostileRequests(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	const auth = "Bearer " + token
	const intent, commands = "/v1/orgs/acme/prepare", "/v1/orgs/acme/commands"
	deep := strings.Repeat(`{"kind":`, 20_000) + strings.Repeat("}", 20_000)
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
		code                                  string
	}{
		{"nothing there", "GET", "/v2/orgs", "", "", 404, wire.CodeNoRoute},
		{"root", "GET", "/", "", "", 404, wire.CodeNoRoute},
		{"trailing slash", "GET", "/v1/orgs/", "", "", 404, wire.CodeNoRoute},
		{"two slashes", "GET", "/v1//orgs", "", "", 404, wire.CodeNoRoute},
		{"dots", "GET", "/v1/orgs/acme/../acme", "", "", 404, wire.CodeNoRoute},
		{"method", "DELETE", "/v1/orgs/acme/roles", "", "", 405, wire.CodeMethodNotAllowed},
		{"method of a post", "GET", intent, "", "", 405, wire.CodeMethodNotAllowed},
		{"no such organization", "GET", "/v1/orgs/other/roles", "", "", 404, wire.CodeNoOrganization},
		{"unknown parameter", "GET", "/v1/orgs/acme/roles?asof=1", "", "", 400, wire.CodeBadRequest},
		{"parameter twice", "GET", "/v1/orgs/acme/roles?as_of=1&as_of=2", "", "", 400, wire.CodeBadRequest},
		{"broken query", "GET", "/v1/orgs/acme/roles?as_of=%zz", "", "", 400, wire.CodeBadRequest},
		{"flag", "GET", "/v1/orgs/acme/roles?permissions=yes", "", "", 400, wire.CodeBadRequest},
		{"number", "GET", "/v1/orgs/acme/history?from=-1", "", "", 400, wire.CodeBadRequest},
		{"limit", "GET", "/v1/orgs/acme/history?limit=0", "", "", 400, wire.CodeBadRequest},
		{"limit", "GET", "/v1/orgs/acme/history?limit=1001", "", "", 400, wire.CodeBadRequest},
		{"no subject", "GET", "/v1/orgs/acme/check?permission=p", "", "", 400, wire.CodeBadRequest},
		{"as of nonsense", "GET", "/v1/orgs/acme/roles?as_of=yesterday", "", "", 400, wire.CodeBadAsOf},
		{"as of the future", "GET", "/v1/orgs/acme/roles?as_of=99", "", "", 400, wire.CodeBadAsOf},
		{"as of before", "GET", "/v1/orgs/acme/roles?as_of=1999-01-01", "", "", 400, wire.CodeBadAsOf},
		{"no role", "GET", "/v1/orgs/acme/roles/none", "", "", 404, "not-found"},
		{"no subject", "GET", "/v1/orgs/acme/subjects/ownr", "", "", 404, "not-found"},
		{"no entry", "GET", "/v1/orgs/acme/entries/9", "", "", 404, "not-found"},
		{"entry zero", "GET", "/v1/orgs/acme/entries/0", "", "", 404, "not-found"},
		{"no CID", "GET", "/v1/orgs/acme/entries/bafkrei", "", "", 404, "not-found"},
		{"entries beyond", "GET", "/v1/orgs/acme/entries?to=9", "", "", 404, "not-found"},
		{"no document", "GET", "/v1/orgs/acme/documents/bafkrei", "", "", 404, "not-found"},
		{"no credential", "GET", "/v1/orgs/acme/credentials/" + did("nobody"), "", "", 404, "not-found"},
		{"no command id", "GET", "/v1/orgs/acme/commands/x", "", "", 400, wire.CodeBadRequest},
		{"no command", "GET", "/v1/orgs/acme/commands/01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "", 404, "not-found"},
		{"type", "GET", "/v1/orgs/acme/history?type=role.made", "", "", 400, wire.CodeBadRequest},
		{"no permission", "GET", "/v1/orgs/acme/who-can?permission=none", "", "", 404, "not-found"},

		{"no media type", "POST", intent, "", `{"kind":"create-role"}`, 415, wire.CodeMediaType},
		{"media type", "POST", intent, "text/plain", `{"kind":"create-role"}`, 415, wire.CodeMediaType},
		{"empty", "POST", intent, "application/json", "", 400, wire.CodeBadRequest},
		{"null", "POST", intent, "application/json", "null", 400, wire.CodeBadRequest},
		{"array", "POST", intent, "application/json", "[]", 400, wire.CodeBadRequest},
		{"cut off", "POST", intent, "application/json", `{"kind":`, 400, wire.CodeBadRequest},
		{"two values", "POST", intent, "application/json", `{"kind":"create-role"}{}`, 400, wire.CodeBadRequest},
		{"member twice", "POST", intent, "application/json", `{"kind":"delete-role","kind":"create-role"}`, 400, wire.CodeBadRequest},
		{"member twice, escaped", "POST", intent, "application/json", `{"kind":"delete-role","k\u0069nd":"create-role"}`, 400, wire.CodeBadRequest},
		{"other case", "POST", intent, "application/json", `{"Kind":"create-role"}`, 400, wire.CodeBadRequest},
		{"unknown member", "POST", intent, "application/json", `{"kind":"create-role","force":true}`, 400, wire.CodeBadRequest},
		{"wrong type", "POST", intent, "application/json", `{"kind":1}`, 400, wire.CodeBadRequest},
		{"bad UTF-8", "POST", intent, "application/json", "{\"kind\":\"\xff\"}", 400, wire.CodeBadRequest},
		{"lone surrogate", "POST", intent, "application/json", `{"kind":"\ud800"}`, 400, wire.CodeBadRequest},
		{"deep", "POST", intent, "application/json", deep, 400, wire.CodeBadRequest},
		{"too large", "POST", intent, "application/json", `{"kind":"` + strings.Repeat("x", 1<<20) + `"}`, 413, wire.CodeTooLarge},
		{"unknown kind", "POST", intent, "application/json", `{"kind":"make-role"}`, 400, wire.CodeBadRequest},
		{"member of another kind", "POST", intent, "application/json", `{"kind":"delete-role","role":"r","scope":"a/b"}`, 400, wire.CodeBadRequest},
		{"no credential", "POST", intent, "application/json", `{"kind":"delete-role","role":"r"}`, 400, wire.CodeBadRequest},
		{"reason in clear", "POST", intent, "application/json", `{"kind":"delete-role","role":"r","reason":"because"}`, 400, wire.CodeBadRequest},
		{"stranger", "POST", intent, "application/json", `{"kind":"delete-role","role":"r","credential":"` + did("stranger") + `"}`, 403, "not-proven"},

		{"commands as JSON", "POST", commands, "application/json", `{}`, 415, wire.CodeMediaType},
		{"stop", "POST", commands + "?stop=1", "application/jsonl", `{}`, 400, wire.CodeBadRequest},
		{"opening no command", "POST", "/v1/orgs", "application/json", `{"command":{},"evidence":{}}`, 422, wire.CodeBadCommand},
		{"opening a bad id", "POST", "/v1/orgs/prepare", "application/json", `{"organization":"../acme"}`, 422, "invalid"},
		{"opening a bad profile", "POST", "/v1/orgs/prepare", "application/json", `{"organization":"beta","profile":"none"}`, 422, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := w.raw(c.method, c.path, c.contentType, auth, c.body)
			p := problemOf(t, resp)
			if p.Status != c.status || p.Code() != c.code {
				t.Errorf("got %d %s (%s), want %d %s", p.Status, p.Code(), p.Detail, c.status, c.code)
			}
			if c.status == 405 && resp.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}
