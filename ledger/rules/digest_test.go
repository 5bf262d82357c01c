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
// members stand in a map too, and which digests of sets were computed already.
func digest(v any) [32]byte { return sha256.Sum256(dump(nil, reflect.ValueOf(v))) }

var leftOut = []string{"due", "place", "known", "stale", "digests", "decided"}

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
				b = dump(append(append(b, name...), '='), v.Field(i))
			}
		}
		return append(b, ';')
	case reflect.Map:
		var all [][]byte
		for it := v.MapRange(); it.Next(); {
			all = append(all, dump(dump(nil, it.Key()), it.Value()))
		}
		slices.SortFunc(all, bytes.Compare)
		b = binary.BigEndian.AppendUint32(append(b, 'm'), uint32(len(all)))
		return append(b, bytes.Join(all, []byte{','})...)
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
