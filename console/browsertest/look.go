package browsertest

import (
	"fmt"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
)

// looks is how a page is shown.
type looks struct {
	width   int64
	dark    bool
	print   bool
	still   bool
	script  bool
	offline bool
}

const height = 900

// look tells the browser how to show the page. The time zone is not UTC, so that a page which shows local time where it says UTC
// is seen to.
func (p *Page) look() {
	p.t.Helper()
	scheme, motion, media := "light", "no-preference", ""
	if p.looks.dark {
		scheme = "dark"
	}
	if p.looks.still {
		motion = "reduce"
	}
	if p.looks.print {
		media = "print"
	}
	must(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: p.looks.width, Height: height, DeviceScaleFactor: 1})
	must(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
	}})
	must(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !p.looks.script})
	must(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	must(p, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kathmandu"})
	must(p, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "en-GB"})
}

// Width makes the window so many pixels wide.
func (p *Page) Width(pixels int) {
	p.t.Helper()
	p.looks.width = int64(pixels)
	p.look()
}

// Dark asks for the dark scheme, or the light one again.
func (p *Page) Dark(on bool) {
	p.t.Helper()
	p.looks.dark = on
	p.look()
}

// Still asks for reduced motion.
func (p *Page) Still(on bool) {
	p.t.Helper()
	p.looks.still = on
	p.look()
}

// Paper shows the page as it would be printed.
func (p *Page) Paper(on bool) {
	p.t.Helper()
	p.looks.print = on
	p.look()
}

// Script switches scripts off or on again, from the next document on.
func (p *Page) Script(on bool) {
	p.t.Helper()
	p.settle()
	p.looks.script = on
	p.look()
}

// networkConditions is a command that all Chromiums know: what came in its place has other parameters in each of them.
var networkConditions = cdp.Command[conditions, cdp.Empty]{Method: "Network.emulateNetworkConditions"}

type conditions struct {
	Offline  bool  `json:"offline"`
	Latency  int64 `json:"latency"`            // milliseconds
	Download int64 `json:"downloadThroughput"` // bytes a second; -1: as fast as it goes
	Upload   int64 `json:"uploadThroughput"`
}

// Offline takes the network away, or gives it back. Meanwhile requests that fail are no problem.
func (p *Page) Offline(on bool) {
	p.t.Helper()
	p.looks.offline = on
	p.watch.mu.Lock()
	p.watch.offline = on
	p.watch.mu.Unlock()
	must(p, networkConditions, conditions{Offline: on, Download: -1, Upload: -1})
}

// String says how the page is shown, for messages.
func (l looks) String() string {
	s := fmt.Sprintf("%d pixels wide", l.width)
	for _, is := range []struct {
		so   bool
		text string
	}{{l.dark, ", dark"}, {!l.dark, ", light"}, {l.print, ", on paper"}, {l.still, ", with reduced motion"}, {!l.script, ", without script"}, {l.offline, ", offline"}} {
		if is.so {
			s += is.text
		}
	}
	return s
}
