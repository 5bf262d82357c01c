package acceptance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// A write that waits until it is committed brings the checkpoint that covers it, and the proof that it is under it; whoever
// only has the public policy of the organization can check both.
func TestCheckpointCoversAWrite(t *testing.T) {
	o := open(t, "stokr")
	c := o.Client.Standing(wire.Committed)
	p, err := c.Prepare(t.Context(), o.ID, wire.Intent{Kind: wire.CreateRole, Role: "desk", Name: new("Desk"), Permissions: []string{"investor.create"}, Credential: o.DID("owner")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.SignAndRecord(t.Context(), o.ID, p, o.Key("owner"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := o.Client.As("").Policy(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := note.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := policy.Verify([]byte(r.Checkpoint))
	if err != nil || v.Size < r.Seq {
		t.Fatalf("entry %d is answered with a checkpoint of %+v, %v", r.Seq, v, err)
	}
	raw, err := o.Entry(t.Context(), o.ID, r.CID)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := note.ParseProof([]byte(r.Proof))
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.Check(tree.Leaf(raw.Entry)); err != nil || proof.Index != r.Seq-1 {
		t.Errorf("index %d: %v", proof.Index, err)
	}
	// What is served to everybody has grown from it, or is it.
	served, err := o.Client.As("").LogFile(t.Context(), o.ID, "checkpoint", note.MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := policy.Verify(served); err != nil || now.Size < v.Size {
		t.Errorf("what is served is %+v, %v", now, err)
	}
}

// Documents and bundles verify where there is no server, after each key was replaced; an answer of before too.
func TestEvidenceVerifiesOfflineAfterRotations(t *testing.T) {
	o := open(t, "stokr")
	o.Add("alice")
	o.As("owner").CreateRole("Desk", "investor.create")
	o.As("owner").Assign("desk", "alice")
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	o.Run("owner", "check", "alice", "investor.create", "--proof", "-O", file("yes.json"))
	o.Run("owner", "export", "--all", "-O", file("before.zip"))
	if err := os.WriteFile(file("policy"), []byte(o.Run("owner", "policy")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, purpose := range []string{"document", "checkpoint", "event"} {
		o.Run("owner", "key", "rotate", purpose)
	}
	o.As("owner").Revoke("desk", "alice")
	files := []string{"before.zip"}
	for _, export := range [][]string{{"--all", "-f", "bundle"}, {"--all", "-f", "car"}, {"--role", "desk", "-f", "bundle"}, {"--subject", "alice", "-f", "bundle"}} {
		name := strings.TrimPrefix(strings.Join(export, ""), "--")
		o.Run("owner", append([]string{"export", "-O", file(name)}, export...)...)
		files = append(files, name)
	}
	offline := []string{"PERMLEDGER_PINS=off"}
	for _, name := range files {
		if r := o.program(offline, "", "verify", file(name)); r.Code != 0 || !strings.Contains(r.Out, "VERIFIED") {
			t.Errorf("%s: %d %s%s", name, r.Code, r.Out, r.Err)
		}
	}
	for _, name := range []string{"before.zip", files[1]} {
		if r := o.program(offline, "", "verify", file("yes.json"), "--trust", file("policy"), "--bundle", file(name)); r.Code != 0 {
			t.Errorf("the decision with %s: %d %s%s", name, r.Code, r.Out, r.Err)
		}
	}
}
