// Package catalogues holds the permission catalogues that come with the program: the permissions
// that the documents of STOKR, Tokeny, IPAware and Guardian name, as data.
//
// A catalogue is a file NAME.json in this folder, permissions sorted by name:
//
//	{"catalogue":NAME,"title":"…","permissions":[{"name":"…","category":"…","entity":"…","action":"…",
//	  "level":"token","description":"…","dependsOn":["…"],"selectable":false,"guards":["…"],
//	  "needs":["…"],"access":"…"}]}
//
// level is left out where it is platform, selectable where it is true, dependsOn, guards, needs and
// access where they are empty. Category, entity and action are facts of their own: they cannot be read off the
// name. A file says what a permission means; whether an organization uses the catalogue, and what
// its permissions are from then on, is recorded in its ledger.
package catalogues

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.json
var files embed.FS

// ErrUnknown says that no catalogue of a name comes with the program.
var ErrUnknown = errors.New("catalogues: no such catalogue")

// Names returns the names of all catalogues, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("catalogues: embedded files: %v", err)) // fixed when the program was built
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".json")
	}
	return names
}

// Load returns a catalogue; the caller may change it. The error wraps [ErrUnknown] where there is
// none of that name.
func Load(name string) (Catalogue, error) {
	if !slices.Contains(Names(), name) {
		return Catalogue{}, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	text, err := files.ReadFile(name + ".json")
	if err != nil {
		return Catalogue{}, fmt.Errorf("catalogues: load %s: %w", name, err)
	}
	c, err := decode(text)
	if err != nil {
		return Catalogue{}, fmt.Errorf("catalogues: load %s: %w", name, err)
	}
	if c.Name != name {
		return Catalogue{}, fmt.Errorf("catalogues: load %s: the file holds %q", name, c.Name)
	}
	return c, nil
}
