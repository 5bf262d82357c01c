package canon

import (
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/permledger/permledger/events/didkey"
)

// Forbidden says whether a code point may stand in no string of the ledger: controls, bidirectional controls, and
// characters that show nothing. The ranges are part of the format and never change; they are not taken from a
// library's Unicode tables, which do. U+000A is not among them: a [Rule] allows it or not.
func Forbidden(r rune) bool {
	switch {
	case r < 0x20:
		return r != '\n'
	case r < 0x7f:
		return false
	case r <= 0x9f, // DEL and C1
		r == 0xad,                  // soft hyphen
		r == 0x34f,                 // combining grapheme joiner
		r == 0x61c,                 // Arabic letter mark
		r >= 0x115f && r <= 0x1160, // Hangul fillers
		r >= 0x17b4 && r <= 0x17b5, // Khmer inherent vowels
		r >= 0x180b && r <= 0x180f, // Mongolian selectors and vowel separator
		r >= 0x200b && r <= 0x200f, // zero width, marks
		r >= 0x2028 && r <= 0x202e, // separators, embeddings, overrides
		r >= 0x2060 && r <= 0x206f, // word joiner, isolates, deprecated format characters
		r == 0x3164,                // Hangul filler
		r >= 0xd800 && r <= 0xdfff, // surrogates
		r == 0xfeff,                // byte order mark
		r == 0xffa0,                // half-width Hangul filler
		r >= 0xfff0 && r <= 0xffff, // specials; U+FFFD too: it stands for text that was lost
		r >= 0xe0000:               // tags, variation selectors supplement, private planes
		return true
	}
	return false
}

// A Rule says which strings a member may hold.
type Rule struct {
	Name    string // what such a string is called in errors and documents
	Min     int    // in bytes
	Max     int    // in bytes
	Lines   bool   // U+000A is allowed
	Pattern string // a regular expression over ASCII; empty: any allowed code points
	match   func(string) bool
}

// Check says why s does not keep to the rule, nil when it does.
func (r *Rule) Check(s string) error {
	if err := CheckText(s, r.Lines); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return r.check(s)
}

// check is Check for a string whose code points are known to be allowed.
func (r *Rule) check(s string) error {
	switch {
	case len(s) < r.Min && len(s) == 0:
		return fmt.Errorf("%s is empty", r.Name)
	case len(s) < r.Min:
		return fmt.Errorf("%s is shorter than %d bytes", r.Name, r.Min)
	case len(s) > r.Max:
		return fmt.Errorf("%s is %d bytes long, at most %d are allowed", r.Name, len(s), r.Max)
	case r.match != nil && !r.match(s):
		return fmt.Errorf("not %s (%s)", r.Name, r.Pattern)
	}
	return nil
}

// ErrNotUTF8 marks text that is not UTF-8.
var ErrNotUTF8 = errors.New("not UTF-8")

// CheckText says whether every code point of s may be recorded.
func CheckText(s string, lines bool) error {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return ErrNotUTF8
			}
		}
		if Forbidden(r) || (r == '\n' && !lines) {
			return fmt.Errorf("forbidden code point U+%04X", r)
		}
	}
	return nil
}

// NewRule makes a rule of a regular expression over ASCII and of lengths in bytes.
func NewRule(name, pattern string, minimum, maximum int) *Rule {
	return rule(name, pattern, minimum, maximum)
}

func rule(name, pattern string, minimum, maximum int) *Rule {
	r := &Rule{Name: name, Min: minimum, Max: maximum, Pattern: pattern}
	if pattern != "" {
		r.match = regexp.MustCompile(pattern).MatchString
	}
	return r
}

// bytesRule is a rule over single bytes, which is much faster than a regular expression; a test holds match and
// pattern together.
func bytesRule(name, pattern string, minimum, maximum int, match func(string) bool) *Rule {
	return &Rule{Name: name, Min: minimum, Max: maximum, Pattern: pattern, match: match}
}

func every(s string, ok func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// The rules of the strings in events and entries.
var (
	// Text is free text of several lines.
	Text = &Rule{Name: "a text", Max: 8192, Lines: true}
	// Name is what people call a thing.
	Name = &Rule{Name: "a name", Min: 1, Max: 512}
	// Key names a role or a subject within its organization, as imported or typed.
	Key = bytesRule("a key", `^[!-~]([ -~]*[!-~])?$`, 1, 128, func(s string) bool {
		return s[0] != ' ' && s[len(s)-1] != ' ' && every(s, func(b byte) bool { return b >= ' ' && b <= '~' })
	})
	// Permission names a permission: bare in the organization's own catalogue, else catalogue:name.
	Permission = bytesRule("a permission", `^([a-z0-9-]{1,32}:)?[!-9;-~]+$`, 1, 256, isPermission)
	// Token is a short name of our own making.
	Token = bytesRule("a token", `^[a-z0-9][a-z0-9.-]*$`, 1, 64, func(s string) bool {
		return s[0] != '.' && s[0] != '-' && every(s, func(b byte) bool { return isToken(b) || b == '.' })
	})
	// Organization is the id of an organization; it is a token of NATS subjects.
	Organization = bytesRule("an organization id", `^[a-z0-9-]+$`, 1, 32, func(s string) bool { return every(s, isToken) })
	// Scope is the path under the organization that a grant covers.
	Scope = rule("a scope", `^[a-z0-9-]+/[!-.0-~]+(/[a-z0-9-]+/[!-.0-~]+)*$`, 3, 512)
	// Source names a ledger: host and organization.
	Source = rule("a source", `^[a-z0-9]([a-z0-9.:-]*[a-z0-9])?/[a-z0-9-]{1,32}$`, 3, 255)
	// DID is a decentralized identifier.
	DID = rule("a DID", `^did:[a-z0-9]+:([A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*([A-Za-z0-9._-]|%[0-9A-Fa-f]{2})$`, 7, 256)
	// DIDKey is an Ed25519 public key as did:key.
	DIDKey = bytesRule("a did:key of an Ed25519 key", `^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$`, 56, 56, func(s string) bool {
		_, err := didkey.Parse(s)
		return err == nil
	})
	// Credential names what somebody proved itself with.
	Credential = bytesRule("a credential", `^[!-~]+$`, 1, 256, func(s string) bool {
		return every(s, func(b byte) bool { return b > ' ' && b <= '~' })
	})
	// CID is the address of an entry or a document: CIDv1, raw, sha2-256, base32.
	CID = rule("a CID (v1, raw, sha2-256)", `^bafkrei[a-z2-7]{51}[aeimquy4]$`, 59, 59)
	// About names what an event is about.
	About = rule("a thing of the ledger", `^[a-z]+/[!-~]+$`, 3, 256)
	// Value is the value of a label.
	Value = &Rule{Name: "a value", Max: 512}
	// Decimal is an integer written as a string.
	Decimal = rule("a decimal", `^[1-9][0-9]{0,15}$`, 1, 16)
)

func isToken(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '-' }

func isPermission(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == ':' {
			if i == 0 || i > 32 || i == len(s)-1 || !every(s[:i], isToken) {
				return false
			}
			s = s[i+1:]
			break
		}
	}
	return every(s, func(b byte) bool { return b > ' ' && b <= '~' && b != ':' })
}

// EventSchema is a URN of our own: it names a type of event and its version.
var EventSchema = rule("a URN of an event type", `^urn:permledger:[a-z.]+:[1-9][0-9]*$`, 1, 128)
