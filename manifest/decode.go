package manifest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/permledger/permledger/ledger/rules"
)

// A Place is where something stands in a file.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// An InputError says what is not in order in a file, and where.
type InputError struct {
	At   Place
	Text string
}

func (e *InputError) Error() string { return e.At.String() + ": " + e.Text }

func wrong(at Place, format string, args ...any) error {
	return &InputError{at, fmt.Sprintf(format, args...)}
}

// Decode reads one YAML document (JSON is YAML, too) into what into points to: structs by the names of their yaml or json
// tags, lists, maps of texts, texts, numbers and flags. It is strict: a member that is not known or stands there twice, a
// value of another kind, an alias, or a second document is an [InputError]. A field named At of type Place takes where a
// struct begins. An empty document leaves into as it is.
func Decode(file string, text []byte, into any) error {
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var document yaml.Node
	if err := d.Decode(&document); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return unreadable(file, err)
	}
	if len(document.Content) == 0 {
		return nil
	}
	var next yaml.Node
	switch err := d.Decode(&next); {
	case err == nil:
		return wrong(Place{file, next.Line}, "a file is one document")
	case !errors.Is(err, io.EOF):
		return unreadable(file, err)
	}
	return (&decoder{file}).value(document.Content[0], reflect.ValueOf(into).Elem())
}

// unreadable takes the line out of an error of the library, which says it in words.
func unreadable(file string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	if n, _ := fmt.Sscanf(text, "line %d:", &line); n == 1 {
		_, text, _ = strings.Cut(text, ": ")
		return wrong(Place{file, line}, "this is no YAML: %s", text)
	}
	return fmt.Errorf("%s: this is no YAML: %s", file, text)
}

type decoder struct{ file string }

func (d *decoder) at(n *yaml.Node) Place { return Place{d.file, n.Line} }

func (d *decoder) value(n *yaml.Node, into reflect.Value) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return wrong(d.at(n), "anchors and aliases are not read: say it where it belongs")
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return d.value(n, into.Elem())
	case reflect.Struct:
		return d.members(n, into)
	case reflect.Map:
		return d.texts(n, into)
	case reflect.Slice:
		if into.Type().Elem().Kind() == reflect.Uint8 {
			return wrong(d.at(n), "this cannot be said in a file")
		}
		return d.list(n, into)
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return wrong(d.at(n), "a single value belongs here, not %s", kindOf(n))
	}
	var err error
	switch into.Kind() {
	case reflect.String:
		into.SetString(n.Value)
	case reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(n.Value); err == nil && n.Tag == "!!bool" {
			into.SetBool(b)
		} else {
			return wrong(d.at(n), "true or false belongs here, not %q", n.Value)
		}
	case reflect.Int, reflect.Int64:
		var i int64
		if i, err = strconv.ParseInt(n.Value, 10, 64); err != nil {
			return wrong(d.at(n), "a whole number belongs here, not %q", n.Value)
		}
		into.SetInt(i)
	case reflect.Uint64:
		var u uint64
		if u, err = strconv.ParseUint(n.Value, 10, 53); err != nil {
			return wrong(d.at(n), "a whole number belongs here, not %q", n.Value)
		}
		into.SetUint(u)
	default:
		return wrong(d.at(n), "this cannot be said in a file")
	}
	return nil
}

func (d *decoder) list(n *yaml.Node, into reflect.Value) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" { // a heading without anything below it
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return wrong(d.at(n), "a list belongs here, not %s", kindOf(n))
	}
	list := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, one := range n.Content {
		if err := d.value(one, list.Index(i)); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

// pairs calls do with each member of a mapping, each once.
func (d *decoder) pairs(n *yaml.Node, do func(name, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return wrong(d.at(n), "members belong here, not %s", kindOf(n))
	}
	seen := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Kind != yaml.ScalarNode || name.Tag == "!!merge" {
			return wrong(d.at(name), "the name of a member is a word")
		}
		if line := seen[name.Value]; line != 0 {
			return wrong(d.at(name), "%s stands here twice, first in line %d", name.Value, line)
		}
		seen[name.Value] = name.Line
		if err := do(name, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) texts(n *yaml.Node, into reflect.Value) error {
	into.Set(reflect.MakeMap(into.Type()))
	return d.pairs(n, func(name, value *yaml.Node) error {
		one := reflect.New(into.Type().Elem()).Elem()
		if err := d.value(value, one); err != nil {
			return err
		}
		into.SetMapIndex(reflect.ValueOf(name.Value), one)
		return nil
	})
}

func (d *decoder) members(n *yaml.Node, into reflect.Value) error {
	fields := map[string]int{}
	for i := range into.NumField() {
		f := into.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	if at := into.FieldByName("At"); at.IsValid() && at.Type() == reflect.TypeFor[Place]() {
		at.Set(reflect.ValueOf(d.at(n)))
	}
	return d.pairs(n, func(name, value *yaml.Node) error {
		i, known := fields[name.Value]
		if !known {
			text := "there is no member " + name.Value + " here"
			if near := rules.Nearest(name.Value, maps.Keys(fields)); len(near) > 0 {
				text += "; did you mean " + strings.Join(near, " or ") + "?"
			} else {
				text += "; there are " + strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
			}
			return wrong(d.at(name), "%s", text)
		}
		return d.value(value, into.Field(i))
	})
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "members"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
