package api_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/node"
)

// author signs commands of an organization's owner without asking the server for them.
type author struct {
	t      *testing.T
	ledger string
	actor  ulid.ULID
	key    ed25519.PrivateKey
}

func (w *world) author(org string) *author {
	w.t.Helper()
	s, err := w.CredentialOwner(w.t.Context(), org, did(org+"/owner"))
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := ulid.ParseStrict(s.Item.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return &author{w.t, "ledger.test/" + org, id, keyOf(org + "/owner")}
}

func (a *author) sign(data events.Data) wire.Submission {
	a.t.Helper()
	id := node.NewID(int64(ulid.Now()))
	s, err := client.Sign(&events.Command{ID: id, Ledger: a.ledger, Actor: a.actor, Data: data}, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

func (a *author) role(key string) wire.Submission {
	return a.sign(&events.RoleCreated{Role: node.NewID(int64(ulid.Now())), Key: key, Name: key})
}

// codes says of outcomes: ok, again, or the code of the problem.
func codes(outcomes []wire.Outcome) string {
	var list []string
	for _, o := range outcomes {
		switch {
		case o.Problem != nil:
			list = append(list, o.Problem.Code())
		case o.Recorded.Repeated:
			list = append(list, "again")
		default:
			list = append(list, "ok")
		}
	}
	return strings.Join(list, " ")
}

// both runs a test over the network and in the process.
func both(t *testing.T, f func(t *testing.T, w *world)) {
	t.Run("network", func(t *testing.T) { f(t, newWorld(t)) })
	t.Run("in process", func(t *testing.T) {
		w := newWorld(t)
		w.Client = client.InProcess(w.handler, token)
		f(t, w)
	})
}

// spoiled gives evidence whose signature has one bit changed.
func spoiled(t *testing.T, evidence json.RawMessage) json.RawMessage {
	t.Helper()
	ev := new(chain.Evidence)
	if err := canon.Decode(evidence, ev.Members); err != nil {
		t.Fatal(err)
	}
	ev.Signature[5] ^= 1
	b, err := canon.Encode(ev.Members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStopSaysWhatIsTriedAfterARefusal(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.open("acme", "plain")
		a := w.author("acme")
		w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human"})
		first := a.role("first")
		if _, err := w.Submit(t.Context(), "acme", []wire.Submission{first}, client.StopNever); err != nil {
			t.Fatal(err)
		}
		bob, err := w.Subject(t.Context(), "acme", "bob", client.Read{})
		if err != nil {
			t.Fatal(err)
		}
		noChange := func() wire.Submission {
			return a.sign(&events.RolesSet{Subject: ulid.MustParseStrict(bob.Item.ID), Roles: []ulid.ULID{}})
		}
		malformed := wire.Submission{Command: json.RawMessage(`{}`), Evidence: json.RawMessage(`{}`)}
		unsigned := a.role("unsigned")
		unsigned.Evidence = spoiled(t, unsigned.Evidence)
		for i, c := range []struct {
			stop client.Stop
			subs []wire.Submission
			want string
		}{
			{client.StopNever, []wire.Submission{a.role("n1"), a.role("n1"), a.role("n2")}, "ok taken ok"},
			{client.StopAtRefusal, []wire.Submission{a.role("r1"), a.role("r1"), a.role("r2")}, "ok taken not-tried"},
			{client.StopAtRefusal, []wire.Submission{noChange(), a.role("s1"), noChange(), a.role("s2")}, "no-change ok no-change ok"},
			{client.StopAtAny, []wire.Submission{a.role("a1"), noChange(), a.role("a2")}, "ok no-change not-tried"},
			{client.StopAtAny, []wire.Submission{a.role("b1"), a.role("b1"), noChange()}, "ok taken not-tried"},
			{client.StopNever, []wire.Submission{malformed, a.role("m1"), unsigned}, "bad-command ok not-proven"},
			{client.StopAtRefusal, []wire.Submission{a.role("m2"), malformed, a.role("m3")}, "ok bad-command not-tried"},
			{client.StopAtRefusal, []wire.Submission{first, first, a.role("first2"), first}, "again again ok again"},
		} {
			got, err := w.Submit(t.Context(), "acme", c.subs, c.stop)
			if err != nil || codes(got) != c.want {
				t.Errorf("%d: with stop %q: %s (%v); want %s", i, c.stop, codes(got), err, c.want)
			}
		}
	})
}

func TestOneIdIsOneCommand(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	a := w.author("acme")
	id := node.NewID(int64(ulid.Now()))
	sign := func(key string) wire.Submission {
		s, err := client.Sign(&events.Command{ID: id, Ledger: a.ledger, Actor: a.actor, Data: &events.RoleCreated{Role: id, Key: key, Name: key}}, a.key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	got, err := w.Submit(t.Context(), "acme", []wire.Submission{sign("one"), sign("one"), sign("two")}, client.StopNever)
	if err != nil || codes(got) != "ok again conflict" {
		t.Fatalf("got %s (%v); want ok again conflict", codes(got), err)
	}
	if got[1].Recorded.CID != got[0].Recorded.CID || got[2].Problem.At != got[0].Recorded.Seq || got[2].Problem.Status != 409 {
		t.Errorf("the old answer is %+v, then %+v; the conflict %+v", got[0].Recorded, got[1].Recorded, got[2].Problem)
	}
	e, err := w.Recorded(t.Context(), "acme", id.String())
	if err != nil || e.CID != got[0].Recorded.CID {
		t.Errorf("the command's entry is %s (%v); want %s", e.CID, err, got[0].Recorded.CID)
	}
}

// A stream answers while it is open: each outcome comes before the next command is sent.
func TestStreamAnswersWhileItIsOpen(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.open("acme", "plain")
		a := w.author("acme")
		s := w.Stream(t.Context(), "acme", client.StopNever)
		defer s.Close()
		var last uint64
		for i := range 5 {
			if err := s.Send(a.role(fmt.Sprint("role", i))); err != nil {
				t.Fatal(err)
			}
			o, err := s.Receive()
			if err != nil || o.Recorded == nil {
				t.Fatalf("%d: %+v, %v", i, o.Problem, err)
			}
			if o.Recorded.Seq <= last {
				t.Errorf("position %d after %d", o.Recorded.Seq, last)
			}
			last = o.Recorded.Seq
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last: %v; want io.EOF", err)
		}
	})
}

func TestManyCommandsStream(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.open("acme", "plain")
		a := w.author("acme")
		const n = 1000
		subs := make([]wire.Submission, n)
		for i := range subs {
			subs[i] = a.role(fmt.Sprint("role", i))
		}
		got, err := w.Submit(t.Context(), "acme", subs, client.StopAtRefusal)
		if err != nil || len(got) != n {
			t.Fatalf("%d outcomes, %v", len(got), err)
		}
		for i, o := range got {
			if o.Recorded == nil || o.Recorded.Seq != uint64(i)+2 {
				t.Fatalf("outcome %d: %+v %+v; want position %d", i, o.Recorded, o.Problem, i+2)
			}
		}
	})
}

// A sender that goes away in the middle leaves a server that goes on, and what it sent whole is recorded or not.
func TestStreamThatIsGivenUp(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.open("acme", "plain")
		a := w.author("acme")
		ctx, cancel := context.WithCancel(t.Context())
		s := w.Stream(ctx, "acme", client.StopNever)
		if err := s.Send(a.role("one")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receive(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := s.Receive(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("after giving up: %v; want an error", err)
		}
		s.Close()
		if err := s.Send(a.role("late")); err == nil {
			t.Error("a closed stream takes commands")
		}
		w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "after"})
	})
}

func TestLinesThatAreNoSubmissions(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	a := w.author("acme")
	good, err := json.Marshal(a.role("good"))
	if err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(string(good), `{"command":`, `{"command":{},"command":`, 1)
	spaced := strings.Replace(string(good), `"dataschema":`, `"dataschema": `, 1)
	extra := strings.Replace(string(good), `{"command":`, `{"more":1,"command":`, 1)
	body := strings.Join([]string{"", "null", "[]", "{", twice, spaced, extra, string(good), `{"command":"` + strings.Repeat("x", 1<<20) + `"}`, string(good)}, "\n")
	resp := w.raw("POST", "/v1/orgs/acme/commands", "application/jsonl", "Bearer "+token, body)
	var got []wire.Outcome
	for d := json.NewDecoder(resp.Body); ; {
		var o wire.Outcome
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, o)
	}
	const want = "bad-request bad-request bad-request bad-request bad-request bad-command bad-request ok too-large"
	if codes(got) != want {
		t.Errorf("got  %s\nwant %s", codes(got), want)
	}
}

func TestSubmissionForAnotherLedger(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.open("beta", "plain")
	got, err := w.Submit(t.Context(), "beta", []wire.Submission{w.author("acme").role("r")}, client.StopNever)
	if err != nil || codes(got) != "wrong-ledger" {
		t.Errorf("got %s (%v); want wrong-ledger", codes(got), err)
	}
	_, err = w.Open(t.Context(), w.author("acme").role("r"))
	if client.CodeOf(err) != "invalid" {
		t.Errorf("opening with another command: %v; want invalid", err)
	}
}

func TestTexts(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	reason, text := client.Commit("TICKET-1 <because>\nof it")
	name, nameText := client.Commit("Bob Example")
	in := wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", DisplayName: name, Reason: reason, Credential: did("acme/owner")}
	p, err := w.Prepare(t.Context(), "acme", in)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign := client.Commit("not in it")
	if _, err := w.SignAndRecord(t.Context(), "acme", p, keyOf("acme/owner"), []wire.Text{foreign}); client.CodeOf(err) != "invalid" {
		t.Errorf("a text that nothing commits to: %v; want invalid", err)
	}
	r, err := w.SignAndRecord(t.Context(), "acme", p, keyOf("acme/owner"), []wire.Text{text, nameText})
	if err != nil {
		t.Fatal(err)
	}
	s, err1 := w.Subject(t.Context(), "acme", "bob", client.Read{})
	h, err2 := w.History(t.Context(), "acme", wire.HistoryQuery{Newest: true, Limit: 1})
	e, err3 := w.Entry(t.Context(), "acme", r.CID)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if s.Item.DisplayName != nameText.Text || h.Items[0].Reason != text.Text || e.Reason != text.Text {
		t.Errorf("display name %q, reasons %q and %q", s.Item.DisplayName, h.Items[0].Reason, e.Reason)
	}
	if strings.Contains(string(e.Entry), "TICKET") || strings.Contains(string(e.Entry), "Example") {
		t.Errorf("the entry holds a private text: %s", e.Entry)
	}
}
