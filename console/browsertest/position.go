package browsertest

// agree holds the position in the bar against the one of the content, and against the address. Pages without a position, as the
// sign-in, have none in either.
func (p *Page) agree() {
	said, err := eval[string](p, `() => {
		const bars = [...document.querySelectorAll("[data-position]")].filter(e => !e.closest("main")).map(e => e.dataset.position);
		const main = document.querySelector("main[data-position]")?.dataset.position;
		const at = new URLSearchParams(location.search).get("at") ?? "";
		if (main === undefined && bars.length === 0) return "";
		if (main === undefined) return "the bar says position " + bars[0] + ", and the content none";
		if (bars.length === 0) return "the content is of position " + main + ", and no bar says so";
		const other = bars.find(b => b !== main);
		if (other !== undefined) return "the bar says position " + other + ", and the content is of " + main;
		if (/^[0-9]+$/.test(at) && at !== main) return "the address asks for position " + at + ", and the content is of " + main;
		return "";
	}`)
	if err == nil && said != "" {
		p.watch.wrong("%s", said)
	}
}
