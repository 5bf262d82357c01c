package access

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// ownerFrom says who owns the organization from a position on. That it does counts whatever the occurred time.
type ownerFrom struct {
	position uint64
	subject  uint32
}

// nobody stands for nobody: no subject has this number.
const nobody = 1<<32 - 1

// ownedAt gives who owned the organization in the view, and the position that made it the owner.
func (x *Index) ownedAt(v view) (subject uint32, since uint64) {
	for _, o := range slices.Backward(x.owners) {
		if o.position <= v.position {
			return o.subject, o.position
		}
	}
	return nobody, 0
}

// owns says whether a subject owns the organization in the view.
func (x *Index) owns(u *subject, v view) bool {
	owner, _ := x.ownedAt(v)
	return u.number == owner
}

// changeOwner puts another subject in the place of the owner. The role that every owner has goes with it.
func (x *Index) changeOwner(to ulid.ULID, at uint64) {
	u := x.subject(to)
	if u == nil {
		return
	}
	former := x.subjects.at(x.owner)
	x.owner, x.owners = u.number, append(x.owners, ownerFrom{at, u.number})
	for _, n := range x.bosses {
		x.change(x.roleLine(former, x.roles.at(n), x.scope("")), taken(at))
	}
	x.publishHolding(former, x.touched, at)
	x.touched = x.touched[:0]
	for _, n := range x.bosses {
		x.change(x.roleLine(u, x.roles.at(n), x.scope("")), given(at, time.Time{}))
	}
	x.publishHolding(u, x.touched, at)
	x.touched = x.touched[:0]
}

// defaultAt gives the role that everybody got who was added in the view; nobody for none. A role that was deleted is none.
func (x *Index) defaultAt(v view) uint32 {
	for _, s := range slices.Backward(x.defaults) {
		if s.position <= v.position {
			return s.value
		}
	}
	return nobody
}

// everything gives all permissions that have a name in the view: what the role of the owner gives.
func (x *Index) everything(v view) bits {
	var all bits
	for n := range x.perms.all {
		if x.known(n, v) {
			all.set(n)
		}
	}
	return all
}

// ownerReason says why the owner holds everything: by the event that made it the owner, and the role that goes with it.
func (x *Index) ownerReason(v view) Reason {
	_, at := x.ownedAt(v)
	r := Reason{Kind: ByOwner, Grant: x.entry(at).id, At: at, By: x.actorOf(at)}
	for _, n := range x.bosses {
		if role := x.roles.at(n); x.existed(role, v) {
			r.Role = x.ref(role, v)
		}
	}
	return r
}

// Owner gives who owned the organization as of then; false before its opening.
func (x *Index) Owner(a AsOf) (SubjectView, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	n, _ := x.ownedAt(v)
	if n == nobody {
		return SubjectView{}, false
	}
	return x.subjectView(x.subjects.at(n), v), true
}
