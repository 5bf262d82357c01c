package api_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/node"
)

// Given a ledger that writes, when its directory is opened so that every command would have to wait, then /healthz says 503
// and why, a command says the same, and a person learns what to do.
func TestHealthSaysWhyCommandsWait(t *testing.T) {
	for name, c := range map[string]struct {
		spoil    func(dir string) error
		opts     node.Options
		why, tip string
	}{
		"too little space": {func(string) error { return nil }, node.Options{MinFree: 1 << 62}, "too little space is free", ""},
		"no event key": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "node", "acme")) }, node.Options{},
			"this node does not hold the event key of acme: did:key:", "put DIR/node/acme back"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			var p wire.Prepared
			if !t.Run("before", func(t *testing.T) {
				w := newWorldIn(t, dir)
				w.open("acme", "plain")
				var err error
				p, err = w.Prepare(t.Context(), "acme", wire.Intent{Kind: wire.AddSubject, Subject: "new", SubjectKind: "human", Credential: did("acme/owner")})
				if err != nil {
					t.Fatal(err)
				}
			}) {
				return
			}
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			n, err := node.Open(t.Context(), dir, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			srv := httptest.NewServer(api.New(n, api.Options{Token: token}))
			defer srv.Close()
			resp, err := http.Get(srv.URL + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusServiceUnavailable {
				t.Error("status:", resp.Status)
			}
			again := client.New(srv.URL, token, nil)
			h, err := again.Health(t.Context())
			if err != nil || h.Status != wire.HealthWaiting || len(h.Organizations) != 1 {
				t.Fatalf("%+v, %v", h, err)
			}
			if o := h.Organizations[0]; o.Writing || !o.Waits || !strings.Contains(o.Error, c.why) || !strings.Contains(o.Do, c.tip) {
				t.Errorf("%+v", o)
			}
			_, err = again.SignAndRecord(t.Context(), "acme", p, keyOf("acme/owner"), nil)
			if client.CodeOf(err) != wire.CodeWait || !strings.Contains(err.Error(), c.why) || !strings.Contains(err.Error(), c.tip) {
				t.Error("a command:", err)
			}
		})
	}
}
