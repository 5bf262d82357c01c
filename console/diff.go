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
	Skipped    int                  // before them, of those for whom something may differ
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
	diffSubjects  = 20
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
	skip, _ := readNumber(q.Get("skip"))
	c.Change, err = v.difference(wire.DiffQuery{From: from, To: c.To, Role: c.Role, Subject: c.Subject, Skip: int(min(skip, 1<<30))})
	if p := refused(err); p != nil {
		c.Problem = p
		return view{template: "diff", title: "Difference", data: &c, status: p.Status}, nil
	}
	if err != nil {
		return view{}, err
	}
	c.Change.Alone = c.Role != "" || c.Subject != ""
	c.Change.Skipped = int(min(skip, 1<<30))
	c.Change.cut(diffSubjects)
	if c.Change.Rest > 0 {
		c.Change.Later = v.changed("skip", number(skip+diffSubjects))
	}
	return view{template: "diff", title: "Difference " + number(c.Change.From.Seq) + " to " + number(c.Change.To.Seq), data: &c}, nil
}

// difference asks for as much of a difference as a page shows. A page that is about something else shows the first of it.
func (v *visit) difference(q wire.DiffQuery) (*difference, error) {
	q.Limit = diffSubjects
	have, err := v.client.DiffPart(v.ctx(), v.org, q)
	if err != nil {
		return nil, err
	}
	d := &difference{Difference: have, Brief: true, Whole: with(address(v.org, "", []string{"diff"}), "from="+number(have.From.Seq)+"&at="+number(have.To.Seq))}
	d.cut(briefSubjects)
	return d, nil
}

// cut chooses those that a page shows.
func (d *difference) cut(most int) {
	d.Brief = most == briefSubjects
	d.Shown = d.Subjects[:min(len(d.Subjects), most)]
	d.Rest = len(d.Subjects) - len(d.Shown) + d.MoreSubjects
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

// Concerned is how many gained or lost something, those included for whom that is not known.
func (d *difference) Concerned() int { return d.Skipped + len(d.Subjects) + d.MoreSubjects }

// Nothing says whether nothing changed in who may do what.
func (d *difference) Nothing() bool { return d.Concerned() == 0 && len(d.Roles) == 0 }
