package acceptance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// asked counts the answers of all tests. Of every so manyth the decision is verified, of each with PERMLEDGER_LONG=1.
var asked atomic.Int64

const provenEvery = 8

// sometimesProven verifies the decision of an answer, where it is this one's turn and about somebody who is known.
func (o *org) sometimesProven(c wire.Check) {
	o.t.Helper()
	if n := asked.Add(1); os.Getenv("PERMLEDGER_LONG") == "" && n%provenEvery != 0 {
		return
	}
	if _, err := o.Subject(o.t.Context(), o.ID, c.Subject, client.Read{}); err == nil {
		o.proves(c)
	}
}

// proves has the answer to a question signed, and verifies what comes: by itself, and from the ledger's bytes.
func (o *org) proves(c wire.Check) *decision.Decision {
	o.t.Helper()
	return o.decides(wire.Question{Subject: c.Subject, Permission: c.Permission, Resource: c.Resource}, client.Read{}, c.Allowed)
}

func (o *org) decides(q wire.Question, r client.Read, allowed bool) *decision.Decision {
	o.t.Helper()
	what := fmt.Sprintf("may %s %s on %q", q.Subject, q.Permission, q.Resource)
	answer, err := o.Decide(o.t.Context(), o.ID, q, r)
	if err != nil {
		o.t.Fatalf("%s? %v", what, err)
	}
	d, err := decision.Parse(answer.Decision)
	if err != nil {
		o.t.Fatalf("%s: %v", what, err)
	}
	v, err := d.Verify(nil)
	if err != nil {
		o.t.Fatalf("%s: %v", what, err)
	}
	if yes := d.Answer == decision.Yes; yes != allowed || yes != answer.Allowed {
		o.t.Fatalf("%s: the decision says %s, the answer %t; want %t", what, d.Answer, answer.Allowed, allowed)
	}
	if err := verify.Replayed(o.t.Context(), v, verify.Options{}, o.history); err != nil {
		o.t.Fatalf("%s: %v", what, err)
	}
	return d
}

// history verifies all that the server gives of the ledger.
func (o *org) history(ctx context.Context, options verify.Options) error {
	_, err := verify.Entries(ctx, func(yield func(verify.Raw, error) bool) {
		for b, err := range o.Entries(ctx, o.ID, 0, 0) {
			if !yield(verify.Raw{Bytes: bytes.Clone(b)}, err) || err != nil {
				return
			}
		}
	}, options)
	return err
}

// A yes through a delegation, under a condition, on a policy that the subject was let at: whatever it takes is cited.
func TestDecisionOfEverything(t *testing.T) {
	o := open(t, "guardian")
	o.Add("alice", "bob")
	o.As("owner").CreateRole("Approver", "POLICIES_POLICY_REVIEW")
	o.As("owner").Assign("approver", "alice")
	o.Allowed("alice", "POLICIES_POLICY_REVIEW")
	all := o.proves(o.Ask("alice", "POLICIES_POLICY_REVIEW"))
	if n := len(all.Entries); n < 4 {
		t.Errorf("it cites %d entries", n)
	}
	none := o.proves(o.Ask("bob", "POLICIES_POLICY_REVIEW"))
	if !slices.Equal(none.Positions(), []uint64{1}) {
		t.Errorf("a no cites %v", none.Positions())
	}
	// The owner may everything that has a name.
	if owner := o.proves(o.Allowed("owner", "POLICIES_POLICY_REVIEW")); len(owner.Entries) > 2 {
		t.Errorf("of the owner it cites %v", owner.Positions())
	}
}

func TestDecisionUnderACondition(t *testing.T) {
	o := open(t, "stokr")
	o.Add("alice")
	o.As("owner").Do(wire.Intent{Kind: wire.GrantPermission, Subject: "alice", Permission: "investor.create", Condition: `resource.properties.country == "LU"`})
	q := wire.Question{Subject: "alice", Permission: "investor.create", Resource: "investor/1", Properties: wire.QuestionProperties{Resource: map[string]string{"country": "LU"}}}
	d := o.decides(q, client.Read{}, true)
	if p := d.Question.In.Resource; !slices.Equal(p, []events.Property{{Name: "country", Value: "LU"}}) {
		t.Errorf("what was said beside is kept as %v", p)
	}
	q.Properties.Resource["country"] = "DE"
	o.decides(q, client.Read{}, false)
}

// As of an earlier position the answer is of then, signed with the key of now.
func TestDecisionAsOf(t *testing.T) {
	o := open(t, "stokr")
	o.Add("alice")
	o.As("owner").CreateRole("Desk", "investor.create")
	o.As("owner").Assign("desk", "alice")
	then := o.Head()
	o.As("owner").Revoke("desk", "alice")
	q := wire.Question{Subject: "alice", Permission: "investor.create"}
	before := o.decides(q, client.Read{AsOf: fmt.Sprint(then)}, true)
	if before.Position != then {
		t.Errorf("it is as of %d; want %d", before.Position, then)
	}
	o.decides(q, client.Read{}, false)
	o.Run("owner", "key", "rotate", before.Key)
	after := o.decides(q, client.Read{AsOf: fmt.Sprint(then)}, true)
	if after.Key == before.Key {
		t.Error("the key that was replaced signed")
	}
	if last := after.Positions()[len(after.Entries)-1]; last != o.Head() {
		t.Errorf("it cites no more than %d", last)
	}
}

// What cannot be answered with a proof is refused, and says why.
func TestNoDecision(t *testing.T) {
	o := open(t, "stokr")
	o.Add("alice")
	for query, status := range map[string]int{
		"subject=alice&permission=investor.create&proof=true&as_of=occurred:2020-01-01": http.StatusBadRequest,
		"subject=alice&permission=investor.create&proof=maybe":                          http.StatusBadRequest,
		"subject=nobody&permission=investor.create&proof=true":                          http.StatusNotFound,
		"subject=alice&permission=investor.create&proof=true&resource=x":                http.StatusBadRequest,
		"subject=alice&permission=investor.create&proof=true":                           http.StatusOK,
		"subject=alice&permission=investor.create&proof=false":                          http.StatusOK,
	} {
		got := o.HTTP("GET", "/check?"+query, nil)
		if got.Status != status {
			t.Errorf("%s: %d %s", query, got.Status, got.Body)
		}
		if has := strings.Contains(got.Body, `"decision":`); has != (status == http.StatusOK && strings.Contains(query, "proof=true")) {
			t.Errorf("%s: %s", query, got.Body)
		}
	}
	o.AddBare("without", "with")
	o.Give("with", "ledger:history.read")
	o.Allowed("with", "ledger:history.read")
	for _, path := range []string{"/entries/1/proof", "/consistency?from=1", "/check?proof=true&permission=investor.create&subject="} {
		own := func(who string) string { // everybody may ask about itself
			if strings.HasSuffix(path, "=") {
				return path + who
			}
			return path
		}
		if got := o.GetAs("with", own("with")); got.Status != http.StatusOK {
			t.Errorf("%s with the permission: %d %s", path, got.Status, got.Body)
		}
		if got := o.GetAs("without", own("without")); got.Status != http.StatusForbidden || !strings.Contains(got.Body, "ledger:history.read") {
			t.Errorf("%s without: %d %s", path, got.Status, got.Body)
		}
	}
}

// Each entry, however it is named, is proven under a checkpoint of the log, and the growth between any two sizes.
func TestProve(t *testing.T) {
	o := open(t, "stokr")
	o.Add("alice", "bob")
	head := o.Head()
	for at := uint64(1); at <= head; at += 5 {
		raw, err := o.Entry(t.Context(), o.ID, fmt.Sprint(at))
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{fmt.Sprint(at), raw.CID} {
			b, err := o.Prove(t.Context(), o.ID, ref)
			if err != nil {
				t.Fatal(err)
			}
			p, err := note.ParseProof(b)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Check(tree.Leaf(raw.Entry)); err != nil || p.Index != at-1 {
				t.Errorf("entry %d, at index %d: %v", at, p.Index, err)
			}
			if p.Check(tree.Leaf(append([]byte(raw.Entry), ' '))) == nil {
				t.Errorf("entry %d with a byte more is proven too", at)
			}
		}
		b, err := o.ProveGrowth(t.Context(), o.ID, at, 0)
		if err != nil {
			t.Fatal(err)
		}
		c, err := note.ParseConsistency(b)
		if err != nil {
			t.Fatal(err)
		}
		older, newer, err := c.Checkpoints()
		if err := errors.Join(err, c.Check()); err != nil || older.Size != at || newer.Size < head {
			t.Errorf("from %d to %d: %v", older.Size, newer.Size, err)
		}
	}
	for path, status := range map[string]int{
		"/entries/0/proof": http.StatusNotFound, fmt.Sprintf("/entries/%d/proof", head+1): http.StatusNotFound, "/entries/x/proof": http.StatusNotFound,
		"/consistency": http.StatusBadRequest, "/consistency?from=0": http.StatusBadRequest, "/consistency?from=3&to=2": http.StatusNotFound,
		fmt.Sprintf("/consistency?from=1&to=%d", head+1): http.StatusNotFound,
	} {
		if got := o.HTTP("GET", path, nil); got.Status != status {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}

// The program writes what the server gives, and verifies it where there is no server.
func TestProofsOnTheCommandLine(t *testing.T) {
	o := open(t, "stokr")
	o.Add("alice")
	o.As("owner").CreateRole("Desk", "investor.create")
	o.As("owner").Assign("desk", "alice")
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	o.Run("owner", "check", "alice", "investor.create", "--proof", "-O", file("yes.json"))
	if out := o.Run("owner", "verify", file("yes.json"), "--ledger", o.URL); !strings.Contains(out, "nothing had taken it away") {
		t.Errorf("verify says %s", out)
	}
	b, err := os.ReadFile(file("yes.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file("no.json"), bytes.Replace(b, []byte(`"answer":"yes"`), []byte(`"answer":"no"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if ran := o.CLI("owner", "verify", file("no.json")); ran.Code != 7 {
		t.Errorf("what was changed gives %d: %s", ran.Code, ran.Err)
	}
}
