package api

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
)

// entity is a subject, an action or a resource as a request names it.
type entity struct {
	there bool
	typ   string // not of an action
	id    string // of an action its name
	props []events.Property
	has   uint8  // which members it has
	wrong string // what of it is of the wrong type
}

const (
	hasType = 1 << iota
	hasID
)

// wishes are what the member permledger of a request's context asks for.
type wishes struct {
	explain bool
	record  bool
	asOf    string
	atLeast uint64
	with    string
	there   bool
	wrong   string
}

// item is one question, or what a batch of them has in common.
type item struct {
	subject, action, resource entity
	context                   bool
	wishes                    wishes
	wrong                     string
}

// authzenRequest is the body of a request of the Authorization API. The reader fills it in; it is used again.
type authzenRequest struct {
	jsonReader
	item
	items    []item
	batch    bool
	semantic string
	paged    bool
	token    string
	limit    int // 0: none was asked for
}

const (
	executeAll  = "execute_all"
	denyFirst   = "deny_on_first_deny"
	permitFirst = "permit_on_first_permit"
	maxItems    = 10_000
)

// read reads a body. An error is of the body as JSON; what is wrong with a member that it knows stands in wrong.
func (q *authzenRequest) read(body string, evaluations, page bool) error {
	*q = authzenRequest{jsonReader: jsonReader{text: body, names: q.names[:0]}, items: q.items[:0], semantic: executeAll}
	if q.next() != '{' {
		if _, err := q.skip(); err != nil {
			return err
		}
		return q.fail("the body is no object")
	}
	err := q.object(func(name string) error {
		switch {
		case name == "evaluations" && evaluations:
			return q.readItems()
		case name == "options" && evaluations:
			return q.members(&q.wrong, "options", q.readOption)
		case name == "page" && page:
			q.paged = true
			return q.members(&q.wrong, "page", q.readPage)
		}
		return q.readMember(&q.item, name)
	})
	if err != nil {
		return err
	}
	q.wrong = cmp.Or(q.subject.wrong, q.action.wrong, q.resource.wrong, q.wishes.wrong, q.wrong)
	return q.end()
}

func (q *authzenRequest) readItems() error {
	if q.next() != '[' {
		return q.wrongType(&q.wrong, "evaluations must be an array")
	}
	return q.array(func() error {
		if q.batch = true; len(q.items) == maxItems {
			return q.fail("one request has at most %d evaluations", maxItems)
		}
		if q.next() != '{' {
			return q.wrongType(&q.wrong, "each of evaluations must be an object")
		}
		q.items = append(q.items, item{})
		one := &q.items[len(q.items)-1]
		if err := q.object(func(name string) error { return q.readMember(one, name) }); err != nil {
			return err
		}
		one.wrong = cmp.Or(one.subject.wrong, one.action.wrong, one.resource.wrong, one.wishes.wrong, one.wrong)
		return nil
	})
}

func (q *authzenRequest) readMember(i *item, name string) error {
	switch name {
	case "subject":
		return q.readEntity(&i.subject, name, "id")
	case "action":
		return q.readEntity(&i.action, name, "name")
	case "resource":
		return q.readEntity(&i.resource, name, "id")
	case "context":
		i.context = true
		return q.members(&i.wrong, name, func(member string) error {
			if member == "permledger" {
				i.wishes.there = true
				return q.members(&i.wishes.wrong, "context.permledger", func(wish string) error { return q.readWish(&i.wishes, wish) })
			}
			_, err := q.skip()
			return err
		})
	}
	_, err := q.skip()
	return err
}

// wrongType skips a value and notes what is wrong with it, where nothing is noted.
func (q *authzenRequest) wrongType(wrong *string, text string) error {
	*wrong = cmp.Or(*wrong, text)
	_, err := q.skip()
	return err
}

// members reads an object that has to be one.
func (q *authzenRequest) members(wrong *string, name string, member func(string) error) error {
	if q.next() != '{' {
		return q.wrongType(wrong, name+" must be an object")
	}
	return q.object(member)
}

// text reads a string that has to be one.
func (q *authzenRequest) text(to, wrong *string, what, name string) error {
	if q.next() != '"' {
		return q.wrongType(wrong, what+"."+name+" must be a string")
	}
	var err error
	*to, err = q.str()
	return err
}

func (q *authzenRequest) flag(to *bool, wrong *string, name string) error {
	switch q.next(); {
	case q.word("true"):
		*to = true
	case q.word("false"):
		*to = false
	default:
		return q.wrongType(wrong, name+" must be true or false")
	}
	return nil
}

func (q *authzenRequest) count(to *uint64, wrong *string, name string) error {
	begin, err := q.skip()
	if err != nil {
		return err
	}
	n, bad := strconv.ParseUint(begin, 10, 53)
	if bad != nil {
		*wrong = cmp.Or(*wrong, name+" must be a whole number")
	}
	*to = n
	return nil
}

// readEntity reads a subject, an action or a resource, of which id is the member that says which one.
func (q *authzenRequest) readEntity(e *entity, what, id string) error {
	e.there = true
	if q.next() != '{' {
		return q.wrongType(&e.wrong, what+" must be an object")
	}
	return q.object(func(name string) error {
		switch {
		case name == id:
			e.has |= hasID
			return q.text(&e.id, &e.wrong, what, name)
		case name == "type" && id == "id":
			e.has |= hasType
			return q.text(&e.typ, &e.wrong, what, name)
		case name == "properties":
			if q.next() != '{' {
				return q.wrongType(&e.wrong, what+".properties must be an object")
			}
			if err := q.object(func(name string) error { return q.readProperty(e, name) }); err != nil {
				return err
			}
			if len(e.props) > 1 {
				slices.SortFunc(e.props, func(a, b events.Property) int { return cmp.Compare(a.Name, b.Name) })
			}
			return nil
		}
		_, err := q.skip()
		return err
	})
}

// readProperty keeps what a condition can compare: text, true and false and numbers as their text, under names that a
// condition can have. To conditions all else is not there.
func (q *authzenRequest) readProperty(e *entity, name string) error {
	first := q.next()
	value, err := "", error(nil)
	switch {
	case first == '"':
		value, err = q.str()
	case first == '{' || first == '[' || first == 'n':
		_, err = q.skip()
		return err
	default:
		if value, err = q.skip(); err == nil && first != 't' && first != 'f' {
			value, err = numberText(value), nil
		}
	}
	if err == nil && canon.Token.Check(name) == nil && canon.Value.Check(value) == nil {
		e.props = append(e.props, events.Property{Name: name, Value: value})
	}
	return err
}

// numberText gives the one text of a number, however it is spelled: 1, 1.0 and 1e0 are "1".
func numberText(spelled string) string {
	f, err := strconv.ParseFloat(spelled, 64)
	if err != nil { // beyond a double
		return spelled
	}
	if f == 0 {
		return "0" // -0 is no other number
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func (q *authzenRequest) readOption(name string) error {
	if name != "evaluations_semantic" {
		_, err := q.skip()
		return err
	}
	if err := q.text(&q.semantic, &q.wrong, "options", name); err != nil {
		return err
	}
	if s := q.semantic; s != executeAll && s != denyFirst && s != permitFirst {
		q.wrong = cmp.Or(q.wrong, "options.evaluations_semantic is one of "+executeAll+", "+denyFirst+" and "+permitFirst)
	}
	return nil
}

func (q *authzenRequest) readPage(name string) error {
	switch name {
	case "token":
		return q.text(&q.token, &q.wrong, "page", name)
	case "limit":
		var n uint64
		if err := q.count(&n, &q.wrong, "page.limit"); err != nil {
			return err
		}
		if n == 0 {
			q.wrong = cmp.Or(q.wrong, "page.limit is at least 1")
		}
		q.limit = int(min(n, wire.AuthZENMostResults))
		return nil
	}
	_, err := q.skip()
	return err
}

// readWish is strict: a wish that is misspelt must not be passed over.
func (q *authzenRequest) readWish(w *wishes, name string) error {
	const of = "context.permledger"
	switch name {
	case "explain":
		return q.flag(&w.explain, &w.wrong, of+".explain")
	case "record":
		return q.flag(&w.record, &w.wrong, of+".record")
	case "as_of":
		return q.text(&w.asOf, &w.wrong, of, name)
	case "at_least":
		return q.count(&w.atLeast, &w.wrong, of+".at_least")
	case "with":
		return q.text(&w.with, &w.wrong, of, name)
	}
	return q.wrongType(&w.wrong, of+" has no member "+strconv.Quote(clip(name))+"; it takes explain, record, as_of, at_least and with")
}

// lacks says what of a question is missing; empty: nothing. The id of what is searched for may be.
func (i *item) lacks(searched string) string {
	for _, e := range []struct {
		of   *entity
		name string
	}{{&i.subject, "subject"}, {&i.action, "action"}, {&i.resource, "resource"}} {
		switch action := e.name == "action"; {
		case action && searched == "action":
		case !e.of.there:
			return e.name + " is missing"
		case !action && e.of.has&hasType == 0:
			return e.name + ".type is missing"
		case e.of.has&hasID == 0 && action:
			return "action.name is missing"
		case e.of.has&hasID == 0 && e.name != searched:
			return e.name + ".id is missing"
		}
	}
	return ""
}

// over gives an item with what it lacks taken from the defaults, each member whole.
func (i item) over(defaults *item) item {
	if !i.subject.there {
		i.subject = defaults.subject
	}
	if !i.action.there {
		i.action = defaults.action
	}
	if !i.resource.there {
		i.resource = defaults.resource
	}
	if !i.context {
		i.wishes = defaults.wishes
	}
	return i
}
