// Package topic computes an organization's topic: one message for each change of a role or of
// somebody's roles, in the order of the log, in the exact bytes in which Guardian posts them.
package topic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// MaxMessage is the most bytes a message may have: one chunk of the Hedera consensus service.
// Readers join chunks as text, so that a character cut by a chunk's border would be lost.
const MaxMessage = 1024

// An Action is what a message tells. It also decides the message's type.
type Action string

// The actions. The first three are of messages of the type Guardian-Role-Document, the last of
// those of the type User-Permissions.
const (
	CreateRole Action = "create-role"
	UpdateRole Action = "update-role"
	DeleteRole Action = "delete-role"
	SetRole    Action = "set-role"
)

// What is the same in every message, or follows from its action.
const (
	status          = "ISSUE" // also where a role is deleted: it is a document's status, not the role's
	language        = "en-US"
	typeRole        = "Guardian-Role-Document"
	typePermissions = "User-Permissions"
	uriScheme       = "ipfs://"
)

// Type returns the message type that goes with a, or "" where there is no such action.
func (a Action) Type() string {
	switch a {
	case CreateRole, UpdateRole, DeleteRole:
		return typeRole
	case SetRole:
		return typePermissions
	}
	return ""
}

// Message is one message of a topic. Its other members are the same in all messages or follow
// from these.
type Message struct {
	ID     string // UUID of this message, lower case
	Action Action
	Issuer string // DID of who did it
	CID    string // of the document that goes with the message: Qm…, or version 1 in base32

	// Of a role, for CreateRole, UpdateRole and DeleteRole.
	UUID        string // the role's own, the same in all its messages, lower case
	Name        string // left out of the message where empty
	Description string // left out of the message where empty

	// Of somebody's roles, for SetRole.
	User string // DID of whose roles were set; urn:uuid: and its UUID where it has none
}

// Errors of [Message.Validate] and [ParseMessage], to be told apart with errors.Is.
var (
	// ErrInvalid says that a message is not one that this package writes.
	ErrInvalid = errors.New("topic: invalid message")
	// ErrTooLong is wrapped by [TooLongError].
	ErrTooLong = errors.New("topic: message too long")
)

// TooLongError says that a message has more than [MaxMessage] bytes. It wraps [ErrTooLong].
type TooLongError struct {
	Size int // bytes of the message
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("%v: %d bytes, at most %d", ErrTooLong, e.Size, MaxMessage)
}

func (e *TooLongError) Unwrap() error { return ErrTooLong }

// Bytes returns the message as it stands in the topic: JSON in one line, as JSON.stringify writes
// it, without a newline. It does not check the message; [Message.Validate] does.
func (m Message) Bytes() []byte { return m.Append(make([]byte, 0, 640)) }

// Append appends the message to b, as [Message.Bytes] gives it.
func (m Message) Append(b []byte) []byte {
	b = appendMember(b, `{"id":`, m.ID)
	b = append(b, `,"status":"`+status+`"`...)
	b = appendMember(b, `,"type":`, m.Action.Type())
	b = appendMember(b, `,"action":`, string(m.Action))
	b = append(b, `,"lang":"`+language+`"`...)
	b = appendMember(b, `,"issuer":`, m.Issuer)
	b = append(b, `,"encodedData":false`...)
	b = appendMember(b, `,"cid":`, m.CID)
	b = appendMember(b, `,"uri":`, uriScheme+m.CID)
	if m.Action == SetRole {
		b = appendMember(b, `,"user":`, m.User)
		return append(b, '}')
	}
	b = appendMember(b, `,"uuid":`, m.UUID)
	if m.Name != "" {
		b = appendMember(b, `,"name":`, m.Name)
	}
	if m.Description != "" {
		b = appendMember(b, `,"description":`, m.Description)
	}
	return append(b, '}')
}

func appendMember(b []byte, name, value string) []byte {
	return appendString(append(b, name...), value)
}

// appendString appends s as JSON.stringify writes it: short escapes where JSON has them, \u00xx
// for other controls, and everything else as it is, U+2028, U+007F and < among it.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\t':
			b = append(b, '\\', 't')
		case '\n':
			b = append(b, '\\', 'n')
		case '\f':
			b = append(b, '\\', 'f')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			if c < ' ' {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			} else {
				b = append(b, c)
			}
		}
	}
	return append(b, '"')
}

// Validate reports whether the message may be posted. The error is a [TooLongError] where only the
// length is wrong, and else wraps [ErrInvalid].
func (m Message) Validate() error {
	switch m.Action.Type() {
	case typeRole:
		if m.User != "" {
			return fmt.Errorf("%w: %s with a user", ErrInvalid, m.Action)
		}
		if !isUUID(m.UUID) {
			return fmt.Errorf("%w: uuid %q", ErrInvalid, m.UUID)
		}
	case typePermissions:
		if m.UUID != "" || m.Name != "" || m.Description != "" {
			return fmt.Errorf("%w: %s with members of a role", ErrInvalid, m.Action)
		}
		if id, urn := strings.CutPrefix(m.User, "urn:uuid:"); !isDID(m.User) && !(urn && isUUID(id)) {
			return fmt.Errorf("%w: user %q is neither a DID nor a urn:uuid", ErrInvalid, m.User)
		}
	default:
		return fmt.Errorf("%w: action %q", ErrInvalid, m.Action)
	}
	if !isUUID(m.ID) {
		return fmt.Errorf("%w: id %q is not a UUID", ErrInvalid, m.ID)
	}
	if !isDID(m.Issuer) {
		return fmt.Errorf("%w: issuer %q is not a DID", ErrInvalid, m.Issuer)
	}
	if !isCID(m.CID) {
		return fmt.Errorf("%w: cid %q", ErrInvalid, m.CID)
	}
	if !utf8.ValidString(m.Name) || !utf8.ValidString(m.Description) {
		return fmt.Errorf("%w: name or description is not UTF-8", ErrInvalid)
	}
	if size := len(m.Bytes()); size > MaxMessage {
		return &TooLongError{Size: size}
	}
	return nil
}

// ParseMessage reads a message. It accepts only what [Message.Bytes] gives for a valid message:
// ParseMessage(b) and Bytes are each other's inverse. Errors are a [TooLongError] or wrap
// [ErrInvalid].
func ParseMessage(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return Message{}, &TooLongError{Size: len(b)}
	}
	var wire struct {
		ID, Action, Issuer, CID, UUID, Name, Description, User string
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	m := Message{
		ID: wire.ID, Action: Action(wire.Action), Issuer: wire.Issuer, CID: wire.CID,
		UUID: wire.UUID, Name: wire.Name, Description: wire.Description, User: wire.User,
	}
	if err := m.Validate(); err != nil {
		return Message{}, err
	}
	// This holds status, type, lang, encodedData and uri to their values, and refuses every other
	// spelling: members in another order or case, twice, unknown or empty, white space, escapes
	// that need not be, and what encoding/json had to replace.
	if again := m.Bytes(); !bytes.Equal(again, b) {
		return Message{}, fmt.Errorf("%w: not in its one form, which is %s", ErrInvalid, again)
	}
	return m, nil
}

// isUUID reports whether s is a UUID of any version, in lower case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !strings.Contains("0123456789abcdef", s[i:i+1]) {
				return false
			}
		}
	}
	return true
}

// isDID reports whether s has the syntax of a DID (DID Core 1.0, section 3.1): did:method:id, no
// path, query or fragment.
func isDID(s string) bool {
	const (
		lower  = "abcdefghijklmnopqrstuvwxyz"
		digits = "0123456789"
		idChar = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits + ".-_:"
	)
	rest, ok := strings.CutPrefix(s, "did:")
	method, id, found := strings.Cut(rest, ":")
	if !ok || !found || method == "" || strings.Trim(method, lower+digits) != "" {
		return false
	}
	for i := 0; i < len(id); i++ {
		switch {
		case strings.IndexByte(idChar, id[i]) >= 0:
		case id[i] == '%' && i+2 < len(id) && isHex(id[i+1]) && isHex(id[i+2]):
			i += 2
		default:
			return false
		}
	}
	return id != "" && id[len(id)-1] != ':'
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// isCID reports whether s is a CID of a SHA-256, in the spelling that IPFS prints: version 0 in
// base58, version 1 in base32.
func isCID(s string) bool {
	c, err := cid.Decode(s)
	if err != nil || c.String() != s {
		return false
	}
	p := c.Prefix()
	return p.MhType == multihash.SHA2_256 && p.MhLength == 32
}
