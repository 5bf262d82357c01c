package access

import (
	"bytes"
	"math"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// ReadSnapshot implements projections.Snapshotter.
func (x *Index) ReadSnapshot(b []byte) error {
	r := &restorer{Reader: snapshot.NewReader(b), x: New()}
	r.Header(snapshotOf, snapshotVersion)
	for _, read := range []func(){r.entries, r.scopes, r.permissions, r.roles, r.subjects, r.lives, r.lines, r.ties, r.resources, r.parts, r.tokens} {
		if read(); r.Err() != nil {
			return r.Err()
		}
	}
	if err := r.Close(); err != nil {
		return err
	}
	r.publish()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.become(r.x)
	return nil
}

// become takes over what another index has, which nobody else may use.
func (x *Index) become(y *Index) {
	x.entries.become(&y.entries)
	x.entryNumber.become(&y.entryNumber)
	x.actors, x.actorNumber = y.actors, y.actorNumber
	x.perms.become(&y.perms)
	x.permNumber.become(&y.permNumber)
	x.sorted.Store(nil)
	x.keyed.Store(nil)
	x.scopes.become(&y.scopes)
	x.scopeNumber.become(&y.scopeNumber)
	x.roles.become(&y.roles)
	x.roleID, x.roleKey = y.roleID, y.roleKey
	x.subjects.become(&y.subjects)
	x.subjectID.become(&y.subjectID)
	x.subjectKey.become(&y.subjectKey)
	x.kinds, x.owner, x.parts = y.kinds, y.owner, y.parts
	x.lives, x.abouts, x.holdersKeys = y.lives, y.abouts, y.holdersKeys
	x.owners, x.bosses, x.defaults = y.owners, y.bosses, y.defaults
	x.tokens = y.tokens
	x.ties, x.passed, x.resources, x.accesses = y.ties, y.passed, y.resources, y.accesses
	x.lines.become(&y.lines)
	x.lineNumber.become(&y.lineNumber)
	x.head.Store(y.head.Load())
}

// A restorer reads a snapshot into an index. Each of its methods may be left with things half read after a fault.
type restorer struct {
	*snapshot.Reader
	x    *Index
	head uint64
}

// tokens reads the snapshot of the index of tokens.
func (r *restorer) tokens() {
	if err := r.x.tokens.ReadSnapshot(r.Bytes()); err != nil && r.Err() == nil {
		r.Fail("%v", err)
	}
}

// position reads a position that there is.
func (r *restorer) position() uint64 { return r.after(0) }

// after reads a position that comes after another as the steps from there, one or more.
func (r *restorer) after(last uint64) uint64 {
	at := last + r.Uint()
	if at <= last || at > r.head {
		r.Fail("a position is out of order, or beyond the last, %d", r.head)
		return 0
	}
	return at
}

// maybe reads a position, or 0.
func (r *restorer) maybe() uint64 { return r.Below(r.head + 1) }

// below reads the number of one of n things.
func (r *restorer) below(n int) uint32 { return uint32(r.Below(uint64(n))) }

func (r *restorer) entries() {
	x := r.x
	x.actors = nil
	for range r.Count(16) {
		x.actor(r.ID())
	}
	n := r.Count(51)
	if uint64(n) > math.MaxUint32-1 {
		r.Fail("it has more entries than this release counts")
		return
	}
	r.head = uint64(n)
	sums, ids := r.Take(32*n), r.Take(16*n)
	if r.Err() != nil {
		return
	}
	x.entryNumber.reserve(n)
	last, used := int64(0), uint32(0)
	for i := range n {
		e := entry{sum: [32]byte(sums[32*i:]), id: [16]byte(ids[16*i:])}
		last += r.Int()
		if e.time, e.actor = last, uint32(r.Below(uint64(used)+1)); e.actor == used {
			used++
		}
		switch r.Below(occurredKinds) {
		case occurredAlways:
			e.occurred = always
		case occurredThen:
			e.occurred = e.time
		case occurredBefore:
			if e.occurred = e.time - r.Int(); e.occurred == e.time || e.occurred == always {
				r.Fail("an occurred time has another spelling")
			}
		}
		x.addEntry(e)
	}
	if int(used) != len(x.actors) || len(x.actors) != len(x.actorNumber) {
		r.Fail("its actors are not those of its entries")
	}
}

func (r *restorer) scopes() {
	for i, text := range r.Strings() {
		if int(r.x.scope(text)) != i+1 {
			r.Fail("a scope stands there twice")
			return
		}
	}
}

func (r *restorer) permissions() {
	x := r.x
	names := r.Strings()
	x.permNumber.reserve(len(names))
	for i, name := range names {
		if int(x.enter(name)) != i {
			r.Fail("a permission stands there twice")
			return
		}
	}
	for n, p := range x.perms.all {
		k := r.Count(2)
		p.entered = make([]entered, 0, k)
		for range k {
			e := entered{r.maybe(), r.Int()}
			if n := len(p.entered); e.position == 0 || n > 0 && (e.position < p.entered[n-1].position || e.occurred >= p.entered[n-1].occurred) {
				r.Fail("a permission became known in no order")
			}
			p.entered = append(p.entered, e)
		}
		for range r.Count(10) {
			in := info{position: r.maybe(), catalogue: r.String(), retired: r.Bool()}
			if n := len(p.info); in.position == 0 || n > 0 && in.position < p.info[n-1].position {
				r.Fail("what catalogues say is in no order")
			}
			s := &in.says
			for _, text := range []*string{&s.Name, &s.Category, &s.Entity, &s.Action, &s.Description, &s.Level, &s.Access} {
				*text = r.String()
			}
			s.Reserved, s.DependsOn, s.Guards, s.Needs = r.Bool(), r.names(), r.names(), r.names()
			p.info = append(p.info, in)
			r.x.noteAccess(n)
		}
		if r.Err() != nil {
			return
		}
	}
}

// names reads what appendNames wrote.
func (r *restorer) names() []string {
	is, names := r.Bool(), r.Strings()
	switch {
	case !is && names != nil:
		r.Fail("there are names in no list")
	case is && names == nil:
		return []string{}
	}
	return names
}

func (r *restorer) parts() {
	var before events.Digest
	for i := range r.Count(34) {
		digest, at := events.Digest(r.Sum()), r.Int()
		if i > 0 && bytes.Compare(before[:], digest[:]) >= 0 {
			r.Fail("its parts are out of order")
		}
		r.x.parts[digest], before = part{r.Strings(), at}, digest
	}
}

// publish makes what is read at the head.
func (r *restorer) publish() {
	x := r.x
	for n := range x.perms.all {
		x.publishPermission(n, 0)
	}
	for _, o := range x.roles.all {
		var set bits
		for n, list := range o.changes {
			if o.deleted == 0 && list[len(list)-1].in() {
				set.set(n)
			}
		}
		o.publish(set, 0)
	}
	for _, u := range x.subjects.all {
		h := &holding{active: x.activeNow(u), owner: u.number == x.owner, token: x.tokenKind(u.kind), kind: x.kinds[u.kind]}
		list := make([]held, 0, len(u.roles)+len(u.direct))
		for _, lines := range [][]uint32{u.roles, u.direct} {
			for _, n := range lines {
				l := x.lines.at(n)
				if o := x.outcomeOf(l, view{head: true}); o.held() && x.tied(o.given) != nil {
					u.tie(n, true)
				} else if o.held() {
					list = append(list, held{l.scope, l.thing, o.until})
				}
			}
		}
		h.tied = len(u.tied) > 0
		slices.SortFunc(list, held.compare)
		h.put(list)
		u.now.Store(h)
	}
	x.head.Store(r.head)
}
