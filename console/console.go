// Package console is the web console: pages for people who would rather look than type, made on the server, that work as
// plain links and forms.
//
// It does nothing that the HTTP API cannot, and decides nothing: it calls the API's handler in this process as the browser's own
// session, with the browser's cookie. What a page offers follows from what the API says of the caller; what it does not
// offer, the API refuses. The console keeps nothing between two requests.
//
// Every page says as of which position it is, and all it shows is of that one position: where the ledger moves on while a page is
// made, it is made again. In the past (?at=) no page has a form that writes.
//
// No page asks another host for anything, and its Content-Security-Policy lets only files of this program act and style. Pages that
// come with a session are not compressed: a length could tell what they hold.
package console

import (
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
)

// Options say how to serve the console.
type Options struct {
	Logger *slog.Logger // nil: nothing is said
}

// Policy is the Content-Security-Policy of every page.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// root is where the console's addresses begin; the organization follows. files is where those of its files do, beside all
// organizations.
const (
	root  = "/console/"
	files = "/console-files/"
)

// joinLink is the address in an invitation that the command line made.
var joinLink = regexp.MustCompile(`^/v1/orgs/([^/]+)/join$`)

type server struct {
	api http.Handler
	log *slog.Logger
}

// New gives a handler that serves the console, and passes all else on to api: the handler of package api, which is called
// for what the pages show and do, too. It is safe for concurrent use.
func New(api http.Handler, o Options) http.Handler {
	s := &server{api: api, log: o.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.Handle(r.method+" "+root+r.path, s.page(r))
	}
	mux.Handle("GET "+files+"{file...}", http.HandlerFunc(static))
	mux.Handle(root, s.page(route{screen: nowhere, open: true}))
	pages, provider := headers(mux), headers(http.HandlerFunc(s.provider))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, root), strings.HasPrefix(r.URL.Path, files):
			pages.ServeHTTP(w, r)
		case r.URL.Path == "/" && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"), r.URL.Path == "/console":
			http.Redirect(w, r, root, http.StatusSeeOther)
		case joinLink.MatchString(r.URL.EscapedPath()) && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, root+joinLink.FindStringSubmatch(r.URL.EscapedPath())[1]+"/join", http.StatusSeeOther) // browsers keep what is behind #
		case atProvider(r):
			provider.ServeHTTP(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// headers are those of every answer.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", Policy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// A route is a screen at an address. A new screen is a line of the list of its area, a file of Go and a template.
type route struct {
	method string
	path   string // behind /console/
	screen screen
	open   bool // without a session
	form   bool // it is there to change something, and not in the past
}

// A screen gives what a page shows, or where to go. One for GET changes nothing, and is called again for the same request where the
// ledger went on meanwhile.
type screen func(*visit) (view, error)

// A view is what a screen answers with.
type view struct {
	template string // a file of templates, without its ending
	title    string
	data     any
	status   int    // 0: 200
	to       string // an address to go to, instead of a page
	file     *file  // to be kept, instead of a page
}

// A file is what a browser keeps, and does not show.
type file struct {
	name, mediaType string
	content         []byte
}

// errPast refuses to change something in the past.
var errPast = errors.New("nothing can be changed in the past")

func nowhere(*visit) (view, error) {
	return view{}, &notFound{"There is no such page"}
}

type notFound struct{ what string }

func (e *notFound) Error() string { return e.what }
