package console_test

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console/browsertest"
)

// Given a browser, when somebody looks at what happened and who may what, then each page can be used and read by everybody.
func TestHistoryInABrowser(t *testing.T) {
	w := past(t)
	p := w.browse(t, "owner")
	for name, address := range map[string]string{
		"history": "history", "history-past": "history?at=6&bars=events", "history-filtered": "history?about=role:desk", "difference": "diff?from=3&at=7",
		"event": "entries/8", "access-denied": "access?subject=ben&permission=b.read", "access-allowed": "access?subject=ben&permission=b.read&at=7",
	} {
		p.Go("/console/acme/" + address)
		p.Inspect(name)
	}
	p.Go("/console/acme/entries/8")
	e, err := w.Entry(t.Context(), acme, "8")
	if name, file := p.Download("The exact bytes"); err != nil || name != "8.entry" || string(file) != string(e.Entry) {
		t.Errorf("the exact bytes are %s: %q, %v", name, file, err)
	}
	if name, file := p.Download("The proof"); name != "8.tlog-proof" || !strings.HasPrefix(string(file), "c2sp.org/tlog-proof@v1") {
		t.Errorf("the proof is %s: %q", name, file)
	}
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

// Given a browser without script, when somebody travels, compares and asks, then plain links and forms lead there.
func TestHistoryWithoutScript(t *testing.T) {
	w := past(t)
	p := w.browse(t, "owner")
	p.Script(false)
	p.Go("/console/acme/history")
	p.Fill("Event, 1 to 8", "6")
	p.Click("Go")
	p.At("/console/acme/history?at=6")
	p.See("As of event 6")
	p.Gone("more to do")
	p.Click("One change back")
	p.See("As of event 4")
	p.Click("One change forward")
	p.See("As of event 6")
	p.Fill("Compare with event", "3")
	p.Click("Compare")
	p.See("What changed between event 3 and event 6")
	p.Click("Back to live")
	p.See("Live at event 8")
	p.Go("/console/acme/access")
	p.Fill("Who", "ben")
	p.Fill("May", "b.read")
	p.Click("Ask")
	p.See("taken away at event 8 by owner")
	p.Within(".chain", "taken away").Click("event 8")
	p.At("/console/acme/entries/8")
	p.Click("Event 7")
	p.See("more to do")
}

// Given the history on a screen, when somebody else records something, then it stands at the top by itself, and what is unfolded stays.
func TestHistoryIsLive(t *testing.T) {
	w := past(t)
	p := w.browse(t, "owner")
	p.Go("/console/acme/history")
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "night", Reason: "night shift"})
	p.See("night shift")
	p.See("Live at event 9")
	p.Click("The same as a table")
	p.See("Took something away")
	w.do(wire.Intent{Kind: wire.RevokeRole, Subject: "ben", Role: "night", Reason: "day again"})
	p.See("Event 10 was recorded meanwhile")
	p.See("Took something away")
	p.Click("Show the page anew")
	p.See("day again")
}
