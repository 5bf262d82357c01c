package events_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
)

// slowSetDigest is the digest of a set, written from docs/format.md with nothing of the package.
func slowSetDigest(names []string) [32]byte {
	sort.Strings(names)
	input := "permledger set/1\n"
	for bucket := range 256 {
		var array strings.Builder
		array.WriteString("[")
		for i, n := range names {
			first := sha256.Sum256([]byte(n))[0]
			if int(first) != bucket || i > 0 && names[i-1] == n {
				continue
			}
			if array.Len() > 1 {
				array.WriteString(",")
			}
			encoder := json.NewEncoder(&array) // ASCII: its escapes are those of RFC 8785 once <, > and & are left alone
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(n); err != nil {
				panic(err)
			}
		}
		if array.Len() == 1 {
			continue
		}
		sum := sha256.Sum256([]byte(strings.ReplaceAll(array.String(), "\n", "") + "]"))
		input += string([]byte{byte(bucket)}) + string(sum[:])
	}
	return sha256.Sum256([]byte(input))
}

// Given any names, in any order and some twice, then their digest is that of the slow reading of the specification.
func TestSetDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(eventtest.Permission(), 0, 40).Draw(t, "names")
		names = append(names, names[:len(names)/3]...)
		shuffled := slices.Clone(names)
		slices.Reverse(shuffled)
		before := slices.Clone(shuffled)
		got := events.SetDigest(shuffled)
		if want := slowSetDigest(names); got != want {
			t.Fatalf("the digest of %q is %x; want %x", shuffled, got, want)
		}
		if !slices.Equal(before, shuffled) {
			t.Fatal("the names were changed")
		}
	})
}

// Given sets and parts, then their digests are the published ones.
func TestSetVectors(t *testing.T) {
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("service%d.thing.get", i)
	}
	tests := []struct {
		name  string
		names []string
		set   string
	}{
		{"none", nil, "f638a61e14c220ef925f50f313519814739bba8f6925443b6afc5fd4e96c3a64"},
		{"one", []string{"role.create"}, "2fb1197ddaa740d41ac7cb6414d3bcb97e52de86fd7c3ad7be8713d0fcf7511b"},
		{"escapes", []string{`a"b`, `a\b`}, "62ef86e0bcf9afac025496c2ae22eccac38d028edfb02ca1372620ae33efbc5d"},
		{"a thousand", many, "a9534bcbfe4bc8719c4f76f176b7bca4479a77faac0c87c7601e634e3b71e171"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := events.SetDigest(tt.names); hex.EncodeToString(got[:]) != tt.set {
				t.Errorf("set %x; want %s", got, tt.set)
			}
		})
	}
	part := events.PartDigest([]string{`a"b`, `a\b`})
	if want := sha256.Sum256([]byte(`["a\"b","a\\b"]`)); part != want {
		t.Errorf("part %x; want %x", part, want)
	}
	if got, want := events.PartDigest(nil), sha256.Sum256([]byte("[]")); got != want {
		t.Errorf("part of nothing %x; want %x", got, want)
	}
}

// Given sorted names, when they are divided, then the parts are the names in order, each fits an entry, and none could
// have taken much more.
func TestPartsOf(t *testing.T) {
	ascending := func(n int, name func(int) string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = name(i)
		}
		slices.Sort(list)
		return list
	}
	tests := []struct {
		name  string
		names []string
	}{
		{"none", nil},
		{"one", []string{"a"}},
		{"short ones", ascending(30_000, func(i int) string { return fmt.Sprintf("%05d", i) })},
		{"the longest", ascending(1_000, func(i int) string { return fmt.Sprintf("%05d", i) + strings.Repeat("x", 251) })},
		{"all quotes", ascending(1_000, func(i int) string { return fmt.Sprintf("%05d", i) + strings.Repeat(`"`, 251) })},
		{"all backslashes", ascending(1_000, func(i int) string { return fmt.Sprintf("%05d", i) + strings.Repeat(`\`, 251) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var all []string
			parts := events.PartsOf(tt.names)
			for i, p := range parts {
				all = append(all, p...)
				e := example(eventtest.Kind{Type: "permissions.recorded", Version: 1}, 0)
				e.Data = &events.PermissionsRecorded{Permissions: p, Part: events.PartDigest(p)}
				b, err := e.Encode()
				if err != nil {
					t.Fatal(err)
				}
				if room := events.MaxEntry - 2_000; len(b) > room {
					t.Fatalf("part %d of %d makes an event of %d bytes; at most %d leave room for its frame", i, len(parts), len(b), room)
				}
				if i < len(parts)-1 && len(b) < 40_000 {
					t.Errorf("part %d of %d makes an event of %d bytes: more would fit", i, len(parts), len(b))
				}
			}
			if !slices.Equal(all, tt.names) {
				t.Errorf("%d names went in, %d came out or in another order", len(tt.names), len(all))
			}
		})
	}
}
