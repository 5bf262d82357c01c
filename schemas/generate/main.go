// Command generate writes the JSON Schemas of events, commands and entries into the working directory, which is that of
// package schemas when it runs by `go generate ./schemas`.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "generate schemas:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := files()
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files gives the content of every file by its name, with slashes.
func files() (map[string][]byte, error) {
	all := map[string][]byte{}
	add := func(name string, s *canon.Schema, err error) error {
		if err == nil {
			all[name], err = indented(s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	for t, newest := range events.Types() {
		for v := 1; v <= newest; v++ {
			file := string(t) + "." + strconv.Itoa(v) + ".json"
			s, err := events.Describe(t, v)
			if err := add("events/"+file, s, err); err != nil {
				return nil, err
			}
			s, err = events.DescribeCommand(t, v)
			if err := add("commands/"+file, s, err); err != nil {
				return nil, err
			}
		}
	}
	if err := add("entry.1.json", chain.Describe(), nil); err != nil {
		return nil, err
	}
	return all, nil
}

func indented(s *canon.Schema) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
