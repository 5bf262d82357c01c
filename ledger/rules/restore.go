package rules

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// ReadSnapshot gives the state that AppendSnapshot wrote, from all of b. It is strict: what it reads, AppendSnapshot
// writes again to the byte, and nothing in it names what is not there. The error wraps [snapshot.ErrSnapshot]; the events
// are then to be folded instead. Whether b is of this ledger the caller has to know.
func ReadSnapshot(b []byte) (*State, error) {
	r, s := snapshot.NewReader(b), New()
	r.Header(snapshotOf, snapshotVersion)
	if s.position = r.Uint(); s.position > 0 {
		s.read(r)
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	return s, nil
}

// read reads what follows the position.
func (s *State) read(r *snapshot.Reader) {
	s.time, s.source, s.documents = instant(r.Int()), r.String(), r.Uint()
	s.opened = readOpened(r)
	s.owner, s.defaultRole = r.ID(), r.ID()
	s.founded = int(r.Below(1 << 32))
	if r.Bool() {
		s.recovery = &recovery{r.ID(), s.past(r), instant(r.Int())}
	}
	for _, t := range s.opened.Evidence {
		s.evidence[events.Type(t)] = true
	}
	s.perms.read(r)
	readSorted(r, 5, r.String, func(name string) { s.catalogues[name] = readCatalogue(r) })
	for name, c := range s.catalogues {
		addGuards(s.perms.guards, name, c.permissions)
	}
	s.perms.access = s.perms.withAccess()
	var roles []*role // by number
	readByID(r, 24, func(id ulid.ULID) { roles = append(roles, s.readRole(r, id)) })
	s.numbered = slices.Clone(roles)
	slices.SortStableFunc(s.numbered, func(a, b *role) int { return cmp.Compare(a.created, b.created) })
	for i, ro := range s.numbered {
		ro.number = uint32(i)
	}
	readByID(r, 23, func(id ulid.ULID) { s.readSubject(r, id, roles) })
	s.readTies(r)
	s.readResources(r)
	s.readReviews(r)
	s.readReplaced(r, roles)
	heap.Init(&s.due)
	readSorted(r, 21, r.String, func(did string) {
		k := &key{purpose: r.String(), subject: r.ID(), since: s.past(r), revoked: s.past(r), until: timeOf(r.Int())}
		if k.purpose == events.PurposeCredential && s.subjects.get(k.subject) == nil {
			r.Fail("a credential is of nobody")
		}
		s.keys[did] = k
	})
	s.readCheckpoints(r)
	s.readLives(r)
	readSorted(r, 2, r.String, func(purpose string) {
		did := r.String()
		if s.keys[did] == nil {
			r.Fail("a key in use is none of the keys")
		}
		s.current[purpose] = did
	})
	if s.recovery != nil && s.subjects.get(s.recovery.to) == nil || s.defaultRole != ulidZero && s.roles[s.defaultRole] == nil ||
		s.subjects.get(s.owner) == nil || s.founded > s.subjects.count {
		r.Fail("the owner, its heir or the default role is not there")
	}
	readSorted(r, 34, func() string { return string(r.Take(32)) }, func(digest string) {
		at := instant(r.Int())
		s.parts[events.Digest([]byte(digest))] = part{r.Strings(), at}
	})
	readSorted(r, 2, r.String, func(source string) { s.sources[source] = instant(r.Int()) })
	s.readTokens(r)
	s.live.read(r, s.position)
	s.kept.read(r, s.position)
}

// readSorted reads a list whose keys ascend, of things that take size bytes at least.
func readSorted(r *snapshot.Reader, size int, name func() string, thing func(string)) {
	last := ""
	for i := range r.Count(size) {
		key := name()
		if i > 0 && key <= last {
			r.Fail("a list is out of order")
		}
		if r.Err() != nil {
			return
		}
		thing(key)
		last = key
	}
}

// readByID is readSorted of things that begin with an id.
func readByID(r *snapshot.Reader, size int, thing func(ulid.ULID)) {
	readSorted(r, size, func() string { return string(r.Take(16)) }, func(id string) { thing(ulid.ULID([]byte(id))) })
}

// past reads a position that the state has come to.
func (s *State) past(r *snapshot.Reader) uint64 {
	at := r.Uint()
	if at > s.position {
		r.Fail("the position %d lies behind its own, %d", at, s.position)
	}
	return at
}

func readOpened(r *snapshot.Reader) *events.OrganizationOpened {
	o := &events.OrganizationOpened{Organization: r.String(), Name: r.String(), DID: r.String(), Rules: r.Uint()}
	o.Profile = events.Profile{Name: r.String(), Dependencies: r.Bool(), DirectGrants: r.Bool(), Documents: r.Bool(),
		EmptyRoles: r.Bool(), NewPermissions: r.Bool(), UniqueNames: r.Bool(),
		DefaultRoles: r.Bool(), Delegation: r.Bool(), FixedRoles: r.Bool(), KeepDelegated: r.Bool(),
		OneRolePerKey: r.Bool(), WithdrawRoles: r.Bool(), RecoveryDelay: r.Uint()}
	o.Owner.Subject, o.Node, o.Operator = r.ID(), r.ID(), r.ID()
	texts := readTexts(r, 9)
	o.Owner.Key, o.Owner.Kind, o.Owner.DID, o.Owner.Credential = texts[0], texts[1], texts[2], texts[3]
	o.Keys = events.Keys{Event: texts[4], Document: texts[5], Root: texts[6], Operator: texts[7], Checkpoint: texts[8]}
	o.Evidence = r.Strings()
	return o
}

// readTexts reads a list of n texts; empty ones after a fault.
func readTexts(r *snapshot.Reader, n int) []string {
	texts := r.Strings()
	if len(texts) != n {
		r.Fail("%d texts stand where %d should", len(texts), n)
		return make([]string, n)
	}
	return texts
}

func (p *permissions) read(r *snapshot.Reader) {
	for i, name := range r.Strings() {
		if int(p.enter(nil, name)) != i {
			r.Fail("the permission %.32q stands there twice", name)
			return
		}
	}
	for i := range p.info {
		p.info[i] = permission{retired: r.Bool(), reserved: r.Bool(), token: r.Bool(), dependsOn: r.Strings(), needs: r.Strings(), access: r.String(), kind: r.String()}
		for _, other := range p.info[i].dependsOn {
			if _, ok := p.number[other]; !ok {
				r.Fail("a permission depends on one that is not there")
			}
		}
	}
}

func readCatalogue(r *snapshot.Reader) *catalogue {
	c := &catalogue{title: r.String(), number: r.Uint(), position: r.Uint()}
	for range r.Count(10) {
		texts := readTexts(r, 7)
		c.permissions = append(c.permissions, events.Permission{
			Name: texts[0], Category: texts[1], Entity: texts[2], Action: texts[3], Description: texts[4], Level: texts[5], Access: texts[6],
			DependsOn: r.Strings(), Guards: r.Strings(), Needs: r.Strings(), Reserved: r.Bool(),
		})
		if r.Err() != nil {
			break
		}
	}
	return c
}

func (s *State) readRole(r *snapshot.Reader, id ulid.ULID) *role {
	ro := &role{id: id, key: r.String(), name: r.String(), description: r.String()}
	for range r.Count(2) {
		ro.labels = append(ro.labels, events.Label{Name: r.String(), Value: r.String()})
	}
	ro.created, ro.changed, ro.deleted = s.past(r), s.past(r), s.past(r)
	ro.system, ro.managed = r.Bool(), r.String()
	if ro.managed != "" && ro.managed != events.ManagedOperator {
		if _, have := s.managed[ro.managed]; have {
			r.Fail("two roles are managed by %.32q", ro.managed)
		}
		s.managed[ro.managed] = id
	}
	ro.set = s.readSet(r)
	s.roles[id] = ro
	if ro.deleted == 0 {
		if _, ok := s.roleKeys[ro.key]; ok {
			r.Fail("two roles have the key %.32q", ro.key)
		}
		s.roleKeys[ro.key] = id
		s.roleNames[ro.name]++
	}
	return ro
}

func (s *State) readSet(r *snapshot.Reader) *set {
	out := &set{count: r.Count(1)}
	next := uint64(0)
	for range out.count {
		step := r.Below(uint64(len(s.perms.names)) - next)
		if r.Err() != nil {
			break
		}
		n := uint32(next + step)
		for int(n>>6) >= len(out.bits) {
			out.bits = append(out.bits, 0)
		}
		out.bits[n>>6] |= 1 << (n & 63)
		b := s.perms.bucketOf[n]
		out.stale[b>>6] |= 1 << (b & 63)
		next += step + 1
	}
	return out
}

func (s *State) readSubject(r *snapshot.Reader, id ulid.ULID, roles []*role) {
	u := subject{id: id, key: r.String(), kind: r.String(), did: r.String(), credential: r.String(), added: s.past(r), deactivated: s.past(r)}
	if s.subjects.withKey(u.key) != nil {
		r.Fail("two subjects have the key %.32q", u.key)
	}
	has := s.subjects.add(nil, u)
	var before struct {
		number uint64
		scope  string
	}
	ascends := func(i int, number uint64, scope string) {
		if i > 0 && (number < before.number || number == before.number && scope <= before.scope) {
			r.Fail("what a subject has is out of order")
		}
		before.number, before.scope = number, scope
	}
	for _, what := range []func(*snapshot.Reader, []*role) (uint64, what){s.readRoleOf, s.readPermissionOf} {
		for i := range r.Count(20) {
			n, w := what(r, roles)
			g := s.readGrant(r, id, w)
			ascends(i, n, g.scope)
			if r.Err() != nil {
				return
			}
			if w.role() && has.times(w) == 0 {
				s.numbered[w.number()].holders++
			}
			has.insert(len(has.grants), g)
		}
	}
}

// readRoleOf reads what stands for a role.
func (s *State) readRoleOf(r *snapshot.Reader, roles []*role) (uint64, what) {
	n := r.Below(uint64(len(roles)))
	if r.Err() != nil {
		return 0, 0
	}
	return n, whatRole(roles[n].number)
}

// readPermissionOf reads what stands for a permission.
func (s *State) readPermissionOf(r *snapshot.Reader, _ []*role) (uint64, what) {
	n := r.Below(uint64(len(s.perms.names)))
	return n, whatPermission(uint32(n))
}

// readGrant reads the rest of a grant, and takes it in where it ends.
func (s *State) readGrant(r *snapshot.Reader, of ulid.ULID, w what) grant {
	g := grant{until: endless, scope: r.String(), id: r.ID(), position: s.past(r), what: w}
	if ms := r.Uint(); ms > 0 {
		g.until = int64(ms - 1)
		if g.until < 0 || g.until == endless || s.ending[g.id] != nil {
			r.Fail("two grants that end have one id, or one has no end")
			return g
		}
		x := &ending{grant: g, subject: of, place: len(s.due)}
		s.ending[g.id] = x
		s.due = append(s.due, x)
	}
	return g
}

func (s *State) readReplaced(r *snapshot.Reader, roles []*role) {
	var last ulid.ULID
	for i := range r.Count(36) {
		of, what := r.ID(), s.readPermissionOf
		if r.Bool() {
			what = s.readRoleOf
		}
		_, w := what(r, roles)
		g := s.readGrant(r, of, w)
		if s.subjects.get(of) == nil || g.until == endless || i > 0 && bytes.Compare(last[:], g.id[:]) >= 0 {
			r.Fail("a replaced grant is nobody's, has no end, or is out of order")
			return
		}
		last = g.id
	}
}

// read reads ids in the order of their positions, which ascend.
func (c *commands) read(r *snapshot.Reader, position uint64) {
	n := r.Count(17)
	c.list = make([]recorded, 0, n)
	last := uint64(0)
	for range n {
		id, step := ulid.ULID(r.ID()), r.Uint()
		if r.Err() != nil || step == 0 || step > position-last || c.at(id) != 0 {
			r.Fail("ids are out of order, or one is there twice")
			return
		}
		last += step
		c.add(nil, id, last)
	}
}
