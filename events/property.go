package events

import (
	"fmt"
	"slices"
	"strings"

	"github.com/permledger/permledger/events/canon"
)

// Property says something of a subject or a resource that conditions may ask for.
type Property struct{ Name, Value string }

// properties walks over properties; only a change may say that there are none.
func properties(c *canon.Codec, list *[]Property, change bool) {
	c.OptionalObject("properties", len(*list) > 0 || change && *list != nil, func(c *canon.Codec) {
		canon.Objects(c, "list", list, true, func(c *canon.Codec, p *Property) {
			c.String("name", &p.Name, canon.Token)
			c.String("value", &p.Value, canon.Value)
		}, func(before, p *Property) error {
			if p.Name <= before.Name {
				return fmt.Errorf("property %q does not stand in ascending order", p.Name)
			}
			return nil
		})
		if c.Reading() && !change && len(*list) == 0 {
			c.Failf("no properties are left out")
		}
	})
}

// ValueOf gives the value of a property in a list that is sorted by name; false where it has none.
func ValueOf(list []Property, name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(list, name, func(p Property, name string) int { return strings.Compare(p.Name, name) })
	if !ok {
		return "", false
	}
	return list[i].Value, true
}
