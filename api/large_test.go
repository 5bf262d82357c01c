package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/node/nodetest"
)

// largeAPI is the API of a node with an organization of a size, called acme.
func largeAPI(t testing.TB, s nodetest.Size) http.Handler {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := node.Init(dir, "ledger.test"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), dir, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	nodetest.Open(t, n, "acme", s)
	return api.New(n, api.Options{Token: token, Logger: slog.New(slog.DiscardHandler)})
}

// reading are the questions that people who look at an organization ask, one page after the other.
var reading = map[string]string{
	"subjectsFound":  "/v1/orgs/acme/subjects?limit=50&q=lovelace",
	"subjectsOfRole": "/v1/orgs/acme/subjects?limit=50&role=role-042&names=true",
	"subjectsLast":   "/v1/orgs/acme/subjects?limit=50&sort=-added",
	"whoami":         "/v1/orgs/acme/whoami",
	"org":            "/v1/orgs/acme",
	"subjects":       "/v1/orgs/acme/subjects?limit=50",
	"roles":          "/v1/orgs/acme/roles",
	"rolesPage":      "/v1/orgs/acme/roles?limit=50",
	"role":           "/v1/orgs/acme/roles/role-042",
	"subject":        "/v1/orgs/acme/subjects/user-00042@example.com",
	"history":        "/v1/orgs/acme/history?limit=50&newest=true",
	"historyOfRole":  "/v1/orgs/acme/history?limit=50&newest=true&role=role-042",
	"historyByType":  "/v1/orgs/acme/history?limit=50&newest=true&type=role.created",
	"outline":        "/v1/orgs/acme/history/outline?parts=200&by=time",
	"diff":           "/v1/orgs/acme/diff?from=99000&to=99001",
	"diff1000":       "/v1/orgs/acme/diff?from=98000&to=99000",
	"access":         "/v1/orgs/acme/access/user-00042@example.com",
	"whoCan":         "/v1/orgs/acme/who-can?permission=" + nodetest.Permission(42) + "&limit=50",
	"explain":        "/v1/orgs/acme/explain?subject=user-00042@example.com&permission=" + nodetest.Permission(42),
	"permissions":    "/v1/orgs/acme/permissions",
	"keys":           "/v1/orgs/acme/keys?limit=50", // of now alone
	"apiKeys":        "/v1/orgs/acme/api-keys?limit=50",
	"reviews":        "/v1/orgs/acme/reviews?limit=50",
	"documents":      "/v1/orgs/acme/documents?limit=50",
	"unheld":         "/v1/orgs/acme/reports/unheld",
	"unused":         "/v1/orgs/acme/reports/unused?roles=true",
	"similar":        "/v1/orgs/acme/reports/similar?limit=50",
	"resources":      "/v1/orgs/acme/resources?limit=50",
	"subjectMissing": "/v1/orgs/acme/subjects/usr-00042@example.com",
}

// BenchmarkReading is one answer of each kind in an organization of 10,000 subjects, 500 roles, 1,000 permissions and
// 100,000 entries, now and as of an earlier position.
func BenchmarkReading(b *testing.B) {
	h := largeAPI(b, nodetest.Large)
	for name, path := range reading {
		b.Run(name, func(b *testing.B) { readingOf(b, h, path) })
	}
}

func readingOf(b *testing.B, h http.Handler, path string) {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	for name, url := range map[string]string{"now": path, "asOf": path + sep + "as_of=60000"} {
		if name == "asOf" && (strings.Contains(path, "/diff") || strings.Contains(path, "/keys") || strings.HasSuffix(path, "/whoami")) {
			continue // they do not take it
		}
		b.Run(name, func(b *testing.B) {
			size := 0
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, url, nil)
				r.Header.Set("Authorization", "Bearer "+apiKey("acme", "owner"))
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK && w.Code != http.StatusNotFound {
					b.Fatalf("%s: %d %s", url, w.Code, w.Body)
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
