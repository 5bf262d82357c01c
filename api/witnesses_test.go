package api_test

import (
	"crypto/ed25519"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/witness"
)

// TestWaitUntilWitnessed: over HTTP, a change can wait for its witnesses; the receipt has the checkpoint that they cosigned,
// which the policy that the API exports takes.
func TestWaitUntilWitnessed(t *testing.T) {
	var behind atomic.Pointer[http.Handler] // the witness is there once the ledger's key is known
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := behind.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		http.Error(w, "not yet", http.StatusServiceUnavailable)
	}))
	defer front.Close()
	const name = "witness.test/w1"
	key := note.WitnessKey(name, keyOf("witness").Public().(ed25519.PublicKey))
	w := newWorldWith(t, filepath.Join(t.TempDir(), "data"), node.Options{Witnesses: &note.Policy{
		Witnesses: []note.Witness{{Name: "w1", Key: key, URL: front.URL}}, Quorum: "w1",
	}})
	w.open("acme", "plain")
	policy := func() *note.Policy {
		t.Helper()
		b, err := w.Policy(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		p, err := note.ParsePolicy(b)
		if err != nil || len(p.Logs) != 1 || len(p.Witnesses) != 1 || p.Quorum != "w1" {
			t.Fatalf("%v:\n%s", err, b)
		}
		return p
	}
	change := func(c *client.Client, role string) wire.Receipt { return newRole(t, c, role) }
	// Nothing else waits for it.
	if r := change(w.Standing(wire.Committed), "a"); r.State != wire.Committed || r.NotYet != "" {
		t.Errorf("while the witness is away: %+v", r)
	}

	c, err := witness.Open(witness.Config{Dir: t.TempDir(), Name: name, Signer: keyOf("witness"), Logs: []note.Key{policy().Logs[0].Key}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := c.Handler()
	behind.Store(&h)
	r := change(w.Standing(wire.Witnessed), "b")
	if r.State != wire.Witnessed || r.NotYet != "" {
		t.Fatalf("%+v", r)
	}
	v, err := policy().Verify([]byte(r.Checkpoint))
	if err != nil || v.Size < r.Seq || time.Since(v.At) > time.Hour {
		t.Errorf("%+v, %v:\n%s", v, err, r.Checkpoint)
	}
	o, err := w.Organization(t.Context(), "acme", client.Read{})
	if err != nil || len(o.Witnesses) != 1 || o.Witnesses[0].Name != "w1" || o.Witnesses[0].Size < r.Seq || o.Witnesses[0].Error != "" {
		t.Errorf("%+v, %v", o.Witnesses, err)
	}
	health, err := w.Health(t.Context())
	if err != nil || health.Status != wire.HealthOK || len(health.Organizations) != 1 || health.Organizations[0].Witnesses == nil ||
		*health.Organizations[0].Witnesses != (wire.WitnessCount{Known: 1, Cosigning: 1}) {
		t.Errorf("%+v, %v", health, err)
	}
	for auth, told := range map[string]bool{"": false, "Bearer " + apiKey("beta", "owner"): false, "Bearer " + apiKey("acme", "owner"): true} {
		resp := w.raw(http.MethodGet, "/healthz", "", auth, "")
		if b, err := io.ReadAll(resp.Body); err != nil || strings.Contains(string(b), `"known":1`) != told || strings.Contains(string(b), "acme") != told ||
			strings.Contains(string(b), "w1") || strings.Contains(string(b), front.URL) {
			t.Errorf("/healthz tells %q (%v): %s", auth, err, b)
		}
	}
}
