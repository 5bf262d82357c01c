package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/webhook"
)

// Given deliveries, when the code of docs/webhooks.md verifies them, then it says what Verify says: of ours, of others, of
// old ones and of those with two signatures.
func TestCodeInTheDocumentVerifies(t *testing.T) {
	text, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	type delivery struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
		Secret  string            `json:"secret"`
		want    bool
	}
	var made []delivery
	l := newLog(1)
	var mu = make(chan delivery, 1)
	srv := receiverOf(t, func(h http.Header, body []byte) {
		headers := map[string]string{}
		for name := range h {
			headers[strings.ToLower(name)] = h.Get(name)
		}
		mu <- delivery{Headers: headers, Body: string(body)}
	})
	s := open(t, t.TempDir(), l, quick())
	e, err := s.Create(srv, nil, "owner", 0)
	if err != nil {
		t.Fatal(err)
	}
	first := <-mu
	second, err := s.Rotate(e.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l.grow(1)
	both := <-mu
	with := func(d delivery, secret string, want bool, change func(*delivery)) {
		d.Secret, d.want = secret, want
		headers := map[string]string{}
		for k, v := range d.Headers {
			headers[k] = v
		}
		if d.Headers = headers; change != nil {
			change(&d)
		}
		made = append(made, d)
	}
	with(first, e.Secrets[0].Secret, true, nil)
	with(both, e.Secrets[0].Secret, true, nil)
	with(both, second, true, nil)
	with(first, second, false, nil)
	with(first, e.Secrets[0].Secret, false, func(d *delivery) { d.Body += " " })
	with(first, e.Secrets[0].Secret, false, func(d *delivery) { d.Headers["webhook-id"] += "1" })
	with(first, e.Secrets[0].Secret, false, func(d *delivery) { d.Headers["webhook-timestamp"] = "1600000000" })
	with(first, e.Secrets[0].Secret, false, func(d *delivery) { d.Headers["webhook-signature"] = "v1,x" })
	for i, d := range made {
		h := http.Header{}
		for k, v := range d.Headers {
			h.Set(k, v)
		}
		if err := webhook.Verify(h, []byte(d.Body), d.Secret, time.Now()); (err == nil) != d.want {
			t.Errorf("%d: %v", i, err)
		}
	}
	in, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	for language, c := range map[string]struct{ tool, file, rest string }{
		"python": {"python3", "verify.py", `
import json, sys
print(json.dumps([verify(d["headers"], d["body"].encode(), d["secret"]) for d in json.load(sys.stdin)]))
`},
		"javascript": {"node", "verify.mjs", `
import { readFileSync } from "node:fs";
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map((d) => verify(d.headers, Buffer.from(d.body), d.secret))));
`},
	} {
		t.Run(language, func(t *testing.T) {
			tool, err := exec.LookPath(c.tool)
			if err != nil && os.Getenv("PERMLEDGER_JUDGES") != "" {
				t.Fatal(err)
			}
			if err != nil {
				t.Skipf("%s is not here; with PERMLEDGER_JUDGES=1, as in CI, that is a failure", c.tool)
			}
			code := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
			if code == nil {
				t.Fatal("the document has no code")
			}
			file := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(file, append(code[1], c.rest...), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(tool, file)
			cmd.Stdin = bytes.NewReader(in)
			out, err := cmd.CombinedOutput()
			var got []bool
			if err == nil {
				err = json.Unmarshal(out, &got)
			}
			if err != nil || len(got) != len(made) {
				t.Fatalf("%v: %s", err, out)
			}
			for i, d := range made {
				if got[i] != d.want {
					t.Errorf("%d: %v; want %v", i, got[i], d.want)
				}
			}
		})
	}
}
