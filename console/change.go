package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// A change is what somebody chose and has not confirmed: it is shown as who would gain and lose what, given a reason, and recorded
// only under the position that it was shown at.
type change struct {
	Title   string        // a sentence of what is to happen
	Lines   []string      // what it consists of, for people
	Steps   []wire.Intent // recorded one after the other
	Back    string        // the address to go on at, once it is recorded
	Reason  string
	Seq     uint64   // of the preview: others' changes of the same thing after it are shown before anything is recorded
	Once    []string // an idempotency key for each step
	Preview preview

	Unexplained bool // it lacks the reason that it takes

	Refusal *wire.Problem // why it would not be recorded, or was not
	Others  []wire.Item   // what others did to the same thing meanwhile
	Unknown bool          // it may be recorded: sending it again is harmless
	Done    int           // how many steps are recorded
}

// preview is who would gain and lose what.
type preview struct {
	People  []affected
	More    int // gains and losses left out, at least
	Holders int // of the role that would change
	Erases  []wire.Erasure
}

// affected is what one subject would gain and lose.
type affected struct {
	Subject       string
	Gains, Losses []wire.Effective
}

// A gainedOn is permissions that are gained, or lost, on one scope.
type gainedOn struct {
	Scope       string
	Permissions []string
}

// Gained and Lost give the permissions by scope: many are of one.
func (a affected) Gained() []gainedOn { return byScope(a.Gains) }
func (a affected) Lost() []gainedOn   { return byScope(a.Losses) }

func byScope(list []wire.Effective) (all []gainedOn) {
	for _, e := range list {
		i := slices.IndexFunc(all, func(g gainedOn) bool { return g.Scope == e.Scope })
		if i < 0 {
			i, all = len(all), append(all, gainedOn{Scope: e.Scope})
		}
		name := e.Permission
		if name == "*" {
			name = "everything"
		}
		all[i].Permissions = append(all[i].Permissions, name)
	}
	return all
}

func changeRoutes() []route {
	return []route{{method: http.MethodPost, path: "{org}/change", screen: (*visit).confirm}}
}

// review shows what a change would do. back is where to go on once it is recorded.
func (v *visit) review(title, back string, steps ...wire.Intent) (view, error) {
	return v.reviewed(newChange(title, back, steps...))
}

// newChange gives a change that is to be shown with [visit.reviewed].
func newChange(title, back string, steps ...wire.Intent) *change {
	c := &change{Title: title, Steps: steps, Back: back}
	for range steps {
		c.Once = append(c.Once, ulid.Make().String())
	}
	return c
}

// reviewed gives the page of a change, with a preview of what it would do now.
func (v *visit) reviewed(c *change) (view, error) {
	var err error
	if rest := c.Steps[c.Done:]; len(rest) == 1 {
		err = v.prepared(c, rest[0])
	} else {
		err = v.rehearsed(c, rest)
	}
	if err != nil {
		return view{}, err
	}
	return view{template: "change", title: c.Title, data: c}, nil
}

// prepared previews one change.
func (v *visit) prepared(c *change, in wire.Intent) error {
	in = committed(in)
	p, ok, err := v.draft(c, in)
	if !ok {
		return err
	}
	c.Seq, c.Preview = p.Seq, preview{}
	if p.Preview != nil {
		c.Preview = preview{
			People: people(p.Preview.Gains, p.Preview.Losses), More: p.Preview.More, Holders: p.Preview.Holders, Erases: p.Preview.Erases,
		}
	}
	return v.weigh(&c.Preview, in)
}

// committed gives a step as it is previewed: with commitments in the place of its private texts, whose words are for when it is
// recorded.
func committed(in wire.Intent) wire.Intent {
	for _, member := range in.Private() {
		if *member != "" {
			*member, _ = client.Commit(*member)
		}
	}
	return in
}

// draft has the API prepare a step, and notes in the change why it would be refused. Not ok: there is nothing to preview.
func (v *visit) draft(c *change, in wire.Intent) (p wire.Prepared, ok bool, err error) {
	p, err = v.client.Prepare(v.ctx(), v.org, in)
	if e := refused(err); e != nil {
		c.Refusal = e
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	if c.Refusal == nil {
		c.Refusal = p.Refusal
	}
	return p, true, nil
}

// rehearsed previews several changes, one after the other.
func (v *visit) rehearsed(c *change, steps []wire.Intent) error {
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i] = committed(steps[i])
	}
	r, err := v.client.Simulate(v.ctx(), v.org, wire.Rehearsal{Intents: steps})
	if e := refused(err); e != nil && e.Status == http.StatusForbidden {
		return v.preparedEach(c, steps)
	} else if e != nil {
		c.Refusal = e
		return nil
	}
	if err != nil {
		return err
	}
	c.Seq, c.Preview = r.AsOf.Seq, preview{People: people(r.Gains, r.Losses), More: r.More}
	for _, step := range r.Steps {
		if step.Refusal != nil && c.Refusal == nil {
			c.Refusal = step.Refusal
		}
	}
	return nil
}

// preparedEach previews several changes for who may not try them together, which tells what others have: each by itself, on what
// is there now.
func (v *visit) preparedEach(c *change, steps []wire.Intent) error {
	var gains, losses []wire.Effective
	more, first := 0, uint64(0)
	for _, in := range steps {
		p, ok, err := v.draft(c, in)
		if !ok {
			return err
		}
		if first == 0 {
			first = p.Seq
		}
		if p.Preview != nil {
			gains, losses, more = append(gains, p.Preview.Gains...), append(losses, p.Preview.Losses...), more+p.Preview.More
		}
	}
	c.Seq, c.Preview = first, preview{People: people(gains, losses), More: more}
	return nil
}

// refused gives the problem of an error that a person can do something about, on the page where the change was chosen.
func refused(err error) *wire.Problem {
	if err == nil {
		return nil
	}
	switch p := problem(err); p.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusPreconditionRequired:
		if p.Code() != wire.CodeCrossSite {
			return &p
		}
	}
	return nil
}

// people groups gains and losses by whom they are of.
func people(gains, losses []wire.Effective) (all []affected) {
	at := map[string]int{}
	of := func(key string) *affected {
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, affected{Subject: key})
		}
		return &all[i]
	}
	for _, g := range gains {
		a := of(g.Subject)
		a.Gains = append(a.Gains, g)
	}
	for _, l := range losses {
		a := of(l.Subject)
		a.Losses = append(a.Losses, l)
	}
	slices.SortFunc(all, func(a, b affected) int { return strings.Compare(a.Subject, b.Subject) })
	return all
}

// confirm records a change that was shown, or says why not.
func (v *visit) confirm() (view, error) {
	c, err := readChange(v)
	if err != nil {
		return view{}, err
	}
	if c.Explained() && c.Reason == "" {
		c.Unexplained = true
		shown, err := v.reviewed(c)
		shown.status = http.StatusUnprocessableEntity
		return shown, err
	}
	own, last := map[uint64]bool{}, uint64(0)
	for c.Done < len(c.Steps) {
		in := c.Steps[c.Done]
		if c.Reason != "" {
			in.Reason = c.Reason
		}
		receipt, err := v.client.IfUnchangedSince(c.Seq).Once(c.Once[c.Done]).Do(v.ctx(), v.org, in)
		if p := problem(err); err != nil && p.Code() == wire.CodeChanged && onlyOwn(p.Changes, own) { // the steps before this one
			receipt, err = v.client.IfUnchangedSince(last).Once(c.Once[c.Done]).Do(v.ctx(), v.org, in)
		}
		if err != nil {
			return v.notRecorded(c, err)
		}
		if c.Done, own[receipt.Seq], last = c.Done+1, true, max(last, receipt.Seq); receipt.Seq == c.Seq+1 { // nobody came between
			c.Seq = receipt.Seq
		}
	}
	return view{to: recorded(c.Back, last)}, nil
}

const mostTold = 50 // changes that a refusal names

// onlyOwn says whether all that changed what a step goes by are the steps before it: the API tells of the newest, at most so many.
func onlyOwn(changes []wire.Item, own map[uint64]bool) bool {
	return len(changes) > 0 && len(changes) < mostTold && !slices.ContainsFunc(changes, func(i wire.Item) bool { return !own[i.Seq] })
}

// Explained says that a change takes a reason: whoever reads the record of a review asks why something was taken away.
func (c *change) Explained() bool {
	return slices.ContainsFunc(c.Steps, func(in wire.Intent) bool { return in.Kind == wire.DecideReview && in.Decision == wire.Revoke })
}

// recorded gives an address whose page says what was just recorded.
func recorded(back string, seq uint64) string { return with(back, "recorded="+number(seq)) }

// notRecorded shows a change again, with what stands in its way.
func (v *visit) notRecorded(c *change, err error) (view, error) {
	p := problem(err)
	switch code := p.Code(); {
	case code == wire.CodeChanged:
		c.Others, c.Once[c.Done] = p.Changes, ulid.Make().String()
	case code == wire.CodeOutcomeUnknown:
		c.Unknown = true
	case refused(err) != nil:
		c.Refusal = &p
		c.Once[c.Done] = ulid.Make().String()
	default:
		return view{}, err
	}
	shown, again := v.reviewed(c)
	if again != nil {
		return view{}, err
	}
	shown.status = http.StatusConflict
	return shown, nil
}

// readChange reads the form of a change that was shown.
func readChange(v *visit) (*change, error) {
	c := &change{Title: v.PostFormValue("title"), Back: v.PostFormValue("back"), Reason: strings.TrimSpace(v.PostFormValue("reason")), Once: v.PostForm["once"], Lines: v.PostForm["line"]}
	for _, text := range v.PostForm["step"] {
		var in wire.Intent
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			return nil, badForm("one of its steps cannot be read")
		}
		c.Steps = append(c.Steps, in)
	}
	var ok bool
	if c.Seq, ok = readNumber(v.PostFormValue("seq")); !ok {
		return nil, badForm("it names no position")
	}
	done, ok := readNumber(v.PostFormValue("done"))
	if !ok || len(c.Steps) == 0 || len(c.Once) != len(c.Steps) || done >= uint64(len(c.Steps)) {
		return nil, badForm("its steps are incomplete")
	}
	c.Done = int(done)
	c.Back = v.ours(c.Back)
	return c, nil
}

func badForm(what string) error {
	return &client.Error{Problem: wire.Problem{
		Type: wire.ProblemType + wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The form cannot be read: " + what, Hint: "Go back, and choose again",
	}}
}

// Says tells in words what gains and losses do not: of access to policies.
func (c *change) Says() (all []string) {
	for _, in := range c.Steps {
		switch in.Kind {
		case wire.AssignAccess, wire.DelegateAccess:
			all = append(all, in.Subject+" is assigned to "+in.Resource+": what its permissions let it do with policies that it is assigned to, it may do with this one")
		case wire.UnassignAccess:
			all = append(all, in.Subject+" is not assigned to "+in.Resource+" any more: it sees it no longer, unless its permissions let it at all policies, or at those that are published")
		case wire.UpdateResource:
			if in.Publish {
				all = append(all, "Published policies are seen by everybody whose permissions let them at those that are published")
			}
			if in.Withdraw {
				all = append(all, "Whoever sees "+in.Resource+" because it is published sees it no longer")
			}
		case wire.RemoveResource:
			all = append(all, "Nobody sees "+in.Resource+" any more, and nobody is assigned to it")
		}
	}
	return all
}

// JSON gives a step as the form carries it.
func (c *change) JSON(step int) (string, error) {
	b, err := json.Marshal(c.Steps[step])
	return string(b), err
}

// until reads the day or instant of a form as the API takes it: a day is meant to its end.
func until(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Format(time.RFC3339), nil
	}
	if at, err := time.Parse("2006-01-02T15:04", text); err == nil {
		return at.Format(time.RFC3339), nil
	}
	return "", badForm("until is a day, as 2026-12-31")
}
