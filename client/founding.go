package client

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/schemas/catalogues"
)

// Founding gives what makes an organization of a profile complete after its opening, in order: its catalogue, the roles
// that it begins with, and which of them is the default. A profile without a catalogue needs nothing more.
func Founding(profile string) ([]wire.Intent, error) {
	if !slices.Contains(catalogues.Names(), profile) {
		return nil, nil
	}
	roles, err := catalogues.Roles(profile)
	if err != nil {
		return nil, err
	}
	all := []wire.Intent{{Kind: wire.PublishCatalogue, Embedded: profile}}
	for _, r := range roles {
		in := wire.Intent{Kind: wire.CreateRole, Role: r.Key, Name: &r.Name, System: r.System, Managed: r.Managed}
		if r.Description != "" {
			in.Description = &r.Description
		}
		for _, name := range r.Permissions {
			if !strings.Contains(name, ":") { // else it is one of the ledger's own
				name = rules.Qualified(profile, name)
			}
			in.Permissions = append(in.Permissions, name)
		}
		all = append(all, in)
	}
	for _, r := range roles {
		if r.Default {
			all = append(all, wire.Intent{Kind: wire.DefaultRole, Role: r.Key})
		}
	}
	return all, nil
}

// Found makes an organization of a profile complete, in its owner's name, and says how much was recorded for it. What is
// there already stays as it is, so that it can be done again after it was interrupted.
func (c *Client) Found(ctx context.Context, org, profile string, owner ed25519.PrivateKey) (recorded int, err error) {
	all, err := Founding(profile)
	if err != nil {
		return 0, fmt.Errorf("complete %s: %w", org, err)
	}
	for _, in := range all {
		in.Credential = didkey.Encode(owner.Public().(ed25519.PublicKey))
		p, err := c.Prepare(ctx, org, in)
		if err != nil {
			return recorded, fmt.Errorf("complete %s: %s: %w", org, in.Kind, err)
		}
		if r := p.Refusal; r != nil && (r.Code() == string(rules.NoChange) || r.Code() == string(rules.Taken)) {
			continue
		}
		if _, err := c.SignAndRecord(ctx, org, p, owner, nil); err != nil {
			return recorded, fmt.Errorf("complete %s: %s %s: %w", org, in.Kind, in.Role, err)
		}
		recorded++
	}
	return recorded, nil
}
