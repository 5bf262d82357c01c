package browsertest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A Page is a tab, or a part of one ([Page.Within]).
type Page struct {
	*tab
	within []part
}

// A part is an element in which something is looked for: the innermost that the selector finds and that has the text.
type part struct {
	Selector string `json:"selector"`
	Text     string `json:"text"`
}

type tab struct {
	t         testing.TB
	ctx       context.Context
	base      *url.URL
	patience  time.Duration // until waits so long
	watch     *watch
	looks     looks
	downloads string
}

// Open gives an empty tab for a server, with a profile of its own: 1280 pixels wide, light, with script. When the test ends,
// everything that was wrong meanwhile fails it.
func Open(t testing.TB, server string) *Page {
	t.Helper()
	base, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, _ := chromedp.NewContext(browserContext(t), chromedp.WithNewBrowserContext())
	p := &Page{tab: &tab{t: t, ctx: ctx, base: base, patience: Patience, watch: newWatch(base.Host), looks: looks{width: 1280, script: true}, downloads: t.TempDir()}}
	t.Cleanup(p.close)
	// A dialog keeps everything else waiting. Who asks for one is noted, and is answered no.
	p.watch.dialog = func() { _, _ = call(p, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) }
	if err := chromedp.Listen(ctx, p.watch.take); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	if err := chromedp.ListenBrowser(ctx, p.watch.take); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	must(p, audits.Enable, cdp.Empty{})
	if _, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
		DownloadPath: p.downloads, EventsEnabled: new(true),
	}); err != nil {
		t.Fatal(err)
	}
	p.observePositions()
	p.look()
	return p
}

// SetCookies gives the browser cookies of the server, as those of somebody who has signed in already.
func (p *Page) SetCookies(cookies ...*http.Cookie) {
	p.t.Helper()
	for _, c := range cookies {
		must(p, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: p.base.String(), Path: cmp.Or(c.Path, "/"), Secure: &c.Secure, HTTPOnly: &c.HttpOnly})
	}
}

// close reports what was wrong, and closes the tab.
func (p *Page) close() {
	p.t.Helper()
	if err := p.rest(); err != nil {
		p.watch.wrong("%v", err)
	}
	p.agree()
	problems := p.watch.all()
	if len(problems) > 0 || p.t.Failed() {
		p.keep("failed" + p.address())
	}
	for _, problem := range problems {
		p.t.Error(problem)
	}
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
		p.t.Logf("close the tab: %v", err)
	}
}

// fatal ends the test with a picture of what the page is like.
func (p *Page) fatal(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s\n\tat %s", fmt.Sprintf(format, args...), p.watch.where())
}

// call asks the browser, no longer than anything is waited for.
func call[P, R any](p *Page, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}

func must[P, R any](p *Page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	answer, err := call(p, command, params)
	if err != nil {
		p.fatal("%s: %v", command.Method, err)
	}
	return answer
}

// Eval runs a JavaScript function with arguments in the page and gives what it, or the promise it returns, comes to. That works
// where script is off as well, as long as it needs neither timers nor events.
func Eval[T any](p *Page, function string, args ...any) T {
	p.t.Helper()
	p.settle()
	v, err := eval[T](p, function, args...)
	if err != nil {
		p.fatal("%v", err)
	}
	return v
}

func eval[T any](p *Page, function string, args ...any) (v T, err error) {
	expression, err := invocation(function, args)
	if err != nil {
		return v, err
	}
	answer, err := call(p, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ReturnByValue: new(true), AwaitPromise: new(true)})
	if err != nil {
		return v, err
	}
	err = returned(&v, answer.Result, answer.ExceptionDetails)
	return v, err
}

// returned reads what a function in the page gave back.
func returned(into any, result *runtime.RemoteObject, thrown *runtime.ExceptionDetails) error {
	if thrown != nil {
		return fmt.Errorf("in the page: %s", exception(thrown))
	}
	if result.Type == runtime.RemoteObjectTypeUndefined {
		return nil
	}
	if err := json.Unmarshal(result.Value, into); err != nil {
		return fmt.Errorf("what the page answered: %w", err)
	}
	return nil
}

func invocation(function string, args []any) (string, error) {
	parts := make([]string, len(args))
	for i, a := range args {
		b, err := json.Marshal(a)
		if err != nil {
			return "", err
		}
		parts[i] = string(b)
	}
	return "(" + function + ")(" + strings.Join(parts, ",") + ")", nil
}

// Go opens an address of the server ("/console/acme/roles?at=41"), or a whole one.
func (p *Page) Go(address string) {
	p.t.Helper()
	to, err := p.base.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.watch.mu.Lock()
	p.watch.received = 0
	p.watch.mu.Unlock()
	answer := must(p, page.Navigate, page.NavigateParams{URL: to.String()})
	if answer.ErrorText != "" && answer.ErrorText != "net::ERR_ABORTED" { // a download, or 204
		p.fatal("open %s: %s", to, answer.ErrorText)
	}
	p.acted()
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.t.Helper()
	must(p, page.Reload, page.ReloadParams{})
	p.acted()
}

// Back goes to the page before, as the browser's button does.
func (p *Page) Back() {
	p.t.Helper()
	h := must(p, page.GetNavigationHistory, cdp.Empty{})
	if h.CurrentIndex == 0 {
		p.fatal("there is no page before this one")
	}
	must(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: h.Entries[h.CurrentIndex-1].ID})
	p.acted()
}

// settle waits until nothing is under way, and holds the page's bar against its content.
func (p *Page) settle() {
	p.t.Helper()
	if err := p.rest(); err != nil {
		p.fatal("%v", err)
	}
	p.agree()
}

// acted is settle for behind an input: what that sets off begins in tasks of the page behind the input's own, and two frames are
// behind these.
func (p *Page) acted() {
	p.t.Helper()
	frames := `() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))`
	if !p.looks.script {
		frames = `() => document.body?.offsetHeight` // without script no timer runs
	}
	for range 2 {
		_, _ = eval[any](p, frames) // a document that goes away answers with an error, which is as good
		p.settle()
	}
}

// busy is a selector of what says that it waits for something: aria-busy, and the classes of htmx, which it takes away behind its swap.
const busy = "[aria-busy=true], .htmx-request, .htmx-swapping, .htmx-settling"

// rest waits until nothing is loading, and nothing says that it is busy.
func (p *Page) rest() error {
	for deadline := time.Now().Add(Patience); ; pause() {
		under := p.watch.busy()
		if under == "" {
			marked, err := eval[bool](p, `selector => document.readyState !== "complete" || !!document.querySelector(selector)`, busy)
			if err != nil {
				under = err.Error() // the document that was asked is gone
			} else if marked {
				under = "the document says so"
			} else {
				under = p.watch.busy() // since it was asked
			}
		}
		if under == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the page did not come to rest in %s, it is busy: %s", Patience, under)
		}
	}
}

// pause is between two looks at a condition.
func pause() { time.Sleep(20 * time.Millisecond) }

// until looks again and again whether something holds; what gives what is missing, for the message.
func (p *Page) until(what func() (missing string)) {
	p.t.Helper()
	var missing string
	for deadline := time.Now().Add(p.patience); time.Now().Before(deadline); pause() {
		if missing = what(); missing == "" {
			return
		}
	}
	p.fatal("%s (waited %s)", missing, p.patience)
}

// Within gives the part of the page in which a selector finds a text: p.Within("tr", "Compliance Officer").Click("Edit").
// Where several do, it is the innermost; the text may be empty.
func (p *Page) Within(selector, text string) *Page {
	return &Page{tab: p.tab, within: append(p.within[:len(p.within):len(p.within)], part{selector, text})}
}
