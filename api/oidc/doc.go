// Package oidc lets identity providers say who somebody is: people by the authorization code flow of OpenID Connect Core 1.0
// with PKCE (RFC 7636, S256), and programs by access tokens that are JWTs (RFC 9068). It says nothing of what they may.
//
// A [Provider] is one client at one issuer, for one organization. What it takes is pinned: the issuer, the audience, the
// algorithms (EdDSA, ES256 and RS256, or fewer), and keys that the issuer publishes, found by the kid of the token's header;
// keys that a token brings along, or points to, are not looked at. Keys are fetched when they are needed, kept for at most an
// hour, and fetched again for a kid that is not known, at most every thirty seconds.
//
// An ID token is never taken for an access token, nor the other way round: an access token is for [Config.Audience], which
// is not the client, and an ID token has the nonce of the sign-in that it belongs to.
//
// A provider is asked over https, without proxies and redirections, and at no address that is link-local; loopback addresses, and
// http, are for issuers that are on them.
package oidc
