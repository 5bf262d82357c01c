package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

func TestTableFitsItsWidestCells(t *testing.T) {
	given := table{}
	given.row("KEY", "NAME", "WHY")
	given.row("a", "Zoë ✓", "two\nlines\tand a tab")
	given.row("long-key", "", "")
	var got strings.Builder
	if err := given.writeTo(&got, " "); err != nil {
		t.Fatal(err)
	}
	want := " KEY       NAME   WHY\n" +
		" a         Zoë ✓  two lines and a tab\n" +
		" long-key\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestExitCodes(t *testing.T) {
	problem := func(status int, code string) error {
		return fmt.Errorf("do it: %w", &client.Error{Problem: wire.Problem{Type: wire.ProblemType + code, Status: status}})
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"Nothing", nil, nil, exitDone},
		{"No", nil, negative, exitNo},
		{"Usage", nil, usage("say it otherwise"), exitUsage},
		{"NoDirectory", nil, fmt.Errorf("open: %w", node.ErrNotInitialized), exitUsage},
		{"NoFile", nil, fmt.Errorf("open: %w", fs.ErrNotExist), exitUsage},
		{"Invalid", nil, problem(422, string(rules.Invalid)), exitUsage},
		{"BadAsOf", nil, problem(400, wire.CodeBadAsOf), exitUsage},
		{"Unreachable", nil, &client.UnreachableError{Err: errors.New("refused")}, exitUnreached},
		{"OutcomeUnknown", nil, &client.UnknownError{Err: errors.New("cut off")}, exitUnreached},
		{"Locked", nil, fmt.Errorf("open: %w", node.ErrLocked), exitUnreached},
		{"Stopped", nil, problem(503, wire.CodeStopped), exitUnreached},
		{"Internal", nil, problem(500, wire.CodeInternal), exitUnreached},
		{"Unauthenticated", nil, problem(401, wire.CodeUnauthenticated), exitDenied},
		{"NotPermitted", nil, problem(403, string(rules.NotPermitted)), exitDenied},
		{"Escalation", nil, problem(403, string(rules.Escalation)), exitDenied},
		{"NotProven", nil, problem(403, string(rules.NotProven)), exitDenied},
		{"KeyFile", nil, fmt.Errorf("read: %w", node.ErrKeyFile), exitDenied},
		{"NotFound", nil, problem(404, string(rules.NotFound)), exitNotFound},
		{"NoOrganization", nil, problem(404, wire.CodeNoOrganization), exitNotFound},
		{"Unknown", nil, problem(422, string(rules.Unknown)), exitNotFound},
		{"Taken", nil, problem(409, string(rules.Taken)), exitConflict},
		{"InUse", nil, problem(409, string(rules.InUse)), exitConflict},
		{"NoChange", nil, problem(409, string(rules.NoChange)), exitConflict},
		{"Initialized", nil, fmt.Errorf("init: %w", node.ErrInitialized), exitConflict},
		{"Broken", nil, fmt.Errorf("open: %w", &chain.BrokenError{Position: 3}), exitIntegrity},
		{"RolledBack", nil, fmt.Errorf("open: %w", ledger.ErrRolledBack), exitIntegrity},
		{"Damaged", nil, fmt.Errorf("open: %w", journal.ErrDamaged), exitIntegrity},
		{"Interrupted", ended, context.Canceled, exitInterrupted},
		{"BrokenAndInterrupted", ended, &chain.BrokenError{Position: 3}, exitIntegrity},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			if got := codeOf(ctx, c.err); got != c.want {
				t.Errorf("codeOf(%v) = %d; want %d", c.err, got, c.want)
			}
		})
	}
}

func TestHistoryArguments(t *testing.T) {
	for _, c := range []struct {
		args string
		want wire.HistoryQuery
		bad  bool
	}{
		{args: "", want: wire.HistoryQuery{}},
		{args: "role:desk 20..41", want: wire.HistoryQuery{Role: "desk", From: 20, To: 41}},
		{args: "20.. user:ben", want: wire.HistoryQuery{Subject: "ben", From: 20}},
		{args: "perm:stokr:investor.view ..41", want: wire.HistoryQuery{Permission: "stokr:investor.view", To: 41}},
		{args: "41..20", bad: true},
		{args: "desk", bad: true},
		{args: "team:desk", bad: true},
	} {
		got, err := parseHistory(strings.Fields(c.args))
		if (err != nil) != c.bad {
			t.Errorf("%q: error %v; want one: %t", c.args, err, c.bad)
		}
		if diff := cmp.Diff(c.want, got); err == nil && diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.args, diff)
		}
	}
}

func TestEndOfAGrant(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "2027-01-31": "2027-02-01T00:00:00Z", "2027-01-31T12:00:00+02:00": "2027-01-31T10:00:00Z",
	} {
		if got, err := parseEnd(text); err != nil || got != want {
			t.Errorf("parseEnd(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := parseEnd("tomorrow"); err == nil {
		t.Error("tomorrow is taken for an instant")
	}
}

func TestLinesSayAsOfWhen(t *testing.T) {
	at := wire.AsOf{Seq: 3, CID: "bafk", Time: "t", Instant: "i"}
	for _, c := range []struct{ row, want any }{
		{struct{}{}, `{"asOf":{"seq":3,"cid":"bafk","time":"t","instant":"i"}}` + "\n"},
		{wire.Assignment{Subject: "<ben>"}, `{"subject":"<ben>","permissions":null,"asOf":{"seq":3,"cid":"bafk","time":"t","instant":"i"}}` + "\n"},
	} {
		got, err := withAsOf(c.row, at)
		if err != nil || string(got) != c.want {
			t.Errorf("withAsOf(%v) = %s, %v; want %s", c.row, got, err, c.want)
		}
	}
}

// What cannot be judged is no proof that something is wrong, and no proof that all is well.
func TestVerdictOnWhatIsNewer(t *testing.T) {
	var out strings.Builder
	a := &app{p: Process{Out: &out}, format: asTable}
	err := a.judged([]*verify.Report{{Source: "h/main", Position: 2}}, fmt.Errorf("main: %w", &verify.NewerError{Position: 3, Err: errors.New("what")}))
	if code := codeOf(t.Context(), err); code != exitNo {
		t.Errorf("exit code %d; want %d", code, exitNo)
	}
	for _, want := range []string{"h/main  2 events", "everything before event 3 holds", "a newer release"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the answer %q does not say %q", &out, want)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	lost := &client.UnknownError{Err: &client.UnreachableError{Server: "http://127.0.0.1:1", Err: errors.New("cut off")}}
	if text := explainError(lost); !strings.Contains(text, "may or may not be recorded") || !strings.Contains(text, "permledger show "+lost.ID.String()) {
		t.Errorf("a lost answer: %q", text)
	}
	stopped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			panic(http.ErrAbortHandler)
		}
		_ = json.NewEncoder(w).Encode(wire.Health{Organizations: []wire.OrganizationHealth{{ID: "main", Error: "no space left"}}})
	})
	s := &session{Client: client.InProcess(stopped, "")}
	_, err := s.Organizations(t.Context())
	text := explainError(s.why(t.Context(), err))
	if strings.Contains(text, "serve") || !strings.Contains(text, "takes no more commands: no space left") {
		t.Errorf("a ledger in this process that stopped: %q", text)
	}
}

// The help on opening an organization describes every profile there is.
func TestProfilesAreDescribed(t *testing.T) {
	for _, p := range node.Profiles() {
		if !strings.Contains(profileHelp, "\n  "+p+" ") {
			t.Errorf("%s is not described", p)
		}
	}
}

// Every command says what it does.
func TestEveryCommandHasHelp(t *testing.T) {
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s says nothing of what it does", c.CommandPath())
		}
		for _, below := range c.Commands() {
			look(below)
		}
	}
	look(New(Process{Env: func(string) string { return "" }}))
}

// Given something that takes connections and answers nothing, when a command or doctor asks it, then both end with 3.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	env := map[string]string{"PERMLEDGER_TIMEOUT": "20ms", "PERMLEDGER_SERVER": "http://" + l.Addr().String()}
	for _, args := range [][]string{{"history", "--org", "main"}, {"doctor"}} {
		var out, say strings.Builder
		code := Run(t.Context(), Process{Args: args, In: strings.NewReader(""), Out: &out, Err: &say, Env: func(name string) string { return env[name] }})
		if code != exitUnreached || !strings.Contains(say.String(), "no answer from") || !strings.Contains(say.String(), "20ms") {
			t.Errorf("%v: exit %d, %s", args, code, &say)
		}
	}
	env["PERMLEDGER_TIMEOUT"] = "soon"
	if code := Run(t.Context(), Process{Args: []string{"doctor"}, In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(name string) string { return env[name] }}); code != exitUsage {
		t.Errorf("a timeout that is none: exit %d", code)
	}
	lost := &client.UnknownError{Err: &client.UnreachableError{Server: "http://127.0.0.1:1", Err: client.ErrSilent}}
	if text := explainError(lost); !strings.Contains(text, "send it again with the same id") {
		t.Errorf("a write: %q", text)
	}
}
