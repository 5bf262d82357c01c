package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// serving serves the node of a world beside it, with limits of its own.
func (w *world) serving(limits api.StreamLimits) *world {
	h := api.New(w.node, api.Options{Token: token, Streams: limits, Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil))})
	srv := httptest.NewUnstartedServer(h)
	ending, stop := context.WithCancel(context.Background())
	srv.Config.BaseContext = func(net.Listener) context.Context { return ending }
	srv.Start()
	w.t.Cleanup(func() {
		stop()
		srv.Close()
	})
	return &world{t: w.t, node: w.node, handler: h, url: srv.URL, Client: client.New(srv.URL, token, srv.Client())}
}

// An sse is a server-sent event, as the HTML standard has it read.
type sse struct{ id, name, data string }

// eventStream reads a stream until it ends.
type eventStream struct {
	t    testing.TB
	body io.ReadCloser
	in   *bufio.Reader
	id   string
}

// next gives the next event that is dispatched; false: the stream has ended.
func (e *eventStream) next() (one sse, ok bool) {
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			return sse{}, false
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n" && one.data != "":
			one.id = e.id
			return one, true
		case line == "\n":
			one = sse{}
		case field == "id":
			e.id = value
		case field == "event":
			one.name = value
		case field == "data":
			one.data += value
		}
	}
}

// stream opens a stream of events as somebody with an API key; empty: the operator.
func (w *world) stream(auth, path string, header ...string) (*eventStream, *http.Response) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), 2*time.Minute)
	w.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if auth == "" {
		auth = token
	}
	req.Header.Set("Authorization", "Bearer "+auth)
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return &eventStream{t: w.t, body: resp.Body, in: bufio.NewReader(resp.Body)}, resp
}

// follows is a world whose organization acme has bob, who has the role desk, and somebody who may read the history.
func follows(t *testing.T) *world {
	w := newWorld(t)
	w.open("acme", "plain")                                                                                        // 1
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"read", "write"}})         // 2
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", SubjectKey: did("bob")}) // 3
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob", Scope: "asset/1"})               // 4
	return w
}

// Given an organization, when its changes are asked for, page by page, then each entry has one, each as package changes has
// it; and filters leave out what is about something else.
func TestChangesPageByPage(t *testing.T) {
	w := follows(t)
	w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "desk", Remove: []string{"write"}})                // 5
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "other", Permissions: []string{"write"}})          // 6
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "eve", SubjectKind: "human"})                   // 7
	w.do("acme", wire.Intent{Kind: wire.SetRoles, Subject: "eve", Roles: []string{"other"}})                 // 8
	w.do("acme", wire.Intent{Kind: wire.RegisterResource, Resource: "asset/1"})                              // 9
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "bob", Permission: "x", Scope: "asset/9"}) // 10
	get := func(query string, into any) int {
		t.Helper()
		resp := w.raw(http.MethodGet, "/v1/orgs/acme/changes"+query, "", "Bearer "+token, "")
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if resp.StatusCode == http.StatusOK {
			if err := d.Decode(into); err != nil {
				t.Fatalf("%s: %v in %s", query, err, b)
			}
		}
		return resp.StatusCode
	}
	var all []uint64
	for next := uint64(1); next <= 10; {
		var page wire.Changes
		get(fmt.Sprintf("?limit=3&from=%d", next), &page)
		for _, m := range page.Items {
			all = append(all, m.Position)
			o, err := w.node.Org("acme")
			if err != nil {
				t.Fatal(err)
			}
			want, err := o.Change(m.Position)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(m); err != nil || string(got) != string(want.Bytes()) {
				t.Errorf("got  %s\nwant %s", got, want.Bytes())
			}
		}
		if page.Next <= next || page.Head != 10 {
			t.Fatalf("%+v", page)
		}
		next = page.Next
	}
	if fmt.Sprint(all) != "[1 2 3 4 5 6 7 8 9 10]" {
		t.Errorf("got %v", all)
	}
	for query, want := range map[string]string{
		"?subject=bob":                  "[3 4 5 10]", // 5: it holds the role that was edited
		"?subject=eve":                  "[7 8]",
		"?role=desk":                    "[2 4 5]",
		"?role=other":                   "[6 8]",
		"?permission=write":             "[2 4 5 6 8]",
		"?kind=role":                    "[2 5 6]",
		"?kind=role&permission=read":    "[2]",
		"?type=role.assigned":           "[4]",
		"?kind=resource":                "[9]",
		"?from=5&kind=subject":          "[7 8 10]",
		"?since=2001-01-01T00:00:00Z":   "[1 2 3 4 5 6 7 8 9 10]",
		"?since=2999-01-01T00:00:00Z":   "[]",
		"?subject=eve&from=9&wait=10ms": "[]",
	} {
		var page wire.Changes
		status := get(query, &page)
		got := []uint64{}
		for _, m := range page.Items {
			got = append(got, m.Position)
		}
		if fmt.Sprint(got) != want || status != http.StatusOK {
			t.Errorf("%s: %d %v; want %s", query, status, got, want)
		}
	}
	for _, query := range []string{"?kind=roles", "?type=x", "?from=1&since=2001-01-01T00:00:00Z", "?since=yesterday", "?wait=1h", "?wait=x", "?limit=0", "?limit=1001", "?from=x", "?more=1"} {
		if status := get(query, nil); status != http.StatusBadRequest {
			t.Errorf("%s answers %d", query, status)
		}
	}
	for _, query := range []string{"?subject=nobody", "?role=nothing", "/0", "/11", "/x"} {
		if status := get(query, nil); status != http.StatusNotFound {
			t.Errorf("%s answers %d", query, status)
		}
	}
	var full wire.ChangeInFull
	if get("/5", &full); full.Change.Holders == nil || full.Change.Holders.Count != 1 || len(full.Subjects) != 1 || full.Subjects[0].Subject != "bob" ||
		full.Subjects[0].Lost[0].Permission != "write" || full.Subjects[0].Lost[0].Resource != "asset/1" {
		t.Errorf("got %+v", full)
	}
}

// Given somebody who waits for a change, when another is recorded that it does not wait for, then it waits on, and gets the
// one that it does.
func TestChangesLongPoll(t *testing.T) {
	w := follows(t)
	answered := make(chan wire.Changes, 1)
	go func() {
		var page wire.Changes
		resp := w.raw(http.MethodGet, "/v1/orgs/acme/changes?wait=50s&subject=bob", "", "Bearer "+token, "")
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
			t.Error(err)
		}
		answered <- page
	}()
	waitFor(t, "it waits", func() bool { return w.followers() == 1 })
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "other"})
	w.do("acme", wire.Intent{Kind: wire.RevokeRole, Role: "desk", Subject: "bob", Scope: "asset/1"})
	if page := within(t, answered); len(page.Items) != 1 || page.Items[0].Position != 6 || page.Next != 7 {
		t.Errorf("got %+v", page)
	}
	waitFor(t, "nobody waits", func() bool { return w.followers() == 0 })
}

// followers says how many streams are open to who follows acme.
func (w *world) followers() int {
	o, err := w.node.Org("acme")
	if err != nil {
		w.t.Fatal(err)
	}
	return int(o.Followers.Load())
}

// waitFor waits until something is so.
func waitFor(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

// within gives what comes, and fails the test where nothing does.
func within[T any](t testing.TB, c <-chan T) (one T) {
	t.Helper()
	select {
	case one = <-c:
	case <-time.After(time.Minute):
		t.Fatal("nothing comes")
	}
	return one
}

// Given a stream of changes, then it goes on where Last-Event-ID says, shows what is recorded, says that it lives, moves the
// last id on past what is filtered out, and tells where to go on when the server stops.
func TestChangesAsServerSentEvents(t *testing.T) {
	base := follows(t)
	w := base.serving(api.StreamLimits{Quiet: 10 * time.Millisecond})
	s, resp := w.stream("", "/v1/orgs/acme/changes?subject=bob&from=1", "Last-Event-ID", "3")
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("media type %q", got)
	}
	one, _ := s.next()
	var m wire.ChangeMessage
	if err := json.Unmarshal([]byte(one.data), &m); err != nil || one.id != "4" || one.name != "subject" || m.Position != 4 || len(m.Subjects[0].Gained) != 2 {
		t.Fatalf("got %+v, %v", one, err)
	}
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "other"}) // 5: not bob's
	for line := ""; line != "id: 5\n"; {                            // without data
		var err error
		if line, err = s.in.ReadString('\n'); err != nil || strings.HasPrefix(line, "data") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"more"}}) // 6
	if one, _ = s.next(); one.id != "6" || one.name != "role" {
		t.Fatalf("got %+v", one)
	}
}

// Given an organization with a catalogue, then changes are found by a permission's name with the catalogue and without.
func TestChangesOfAPermissionOfACatalogue(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "stokr")
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stokr"})
	_, made := w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"investor.view"}})
	w.add("acme", "bob")
	_, given := w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob"})
	want := fmt.Sprint([]uint64{made.Seq, given.Seq})
	for name, want := range map[string]string{"investor.view": want, "stokr:investor.view": want, "other:investor.view": "[]", "view": "[]"} {
		page, err := w.Changes(t.Context(), "acme", wire.ChangesQuery{From: 1, Permission: name})
		got := []uint64{}
		for _, m := range page.Items {
			got = append(got, m.Position)
		}
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s: %v, %v; want %s", name, got, err, want)
		}
	}
}

// Given a caller that has seen more than there is, then it is told so, and not left to wait in silence; what comes meanwhile is
// waited for.
func TestStreamBehindWhatWasSeen(t *testing.T) {
	t.Parallel()
	w := follows(t)
	_, resp := w.stream("", "/v1/orgs/acme/changes", "Last-Event-ID", "99")
	if p := problemOf(t, resp); resp.StatusCode != http.StatusServiceUnavailable || p.Code() != wire.CodeNotYet || p.At != 4 || !strings.Contains(p.Hint, "older state") {
		t.Errorf("got %d %+v", resp.StatusCode, p)
	}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "other"})
		w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "another"})
	}()
	s, _ := w.stream("", "/v1/orgs/acme/changes", "Last-Event-ID", "5")
	if one, _ := s.next(); one.id != "6" {
		t.Errorf("got %+v", one)
	}
	<-recorded
}

// Given the limits of streams, when a caller opens more, then it is refused and told so; one that is closed makes room.
func TestStreamsAreLimited(t *testing.T) {
	w := follows(t).serving(api.StreamLimits{PerCaller: 2})
	first, _ := w.stream("", "/v1/orgs/acme/changes")
	w.stream("", "/v1/orgs/acme/watch")
	_, resp := w.stream("", "/v1/orgs/acme/changes")
	if p := problemOf(t, resp); resp.StatusCode != http.StatusTooManyRequests || p.Code() != wire.CodeTooManyStreams || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", resp.StatusCode, p.Code())
	}
	first.body.Close()
	waitFor(t, "there is room", func() bool { return w.followers() == 1 })
	if _, resp := w.stream("", "/v1/orgs/acme/changes"); resp.StatusCode != http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
}

// Given streams of somebody, when the key, the right or the subject is taken away, or the session ends, then each of its
// streams ends within a second with that reason, shows nothing that came behind, and others go on.
func TestStreamsEndWithTheRight(t *testing.T) {
	for name, take := range map[string]func(w *world, session string){
		"key revoked": func(w *world, _ string) { w.do("acme", wire.Intent{Kind: wire.RevokeKey, Key: did("acme/k")}) },
		"right revoked": func(w *world, _ string) {
			w.do("acme", wire.Intent{Kind: wire.RevokeRole, Role: "reader", Subject: "k"})
		},
		"subject deactivated": func(w *world, _ string) { w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: "k"}) },
		"role edited": func(w *world, _ string) {
			w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "reader", Add: []string{"x"}, Remove: []string{"ledger:history.read"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.open("acme", "plain")
			w.add("acme", "k")
			w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "reader", Permissions: []string{"ledger:history.read"}})
			w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "reader", Subject: "k"})
			changes, _ := w.stream(apiKey("acme", "k"), "/v1/orgs/acme/changes")
			watch, _ := w.stream(apiKey("acme", "k"), "/v1/orgs/acme/watch")
			other, _ := w.stream("", "/v1/orgs/acme/changes")
			take(w, "")
			begun := time.Now()
			w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "secret"})
			for kind, s := range map[string]*eventStream{"changes": changes, "watch": watch} {
				one, ok := s.next()
				if one.name != "closed" || !strings.Contains(one.data, `"reason":"revoked"`) {
					t.Errorf("%s: got %+v %v", kind, one, ok)
				}
				if more, ok := s.next(); ok {
					t.Errorf("%s: it goes on with %+v", kind, more)
				}
			}
			t.Log("ended after", time.Since(begun))
			for seen := false; !seen; {
				one, ok := other.next()
				if !ok {
					t.Fatal("the stream of another ended too")
				}
				seen = strings.Contains(one.data, `"secret"`)
			}
		})
	}
}
