package client

import (
	"context"
	"encoding/json"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// UpdateOrganization gives the organization another name.
func (a *Author) UpdateOrganization(ctx context.Context, name string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.UpdateOrganization, Name: &name})
}

// AdoptRules has the ledger go by the newest rules from here on; switches may be nil.
func (a *Author) AdoptRules(ctx context.Context, switches *wire.Switches) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.AdoptRules, Switches: switches})
}

// TransferOwnership makes somebody else the owner.
func (a *Author) TransferOwnership(ctx context.Context, to string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.TransferOwnership, Subject: to})
}

// StartRecovery begins to make somebody the owner, for the ledger's operator.
func (a *Author) StartRecovery(ctx context.Context, to string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.StartRecovery, Subject: to})
}

// StopRecovery is the owner's answer to that.
func (a *Author) StopRecovery(ctx context.Context) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.StopRecovery})
}

// RecoverOwnership makes somebody the owner once the delay has passed.
func (a *Author) RecoverOwnership(ctx context.Context, to string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RecoverOwnership, Subject: to})
}

// PublishCatalogue publishes the permissions of a product, in the form of schemas/catalogues.
func (a *Author) PublishCatalogue(ctx context.Context, catalogue json.RawMessage) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.PublishCatalogue, Catalogue: catalogue})
}

// PublishEmbeddedCatalogue publishes one that the server brings along, by name.
func (a *Author) PublishEmbeddedCatalogue(ctx context.Context, name string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.PublishCatalogue, Embedded: name})
}

// IssueDocument has a document signed of a role or a subject as it is: role:<key> or subject:<key>.
func (a *Author) IssueDocument(ctx context.Context, about string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.IssueDocument, About: about})
}

// Resource is something that permissions are about.
type Resource struct {
	Path, Name string
	Properties map[string]string // that conditions compare
	Publish    bool
}

// RegisterResource registers a resource.
func (a *Author) RegisterResource(ctx context.Context, r Resource) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RegisterResource, Resource: r.Path, Name: nonEmpty(r.Name), Properties: r.Properties, Publish: r.Publish})
}

// ResourceChange is what becomes another of a resource; what is nil stays.
type ResourceChange struct {
	Name              *string
	Properties        map[string]string // all there are
	Publish, Withdraw bool
}

// UpdateResource changes a resource.
func (a *Author) UpdateResource(ctx context.Context, resource string, ch ResourceChange) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{
		Kind: wire.UpdateResource, Resource: resource, Name: ch.Name, Properties: ch.Properties, Publish: ch.Publish, Withdraw: ch.Withdraw,
	})
}

// RemoveResource removes a resource.
func (a *Author) RemoveResource(ctx context.Context, resource string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.RemoveResource, Resource: resource})
}

// AssignAccess lets a subject at a resource.
func (a *Author) AssignAccess(ctx context.Context, subject, resource string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.AssignAccess, Subject: subject, Resource: resource})
}

// UnassignAccess takes that away.
func (a *Author) UnassignAccess(ctx context.Context, subject, resource string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.UnassignAccess, Subject: subject, Resource: resource})
}

// DelegateAccess passes on access that the author has itself.
func (a *Author) DelegateAccess(ctx context.Context, subject, resource string) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.DelegateAccess, Subject: subject, Resource: resource})
}

// StartReview begins a review of who has what; about is role:<key> or subject:<key>, and empty for all.
func (a *Author) StartReview(ctx context.Context, title, about string, until time.Time) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.StartReview, Name: &title, About: about, Until: instantOf(until)})
}

// Reviewed is what is decided in a review of what one subject has: a role, or a permission without one, on a scope.
type Reviewed struct {
	Subject, Role, Permission, Scope string
	Keep                             bool // else it is revoked
}

// DecideReview decides of one thing in a review, by its id or title.
func (a *Author) DecideReview(ctx context.Context, review string, r Reviewed) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{
		Kind: wire.DecideReview, Review: review, Decision: decision(r.Keep), Subject: r.Subject, Role: r.Role, Permission: r.Permission, Scope: r.Scope,
	})
}

// CloseReview ends a review; what nobody decided of stays where keep is so, and else is revoked.
func (a *Author) CloseReview(ctx context.Context, review string, keep bool) (wire.Receipt, error) {
	return a.Do(ctx, wire.Intent{Kind: wire.CloseReview, Review: review, Decision: decision(keep)})
}

func decision(keep bool) string {
	if keep {
		return "keep"
	}
	return "revoke"
}
