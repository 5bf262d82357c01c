package console_test

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/console/browsertest"
)

// Given a browser, when somebody looks at what happened, then every page of it can be used and read.
func TestHistoryInABrowser(t *testing.T) {
	w := past(t)
	p := w.browse(t, "owner")
	p.Go("/console/acme/history")
	p.Screenshot("history")
	p.Width(390)
	p.Screenshot("history-390")
	p.Width(1280)
	p.Dark(true)
	p.Go("/console/acme/diff?from=3&at=7")
	p.Screenshot("diff-dark")
	p.Dark(false)
	p.Go("/console/acme/entries/8")
	p.Screenshot("entry")
	p.Go("/console/acme/history?at=6")
	p.Screenshot("history-6")
	p.Go("/console/acme/access?subject=ben&permission=b.read")
	p.Screenshot("access")
	p.Width(390)
	p.Screenshot("access-390")
	p.Width(1280)
	p.Dark(true)
	p.Go("/console/acme/access?subject=ben&permission=b.read&at=7")
	p.Screenshot("access-dark")
}

// Given the slider of moments, when it is moved by keys, then the page follows, its focus stays, and at its end the page is live.
func TestSlider(t *testing.T) {
	w := past(t)
	p := w.browse(t, "owner")
	p.Go("/console/acme/history")
	browsertest.Eval[any](p, `() => document.getElementById("slider").focus()`)
	p.Press("ArrowLeft")
	p.See("As of event 7")
	p.At("/console/acme/history?at=7")
	p.Gone("left the")
	p.Press("ArrowLeft")
	p.See("As of event 6")
	slider := browsertest.Eval[[]string](p, `() => { const s = document.activeElement; return [s.id, s.value, s.getAttribute("aria-valuetext"), document.getElementById("event").value] }`)
	if slider[0] != "slider" || slider[1] != "6" || !strings.HasPrefix(slider[2], "event 6, 20") || slider[3] != "6" {
		t.Errorf("the slider is %q", slider)
	}
	p.Press("End")
	p.See("Live at event 8")
	p.At("/console/acme/history")
	p.Back()
	p.See("As of event 6")
	p.Press("[")
	p.See("As of event 4")
	p.Press("]")
	p.See("As of event 6")
}
