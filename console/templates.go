package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// templates are those of the screens, each with the layout and the parts that several have. They are read when the first page is
// made: most runs of the program make none.
var templates = sync.OnceValue(func() map[string]*template.Template {
	base := template.Must(template.New("layout").Funcs(functions).Funcs(peopleFunctions).ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html"))
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		screen := strings.TrimSuffix(path.Base(name), ".html")
		if screen == "layout" || strings.HasPrefix(screen, "parts") {
			continue
		}
		all[screen] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, name))
	}
	return all
})

var functions = template.FuncMap{
	"static": staticAddress,
	"short":  short,
	"time":   shownTime,
	"count":  count,
	"add":    func(a, b int) int { return a + b },
	"join":   strings.Join,
	"query":  url.QueryEscape,
	"search": with,
	"items":  itemsOf,
	"part":   partOf,
	"behind": behind,
	"next":   func(n uint64) uint64 { return n + 1 },
	"sub":    func(a, b int) int { return a - b },
	"bare":   bare,
	"keyOf":  client.RoleKey,
	"heldBy": heldBy,

	// History and effective access:
	"sets":      setsOf,
	"setline":   setLineOf,
	"latest":    latest,
	"earlier":   earlier,
	"sign":      sign,
	"thing":     thingOf,
	"named":     namedOf,
	"because":   becauseOf,
	"compared":  comparedOf,
	"held":      heldOf,
	"inrole":    inRoleOf,
	"holders":   holdersOf,
	"document":  documentOf,
	"travelled": travelOf,

	// Roles:
	"matrixOn":     func(p *page, m *matrix) matrixOn { return matrixOn{p, m} },
	"holdersOn":    func(p *page, h *holders) holdersOn { return holdersOn{p, h, false} },
	"holdersTaken": func(p *page, h *holders) holdersOn { return holdersOn{p, h, true} },
	"reported":     func(p *page, r wire.RoleReport) reported { return reported{p, r} },

	// Forms:
	"text":     textField,
	"required": requiredField,
	"area":     areaField,
	"choice":   choiceField,

	// Tokens:
	"wallet": shortWallet,
}

// A page is what templates see.
type page struct {
	*visit
	Title string
	Data  any
}

func render(w io.Writer, v *visit, shown view) error {
	t := templates()[shown.template]
	if t == nil {
		return fmt.Errorf("there is no template %q", shown.template)
	}
	return t.ExecuteTemplate(w, "layout", &page{v, shown.title, shown.data})
}

// What templates ask of a page:

func (p *page) Org() string             { return p.org }
func (p *page) At() string              { return p.at }
func (p *page) Past() bool              { return p.at != "" }
func (p *page) Me() wire.Whoami         { return p.me }
func (p *page) CSRF() string            { return p.me.CSRF }
func (p *page) Can(action string) bool  { return p.can(action) }
func (p *page) AsOf() wire.AsOf         { return p.call.asOf }
func (p *page) Signed() bool            { return p.me.Subject != "" }
func (p *page) Ledger() string          { return p.details.Ledger }
func (p *page) Link(s ...string) string { return p.address(s...) }
func (p *page) Live(s ...string) string { return address(p.org, "", s) }
func (p *page) Sections() []section     { return p.sections() }

// Entry is the address of the page of an entry.
func (p *page) Entry(seq uint64) string { return p.address("entries", strconv.FormatUint(seq, 10)) }

// Name is what the organization is called.
func (p *page) Name() string {
	if p.details.Name != "" {
		return p.details.Name
	}
	return p.org
}

func (p *page) May(action string) bool { return p.may(action) }

// Followed says whether a page shows by itself what is recorded while it is open: one that answers a form has no other address to be
// asked for again, and would be lost.
func (p *page) Followed() bool {
	return p.at == "" && p.Method == http.MethodGet && p.can("history.read")
}

// Same is the address of this page at another moment.
func (p *page) Same(at string) string {
	q := p.URL.Query()
	q.Del("at")
	if at != "" {
		q.Set("at", at)
	}
	if enc := q.Encode(); enc != "" {
		return p.URL.EscapedPath() + "?" + enc
	}
	return p.URL.EscapedPath()
}

// Notice gives the position that a page is to tell was just recorded; 0: none.
func (p *page) Notice() uint64 {
	n, _ := strconv.ParseUint(p.URL.Query().Get("recorded"), 10, 64)
	if n > p.call.asOf.Seq {
		return 0
	}
	return n
}

// short shortens a CID, a digest or a did:key: its end is what tells two apart.
func short(s string) string {
	const keep = 10
	if strings.HasPrefix(s, "did:key:") && len(s) > 8+keep {
		return "did:key:…" + s[len(s)-keep:]
	}
	if len(s) <= 2*keep {
		return s
	}
	return s[:keep] + "…"
}

// shownTime writes a time as people read it, in UTC.
func shownTime(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04") + " UTC"
}

// count gives a number with what it counts: "1 member", "2 members".
func count(n any, one string, many ...string) string {
	text := fmt.Sprint(n)
	if text == "1" {
		return text + " " + one
	}
	if len(many) > 0 {
		return text + " " + many[0]
	}
	return text + " " + one + "s"
}

// A staticFile is one that pages ask for, as it is sent.
type staticFile struct {
	mediaType  string
	sum        string
	raw, small []byte
}

var mediaTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

var statics = sync.OnceValue(func() map[string]staticFile {
	all := map[string]staticFile{}
	err := fs.WalkDir(staticFiles, "static", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		var small bytes.Buffer
		z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression) // the level is a known one
		_, _ = z.Write(b)                                         // into memory
		_ = z.Close()
		all[strings.TrimPrefix(name, "static/")] = staticFile{mediaTypes[path.Ext(name)], base64.RawURLEncoding.EncodeToString(sum[:9]), b, small.Bytes()}
		return nil
	})
	if err != nil {
		panic(err) // it is embedded
	}
	return all
})

// staticAddress gives the address of a file, which changes when the file does.
func staticAddress(name string) (string, error) {
	f, ok := statics()[name]
	if !ok {
		return "", fmt.Errorf("there is no file %q", name)
	}
	return files + name + "?" + f.sum, nil
}

// static serves a file. One that is asked for by its address is kept by browsers for good.
func static(w http.ResponseWriter, r *http.Request) {
	f, ok := statics()[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", `W/"`+f.sum+`"`)
	h.Set("Cache-Control", "no-cache")
	if r.URL.RawQuery == f.sum {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == h.Get("ETag") { // modules ask for each other without a sum
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.raw
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.small
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a browser that has gone is nobody to tell
}
