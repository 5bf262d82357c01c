package rules_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// digest names all that can be reached from a value, fields that are not exported included: two digests are the same
// when nothing has changed. It leaves out what may differ in states that answer the same: the order of the heap of ends, whose
// members stand in a map too; which digests of sets were computed already; how the tables that find things lie, which
// [TestTables] holds to what is in them; and the order of subjects, and of what one has.
func digest(v any) [32]byte { return sha256.Sum256(dump(nil, reflect.ValueOf(v))) }

var leftOut = []string{"due", "place", "known", "stale", "digests", "decided", "table", "byID", "byKey", "first", "index"}

var unordered = []string{"pieces", "grants"}

func dump(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Invalid:
		return append(b, "nil"...)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "nil"...)
		}
		return dump(append(b, '*'), v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			// Wall clock and extension; not the location, which points into the program.
			return dump(dump(b, v.Field(0)), v.Field(1))
		}
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; !slices.Contains(leftOut, name) {
				b = append(append(b, name...), '=')
				if slices.Contains(unordered, name) {
					b = dumpUnordered(b, v.Field(i))
				} else {
					b = dump(b, v.Field(i))
				}
			}
		}
		return append(b, ';')
	case reflect.Map:
		var all [][]byte
		for it := v.MapRange(); it.Next(); {
			all = append(all, dump(dump(nil, it.Key()), it.Value()))
		}
		return appendSorted(b, all)
	case reflect.Slice, reflect.Array:
		b = binary.BigEndian.AppendUint32(append(b, '['), uint32(v.Len()))
		for i := range v.Len() {
			b = dump(b, v.Index(i))
		}
		return b
	case reflect.String:
		return append(binary.BigEndian.AppendUint32(b, uint32(v.Len())), v.String()...)
	case reflect.Bool:
		return fmt.Append(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.BigEndian.AppendUint64(b, uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.BigEndian.AppendUint64(b, v.Uint())
	}
	panic("no digest of a " + v.Kind().String())
}

// dumpUnordered dumps the members of a list, or of a list of lists, sorted.
func dumpUnordered(b []byte, v reflect.Value) []byte {
	var all [][]byte
	var each func(reflect.Value)
	each = func(v reflect.Value) {
		for i := range v.Len() {
			if one := v.Index(i); one.Kind() == reflect.Slice {
				each(one)
			} else {
				all = append(all, dump(nil, one))
			}
		}
	}
	each(v)
	return appendSorted(b, all)
}

func appendSorted(b []byte, all [][]byte) []byte {
	slices.SortFunc(all, bytes.Compare)
	b = binary.BigEndian.AppendUint32(append(b, 'm'), uint32(len(all)))
	return append(b, bytes.Join(all, []byte{','})...)
}
