package access

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/tokens"
)

var _ projections.Projection = (*Index)(nil)

// An Index is the access projection of one ledger. Apply is for one goroutine; everything else may be called by many
// at any time.
type Index struct {
	head atomic.Uint64 // the last position that everything below has taken in
	mu   sync.RWMutex  // of what is not for readers without a lock, see now.go

	entries     vector[entry] // by position - 1
	entryNumber table         // by what the CID is made of
	actors      []ulid.ULID
	actorNumber map[ulid.ULID]uint32

	perms      vector[permission] // by number; numbers are given in the order of the log and never change
	permNumber table
	sorted     atomic.Pointer[[]uint32] // numbers in the order of their names; may lack the newest

	scopes      vector[string] // 0 is the whole organization
	scopeNumber table

	roles   vector[role] // in the order of creation
	roleID  map[ulid.ULID]uint32
	roleKey map[string][]uint32 // all that ever had the key, in the order of creation

	subjects   vector[subject]
	subjectID  table
	subjectKey table
	kinds      []string                 // of subjects
	keyed      atomic.Pointer[[]uint32] // subjects in the order of their keys; may lack the newest

	lines      vector[line]
	lineNumber table
	touched    []uint32 // lines that the entry at hand changes, those of one subject together

	lives  map[uint32][]phase       // of some subjects, by number
	abouts map[uint32][]said[About] // of some subjects, by number

	holdersKeys map[uint32][]uint32 // by member: the API keys that are, or were, assigned to it

	ties      map[uint32]*tie            // by the position that gave
	passed    map[uint32]map[uint32]bool // by subject: to whom it ever passed something on
	resources map[string]*resource       // by path; those that are gone too
	accesses  []uint32                   // permissions that ever gave access to policies

	owner  uint32      // of subjects, at the head; there is none before the opening
	owners []ownerFrom // in the order of the log
	bosses []uint32    // the role that every owner has; empty: there is none

	defaults []said[uint32] // the role that everybody gets who is added, or nobody for none
	parts    map[events.Digest]part

	tokens *tokens.Index
}

// entry is what is kept of each entry.
type entry struct {
	sum      [32]byte
	id       ulid.ULID
	time     int64 // Unix milliseconds
	occurred int64 // Unix milliseconds; always where the event counts whatever the occurred time
	actor    uint32
}

// always is the occurred time of what counts for every occurred time.
const always = -1 << 63

// part is a recorded part of a set.
type part struct {
	names []string
	at    int64
}

// partKept is how long parts are kept after they were recorded, in milliseconds: the rules let nobody use one that is
// older than a day.
const partKept = 2 * 24 * int64(time.Hour/time.Millisecond)

// New gives the index before the first entry.
func New() *Index {
	x := &Index{
		roleID: map[ulid.ULID]uint32{}, roleKey: map[string][]uint32{}, actorNumber: map[ulid.ULID]uint32{},
		parts: map[events.Digest]part{}, ties: map[uint32]*tie{}, passed: map[uint32]map[uint32]bool{}, resources: map[string]*resource{}, tokens: tokens.New(),
		lives: map[uint32][]phase{}, abouts: map[uint32][]said[About]{}, holdersKeys: map[uint32][]uint32{},
	}
	x.scope("")
	return x
}

// Apply takes in the entry that comes next, which was verified. It reads the event alone, not the state after it. An
// entry out of order is a fault of the caller, and panics: every later answer would be wrong.
func (x *Index) Apply(en *chain.Entry, _ *rules.State) {
	sum := sumOf(en)
	x.mu.Lock()
	defer x.mu.Unlock()
	e := en.Event
	if e.Sequence != uint64(x.entries.len())+1 {
		panic(fmt.Sprintf("access: entry %d was applied after %d", e.Sequence, x.entries.len()))
	}
	x.addEntry(entry{id: e.ID, actor: x.actor(e.Actor), time: e.Time.UnixMilli(), occurred: occurred(e), sum: sum})
	if e.Sequence%4096 == 0 {
		x.forget(e.Time.UnixMilli())
	}
	x.tokens.Apply(e)
	x.take(e)
	for rest := x.touched; len(rest) > 0; {
		of, n := x.lines.at(rest[0]).subject, 1
		for n < len(rest) && x.lines.at(rest[n]).subject == of {
			n++
		}
		x.publishHolding(x.subjects.at(of), rest[:n], e.Sequence)
		rest = rest[n:]
	}
	x.touched = x.touched[:0]
	x.head.Store(e.Sequence)
}

func (x *Index) addEntry(e entry) {
	n := x.entries.add(e)
	if _, have := x.entryOf(e.sum); !have { // only those that were never sealed have the same
		x.entryNumber.add(binary.LittleEndian.Uint32(e.sum[:]), n)
	}
}

func (x *Index) entryOf(sum [32]byte) (uint32, bool) {
	return x.entryNumber.find(binary.LittleEndian.Uint32(sum[:]), func(n uint32) bool { return x.entries.at(n).sum == sum })
}

func (x *Index) actor(id ulid.ULID) uint32 {
	n, ok := x.actorNumber[id]
	if !ok {
		n = uint32(len(x.actors))
		x.actors, x.actorNumber[id] = append(x.actors, id), n
	}
	return n
}

// entry gives what is kept of the entry at a position.
func (x *Index) entry(position uint64) *entry { return x.entries.at(uint32(position) - 1) }

// actorOf gives who did what an entry says.
func (x *Index) actorOf(position uint64) ulid.ULID { return x.actors[x.entry(position).actor] }

// occurred gives the occurred time by which an event counts.
func occurred(e *events.Event) int64 {
	switch e.Data.(type) {
	case *events.RoleCreated, *events.RoleUpdated, *events.RoleDeleted,
		*events.RoleAssigned, *events.RoleDelegated, *events.RoleRevoked, *events.RolesSet, *events.GrantEnded,
		*events.PermissionGranted, *events.PermissionRevoked, *events.PermissionsSet:
		return e.Occurred().UnixMilli()
	}
	if _, ok := e.Data.(events.TokenData); ok {
		return e.Occurred().UnixMilli()
	}
	return always
}

// forget drops the parts that no later event can name.
func (x *Index) forget(now int64) {
	for digest, p := range x.parts {
		if now-p.at > partKept {
			delete(x.parts, digest)
		}
	}
}

// scope gives the number of a scope, a new one where it has none.
func (x *Index) scope(text string) uint32 {
	if n, ok := x.scopeNamed(text); ok {
		return n
	}
	n := x.scopes.add(strings.Clone(text))
	x.scopeNumber.add(hash(text), n)
	return n
}

// resolve gives the numbers of names that an event gives itself and by parts, each once.
func (x *Index) resolve(names []string, parts []events.Digest, more []string) []uint32 {
	var seen bits
	numbers := make([]uint32, 0, len(names)+len(more))
	enter := func(list []string) {
		for _, name := range list {
			if n := x.enter(name); !seen.has(n) {
				seen.set(n)
				numbers = append(numbers, n)
			}
		}
	}
	enter(names)
	for _, digest := range parts {
		enter(x.parts[digest].names)
	}
	enter(more)
	return numbers
}
