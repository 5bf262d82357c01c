package acceptance_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// put sends PUT …/subjects/{user}/permissions as an administrator, with an API key.
func (o *org) put(user string, permissions ...string) answered {
	o.t.Helper()
	if permissions == nil {
		permissions = []string{}
	}
	return o.HTTPAs("Bearer "+o.APIKey("admin"), http.MethodPut, "/subjects/"+user+"/permissions", wire.PutPermissions{Permissions: permissions, Reason: "a review"})
}

// replaced is put that must be answered with 200.
func (o *org) replaced(user string, permissions ...string) wire.Replaced {
	o.t.Helper()
	a := o.put(user, permissions...)
	if a.Status != http.StatusOK {
		o.t.Fatalf("PUT %q: %d %s", permissions, a.Status, a.Body)
	}
	return read[wire.Replaced](o, a)
}

// putting opens an organization with an administrator who may put investor.create, investor.view and asset.create, and a
// user with the first two.
func putting(t *testing.T) *org {
	o := open(t, "stokr")
	o.Add("admin", "user")
	o.As("owner").SetPermissions("admin", "user.set_permissions", "investor.create", "investor.view", "asset.create")
	o.As("owner").SetPermissions("user", "investor.create", "investor.view")
	return o
}

func TestS21PutReplacesTheSet(t *testing.T) {
	// given a user with individual permissions {a, b}
	o := putting(t)

	// when an administrator sends PUT {b, c}
	out := o.replaced("user", "investor.view", "asset.create")

	// then the set is exactly {b, c}; a is gone, c added
	o.Holds("user", "asset.create", "investor.view")
	if !slices.Equal(out.Added, []string{"stokr:asset.create"}) || !slices.Equal(out.Removed, []string{"stokr:investor.create"}) || out.Recorded == nil {
		t.Errorf("it answers %+v", out)
	}
	// and somebody who may not is denied
	o.Add("other")
	a := o.HTTPAs("Bearer "+o.APIKey("other"), http.MethodPut, "/subjects/user/permissions", wire.PutPermissions{Permissions: []string{}})
	if p := read[wire.Problem](o, a); a.Status != http.StatusForbidden || p.Permission != "stokr:user.set_permissions" {
		t.Errorf("somebody else is answered with %d %s", a.Status, a.Body)
	}
	o.Turned("other", "permissions.set", "not-permitted")
	o.Holds("user", "asset.create", "investor.view")
}

func TestS22PutNothingEmptiesTheSet(t *testing.T) {
	// given a user with {a, b}, when PUT {} is sent
	o := putting(t)
	out := o.replaced("user")

	// then the set is empty
	o.Holds("user")
	if out.Before != 2 || out.After != 0 {
		t.Errorf("it answers %+v", out)
	}
	// and a body that does not say the set is no empty set
	o.replaced("user", "asset.create")
	if a := o.HTTPAs("Bearer "+o.APIKey("admin"), http.MethodPut, "/subjects/user/permissions", map[string]string{}); a.Status != http.StatusBadRequest {
		t.Errorf("without the set: %d %s", a.Status, a.Body)
	}
	o.Holds("user", "asset.create")
}

func TestS23PutTheSameSetChangesNothing(t *testing.T) {
	// given a user with {a, b}
	o := putting(t)
	head := o.Head()

	// when PUT {b, a} is sent
	out := o.replaced("user", "investor.view", "investor.create")

	// then there is nothing to add or remove, and no event
	if !out.Unchanged || out.Recorded != nil || out.Added != nil || out.Removed != nil || o.Head() != head {
		t.Errorf("it answers %+v, and the ledger goes from %d to %d", out, head, o.Head())
	}
	o.Holds("user", "investor.create", "investor.view")
}

func TestS24OneUnknownNameRefusesAll(t *testing.T) {
	// given a user with {a, b}
	o := putting(t)
	head := o.Head()

	// when PUT has one unknown name among good ones
	a := o.put("user", "asset.create", "investor.viev")

	// then it is refused whole, with the name that was perhaps meant, and the old set stays
	p := read[wire.Problem](o, a)
	if a.Status != http.StatusUnprocessableEntity || p.Code() != "unknown" || !slices.Contains(p.Nearest, "stokr:investor.view") {
		t.Errorf("it answers %d %+v", a.Status, p)
	}
	if o.Head() != head {
		t.Error("something was recorded")
	}
	o.Holds("user", "investor.create", "investor.view")
}

func TestS25OfTwoPutsTheSecondAloneCounts(t *testing.T) {
	// given a user, when two PUTs succeed one after the other
	o := putting(t)
	o.replaced("user", "asset.create")
	o.replaced("user", "investor.view")

	// then the second alone counts
	o.Holds("user", "investor.view")
}

func TestS26TheAuditTrailShowsWhoReplacedWhat(t *testing.T) {
	// given what S21 did
	o := putting(t)
	o.replaced("user", "investor.view", "asset.create")

	// when the audit trail is read
	line := o.Recorded("admin", "permissions.set", "user", "a review")

	// then it shows who replaced what: before, after, added, removed
	if line.Actor != "admin" || !slices.Contains(line.What, "+ stokr:asset.create") || !slices.Contains(line.What, "− stokr:investor.create") {
		t.Errorf("it says %q", line.What)
	}
	type entry struct {
		Entry struct {
			Event struct {
				Data struct {
					Command struct{ Permissions []string }
					Effect  struct {
						Added, Removed []string
						Before, After  struct{ Count int }
					}
				}
			}
		}
	}
	e := read[entry](o, o.HTTP(http.MethodGet, "/entries/"+line.CID, nil)).Entry.Event.Data
	if e.Effect.Before.Count != 2 || e.Effect.After.Count != 2 || !slices.Equal(e.Effect.Added, []string{"stokr:asset.create"}) ||
		!slices.Equal(e.Effect.Removed, []string{"stokr:investor.create"}) || !slices.Equal(e.Command.Permissions, []string{"stokr:asset.create", "stokr:investor.view"}) {
		t.Errorf("the entry says %+v", e)
	}
	// and what was before can be asked for
	before, err := o.Access(t.Context(), o.ID, "user", at(line.Seq-1))
	if err != nil || len(before.Items) != 2 || before.Items[0].Permission != "stokr:investor.create" {
		t.Errorf("before, it had %+v, %v", before.Items, err)
	}
}

func TestS27PutOfPermissionsLeavesRoles(t *testing.T) {
	// given a user with a role and individual permissions
	o := putting(t)
	o.As("owner").CreateRole("Compliance Officer", "investor.verify")
	o.As("owner").Assign("compliance-officer", "user")

	// when its permissions are PUT
	o.replaced("user", "asset.create")

	// then its roles stay as they are
	o.Holds("user", "asset.create", "investor.verify")

	// and the other way round
	a := o.HTTPAs("Bearer "+o.APIKey("owner"), http.MethodPut, "/subjects/user/roles", wire.PutRoles{Roles: []string{}, Reason: "leaves the desk"})
	if out := read[wire.Replaced](o, a); a.Status != http.StatusOK || !slices.Equal(out.Removed, []string{"compliance-officer"}) || out.Before != 1 || out.After != 0 {
		t.Errorf("PUT roles: %d %s", a.Status, a.Body)
	}
	o.Holds("user", "asset.create")
}
