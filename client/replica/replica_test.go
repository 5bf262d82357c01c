package replica_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/permledger/permledger/client/replica"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document/documenttest"
)

func TestItFollows(t *testing.T) {
	// Given a ledger on a NATS server, and a replica of it
	l := ledger(t)
	b := newBroker(t)
	b.show(l, 0)
	r := b.opened(t.TempDir(), nil)
	// when nothing proves yet that what it has is the newest, then it does not answer
	if err := r.AtLeast(within(t), uint64(len(l.Entries))); err != nil {
		t.Fatal(err)
	}
	owner := l.Owner.String()
	if ok, err := r.Check(owner, documenttest.Write, ""); ok || !errors.Is(err, replica.ErrStale) {
		t.Fatalf("%v, %v; want ErrStale", ok, err)
	}
	// when the log says so, it does
	b.fresh(r, l)
	if ok, err := r.Check(owner, documenttest.Write, ""); !ok || err != nil {
		t.Fatal(ok, err)
	}
	// and what is recorded later it knows at once, where the caller names the position
	someone := l.AddSubject("")
	if ok, err := r.Check(someone.String(), documenttest.Read, ""); ok || err != nil {
		t.Fatal(ok, err)
	}
	l.Do(&events.PermissionGranted{Subject: someone, Permission: documenttest.Read})
	b.show(l, len(l.Entries)-2)
	if ok, err := r.CheckAtLeast(within(t), uint64(len(l.Entries)), someone.String(), documenttest.Read, ""); !ok || err != nil {
		t.Fatal(ok, err)
	}
	s := r.Status()
	if s.Position != uint64(len(l.Entries)) || s.CID != l.Entries[len(l.Entries)-1].CID() || s.Genesis != l.Entries[0].CID() || !s.Connected || s.Behind != 0 || s.Err != nil {
		t.Errorf("%+v", s)
	}
	// and it says no more when it is closed
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check(owner, documenttest.Write, ""); !errors.Is(err, replica.ErrClosed) {
		t.Errorf("%v; want ErrClosed", err)
	}
}

func TestItIsToldWhichLedger(t *testing.T) {
	b := newBroker(t)
	if _, err := b.open(t.TempDir(), func(o *replica.Options) { o.FirstUse = false }); !errors.Is(err, replica.ErrNoAnchor) {
		t.Errorf("%v; want ErrNoAnchor", err)
	}
	dir := t.TempDir()
	b.opened(dir, nil)
	if _, err := b.open(dir, nil); !errors.Is(err, replica.ErrInUse) {
		t.Errorf("%v; want ErrInUse", err)
	}
}

func TestItDoesNotAnswerWhenOld(t *testing.T) {
	l := ledger(t)
	b := newBroker(t)
	b.show(l, 0)
	r := b.opened(t.TempDir(), func(o *replica.Options) { o.MaxAge = time.Minute })
	if err := r.AtLeast(within(t), uint64(len(l.Entries))); err != nil {
		t.Fatal(err)
	}
	// Given the newest that the log said is two minutes old
	old := time.Now().Add(-2 * time.Minute)
	wait(t, func() bool {
		b.announce(checkpoint(t, l, len(l.Entries), old))
		return r.Status().Proven.Equal(old.Truncate(time.Second))
	})
	owner := l.Owner.String()
	stale := (*replica.StaleError)(nil)
	if _, err := r.Check(owner, documenttest.Read, ""); !errors.As(err, &stale) || stale.Bound != time.Minute || stale.Position != uint64(len(l.Entries)) {
		t.Errorf("%v; want a StaleError", err)
	}
	// then who can live with that says so
	for _, bound := range []time.Duration{time.Hour, replica.Ever} {
		if ok, err := r.CheckWithin(bound, owner, documenttest.Read, ""); !ok || err != nil {
			t.Errorf("%s: %v, %v", bound, ok, err)
		}
	}
	// and a log that says what is yet to come proves nothing of today
	b.announce(checkpoint(t, l, len(l.Entries), time.Now().Add(time.Hour)))
	b.announce(checkpoint(t, l, len(l.Entries), old.Add(time.Second)))
	wait(t, func() bool { return r.Status().Proven.After(old) })
	if _, err := r.Check(owner, documenttest.Read, ""); !errors.Is(err, replica.ErrStale) {
		t.Errorf("%v; want ErrStale", err)
	}
	// and ctx ends a wait
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.AtLeast(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the context's", err)
	}
}

func TestItGoesOnWhenTheServerIsAway(t *testing.T) {
	l := ledger(t)
	b := newBroker(t)
	b.show(l, 0)
	r := b.opened(t.TempDir(), nil)
	b.fresh(r, l)
	for range 3 {
		// Given a server that is stopped and started again, with more entries
		b.stop()
		wait(t, func() bool { return !r.Status().Connected })
		before := len(l.Entries)
		l.AddSubject("")
		b.start()
		b.show(l, before)
		// then the replica takes them in, and answers throughout
		if _, err := r.Check(l.Owner.String(), documenttest.Read, ""); err != nil {
			t.Fatal(err)
		}
		if err := r.AtLeast(within(t), uint64(len(l.Entries))); err != nil {
			t.Fatal(err)
		}
		b.fresh(r, l)
	}
	// Given a server that has lost the end of its stream, which is then written again
	b.again()
	b.show(l, 0)
	l.AddSubject("")
	b.show(l, len(l.Entries)-1)
	// then what comes again is held against what was verified, and counts once
	b.fresh(r, l)
}

func TestEntries(t *testing.T) {
	l := ledger(t)
	b := newBroker(t)
	b.show(l, 0)
	r := b.opened(t.TempDir(), nil)
	b.fresh(r, l)
	from, want := uint64(3), len(l.Entries)+2
	next := from
	for en, err := range r.Entries(within(t), from) {
		if err != nil {
			t.Fatal(err)
		}
		if en.Event.Sequence != next || en.CID() != l.Entries[next-1].CID() {
			t.Fatalf("position %d: %s", en.Event.Sequence, en.CID())
		}
		if int(next) == len(l.Entries) && len(l.Entries) < want {
			l.AddSubject("")
			b.show(l, len(l.Entries)-1)
		}
		if next++; int(next) > want {
			break
		}
	}
	if int(next) != want+1 {
		t.Errorf("it ended before %d", next)
	}
	// and it ends with the replica
	done := make(chan error)
	go func() {
		for _, err := range r.Entries(context.Background(), next) {
			done <- err
		}
		close(done)
	}()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, replica.ErrClosed) {
		t.Errorf("%v; want ErrClosed", err)
	}
}
