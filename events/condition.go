package events

import (
	"fmt"
	"slices"
	"strings"

	"github.com/permledger/permledger/events/canon"
)

// A Condition is a conjunction of terms over the properties of who asks, of what it would do, and of what it would do it
// to. In its one spelling, which events hold, the terms are sorted, none stands there twice, and there is one space
// around each operator:
//
//	resource.properties.country == "LU" && subject.properties.desk != "retail"
//
// In a literal \" stands for a quote and \\ for a backslash. The empty condition always holds, and is left out.
type Condition []Term

// A Term compares one property with a literal. It does not hold where the property has no value, whatever the operator.
type Term struct {
	Of    string // one of the Of constants
	Name  string // of the property
	Not   bool   // != and not ==
	Value string
}

// Whose properties a term speaks of.
const (
	OfSubject  = "subject"
	OfAction   = "action"
	OfResource = "resource"
)

// MaxTerms is how many terms a condition has at most.
const MaxTerms = 16

// ConditionText is the rule of a condition in its one spelling.
var ConditionText = canon.NewTextRule("a condition in its one spelling", 1, 2048, func(s string) bool {
	c, err := ParseCondition(s)
	return err == nil && c.String() == s
})

// ParseCondition reads a condition in any spelling: spaces do not matter where they are not in a literal, nor does the
// order of the terms. The empty text is no condition.
func ParseCondition(text string) (Condition, error) {
	p := conditionParser{text: text}
	var c Condition
	for {
		t, err := p.term()
		if err != nil {
			return nil, fmt.Errorf("condition: %w", err)
		}
		c = append(c, t)
		p.spaces()
		if p.at == len(text) {
			break
		}
		if !p.skip("&&") {
			return nil, fmt.Errorf("condition: at %d: want && or the end, found %s", p.at+1, p.found())
		}
	}
	slices.SortFunc(c, func(a, b Term) int { return strings.Compare(a.String(), b.String()) })
	c = slices.Compact(c)
	if len(c) > MaxTerms {
		return nil, fmt.Errorf("condition: it has %d terms, at most %d are allowed", len(c), MaxTerms)
	}
	return c, nil
}

// String gives the one spelling of a condition that ParseCondition gave.
func (c Condition) String() string {
	var b strings.Builder
	for i, t := range c {
		if i > 0 {
			b.WriteString(" && ")
		}
		b.WriteString(t.String())
	}
	return b.String()
}

func (t Term) String() string {
	op := " == "
	if t.Not {
		op = " != "
	}
	return t.Of + ".properties." + t.Name + op + `"` + literal.Replace(t.Value) + `"`
}

var literal = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Holds says whether the term holds for a value; known is false where there is none.
func (t Term) Holds(value string, known bool) bool { return known && (value == t.Value) != t.Not }

// Within says whether whatever meets c meets other too: each term of other is one of c's.
func (c Condition) Within(other Condition) bool {
	for _, t := range other {
		if !slices.Contains(c, t) {
			return false
		}
	}
	return true
}

type conditionParser struct {
	text string
	at   int // bytes
}

func (p *conditionParser) spaces() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// skip skips spaces and what follows them, where it is the token.
func (p *conditionParser) skip(token string) bool {
	p.spaces()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *conditionParser) found() string {
	rest := p.text[p.at:]
	if rest == "" {
		return "the end"
	}
	if word, _, _ := strings.Cut(rest, " "); len(word) <= 32 {
		rest = word
	} else {
		rest = strings.ToValidUTF8(rest[:32], "") + "…"
	}
	return fmt.Sprintf("%q", rest)
}

func (p *conditionParser) term() (Term, error) {
	var t Term
	for _, of := range []string{OfSubject, OfAction, OfResource} {
		if p.skip(of + ".properties.") {
			t.Of = of
			break
		}
	}
	if t.Of == "" {
		return t, fmt.Errorf("at %d: want subject.properties., action.properties. or resource.properties., found %s", p.at+1, p.found())
	}
	begin := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" =!", rune(p.text[p.at])) {
		p.at++
	}
	t.Name = p.text[begin:p.at]
	if err := canon.Token.Check(t.Name); err != nil {
		return t, fmt.Errorf("at %d: the name of a property: %w", begin+1, err)
	}
	switch {
	case p.skip("=="):
	case p.skip("!="):
		t.Not = true
	default:
		return t, fmt.Errorf("at %d: want == or !=, found %s", p.at+1, p.found())
	}
	if !p.skip(`"`) {
		return t, fmt.Errorf("at %d: want a literal in double quotes, found %s", p.at+1, p.found())
	}
	begin = p.at
	var b strings.Builder
	for {
		rest := p.text[p.at:]
		switch {
		case rest == "":
			return t, fmt.Errorf("at %d: the literal has no end", begin)
		case rest[0] == '"':
			p.at++
			t.Value = b.String()
			if err := canon.Value.Check(t.Value); err != nil {
				return t, fmt.Errorf("at %d: the literal: %w", begin, err)
			}
			return t, nil
		case rest[0] == '\\' && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\\'):
			b.WriteByte(rest[1])
			p.at += 2
		case rest[0] == '\\':
			return t, fmt.Errorf(`at %d: in a literal, \ stands before " or \`, p.at+1)
		default:
			b.WriteByte(rest[0])
			p.at++
		}
	}
}
