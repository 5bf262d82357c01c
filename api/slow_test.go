package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/node"
)

// Given a reader that takes a little at a time and falls behind, then its stream ends with the position to go on at, and
// with that it gets the rest, so that nothing is missing and nothing comes twice.
func TestASlowReaderIsToldWhereToGoOn(t *testing.T) {
	w := follows(t).serving(api.StreamLimits{Behind: 50 * time.Millisecond, Stall: time.Minute})
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(256 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/orgs/acme/changes?from=1 HTTP/1.0\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n", token)
	o, err := w.node.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	buf, got := make([]byte, 64<<10), strings.Builder{}
	more := func() error {
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		got.Write(buf[:n])
		return err
	}
	// Only one that had caught up falls behind.
	for newest := fmt.Sprintf("\nid: %d\n", o.Access.Head().Position); !strings.Contains(got.String(), newest); {
		if err := more(); err != nil {
			t.Fatalf("%v; it has %.300q", err, got.String())
		}
	}
	// Much more than the buffers of a connection hold
	a := w.author("acme")
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("some.service.%03d.%s", i, strings.Repeat("x", 200))
	}
	grow := func(rounds int) {
		for range rounds {
			var subs []wire.Submission
			for range 20 {
				subs = append(subs, a.roleWith(names))
			}
			if _, err := w.Submit(t.Context(), "acme", subs, client.StopNever); err != nil {
				t.Fatal(err)
			}
		}
	}
	grow(20) // 400 × 22 KB
	for err = more(); err == nil; {
		err = more()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("it is not let go; it has %d bytes", got.Len())
	}
	waitFor(t, "it is let go", func() bool { return w.followers() == 0 })
	text := got.String()
	last := text[strings.LastIndex(text, "event: closed")+1:]
	_, data, found := strings.Cut(last, "data: ")
	var closed wire.Closed
	if err := json.Unmarshal([]byte(strings.TrimSpace(data)), &closed); !found || err != nil || closed.Reason != wire.ClosedSlow {
		t.Fatalf("the last is %.300q: %v", last, err)
	}
	head := o.Access.Head().Position
	if seen := strings.Count(text, "\ndata: {\"position\""); uint64(seen) != closed.Position || closed.Position >= head {
		t.Fatalf("%d of %d came, and it says %d", seen, head, closed.Position)
	}
	s, _ := w.stream("", "/v1/orgs/acme/changes", "Last-Event-ID", fmt.Sprint(closed.Position))
	for want := closed.Position + 1; want <= head; want++ {
		if one, ok := s.next(); !ok || one.id != fmt.Sprint(want) {
			t.Fatalf("got %s %v; want %d", one.id, ok, want)
		}
	}
}

// roleWith is role with permissions.
func (a *author) roleWith(permissions []string) wire.Submission {
	id := node.NewID(int64(ulid.Now()))
	return a.sign(&events.RoleCreated{Role: id, Key: id.String(), Name: "many", Permissions: permissions})
}

// subscribers is how many follow an organization at once in the test below.
func subscribers() int {
	if os.Getenv("PERMLEDGER_LONG") != "" {
		return 1000
	}
	return 100
}

// Given very many who follow an organization, and one among them that reads nothing, when entries are recorded, then all the
// others get each of them in order, the stuck one is cut off, and nothing that was kept for it remains. How long after the
// acknowledgement the deliveries come is said.
func TestVeryManyFollowAndOneIsStuck(t *testing.T) {
	const entries = 40
	n := subscribers()
	w := follows(t).serving(api.StreamLimits{PerCaller: n + 1, Stall: 300 * time.Millisecond})
	stuck, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	if err := stuck.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(stuck, "GET /v1/orgs/acme/changes?from=1 HTTP/1.0\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n", token)
	o, err := w.node.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	first := o.Access.Head().Position + 1
	var mu sync.Mutex
	arrived := map[uint64][]time.Time{}
	var all sync.WaitGroup
	for range n {
		s, resp := w.stream("", "/v1/orgs/acme/changes")
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		all.Go(func() {
			for want := first; want < first+entries; want++ {
				one, ok := s.next()
				at := time.Now()
				if !ok || one.id != fmt.Sprint(want) {
					t.Errorf("got %+v %v; want %d", one, ok, want)
					return
				}
				mu.Lock()
				arrived[want] = append(arrived[want], at)
				mu.Unlock()
			}
		})
	}
	waitFor(t, "all follow", func() bool { return w.followers() == n+1 })
	a := w.author("acme")
	acknowledged := map[uint64]time.Time{}
	for range entries {
		out, err := w.Submit(t.Context(), "acme", []wire.Submission{a.role(fmt.Sprint("r", time.Now().UnixNano()))}, client.StopNever)
		if err != nil || out[0].Recorded == nil {
			t.Fatalf("%+v, %v", out, err)
		}
		acknowledged[out[0].Recorded.Seq] = time.Now()
		waitFor(t, "all have it", func() bool { // so that deliveries are measured, and not a queue of our own making
			mu.Lock()
			defer mu.Unlock()
			return len(arrived[out[0].Recorded.Seq]) == n || t.Failed()
		})
	}
	all.Wait()
	var delays []time.Duration
	for seq, list := range arrived {
		for _, at := range list {
			delays = append(delays, at.Sub(acknowledged[seq]))
		}
	}
	slices.Sort(delays)
	if len(delays) != n*entries {
		t.Fatalf("%d deliveries; want %d", len(delays), n*entries)
	}
	at := func(q float64) time.Duration {
		return delays[min(len(delays)-1, int(math.Ceil(q*float64(len(delays)))))]
	}
	t.Logf("%d subscribers, %d entries: from acknowledgement to delivery p50 %v, p90 %v, p99 %v, longest %v", n, entries, at(.5), at(.9), at(.99), delays[len(delays)-1])

	// Now more than the stuck one's buffers hold
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("some.service.%03d.%s", i, strings.Repeat("x", 200))
	}
	for w.followers() > n {
		var subs []wire.Submission
		for range 20 {
			subs = append(subs, a.roleWith(names))
		}
		if _, err := w.Submit(t.Context(), "acme", subs, client.StopNever); err != nil {
			t.Fatal(err)
		}
		if o.Access.Head().Position > 20_000 {
			t.Fatal("the stuck one is not cut off")
		}
	}
}
