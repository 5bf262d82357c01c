package node_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// command gives a signed command of an organization's owner.
func (o owner) command(t testing.TB, org *node.Org, d events.Data) ledger.Request {
	t.Helper()
	c := events.Command{ID: node.NewID(time.Now().UnixMilli()), Auth: events.Auth{Method: events.MethodSignature, Credential: o.did()}, Data: d}
	org.Fold.Read(func(s *rules.State) {
		c.Ledger = s.Source()
		c.Actor, _ = s.KeyOwner(o.did())
	})
	return o.sign(t, c)
}

// Given a running ledger, when somebody changes what it is made of, then a check makes it read-only and says why, and the
// other organizations go on.
func TestChecksOfARunningLedger(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *wreck, n *node.Node) error
		want  func(error) bool
	}{
		"the head record was replaced": {func(w *wreck, _ *node.Node) error {
			b, err := os.ReadFile(w.head())
			b[30]++
			b[4096+30]++
			return errors.Join(err, os.WriteFile(w.head(), b, 0o600))
		}, func(err error) bool { return strings.Contains(err.Error(), "damaged") }},
		"the journal was cut": {func(w *wreck, _ *node.Node) error {
			return os.Truncate(w.segment(), 1000)
		}, func(err error) bool { return strings.Contains(err.Error(), "shorter") }},
		"an entry was changed in the journal": {func(w *wreck, _ *node.Node) error {
			w.change(w.segment(), flipAt(w.at(wreckEntries)+300, 1))
			return nil
		}, func(err error) bool {
			b := (*chain.BrokenError)(nil)
			return errors.As(err, &b) && b.Check == chain.CheckHead
		}},
	} {
		t.Run(name, func(t *testing.T) {
			fresh, _ := wrecks(t)
			w, o := fresh(t), forker
			n := open(t, w.dir)
			beta := organization(t, n, newOwner(t), "beta", "plain")
			acme, err := n.Org("acme")
			w.must(err)
			n.CheckAll(t.Context())
			if err := errors.Join(acme.Ledger.Err(), beta.Ledger.Err()); err != nil {
				t.Fatal("before:", err)
			}
			w.must(c.spoil(w, n))
			n.CheckAll(t.Context())
			if err := acme.Ledger.Err(); err == nil || !c.want(err) {
				t.Errorf("got %v", err)
			}
			if _, err := acme.Ledger.Execute(t.Context(), o.command(t, acme, newRole("more"))); !errors.Is(err, ledger.ErrStopped) {
				t.Errorf("a command: %v", err)
			}
			if err := beta.Ledger.Err(); err != nil {
				t.Errorf("beta: %v", err)
			}
			if acme.Access.Head().Position != wreckEntries {
				t.Error("it is not read any more")
			}
		})
	}
}

// Checks are made by themselves.
func TestChecksComeAgain(t *testing.T) {
	fresh, _ := wrecks(t)
	w := fresh(t)
	var opts node.Options
	opts.CheckEvery(time.Millisecond)
	n, err := node.Open(t.Context(), w.dir, opts)
	w.must(err)
	defer n.Close()
	w.must(os.Truncate(w.segment(), 1000))
	acme, err := n.Org("acme")
	w.must(err)
	for end := time.Now().Add(30 * time.Second); acme.Ledger.Err() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody looked")
		}
	}
}

// Given less free space than is to be kept, when a command comes, then it waits and nothing is spoilt; with more space it is
// recorded by the same ledger.
func TestLittleSpace(t *testing.T) {
	fresh, _ := wrecks(t)
	w, o := fresh(t), forker
	n, err := node.Open(t.Context(), w.dir, node.Options{MinFree: 1 << 62})
	w.must(err)
	acme, err := n.Org("acme")
	w.must(err)
	r := o.command(t, acme, newRole("later"))
	if _, err := acme.Ledger.Execute(t.Context(), r); !errors.Is(err, ledger.ErrWait) || !errors.Is(err, node.ErrNoSpace) {
		t.Errorf("got %v", err)
	}
	if err := acme.Ledger.Err(); err != nil || acme.Journal.Len() != wreckEntries {
		t.Errorf("%v, %d entries", err, acme.Journal.Len())
	}
	node.SetMinFree(n, 1)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		receipt, err := acme.Ledger.Execute(t.Context(), r)
		if err == nil && receipt.Position == wreckEntries+1 {
			break
		}
		if !errors.Is(err, ledger.ErrWait) || time.Now().After(end) {
			t.Fatalf("with space: %v", err)
		}
	}
	w.must(n.Close())
}
