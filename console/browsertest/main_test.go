package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/permledger/permledger/console/browsertest"
)

// These pages are no screens of the console, and most are wrong on purpose: nobody looks at their pictures.
func TestMain(m *testing.M) {
	os.Unsetenv("PERMLEDGER_SCREENSHOTS")
	os.Exit(browsertest.Run(m))
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// site serves pages by their path, each with the console's policy.
func site(t *testing.T, pages map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/lax") {
			w.Header().Set("Content-Security-Policy", policy)
		}
		switch {
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
		case strings.HasSuffix(r.URL.Path, ".css"):
			w.Header().Set("Content-Type", "text/css")
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// document is a page without anything wrong.
func document(body string) string {
	return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A page</title>
<link rel="icon" href="data:,"><script src="/page.js" type="module"></script><header data-position="41">Live at 41</header><main data-position="41"><h1>A page</h1>` + body + `</main></html>`
}
