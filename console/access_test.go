package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given somebody who had a role and lost it, when it is asked what it may, then the answer says so in words and as a picture that is
// broken at the event that took the role away, when it was allowed, and who may.
func TestAccess(t *testing.T) {
	w := past(t)
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "night", Reason: "night shift"})
	b := w.signedIn("owner")
	page := b.get("/console/acme/access?subject=ben&permission=b.read")
	page.has(t, "Denied as of event 9: ben may not b.read", "Allowed at event 7 only", "Broken: taken away at event 8 by owner left the <i>desk</i>",
		"What stands in the way", "give the role desk", "Is a role assigned?", "Who else may b.read", "the owner, given at event 1",
		"All that ben may", "b.write", "night , given at event 9 by owner , in the role since event 4", "permledger check ben b.read --as-of 9 --proof -O decision.json")
	b.get("/console/acme/access?subject=ben&permission=a.read").has(t, "Allowed as of event 9", "Allowed from event 6 to 7 , and since event 9", "given at event 9 by owner night shift", "holds it at event 4")
	then := b.get("/console/acme/access?subject=ben&permission=b.read&at=7")
	then.has(t, "As of event 7", "Allowed as of event 7", "Allowed since event 7", "given at event 6", "holds it at event 7", "Ask as of event 7")
	then.hasNot(t, "give the role")
}

// Given somebody who may not because of something that can be mended, when it is asked why, then the ways to mend it are offered to who may,
// and in the past to nobody.
func TestWaysToAccess(t *testing.T) {
	w := past(t)
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "night"})
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "night", Remove: []string{"b.write"}, Reason: "too much"})
	w.do(wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "c.read"})
	w.do(wire.Intent{Kind: wire.RevokePermission, Subject: "ben", Permission: "c.read"})
	b := w.signedIn("owner")
	b.get("/console/acme/access?subject=ben&permission=b.write").has(t, "Denied", "has it role night", "Broken: taken out at event 10 by owner too much", "put it into the role night", "Allowed at event 9 only.")
	b.get("/console/acme/access?subject=ben&permission=c.read").has(t, "Broken: taken away at event 12 by owner", "give it again")
	w.do(wire.Intent{Kind: wire.RevokeRole, Subject: "ben", Role: "night"})
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "night"})
	w.do(wire.Intent{Kind: wire.DeactivateSubject, Subject: "ben"})
	b.get("/console/acme/access?subject=ben&permission=a.read").has(t, "deactivated at event 15 by owner", "reactivate ben", "Allowed from event 6 to 7 , and from event 9 to 12 , and at event 14 only.")
	b.get("/console/acme/access?subject=ben&permission=a.read&at=15").hasNot(t, "reactivate ben")
	w.do(wire.Intent{Kind: wire.ReactivateSubject, Subject: "ben"})
	w.do(wire.Intent{Kind: wire.RevokeRole, Subject: "ben", Role: "night"})
	w.do(wire.Intent{Kind: wire.DeleteRole, Role: "night", Confirm: true, Reason: "no nights any more"})
	gone := b.get("/console/acme/access?subject=ben&permission=a.read")
	gone.has(t, "had it role night", "Broken: the role was deleted at event 18 by owner no nights any more")
	gone.hasNot(t, "give the role night", "put it into the role night")
}

// Given a wallet that comes along, when it is asked about, then the question goes with it.
func TestAccessWithAWallet(t *testing.T) {
	w := past(t)
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "0x1111111111111111111111111111111111111111", SubjectKind: "wallet"})
	b := w.signedIn("owner")
	page := b.get("/console/acme/access?subject=ben&permission=b.read&with=0x1111111111111111111111111111111111111111")
	page.has(t, "Denied as of event 9", "--with 0x1111111111111111111111111111111111111111 --as-of 9")
	if nobody := b.get("/console/acme/access?subject=ben&permission=b.read&with=nobody"); nobody.status != http.StatusNotFound {
		t.Errorf("with a wallet that there is not: %d", nobody.status)
	}
}

// Given names that nobody and nothing has, when it is asked about them, then the answer says what they may have been.
func TestAccessOfNobody(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/access?subject=bem&permission=a.raed")
	page.has(t, "Denied", "nobody has the key bem", "ask about ben", "ask about a.read")
	if !strings.Contains(page.html, `href="/console/acme/access?permission=a.raed&amp;subject=ben"`) {
		t.Error("the nearest name is no link that asks about it")
	}
	b.get("/console/acme/access?permission=b.write").has(t, "Who may b.write", "owner")
	b.get("/console/acme/access?permission=no.such").has(t, "There is no permission no.such")
	b.get("/console/acme/access?subject=%24%28reboot%29&permission=it%27s").has(t, `permledger check '$(reboot)' 'it'\''s'`)
	long := strings.Repeat("x", 3000)
	if page := b.get("/console/acme/access?subject=" + long + "&permission=" + long + "&resource=" + long); page.status >= http.StatusInternalServerError {
		t.Errorf("long names: %d", page.status)
	}
}

// Given somebody who may read nothing but itself, when it comes to effective access, then it sees what it may, and may ask why.
func TestOwnAccess(t *testing.T) {
	w := past(t)
	w.join("dora", "dora@example.com", "night")
	b := w.signedIn("dora")
	b.get("/console/acme/access").has(t, "What dora may do", "b.write", "Live at event 11")
	why := b.get("/console/acme/access?subject=dora&permission=b.write")
	why.has(t, "Allowed as of event 11", "holds it")
	why.hasNot(t, "Who else may", "give the role")
	other := b.get("/console/acme/access?subject=ben&permission=b.write")
	if other.status != http.StatusForbidden {
		t.Errorf("about others: %d", other.status)
	}
	other.hasNot(t, "Allowed as of", "Denied as of")
}
