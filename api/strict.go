package api

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/gowebpki/jcs"

	"github.com/permledger/permledger/ledger/rules"
)

// deepest is how deep the objects and lists of a body may lie in one another.
const deepest = 32

// strict reads a JSON object in the one way it can be meant: UTF-8, no member twice, none unknown, none in another case, each
// of its type, nothing after it. What is not so is said with its place, as a JSON Pointer.
func strict(body []byte, into any) error {
	w := walker{in: json.NewDecoder(bytes.NewReader(body))}
	w.in.UseNumber()
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return w.wrong("it is no object")
	}
	if err := w.value(reflect.TypeOf(into)); err != nil {
		return err
	}
	if _, err := w.in.Token(); !errors.Is(err, io.EOF) {
		return w.wrong("something follows the object")
	}
	if _, err := jcs.Transform(body); err != nil { // bytes and halves of characters, which encoding/json puts others in the place of
		return w.wrong("%v", err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return w.wrong("%v", err)
	}
	return nil
}

// walker reads JSON beside the type that it is to be read into.
type walker struct {
	in   *json.Decoder
	path []string
}

func (w *walker) wrong(format string, args ...any) *problem {
	var at strings.Builder
	for _, segment := range w.path {
		at.WriteByte('/')
		at.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(segment))
	}
	text := clip(fmt.Sprintf(format, args...))
	if at.Len() > 0 {
		text = "at " + clip(at.String()) + ": " + text
	}
	p := badRequest("The body is not the JSON that this takes: " + text)
	p.Pointer = clip(at.String())
	return p
}

func (w *walker) token() (json.Token, error) {
	t, err := w.in.Token()
	if errors.Is(err, io.EOF) {
		return nil, w.wrong("it ends too early")
	}
	if err != nil {
		return nil, w.wrong("%v", err)
	}
	return t, nil
}

// value reads one value; t is nil where any will do.
func (w *walker) value(t reflect.Type) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == rawMessage || t != nil && t.Kind() == reflect.Interface {
		t = nil
	}
	token, err := w.token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if len(w.path) >= deepest {
			return w.wrong("objects and lists lie deeper in one another than %d", deepest)
		}
		if v == '[' {
			return w.list(t)
		}
		return w.object(t)
	case string:
		if t != nil && !isText(t) {
			return w.other(t, "a text")
		}
	case bool:
		if t != nil && t.Kind() != reflect.Bool {
			return w.other(t, "true or false")
		}
	case json.Number:
		return w.number(t, v)
	}
	return nil
}

func (w *walker) list(t reflect.Type) error {
	var of reflect.Type
	if t != nil {
		if t.Kind() != reflect.Slice && t.Kind() != reflect.Array || t.Elem().Kind() == reflect.Uint8 {
			return w.other(t, "a list")
		}
		of = t.Elem()
	}
	for i := 0; w.in.More(); i++ {
		if err := w.at(strconv.Itoa(i), of); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

func (w *walker) object(t reflect.Type) error {
	var fields map[string]reflect.Type
	var of reflect.Type
	switch {
	case t == nil:
	case t.Kind() == reflect.Map:
		of = t.Elem()
	case t.Kind() == reflect.Struct:
		fields = fieldsOf(t)
	default:
		return w.other(t, "an object")
	}
	seen := map[string]bool{}
	for w.in.More() {
		token, err := w.token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		member := of
		if fields != nil {
			known := false
			if member, known = fields[name]; !known {
				w.path = append(w.path, name)
				p := w.wrong("there is no member %q here", clip(name))
				p.Nearest = rules.Nearest(name, maps.Keys(fields))
				return p
			}
		}
		if seen[name] {
			w.path = append(w.path, name)
			return w.wrong("the member %q is there twice", clip(name))
		}
		seen[name] = true
		if err := w.at(name, member); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

// at reads the value at a place.
func (w *walker) at(segment string, t reflect.Type) error {
	w.path = append(w.path, segment)
	if err := w.value(t); err != nil {
		return err
	}
	w.path = w.path[:len(w.path)-1]
	return nil
}

func (w *walker) number(t reflect.Type, n json.Number) error {
	if t == nil {
		return nil
	}
	switch {
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		if u, err := strconv.ParseUint(n.String(), 10, 53); err != nil || u > 1<<t.Bits()-1 && t.Bits() < 64 {
			return w.wrong("%s is no whole number from 0 to 2^53-1", clip(n.String()))
		}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		if i, err := strconv.ParseInt(n.String(), 10, 54); err != nil || reflect.Zero(t).OverflowInt(i) {
			return w.wrong("%s is no whole number within 2^53", clip(n.String()))
		}
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
	default:
		return w.other(t, "a number")
	}
	return nil
}

// other says that a value is of another type.
func (w *walker) other(t reflect.Type, have string) error {
	want := "an object"
	switch {
	case isText(t):
		want = "a text"
	case t.Kind() == reflect.Bool:
		want = "true or false"
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Array:
		want = "a list"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64:
		want = "a number"
	}
	return w.wrong("this is %s; %s is wanted", have, want)
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func isText(t reflect.Type) bool {
	return t.Kind() == reflect.String || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 || reflect.PointerTo(t).Implements(textUnmarshaler)
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

var knownFields sync.Map // of reflect.Type: map[string]reflect.Type

// fieldsOf gives the types of a struct's members by their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if known, ok := knownFields.Load(t); ok {
		return known.(map[string]reflect.Type)
	}
	fields := map[string]reflect.Type{}
	for _, m := range fieldsIn(t) {
		fields[m.name] = m.Type
	}
	knownFields.Store(t, fields)
	return fields
}
