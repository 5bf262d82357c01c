package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

func (p *point) evaluation() error {
	if err := p.parse(false, false); err != nil {
		return err
	}
	return p.single()
}

// single answers the one question of a request.
func (p *point) single() error {
	i := &p.q.item
	if err := p.mayAsk(i.subject.id); err != nil {
		return err
	}
	if lacks := i.lacks(""); lacks != "" {
		return badRequest(lacks)
	}
	_, err := p.decide(i, p.org.Access.Now(p.now))
	return err
}

func (p *point) evaluations() error {
	if err := p.parse(true, false); err != nil {
		return err
	}
	if len(p.q.items) == 0 {
		return p.single()
	}
	if err := p.slow(len(p.q.items) - 1); err != nil {
		return err
	}
	a := p.org.Access.Now(p.now) // of all: what is recorded meanwhile does not come between them
	p.out = append(p.out, `{"evaluations":[`...)
	for n := range p.q.items {
		if n > 0 {
			p.out = append(p.out, ',')
		}
		i := p.q.items[n].over(&p.q.item)
		allowed, err := p.oneOfMany(&i, a)
		if err != nil {
			return err
		}
		if semantic := p.q.semantic; semantic == denyFirst && !allowed || semantic == permitFirst && allowed {
			break
		}
	}
	p.out = append(p.out, `]}`...)
	return nil
}

// oneOfMany answers a question of a batch. One that is not in order is answered with no.
func (p *point) oneOfMany(i *item, a access.AsOf) (bool, error) {
	if err := p.mayAsk(i.subject.id); err != nil {
		return false, err
	}
	wrong := cmp.Or(i.wrong, i.lacks(""))
	if wrong == "" {
		before := len(p.out)
		allowed, err := p.decide(i, a)
		if err == nil {
			return allowed, nil
		}
		said, known := explain(err, p.org)
		if !known || said.Status >= http.StatusInternalServerError || p.costly > mostCostly {
			return false, err
		}
		p.out, wrong = p.out[:before], said.Detail
	}
	if !i.wishes.explain {
		p.out = append(p.out, decidedFalse...)
		return false, nil
	}
	return false, p.answerJSON(wire.AuthZENDecision{Context: &wire.AuthZENExplanation{ReasonAdmin: inEnglish(wrong)}})
}

const (
	decidedTrue  = `{"decision":true}`
	decidedFalse = `{"decision":false}`
)

func inEnglish(text string) map[string]string { return map[string]string{"en": text} }

// decide answers a question that is in order.
func (p *point) decide(i *item, a access.AsOf) (bool, error) {
	if i.wishes.there {
		return p.decideAsWished(i)
	}
	return p.answer(p.allows(i, a)), nil
}

// answer adds an answer without reasons, and counts it.
func (p *point) answer(allowed bool) bool {
	p.org.Stats.Decided(allowed)
	if allowed {
		p.out = append(p.out, decidedTrue...)
	} else {
		p.out = append(p.out, decidedFalse...)
	}
	return allowed
}

// allows says whether the subject may do the action on the resource.
func (p *point) allows(i *item, a access.AsOf) bool {
	name := p.permission(i.action.id)
	if name == "" || !p.isOf(i.subject.typ, i.subject.id, a) {
		return false
	}
	p.path = appendPath(p.path[:0], i.resource.typ, i.resource.id)
	return p.org.Access.AllowsIn(i.subject.id, name, string(p.path), i.about(), a)
}

// about gives what conditions compare.
func (i *item) about() rules.Context {
	return rules.Context{Subject: i.subject.props, Action: i.action.props, Resource: i.resource.props}
}

// permission gives the canonical name of the permission that an action names; what nobody knows is its own name. It is
// empty where several catalogues have it.
func (p *point) permission(action string) string {
	if action != p.action || p.name == "" {
		p.action = action
		p.org.Fold.Read(p.find)
	}
	return p.name
}

func (p *point) findAction(s *rules.State) {
	several := []string(nil)
	if p.name, several = s.Named(p.action); p.name == "" && len(several) == 0 {
		p.name = p.action
	}
}

// typeProperty is the property of a subject by which it is of a type that no kind of subject has.
const typeProperty = "type"

// isOf says whether the subject of a name is of a type of the Authorization API.
func (p *point) isOf(typ, name string, a access.AsOf) bool {
	kind, known := p.org.Access.KindNow(name)
	if !known || isOfKind(typ, kind) {
		return known
	}
	own, said := p.org.Access.Property(name, typeProperty, a)
	return said && own == typ
}

// isOfKind says whether subjects of a kind are of a type.
func isOfKind(typ, kind string) bool {
	switch typ {
	case "user":
		return kind == events.KindHuman || kind == events.KindDID
	case "service":
		return kind == events.KindTechnical || kind == events.KindAPIKey
	case "identity", "subject":
		return true
	}
	return typ == kind
}

// mostCostly is how many evaluations of a request are explained or recorded: each costs as much as a thousand others.
const mostCostly = 100

// decideAsWished answers a question with what it asks for beside.
func (p *point) decideAsWished(i *item) (bool, error) {
	w := &i.wishes
	if w.record && w.asOf != "" {
		return false, badRequest("What is recorded is decided now: record goes without as_of")
	}
	if w.explain || w.record {
		if p.costly++; p.costly > mostCostly {
			return false, badRequest(fmt.Sprintf("One request has at most %d evaluations that are explained or recorded", mostCostly))
		}
	}
	c, a, in, err := p.asWished(i)
	if err != nil {
		return false, err
	}
	if !w.explain && !w.record {
		return p.answer(p.allowsIn(i, in, a)), nil
	}
	q, err := p.question(c, i, a)
	if err != nil {
		return false, err
	}
	q.in = in
	var answer wire.Check
	switch name := p.permission(i.action.id); {
	case name == "":
		answer = q.Check
		answer.Missing = []wire.Missing{{Kind: "unknown-permission", Text: "several catalogues have a permission " + clip(i.action.id)}}
	case !p.isOf(i.subject.typ, i.subject.id, a):
		answer = q.Check
		answer.Missing = []wire.Missing{{Kind: "unknown-subject", Text: fmt.Sprintf("nobody of the type %s has the key %s", clip(i.subject.typ), clip(i.subject.id))}}
	case w.explain:
		answer, err = c.explain(q)
	default:
		answer, err = c.check(q)
	}
	if err != nil {
		return false, err
	}
	if w.record {
		c.note(answer)
	}
	d := wire.AuthZENDecision{Decision: answer.Allowed}
	if w.explain {
		d.Context = &wire.AuthZENExplanation{ReasonAdmin: inEnglish(reason(answer)), Permledger: &answer}
	}
	return answer.Allowed, p.answerJSON(d)
}

// allowsIn is allows in a context that is more than what the question says of the three.
func (p *point) allowsIn(i *item, in rules.Context, a access.AsOf) bool {
	name := p.permission(i.action.id)
	return name != "" && p.isOf(i.subject.typ, i.subject.id, a) &&
		p.org.Access.AllowsIn(i.subject.id, name, string(appendPath(nil, i.resource.typ, i.resource.id)), in, a)
}

// asWished waits for the position that a question demands, and gives the moment and the context that it asks about.
func (p *point) asWished(i *item) (*call, access.AsOf, rules.Context, error) {
	c, w, in := p.call(), &i.wishes, i.about()
	c.query = url.Values{"as_of": {w.asOf}, "at_least": {strconv.FormatUint(w.atLeast, 10)}}
	if err := c.awaitPosition(); err != nil {
		return nil, access.AsOf{}, in, err
	}
	a, _, err := c.asOf()
	if err == nil && w.with != "" {
		var v access.SubjectView
		if v, err = c.org.Access.Subject(w.with, a); errors.Is(err, access.ErrNotFound) {
			err = badRequest("context.permledger.with: " + err.Error())
		}
		in.With = v.ID
	}
	return c, a, in, err
}

// question gives a question as the routes of /v1 have it.
func (p *point) question(c *call, i *item, a access.AsOf) (question, error) {
	_, asOf, err := c.asOf()
	return question{at: a, Check: wire.Check{
		Subject: i.subject.id, Permission: cmp.Or(p.permission(i.action.id), i.action.id),
		Resource: string(appendPath(nil, i.resource.typ, i.resource.id)), Because: []wire.Because{}, AsOf: asOf,
	}}, err
}

// reason says an answer in a line.
func reason(answer wire.Check) string {
	switch {
	case answer.Allowed:
		return because(answer.Because)
	case len(answer.Missing) > 0:
		return answer.Missing[0].Text
	}
	return "nothing grants it"
}

// appendPath appends the path of the resource that a type and an id name. An id is a name beneath its type, in which all
// that a name cannot hold stands as %XX; one that is the path of a resource of this type is that path.
func appendPath(b []byte, typ, id string) []byte {
	for n := 0; n < len(id); n++ {
		if id[n] == '/' {
			if canon.Path.Check(id) == nil && events.KindOf(id) == typ {
				return append(b, id...)
			}
			break
		}
	}
	b = appendEscaped(b, typ, false)
	b = append(b, '/')
	return appendEscaped(b, id, true)
}

// appendEscaped appends the name of a resource, or of a kind of them.
func appendEscaped(b []byte, text string, name bool) []byte {
	const digits = "0123456789ABCDEF"
	for n := 0; n < len(text); n++ {
		c := text[n]
		ok := 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
		if name {
			ok = '!' <= c && c <= '~' && c != '/' && c != '%'
		}
		if ok {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}
