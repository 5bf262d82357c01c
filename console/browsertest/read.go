package browsertest

import (
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/runtime"
)

// flat is JavaScript for the text of an element as it can be read, in one line.
const flat = `const flat = e => (e.innerText ?? e.textContent).replace(/\s+/g, " ").trim();`

// Text waits for the first element that a selector finds and gives its visible text, in one line.
func (p *Page) Text(selector string) (text string) {
	p.t.Helper()
	p.settle()
	p.until(func() string {
		found := p.texts(selector)
		if len(found) == 0 {
			return fmt.Sprintf("%s finds nothing%s", selector, p)
		}
		text = found[0]
		return ""
	})
	return text
}

// Texts are the visible texts of all elements that a selector finds now.
func (p *Page) Texts(selector string) []string {
	p.t.Helper()
	p.settle()
	return p.texts(selector)
}

func (p *Page) texts(selector string) []string {
	p.t.Helper()
	texts, err := eval[[]string](p, `(parts, selector) => {`+flat+` return [...((`+root+`)(parts)?.querySelectorAll(selector) ?? [])].map(flat) }`, p.parts(), selector)
	if err != nil {
		return nil // the document that was asked is gone
	}
	return texts
}

// Title is the page's title.
func (p *Page) Title() string {
	p.t.Helper()
	return Eval[string](p, `() => document.title`)
}

// Count says how many elements a selector finds now.
func (p *Page) Count(selector string) int {
	p.t.Helper()
	return Eval[int](p, `(parts, selector) => (`+root+`)(parts)?.querySelectorAll(selector).length ?? 0`, p.parts(), selector)
}

// Attribute gives an attribute of what a name or a selector finds: "" where it has none.
func (p *Page) Attribute(target, name string) string {
	p.t.Helper()
	v, err := on[string](p, p.find(target), `function(name) { return this.getAttribute(name) ?? "" }`, name)
	if err != nil {
		p.fatal("%v", err)
	}
	return v
}

// Value gives what stands in a field.
func (p *Page) Value(field string) string {
	p.t.Helper()
	v, err := on[string](p, p.find(field), `function() { return String(this.value) }`)
	if err != nil {
		p.fatal("%v", err)
	}
	return v
}

// Has says whether something with this name, or that this selector finds, is there now.
func (p *Page) Has(target string) bool {
	p.t.Helper()
	p.settle()
	id, missing := p.element(target)
	if id == "" && strings.Contains(missing, "things are called") {
		return true
	}
	return id != ""
}

// See waits until a text can be read, wherever its lines break.
func (p *Page) See(text string) {
	p.t.Helper()
	p.settle()
	p.until(func() string {
		whole := p.whole()
		if strings.Contains(whole, text) {
			return ""
		}
		return fmt.Sprintf("%q cannot be read%s; what can: %s", text, p, shortened(whole))
	})
	p.settle()
}

// Gone waits until a text cannot be read any more.
func (p *Page) Gone(text string) {
	p.t.Helper()
	p.settle()
	p.until(func() string {
		if strings.Contains(p.whole(), text) {
			return fmt.Sprintf("%q can still be read%s", text, p)
		}
		return ""
	})
	p.settle()
}

func (p *Page) whole() string {
	whole, err := eval[string](p, `parts => {`+flat+` const at = (`+root+`)(parts); return at ? flat(at.body ?? at) : "" }`, p.parts())
	if err != nil {
		return err.Error() // the document that was asked is gone
	}
	return whole
}

func shortened(s string) string {
	if r := []rune(s); len(r) > 2000 {
		return string(r[:2000]) + " …"
	}
	return s
}

// Wait waits until a selector finds something.
func (p *Page) Wait(selector string) {
	p.t.Helper()
	p.Text(selector)
}

// At waits until the page's address, without the server, is this one: "/console/acme/roles?at=41".
func (p *Page) At(address string) {
	p.t.Helper()
	p.settle()
	p.until(func() string {
		if p.address() == address {
			return ""
		}
		return "the address is " + p.address() + " and not " + address
	})
	p.settle()
}

// Address is the page's address, without the server.
func (p *Page) Address() string {
	p.t.Helper()
	p.settle()
	return p.address()
}

func (p *Page) address() string {
	return strings.TrimPrefix(p.watch.where(), p.base.Scheme+"://"+p.base.Host)
}

// said is what a screen reader says of an element: its role and its name, and what describes it.
func (p *Page) said(id runtime.RemoteObjectID) string {
	p.t.Helper()
	tree := must(p, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: id, FetchRelatives: new(false)})
	for _, n := range tree.Nodes {
		if !n.Ignored {
			return strings.TrimSpace(text(n.Role) + " " + text(n.Name))
		}
	}
	return ""
}

// Said is what a screen reader says of something: its role and its name, as "checkbox TOKEN_MANAGE".
func (p *Page) Said(target string) string {
	p.t.Helper()
	return p.said(p.find(target))
}
