package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/api/wire"
)

// certified is one check of the certification scenario.
type certified struct {
	Level, Name, Path string
	Body              json.RawMessage
	Raw               string // in the place of a body that is no JSON, or is spelled in just that way
	ContentType       *string
	RequestID         string

	Status    int // of a refusal
	Decision  *bool
	Decisions []bool
	Results   []wire.AuthZENResult // all of them; the scenario asks for these at least
}

// Given the fixture of the AuthZEN 1.0 certification scenario for decision points, when each of its questions is asked over
// HTTP, at the organization's decision point and at the root, then each answer is the one that the scenario demands.
func TestAuthZENCertification(t *testing.T) {
	w := certification(t)
	b, err := os.ReadFile(filepath.Join("testdata", "authzen-certification.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []certified
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	levels := map[string]int{}
	for _, c := range all {
		levels[c.Level]++
		t.Run(c.Level+"/"+c.Name, func(t *testing.T) {
			for _, base := range []string{"/orgs/acme", ""} {
				w.certify(t, base+"/access/v1/"+c.Path, c)
			}
		})
	}
	for _, level := range []string{"Basic Core", "Basic Properties", "Batch Core", "Batch Properties", "Search Core", "Search Properties"} {
		if levels[level] == 0 {
			t.Errorf("there is no check of the level %s", level)
		}
	}
}

func (w *world) certify(t *testing.T, path string, c certified) {
	body, header := string(c.Body)+c.Raw, []string{"Content-Type", "application/json"}
	if c.ContentType != nil {
		header[1] = *c.ContentType
	}
	if c.RequestID != "" {
		header = append(header, "X-Request-ID", c.RequestID)
	}
	resp, answer := w.asked(apiKey("acme", "owner"), path, body, header...)
	if got := resp.Header.Get("X-Request-ID"); got != c.RequestID {
		t.Errorf("X-Request-ID is %q, want %q", got, c.RequestID)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q", got)
	}
	if c.Status != 0 {
		if message := ""; resp.StatusCode != c.Status || json.Unmarshal([]byte(answer), &message) != nil || message == "" {
			t.Errorf("%s: got %d %s, want %d and a message", path, resp.StatusCode, answer, c.Status)
		}
		return
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: got %d %s", path, resp.StatusCode, answer)
	}
	want := map[string]any{"results": c.Results}
	switch {
	case c.Decision != nil:
		want = map[string]any{"decision": *c.Decision}
	case c.Decisions != nil:
		list := []any{}
		for _, d := range c.Decisions {
			list = append(list, map[string]any{"decision": d})
		}
		want = map[string]any{"evaluations": list}
	}
	if diff := cmp.Diff(plain(t, want), plain(t, json.RawMessage(answer))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	if _, again := w.asked(apiKey("acme", "owner"), path, body, header...); again != answer {
		t.Errorf("%s: asked again, got %s, want %s", path, again, answer)
	}
}

// plain gives a value as JSON has it.
func plain(t *testing.T, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Given a decision point, when its metadata is asked for, then it names itself as it was asked, and each endpoint that it
// names is there and answers.
func TestAuthZENDiscovery(t *testing.T) {
	w := certification(t)
	for _, base := range []string{"/orgs/acme", "/orgs/nobody", ""} {
		resp := w.raw(http.MethodGet, "/.well-known/authzen-configuration"+base, "", "", "")
		var m map[string]string
		if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%q: %d %v", base, resp.StatusCode, err)
		}
		want := map[string]string{"policy_decision_point": w.url + base}
		for name, path := range map[string]string{
			"access_evaluation_endpoint": "evaluation", "access_evaluations_endpoint": "evaluations",
			"search_subject_endpoint": "search/subject", "search_resource_endpoint": "search/resource", "search_action_endpoint": "search/action",
		} {
			want[name] = w.url + base + "/access/v1/" + path
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("%q (-want +got):\n%s", base, diff)
		}
		if base == "/orgs/nobody" {
			continue // who asks whether it is there is told nothing
		}
		for name, url := range m {
			if name == "policy_decision_point" {
				continue
			}
			resp, answer := w.asked(apiKey("acme", "owner"), url[len(w.url):], `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s at %s answers %d %s", name, url, resp.StatusCode, answer)
			}
		}
	}
}
