package console

import (
	"cmp"

	"github.com/permledger/permledger/api/wire"
)

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

// most is how much of one list is in a page at first sight; unfolds is how much more unfolds there, where there are few lists; the
// rest has a page of its own.
const (
	most     = 12
	unfolds  = 60
	fewLists = 10
)

// unfolding is how much of each of so many lists unfolds.
func unfolding(lists int) int {
	if lists <= fewLists {
		return unfolds
	}
	return 0
}

// A fold is a list of which the first stands there and the next unfolds.
type fold[T any] struct {
	Page        *page
	First, Rest []T
	Class       string
	More        int    // behind the rest
	Address     string // of the page that has them
}

func folded[T any](p *page, all []T, class, address string, lists int) fold[T] {
	room := unfolding(lists)
	switch {
	case len(all) <= most+2:
		return fold[T]{p, all, nil, class, 0, ""}
	case len(all) <= most+room || address == "":
		return fold[T]{p, all[:most], all[most:], class, 0, ""}
	}
	return fold[T]{p, all[:most], all[most : most+room], class, len(all) - most - room, address}
}

// causes is how many of the events that together gave or took something are named: the latest.
const causes = 3

func latest(all []uint64) []uint64 { return all[max(0, len(all)-causes):] }
func earlier(all []uint64) int     { return max(0, len(all)-causes) }

// Unfolded is the rest, whole.
func (f fold[T]) Unfolded() fold[T] { return fold[T]{f.Page, f.Rest, nil, f.Class, 0, ""} }

// heldOf is what a subject gained or lost, by a difference.
func heldOf(p *page, d *difference, subject string, all []wire.Changed, class string) fold[wire.Changed] {
	return folded(p, all, class, d.alone("subject", subject), len(d.Shown))
}

func inRoleOf(p *page, d *difference, role string, all []wire.InRole) fold[wire.InRole] {
	return folded(p, all, "", d.alone("role", role), len(d.ShownRoles))
}

// holdersOf is who came to have a role, or has it no more; more of them are not in the difference.
func holdersOf(p *page, d *difference, role string, all []wire.HolderChange, more int) fold[wire.HolderChange] {
	f := folded(p, all, "", d.alone("role", role), len(d.ShownRoles))
	if more > 0 {
		f.More, f.Address = f.More+more, cmp.Or(d.alone("role", role), p.Thing("role:"+role))
	}
	return f
}

// A becausePart is why somebody holds something.
type becausePart struct {
	Page    *page
	Because []wire.Because
}

func becauseOf(p *page, all []wire.Because) becausePart { return becausePart{p, all} }
