package client

import (
	"context"
	"crypto"
	"net/http"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events/didkey"
)

// An Author records changes of one organization, in somebody's name: each kind of change is a method, and its answer is the
// receipt. Words that are private by the ledger's rules (reasons, names, e-mail addresses) are given as they are; the ledger gets
// commitments to them. Errors are those of [Client.Record]. Its methods are safe for concurrent use.
type Author struct {
	record func(context.Context, wire.Intent) (wire.Receipt, error)
	reason string
}

// Author gives an author who signs with a key of its own, a credential of the ledger: it reads each command before it signs.
func (c *Client) Author(org string, key crypto.Signer) (*Author, error) {
	public, err := didkey.PublicOf(key)
	if err != nil {
		return nil, err
	}
	return &Author{record: func(ctx context.Context, in wire.Intent) (wire.Receipt, error) {
		in.Credential = didkey.Encode(public)
		texts := commit(&in)
		p, err := c.Prepare(ctx, org, in)
		if err != nil {
			return wire.Receipt{}, err
		}
		return c.SignAndRecord(ctx, org, p, key, texts)
	}}, nil
}

// Caller gives an author who is whoever the client's token is of, an API key or a session: the server signs with that one's key.
// Where the answer is lost, so is what became of the change: look with [Client.History], or sign yourself.
func (c *Client) Caller(org string) *Author {
	return &Author{record: func(ctx context.Context, in wire.Intent) (wire.Receipt, error) {
		r, err := sendQuery[wire.Receipt](ctx, c, http.MethodPost, path(org, "do"), c.recording(), in)
		if err == nil {
			c.answered(org, r.Seq)
		}
		return r, err
	}}
}

// Because gives the same author, who says why.
func (a *Author) Because(reason string) *Author {
	other := *a
	other.reason = reason
	return &other
}

// Do records a change of any kind.
func (a *Author) Do(ctx context.Context, in wire.Intent) (wire.Receipt, error) {
	if in.Reason == "" {
		in.Reason = a.reason
	}
	return a.record(ctx, in)
}

// commit replaces the private words of an intent by commitments to them, and gives the texts.
func commit(in *wire.Intent) (texts []wire.Text) {
	for _, words := range in.Private() {
		if *words != "" {
			commitment, t := Commit(*words)
			*words, texts = commitment, append(texts, t)
		}
	}
	return texts
}

// When says for what, how long and under what something is given. The zero When is the whole organization, for good.
type When struct {
	Scope     string // a resource and all beneath it; empty: the whole organization
	Until     time.Time
	Condition string // as resource.properties.country == "LU"
}

func (w When) until() string { return instantOf(w.Until) }

func instantOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// AssignRole gives a subject a role; both by key or id.
func (a *Author) AssignRole(ctx context.Context, subject, role string, w When) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.AssignRole, Subject: subject, Role: role, Scope: w.Scope, Until: w.until(), Condition: w.Condition})
}

// RevokeRole takes away a role that was given on a scope.
func (a *Author) RevokeRole(ctx context.Context, subject, role, scope string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RevokeRole, Subject: subject, Role: role, Scope: scope})
}

// SetRoles gives a subject exactly these roles on the whole organization.
func (a *Author) SetRoles(ctx context.Context, subject string, roles ...string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.SetRoles, Subject: subject, Roles: roles})
}

// DelegateRole passes on a role that the author has itself.
func (a *Author) DelegateRole(ctx context.Context, subject, role string, w When) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.DelegateRole, Subject: subject, Role: role, Scope: w.Scope, Until: w.until()})
}

// GrantPermission gives a subject a permission without a role.
func (a *Author) GrantPermission(ctx context.Context, subject, permission string, w When) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.GrantPermission, Subject: subject, Permission: permission, Scope: w.Scope, Until: w.until(), Condition: w.Condition})
}

// RevokePermission takes away a permission that was given without a role, on a scope.
func (a *Author) RevokePermission(ctx context.Context, subject, permission, scope string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RevokePermission, Subject: subject, Permission: permission, Scope: scope})
}

// SetPermissions gives a subject exactly these permissions without a role, on a scope.
func (a *Author) SetPermissions(ctx context.Context, subject, scope string, permissions ...string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.SetPermissions, Subject: subject, Scope: scope, Permissions: permissions})
}

// Role is a new role.
type Role struct {
	Key, Name, Description string
	Permissions            []string
	Labels                 map[string]string
	System                 bool   // it can be neither changed nor deleted
	Managed                string // how it is assigned; empty: by hand
}

// CreateRole makes a role.
func (a *Author) CreateRole(ctx context.Context, r Role) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{
		Kind: wire.CreateRole, Role: r.Key, Name: &r.Name, Description: nonEmpty(r.Description), Permissions: r.Permissions, Labels: r.Labels,
		System: r.System, Managed: r.Managed,
	})
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// RoleChange is what becomes another of a role; what is nil stays.
type RoleChange struct {
	Name, Description *string
	Add, Remove       []string          // permissions
	Labels            map[string]string // an empty value takes one away
}

// UpdateRole changes a role.
func (a *Author) UpdateRole(ctx context.Context, role string, ch RoleChange) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{
		Kind: wire.UpdateRole, Role: role, Name: ch.Name, Description: ch.Description, Add: ch.Add, Remove: ch.Remove, Labels: ch.Labels,
	})
}

// DeleteRole deletes a role. confirm says that this is meant although somebody has it.
func (a *Author) DeleteRole(ctx context.Context, role string, confirm bool) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.DeleteRole, Role: role, Confirm: confirm})
}

// ReviewRole says that a role was looked at and is as it should be.
func (a *Author) ReviewRole(ctx context.Context, role string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.ReviewRole, Role: role})
}

// DefaultRole makes a role the one that everybody gets who is added; empty: nobody gets one any more.
func (a *Author) DefaultRole(ctx context.Context, role string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.DefaultRole, Role: role})
}
