package console

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

func policyRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{org}/policies", screen: (*visit).policies},
		{method: get, path: "{org}/policies/register", screen: (*visit).registerPage},
		{method: post, path: "{org}/policies/register", screen: (*visit).register},
		{method: get, path: "{org}/policies/delegate", screen: (*visit).delegatePage},
		{method: post, path: "{org}/policies/delegate", screen: (*visit).delegate},
		{method: get, path: "{org}/policies/{path...}", screen: (*visit).policy},
		{method: post, path: "{org}/policies/{path...}", screen: (*visit).changePolicy},
	}
}

// onePage is how many lines of a list that is filtered here stand on a page.
const onePage = 50

// policies is what the list of resources shows.
type policies struct {
	Resources []wire.Resource
	Total     int // that match
	All       int
	Kinds     []kindCount
	Query     string
	Kind      string
	Seen      string // by whom
	Own       bool   // the caller sees no others' than its own
	Problem   *wire.Problem
	pager
}

// kindCount is how many resources of a kind there are.
type kindCount struct {
	Kind  string
	Count int
}

// pager is which part of a list is shown.
type pager struct {
	From, To     int // items, from 1
	Before, Next string
}

// cut gives the part of a list that a request asks for, and where the parts beside it are: at the address of the list.
func cut[T any](v *visit, all []T, segments ...string) ([]T, pager) {
	from, _ := strconv.Atoi(v.URL.Query().Get("from"))
	from = max(0, min(from, len(all)))
	to := min(from+onePage, len(all))
	at := func(n int) string {
		q := v.URL.Query()
		q.Set("from", strconv.Itoa(n))
		return address(v.org, "", segments) + "?" + q.Encode()
	}
	p := pager{From: from + 1, To: to}
	if from > 0 {
		p.Before = at(max(0, from-onePage))
	}
	if to < len(all) {
		p.Next = at(to)
	}
	return all[from:to], p
}

// policies lists the resources: all, those of a kind, those that somebody sees. Who may not read them all sees its own.
func (v *visit) policies() (view, error) {
	q := v.URL.Query()
	l := policies{Query: q.Get("q"), Kind: q.Get("kind"), Seen: q.Get("seen"), Own: !v.can("resources.read")}
	if l.Own {
		l.Seen = v.me.Subject
	}
	status := 0
	list, err := v.client.Resources(v.ctx(), v.org, "", l.Seen, "", v.read())
	if p := refused(err); p != nil && l.Seen != "" && !l.Own {
		l.Problem, status = p, p.Status
	} else if err != nil {
		return view{}, err
	}
	kinds := map[string]int{}
	words := strings.Fields(strings.ToLower(l.Query))
	found := []wire.Resource{}
	for _, r := range list.Items {
		kinds[r.Kind]++
		if (l.Kind == "" || r.Kind == l.Kind) && holdsAll(r.Path+" "+r.Name+" "+r.Creator, words) {
			found = append(found, r)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		l.Kinds = append(l.Kinds, kindCount{kind, kinds[kind]})
	}
	l.Total, l.All = len(found), len(list.Items)
	l.Resources, l.pager = cut(v, found, "policies")
	return view{template: "policies", title: "Policies", data: &l, status: status}, nil
}

// holdsAll says whether a text holds all of some words in lower case.
func holdsAll(text string, words []string) bool {
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// onePolicy is what the page of a resource shows.
type onePolicy struct {
	wire.Resource
	Properties []property
	People     among
	History    []wire.Item
	Unread     *wire.Problem // why the history is not shown
	Form       filled
	Asks       []option // permissions of which it can be asked who has them on it
}

type property struct{ Name, Value string }

func sorted(m map[string]string) (all []property) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, property{name, m[name]})
	}
	return all
}

// resource gives the resource that the address names.
func (v *visit) resource() (wire.Resource, error) {
	path, seen := v.PathValue("path"), ""
	if !v.can("resources.read") {
		seen = v.me.Subject
	}
	list, err := v.client.Resources(v.ctx(), v.org, kindOf(path), seen, "", v.read())
	if err != nil {
		return wire.Resource{}, err
	}
	for _, r := range list.Items {
		if r.Path == path {
			return r, nil
		}
	}
	return wire.Resource{}, &notFound{"There is no resource " + path + " here, or none that you see"}
}

// kindOf gives the kind of a resource: the word before its last name.
func kindOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}

func (v *visit) policy() (view, error) { return v.policyPage(filled{}) }

func (v *visit) policyPage(form filled) (view, error) {
	r, err := v.resource()
	if err != nil {
		return view{}, err
	}
	p := onePolicy{Resource: r, Properties: sorted(r.Properties), Form: form}
	if form.Values == nil {
		p.Form.Values = url.Values{"name": {r.Name}, "properties": {lines(r.Properties)}}
	}
	if v.at == "" && r.Kind == "policy" {
		if p.People, err = v.among(); err != nil {
			return view{}, err
		}
	}
	if p.History, p.Unread, err = v.historyOf("resource:" + r.Path); err != nil {
		return view{}, err
	}
	if p.Asks, err = v.asksOf(r.Kind); err != nil {
		return view{}, err
	}
	return view{template: "policy", title: cmp.Or(r.Name, r.Path), data: &p, status: form.status()}, nil
}

// asksOf gives the permissions that concern a kind of resource: of policies those that need access to one.
func (v *visit) asksOf(kind string) (all []option, err error) {
	if !v.can("permissions.read") || !v.can("roles.read") {
		return nil, nil
	}
	list, err := v.client.Permissions(v.ctx(), v.org, v.read())
	for _, p := range list.Items {
		if kind == "policy" && slices.Contains(p.Needs, "access") || kind != "policy" && (p.Category == kind || p.Entity == kind) {
			all = append(all, option{p.Name, p.Name})
		}
	}
	return all, err
}

// historyOf gives the newest lines of history about something; where the caller may not read them, why.
func (v *visit) historyOf(about string) ([]wire.Item, *wire.Problem, error) {
	h, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, About: about, Newest: true, Limit: 10})
	if p := refused(err); p != nil && p.Status == http.StatusForbidden {
		return nil, p, nil
	}
	return h.Items, nil, err
}

// lines writes properties as a text field has them: one a line, name=value.
func lines(m map[string]string) string {
	var b strings.Builder
	for _, p := range sorted(m) {
		fmt.Fprintf(&b, "%s=%s\n", p.Name, p.Value)
	}
	return b.String()
}

// properties reads the lines of a field; never nil.
func (f *filled) properties(name string) map[string]string {
	m := map[string]string{}
	for i, line := range strings.Split(f.Get(name), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		_, twice := m[key]
		switch {
		case !ok || key == "":
			f.fail(name, "Line %d is not name=value", i+1)
		case twice:
			f.fail(name, "Line %d names %s, which stands above already", i+1, key)
		default:
			m[key] = value
		}
	}
	return m
}

// changePolicy reviews a change of a resource, or of who is assigned to it.
func (v *visit) changePolicy() (view, error) {
	r, err := v.resource()
	if err != nil {
		return view{}, err
	}
	f := filled{Values: v.PostForm}
	back := v.address("policies", r.Path)
	who := strings.TrimSpace(f.Get("subject"))
	switch do := f.Get("do"); do {
	case "assign", "delegate", "unassign":
		if who == "" {
			f.fail("subject", "Say who")
			return v.policyPage(f)
		}
		kind, title := wire.AssignAccess, "Assign "+who+" to "+r.Path
		switch do {
		case "delegate":
			kind, title = wire.DelegateAccess, "Pass access to "+r.Path+" on to "+who
		case "unassign":
			kind, title = wire.UnassignAccess, "Take "+r.Path+" away from "+who
		}
		return v.review(title, back, wire.Intent{Kind: kind, Resource: r.Path, Subject: who})
	case "publish":
		return v.review("Publish "+r.Path, back, wire.Intent{Kind: wire.UpdateResource, Resource: r.Path, Publish: true})
	case "withdraw":
		return v.review("Withdraw "+r.Path+" from publication", back, wire.Intent{Kind: wire.UpdateResource, Resource: r.Path, Withdraw: true})
	case "remove":
		return v.review("Remove "+r.Path, v.address("policies"), wire.Intent{Kind: wire.RemoveResource, Resource: r.Path})
	case "update":
		name, properties := strings.TrimSpace(f.Get("name")), f.properties("properties")
		in := wire.Intent{Kind: wire.UpdateResource, Resource: r.Path}
		if name != r.Name {
			in.Name = &name
		}
		if !maps.Equal(properties, r.Properties) {
			in.Properties = properties
		}
		if in.Name == nil && in.Properties == nil {
			f.fail("name", "Nothing is different from what is recorded")
		}
		if f.bad() {
			return v.policyPage(f)
		}
		return v.review("Change "+r.Path, back, in)
	}
	return view{}, badForm("it says nothing that can be done with a policy")
}

// registering is what the page shows that makes a resource.
type registering struct{ Form filled }

func (v *visit) registerPage() (view, error) {
	return view{template: "register", title: "Register a policy or another resource", data: registering{filled{Values: url.Values{"kind": {"policy"}}}}}, nil
}

func (v *visit) register() (view, error) {
	f := filled{Values: v.PostForm}
	kind, id, name := strings.TrimSpace(f.Get("kind")), strings.TrimSpace(f.Get("id")), strings.TrimSpace(f.Get("name"))
	under := strings.Trim(strings.TrimSpace(f.Get("under")), "/")
	if kind == "" || strings.ContainsFunc(kind, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
		f.fail("kind", "A kind has small letters, digits and -, as policy")
	}
	if id == "" || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		f.fail("id", "An id has letters, digits and signs of ASCII, without spaces and slashes")
	}
	properties := f.properties("properties")
	if f.bad() {
		return view{template: "register", title: "Register a policy or another resource", data: registering{f}, status: f.status()}, nil
	}
	path := kind + "/" + id
	if under != "" {
		path = under + "/" + path
	}
	in := wire.Intent{Kind: wire.RegisterResource, Resource: path, Publish: f.Get("publish") != ""}
	if name != "" {
		in.Name = &name
	}
	if len(properties) > 0 {
		in.Properties = properties
	}
	return v.review("Register "+path, v.address("policies", path), in)
}
