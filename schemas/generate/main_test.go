package main

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/permledger/permledger/schemas"
)

// Given the schemas as they are embedded, then they are those of today's descriptions: each type with all its versions,
// and nothing else.
func TestSchemasAreGenerated(t *testing.T) {
	want, err := files()
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(names, schemas.List()) {
		t.Errorf("embedded are %q; want %q: run `go generate ./schemas`, and delete no file", schemas.List(), names)
	}
	for name, content := range want {
		if got, _ := schemas.File(name); !bytes.Equal(got, content) {
			t.Errorf("%s is not what the code says: run `go generate ./schemas`", name)
		}
	}
}
