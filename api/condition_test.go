package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

// call sends a request with header fields, given in pairs, as somebody of acme with an API key.
func (w *world) call(who, method, path, body string, fields ...string) (*http.Response, string) {
	w.t.Helper()
	resp, b := w.request(method, path, apiKey("acme", who), strings.NewReader(body), append([]string{"Content-Type", "application/json"}, fields...)...)
	return resp, string(b)
}

func read[T any](t *testing.T, body string) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return out
}

const editor = "/v1/orgs/acme/roles/editor"

// administered is a world with a role editor, and two who may change roles: ann, who may read the history, and ben.
func administered(t *testing.T) *world {
	w := newWorld(t)
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "editor", Permissions: []string{"a"}})
	for _, who := range []string{"ann", "ben", "cleo"} {
		w.add("acme", who)
	}
	all := []string{"ledger:role.update", "ledger:roles.read", "ledger:subjects.read", "ledger:role.set", "a", "b", "c"}
	w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: "ann", Permissions: append([]string{"ledger:history.read"}, all...)})
	w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: "ben", Permissions: all})
	return w
}

// Given two administrators who look at the same role, when both save it, then the second changes nothing, and is told what
// the first did; what was recorded about other things is nothing to it.
func TestTheSecondOfTwoIsTold(t *testing.T) {
	w := administered(t)
	ann, _ := w.call("ann", "GET", editor, "")
	ben, _ := w.call("ben", "GET", editor, "")
	if ann.Header.Get("ETag") == "" || ben.Header.Get("ETag") == "" {
		t.Fatalf("tags %q and %q", ann.Header.Get("ETag"), ben.Header.Get("ETag"))
	}
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "editor", Subject: "cleo"}) // about cleo
	resp, body := w.call("ben", "POST", "/v1/orgs/acme/do", `{"kind":"update-role","role":"editor","add":["b"],"reason":"TICKET-1"}`, "If-Match", ben.Header.Get("ETag"))
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the first: %s", body)
	}
	first := read[wire.Receipt](t, body)
	resp, body = w.call("ann", "POST", "/v1/orgs/acme/do", `{"kind":"update-role","role":"editor","add":["c"]}`, "If-Match", ann.Header.Get("ETag"))
	p := read[wire.Problem](t, body)
	if resp.StatusCode != http.StatusPreconditionFailed || p.Code() != wire.CodeChanged || p.At != first.Seq || p.Hint == "" || len(p.Changes) != 1 {
		t.Fatalf("the second: %s", body)
	}
	if c := p.Changes[0]; c.Seq != first.Seq || c.Actor != "ben" || c.Reason != "TICKET-1" || len(c.What) == 0 || c.CID != first.CID {
		t.Errorf("it is told %+v", c)
	}
	role, err := w.Role(t.Context(), "acme", "editor", readNow)
	if err != nil || strings.Join(role.Item.Permissions, " ") != "a b" {
		t.Errorf("the role has %v, %v", role.Item.Permissions, err)
	}
	// Whoever may not read what others did is told what, and not who.
	_, body = w.call("ann", "POST", "/v1/orgs/acme/do", `{"kind":"update-role","role":"editor","add":["c"]}`, "If-Match", fmt.Sprintf(`"%d"`, first.Seq))
	second := read[wire.Receipt](t, body)
	_, body = w.call("ben", "POST", "/v1/orgs/acme/do", `{"kind":"delete-role","role":"editor","confirm":true}`, "If-Match", fmt.Sprintf(`"%d"`, first.Seq))
	if p := read[wire.Problem](t, body); p.Code() != wire.CodeChanged || len(p.Changes) != 1 || p.Changes[0].Seq != second.Seq || p.Changes[0].Actor != "" || strings.Contains(body, `"ann"`) {
		t.Errorf("ben is told %s", body)
	}
	// Whoever may read neither roles nor what happened is told nothing of what was done to them.
	_, body = w.call("cleo", "POST", "/v1/orgs/acme/do", `{"kind":"update-role","role":"editor","add":["c"]}`, "If-Match", fmt.Sprintf(`"%d"`, first.Seq-1))
	if p := read[wire.Problem](t, body); p.Code() != wire.CodeChanged || len(p.Changes) != 0 || strings.Contains(body, "ben") || strings.Contains(body, "TICKET-1") {
		t.Errorf("cleo is told %s", body)
	}
	for _, bad := range []string{"*", "42", `"x"`, `"999999"`, `W/"3"`, `"3", "4"`} {
		resp, body := w.call("ann", "POST", "/v1/orgs/acme/do", `{"kind":"update-role","role":"editor","add":["c"]}`, "If-Match", bad)
		if p := read[wire.Problem](t, body); resp.StatusCode != http.StatusBadRequest || p.Code() != wire.CodeBadRequest {
			t.Errorf("If-Match: %s is answered with %s", bad, body)
		}
	}
}

// Given many who go by the same position, when they change one thing at once, then one change is recorded: nothing comes
// between the look and the record.
func TestOneOfManyIsRecorded(t *testing.T) {
	w := administered(t)
	seen := w.head("acme")
	var wg sync.WaitGroup
	answers := make([]int, 16)
	for i := range answers {
		wg.Go(func() {
			resp, _ := w.call([]string{"ann", "ben"}[i%2], "PUT", "/v1/orgs/acme/subjects/cleo/roles", `{"roles":["editor"]}`, "If-Match", fmt.Sprintf(`"%d"`, seen))
			answers[i] = resp.StatusCode
		})
	}
	wg.Wait()
	recorded := w.head("acme") - seen
	for _, status := range answers {
		if status != http.StatusOK && status != http.StatusPreconditionFailed {
			t.Errorf("answers %v", answers)
		}
	}
	if recorded != 1 {
		t.Errorf("%d changes were recorded", recorded)
	}
}

// uuid7 spells the id as a UUID.
func uuid7(id ulid.ULID) string {
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Given a change with a key of its own, when it is sent again, at the same time or later, or to a server that has started
// since, then it is recorded once and has the same answer; with the same key nothing else is recorded.
func TestSameKeySameAnswer(t *testing.T) {
	w := administered(t)
	const change, path = `{"kind":"update-role","role":"editor","add":["b"],"reason":"once"}`, "/v1/orgs/acme/do"
	for _, one := range [][2]string{{"ULID", ulid.Make().String()}, {"UUID", uuid7(ulid.Make())}, {"quoted", `"` + ulid.Make().String() + `"`}} {
		name, key := one[0], one[1]
		t.Run(name, func(t *testing.T) {
			body := change
			if name == "UUID" {
				body = `{"kind":"update-role","role":"editor","remove":["b"],"reason":"once"}`
			}
			seen := w.head("acme")
			var wg sync.WaitGroup
			answers := make([]string, 8)
			for i := range answers {
				wg.Go(func() {
					_, answers[i] = w.call("ann", "POST", path, body, "Idempotency-Key", key, "If-Match", fmt.Sprintf(`"%d"`, seen))
				})
			}
			wg.Wait()
			fresh := 0
			for _, a := range answers {
				r := read[wire.Receipt](t, a)
				if r.Seq != seen+1 || r.CID == "" {
					t.Errorf("an answer is %s", a)
				}
				if !r.Repeated {
					fresh++
				}
			}
			if fresh != 1 || w.head("acme") != seen+1 {
				t.Errorf("%d answers are of a first time, and %d entries were recorded", fresh, w.head("acme")-seen)
			}
			id := strings.Trim(key, `"`)
			if en, err := w.Recorded(t.Context(), "acme", id); err != nil || en.Seq != seen+1 {
				t.Errorf("its entry is %+v, %v", en, err)
			}
			for what, other := range map[string]struct{ who, body string }{
				"another change":         {"ann", `{"kind":"update-role","role":"editor","add":["c"]}`},
				"in the name of another": {"ben", body},
				"another reason":         {"ann", strings.Replace(body, "once", "twice", 1)},
			} {
				resp, answer := w.call(other.who, "POST", path, other.body, "Idempotency-Key", key)
				if p := read[wire.Problem](t, answer); resp.StatusCode != http.StatusConflict || p.Code() != string(rules.Conflict) || p.At != seen+1 {
					t.Errorf("%s with the same key: %s", what, answer)
				}
			}
			if w.head("acme") != seen+1 {
				t.Error("something was recorded with the same key")
			}
		})
	}
	// A server that has started since knows it of the ledger.
	key := ulid.Make().String()
	_, first := w.call("ann", "PUT", "/v1/orgs/acme/subjects/cleo/roles", `{"roles":["editor"]}`, "Idempotency-Key", key)
	started := newPublic(w)
	_, second := started.call("ann", "PUT", "/v1/orgs/acme/subjects/cleo/roles", `{"roles":["editor"]}`, "Idempotency-Key", key)
	a, b := read[wire.Replaced](t, first), read[wire.Replaced](t, second)
	if a.Recorded == nil || b.Recorded == nil || a.Recorded.CID != b.Recorded.CID || !b.Recorded.Repeated || fmt.Sprint(a.Added, a.After) != fmt.Sprint(b.Added, b.After) {
		t.Errorf("first %s, then %s", first, second)
	}
	if _, other := started.call("ann", "POST", path, `{"kind":"assign-role","role":"editor","subject":"ben"}`, "Idempotency-Key", key); !strings.Contains(other, ":problem:"+string(rules.Conflict)) {
		t.Errorf("about another: %s", other)
	}
	old := ulid.MustNew(uint64(time.Now().Add(-48*time.Hour).UnixMilli()), strings.NewReader("0123456789"))
	for bad, code := range map[string]string{
		"x": wire.CodeBadRequest, "0e5b7b0e-5f1c-4c1e-9b1e-3b1f0e5b7b0e": wire.CodeBadRequest, strings.ToLower(key): wire.CodeBadRequest,
		old.String(): string(rules.Stale),
	} {
		if _, answer := w.call("ann", "POST", path, change, "Idempotency-Key", bad); !strings.Contains(answer, ":problem:"+code) {
			t.Errorf("the key %s: %s", bad, answer)
		}
	}
}
