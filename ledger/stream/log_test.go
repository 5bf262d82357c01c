package stream

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestStartAndClose(t *testing.T) {
	s := run(t, t.TempDir())
	if err := s.Health(); err != nil {
		t.Fatal(err)
	}
	if s.Addr() != nil {
		t.Fatalf("listens on %v; want nowhere", s.Addr())
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Health() == nil {
		t.Fatal("a closed server says that it is healthy")
	}
	if _, err := Start(Options{}); err == nil {
		t.Fatal("started without a store directory")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Options{StoreDir: file}); err == nil {
		t.Fatal("started with a file as its store directory")
	}
	if _, err := Start(Options{StoreDir: t.TempDir(), Listen: "127.0.0.1:http"}); err == nil {
		t.Fatal("started with a port that is no number")
	}
}

func TestListenRefusesAnonymous(t *testing.T) {
	s := runWith(t, Options{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	url := "nats://" + s.Addr().String()
	for name, opts := range map[string][]nats.Option{
		"nobody":   nil,
		"password": {nats.UserInfo("permledger", "")},
		"token":    {nats.Token("x")},
	} {
		if nc, err := nats.Connect(url, opts...); !errors.Is(err, nats.ErrAuthorization) {
			nc.Close()
			t.Errorf("%s: got %v; want %v", name, err, nats.ErrAuthorization)
		}
	}
	// The writer's own key opens nothing from outside the process.
	if nc, err := nats.Connect(url, nats.Nkey(s.write.Opts.Nkey, s.write.Opts.SignatureCB)); !errors.Is(err, nats.ErrAuthorization) {
		nc.Close()
		t.Errorf("writer: got %v; want %v", err, nats.ErrAuthorization)
	}
}

func TestCreateAndOpen(t *testing.T) {
	s := run(t, t.TempDir())
	ctx := deadline(t)
	if _, err := s.OpenLog(ctx, "acme"); !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v; want %v", err, ErrMissing)
	}
	l := create(t, s, "acme")
	holds(t, l, nil)
	if _, err := s.CreateLog(ctx, "acme"); !errors.Is(err, ErrExists) {
		t.Fatalf("got %v; want %v", err, ErrExists)
	}
	if _, err := s.OpenLog(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	create(t, s, "acme-2") // does not get acme's entries, although its id begins with it
	for _, org := range []string{"", "Acme", "a.b", "a b", "*", ">", "acmé", "a_b", "abcdefghijklmnopqrstuvwxyz0123456"} {
		var name *NameError
		if _, err := s.CreateLog(ctx, org); !errors.As(err, &name) {
			t.Errorf("create %q: got %v; want a NameError", org, err)
		}
		if _, err := s.OpenLog(ctx, org); !errors.As(err, &name) {
			t.Errorf("open %q: got %v; want a NameError", org, err)
		}
	}
}

func TestAppendReadRestart(t *testing.T) {
	dir := t.TempDir()
	s := run(t, dir)
	l := create(t, s, "acme")
	msgs := group("acme", 1, 1300, 200) // more than a window, and more than is read by request
	if err := l.Append(deadline(t), 0, msgs); err != nil {
		t.Fatal(err)
	}
	big := Msg{"ledger.acme.role.created", bytes.Repeat([]byte("x"), MaxPayload-headerRoom)}
	msgs = append(msgs, big)
	appendAll(t, l, 1300, msgs[1300:])
	holds(t, l, msgs)
	if err := l.Append(deadline(t), 1301, nil); err != nil {
		t.Fatalf("append nothing: %v", err)
	}

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = run(t, dir)
	l, err := s.OpenLog(deadline(t), "acme")
	if err != nil {
		t.Fatal(err)
	}
	holds(t, l, msgs)
	for _, from := range []uint64{0, 1, 2, 900, 1045, 1301, 1302, 5000} {
		want := max(from, 1)
		for e, err := range l.Entries(deadline(t), from) {
			if err != nil || e.Seq != want {
				t.Fatalf("from %d: got %d, %v; want %d", from, e.Seq, err, want)
			}
			want++
		}
		if want != max(1302, from) {
			t.Fatalf("from %d: ended before %d", from, want)
		}
	}
	for _, seq := range []uint64{0, 1302, 1 << 62} {
		if _, err := l.Read(deadline(t), seq); !errors.Is(err, ErrNoEntry) {
			t.Errorf("read %d: got %v; want %v", seq, err, ErrNoEntry)
		}
	}
	m, err := l.Read(deadline(t), 7)
	if err != nil || m.Subject != msgs[6].Subject || !bytes.Equal(m.Data, msgs[6].Data) {
		t.Fatalf("read 7: got %v %v", m, err)
	}
	more := group("acme", 2, 3, 10)
	appendAll(t, l, 1301, more)
	holds(t, l, append(msgs, more...))
}

func TestEntriesStopEarlyAndCancelled(t *testing.T) {
	s := run(t, t.TempDir())
	l := create(t, s, "acme")
	appendAll(t, l, 0, group("acme", 1, 600, 10))
	for _, n := range []int{1, 100, 300} {
		seen := 0
		for _, err := range l.Entries(deadline(t), 1) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen == n {
				break
			}
		}
	}
	for _, from := range []uint64{1, 590} { // by a consumer, by request
		ctx, cancel := context.WithCancel(deadline(t))
		var last error
		seen := 0
		for _, last = range l.Entries(ctx, from) {
			if seen++; last == nil && seen == 5 {
				cancel()
			}
		}
		cancel()
		if seen < 600-int(from) && !errors.Is(last, context.Canceled) {
			t.Errorf("from %d: got %d entries, then %v; want %v", from, seen, last, context.Canceled)
		}
	}
	// No reading leaves a consumer behind in the server.
	stream, err := s.js.Stream(deadline(t), "LEDGER_acme")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n > 0; {
		info, err := stream.Info(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		n = info.State.Consumers
	}
}

func TestFollow(t *testing.T) {
	s := run(t, t.TempDir())
	l := create(t, s, "acme")
	msgs := group("acme", 1, 700, 50)
	appendAll(t, l, 0, msgs[:300])
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	failed := make(chan error, 1)
	want, err := uint64(1), error(nil)
	for e, ferr := range l.Follow(ctx, 0) {
		if ferr != nil {
			err = ferr
			break
		}
		if e.Seq != want || !bytes.Equal(e.Data, msgs[want-1].Data) || e.Subject != msgs[want-1].Subject {
			t.Fatalf("got %d; want %d", e.Seq, want)
		}
		if want == 300 { // all that was there when it began
			go func() { failed <- l.Append(ctx, 300, msgs[300:]) }()
		}
		if want++; want == 701 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) || want != 701 {
		t.Fatalf("got %v before %d; want %v before 701", err, want, context.Canceled)
	}
	if err := <-failed; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// A follower of a server that stops ends.
	follow := l.Follow(deadline(t), 700)
	for e, err := range follow {
		if err != nil {
			return
		}
		if e.Seq == 700 {
			go s.Close()
		}
	}
	t.Fatal("ended without an error")
}

func TestAppendRefusesBeforeWriting(t *testing.T) {
	s := run(t, t.TempDir())
	l := create(t, s, "acme")
	good := Msg{"ledger.acme.role.created", []byte("{}")}
	for _, subject := range []string{
		"", "ledger.acme", "ledger.acme.", "ledger.acme.>", "ledger.acme.*", "ledger.acme.role.*", "ledger.acme..x",
		"ledger.acme.Role", "ledger.acme.r\x00", "ledger.acme.r ole", "ledger.acme.rоle", "ledger.other.role.created",
		"ledger.acme.role\r\nPUB x 0", "topic.acme", "ledger.acme." + string(bytes.Repeat([]byte("a"), 256)),
	} {
		var name *NameError
		if err := l.Append(deadline(t), 0, []Msg{good, {subject, []byte("{}")}}); !errors.As(err, &name) {
			t.Errorf("%q: got %v; want a NameError", subject, err)
		}
	}
	big := Msg{"ledger.acme.role.created", make([]byte, MaxPayload)}
	if err := l.Append(deadline(t), 0, []Msg{good, big}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v; want %v", err, ErrTooLarge)
	}
	ctx, cancel := context.WithCancel(deadline(t))
	cancel()
	if err := l.Append(ctx, 0, []Msg{good}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want %v", err, context.Canceled)
	}
	holds(t, l, nil)
}

// FuzzSubject: whatever is accepted as a subject or an id consists of [a-z0-9-] tokens in the organization's own space.
func FuzzSubject(f *testing.F) {
	f.Add("acme", "ledger.acme.role.created")
	f.Add("a", "activity.a.sign-in")
	f.Add("b", "topic.b")
	f.Fuzz(func(t *testing.T, org, subject string) {
		for _, k := range []kind{kindLedger, kindTopic, kindActivity, kindChanges} {
			i, err := newID(k, org)
			if err != nil {
				continue
			}
			if back, err := parseID(i.stream()); err != nil || back != i {
				t.Fatalf("%v: name does not lead back: %v %v", i, back, err)
			}
			if !i.owns(subject) {
				continue
			}
			for n, c := range []byte(subject) {
				ok := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' && n > 0 && subject[n-1] != '.'
				if !ok || n == len(subject)-1 && c == '.' {
					t.Fatalf("accepted %q", subject)
				}
			}
			if subject != i.root() && !bytes.HasPrefix([]byte(subject), []byte(i.root()+".")) {
				t.Fatalf("%q is not in the space of %v", subject, i)
			}
		}
	})
}
