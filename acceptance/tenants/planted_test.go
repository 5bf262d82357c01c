package tenants_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/api/wire"
)

// once runs a property for one life.
func once(t *testing.T, f func(*rapid.T)) {
	done := false
	rapid.Check(t, func(rt *rapid.T) {
		if !done {
			done = true
			f(rt)
		}
	})
}

// Given handlers that leak something of another organization, each in one way and as little as it can, when its callers ask
// everything, then the leak is found. So is one to a webhook.
func TestPlantedLeaksAreFound(t *testing.T) {
	w := newWorld(t)
	once(t, func(rt *rapid.T) {
		l := lived(t, rt, w, "stokr", 10)
		defer l.close()
		if leaks := l.sweep(rt, w.handler); len(leaks) > 0 {
			t.Fatalf("without any: %v", leaks)
		}
		l.first = true
		answerOf := func(r *http.Request) *httptest.ResponseRecorder {
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			return rec
		}
		give := func(out http.ResponseWriter, rec *httptest.ResponseRecorder, body []byte) {
			for name, values := range rec.Header() {
				if name != "Content-Length" {
					out.Header()[name] = values
				}
			}
			out.WriteHeader(rec.Code)
			_, _ = out.Write(body)
		}
		// as gives a request as somebody else makes it, maybe somewhere else.
		as := func(r *http.Request, token, from, to string) *http.Request {
			other := r.Clone(r.Context())
			other.Header.Set("Authorization", "Bearer "+token)
			other.URL.Path = strings.Replace(r.URL.Path, from, to, 1)
			other.URL.RawPath, other.RequestURI = "", ""
			return other
		}
		entry, err := l.mine.History(t.Context(), l.mine.id, wire.HistoryQuery{Limit: 20})
		if err != nil {
			t.Fatal(err)
		}
		digest := entry.Items[3].CID
		under := func(path string) string { return "/v1/orgs/" + l.theirs.id + path }
		for what, leaky := range map[string]http.HandlerFunc{
			"an error that names the organization": func(out http.ResponseWriter, r *http.Request) {
				rec := answerOf(r)
				body := rec.Body.Bytes()
				if rec.Code == http.StatusUnauthorized && strings.Contains(r.URL.Path, l.mine.id+"/roles") {
					body = bytes.Replace(body, []byte("this organization"), []byte("The "+secretWord), 1)
				}
				give(out, rec, body)
			},
			"a field of one answer": func(out http.ResponseWriter, r *http.Request) {
				rec := answerOf(r)
				if r.URL.Path == under("/whoami") {
					rec.Header().Set("X-Cached-For", strings.ToUpper(secretWord))
				}
				give(out, rec, rec.Body.Bytes())
			},
			"a caller who is taken for the owner": func(out http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v1/orgs/"+l.mine.id+"/subjects") {
					r = as(r, apiKey(l.mine.id, "owner"), "", "")
				}
				rec := answerOf(r)
				give(out, rec, rec.Body.Bytes())
			},
			"the history of another": func(out http.ResponseWriter, r *http.Request) {
				if r.URL.Path == under("/history") {
					r = as(r, token, l.theirs.id, l.mine.id)
				}
				rec := answerOf(r)
				give(out, rec, rec.Body.Bytes())
			},
			"a page of another, packed": func(out http.ResponseWriter, r *http.Request) {
				rec := answerOf(r)
				body := rec.Body.Bytes()
				if r.URL.Path == under("/guide") {
					rec = answerOf(as(r, token, l.theirs.id, l.mine.id))
					var b bytes.Buffer
					z := gzip.NewWriter(&b)
					_, _ = z.Write(rec.Body.Bytes())
					_ = z.Close()
					rec.Header().Set("Content-Encoding", "gzip")
					body = b.Bytes()
				}
				give(out, rec, body)
			},
			"a decision point that knows all": func(out http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/search/action") {
					r = as(r, token, l.theirs.id, l.mine.id)
				}
				rec := answerOf(r)
				give(out, rec, rec.Body.Bytes())
			},
			"blocks for everybody": func(out http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/ipfs/") {
					r = as(r, token, "", "")
				}
				rec := answerOf(r)
				give(out, rec, rec.Body.Bytes())
			},
			"a digest in a stream": func(out http.ResponseWriter, r *http.Request) {
				rec := answerOf(r)
				body := rec.Body.Bytes()
				if strings.HasSuffix(r.URL.Path, "/watch") {
					body = append(body, "data: "+digest...)
				}
				give(out, rec, body)
			},
			"a guessed name beside one's own": func(out http.ResponseWriter, r *http.Request) {
				rec := answerOf(r)
				body := rec.Body.Bytes()
				if r.URL.Path == "/v1/orgs" && r.Method == http.MethodGet {
					body = append(body, l.mine.id...)
				}
				give(out, rec, body)
			},
		} {
			t.Run(what, func(t *testing.T) {
				for range 20 { // what is asked is drawn, and may be about nothing
					l.needles = w.needles(t, l.mine, l.theirs)
					if len(l.sweep(rt, leaky)) > 0 {
						return
					}
				}
				t.Error("it is not found")
			})
		}
		t.Run("a webhook that goes elsewhere", func(t *testing.T) {
			l.needles = w.needles(t, l.mine, l.theirs)
			if _, err := l.mine.CreateWebhook(t.Context(), l.mine.id, wire.NewWebhook{URL: w.receiver + "/" + l.theirs.id + "/wrong", From: 1}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is found", func() bool { return len(l.overheard(t)) > 0 })
		})
	})
}
