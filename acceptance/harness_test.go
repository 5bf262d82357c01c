// Package acceptance_test holds what permledger promises, one test for each row of docs/features.md, through the HTTP API
// and the command line only. The tests of a row are named after it: TestS21PutReplacesTheSet.
//
//	o := open(t, "stokr")                                  // an organization of its own, its owner is "owner"
//	o.Add("alice", "bob")                                  // people, each with a key of their own
//	o.As("owner").CreateRole("Compliance Officer", "investor.create", "investor.verify")
//	o.As("owner").Assign("compliance-officer", "alice")    // fails the test where it is refused
//	o.Allowed("alice", "investor.create")                  // also with a resource: "investor/A"
//	o.Denied("bob", "investor.create")
//	o.Holds("alice", "investor.create", "investor.verify") // exactly these
//	err := o.As("bob").Try(createRole("Desk", "investor.create"))
//	o.Refused(err, "not-permitted", "words of the reason", "words of the hint")
//	o.Recorded("owner", "role.assigned", "alice")          // a line of history with these words
//	o.Turned("bob", "role.created", "not-permitted")       // a line of activity: what was refused
//	o.CLI("alice", "check", "alice", "investor.create")    // the real program, with alice's key; .Code .Out .Err
//	o.HTTP("GET", "/roles", nil)                           // a request as it is, below /v1/orgs/<organization>
//
// What the methods of As lack is an intent: o.As("alice").Do(wire.Intent{…}). A refusal must leave the ledger as it was:
// Try looks. Tests that need another time than now open on a clock of their own: see openAt.
package acceptance_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/node"
)

// token is the local operator's: of whoever runs the machine.
const token = "the local operator's token"

// scratch is the directory of this run: the shared node, the program, keys.
var scratch string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if scratch, err = os.MkdirTemp("", "permledger-acceptance-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	code = m.Run()
	return code, errors.Join(closing()...)
}

// closing ends what the tests share.
func closing() (failed []error) {
	for _, end := range shared.ends {
		failed = append(failed, end())
	}
	return failed
}

var shared struct {
	sync.Mutex
	ends []func() error
}

// world is a node with its API on the loopback network.
type world struct {
	*client.Client
	URL string
	now func() time.Time // nil: the clock of the machine
}

// here is the node that all tests share which need no clock of their own.
var here = sync.OnceValues(func() (*world, error) {
	w, end, err := serve(filepath.Join(scratch, "node"), nil)
	if err == nil {
		shared.Lock()
		defer shared.Unlock()
		shared.ends = append(shared.ends, end)
	}
	return w, err
})

func serve(dir string, now func() time.Time) (*world, func() error, error) {
	if err := node.Init(dir, "ledger.test"); err != nil {
		return nil, nil, err
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	n, err := node.Open(context.Background(), dir, node.Options{Logger: quiet, Now: now})
	if err != nil {
		return nil, nil, err
	}
	srv := httptest.NewServer(api.New(n, api.Options{Token: token, Version: "test", Logger: quiet, Now: now}))
	end := func() error {
		srv.Close()
		return n.Close()
	}
	return &world{Client: client.New(srv.URL, token, srv.Client()), URL: srv.URL, now: now}, end, nil
}

// A clock is moved by its test.
type clock struct{ at atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.at.Store(at.UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.at.Add(int64(d)) }

// org is an organization of a test.
type org struct {
	*world
	t       *testing.T
	ID      string
	Profile string
}

var opened atomic.Int64

// open opens an organization of a profile with the profile's catalogue and roles, for one test. Its owner is "owner".
func open(t *testing.T, profile string) *org {
	t.Helper()
	return openWith(t, wire.Opening{Profile: profile})
}

// openAt is open on a node of the test's own, whose clock the test moves. It takes longer than open.
func openAt(t *testing.T, profile string, c *clock) *org {
	t.Helper()
	w, end, err := serve(filepath.Join(t.TempDir(), "node"), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return w.open(t, wire.Opening{Profile: profile})
}

// openWith is open with more said of the organization than its profile, as its name or its owner's.
func openWith(t *testing.T, in wire.Opening) *org {
	t.Helper()
	w, err := here()
	if err != nil {
		t.Fatal(err)
	}
	return w.open(t, in)
}

func (w *world) open(t *testing.T, in wire.Opening) *org {
	t.Helper()
	o := &org{world: w, t: t, ID: cmp.Or(in.Organization, fmt.Sprintf("org-%d", opened.Add(1))), Profile: in.Profile}
	in.Organization, in.Name = o.ID, cmp.Or(in.Name, t.Name())
	in.OwnerKey, in.OwnerKind = cmp.Or(in.OwnerKey, "owner"), cmp.Or(in.OwnerKind, events.KindHuman)
	in.Credential, in.Root, in.OperatorKey = o.DID(in.OwnerKey), o.DID("root"), o.DID("operator")
	p, err := o.PrepareOpening(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.record(p, o.Key(in.OwnerKey), nil); err != nil {
		t.Fatalf("open %s: %v", in.Profile, err)
	}
	founding, err := client.Founding(in.Profile)
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range founding {
		o.As(in.OwnerKey).Do(first)
	}
	return o
}

// Key gives the private key of somebody of the organization: the same for the same name.
func (o *org) Key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(o.ID + "/" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// DID gives the did:key of somebody's key.
func (o *org) DID(name string) string {
	return didkey.Encode(o.Key(name).Public().(ed25519.PublicKey))
}

// record signs and submits what was prepared. Where the organization has a clock of its own, the command expires by it.
func (o *org) record(p wire.Prepared, key ed25519.PrivateKey, texts []wire.Text) (wire.Receipt, error) {
	o.t.Helper()
	if o.now == nil {
		return o.SignAndRecord(o.t.Context(), o.ID, p, key, texts)
	}
	var subs []wire.Submission
	for _, raw := range append(p.Parts, p.Command) {
		cmd, _, err := events.ParseCommand(raw)
		if err != nil {
			return wire.Receipt{}, err
		}
		signed := events.Signed{Expires: o.now().Add(client.Expiry).Truncate(time.Millisecond)}
		evidence, err1 := chain.SignCommand(&cmd, signed, key)
		command, err2 := cmd.Bytes(signed)
		if err := errors.Join(err1, err2); err != nil {
			return wire.Receipt{}, err
		}
		proof, err := canon.Encode(evidence.Members)
		if err != nil {
			return wire.Receipt{}, err
		}
		subs = append(subs, wire.Submission{Command: command, Evidence: proof})
	}
	last := len(subs) - 1
	subs[last].Texts = texts
	if p.Opening != nil {
		return o.Open(o.t.Context(), subs[last])
	}
	outcomes, err := o.Submit(o.t.Context(), o.ID, subs, client.StopAtRefusal)
	if err != nil {
		return wire.Receipt{}, err
	}
	for _, one := range outcomes {
		if one.Problem != nil {
			return wire.Receipt{}, &client.Error{Problem: *one.Problem}
		}
	}
	return *outcomes[last].Recorded, nil
}
