package browsertest_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/console/browsertest"
)

// both runs a test with script and without.
func both(t *testing.T, test func(t *testing.T, script bool)) {
	t.Helper()
	t.Run("with script", func(t *testing.T) { t.Parallel(); test(t, true) })
	t.Run("without script", func(t *testing.T) { t.Parallel(); test(t, false) })
}

func TestAFormIsFilledInAsAPersonDoes(t *testing.T) {
	both(t, func(t *testing.T, script bool) {
		// Given a page with a form
		url := site(t, map[string]string{"/": document(`<form action="/done"><label>Name <input name="name" value="old"></label>
			<label>Kind <select name="kind"><option value="1">Global<option value="2">Custom</select></label>
			<label>Until <input type="date" name="until"></label>
			<label><input type="checkbox" name="p"> roles.create</label><label><input type="checkbox" name="q" checked> roles.view</label>
			<fieldset><legend>Keep?</legend><label><input type="radio" name="r" value="k">keep</label><label><input type="radio" name="r" value="x">revoke</label></fieldset>
			<label for="why">Reason</label><textarea name="why" id="why">because</textarea><button>Review <b>change</b></button></form>`),
			"/done": document("<p>Recorded"), "/page.js": ""})
		p := browsertest.Open(t, url)
		p.Script(script)
		// when somebody fills it in
		p.Go("/")
		p.Fill("Name", "Compliance Officer")
		p.Select("Kind", "Custom")
		p.Fill("Until", "2026-12-05")
		p.Check("roles.create", true)
		p.Check("roles.view", false)
		p.Check("revoke", true)
		p.Fill("Reason", "")
		p.Click("Review change")
		// then the server is sent that
		p.See("Recorded")
		p.At("/done?name=Compliance+Officer&kind=2&until=2026-12-05&p=on&r=x&why=")
	})
}

// What a click sets off begins in tasks behind it: whoever acts or reads next is to find the page after it, each time.
func TestTheNextStepFindsThePageAfterTheLast(t *testing.T) {
	both(t, func(t *testing.T, script bool) {
		// Given pages that each have a form to the next one, which is slow to come
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var n int
			fmt.Sscanf(r.FormValue("n"), "%d", &n)
			if r.Method == http.MethodPost {
				http.Redirect(w, r, fmt.Sprintf("/?n=%d", n+1), http.StatusSeeOther)
				return
			}
			w.Header().Set("Content-Security-Policy", policy)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, strings.ReplaceAll(document(fmt.Sprintf(`<form method="post"><input type="hidden" name="n" value="%d"><p>page %d</p><button>Next</button></form>`, n, n)), `<script src="/page.js" type="module"></script>`, ""))
		}))
		defer server.Close()
		p := browsertest.Open(t, server.URL)
		p.Script(script)
		p.Go("/?n=0")
		for n := range 15 {
			// when somebody goes on, then what can be read at once is the next page
			p.Click("Next")
			if got := p.Texts("p"); len(got) != 1 || got[0] != fmt.Sprintf("page %d", n+1) {
				t.Fatalf("after %d clicks it shows %q", n+1, got)
			}
		}
		// and the page before is there again
		p.Back()
		p.See("page 14")
	})
}

func TestAStreamOfEventsKeepsNobodyWaiting(t *testing.T) {
	// Given a page that shows what comes in a stream of events, which goes on
	more := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		switch r.URL.Path {
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			select {
			case <-more:
				fmt.Fprint(w, "data: event 42\n\n")
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
			}
			<-r.Context().Done()
		case "/page.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `new EventSource("/events").onmessage = e => { document.querySelector("p").textContent = e.data }`)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, document("<p>nothing yet"))
		}
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	p := browsertest.Open(t, server.URL)
	// when it is opened, then it comes to rest
	p.Go("/")
	p.See("nothing yet")
	// and what comes is seen
	close(more)
	p.See("event 42")
	p.Gone("nothing yet")
	p.Go("about:blank") // so that the stream ends
}

// htmx gives what asks a class until its answer stands in the page.
func TestASwapIsWaitedFor(t *testing.T) {
	url := site(t, map[string]string{"/": document(`<button>Next</button><p>0</p>`), "/page.js": `
		document.querySelector("button").onclick = async e => {
			const button = e.currentTarget, p = document.querySelector("p");
			button.classList.add("htmx-request");
			const answer = await fetch("/page.js");
			await answer.text();
			for (let i = 0; i < 20; i++) await new Promise(done => setTimeout(done)); // long behind the answer
			p.textContent = Number(p.textContent) + 1;
			button.classList.remove("htmx-request");
		}`})
	p := browsertest.Open(t, url)
	p.Go("/")
	for n := range 5 {
		p.Click("Next")
		if got := p.Texts("p"); len(got) != 1 || got[0] != fmt.Sprint(n+1) {
			t.Fatalf("after %d clicks it shows %q", n+1, got)
		}
	}
}

func TestKeysAndWhatAScreenReaderSays(t *testing.T) {
	url := site(t, map[string]string{"/": document(`<a href="#end">Skip to content</a> <label>Filter <input id="filter"></label>
		<button type="button" aria-label="Remove roles.view">×</button><label>Moment <input type="range" min="1" max="41" value="30"></label><p id="end" tabindex="-1">keys:</p>`),
		"/page.js": `addEventListener("keydown", e => { document.querySelector("p").append(" " + (e.ctrlKey ? "Control+" : "") + e.key) })`})
	p := browsertest.Open(t, url)
	p.Go("/")
	// Given the keyboard alone, when somebody goes through the page
	for _, want := range []string{"link Skip to content", "textbox Filter", "button Remove roles.view", "slider Moment"} {
		p.Press("Tab")
		// then each thing has a role and a name
		if got := p.Focused(); got != want {
			t.Errorf("the focus is on %q; want %q", got, want)
		}
	}
	// and keys do what they do
	p.Press("ArrowLeft", "End", "ArrowLeft")
	if got := p.Value("Moment"); got != "40" {
		t.Errorf("the slider stands at %s", got)
	}
	p.Press("Shift+Tab", "Shift+Tab")
	p.Type("a/Äß漢")
	if got := p.Value("#filter"); got != "a/Äß漢" {
		t.Errorf("typed %q", got)
	}
	p.Press("Control+a", "Backspace")
	if got := p.Value("Filter"); got != "" {
		t.Errorf("after everything was deleted it holds %q", got)
	}
	p.See("Tab Tab Tab Tab ArrowLeft End ArrowLeft Tab Tab")
	if got := p.Said("Remove roles.view"); got != "button Remove roles.view" {
		t.Errorf("said is %q", got)
	}
}

func TestPartsOfAPage(t *testing.T) {
	url := site(t, map[string]string{"/": document(`<table><tr><td>ann<td><a href="/ann">Edit</a><tr><td>ben<td><a href="/ben">Edit</a></table>`), "/ben": document("<p>This is ben"), "/page.js": ""})
	p := browsertest.Open(t, url)
	p.Go("/")
	if got := p.Within("tr", "ben").Texts("td"); len(got) != 2 || got[0] != "ben" {
		t.Errorf("ben's row says %q", got)
	}
	if p.Count("tr") != 2 || !p.Has("Edit") || p.Has("Delete") || p.Attribute("td a", "href") != "/ann" || p.Title() != "A page" {
		t.Error("the page is not read as it is")
	}
	p.Within("table", "").Within("tr", "ben").Click("Edit")
	p.See("This is ben")
}

func TestHowAPageIsShown(t *testing.T) {
	url := site(t, map[string]string{"/": document(`<p class="dark">dark</p><p class="light">light</p><p class="narrow">narrow</p><p class="paper">paper</p><p class="still">still</p><noscript>no script</noscript>
		<link rel="stylesheet" href="/page.css">`), "/page.js": `document.querySelector("h1").textContent = "script"`, "/page.css": `p { display: none }
		@media (prefers-color-scheme: dark) { .dark { display: block } } @media (prefers-color-scheme: light) { .light { display: block } }
		@media (max-width: 400px) { .narrow { display: block } } @media print { .paper { display: block } } @media (prefers-reduced-motion) { .still { display: block } }`})
	p := browsertest.Open(t, url)
	shown := func(want string) {
		t.Helper()
		if got := p.Text("main"); got != want {
			t.Errorf("it shows %q; want %q", got, want)
		}
	}
	p.Go("/")
	shown("script light")
	p.Dark(true)
	shown("script dark")
	p.Width(390)
	shown("script dark narrow")
	p.Dark(false)
	p.Width(1280)
	p.Still(true)
	shown("script light still")
	p.Still(false)
	p.Paper(true)
	shown("script light paper")
	p.Paper(false)
	p.Script(false)
	p.Reload()
	shown("A page light no script")
	// axe needs scripts of its own, which are none of the page's
	p.Axe()
	shown("A page light no script")
}

func TestFiles(t *testing.T) {
	// Given a page that takes files, and one that gives one
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		switch r.URL.Path {
		case "/page.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `const show = async f => { document.querySelector("output").textContent = f.name + ": " + await f.text() };
				document.querySelector("input").onchange = e => show(e.target.files[0]);
				const zone = document.querySelector("#zone"); zone.ondragover = e => e.preventDefault();
				zone.ondrop = e => { e.preventDefault(); show(e.dataTransfer.files[0]) }`)
		case "/file":
			w.Header().Set("Content-Disposition", `attachment; filename="compliance officer.json"`)
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"role":"compliance"}`)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, document(`<label>CSV <input type="file" name="csv"></label><p id="zone">Drop a bundle here</p><output></output><a href="/file">Download</a>`))
		}
	}))
	defer server.Close()
	csv := filepath.Join(t.TempDir(), "investors.csv")
	if err := os.WriteFile(csv, []byte("wallet,until"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Open(t, server.URL)
	p.Go("/")
	// when one is chosen, or dropped, then the page has it
	p.Upload("[type=file]", csv)
	p.See("investors.csv: wallet,until")
	p.Reload()
	p.Drop("#zone", csv)
	p.See("investors.csv: wallet,until")
	// and what the server sends as a file is one
	name, b := p.Download("Download")
	if name != "compliance officer.json" || string(b) != `{"role":"compliance"}` {
		t.Errorf("saved %q: %s", name, b)
	}
}

func TestAWallet(t *testing.T) {
	// Given a page that asks a wallet
	url := site(t, map[string]string{"/": document(`<button>Sign</button><p>`), "/page.js": `document.querySelector("button").onclick = async () => {
		const p = document.querySelector("p");
		const [account] = await ethereum.request({method: "eth_requestAccounts"});
		try { p.textContent = "signed: " + await ethereum.request({method: "personal_sign", params: ["0xabcd", account]}) }
		catch (e) { p.textContent = e.code + ": " + e.message }
	}`})
	p := browsertest.Open(t, url)
	refuse := false
	p.Wallet(func(method string, params json.RawMessage) (any, error) {
		if method == "eth_requestAccounts" {
			return []string{"0x346a"}, nil
		}
		if refuse {
			return nil, errors.New("the owner said no")
		}
		return method + string(params), nil
	})
	p.Go("/")
	// when somebody signs, then the page has what the wallet answered, or why it did not
	p.Click("Sign")
	p.See(`signed: personal_sign["0xabcd","0x346a"]`)
	refuse = true
	p.Click("Sign")
	p.See("4001: the owner said no")
}

func TestAnAnswerThatWasAnnouncedIsNoFailure(t *testing.T) {
	p := browsertest.Open(t, site(t, nil))
	p.Expect(http.StatusNotFound)
	p.Go("/none")
	p.See("404 page not found")
}

func TestOfflineAndWhatItMeans(t *testing.T) {
	url := site(t, map[string]string{"/": document(`<button>Ask</button><p>`), "/page.js": `document.querySelector("button").onclick = async () => {
		document.querySelector("p").textContent = await fetch("/").then(r => "answered " + r.status, () => "no connection") }`})
	p := browsertest.Open(t, url)
	p.Go("/")
	p.Offline(true)
	p.Click("Ask")
	p.See("no connection")
	p.Offline(false)
	p.Click("Ask")
	p.See("answered 200")
}

// Browsers withhold WebCrypto where anybody on the way could have changed the page.
func TestAnInsecureOrigin(t *testing.T) {
	url := site(t, map[string]string{"/": document(`<p>`), "/page.js": `document.querySelector("p").textContent = window.crypto.subtle ? "WebCrypto is here" : "WebCrypto is not here"`})
	p := browsertest.Open(t, url)
	p.Go("/")
	p.See("WebCrypto is here")
	p = browsertest.Open(t, strings.Replace(url, "127.0.0.1", browsertest.InsecureHost, 1))
	p.Go("/")
	p.See("WebCrypto is not here")
}

func TestEachTestHasCookiesOfItsOwn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		who := "nobody"
		if c, err := r.Cookie("__Host-session"); err == nil {
			who = c.Value
		}
		if r.URL.Path == "/in" {
			http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: "ben", Path: "/", Secure: true, HttpOnly: true})
		}
		fmt.Fprint(w, strings.ReplaceAll(document("<p>You are "+who), `<script src="/page.js" type="module"></script>`, ""))
	}))
	defer server.Close()
	ann, ben := browsertest.Open(t, server.URL), browsertest.Open(t, server.URL)
	ann.SetCookies(&http.Cookie{Name: "__Host-session", Value: "ann", Path: "/", Secure: true, HttpOnly: true})
	ben.Go("/in")
	ann.Go("/")
	ben.Go("/")
	ann.See("You are ann")
	ben.See("You are ben")
}

func TestPicturesAreKept(t *testing.T) {
	// Given a folder for pictures
	dir := t.TempDir()
	t.Setenv("PERMLEDGER_SCREENSHOTS", dir)
	p := browsertest.Open(t, site(t, map[string]string{"/": document(`<p>A screen`), "/page.js": ""}))
	p.Go("/")
	// when a screen is judged and printed, then they stand there
	p.Inspect("a screen")
	p.Print("a screen")
	for name, magic := range map[string]string{"a_screen-light.png": "iVBORw0K", "a_screen-dark.png": "iVBORw0K", "a_screen-390.png": "iVBORw0K", "a_screen-paper.png": "iVBORw0K", "a_screen.pdf": "JVBERi"} {
		b, err := os.ReadFile(filepath.Join(dir, "TestPicturesAreKept", name))
		if err != nil || !strings.HasPrefix(base64.StdEncoding.EncodeToString(b), magic) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if n := p.Received(); n < 100 || n > 10_000 {
		t.Errorf("%d bytes came", n)
	}
}
