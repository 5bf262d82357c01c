package browsertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// A watch takes in what the browser tells of one tab: what is still under way, and what was wrong.
type watch struct {
	mu        sync.Mutex
	hosts     []string // that may be asked
	main      cdp.FrameID
	address   string
	loading   map[cdp.FrameID]string       // what is being loaded, by frame
	pending   map[network.RequestID]string // addresses that are being answered
	announced map[int64]bool               // whether a status that was announced has come
	received  int                          // bytes, since Go
	offline   bool
	downloads map[string]*download // by what the browser calls them
	dialog    func()               // answers a dialog of the browser's own
	problems  []string
}

type download struct {
	name string
	done bool
	err  string
}

func newWatch(host string) *watch {
	return &watch{
		hosts: []string{host}, address: "about:blank", loading: map[cdp.FrameID]string{}, pending: map[network.RequestID]string{},
		announced: map[int64]bool{}, downloads: map[string]*download{},
	}
}

// wrong notes a problem, once.
func (w *watch) wrong(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(format, args...)
}

func (w *watch) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...) + "\n\tat " + w.address; !slices.Contains(w.problems, text) {
		w.problems = append(w.problems, text)
	}
}

func (w *watch) where() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.address
}

// all gives the problems, and what was announced and did not come.
func (w *watch) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.problems)
	for status, came := range w.announced {
		if !came {
			all = append(all, fmt.Sprintf("an answer with status %d was announced, and none came", status))
		}
	}
	return all
}

// busy says what is under way, or nothing.
func (w *watch) busy() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range w.loading {
		return "loading " + what
	}
	for _, address := range w.pending {
		return "waiting for " + address
	}
	return ""
}

// take takes in one event. The browser's answers to commands come behind the events before them.
func (w *watch) take(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *page.EventFrameRequestedNavigation:
		w.loading[e.FrameID] = e.URL
	case *page.EventFrameStartedLoading:
		w.loading[e.FrameID] = "the page"
	case *page.EventFrameStoppedLoading:
		delete(w.loading, e.FrameID)
	case *page.EventFrameDetached:
		delete(w.loading, e.FrameID)
	case *page.EventFrameNavigated:
		if e.Frame.ParentID == "" {
			w.main, w.address = e.Frame.ID, e.Frame.URL+e.Frame.URLFragment
			clear(w.pending) // what the document before had asked for
		}
	case *page.EventNavigatedWithinDocument:
		delete(w.loading, e.FrameID)
		if e.FrameID == w.main {
			w.address = e.URL
		}
	case *network.EventRequestWillBeSent:
		w.asked(e)
	case *network.EventResponseReceived:
		w.answered(e)
	case *network.EventLoadingFinished:
		delete(w.pending, e.RequestID)
		w.received += int(e.EncodedDataLength)
	case *network.EventLoadingFailed:
		delete(w.pending, e.RequestID)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			w.note("console.%s: %s", e.Type, values(e.Args))
		}
	case *runtime.EventExceptionThrown:
		w.note("uncaught exception: %s", exception(e.ExceptionDetails))
	case *log.EventEntryAdded:
		w.logged(e.Entry)
	case *audits.EventIssueAdded:
		w.issue(e.Issue)
	case *page.EventJavascriptDialogOpening:
		w.note("the page opened a dialog of the browser's own: %s", e.Message)
		go w.dialog() // events are not taken in while a command waits
	case *page.EventWindowOpen:
		w.note("the page opened a window of its own, which nobody watches: %s", e.URL)
	case *runtime.EventBindingCalled:
		if e.Name == reporter {
			w.note("%s", e.Payload)
		}
	case *browser.EventDownloadWillBegin:
		if e.FrameID == w.main {
			w.downloads[e.GUID] = &download{name: e.SuggestedFilename}
			delete(w.loading, e.FrameID)
		}
	case *browser.EventDownloadProgress:
		if d := w.downloads[e.GUID]; d != nil && e.State != browser.DownloadProgressStateInProgress {
			d.done = true
			if e.State == browser.DownloadProgressStateCanceled {
				d.err = "it was cancelled"
			}
		}
	}
}

func (w *watch) asked(e *network.EventRequestWillBeSent) {
	u, err := url.Parse(e.Request.URL)
	if err != nil {
		w.note("a request to what is no address: %v", err)
		return
	}
	switch u.Scheme {
	case "data", "blob", "about":
		return
	}
	if !slices.Contains(w.hosts, u.Host) {
		w.note("a request to another host: %s %s", e.Request.Method, e.Request.URL)
	}
	if e.Type != network.ResourceTypeEventSource && e.Type != network.ResourceTypePing {
		w.pending[e.RequestID] = e.Request.URL
	}
}

func (w *watch) answered(e *network.EventResponseReceived) {
	if e.Response.MimeType == "text/event-stream" {
		delete(w.pending, e.RequestID) // it goes on for as long as the page is open
	}
	if u, err := url.Parse(e.Response.URL); err == nil && e.Type == network.ResourceTypeDocument && e.Response.MimeType == "text/html" && u.Host == w.hosts[0] {
		w.policy(e.Response)
	}
	if s := e.Response.Status; s >= 400 {
		if _, ok := w.announced[s]; ok {
			w.announced[s] = true
			return
		}
		w.note("answered with %d, which was not announced: %s", s, e.Response.URL)
	}
}

// policy wants every page to have a content security policy: without one nothing would be refused, and nothing noticed.
func (w *watch) policy(r *network.Response) {
	for name, value := range r.Headers {
		if !strings.EqualFold(name, "Content-Security-Policy") {
			continue
		}
		if text := fmt.Sprint(value); strings.Contains(text, "'unsafe-") || !strings.Contains(text, "default-src 'none'") {
			w.note("a policy that lets too much through: %s: %s", r.URL, text)
		}
		return
	}
	w.note("a page without a content security policy: %s", r.URL)
}

func (w *watch) logged(e *log.Entry) {
	// Answers are judged as such, and who takes the network away knows what follows.
	if e.Source == log.EntrySourceNetwork && (w.offline || strings.Contains(e.Text, "the server responded with a status of")) {
		return
	}
	if e.Level == log.EntryLevelError || e.Level == log.EntryLevelWarning {
		w.note("%s %s: %s %s", e.Source, e.Level, e.Text, e.URL)
	}
}

func (w *watch) issue(i *audits.InspectorIssue) {
	// A role's name is no person's, and a field for it may be called so.
	if g := i.Details.GenericIssueDetails; g != nil && g.ErrorType == audits.GenericIssueErrorTypeFormInputAssignedAutocompleteValueToIDOrNameAttributeError {
		return
	}
	b, err := json.Marshal(i.Details)
	if err != nil {
		b = []byte(err.Error())
	}
	w.note("%s: %s", i.Code, b)
}

func exception(e *runtime.ExceptionDetails) string {
	if e.Exception != nil && e.Exception.Description != "" {
		return e.Text + " " + e.Exception.Description
	}
	if e.Exception != nil {
		return e.Text + " " + string(e.Exception.Value)
	}
	return e.Text
}

func values(args []*runtime.RemoteObject) string {
	texts := make([]string, len(args))
	for i, a := range args {
		var s string
		if texts[i] = cmp.Or(a.Description, string(a.Value)); a.Type == runtime.RemoteObjectTypeString && json.Unmarshal(a.Value, &s) == nil {
			texts[i] = s
		}
	}
	return strings.Join(texts, " ")
}

// Expect announces that an answer with an error status comes, once or more often: one that nobody announced fails the test, and so
// does one that was announced and never came.
func (p *Page) Expect(status int) {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	p.watch.announced[int64(status)] = false
}

// Received is how many bytes came over the wire since the last Go, as the browser counts them: headers, and bodies as they were
// encoded.
func (p *Page) Received() int {
	p.t.Helper()
	p.settle()
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	return p.watch.received
}

// AllowHost lets the page ask another host ("127.0.0.1:5556") too, as an identity provider.
func (p *Page) AllowHost(host string) {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	p.watch.hosts = append(p.watch.hosts, host)
}
