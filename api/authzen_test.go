package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// messageOf gives what a decision point says of what it refuses: a JSON string.
func messageOf(t *testing.T, resp *http.Response) (message string) {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("%s answers %d with %q; want JSON", resp.Request.URL, resp.StatusCode, got)
	}
	if err := json.NewDecoder(resp.Body).Decode(&message); err != nil || message == "" {
		t.Errorf("%s answers %d with %q (%v); want a message", resp.Request.URL, resp.StatusCode, message, err)
	}
	return message
}

// asked sends a request to a decision point, with further header fields and their values, and gives its answer.
func (w *world) asked(token, path, body string, header ...string) (*http.Response, string) {
	w.t.Helper()
	resp, b := w.request(http.MethodPost, path, token, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, header...)...)
	return resp, strings.TrimSuffix(string(b), "\n")
}

// certification makes an organization what the certification scenario for decision points asks for.
func certification(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.open("acme", "plain")
	active, archived := `resource.properties.status == "active"`, `resource.properties.status == "archived"`
	admin, soft := `subject.properties.role == "admin"`, `action.properties.soft == "true"`
	for _, in := range []wire.Intent{
		{Kind: wire.AddSubject, Subject: "alice", SubjectKind: "human"},
		{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", Properties: map[string]string{"role": "admin"}},
		{Kind: wire.RegisterResource, Resource: "record/record-1", Name: new("Record 1"), Properties: map[string]string{"status": "active"}},
		{Kind: wire.RegisterResource, Resource: "record/record-2", Name: new("Record 2"), Properties: map[string]string{"status": "archived"}},
		{Kind: wire.CreateRole, Role: "reader", Permissions: []string{"read"}},
		{Kind: wire.CreateRole, Role: "writer", Permissions: []string{"write"}},
		{Kind: wire.CreateRole, Role: "archivist", Permissions: []string{"write"}},
		{Kind: wire.CreateRole, Role: "remover", Permissions: []string{"delete"}},
		{Kind: wire.AssignRole, Role: "reader", Subject: "alice", Scope: "record/record-1"},
		{Kind: wire.AssignRole, Role: "reader", Subject: "bob", Scope: "record/record-1"},
		{Kind: wire.AssignRole, Role: "writer", Subject: "alice", Condition: active},
		{Kind: wire.AssignRole, Role: "archivist", Subject: "bob", Condition: admin + " && " + archived},
		{Kind: wire.AssignRole, Role: "remover", Subject: "alice", Condition: soft},
	} {
		w.do("acme", in)
	}
	return w
}
