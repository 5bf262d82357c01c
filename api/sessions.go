package api

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/node"
)

const (
	// sessionLife is how long a session lasts from signing in; nothing extends it.
	sessionLife = 12 * time.Hour
	// sessionIdle is how long a session in a cookie lasts without a request. A token that a program keeps is not left open on
	// somebody's screen: it has its whole life.
	sessionIdle = 30 * time.Minute
	// sessionsEach bounds how many sessions one subject has at a time: the oldest ends for a new one.
	sessionsEach = 32
)

// session is somebody who signed in. Its key is in memory only: a server that ends, ends all sessions. Only seen changes,
// under the lock of sessions.
type session struct {
	hash    [32]byte // of the token
	id      string   // by which whoever it is of names it; it opens nothing
	org     string
	subject ulid.ULID
	kind    CallerKind         // Session, Wallet or OIDC: in which way it was opened
	key     ed25519.PrivateKey // of Session: signs what is done in it
	wallet  string             // of Wallet: the credential
	cookie  bool               // its token comes in a cookie, and in nothing else
	csrf    string             // what a request that changes something brings besides its cookie
	begun   time.Time
	seen    time.Time
	expires time.Time
}

func (s *session) caller(now func() time.Time) Caller {
	return Caller{Kind: s.kind, key: s.key, session: s, now: now}
}

func (s *session) ended(now time.Time) bool {
	return !now.Before(s.expires) || s.cookie && now.Sub(s.seen) >= sessionIdle
}

// sessions are all of a server. Its zero value has none. It is safe for concurrent use.
type sessions struct {
	mu  sync.Mutex
	all map[[32]byte]*session
}

// begin opens a session as one describes it and gives its token, which is kept nowhere.
func (s *sessions) begin(one session, now time.Time) (secret.Secret, *session) {
	token := secret.New(secret.Session)
	one.hash, one.id = token.Hash(), node.NewID(now.UnixMilli()).String()
	one.begun, one.seen, one.expires = now, now, now.Add(sessionLife)
	if one.cookie {
		one.csrf = rand.Text()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[[32]byte]*session{}
	}
	var same []*session
	for hash, other := range s.all {
		switch {
		case other.ended(now):
			delete(s.all, hash)
		case other.org == one.org && other.subject == one.subject:
			same = append(same, other)
		}
	}
	slices.SortFunc(same, func(a, b *session) int { return a.begun.Compare(b.begun) })
	for len(same) >= sessionsEach {
		delete(s.all, same[0].hash)
		same = same[1:]
	}
	s.all[one.hash] = &one
	return token, &one
}

// find gives the session of a token's hash while it lasts; nil: there is none that comes in this way. It is seen by that.
func (s *sessions) find(hash [32]byte, cookie bool, now time.Time) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[hash]
	if one == nil || one.cookie != cookie {
		return nil
	}
	if one.ended(now) {
		delete(s.all, hash)
		return nil
	}
	one.seen = now
	return one
}

// goesOn says whether a session lasts yet. It is no use of the session.
func (s *sessions) goesOn(hash [32]byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[hash]
	return one != nil && !one.ended(now)
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

// of gives the sessions of a subject as they are now, the newest first.
func (s *sessions) of(org string, subject ulid.ULID, now time.Time) (all []session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.org == org && one.subject == subject && !one.ended(now) {
			all = append(all, *one)
		}
	}
	slices.SortFunc(all, func(a, b session) int { return cmp.Or(b.begun.Compare(a.begun), cmp.Compare(b.id, a.id)) })
	return all
}

// endOf ends all sessions of a subject but one, which may be nil, and says how many.
func (s *sessions) endOf(org string, subject ulid.ULID, but *session) (ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for hash, one := range s.all {
		if one != but && one.org == org && one.subject == subject {
			delete(s.all, hash)
			ended++
		}
	}
	return ended
}

// opened answers for a session that was opened: with its token, or with a cookie that holds it. A session that the request
// came in ends for it, so that nobody goes on with a token that was there before somebody signed in.
func (c *call) opened(one session, browser bool, reason string) (wire.SignedIn, error) {
	if browser {
		if err := c.server.cookiesServed(c.Request); err != nil {
			return wire.SignedIn{}, err
		}
		before, _ := c.server.sessionIn(c.Request)
		c.server.sessions.end(before)
	}
	one.org, one.cookie = c.org.ID, browser
	token, s := c.server.sessions.begin(one, c.now)
	c.org.Activity.Note(c.now, node.ActivityRecord{Kind: node.ActivitySignedIn, Actor: s.subject.String(), Credential: s.caller(nil).did(), Reason: reason})
	out := wire.SignedIn{Subject: keyOf(c.org, s.subject), Expires: stamp(s.expires), CSRF: s.csrf}
	if browser {
		http.SetCookie(headerOnly{c.out}, c.server.cookieOf(c.Request, c.org.ID, token.Text()))
	} else {
		out.Token = token.Text()
	}
	return out, nil
}

// signOut ends the session that the request is made in.
func signOut(c *call) (wire.SignedOut, error) {
	s := c.caller.session
	if s == nil {
		return wire.SignedOut{}, problemOf(http.StatusConflict, wire.CodeNoSession, "The request is not made in a session: there is nothing to end")
	}
	c.server.sessions.end(s)
	if s.cookie {
		gone := c.server.cookieOf(c.Request, c.org.ID, "")
		gone.MaxAge = -1
		http.SetCookie(headerOnly{c.out}, gone)
	}
	c.signedOut(c.subject, "signed out")
	return wire.SignedOut{Subject: keyOf(c.org, c.subject)}, nil
}

func (c *call) signedOut(who ulid.ULID, reason string) {
	c.org.Activity.Note(c.now, node.ActivityRecord{Kind: node.ActivitySignedOut, Actor: who.String(), Credential: c.caller.did(), Reason: reason})
}

// listSessions gives the caller's own sessions.
func listSessions(c *call) (wire.List[wire.Session], error) {
	list := wire.List[wire.Session]{Items: []wire.Session{}, AsOf: head(c.org, c.now)}
	for _, s := range c.server.sessions.of(c.org.ID, c.subject, c.now) {
		ends := s.expires
		if idle := s.seen.Add(sessionIdle); s.cookie && idle.Before(ends) {
			ends = idle
		}
		list.Items = append(list.Items, wire.Session{
			ID: s.id, Kind: string(s.kind), Cookie: s.cookie, Begun: stamp(s.begun), Seen: stamp(s.seen), Ends: stamp(ends),
			Current: c.caller.session != nil && c.caller.session.id == s.id,
		})
	}
	return list, nil
}

// endSession ends one of the caller's sessions by its id.
func endSession(c *call) (wire.SignedOut, error) {
	for _, s := range c.server.sessions.of(c.org.ID, c.subject, c.now) {
		if s.id == c.PathValue("id") {
			c.server.sessions.end(&s)
			c.signedOut(c.subject, "ended a session of its own")
			return wire.SignedOut{Subject: keyOf(c.org, c.subject), Ended: 1}, nil
		}
	}
	return wire.SignedOut{}, problemOf(http.StatusNotFound, string(rules.NotFound), "There is no such session of yours")
}

// endSessionsOf ends all sessions of a subject; one's own but the one that the request is made in.
func endSessionsOf(c *call) (wire.SignedOut, error) {
	var id ulid.ULID
	var ok bool
	name := c.PathValue("key")
	c.org.Fold.Read(func(s *rules.State) {
		if id, ok = s.SubjectByKey(name); !ok {
			if given, err := ulid.ParseStrict(name); err == nil {
				id = given
				_, ok = s.Subject(id)
			}
		}
	})
	if !ok {
		return wire.SignedOut{}, problemOf(http.StatusNotFound, string(rules.NotFound), "There is no such subject")
	}
	ended := c.server.sessions.endOf(c.org.ID, id, c.caller.session)
	if ended > 0 {
		by := "ended its other sessions"
		if id != c.subject {
			by = "its sessions were ended by " + cmp.Or(keyOf(c.org, c.subject), "the operator of the node")
		}
		c.signedOut(id, by)
	}
	return wire.SignedOut{Subject: keyOf(c.org, id), Ended: ended}, nil
}
