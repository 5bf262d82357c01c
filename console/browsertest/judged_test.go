package browsertest_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
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

func (j *judged) Skipf(format string, a ...any) {
	j.fail("skipped: " + fmt.Sprintf(format, a...))
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
		"a bar that was wrong for a moment": {script: `const bar = document.querySelector("header");
			addEventListener("load", () => { bar.dataset.position = 42; requestAnimationFrame(() => requestAnimationFrame(() => { bar.dataset.position = 41 })) })`, want: "the bar says position 42, and the content is of 41"},
		"a page without a policy":               {act: func(p *browsertest.Page) { p.Go("/lax") }, want: "a page without a content security policy"},
		"a window of its own":                   {body: `<a href="/" target="_blank">Print</a>`, act: func(p *browsertest.Page) { p.Click("Print") }, want: "opened a window of its own"},
		"a host asked before the page is there": {act: func(p *browsertest.Page) { p.Go("http://example.com/") }, want: "a request to another host: GET http://example.com/"},
		"a bar that is gone":                    {script: `document.querySelector("header").remove()`, want: "no bar says so"},
		"a position that nobody asked for":      {act: func(p *browsertest.Page) { p.Go("/?at=39") }, want: "the address asks for position 39"},
		"a dialog of the browser's":             {script: `queueMicrotask(() => alert("now"))`, want: "dialog of the browser's own: now"},
		"a picture without a text":              {body: `<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">`, act: func(p *browsertest.Page) { p.Axe() }, want: "axe image-alt"},
		"a page that is too wide":               {body: `<pre>` + strings.Repeat("x", 300) + `</pre>`, act: func(p *browsertest.Page) { p.Width(320); p.NoSideways() }, want: "scrolled to the side"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Given a page with something wrong
			url := site(t, map[string]string{"/": document(c.body), "/lax": document(""), "/page.js": c.script})
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

// What is missing is said, and is a failure where everything is to be judged.
func TestWithoutTheTools(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("PERMLEDGER_JUDGES") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("there is no Chromium to hide; with PERMLEDGER_JUDGES=1, as in CI, that is a failure")
	}
	url := site(t, map[string]string{"/": document(""), "/page.js": ""})
	for _, c := range []struct {
		name, chromium, judges, want string
		skipped                      bool
	}{
		{"no Chromium", "", "", "no Chromium is installed", true},
		{"no Chromium in CI", "", "1", "a judge is missing: no Chromium is installed", false},
		{"no npm", chromium, "", `"npm": executable file not found`, true},
		{"no npm in CI", chromium, "1", `a judge is missing: exec: "npm"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			t.Setenv("PERMLEDGER_CHROMIUM", c.chromium)
			t.Setenv("PERMLEDGER_JUDGES", c.judges)
			got := failures(t, url, func(p *browsertest.Page) { p.Go("/"); p.Axe() })
			if len(got) != 1 || !strings.Contains(got[0], c.want) || strings.HasPrefix(got[0], "skipped: ") != c.skipped {
				t.Errorf("said %q; want %q", got, c.want)
			}
		})
	}
}

func TestWhatCannotBeDoneEndsATest(t *testing.T) {
	body := `<form><label>Name <input name="n"></label><label>Kind <select name="k"><option>Global</select></label>
		<button type="button" disabled>Disabled</button> <button type="button" hidden>Hidden</button>
		<div><button type="button" class="covered">Covered</button><b class="cover">over it</b></div></form>
		<a href="#x">Link</a><table><tr><td>ann<td><a href="/ann">Edit</a><tr><td>ben<td><a href="/ben">Edit</a></table>`
	css := `div { position: relative } .cover { position: absolute; inset: 0 }`
	url := site(t, map[string]string{"/": document(body + `<link rel="stylesheet" href="/page.css">`), "/page.js": "", "/page.css": css})
	for name, c := range map[string]struct {
		act  func(p *browsertest.Page)
		want string
	}{
		"a click on nothing":          {func(p *browsertest.Page) { p.Click("Create role") }, `nothing is called "Create role"`},
		"what is there instead":       {func(p *browsertest.Page) { p.Click("Create role") }, `textbox "Name"`},
		"a click on one of two":       {func(p *browsertest.Page) { p.Click("Edit") }, `2 things are called "Edit"`},
		"a click in no part":          {func(p *browsertest.Page) { p.Within("tr", "eve").Click("Edit") }, `nothing is in tr with "eve"`},
		"a click on what is disabled": {func(p *browsertest.Page) { p.Click("Disabled") }, "it is disabled"},
		"a click on what is hidden":   {func(p *browsertest.Page) { p.Click("[hidden]") }, "it is not visible"},
		"a click on what is covered":  {func(p *browsertest.Page) { p.Click("Covered") }, "something lies over it: <b class="},
		"an option that is not there": {func(p *browsertest.Page) { p.Select("Kind", "Custom") }, "there are: Global"},
		"a text that is not there":    {func(p *browsertest.Page) { p.See("Recorded") }, `"Recorded" cannot be read; what can: Live at 41 A page`},
		"a text that stays":           {func(p *browsertest.Page) { p.Gone("A page") }, `"A page" can still be read`},
		"an address that stays":       {func(p *browsertest.Page) { p.At("/done") }, "the address is / and not /done"},
		"a selector of nothing":       {func(p *browsertest.Page) { p.Text("h6") }, "h6 finds nothing"},
		"a file that is not sent":     {func(p *browsertest.Page) { p.Download("Link") }, "saved no file"},
		"a server that is not there":  {func(p *browsertest.Page) { p.Go("http://127.0.0.1:1/") }, "ERR_"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failures(t, url, func(p *browsertest.Page) {
				p.Impatient()
				p.Go("/")
				c.act(p)
			})
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
