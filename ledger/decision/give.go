package decision

import (
	"fmt"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Gives says whether the rules, given these events alone, in the order of the ledger and the first one among them, answer
// a question with yes: nil, or an error that wraps [ErrNotGiven] or [rules.ErrGap] or [rules.ErrGivesNothing].
func Gives(list []*events.Event, q *Question) error {
	f, err := fold(list)
	if err != nil {
		return err
	}
	return f.gives(q)
}

// folded is what some events come to.
type folded struct {
	state *rules.State
	ids   map[ulid.ULID]bool
	// defined are the permissions that catalogues among the events say more of: their level, and what they need.
	defined map[string]bool
}

func fold(list []*events.Event) (*folded, error) {
	f := &folded{state: rules.New(), ids: map[ulid.ULID]bool{}, defined: map[string]bool{}}
	for _, e := range list {
		if err := f.take(e); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *folded) take(e *events.Event) error {
	if f.ids[e.ID] { // what was passed on names an event by its id: two of one id would make circles
		return fmt.Errorf("%w: two entries have the id %s", rules.ErrGap, e.ID)
	}
	if err := f.state.Ready(e); err != nil {
		return err
	}
	rules.Evolve(f.state, e)
	f.ids[e.ID] = true
	if d, ok := e.Data.(*events.CataloguePublished); ok {
		for _, p := range d.Permissions {
			f.defined[rules.Qualified(d.Catalogue, p.Name)] = true
		}
	}
	return nil
}

func (f *folded) gives(q *Question) error {
	u, ok := f.state.Subject(q.Subject)
	if !ok || u.Key != q.Key {
		return fmt.Errorf("%w: there is no subject %s with the key %q in them", ErrNotGiven, q.Subject, q.Key)
	}
	// What a permission needs beside a holder, its catalogue says: without it the answer would be of another permission.
	if catalogue, _, qualified := strings.Cut(q.Permission, ":"); qualified && catalogue != rules.Own && !f.defined[q.Permission] {
		return fmt.Errorf("%w: the catalogue that says what %s needs is not among them", ErrNotGiven, q.Permission)
	}
	if !f.state.CheckIn(q.Subject, q.Permission, q.Resource, q.Instant, q.In) {
		return fmt.Errorf("%w: with them alone %s may not %s", ErrNotGiven, q.Key, q.Permission)
	}
	return nil
}

// Reduce leaves out what a yes does not need: of the events it gives the least that the rules still answer with yes, in the
// sense that no single one of them can go. The list must give the yes; see [Gives]. It costs as many folds as there are
// events, and one more round for each that went.
func Reduce(list []*events.Event, q *Question) ([]*events.Event, error) {
	if err := Gives(list, q); err != nil {
		return nil, err
	}
	for again := true; again; {
		again = false
		for i := len(list) - 1; i > 0; i-- { // later ones first: they build upon those before; the first entry stays
			fewer := append(append(make([]*events.Event, 0, len(list)-1), list[:i]...), list[i+1:]...)
			if Gives(fewer, q) == nil {
				list, again = fewer, true
			}
		}
	}
	return list, nil
}
