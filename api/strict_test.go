package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// What strict accepts means one thing: written out and read again, it is the same.
func FuzzStrict(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"kind":"create-role","role":"r","permissions":["a","b"],"name":null}`, `{"kind":"a","kind":"b"}`, `{"Kind":"a"}`,
		`{"from":18446744073709551615}`, `{"from":1e3}`, `{"catalogue":{"a":1,"a":2}}`, `{"name":"\ud800"}`, ` {"role":"<&>"} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second wire.Intent
		if strict(body, &first) != nil {
			return
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(first); err != nil {
			t.Fatal(err)
		}
		if err := strict(b.Bytes(), &second); err != nil {
			t.Fatalf("%q was accepted, %q is not: %v", body, b.Bytes(), err)
		}
		first.Catalogue, second.Catalogue = compact(first.Catalogue), compact(second.Catalogue)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%q means two things (-first +second):\n%s", body, diff)
		}
	})
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

func TestEveryRefusalHasAStatusAndATitle(t *testing.T) {
	for code, status := range statuses {
		if titles[string(code)] == "" || status < 400 {
			t.Errorf("%s has the status %d and the title %q", code, status, titles[string(code)])
		}
	}
	if len(statuses) != 19 {
		t.Errorf("%d refusals have a status; ledger/rules has 19 codes", len(statuses))
	}
}

func TestErrorsAsProblems(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
		said   bool // to the caller; else to the log
	}{
		{&rules.Refusal{Code: rules.Stale}, 422, "stale", true},
		{fmt.Errorf("decide: %w", &rules.Refusal{Code: rules.NotPermitted}), 403, "not-permitted", true},
		{fmt.Errorf("%w: sync failed", ledger.ErrStopped), 503, wire.CodeStopped, true},
		{fmt.Errorf("%w: sync failed", ledger.ErrUnknown), 503, wire.CodeOutcomeUnknown, true},
		{fmt.Errorf("%w: %w: sync failed", ledger.ErrUnknown, ledger.ErrStopped), 503, wire.CodeOutcomeUnknown, true},
		{fmt.Errorf("%w: %w", ledger.ErrStopped, &chain.BrokenError{Position: 3, Check: chain.CheckRules}), 503, wire.CodeStopped, true},
		{fmt.Errorf("%w: %w", ledger.ErrWait, node.ErrNoSpace), 503, wire.CodeWait, true},
		{ledger.ErrNotTried, 424, wire.CodeNotTried, true},
		{node.ErrNoOrganization, 404, wire.CodeNoOrganization, true},
		{&chain.BrokenError{Position: 3, Check: chain.CheckForm}, 500, wire.CodeBroken, false},
		{errors.New("open /secret/path: permission denied"), 500, wire.CodeInternal, false},
	} {
		p, said := explain(c.err, nil)
		if p.Status != c.status || p.Code() != c.code || said != c.said || p.Title == "" {
			t.Errorf("%v is answered with %d %s (%v); want %d %s (%v)", c.err, p.Status, p.Code(), said, c.status, c.code, c.said)
		}
		if strings.Contains(p.Detail, "secret") {
			t.Errorf("%v is told to the caller: %s", c.err, p.Detail)
		}
	}
}
