//go:build unix

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/stream/natstest"
)

// claim is somebody's attempt to have a key that only one can have.
type claim struct {
	key  string
	won  bool // else it was taken already
	open bool // it was never answered
}

// claims says what one ledger would answer: the first has the key, all others are refused. A claim without an answer may
// have been the first, or nothing.
var claims = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		of := map[string]int{}
		for _, o := range history {
			key := o.Input.(claim).key
			if _, ok := of[key]; !ok {
				of[key] = len(parts)
				parts = append(parts, nil)
			}
			parts[of[key]] = append(parts[of[key]], o)
		}
		return parts
	},
	Init: func() []any { return []any{false} },
	Step: func(state, input, _ any) []any {
		taken, c := state.(bool), input.(claim)
		switch {
		case c.open:
			return []any{taken, true}
		case c.won == taken:
			return nil
		}
		return []any{true}
	},
}).ToModel()

// claimant records claims and keeps the history.
type claimant struct {
	mu  sync.Mutex
	ops []porcupine.Operation
}

func (h *claimant) claim(t *testing.T, m *member, key string) {
	t.Helper()
	cmd := m.mine(&events.SubjectAdded{Subject: m.id(), Key: key, Kind: events.KindHuman})
	began := time.Now()
	_, err := m.ledger.Execute(context.WithoutCancel(t.Context()), m.request(cmd))
	c, back := claim{key: key, won: err == nil}, time.Now().UnixNano()
	switch {
	case errors.Is(err, ledger.ErrWait), errors.Is(err, ledger.ErrStopped):
		return // nothing was recorded
	case errors.Is(err, ledger.ErrUnknown):
		c.open, back = true, math.MaxInt64
	case err != nil && code(err) != rules.Taken:
		t.Errorf("%s: %v", key, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: len(h.ops), Input: c, Call: began.UnixNano(), Return: back})
}

// TestSharedIsLinearizable has callers on two nodes claim the same keys while the stream's leader steps down.
func TestSharedIsLinearizable(t *testing.T) {
	c := natstest.Start(t, 3)
	rounds := 1
	if os.Getenv("PERMLEDGER_LONG") != "" {
		rounds = 10
	}
	for round := range rounds {
		a, b := pair(t, c, fmt.Sprint("claims-", round))
		h := &claimant{}
		var wg sync.WaitGroup
		for i := range 8 {
			m := []*member{a, b}[i%2]
			wg.Go(func() {
				for k := range 40 {
					h.claim(t, m, fmt.Sprint("key-", k))
				}
			})
		}
		a.at(10)
		if _, err := c.Admin().Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream.LogName(a.org), nil, 5*time.Second); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if got := porcupine.CheckOperationsTimeout(claims, h.ops, time.Minute); got != porcupine.Ok {
			t.Errorf("the history of %d claims: %s", len(h.ops), got)
		}
		a.at(max(a.journal.Len(), b.journal.Len()))
		b.at(a.journal.Len())
		same(t, a, b)
	}

	t.Run("a group that is not decided again is found out", func(t *testing.T) {
		a, b := pair(t, c, "planted")
		b.ledger.SkipDecision()
		h := &claimant{}
		b.before(func() { h.claim(t, a, "same") })
		h.claim(t, b, "same")
		if got := porcupine.CheckOperationsTimeout(claims, h.ops, time.Minute); len(h.ops) != 2 || got != porcupine.Illegal {
			t.Errorf("the history of %d claims: %s", len(h.ops), got)
		}
		// and the other node takes nothing of it
		a.wait("A stops", func() bool { return a.ledger.Err() != nil })
		broken := (*chain.BrokenError)(nil)
		if err := a.ledger.Err(); !errors.As(err, &broken) || broken.Check != chain.CheckRules {
			t.Errorf("got %v", err)
		}
	})
}
