package client

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// types says which type of event an intent asks for.
var types = map[string]events.Type{
	wire.PublishCatalogue: "catalogue.published", wire.AddSubject: "subject.added", wire.DeactivateSubject: "subject.deactivated",
	wire.InviteSubject: "subject.invited", wire.UpdateSubject: "subject.updated", wire.ReactivateSubject: "subject.reactivated",
	wire.RemoveSubject: "subject.removed", wire.LinkSubject: "subject.linked", wire.UnlinkSubject: "subject.unlinked",
	wire.EraseSubject: "subject.erased", wire.ChangeLogin: "login.changed",
	wire.CreateRole: "role.created", wire.UpdateRole: "role.updated", wire.DeleteRole: "role.deleted",
	wire.AssignRole: "role.assigned", wire.RevokeRole: "role.revoked", wire.SetRoles: "roles.set",
	wire.GrantPermission: "permission.granted", wire.RevokePermission: "permission.revoked", wire.SetPermissions: "permissions.set",
	wire.ReviewRole: "role.reviewed", wire.StartReview: "review.started", wire.DecideReview: "review.decided", wire.CloseReview: "review.closed",
	wire.AdoptRules: "rules.adopted", wire.DefaultRole: "role.defaulted", wire.UpdateOrganization: "organization.updated",
	wire.TransferOwnership: "ownership.transferred", wire.StartRecovery: "recovery.started", wire.StopRecovery: "recovery.stopped",
	wire.RecoverOwnership: "ownership.recovered",
	wire.DelegateRole:     "role.delegated", wire.AssignAccess: "access.assigned", wire.UnassignAccess: "access.unassigned",
	wire.DelegateAccess: "access.delegated", wire.RegisterResource: "resource.registered", wire.UpdateResource: "resource.updated",
	wire.RemoveResource: "resource.removed",
	wire.DeployToken:    "token.deployed", wire.TransferToken: "token.transferred", wire.UpdateToken: "token.updated", wire.ActOnToken: "token.acted",
	wire.AddAgent: "agent.added", wire.RemoveAgent: "agent.removed", wire.QualifyInvestor: "investor.qualified",
	wire.DisqualifyInvestor: "investor.disqualified", wire.BlockWallet: "wallet.blocked", wire.UnblockWallet: "wallet.unblocked",
	wire.ObserveChain:  "chain.observed",
	wire.IssueDocument: "document.issued", wire.RegisterKey: "key.registered", wire.RotateKey: "key.rotated",
	wire.SucceedKey: "key.succeeded", wire.RevokeKey: "key.revoked", wire.ReportKey: "key.reported",
}

// asked says why prepared commands do not say what was asked for. Which role or subject an id in them means is the
// server's word: the client does not know the ledger. Everything else is compared.
func asked(p wire.Prepared, commands []events.Command) error {
	cmd := &commands[len(commands)-1]
	if o, opens := cmd.Data.(*events.OrganizationOpened); opens || p.Opening != nil {
		switch {
		case !opens || p.Intent != nil:
			return fmt.Errorf("it is %s", cmd.Data.Type())
		case p.Opening != nil:
			return opening(p.Opening, cmd, o)
		}
		return nil
	}
	in := p.Intent
	if in == nil {
		return nil
	}
	if want := types[in.Kind]; cmd.Data.Type() != want {
		return fmt.Errorf("it is %s, not %s", cmd.Data.Type(), want)
	}
	if d := cmd.Reason; text(d) != in.Reason {
		return fmt.Errorf("its reason is another")
	}
	parts := map[events.Digest][]string{}
	for _, part := range commands[:len(commands)-1] {
		names := part.Data.(*events.PermissionsRecorded).Permissions
		parts[events.PartDigest(names)] = names
	}
	return data(in, cmd.Data, parts)
}

func opening(want *wire.Opening, cmd *events.Command, d *events.OrganizationOpened) error {
	if want.DID == wire.WebDID { // the server knows the host
		named := *want
		named.DID = events.WebDID(cmd.Ledger)
		want = &named
	}
	have := wire.Opening{
		Organization: d.Organization, Name: d.Name, Profile: d.Profile.Name, DID: d.DID, OwnerKey: d.Owner.Key, OwnerKind: d.Owner.Kind,
		OwnerDID: d.Owner.DID, Credential: d.Owner.Credential, Root: d.Keys.Root, OperatorKey: d.Keys.Operator,
	}
	if have != *want || cmd.Actor != d.Owner.Subject {
		return fmt.Errorf("it opens another organization")
	}
	return nil
}

// SwitchesOf gives the switches of a profile that version 1 of the rules did not know, as [wire.AdoptRules] asks for them.
func SwitchesOf(p events.Profile) wire.Switches {
	return wire.Switches{
		DefaultRoles: p.DefaultRoles, Delegation: p.Delegation, FixedRoles: p.FixedRoles, KeepDelegated: p.KeepDelegated,
		OneRolePerKey: p.OneRolePerKey, RecoveryDelay: p.RecoveryDelay, WithdrawRoles: p.WithdrawRoles,
	}
}

func text(d events.Digest) string {
	if d == (events.Digest{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(d[:])
}

// differs collects what is not as it was asked for.
type differs []string

func (d *differs) text(name, want, have string) {
	if want != have {
		*d = append(*d, name)
	}
}

func (d *differs) optional(name string, want, have *string) {
	if (want == nil) != (have == nil) || want != nil && *want != *have {
		*d = append(*d, name)
	}
}

// given compares what was asked for, where it was; else the server says it.
func (d *differs) given(name string, want *string, have string) {
	if want != nil {
		d.text(name, *want, have)
	}
}

// same compares texts of which one may be an address in other capitals than EIP-55's.
func (d *differs) same(name, want, have string) {
	if want != have && !(strings.EqualFold(want, have) && strings.Contains(want, "0x")) {
		*d = append(*d, name)
	}
}

// said compares what is said of a new subject.
func (d *differs) said(in *wire.Intent, auth string, properties []events.Property, reference string, roles int) {
	d.text("auth", in.Auth, auth)
	d.properties("properties", in.Properties, properties)
	want := ""
	if in.Reference != nil {
		want = *in.Reference
	}
	d.text("reference", want, reference)
	if roles > len(in.Roles) || roles == 0 && len(in.Roles) > 0 {
		*d = append(*d, "roles")
	}
}

func (d *differs) until(want string, have time.Time) {
	t, err := time.Parse(time.RFC3339Nano, want)
	if want == "" && have.IsZero() || err == nil && t.Truncate(time.Millisecond).Equal(have) {
		return
	}
	*d = append(*d, "until")
}

func (d *differs) condition(want, have string) { d.text("condition", spelt(want), have) }

// spelt gives a condition in the one spelling that it has in a command.
func spelt(condition string) string {
	if c, err := events.ParseCondition(condition); condition != "" && err == nil {
		return c.String()
	}
	return condition
}

func (d *differs) flag(name string, want, have bool) {
	if want != have {
		*d = append(*d, name)
	}
}

func (d *differs) properties(name string, want map[string]string, have []events.Property) {
	same := len(want) == len(have)
	for _, p := range have {
		value, ok := want[p.Name]
		same = same && ok && value == p.Value
	}
	if !same {
		*d = append(*d, name)
	}
}

// names compares permissions: those asked for may be without catalogue, those in the command have it.
func (d *differs) names(name string, want, have []string, digests []events.Digest, parts map[events.Digest][]string) {
	have = slices.Clone(have)
	for _, digest := range digests {
		have = append(have, parts[digest]...)
	}
	asked, found := map[string]bool{}, map[string]bool{}
	for _, w := range want {
		asked[w] = true
	}
	same := true
	for _, h := range have {
		_, bare, qualified := strings.Cut(h, ":")
		found[h] = true
		if qualified {
			found[bare] = true
		}
		same = same && (asked[h] || qualified && asked[bare])
	}
	for _, w := range want {
		same = same && found[w]
	}
	if !same {
		*d = append(*d, name)
	}
}

func (d *differs) permission(want, have string) {
	d.names("permission", []string{want}, []string{have}, nil, nil)
}

// labels compares those that were asked for; of a change others may be there from before.
func (d *differs) labels(want map[string]string, have []events.Label, change bool) {
	if len(want) == 0 && have != nil || !change && len(have) > len(want) {
		*d = append(*d, "labels")
	}
	said := map[string]string{}
	for _, l := range have {
		said[l.Name] = l.Value
	}
	for name, value := range want {
		if said[name] != value {
			*d = append(*d, "label "+name)
		}
	}
}

func data(in *wire.Intent, have events.Data, parts map[events.Digest][]string) error {
	var d differs
	switch have := have.(type) {
	case *events.SubjectInvited:
		d.text("key", in.Subject, have.Key)
		d.text("invitation", in.Invitation, have.Invitation)
		d.text("display name", in.DisplayName, text(have.DisplayName))
		d.text("e-mail", in.Email, text(have.Email))
		d.said(in, have.Auth, have.Properties, have.Reference, len(have.Roles))
		if in.Until != "" {
			d.until(in.Until, have.Until)
		}
	case *events.SubjectUpdated:
		d.text("display name", in.DisplayName, text(have.DisplayName))
		d.text("e-mail", in.Email, text(have.Email))
		d.optional("reference", in.Reference, have.Reference)
		d.properties("properties", in.Properties, have.Properties)
		if in.Unassigned != have.Unassigned || (in.Holder == "") != have.Holder.IsZero() {
			d = append(d, "holder")
		}
	case *events.SubjectLinked:
		d.same("wallet or DID", in.To, have.To)
	case *events.SubjectUnlinked:
		d.same("wallet or DID", in.To, have.To)
	case *events.LoginChanged:
		d.text("login", in.Login, text(have.Login))
		d.text("key", in.Key, have.Credential)
	case *events.SubjectAdded:
		d.text("key", in.Subject, have.Key)
		d.said(in, have.Auth, have.Properties, have.Reference, len(have.Roles))
		d.flag("holder", in.Holder == "", have.Holder.IsZero())
		d.text("kind", in.SubjectKind, have.Kind)
		d.text("did", in.DID, have.DID)
		d.text("credential", in.SubjectKey, have.Credential)
		d.text("display name", in.DisplayName, text(have.DisplayName))
		d.text("e-mail", in.Email, text(have.Email))
	case *events.RoleCreated:
		d.text("key", in.Role, have.Key)
		d.given("name", in.Name, have.Name)
		d.given("description", in.Description, have.Description)
		d.labels(in.Labels, have.Labels, false)
		d.names("permissions", in.Permissions, have.Permissions, have.Parts, parts)
		if in.System != have.System || in.Managed != have.Managed {
			d = append(d, "how it is assigned")
		}
	case *events.RoleDefaulted:
		d.flag("role", in.Role == "", have.None)
	case *events.OrganizationUpdated:
		d.optional("name", in.Name, &have.Name)
	case *events.RulesAdopted:
		if want := in.Switches; want == nil || *want != SwitchesOf(have.Switches) {
			d = append(d, "switches")
		}
	case *events.RoleUpdated:
		d.optional("name", in.Name, have.Name)
		d.optional("description", in.Description, have.Description)
		d.labels(in.Labels, have.Labels, true)
		d.names("add", in.Add, have.Add, have.AddParts, parts)
		d.names("remove", in.Remove, have.Remove, have.RemoveParts, parts)
	case *events.RoleAssigned:
		d.text("scope", in.Scope, have.Scope)
		d.until(in.Until, have.Until)
		d.condition(in.Condition, have.Condition)
	case *events.RoleDelegated:
		d.text("scope", in.Scope, have.Scope)
		d.until(in.Until, have.Until)
	case *events.AccessAssigned:
		d.text("resource", in.Resource, have.Resource)
	case *events.AccessUnassigned:
		d.text("resource", in.Resource, have.Resource)
	case *events.AccessDelegated:
		d.text("resource", in.Resource, have.Resource)
	case *events.ResourceRegistered:
		d.text("resource", in.Resource, have.Resource)
		d.given("name", in.Name, have.Name)
		d.properties("properties", in.Properties, have.Properties)
		d.flag("publish", in.Publish, have.Published)
	case *events.ResourceUpdated:
		d.text("resource", in.Resource, have.Resource)
		d.optional("name", in.Name, have.Name)
		d.properties("properties", in.Properties, have.Properties)
		d.flag("publish", in.Publish, have.Publish)
		d.flag("withdraw", in.Withdraw, have.Withdraw)
	case *events.ResourceRemoved:
		d.text("resource", in.Resource, have.Resource)
	case *events.RoleRevoked:
		d.text("scope", in.Scope, have.Scope)
	case *events.RolesSet:
		if len(have.Roles) > len(in.Roles) {
			d = append(d, "roles")
		}
	case *events.PermissionGranted:
		d.permission(in.Permission, have.Permission)
		d.text("scope", in.Scope, have.Scope)
		d.until(in.Until, have.Until)
		d.condition(in.Condition, have.Condition)
	case *events.PermissionRevoked:
		d.permission(in.Permission, have.Permission)
		d.text("scope", in.Scope, have.Scope)
	case *events.PermissionsSet:
		d.names("permissions", in.Permissions, have.Permissions, have.Parts, parts)
		d.text("scope", in.Scope, have.Scope)
	case *events.ReviewStarted:
		d.given("title", in.Name, have.Title)
		d.flag("scope", in.About == "" || in.About == events.ReviewAll, have.Scope == events.ReviewAll)
		d.until(in.Until, have.Due)
	case *events.ReviewDecided:
		d.text("scope", in.Scope, have.Scope)
		d.flag("decision", in.Decision == "revoke", have.Revoke)
	case *events.ReviewClosed:
		d.flag("decision", in.Decision == "keep", have.KeepRest)
	case *events.KeyRegistered:
		d.text("purpose", in.Purpose, have.Purpose)
		d.until(in.Until, have.Until)
		if in.Key != "" {
			d.text("key", in.Key, have.Key)
		}
	case *events.KeyRotated:
		d.text("old key", in.Old, have.Old)
		d.until(in.Until, have.Until)
		d.until(in.Beside, have.Beside)
		if in.Key != "" {
			d.text("key", in.Key, have.New)
		}
	case *events.KeySucceeded:
		d.text("lost key", in.Old, have.Lost)
		if in.Key != "" {
			d.text("key", in.Key, have.Key)
		}
	case *events.KeyRevoked:
		d.text("key", in.Key, have.Key)
	case *events.KeyReported:
		d.text("key", in.Key, have.Key)
		if in.From != have.From {
			d = append(d, "from")
		}
	case events.TokenData:
		d.token(in, have)
	}
	if len(d) > 0 {
		return fmt.Errorf("it differs in %s", strings.Join(d, ", "))
	}
	return nil
}
