package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/permledger/permledger/ledger/rules"
)

// configFlag names the file that a server's flags may stand in.
const configFlag = "config"

func (a *app) addConfig(c *cobra.Command) {
	c.Flags().StringVar(&a.config, configFlag, a.p.Env("PERMLEDGER_CONFIG"), "a `file`, YAML or JSON, with flags as keys, as listen: 0.0.0.0:8420; the environment (PERMLEDGER_LISTEN) goes before it, flags before both (PERMLEDGER_CONFIG)")
}

// A setting is a flag with where its value comes from.
type setting struct {
	Key    string   `json:"key"`
	Value  string   `json:"value"`
	Origin string   `json:"origin"`
	list   []string // its values, where it takes several
	many   bool     // it takes several
}

// configure gives each flag of a command that was not given the value of its variable, else that of the file, and says where
// all of them come from.
func (a *app) configure(c *cobra.Command) ([]setting, error) {
	file, err := readConfig(a.config)
	if err != nil {
		return nil, err
	}
	var keys []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(ofCalls, f.Name) && f.Annotations[notConfigured] == nil {
			keys = append(keys, f.Name)
		}
	})
	slices.Sort(keys)
	for _, s := range file {
		if !slices.Contains(keys, s.Key) {
			hint := ""
			if near := rules.Nearest(s.Key, slices.Values(keys)); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return nil, usage("%s: there is no setting %q%s", s.Origin, s.Key, hint)
		}
	}
	if err := misspelt(a.p.Environ, keys); err != nil {
		return nil, err
	}
	var all []setting
	for _, key := range keys {
		f := c.Flags().Lookup(key)
		s := setting{Key: key, Origin: "flag"}
		i := slices.IndexFunc(file, func(s setting) bool { return s.Key == key })
		variable := variableOf(key)
		switch env := a.p.Env(variable); {
		case f.Changed:
		case env != "":
			s.Origin = variable
			err = c.Flags().Set(key, env)
		case i >= 0:
			s.Origin = file[i].Origin
			err = c.Flags().Set(key, file[i].Value)
		default:
			s.Origin = "default"
		}
		if err != nil {
			return nil, usage("%s: %s: %w", s.Origin, key, err)
		}
		s.Value = f.Value.String()
		if v, ok := f.Value.(pflag.SliceValue); ok {
			s.list, s.many = v.GetSlice(), true
			s.Value = strings.Join(s.list, ",")
		}
		all = append(all, s)
	}
	return all, nil
}

// misspelt refuses a variable that is nearly a setting's: what was meant by it would be lost. Others are somebody else's, as
// those that an orchestrator sets.
func misspelt(environ []string, keys []string) error {
	for _, pair := range environ {
		variable, value, _ := strings.Cut(pair, "=")
		name, ours := strings.CutPrefix(variable, "PERMLEDGER_")
		if !ours || value == "" {
			continue
		}
		key := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if slices.Contains(keys, key) || slices.Contains(ofCalls, key) || slices.Contains(ofCommands, key) {
			continue
		}
		if near := rules.Nearest(key, slices.Values(keys)); len(near) > 0 {
			return usage("%s: there is no setting of that name; did you mean %s?", variable, variableOf(near[0]))
		}
	}
	return nil
}

// ofCommands are variables that other commands look at: `permledger help environment`.
var ofCommands = []string{"key", "token", "sessions", "pins", "patience", "timeout"}

// ofCalls are flags that every command has, and a server does not look at.
var ofCalls = []string{"help", configFlag, "server", "org", "token-file", "trust", "max-age", "ca"}

// notConfigured marks flags that are about one call alone.
const notConfigured = "permledger_not_configured"

func variableOf(key string) string {
	return "PERMLEDGER_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// readConfig reads the file. JSON is YAML too.
func readConfig(path string) ([]setting, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("--config: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, usage("--config %s: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, usage("--config %s: it holds no keys with values", path)
	}
	var all []setting
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		at := fmt.Sprintf("%s:%d", filepath.Base(path), key.Line)
		if slices.ContainsFunc(all, func(s setting) bool { return s.Key == key.Value }) {
			return nil, usage("%s: %s stands there twice", at, key.Value)
		}
		text, err := plain(value)
		if err != nil {
			return nil, usage("%s: %s: %w", at, key.Value, err)
		}
		all = append(all, setting{Key: key.Value, Value: text, Origin: at})
	}
	return all, nil
}

// plain gives a value as a flag takes it: a list with commas.
func plain(v *yaml.Node) (string, error) {
	switch {
	case v.Kind == yaml.ScalarNode && v.Tag != "!!null":
		return v.Value, nil
	case v.Kind == yaml.SequenceNode:
		var parts []string
		for _, one := range v.Content {
			if one.Kind != yaml.ScalarNode || one.Tag == "!!null" || strings.Contains(one.Value, ",") {
				return "", errors.New("a list is of plain values")
			}
			parts = append(parts, one.Value)
		}
		return strings.Join(parts, ","), nil
	}
	return "", errors.New("it takes a value, or a list of values")
}

func (a *app) configCommand() *cobra.Command {
	var origin bool
	show := a.answers(&cobra.Command{
		Use:   "show",
		Short: "Say which settings a server would be run with, and where each comes from",
		Long: `Say which settings "permledger serve" would be run with: its flags, as they are given here, in the environment and in the
file of --config. The answer is such a file. Unknown keys are refused.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := a.configure(c)
			if err != nil {
				return err
			}
			for i, s := range all {
				all[i].Value = withoutSecrets(s.Value)
			}
			return a.answer(all, func(w io.Writer) error {
				p := printer{w: w}
				for _, s := range all {
					line := s.Key + ": " + quoted(s.Value)
					if s.many {
						line = s.Key + ": " + quotedList(s.list)
					}
					if origin {
						line = fmt.Sprintf("%-44s # %s", line, s.Origin)
					}
					p.f("%s\n", line)
				}
				return p.err
			})
		},
	})
	own := map[string]bool{}
	show.Flags().VisitAll(func(f *pflag.Flag) { own[f.Name] = true })
	a.serveCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if !own[f.Name] {
			show.Flags().AddFlag(f)
		}
	})
	show.Flags().BoolVar(&origin, "origin", false, "say where each comes from")
	for name := range own {
		_ = show.Flags().SetAnnotation(name, notConfigured, []string{"it is about this answer"})
	}
	_ = show.Flags().SetAnnotation("origin", notConfigured, []string{"it is about this answer"})
	return group("config", "Look at a server's settings", show)
}

func withoutSecrets(value string) string {
	return secretWords.ReplaceAllStringFunc(value, func(word string) string {
		if strings.HasPrefix(word, "://") {
			return "://" + hidden + "@"
		}
		return hidden
	})
}

// quotedList writes values as a list of YAML.
func quotedList(values []string) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = quoted(withoutSecrets(v))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// quoted writes a value so that YAML reads the same text. What looks like a number or a truth value to YAML is taken as its
// text anyway.
func quoted(text string) string {
	if text != "" && !strings.ContainsAny(text, "\n\r\t\"'\\#{}[]&*!|>%@`") && !strings.Contains(text, ": ") && !strings.HasSuffix(text, ":") &&
		strings.TrimSpace(text) == text && !strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "?") && !slices.Contains([]string{"null", "Null", "NULL", "~"}, text) {
		return text
	}
	b, err := json.Marshal(text)
	if err != nil {
		return text
	}
	return string(b)
}
