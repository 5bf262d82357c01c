package node_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/internal/signer/signertest"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream/natstest"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

func openSigned(t testing.TB, dir string, argv []string) *node.Node {
	t.Helper()
	o := node.Options{Signer: argv, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	o.SignerWait(time.Second)
	return openRemote(t, dir, o)
}

func acme(t testing.TB, n *node.Node) *node.Org {
	t.Helper()
	org, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	return org
}

func current(org *node.Org, purpose string) (did string) {
	org.Fold.Read(func(s *rules.State) { did = s.Key(purpose) })
	return did
}

func verified(t testing.TB, dir string, position uint64) {
	t.Helper()
	reports, err := verify.Directory(t.Context(), filepath.Join(dir, "orgs", "acme"), verify.Options{})
	if err != nil || reports[0].Position < position {
		t.Fatalf("%v; want %d entries at least that verify", err, position)
	}
}

func names(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Given a node whose keys a signer program has, when it is opened without the program, then what is recorded can be read and
// nothing can be recorded; with it, everything can. It has no private key itself.
func TestSignerProgram(t *testing.T) {
	argv, keys := signertest.Build(t).Program(t)
	dir, o := initialised(t), newOwner(t)
	n := openSigned(t, dir, argv)
	o.do(t, organization(t, n, o, "acme", "guardian"), newRole("one"))
	n.Close()
	verified(t, dir, 2)
	if own, held, theirs := names(t, filepath.Join(dir, "node", "acme", "*.key")), names(t, filepath.Join(dir, "node", "acme", "*.held")),
		names(t, filepath.Join(keys, "*.pem")); len(own) != 0 || len(held) != 3 || len(theirs) != 3 {
		t.Errorf("the node has the keys %v and those that are held elsewhere %v; the program has %v", own, held, theirs)
	}

	n = open(t, dir)
	org := acme(t, n)
	if _, err := org.Ledger.Execute(t.Context(), o.request(t, org, newRole("two"))); !errors.Is(err, ledger.ErrWait) || !errors.As(err, new(*ledger.KeyError)) {
		t.Errorf("without the program: %v", err)
	}
	if at := org.Journal.Len(); at < 2 {
		t.Errorf("%d entries can be read", at)
	}
	n.Close()

	n = openSigned(t, dir, argv)
	r := o.do(t, acme(t, n), newRole("three"))
	n.Close()
	verified(t, dir, r.Position)
}

// Given keys in files, when a signer program is named and the keys are rotated, then the program has the new ones.
func TestKeysMoveToTheSigner(t *testing.T) {
	argv, keys := signertest.Build(t).Program(t)
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	o.do(t, organization(t, n, o, "acme", "guardian"), newRole("one"))
	n.Close()

	n = openSigned(t, dir, argv)
	org := acme(t, n)
	for _, purpose := range []string{events.PurposeEvent, events.PurposeDocument, events.PurposeCheckpoint} {
		did, err := n.NewKey("acme", purpose)
		if err != nil {
			t.Fatal(err)
		}
		o.do(t, org, &events.KeyRotated{Old: current(org, purpose), New: did})
		if files := names(t, filepath.Join(keys, purpose+"."+strings.TrimPrefix(did, "did:key:")+".pem")); len(files) != 1 {
			t.Errorf("the program does not have the %s key %s", purpose, did)
		}
	}
	r := o.do(t, org, newRole("two"))
	signers, err := n.CheckpointSigners(org, r.Position)
	if err != nil || len(signers) != 2 {
		t.Errorf("%d keys sign a checkpoint (%v); want the new one and the one before", len(signers), err)
	}
	n.Close()
	verified(t, dir, r.Position)
}

// Given a signer program that fails, when something is to be recorded, then it is not, and nothing that was is lost; when
// the program is itself again, the same command is recorded. A signature that is not the key's stops the ledger.
func TestSignerFaults(t *testing.T) {
	programs := signertest.Build(t)
	for _, fault := range []string{"die", "hang", "garbage", "refuse", "wrong"} {
		for _, purpose := range []string{events.PurposeEvent, events.PurposeDocument} {
			t.Run(fault+" of "+purpose, func(t *testing.T) {
				argv, tell := programs.Faulty(t)
				dir, o := initialised(t), newOwner(t)
				n := openSigned(t, dir, argv)
				org := organization(t, n, o, "acme", "guardian")
				before := o.do(t, org, newRole("before"))
				tell(fault + " of " + purpose)
				request := o.request(t, org, newRole("after"))
				_, err := org.Ledger.Execute(t.Context(), request)
				want := ledger.ErrWait
				if fault == "wrong" {
					want = ledger.ErrStopped
				}
				if !errors.Is(err, want) {
					t.Fatalf("got %v; want %v", err, want)
				}
				if at := org.Journal.Len(); at != before.Position {
					t.Errorf("%d entries are recorded; want %d", at, before.Position)
				}
				tell("")
				if fault == "wrong" {
					if _, err := org.Ledger.Execute(t.Context(), request); !errors.Is(err, ledger.ErrStopped) {
						t.Errorf("after a wrong signature: %v", err)
					}
					n.Close()
					n = openSigned(t, dir, argv)
					org = acme(t, n)
				}
				var after ledger.Receipt
				eventually(t, "the command is recorded", func() bool {
					after, err = org.Ledger.Execute(t.Context(), request)
					return err == nil
				})
				if after.Position != before.Position+1 || after.Repeated {
					t.Errorf("recorded at %d, repeated %v; want it once, at %d", after.Position, after.Repeated, before.Position+1)
				}
				n.Close()
				verified(t, dir, after.Position)
			})
		}
	}
}

// Given a signer program that several organizations use, when one names a key of another as its own, then it is refused.
func TestSignerKeysAreApart(t *testing.T) {
	argv, _ := signertest.Build(t).Program(t)
	dir, o := initialised(t), newOwner(t)
	n := openSigned(t, dir, argv)
	of := organization(t, n, o, "acme", "plain")
	organization(t, n, newOwner(t), "bank", "plain")
	err := n.HoldKey(t.Context(), "bank", current(of, events.PurposeEvent), events.PurposeEvent)
	if !errors.Is(err, node.ErrKeyFile) || !strings.Contains(err.Error(), "is a key of acme") {
		t.Errorf("got %v", err)
	}
	if err := n.HoldKey(t.Context(), "bank", newOwner(t).did(), events.PurposeEvent); !errors.Is(err, node.ErrKeyFile) {
		t.Errorf("a key that the program does not have: %v", err)
	}
	if err := open(t, initialised(t)).HoldKey(t.Context(), "acme", newOwner(t).did(), events.PurposeEvent); err == nil {
		t.Error("a key can be held without a program")
	}
	if os.Chmod(names(t, filepath.Join(dir, "node", "acme", "*.held"))[0], 0) == nil && os.Geteuid() != 0 {
		n.Close()
		if _, err := node.Open(t.Context(), dir, node.Options{Signer: argv}); !errors.Is(err, node.ErrKeyFile) {
			t.Errorf("a file that cannot be read: %v", err)
		}
	}
}

// Given a cluster whose nodes use one signer program, when a document cannot be signed on one of them, then nothing of its
// group is recorded, and the next try is; and the other node signs documents with the same key.
func TestSignerInACluster(t *testing.T) {
	c := natstest.Start(t, 1)
	programs := signertest.Build(t)
	program, _ := programs.Program(t)
	argv, tell := programs.Before(t, program)
	dir, o := first(t), newOwner(t)
	with := remote(c, c.URLs)
	with.Signer = argv
	a := openRemote(t, dir, with)
	org := organization(t, a, o, "acme", "guardian")
	tell("refuse of document")
	if r, err := org.Ledger.Execute(t.Context(), o.request(t, org, newRole("one"))); !errors.Is(err, ledger.ErrWait) {
		t.Fatalf("%v, %v", r, err)
	}
	tell("")
	r, err := o.attempt(t, org, newRole("one"))
	if err != nil || r.Position != 2 {
		t.Fatalf("at %d: %v", r.Position, err)
	}
	with.Signer = program
	b := openRemote(t, join(t, dir), with)
	of := acme(t, b)
	reaches(t, of, r.Position)
	for i := range 3 {
		if _, err := o.attempt(t, of, newRole(fmt.Sprint("of b ", i))); err != nil {
			t.Fatal(err)
		}
	}
	if own := names(t, filepath.Join(b.Dir(), "node", "acme", "*.key")); len(own) != 0 {
		t.Errorf("B has the private keys %v", own)
	}
}
