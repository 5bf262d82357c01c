// Package eventtest generates valid events, data and commands of every type and version, for property tests with
// pgregory.net/rapid.
//
// What it generates is valid in form and means nothing: ids name things that no ledger has, and the rules would refuse
// nearly all of it. It is equal, by reflect.DeepEqual, to what reading its own bytes gives: what is left out when empty
// is nil, what is always there is not, instants are UTC and of whole milliseconds, and Version is set.
//
// The package is imported by tests alone. All of it is safe for concurrent use.
package eventtest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
)

// A Kind is a type of event in one of its versions.
type Kind struct {
	Type    events.Type
	Version int
}

func (k Kind) String() string { return fmt.Sprintf("%s.%d", k.Type, k.Version) }

// Kinds lists every type of event in each of its versions, in the order of their names.
func Kinds() []Kind {
	var all []Kind
	for t, newest := range events.Types() {
		for v := 1; v <= newest; v++ {
			all = append(all, Kind{t, v})
		}
	}
	slices.SortFunc(all, func(a, b Kind) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Version, b.Version))
	})
	return all
}

// Data generates data of a kind, effect included. It panics where the kind has no generator: a new type needs one here.
func Data(k Kind) *rapid.Generator[events.Data] {
	g, ok := data[k.Type]
	if !ok {
		panic("eventtest: no generator for " + k.String())
	}
	return rapid.Custom(func(t *rapid.T) events.Data { return g(t, k.Version) })
}

// Event generates an event of a kind, at any position of any ledger.
func Event(k Kind) *rapid.Generator[*events.Event] {
	return rapid.Custom(func(t *rapid.T) *events.Event {
		e := &events.Event{
			ID:       ID().Draw(t, "id"),
			Source:   Source().Draw(t, "source"),
			Sequence: rapid.OneOf(rapid.Uint64Range(1, 3), rapid.Uint64Range(1, 1<<53-1)).Draw(t, "sequence"),
			Time:     Time().Draw(t, "time"),
			Actor:    ID().Draw(t, "actor"),
			Auth: events.Auth{
				Method:     rapid.OneOf(rapid.SampledFrom([]string{events.MethodSignature, events.MethodNode}), Token()).Draw(t, "method"),
				Credential: DIDKey().Draw(t, "credential"),
			},
			Origin:  Origin().Draw(t, "origin"),
			Reason:  optional(t, "reason", Digest()),
			Version: k.Version,
			Data:    Data(k).Draw(t, "data"),
		}
		if e.Sequence > 1 {
			e.Prev = CID().Draw(t, "prev")
		}
		return e
	})
}

// AnyEvent generates an event of any kind.
func AnyEvent() *rapid.Generator[*events.Event] {
	return rapid.Custom(func(t *rapid.T) *events.Event {
		return Event(rapid.SampledFrom(Kinds()).Draw(t, "kind")).Draw(t, "event")
	})
}

// Signed generates what an author's signature says beside its command. It always has an expiry.
func Signed() *rapid.Generator[events.Signed] {
	return rapid.Custom(func(t *rapid.T) events.Signed {
		s := events.Signed{Expires: Time().Draw(t, "expires")}
		if rapid.Bool().Draw(t, "has seen") {
			s.Seen = &events.Seen{Size: Uint().Draw(t, "size"), Root: Digest().Draw(t, "root")}
		}
		return s
	})
}

// Origin generates the origin of a live, an imported or a derived command.
func Origin() *rapid.Generator[events.Origin] {
	return rapid.Custom(func(t *rapid.T) events.Origin {
		switch rapid.IntRange(0, 2).Draw(t, "class") {
		case 1:
			return events.Origin{Import: &events.Import{
				Format:   Token().Draw(t, "format"),
				Source:   Key().Draw(t, "source"),
				Record:   Key().Draw(t, "record"),
				Part:     Uint().Draw(t, "part"),
				Occurred: optional(t, "occurred", Time()),
			}}
		case 2:
			return events.Origin{Derived: &events.Derived{From: ID().Draw(t, "from"), Row: Uint().Draw(t, "row")}}
		}
		return events.Origin{}
	})
}

// optional draws from g, or gives the zero value.
func optional[V any](t *rapid.T, label string, g *rapid.Generator[V]) V {
	if rapid.Bool().Draw(t, "has "+label) {
		return g.Draw(t, label)
	}
	var none V
	return none
}

// set draws strings in ascending order, none twice; nil where it draws none.
func set(t *rapid.T, label string, g *rapid.Generator[string]) []string {
	list := rapid.SliceOfNDistinct(g, 0, 5, rapid.ID[string]).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	return list
}

// list is set, never nil.
func list(t *rapid.T, label string, g *rapid.Generator[string]) []string {
	return append([]string{}, set(t, label, g)...)
}

func digests(t *rapid.T, label string) []events.Digest {
	list := rapid.SliceOfN(Digest(), 0, 3).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	return list
}

// ids draws ids in ascending order; nil where it draws none.
func ids(t *rapid.T, label string) []ulid.ULID {
	list := rapid.SliceOfNDistinct(ID(), 0, 4, rapid.ID[ulid.ULID]).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, ulid.ULID.Compare)
	return list
}
