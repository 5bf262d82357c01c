package history

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// A Part is a stretch of a history, and how much happened in it.
type Part struct {
	From, To     uint64    // positions that it covers; To below From: none
	Since, Until time.Time // of its first and last position; of a part by time where it begins and ends
	Entries      int       // that the query wants
	Took         int       // of them, that took something away
}

// Outline divides what a query wants, from its From to its To, into so many parts at most, and counts the entries of each: by
// position into parts of as many entries each, by time into parts that are as long.
func (x *Index) Outline(q Query, parts int, byTime bool) []Part {
	q.Limit, q.Newest = 0, false
	x.mu.RLock()
	defer x.mu.RUnlock()
	from, to := x.bounds(q)
	if to < from || parts < 1 {
		return nil
	}
	var list []Part
	if byTime {
		list = x.byTime(from, to, parts)
	} else {
		list = x.byPosition(from, to, parts)
	}
	found, _ := x.find(q)
	i := 0
	for _, at := range found {
		for at > list[i].To {
			i++
		}
		list[i].Entries++
		if has(x.taken, at) {
			list[i].Took++
		}
	}
	return list
}

func (x *Index) byPosition(from, to uint64, parts int) []Part {
	n := min(uint64(parts), to-from+1)
	list := make([]Part, n)
	for i := range n {
		first, last := from+(to-from+1)*i/n, from+(to-from+1)*(i+1)/n-1
		list[i] = Part{From: first, To: last, Since: x.timeOf(first), Until: x.timeOf(last)}
	}
	return list
}

// byTime makes parts of which each but the last ends before the next begins.
func (x *Index) byTime(from, to uint64, parts int) []Part {
	begin, end := x.times[from-1], x.times[to-1]
	n := min(int64(parts), end-begin+1)
	list := make([]Part, n)
	next := from
	for i := range n {
		since, until := begin+(end-begin)*i/n, begin+(end-begin)*(i+1)/n
		last := to
		if i < n-1 {
			at, _ := slices.BinarySearch(x.times[:to], until)
			last = uint64(at)
		}
		last = max(last, next-1)
		list[i] = Part{From: next, To: last, Since: time.UnixMilli(since).UTC(), Until: time.UnixMilli(until).UTC()}
		next = last + 1
	}
	return list
}

func (x *Index) timeOf(at uint64) time.Time { return time.UnixMilli(x.times[at-1]).UTC() }

// takes says whether an event took something away: somebody lost a role, a permission, a key or its part in the organization,
// or a role or a catalogue a permission. A permissions.set that does not list what it changed counts where there was something.
func takes(d events.Data) bool {
	switch d := d.(type) {
	case *events.AccessUnassigned, *events.AgentRemoved, *events.GrantEnded, *events.InvestorDisqualified, *events.KeyRevoked,
		*events.OwnershipRecovered, *events.OwnershipTransferred, *events.PermissionRevoked, *events.ResourceRemoved, *events.RoleDeleted,
		*events.RoleRevoked, *events.SubjectDeactivated, *events.SubjectRemoved, *events.WalletBlocked:
		return true
	case *events.CataloguePublished:
		return len(d.Retired) > 0
	case *events.RoleUpdated:
		return len(d.Remove)+len(d.RemoveParts) > 0
	case *events.RolesSet:
		return len(d.Removed) > 0
	case *events.PermissionsSet:
		return len(d.Removed) > 0 || d.Added == nil && d.Removed == nil && d.Before.Count > 0
	case events.TokenData:
		return d.Change().Take != ulid.ULID{}
	}
	return false
}
