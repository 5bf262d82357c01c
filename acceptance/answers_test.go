package acceptance_test

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// whole gives the organization as it is now.
func (o *org) whole() wire.Organization {
	o.t.Helper()
	have, err := o.Organization(o.t.Context(), o.ID, client.Read{})
	if err != nil {
		o.t.Fatal(err)
	}
	return have
}

// Head gives the position of the newest entry.
func (o *org) Head() uint64 {
	o.t.Helper()
	return o.whole().AsOf.Seq
}

// Ask asks whether somebody may do something, and what is missing where not.
func (o *org) Ask(subject, permission string, resource ...string) wire.Check {
	o.t.Helper()
	on := strings.Join(resource, "/")
	c, err := o.Explain(o.t.Context(), o.ID, subject, permission, on, client.Read{})
	if err != nil {
		o.t.Fatalf("may %s do %s on %q? %v", subject, permission, on, err)
	}
	short, err := o.Check(o.t.Context(), o.ID, subject, permission, on, client.Read{})
	if err != nil || short.Allowed != c.Allowed {
		o.t.Fatalf("may %s do %s on %q? Explain says %t, check %t, %v", subject, permission, on, c.Allowed, short.Allowed, err)
	}
	o.sometimesProven(c)
	return c
}

// Allowed fails the test where somebody may not do something; without a resource: in the whole organization.
func (o *org) Allowed(subject, permission string, resource ...string) wire.Check {
	o.t.Helper()
	c := o.Ask(subject, permission, resource...)
	if !c.Allowed {
		o.t.Errorf("%s may not do %s on %q: %s", subject, permission, c.Resource, missing(c))
	}
	return c
}

// Denied fails the test where somebody may do something.
func (o *org) Denied(subject, permission string, resource ...string) wire.Check {
	o.t.Helper()
	c := o.Ask(subject, permission, resource...)
	if c.Allowed {
		o.t.Errorf("%s may do %s on %q, because of %+v", subject, permission, c.Resource, c.Because)
	}
	return c
}

func missing(c wire.Check) string {
	var texts []string
	for _, m := range c.Missing {
		texts = append(texts, m.Text)
	}
	return strings.Join(texts, "; ")
}

// Effective gives all that somebody may use, sorted: names without their catalogue, and "name on scope" below the
// organization.
func (o *org) Effective(subject string) []string {
	o.t.Helper()
	list, err := o.Access(o.t.Context(), o.ID, subject, client.Read{})
	if err != nil {
		o.t.Fatalf("what may %s do? %v", subject, err)
	}
	names := []string{}
	for _, s := range list.Items {
		name := s.Permission
		if _, bare, ok := strings.Cut(name, ":"); ok {
			name = bare
		}
		if s.Scope != "" {
			name += " on " + s.Scope
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Holds fails the test unless somebody may use exactly these, as Effective writes them.
func (o *org) Holds(subject string, want ...string) {
	o.t.Helper()
	slices.Sort(want)
	if have := o.Effective(subject); !slices.Equal(have, want) {
		o.t.Errorf("%s holds %q, not %q", subject, have, want)
	}
}

// Refused fails the test unless err is a refusal of a code whose reason and hint hold these words; empty: whatever they
// say.
func (o *org) Refused(err error, code, reason, hint string) *wire.Problem {
	o.t.Helper()
	e := (*client.Error)(nil)
	if !errors.As(err, &e) {
		o.t.Fatalf("it ended with %v, and was to be refused with %s", err, code)
	}
	if e.Code() != code || !strings.Contains(e.Problem.Detail, reason) || !strings.Contains(e.Problem.Hint, hint) {
		o.t.Errorf("it was refused with %s: %q, hint %q; wanted was %s: %q, hint %q", e.Code(), e.Problem.Detail, e.Problem.Hint, code, reason, hint)
	}
	return &e.Problem
}

// Lines gives history, oldest first.
func (o *org) Lines(q wire.HistoryQuery) []wire.Item {
	o.t.Helper()
	q.Limit = 1000
	list, err := o.History(o.t.Context(), o.ID, q)
	if err != nil {
		o.t.Fatal(err)
	}
	return list.Items
}

// Recorded fails the test unless the history has a line of this actor and type whose text holds all words. It gives the
// newest.
func (o *org) Recorded(actor, kind string, words ...string) wire.Item {
	o.t.Helper()
	lines := o.Lines(wire.HistoryQuery{Actor: actor, Type: kind})
	for _, line := range slices.Backward(lines) {
		text := line.About + " " + strings.Join(line.What, " ") + " " + line.Reason
		if line.Time != "" && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			return line
		}
	}
	o.t.Fatalf("no line of history by %s, %s, says %q: %+v", actor, kind, words, lines)
	return wire.Item{}
}

// Turned waits for the line of activity which says that a command of this actor and type was turned away with a code.
func (o *org) Turned(actor, kind, code string) wire.Activity {
	o.t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	end := time.After(10 * time.Second)
	for {
		list, err := o.Activity(o.t.Context(), o.ID, 0)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, a := range slices.Backward(list.Items) {
			if a.Actor == actor && a.Type == kind && a.Code == code {
				return a
			}
		}
		select {
		case <-look.C:
		case <-end:
			o.t.Fatalf("no line of activity says that %s was refused %s with %s: %+v", actor, kind, code, list.Items)
		}
	}
}
