package rules

import (
	"github.com/permledger/permledger/events"
)

// MaxMessage is the size of the largest topic message, in bytes: what one chunk of a consensus topic takes.
const MaxMessage = 1024

// Documented says whether an event carries a signed document: each one about a role or about what a user holds, where
// the profile asks for documents, each document that was asked for, and each review that is closed.
func (s *State) Documented(d events.Data) bool {
	switch d.(type) {
	case *events.DocumentIssued, *events.ReviewClosed:
		return true
	}
	return s.opened != nil && s.opened.Profile.Documents && Announced(d)
}

// Announced says whether an event changes a role or what a user holds: these are what topic messages speak of.
func Announced(d events.Data) bool {
	switch d := d.(type) {
	case *events.SubjectAdded:
		return len(d.Roles) > 0 || d.DefaultRole != ulidZero
	case *events.SubjectInvited:
		return len(d.Roles) > 0 || d.DefaultRole != ulidZero
	case *events.SubjectRemoved:
		return d.Grants > 0
	case *events.RoleCreated, *events.RoleUpdated, *events.RoleDeleted,
		*events.RoleAssigned, *events.RoleDelegated, *events.RoleRevoked, *events.RolesSet, *events.GrantEnded,
		*events.PermissionGranted, *events.PermissionRevoked, *events.PermissionsSet:
		return true
	}
	return false
}

// messageFits refuses a name and description that would make a role's topic message too long.
func (s *State) messageFits(name, description string) *Refusal {
	if !s.opened.Profile.Documents {
		return nil
	}
	const frame = len(`{"id":"","status":"ISSUE","type":"Guardian-Role-Document","action":"create-role","lang":"en-US","issuer":"",`+
		`"encodedData":false,"cid":"","uri":"ipfs://","uuid":"","name":,"description":}`) + 36 + 59 + 59 + 36
	size := frame + len(s.DID()) + written([]string{name, description}) - 2
	if description == "" {
		size -= len(`,"description":""`) // a message leaves an empty one out
	}
	if size > MaxMessage {
		return refuse(MessageTooLong, "Name and description make a topic message of %d bytes, at most %d are allowed", size, MaxMessage).
			hint("Shorten the description by %d bytes", size-MaxMessage)
	}
	return nil
}
