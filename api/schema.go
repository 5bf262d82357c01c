package api

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/projections/access"
)

// object is a JSON object of the API's document.
type object = map[string]any

const mostInJSON = 1<<53 - 1

// schemas makes JSON Schemas (2020-12) of the types that are sent and answered with. Requests are closed: what a route does
// not know, it refuses. Answers are open, for members are added to them.
type schemas struct {
	made     object
	requests map[reflect.Type]bool // that are part of a request
}

func newSchemas(routes []Route) *schemas {
	s := &schemas{made: object{}, requests: map[reflect.Type]bool{}}
	for _, r := range routes {
		if r.Request != nil && r.Spec == "" {
			s.asked(r.Request)
		}
	}
	return s
}

// asked notes a type, and all that it holds, as part of requests.
func (s *schemas) asked(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		s.asked(t.Elem())
	case reflect.Struct:
		if s.requests[t] {
			return
		}
		s.requests[t] = true
		for _, f := range fieldsIn(t) {
			s.asked(f.Type)
		}
	}
}

// of gives the schema of a type; of a struct with a name, a reference.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t == rawMessage:
		return object{}
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0, "maximum": mostInJSON}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if t.Name() == "" {
			return s.structure(t)
		}
		name := schemaName(t)
		if s.made[name] == nil {
			s.made[name] = object{} // it may hold itself
			if t == reflect.TypeFor[wire.Intent]() {
				s.made[name] = s.intent(t)
			} else {
				s.made[name] = s.structure(t)
			}
		}
		return object{"$ref": "#/components/schemas/" + name}
	}
	return object{} // anything
}

// schemaName names a type as the document does: Role, RoleList, OneRole.
func schemaName(t reflect.Type) string {
	name, of, generic := strings.Cut(strings.TrimSuffix(t.Name(), "]"), "[")
	if generic {
		of = of[strings.LastIndexAny(of, "./")+1:]
		if name == "List" {
			return of + name
		}
		name += of
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if pkg := t.PkgPath(); pkg != wirePackage && !strings.HasSuffix(pkg, "/api") {
		name = strings.ToUpper(pkg[strings.LastIndex(pkg, "/")+1:][:1]) + pkg[strings.LastIndex(pkg, "/")+2:] + name
	}
	return name
}

var wirePackage = reflect.TypeFor[wire.AsOf]().PkgPath()

// member is a member of an object, as encoding/json has it.
type member struct {
	reflect.StructField
	name     string
	optional bool
	in       string // the type in Go whose field it is
}

// fieldsIn gives the members that a struct has in JSON, those of embedded structs too, in their order.
func fieldsIn(t reflect.Type) []member {
	var list []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			list = append(list, fieldsIn(f.Type)...)
		case name == "-" || !f.IsExported():
		default:
			if name == "" {
				name = f.Name
			}
			list = append(list, member{f, name, strings.Contains(options, "omit"), t.Name()})
		}
	}
	return list
}

func (s *schemas) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range fieldsIn(t) {
		properties[f.name] = s.property(f)
		if !f.optional {
			required = append(required, f.name)
		}
	}
	o := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if s.requests[t] {
		o["additionalProperties"] = false
	}
	if text := describe(t); text != "" {
		o["description"] = text
	}
	return o
}

func describe(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	if t.PkgPath() != wirePackage {
		return ""
	}
	return wireComments().types[name]
}

func (s *schemas) property(f member) object {
	o := s.of(f.Type)
	name, _, _ := strings.Cut(f.in, "[")
	if text := wireComments().members[name][f.Name]; text != "" {
		o["description"] = text
	}
	if values := enums[name+"."+f.name]; values != nil {
		o["enum"] = values
	}
	if nullable[name+"."+f.name] {
		o["type"] = []string{o["type"].(string), "null"}
	}
	if o["type"] == "string" && slices.Contains(instants, f.name) {
		o["format"] = "date-time"
	}
	return o
}

// instants are the members that are times wherever they are texts, and never empty.
var instants = []string{"time", "instant", "occurred", "due", "expires"}

// nullable are the members that may be null, where the rest are left out.
var nullable = map[string]bool{"Role.permissions": true}

// enums are the values of members that have no others.
var enums = map[string][]string{
	"Health.status":          {wire.HealthOK, wire.HealthWaiting, wire.HealthStopped},
	"Receipt.state":          {wire.Recorded, wire.Committed, wire.Witnessed},
	"Role.type":              {access.TypeGlobal, access.TypeCustom},
	"WalletRequest.method":   {"eip712", "eip191", "eip4361"},
	"WalletSignature.method": {"eip712", "eip191", "eip4361"},
}

// intent is one schema for each kind of change, with the members that it has.
func (s *schemas) intent(t reflect.Type) object {
	fields := map[string]member{}
	for _, f := range fieldsIn(t) {
		fields[f.name] = f
	}
	all, mapping := []object{}, object{}
	for _, kind := range slices.Sorted(maps.Keys(intents)) {
		properties := object{"kind": object{"const": kind}}
		for _, name := range slices.Concat([]string{"credential", "reason", "scheme", "expires"}, intents[kind].members) {
			f, ok := fields[name]
			if !ok {
				panic(fmt.Sprintf("api: the intent %s has the member %s, which none has", kind, name))
			}
			properties[name] = s.property(f)
		}
		name := "Intent." + kind
		s.made[name] = object{
			"type": "object", "properties": properties, "required": []string{"kind"}, "additionalProperties": false,
			"x-permission": takes(kindActions[kind], kindWhys[kind]),
		}
		ref := "#/components/schemas/" + name
		all, mapping[kind] = append(all, object{"$ref": ref}), ref
	}
	return object{"oneOf": all, "discriminator": object{"propertyName": "kind", "mapping": mapping}, "description": describe(t)}
}
