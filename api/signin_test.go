package api_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/login"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/secret"
)

const password = "correct horse battery staple"

// join invites somebody, who joins with a password.
func (w *world) join(org, who, email, password string) {
	w.t.Helper()
	code := secret.New(secret.Invitation)
	commitment, text := client.Commit(email)
	in := wire.Intent{Kind: wire.InviteSubject, Subject: who, SubjectKind: "human", Email: commitment, Auth: events.AuthEmail, Invitation: code.DID(), Credential: did(org + "/owner")}
	p, err := w.Prepare(w.t.Context(), org, in)
	if err == nil {
		_, err = w.SignAndRecord(w.t.Context(), org, p, keyOf(org+"/owner"), []wire.Text{text})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	key := secret.New(secret.APIKey).Key()
	wrapped, err := login.Wrap(key, password)
	if err != nil {
		w.t.Fatal(err)
	}
	w.accept(org, code, key, wrapped)
}

func (w *world) accept(org string, code secret.Secret, key ed25519.PrivateKey, wrapped string) {
	w.t.Helper()
	anybody := w.As("")
	in, err := anybody.Invitation(w.t.Context(), org, code)
	if err != nil {
		w.t.Fatal(err)
	}
	_, text := client.Commit(wrapped)
	if _, err := anybody.Accept(w.t.Context(), org, in, code, key, &text); err != nil {
		w.t.Fatal(err)
	}
}

// Given somebody who joined with a password, when it signs in by e-mail or by key, then it acts in its own name, until it
// signs out or is deactivated.
func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.open("beta", "plain")
	w.join("acme", "ben", "Ben@acme.example", password)
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "ledger:subject.add"})

	byEmail, err := w.As("").SignIn(t.Context(), "acme", wire.SignIn{Email: " ben@ACME.example", Password: password})
	if err != nil || byEmail.Subject != "ben" || !strings.HasPrefix(byEmail.Token, "pls_") {
		t.Fatalf("by e-mail: %+v, %v", byEmail, err)
	}
	byKey, err := w.As("").SignIn(t.Context(), "acme", wire.SignIn{Key: "ben", Password: password})
	if err != nil || byKey.Token == byEmail.Token {
		t.Fatalf("by key: %+v, %v", byKey, err)
	}
	me := w.As(byEmail.Token)
	who, err := me.Whoami(t.Context(), "acme")
	if err != nil || who.Subject != "ben" || who.Kind != "session" || who.Expires != byEmail.Expires {
		t.Errorf("whoami: %+v, %v", who, err)
	}
	r, err := me.Do(t.Context(), "acme", wire.Intent{Kind: wire.AddSubject, Subject: "new", SubjectKind: "human", DisplayName: "Neu", Reason: "hired"})
	if err != nil {
		t.Fatal(err)
	}
	if en, err := w.Entry(t.Context(), "acme", strconv.FormatUint(r.Seq, 10)); err != nil || en.Actor != "ben" || en.Reason != "hired" {
		t.Errorf("recorded is %+v, %v", en, err)
	}
	if _, err := me.Whoami(t.Context(), "beta"); problemIn(err).Status != http.StatusUnauthorized {
		t.Errorf("in another organization: %v", err)
	}
	if all, err := me.Organizations(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("it sees %+v, %v", all, err)
	}

	if out, err := me.SignOut(t.Context(), "acme"); err != nil || out.Subject != "ben" {
		t.Errorf("sign out: %+v, %v", out, err)
	}
	if _, err := me.Whoami(t.Context(), "acme"); problemIn(err).Code() != wire.CodeUnauthenticated {
		t.Errorf("signed out: %v", err)
	}
	other := w.As(byKey.Token)
	if _, err := other.Whoami(t.Context(), "acme"); err != nil {
		t.Errorf("the other session: %v", err)
	}
	w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: "ben"})
	if _, err := other.Whoami(t.Context(), "acme"); problemIn(err).Status != http.StatusUnauthorized {
		t.Errorf("deactivated: %v", err)
	}
	if _, err := w.As("").SignIn(t.Context(), "acme", wire.SignIn{Key: "ben", Password: password}); problemIn(err).Code() != wire.CodeSignIn {
		t.Errorf("deactivated, it signs in: %v", err)
	}
	if _, err := w.SignOut(t.Context(), "acme"); problemIn(err).Code() != wire.CodeNoSession {
		t.Errorf("the local operator signs out: %v", err)
	}
	for _, kind := range []string{"signed-in", "signed-out", "sign-in-refused"} {
		w.noted("acme", kind, "ben")
	}
}

// noted waits for a record of a kind.
func (w *world) noted(org, kind, actor string) {
	w.t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	end := time.After(10 * time.Second)
	for {
		list, err := w.FindActivity(w.t.Context(), org, wire.ActivityQuery{Kind: kind, Actor: actor})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(list.Items) > 0 {
			return
		}
		select {
		case <-look.C:
		case <-end:
			w.t.Fatalf("no record says %s of %s", kind, actor)
		}
	}
}

// Given names and passwords that do not fit, when somebody tries to sign in, then all have one answer, which tells nobody
// whether there is such a name; after five that failed, the name has to wait.
func TestSignInRefused(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	w.add("acme", "svc")
	// How long a try takes is no matter of this test: its clock stands.
	now := time.Now()
	srv := httptest.NewServer(api.New(w.node, api.Options{Token: token, Now: func() time.Time { return now }}))
	defer srv.Close()
	w.url, w.Client = srv.URL, client.New(srv.URL, token, nil)
	var first wire.Problem
	for i, in := range []wire.SignIn{
		{Key: "ben", Password: password + "!"}, {Email: "ben@acme.example", Password: "x"}, {Key: "nobody", Password: password},
		{Email: "nobody@acme.example", Password: password}, {Key: "svc", Password: password}, {Key: "owner", Password: password}, {Key: "ben"},
		{Key: "ben", Password: strings.Repeat("x", 4096)},
	} {
		_, err := w.As("").SignIn(t.Context(), "acme", in)
		p := *problemIn(err)
		if i == 0 {
			first = p
		}
		if p.Code() != wire.CodeSignIn || p.Status != http.StatusUnauthorized || p.Detail != first.Detail || p.Hint != first.Hint {
			t.Errorf("%+v is answered with %+v, and another with %+v", in, p, first)
		}
	}
	if _, err := w.As("").SignIn(t.Context(), "nowhere", wire.SignIn{Key: "ben", Password: password}); problemIn(err).Detail != first.Detail {
		t.Errorf("in no organization: %v", err)
	}
	for _, in := range []wire.SignIn{{Password: password}, {Key: "ben", Email: "ben@acme.example", Password: password}} {
		if _, err := w.As("").SignIn(t.Context(), "acme", in); problemIn(err).Code() != wire.CodeBadRequest {
			t.Errorf("%+v: %v", in, err)
		}
	}
	for _, name := range []string{"ghost", "svc"} {
		tries := 0
		for tries = range 20 {
			_, err := w.As("").SignIn(t.Context(), "acme", wire.SignIn{Key: name, Password: "wrong"})
			if p := problemIn(err); p.Code() == wire.CodeTooMany {
				if p.Status != http.StatusTooManyRequests || p.Hint == "" {
					t.Errorf("%+v", p)
				}
				break
			}
		}
		if want := map[string]int{"ghost": 5, "svc": 4}[name]; tries != want {
			t.Errorf("%s has to wait after %d tries; want %d", name, tries, want)
		}
	}
	resp := w.raw(http.MethodPost, "/v1/orgs/acme/sessions", "application/json", "", `{"key":"ghost","password":"wrong"}`)
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
	}
}

// Given a subject that states how it proves itself, when it comes in another way, then it is refused.
func TestTheOtherWayIsDenied(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "svc", SubjectKind: "technical", SubjectKey: did("acme/svc"), Auth: events.AuthAPIKey})
	w.do("acme", wire.Intent{Kind: wire.RegisterKey, Subject: "ben", Key: did("acme/ben"), Purpose: events.PurposeCredential})
	if _, err := w.As(apiKey("acme", "svc")).Whoami(t.Context(), "acme"); err != nil {
		t.Errorf("svc with its API key: %v", err)
	}
	_, err := w.As(apiKey("acme", "ben")).Whoami(t.Context(), "acme")
	if p := problemIn(err); p.Status != http.StatusUnauthorized || !strings.Contains(p.Detail, "email") {
		t.Errorf("ben with an API key: %v", err)
	}
	_, err = w.As(apiKey("acme", "svc")).PutLogin(t.Context(), "acme", wire.PutLogin{New: password})
	if problemIn(err).Code() != string(rules.Invalid) {
		t.Errorf("svc gives itself a password: %v", err)
	}
}

// Given somebody with a password, when it takes another, then the new one opens and the old one does not, and its other
// sessions end.
func TestAnotherPassword(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	signIn := func(password string) (*client.Client, error) {
		in, err := w.As("").SignIn(t.Context(), "acme", wire.SignIn{Key: "ben", Password: password})
		return w.As(in.Token), err
	}
	here, err1 := signIn(password)
	there, err2 := signIn(password)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	const next = "another horse, another battery"
	for what, in := range map[string]wire.PutLogin{
		"sign-in-refused": {Password: "wrong", New: next}, "invalid": {Password: password, New: "short"},
	} {
		if _, err := here.PutLogin(t.Context(), "acme", in); problemIn(err).Code() != what {
			t.Errorf("%+v: %v", in, err)
		}
	}
	r, err := here.PutLogin(t.Context(), "acme", wire.PutLogin{Password: password, New: next, Reason: "a year is over"})
	if err != nil || r.Type != "login.changed" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := here.Whoami(t.Context(), "acme"); err != nil {
		t.Errorf("the session it was done in: %v", err)
	}
	if _, err := there.Whoami(t.Context(), "acme"); problemIn(err).Status != http.StatusUnauthorized {
		t.Errorf("the other session: %v", err)
	}
	if _, err := signIn(password); problemIn(err).Code() != wire.CodeSignIn {
		t.Errorf("with the old password: %v", err)
	}
	if _, err := signIn(next); err != nil {
		t.Errorf("with the new password: %v", err)
	}

	// and the owner, who has a key and no password yet, takes one
	owner := w.As(apiKey("acme", "owner"))
	if _, err := owner.PutLogin(t.Context(), "acme", wire.PutLogin{New: password}); err != nil {
		t.Fatal(err)
	}
	in, err := w.As("").SignIn(t.Context(), "acme", wire.SignIn{Key: "owner", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := w.As(in.Token).Whoami(t.Context(), "acme"); err != nil || !who.Owner {
		t.Errorf("%+v, %v", who, err)
	}
}

// Given a session and a name that has to wait, when enough time has passed, then the session has ended, and the name may try
// again.
func TestSessionsAndWaitsEnd(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	var ahead atomic.Int64
	srv := httptest.NewServer(api.New(w.node, api.Options{Token: token, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}))
	defer srv.Close()
	c := client.New(srv.URL, "", srv.Client())
	signIn := func(password string) (wire.SignedIn, error) {
		return c.SignIn(t.Context(), "acme", wire.SignIn{Key: "ben", Password: password})
	}
	in, err := signIn(password)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := signIn("wrong"); problemIn(err).Code() != wire.CodeSignIn {
			t.Fatal(err)
		}
	}
	if _, err := signIn(password); problemIn(err).Code() != wire.CodeTooMany {
		t.Errorf("after five: %v", err)
	}
	ahead.Store(int64(3 * time.Second))
	if _, err := signIn("wrong"); problemIn(err).Code() != wire.CodeSignIn {
		t.Errorf("after 3 s: %v", err)
	}
	ahead.Store(int64(6 * time.Second)) // the second wait is longer than the first
	if _, err := signIn(password); problemIn(err).Code() != wire.CodeTooMany {
		t.Errorf("3 s after the sixth: %v", err)
	}
	ahead.Store(int64(12*time.Hour - time.Minute))
	if _, err := c.As(in.Token).Whoami(t.Context(), "acme"); err != nil {
		t.Errorf("after almost 12 h: %v", err)
	}
	if _, err := signIn(password); err != nil {
		t.Errorf("long after: %v", err)
	}
	ahead.Store(int64(12*time.Hour + time.Second))
	if _, err := c.As(in.Token).Whoami(t.Context(), "acme"); problemIn(err).Code() != wire.CodeUnauthenticated {
		t.Errorf("after 12 h: %v", err)
	}
}
