package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permledger/permledger/internal/trace"
	"github.com/permledger/permledger/webhook"
)

// log is an organization's messages: of position n the body {"n":n}.
type log struct {
	mu      sync.Mutex
	n       uint64
	changed chan struct{}
	barred  []string
}

func newLog(n uint64) *log { return &log{n: n, changed: make(chan struct{})} }

func (l *log) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

func (l *log) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *log) grow(by uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n += by
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *log) May(by string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.Contains(l.barred, by)
}

func (l *log) bar(who ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.barred = who
}

func (l *log) Message(at uint64) (webhook.Message, error) {
	kind := "subject"
	if at%10 == 0 {
		kind = "role"
	}
	return webhook.Message{ID: fmt.Sprint("change-acme-", at), Kind: kind, Body: fmt.Appendf(nil, `{"n":%d}`, at)}, nil
}

// receiver is an endpoint that verifies what it gets, and answers as it is told.
type receiver struct {
	t      *testing.T
	mu     sync.Mutex
	secret []string
	got    []uint64
	ids    []string
	answer func(n uint64, times int) int // of a message, and the how many-th time it comes
	times  map[uint64]int
	*httptest.Server
}

func receives(t *testing.T, answer func(n uint64, times int) int) *receiver {
	r := &receiver{t: t, answer: answer, times: map[uint64]int{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range r.secret {
		if bad := webhook.Verify(req.Header, body, secret, time.Now()); bad != nil {
			r.t.Error(bad)
		}
	}
	if _, ok := trace.Parse(req.Header.Get(trace.Header)); !ok {
		r.t.Errorf("it comes without a trace: %v", req.Header)
	}
	var m struct{ N uint64 }
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("%s %q: %v", req.Method, body, err)
	}
	r.times[m.N]++
	status := http.StatusOK
	if r.answer != nil {
		status = r.answer(m.N, r.times[m.N])
	}
	if status/100 == 2 {
		r.got, r.ids = append(r.got, m.N), append(r.ids, req.Header.Get("Webhook-Id"))
	}
	if status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
}

func (r *receiver) taken() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]uint64{}, r.got...)
}

func upTo(from, to uint64) (list []uint64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func quick() webhook.Options {
	return webhook.Options{Allow: loopback, Deliver: true, Pause: time.Millisecond, Longest: 4 * time.Millisecond, Attempts: 4, Stop: 3, Keep: time.Nanosecond}
}

func open(t *testing.T, dir string, l *log, o webhook.Options) *webhook.Set {
	t.Helper()
	s, err := webhook.Open(filepath.Join(dir, "webhooks"), l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (r *receiver) create(s *webhook.Set, from uint64, kinds ...string) string {
	r.t.Helper()
	e, err := s.Create(r.URL, kinds, "owner", from)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = []string{e.Secrets[0].Secret}
	return e.ID
}

func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

func status(t *testing.T, s *webhook.Set, id string) webhook.Status {
	t.Helper()
	for _, one := range s.List() {
		if one.ID == id {
			if one.Secrets != nil {
				t.Error("a list shows secrets")
			}
			return one
		}
	}
	t.Fatalf("there is no %s", id)
	return webhook.Status{}
}

// Given an endpoint, then it gets what comes behind its position in order, each once, also what comes later and after a
// restart; one for some kinds gets these alone.
func TestDeliveriesComeInOrder(t *testing.T) {
	dir, l := t.TempDir(), newLog(30)
	s := open(t, dir, l, quick())
	all, roles := receives(t, nil), receives(t, nil)
	id := all.create(s, 5)
	other := roles.create(s, 0, "role")
	waitFor(t, "all is delivered", func() bool { return len(all.taken()) == 25 && len(roles.taken()) == 3 })
	l.grow(5)
	waitFor(t, "what came is delivered", func() bool { return len(all.taken()) == 30 })
	waitFor(t, "it is known", func() bool { return status(t, s, id).Position == 35 && status(t, s, other).Position == 35 })
	s.Close()
	l.grow(5)
	s = open(t, dir, l, quick())
	waitFor(t, "it goes on", func() bool { return len(all.taken()) == 35 && len(roles.taken()) == 4 })
	if got, want := fmt.Sprint(all.taken(), roles.taken()), fmt.Sprint(upTo(6, 40), []uint64{10, 20, 30, 40}); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if err := s.Delete(id); err != nil {
		t.Fatal(err)
	}
	l.grow(10)
	waitFor(t, "the other goes on", func() bool { return len(roles.taken()) == 5 })
	if len(all.taken()) != 35 || len(s.List()) != 1 {
		t.Errorf("what was deleted gets %v", all.taken())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "webhooks", id+"*")); len(left) > 0 {
		t.Errorf("left is %v", left)
	}
	if err := s.Delete(id); !errors.Is(err, webhook.ErrNone) {
		t.Errorf("again: %v", err)
	}
}

// Given a receiver that fails in some way for a while, then it gets everything in order all the same.
func TestFailuresAreTriedAgain(t *testing.T) {
	for name, fails := range map[string]int{"5xx": 503, "redirect": 302, "busy": 429, "not found": 404} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), newLog(9), quick())
			r := receives(t, func(n uint64, times int) int {
				if n%2 == 0 && times < 4 {
					return fails
				}
				return 204
			})
			id := r.create(s, 0)
			waitFor(t, "all is delivered", func() bool { return len(r.taken()) == 9 })
			if got := fmt.Sprint(r.taken()); got != fmt.Sprint(upTo(1, 9)) {
				t.Errorf("got %s", got)
			}
			waitFor(t, "it is known", func() bool { return status(t, s, id).Position == 9 })
			if got := status(t, s, id); got.Dead != 0 || got.Stopped != "" || got.Error != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// Given a message that a receiver never takes, then it is put aside after so many attempts, those behind it are delivered,
// and it is delivered when it is replayed.
func TestDeadLettersAndReplay(t *testing.T) {
	dir, l := t.TempDir(), newLog(5)
	s := open(t, dir, l, quick())
	var better sync.Map
	r := receives(t, func(n uint64, times int) int {
		if _, ok := better.Load("yes"); n == 3 && !ok {
			return 500
		}
		return 200
	})
	id := r.create(s, 0)
	waitFor(t, "the others are delivered", func() bool { return len(r.taken()) == 4 })
	dead, err := s.Dead(id)
	if err != nil || len(dead) != 1 || dead[0].Position != 3 || dead[0].Attempts != 4 || !strings.Contains(dead[0].Error, "500") {
		t.Fatalf("dead letters %+v, %v", dead, err)
	}
	s.Close()
	s = open(t, dir, l, quick())
	if got := status(t, s, id); got.Dead != 1 {
		t.Errorf("after a restart: %+v", got)
	}
	better.Store("yes", true)
	if err := s.Replay(id, 6, "owner"); !errors.Is(err, webhook.ErrPosition) {
		t.Errorf("beyond the head: %v", err)
	}
	if err := s.Replay(id, 2, "owner"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is replayed", func() bool { return len(r.taken()) == 7 })
	if got := fmt.Sprint(r.taken()); got != "[1 2 4 5 3 4 5]" {
		t.Errorf("got %s", got)
	}
}

// Given an endpoint whose author may not read the messages any more, then nothing is sent to it, also after a restart and when
// the author may again, until somebody who may starts it and answers for it.
func TestNothingIsSentForWhoMayNotRead(t *testing.T) {
	dir, l := t.TempDir(), newLog(3)
	s := open(t, dir, l, quick())
	r := receives(t, func(uint64, int) int { return 200 })
	id := r.create(s, 0)
	waitFor(t, "all is delivered", func() bool { return len(r.taken()) == 3 })
	l.bar("owner")
	l.grow(1)
	waitFor(t, "it is stopped", func() bool { return status(t, s, id).Stopped != "" })
	l.bar()
	s.Close()
	s = open(t, dir, l, quick())
	if at := status(t, s, id); at.Stopped == "" || at.Position != 3 || at.Dead != 0 {
		t.Fatalf("after a restart: %+v", at)
	}
	l.bar("owner")
	if err := s.Replay(id, 3, "dora"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it goes on", func() bool { return len(r.taken()) == 4 })
	if at := status(t, s, id); at.By != "dora" {
		t.Errorf("it is answered for by %+v", at)
	}
}

// Given a receiver that is gone, or takes nothing any more, then nothing is sent to it until somebody starts it again, and
// nothing is skipped then but what was put aside.
func TestEndpointsAreStopped(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		dead   int
		left   []uint64
	}{"gone": {410, 0, upTo(1, 9)}, "failing": {500, 3, upTo(4, 9)}} {
		t.Run(name, func(t *testing.T) {
			dir, l := t.TempDir(), newLog(9)
			s := open(t, dir, l, quick())
			var better sync.Map
			r := receives(t, func(uint64, int) int {
				if _, ok := better.Load("yes"); !ok {
					return c.status
				}
				return 200
			})
			id := r.create(s, 0)
			waitFor(t, "it is stopped", func() bool { return status(t, s, id).Stopped != "" })
			better.Store("yes", true)
			s.Close()
			s = open(t, dir, l, quick())
			at := status(t, s, id)
			if at.Stopped == "" || at.Dead != c.dead || at.Position != uint64(c.dead) {
				t.Fatalf("after a restart: %+v", at)
			}
			if err := s.Replay(id, at.Position, "owner"); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "it goes on", func() bool { return len(r.taken()) == len(c.left) })
			if got := fmt.Sprint(r.taken()); got != fmt.Sprint(c.left) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// Given a receiver that does not listen, one that does not answer, and one whose certificate nobody vouches for, then the
// delivery fails, says why, and is tried again.
func TestReceiversThatCannotBeReached(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for name, c := range map[string]struct{ url, says string }{
		"down": {down.URL, "refused"}, "slow": {slow.URL, "timeout"}, "TLS": {secure.URL, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			o := quick()
			o.Attempts, o.Timeout = 1<<20, 50*time.Millisecond
			if name == "TLS" {
				o.Timeout = 10 * time.Second
			}
			s := open(t, t.TempDir(), newLog(1), o)
			e, err := s.Create(c.url, nil, "owner", 0)
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, "it is tried again", func() bool { return status(t, s, e.ID).Failures > 1 })
			if got := status(t, s, e.ID); !strings.Contains(got.Error, c.says) && !strings.Contains(got.Error, "deadline") || strings.Contains(got.Error, "http://") || got.Position != 0 {
				t.Errorf("got %+v", got)
			}
			if err := s.Test(t.Context(), e.ID); err == nil {
				t.Error("a test was taken")
			}
		})
	}
}

// Given a secret that was rotated, then deliveries hold under both until the overlap is over, and under the new one alone
// from then on.
func TestSecretsAreRotated(t *testing.T) {
	l := newLog(1)
	o := quick()
	var mu sync.Mutex
	now := time.Now()
	o.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	s := open(t, t.TempDir(), l, o)
	var headers []http.Header
	var bodies [][]byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		headers, bodies = append(headers, r.Header.Clone()), append(bodies, b)
	}))
	defer srv.Close()
	e, err := s.Create(srv.URL, nil, "owner", 1)
	if err != nil {
		t.Fatal(err)
	}
	first := e.Secrets[0].Secret
	second, err := s.Rotate(e.ID, time.Minute)
	if err != nil || second == first || !strings.HasPrefix(second, "whsec_") {
		t.Fatalf("%q, %v", second, err)
	}
	deliver := func() (http.Header, []byte) {
		before := l.Head()
		l.grow(1)
		waitFor(t, "it is delivered", func() bool { return status(t, s, e.ID).Position == before+1 })
		mu.Lock()
		defer mu.Unlock()
		return headers[len(headers)-1], bodies[len(bodies)-1]
	}
	h, b := deliver()
	for _, secret := range []string{first, second} {
		if err := webhook.Verify(h, b, secret, now); err != nil {
			t.Errorf("during the overlap: %v", err)
		}
	}
	mu.Lock()
	now = now.Add(2 * time.Minute)
	mu.Unlock()
	h, b = deliver()
	if err := webhook.Verify(h, b, second, now); err != nil {
		t.Error(err)
	}
	if err := webhook.Verify(h, b, first, now); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("after the overlap the old secret holds: %v", err)
	}
	if err := webhook.Verify(h, b, second, now.Add(time.Hour)); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("an old delivery holds: %v", err)
	}
	if err := webhook.Verify(h, append(b, ' '), second, now); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("another body holds: %v", err)
	}
}

// The example of the Standard Webhooks specification.
func TestSignatureIsThatOfTheSpecification(t *testing.T) {
	h := http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	err := webhook.Verify(h, []byte(`{"test": 2432232314}`), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", time.Unix(1614265330, 0))
	if err != nil {
		t.Error(err)
	}
}

// Given addresses that only the server could reach, then no endpoint is made of those that say so, and nothing is connected
// to where a name leads to one.
func TestNothingIsSentIntoTheServersOwnNetwork(t *testing.T) {
	o := quick()
	o.Allow = nil
	s := open(t, t.TempDir(), newLog(1), o)
	for _, url := range []string{
		"http://example.com/", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://192.168.1.1/", "https://172.16.0.1/",
		"https://169.254.169.254/latest/meta-data/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://0.0.0.0/",
		"https://100.64.0.1/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://224.0.0.1/", "https://255.255.255.255/",
		"https://user:password@example.com/", "https://example.com/#x", "ftp://example.com/", "file:///etc/passwd", "//example.com", "example.com", "",
		"https://" + strings.Repeat("x", 1024),
	} {
		if e, err := s.Create(url, nil, "owner", 0); !errors.Is(err, webhook.ErrURL) && !errors.Is(err, webhook.ErrAddress) {
			t.Errorf("%s: %v, %v", url, e, err)
		}
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer secure.Close()
	port := secure.URL[strings.LastIndexByte(secure.URL, ':'):]
	for _, host := range []string{"localhost", "2130706433", "0x7f.1", "127.1"} { // names and spellings that resolve to it, where they do
		e, err := s.Create("https://"+host+port+"/", nil, "owner", 0)
		if err != nil {
			continue
		}
		if err := s.Test(t.Context(), e.ID); err == nil || host == "localhost" && !errors.Is(err, webhook.ErrAddress) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// Given files that a crash left, then an endpoint without its first file is none, and one that cannot be read is said.
func TestFilesThatACrashLeft(t *testing.T) {
	dir, l := t.TempDir(), newLog(3)
	s := open(t, dir, l, quick())
	r := receives(t, nil)
	id := r.create(s, 0)
	waitFor(t, "all is delivered", func() bool { return status(t, s, id).Position == 3 })
	s.Close()
	hooks := filepath.Join(dir, "webhooks")
	for name, content := range map[string]string{"whother.position": `{"position":1}`, id + ".dead": "{\"position\":1,\"attempts\":1}\n{\"posi"} {
		if err := os.WriteFile(filepath.Join(hooks, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir, l, quick())
	if list := s.List(); len(list) != 1 || list[0].Dead != 1 {
		t.Errorf("got %+v", list)
	}
	s.Close()
	if err := os.WriteFile(filepath.Join(hooks, id+".endpoint"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := webhook.Open(hooks, l, quick()); err == nil {
		t.Error("a damaged file was read")
	}
}

// receiverOf serves somebody who takes everything, and gives its address.
func receiverOf(t *testing.T, take func(http.Header, []byte)) string {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		take(r.Header, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
