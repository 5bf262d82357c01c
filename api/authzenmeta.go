package api

import (
	"net"
	"net/http"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events/canon"
)

// authzenMetadata says where a decision point is: of the organization that the path names, or at the root.
func authzenMetadata(c *call, w http.ResponseWriter) error {
	if id := c.Header[requestIDField]; len(id) > 0 {
		w.Header()[requestIDField] = id[:1]
	}
	base := schemeOf(c.Request) + "://" + c.Host
	if id := c.PathValue("org"); id != "" {
		if err := canon.Organization.Check(id); err != nil {
			return problemOf(http.StatusNotFound, wire.CodeNoRoute, "No organization can have this name: "+err.Error())
		}
		base += "/orgs/" + id
	}
	at := base + accessPath
	writeJSON(w, mediaJSON, http.StatusOK, wire.AuthZENMetadata{
		PolicyDecisionPoint: base, Evaluation: at + "evaluation", Evaluations: at + "evaluations",
		SearchSubject: at + "search/subject", SearchResource: at + "search/resource", SearchAction: at + "search/action",
	})
	return nil
}

// schemeOf says how the caller came. What comes without TLS from elsewhere than the machine itself came through a proxy
// that ended the TLS: nobody else is listened to in the clear.
func schemeOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if ip := net.ParseIP(host); r.TLS == nil && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return "http"
	}
	return "https"
}
