// Package schemas holds the JSON Schemas (2020-12) of what a ledger consists of: events/TYPE.VERSION.json of each type of
// event in each of its versions, commands/TYPE.VERSION.json of the command that authors sign for it, and entry.1.json of
// the entry around an event.
//
// A schema says what a schema can say. That members stand in ascending order, that sets are sorted, and that lengths count
// bytes, it cannot; docs/format.md says it. What a schema refuses, reading refuses too; not the other way round.
//
// The files are written by `go generate ./schemas` from the same descriptions that read and write the bytes; a test
// fails where they differ. Files of versions that a release has written never change.
package schemas

import (
	"embed"
	"io/fs"
	"strconv"
)

//go:generate go run ./generate

//go:embed change.1.json entry.1.json events/*.json commands/*.json
var files embed.FS

// Event gives the schema of the events of a type in a version; false when there is none.
func Event(typ string, version int) ([]byte, bool) { return File(name("events", typ, version)) }

// Command gives the schema of the command for events of a type in a version; false when there is none.
func Command(typ string, version int) ([]byte, bool) { return File(name("commands", typ, version)) }

// Entry gives the schema of entries; the event in it is any object.
func Entry() []byte {
	b, _ := File("entry.1.json") // is embedded
	return b
}

// Change gives the schema of the messages that say what an entry changed (package projections/changes). It is written by hand.
func Change() []byte {
	b, _ := File("change.1.json") // is embedded
	return b
}

// List names all files of what a ledger consists of, in ascending order.
func List() []string {
	var names []string
	for _, pattern := range []string{"commands/*", "entry.*", "events/*"} {
		found, _ := fs.Glob(files, pattern) // fails for a bad pattern alone
		names = append(names, found...)
	}
	return names
}

// File gives one of the files that [List] names; false when there is none.
func File(name string) ([]byte, bool) {
	b, err := files.ReadFile(name)
	return b, err == nil
}

func name(folder, typ string, version int) string {
	return folder + "/" + typ + "." + strconv.Itoa(version) + ".json"
}
