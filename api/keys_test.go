package api_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/internal/signer"
	"github.com/permledger/permledger/internal/signer/signertest"
	"github.com/permledger/permledger/node"
)

// keyFiles gives the files that say which keys the node has for an organization.
func keyFiles(t *testing.T, w *world, org string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.node.Dir(), "node", org, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Given a member who is not the owner, when it prepares or simulates what makes a key, then no key is made; the owner's
// simulation makes none either, and its command does.
func TestKeysAreMadeForOwnersAlone(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.add("acme", "k")
	w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: "k", Permissions: []string{"ledger:keys.read", "ledger:roles.read", "ledger:key.rotate", "ledger:key.register"}})
	member, owner := client.New(w.url, apiKey("acme", "k"), nil), client.New(w.url, apiKey("acme", "owner"), nil)
	keys, err := w.Keys(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	before := keyFiles(t, w, "acme")
	made := func(want int) {
		t.Helper()
		if now := keyFiles(t, w, "acme"); len(now) != len(before)+want {
			t.Errorf("%d keys of the node's have become %d; want %d more", len(before), len(now), want)
		}
	}
	intents := []wire.Intent{{Kind: wire.RegisterKey, Purpose: events.PurposeEvent}}
	for _, k := range keys.Items {
		switch k.Purpose {
		case events.PurposeEvent, events.PurposeCheckpoint, events.PurposeDocument:
			intents = append(intents, wire.Intent{Kind: wire.RotateKey, Old: k.DID})
		}
		if k.Purpose == events.PurposeEvent {
			intents = append(intents, wire.Intent{Kind: wire.SucceedKey, Old: k.DID})
		}
	}
	if len(intents) < 4 {
		t.Fatalf("only %d intents", len(intents))
	}
	for _, in := range intents {
		if _, err := member.Prepare(t.Context(), "acme", in); client.CodeOf(err) != "not-permitted" && (in.Kind != wire.SucceedKey || client.CodeOf(err) != "not-proven") {
			t.Errorf("%s of %s by a member: %v", in.Kind, in.Old, err)
		}
		if in.Kind == wire.SucceedKey {
			continue // by another key than a simulation has
		}
		s, err := member.Simulate(t.Context(), "acme", wire.Rehearsal{Intents: []wire.Intent{in}})
		if err == nil && s.Steps[0].Refusal == nil {
			t.Errorf("a member's simulation of %s is not refused", in.Kind)
		}
		if s, err = owner.Simulate(t.Context(), "acme", wire.Rehearsal{Intents: []wire.Intent{in}}); err != nil || s.Steps[0].Refusal != nil {
			t.Errorf("the owner's simulation of %s: %+v, %v", in.Kind, s, err)
		}
	}
	made(0)
	if _, err := owner.Prepare(t.Context(), "acme", intents[0]); err != nil {
		t.Error(err)
	}
	made(1)
}

// Given a signer program with a key that no organization has yet, when a member of one who is not its owner names it, or
// somebody of another, then it stays free, and the owner who had it made can take it.
func TestKeysOfTheSignerAreForOwnersAlone(t *testing.T) {
	argv, _ := signertest.Build(t).Program(t)
	w := newWorldWith(t, filepath.Join(t.TempDir(), "data"), node.Options{Signer: argv})
	w.open("acme", "plain")
	w.open("bank", "plain")
	w.add("bank", "k")
	program, err := signer.New(argv, signer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	free, err := program.Make(events.PurposeEvent)
	if err != nil {
		t.Fatal(err)
	}
	member := client.New(w.url, apiKey("bank", "k"), nil)
	in := wire.Intent{Kind: wire.RegisterKey, Purpose: events.PurposeEvent, Key: free}
	if p, err := member.Prepare(t.Context(), "bank", in); err == nil && p.Refusal == nil {
		t.Errorf("a member registers an event key: %+v", p)
	}
	if resp := w.raw(http.MethodPost, "/v1/orgs/acme/prepare", "application/json", "Bearer "+apiKey("bank", "k"),
		`{"kind":"register-key","purpose":"event","key":"`+free+`"}`); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("somebody of another organization is answered %d", resp.StatusCode)
	}
	if files := keyFiles(t, w, "bank"); len(files) != 3 {
		t.Errorf("the bank has the keys %v; want three", files)
	}
	if _, r, err := w.try("acme", "owner", in); err != nil || r.Type != "key.registered" {
		t.Errorf("its owner: %+v, %v", r, err)
	}
}
