package access_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/projections/access"
)

// Given parts of which one is older than anybody may still use, when the index has tidied up, then only the newer one
// still makes a role.
func TestPartsAreKeptWhileTheyMayBeUsed(t *testing.T) {
	x, n, now := access.New(), uint64(0), begin
	apply := func(d events.Data) {
		n++
		x.Apply(&chain.Entry{Event: &events.Event{ID: number("event", n), Source: source, Sequence: n, Time: now, Actor: owner, Data: d}}, nil)
	}
	record := func(name string) events.Digest {
		part := events.PartDigest([]string{name})
		apply(&events.PermissionsRecorded{Permissions: []string{name}, Part: part})
		return part
	}
	apply(&events.OrganizationOpened{Owner: events.Owner{Subject: owner, Key: "owner", Kind: events.KindHuman}})
	old := record("old")
	now = now.Add(49 * time.Hour)
	recent := record("recent")
	for n < 4096 {
		apply(&events.KeyReported{})
	}
	apply(&events.RoleCreated{Role: id("r1"), Key: "desk", Parts: []events.Digest{old, recent}})
	r, err := x.Role("desk", x.Now(now))
	if err != nil || len(r.Permissions) != 1 || r.Permissions[0] != "recent" {
		t.Errorf("got %v %v, want the recent part alone", r.Permissions, err)
	}
}
