//go:build unix

package node_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

// privateLevel gives what doctor says of acme's private texts.
func privateLevel(t *testing.T, dir string) string {
	t.Helper()
	findings, err := node.Examine(t.Context(), dir, 0)
	i := slices.IndexFunc(findings, func(f node.Finding) bool { return f.Check == "private" && f.Organization == "acme" })
	if err != nil || i < 0 {
		t.Fatal(err, findings)
	}
	return findings[i].Level
}

func TestLostPrivateTextsAreSaid(t *testing.T) {
	// Given a ledger with a private text
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	text := private.New("for the desk")
	org := organization(t, n, o, "acme", "plain")
	if _, err := o.attempt(t, org, newRole("one"), text); err != nil {
		t.Fatal(err)
	}
	n.Close()
	if got := privateLevel(t, dir); got != node.FindingOK {
		t.Errorf("whole: %s", got)
	}
	file := filepath.Join(dir, "orgs", "acme", "private")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// when lines of its file are damaged, then doctor says so and a repair takes them out
	if err := os.WriteFile(file, append([]byte("no line\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := privateLevel(t, dir); got != node.FindingDamage {
		t.Errorf("damaged: %s", got)
	}
	var told []string
	if _, err := node.Repair(t.Context(), dir, node.RepairOptions{Told: func(m node.Mended) { told = append(told, m.What+m.Kept) }}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.Contains(told[0], "private-aside-") {
		t.Errorf("the repair says %q", told)
	}
	if got := privateLevel(t, dir); got != node.FindingOK {
		t.Errorf("mended: %s", got)
	}
	if texts, err := private.Read(file); err != nil || texts[text.Commitment()] != text {
		t.Errorf("after the repair: %v, %v", texts, err)
	}
	if _, err := verify.Directory(t.Context(), dir, verify.Options{}); err != nil {
		t.Error(err)
	}
	// when the file is lost, then doctor says so, before and after a start, which says so too
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := privateLevel(t, dir); got != node.FindingDamage {
		t.Errorf("missing: %s", got)
	}
	var log strings.Builder
	n, err = node.Open(t.Context(), dir, node.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	if !strings.Contains(log.String(), "private texts is missing") {
		t.Errorf("the start says %s", log.String())
	}
	if got := privateLevel(t, dir); got != node.FindingWarn {
		t.Errorf("empty: %s", got)
	}
}
