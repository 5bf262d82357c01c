package stream

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestFeeds(t *testing.T) {
	dir := t.TempDir()
	s := run(t, dir)
	data := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
	for k, suffix := range map[FeedKind]string{Topic: "", Activity: "sign-in", Changes: "role"} {
		f, err := s.OpenFeed(deadline(t), k, "acme")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := f.Len(deadline(t)); n != 0 || err != nil {
			t.Fatalf("%s: got %d, %v; want 0", k, n, err)
		}
		if err := f.Append(deadline(t), 0, suffix, data); err != nil {
			t.Fatal(err)
		}
		var stale *StaleError
		if err := f.Append(deadline(t), 1, suffix, data); !errors.As(err, &stale) {
			t.Fatalf("%s: got %v; want a StaleError", k, err)
		}
		var name *NameError
		for _, bad := range []string{"a.b", "*", "A", "x y"} {
			if err := f.Append(deadline(t), 3, bad, data); !errors.As(err, &name) {
				t.Errorf("%s %q: got %v; want a NameError", k, bad, err)
			}
		}
		wrong := map[FeedKind]string{Topic: "x", Activity: "", Changes: "role.x"}[k]
		if err := f.Append(deadline(t), 3, wrong, data); !errors.As(err, &name) {
			t.Errorf("%s %q: got %v; want a NameError", k, wrong, err)
		}
		if f, err = s.OpenFeed(deadline(t), k, "acme"); err != nil { // again
			t.Fatal(err)
		}
		n := 0
		for e, err := range f.Entries(deadline(t), 1) {
			if err != nil || string(e.Data) != string(data[n]) {
				t.Fatalf("%s: got %v %v", k, e, err)
			}
			n++
		}
		got, err := scanAll(dir, f.name)
		if n != 3 || err != nil || len(got) != 3 {
			t.Fatalf("%s: %d entries, %d records, %v; want 3", k, n, len(got), err)
		}
	}
	if err := s.RemoveFeed(deadline(t), Topic, "acme"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveFeed(deadline(t), Topic, "acme"); !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v; want %v", err, ErrMissing)
	}
	if err := s.RemoveFeed(deadline(t), Activity, "acme"); !errors.Is(err, ErrNotPermitted) {
		t.Fatalf("got %v; want %v", err, ErrNotPermitted)
	}
	for k, want := range map[FeedKind]bool{Topic: false, Changes: true} {
		if has, err := s.HasFeed(deadline(t), k, "acme"); has != want || err != nil {
			t.Fatalf("%s is there: %v, %v", k, has, err)
		}
	}
	each, err := s.OpenFeed(deadline(t), Changes, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if err := each.AppendEach(deadline(t), 3, []FeedMsg{{"subject", data[0]}, {"other", data[1]}}); err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for e, err := range each.Entries(deadline(t), 4) {
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, e.Subject)
	}
	if !slices.Equal(subjects, []string{"changes.acme.subject", "changes.acme.other"}) {
		t.Fatalf("got %q", subjects)
	}
	f, err := s.OpenFeed(deadline(t), Topic, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Len(deadline(t)); n != 0 || err != nil {
		t.Fatalf("rebuilt: got %d, %v; want 0", n, err)
	}
	if _, err := s.OpenFeed(deadline(t), "LEDGER", "acme"); err == nil {
		t.Fatal("opened a ledger as a feed")
	}
}

// Given an activity feed, when the retention is set and its oldest messages age away, then it is still whole, begins with
// what is left, and positions go on.
func TestActivityAges(t *testing.T) {
	dir := t.TempDir()
	s := run(t, dir)
	f, err := s.OpenFeed(deadline(t), Activity, "acme")
	if err != nil {
		t.Fatal(err)
	}
	old := make([][]byte, 500)
	for i := range old {
		old[i] = fmt.Appendf(nil, "old %d", i)
	}
	if err := f.Append(deadline(t), 0, "check", old); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = runWith(t, Options{StoreDir: dir, ActivityMaxAge: 300 * time.Millisecond})
	if f, err = s.OpenFeed(deadline(t), Activity, "acme"); err != nil {
		t.Fatal(err)
	}
	ctx := deadline(t)
	for st, err := f.Check(ctx); st.Msgs > 0 || err != nil; st, err = f.Check(ctx) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.Len(ctx); n != 500 || err != nil {
		t.Fatalf("got %d, %v; want 500", n, err)
	}
	if err := f.Append(ctx, 500, "check", old[:3]); err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range f.Entries(ctx, 1) {
		if err != nil || e.Seq < 501 {
			t.Fatalf("got %d, %v", e.Seq, err)
		}
		n++
	}
	if n > 3 {
		t.Fatalf("got %d entries; want at most 3", n)
	}
	if _, err := f.Read(ctx, 1); !errors.Is(err, ErrNoEntry) {
		t.Fatalf("got %v; want %v", err, ErrNoEntry)
	}
	if _, err := scanAll(dir, "ACTIVITY_acme"); err != nil {
		t.Fatal(err)
	}
}

// Given a feed whose configuration a power cut left empty, so that nats-server does not load it, when it is opened, then it
// is made again around the messages that are there.
func TestFeedWithoutItsConfiguration(t *testing.T) {
	dir := t.TempDir()
	s := run(t, dir)
	f, err := s.OpenFeed(deadline(t), Activity, "acme")
	if err == nil {
		err = f.Append(deadline(t), 0, "sign-in", [][]byte{[]byte("one"), []byte("two")})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	at, err := StreamDir(dir, f.name)
	if err == nil {
		err = errors.Join(os.Truncate(filepath.Join(at, "meta.inf"), 0), os.Truncate(filepath.Join(at, "meta.sum"), 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	if f, err = run(t, dir).OpenFeed(deadline(t), Activity, "acme"); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Len(deadline(t)); n != 2 || err != nil {
		t.Errorf("got %d, %v; want the 2 messages", n, err)
	}
}
