package canon

import (
	"errors"
	"fmt"
	"strings"
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

	printable bool  // match takes printable ASCII alone
	seen      *seen // of rules whose strings come again and again
}

// Check says why s does not keep to the rule, nil when it does.
func (r *Rule) Check(s string) error {
	if r.seen.has(s) || r.printable && len(s) >= r.Min && len(s) <= r.Max && r.match(s) {
		return nil
	}
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
	case r.match != nil && !r.match(s) && r.Pattern == "":
		return fmt.Errorf("not %s", r.Name)
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

// NewRule makes a rule of a regular expression over printable ASCII and of lengths in bytes, at least 1. match is the same
// as the expression, and much faster; it is asked only of strings of such a length.
func NewRule(name, pattern string, minimum, maximum int, match func(string) bool) *Rule {
	return &Rule{Name: name, Min: minimum, Max: maximum, Pattern: pattern, match: match, printable: true}
}

// NewTextRule makes a rule of text in one line, of lengths in bytes, that no regular expression can say. match is asked
// only of strings of such a length.
func NewTextRule(name string, minimum, maximum int, match func(string) bool) *Rule {
	return &Rule{Name: name, Min: minimum, Max: maximum, match: match}
}

// repeated is NewRule for strings that come again and again; slots bounds how many are remembered.
func repeated(slots int, name, pattern string, minimum, maximum int, match func(string) bool) *Rule {
	r := NewRule(name, pattern, minimum, maximum, match)
	r.seen = remember(slots)
	return r
}

// An Alphabet is a set of ASCII characters.
type Alphabet [256]bool

// NewAlphabet gives the characters from each first to each second one: "azAZ__" are the letters and the underscore.
func NewAlphabet(ranges string) *Alphabet {
	a := new(Alphabet)
	for i := 0; i+1 < len(ranges); i += 2 {
		for b := ranges[i]; b <= ranges[i+1]; b++ {
			a[b] = true
		}
	}
	return a
}

// All says whether s has characters of the alphabet alone.
func (a *Alphabet) All(s string) bool {
	for i := 0; i < len(s); i++ {
		if !a[s[i]] {
			return false
		}
	}
	return true
}

var (
	visible  = NewAlphabet("!~")             // [!-~]
	typed    = NewAlphabet(" ~")             // [ -~]
	lower    = NewAlphabet("az09--")         // [a-z0-9-]
	token    = NewAlphabet("az09--..")       // [a-z0-9.-]
	host     = NewAlphabet("az09--..::")     // [a-z0-9.:-]
	letters  = NewAlphabet("az")             // [a-z]
	urn      = NewAlphabet("az..")           // [a-z.]
	digits   = NewAlphabet("09")             // [0-9]
	hex      = NewAlphabet("09AFaf")         // [0-9A-Fa-f]
	bare     = NewAlphabet("!9;~")           // [!-9;-~]
	segment  = NewAlphabet("!.0~")           // [!-.0-~]
	base32   = NewAlphabet("az27")           // [a-z2-7]
	base64u  = NewAlphabet("AZaz09--__")     // [A-Za-z0-9_-]
	didChars = NewAlphabet("AZaz09..__::--") // of a method-specific id; see isDID
)

// The rules of the strings in events and entries.
var (
	// Text is free text of several lines.
	Text = &Rule{Name: "a text", Max: 8192, Lines: true}
	// Name is what people call a thing.
	Name = &Rule{Name: "a name", Min: 1, Max: 512}
	// Key names a role or a subject within its organization, as imported or typed.
	Key = NewRule("a key", `^[!-~]([ -~]*[!-~])?$`, 1, 128, func(s string) bool {
		return s[0] != ' ' && s[len(s)-1] != ' ' && typed.All(s)
	})
	// Permission names a permission: bare in the organization's own catalogue, else catalogue:name.
	Permission = repeated(4096, "a permission", `^([a-z0-9-]{1,32}:)?[!-9;-~]+$`, 1, 256, isPermission)
	// Token is a short name of our own making.
	Token = repeated(64, "a token", `^[a-z0-9][a-z0-9.-]*$`, 1, 64, func(s string) bool {
		return s[0] != '.' && s[0] != '-' && token.All(s)
	})
	// Organization is the id of an organization; it is a token of NATS subjects.
	Organization = repeated(64, "an organization id", `^[a-z0-9-]+$`, 1, 32, lower.All)
	// Scope is the path under the organization that a grant covers.
	Scope = NewRule("a scope", `^[a-z0-9-]+/[!-.0-~]+(/[a-z0-9-]+/[!-.0-~]+)*$`, 3, 512, isScope)
	// Path names a resource: a scope of which an event can be about.
	Path = NewRule("the path of a resource", `^[a-z0-9-]+/[!-.0-~]+(/[a-z0-9-]+/[!-.0-~]+)*$`, 3, 240, isScope)
	// Source names a ledger: host and organization.
	Source = repeated(64, "a source", `^[a-z0-9]([a-z0-9.:-]*[a-z0-9])?/[a-z0-9-]{1,32}$`, 3, 255, func(s string) bool {
		name, organization, _ := strings.Cut(s, "/")
		return name != "" && host.All(name) && !strings.ContainsAny(name[:1]+name[len(name)-1:], ".:-") &&
			organization != "" && len(organization) <= 32 && lower.All(organization)
	})
	// DID is a decentralized identifier.
	DID = NewRule("a DID", `^did:[a-z0-9]+:([A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*([A-Za-z0-9._-]|%[0-9A-Fa-f]{2})$`, 7, 256, isDID)
	// DIDKey is an Ed25519 public key as did:key.
	DIDKey = repeated(1024, "a did:key of an Ed25519 key", `^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$`, 56, 56, func(s string) bool {
		_, err := didkey.Parse(s)
		return err == nil
	})
	// Credential names what somebody proved itself with.
	Credential = repeated(1024, "a credential", `^[!-~]+$`, 1, 256, visible.All)
	// CID is the address of an entry or a document: CIDv1, raw, sha2-256, base32.
	CID = NewRule("a CID (v1, raw, sha2-256)", `^bafkrei[a-z2-7]{51}[aeimquy4]$`, 59, 59, func(s string) bool {
		return strings.HasPrefix(s, "bafkrei") && base32.All(s) && strings.IndexByte("aeimquy4", s[58]) >= 0
	})
	// About names what an event is about.
	About = NewRule("a thing of the ledger", `^[a-z]+/[!-~]+$`, 3, 256, func(s string) bool {
		kind, id, _ := strings.Cut(s, "/")
		return kind != "" && letters.All(kind) && id != "" && visible.All(id)
	})
	// Value is the value of a label.
	Value = &Rule{Name: "a value", Max: 512}
	// Decimal is an integer written as a string.
	Decimal = NewRule("a decimal", `^[1-9][0-9]{0,15}$`, 1, 16, func(s string) bool { return s[0] != '0' && digits.All(s) })
	// EventSchema is a URN of our own: it names a type of event and its version.
	EventSchema = repeated(64, "a URN of an event type", `^urn:permledger:[a-z.]+:[1-9][0-9]*$`, 1, 128, func(s string) bool {
		rest, ours := strings.CutPrefix(s, "urn:permledger:")
		name, version, _ := strings.Cut(rest, ":")
		return ours && name != "" && urn.All(name) && version != "" && version[0] != '0' && digits.All(version)
	})
)

func isPermission(s string) bool {
	catalogue, name, qualified := strings.Cut(s, ":")
	if !qualified {
		return bare.All(s)
	}
	return catalogue != "" && len(catalogue) <= 32 && lower.All(catalogue) && name != "" && bare.All(name)
}

// isScope: pairs of a kind and a name, none of them empty, with slashes between all.
func isScope(s string) bool {
	for {
		kind, rest, _ := strings.Cut(s, "/")
		name, more, next := strings.Cut(rest, "/")
		if kind == "" || !lower.All(kind) || name == "" || !segment.All(name) {
			return false
		}
		if !next {
			return true
		}
		s = more
	}
}

// isDID: a method, and an id that does not end in a colon and in which a percent sign is followed by two digits.
func isDID(s string) bool {
	rest, is := strings.CutPrefix(s, "did:")
	method, id, _ := strings.Cut(rest, ":")
	if !is || method == "" || strings.IndexByte(method, '-') >= 0 || !lower.All(method) || id == "" || id[len(id)-1] == ':' {
		return false
	}
	for i := 0; i < len(id); i++ {
		if id[i] != '%' {
			if !didChars[id[i]] {
				return false
			}
			continue
		}
		if i+2 >= len(id) || !hex.All(id[i+1:i+3]) {
			return false
		}
		i += 2
	}
	return true
}
