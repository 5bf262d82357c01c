package canon

import (
	"bytes"
	"encoding/json"
)

// A Schema is the JSON Schema (2020-12) of a described value, as far as such a schema can say it: that names stand in
// ascending order, for one, it cannot.
type Schema struct {
	ID          string  `json:"$id,omitempty"`
	Dialect     string  `json:"$schema,omitempty"`
	Title       string  `json:"title,omitempty"`
	Description string  `json:"description,omitempty"`
	Type        string  `json:"type,omitempty"`
	Const       any     `json:"const,omitempty"`
	Pattern     string  `json:"pattern,omitempty"`
	MinLength   int     `json:"minLength,omitempty"`
	MaxLength   int     `json:"maxLength,omitempty"`
	Minimum     *int    `json:"minimum,omitempty"`
	Maximum     int     `json:"maximum,omitempty"`
	Items       *Schema `json:"items,omitempty"`
	MinItems    int     `json:"minItems,omitempty"`
	UniqueItems bool    `json:"uniqueItems,omitempty"`
	Properties  members `json:"properties,omitempty"`
	// Required and Closed belong to objects.
	Required []string `json:"required,omitempty"`
	Closed   *bool    `json:"additionalProperties,omitempty"`
}

// members keeps its order when written: the order of the bytes.
type members []property

type property struct {
	name   string
	schema *Schema
}

func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(AppendString(nil, p.name))
		b.WriteByte(':')
		v, err := json.Marshal(p.schema)
		if err != nil {
			return nil, err
		}
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Names gives the members of an object in the order they are met.
func (s *Schema) Names() []string {
	var names []string
	for _, p := range s.Properties {
		names = append(names, p.name)
	}
	return names
}

// Member gives the schema of a member, nil when there is none of that name.
func (s *Schema) Member(name string) *Schema {
	for _, p := range s.Properties {
		if p.name == name {
			return p.schema
		}
	}
	return nil
}

// Describe gives the schema of the object that the description walks over.
func Describe(walk func(*Codec)) *Schema {
	s := &Schema{}
	s.beObject()
	walk(&Codec{mode: describing, node: s})
	return s
}

// Replace puts another schema in the place of a member's.
func (s *Schema) Replace(name string, with *Schema) {
	for i := range s.Properties {
		if s.Properties[i].name == name {
			s.Properties[i].schema = with
		}
	}
}

func (s *Schema) beObject() {
	closed := false
	s.Type, s.Closed = "object", &closed
}

func (s *Schema) add(name string, required bool) {
	s.Properties = append(s.Properties, property{name, &Schema{}})
	if required {
		s.Required = append(s.Required, name)
	}
}

func (s *Schema) last() *Schema { return s.Properties[len(s.Properties)-1].schema }

func (s *Schema) fill(with *Schema) { *s.last() = *with }

// describe says what the member just met holds. It takes a function so that nothing is made of it but in describing.
func (c *Codec) describe(s func() *Schema) {
	if c.mode == describing {
		c.node.fill(s())
	}
}

func (s *Schema) atLeast(n int) *Schema {
	s.MinLength = max(s.MinLength, n)
	return s
}

// schema counts lengths in characters, the rule in bytes: a character is at least one byte, so MaxLength is an upper
// bound that the rule tightens.
func (r *Rule) schema() *Schema {
	return &Schema{Type: "string", Pattern: r.Pattern, MinLength: min(r.Min, 1), MaxLength: r.Max}
}

func ulidSchema() *Schema {
	return &Schema{Type: "string", Pattern: `^[0-7][0-9A-HJKMNP-TV-Z]{25}$`}
}

func timeSchema() *Schema {
	return &Schema{Type: "string", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$`}
}

func digestSchema() *Schema { return &Schema{Type: "string", Pattern: `^[A-Za-z0-9_-]{43}$`} }
