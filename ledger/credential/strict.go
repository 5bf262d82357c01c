package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"
)

const (
	// contextV2 is the first context of every Verifiable Credential 2.0.
	contextV2 = "https://www.w3.org/ns/credentials/v2"
	maxDepth  = 32
	// maxInteger is 2^53-1, in decimal.
	maxInteger = "9007199254740991"
)

// members are the members of a JSON object, each value in canonical form.
type members map[string]json.RawMessage

// parse reads a strict JSON object.
func parse(text []byte) (members, error) {
	if err := checkTokens(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var m members
	if err := json.Unmarshal(canonical, &m); err != nil || m == nil {
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	return m, nil
}

// canonical returns the canonical form of m.
func (m members) canonical() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return canonical, nil
}

// checkTokens refuses depth and numbers that the canonical form does not keep apart. Duplicate
// names, invalid UTF-8 and lone surrogates are left to jcs.Transform.
func checkTokens(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	depth := 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxDepth {
				return fmt.Errorf("nested deeper than %d", maxDepth)
			}
		case json.Number:
			if !exact(v.String()) {
				return fmt.Errorf("number %s is not an integer of at most 2^53-1", v)
			}
		}
	}
}

// exact reports whether a JSON number is an integer that every reader takes for the same.
func exact(number string) bool {
	digits := strings.TrimPrefix(number, "-")
	if strings.Trim(digits, "0123456789") != "" || number == "-0" {
		return false
	}
	if len(digits) != len(maxInteger) {
		return len(digits) < len(maxInteger)
	}
	return digits <= maxInteger
}

// credential is what this package must know of one beside its bytes.
type credential struct {
	document members // without the proof
	proof    json.RawMessage
	contexts []string
	issuer   string
}

// parseCredential reads a credential, with or without a proof.
func parseCredential(text []byte) (credential, error) {
	m, err := parse(text)
	if err != nil {
		return credential{}, err
	}
	c := credential{document: m, proof: m["proof"]}
	delete(m, "proof")
	if c.contexts, err = contexts(m["@context"]); err != nil {
		return credential{}, err
	}
	if !isCredential(m["type"]) {
		return credential{}, fmt.Errorf("%w: type does not hold VerifiableCredential", ErrMalformed)
	}
	if c.issuer, err = issuer(m["issuer"]); err != nil {
		return credential{}, err
	}
	if subject := m["credentialSubject"]; len(subject) == 0 || !strings.ContainsRune("{[", rune(subject[0])) {
		return credential{}, fmt.Errorf("%w: no credentialSubject", ErrMalformed)
	}
	return c, nil
}

// contexts reads an @context: URLs, that of VC 2.0 first.
func contexts(value json.RawMessage) ([]string, error) {
	list, err := stringList(value)
	if err != nil {
		return nil, fmt.Errorf("%w: @context is not an array of URLs", ErrContext)
	}
	if len(list) == 0 || list[0] != contextV2 {
		return nil, fmt.Errorf("%w: the first is not %s", ErrContext, contextV2)
	}
	return list, nil
}

func isCredential(value json.RawMessage) bool {
	const name = "VerifiableCredential"
	if one, err := stringValue(value); err == nil {
		return one == name
	}
	list, err := stringList(value)
	return err == nil && slices.Contains(list, name)
}

// issuer reads an issuer: a URL, or an object whose id is one.
func issuer(value json.RawMessage) (string, error) {
	if len(value) > 0 && value[0] == '{' {
		var m members
		if err := json.Unmarshal(value, &m); err != nil {
			return "", fmt.Errorf("%w: issuer: %w", ErrMalformed, err)
		}
		value = m["id"]
	}
	s, err := stringValue(value)
	if err != nil || s == "" {
		return "", fmt.Errorf("%w: no issuer", ErrMalformed)
	}
	return s, nil
}

var errNotString = errors.New("not a string")

// stringValue reads a JSON string. encoding/json by itself would take null for an empty one.
func stringValue(value json.RawMessage) (string, error) {
	if len(value) == 0 || value[0] != '"' {
		return "", errNotString
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err
}

func stringList(value json.RawMessage) ([]string, error) {
	if len(value) == 0 || value[0] != '[' {
		return nil, errNotString
	}
	var items []json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil {
		return nil, err
	}
	list := make([]string, len(items))
	for i, item := range items {
		s, err := stringValue(item)
		if err != nil {
			return nil, err
		}
		list[i] = s
	}
	return list, nil
}
