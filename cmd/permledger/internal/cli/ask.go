package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func (a *app) read() client.Read { return client.Read{AsOf: a.asOf} }

// third gives the optional third argument, the resource.
func third(args []string) string {
	if len(args) > 2 {
		return args[2]
	}
	return ""
}

func (a *app) checkCommand() *cobra.Command {
	var quiet, record, proof bool
	var beside aside
	var out outFile
	c := a.reads(&cobra.Command{
		Use:   "check SUBJECT PERMISSION [RESOURCE]",
		Short: "Say whether a subject may do something: exit 0 yes, 1 no",
		Args:  cobra.RangeArgs(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			q, more, err := beside.question(args)
			if err != nil {
				return err
			}
			switch {
			case record && a.asOf != "":
				return usage("check: what is recorded is decided now: --record goes without --as-of")
			case out.path != "" && !proof:
				return usage("check: -O names the file of a decision: it goes with --proof")
			}
			return a.with(c.Context(), func(s *session) error {
				var answer wire.Check
				if proof {
					q.Record = record
					return a.decided(c.Context(), s, q, out)
				}
				if more || record {
					q.Record = record
					answer, err = s.CheckWith(c.Context(), s.org, q, a.read())
				} else {
					answer, err = s.Check(c.Context(), s.org, args[0], args[1], third(args), a.read())
				}
				if err != nil {
					return fmt.Errorf("check %s %s: %w", args[0], args[1], err)
				}
				if !quiet {
					if err := a.verdict(answer, func(w io.Writer) error { return writeCheck(w, answer) }); err != nil {
						return err
					}
				}
				return refusedIf(!answer.Allowed)
			})
		},
		ValidArgsFunction: a.complete(subjects, permissions),
	})
	beside.flags(c)
	c.Flags().BoolVar(&record, "record", false, "note the answer in the activity stream: it counts as use in the report unused")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "write nothing; the exit code answers")
	c.Flags().BoolVar(&proof, "proof", false, "write the answer as a signed decision, with the entries that give it: see permledger verify")
	out.flags(c)
	c.MarkFlagsMutuallyExclusive("proof", "quiet")
	return c
}

// verdict writes the answer to a question; the reasons of a no are an empty list, not nothing.
func (a *app) verdict(c wire.Check, print func(io.Writer) error) error {
	if c.Because == nil {
		c.Because = []wire.Because{}
	}
	return a.answer(c, print)
}

func refusedIf(no bool) error {
	if no {
		return negative
	}
	return nil
}

func writeCheck(w io.Writer, c wire.Check) error {
	word, why := "denied", "`permledger explain` says what is missing"
	if c.Allowed {
		word, why = "allowed", throughAll(c.Because)
	}
	_, err := fmt.Fprintf(w, "%-7s%s%s%s%s\n", word, gap, asOfText(c.AsOf), gap, why)
	return err
}

// through says by what somebody may do something.
func through(b wire.Because) string {
	switch b.Kind {
	case "owner":
		return "the organization's owner"
	case "role":
		return "through role " + b.Role + onScope(b.Scope) + provided(b)
	}
	return "granted directly" + onScope(b.Scope) + provided(b)
}

// provided says under what something holds.
func provided(b wire.Because) string {
	s := ""
	if b.Condition != "" {
		s = ", if " + b.Condition + ","
	}
	if b.Delegated {
		s += " delegated by " + b.By
	}
	return s
}

func (a *app) explainCommand() *cobra.Command {
	var beside aside
	c := a.reads(&cobra.Command{
		Use:   "explain SUBJECT PERMISSION [RESOURCE]",
		Short: "Say why a subject may do something, or what is missing",
		Args:  cobra.RangeArgs(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			q, more, err := beside.question(args)
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				var answer wire.Check
				if more {
					answer, err = s.ExplainWith(c.Context(), s.org, q, a.read())
				} else {
					answer, err = s.Explain(c.Context(), s.org, args[0], args[1], third(args), a.read())
				}
				if err != nil {
					return fmt.Errorf("explain %s %s: %w", args[0], args[1], err)
				}
				if err := a.verdict(answer, func(w io.Writer) error { return writeExplain(w, answer) }); err != nil {
					return err
				}
				return refusedIf(!answer.Allowed)
			})
		},
		ValidArgsFunction: a.complete(subjects, permissions),
	})
	beside.flags(c)
	return c
}

// writeExplain draws the reasons of a yes, or what is missing for it, as a tree.
func writeExplain(w io.Writer, c wire.Check) error {
	p := printer{w: w}
	resource := ""
	if c.Resource != "" {
		resource = " on " + c.Resource
	}
	if !c.Allowed {
		p.f("✗ %s may not %s%s   %s: nothing grants it\n", c.Subject, c.Permission, resource, asOfText(c.AsOf))
		for i, m := range c.Missing {
			p.f("%s%s\n", branch(i, len(c.Missing)), m.Text)
		}
		return writePoints(&p, c.Points)
	}
	p.f("✓ %s may %s%s   %s\n", c.Subject, c.Permission, resource, asOfText(c.AsOf))
	for i, b := range c.Because {
		last := i == len(c.Because)-1
		switch b.Kind {
		case "owner":
			p.f("%sowner of the organization, since %d\n", branch(i, len(c.Because)), b.At)
		case "role":
			p.f("%srole %s%s%s, %s at %d%s%s%s\n", branch(i, len(c.Because)), b.Role, onScope(b.Scope), ifText(b.Condition), how(b), b.At, by(b.By), because(b.Reason), until(b.Until))
			p.f("%s└─ %s, in the role since %d\n", below(last), c.Permission, b.PermissionAt)
		default:
			p.f("%sgranted directly%s%s at %d%s%s%s\n", branch(i, len(c.Because)), onScope(b.Scope), ifText(b.Condition), b.At, by(b.By), because(b.Reason), until(b.Until))
		}
	}
	return writePoints(&p, c.Points)
}

// writePoints writes the four things to look at when a permission does not work.
func writePoints(p *printer, points []wire.Point) error {
	for i, one := range points {
		mark := "✗"
		if one.Yes {
			mark = "✓"
		}
		p.f("%d. %s %s  %s\n", i+1, mark, one.Question, one.Text)
	}
	return p.err
}

func how(b wire.Because) string {
	if b.Delegated {
		return "delegated"
	}
	return "assigned"
}

func ifText(condition string) string {
	if condition == "" {
		return ""
	}
	return " if " + condition
}

func branch(i, n int) string {
	if i == n-1 {
		return "└─ "
	}
	return "├─ "
}

func below(last bool) string {
	if last {
		return "   "
	}
	return "│  "
}

func by(key string) string {
	if key == "" {
		return ""
	}
	return " by " + key
}

func (a *app) whoCanCommand() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "who-can PERMISSION [RESOURCE]",
		Short: "List who may do something, and through what",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				resource := ""
				if len(args) > 1 {
					resource = args[1]
				}
				list, err := s.WhoCan(c.Context(), s.org, args[0], resource, a.read())
				if err != nil {
					return fmt.Errorf("who can %s: %w", args[0], err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("SUBJECT", "KIND", "THROUGH")
					for _, h := range list.Items {
						t.row(h.Subject, h.Kind, throughAll(h.Because))
					}
					return t.writeTo(w, "")
				})
			})
		},
		ValidArgsFunction: a.complete(permissions),
	})
}

func throughAll(list []wire.Because) string {
	s := ""
	for i, b := range list {
		if i > 0 {
			s += "; "
		}
		s += fmt.Sprintf("%s at %d", through(b), b.At)
	}
	return s
}

func (a *app) accessCommand() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "access SUBJECT",
		Short: "List everything a subject may do, with all sources",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Access(c.Context(), s.org, args[0], a.read())
				if err != nil {
					return fmt.Errorf("access of %s: %w", args[0], err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("PERMISSION", "SCOPE", "THROUGH")
					for _, p := range list.Items {
						t.row(p.Permission, orAll(p.Scope), throughAll(p.Because))
					}
					return t.writeTo(w, "")
				})
			})
		},
		ValidArgsFunction: a.complete(subjects),
	})
}

func orAll(scope string) string {
	if scope == "" {
		return "(all)"
	}
	return scope
}

// printer writes formatted text and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
