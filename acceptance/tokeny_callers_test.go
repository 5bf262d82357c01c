package acceptance_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/login"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/ledger/wallet"
)

const password = "correct horse battery staple"

// account invites a person by e-mail, who joins with the password above and holds permissions.
func (o *org) account(email string, permissions ...string) {
	o.t.Helper()
	code := secret.New(secret.Invitation)
	in := inviting(email, code)
	in.Auth = events.AuthEmail
	var address wire.Text
	in.Email, address = client.Commit(email)
	o.As("owner").Do(in, address)
	wrapped, err := login.Wrap(o.Key(email), password)
	if err != nil {
		o.t.Fatal(err)
	}
	_, text := client.Commit(wrapped)
	if _, err := o.joinWith(code, o.Key(email), &text); err != nil {
		o.t.Fatal(err)
	}
	if len(permissions) > 0 {
		o.Give(email, permissions...)
	}
}

// signIn gives a client in the session of who signs in with e-mail and password.
func (o *org) signIn(email, password string) (*client.Client, error) {
	o.t.Helper()
	in, err := o.Client.As("").SignIn(o.t.Context(), o.ID, wire.SignIn{Email: email, Password: password})
	return o.Client.As(in.Token), err
}

// deployABC is the deployment of a token on Polygon that the wallet of user1@tokeny.com is to own.
func deployABC(reason string) wire.Intent {
	return wire.Intent{
		Kind: wire.DeployToken, Reason: reason,
		AtToken: wire.AtToken{Token: "eip155:137:0x000000000000000000000000000000000000dEaD", Wallet: "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"},
	}
}

func TestT9PlatformActionsAreProvenByEmailAndPassword(t *testing.T) {
	// given an account with permissions of the platform
	o := open(t, "tokeny")
	o.account("user1@tokeny.com")
	o.As("operator").Assign("issuer-admin", "user1@tokeny.com")

	// when the user signs in with e-mail and password
	me, err := o.signIn("user1@tokeny.com", password)
	if err != nil {
		t.Fatal(err)
	}

	// then it is authenticated, and does what the platform lets it do
	if who, err := me.Whoami(t.Context(), o.ID); err != nil || who.Subject != "user1@tokeny.com" || who.Kind != "session" {
		t.Errorf("it is %+v, %v", who, err)
	}
	if _, err := me.Do(t.Context(), o.ID, deployABC("first issue")); err != nil {
		t.Error(err)
	}
	o.Recorded("user1@tokeny.com", "token.deployed", "first issue")
	if c, err := me.Check(t.Context(), o.ID, "user1@tokeny.com", "platform.token.deploy", "", client.Read{}); err != nil || !c.Allowed {
		t.Errorf("to deploy: %+v, %v", c, err)
	}
	// and with another password it is not
	_, err = o.signIn("user1@tokeny.com", password+".")
	o.Refused(err, "sign-in-refused", "Nobody can sign in", "")
	o.Noted(func(a wire.Activity) bool { return a.Kind == "sign-in-refused" && a.Actor == "user1@tokeny.com" })
}

func TestT10AWalletSignatureProvesNoPlatformAction(t *testing.T) {
	// given an issuer admin, who is an account, and a wallet, which is to be one too
	o := open(t, "tokeny")
	o.account("user1@tokeny.com")
	o.As("operator").Assign("issuer-admin", "user1@tokeny.com")
	key, err := wallet.ParseKey("0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		t.Fatal(err)
	}
	address := wallet.ID{Address: key.Address()}.String()
	o.As("owner").Do(wire.Intent{Kind: wire.AddSubject, Subject: address, SubjectKind: events.KindWallet})
	o.As("operator").Assign("issuer-admin", address)

	// when only the wallet's signature is given
	in := deployABC("")
	in.Credential, in.Scheme = address, events.MethodEIP712
	p, err := o.Prepare(t.Context(), o.ID, in)
	if err == nil {
		_, err = o.Record(t.Context(), o.ID, p, client.WalletSigner(key, 0, chain.AlgorithmEIP712), nil)
	}

	// then it is denied, for a platform permission is an account's
	o.Refused(err, "not-permitted", "platform.token.deploy", "")
	o.Denied(address, "platform.token.deploy")
	o.Allowed("user1@tokeny.com", "platform.token.deploy")
}

func TestT14OutsideThePlatformAnIssuerAdminIsDenied(t *testing.T) {
	// given an issuer admin, who signed in on its platform
	o := open(t, "tokeny")
	o.account("user1@tokeny.com")
	o.As("operator").Assign("issuer-admin", "user1@tokeny.com")
	me, err := o.signIn("user1@tokeny.com", password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := me.Whoami(t.Context(), o.ID); err != nil {
		t.Fatal(err)
	}

	// when it acts on another platform, or without its credentials
	elsewhere := open(t, "tokeny")
	_, err1 := me.Do(t.Context(), elsewhere.ID, deployABC(""))
	_, err2 := o.Client.As("").Do(t.Context(), o.ID, deployABC(""))
	_, err3 := me.SignOut(t.Context(), o.ID)
	_, err4 := me.Do(t.Context(), o.ID, deployABC(""))

	// then it is denied
	if err3 != nil {
		t.Fatal(err3)
	}
	o.Refused(err1, "unauthenticated", "not one of this organization", "Sign in again")
	o.Refused(err2, "unauthenticated", "without a token", "")
	o.Refused(err4, "unauthenticated", "has ended", "Sign in again")
}

func TestSigningInTheOtherWayIsDenied(t *testing.T) {
	// given a person who signs in by e-mail, and a system that has an API key
	o := open(t, "stokr")
	o.account("dora@stokr.com")
	in := addSubject(o, "sync job", events.KindTechnical)
	in.Auth = events.AuthAPIKey
	o.As("owner").Do(in)

	// when each comes in its way, then it is let in
	me, err := o.signIn("dora@stokr.com", password)
	if err == nil {
		_, err = me.Whoami(t.Context(), o.ID)
	}
	if err != nil {
		t.Errorf("dora by e-mail: %v", err)
	}
	if a := o.GetAs("sync job", "/whoami"); a.Status != http.StatusOK {
		t.Errorf("the job by API key: %d %s", a.Status, a.Body)
	}

	// when each comes in the other's, then it is denied
	if a := o.GetAs("dora@stokr.com", "/whoami"); a.Status != http.StatusUnauthorized || !strings.Contains(a.Body, "proves itself by email") {
		t.Errorf("dora by API key: %d %s", a.Status, a.Body)
	}
	_, err = o.Client.As("").SignIn(t.Context(), o.ID, wire.SignIn{Key: "sync job", Password: password})
	o.Refused(err, "sign-in-refused", "", "")
	_, err = o.Me("sync job").PutLogin(t.Context(), o.ID, wire.PutLogin{New: password})
	o.Refused(err, "invalid", "proves itself by api-key", "")
}

// Given a server, when somebody signs in with the program, then what follows is done in its name, until it signs out.
func TestTheProgramSignsIn(t *testing.T) {
	o := open(t, "stokr")
	o.account("dora@stokr.com", "role.create", "investor.view")
	env := []string{"PERMLEDGER_SERVER=" + o.URL, "PERMLEDGER_ORG=" + o.ID, "PERMLEDGER_SESSIONS=" + t.TempDir() + "/sessions.json"}
	run := func(code int, in string, args ...string) string {
		t.Helper()
		r := o.program(env, in, args...)
		if r.Code != code {
			t.Fatalf("permledger %q ended with %d:\n%s%s", args, r.Code, r.Out, r.Err)
		}
		return r.Out + r.Err
	}
	run(4, "", "whoami")
	run(4, "wrong\n", "login", "dora@stokr.com")
	if out := run(0, password+"\n", "login", "dora@stokr.com"); !strings.Contains(out, "signed in as dora@stokr.com") || strings.Contains(out, "pls_") {
		t.Errorf("login says %s", out)
	}
	if out := run(0, "", "whoami"); !strings.Contains(out, "dora@stokr.com") || !strings.Contains(out, "session") {
		t.Errorf("whoami says %s", out)
	}
	run(0, "", "role", "create", "Readers", "--allow", "investor.view", "--reason", "TICKET-9")
	o.Recorded("dora@stokr.com", "role.created", "readers", "TICKET-9")
	run(4, "", "role", "rm", "readers")
	const next = "another horse, another battery"
	run(0, password+"\n"+next+"\n", "passwd")
	run(0, "", "logout")
	run(4, "", "whoami")
	run(4, password+"\n", "login", "dora@stokr.com")
	run(0, next+"\n", "login", "dora@stokr.com")
}

// Given an API key that the program made, when it is used as a token and to sign with, then it is who it was made for; when
// it is rotated or revoked, the old secret is nobody's.
func TestTheProgramMakesAPIKeys(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query", "roles.view")
	o.Add("dora")
	made := func(args ...string) string {
		t.Helper()
		out := o.Run("owner", args...)
		at := strings.Index(out, "plk_")
		if at < 0 || len(out) < at+secret.Length {
			t.Fatalf("permledger %q shows no secret: %s", args, out)
		}
		return out[at : at+secret.Length]
	}
	first := made("key", "create", "backend", "--role", "read-only", "--holder", "dora", "--name", "Backend")
	status := func(key string) int { return o.HTTPAs("Bearer "+key, http.MethodGet, "/roles", nil).Status }
	if got := status(first); got != http.StatusOK {
		t.Errorf("the key is answered with %d", got)
	}
	env := []string{"PERMLEDGER_SERVER=" + o.URL, "PERMLEDGER_ORG=" + o.ID, "PERMLEDGER_KEY=" + first}
	if r := o.program(env, "", "whoami"); r.Code != 0 || !strings.Contains(r.Out, "backend") || !strings.Contains(r.Out, "api-key") {
		t.Errorf("whoami: %+v", r)
	}
	if r := o.program(env, "", "check", "backend", "ip.query"); r.Code != 0 {
		t.Errorf("check: %+v", r)
	}
	if r := o.program(env, "", "role", "create", "More", "--allow", "ip.query"); r.Code != 4 || strings.Contains(r.Err, first) {
		t.Errorf("role create: %+v", r)
	}
	if out := o.Run("owner", "key", "ls"); !strings.Contains(out, "api key") || !strings.Contains(out, "backend") || !strings.Contains(out, "read-only") ||
		!strings.Contains(out, "dora") || !strings.Contains(out, "by owner") || strings.Contains(out, "plk_") {
		t.Errorf("key ls says %s", out)
	}
	second := made("key", "rotate", "backend")
	if a, b := status(first), status(second); a != http.StatusUnauthorized || b != http.StatusOK {
		t.Errorf("rotated, the old is answered with %d and the new with %d", a, b)
	}
	o.Run("owner", "key", "revoke", "backend")
	if got := status(second); got != http.StatusUnauthorized {
		t.Errorf("revoked, it is answered with %d", got)
	}
	file := t.TempDir() + "/ci.key"
	if out := o.Run("owner", "key", "create", "ci", "--role", "read-only", "--out", file); strings.Contains(out, "plk_") {
		t.Errorf("it shows %s", out)
	}
	if r := o.CLI("owner", "key", "create", "ci2", "--role", "read-only", "--out", file); r.Code != 2 {
		t.Errorf("over a file that is there: %+v", r)
	}
}
