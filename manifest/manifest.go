// Package manifest holds roles, subjects and bindings of an organization as YAML files that people edit and keep in git,
// and finds which changes make a ledger what the files say. It knows no network: it is told what there is, and gives
// intents.
//
// A directory is read as a whole: every file in it whose name ends in .yaml or .yml, in whatever division. What is written
// is sorted, one line for each permission, so that a change of one thing is a change of its lines.
package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Manifest says what an organization's roles, subjects and bindings are.
type Manifest struct {
	Roles    []Role    `yaml:"roles,omitempty"`
	Subjects []Subject `yaml:"subjects,omitempty"`
	Bindings []Binding `yaml:"bindings,omitempty"`
}

// A Role is what it allows, and what is said of it.
type Role struct {
	Key         string            `yaml:"key"`
	Name        string            `yaml:"name,omitempty"` // empty: the key
	Description string            `yaml:"description,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Permissions []string          `yaml:"permissions,omitempty"`

	System bool  `yaml:"-"` // it is not the organization's to change; only of what there is
	At     Place `yaml:"-"`
}

// A Subject is somebody, or something, that can be given permissions.
type Subject struct {
	Key         string `yaml:"key"`
	Kind        string `yaml:"kind,omitempty"` // empty: human
	DID         string `yaml:"did,omitempty"`
	Credential  string `yaml:"credential,omitempty"` // what a new one signs with; of one that is there it is only told
	Name        string `yaml:"name,omitempty"`       // private, as Email
	Email       string `yaml:"email,omitempty"`
	Deactivated bool   `yaml:"deactivated,omitempty"`

	Owner bool  `yaml:"-"` // only of what there is
	At    Place `yaml:"-"`
}

// A Binding gives a role or a permission to a subject.
type Binding struct {
	Subject    string `yaml:"subject"`
	Role       string `yaml:"role,omitempty"`
	Permission string `yaml:"permission,omitempty"`
	Scope      string `yaml:"scope,omitempty"`
	Until      string `yaml:"until,omitempty"`     // RFC 3339, or a day, at whose end (UTC) it ends
	Condition  string `yaml:"condition,omitempty"` // as the ledger spells it

	Fixed bool  `yaml:"-"` // it is not to be given or taken with an ordinary command; only of what there is
	At    Place `yaml:"-"`
}

// what names what is bound where: at most one binding is of each.
func (b *Binding) what() [4]string { return [4]string{b.Subject, b.Role, b.Permission, b.Scope} }

// String says a binding as people do.
func (b *Binding) String() string {
	text := b.Subject + " has "
	if b.Role != "" {
		text += "role " + b.Role
	} else {
		text += b.Permission
	}
	if b.Scope != "" {
		text += " on " + b.Scope
	}
	if b.Until != "" {
		text += " until " + b.Until
	}
	if b.Condition != "" {
		text += " where " + b.Condition
	}
	return text
}

// Read reads all files of a directory. What they say twice, or what cannot be, is an [*InputError].
func Read(dir string) (Manifest, error) {
	var all Manifest
	names, err := files(dir)
	if err != nil {
		return all, err
	}
	if len(names) == 0 {
		return all, fmt.Errorf("%s: there is no file that ends in .yaml", dir)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return all, err
		}
		var one Manifest
		if err := Decode(name, text, &one); err != nil {
			return all, err
		}
		all.Roles = append(all.Roles, one.Roles...)
		all.Subjects = append(all.Subjects, one.Subjects...)
		all.Bindings = append(all.Bindings, one.Bindings...)
	}
	return all, all.check()
}

// files gives the names of a directory's YAML files, sorted.
func files(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range list {
		if ext := filepath.Ext(f.Name()); !f.IsDir() && (ext == ".yaml" || ext == ".yml") {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// check refuses what is said twice or cannot be, and brings ends into one form.
func (m *Manifest) check() error {
	seen := map[any]Place{}
	once := func(what any, said string, at Place) error {
		if first, twice := seen[what]; twice {
			return wrong(at, "%s is said twice, first at %s", said, first)
		}
		seen[what] = at
		return nil
	}
	for i := range m.Roles {
		r := &m.Roles[i]
		if r.Key == "" {
			return wrong(r.At, "a role has a key")
		}
		if err := once("role "+r.Key, "the role "+r.Key, r.At); err != nil {
			return err
		}
		slices.Sort(r.Permissions)
		for j, p := range r.Permissions {
			if j > 0 && r.Permissions[j-1] == p {
				return wrong(r.At, "the role %s names %s twice", r.Key, p)
			}
		}
	}
	for _, s := range m.Subjects {
		if s.Key == "" {
			return wrong(s.At, "a subject has a key")
		}
		if err := once("subject "+s.Key, "the subject "+s.Key, s.At); err != nil {
			return err
		}
	}
	for i := range m.Bindings {
		b := &m.Bindings[i]
		if b.Subject == "" || (b.Role == "") == (b.Permission == "") {
			return wrong(b.At, "a binding has a subject, and either a role or a permission")
		}
		var err error
		if b.Until, err = end(b.Until); err != nil {
			return wrong(b.At, "until is %q: say a day, as 2027-01-31, or an instant, as 2027-01-31T12:00:00Z", b.Until)
		}
		if err := once(b.what(), b.String(), b.At); err != nil {
			return err
		}
	}
	return nil
}

// end gives the one spelling of an instant.
func end(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if day, notDay := time.Parse(time.DateOnly, text); notDay == nil {
		t, err = day.AddDate(0, 0, 1), nil
	}
	if err != nil {
		return text, err
	}
	return t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano), nil
}

// The files that are written.
const (
	rolesFile    = "roles.yaml"
	subjectsFile = "subjects.yaml"
	bindingsFile = "bindings.yaml"
)

// ErrOthers says that a directory has other YAML files, which would be read beside those that are written.
var ErrOthers = errors.New("there are other YAML files, which would be read as well")

// Write writes a manifest into a directory, which it makes: a file each for roles, subjects and bindings, sorted. A file is
// replaced as a whole. Where other YAML files are there it writes nothing: an [ErrOthers].
func (m *Manifest) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	have, err := files(dir)
	if err != nil {
		return err
	}
	ours := []string{rolesFile, subjectsFile, bindingsFile}
	for _, name := range have {
		if !slices.Contains(ours, name) {
			return fmt.Errorf("%s: %w: %s", dir, ErrOthers, name)
		}
	}
	m.sort()
	for i, part := range []Manifest{{Roles: m.Roles}, {Subjects: m.Subjects}, {Bindings: m.Bindings}} {
		var b bytes.Buffer
		if len(part.Roles)+len(part.Subjects)+len(part.Bindings) > 0 {
			enc := yaml.NewEncoder(&b)
			enc.SetIndent(2)
			if err := errors.Join(enc.Encode(part), enc.Close()); err != nil {
				return err
			}
		}
		if err := replace(filepath.Join(dir, ours[i]), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manifest) sort() {
	slices.SortFunc(m.Roles, func(a, b Role) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(m.Subjects, func(a, b Subject) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(m.Bindings, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Scope, b.Scope))
	})
	for _, r := range m.Roles {
		slices.Sort(r.Permissions)
	}
}

// replace puts a file in the place of another, whole or not at all.
func replace(path string, text []byte) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, text) || errors.Is(err, fs.ErrNotExist) && len(text) == 0 {
		return nil
	}
	aside := path + ".new"
	if err := os.WriteFile(aside, text, 0o644); err != nil {
		return err
	}
	return os.Rename(aside, path)
}
