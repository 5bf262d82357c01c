package api

import (
	"crypto/ed25519"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/node"
)

const (
	// sessionLife is how long a session lasts from signing in; nothing extends it.
	sessionLife = 12 * time.Hour
	// sessionsEach bounds how many sessions one credential has at a time: the oldest ends for a new one.
	sessionsEach = 32
)

// session is somebody who signed in. Its key is in memory only: a server that ends, ends all sessions.
type session struct {
	hash    [32]byte // of the token
	org     string
	subject ulid.ULID
	key     ed25519.PrivateKey
	begun   time.Time
	expires time.Time
}

// sessions are all of a server. Its zero value has none. It is safe for concurrent use.
type sessions struct {
	mu  sync.Mutex
	all map[[32]byte]*session
}

// begin opens a session and gives its token, which is kept nowhere.
func (s *sessions) begin(org string, subject ulid.ULID, key ed25519.PrivateKey, now time.Time) (secret.Secret, *session) {
	token := secret.New(secret.Session)
	one := &session{hash: token.Hash(), org: org, subject: subject, key: key, begun: now, expires: now.Add(sessionLife)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[[32]byte]*session{}
	}
	var same []*session
	for hash, other := range s.all {
		switch {
		case !now.Before(other.expires):
			delete(s.all, hash)
		case other.org == org && other.subject == subject:
			same = append(same, other)
		}
	}
	slices.SortFunc(same, func(a, b *session) int { return a.begun.Compare(b.begun) })
	for len(same) >= sessionsEach {
		delete(s.all, same[0].hash)
		same = same[1:]
	}
	s.all[one.hash] = one
	return token, one
}

// find gives the session of a token's hash while it lasts; nil: there is none.
func (s *sessions) find(hash [32]byte, now time.Time) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[hash]
	if one != nil && !now.Before(one.expires) {
		delete(s.all, hash)
		return nil
	}
	return one
}

// goesOn says whether a session lasts yet. It is no use of the session.
func (s *sessions) goesOn(hash [32]byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[hash]
	return one != nil && now.Before(one.expires)
}

// end ends a session; nil is none.
func (s *sessions) end(one *session) {
	if one == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, one.hash)
}

// endOf ends all sessions of a subject but one, which may be nil.
func (s *sessions) endOf(org string, subject ulid.ULID, but *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for hash, one := range s.all {
		if one != but && one.org == org && one.subject == subject {
			delete(s.all, hash)
		}
	}
}

// signOut ends the session that the request is made in.
func signOut(c *call) (wire.SignedOut, error) {
	if c.caller.session == nil {
		return wire.SignedOut{}, problemOf(http.StatusConflict, wire.CodeNoSession, "The request is not made in a session: there is nothing to end")
	}
	c.server.sessions.end(c.caller.session)
	c.org.Activity.Note(c.now, node.ActivityRecord{
		Kind: node.ActivitySignedOut, Actor: c.subject.String(), Credential: c.caller.did(), Reason: "signed out",
	})
	return wire.SignedOut{Subject: keyOf(c.org, c.subject)}, nil
}
