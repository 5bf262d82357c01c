package rules

import (
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// A Context is what a question says beside who would do what, and to what. Whoever asks vouches for it.
type Context struct {
	// What conditions may compare, sorted by name. What the ledger knows of a subject or a resource goes before it.
	Subject, Action, Resource []events.Property
	// With is a wallet that comes with the subject; zero: none does.
	With ulid.ULID
}

// Value gives the value that a term of a condition compares; known is false where there is none. stored are the
// properties that the ledger knows of what the term speaks of.
func (c *Context) Value(t events.Term, stored []events.Property) (value string, known bool) {
	if value, known = events.ValueOf(stored, t.Name); known {
		return value, known
	}
	switch t.Of {
	case events.OfSubject:
		return events.ValueOf(c.Subject, t.Name)
	case events.OfAction:
		return events.ValueOf(c.Action, t.Name)
	}
	return events.ValueOf(c.Resource, t.Name)
}

// Above yields a resource's path and the paths of all that it lies beneath, the nearest first.
func Above(resource string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for resource != "" && yield(resource) {
			end := strings.LastIndexByte(resource, '/') // before the name
			if end < 0 {
				return
			}
			resource = resource[:max(strings.LastIndexByte(resource[:end], '/'), 0)]
		}
	}
}

// meets says whether a condition holds of a subject that would do something to a resource.
func (s *State) meets(c events.Condition, u *subject, resource string, in *Context) bool {
	for _, t := range c {
		var stored []events.Property
		switch t.Of {
		case events.OfSubject:
			stored = s.extra(u.id).properties
		case events.OfResource:
			stored = s.propertiesAt(resource, t.Name)
		}
		if !t.Holds(in.Value(t, stored)) {
			return false
		}
	}
	return true
}

// propertiesAt gives the properties of the resource that has one of a name: this one, or the nearest that it lies beneath.
func (s *State) propertiesAt(resource, name string) []events.Property {
	for path := range Above(resource) {
		if r := s.resources[path]; r != nil {
			if _, ok := events.ValueOf(r.properties, name); ok {
				return r.properties
			}
		}
	}
	return nil
}
