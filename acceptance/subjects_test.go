package acceptance_test

import (
	"crypto/ed25519"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/secret"
)

// What rows of several documents need: people who are invited, keys that have a role, words that are private.

// invite invites somebody with roles, and gives the code.
func (p *person) invite(key string, roles ...string) secret.Secret {
	p.o.t.Helper()
	code := secret.New(secret.Invitation)
	p.Do(inviting(key, code, roles...))
	return code
}

func inviting(key string, code secret.Secret, roles ...string) wire.Intent {
	return wire.Intent{Kind: wire.InviteSubject, Subject: key, Invitation: code.DID(), Roles: roles}
}

// join accepts an invitation, without any token, with the key that As(name) signs with.
func (o *org) join(code secret.Secret, name string) error {
	o.t.Helper()
	_, err := o.joinWith(code, o.Key(name), nil)
	return err
}

func (o *org) joinWith(code secret.Secret, key ed25519.PrivateKey, login *wire.Text) (wire.Receipt, error) {
	o.t.Helper()
	guest := client.New(o.URL, "", nil)
	in, err := guest.Invitation(o.t.Context(), o.ID, code)
	if err != nil {
		return wire.Receipt{}, err
	}
	return guest.Accept(o.t.Context(), o.ID, in, code, key, login)
}

// apiKey is an API key with a role. As(name) signs with its secret's key.
func apiKey(o *org, name string, roles ...string) wire.Intent {
	return wire.Intent{Kind: wire.AddSubject, Subject: name, SubjectKind: events.KindAPIKey, SubjectKey: o.DID(name), Auth: events.AuthAPIKey, Roles: roles}
}

func remove(subject string) wire.Intent {
	return wire.Intent{Kind: wire.RemoveSubject, Subject: subject}
}

// subject gives a subject as it is now.
func (o *org) subject(key string) wire.Subject {
	o.t.Helper()
	one, err := o.Subject(o.t.Context(), o.ID, key, client.Read{})
	if err != nil {
		o.t.Fatal(err)
	}
	return one.Item
}

// named adds somebody with a display name and an e-mail address.
func (o *org) named(key, name, email string) {
	o.t.Helper()
	in := addSubject(o, key, events.KindHuman)
	var texts [2]wire.Text
	in.DisplayName, texts[0] = client.Commit(name)
	in.Email, texts[1] = client.Commit(email)
	o.As("owner").Do(in, texts[:]...)
}

// Given a person with a name, an e-mail address and reasons, when what is private about them is erased, then nobody reads
// any of it again, the log says what was erased and by whom, and everything still verifies.
func TestErasedForGood(t *testing.T) {
	o := open(t, "stokr")
	o.named("ben", "Ben Okafor", "ben@acme.example")
	o.As("owner").CreateRole("Compliance Officer", "investor.create")
	o.As("owner").Because("Ben is new in the team").Assign("compliance-officer", "ben")
	if u := o.subject("ben"); u.DisplayName != "Ben Okafor" || u.Email != "ben@acme.example" {
		t.Fatalf("before, ben is %q, %q", u.DisplayName, u.Email)
	}

	o.Add("eve")
	o.Refused(o.As("eve").Try(wire.Intent{Kind: wire.EraseSubject, Subject: "ben"}), "not-permitted", "Don't have ledger:subject.erase permission", "")
	p := o.As("owner").Preview(wire.Intent{Kind: wire.EraseSubject, Subject: "ben"})
	o.As("owner").Do(wire.Intent{Kind: wire.EraseSubject, Subject: "ben"})

	var what []string
	for _, e := range p.Preview.Erases {
		what = append(what, e.What)
	}
	if got := strings.Join(what, ", "); got != "display name, e-mail, reason" {
		t.Errorf("it says that it erases %s", got)
	}
	if u := o.subject("ben"); u.DisplayName != "(erased)" || u.Email != "(erased)" {
		t.Errorf("after, ben is %q, %q", u.DisplayName, u.Email)
	}
	o.Allowed("ben", "investor.create")
	o.Recorded("owner", "subject.erased", "ben", "3 private texts about ben erased")
	out := o.CLI("owner", "history", "--of", "subject:ben")
	if strings.Contains(out.Out, "new in the team") || out.Code != 0 && strings.Contains(out.Out, "Ben Okafor") {
		t.Errorf("the history still says why:\n%s%s", out.Out, out.Err)
	}
	o.Refused(o.As("owner").Try(wire.Intent{Kind: wire.EraseSubject, Subject: "ben"}), "no-change", "There is nothing private about ben that is not erased", "")
}

// Given an invitation, when it is accepted with a password, then the new member can sign in with it; the list of users says
// what everybody has, and files that were dumped before do not take away that it joined.
func TestTheProgramJoinsWithAPassword(t *testing.T) {
	o := open(t, "stokr")
	o.As("owner").CreateRole("Reader", "investor.view")
	dir, words := t.TempDir(), "correct horse battery staple"
	run := func(code int, who, in string, args ...string) string {
		t.Helper()
		env := []string{"PERMLEDGER_SERVER=" + o.URL, "PERMLEDGER_ORG=" + o.ID, "PERMLEDGER_SESSIONS=" + dir + "/sessions.json"}
		if who != "" {
			env = append(env, "PERMLEDGER_TOKEN="+token, "PERMLEDGER_KEY="+o.keyFile(who))
		}
		r := o.program(env, in, args...)
		if r.Code != code {
			t.Fatalf("permledger %q ended with %d:\n%s%s", args, r.Code, r.Out, r.Err)
		}
		return r.Out + r.Err
	}
	out := run(0, "owner", "", "invite", "dora", "--email", "dora@stokr.com", "--role", "reader")
	link := regexp.MustCompile(`http://[^']*`).FindString(out)
	run(0, "owner", "", "dump", "-f", dir+"/access")

	// when the password is too short, nothing is recorded, and the code still works
	if out := run(2, "", "short\n", "accept", link, "--new-key", dir+"/dora.key", "--password"); !strings.Contains(out, "15 characters") {
		t.Errorf("accept says %s", out)
	}
	run(0, "", words+"\n", "accept", link, "--new-key", dir+"/dora.key", "--password")
	run(0, "", words+"\n", "login", "dora@stokr.com")
	if out := run(0, "", "", "whoami"); !strings.Contains(out, "dora") || !strings.Contains(out, "session") {
		t.Errorf("whoami says %s", out)
	}
	if out := run(4, "", "", "grant", "reader", "to", "owner"); !strings.Contains(out, "say --role or --permission") {
		t.Errorf("grant by who may not look roles up says\n%s", out)
	}
	if out := run(4, "", "", "grant", "reader", "to", "owner", "--role"); !strings.Contains(out, "user.assign_role") {
		t.Errorf("grant --role says\n%s", out)
	}
	if out := run(0, "owner", "", "user", "ls"); !regexp.MustCompile(`dora +human +active +reader`).MatchString(out) {
		t.Errorf("user ls says\n%s", out)
	}
	if out := run(0, "owner", "", "apply", "-f", dir+"/access", "--dry-run"); strings.Contains(out, "deactivated") {
		t.Errorf("apply of what was dumped before dora joined says\n%s", out)
	}
}

// Given an invitation whose acceptance is recorded, or never arrives, and whose answer is lost, when it is accepted again as the
// program says, then exactly one key signs for the new member: the first where it was recorded, else the second.
func TestAnAcceptanceWhoseAnswerIsLostIsFinished(t *testing.T) {
	for name, arrives := range map[string]bool{"recorded": true, "never arrived": false} {
		t.Run(name, func(t *testing.T) {
			o := open(t, "stokr")
			o.As("owner").CreateRole("Reader", "investor.view", "role.view")
			target, err := url.Parse(o.URL)
			if err != nil {
				t.Fatal(err)
			}
			through := httputil.NewSingleHostReverseProxy(target)
			through.ErrorLog = log.New(io.Discard, "", 0)
			lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/join") {
					through.ServeHTTP(w, r)
					return
				}
				if arrives {
					through.ServeHTTP(httptest.NewRecorder(), r)
				}
				panic(http.ErrAbortHandler)
			}))
			defer lossy.Close()
			dir := t.TempDir()
			accept := func(url, file string) ran {
				t.Helper()
				return o.program([]string{"PERMLEDGER_ORG=" + o.ID}, "", "accept", url, "--new-key", dir+"/"+file)
			}
			out := o.CLI("owner", "invite", "dora", "--role", "reader")
			link := regexp.MustCompile(`http://[^']*`).FindString(out.Out)

			if r := accept(strings.Replace(link, o.URL, lossy.URL, 1), "first.key"); r.Code != 3 || !strings.Contains(r.Err, "Accept again with another --new-key") || !strings.Contains(r.Err, dir+"/first.key signs your commands") {
				t.Fatalf("accept ends with %d and says\n%s", r.Code, r.Err)
			}
			key := "second.key"
			r := accept(link, key)
			if arrives {
				if r.Code == 0 || !strings.Contains(r.Err, "There is no such invitation") {
					t.Fatalf("the second accept ends with %d and says\n%s", r.Code, r.Err)
				}
				key = "first.key"
			} else if r.Code != 0 {
				t.Fatalf("the second accept ends with %d and says\n%s", r.Code, r.Err)
			}
			env := []string{"PERMLEDGER_SERVER=" + o.URL, "PERMLEDGER_ORG=" + o.ID, "PERMLEDGER_TOKEN=" + token, "PERMLEDGER_KEY=" + dir + "/" + key}
			if r := o.program(env, "", "whoami"); r.Code != 0 || !strings.Contains(r.Out, "dora") {
				t.Errorf("whoami with %s ends with %d and says\n%s%s", key, r.Code, r.Out, r.Err)
			}
		})
	}
}
