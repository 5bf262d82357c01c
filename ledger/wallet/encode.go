package wallet

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deeply structs and arrays may lie in one another, maxTypes how many struct types there are.
const maxDepth, maxTypes = 32, 64

// An encoder does what EIP-712 calls encodeType, encodeData and hashStruct.
type encoder struct {
	types map[string][]Field
	depth int
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrTypedData, fmt.Errorf(format, args...))
}

func (e *encoder) encodeType(name string) (string, error) {
	found := map[string]bool{}
	if err := e.refers(name, found); err != nil {
		return "", err
	}
	delete(found, name)
	others := make([]string, 0, len(found))
	for n := range found {
		others = append(others, n)
	}
	slices.Sort(others)
	var b strings.Builder
	for _, n := range append([]string{name}, others...) {
		b.WriteString(n)
		for i, f := range e.types[n] {
			b.WriteByte("(,"[min(i, 1)])
			b.WriteString(f.Type)
			b.WriteByte(' ')
			b.WriteString(f.Name)
		}
		if len(e.types[n]) == 0 {
			b.WriteByte('(')
		}
		b.WriteByte(')')
	}
	return b.String(), nil
}

// refers notes a struct type and all that it refers to; false while it is being looked at. A type that refers to itself
// is refused: no value of it ends.
func (e *encoder) refers(name string, found map[string]bool) error {
	if done, ok := found[name]; ok && done {
		return nil
	} else if ok {
		return wrong("the type %q refers to itself", name)
	}
	fields, ok := e.types[name]
	if _, err := atomic(name); !ok || err == nil || !identifier(name) {
		return wrong("there is no struct type %q", short(name))
	}
	if len(found) > maxTypes {
		return wrong("it has more than %d struct types", maxTypes)
	}
	found[name] = false
	seen := map[string]bool{}
	for _, f := range fields {
		if !identifier(f.Name) || seen[f.Name] {
			return wrong("the type %s has a member %q twice, or one with such a name", name, short(f.Name))
		}
		seen[f.Name] = true
		if err := lengths(f.Type); err != nil {
			return err
		}
		of := element(f.Type)
		if _, err := atomic(of); err == nil {
			continue
		}
		if err := e.refers(of, found); err != nil {
			return err
		}
	}
	found[name] = true
	return nil
}

// element gives what the arrays of a type are of, at the innermost.
func element(typ string) string {
	of, _, _ := strings.Cut(typ, "[")
	return of
}

// lengths says whether what follows the element of an array type is well written: [] or [n], any number of times.
func lengths(typ string) error {
	rest := typ[len(element(typ)):]
	for rest != "" {
		n, more, ok := strings.Cut(rest[1:], "]")
		if rest[0] != '[' || !ok {
			return wrong("there is no type %q", short(typ))
		}
		if v, err := strconv.Atoi(n); n != "" && (err != nil || v < 1 || strconv.Itoa(v) != n) {
			return wrong("there is no type %q", short(typ))
		}
		rest = more
	}
	return nil
}

func identifier(s string) bool {
	return s != "" && len(s) <= 128 && (s[0] < '0' || s[0] > '9') && all(s, "_$")
}

func (e *encoder) hash(name string, value map[string]any) ([32]byte, error) {
	if e.depth++; e.depth > maxDepth {
		return [32]byte{}, wrong("it is nested too deeply")
	}
	defer func() { e.depth-- }()
	typ, err := e.encodeType(name)
	if err != nil {
		return [32]byte{}, err
	}
	fields := e.types[name]
	if len(value) != len(fields) {
		return [32]byte{}, wrong("a %s has %d members, this one %d", name, len(fields), len(value))
	}
	sum := Keccak256([]byte(typ))
	data := sum[:]
	for _, f := range fields {
		v, ok := value[f.Name]
		if !ok {
			return [32]byte{}, wrong("a %s has a member %q, which is missing", name, f.Name)
		}
		word, err := e.word(f.Type, v)
		if err != nil {
			return [32]byte{}, fmt.Errorf("%s.%s: %w", name, f.Name, err)
		}
		data = append(data, word[:]...)
	}
	return Keccak256(data), nil
}

// word gives the 32 bytes that stand for a value.
func (e *encoder) word(typ string, value any) ([32]byte, error) {
	if strings.HasSuffix(typ, "]") {
		return e.array(typ, value)
	}
	if _, ok := e.types[typ]; ok {
		members, ok := value.(map[string]any)
		if !ok {
			return [32]byte{}, wrong("want a %s, not a %T", typ, value)
		}
		return e.hash(typ, members)
	}
	encode, err := atomic(typ)
	if err != nil {
		return [32]byte{}, err
	}
	return encode(value)
}

func (e *encoder) array(typ string, value any) ([32]byte, error) {
	if e.depth++; e.depth > maxDepth {
		return [32]byte{}, wrong("it is nested too deeply")
	}
	defer func() { e.depth-- }()
	i := strings.LastIndexByte(typ, '[')
	of, length := typ[:i], typ[i+1:len(typ)-1]
	values, ok := value.([]any)
	if !ok || length != "" && strconv.Itoa(len(values)) != length {
		return [32]byte{}, wrong("want a %s", typ)
	}
	var data []byte
	for _, v := range values {
		word, err := e.word(of, v)
		if err != nil {
			return [32]byte{}, err
		}
		data = append(data, word[:]...)
	}
	return Keccak256(data), nil
}

// atomic gives what encodes the values of a type that is no struct and no array.
func atomic(typ string) (func(any) ([32]byte, error), error) {
	switch typ {
	case "string":
		return func(v any) ([32]byte, error) {
			s, ok := v.(string)
			if !ok || !utf8.ValidString(s) {
				return [32]byte{}, wrong("want a string, not a %T", v)
			}
			return Keccak256([]byte(s)), nil
		}, nil
	case "bool":
		return func(v any) (word [32]byte, err error) {
			b, ok := v.(bool)
			if !ok {
				return word, wrong("want true or false, not a %T", v)
			}
			if b {
				word[31] = 1
			}
			return word, nil
		}, nil
	case "address":
		return func(v any) (word [32]byte, err error) {
			s, _ := v.(string)
			a, err := ParseAddress(s)
			if err != nil {
				return word, fmt.Errorf("%w: %w", ErrTypedData, err)
			}
			copy(word[12:], a[:])
			return word, nil
		}, nil
	case "bytes":
		return func(v any) ([32]byte, error) {
			b, err := hexOf(v)
			return Keccak256(b), err
		}, nil
	}
	if n, ok := sized(typ, "bytes", 1, 32, 1); ok {
		return func(v any) (word [32]byte, err error) {
			b, err := hexOf(v)
			if err == nil && len(b) != n {
				err = wrong("want %d bytes, not %d", n, len(b))
			}
			copy(word[:], b)
			return word, err
		}, nil
	}
	if n, ok := sized(typ, "uint", 8, 256, 8); ok {
		return func(v any) ([32]byte, error) { return integer(v, big.NewInt(0), n) }, nil
	}
	if n, ok := sized(typ, "int", 8, 256, 8); ok {
		return func(v any) ([32]byte, error) {
			return integer(v, new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), uint(n-1))), n-1)
		}, nil
	}
	return nil, wrong("there is no type %q", short(typ))
}

// sized reads a type as uint256: a name, and a number in its range, of which step is a divisor.
func sized(typ, name string, low, high, step int) (int, bool) {
	digits, ok := strings.CutPrefix(typ, name)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && strconv.Itoa(n) == digits && n >= low && n <= high && n%step == 0
}

func hexOf(v any) ([]byte, error) {
	s, ok := v.(string)
	digits, ox := strings.CutPrefix(s, "0x")
	b, err := hex.DecodeString(digits)
	if !ok || !ox || err != nil {
		return nil, wrong("want bytes as 0x and hexadecimal digits")
	}
	return b, nil
}

// integer gives a number from low on that fits into so many bits, in two's complement.
func integer(v any, low *big.Int, bits int) (word [32]byte, err error) {
	n := new(big.Int)
	ok := true
	switch v := v.(type) {
	case json.Number:
		ok = decimal(string(v), n)
	case string:
		if digits, isHex := strings.CutPrefix(v, "0x"); isHex {
			if ok = digits != "" && len(digits) <= 64 && all(digits, ""); ok {
				_, ok = n.SetString(digits, 16)
			}
		} else {
			ok = decimal(v, n)
		}
	case uint64:
		n.SetUint64(v)
	case int64:
		n.SetInt64(v)
	case int:
		n.SetInt64(int64(v))
	default:
		ok = false
	}
	if !ok || n.Cmp(low) < 0 || n.Sign() >= 0 && n.BitLen() > bits {
		return word, wrong("want a whole number within the range of its type")
	}
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	n.FillBytes(word[:])
	return word, nil
}

// decimal reads a whole number as JSON writes it.
func decimal(s string, n *big.Int) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 78 || len(digits) > 1 && digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	_, ok := n.SetString(s, 10)
	return ok
}
