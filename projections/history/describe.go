package history

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Names gives the keys people know roles and subjects by.
type Names interface {
	RoleKey(ulid.ULID) string
	SubjectKey(ulid.ULID) string
}

// shown is how many permissions of an event are listed; the rest is counted.
const shown = 20

// Describe says in a few lines what an event did.
func Describe(e *events.Event, names Names) []string {
	role := func(id ulid.ULID) string { return "role " + names.RoleKey(id) }
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		return []string{fmt.Sprintf("organization %s opened with profile %s, owned by %s", d.Organization, d.Profile.Name, d.Owner.Key)}
	case *events.CataloguePublished:
		lines := []string{fmt.Sprintf("catalogue %s published: %s", d.Catalogue, count(uint64(len(d.Permissions))))}
		lines = list(lines, "+ ", d.Added)
		return list(lines, "− ", d.Retired)
	case *events.SubjectAdded:
		lines := []string{fmt.Sprintf("%s %s added%s", d.Kind, d.Key, by(d.Auth))}
		if d.Holder != (ulid.ULID{}) {
			lines = append(lines, "assigned to "+names.SubjectKey(d.Holder))
		}
		return begins(said(lines, d.Properties, d.Reference), role, d.Roles, d.DefaultRole)
	case *events.SubjectDeactivated:
		return []string{names.SubjectKey(d.Subject) + " deactivated"}
	case *events.SubjectErased:
		return []string{fmt.Sprintf("%s about %s erased", plural(uint64(len(d.Texts)), "private text"), names.SubjectKey(d.Subject))}
	case *events.SubjectInvited:
		lines := []string{fmt.Sprintf("%s %s invited%s%s", d.Kind, d.Key, by(d.Auth), until(d.Until))}
		return begins(said(lines, d.Properties, d.Reference), role, d.Roles, d.DefaultRole)
	case *events.SubjectJoined:
		return []string{names.SubjectKey(d.Subject) + " joined with " + d.Credential}
	case *events.SubjectLinked:
		return []string{names.SubjectKey(d.Subject) + " linked with " + d.To}
	case *events.SubjectReactivated:
		return []string{names.SubjectKey(d.Subject) + " reactivated"}
	case *events.SubjectRemoved:
		lines := []string{fmt.Sprintf("%s removed, with %s", names.SubjectKey(d.Subject), plural(d.Grants, "grant"))}
		for _, id := range d.Roles {
			lines = append(lines, "− "+role(id))
		}
		return lines
	case *events.SubjectUnlinked:
		return []string{names.SubjectKey(d.Subject) + " no longer linked with " + d.To}
	case *events.SubjectUpdated:
		return changed(d, names)
	case *events.LoginChanged:
		if d.Login == (events.Digest{}) {
			return []string{names.SubjectKey(d.Subject) + " has no login any more"}
		}
		return []string{names.SubjectKey(d.Subject) + " has another login"}
	case *events.RoleCreated:
		return created(d)
	case *events.RoleDefaulted:
		switch {
		case d.None:
			return []string{role(d.Role) + " is no longer the default"}
		case d.Former != ulid.ULID{}:
			return []string{role(d.Role) + " is the default in the place of " + role(d.Former)}
		}
		return []string{role(d.Role) + " is the default: everybody gets it who is added"}
	case *events.RoleUpdated:
		return updated(d, role(d.Role))
	case *events.RoleDeleted:
		return []string{role(d.Role) + " deleted"}
	case *events.RoleAssigned:
		return []string{fmt.Sprintf("%s + %s%s%s%s", names.SubjectKey(d.Subject), role(d.Role), on(d.Scope), provided(d.Condition), until(d.Until))}
	case *events.RoleDelegated:
		return []string{fmt.Sprintf("%s + %s%s%s%s, delegated%s", names.SubjectKey(d.Subject), role(d.Role), on(d.Scope), provided(d.Condition), until(d.Until), kept(d.Keep))}
	case *events.AccessAssigned:
		return []string{fmt.Sprintf("%s assigned to %s", names.SubjectKey(d.Subject), d.Resource)}
	case *events.AccessDelegated:
		return []string{fmt.Sprintf("%s assigned to %s, delegated%s", names.SubjectKey(d.Subject), d.Resource, kept(d.Keep))}
	case *events.AccessUnassigned:
		return []string{fmt.Sprintf("%s no longer assigned to %s", names.SubjectKey(d.Subject), d.Resource)}
	case *events.ResourceRegistered:
		return resource(fmt.Sprintf("resource %s registered", d.Resource), d.Name, d.Properties, d.Published, false)
	case *events.ResourceUpdated:
		name := ""
		if d.Name != nil {
			name = *d.Name
		}
		return resource(fmt.Sprintf("resource %s changed", d.Resource), name, d.Properties, d.Publish, d.Withdraw)
	case *events.ResourceRemoved:
		return []string{fmt.Sprintf("resource %s removed", d.Resource)}
	case *events.RoleRevoked:
		return []string{fmt.Sprintf("%s − %s%s", names.SubjectKey(d.Subject), role(d.Role), on(d.Scope))}
	case *events.RolesSet:
		lines := []string{fmt.Sprintf("%s now has %s", names.SubjectKey(d.Subject), plural(uint64(len(d.Roles)), "role"))}
		for _, id := range d.Added {
			lines = append(lines, "+ "+role(id))
		}
		for _, id := range d.Removed {
			lines = append(lines, "− "+role(id))
		}
		return lines
	case *events.PermissionGranted:
		return []string{fmt.Sprintf("%s + %s%s%s", names.SubjectKey(d.Subject), d.Permission, on(d.Scope), provided(d.Condition)+until(d.Until))}
	case *events.PermissionRevoked:
		return []string{fmt.Sprintf("%s − %s%s", names.SubjectKey(d.Subject), d.Permission, on(d.Scope))}
	case *events.PermissionsSet:
		lines := []string{fmt.Sprintf("%s now has %s without a role%s", names.SubjectKey(d.Subject), count(d.After.Count), on(d.Scope))}
		lines = list(lines, "+ ", d.Added)
		return list(lines, "− ", d.Removed)
	case *events.PermissionsRecorded:
		return []string{fmt.Sprintf("part of a set recorded: %s", count(uint64(len(d.Permissions))))}
	case *events.GrantEnded:
		what := d.Permission
		if what == "" {
			what = role(d.Role)
		}
		return []string{fmt.Sprintf("%s − %s%s: it ended", names.SubjectKey(d.Subject), what, on(d.Scope))}
	case *events.RoleReviewed:
		return []string{role(d.Role) + " reviewed"}
	case *events.ReviewStarted:
		return []string{fmt.Sprintf("review %q of %s started: %s", d.Title, reviewScope(d.Scope, names), plural(d.Items, "item"))}
	case *events.ReviewDecided:
		what, verb := d.Permission, "kept"
		if what == "" {
			what = role(d.Role)
		}
		if d.Revoke {
			verb = "revoked"
		}
		return []string{fmt.Sprintf("review: %s %s %s%s", names.SubjectKey(d.Subject), what, verb, on(d.Scope))}
	case *events.ReviewClosed:
		lines := []string{fmt.Sprintf("review of %s closed: %d kept, %d revoked", reviewScope(d.Scope, names), d.Kept, d.Revoked)}
		if d.Rest > 0 {
			lines = append(lines, fmt.Sprintf("%s kept that nobody decided of", plural(d.Rest, "item")))
		}
		return lines
	case *events.DocumentIssued:
		return []string{"document issued about " + d.Thing}
	case *events.KeyRegistered:
		return []string{fmt.Sprintf("%s key registered: %s", d.Purpose, d.Key)}
	case *events.KeyRotated:
		return []string{fmt.Sprintf("%s key %s replaced by %s", d.Purpose, d.Old, d.New)}
	case *events.KeySucceeded:
		return []string{fmt.Sprintf("lost event key %s succeeded by %s", d.Lost, d.Key)}
	case *events.KeyRevoked:
		return []string{"key revoked: " + d.Key}
	case *events.OrganizationUpdated:
		return []string{fmt.Sprintf("organization named %q", d.Name)}
	case *events.OwnershipTransferred:
		return []string{fmt.Sprintf("ownership transferred from %s to %s", names.SubjectKey(d.From), names.SubjectKey(d.To))}
	case *events.OwnershipRecovered:
		return []string{fmt.Sprintf("%s is the owner in the place of %s, who was lost", names.SubjectKey(d.To), names.SubjectKey(d.From))}
	case *events.RecoveryStarted:
		return []string{fmt.Sprintf("%s is to become the owner in the place of %s at %s, unless the owner says no",
			names.SubjectKey(d.To), names.SubjectKey(d.From), d.Due.UTC().Format(time.RFC3339))}
	case *events.RecoveryStopped:
		return []string{names.SubjectKey(d.To) + " does not become the owner"}
	case *events.RulesAdopted:
		return []string{fmt.Sprintf("version %d of the rules adopted in the place of %d", d.Rules, d.From)}
	case *events.CheckpointsRecorded:
		lines := []string{plural(uint64(len(d.Checkpoints)), "checkpoint") + " recorded"}
		for _, c := range d.Checkpoints {
			lines = append(lines, fmt.Sprintf("the log of %s had size %d and root %x", c.Organization, c.Size, c.Root))
		}
		return lines
	case *events.KeyReported:
		return []string{fmt.Sprintf("key reported as known to others from %d on: %s", d.From, d.Key)}
	case events.TokenData:
		return describeToken(d, names)
	}
	return []string{string(e.Data.Type())}
}

func created(d *events.RoleCreated) []string {
	what := "role"
	if d.System {
		what = "system role"
	}
	if d.Managed == events.ManagedOwner {
		return []string{fmt.Sprintf("%s %s created with every permission; the owner has it", what, d.Key)}
	}
	lines := list([]string{fmt.Sprintf("%s %s created with %s", what, d.Key, count(d.Count))}, "+ ", d.Permissions)
	return list(lines, "+ (needed by another) ", d.Included)
}

// resource says what is said of a resource.
func resource(line, name string, properties []events.Property, published, withdrawn bool) []string {
	lines := []string{line}
	if name != "" {
		lines = append(lines, fmt.Sprintf("name: %q", name))
	}
	for _, p := range properties {
		lines = append(lines, fmt.Sprintf("%s: %s", p.Name, p.Value))
	}
	if published {
		lines = append(lines, "published")
	}
	if withdrawn {
		lines = append(lines, "withdrawn")
	}
	return lines
}

func provided(condition string) string {
	if condition == "" {
		return ""
	}
	return " if " + condition
}

func kept(keep bool) string {
	if keep {
		return "; it stays"
	}
	return ""
}

// reviewScope says what a review is of.
func reviewScope(scope string, names Names) string {
	kind, id, one := rules.Thing(scope)
	switch {
	case one && kind == "role":
		return "role " + names.RoleKey(id)
	case one:
		return names.SubjectKey(id)
	}
	return "everything"
}

func updated(d *events.RoleUpdated, role string) []string {
	lines := []string{role + " changed"}
	if d.Name != nil {
		lines = append(lines, fmt.Sprintf("name: %q", *d.Name))
	}
	if d.Description != nil {
		lines = append(lines, fmt.Sprintf("description: %q", *d.Description))
	}
	for _, l := range d.Labels {
		lines = append(lines, fmt.Sprintf("%s: %s", l.Name, l.Value))
	}
	lines = list(lines, "+ ", d.Add)
	lines = list(lines, "+ (needed by another) ", d.Included)
	lines = list(lines, "− ", d.Remove)
	if n := len(d.AddParts) + len(d.RemoveParts); n > 0 {
		lines = append(lines, fmt.Sprintf("and what %d recorded parts name; %s in all", n, count(d.Count)))
	}
	return lines
}

func list(lines []string, sign string, names []string) []string {
	for i, n := range names {
		if i == shown {
			return append(lines, fmt.Sprintf("%sand %d more", sign, len(names)-shown))
		}
		lines = append(lines, sign+n)
	}
	return lines
}

func count(n uint64) string { return plural(n, "permission") }

func plural(n uint64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func on(scope string) string {
	if scope == "" {
		return ""
	}
	return " on " + scope
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + t.UTC().Format(time.RFC3339)
}
