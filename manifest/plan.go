package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// A Step is one change, and what it says to people.
type Step struct {
	Intent wire.Intent // without credential, reason and private texts
	Text   string
	Name   string // private texts of a new subject; empty: none
	Email  string
}

// A Plan is the changes that make a ledger what files say, in the order in which they can be recorded.
type Plan struct {
	Steps []Step
	Notes []string // differences that no step removes, and why
}

// Options say how a plan is made.
type Options struct {
	// Prune takes away what the files do not have: bindings, roles; subjects are deactivated. Without it only what the
	// files speak of is made as they say.
	Prune bool
	// Canonical gives the canonical name of a permission, or itself where it is not known.
	Canonical func(string) string
}

// Make finds the changes from what there is to what is wanted. It is an [*InputError] where something cannot be changed so.
// What there is is not checked; two equal manifests give an empty plan.
func Make(have, want Manifest, o Options) (Plan, error) {
	m := maker{have: have, want: want, o: o}
	for _, do := range []func() error{m.addSubjects, m.changeRoles, m.bind, m.prune, m.deactivate} {
		if err := do(); err != nil {
			return Plan{}, err
		}
	}
	return m.plan, nil
}

type maker struct {
	have, want Manifest
	o          Options
	plan       Plan
	gone       map[[4]string]bool // bindings that are taken away
}

func (m *maker) step(in wire.Intent, format string, args ...any) {
	m.plan.Steps = append(m.plan.Steps, Step{Intent: in, Text: fmt.Sprintf(format, args...)})
}

func (m *maker) note(format string, args ...any) {
	m.plan.Notes = append(m.plan.Notes, fmt.Sprintf(format, args...))
}

func (m *maker) addSubjects() error {
	have := map[string]Subject{}
	for _, s := range m.have.Subjects {
		have[s.Key] = s
	}
	for _, s := range slices.SortedFunc(slices.Values(m.want.Subjects), func(a, b Subject) int { return strings.Compare(a.Key, b.Key) }) {
		if s.Kind == "" {
			s.Kind = events.KindHuman
		}
		is, there := have[s.Key]
		switch {
		case !there:
			m.step(wire.Intent{Kind: wire.AddSubject, Subject: s.Key, SubjectKind: s.Kind, DID: s.DID, SubjectKey: s.Credential}, "+ %s %s", s.Kind, s.Key)
			last := &m.plan.Steps[len(m.plan.Steps)-1]
			last.Name, last.Email = s.Name, s.Email
			continue
		case is.Kind != s.Kind:
			return wrong(s.At, "%s is a %s in the ledger and a %s here: a subject stays of its kind", s.Key, is.Kind, s.Kind)
		case is.Deactivated && !s.Deactivated:
			return wrong(s.At, "%s is deactivated in the ledger: say deactivated: true, or choose another key", s.Key)
		case s.DID != "" && s.DID != is.DID:
			m.note("%s: the did of %s is %q in the ledger; it is not changed", s.At, s.Key, is.DID)
		}
		if s.Credential != "" && is.Credential != s.Credential {
			m.note("%s: %s signs with another key in the ledger; keys are changed with `permledger key`", s.At, s.Key)
		}
	}
	return nil
}

func (m *maker) changeRoles() error {
	have := map[string]Role{}
	for _, r := range m.have.Roles {
		have[r.Key] = r
	}
	for _, r := range slices.SortedFunc(slices.Values(m.want.Roles), func(a, b Role) int { return strings.Compare(a.Key, b.Key) }) {
		if r.Name == "" {
			r.Name = r.Key
		}
		names := make([]string, len(r.Permissions))
		for i, name := range r.Permissions {
			names[i] = m.o.Canonical(name)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		is, there := have[r.Key]
		if !there {
			in := wire.Intent{Kind: wire.CreateRole, Role: r.Key, Name: &r.Name, Permissions: names, Labels: r.Labels}
			if r.Description != "" {
				in.Description = &r.Description
			}
			m.step(in, "+ role %s with %s", r.Key, count(len(names), "permission"))
			continue
		}
		in := wire.Intent{Kind: wire.UpdateRole, Role: r.Key, Add: without(names, is.Permissions), Remove: without(is.Permissions, names)}
		var what []string
		if r.Name != is.Name {
			in.Name, what = &r.Name, append(what, fmt.Sprintf("name %q", r.Name))
		}
		if r.Description != is.Description {
			in.Description, what = &r.Description, append(what, fmt.Sprintf("description %q", r.Description))
		}
		in.Labels = labels(is.Labels, r.Labels)
		for _, name := range slices.Sorted(maps.Keys(in.Labels)) {
			what = append(what, fmt.Sprintf("%s %q", name, in.Labels[name]))
		}
		for _, name := range in.Add {
			what = append(what, "+ "+name)
		}
		for _, name := range in.Remove {
			what = append(what, "− "+name)
		}
		switch {
		case len(what) == 0:
		case is.System:
			return wrong(r.At, "%s is a system role, which cannot be changed: leave it out of the files", r.Key)
		default:
			m.step(in, "~ role %s: %s", r.Key, strings.Join(what, ", "))
		}
	}
	return nil
}

// labels gives what has to be set so that labels are as wanted; an empty value takes one away.
func labels(have, want map[string]string) map[string]string {
	set := map[string]string{}
	for name, value := range want {
		if have[name] != value {
			set[name] = value
		}
	}
	for name := range have {
		if _, kept := want[name]; !kept {
			set[name] = ""
		}
	}
	if len(set) == 0 {
		return nil
	}
	return set
}

func (m *maker) bind() error {
	have := map[[4]string]Binding{}
	for _, b := range m.have.Bindings {
		have[b.what()] = b
	}
	m.gone = map[[4]string]bool{}
	for _, b := range m.want.Bindings {
		if b.Permission != "" {
			b.Permission = m.o.Canonical(b.Permission)
		}
		is, there := have[b.what()]
		switch {
		case there && is.Until == b.Until && is.Condition == b.Condition:
		case there && is.Fixed:
			return wrong(b.At, "%s cannot be changed so", is.String())
		default:
			if there {
				m.take(is)
			}
			in := wire.Intent{Kind: wire.AssignRole, Subject: b.Subject, Role: b.Role, Scope: b.Scope, Until: b.Until, Condition: b.Condition}
			if b.Permission != "" {
				in.Kind, in.Permission = wire.GrantPermission, b.Permission
			}
			m.step(in, "+ %s", b.String())
		}
	}
	return nil
}

// take takes a binding away.
func (m *maker) take(b Binding) {
	in := wire.Intent{Kind: wire.RevokeRole, Subject: b.Subject, Role: b.Role, Scope: b.Scope}
	if b.Permission != "" {
		in.Kind, in.Permission = wire.RevokePermission, b.Permission
	}
	m.step(in, "− %s", b.String())
	m.gone[b.what()] = true
}

func (m *maker) prune() error {
	if !m.o.Prune {
		return nil
	}
	wanted := map[[4]string]bool{}
	for _, b := range m.want.Bindings {
		if b.Permission != "" {
			b.Permission = m.o.Canonical(b.Permission)
		}
		wanted[b.what()] = true
	}
	for _, b := range m.have.Bindings {
		if !wanted[b.what()] && !b.Fixed {
			m.take(b)
		}
	}
	roles := map[string]bool{}
	for _, r := range m.want.Roles {
		roles[r.Key] = true
	}
	for _, r := range m.have.Roles {
		if !roles[r.Key] && !r.System {
			m.step(wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: r.Key}, "− role %s", r.Key)
		}
	}
	return nil
}

// deactivate comes last: whoever is deactivated can be given nothing.
func (m *maker) deactivate() error {
	state := map[string]bool{} // of each subject that the files have: whether it is deactivated
	for _, s := range m.want.Subjects {
		state[s.Key] = s.Deactivated
	}
	there := map[string]bool{}
	for _, s := range m.have.Subjects {
		there[s.Key] = true
		off, named := state[s.Key]
		switch {
		case s.Deactivated || s.Owner:
		case named && off, !named && m.o.Prune:
			m.step(wire.Intent{Kind: wire.DeactivateSubject, Subject: s.Key}, "− %s is deactivated", s.Key)
		}
	}
	for _, s := range m.want.Subjects {
		if s.Deactivated && !there[s.Key] {
			m.step(wire.Intent{Kind: wire.DeactivateSubject, Subject: s.Key}, "− %s is deactivated", s.Key)
		}
	}
	return nil
}

// without gives what is in a and not in b; both are sorted.
func without(a, b []string) []string {
	var out []string
	for _, name := range a {
		if _, in := slices.BinarySearch(b, name); !in {
			out = append(out, name)
		}
	}
	return out
}

func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
