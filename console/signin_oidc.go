package console

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// atProvider says whether a browser is on its way to an identity provider, or back from one: the API leads it, and its errors are
// for programs.
func atProvider(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") &&
		(r.URL.Path == "/v1/oidc/callback" || strings.HasPrefix(r.URL.Path, "/v1/orgs/") && strings.Contains(r.URL.Path, "/oidc/"))
}

// provider serves such a browser what the API answers; an error as a page.
func (s *server) provider(w http.ResponseWriter, r *http.Request) {
	got := &answer{header: http.Header{}}
	s.api.ServeHTTP(got, r)
	var p wire.Problem
	if got.status < http.StatusBadRequest || json.Unmarshal(got.body.Bytes(), &p) != nil {
		for name, values := range got.header {
			w.Header()[name] = values
		}
		w.WriteHeader(max(got.status, http.StatusOK))
		_, _ = w.Write(got.body.Bytes()) // a browser that has gone is nobody to tell
		return
	}
	v := &visit{Request: r, server: s}
	v.begin()
	v.call.cookies = got.header.Values("Set-Cookie")
	v.answer(w, view{template: "problem", title: p.Title, data: p, status: p.Status}, nil)
}
