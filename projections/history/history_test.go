package history_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/history"
)

// keys names roles and subjects by their ids, as the ledgers of documenttest do.
type keys struct{}

func (keys) RoleKey(id ulid.ULID) string    { return id.String() }
func (keys) SubjectKey(id ulid.ULID) string { return id.String() }

func TestFindAndDescribe(t *testing.T) {
	// Given a ledger: 1 opened, 2 catalogue, then
	l := documenttest.Open(t, documenttest.Guardian, "")
	kyc := l.AddRole("KYC", "", documenttest.Read)                                                    // 3
	audit := l.AddRole("Audit", "", documenttest.Write)                                               // 4
	dora := l.AddSubject("")                                                                          // 5
	l.Do(&events.RoleAssigned{Subject: dora, Role: kyc, Until: l.Now.Add(time.Hour)})                 // 6
	l.Do(&events.RoleUpdated{Role: kyc, Add: []string{documenttest.Write}})                           // 7
	l.Do(&events.RolesSet{Subject: dora, Roles: []ulid.ULID{audit}})                                  // 8
	l.Do(&events.PermissionGranted{Subject: dora, Permission: documenttest.Read, Scope: "policy/P1"}) // 9
	l.Do(&events.PermissionsSet{Subject: dora, Permissions: []string{documenttest.Write}})            // 10
	many := []string{documenttest.Read}
	part := l.Do(&events.PermissionsRecorded{Permissions: many}).Event.Data.(*events.PermissionsRecorded) // 11
	l.Do(&events.RoleUpdated{Role: audit, AddParts: []events.Digest{part.Part}})                          // 12
	l.Do(&events.SubjectDeactivated{Subject: dora})                                                       // 13
	x := history.New()
	f := projections.NewFold(x)
	for _, en := range l.Entries {
		f.Apply(en)
	}
	for name, c := range map[string]struct {
		q    history.Query
		want []uint64
		more bool
	}{
		"everything":                    {history.Query{}, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, false},
		"a role":                        {history.Query{Role: kyc}, []uint64{3, 6, 7, 8}, false},
		"a role that a set gave":        {history.Query{Role: audit}, []uint64{4, 8, 12}, false},
		"a subject":                     {history.Query{Subject: dora}, []uint64{5, 6, 8, 9, 10, 13}, false},
		"a role and a subject":          {history.Query{Role: kyc, Subject: dora}, []uint64{6, 8}, false},
		"a permission, by parts too":    {history.Query{Permission: documenttest.Read}, []uint64{2, 3, 9, 12}, false},
		"a permission that a set gave":  {history.Query{Permission: documenttest.Write}, []uint64{2, 4, 7, 10}, false},
		"an actor":                      {history.Query{Actor: l.Owner, Limit: 2}, []uint64{1, 2}, true},
		"nobody":                        {history.Query{Actor: dora}, nil, false},
		"the newest":                    {history.Query{Newest: true, Limit: 2}, []uint64{13, 12}, true},
		"exactly as many as the limit":  {history.Query{From: 12, Limit: 2}, []uint64{12, 13}, false},
		"a range":                       {history.Query{From: 4, To: 6}, []uint64{4, 5, 6}, false},
		"a range beyond the end":        {history.Query{From: 14}, nil, false},
		"types":                         {history.Query{Types: []events.Type{"role.created", "role.updated"}}, []uint64{3, 4, 7, 12}, false},
		"what took something away":      {history.Query{Taking: true}, []uint64{8, 13}, false},
		"what took it from a subject":   {history.Query{Taking: true, Subject: dora, Newest: true, Limit: 1}, []uint64{13}, true},
		"since an instant, before one":  {history.Query{Since: l.Entries[5].Event.Time, Before: l.Entries[7].Event.Time}, []uint64{6, 7}, false},
		"newest first within a subject": {history.Query{Subject: dora, Newest: true, Limit: 1}, []uint64{13}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, more := x.Find(c.q); !slices.Equal(got, c.want) || more != c.more {
				t.Errorf("got %v, more: %v; want %v, %v", got, more, c.want, c.more)
			}
		})
	}
	for at, want := range map[int]string{
		6:  dora.String() + " + role " + kyc.String() + " until",
		7:  "+ " + documenttest.Write,
		8:  dora.String() + " now has 1 role\n+ role " + audit.String() + "\n− role " + kyc.String(),
		9:  "on policy/P1",
		10: "now has 1 permission without a role",
		12: "and what 1 recorded parts name; 2 permissions in all",
	} {
		if got := strings.Join(history.Describe(l.Entries[at-1].Event, keys{}), "\n"); !strings.Contains(got, want) {
			t.Errorf("event %d is described as %q; want it to say %q", at, got, want)
		}
	}
}

// TestEveryTypeIsDescribed finds a type that was added and has no words yet.
func TestEveryTypeIsDescribed(t *testing.T) {
	for typ := range events.Types() {
		d, _ := events.New(typ)
		e := events.Event{Data: d}
		if got := history.Describe(&e, keys{}); len(got) == 0 || got[0] == string(typ) {
			t.Errorf("%s has no words of its own", typ)
		}
	}
}
