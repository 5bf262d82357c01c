package node

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

func activity(t *testing.T, maxAge time.Duration, dir string) (*Activity, *stream.Server) {
	t.Helper()
	s, err := stream.Start(stream.Options{StoreDir: dir, ActivityMaxAge: maxAge})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	a, err := openActivity(t.Context(), s.Conn, "acme", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a, s
}

func (a *Activity) note(reasons ...string) {
	for _, reason := range reasons {
		a.refused(time.Now(), events.Command{Data: &events.RoleDeleted{}}, &rules.Refusal{Reason: reason})
	}
}

// reasons reads the stream, and checks that each of our records names the message before it.
func (a *Activity) reasons(t *testing.T) (got []string) {
	t.Helper()
	prev := ""
	for e, err := range a.feed.Entries(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		var r ActivityRecord
		if err := json.Unmarshal(e.Data, &r); err != nil {
			t.Fatal(err)
		}
		if r.Kind == "refused" && r.Prev != prev {
			t.Errorf("the record %q does not follow the message before it", r.Reason)
		}
		got, prev = append(got, r.Reason), digest(e.Data)
	}
	return got
}

func TestActivityGoesOnBehindAForeignMessage(t *testing.T) {
	a, _ := activity(t, 0, t.TempDir())
	flush := func() {
		t.Helper()
		if err := a.flush(); err != nil {
			t.Fatal(err)
		}
	}
	a.note("one")
	flush()
	// Given a message that somebody else wrote
	foreign := func(at uint64) {
		t.Helper()
		if err := a.feed.Append(t.Context(), at, "other", [][]byte{[]byte(`{"reason":"foreign"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	foreign(1)
	// then the next records stand behind it
	a.note("two", "three")
	flush()
	// and given records of which it is not known that they arrived, and another such message
	at, prev := a.len, a.prev
	a.note("four", "five")
	if !a.take() {
		t.Fatal("nothing waits")
	}
	sent := a.batch
	flush()
	foreign(6)
	a.len, a.prev, a.batch = at, prev, sent
	a.note("six")
	flush()
	// then none of them is there twice
	if got, want := fmt.Sprint(a.reasons(t)), "[one foreign two three four five foreign six]"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestActivityKeepsWhatCannotBeAppended(t *testing.T) {
	dir := t.TempDir()
	a, s := activity(t, 0, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Given a stream that does not answer, and more records than may wait
	a.note("oldest")
	if err := a.flush(); err == nil {
		t.Fatal("it was appended")
	}
	for i := range activityWaiting + 2 {
		a.note(fmt.Sprint(i))
	}
	if a.pending() != activityWaiting+1 || a.dropped != 2 {
		t.Errorf("%d wait, %d were dropped", a.pending(), a.dropped)
	}
	// when it answers again, then what waits is appended, the oldest first
	b, _ := activity(t, 0, dir)
	a.feed, a.waiting = b.feed, a.waiting[:2*activityBatch]
	if err := a.flush(); err != nil {
		t.Fatal(err)
	}
	got := a.reasons(t)
	if len(got) != 2*activityBatch+1 || got[0] != "oldest" || got[1] != "2" || a.dropped != 0 {
		t.Errorf("got %d records, %q", len(got), got[:2])
	}
}

func TestActivityBeginsBehindWhatAgedAway(t *testing.T) {
	dir := t.TempDir()
	a, s := activity(t, 200*time.Millisecond, dir)
	a.note("old")
	if err := a.flush(); err != nil {
		t.Fatal(err)
	}
	for st, err := a.feed.Check(t.Context()); st.Msgs > 0; st, err = a.feed.Check(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	a, _ = activity(t, 0, dir)
	a.note("new")
	if err := a.flush(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(a.reasons(t)); got != "[new]" || a.len != 2 {
		t.Errorf("got %s at %d", got, a.len)
	}
}
