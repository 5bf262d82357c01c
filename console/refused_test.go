package console_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/console/nodetest"
)

// Given requests whose Host is no address, or is missing, when pages are asked for, then they are answered, and no error of the server's.
func TestHostThatIsNone(t *testing.T) {
	w := newWorld(t, "plain")
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{"HTTP/1.0\r\n", "HTTP/1.1\r\nHost: [::1\r\n", "HTTP/1.1\r\nHost: a%zz\r\n", "HTTP/1.1\r\nHost:\r\n"} {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /console/acme/roles %sConnection: close\r\n\r\n", head)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if to := resp.Header.Get("Location"); to != "/console/acme/sign-in?then=%2Fconsole%2Facme%2Froles" {
			t.Errorf("%q: %d, to %q", head, resp.StatusCode, to)
		}
	}
}

// Given an access review about a role, when it is asked for by the id of the role, then there is none.
func TestReviewNamedByItsRole(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk")
	w.join("ben", "ben@acme.example", "desk")
	w.do(wire.Intent{Kind: wire.StartReview, Name: new("Quarter"), About: "role:desk"})
	role, err := w.As(w.bearer("owner")).Role(t.Context(), acme, "desk", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.signedIn("owner").get("/console/acme/reviews/" + role.Item.ID); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.text())
	}
}

// Given nobody in particular, when a form of a page without a session brings megabytes, then it is refused before it is read.
func TestLargeFormOfNobody(t *testing.T) {
	w := newWorld(t, "plain")
	for _, path := range []string{"sign-in", "first-sign-in", "sign-in/challenge", "sign-in/wallet", "join"} {
		if got := w.visitor().post("/console/acme/"+path, url.Values{"password": {strings.Repeat("x", 1<<20)}}); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

// Given a document with half a character, which no canonical JSON has, when the browser reads it, then it is refused; one whose text has
// a backslash before letters of the same look is not.
func TestBrowserRefusesHalfACharacter(t *testing.T) {
	for text, read := range map[string]bool{`{"a":"\ud800"}`: false, `{"a":"x\\\udfff"}`: false, `{"\udead":1}`: false, `{"a":"\\ud800"}`: true, `{"a":"😀"}`: true} {
		var refused string
		nodetest.Run(t, ".", []byte(`import {parseDocument} from './static/verify/canonical.js';
			let text = '';
			for await (const chunk of process.stdin) text += chunk;
			let refused = '';
			try { parseDocument(new TextEncoder().encode(JSON.parse(text))) } catch (e) { refused = String(e) }
			console.log(JSON.stringify(refused))`), text, &refused)
		if (refused == "") != read {
			t.Errorf("%s: %s", text, refused)
		}
	}
}
