package canon_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
)

var patterned = map[string]*canon.Rule{
	"Key": canon.Key, "Permission": canon.Permission, "Token": canon.Token, "Organization": canon.Organization,
	"Scope": canon.Scope, "Source": canon.Source, "DID": canon.DID, "CID": canon.CID,
	"About": canon.About, "Decimal": canon.Decimal, "EventSchema": canon.EventSchema,
}

// Given any string of allowed characters and length, then a rule takes it just when its pattern does.
func TestRulesAreTheirPatterns(t *testing.T) {
	for name, rule := range patterned {
		t.Run(name, func(t *testing.T) {
			pattern := regexp.MustCompile(rule.Pattern)
			near := rapid.OneOf(
				rapid.StringMatching(rule.Pattern),
				rapid.StringOf(rapid.RuneFrom([]rune(`azAZ09 !~"\:./-%_é`))),
				rapid.StringOfN(rapid.Int32Range(' ', 0x17f), 1, 40, -1),
			)
			rapid.Check(t, func(t *rapid.T) {
				s := near.Draw(t, "s")
				if cut := rapid.IntRange(0, 3).Draw(t, "change"); cut > 0 && s != "" {
					i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
					s = s[:i] + rapid.SampledFrom([]string{"", " ", ":", "/", "-", ".", "é", "A"}).Draw(t, "put") + s[i+1:]
				}
				if canon.CheckText(s, rule.Lines) != nil || len(s) < rule.Min || len(s) > rule.Max {
					if rule.Check(s) == nil {
						t.Fatalf("%q is taken, whatever its characters and length", s)
					}
					return
				}
				if err := rule.Check(s); (err == nil) != pattern.MatchString(s) {
					t.Fatalf("%q: the rule says %v, the pattern %s says %v", s, err, rule.Pattern, pattern.MatchString(s))
				}
			})
		})
	}
}

// Given a did:key, then the rule takes it just when it names a key that may be used.
func TestRuleOfKeys(t *testing.T) {
	pattern := regexp.MustCompile(canon.DIDKey.Pattern)
	digits := rapid.StringMatching(`did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}`)
	rapid.Check(t, func(t *rapid.T) {
		s := digits.Draw(t, "did")
		if rapid.Bool().Draw(t, "real") {
			key := [32]byte{}
			copy(key[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
			s = didkey.Encode(key[:])
			if !pattern.MatchString(s) {
				t.Fatalf("the pattern does not match the key %s", s)
			}
		}
		_, err := didkey.Parse(s)
		if got := canon.DIDKey.Check(s); (got == nil) != (err == nil) {
			t.Fatalf("%s: the rule says %v, didkey says %v", s, got, err)
		}
	})
}

// Given a rule's limits, then the length is counted in bytes.
func TestRuleLengths(t *testing.T) {
	tests := []struct {
		rule *canon.Rule
		s    string
		ok   bool
	}{
		{canon.Name, "", false},
		{canon.Name, strings.Repeat("é", 256), true},
		{canon.Name, strings.Repeat("é", 256) + "x", false},
		{canon.Name, "two\nlines", false},
		{canon.Text, "", true},
		{canon.Text, "two\nlines", true},
		{canon.Text, strings.Repeat("x", 8192), true},
		{canon.Text, strings.Repeat("x", 8193), false},
		{canon.Key, strings.Repeat("k", 128), true},
		{canon.Key, strings.Repeat("k", 129), false},
		{canon.Key, " k", false},
		{canon.Key, "k ", false},
		{canon.Key, "k k", true},
		{canon.Permission, strings.Repeat("c", 32) + ":p", true},
		{canon.Permission, strings.Repeat("c", 33) + ":p", false},
		{canon.Permission, ":p", false},
		{canon.Permission, "c:", false},
		{canon.Permission, "c:d:p", false},
		{canon.Permission, "", false},
		{canon.Organization, strings.Repeat("o", 33), false},
		{canon.Decimal, "0", false},
		{canon.Decimal, "9999999999999999", true},
		{canon.Scope, "token/EU/desk", false},
		{canon.Scope, "token/EU/desk/7", true},
		{canon.Scope, "token/", false},
	}
	for _, tt := range tests {
		if err := tt.rule.Check(tt.s); (err == nil) != tt.ok {
			t.Errorf("%s %.40q of %d bytes: %v", tt.rule.Name, tt.s, len(tt.s), err)
		}
	}
}

// Given the description of a value, then its schema has the members in the order of the bytes, which is ascending, and
// says of each what JSON Schema can.
func TestDescribe(t *testing.T) {
	s := canon.Describe(new(thing).members)
	names := s.Names()
	if !slices.IsSorted(names) || len(names) != 17 {
		t.Errorf("the members are %q", names)
	}
	if optional := s.Member("optional"); len(optional.Required) != 0 || !slices.IsSorted(optional.Names()) || len(optional.Names()) != 8 {
		t.Errorf("the members that may be left out are %q, required %q", optional.Names(), optional.Required)
	}
	if want := []string{"const", "digest", "id", "ids", "list", "number", "optional", "raw", "set", "sig", "string", "text", "time"}; !slices.Equal(s.Required, want) {
		t.Errorf("required are %q; want %q", s.Required, want)
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"flag":{"const":true}`, `"const":{"const":"1.0"}`, `"number":{"type":"integer","minimum":0,"maximum":9007199254740991}`,
		`"inner":{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":512}},"required":["name"],"additionalProperties":false}`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is missing in\n%s", want, b)
		}
	}
	if s.Member("nobody") != nil {
		t.Error("there is a schema of a member that is not")
	}
}
