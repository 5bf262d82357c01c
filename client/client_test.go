package client_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/importer"
	"github.com/permledger/permledger/node"
)

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func did(name string) string { return didkey.Encode(keyOf(name).Public().(ed25519.PublicKey)) }

var opening = wire.Opening{
	Organization: "main", Name: "Main", Profile: "plain", OwnerKey: "owner", OwnerKind: "human",
	Credential: did("owner"), Root: did("root"), OperatorKey: did("operator"),
}

// open gives a client of a node in this process, with the organization main.
func open(t *testing.T) *client.Client {
	c, _ := openHandler(t)
	return c
}

func openHandler(t *testing.T) (*client.Client, http.Handler) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := node.Init(dir, "ledger.test"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), dir, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	h := api.New(n, api.Options{Token: "t"})
	c := client.InProcess(h, "t")
	p, err := c.PrepareOpening(t.Context(), opening)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := c.SignAndRecord(t.Context(), "main", p, keyOf("owner"), nil); err != nil || r.Seq != 1 || r.Type != "organization.opened" {
		t.Fatalf("%+v, %v", r, err)
	}
	return c, h
}

const roleHistory = `{"time":"2021-11-12T10:28:19+00:00","op":"create-role","role":"editor","title":"Editor","permissions":["read","write"]}
{"time":"2021-11-12T10:28:19+00:00","op":"create-role","role":"viewer","title":"Viewer","stage":"GA","permissions":["read"]}
{"time":"2022-01-01T00:00:00+00:00","op":"update-role","role":"editor","add":["sign"],"remove":["write"]}
{"time":"2022-01-01T00:00:00+00:00","op":"update-role","role":"viewer","title":"Viewer"}
{"time":"2022-02-01T00:00:00+00:00","op":"delete-role","role":"viewer"}
`

func TestTargetImportsARoleHistory(t *testing.T) {
	c := open(t)
	target, err := c.Target(t.Context(), "main", keyOf("owner"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(text string) (importer.Summary, error) {
		return importer.Run(t.Context(), strings.NewReader(text), importer.FormatRoleHistory, importer.Options{}, target)
	}
	first, err := run(roleHistory)
	if err != nil || first.Recorded != 4 || first.Unchanged != 1 {
		t.Fatalf("%+v, %v; want 4 recorded, 1 unchanged", first, err)
	}
	again, err := run(roleHistory)
	if err != nil || again.Repeated != 4 || again.Commands != 0 {
		t.Errorf("again: %+v, %v; want 4 repeated", again, err)
	}
	more, err := run(roleHistory + `{"time":"2022-03-01T00:00:00+00:00","op":"update-role","role":"editor","add":["sign"]}` + "\n")
	if bad := (*importer.BadRecord)(nil); !errors.As(err, &bad) || bad.Line != 6 {
		t.Errorf("a line that contradicts the others: %+v, %v", more, err)
	}
	role, err := c.Role(t.Context(), "main", "editor", client.Read{AsOf: "occurred:2021-12-01"})
	if err != nil || fmt.Sprint(role.Item.Permissions) != "[read write]" {
		t.Errorf("editor as of occurred:2021-12-01: %v, %v", role.Item.Permissions, err)
	}
	h, err := c.History(t.Context(), "main", wire.HistoryQuery{Type: "role.created", AsOf: "occurred:2021-12-01"})
	if err != nil || len(h.Items) != 2 || h.Items[0].Occurred != "2021-11-12T10:28:19.000Z" {
		t.Errorf("%+v, %v", h.Items, err)
	}
	records := map[string]bool{}
	for _, i := range h.Items {
		if i.Import == nil || i.Import.Format != importer.FormatRoleHistory || i.Import.Source == "" {
			t.Fatalf("entry %d was taken from %+v", i.Seq, i.Import)
		}
		records[i.Import.Record] = true
	}
	if len(records) != len(h.Items) {
		t.Errorf("%d entries were taken from the records %v", len(h.Items), records)
	}
}

// What a line of another run says of a role is found out from the ledger: by the id of its command, else by the key.
func TestTargetFindsRoles(t *testing.T) {
	c := open(t)
	target, err := c.Target(t.Context(), "main", keyOf("owner"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(roleHistory, "\n")
	for i, want := range []int{1, 1, 1} {
		sum, err := importer.Run(t.Context(), strings.NewReader(lines[i]), importer.FormatRoleHistory, importer.Options{Source: fmt.Sprint("s", i)}, target)
		if err != nil || sum.Recorded != want {
			t.Fatalf("line %d: %+v, %v", i+1, sum, err)
		}
	}
	sum, err := importer.Run(t.Context(), strings.NewReader(lines[2]), importer.FormatRoleHistory, importer.Options{Source: "s2"}, target)
	if err != nil || sum.Repeated != 1 {
		t.Errorf("the same line again: %+v, %v; want it repeated", sum, err)
	}
	_, err = importer.Run(t.Context(), strings.NewReader(strings.ReplaceAll(lines[2], "editor", "nobody")), importer.FormatRoleHistory, importer.Options{Source: "s3"}, target)
	if bad := (*importer.BadRecord)(nil); !errors.As(err, &bad) {
		t.Errorf("a role that is not there: %v", err)
	}
}

func TestTargetImportsAssignments(t *testing.T) {
	c := open(t)
	target, err := c.Target(t.Context(), "main", keyOf("owner"))
	if err != nil {
		t.Fatal(err)
	}
	const in = `{"roles":[{"role":1,"permissions":[1,2],"users":[1]},{"role":2,"permissions":[3],"users":[1,2]}],"userPermissions":{"1":[1,2,3],"2":[3]}}`
	for range 2 {
		sum, err := importer.Run(t.Context(), strings.NewReader(in), importer.FormatAssignments, importer.Options{}, target)
		if err != nil || sum.Bad != 0 {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	_, lines, err := c.Assignments(t.Context(), "main", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for a, err := range lines {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(a.Subject, a.Permissions))
	}
	if want := "1[1 2 3] 2[3]"; !strings.HasPrefix(strings.Join(got, " "), want) {
		t.Errorf("got %v; want %s first", got, want)
	}
}

// losing loses the answers to commands on their way back.
type losing struct {
	left  int // how many answers more; the requests come one after the other
	after func()
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || l.left == 0 || !strings.HasSuffix(r.URL.Path, "/commands") {
		return resp, err
	}
	l.left--
	_, err = bufio.NewReader(resp.Body).ReadBytes('\n')
	if l.after != nil {
		l.after()
	}
	return nil, errors.Join(err, resp.Body.Close(), io.ErrUnexpectedEOF)
}

// A lost answer is asked for again with the same id; where nobody gives it, the error says which command is in doubt.
func TestLostAnswers(t *testing.T) {
	_, h := openHandler(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	way := &losing{left: 2}
	c := client.New(srv.URL, "t", &http.Client{Transport: way})
	prepare := func(subject string) (wire.Prepared, string) {
		t.Helper()
		p, err := c.Prepare(t.Context(), "main", wire.Intent{Kind: wire.AddSubject, Subject: subject, SubjectKind: "human", Credential: did("owner")})
		if err != nil {
			t.Fatal(err)
		}
		cmd, _, err := events.ParseCommand(p.Command)
		if err != nil {
			t.Fatal(err)
		}
		return p, cmd.ID.String()
	}
	p, id := prepare("bob")
	if r, err := c.SignAndRecord(t.Context(), "main", p, keyOf("owner"), nil); err != nil || !r.Repeated || r.Seq != 2 {
		t.Errorf("an answer that was lost twice: %+v, %v", r, err)
	}
	if en, err := c.Recorded(t.Context(), "main", id); err != nil || en.Seq != 2 {
		t.Errorf("the command %s: entry %d, %v", id, en.Seq, err)
	}
	p, id = prepare("eve")
	ctx, cancel := context.WithCancel(t.Context())
	way.left, way.after = 1, cancel
	_, err := c.SignAndRecord(ctx, "main", p, keyOf("owner"), nil)
	if lost := (*client.UnknownError)(nil); !errors.As(err, &lost) || lost.ID.String() != id {
		t.Errorf("an answer that never came: %v; want an UnknownError of %s", err, id)
	}
	p, _ = prepare("dora")
	srv.Close()
	_, err = c.SignAndRecord(t.Context(), "main", p, keyOf("owner"), nil)
	if !errors.As(err, new(*client.UnreachableError)) || errors.As(err, new(*client.UnknownError)) {
		t.Errorf("nobody to send it to: %v; want an UnreachableError alone", err)
	}
}

// Who may not import is told so, and nothing is tried after it.
func TestTargetOfSomebodyWhoMayNotImport(t *testing.T) {
	c := open(t)
	p, err := c.Prepare(t.Context(), "main", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", SubjectKey: did("bob"), Credential: did("owner")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignAndRecord(t.Context(), "main", p, keyOf("owner"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Target(t.Context(), "main", keyOf("stranger")); client.CodeOf(err) != "not-found" {
		t.Errorf("a stranger: %v", err)
	}
	target, err := c.Target(t.Context(), "main", keyOf("bob"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := importer.Run(t.Context(), strings.NewReader(roleHistory), importer.FormatRoleHistory, importer.Options{SkipBad: true}, target)
	if err == nil || !strings.Contains(err.Error(), "permission") || sum.Recorded != 0 {
		t.Errorf("%+v, %v; want to be refused", sum, err)
	}
}

func TestErrors(t *testing.T) {
	c := open(t)
	_, err := c.Role(t.Context(), "main", "none", client.Read{})
	var problem *client.Error
	if !errors.As(err, &problem) || problem.Code() != "not-found" || problem.Problem.Status != 404 || err.Error() == "" {
		t.Errorf("no such role: %v", err)
	}
	srv := httptest.NewServer(http.NotFoundHandler())
	foreign := client.New(srv.URL, "t", nil)
	if _, err := foreign.Organizations(t.Context()); !errors.As(err, &problem) || problem.Problem.Status != 404 {
		t.Errorf("a server that is no permledger: %v", err)
	}
	srv.Close()
	var unreachable *client.UnreachableError
	if _, err := foreign.Organizations(t.Context()); !errors.As(err, &unreachable) {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := foreign.Submit(t.Context(), "main", []wire.Submission{{}}, client.StopNever); !errors.As(err, &unreachable) {
		t.Errorf("commands to nobody: %v", err)
	}
	if _, err := client.New("http://127.0.0.1:1", "", nil).Health(t.Context()); !errors.As(err, &unreachable) {
		t.Errorf("health of nobody: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("given up")
	cancel(cause)
	if _, err := c.Organizations(ctx); !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

func TestInProcessBreaksOffWhereTheHandlerDoes(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"asOf":`)
		panic(http.ErrAbortHandler)
	})
	var unreachable *client.UnreachableError
	if _, err := client.InProcess(h, "").Organizations(t.Context()); !errors.As(err, &unreachable) {
		t.Errorf("got %v; want an answer that cannot be read", err)
	}
	before := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("no answer") })
	if _, err := client.InProcess(before, "").Organizations(t.Context()); !errors.As(err, &unreachable) {
		t.Errorf("got %v; want an answer that cannot be read", err)
	}
}

// Closing the answer ends the handler's context, as a connection that is closed does.
func TestInProcessEndsTheHandler(t *testing.T) {
	ended := make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "{}\n")
		<-r.Context().Done()
		ended <- r.Context().Err()
	})
	for range client.InProcess(h, "").Watch(t.Context(), "main", 1) {
		break
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler ended with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range client.InProcess(h, "").Watch(ctx, "main", 1) {
		if err != nil {
			break
		}
		cancel()
	}
	<-ended
}

// Given a handler that returns at once and writes nothing, when it is called in the process again and again, then each call is answered:
// that the handler has returned already is no end of the request.
func TestInProcessAnswersWithNothing(t *testing.T) {
	c := client.InProcess(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "")
	for range 2000 {
		for _, err := range c.Topic(t.Context(), "acme", 1) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
