package importer

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/permledger/permledger/events/canon"
)

// The operations of a role history.
const (
	opCreate = "create-role"
	opUpdate = "update-role"
	opDelete = "delete-role"
)

// change is one line of a role history.
type change struct {
	time        time.Time // UTC, whole milliseconds
	op          string
	role        string
	title       *string // nil: not said
	description *string
	stage       *string
	permissions []string // sorted; of create-role
	add, remove []string // sorted; of update-role
}

// parseChange reads a line. What it gives beside an error is what stood before the error.
func parseChange(line []byte, names map[string]string) (change, error) {
	var c change
	p := parser{b: line, names: names}
	has := map[string]bool{}
	if err := p.object(func(name string) error { has[name] = true; return c.member(&p, name) }); err != nil {
		return c, err
	}
	if err := p.end(); err != nil {
		return c, err
	}
	return c, c.check(has)
}

func (c *change) member(p *parser, name string) (err error) {
	switch name {
	case "time":
		err = c.instant(p)
	case "op":
		c.op, err = p.text()
	case "role":
		if c.role, err = p.text(); err == nil {
			err = canon.Key.Check(c.role)
		}
	case "title":
		c.title, err = optional(p, canon.Name)
	case "description":
		c.description, err = optional(p, canon.Text)
	case "stage":
		c.stage, err = optional(p, canon.Value)
	case "permissions":
		c.permissions, err = permissionSet(p)
	case "add":
		c.add, err = permissionSet(p)
	case "remove":
		c.remove, err = permissionSet(p)
	default:
		return fmt.Errorf("there is no member %q in this format", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// rfc3339 is the form of a time. time.Parse alone takes other forms too, as hours of one digit.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func (c *change) instant(p *parser) error {
	text, err := p.text()
	if err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !rfc3339.MatchString(text) {
		return fmt.Errorf("%q is not an RFC 3339 time", text)
	}
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1970 || t.Year() > 9999 {
		return fmt.Errorf("%q lies outside the years 1970 to 9999", text)
	}
	c.time = t
	return nil
}

// optional reads a text. An empty one keeps to every rule here: it takes away what was said before.
func optional(p *parser, rule *canon.Rule) (*string, error) {
	text, err := p.text()
	if err == nil && text != "" {
		err = rule.Check(text)
	}
	if err != nil {
		return nil, err
	}
	return &text, nil
}

// permissionSet reads an array of names of permissions and sorts it.
func permissionSet(p *parser) ([]string, error) {
	names, err := nameSet(p, p.word)
	if err != nil {
		return nil, err
	}
	return names, checkPermissions(names)
}

// nameSet reads an array of names, none twice, and sorts it.
func nameSet(p *parser, one func() (string, error)) ([]string, error) {
	names := []string{}
	if err := p.array(func() error {
		name, err := one()
		names = append(names, name)
		return err
	}); err != nil {
		return nil, err
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return nil, fmt.Errorf("%q is there twice", names[i])
		}
	}
	return names, nil
}

func checkPermissions(names []string) error {
	for _, name := range names {
		if err := canon.Permission.Check(name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

// check says whether the members that are there make a line of its operation.
func (c *change) check(has map[string]bool) error {
	need := []string{"time", "op", "role"}
	var not []string
	switch c.op {
	case opCreate:
		need, not = append(need, "permissions"), []string{"add", "remove"}
	case opUpdate:
		not = []string{"permissions"}
	case opDelete:
		not = []string{"title", "description", "stage", "permissions", "add", "remove"}
	default:
		if has["op"] {
			return fmt.Errorf("there is no op %q", c.op)
		}
	}
	for _, name := range need {
		if !has[name] {
			return fmt.Errorf("the member %q is missing", name)
		}
	}
	for _, name := range not {
		if has[name] {
			return fmt.Errorf("%s has no member %q", c.op, name)
		}
	}
	for _, name := range c.remove {
		if _, both := slices.BinarySearch(c.add, name); both {
			return fmt.Errorf("%q is both added and removed", name)
		}
	}
	return nil
}
