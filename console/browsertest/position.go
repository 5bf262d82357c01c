package browsertest

import (
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// positions is JavaScript for what is wrong with the positions that the bar and the content say, or "". Pages without a position,
// as the sign-in, have none in either.
const positions = `() => {
	const bars = [...document.querySelectorAll("[data-position]")].filter(e => !e.closest("main")).map(e => e.dataset.position);
	const main = document.querySelector("main[data-position]")?.dataset.position;
	if (main === undefined && bars.length === 0) return "";
	if (main === undefined) return "the bar says position " + bars[0] + ", and the content none";
	if (bars.length === 0) return "the content is of position " + main + ", and no bar says so";
	const other = bars.find(b => b !== main);
	return other === undefined ? "" : "the bar says position " + other + ", and the content is of " + main;
}`

// reporter is what observe calls with what is wrong.
const reporter = "permledgerWrong"

// observe looks at the positions in each frame that somebody may see after one of them changed. It stands in a world of its own, so
// the page neither sees it nor can keep it from looking. Before the document is whole, the one may be there without the other.
const observe = `document.addEventListener("DOMContentLoaded", () => {
	let due = false;
	const look = () => {
		due = false;
		const wrong = (` + positions + `)();
		if (wrong) ` + reporter + `(wrong);
	};
	new MutationObserver(() => {
		if (!due) requestAnimationFrame(look);
		due = true;
	}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-position"]});
})`

// observePositions has each document from now on looked at whenever it changes, where script is on.
func (p *Page) observePositions() {
	p.t.Helper()
	must(p, runtime.AddBinding, runtime.AddBindingParams{Name: reporter, ExecutionContextName: "permledger"})
	must(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: observe, WorldName: "permledger"})
}

// agree holds the position in the bar against the one of the content, and against the address.
func (p *Page) agree() {
	said, err := eval[string](p, `() => {
		const wrong = (`+positions+`)();
		const main = document.querySelector("main[data-position]")?.dataset.position;
		const at = new URLSearchParams(location.search).get("at") ?? "";
		if (wrong || main === undefined || !/^[0-9]+$/.test(at) || at === main) return wrong;
		return "the address asks for position " + at + ", and the content is of " + main;
	}`)
	if err == nil && said != "" {
		p.watch.wrong("%s", said)
	}
}
