package console

import (
	"net/url"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// A difference is who gained and lost what between two moments, and how roles changed.
type difference struct {
	wire.Difference
	Shown      []wire.SubjectChange // as many as the page has
	Skipped    int                  // before them
	Rest       int                  // behind them
	ShownRoles []wire.RoleChange
	RestRoles  int
	Brief      bool   // it stands on a page that is about something else
	Alone      bool   // it is of one role or subject, of which the page has all
	Later      string // address of the page with the rest
	Whole      string // address of the page of the difference
}

// comparison is the page of a difference.
type comparison struct {
	From, To      string // as they were asked for
	Role, Subject string
	Problem       *wire.Problem
	Change        *difference
	First         bool // there is no event before
}

// Of how many a page shows what they gained and lost.
const (
	diffSubjects  = 50
	briefSubjects = 8
	diffEvents    = 100
)

// diff compares the moment of the page with an earlier one. Where none is named, it is the event before.
func (v *visit) diff() (view, error) {
	q := v.URL.Query()
	c := comparison{From: strings.TrimSpace(q.Get("from")), To: v.at, Role: strings.TrimSpace(q.Get("role")), Subject: strings.TrimSpace(q.Get("subject"))}
	at, err := v.moment()
	if err != nil {
		return view{}, err
	}
	if c.To == "" {
		c.To = number(at.Seq)
	}
	from := c.From
	if from == "" {
		if at.Seq < 2 {
			c.First = true
			return view{template: "diff", title: "Difference", data: &c}, nil
		}
		from = number(at.Seq - 1)
	}
	c.Change, err = v.difference(from, c.To, c.Role, c.Subject)
	if p := refused(err); p != nil {
		c.Problem = p
		return view{template: "diff", title: "Difference", data: &c, status: p.Status}, nil
	}
	if err != nil {
		return view{}, err
	}
	c.Change.Alone = c.Role != "" || c.Subject != ""
	skip, _ := readNumber(q.Get("skip"))
	c.Change.cut(int(min(skip, uint64(len(c.Change.Subjects)))), diffSubjects)
	if c.Change.Rest > 0 {
		c.Change.Later = v.changed("skip", number(uint64(c.Change.Skipped+len(c.Change.Shown))))
	}
	return view{template: "diff", title: "Difference " + number(c.Change.From.Seq) + " to " + number(c.Change.To.Seq), data: &c}, nil
}

// difference asks for a difference, of which a page that is about something else shows the first.
func (v *visit) difference(from, to, role, subject string) (*difference, error) {
	have, err := v.client.Diff(v.ctx(), v.org, from, to, role, subject)
	if err != nil {
		return nil, err
	}
	d := &difference{Difference: have, Brief: true, Whole: with(address(v.org, "", []string{"diff"}), "from="+number(have.From.Seq)+"&at="+number(have.To.Seq))}
	d.cut(0, briefSubjects)
	return d, nil
}

// cut chooses those that a page shows.
func (d *difference) cut(skip, most int) {
	d.Brief = most == briefSubjects
	d.Skipped = skip
	d.Shown = d.Subjects[skip:min(len(d.Subjects), skip+most)]
	d.Rest = len(d.Subjects) - skip - len(d.Shown)
	roles := diffSubjects
	if d.Brief {
		roles = briefSubjects
	}
	d.ShownRoles = d.Roles[:min(len(d.Roles), roles)]
	d.RestRoles = len(d.Roles) - len(d.ShownRoles)
}

// alone gives the address of the difference of one role or subject; empty: this is it.
func (d *difference) alone(kind, name string) string {
	if d.Alone {
		return ""
	}
	return d.Whole + "&" + kind + "=" + url.QueryEscape(name)
}

// Events are those of the page, the newest first; all that happened in between is history.
func (d *difference) Events() []changeSet {
	last := slices.Clone(d.Entries[max(0, len(d.Entries)-diffEvents):])
	slices.Reverse(last)
	return changeSets(last)
}

// MoreEvents is how many the page leaves out.
func (d *difference) MoreEvents() int { return max(0, len(d.Entries)-diffEvents) + d.More }

// Nothing says whether nothing changed in who may do what.
func (d *difference) Nothing() bool { return len(d.Subjects) == 0 && len(d.Roles) == 0 }
