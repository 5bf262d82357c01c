package history_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/projections/projectionstest"
)

func TestSnapshots(t *testing.T) {
	projectionstest.Snapshots(t, history.New, func(x *history.Index, entries []*chain.Entry) string {
		var b strings.Builder
		ask := func(q history.Query) {
			found, more := x.Find(q)
			fmt.Fprintln(&b, found, more)
		}
		ask(history.Query{})
		ask(history.Query{Permission: documenttest.Read})
		ask(history.Query{Taking: true})
		for _, en := range entries {
			ask(history.Query{Actor: en.Event.Actor, Since: en.Event.Time, Limit: 3})
			ask(history.Query{Types: []events.Type{en.Event.Data.Type()}})
			if d, ok := en.Event.Data.(*events.RoleAssigned); ok {
				ask(history.Query{Role: d.Role, Newest: true})
				ask(history.Query{Subject: d.Subject})
			}
		}
		return b.String()
	})
}

func FuzzSnapshot(f *testing.F) {
	projectionstest.FuzzSnapshot(f, history.New, func(x *history.Index) {
		x.Find(history.Query{Permission: documenttest.Read, Types: []events.Type{"role.created"}})
		x.Find(history.Query{Newest: true})
	})
}
