package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given an organization without policies, when its owner registers one, publishes it, assigns somebody and takes that away again,
// then each is reviewed, recorded and shown, and the past shows what was.
func TestPolicies(t *testing.T) {
	w := newWorld(t, "guardian")
	w.join("dora", "dora@acme.test", "policy-user")
	b := w.signedIn("owner")
	b.get("/console/acme/policies").has(t, "Policies 0", "None.", "Register")

	form := b.get("/console/acme/policies/register")
	bad := b.submit(form, "/console/acme/policies/register", url.Values{"kind": {"Policy!"}, "id": {"a b"}, "properties": {"country=LU\nno sign\ncountry=DE"}, "name": {"Kept"}})
	if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.html, `aria-invalid="true"`) || !strings.Contains(bad.html, `value="Kept"`) {
		t.Errorf("a bad form is answered with %d: %s", bad.status, bad.html)
	}
	bad.has(t, "A kind has small letters", "An id has letters", "Line 2 is not name=value")

	review := b.submit(form, "/console/acme/policies/register", url.Values{"kind": {"policy"}, "id": {"4711"}, "name": {"Carbon"}, "properties": {"country=LU"}})
	review.has(t, "Register policy/4711")
	made := b.confirm(review, "the new methodology")
	if !strings.HasPrefix(made.address, "/console/acme/policies/policy%2F4711?recorded=") {
		t.Fatalf("registered, and led to %s: %s", made.address, made.text())
	}
	made.has(t, "Carbon", "Draft", "country LU", "Nobody is assigned.", "the new methodology")

	page := b.submit(made, "/console/acme/policies/policy%2F4711", url.Values{"do": {"publish"}})
	page.has(t, "Publish policy/4711", "Published policies are seen")
	page = b.confirm(page, "")
	page.has(t, "Published")
	page = b.submit(page, "/console/acme/policies/policy%2F4711", url.Values{"do": {"assign"}, "subject": {"dora"}})
	page.has(t, "Assign dora to policy/4711", "dora is assigned to policy/4711", "dora gains", "guardian:POLICIES_POLICY_READ on policy/4711")
	page.hasNot(t, "Nobody gains or loses anything")
	page = b.confirm(page, "her desk")
	page.has(t, "Assigned 1", "Take away")
	b.get("/console/acme/policies?seen=dora").has(t, "Policies 1", "policy/4711")
	b.get("/console/acme/policies?seen=nobody-there").has(t, "nobody-there")

	seq := page.address[strings.LastIndex(page.address, "=")+1:]
	page = b.confirm(b.submit(page, "/console/acme/policies/policy%2F4711", url.Values{"do": {"unassign"}, "subject": {"dora"}}), "left")
	page.has(t, "Assigned 0")
	past := b.get("/console/acme/policies/policy%2F4711?at=" + seq)
	past.has(t, "Assigned 1", "dora", "As of event "+seq)
	past.hasNot(t, "Take away", "Review change", "Withdraw", "Assign ")

	if empty := b.submit(page, "/console/acme/policies/policy%2F4711", url.Values{"do": {"assign"}, "subject": {" "}}); empty.status != http.StatusUnprocessableEntity {
		t.Errorf("nobody is assigned: %d", empty.status)
	}
	same := b.submit(page, "/console/acme/policies/policy%2F4711", url.Values{"do": {"update"}, "name": {"Carbon"}, "properties": {"country=LU\r\n"}})
	same.has(t, "Nothing is different from what is recorded")
	page = b.confirm(b.submit(page, "/console/acme/policies/policy%2F4711", url.Values{"do": {"update"}, "name": {""}, "properties": {""}}), "")
	if strings.Contains(page.html, "<h1><bdi>Carbon") || strings.Contains(page.html, "<dt><bdi>country") {
		t.Errorf("name and properties stay: %s", page.text())
	}
	page = b.confirm(b.submit(page, "/console/acme/policies/policy%2F4711", url.Values{"do": {"remove"}}), "over")
	page.has(t, "Policies 0")
	if gone := b.get("/console/acme/policies/policy%2F4711"); gone.status != http.StatusNotFound {
		t.Errorf("a policy that is gone is answered with %d", gone.status)
	}
}

// Given somebody who has a role and may delegate, when it passes the role and a policy on, then the other has both; what it has not
// itself is not offered, and refused.
func TestDelegate(t *testing.T) {
	w := newWorld(t, "guardian")
	w.do(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/1", Publish: true})
	w.do(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/2"})
	w.role("passer", "Passer", "DELEGATION_ROLE_MANAGE", "ACCESS_POLICY_PUBLISHED", "POLICIES_POLICY_READ")
	w.join("dora", "dora@acme.test", "passer")
	w.join("ben", "ben@acme.test")
	b := w.signedIn("dora")
	b.get("/console/acme/policies").hasNot(t, "Register")
	page := b.get("/console/acme/policies/delegate")
	page.has(t, "passer", "policy/1", "To whom")
	page.hasNot(t, "policy/2", "policy-approver")
	none := b.submit(page, "/console/acme/policies/delegate", url.Values{"subject": {""}, "until": {"never"}})
	none.has(t, "Say who is to have it", "Until is a day", "Choose a role or a policy at least")
	review := b.submit(page, "/console/acme/policies/delegate", url.Values{"subject": {"ben"}, "role": {"passer "}, "resource": {"policy/1"}})
	review.has(t, "Pass passer, policy/1 on to ben", "ben gains", "guardian:DELEGATION_ROLE_MANAGE")
	done := b.confirm(review, "holidays")
	if !strings.Contains(done.address, "recorded=") {
		t.Fatalf("it is not recorded: %s", done.text())
	}
	w.signedIn("ben").get("/console/acme/policies/delegate").has(t, "passer", "passed on by dora", "policy/1")
	b.submit(page, "/console/acme/policies/delegate", url.Values{"subject": {"ben"}, "role": {"policy-approver "}}).has(t, "policy-approver")
	refused := b.submit(page, "/console/acme/policies/delegate", url.Values{"subject": {"ben"}, "resource": {"policy/2"}})
	refused.has(t, "There is no resource policy/2 that you have access to")
}

// Given an organization in which nothing is delegated, then no page offers it. Given more policies than are offered at once, then others
// are searched for.
func TestWhatIsDelegable(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.do(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/1"})
	b := w.signedIn("owner")
	b.get("/console/acme/policies").hasNot(t, "Pass on")
	b.get("/console/acme/policies/policy%2F1").hasNot(t, "Pass on")
	b.get("/console/acme/policies/delegate").has(t, "Nothing can be passed on")

	w = newWorld(t, "guardian")
	for i := range 130 {
		w.do(wire.Intent{Kind: wire.RegisterResource, Resource: fmt.Sprintf("policy/%03d", i)})
	}
	b = w.signedIn("owner")
	b.get("/console/acme/policies/delegate").has(t, "policy/099", "30 more policies not shown")
	found := b.get("/console/acme/policies/delegate?q=129")
	found.has(t, "policy/129")
	found.hasNot(t, "policy/001", "not shown")
	list := b.get("/console/acme/policies")
	list.has(t, "Policies 130", "1 to 50 of 130", "Next")
	b.get("/console/acme/policies?from=100").has(t, "101 to 130 of 130", "policy/129", "Before")
}

// Given texts that try to be markup, or to be endless, when they name a policy, then they are shown as the text that they are.
func TestHostilePolicy(t *testing.T) {
	w := newWorld(t, "guardian")
	name := `<script>alert(1)</script> "'> evil`
	w.do(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/<script>", Name: &name, Properties: map[string]string{"note": `"><img src=x>` + strings.Repeat("long", 50)}})
	b := w.signedIn("owner")
	for _, path := range []string{"/console/acme/policies", "/console/acme/policies/policy%2F%3Cscript%3E"} {
		page := b.get(path)
		if page.status != http.StatusOK || strings.Contains(page.html, "<script>") || strings.Contains(page.html, "<img src=x") {
			t.Errorf("%s (%d) holds markup of a name: %s", path, page.status, page.html)
		}
		page.has(t, "evil", "policy/<script>")
	}
	for path, escaped := range map[string]string{"policy/..": "policy%2F..", "policy/a%2Fb": "policy%2Fa%252Fb", "policy/a?b#c": "policy%2Fa%3Fb%23c", "policy/register": "policy%2Fregister"} {
		w.do(wire.Intent{Kind: wire.RegisterResource, Resource: path})
		page := b.get("/console/acme/policies/" + escaped)
		page.has(t, path, "What happened to it")
		if !strings.Contains(b.get("/console/acme/policies").html, `href="/console/acme/policies/`+escaped+`"`) {
			t.Errorf("no link leads to %s", path)
		}
	}
}

// In a browser: policies and delegation, their pictures, and what axe says of them.
func TestPoliciesInABrowser(t *testing.T) {
	w := newWorld(t, "guardian")
	name := "Carbon"
	w.join("dora", "dora@acme.test", "policy-user")
	w.do(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/4711", Name: &name, Properties: map[string]string{"country": "LU"}})
	w.do(wire.Intent{Kind: wire.AssignAccess, Resource: "policy/4711", Subject: "dora"})
	p := w.browse(t, "owner")
	p.Click("Policies")
	p.At("/console/acme/policies")
	p.Inspect("policies")
	p.Click("policy/4711")
	p.See("Assigned")
	p.Inspect("policy")
	p.Click("Publish")
	p.See("Publish policy/4711")
	p.Fill("Reason", "ready")
	p.Inspect("publish")
	p.Click("Record this change")
	p.See("Published")
	p.Go("/console/acme/policies/register")
	p.Inspect("register")
	p.Go("/console/acme/policies/delegate")
	p.Inspect("delegate")
}
