package verify_test

import (
	"time"

	"github.com/permledger/permledger/events"
)

// lives records what there is of subjects that join, leave and are spoken of.
func (w *world) lives() {
	w.do(ask{as: "pat invited"}, &events.SubjectInvited{
		Subject: id("pat"), Key: "pat", Kind: events.KindHuman, Invitation: did("code of pat"), Email: events.Digest{4}, Until: w.now.Add(time.Hour),
	})
	w.do(ask{as: "pat joined", by: "pat", with: "code of pat"}, &events.SubjectJoined{Subject: id("pat"), Credential: did("pat"), Login: events.Digest{5}})
	w.do(ask{as: "pat's login", by: "pat"}, &events.LoginChanged{Subject: id("pat"), Credential: did("pat"), Login: events.Digest{6}})
	w.do(ask{as: "pat changed"}, &events.SubjectUpdated{Subject: id("pat"), Properties: []events.Property{{Name: "country", Value: "LU"}}})
	w.do(ask{as: "pat linked"}, &events.SubjectLinked{Subject: id("pat"), To: "did:web:pat.example"})
	w.do(ask{as: "pat unlinked"}, &events.SubjectUnlinked{Subject: id("pat"), To: "did:web:pat.example"})
	w.do(ask{as: "pat deactivated"}, &events.SubjectDeactivated{Subject: id("pat")})
	w.do(ask{as: "pat reactivated"}, &events.SubjectReactivated{Subject: id("pat")})
	w.do(ask{as: "pat erased"}, &events.SubjectErased{Subject: id("pat"), Texts: []events.Digest{{4}, {5}}})
	w.do(ask{as: "pat removed"}, &events.SubjectRemoved{Subject: id("pat")})
}
