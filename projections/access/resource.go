package access

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// resource is a resource over time. What is said of resources, and who is assigned to them, counts whatever the occurred
// time.
type resource struct {
	path     string
	facts    []fact
	assigned map[uint32][]assigned // by subject, each in the order of the log
}

// fact is what a resource is from a position on.
type fact struct {
	position   uint64
	gone       bool
	name       string
	properties []events.Property
	published  bool
	creator    uint32 // a subject
	registered uint64 // position
}

// assigned is what a position does to who is assigned.
type assigned struct {
	position uint64
	taken    bool
	passed   bool   // somebody passed access on
	keep     bool   // and it stays when that one loses it
	by       uint32 // that subject
	from     uint64 // the position that assigned that subject; 0: it has access without
}

func (x *Index) takeResource(e *events.Event) {
	at := e.Sequence
	switch d := e.Data.(type) {
	case *events.ResourceRegistered:
		r := x.resource(d.Resource)
		f := fact{position: at, name: strings.Clone(d.Name), properties: d.Properties, published: d.Published, registered: at, creator: nobody}
		if u := x.subject(e.Actor); u != nil {
			f.creator = u.number
		}
		r.facts = append(r.facts, f)
	case *events.ResourceUpdated:
		r := x.resource(d.Resource)
		f := r.facts[len(r.facts)-1]
		f.position, f.published = at, (f.published || d.Publish) && !d.Withdraw
		if d.Name != nil {
			f.name = strings.Clone(*d.Name)
		}
		if d.Properties != nil {
			f.properties = d.Properties
		}
		r.facts = append(r.facts, f)
	case *events.ResourceRemoved:
		r := x.resource(d.Resource)
		r.facts = append(r.facts, fact{position: at, gone: true, creator: nobody})
	case *events.AccessAssigned:
		x.assign(d.Resource, d.Subject, assigned{position: at})
	case *events.AccessUnassigned:
		x.assign(d.Resource, d.Subject, assigned{position: at, taken: true})
	case *events.AccessDelegated:
		by := x.subject(e.Actor)
		if by == nil {
			return
		}
		a := assigned{position: at, passed: true, keep: d.Keep, by: by.number}
		if d.From != (ulid.ULID{}) {
			for _, own := range slices.Backward(x.resource(d.Resource).assigned[by.number]) {
				if x.entry(own.position).id == d.From {
					a.from = own.position
					break
				}
			}
		}
		x.assign(d.Resource, d.Subject, a)
	}
}

// resource gives the resource of a path, a new one where there never was one.
func (x *Index) resource(path string) *resource {
	r := x.resources[path]
	if r == nil {
		r = &resource{path: strings.Clone(path)}
		x.resources[r.path] = r
	}
	return r
}

func (x *Index) assign(path string, to ulid.ULID, a assigned) {
	if u := x.subject(to); u != nil {
		r := x.resource(path)
		if r.assigned == nil {
			r.assigned = map[uint32][]assigned{}
		}
		r.assigned[u.number] = append(r.assigned[u.number], a)
	}
}

// factAt gives what a resource is in the view; nil where there is none.
func (x *Index) factAt(r *resource, v view) *fact {
	if r == nil {
		return nil
	}
	n := sort.Search(len(r.facts), func(i int) bool { return r.facts[i].position > v.position })
	if n == 0 || r.facts[n-1].gone {
		return nil
	}
	return &r.facts[n-1]
}

// propertiesAt gives the properties of the resource that has one of a name: this one, or the nearest that it lies beneath.
func (x *Index) propertiesAt(path, name string, v view) []events.Property {
	if len(x.resources) == 0 {
		return nil
	}
	for above := range rules.Above(path) {
		if f := x.factAt(x.resources[above], v); f != nil {
			if _, ok := events.ValueOf(f.properties, name); ok {
				return f.properties
			}
		}
	}
	return nil
}

// assignment gives how a subject is assigned to a resource in the view; nil where it is not.
func (x *Index) assignment(r *resource, f *fact, who uint32, v view) *assigned {
	list := r.assigned[who]
	n := sort.Search(len(list), func(i int) bool { return list[i].position > v.position })
	if n == 0 || list[n-1].taken || list[n-1].position < f.registered {
		return nil
	}
	return &list[n-1]
}

// assignedTo says whether a subject is assigned to a resource: all the way up, whoever passed that on has access.
func (x *Index) assignedTo(r *resource, f *fact, who uint32, v view) bool {
	for {
		a := x.assignment(r, f, who, v)
		switch {
		case a == nil:
			return false
		case !a.passed || a.keep:
			return true
		}
		by := x.subjects.at(a.by)
		if !x.active(by, v) {
			return false
		}
		if a.from == 0 {
			return x.lets(by, r, f, v, &rules.Context{}, func() bool { return false })
		}
		if own := x.assignment(r, f, a.by, v); own == nil || own.position != a.from {
			return false
		}
		who = a.by
	}
}

// reaches says whether a subject's access scope lets it at a resource.
func (x *Index) reaches(u *subject, r *resource, v view, in *rules.Context) bool {
	f := x.factAt(r, v)
	return f != nil && x.lets(u, r, f, v, in, func() bool { return x.assignedTo(r, f, u.number, v) })
}

// lets is what rules.State says of access scopes.
func (x *Index) lets(u *subject, r *resource, f *fact, v view, in *rules.Context, isAssigned func() bool) bool {
	if x.owns(u, v) || f.creator == u.number {
		return true
	}
	reach := x.reach(u, r.path, v, in)
	switch reach {
	case events.ReachAll:
		return true
	case ReachAssignedOrPublished:
		return f.published || isAssigned()
	case events.ReachAssigned:
		return isAssigned()
	case events.ReachPublished:
		return f.published
	case events.ReachAssignedAndPublished:
		return f.published && isAssigned()
	}
	return false
}

// ReachAssignedOrPublished is the access scope of who has both of these as two permissions.
const ReachAssignedOrPublished = "assigned-or-published"

// reach gives the access scope of a subject on a policy: the widest that its permissions give; empty for none.
func (x *Index) reach(u *subject, path string, v view, in *rules.Context) string {
	has := func(access string) bool {
		return slices.ContainsFunc(x.accesses, func(n uint32) bool {
			i := x.infoAt(n, v)
			return i != nil && i.says.Access == access && len(x.sources(nil, u, n, path, v, in)) > 0
		})
	}
	if has(events.ReachAll) {
		return events.ReachAll
	}
	byAssigned, byPublished := has(events.ReachAssigned), has(events.ReachPublished)
	switch {
	case byAssigned && byPublished:
		return ReachAssignedOrPublished
	case byAssigned:
		return events.ReachAssigned
	case byPublished:
		return events.ReachPublished
	case has(events.ReachAssignedAndPublished):
		return events.ReachAssignedAndPublished
	}
	return ""
}

// lacks gives the first thing that a permission needs beside somebody holding it, and that is not so; empty: nothing.
func (x *Index) lacks(u *subject, n uint32, path string, v view, in *rules.Context) string {
	i := x.infoAt(n, v)
	if i == nil {
		return ""
	}
	for _, need := range i.says.Needs {
		met := x.meets(need, u, path, v, in)
		if need == events.NeedAccess {
			policy := events.PolicyOf(path)
			met = policy == "" || x.reaches(u, x.resources[policy], v, in)
		}
		if !met {
			return need
		}
	}
	return ""
}

// A ResourceView is a resource as of then.
type ResourceView struct {
	Path       string
	Kind       string
	Name       string
	Properties []events.Property // must not be changed
	Published  bool
	Creator    string   // the key of a subject
	Parents    []string // the paths of the resources that it lies beneath, the nearest first
	Assigned   []string // the keys of who is assigned to it, sorted
	Registered uint64   // position
	Changed    uint64   // position of the last change
}

// Resource gives the resource of a path as of then, or a [*NotFoundError].
func (x *Index) Resource(path string, a AsOf) (ResourceView, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	r := x.resources[path]
	f := x.factAt(r, v)
	if f == nil {
		return ResourceView{}, &NotFoundError{Kind: "resource", Name: path}
	}
	return x.resourceView(r, f, v), nil
}

// Resources gives the resources of a kind as of then, by path; of the empty kind all.
func (x *Index) Resources(kind string, a AsOf) []ResourceView {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	return x.resourcesWhere(v, func(r *resource) bool { return kind == "" || events.KindOf(r.path) == kind })
}

// Reachable gives the resources of a kind that a subject, by key or id, may see as of then, by path: where a permission is
// named those on which it may do what that allows, else the policies that its access scope lets it at. It gives a
// [*NotFoundError] where there is no such subject.
func (x *Index) Reachable(name, kind, permission string, a AsOf) ([]ResourceView, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	u := x.findSubject(name, v)
	if u == nil {
		return nil, &NotFoundError{Kind: "subject", Name: name}
	}
	n, named := x.numberOf(permission)
	return x.resourcesWhere(v, func(r *resource) bool {
		of := events.KindOf(r.path)
		switch {
		case kind != "" && of != kind || !x.active(u, v):
			return false
		case permission != "":
			return named && len(x.reasons(nil, u, n, r.path, v, &rules.Context{})) > 0
		}
		return of == events.KindPolicy && x.reaches(u, r, v, &rules.Context{})
	}), nil
}

func (x *Index) resourcesWhere(v view, want func(*resource) bool) []ResourceView {
	var list []ResourceView
	for _, r := range x.resources {
		if f := x.factAt(r, v); f != nil && want(r) {
			list = append(list, x.resourceView(r, f, v))
		}
	}
	slices.SortFunc(list, func(a, b ResourceView) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

func (x *Index) resourceView(r *resource, f *fact, v view) ResourceView {
	out := ResourceView{
		Path: r.path, Kind: events.KindOf(r.path), Name: f.name, Properties: f.properties, Published: f.published,
		Registered: f.registered, Changed: f.position,
	}
	if f.creator != nobody {
		out.Creator = x.subjects.at(f.creator).key
	}
	for path := range rules.Above(r.path) {
		if path != r.path && x.factAt(x.resources[path], v) != nil {
			out.Parents = append(out.Parents, path)
		}
	}
	for who := range r.assigned {
		if x.assignedTo(r, f, who, v) {
			out.Assigned = append(out.Assigned, x.subjects.at(who).key)
		}
	}
	slices.Sort(out.Assigned)
	return out
}

// Delegable is what a subject can delegate: what it has itself, whoever gave it.
type Delegable struct {
	Roles    []Holding      // by role key and scope
	Policies []ResourceView // by path
}

// Delegable gives what a subject, by key or id, can delegate as of then, or a [*NotFoundError].
func (x *Index) Delegable(name string, a AsOf) (Delegable, error) {
	h, err := x.Holdings(name, a)
	if err != nil {
		return Delegable{}, err
	}
	policies, err := x.Reachable(name, events.KindPolicy, "", a)
	return Delegable{h.Roles, policies}, err
}
