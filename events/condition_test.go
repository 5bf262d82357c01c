package events_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
)

// Given a condition in whatever spelling, when it is read, then it has one spelling.
func TestConditionHasOneSpelling(t *testing.T) {
	const want = `resource.properties.country == "LU" && subject.properties.desk != "a \"b\" \\ ü"`
	for _, text := range []string{
		want,
		`  subject.properties.desk!="a \"b\" \\ ü"&&resource.properties.country=="LU"`,
		`resource.properties.country == "LU" && subject.properties.desk != "a \"b\" \\ ü" && resource.properties.country=="LU"`,
	} {
		c, err := events.ParseCondition(text)
		if err != nil || c.String() != want {
			t.Errorf("%s is read as %s (%v)", text, c, err)
		}
	}
}

// Given what is no condition, when it is read, then the error says where, and what stands there.
func TestConditionErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                  `at 1: want subject.properties., action.properties. or resource.properties., found the end`,
		`country == "LU"`:                   `at 1: want subject.properties., action.properties. or resource.properties., found "country"`,
		`resource.properties.Land == "LU"`:  `at 21: the name of a property: not a token`,
		`resource.properties.a = "LU"`:      `at 23: want == or !=, found "="`,
		`resource.properties.a == LU`:       `at 26: want a literal in double quotes, found "LU"`,
		`resource.properties.a == "LU`:      `at 26: the literal has no end`,
		`resource.properties.a == "\n"`:     `at 27: in a literal, \ stands before " or \`,
		`resource.properties.a == "a" or`:   `at 30: want && or the end, found "or"`,
		`resource.properties.a == "a" &&`:   `at 32: want subject.properties.`,
		"resource.properties.a == \"a\nb\"": `at 26: the literal: a value: forbidden code point U+000A`,
		strings.Repeat(`subject.properties.a == "`+"b"+`" && `, 1) + manyTerms(events.MaxTerms): `it has 17 terms, at most 16 are allowed`,
	} {
		_, err := events.ParseCondition(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func manyTerms(n int) string {
	var terms []string
	for i := range n {
		terms = append(terms, `action.properties.a`+strings.Repeat("a", i)+` != "x"`)
	}
	return strings.Join(terms, " && ")
}

// Given a term, then it holds by its operator where there is a value, and not where there is none.
func TestTermOfWhatIsMissingDoesNotHold(t *testing.T) {
	for _, not := range []bool{false, true} {
		term := events.Term{Of: events.OfSubject, Name: "desk", Not: not, Value: "a"}
		if term.Holds("a", true) == not || term.Holds("b", true) != not || term.Holds("a", false) || term.Holds("", false) {
			t.Errorf("%s does not go by its value", term)
		}
	}
}

func TestConditionsAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := eventtest.Condition().Draw(t, "condition")
		c, err := events.ParseCondition(text)
		if err != nil || c.String() != text || !c.Within(c[:1]) {
			t.Fatalf("%s is read as %s (%v)", text, c, err)
		}
	})
}

func FuzzParseCondition(f *testing.F) {
	f.Add(`resource.properties.country == "LU" && subject.properties.desk != "a \"b\" \\ ü"`)
	f.Add(`action.properties.a=="" && `)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := events.ParseCondition(text)
		if err != nil {
			return
		}
		again, err := events.ParseCondition(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q is read as %s, and that as %s (%v)", text, c, again, err)
		}
	})
}
