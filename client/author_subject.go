package client

import (
	"context"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// Subject is somebody new.
type Subject struct {
	Key, Kind          string            // Kind: human, service, api-key, wallet …
	DID, Credential    string            // Credential: the did:key it signs with; empty: none yet
	DisplayName, Email string            // private
	Auth               string            // how it proves itself: email, api-key, signature or wallet
	Holder             string            // of an API key: the member it is assigned to
	Properties         map[string]string // that conditions compare
	Reference          string            // in another system
	Roles              []string          // that it begins with
}

func (s *Subject) intent(kind string) wire.Intent {
	return wire.Intent{
		Kind: kind, Subject: s.Key, SubjectKind: s.Kind, DID: s.DID, SubjectKey: s.Credential, DisplayName: s.DisplayName, Email: s.Email,
		Auth: s.Auth, Holder: s.Holder, Properties: s.Properties, Reference: nonEmpty(s.Reference), Roles: s.Roles,
	}
}

// AddSubject adds somebody.
func (a *Author) AddSubject(ctx context.Context, s Subject) (wire.Receipt, error) {
	return a.Do(ctx, s.intent(wire.AddSubject))
}

// InviteSubject adds somebody who joins with a code; invitation is the did:key of the code, which holds until an instant; zero:
// as long as the rules let it.
func (a *Author) InviteSubject(ctx context.Context, s Subject, invitation string, until time.Time) (wire.Receipt, error) {
	in := s.intent(wire.InviteSubject)
	in.Invitation, in.Until = invitation, instantOf(until)
	return a.Do(ctx, in)
}

// SubjectChange is what becomes another of a subject; what is empty or nil stays.
type SubjectChange struct {
	DisplayName, Email string // private
	Holder             string
	Unassigned         bool              // the API key is nobody's any more
	Properties         map[string]string // all there are; empty and not nil takes them away
	Reference          *string
}

// UpdateSubject changes what is said of a subject.
func (a *Author) UpdateSubject(ctx context.Context, subject string, ch SubjectChange) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{
		Kind: wire.UpdateSubject, Subject: subject, DisplayName: ch.DisplayName, Email: ch.Email, Holder: ch.Holder, Unassigned: ch.Unassigned,
		Properties: ch.Properties, Reference: ch.Reference,
	})
}

// DeactivateSubject keeps a subject from doing anything.
func (a *Author) DeactivateSubject(ctx context.Context, subject string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.DeactivateSubject, Subject: subject})
}

// ReactivateSubject lets a subject act again.
func (a *Author) ReactivateSubject(ctx context.Context, subject string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.ReactivateSubject, Subject: subject})
}

// RemoveSubject takes a subject out of the organization.
func (a *Author) RemoveSubject(ctx context.Context, subject string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RemoveSubject, Subject: subject})
}

// EraseSubject erases the private texts about a subject; with everything the reasons that it gave, too.
func (a *Author) EraseSubject(ctx context.Context, subject string, everything bool) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.EraseSubject, Subject: subject, Everything: everything})
}

// LinkSubject links an account with a wallet or a DID.
func (a *Author) LinkSubject(ctx context.Context, subject, to string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.LinkSubject, Subject: subject, To: to})
}

// UnlinkSubject takes such a link away.
func (a *Author) UnlinkSubject(ctx context.Context, subject, to string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.UnlinkSubject, Subject: subject, To: to})
}

// ChangeLogin gives a subject another login: its name, which is private, and the did:key that its password unlocks.
func (a *Author) ChangeLogin(ctx context.Context, subject, login, key string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.ChangeLogin, Subject: subject, Login: login, Key: key})
}

// RegisterKey registers a did:key for a purpose; of a credential it is the subject's.
func (a *Author) RegisterKey(ctx context.Context, key, purpose, subject string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RegisterKey, Key: key, Purpose: purpose, Subject: subject})
}

// RotateKey puts a key in the place of another.
func (a *Author) RotateKey(ctx context.Context, old, key string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RotateKey, Old: old, Key: key})
}

// SucceedKey puts an event key in the place of one that is lost. The author is the root key.
func (a *Author) SucceedKey(ctx context.Context, lost, key string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.SucceedKey, Old: lost, Key: key})
}

// RevokeKey lets a key sign nothing more.
func (a *Author) RevokeKey(ctx context.Context, key string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RevokeKey, Key: key})
}

// ReportKey says that others may have known a key from a position on.
func (a *Author) ReportKey(ctx context.Context, key string, from uint64) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.ReportKey, Key: key, From: from})
}
