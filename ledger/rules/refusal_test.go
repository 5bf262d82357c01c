package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// A refusal is a case in which somebody asks for what cannot be. Most cases name the check that they would miss.
type refusal struct {
	name     string
	unopened bool // nothing was recorded yet
	profile  events.Profile
	given    []any // steps and lists of them
	when     step
	then     rules.Refusal
}

func given(parts ...any) []any { return parts }

// lacks is the refusal of who may not do an action that the given permission would allow.
func lacks(permission string) rules.Refusal {
	return rules.Refusal{
		Code: rules.NotPermitted, Reason: "Don't have " + permission + " permission", Permission: permission,
		Hint: "Ask an Owner or Admin for permission",
	}
}

// because is a refusal that has nothing but a code and a reason.
func because(code rules.Code, reason string) rules.Refusal {
	return rules.Refusal{Code: code, Reason: reason}
}

func hinted(code rules.Code, reason, hint string) rules.Refusal {
	return rules.Refusal{Code: code, Reason: reason, Hint: hint}
}

func refusals() []refusal {
	return slices.Concat(openRefusals(), idRefusals(), authRefusals(), keyRefusals(), catalogueRefusals(), subjectRefusals(),
		roleRefusals(), assignRefusals(), permissionRefusals(), setRefusals(), walletRefusals(),
		livesRefusals(), ownerRefusals(), checkpointRefusals())
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			w := &world{reporter: t, s: rules.New()}
			if !c.unopened {
				w = open(t, c.profile, c.given...)
			}
			if diff := cmp.Diff(c.then, w.refused(c.when)); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}

// Every code that is declared is one that some case reaches.
func TestRefusalCodes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	reached := map[rules.Code]bool{}
	for _, c := range refusals() {
		reached[c.then.Code] = true
	}
	// The ledger tells a repeated command from another one of the same id; to the rules both are repeated.
	elsewhere := map[rules.Code]bool{rules.Conflict: true}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		declared++
		if code := rules.Code(text); reached[code] == elsewhere[code] {
			t.Errorf("refused as %s: %v; want %v", text, reached[code], !elsewhere[code])
		}
		return false
	})
	if declared < len(reached) {
		t.Errorf("found %d codes in refusal.go, the cases have %d", declared, len(reached))
	}
}

func TestRefusalText(t *testing.T) {
	for _, c := range []struct {
		r    rules.Refusal
		want string
	}{
		{because(rules.Invalid, "No"), "refused (invalid): No"},
		{hinted(rules.Taken, "Role name already exists", "Choose a unique role name"),
			"refused (taken): Role name already exists. Choose a unique role name"},
	} {
		if got := c.r.Error(); got != c.want {
			t.Errorf("Error() = %q; want %q", got, c.want)
		}
	}
}

// Each type of event is one that version 1 of the rules decides about.
func TestEveryTypeIsDecided(t *testing.T) {
	for typ := range events.Types() {
		d, ok := events.New(typ)
		if !ok {
			t.Fatalf("no data of %s", typ)
		}
		w := open(t, plain)
		c, at := w.command(step{data: d})
		if _, err := rules.Decide(w.s, c, at); err != nil && strings.Contains(err.Error(), "knows no "+string(typ)) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
