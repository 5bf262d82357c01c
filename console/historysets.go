package console

import (
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// A changeSet is what one person did at one go: the events of one command and of what follows from it, or those that somebody
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
	if it.Seq+1 != next.Seq || it.Actor != next.Actor {
		return false
	}
	if it.Type == "permissions.recorded" { // parts of what comes next, which has no room for them
		return true
	}
	if it.Reason == "" || it.Reason != next.Reason {
		return false
	}
	at, err := time.Parse(time.RFC3339, it.Time)
	then, err2 := time.Parse(time.RFC3339, next.Time)
	return err == nil && err2 == nil && then.Sub(at) <= together
}

// Before is the position before the set; 0: there is none.
func (s *changeSet) Before() uint64 { return s.First - 1 }

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
	case kind == "token" && p.can("roles.read"):
		return p.address("tokens", name)
	}
	return ""
}
