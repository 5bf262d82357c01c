package access

import (
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
)

var _ projections.Projection = (*Index)(nil)

// An Index is the access projection of one ledger. Apply is for one goroutine; everything else may be called by many
// at any time.
type Index struct {
	mu      sync.RWMutex
	entries []entry // by position - 1

	names  []string // of permissions, by number; numbers are given in the order of the log and never change
	number map[string]uint32
	perms  []permission
	sorted atomic.Pointer[[]uint32] // numbers in the order of their names; may lack the newest

	scopes      []string // 0 is the whole organization
	scopeNumber map[string]uint32

	roles   []*role // in the order of creation
	roleID  map[ulid.ULID]uint32
	roleKey map[string][]uint32 // all that ever had the key, in the order of creation

	subjects   []*subject
	subjectID  map[ulid.ULID]uint32
	subjectKey map[string]uint32

	owner uint32 // of subjects; there is none before the opening
	parts map[events.Digest]part
}

// entry is what is kept of each entry.
type entry struct {
	id       ulid.ULID
	actor    ulid.ULID
	time     int64 // Unix milliseconds
	occurred int64 // Unix milliseconds; always where the event counts whatever the occurred time
	sum      [32]byte
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
	return &Index{
		number: map[string]uint32{}, scopes: []string{""}, scopeNumber: map[string]uint32{"": 0},
		roleID: map[ulid.ULID]uint32{}, roleKey: map[string][]uint32{},
		subjectID: map[ulid.ULID]uint32{}, subjectKey: map[string]uint32{},
		parts: map[events.Digest]part{},
	}
}

// Apply takes in the entry that comes next, which was verified. It reads the event alone, not the state after it. An
// entry out of order is a fault of the caller, and panics: every later answer would be wrong.
func (x *Index) Apply(en *chain.Entry, _ *rules.State) {
	sum := sumOf(en)
	x.mu.Lock()
	defer x.mu.Unlock()
	e := en.Event
	if e.Sequence != uint64(len(x.entries))+1 {
		panic(fmt.Sprintf("access: entry %d was applied after %d", e.Sequence, len(x.entries)))
	}
	x.entries = append(x.entries, entry{e.ID, e.Actor, e.Time.UnixMilli(), occurred(e), sum})
	if e.Sequence%4096 == 0 {
		x.forget(e.Time.UnixMilli())
	}
	x.take(e)
}

// occurred gives the occurred time by which an event counts.
func occurred(e *events.Event) int64 {
	switch e.Data.(type) {
	case *events.RoleCreated, *events.RoleUpdated, *events.RoleDeleted,
		*events.RoleAssigned, *events.RoleRevoked, *events.RolesSet, *events.GrantEnded,
		*events.PermissionGranted, *events.PermissionRevoked, *events.PermissionsSet:
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
	if n, ok := x.scopeNumber[text]; ok {
		return n
	}
	n := uint32(len(x.scopes))
	text = strings.Clone(text)
	x.scopes = append(x.scopes, text)
	x.scopeNumber[text] = n
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
