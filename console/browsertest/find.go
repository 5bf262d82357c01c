package browsertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
)

// root is JavaScript for the element that the parts of [Page.Within] come to, or null.
const root = `(parts) => {
	const flat = s => s.replace(/\s+/g, " ").trim();
	let at = document;
	for (const {selector, text} of parts) {
		const found = [...at.querySelectorAll(selector)].filter(e => flat(e.textContent).includes(text));
		at = found.find(e => !found.some(other => other !== e && e.contains(other)));
		if (!at) return null;
	}
	return at;
}`

// roles are those of elements that somebody does something with, as Chromium computes them.
var roles = []string{
	"button", "checkbox", "combobox", "ColorWell", "Date", "DateTime", "DisclosureTriangle", "InputTime", "link", "listbox", "menuitem",
	"menuitemcheckbox", "menuitemradio", "option", "radio", "searchbox", "slider", "spinbutton", "switch", "tab", "textbox", "treeitem",
}

// element gives what a name or a selector finds, or what is missing.
func (p *Page) element(target string) (id runtime.RemoteObjectID, missing string) {
	at, err := p.object(`parts => (`+root+`)(parts)`, p.parts())
	if err != nil {
		return "", err.Error()
	}
	if at == "" {
		return "", fmt.Sprintf("nothing is%s", p)
	}
	tree, err := call(p, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: at, AccessibleName: target})
	if err != nil {
		return "", err.Error()
	}
	named := slices.DeleteFunc(tree.Nodes, func(n *accessibility.Node) bool {
		return n.Ignored || n.Role == nil || !slices.Contains(roles, text(n.Role))
	})
	if len(named) > 1 {
		return "", fmt.Sprintf("%d things are called %q%s: say in which part", len(named), target, p)
	}
	if len(named) == 1 {
		o, err := call(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: named[0].BackendDOMNodeID})
		if err != nil {
			return "", err.Error()
		}
		return o.Object.ObjectID, ""
	}
	found, err := p.object(`(parts, target) => { try { return (`+root+`)(parts)?.querySelector(target) } catch { return null } }`, p.parts(), target)
	if err != nil {
		return "", err.Error()
	}
	if found == "" {
		return "", fmt.Sprintf("nothing is called %q%s, and as a selector it finds nothing; what there is: %s", target, p, p.names(at))
	}
	return found, ""
}

// names are those of everything that somebody could do something with.
func (p *Page) names(at runtime.RemoteObjectID) string {
	tree, err := call(p, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: at})
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, n := range tree.Nodes {
		if !n.Ignored && n.Role != nil && slices.Contains(roles, text(n.Role)) {
			all = append(all, fmt.Sprintf("%s %q", text(n.Role), text(n.Name)))
		}
	}
	if len(all) > 60 {
		all = append(all[:60], fmt.Sprintf("and %d more", len(all)-60))
	}
	return strings.Join(all, ", ")
}

func text(v *accessibility.Value) string {
	var s string
	if v == nil || json.Unmarshal(v.Value, &s) != nil {
		return ""
	}
	return strings.Join(strings.Fields(s), " ")
}

// parts is never nil, so that it is a list in JavaScript too.
func (p *Page) parts() []part { return append([]part{}, p.within...) }

// String says in which part of the page something is looked for.
func (p *Page) String() string {
	var s strings.Builder
	for _, in := range p.within {
		fmt.Fprintf(&s, " in %s", in.Selector)
		if in.Text != "" {
			fmt.Fprintf(&s, " with %q", in.Text)
		}
	}
	return s.String()
}

// object runs a function in the page and gives a handle of the object it returns, or none.
func (p *Page) object(function string, args ...any) (runtime.RemoteObjectID, error) {
	expression, err := invocation(function, args)
	if err != nil {
		return "", err
	}
	answer, err := call(p, runtime.Evaluate, runtime.EvaluateParams{Expression: expression})
	if err != nil {
		return "", err
	}
	if e := answer.ExceptionDetails; e != nil {
		return "", fmt.Errorf("in the page: %s", exception(e))
	}
	return answer.Result.ObjectID, nil
}

// on calls a JavaScript function with an element as this.
func on[T any](p *Page, id runtime.RemoteObjectID, function string, args ...any) (v T, err error) {
	given := make([]*runtime.CallArgument, len(args))
	for i, a := range args {
		b, err := json.Marshal(a)
		if err != nil {
			return v, err
		}
		given[i] = &runtime.CallArgument{Value: b}
	}
	answer, err := call(p, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: function, ObjectID: id, Arguments: given, ReturnByValue: new(true), AwaitPromise: new(true),
	})
	if err != nil {
		return v, err
	}
	err = returned(&v, answer.Result, answer.ExceptionDetails)
	return v, err
}

// find waits for what a name or a selector finds.
func (p *Page) find(target string) (id runtime.RemoteObjectID) {
	p.t.Helper()
	p.settle()
	p.until(func() (missing string) {
		id, missing = p.element(target)
		return missing
	})
	return id
}
