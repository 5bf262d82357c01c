package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

// The forms of answers.
const (
	asTable = "table"
	asJSON  = "json"  // one value
	asLines = "jsonl" // a line for each row
)

// answers adds the flag -o to a command that has an answer.
func (a *app) answers(c *cobra.Command) *cobra.Command {
	c.Flags().StringVarP(&a.format, "output", "o", asTable, "the `form` of the answer: table, json or jsonl")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{asTable, asJSON, asLines}, cobra.ShellCompDirectiveNoFileComp))
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if a.format != asTable && a.format != asJSON && a.format != asLines {
			return usage("-o %s: the forms are table, json and jsonl", a.format)
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
	return c
}

// reads adds the flags of a command that asks about the ledger: -o and --as-of.
func (a *app) reads(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.asOf, "as-of", "", "the `moment` that is asked about: see `permledger help revisions`")
	return a.answers(c)
}

// answer writes an answer: as JSON, or as print writes it for people.
func (a *app) answer(v any, print func(io.Writer) error) error {
	if a.format == asTable {
		var b bytes.Buffer
		if err := print(&b); err != nil {
			return err
		}
		return a.write(b.Bytes())
	}
	b, err := encodeJSON(v, a.format == asJSON)
	if err != nil {
		return err
	}
	return a.write(b)
}

// answerList writes an answer of several rows: {"items":[…],"asOf":…} as JSON; as JSON lines a row each, with asOf in
// every one, so that a line that was kept still says what it is about.
func answerList[T any](a *app, l wire.List[T], print func(io.Writer) error) error {
	if a.format != asLines {
		if l.Items == nil {
			l.Items = []T{}
		}
		return a.answer(l, print)
	}
	var all bytes.Buffer
	for _, item := range l.Items {
		b, err := withAsOf(item, l.AsOf)
		if err != nil {
			return err
		}
		all.Write(b)
	}
	return a.write(all.Bytes())
}

// withAsOf writes a row as a JSON line with the member asOf at its end.
func withAsOf(row any, at wire.AsOf) ([]byte, error) {
	b, err := encodeJSON(row, false)
	if err != nil {
		return nil, err
	}
	more, err := encodeJSON(at, false)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimSuffix(bytes.TrimSpace(b), []byte("}"))
	if !bytes.HasSuffix(b, []byte("{")) {
		b = append(b, ',')
	}
	return fmt.Appendf(b, `"asOf":%s}`+"\n", bytes.TrimSpace(more)), nil
}

// encodeJSON writes a value as it reads best: without the escapes for HTML.
func encodeJSON(v any, indent bool) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return b.Bytes(), nil
}

func (a *app) write(b []byte) error {
	if _, err := a.p.Out.Write(b); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// short gives as much of a CID as people compare.
func short(cid string) string {
	if len(cid) <= 20 {
		return cid
	}
	return cid[:12] + "…" + cid[len(cid)-4:]
}

// when gives an instant as tables have it: UTC, seconds.
func when(t string) string {
	if len(t) < len("2006-01-02T15:04:05") {
		return t
	}
	return strings.Replace(t[:len("2006-01-02T15:04:05")], "T", " ", 1) + "Z"
}

// asOfText says as of when an answer holds.
func asOfText(at wire.AsOf) string {
	s := fmt.Sprintf("as of %d", at.Seq)
	if at.Occurred != "" {
		s += ", of what occurred by " + when(at.Occurred)
	}
	return s
}

// count says how many there are of something.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func onScope(scope string) string {
	if scope == "" {
		return ""
	}
	return " on " + scope
}

func until(end string) string {
	if end == "" {
		return ""
	}
	return ", ends " + when(end)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(", %q", reason)
}
