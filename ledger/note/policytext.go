package note

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxLines is how many logs, witnesses and groups together a policy may have. C2SP asks for at least 32 of each.
const maxLines = 1024

// ParsePolicy reads a policy as people write it: lines of log, witness, group and quorum, spaces and tabs, comments from
// "#" at the start of a line. The error names the line. A policy without log lines is one for logs that are known
// otherwise: see [Policy.For].
func ParsePolicy(b []byte) (*Policy, error) {
	if len(b) > MaxSize {
		return nil, malformed("policy", "it is longer than %d bytes", MaxSize)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		return nil, malformed("policy", "the last line does not end with a newline")
	}
	r := reader{used: map[string]bool{}}
	for i, line := range strings.Split(string(b), "\n") {
		if at := strings.IndexFunc(line, func(c rune) bool { return c < 0x20 && c != '\t' || c == 0x7f }); at >= 0 {
			return nil, malformed("policy", "line %d: control character %#02x", i+1, line[at])
		}
		// Only spaces and tabs separate: other spaces of Unicode are bytes of a name.
		fields := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := r.line(fields[0], fields[1:]); err != nil {
			return nil, malformed("policy", "line %d: %w", i+1, err)
		}
		if len(r.Logs)+len(r.Witnesses)+len(r.Groups) > maxLines {
			return nil, malformed("policy", "more than %d logs, witnesses and groups", maxLines)
		}
	}
	if r.Quorum == "" {
		return nil, malformed("policy", "no quorum line; \"quorum none\" asks for no witness")
	}
	return &r.Policy, nil
}

type reader struct {
	Policy
	used map[string]bool // the defined names: whether they are in a group already
}

func (r *reader) line(keyword string, fields []string) error {
	switch keyword {
	case "log":
		if len(fields) != 1 && len(fields) != 2 {
			return errors.New("want: log VKEY [URL]")
		}
		k, err := parseKind(fields[0], KindLog)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(r.Logs, func(l Log) bool { return l.Key.Public.Equal(k.Public) }) {
			return errors.New("a log with this key stands above")
		}
		r.Logs = append(r.Logs, Log{Key: k, URL: strings.Join(fields[1:], "")})
	case "witness":
		if len(fields) != 2 && len(fields) != 3 {
			return errors.New("want: witness NAME VKEY [URL]")
		}
		if err := r.define(fields[0]); err != nil {
			return err
		}
		k, err := parseKind(fields[1], KindWitness)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(r.Witnesses, func(w Witness) bool { return w.Key.Public.Equal(k.Public) }) {
			return errors.New("a witness with this key stands above")
		}
		r.Witnesses = append(r.Witnesses, Witness{Name: fields[0], Key: k, URL: strings.Join(fields[2:], "")})
	case "group":
		return r.group(fields)
	case "quorum":
		if len(fields) != 1 {
			return errors.New("want: quorum NAME, or quorum none")
		}
		if r.Quorum != "" {
			return errors.New("a second quorum")
		}
		if _, ok := r.used[fields[0]]; !ok && fields[0] != None {
			return fmt.Errorf("no witness or group above has the name %q", fields[0])
		}
		r.Quorum = fields[0]
	default:
		return fmt.Errorf("unknown keyword %q; want log, witness, group or quorum", keyword)
	}
	return nil
}

func (r *reader) group(fields []string) error {
	if len(fields) < 3 {
		return errors.New("want: group NAME all|any|K MEMBER…")
	}
	g := Group{Name: fields[0], Members: slices.Clone(fields[2:])}
	for _, m := range g.Members {
		// That each counts in one group only is what makes "2 of 3" mean two different witnesses.
		switch in, ok := r.used[m]; {
		case !ok:
			return fmt.Errorf("no witness or group above has the name %q", m)
		case in:
			return fmt.Errorf("%q is a member already", m)
		}
		r.used[m] = true
	}
	if err := r.define(g.Name); err != nil {
		return err
	}
	switch fields[1] {
	case "any":
		g.K = 1
	case "all":
		g.K = len(g.Members)
	default:
		k, err := number(fields[1])
		if err != nil || k < 1 || k > uint64(len(g.Members)) {
			return fmt.Errorf("%q is not all, any, or a number from 1 to %d", fields[1], len(g.Members))
		}
		g.K = int(k)
	}
	r.Groups = append(r.Groups, g)
	return nil
}

func (r *reader) define(name string) error {
	if _, ok := r.used[name]; ok || name == None {
		return fmt.Errorf("the name %q is taken", name)
	}
	r.used[name] = false
	return nil
}

func parseKind(vkey string, kind byte) (Key, error) {
	k, err := ParseKey(vkey)
	if err == nil && k.Kind != kind {
		err = fmt.Errorf("the key is of kind %d; want %d", k.Kind, kind)
	}
	return k, err
}

// String writes the policy, in one way: ParsePolicy gives it back.
func (p *Policy) String() string {
	var b strings.Builder
	write := func(fields ...string) {
		b.WriteString(strings.TrimSuffix(strings.Join(fields, " "), " "))
		b.WriteByte('\n')
	}
	for _, l := range p.Logs {
		write("log", l.Key.String(), l.URL)
	}
	for _, w := range p.Witnesses {
		write("witness", w.Name, w.Key.String(), w.URL)
	}
	for _, g := range p.Groups {
		k := strconv.Itoa(g.K)
		switch g.K {
		case len(g.Members):
			k = "all"
		case 1:
			k = "any"
		}
		write(append([]string{"group", g.Name, k}, g.Members...)...)
	}
	write("quorum", p.Quorum)
	return b.String()
}

// For gives the policy with these logs instead of its own: what a node's policy of witnesses is for one organization.
func (p *Policy) For(logs ...Log) *Policy {
	out := *p
	out.Logs = slices.Clone(logs)
	return &out
}
