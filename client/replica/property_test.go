package replica_test

import (
	"os"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/projectionstest"
)

// Whatever the history, wherever the replica is closed and opened again, it answers as the rules do on the state at its
// position: these decide what the ledger itself records.
func TestItAnswersAsTheLedgerDoes(t *testing.T) {
	b := newBroker(t)
	rounds := 0
	rapid.Check(t, func(rt *rapid.T) {
		if rounds++; rounds > 25 && os.Getenv("PERMLEDGER_LONG") != "1" {
			return
		}
		l := projectionstest.Ledger(t, rt)
		for range rapid.IntRange(0, 5).Draw(rt, "more") {
			subject := l.AddSubject("")
			l.Do(&events.PermissionGranted{Subject: subject, Permission: documenttest.Write, Scope: "policy/1", Until: time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)})
			if rapid.Bool().Draw(rt, "deactivated") {
				l.Do(&events.SubjectDeactivated{Subject: subject})
			}
		}
		b.again()
		dir := t.TempDir()
		r := b.opened(dir, nil)
		defer func() { _ = r.Close() }()
		state, shown := rules.New(), 0
		for shown < len(l.Entries) {
			to := rapid.IntRange(shown+1, len(l.Entries)).Draw(rt, "to")
			part := *l
			part.Entries = l.Entries[:to]
			b.show(&part, shown)
			for _, en := range part.Entries[shown:] {
				rules.Evolve(state, en.Event)
			}
			shown = to
			b.fresh(r, &part)
			now := time.Now()
			for _, subject := range subjects(part.Entries) {
				for _, permission := range []string{documenttest.Read, documenttest.Write, "guardian:NONE"} {
					for _, resource := range []string{"", "policy/1", "policy/7", "policy/7/block/1", "policy/12"} {
						want := state.Check(subject, permission, resource, now)
						if got, err := r.Check(subject.String(), permission, resource); got != want || err != nil {
							rt.Fatalf("position %d: %s, %s, %s: %v, %v; want %v", shown, subject, permission, resource, got, err, want)
						}
					}
				}
			}
			if rapid.Bool().Draw(rt, "restart") {
				if err := r.Close(); err != nil {
					rt.Fatal(err)
				}
				r = b.opened(dir, nil)
				if at := r.Status().Position; at != uint64(shown) {
					rt.Fatalf("it begins at %d; %d were kept", at, shown)
				}
			}
		}
	})
}

// subjects gives everybody who was added, and the owner.
func subjects(entries []*chain.Entry) (all []ulid.ULID) {
	for _, en := range entries {
		switch d := en.Event.Data.(type) {
		case *events.OrganizationOpened:
			all = append(all, d.Owner.Subject)
		case *events.SubjectAdded:
			all = append(all, d.Subject)
		}
	}
	return all
}
