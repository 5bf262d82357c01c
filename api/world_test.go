package api_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/node"
)

const token = "the local operator's token"

// keyOf gives the same key for the same name in every run.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func did(name string) string { return didkey.Encode(keyOf(name).Public().(ed25519.PublicKey)) }

// world is a node with its API, reached over the loopback network and in the process.
type world struct {
	t       *testing.T
	node    *node.Node
	handler http.Handler
	url     string
	*client.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldIn(t, filepath.Join(t.TempDir(), "data"))
}

func newWorldIn(t *testing.T, dir string) *world {
	t.Helper()
	return newWorldWith(t, dir, node.Options{})
}

func newWorldWith(t *testing.T, dir string, o node.Options) *world {
	t.Helper()
	if err := node.Init(dir, "ledger.test"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	h := api.New(n, api.Options{Token: token, Version: "test", Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	h = checked(t, h)
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		srv.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, node: n, handler: h, url: srv.URL, Client: client.New(srv.URL, token, srv.Client())}
}

// newPublic serves the node of a world beside it, with documents for everybody.
func newPublic(w *world) *world {
	h := api.New(w.node, api.Options{Token: token, PublicDocuments: true})
	srv := httptest.NewServer(h)
	w.t.Cleanup(srv.Close)
	return &world{t: w.t, node: w.node, handler: h, url: srv.URL, Client: client.New(srv.URL, token, srv.Client())}
}

// open opens an organization whose owner is "owner", with a key named org/owner.
func (w *world) open(org, profile string) {
	w.t.Helper()
	w.openAs(org, profile, "")
}

// openAs is open of an organization with a DID of its own.
func (w *world) openAs(org, profile, issuer string) {
	w.t.Helper()
	p, err := w.PrepareOpening(w.t.Context(), wire.Opening{
		Organization: org, DID: issuer, Name: "The " + org, Profile: profile, OwnerKey: "owner", OwnerKind: "human",
		Credential: did(org + "/owner"), Root: did(org + "/root"), OperatorKey: did("operator"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.SignAndRecord(w.t.Context(), org, p, keyOf(org+"/owner"), nil); err != nil {
		w.t.Fatal(err)
	}
}

// try prepares and records a change as somebody with a key named org/who.
func (w *world) try(org, who string, in wire.Intent) (wire.Prepared, wire.Receipt, error) {
	w.t.Helper()
	in.Credential = did(org + "/" + who)
	p, err := w.Prepare(w.t.Context(), org, in)
	if err != nil {
		return p, wire.Receipt{}, err
	}
	r, err := w.SignAndRecord(w.t.Context(), org, p, keyOf(org+"/"+who), nil)
	return p, r, err
}

// do records a change as the owner.
func (w *world) do(org string, in wire.Intent) (wire.Prepared, wire.Receipt) {
	w.t.Helper()
	p, r, err := w.try(org, "owner", in)
	if err != nil {
		w.t.Fatalf("%s: %v", in.Kind, err)
	}
	return p, r
}

// raw sends a request as it is.
func (w *world) raw(method, path, contentType, auth, body string) *http.Response {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(w.t.Context()), method, w.url+path, bodyOf(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// request sends a request with a token, or with none where that is empty, and with header fields and their values. It
// follows no redirect.
func (w *world) request(method, path, token string, body io.Reader, header ...string) (*http.Response, []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, bodyFrom(w.t, resp)
}

// bodyFrom reads an answer to its end.
func bodyFrom(t testing.TB, resp *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}
