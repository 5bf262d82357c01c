package wallet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrTypedData says that something is no typed data of EIP-712, or that its values do not have their types.
var ErrTypedData = errors.New("not typed data of EIP-712")

// A Field is a member of a struct type.
type Field struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// TypedData is what wallets sign by EIP-712. Its JSON is what eth_signTypedData_v4 takes.
//
// Values are as JSON has them: strings (of address, bytes and bytesN in hexadecimal with 0x; of integers in decimal, or in
// hexadecimal with 0x), booleans, [json.Number] or Go integers, []any and map[string]any. Each struct has exactly the
// members of its type.
type TypedData struct {
	Types       map[string][]Field `json:"types"`
	PrimaryType string             `json:"primaryType"`
	Domain      map[string]any     `json:"domain"`
	Message     map[string]any     `json:"message"`
}

// domainType is the name of the struct type of domains.
const domainType = "EIP712Domain"

// domainFields are the members that a domain may have, in the order of EIP-712.
var domainFields = []Field{
	{"name", "string"}, {"version", "string"}, {"chainId", "uint256"}, {"verifyingContract", "address"}, {"salt", "bytes32"},
}

// DomainFields gives the fields of a domain that has the members given, which is what its struct type has to say.
func DomainFields(domain map[string]any) []Field {
	var fields []Field
	for _, f := range domainFields {
		if _, ok := domain[f.Name]; ok {
			fields = append(fields, f)
		}
	}
	return fields
}

// ParseTypedData reads the JSON that eth_signTypedData_v4 takes, and refuses members that are unknown or come twice, and
// values that do not have their types.
func ParseTypedData(b []byte) (*TypedData, error) {
	if err := once(b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTypedData, err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	t := new(TypedData)
	if err := dec.Decode(t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTypedData, err)
	}
	if _, err := t.Hash(); err != nil {
		return nil, err
	}
	return t, nil
}

// once says whether b is one JSON value in which no object has a member twice: readers differ on which one counts, and a
// wallet would show the one and sign the other.
func once(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	type level struct {
		object, key bool
		seen        map[string]bool
	}
	var open []level
	for done := false; ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		if done {
			return errors.New("something follows it")
		}
		if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:len(open)-1]
		} else {
			if n := len(open); n > 0 && open[n-1].object && open[n-1].key {
				name := strings.ToLower(tok.(string)) // encoding/json takes members of structs in any case
				if open[n-1].seen[name] {
					return fmt.Errorf("the member %q comes twice", tok)
				}
				open[n-1].seen[name], open[n-1].key = true, false
				continue
			}
			if ok {
				if len(open) >= maxDepth {
					return errors.New("it is nested too deeply")
				}
				open = append(open, level{object: d == '{', key: d == '{', seen: map[string]bool{}})
				continue
			}
		}
		if n := len(open); n > 0 {
			open[n-1].key = open[n-1].object
		} else {
			done = true
		}
	}
}

// Hash gives what a wallet signs: keccak256(0x1901 ‖ domain separator ‖ hashStruct(message)).
func (t *TypedData) Hash() ([32]byte, error) {
	domain, err := t.DomainSeparator()
	if err != nil {
		return domain, err
	}
	message, err := t.StructHash()
	if err != nil {
		return message, err
	}
	return Keccak256([]byte("\x19\x01"), domain[:], message[:]), nil
}

// DomainSeparator gives the hash of the domain. Where the types do not say what a domain is, it has the fields of EIP-712
// that are there.
func (t *TypedData) DomainSeparator() ([32]byte, error) {
	fields := DomainFields(t.Domain)
	if len(fields) != len(t.Domain) || len(fields) == 0 {
		return [32]byte{}, fmt.Errorf("%w: a domain has some of name, version, chainId, verifyingContract and salt, and nothing else", ErrTypedData)
	}
	if said, ok := t.Types[domainType]; ok && !slices.Equal(said, fields) {
		return [32]byte{}, fmt.Errorf("%w: %s has other fields than the domain, or in another order", ErrTypedData, domainType)
	}
	e := encoder{types: map[string][]Field{domainType: fields}}
	return e.hash(domainType, t.Domain)
}

// StructHash gives hashStruct of the message.
func (t *TypedData) StructHash() ([32]byte, error) {
	e := encoder{types: t.Types}
	if t.PrimaryType == domainType {
		return [32]byte{}, fmt.Errorf("%w: a domain alone is nothing to sign", ErrTypedData)
	}
	return e.hash(t.PrimaryType, t.Message)
}

// EncodeType gives a struct type as EIP-712 hashes it: it, and then the struct types it refers to, by name.
func (t *TypedData) EncodeType(name string) (string, error) {
	e := encoder{types: t.Types}
	return e.encodeType(name)
}
