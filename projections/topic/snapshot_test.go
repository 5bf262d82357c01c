package topic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/projectionstest"
	"github.com/permledger/permledger/projections/topic"
)

func everything(p *topic.Projection) string {
	var b strings.Builder
	for i := range p.Len() {
		m, _ := p.Message(i)
		fmt.Fprintf(&b, "%d %d %s\n", i, m.Position, m.Bytes)
	}
	fmt.Fprintln(&b, p.From(5), p.Err())
	return b.String()
}

func TestSnapshots(t *testing.T) {
	projectionstest.Snapshots(t, topic.New, func(p *topic.Projection, _ []*chain.Entry) string { return everything(p) })
}

// Given a message that is too long to be posted, when the topic is read from a snapshot, then it says so as before.
func TestSnapshotOfAWrongMessage(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	l.AddRole("Short", "", documenttest.Read)
	long := *l.Entries[len(l.Entries)-1] // as no rules let it happen
	e, d := *long.Event, *long.Event.Data.(*events.RoleCreated)
	d.Description = strings.Repeat("x", 1000)
	e.Data, long.Event = &d, &e
	p, again, state := topic.New(), topic.New(), rules.New()
	for _, en := range append(l.Entries[:len(l.Entries)-1], &long) {
		rules.Evolve(state, en.Event)
		p.Apply(en, state)
	}
	if p.Err() == nil {
		t.Fatal("the message is not too long")
	}
	if err := again.ReadSnapshot(p.AppendSnapshot(nil)); err != nil {
		t.Fatal(err)
	}
	if got, want := everything(again), everything(p); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzSnapshot(f *testing.F) {
	projectionstest.FuzzSnapshot(f, topic.New, func(p *topic.Projection) { everything(p) })
}
