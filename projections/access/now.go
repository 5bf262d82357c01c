package access

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/permledger/permledger/ledger/rules"
)

// How it is at the head is held so that it is read without a lock, in immutable versions:
//
//   - of each subject, what it holds (holding): roles by number, permissions, each with its scope and end;
//   - of each role, its permissions as a bitset (roleNow);
//   - of each permission, whether it has a name and of which level it is (permission.now).
//
// Nothing about a role is copied to its holders, so an edit of a role costs the same however many hold it, and nothing
// waits for the record of an end: an end is compared with the instant asked about. Each version says from which position
// on it holds. Apply puts new versions in place and then moves the head; a reader takes the head first. A version that
// holds from a later position than that belongs to an entry that is just being taken in, and who meets one asks under
// the lock. So every answer is wholly that of one position.

// holding is what an active subject has at the head, whether or not it has ended. It never changes.
type holding struct {
	from   uint32 // the position since which it is so
	active bool
	owner  bool
	token  bool   // it may use permissions of the token level, and no others
	tied   bool   // it has more than is listed here: what holds under a condition, or was passed on
	kind   string // of the subject
	list   []held // by scope and thing

	// Where one subject holds very much, the list is empty, and here are its chunks, none of them empty: a change copies
	// one of them, and not all that the subject holds.
	chunks [][]held
}

// held is a role or, where the number has the bit direct, a permission without a role.
type held struct {
	scope uint32
	thing uint32
	until int64 // Unix milliseconds, or noEnd
}

// direct in the thing of a line says that it is a permission without a role.
const direct = 1 << 31

func (h held) compare(o held) int {
	return cmp.Or(cmp.Compare(h.scope, o.scope), cmp.Compare(h.thing, o.thing))
}

// roleNow is what a role holds at the head. It never changes.
type roleNow struct {
	from uint32
	set  bits
}

// Of permission.now: the position since which it is so stands above these.
const (
	nowKnown = 1 << iota // it has a name
	nowToken             // it is of the token level
	nowNeeds             // it needs more than somebody who holds it
	nowBits  = iota
)

// few is how many things of a subject are gone through one by one; with more, only those of the scopes that cover the
// resource are looked at.
const few = 16

// Allows is [Index.Check] without the reasons. Of the head it takes no lock and no memory, and says what holds at one
// position that was the head during the call.
func (x *Index) Allows(subject, permission, resource string, a AsOf) bool {
	return x.AllowsIn(subject, permission, resource, rules.Context{}, a)
}

// AllowsIn is Allows with what the question says beside. What holds under more than an end, or needs more than a holder,
// is looked up under the lock.
func (x *Index) AllowsIn(subject, permission, resource string, in rules.Context, a AsOf) bool {
	if a.Occurred.IsZero() {
		if allowed, sure := x.allowsNow(subject, permission, resource, a); sure {
			return allowed
		}
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	u := x.findSubject(subject, v)
	n, named := x.numberOf(permission)
	return u != nil && named && x.allowsThen(u, n, resource, v, in)
}

// allowsThen is apart, so that the context of a question about now stays on the stack.
func (x *Index) allowsThen(u *subject, n uint32, resource string, v view, in rules.Context) bool {
	return len(x.reasons(nil, u, n, resource, v, &in)) > 0
}

// allowsNow is not sure where the question is not about the head, or meets an entry that is being taken in.
func (x *Index) allowsNow(subject, permission, resource string, a AsOf) (allowed, sure bool) {
	head := x.head.Load()
	if a.Position < head {
		return false, false
	}
	u := x.findSubject(subject, view{position: head})
	n, named := x.numberOf(permission)
	if u == nil || !named {
		return false, true
	}
	p := x.perms.at(n).now.Load()
	h := u.now.Load()
	if p>>nowBits > head || uint64(h.from) > head {
		return false, false
	}
	switch {
	case !h.active || p&nowKnown == 0:
		return false, true
	case p&nowNeeds != 0:
		return false, false
	case h.owner:
		return true, true
	case h.token != (p&nowToken != 0):
		return false, true
	}
	instant := a.Instant.UnixMilli()
	if len(h.list) <= few && h.chunks == nil {
		for i := range h.list {
			if gives, sure := x.gives(&h.list[i], n, instant, head); !sure {
				return false, false
			} else if gives && rules.Covers(*x.scopes.at(h.list[i].scope), resource) {
				return true, true
			}
		}
		return false, !h.tied
	}
	for scope := range x.covering(resource) {
		for one := range h.between(held{scope: scope}, held{scope: scope, thing: direct}) {
			if gives, sure := x.gives(one, n, instant, head); gives || !sure {
				return gives, sure
			}
		}
		for one := range h.between(held{scope: scope, thing: direct | n}, held{scope: scope, thing: direct | (n + 1)}) {
			if instant < one.until {
				return true, true
			}
		}
	}
	return false, !h.tied
}

// gives says whether a thing gives a permission, wherever.
func (x *Index) gives(h *held, n uint32, instant int64, head uint64) (gives, sure bool) {
	if h.thing >= direct {
		return h.thing == direct|n && instant < h.until, true
	}
	r := x.roles.at(h.thing).now.Load()
	return r.set.has(n) && instant < h.until, uint64(r.from) <= head
}

// covering gives the numbers of the scopes that cover a resource, as rules.Covers says.
func (x *Index) covering(resource string) func(func(uint32) bool) {
	return func(yield func(uint32) bool) {
		if !yield(0) {
			return
		}
		for i := 1; i <= len(resource); i++ {
			if i == len(resource) || resource[i] == '/' {
				if scope, ok := x.scopeNamed(resource[:i]); ok && !yield(scope) {
					return
				}
			}
		}
	}
}

// hash is of a process: nobody can choose names that meet in it.
func hash(text string) uint32 { return uint32(maphash.String(seed, text)) }

func hashID(id [16]byte) uint32 { return uint32(maphash.Bytes(seed, id[:])) }

var (
	seed     = maphash.MakeSeed()
	lineSeed = maphash.String(seed, "line")
)

// numberOf gives the number of a permission's canonical name.
func (x *Index) numberOf(permission string) (uint32, bool) {
	return x.permNumber.find(hash(permission), func(n uint32) bool { return x.perms.at(n).name == permission })
}

func (x *Index) scopeNamed(text string) (uint32, bool) {
	return x.scopeNumber.find(hash(text), func(n uint32) bool { return *x.scopes.at(n) == text })
}

// publishHolding puts the lines of a subject that an entry changed into what it holds at the head. The lines are of one
// subject; where there are none, the subject itself changed.
func (x *Index) publishHolding(u *subject, lines []uint32, at uint64) {
	h := &holding{from: uint32(at), active: x.activeNow(u), owner: u.number == x.owner, token: x.tokenKind(u.kind), kind: x.kinds[u.kind]}
	var room [few]held
	changed := room[:0] // most entries change one
	for _, n := range lines {
		l := x.lines.at(n)
		one := held{l.scope, l.thing, gone}
		o := x.outcomeOf(l, view{position: at, head: true})
		tied := o.held() && x.tied(o.given) != nil
		if o.held() && !tied {
			one.until = o.until
		}
		u.tie(n, tied)
		changed = append(changed, one)
	}
	h.tied = len(u.tied) > 0
	slices.SortFunc(changed, held.compare)
	h.change(u.now.Load(), changed)
	u.now.Store(h)
}

// activeNow says whether a subject may do anything at the head.
func (x *Index) activeNow(u *subject) bool {
	if u.deactivated != 0 {
		return false
	}
	h := x.holderOf(u, view{position: math.MaxUint64})
	return h == nil || h.deactivated == 0
}

// tie notes whether a line holds under more than its end.
func (u *subject) tie(line uint32, tied bool) {
	switch i, was := slices.BinarySearch(u.tied, line); {
	case tied && !was:
		u.tied = slices.Insert(u.tied, i, line)
	case was && !tied:
		u.tied = slices.Delete(u.tied, i, i+1)
	}
}

// publish gives a role other permissions, from a position on.
func (r *role) publish(set bits, at uint64) { r.now.Store(&roleNow{uint32(at), set}) }

func (x *Index) publishPermission(n uint32, at uint64) {
	p := x.perms.at(n)
	now := at << nowBits
	if len(p.entered) > 0 {
		now |= nowKnown
	}
	if k := len(p.info); k > 0 && len(p.info[k-1].says.Needs) > 0 {
		now |= nowNeeds
	}
	if k := len(p.info); k > 0 && p.info[k-1].token() {
		now |= nowToken
	}
	if all := uint64(nowKnown | nowToken | nowNeeds); now&all != p.now.Load()&all { // else it is so since earlier
		p.now.Store(now)
	}
}

// kindNumber gives the number of a kind of subject. There are as many as the rules know, which is a few.
func (x *Index) kindNumber(kind string) uint8 {
	i := slices.Index(x.kinds, kind)
	if i < 0 {
		i = len(x.kinds)
		x.kinds = append(x.kinds, strings.Clone(kind))
	}
	return uint8(i)
}

func (x *Index) tokenKind(kind uint8) bool { return rules.LevelFits(true, x.kinds[kind]) }

// hashLine mixes three numbers of ours.
func hashLine(subject, thing, scope uint32) uint32 {
	h := uint64(subject)*0x9e3779b97f4a7c15 ^ uint64(thing)*0xc2b2ae3d27d4eb4f ^ uint64(scope)*0x165667b19e3779f9 ^ lineSeed
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return uint32(h >> 32)
}
