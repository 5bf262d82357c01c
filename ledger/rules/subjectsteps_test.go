package rules_test

import (
	"time"

	"github.com/permledger/permledger/events"
)

// invite invites somebody for a week, with roles to begin with. The code's key is that of "code of" it.
func invite(key string, roles ...string) step {
	return inviteBy(key, "code of "+key, roles...)
}

func inviteBy(key, code string, roles ...string) step {
	d := &events.SubjectInvited{Subject: id(key), Key: key, Kind: events.KindHuman, Invitation: did(code)}
	if len(roles) > 0 {
		d.Roles = ids(roles...)
	}
	return step{data: d}.butIn(func(w *world, c *events.Command) {
		d := *c.Data.(*events.SubjectInvited)
		if d.Until.IsZero() {
			d.Until = w.s.Time().Add(7 * 24 * time.Hour)
		}
		c.Data = &d
	})
}

// join is signed with the code, and brings the key that the subject then signs with.
func join(key string) step { return joinBy(key, "code of "+key, key) }

func joinBy(key, code, credential string) step {
	return step{actor: key, data: &events.SubjectJoined{Subject: id(key), Credential: did(credential)}}.signedWith(did(code))
}

func removeSubject(key string) step { return step{data: &events.SubjectRemoved{Subject: id(key)}} }
func reactivate(key string) step    { return step{data: &events.SubjectReactivated{Subject: id(key)}} }

func link(key, to string) step { return step{data: &events.SubjectLinked{Subject: id(key), To: to}} }
func unlink(key, to string) step {
	return step{data: &events.SubjectUnlinked{Subject: id(key), To: to}}
}

func erase(key string, texts ...events.Digest) step {
	return step{data: &events.SubjectErased{Subject: id(key), Texts: texts}}
}

func changeLogin(key, credential string, login events.Digest) step {
	return step{data: &events.LoginChanged{Subject: id(key), Credential: did(credential), Login: login}}
}

func updateSubject(key string, f func(*events.SubjectUpdated)) step {
	d := &events.SubjectUpdated{Subject: id(key)}
	f(d)
	return step{data: d}
}

// apiKey adds an API key with roles.
func apiKey(key string, roles ...string) step {
	d := &events.SubjectAdded{Subject: id(key), Key: key, Kind: events.KindAPIKey, Credential: did(key), Auth: events.AuthAPIKey}
	if len(roles) > 0 {
		d.Roles = ids(roles...)
	}
	return step{data: d}
}

// addWith is add with more said.
func addWith(key string, f func(*events.SubjectAdded)) step {
	d := &events.SubjectAdded{Subject: id(key), Key: key, Kind: events.KindHuman, Credential: did(key)}
	f(d)
	return step{data: d}
}
