package verify_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/verify"
)

// long is an honest history of n small events, in which a permission is given and taken in turns.
func long(t testing.TB, n int) *world {
	t.Helper()
	w := open(t, plain)
	w.do(ask{}, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman})
	for len(w.entries) < n {
		if len(w.entries)%2 == 0 {
			w.do(ask{}, &events.PermissionGranted{Subject: id("ann"), Permission: "p", Scope: site})
		} else {
			w.do(ask{}, &events.PermissionRevoked{Subject: id("ann"), Permission: "p", Scope: site})
		}
	}
	return w
}

// Given a history of several batches with two entries that do not hold, then the first of them is named, however many
// look at once, and progress was told up to the batch before it.
func TestFirstIsNamed(t *testing.T) {
	w := long(t, 700)
	raws := w.raws()
	if _, err := entries(t, raws, verify.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []int{1, 127, 128, 129, 255, 256, 400, 698} {
		for _, workers := range []int{1, 2, 8} {
			all := slices.Clone(raws)
			for _, i := range []int{bad - 1, 699} {
				all[i].Bytes = slices.Clone(all[i].Bytes)
				all[i].Bytes[len(all[i].Bytes)-10] ^= 1
			}
			var done []uint64
			_, err := entries(t, all, verify.Options{Workers: workers, Progress: func(organization string, n uint64) {
				if organization != "acme" {
					t.Errorf("progress of %q", organization)
				}
				done = append(done, n)
			}})
			var broken *chain.BrokenError
			if !errors.As(err, &broken) || broken.Position != uint64(bad) {
				t.Errorf("%d workers: %v; want an error at %d", workers, err, bad)
			}
			for i, n := range done {
				if n != uint64(128*(i+1)) || n >= uint64(bad) {
					t.Errorf("%d workers, bad at %d: progress %v", workers, bad, done)
				}
			}
		}
	}
}

// Given a source of entries that fails, then what came before is judged first, and its failure is the answer where all
// of that holds.
func TestSourceFails(t *testing.T) {
	w := long(t, 300)
	unreadable := errors.New("the disk says no")
	upTo := func(n int, raws []verify.Raw) iter.Seq2[verify.Raw, error] {
		return func(yield func(verify.Raw, error) bool) {
			for r := range sequence(raws[:n]) {
				if !yield(r, nil) {
					return
				}
			}
			yield(verify.Raw{}, unreadable)
		}
	}
	tampered := w.raws()
	tampered[4].Subject = "ledger.acme.role.created"
	for _, n := range []int{0, 1, 127, 128, 129, 256, 300} {
		r, err := verify.Entries(t.Context(), upTo(n, w.raws()), verify.Options{})
		if !errors.Is(err, unreadable) || r == nil || r.Position != uint64(n) {
			t.Errorf("after %d: %v, report %+v", n, err, r)
		}
		if n > 4 {
			_, err = verify.Entries(t.Context(), upTo(n, tampered), verify.Options{})
			wantBroken(t, err, chain.CheckSubject, 5)
		}
	}
}

// Given no entry at all, then nothing was verified, and that is an error.
func TestNoEntry(t *testing.T) {
	if _, err := entries(t, nil, verify.Options{}); err == nil {
		t.Error("nothing was verified without an error")
	}
}

// Given somebody who does not wait for the end, then verification stops and says why.
func TestStopped(t *testing.T) {
	raws := long(t, 700).raws()
	why := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	read := 0
	endless := func(yield func(verify.Raw, error) bool) {
		for i := 0; yield(raws[i%700], nil); i++ {
			if read++; read == 650 {
				cancel(why)
			}
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := verify.Entries(ctx, endless, verify.Options{Workers: 1})
		ended <- err
	}()
	select {
	case err := <-ended:
		// The last batches may have been judged before the end was noticed: they begin again at 1.
		var broken *chain.BrokenError
		if !errors.Is(err, why) && !(errors.As(err, &broken) && broken.Position == 701) {
			t.Errorf("got %v; want %v", err, why)
		}
	case <-time.After(time.Minute):
		t.Fatal("verification did not end")
	}
}
