package browsertest_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/permledger/permledger/console/browsertest"
)

// A judged is a test whose failures are what is asked about.
type judged struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (j *judged) Helper()             {}
func (j *judged) Logf(string, ...any) {}
func (j *judged) Failed() bool        { return len(j.all()) > 0 }
func (j *judged) Error(a ...any)      { j.fail(fmt.Sprint(a...)) }
func (j *judged) Cleanup(f func()) {
	j.cleanups = append(j.cleanups, f)
}

func (j *judged) Fatalf(format string, a ...any) {
	j.fail(fmt.Sprintf(format, a...))
	runtime.Goexit()
}

func (j *judged) Fatal(a ...any) {
	j.fail(fmt.Sprint(a...))
	runtime.Goexit()
}

func (j *judged) fail(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failures = append(j.failures, what)
}

func (j *judged) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failures
}

// failures runs a test of its own and gives what failed it.
func failures(t *testing.T, url string, test func(p *browsertest.Page)) []string {
	t.Helper()
	j := &judged{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(j.cleanups) - 1; i >= 0; i-- {
				j.cleanups[i]()
			}
		}()
		test(browsertest.Open(j, url))
	}()
	<-done
	return j.all()
}

func TestWhatNobodyWouldSeeFailsATest(t *testing.T) {
	elsewhere := site(t, map[string]string{"/": ""})
	for name, c := range map[string]struct {
		body, script string
		act          func(p *browsertest.Page)
		want         string
	}{
		"an error in the console":          {script: `console.error("it broke", 7)`, want: "console.error: it broke 7"},
		"a warning in the console":         {script: `console.warn("beware")`, want: "console.warning: beware"},
		"an exception":                     {script: `document.querySelector("no-such").click()`, want: "uncaught exception: Uncaught TypeError"},
		"a promise that nobody waited for": {script: `Promise.reject(new Error("lost"))`, want: "lost"},
		"a style attribute":                {body: `<p style="color: red">red</p>`, want: "style-src"},
		"an inline script":                 {body: `<script>1</script>`, want: "script-src"},
		"an inline handler":                {body: `<button onclick="1">Go</button>`, act: func(p *browsertest.Page) { p.Click("Go") }, want: "script-src"},
		"eval":                             {script: `try { eval("1") } catch {}`, want: "script-src"},
		"a picture from another host":      {body: `<img alt="" src="` + elsewhere + `/x.png">`, want: "img-src"},
		"a link to another host":           {body: `<a href="` + elsewhere + `/">Away</a>`, act: func(p *browsertest.Page) { p.Click("Away") }, want: "a request to another host: GET " + elsewhere},
		"an answer that is an error":       {script: `fetch("/none")`, want: "answered with 404"},
		"a page that is an error":          {act: func(p *browsertest.Page) { p.Go("/none") }, want: "answered with 404"},
		"an error that did not come":       {act: func(p *browsertest.Page) { p.Expect(http.StatusConflict) }, want: "status 409 was announced"},
		"a bar of another position":        {script: `document.querySelector("header").dataset.position = 40`, want: "the bar says position 40, and the content is of 41"},
		"a bar that is gone":               {script: `document.querySelector("header").remove()`, want: "no bar says so"},
		"a position that nobody asked for": {act: func(p *browsertest.Page) { p.Go("/?at=39") }, want: "the address asks for position 39"},
		"a dialog of the browser's":        {script: `queueMicrotask(() => alert("now"))`, want: "dialog of the browser's own: now"},
		"a picture without a text":         {body: `<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">`, act: func(p *browsertest.Page) { p.Axe() }, want: "axe image-alt"},
		"a page that is too wide":          {body: `<pre>` + strings.Repeat("x", 300) + `</pre>`, act: func(p *browsertest.Page) { p.Width(320); p.NoSideways() }, want: "scrolled to the side"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Given a page with something wrong
			url := site(t, map[string]string{"/": document(c.body), "/page.js": c.script})
			// when a test that looks for something else opens it
			got := failures(t, url, func(p *browsertest.Page) {
				p.Go("/")
				if c.act != nil {
					c.act(p)
				}
			})
			// then the test fails for it
			if !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("failed for %q; want %q", got, c.want)
			}
		})
	}
}

func TestAPageWithNothingWrongFailsNoTest(t *testing.T) {
	url := site(t, map[string]string{"/": document(`<p>Fine`), "/page.js": ""})
	if got := failures(t, url, func(p *browsertest.Page) { p.Go("/"); p.Inspect("fine") }); len(got) > 0 {
		t.Errorf("failed for %q", got)
	}
}
