package browsertest

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
)

// Click clicks in the middle of what a name ("Create role") or a selector finds, as a mouse does: it has to be visible, and nothing
// may lie over it.
func (p *Page) Click(target string) {
	p.t.Helper()
	at := p.middle(target)
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		e := input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y}
		if kind != input.DispatchMouseEventTypeMouseMoved {
			e.Button, e.ClickCount = input.MouseButtonLeft, 1
		}
		must(p, input.DispatchMouseEvent, e)
	}
	p.acted()
}

// middle waits until what a name or a selector finds can be pointed at.
func (p *Page) middle(target string) (at point) {
	p.t.Helper()
	p.settle()
	p.until(func() string {
		id, missing := p.element(target)
		if missing != "" {
			return missing
		}
		var err error
		if at, err = on[point](p, id, middle); err != nil {
			return err.Error()
		}
		if at.Missing != "" {
			return target + " cannot be clicked: " + at.Missing
		}
		return ""
	})
	return at
}

type point struct {
	X       float64 `json:"x"`
	Y       float64 `json:"y"`
	Missing string  `json:"missing"`
}

// middle is the point at which an element would be clicked. A link over two lines has a middle beside itself: so it is that of
// its first box.
const middle = `function() {
	if (!this.isConnected) return {missing: "it is gone"};
	if (this.disabled) return {missing: "it is disabled"};
	let shown = this.getClientRects().length || !this.labels?.length ? this : this.labels[0];
	shown.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	const box = [...shown.getClientRects()].find(r => r.width > 0 && r.height > 0);
	if (!box) return {missing: "it is not visible"};
	const x = box.left + box.width / 2, y = box.top + box.height / 2;
	const over = document.elementFromPoint(x, y);
	const hit = over && (this.contains(over) || over.contains(this) && over.closest("a, button, label, summary") || [...(this.labels ?? [])].some(l => l.contains(over)));
	if (!hit) return {missing: over ? "something lies over it: " + over.outerHTML.slice(0, 200) : "it lies outside the window"};
	return {x, y};
}`

// Fill writes into a field, instead of what stood there.
func (p *Page) Fill(field, value string) {
	p.t.Helper()
	id := p.find(field)
	must(p, dom.Focus, dom.FocusParams{ObjectID: id})
	// What browsers have pickers for is written in many ways, and they take it as a value; all else is typed.
	typed, err := on[bool](p, id, `function(value) {
		if (this.disabled || this.readOnly) throw new Error("it cannot be written into");
		if (["date", "datetime-local", "time", "month", "week", "color", "range"].includes(this.type)) {
			this.value = value;
			this.dispatchEvent(new Event("input", {bubbles: true}));
			this.dispatchEvent(new Event("change", {bubbles: true}));
			return false;
		}
		this.select();
		return true;
	}`, value)
	if err != nil {
		p.fatal("fill %s: %v", field, err)
	}
	if typed && value == "" {
		p.key("Delete")
	} else if typed {
		must(p, input.InsertText, input.InsertTextParams{Text: value})
	}
	p.acted()
}

// Check sets a checkbox, or chooses a radio button, by clicking it where it is not so already.
func (p *Page) Check(box string, checked bool) {
	p.t.Helper()
	is, err := on[bool](p, p.find(box), `function() { return this.checked ?? this.getAttribute("aria-checked") === "true" }`)
	if err != nil {
		p.fatal("check %s: %v", box, err)
	}
	if is != checked {
		p.Click(box)
	}
}

// Select chooses the option with this text of a drop-down list.
func (p *Page) Select(list, option string) {
	p.t.Helper()
	id := p.find(list)
	p.until(func() string {
		missing, err := on[string](p, id, `function(text) {
			const flat = s => s.replace(/\s+/g, " ").trim();
			const option = [...this.options].find(o => flat(o.label) === text || flat(o.text) === text);
			if (!option) return "no option is called " + text + "; there are: " + [...this.options].map(o => flat(o.label)).join(", ");
			if (option.selected) return "";
			this.focus();
			option.selected = true;
			this.dispatchEvent(new Event("input", {bubbles: true}));
			this.dispatchEvent(new Event("change", {bubbles: true}));
			return "";
		}`, option)
		if err != nil {
			return err.Error()
		}
		return missing
	})
	p.acted()
}

// Upload gives a file to a file field.
func (p *Page) Upload(field, file string) {
	p.t.Helper()
	must(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{p.abs(file)}, ObjectID: p.find(field)})
	p.acted()
}

// Drop drops a file onto something, as out of a file manager.
func (p *Page) Drop(target, file string) {
	p.t.Helper()
	at := p.middle(target)
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: []string{p.abs(file)}, DragOperationsMask: 1}
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		must(p, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at.X, Y: at.Y, Data: data})
	}
	p.acted()
}

func (p *Page) abs(file string) string {
	p.t.Helper()
	whole, err := filepath.Abs(file)
	if err == nil {
		_, err = os.Stat(whole)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return whole
}

// Focus puts the keyboard's focus on something.
func (p *Page) Focus(target string) {
	p.t.Helper()
	must(p, dom.Focus, dom.FocusParams{ObjectID: p.find(target)})
}

// Press presses keys, one after the other: "/", "g", "Tab", "Shift+Tab", "Enter", "ArrowLeft", "Control+Enter".
func (p *Page) Press(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.settle()
		p.key(k)
		p.acted()
	}
}

// Type types a text, key by key, into what has the focus.
func (p *Page) Type(text string) {
	p.t.Helper()
	for _, r := range text {
		p.key(string(r))
	}
	p.acted()
}

var modifiers = map[string]int64{"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}

// named are the keys that make no character of their name.
var named = map[string]string{
	"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape, "Space": " ", "Backspace": kb.Backspace, "Delete": kb.Delete,
	"ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight, "ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown,
	"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown,
}

func (p *Page) key(name string) {
	p.t.Helper()
	var held int64
	for before, after, ok := strings.Cut(name, "+"); ok && modifiers[before] != 0; before, after, ok = strings.Cut(name, "+") {
		held, name = held|modifiers[before], after
	}
	key := []rune(cmp.Or(named[name], name))
	if len(key) != 1 {
		p.t.Fatalf("no key is called %q", name)
	}
	if kb.Keys[key[0]] == nil { // no keyboard has it
		must(p, input.InsertText, input.InsertTextParams{Text: name})
		return
	}
	for _, e := range kb.Encode(key[0]) {
		e.Modifiers |= held
		if held&^modifiers["Shift"] != 0 { // a command, which writes nothing
			e.Text, e.UnmodifiedText = "", ""
			if e.Type == input.DispatchKeyEventTypeChar {
				continue
			}
		}
		must(p, input.DispatchKeyEvent, *e)
	}
}

// Focused is what has the keyboard's focus, as a screen reader would say it: the role and the name.
func (p *Page) Focused() string {
	p.t.Helper()
	p.settle()
	id, err := p.object(`() => document.activeElement`)
	if err != nil || id == "" {
		p.fatal("what has the focus: %v", err)
	}
	return p.said(id)
}
