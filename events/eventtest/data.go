package eventtest

import (
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
)

// data holds a generator for each type; it is told the version, which may be unable to say all that the type can.
var data = map[events.Type]func(t *rapid.T, version int) events.Data{
	"access.assigned": func(t *rapid.T, _ int) events.Data {
		return &events.AccessAssigned{Subject: ID().Draw(t, "subject"), Resource: Scope().Draw(t, "resource")}
	},
	"access.delegated": func(t *rapid.T, _ int) events.Data {
		return &events.AccessDelegated{
			Subject: ID().Draw(t, "subject"), Resource: Scope().Draw(t, "resource"),
			From: optional(t, "from", ID()), Keep: rapid.Bool().Draw(t, "keep"),
		}
	},
	"access.unassigned": func(t *rapid.T, _ int) events.Data {
		return &events.AccessUnassigned{Subject: ID().Draw(t, "subject"), Resource: Scope().Draw(t, "resource"), Grant: ID().Draw(t, "grant")}
	},
	"catalogue.published": func(t *rapid.T, version int) events.Data {
		return &events.CataloguePublished{
			Catalogue: Organization().Draw(t, "catalogue"), Title: optional(t, "title", Name()), Permissions: permissions(t, version),
			Number: Uint().Draw(t, "number"), Added: set(t, "added", Permission()), Retired: set(t, "retired", Permission()),
		}
	},
	"checkpoints.recorded": func(t *rapid.T, _ int) events.Data {
		d := &events.CheckpointsRecorded{}
		for _, o := range append(set(t, "organizations", Organization()), "z"+strings.Repeat("z", 31)) {
			d.Checkpoints = append(d.Checkpoints, events.RecordedCheckpoint{
				Organization: o, Size: Uint().Draw(t, "size"), Root: Digest().Draw(t, "root"), Key: optional(t, "key", DIDKey()),
			})
		}
		return d
	},
	"document.issued": func(t *rapid.T, _ int) events.Data {
		kind := rapid.SampledFrom([]string{"role/", "subject/"}).Draw(t, "kind")
		return &events.DocumentIssued{Thing: kind + ID().Draw(t, "thing").String()}
	},
	"grant.ended": func(t *rapid.T, _ int) events.Data {
		return &events.GrantEnded{
			Grant: ID().Draw(t, "grant"), Subject: ID().Draw(t, "subject"), Role: optional(t, "role", ID()),
			Permission: optional(t, "permission", Permission()), Scope: optional(t, "scope", Scope()),
		}
	},
	"key.registered": func(t *rapid.T, version int) events.Data {
		d := &events.KeyRegistered{
			Key: DIDKey().Draw(t, "key"), Purpose: purpose(t), Subject: optional(t, "subject", ID()),
		}
		if version > 1 {
			d.Until = optional(t, "until", Time())
		}
		return d
	},
	"key.reported": func(t *rapid.T, _ int) events.Data {
		return &events.KeyReported{Key: DIDKey().Draw(t, "key"), From: Uint().Draw(t, "from")}
	},
	"key.revoked": func(t *rapid.T, _ int) events.Data { return &events.KeyRevoked{Key: DIDKey().Draw(t, "key")} },
	"key.rotated": func(t *rapid.T, version int) events.Data {
		d := &events.KeyRotated{Old: DIDKey().Draw(t, "old"), New: DIDKey().Draw(t, "new"), Purpose: purpose(t)}
		if version > 1 {
			d.Beside, d.Until = optional(t, "beside", Time()), optional(t, "until", Time())
		}
		return d
	},
	"key.succeeded": func(t *rapid.T, _ int) events.Data {
		return &events.KeySucceeded{Lost: DIDKey().Draw(t, "lost"), Key: DIDKey().Draw(t, "key")}
	},
	"organization.opened": func(t *rapid.T, version int) events.Data { return opened(t, version) },
	"login.changed": func(t *rapid.T, _ int) events.Data {
		return &events.LoginChanged{
			Subject: ID().Draw(t, "subject"), Credential: DIDKey().Draw(t, "credential"), Login: optional(t, "login", Digest()),
		}
	},
	"organization.updated": func(t *rapid.T, _ int) events.Data {
		return &events.OrganizationUpdated{Organization: Organization().Draw(t, "organization"), Name: Name().Draw(t, "name")}
	},
	"ownership.recovered": func(t *rapid.T, _ int) events.Data {
		return &events.OwnershipRecovered{To: ID().Draw(t, "to"), From: ID().Draw(t, "from"), Role: optional(t, "role", ID())}
	},
	"recovery.started": func(t *rapid.T, _ int) events.Data {
		return &events.RecoveryStarted{To: ID().Draw(t, "to"), From: ID().Draw(t, "from"), Due: Time().Draw(t, "due")}
	},
	"recovery.stopped": func(t *rapid.T, _ int) events.Data {
		return &events.RecoveryStopped{To: ID().Draw(t, "to")}
	},
	"ownership.transferred": func(t *rapid.T, _ int) events.Data {
		return &events.OwnershipTransferred{To: ID().Draw(t, "to"), From: ID().Draw(t, "from"), Role: optional(t, "role", ID())}
	},
	"permission.granted": func(t *rapid.T, version int) events.Data {
		d := &events.PermissionGranted{Subject: ID().Draw(t, "subject"), Permission: Permission().Draw(t, "permission")}
		if version > 1 {
			d.Scope, d.Until = optional(t, "scope", Scope()), optional(t, "until", Time())
		}
		if version > 2 {
			d.Condition = optional(t, "condition", Condition())
		}
		return d
	},
	"permission.revoked": func(t *rapid.T, _ int) events.Data {
		return &events.PermissionRevoked{
			Subject: ID().Draw(t, "subject"), Permission: Permission().Draw(t, "permission"),
			Scope: optional(t, "scope", Scope()), Grant: ID().Draw(t, "grant"),
		}
	},
	"permissions.recorded": func(t *rapid.T, _ int) events.Data {
		names := append(set(t, "permissions", Permission()), Permission().Draw(t, "one more"))
		slices.Sort(names)
		return &events.PermissionsRecorded{Permissions: slices.Compact(names), Part: Digest().Draw(t, "part")}
	},
	"permissions.set": func(t *rapid.T, _ int) events.Data {
		return &events.PermissionsSet{
			Subject: ID().Draw(t, "subject"), Scope: optional(t, "scope", Scope()),
			Permissions: list(t, "permissions", Permission()), Parts: digests(t, "parts"),
			Before: extent(t), After: extent(t), Added: set(t, "added", Permission()), Removed: set(t, "removed", Permission()),
		}
	},
	"review.closed": func(t *rapid.T, _ int) events.Data {
		return &events.ReviewClosed{
			Review: ID().Draw(t, "review"), KeepRest: rapid.Bool().Draw(t, "keepRest"), Scope: reviewScope(t),
			Kept: Uint().Draw(t, "kept"), Revoked: Uint().Draw(t, "revoked"), Rest: Uint().Draw(t, "rest"),
		}
	},
	"review.decided": func(t *rapid.T, _ int) events.Data {
		d := &events.ReviewDecided{
			Review: ID().Draw(t, "review"), Grant: ID().Draw(t, "grant"), Subject: ID().Draw(t, "subject"),
			Scope: optional(t, "scope", Scope()), Revoke: rapid.Bool().Draw(t, "revoke"),
		}
		if rapid.Bool().Draw(t, "of a role") {
			d.Role = ID().Draw(t, "role")
		} else {
			d.Permission = Permission().Draw(t, "permission")
		}
		return d
	},
	"review.started": func(t *rapid.T, _ int) events.Data {
		return &events.ReviewStarted{
			Review: ID().Draw(t, "review"), Title: Name().Draw(t, "title"), Scope: reviewScope(t), Due: optional(t, "due", Time()), Items: Uint().Draw(t, "items"),
		}
	},
	"role.reviewed": func(t *rapid.T, _ int) events.Data {
		return &events.RoleReviewed{Role: ID().Draw(t, "role")}
	},
	"resource.registered": func(t *rapid.T, _ int) events.Data {
		return &events.ResourceRegistered{
			Resource: Scope().Draw(t, "resource"), Name: optional(t, "name", Name()), Properties: properties(t),
			Published: rapid.Bool().Draw(t, "published"),
		}
	},
	"resource.removed": func(t *rapid.T, _ int) events.Data {
		return &events.ResourceRemoved{Resource: Scope().Draw(t, "resource")}
	},
	"resource.updated": func(t *rapid.T, _ int) events.Data {
		d := &events.ResourceUpdated{Resource: Scope().Draw(t, "resource"), Properties: properties(t), Publish: rapid.Bool().Draw(t, "publish")}
		if d.Properties == nil && rapid.Bool().Draw(t, "properties are taken away") {
			d.Properties = []events.Property{}
		}
		if rapid.Bool().Draw(t, "has name") {
			d.Name = new(optional(t, "name", Name()))
		}
		d.Withdraw = !d.Publish && rapid.Bool().Draw(t, "withdraw")
		return d
	},
	"role.assigned": func(t *rapid.T, version int) events.Data {
		d := &events.RoleAssigned{
			Subject: ID().Draw(t, "subject"), Role: ID().Draw(t, "role"),
			Scope: optional(t, "scope", Scope()), Until: optional(t, "until", Time()),
		}
		if version > 1 {
			d.Condition = optional(t, "condition", Condition())
		}
		return d
	},
	"role.created": func(t *rapid.T, version int) events.Data {
		d := &events.RoleCreated{
			Role: ID().Draw(t, "role"), Key: Key().Draw(t, "key"), Name: Name().Draw(t, "name"),
			Description: Text().Draw(t, "description"), Labels: labels(t),
			Permissions: list(t, "permissions", Permission()), Parts: digests(t, "parts"),
			Included: set(t, "included", Permission()), Count: Uint().Draw(t, "count"), Set: Digest().Draw(t, "set"),
		}
		if version > 1 {
			d.System, d.Managed = rapid.Bool().Draw(t, "system"), optional(t, "managed", Token())
		}
		return d
	},
	"role.defaulted": func(t *rapid.T, _ int) events.Data {
		return &events.RoleDefaulted{Role: ID().Draw(t, "role"), None: rapid.Bool().Draw(t, "none"), Former: optional(t, "former", ID())}
	},
	"role.delegated": func(t *rapid.T, _ int) events.Data {
		return &events.RoleDelegated{
			Subject: ID().Draw(t, "subject"), Role: ID().Draw(t, "role"),
			Scope: optional(t, "scope", Scope()), Until: optional(t, "until", Time()),
			Condition: optional(t, "condition", Condition()), From: ID().Draw(t, "from"), Keep: rapid.Bool().Draw(t, "keep"),
		}
	},
	"role.deleted": func(t *rapid.T, _ int) events.Data { return &events.RoleDeleted{Role: ID().Draw(t, "role")} },
	"role.revoked": func(t *rapid.T, _ int) events.Data {
		return &events.RoleRevoked{
			Subject: ID().Draw(t, "subject"), Role: ID().Draw(t, "role"),
			Scope: optional(t, "scope", Scope()), Grant: ID().Draw(t, "grant"),
		}
	},
	"role.updated": func(t *rapid.T, _ int) events.Data { return updated(t) },
	"roles.set": func(t *rapid.T, _ int) events.Data {
		d := &events.RolesSet{Subject: ID().Draw(t, "subject"), Roles: ids(t, "roles"), Added: ids(t, "added"), Removed: ids(t, "removed")}
		if d.Roles == nil {
			d.Roles = []ulid.ULID{}
		}
		return d
	},
	"subject.added": added,
	"rules.adopted": func(t *rapid.T, _ int) events.Data {
		d := &events.RulesAdopted{
			Organization: Organization().Draw(t, "organization"), Rules: Uint().Draw(t, "rules"), Operator: ID().Draw(t, "operator"),
			From: Uint().Draw(t, "from"),
		}
		switches(t, &d.Switches)
		return d
	},
	"subject.deactivated": func(t *rapid.T, _ int) events.Data {
		return &events.SubjectDeactivated{Subject: ID().Draw(t, "subject")}
	},
	"subject.erased":  erased,
	"subject.invited": invited,
	"subject.joined": func(t *rapid.T, _ int) events.Data {
		return &events.SubjectJoined{
			Subject: ID().Draw(t, "subject"), Credential: DIDKey().Draw(t, "credential"), Login: optional(t, "login", Digest()),
		}
	},
	"subject.linked": func(t *rapid.T, _ int) events.Data {
		return &events.SubjectLinked{Subject: ID().Draw(t, "subject"), To: DID().Draw(t, "to")}
	},
	"subject.reactivated": func(t *rapid.T, _ int) events.Data {
		return &events.SubjectReactivated{Subject: ID().Draw(t, "subject")}
	},
	"subject.removed": func(t *rapid.T, _ int) events.Data {
		return &events.SubjectRemoved{Subject: ID().Draw(t, "subject"), Grants: Uint().Draw(t, "grants"), Roles: ids(t, "roles")}
	},
	"subject.unlinked": func(t *rapid.T, _ int) events.Data {
		return &events.SubjectUnlinked{Subject: ID().Draw(t, "subject"), To: DID().Draw(t, "to")}
	},
	"subject.updated": changed,
}

func purpose(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		events.PurposeEvent, events.PurposeDocument, events.PurposeRoot, events.PurposeOperator, events.PurposeCredential,
		events.PurposeInvitation, events.PurposeCheckpoint, events.PurposeReader,
	}).Draw(t, "purpose")
}

func extent(t *rapid.T) events.Extent {
	return events.Extent{Count: Uint().Draw(t, "count"), Set: Digest().Draw(t, "set")}
}

func labels(t *rapid.T) []events.Label {
	var list []events.Label
	for _, name := range set(t, "labels", Token()) {
		list = append(list, events.Label{Name: name, Value: optional(t, "value", Name())})
	}
	return list
}

func properties(t *rapid.T) []events.Property {
	var list []events.Property
	for _, name := range set(t, "properties", Token()) {
		list = append(list, events.Property{Name: name, Value: optional(t, "value", Name())})
	}
	return list
}

// permissions draws the permissions of a catalogue; never nil.
func permissions(t *rapid.T, version int) []events.Permission {
	list := []events.Permission{}
	for _, name := range set(t, "permissions", Permission()) {
		list = append(list, events.Permission{
			Name: name, Category: Name().Draw(t, "category"), Entity: Name().Draw(t, "entity"), Action: Name().Draw(t, "action"),
			Description: Text().Draw(t, "description"), DependsOn: set(t, "depends on", Permission()),
			Guards: set(t, "guards", Token()), Level: optional(t, "level", Token()), Reserved: rapid.Bool().Draw(t, "reserved"),
		})
		if version > 1 {
			one := &list[len(list)-1]
			one.Needs, one.Access = set(t, "needs", Token()), optional(t, "access", Token())
		}
	}
	return list
}

func opened(t *rapid.T, version int) *events.OrganizationOpened {
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	key := func(name string) string { return DIDKey().Draw(t, name) }
	d := &events.OrganizationOpened{
		Organization: Organization().Draw(t, "organization"), Name: Name().Draw(t, "name"), DID: optional(t, "did", DID()),
		Rules: Uint().Draw(t, "rules"), Node: ID().Draw(t, "node"), Evidence: set(t, "evidence", Token()),
		Profile: events.Profile{
			Name: Token().Draw(t, "profile"), Dependencies: flag("dependencies"), DirectGrants: flag("direct grants"),
			Documents: flag("documents"), EmptyRoles: flag("empty roles"), NewPermissions: flag("new permissions"),
			UniqueNames: flag("unique names"),
		},
		Owner: events.Owner{
			Subject: ID().Draw(t, "owner"), Key: Key().Draw(t, "key"), Kind: Token().Draw(t, "kind"),
			DID: optional(t, "owner's did", DID()), Credential: key("credential"),
		},
		Keys: events.Keys{Event: key("event"), Document: key("document"), Root: key("root"), Operator: key("operator")},
	}
	if version > 1 {
		d.Operator, d.Keys.Checkpoint = ID().Draw(t, "operator's actor"), key("checkpoint")
		switches(t, &d.Profile)
	}
	return d
}

// switches draws those of a profile that version 1 of the rules did not know.
func switches(t *rapid.T, p *events.Profile) {
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	p.DefaultRoles, p.Delegation, p.FixedRoles = flag("default roles"), flag("delegation"), flag("fixed roles")
	p.KeepDelegated, p.OneRolePerKey, p.WithdrawRoles = flag("keep delegated"), flag("one role per key"), flag("withdraw roles")
	p.RecoveryDelay = Uint().Draw(t, "recovery delay")
}

// updated draws a change of a role: each member is said or not, and may be said to be empty where it can be.
func updated(t *rapid.T) *events.RoleUpdated {
	d := &events.RoleUpdated{
		Role: ID().Draw(t, "role"), Labels: labels(t),
		Add: set(t, "add", Permission()), AddParts: digests(t, "add parts"),
		Remove: set(t, "remove", Permission()), RemoveParts: digests(t, "remove parts"),
		Included: set(t, "included", Permission()), Count: Uint().Draw(t, "count"), Set: Digest().Draw(t, "set"),
	}
	if d.Labels == nil && rapid.Bool().Draw(t, "labels are taken away") {
		d.Labels = []events.Label{}
	}
	if name := optional(t, "name", Name()); name != "" {
		d.Name = &name
	}
	if rapid.Bool().Draw(t, "has description") {
		text := strings.TrimSpace(Text().Draw(t, "description"))
		d.Description = &text
	}
	return d
}

func reviewScope(t *rapid.T) string {
	switch rapid.SampledFrom([]string{events.ReviewAll, "role", "subject"}).Draw(t, "of") {
	case "role":
		return "role/" + ID().Draw(t, "role").String()
	case "subject":
		return "subject/" + ID().Draw(t, "subject").String()
	}
	return events.ReviewAll
}
