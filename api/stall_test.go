package api_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
)

// Given a stream of events over HTTP/2, when nothing is written for longer than a write may take, then it goes on: the time is
// that of a write, and not of the silence behind it.
func TestSilenceIsNoStall(t *testing.T) {
	w := follows(t)
	limits := api.StreamLimits{Stall: 50 * time.Millisecond, Quiet: 400 * time.Millisecond}
	srv := httptest.NewUnstartedServer(api.New(w.node, api.Options{Token: token, Streams: limits}))
	ending, stop := context.WithCancel(t.Context())
	srv.Config.BaseContext = func(net.Listener) context.Context { return ending }
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	defer stop()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/v1/orgs/acme/changes?from=4", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", resp.Proto, resp.Status)
	}
	text, buf := "", make([]byte, 4096)
	for strings.Count(text, ":\nid: 4\n") < 3 { // heartbeats
		n, err := resp.Body.Read(buf)
		text += string(buf[:n])
		if err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
	}
}
