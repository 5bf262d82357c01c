// Package tenants_test holds organizations that share a server apart: whatever a caller of one asks, and wherever it listens,
// nothing of another reaches it.
//
// Two organizations live random lives. All that the one, mine, says carries the word that is its secret; names that others may
// guess carry another. Then callers of the other, theirs, ask for everything: each route of api.Routes, with parameters and
// bodies made from its types, by their own names and by those of mine that they guessed. An answer that has the secret word, in any
// encoding, or an id, key, digest or signature of mine, is a leak. PERMLEDGER_LONG=1 makes it many lives, and measures times.
package tenants_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/webhook"
)

// long says that lives are many and long.
var long = os.Getenv("PERMLEDGER_LONG") == "1"

const (
	token = "the local operator's token"

	// The words that organizations put into whatever they say. secretWord is never said by a caller of theirs.
	secretWord = "ocelot" // in what mine has, and nobody guesses
	knownWord  = "falcon" // in the names of mine that others guess
	theirWord  = "badger"
)

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func did(name string) string { return didkey.Encode(keyOf(name).Public().(ed25519.PublicKey)) }

// apiKey gives the API key of somebody of an organization.
func apiKey(org, who string) string { return secret.Of(secret.APIKey, keyOf(org+"/"+who)).Text() }

// world is a node with its API, what is listened on with it, and a receiver of webhooks.
type world struct {
	t       testing.TB
	node    *node.Node
	handler http.Handler
	url     string
	readers string // address for NATS clients
	*client.Client

	receiver string // URL
	mu       sync.Mutex
	received map[string][]string // by path: header and body of each delivery
	worlds   int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := node.Init(dir, "ledger.test"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), dir, node.Options{Webhooks: webhook.Options{
		Deliver: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Pause: time.Millisecond,
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, node: n, received: map[string][]string{}}
	w.handler = api.New(n, api.Options{Token: token, Version: "test", Logger: slog.New(slog.DiscardHandler)})
	srv := httptest.NewServer(w.handler)
	hooks := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(func() {
		srv.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		hooks.Close()
	})
	address, err := n.ServeReaders("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.url, w.receiver, w.readers, w.Client = srv.URL, hooks.URL, address.String(), client.New(srv.URL, token, srv.Client())
	return w
}

// receive keeps what a webhook is sent.
func (w *world) receive(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it is sent again
	}
	var b strings.Builder
	_ = r.Header.Write(&b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.received[r.URL.Path] = append(w.received[r.URL.Path], b.String()+string(body))
}

// deliveries gives what came so far to paths that begin so.
func (w *world) deliveries(prefix string) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, some := range w.received {
		if strings.HasPrefix(path, prefix) {
			all = append(all, some...)
		}
	}
	return all
}

// tenant is an organization and the names in it.
type tenant struct {
	id    string
	ctx   context.Context
	known names // mine: those that others guess; theirs: all
	names
	*client.Client // as its owner
}

// names are the words of an organization for one kind of thing each.
type names struct {
	word                                    string
	roles, subjects, permissions, resources []string
}

// text is anything that is said in words.
func (n names) text(what string) string { return n.word + " " + what }

func namesWith(word string) names {
	list := func(what string, n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf("%s%s%d", word, what, i))
		}
		return all
	}
	return names{word: word, roles: list("-role-", 3), subjects: list("-subject-", 4), permissions: list(".permission.", 4), resources: list("/resource", 2)}
}

// open opens an organization with somebody who reads and somebody who may nothing.
func (w *world) open(id, profile, word string) *tenant {
	w.t.Helper()
	p, err := w.PrepareOpening(w.t.Context(), wire.Opening{
		Organization: id, Name: "The " + word, Profile: profile, OwnerKey: word + "-owner", OwnerKind: "human",
		Credential: did(id + "/owner"), Root: did(id + "/root"), OperatorKey: did(id + "/operator"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.SignAndRecord(w.t.Context(), id, p, keyOf(id+"/owner"), nil); err != nil {
		w.t.Fatal(err)
	}
	return &tenant{id: id, ctx: context.WithoutCancel(w.t.Context()), names: namesWith(word), Client: w.As(apiKey(id, "owner"))}
}

// pair opens two organizations, of which only one may be heard of by callers of the other.
func (w *world) pair(profile string) (mine, theirs *tenant) {
	w.t.Helper()
	w.worlds++
	mine = w.open(fmt.Sprintf("%s%d", knownWord, w.worlds), profile, secretWord)
	mine.known = namesWith(knownWord)
	theirs = w.open(fmt.Sprintf("%s%d", theirWord, w.worlds), profile, theirWord)
	theirs.known = theirs.names
	return mine, theirs
}

// must records a change as the owner.
func (o *tenant) must(t testing.TB, in wire.Intent) wire.Receipt {
	t.Helper()
	r, err := o.Do(context.WithoutCancel(t.Context()), o.id, in)
	if err != nil {
		t.Fatalf("%s: %s: %v", o.id, in.Kind, err)
	}
	return r
}
