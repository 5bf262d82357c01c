package document

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Kinds of things that documents speak of.
const (
	KindRole    = "role"
	KindSubject = "subject"
	KindReview  = "review"
)

// A Thing is what a document speaks of.
type Thing struct {
	Kind string
	ID   ulid.ULID
}

// String gives the thing as events name it: kind/id.
func (t Thing) String() string { return t.Kind + "/" + t.ID.String() }

// About says what the document of an event speaks of; false for events that carry none in any organization. It is
// mostly what the event is about, but where a grant ends it is the subject that had it.
func About(d events.Data) (Thing, bool) {
	switch d := d.(type) {
	case *events.RoleCreated:
		return Thing{KindRole, d.Role}, true
	case *events.RoleUpdated:
		return Thing{KindRole, d.Role}, true
	case *events.RoleDeleted:
		return Thing{KindRole, d.Role}, true
	case *events.RoleAssigned:
		return Thing{KindSubject, d.Subject}, true
	case *events.RoleDelegated:
		return Thing{KindSubject, d.Subject}, true
	case *events.RoleRevoked:
		return Thing{KindSubject, d.Subject}, true
	case *events.RolesSet:
		return Thing{KindSubject, d.Subject}, true
	case *events.GrantEnded:
		return Thing{KindSubject, d.Subject}, true
	case *events.PermissionGranted:
		return Thing{KindSubject, d.Subject}, true
	case *events.PermissionRevoked:
		return Thing{KindSubject, d.Subject}, true
	case *events.PermissionsSet:
		return Thing{KindSubject, d.Subject}, true
	case *events.ReviewClosed:
		return Thing{KindReview, d.Review}, true
	case *events.SubjectAdded:
		return Thing{KindSubject, d.Subject}, rules.Announced(d)
	case *events.SubjectInvited:
		return Thing{KindSubject, d.Subject}, rules.Announced(d)
	case *events.SubjectRemoved:
		return Thing{KindSubject, d.Subject}, rules.Announced(d)
	case *events.DocumentIssued:
		kind, id, ok := rules.Thing(d.Thing)
		return Thing{kind, id}, ok && (kind == KindRole || kind == KindSubject)
	}
	return Thing{}, false
}
