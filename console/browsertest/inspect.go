package browsertest

import (
	"os"
	"strings"
)

// Inspect judges a screen as it stands: pictures in the light and the dark scheme, 390 pixels wide and on paper, axe in the first
// three, and no scrolling to the side in any, nor at 320 pixels, tables aside. The page then is shown as before. Look at the pictures:
// they are made where PERMLEDGER_SCREENSHOTS says where to, which makes axe look at the narrow page, too.
func (p *Page) Inspect(name string) {
	p.t.Helper()
	before, pictures := p.looks, os.Getenv("PERMLEDGER_SCREENSHOTS") != ""
	for _, l := range []struct {
		name        string
		width       int64
		dark, print bool
	}{{"light", 1280, false, false}, {"dark", 1280, true, false}, {"390", 390, false, false}, {"paper", 794, false, true}} {
		p.looks.width, p.looks.dark, p.looks.print = l.width, l.dark, l.print
		p.look()
		if !l.print && (pictures || l.width == 1280) {
			p.Axe()
		}
		p.NoSideways()
		if pictures {
			p.Screenshot(name + "-" + l.name)
		}
	}
	p.looks.print = false
	p.Width(320)
	p.NoSideways()
	p.looks = before
	p.look()
	p.settle()
}

// NoSideways fails the test where the page has to be scrolled to the side, and names what sticks out. What scrolls in a box of
// its own, as a wide table does, does not count.
func (p *Page) NoSideways() {
	p.t.Helper()
	wide := Eval[[]string](p, `() => {
		const root = document.documentElement, room = root.clientWidth;
		if (root.scrollWidth <= room) return [];
		const boxed = e => { for (let b = e.parentElement; b && b !== document.body; b = b.parentElement) if (getComputedStyle(b).overflowX !== "visible") return true; return false };
		const out = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > room + 1 && !boxed(e));
		return ["the page is " + root.scrollWidth + " pixels wide in a window of " + room].concat(out.slice(0, 8).map(e => e.outerHTML.slice(0, 160)));
	}`)
	if len(wide) > 0 {
		p.watch.wrong("it has to be scrolled to the side: %s", strings.Join(wide, "\n\t"))
	}
}
