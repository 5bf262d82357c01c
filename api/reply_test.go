package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

var readNow = client.Read{}

// Given an answer with a tag, when it is asked for again with that, then 304 says that it is so still, and as of when, also
// after something else was recorded; once it is otherwise, it is given.
func TestWhatIsSoStillIsNotSentAgain(t *testing.T) {
	w := administered(t)
	for _, path := range []string{editor, "/v1/orgs/acme/roles", "/v1/orgs/acme/subjects/cleo", "/v1/orgs/acme"} {
		before, _ := w.call("owner", "GET", path, "")
		tag := before.Header.Get("ETag")
		if !strings.HasPrefix(tag, fmt.Sprintf(`"%d-`, w.head("acme"))) {
			t.Errorf("%s has the tag %s at %d", path, tag, w.head("acme"))
		}
		same, body := w.call("owner", "GET", path, "", "If-None-Match", `"other-tag", `+tag)
		if same.StatusCode != http.StatusNotModified || body != "" || same.Header.Get("ETag") != tag {
			t.Errorf("%s again: %s %s", path, same.Status, body)
		}
		w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "x" + strings.NewReplacer("/", ".").Replace(path)})
		same, _ = w.call("owner", "GET", path, "", "If-None-Match", "W/"+tag)
		var asOf wire.AsOf
		if err := json.Unmarshal([]byte(same.Header.Get(wire.AsOfHeader)), &asOf); err != nil || same.StatusCode != http.StatusNotModified || asOf.Seq != w.head("acme") {
			t.Errorf("%s after something else: %s, as of %+v, %v", path, same.Status, asOf, err)
		}
	}
	before, _ := w.call("owner", "GET", editor, "")
	w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "editor", Add: []string{"b"}})
	if after, body := w.call("owner", "GET", editor, "", "If-None-Match", before.Header.Get("ETag")); after.StatusCode != http.StatusOK || !strings.Contains(body, `"b"`) {
		t.Errorf("after a change: %s %s", after.Status, body)
	}
	// The same question of another caller has another answer: what it may do with the role.
	if other, _ := w.call("ben", "GET", editor, "", "If-None-Match", before.Header.Get("ETag")); other.StatusCode != http.StatusOK {
		t.Errorf("to another caller: %s", other.Status)
	}
}

// Given an answer that is long enough, when its caller takes gzip, then it is compressed, holds the same, and its tag is as
// good; never where a browser may have been made to ask.
func TestCompressedAnswers(t *testing.T) {
	w := administered(t)
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stokr"})
	const path = "/v1/orgs/acme/permissions"
	plain, body := w.call("owner", "GET", path, "", "Accept-Encoding", "identity")
	packed, zipped := w.call("owner", "GET", path, "", "Accept-Encoding", "gzip")
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(packed.Header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("%v, %v", plain.Header, packed.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || len(zipped)*3 > len(body) {
		t.Errorf("%d bytes for %d, %v", len(zipped), len(body), err)
	}
	if a, b := items(t, []byte(body)), items(t, b); !bytes.Equal(a, b) {
		t.Errorf("they differ: %.200s and %.200s", a, b)
	}
	tag := packed.Header.Get("ETag")
	if tag == plain.Header.Get("ETag") {
		t.Error("other bytes have the same tag")
	}
	if again, _ := w.call("owner", "GET", path, "", "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
		t.Errorf("with its tag: %s", again.Status)
	}
	for name, fields := range map[string][]string{
		"with a cookie": {"Accept-Encoding", "gzip", "Cookie", "a=b"}, "without gzip": {"Accept-Encoding", "br"}, "refusing it": {"Accept-Encoding", "gzip;q=0"},
	} {
		if resp, _ := w.call("owner", "GET", path, "", fields...); resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s it is %s", name, resp.Header.Get("Content-Encoding"))
		}
	}
	if resp, _ := w.call("owner", "GET", "/v1/orgs/acme", "", "Accept-Encoding", "gzip"); resp.Header.Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}

func items(t *testing.T, body []byte) []byte {
	t.Helper()
	var list struct{ Items json.RawMessage }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}
