package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
)

// Given the owner of another organization, when it calls each route of this one by whatever method, then it learns nothing:
// all that is not open to everybody is refused alike, whether the organization exists or not, and no cache keeps the answer.
func TestNothingForOtherOrganizations(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.open("bank", "plain")
	auth := "Bearer " + apiKey("bank", "owner")
	for _, r := range api.Routes() {
		if r.Open || !strings.Contains(r.Path, "{org}") {
			continue
		}
		for _, method := range []string{r.Method, http.MethodHead, http.MethodOptions, "TRACE"} {
			_, body := bodyFor(r)
			if method != r.Method {
				body = ""
			}
			var answers [2]string // status and whole body
			for i, path := range []string{pathOf(r), strings.Replace(pathOf(r), "/acme", "/nobody", 1)} {
				resp := w.raw(method, path, r.Takes, auth, body)
				said, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				answers[i] = resp.Status + " " + strings.ReplaceAll(string(said), "/nobody", "/acme")
				if resp.StatusCode < 400 {
					t.Errorf("%s %s answers %d", method, path, resp.StatusCode)
				}
				if cache := resp.Header.Get("Cache-Control"); cache != "no-store" {
					t.Errorf("%s %s: caches are told %q", method, path, cache)
				}
			}
			if answers[0] != answers[1] {
				t.Errorf("%s %s answers %q, and of an organization that is not there %q", method, r.Path, answers[0], answers[1])
			}
		}
	}
}

// Given somebody who may read everything, when it reads what not everybody may, then no shared cache may keep it.
func TestWhatIsNotForAllIsNotCachedForAll(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	for _, r := range api.Routes() {
		if r.Open || r.Method != http.MethodGet || strings.HasSuffix(r.Path, "/watch") {
			continue
		}
		path := strings.NewReplacer("{path...}", "000.p/1", "{org}", "acme", "{key}", "owner", "{subject}", "owner", "{ref}", "1").Replace(r.Path)
		resp := w.raw(http.MethodGet, pathOf(api.Route{Path: path}), "", "Bearer "+token, "")
		if cache := resp.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") && !strings.Contains(cache, "private") {
			t.Errorf("%s (%d): caches are told %q", path, resp.StatusCode, cache)
		}
	}
}
