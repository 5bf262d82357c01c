package console

import "github.com/permledger/permledger/api/wire"

// What parts of templates are given: the page beside what they show.

type setsPart struct {
	Page *page
	Sets []changeSet
}

func setsOf(p *page, all []changeSet) setsPart { return setsPart{p, all} }

// A setLine is a line of a set.
type setLine struct {
	Page *page
	wire.Item
	Many bool // the set has others
}

func setLineOf(p *page, it wire.Item, many bool) setLine { return setLine{p, it, many} }

type travelPart struct {
	Page   *page
	Travel *travel
}

func travelOf(p *page, t *travel) travelPart { return travelPart{p, t} }

type comparedPart struct {
	Page   *page
	Change *difference
}

func comparedOf(p *page, d *difference) comparedPart { return comparedPart{p, d} }

// A thingPart is what something is about, with the address of its page.
type thingPart struct{ About, Address string }

func thingOf(p *page, about string) thingPart { return thingPart{about, p.Thing(about)} }

// namedOf is a thing that is shown by its name alone, as where a heading says what it is.
func namedOf(p *page, kind, name string) thingPart {
	return thingPart{name, p.Thing(kind + ":" + name)}
}

// most is how much of one list is in a page at first sight; the rest unfolds.
const most = 12

// A fold is a list of which the first stands there and the rest unfolds.
type fold[T any] struct {
	Page        *page
	First, Rest []T
	Class       string
}

func folded[T any](p *page, all []T, class string) fold[T] {
	if len(all) <= most+2 {
		return fold[T]{p, all, nil, class}
	}
	return fold[T]{p, all[:most], all[most:], class}
}

// Unfolded is the rest, whole.
func (f fold[T]) Unfolded() fold[T] { return fold[T]{f.Page, f.Rest, nil, f.Class} }

func heldOf(p *page, all []wire.Changed, class string) fold[wire.Changed] {
	return folded(p, all, class)
}

func inRoleOf(p *page, all []wire.InRole) fold[wire.InRole] { return folded(p, all, "") }

func holdersOf(p *page, all []wire.HolderChange) fold[wire.HolderChange] { return folded(p, all, "") }

// A becausePart is why somebody holds something.
type becausePart struct {
	Page    *page
	Because []wire.Because
}

func becauseOf(p *page, all []wire.Because) becausePart { return becausePart{p, all} }
