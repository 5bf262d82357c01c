package acceptance_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// What the harness says of the ledger is so, by all of its ways.
func TestHarness(t *testing.T) {
	// given an organization, a role in it, and somebody who has it
	o := open(t, "stokr")
	o.Add("alice", "bob")
	o.As("owner").CreateRole("Compliance Officer", "investor.create", "investor.verify")
	o.As("owner").Because("TICKET-201").Assign("compliance-officer", "alice")

	// then the role gives what it holds, and to nobody else
	o.Allowed("alice", "investor.create")
	o.Denied("alice", "investor.deactivate")
	o.Denied("bob", "investor.create")
	o.Holds("alice", "investor.create", "investor.verify")
	o.Holds("bob")
	o.Recorded("owner", "role.assigned", "alice", "TICKET-201")

	// when somebody without the permission for it makes a role
	err := o.As("bob").Try(createRole("Desk", "investor.create"))

	// then it is refused, and noted
	o.Refused(err, "not-permitted", "role.create", "")
	o.Turned("bob", "role.created", "not-permitted")

	// and what was given can be taken
	o.As("owner").SetPermissions("bob", "investor.view")
	o.As("owner").Do(ungrant("investor.view", "bob"))
	o.As("owner").Do(setRoles("alice"))
	o.Holds("alice")
	o.Holds("bob")
	o.As("owner").Assign("compliance-officer", "alice")

	// and the program and a bare request say the same
	if r := o.CLI("alice", "check", "alice", "investor.create"); r.Code != 0 {
		t.Errorf("%+v", r)
	}
	head := o.Head()
	if r := o.CLI("bob", "role", "create", "Desk", "investor.create"); r.Code == 0 || o.Head() != head {
		t.Errorf("%+v", r)
	}
	got := read[wire.Check](o, o.HTTP("GET", "/check?subject=alice&permission=investor.create", nil))
	if !got.Allowed {
		t.Errorf("%+v", got)
	}
	if a := o.HTTPAs("", "GET", "/roles", nil); a.Status != 401 {
		t.Errorf("without a token: %+v", a)
	}
}

// On a clock of its own a grant ends when the clock has passed its end.
func TestHarnessClock(t *testing.T) {
	c := newClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	o := openAt(t, "stokr", c)
	o.Add("alice")
	in := grant("investor.view", "alice", "investor/A")
	in.Until = "2026-01-09T00:00:00Z"
	o.As("owner").Do(in)
	o.Allowed("alice", "investor.view", "investor/A")
	o.Denied("alice", "investor.view", "investor/B")
	c.Advance(7 * 24 * time.Hour)
	o.Denied("alice", "investor.view", "investor/A")
	in.Until = "2026-02-01T00:00:00Z"
	o.As("owner").Do(in)
	o.Allowed("alice", "investor.view", "investor/A")
}
