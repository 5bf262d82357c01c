package rules

import (
	"bytes"
	"container/heap"

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
	for _, t := range s.opened.Evidence {
		s.evidence[events.Type(t)] = true
	}
	s.perms.read(r)
	readSorted(r, 5, r.String, func(name string) { s.catalogues[name] = readCatalogue(r) })
	for name, c := range s.catalogues {
		addGuards(s.perms.guards, name, c.permissions)
	}
	var roles []*role // by number
	bytesOf := func(n int) func() string { return func() string { return string(r.Take(n)) } }
	readSorted(r, 24, bytesOf(16), func(id string) { roles = append(roles, s.readRole(r, ulid.ULID([]byte(id)))) })
	readSorted(r, 23, bytesOf(16), func(id string) { s.readSubject(r, ulid.ULID([]byte(id)), roles) })
	s.readReplaced(r, roles)
	heap.Init(&s.due)
	readSorted(r, 19, r.String, func(did string) {
		k := &key{purpose: r.String(), subject: r.ID(), revoked: s.past(r)}
		if k.purpose == events.PurposeCredential && s.subjects[k.subject] == nil {
			r.Fail("a credential is of nobody")
		}
		s.keys[did] = k
	})
	readSorted(r, 2, r.String, func(purpose string) {
		did := r.String()
		if s.keys[did] == nil {
			r.Fail("a key in use is none of the keys")
		}
		s.current[purpose] = did
	})
	readSorted(r, 34, bytesOf(32), func(digest string) {
		at := instant(r.Int())
		s.parts[events.Digest([]byte(digest))] = part{r.Strings(), at}
	})
	readSorted(r, 2, r.String, func(source string) { s.sources[source] = instant(r.Int()) })
	s.recent = s.readIDs(r, s.ids)
	s.readIDs(r, s.kept)
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
		EmptyRoles: r.Bool(), NewPermissions: r.Bool(), UniqueNames: r.Bool()}
	o.Owner.Subject, o.Node = r.ID(), r.ID()
	texts := readTexts(r, 8)
	o.Owner.Key, o.Owner.Kind, o.Owner.DID, o.Owner.Credential = texts[0], texts[1], texts[2], texts[3]
	o.Keys = events.Keys{Event: texts[4], Document: texts[5], Root: texts[6], Operator: texts[7]}
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
		p.info[i] = permission{retired: r.Bool(), reserved: r.Bool(), token: r.Bool(), dependsOn: r.Strings()}
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
		texts := readTexts(r, 6)
		c.permissions = append(c.permissions, events.Permission{
			Name: texts[0], Category: texts[1], Entity: texts[2], Action: texts[3], Description: texts[4], Level: texts[5],
			DependsOn: r.Strings(), Guards: r.Strings(), Reserved: r.Bool(),
		})
		if r.Err() != nil {
			break
		}
	}
	return c
}

func (s *State) readRole(r *snapshot.Reader, id ulid.ULID) *role {
	ro := &role{id: id, key: r.String(), name: r.String(), description: r.String(), holders: map[ulid.ULID]int{}}
	for range r.Count(2) {
		ro.labels = append(ro.labels, events.Label{Name: r.String(), Value: r.String()})
	}
	ro.created, ro.changed, ro.deleted = s.past(r), s.past(r), s.past(r)
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
	u := &subject{id: id, key: r.String(), kind: r.String(), did: r.String(), credential: r.String(), added: s.past(r), deactivated: s.past(r)}
	if _, ok := s.subjectKey[u.key]; ok {
		r.Fail("two subjects have the key %.32q", u.key)
	}
	s.addSubject(u)
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
	for i := range r.Count(20) {
		g := &grant{subject: id}
		n := s.readRoleOf(r, g, roles)
		s.readGrant(r, g)
		ascends(i, n, g.scope)
		if r.Err() != nil {
			return
		}
		if u.roles == nil {
			u.roles = map[roleScope]*grant{}
		}
		u.roles[roleScope{g.role, g.scope}] = g
		s.roles[g.role].holders[id]++
	}
	for i := range r.Count(20) {
		g := &grant{subject: id}
		n := s.readPermissionOf(r, g)
		s.readGrant(r, g)
		ascends(i, n, g.scope)
		if r.Err() != nil {
			return
		}
		if u.direct == nil {
			u.direct = map[permissionScope]*grant{}
		}
		u.direct[permissionScope{uint32(n), g.scope}] = g
	}
}

func (s *State) readRoleOf(r *snapshot.Reader, g *grant, roles []*role) uint64 {
	n := r.Below(uint64(len(roles)))
	if r.Err() == nil {
		g.role = roles[n].id
	}
	return n
}

func (s *State) readPermissionOf(r *snapshot.Reader, g *grant) uint64 {
	n := r.Below(uint64(len(s.perms.names)))
	if r.Err() == nil {
		g.permission = s.perms.names[n]
	}
	return n
}

// readGrant reads the rest of a grant, and takes it in where it ends.
func (s *State) readGrant(r *snapshot.Reader, g *grant) {
	g.scope, g.id, g.position = r.String(), r.ID(), s.past(r)
	if ms := r.Uint(); ms > 0 {
		if g.until = instant(int64(ms - 1)); g.until.IsZero() || s.ending[g.id] != nil {
			r.Fail("two grants that end have one id, or one has no end")
			return
		}
		s.ending[g.id] = g
		g.place = len(s.due)
		s.due = append(s.due, g)
	}
}

func (s *State) readReplaced(r *snapshot.Reader, roles []*role) {
	var last ulid.ULID
	for i := range r.Count(36) {
		g := &grant{subject: r.ID()}
		if r.Bool() {
			s.readRoleOf(r, g, roles)
		} else {
			s.readPermissionOf(r, g)
		}
		s.readGrant(r, g)
		if s.subjects[g.subject] == nil || g.until.IsZero() || i > 0 && bytes.Compare(last[:], g.id[:]) >= 0 {
			r.Fail("a replaced grant is nobody's, has no end, or is out of order")
			return
		}
		last = g.id
	}
}

// readIDs reads ids in the order of their positions, which ascend.
func (s *State) readIDs(r *snapshot.Reader, into map[ulid.ULID]uint64) []ulid.ULID {
	n := r.Count(17)
	list := make([]ulid.ULID, 0, n)
	last := uint64(0)
	for range n {
		id, step := ulid.ULID(r.ID()), r.Uint()
		if r.Err() != nil || step == 0 || step > s.position-last || into[id] != 0 {
			r.Fail("ids are out of order, or one is there twice")
			return nil
		}
		last += step
		into[id] = last
		list = append(list, id)
	}
	return list
}
