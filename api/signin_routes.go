package api

import (
	"net/http"

	"github.com/permledger/permledger/ledger/rules"
)

// signInRoutes are those of signing in, and of the sessions that this opens.
func signInRoutes() []Route {
	const (
		get, post, end = http.MethodGet, http.MethodPost, http.MethodDelete
		org            = "/v1/orgs/{org}"
	)
	return []Route{
		{Method: post, Path: org + "/sessions", Open: true, anyOrg: true, Why: whySignIn, endpoint: handle(signIn),
			Summary: "Sign in with a password, or with a wallet; with cookie: true for a browser"},
		{Method: post, Path: org + "/sessions/challenge", Open: true, anyOrg: true, Why: whyChallenge, endpoint: handle(challenge),
			Summary: "The message that a wallet signs to sign in (EIP-4361)"},
		{Method: get, Path: org + "/sessions", Why: whySelf, endpoint: answer(listSessions),
			Summary: "The caller's own sessions"},
		{Method: end, Path: org + "/sessions", Why: whySelf, endpoint: answer(signOut),
			Summary: "Sign out: end the session that the request is made in"},
		{Method: end, Path: org + "/sessions/{id}", Why: whySelf, endpoint: answer(endSession),
			Summary: "End one of the caller's own sessions"},
		{Method: end, Path: org + "/subjects/{key}/sessions", Action: rules.ActionSubjectDeactivate, own: ofCallerPath("key"), endpoint: answer(endSessionsOf),
			Summary: "End all sessions of a subject; of oneself, all but the one that the request is made in"},
		{Method: post, Path: org + "/first-sign-in", Open: true, anyOrg: true, Why: whyCode, endpoint: handle(firstSignIn),
			Summary: "Sign in as the owner with the one-time code that init showed, and set a password"},
		{Method: get, Path: org + "/sign-in", Open: true, anyOrg: true, Why: whyWays, endpoint: answer(waysIn),
			Summary: "The ways to sign in"},
		{Method: get, Path: org + "/oidc/{provider}", Open: true, anyOrg: true, Why: whySignIn, Query: []string{"return"}, endpoint: stream(mediaPage, nil, beginOIDC),
			Summary: "Send a browser to an identity provider, which it comes back from signed in"},
		{Method: get, Path: "/v1/oidc/callback", Open: true, Why: whyProvider, loose: true, Query: []string{"code", "state", "iss", "error"},
			endpoint: stream(mediaPage, nil, endOIDC),
			Summary:  "Where an identity provider sends a browser back to"},
	}
}

// Reasons for routes before signing in.
const (
	whyCode      = "nobody has a token before signing in; the one-time code is what is judged"
	whyWays      = "nobody has a token before signing in; how one can sign in is no secret"
	whyProvider  = "nobody has a token before signing in; what the identity provider signed is what is judged"
	whyChallenge = "nobody has a token before signing in; it says nothing of who there is"
)
