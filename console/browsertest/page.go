package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
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
	p := &Page{tab: &tab{t: t, ctx: ctx, base: base, watch: newWatch(base.Host), looks: looks{width: 1280, script: true}, downloads: t.TempDir()}}
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
	p.look()
	return p
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
		p.keep("failed")
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
	if e := answer.ExceptionDetails; e != nil {
		return v, fmt.Errorf("in the page: %s", exception(e))
	}
	if answer.Result.Type == runtime.RemoteObjectTypeUndefined {
		return v, nil
	}
	if err := json.Unmarshal(answer.Result.Value, &v); err != nil {
		return v, fmt.Errorf("what the page answered: %w", err)
	}
	return v, nil
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
	answer := must(p, page.Navigate, page.NavigateParams{URL: to.String()})
	if answer.ErrorText != "" && answer.ErrorText != "net::ERR_ABORTED" { // a download, or 204
		p.fatal("open %s: %s", to, answer.ErrorText)
	}
	p.settle()
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.t.Helper()
	must(p, page.Reload, page.ReloadParams{})
	p.settle()
}

// Back goes to the page before, as the browser's button does.
func (p *Page) Back() {
	p.t.Helper()
	h := must(p, page.GetNavigationHistory, cdp.Empty{})
	if h.CurrentIndex == 0 {
		p.fatal("there is no page before this one")
	}
	must(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: h.Entries[h.CurrentIndex-1].ID})
	p.settle()
}

// settle waits until the page has come to rest, and holds its bar against its content.
func (p *Page) settle() {
	p.t.Helper()
	if err := p.rest(); err != nil {
		p.fatal("%v", err)
	}
	p.agree()
}

// rest waits until nothing is loading. What an input just set off starts in tasks of the page behind the input's own: so each
// look is behind two frames, and two looks in a row must find nothing.
func (p *Page) rest() error {
	deadline := time.Now().Add(Patience)
	for quiet := 0; quiet < 2; {
		busy := p.watch.busy()
		if busy == "" {
			frames := `() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))`
			if !p.looks.script {
				frames = `() => document.body?.offsetHeight` // without script no timer runs
			}
			if _, err := eval[any](p, frames); err != nil {
				busy = err.Error() // the document that was asked is gone
			} else if marked, err := eval[bool](p, `() => document.readyState !== "complete" || !!document.querySelector("[aria-busy=true]")`); err != nil || marked {
				busy = "the document says that it is busy"
			} else {
				busy = p.watch.busy()
			}
		}
		if busy == "" {
			quiet++
			continue
		}
		quiet = 0
		if time.Now().After(deadline) {
			return fmt.Errorf("the page did not come to rest in %s: %s", Patience, busy)
		}
		pause()
	}
	return nil
}

// pause is between two looks at a condition.
func pause() { time.Sleep(20 * time.Millisecond) }

// until looks again and again whether something holds; what gives what is missing, for the message.
func (p *Page) until(what func() (missing string)) {
	p.t.Helper()
	var missing string
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); pause() {
		if missing = what(); missing == "" {
			return
		}
	}
	p.fatal("%s (waited %s)", missing, Patience)
}

// Within gives the part of the page in which a selector finds a text: p.Within("tr", "Compliance Officer").Click("Edit").
// Where several do, it is the innermost; the text may be empty.
func (p *Page) Within(selector, text string) *Page {
	return &Page{tab: p.tab, within: append(p.within[:len(p.within):len(p.within)], part{selector, text})}
}
