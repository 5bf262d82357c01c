package events

import (
	"strconv"

	"github.com/permledger/permledger/events/canon"
)

// Describe gives the JSON Schema of the events of a type and version. It says what such a schema can say; order within
// sets, and what the rules demand, are in docs/format.md.
func Describe(t Type, version int) (*canon.Schema, error) {
	k, err := parseSchema(schemaOf(t, version))
	if err != nil {
		return nil, err
	}
	e := Event{Version: version, Data: k.new()}
	s := canon.Describe(e.Members)
	s.ID = "urn:permledger:schema:" + string(t) + ":" + strconv.Itoa(version)
	s.Dialect = "https://json-schema.org/draft/2020-12/schema"
	s.Title = string(t)
	s.Replace("dataschema", &canon.Schema{Const: schemaOf(t, version)})
	s.Replace("type", &canon.Schema{Const: string(t)})
	return s, nil
}

// DescribeCommand gives the JSON Schema of the command that authors sign for events of a type and version.
func DescribeCommand(t Type, version int) (*canon.Schema, error) {
	k, err := parseSchema(schemaOf(t, version))
	if err != nil {
		return nil, err
	}
	c := Command{Version: version, Data: k.new()}
	s := canon.Describe(func(k *canon.Codec) { c.members(k, &Signed{}) })
	s.ID = "urn:permledger:schema:command:" + string(t) + ":" + strconv.Itoa(version)
	s.Dialect = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "command for " + string(t)
	s.Replace("dataschema", &canon.Schema{Const: schemaOf(t, version)})
	return s, nil
}
