package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/permledger/permledger/cmd/permledger/internal/cli"
)

// Given the nodes of docker-compose.yml, then the program knows each of their settings, flags and variables alike.
func TestComposeSettings(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"permledger", "node1", "node2"} {
		s := c.Services[name]
		var out, errs bytes.Buffer
		code := cli.Run(t.Context(), cli.Process{
			Args: append([]string{"config", "show", "--origin"}, s.Command[1:]...), In: strings.NewReader(""), Out: &out, Err: &errs,
			Env: func(name string) string { return s.Environment[name] }, Started: time.Now(),
		})
		if code != 0 {
			t.Errorf("%s: exit %d: %s", name, code, errs.String())
		}
		for variable := range s.Environment {
			if !strings.Contains(out.String(), "# "+variable+"\n") {
				t.Errorf("%s: no setting comes from %s:\n%s", name, variable, out.String())
			}
		}
	}
}
