package node_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/changes"
)

// published waits until the stream of changes is as long as the ledger, and gives its messages.
func published(t *testing.T, n *node.Node, o *node.Org) []string {
	t.Helper()
	var list []string
	eventually(t, "all changes are in the stream", func() bool {
		list = nil
		f, err := n.Stream().OpenFeed(t.Context(), stream.Changes, o.ID)
		if err != nil {
			return false // it is being made again
		}
		for e, err := range f.Entries(t.Context(), 1) {
			if err != nil {
				return false
			}
			list = append(list, e.Subject+" "+string(e.Data))
		}
		return len(list) == int(o.Access.Head().Position)
	})
	return list
}

// Given an organization whose changes somebody wants, then each entry has its message at its own position, also after a
// restart that asks for nothing; and where somebody else wrote to the stream, it is made again to the same bytes.
func TestChangesArePublishedAndMadeAgain(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	org := organization(t, n, o, "acme", "plain")
	o.do(t, org, newRole("one"))
	if has, err := n.Stream().HasFeed(t.Context(), stream.Changes, "acme"); has || err != nil {
		t.Fatalf("there is a stream that nobody asked for: %v, %v", has, err)
	}
	org.PublishChanges()
	o.do(t, org, &events.SubjectAdded{Subject: node.NewID(1), Key: "bob", Kind: events.KindHuman})
	want := published(t, n, org)
	for i, line := range want {
		subject, data, _ := strings.Cut(line, " ")
		var m changes.Message
		if err := json.Unmarshal([]byte(data), &m); err != nil || m.Position != uint64(i+1) || subject != "changes.acme."+string(m.Kind) {
			t.Errorf("%d: %v in %s", i+1, err, line)
		}
	}
	n.Close()
	n = open(t, dir)
	org, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	o.do(t, org, newRole("two"))
	if got := published(t, n, org); len(got) != len(want)+1 || strings.Join(got[:len(want)], "\n") != strings.Join(want, "\n") {
		t.Errorf("after a restart:\n%s\nwant, and one more:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	want = published(t, n, org)

	// Given a stream to which somebody else wrote
	n.Close()
	n = open(t, dir)
	f, err := n.Stream().OpenFeed(t.Context(), stream.Changes, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Append(t.Context(), uint64(len(want)), "role", [][]byte{[]byte("{}")}); err != nil {
		t.Fatal(err)
	}
	n.Close()
	n = open(t, dir)
	if org, err = n.Org("acme"); err != nil {
		t.Fatal(err)
	}
	// then it is made again, to the same bytes
	var got []string
	eventually(t, "the stream is made again", func() bool {
		got = published(t, n, org)
		return strings.Join(got, "\n") == strings.Join(want, "\n")
	})
}
