package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Given a writer whose position is old, when it appends, then nothing of it is written and it learns where the stream ends.
func TestAppendStale(t *testing.T) {
	s := run(t, t.TempDir())
	l := create(t, s, "acme")
	first, theirs, ours := group("acme", 1, 10, 50), group("acme", 2, 3, 50), group("acme", 3, 4, 50)
	appendAll(t, l, 0, first)
	other, err := s.OpenLog(deadline(t), "acme")
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, other, 10, theirs)
	for _, after := range []uint64{0, 9, 10, 12, 14, 1 << 40} {
		var stale *StaleError
		err := l.Append(deadline(t), after, ours)
		if !errors.As(err, &stale) || stale.Want != after || stale.Have != 13 || stale.Strays != nil {
			t.Errorf("after %d: got %v; want stale at 13", after, err)
		}
	}
	holds(t, l, append(first, theirs...))
}

// Given entries that are in the stream, when they are appended again, then that succeeds; also when only some are there.
func TestAppendAgain(t *testing.T) {
	s := run(t, t.TempDir())
	l := create(t, s, "acme")
	msgs := group("acme", 1, 600, 50)
	for _, n := range []int{100, 100, 101, 600, 600} {
		if err := l.Append(deadline(t), 0, msgs[:n]); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, l, msgs)
	// Another last entry is not ours, though all before it are.
	changed := append(append([]Msg{}, msgs[:599]...), Msg{msgs[599].Subject, []byte("other")})
	var stale *StaleError
	if err := l.Append(deadline(t), 0, changed); !errors.As(err, &stale) || stale.Want != 599 || stale.Have != 600 {
		t.Fatalf("got %v; want stale at 600 instead of 599", err)
	}
	changed[599] = Msg{"ledger.acme.other", msgs[599].Data} // nor one with another subject
	if err := l.Append(deadline(t), 0, changed); !errors.As(err, &stale) || stale.Want != 599 {
		t.Fatalf("got %v; want stale at 599", err)
	}
}

// Given another writer that publishes in the middle of a group, before each of its messages in turn, then the append says
// which of its entries precede the foreign one and which landed behind it.
func TestAppendInterleaved(t *testing.T) {
	const n = 5
	for k := 1; k <= n; k++ {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			s, b := runBroken(t, Options{StoreDir: t.TempDir()})
			l := create(t, s, "acme")
			first := group("acme", 1, 7, 50)
			appendAll(t, l, 0, first)
			b.onPub = func(i int) {
				if i == 7+k {
					for _, err := range l.Follow(deadline(t), uint64(6+k)) { // ours before it is in the stream: connections do not wait for each other
						if err != nil {
							t.Error(err)
						}
						break
					}
					if _, err := s.read.Request("ledger.acme.foreign", []byte("{}"), time.Second); err != nil {
						t.Error(err)
					}
				}
			}
			var stale *StaleError
			if err := l.Append(deadline(t), 7, group("acme", 2, n, 50)); !errors.As(err, &stale) {
				t.Fatalf("got %v; want a StaleError", err)
			}
			// Message k (from 1) was to follow 6+k, where the foreign one stands at 7+k now. Message k+1 was to follow
			// 7+k and does; those after it follow each other.
			if want := uint64(6 + k); stale.Want != want || stale.Have < want+1 {
				t.Errorf("got %v; want stale at %d", stale, want)
			}
			for i, at := range stale.Strays {
				if at != uint64(8+k+i) {
					t.Errorf("strays at %v; want from %d on", stale.Strays, 8+k)
				}
			}
			if got := stale.Have - uint64(7+k); got != uint64(len(stale.Strays)) {
				t.Errorf("%d strays reported; the stream has %d", len(stale.Strays), got)
			}
		})
	}
}

// Given a connection that breaks, before an entry reaches the server or before its answer comes back, when the group is
// appended, then it is in the stream once and the append says so.
func TestAppendConnectionLost(t *testing.T) {
	const n = 20
	for _, where := range []string{"entry", "answer"} {
		for k := 1; k <= n; k += 3 {
			t.Run(fmt.Sprint(where, k), func(t *testing.T) {
				s, b := runBroken(t, Options{StoreDir: t.TempDir()})
				l := create(t, s, "acme")
				msgs := group("acme", 1, 3*n, 300)
				appendAll(t, l, 0, msgs[:n])
				b.mu.Lock()
				if where == "entry" {
					b.cutPub = n + k
				} else {
					b.cutAck = n + k
				}
				b.mu.Unlock()
				if err := l.Append(deadline(t), n, msgs[n:2*n]); err != nil {
					t.Fatal(err)
				}
				appendAll(t, l, 2*n, msgs[2*n:])
				holds(t, l, msgs)
			})
		}
	}
}

// Given answers that do not come, when the waiting ends by time or by the caller's context, then what is in the stream is
// found by reading it, and answers that come late disturb nothing.
func TestAppendAnswersHeld(t *testing.T) {
	for _, how := range []string{"time", "context"} {
		t.Run(how, func(t *testing.T) {
			o := Options{StoreDir: t.TempDir(), AckWait: 200 * time.Millisecond}
			if how == "context" {
				o.AckWait = 0
			}
			s, b := runBroken(t, o)
			l := create(t, s, "acme")
			msgs := group("acme", 1, 60, 300)
			hold := make(chan struct{})
			b.mu.Lock()
			b.hold, b.held = hold, 10
			b.mu.Unlock()
			ctx := deadline(t)
			if how == "context" {
				c, cancel := context.WithCancel(ctx)
				defer cancel()
				b.onPub = func(n int) {
					if n == 30 {
						// Once the last is in the stream, which is seen on the other connection.
						go func() {
							defer cancel()
							for _, err := range l.Follow(deadline(t), 30) {
								if err != nil {
									t.Error(err)
								}
								return
							}
						}()
					}
				}
				ctx = c
			}
			if err := l.Append(ctx, 0, msgs[:30]); err != nil {
				t.Fatal(err)
			}
			b.mu.Lock()
			b.held, b.onPub = 0, nil
			b.mu.Unlock()
			close(hold)
			appendAll(t, l, 30, msgs[30:])
			holds(t, l, msgs)
		})
	}
}

// Given a server that is gone, then the outcome is unknown from the first position on, and no wait is for ever.
func TestAppendServerGone(t *testing.T) {
	s := runWith(t, Options{StoreDir: t.TempDir(), AckWait: 100 * time.Millisecond})
	l := create(t, s, "acme")
	msgs := group("acme", 1, 4, 50)
	appendAll(t, l, 0, msgs[:2])
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	var unknown *UnknownError
	if err := l.Append(deadline(t), 2, msgs[2:]); !errors.As(err, &unknown) || unknown.From != 3 {
		t.Fatalf("got %v; want unknown from 3", err)
	}
}

// Given a stream that somebody removed, then an append does not report success or bring it back.
func TestAppendStreamGone(t *testing.T) {
	s := runWith(t, Options{StoreDir: t.TempDir(), AckWait: 100 * time.Millisecond})
	l := create(t, s, "acme")
	if err := s.js.DeleteStream(deadline(t), "LEDGER_acme"); err != nil {
		t.Fatal(err)
	}
	var unknown *UnknownError
	if err := l.Append(deadline(t), 0, group("acme", 1, 2, 50)); !errors.As(err, &unknown) || !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v; want unknown, because the stream is missing", err)
	}
	if _, err := s.OpenLog(deadline(t), "acme"); !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v; want %v", err, ErrMissing)
	}
}

// Given a ledger whose configuration somebody changed in NATS, then opening it names what differs.
func TestOpenNoticesConfiguration(t *testing.T) {
	tests := map[string]struct {
		change func(*jetstream.StreamConfig)
		fields []string
	}{
		"MaxMsgs":     {func(c *jetstream.StreamConfig) { c.MaxMsgs = 10; c.Discard = jetstream.DiscardOld }, []string{"discard", "max_msgs"}},
		"MaxBytes":    {func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }, []string{"max_bytes"}},
		"MaxAge":      {func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, []string{"max_age"}},
		"MaxMsgSize":  {func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }, []string{"max_msg_size"}},
		"PerSubject":  {func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5; c.Discard = jetstream.DiscardOld }, []string{"discard", "max_msgs_per_subject"}},
		"TTL":         {func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }, []string{"allow_msg_ttl"}},
		"Compression": {func(c *jetstream.StreamConfig) { c.Compression = jetstream.S2Compression }, []string{"compression"}},
		"Subjects":    {func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "more.>") }, []string{"subjects"}},
		"Direct":      {func(c *jetstream.StreamConfig) { c.AllowDirect = false }, []string{"allow_direct"}},
		"Atomic":      {func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false }, []string{"allow_atomic"}},
		"Interest":    {func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }, []string{"retention"}},
		"Republish":   {func(c *jetstream.StreamConfig) { c.RePublish = &jetstream.RePublish{Source: ">", Destination: "out.>"} }, []string{"republish"}},
		"Metadata":    {func(c *jetstream.StreamConfig) { c.Metadata = map[string]string{"a": "b"} }, []string{"metadata"}},
		"Sealed":      {func(c *jetstream.StreamConfig) { c.Sealed = true }, []string{"sealed"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := run(t, t.TempDir())
			create(t, s, "acme")
			i, _ := newID(kindLedger, "acme")
			c := config(i, 0, 1)
			test.change(&c)
			if _, err := s.js.UpdateStream(deadline(t), c); err != nil {
				t.Fatal(err)
			}
			var conf *ConfigError
			if _, err := s.OpenLog(deadline(t), "acme"); !errors.As(err, &conf) {
				t.Fatalf("got %v; want a ConfigError", err)
			}
			got := map[string]bool{}
			for _, f := range conf.Fields {
				got[f.Name] = true
			}
			for _, f := range test.fields {
				if !got[f] {
					t.Errorf("%s is not named in: %v", f, conf)
				}
			}
			if name != "Sealed" && len(got) != len(test.fields) {
				t.Errorf("more than %v is named in: %v", test.fields, conf)
			}
		})
	}
}

// Given one bit that flipped in a record while the server was down, then what is damaged is an error, not an absence.
func TestDamageAtRest(t *testing.T) {
	const n = 800
	tests := map[string]struct {
		record int  // the one damaged, from 1
		index  bool // the server's index is kept
	}{
		"middle":              {300, true},
		"last":                {n, true},
		"middle, index gone":  {300, false},
		"middle, read direct": {n - 10, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := run(t, dir)
			appendAll(t, create(t, s, "acme"), 0, group("acme", 1, n, 100))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			msgs := filepath.Join(dir, "jetstream", "$G", "streams", "LEDGER_acme", "msgs")
			file := filepath.Join(msgs, "1.blk")
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b[offsetOf(t, b, test.record)+60] ^= 1
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if !test.index {
				if err := os.Remove(filepath.Join(msgs, "index.db")); err != nil {
					t.Fatal(err)
				}
			}
			var block *BlockError
			if got, err := scanAll(dir, "LEDGER_acme"); !errors.As(err, &block) || len(got) != test.record-1 {
				t.Errorf("scan: got %d records and %v; want %d and a BlockError", len(got), err, test.record-1)
			}
			s = run(t, dir)
			l, err := s.OpenLog(deadline(t), "acme")
			if !test.index {
				// The server cut the file off at the damage without a word: only Scan before its start, or a head
				// record, tells. This pins what nats-server does; if it fails, the server has become better.
				if err != nil {
					t.Fatal(err)
				}
				if st, err := l.Check(deadline(t)); err != nil || st.LastSeq != uint64(test.record)-1 {
					t.Fatalf("got %+v, %v; want the end before the damaged record", st, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err) // the server's index still counts all
			}
			var gap *GapError
			if _, err := l.Read(deadline(t), uint64(test.record)); !errors.As(err, &gap) {
				t.Errorf("read: got %v; want a GapError", err)
			}
			for _, from := range []uint64{1, uint64(test.record) - 5} {
				var last error
				seen := from
				for e, err := range l.Entries(deadline(t), from) {
					if last = err; err == nil {
						seen = e.Seq + 1
					}
				}
				if !errors.As(last, &gap) || gap.Want != uint64(test.record) || seen != gap.Want {
					t.Errorf("entries from %d: came to %d, then %v; want a GapError at %d", from, seen, last, test.record)
				}
			}
			// Nor is it passed over when an entry behind the range asked for is there.
			appendAll(t, l, n, group("acme", 2, 1, 100))
			for _, from := range []uint64{1, uint64(test.record) - 5} {
				var last error
				for _, last = range l.entries(deadline(t), from, uint64(test.record)) {
				}
				if !errors.As(last, &gap) || gap.Want != uint64(test.record) {
					t.Errorf("entries from %d to %d: got %v; want a GapError", from, test.record, last)
				}
			}
		})
	}
}

// Given files that lost part of what they held, where the server notices, then opening the ledger says so.
func TestOpenNoticesLoss(t *testing.T) {
	msgs := group("acme", 1, 400, 50_000) // three blocks
	for name, damage := range map[string]func(dir string) error{
		"first block gone":  func(dir string) error { return os.Remove(filepath.Join(dir, "1.blk")) },
		"middle block gone": func(dir string) error { return os.Remove(filepath.Join(dir, "2.blk")) },
		"last block cut":    func(dir string) error { return os.Truncate(filepath.Join(dir, "3.blk"), 100_000) },
		"middle block cut":  func(dir string) error { return os.Truncate(filepath.Join(dir, "2.blk"), 100_000) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := run(t, dir)
			appendAll(t, create(t, s, "acme"), 0, msgs)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(dir, "jetstream", "$G", "streams", "LEDGER_acme", "msgs")); err != nil {
				t.Fatal(err)
			}
			var damaged *DamagedError
			if _, err := run(t, dir).OpenLog(deadline(t), "acme"); !errors.As(err, &damaged) {
				t.Fatalf("got %v; want a DamagedError", err)
			}
		})
	}
}
