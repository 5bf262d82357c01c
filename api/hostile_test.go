package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
)

// Given a body that is not what a route takes, when it is sent, then it is refused, the place is named as a JSON Pointer, and
// nothing is recorded.
func TestWhereABodyIsWrong(t *testing.T) {
	w := administered(t)
	const do, put, question = "/v1/orgs/acme/do", "/v1/orgs/acme/subjects/cleo/permissions", "/v1/orgs/acme/check"
	seen := w.head("acme")
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, c := range []struct{ path, body, pointer string }{
		{do, `[]`, ""},
		{do, `"a"`, ""},
		{do, ``, ""},
		{do, `{"kind":"delete-role"`, ""},
		{do, `{"kind":"delete-role","role":"editor"} {}`, ""},
		{do, `{"kind":"delete-role","role":"editor"} x`, ""},
		{do, `{"kind":["delete-role"]}`, "/kind"},
		{do, `{"kind":"erase-role"}`, "/kind"},
		{do, `{"kind":"delete-role","role":7}`, "/role"},
		{do, `{"kind":"delete-role","role":"editor","role":"other"}`, "/role"},
		{do, `{"kind":"delete-role","role":"editor","confirm":"yes"}`, "/confirm"},
		{do, `{"kind":"delete-role","role":"editor","Role":"other"}`, "/Role"},
		{do, `{"kind":"delete-role","role":"editor","to/from~":1}`, "/to~1from~0"},
		{do, `{"kind":"delete-role","role":"editor","permissions":["a"]}`, "/permissions"},
		{do, `{"kind":"update-role","role":"editor","add":["b",3]}`, "/add/1"},
		{do, `{"kind":"update-role","role":"editor","add":{"b":true}}`, "/add"},
		{do, `{"kind":"update-role","role":"editor","labels":{"guideline":{"de":"x"}}}`, "/labels/guideline"},
		{do, `{"kind":"update-role","role":"editor","labels":{"x":"1","\u0078":"2"}}`, "/labels/x"},
		{do, `{"kind":"report-key","key":"k","from":-1}`, "/from"},
		{do, `{"kind":"report-key","key":"k","from":1.5}`, "/from"},
		{do, `{"kind":"report-key","key":"k","from":1e3}`, "/from"},
		{do, `{"kind":"report-key","key":"k","from":9007199254740993}`, "/from"},
		{do, `{"kind":"report-key","key":"k","from":"1"}`, "/from"},
		{do, `{"kind":"publish-catalogue","catalogue":{"permissions":[{"name":"a","name":"b"}]}}`, "/catalogue/permissions/0/name"},
		{do, `{"kind":"publish-catalogue","catalogue":` + nested(100) + `}`, "/catalogue" + strings.Repeat("/a", 31)},
		{do, `{"kind":"adopt-rules","switches":{"delegation":1}}`, "/switches/delegation"},
		{do, `{"kind":"observe-chain","observed":{"block":true}}`, "/observed/block"},
		{do, "{\"kind\":\"delete-role\",\"role\":\"\xff\"}", ""},
		{do, `{"kind":"delete-role","role":"\udc00\ud800"}`, ""},
		{do, `{"kind":"delete-role","role":01}`, "/role"},
		{put, `{"permissions":[null,[]]}`, "/permissions/1"},
		{put, `{"permissions":["a"],"scope":{}}`, "/scope"},
		{put, `{"permission":["a"]}`, "/permission"},
		{question, `{"subject":"ann","permission":"a","properties":{"resource":{"country":5}}}`, "/properties/resource/country"},
		{question, `{"subject":"ann","permission":"a","properties":{"ressource":{}}}`, "/properties/ressource"},
	} {
		method := http.MethodPost
		if c.path == put {
			method = http.MethodPut
		}
		resp, body := w.call("owner", method, c.path, c.body)
		p := read[wire.Problem](t, body)
		if resp.StatusCode != http.StatusBadRequest || p.Code() != wire.CodeBadRequest || p.Pointer != c.pointer || p.Detail == "" {
			t.Errorf("%.120s is answered with %s; want the place %q", c.body, body, c.pointer)
		}
	}
	if w.head("acme") != seen {
		t.Error("something was recorded")
	}
}

// Given names with characters that people do not see, or that make one text look like another, when somebody records them,
// then they are refused.
func TestNamesThatDeceive(t *testing.T) {
	w := administered(t)
	seen := w.head("acme")
	for _, bad := range []string{`a\u0000b`, `a\nb`, `a\u202eb`, `a\u2066b`, `a\u200bb`, `a\ufeffb`, `e\u0301`, `\ud83d\ude00\u0007`, ``, ` a`, strings.Repeat("a", 5000)} {
		for _, body := range []string{
			`{"kind":"create-role","role":"%s","permissions":["a"]}`,
			`{"kind":"create-role","role":"r","name":"%s","permissions":["a"]}`,
			`{"kind":"add-subject","subject":"%s","subjectKind":"human"}`,
			`{"kind":"register-resource","resource":"docs/%s"}`,
		} {
			if strings.Contains(body, `"name"`) && (bad == "" || bad == " a" || bad == `e\u0301`) {
				continue // what a thing is called is said in whatever words; what it is named by is not
			}
			resp, answer := w.call("owner", "POST", "/v1/orgs/acme/do", fmt.Sprintf(body, bad))
			if resp.StatusCode != http.StatusUnprocessableEntity && resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%.80s is answered with %d %.200s", fmt.Sprintf(body, bad), resp.StatusCode, answer)
			}
		}
	}
	if w.head("acme") != seen {
		t.Error("something was recorded")
	}
}

// endless is a body without an end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '['
	}
	e.read += int64(len(p))
	return len(p), nil
}

// Given bodies that would take much memory to read, when they are sent, then no more than a few times the bound of a body is
// read and used.
func TestBodiesTakeBoundedMemory(t *testing.T) {
	w := administered(t)
	h := api.New(w.node, api.Options{Token: token})
	ask := func(body io.Reader) (int, uint64) {
		req := httptest.NewRequest(http.MethodPost, "/v1/orgs/acme/do", body)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+apiKey("acme", "owner"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		runtime.ReadMemStats(&after)
		return rec.Code, after.TotalAlloc - before.TotalAlloc
	}
	const bound = 64 << 20 // of all that is allocated meanwhile, freed or not
	e := &endless{}
	if status, used := ask(e); status != http.StatusRequestEntityTooLarge || used > bound || e.read > 8<<20 {
		t.Errorf("an endless body: %d, %d bytes read, %d used", status, e.read, used)
	}
	for name, body := range map[string]string{
		"deep lists":   `{"kind":"publish-catalogue","catalogue":` + strings.Repeat("[", 1<<20-60),
		"many members": `{"kind":"update-role","labels":{` + strings.Repeat(`"a":"",`, 140_000) + `"b":""}}`,
		"many items":   `{"kind":"update-role","add":[` + strings.Repeat(`{},`, 340_000) + `{}]}`,
		"long name":    `{"` + strings.Repeat("a", 1<<20-60) + `":1}`,
		"long number":  `{"kind":"report-key","from":` + strings.Repeat("9", 1<<20-60) + `}`,
	} {
		if status, used := ask(strings.NewReader(body)); status != http.StatusBadRequest || used > bound {
			t.Errorf("%s: %d, %d bytes used", name, status, used)
		}
	}
}
