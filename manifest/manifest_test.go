package manifest_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/manifest"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBadFilesSayWhere(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an unknown member":     {"roles:\n  - key: a\n    nmae: b\n", "a.yaml:3: there is no member nmae here; did you mean name?"},
		"a member twice":        {"roles:\n  - key: a\n    key: b\n", "a.yaml:3: key stands here twice, first in line 2"},
		"a list for a text":     {"roles:\n  - key: [a]\n", "a.yaml:2: a single value belongs here, not a list"},
		"a text for a list":     {"roles: a\n", "a.yaml:1: a list belongs here, not \"a\""},
		"a text for members":    {"roles: [a]\n", "a.yaml:1: members belong here, not \"a\""},
		"nothing for a text":    {"roles:\n  - key:\n", "a.yaml:2: a single value belongs here, not nothing"},
		"no flag":               {"subjects:\n  - {key: a, deactivated: perhaps}\n", "a.yaml:2: true or false belongs here, not \"perhaps\""},
		"an alias":              {"roles:\n  - &r {key: a}\n  - *r\n", "a.yaml:2: anchors and aliases are not read"},
		"no YAML":               {"roles: [\n", "a.yaml:1: this is no YAML"},
		"two documents":         {"roles: []\n---\nroles: []\n", "a.yaml:2: a file is one document"},
		"a role twice":          {"roles:\n  - key: a\n  - key: a\n", "a.yaml:3: the role a is said twice, first at a.yaml:2"},
		"a role without key":    {"roles:\n  - name: a\n", "a.yaml:2: a role has a key"},
		"a permission twice":    {"roles:\n  - key: a\n    permissions: [x, x]\n", "a.yaml:2: the role a names x twice"},
		"a subject twice":       {"subjects:\n  - key: a\n  - key: a\n", "a.yaml:3: the subject a is said twice"},
		"role and permission":   {"bindings:\n  - {subject: a, role: r, permission: p}\n", "a.yaml:2: a binding has a subject, and either a role or a permission"},
		"an end that is none":   {"bindings:\n  - {subject: a, role: r, until: soon}\n", "a.yaml:2: until is \"soon\""},
		"a binding twice":       {"bindings:\n  - {subject: a, role: r}\n  - {subject: a, role: r, until: 2099-01-01}\n", "is said twice, first at a.yaml:2"},
		"something else at all": {"- a\n", "a.yaml:1: members belong here, not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := manifest.Read(write(t, map[string]string{"a.yaml": c.text}))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q gives %v; want %q", c.text, err, c.want)
			}
		})
	}
	// Given the same role in two files, when they are read, then both places are named.
	_, err := manifest.Read(write(t, map[string]string{"a.yaml": "roles: [{key: a}]", "b.yml": "\nroles: [{key: a}]"}))
	if in := (*manifest.InputError)(nil); !errors.As(err, &in) || in.At.String() != "b.yml:2" || !strings.Contains(in.Text, "a.yaml:1") {
		t.Errorf("%v; want both places", err)
	}
	if _, err := manifest.Read(t.TempDir()); err == nil {
		t.Error("an empty directory is read")
	}
	// Given files that hold nothing, when they are read, then that is an empty manifest.
	if m, err := manifest.Read(write(t, map[string]string{"a.yaml": "", "b.yaml": "# nothing\n", "c.yaml": "roles:\n"})); err != nil || len(m.Roles) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

var words = rapid.OneOf(rapid.SampledFrom([]string{"yes", "null", "1042", "2027-01-31", "a: b", "- x", "#1", "\"q\"", "'", "ä ö", "{}", "a\nb", " x "}), rapid.StringMatching(`[ -~]{1,12}`))

func keys(t *rapid.T, label string) []string {
	return slices.Sorted(maps.Keys(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "0x1", "no", "c-d"}), rapid.Just(true), 0, 4).Draw(t, label)))
}

// drawn gives what an organization may have.
func drawn(t *rapid.T, label string) manifest.Manifest {
	var m manifest.Manifest
	for _, key := range keys(t, label+" roles") {
		r := manifest.Role{Key: key, Name: words.Draw(t, "name"), Permissions: keys(t, "permissions")}
		if rapid.Bool().Draw(t, "described") {
			r.Description = words.Draw(t, "description")
			r.Labels = map[string]string{"guideline": words.Draw(t, "guideline")}
		}
		m.Roles = append(m.Roles, r)
	}
	for _, key := range keys(t, label+" subjects") {
		m.Subjects = append(m.Subjects, manifest.Subject{Key: key, Kind: "human", Deactivated: rapid.Bool().Draw(t, "deactivated")})
		for _, role := range m.Roles {
			if rapid.Bool().Draw(t, "has") {
				m.Bindings = append(m.Bindings, manifest.Binding{Subject: key, Role: role.Key, Until: rapid.SampledFrom([]string{"", "2099-01-02T00:00:00Z"}).Draw(t, "until")})
			}
		}
		for _, p := range keys(t, "direct") {
			m.Bindings = append(m.Bindings, manifest.Binding{Subject: key, Permission: p, Scope: rapid.SampledFrom([]string{"", "asset/1"}).Draw(t, "scope"), Condition: rapid.SampledFrom([]string{"", `action.properties.a == "b"`}).Draw(t, "condition")})
		}
	}
	return m
}

var same = cmp.Options{
	cmpopts.IgnoreTypes(manifest.Place{}), cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b manifest.Binding) bool { return a.String() < b.String() }),
}

// Given what an organization may have, when it is written and read, then it is the same, writing it again changes no file,
// and there is nothing to change.
func TestWhatIsWrittenIsRead(t *testing.T) {
	dirs := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(dirs, "")
		if err != nil {
			t.Fatal(err)
		}
		want := drawn(t, "all")
		if err := want.Write(dir); err != nil {
			t.Fatal(err)
		}
		if want.Roles == nil && want.Subjects == nil && want.Bindings == nil {
			return // nothing is no file
		}
		got, err := manifest.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Fatalf("written and read (-written +read):\n%s", diff)
		}
		plan, err := manifest.Make(want, got, manifest.Options{Prune: true, Canonical: itself})
		if err != nil || len(plan.Steps)+len(plan.Notes) > 0 {
			t.Fatalf("a plan for what is so already: %+v, %v", plan, err)
		}
	})
}

func itself(name string) string { return name }

// Given what an organization has and what files want, when the steps of the plan are done one after the other, then it has
// what they want, all that it had besides where nothing is pruned, and a second plan is empty.
func TestPlanMakesItSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want, prune := drawn(t, "have"), drawn(t, "want"), rapid.Bool().Draw(t, "prune")
		o := manifest.Options{Prune: prune, Canonical: itself}
		plan, err := manifest.Make(have, want, o)
		if err != nil {
			if in := (*manifest.InputError)(nil); !errors.As(err, &in) || !strings.Contains(in.Text, "deactivated") {
				t.Fatal(err)
			}
			return // nobody is reactivated
		}
		now := newModel(have)
		for _, step := range plan.Steps {
			if s := now.subjects[step.Intent.Subject]; givesTo(step.Intent) && s != nil && s.Deactivated && deactivated(have, s.Key) {
				return // files that give something to somebody who is deactivated: the rules refuse that step
			}
			now.do(t, step.Intent)
		}
		got := now.manifest()
		again, err := manifest.Make(got, want, o)
		if err != nil || len(again.Steps) > 0 {
			t.Fatalf("a second plan: %+v, %v", again, err)
		}
		if !prune {
			for _, b := range have.Bindings {
				if !slices.ContainsFunc(got.Bindings, func(o manifest.Binding) bool {
					return o.Subject == b.Subject && o.Role == b.Role && o.Permission == b.Permission
				}) {
					t.Fatalf("%s is lost", b.String())
				}
			}
			return
		}
		for i := range want.Subjects {
			want.Subjects[i].Kind = "human"
		}
		if diff := cmp.Diff(want.Bindings, got.Bindings, same); diff != "" {
			t.Fatalf("bindings (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want.Roles, got.Roles, same); diff != "" {
			t.Fatalf("roles (-want +got):\n%s", diff)
		}
	})
}

func givesTo(in wire.Intent) bool { return in.Kind == wire.AssignRole || in.Kind == wire.GrantPermission }

func deactivated(m manifest.Manifest, subject string) bool {
	return slices.ContainsFunc(m.Subjects, func(s manifest.Subject) bool { return s.Key == subject && s.Deactivated })
}

// model does what intents say, and fails where the rules would refuse them.
type model struct {
	roles    map[string]*manifest.Role
	subjects map[string]*manifest.Subject
	bindings map[[4]string]manifest.Binding
}

func newModel(m manifest.Manifest) *model {
	n := &model{map[string]*manifest.Role{}, map[string]*manifest.Subject{}, map[[4]string]manifest.Binding{}}
	for _, r := range m.Roles {
		n.roles[r.Key] = &r
	}
	for _, s := range m.Subjects {
		n.subjects[s.Key] = &s
	}
	for _, b := range m.Bindings {
		n.bindings[[4]string{b.Subject, b.Role, b.Permission, b.Scope}] = b
	}
	return n
}

func (n *model) manifest() (m manifest.Manifest) {
	for _, k := range slices.Sorted(maps.Keys(n.roles)) {
		m.Roles = append(m.Roles, *n.roles[k])
	}
	for _, k := range slices.Sorted(maps.Keys(n.subjects)) {
		m.Subjects = append(m.Subjects, *n.subjects[k])
	}
	for _, b := range n.bindings {
		m.Bindings = append(m.Bindings, b)
	}
	return m
}

func (n *model) do(t *rapid.T, in wire.Intent) {
	at := [4]string{in.Subject, in.Role, in.Permission, in.Scope}
	_, bound := n.bindings[at]
	switch in.Kind {
	case wire.AddSubject:
		if n.subjects[in.Subject] != nil {
			t.Fatalf("%s is added twice", in.Subject)
		}
		n.subjects[in.Subject] = &manifest.Subject{Key: in.Subject, Kind: in.SubjectKind}
	case wire.DeactivateSubject:
		if s := n.subjects[in.Subject]; s == nil || s.Deactivated {
			t.Fatalf("%s cannot be deactivated", in.Subject)
		}
		n.subjects[in.Subject].Deactivated = true
	case wire.CreateRole:
		r := &manifest.Role{Key: in.Role, Name: *in.Name, Labels: in.Labels, Permissions: in.Permissions}
		if in.Description != nil {
			r.Description = *in.Description
		}
		n.roles[in.Role] = r
	case wire.UpdateRole:
		r := n.roles[in.Role]
		if in.Name != nil {
			r.Name = *in.Name
		}
		if in.Description != nil {
			r.Description = *in.Description
		}
		labels := maps.Clone(r.Labels)
		for k, v := range in.Labels {
			if labels == nil {
				labels = map[string]string{}
			}
			if labels[k] = v; v == "" {
				delete(labels, k)
			}
		}
		r.Labels = labels
		r.Permissions = slices.DeleteFunc(slices.Concat(r.Permissions, in.Add), func(p string) bool { return slices.Contains(in.Remove, p) })
		slices.Sort(r.Permissions)
	case wire.DeleteRole:
		for _, b := range n.bindings {
			if b.Role == in.Role {
				t.Fatalf("role %s is deleted and %s has it", in.Role, b.Subject)
			}
		}
		delete(n.roles, in.Role)
	case wire.AssignRole, wire.GrantPermission:
		s := n.subjects[in.Subject]
		if bound || s == nil || s.Deactivated {
			t.Fatalf("%v: bound %v, subject %+v", at, bound, s)
		}
		n.bindings[at] = manifest.Binding{Subject: in.Subject, Role: in.Role, Permission: in.Permission, Scope: in.Scope, Until: in.Until, Condition: in.Condition}
	case wire.RevokeRole, wire.RevokePermission:
		if !bound {
			t.Fatalf("%v is taken and was not given", at)
		}
		delete(n.bindings, at)
	default:
		t.Fatalf("what is %s?", in.Kind)
	}
}

// FuzzDecode looks for files that end the program, or that say where something is wrong in no line.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("roles:\n  - key: a\n    labels: {a: b}\n    permissions: [x]\n"))
	f.Add([]byte("bindings: [{subject: a, role: b, until: 2027-01-31}]"))
	f.Add([]byte("? {a: b}\n: c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var m manifest.Manifest
		var in []wire.Intent
		for _, into := range []any{&m, &in} {
			err := manifest.Decode("a.yaml", text, into)
			if e := (*manifest.InputError)(nil); errors.As(err, &e) && e.At.Line < 0 {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}
