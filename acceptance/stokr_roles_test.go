package acceptance_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// officer is the role of the document: "Create investor records", "Verify investor information", "Add investors to
// whitelists".
var officer = []string{"investor.create", "investor.verify", "whitelist.add_investor"}

// desk opens an organization of STOKR's with the role Compliance Officer.
func desk(t *testing.T) *org {
	t.Helper()
	o := open(t, "stokr")
	o.As("owner").CreateRole("Compliance Officer", officer...)
	return o
}

// role gives a role as it is now.
func (o *org) role(key string) wire.Role {
	o.t.Helper()
	return read[wire.One[wire.Role]](o, o.HTTP("GET", "/roles/"+key, nil)).Item
}

func TestS28ARoleHasANameAndASetOfPermissions(t *testing.T) {
	// given permissions that several users need, when they are grouped into a role
	o := desk(t)
	// then it has a name and the set
	if r := o.role("compliance-officer"); r.Name != "Compliance Officer" || len(r.Permissions) != 3 || r.Count != 3 {
		t.Errorf("the role is %+v", r)
	}
}

func TestS29ComplianceOfficerHasExactlyItsThree(t *testing.T) {
	o := desk(t)
	var want []string
	for _, name := range officer {
		want = append(want, "stokr:"+name)
	}
	if got := o.role("compliance-officer").Permissions; !slices.Equal(got, want) {
		t.Errorf("the role has %v; want %v", got, want)
	}
	o.Recorded("owner", "role.created", "compliance-officer", "3 permissions")
}

func TestS30AMemberWithTheRoleCanDoTheThreeAndNothingMore(t *testing.T) {
	// given a new member of the compliance team
	o := desk(t)
	o.Add("user1")
	o.Denied("user1", "investor.create")
	// when the role is assigned
	o.As("owner").Assign("compliance-officer", "user1")
	// then that is what the member can do, and no more
	o.Holds("user1", officer...)
	o.Denied("user1", "investor.deactivate")
}

func TestS31APermissionAddedToARoleIsHadByAllAtOnce(t *testing.T) {
	o := desk(t)
	o.Add("u1", "u2", "u3")
	o.As("owner").Assign("compliance-officer", "u1")
	o.As("owner").Assign("compliance-officer", "u2")
	o.Denied("u1", "investor.modify")
	// when it is added, as one event
	before := o.Head()
	o.As("owner").EditRole("compliance-officer", []string{"investor.modify"}, nil)
	// then both have it, without being touched, and nobody else
	if after := o.Head(); after != before+1 {
		t.Errorf("it took %d events", after-before)
	}
	o.Allowed("u1", "investor.modify")
	o.Allowed("u2", "investor.modify")
	o.Denied("u3", "investor.modify")
}

func TestS32APermissionTakenOutIsLostUnlessSomethingElseGivesIt(t *testing.T) {
	o := desk(t)
	o.Add("u1", "u2", "u3")
	o.As("owner").CreateRole("Verifier", "investor.verify")
	for _, u := range []string{"u1", "u2", "u3"} {
		o.As("owner").Assign("compliance-officer", u)
	}
	o.As("owner").Assign("verifier", "u2")
	o.As("owner").Grant("investor.verify", "u3")
	// when it goes out of the role
	o.As("owner").EditRole("compliance-officer", nil, []string{"investor.verify"})
	// then who had it by the role alone loses it
	o.Denied("u1", "investor.verify")
	o.Allowed("u2", "investor.verify")
	o.Allowed("u3", "investor.verify")
}

func TestS33ADepartmentHeadHasAPermissionOfItsOwnBesideTheRole(t *testing.T) {
	o := desk(t)
	o.Add("head")
	o.As("owner").Assign("compliance-officer", "head")
	o.Denied("head", "investor.deactivate")
	o.As("owner").Grant("investor.deactivate", "head")
	o.Holds("head", append([]string{"investor.deactivate"}, officer...)...)
}

func TestS34OtherComplianceOfficersDoNotHaveIt(t *testing.T) {
	o := desk(t)
	o.Add("head", "other")
	o.As("owner").Assign("compliance-officer", "head")
	o.As("owner").Assign("compliance-officer", "other")
	o.As("owner").Grant("investor.deactivate", "head")
	o.Allowed("head", "investor.deactivate")
	o.Denied("other", "investor.deactivate")
	o.Holds("other", officer...)
}

func TestS35EffectivePermissionsAreTheUnionWithAllSources(t *testing.T) {
	// given somebody with two roles that overlap, and a permission of its own
	o := desk(t)
	o.Add("user1")
	o.As("owner").CreateRole("Investor Viewer", "investor.list", "investor.verify")
	o.As("owner").Assign("compliance-officer", "user1")
	o.As("owner").Assign("investor-viewer", "user1")
	o.As("owner").Grant("investor.verify", "user1")
	// then the union is what it may do
	o.Holds("user1", append([]string{"investor.list"}, officer...)...)
	// and each permission says all it comes from
	list, err := o.Access(t.Context(), o.ID, "user1", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string][]string{}
	for _, s := range list.Items {
		for _, b := range s.Because {
			name := b.Role
			if b.Kind == "permission" {
				name = "individual"
			}
			sources[s.Permission] = append(sources[s.Permission], name)
		}
		slices.Sort(sources[s.Permission])
	}
	if got := sources["stokr:investor.verify"]; !slices.Equal(got, []string{"compliance-officer", "individual", "investor-viewer"}) {
		t.Errorf("investor.verify comes from %v", got)
	}
	if got := sources["stokr:investor.list"]; !slices.Equal(got, []string{"investor-viewer"}) {
		t.Errorf("investor.list comes from %v", got)
	}
}

func TestS36WithoutOneRoleWhatOthersGiveStays(t *testing.T) {
	o := desk(t)
	o.Add("user1")
	o.As("owner").CreateRole("Investor Viewer", "investor.list", "investor.verify")
	o.As("owner").Assign("compliance-officer", "user1")
	o.As("owner").Assign("investor-viewer", "user1")
	o.As("owner").Grant("investor.create", "user1")
	o.As("owner").Revoke("compliance-officer", "user1")
	o.Holds("user1", "investor.create", "investor.list", "investor.verify")
	o.Denied("user1", "whitelist.add_investor")
}
