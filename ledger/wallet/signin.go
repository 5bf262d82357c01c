package wallet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrMessage says that a text is no message of EIP-4361 in its one spelling, or a message cannot be written.
var ErrMessage = errors.New("not a Sign-In with Ethereum message (EIP-4361)")

// Errors of [Message.Expect].
var (
	ErrOther   = errors.New("the message was signed for something else")
	ErrExpired = errors.New("the message has expired")
	ErrNotYet  = errors.New("the message is not valid yet")
)

// A Message is one of EIP-4361: a text that a wallet shows and signs by EIP-191. Times are kept as they are written, for
// they are signed as they are written; empty ones are left out.
type Message struct {
	Scheme     string // of the origin; empty: it is not said
	Domain     string // who asks: host, and port if any
	Address    Address
	Statement  string // one line that says what for; empty: none
	URI        string // what the signature is about
	Version    string // 1
	ChainID    uint64
	Nonce      string // at least 8 letters and digits
	IssuedAt   string // RFC 3339
	Expiration string
	NotBefore  string
	RequestID  string
	Resources  []string // URIs
}

// String gives the text that is signed. It does not check it: [Message.Check] does.
func (m *Message) String() string {
	var b strings.Builder
	if m.Scheme != "" {
		b.WriteString(m.Scheme + "://")
	}
	b.WriteString(m.Domain + wants + "\n" + m.Address.String() + "\n\n")
	if m.Statement != "" {
		b.WriteString(m.Statement + "\n")
	}
	fmt.Fprintf(&b, "\nURI: %s\nVersion: %s\nChain ID: %d\nNonce: %s\nIssued At: %s", m.URI, m.Version, m.ChainID, m.Nonce, m.IssuedAt)
	for _, o := range []struct{ name, value string }{
		{"Expiration Time", m.Expiration}, {"Not Before", m.NotBefore}, {"Request ID", m.RequestID},
	} {
		if o.value != "" {
			b.WriteString("\n" + o.name + ": " + o.value)
		}
	}
	if len(m.Resources) > 0 {
		b.WriteString("\nResources:")
		for _, r := range m.Resources {
			b.WriteString("\n- " + r)
		}
	}
	return b.String()
}

// wants follows the domain in the first line.
const wants = " wants you to sign in with your Ethereum account:"

// Hash gives what a wallet signs of the message.
func (m *Message) Hash() [32]byte { return TextHash(m.String()) }

// ParseMessage reads a message. It takes the spelling that [Message.String] writes alone: what it accepts, String gives
// back byte for byte. It refuses an empty request id, which EIP-4361 would let stand, and a statement of no character.
func ParseMessage(s string) (*Message, error) {
	m := new(Message)
	l := &lines{rest: s, more: true}
	first, ok := strings.CutSuffix(l.next(), wants)
	if scheme, domain, is := strings.Cut(first, "://"); is {
		m.Scheme, m.Domain = scheme, domain
		ok = ok && scheme != ""
	} else {
		m.Domain = first
	}
	address, err := ParseAddress(l.next())
	m.Address = address
	ok = ok && err == nil && l.next() == ""
	if m.Statement = l.next(); m.Statement != "" {
		ok = ok && l.next() == ""
	}
	m.URI, m.Version = l.field("URI"), l.field("Version")
	m.ChainID, err = strconv.ParseUint(l.field("Chain ID"), 10, 64)
	ok = ok && err == nil
	m.Nonce, m.IssuedAt = l.field("Nonce"), l.field("Issued At")
	m.Expiration, m.NotBefore, m.RequestID = l.optional("Expiration Time"), l.optional("Not Before"), l.optional("Request ID")
	if l.more && l.next() == "Resources:" {
		for l.more {
			r, is := strings.CutPrefix(l.next(), "- ")
			ok = ok && is
			m.Resources = append(m.Resources, r)
		}
	}
	if !ok || m.String() != s {
		return nil, fmt.Errorf("%w: its lines are not those of EIP-4361, or in another order or spelling", ErrMessage)
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	return m, nil
}

// lines takes a text apart.
type lines struct {
	rest string
	more bool // there is another line
}

func (l *lines) next() (line string) {
	line, l.rest, l.more = strings.Cut(l.rest, "\n")
	return line
}

// field gives the value of a line that has to be here; empty where it is another one.
func (l *lines) field(name string) string {
	value, _ := strings.CutPrefix(l.next(), name+": ")
	return value
}

// optional is field, and leaves another line where it is.
func (l *lines) optional(name string) string {
	if !l.more || !strings.HasPrefix(l.rest, name+": ") {
		return ""
	}
	return l.field(name)
}

// Check says whether the message can be written so that it is read back as it is.
func (m *Message) Check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrMessage, what) }
	switch {
	case m.Scheme != "" && !schemed(m.Scheme+":"):
		return bad("its scheme is none")
	case m.Domain == "" || !all(m.Domain, "-._~:[]@!$&'()*+,;=%"):
		return bad("its domain is no host")
	case !all(m.Statement, statementOthers):
		return bad("its statement has a character that EIP-4361 does not allow; it allows those of URIs, and spaces")
	case !isURI(m.URI):
		return bad("its URI is none")
	case m.Version != "1":
		return bad("its version is not 1")
	case m.ChainID == 0 || m.ChainID > maxChain:
		return bad("its chain id is none")
	case len(m.Nonce) < 8 || !all(m.Nonce, ""):
		return bad("its nonce has to be at least 8 letters and digits")
	case !all(m.RequestID, "-._~!$&'()*+,;=:@%"):
		return bad("its request id has a character that does not belong there")
	}
	for name, t := range map[string]string{"issue": m.IssuedAt, "expiration": m.Expiration, "start": m.NotBefore} {
		if t == "" && name != "issue" {
			continue
		}
		if _, err := time.Parse(time.RFC3339Nano, t); err != nil || strings.Contains(t, ",") {
			return bad("its time of " + name + " is not one of RFC 3339")
		}
	}
	for _, r := range m.Resources {
		if !isURI(r) {
			return bad("a resource is no URI")
		}
	}
	return nil
}

// statementOthers are the characters of a statement that are no letters and digits.
const statementOthers = " -._~:/?#[]@!$&'()*+,;="

// isURI says whether s looks like a URI: a scheme, and characters of URIs.
func isURI(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false
		}
	}
	return schemed(s) && all(s, statementOthers[1:]+"%")
}

func isHex(b byte) bool { return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F' }

// schemed says whether s begins with a scheme and a colon.
func schemed(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && scheme != "" && all(scheme, "+-.") && (scheme[0] < '0' || scheme[0] > '9') && all(scheme[:1], "")
}

// Expected says what a message has to be for: empty members are not looked at.
type Expected struct {
	Domain  string
	URI     string
	Nonce   string
	ChainID uint64
	At      time.Time // the instant the message is used at
}

// Expect says whether the message is for what is expected, and holds at the instant. Errors wrap [ErrOther], [ErrExpired]
// or [ErrNotYet]. Who signed it is another question: see [Signature.Check] with the message's hash and address.
func (m *Message) Expect(x Expected) error {
	for _, f := range []struct{ name, want, have string }{
		{"domain", x.Domain, m.Domain}, {"URI", x.URI, m.URI}, {"nonce", x.Nonce, m.Nonce},
	} {
		if f.want != "" && f.want != f.have {
			return fmt.Errorf("%w: its %s is %q, not %q", ErrOther, f.name, short(f.have), f.want)
		}
	}
	if x.ChainID != 0 && x.ChainID != m.ChainID {
		return fmt.Errorf("%w: its chain is %d, not %d", ErrOther, m.ChainID, x.ChainID)
	}
	if end, err := time.Parse(time.RFC3339Nano, m.Expiration); m.Expiration != "" && (err != nil || !x.At.Before(end)) {
		return fmt.Errorf("%w: at %s", ErrExpired, m.Expiration)
	}
	if start, err := time.Parse(time.RFC3339Nano, m.NotBefore); m.NotBefore != "" && (err != nil || x.At.Before(start)) {
		return fmt.Errorf("%w: from %s on", ErrNotYet, m.NotBefore)
	}
	return nil
}
