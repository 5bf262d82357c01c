package console

import (
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// A changeSet is what was done at one go: the events of one command and of what follows from it, rows of one import, or what somebody
// recorded one right after the other with the same words for why.
type changeSet struct {
	First, Last  uint64 // positions
	Items        []wire.Item
	Actor        string
	Time, Reason string // of the last
}

// together is how far apart the events of one person with one reason may be.
const together = time.Minute

// changeSets puts lines of history, the newest first, into sets, the newest first. Lines in a set are in the order in which they
// were recorded.
func changeSets(items []wire.Item) (sets []changeSet) {
	for _, it := range items {
		if n := len(sets); n > 0 && belongs(&it, &sets[n-1].Items[len(sets[n-1].Items)-1]) {
			s := &sets[n-1]
			s.Items, s.First = append(s.Items, it), it.Seq
			continue
		}
		sets = append(sets, changeSet{First: it.Seq, Last: it.Seq, Items: []wire.Item{it}, Actor: it.Actor, Time: it.Time, Reason: it.Reason})
	}
	for _, s := range sets {
		slices.Reverse(s.Items)
	}
	return sets
}

// belongs says whether an event belongs to the set of the one right after it.
func belongs(it, next *wire.Item) bool {
	switch {
	case it.Seq+1 != next.Seq:
		return false
	case it.Type == "permissions.recorded" && it.Actor == next.Actor: // parts of what comes next, which has no room for them
		return true
	case it.Import != nil && next.Import != nil && it.Import.Format == next.Import.Format && it.Import.Source == next.Import.Source:
		return true
	case !soon(it.Time, next.Time):
		return false
	case next.Follows != "" && (next.Follows == it.Command || next.Follows == it.Follows):
		return true
	}
	return it.Actor == next.Actor && it.Reason != "" && it.Reason == next.Reason
}

func soon(first, then string) bool {
	a, err := time.Parse(time.RFC3339, first)
	b, err2 := time.Parse(time.RFC3339, then)
	return err == nil && err2 == nil && b.Sub(a) <= together
}

// Before is the position before the set; 0: there is none.
func (s *changeSet) Before() uint64 { return s.First - 1 }

// Shown and Rest are the lines of a set that a page shows at first sight, and those that unfold.
func (s *changeSet) Shown() []wire.Item { return s.Items[:min(len(s.Items), most)] }
func (s *changeSet) Rest() []wire.Item  { return s.Items[min(len(s.Items), most):] }

// sign says whether a line of what an event did tells of something given or taken.
func sign(line string) string {
	switch {
	case strings.HasPrefix(line, "+ "):
		return "given"
	case strings.HasPrefix(line, "− "):
		return "taken"
	}
	return ""
}

// Thing gives the address of what a line of history is about; empty: it has no page.
func (p *page) Thing(about string) string {
	kind, name, _ := strings.Cut(about, ":")
	switch {
	case name == "":
	case kind == "role" && p.can("roles.read"):
		return p.address("roles", name)
	case kind == "subject" && (p.can("subjects.read") || name == p.me.Subject):
		return p.address("members", name)
	case kind == "resource":
		return p.address("policies", name)
	case kind == "token" && p.can("roles.read"):
		return p.address("tokens", name)
	}
	return ""
}
