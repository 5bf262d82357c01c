package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

// Given an organization that older rules opened, then what needs a checkpoint is refused with what to do about it, and what
// needs none is not; when it adopts newer rules, then exports and decisions verify, also about what was before.
func TestOldOrganizationsProveOnceTheyAdopt(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	oldOrganization(t, dir, o)
	n := open(t, dir)
	org := acme(t, n)
	const token = "the local operator's token"
	c := client.InProcess(api.New(n, api.Options{Token: token, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}), token)
	question := wire.Question{Subject: "owner", Permission: "ledger:" + rules.ActionHistoryRead}
	refused := func(what string, err error) {
		t.Helper()
		p := (*client.Error)(nil)
		if !errors.As(err, &p) || p.Problem.Status != http.StatusConflict || p.Problem.Hint == "" || !strings.Contains(p.Problem.Detail, "key") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, format := range []string{"bundle", "car"} {
		_, err := c.Export(t.Context(), "acme", wire.ExportQuery{Format: format}, io.Discard)
		refused(format, err)
	}
	_, err := c.Decide(t.Context(), "acme", question, client.Read{})
	refused("a decision", err)
	_, err = c.Prove(t.Context(), "acme", "1")
	refused("a proof", err)
	for _, format := range []string{"jsonl", "csv"} {
		if _, err := c.Export(t.Context(), "acme", wire.ExportQuery{Format: format}, io.Discard); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}

	adopted := o.do(t, org, &events.RulesAdopted{Organization: "acme", Rules: rules.Version, Operator: node.NewID(time.Now().UnixMilli())})
	o.do(t, org, &events.RoleCreated{Role: node.NewID(time.Now().UnixMilli()), Key: "desk", Name: "Desk", Permissions: []string{"ledger:history.read"}, Count: 1})
	eventually(t, "there is a checkpoint", func() bool { _, _, ok := org.Log.Latest(); return ok })
	var all bytes.Buffer
	if _, err := c.Export(t.Context(), "acme", wire.ExportQuery{Format: "bundle"}, &all); err != nil {
		t.Fatal(err)
	}
	if r, err := verify.Bundle(t.Context(), bytes.NewReader(all.Bytes()), int64(all.Len()), verify.Options{}); err != nil || r.Checkpoint == nil {
		t.Errorf("the bundle: %v", err)
	}
	_, err = c.Export(t.Context(), "acme", wire.ExportQuery{Format: "bundle", AsOf: "1"}, io.Discard)
	refused("an export of when there was no key", err)
	_, err = c.ProveGrowth(t.Context(), "acme", 1, 0)
	refused("growth from when there was no key", err)
	for name, read := range map[string]client.Read{"now": {}, "before it adopted": {AsOf: "1"}} {
		answer, err := c.Decide(t.Context(), "acme", question, read)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d, err := decision.Parse(answer.Decision)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := d.Verify(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if v.Checkpoint.Size <= adopted.Position {
			t.Errorf("%s: it stands under a checkpoint of %d entries, of which none had a key", name, v.Checkpoint.Size)
		}
		err = verify.Replayed(t.Context(), v, verify.Options{}, func(ctx context.Context, options verify.Options) error {
			_, err := verify.Directory(ctx, filepath.Join(dir, "orgs", "acme"), options)
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
