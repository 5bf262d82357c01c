package client_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// silent takes connections and answers nothing, as the kernel does for a process that is stopped.
func silent(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}

// Given a server that answers nothing, when it is asked, then the client gives up and says so.
func TestSilentServer(t *testing.T) {
	c := client.New(silent(t), "t", nil).Within(20 * time.Millisecond)
	_, health := c.Health(t.Context())
	_, read := c.Organizations(t.Context())
	_, write := c.Submit(t.Context(), "acme", []wire.Submission{{}}, client.StopNever)
	for name, err := range map[string]error{"health": health, "a read": read, "a write": write} {
		if !errors.Is(err, client.ErrSilent) || !errors.As(err, new(*client.UnreachableError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Given an answer that has begun, when its rest takes longer than a client waits for the beginning, then it is not cut.
func TestAnAnswerThatHasBegunIsNotCut(t *testing.T) {
	const wait = 50 * time.Millisecond
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(2 * wait):
			_, _ = w.Write([]byte("{\"seq\":1}\n"))
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	n := 0
	for item, err := range client.New(srv.URL, "t", nil).Within(wait).Watch(t.Context(), "acme", 1) {
		if err != nil || item.Seq != 1 {
			t.Fatalf("%+v, %v", item, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d items", n)
	}
}
