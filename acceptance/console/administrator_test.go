package console_test

import (
	"strings"
	"testing"
	"time"
)

// Given a throw-away ledger, when its new administrator makes a role in the console, gives it to a colleague, takes a permission
// out again and looks back, then each page says what is so and why, and the role's signed document is verified without the server.
func TestAdministratorsDay(t *testing.T) { administratorsDay(enter(t, true)) }

func TestAdministratorsDayWithoutScript(t *testing.T) { administratorsDay(enter(t, false)) }

func administratorsDay(w *walk) {
	t := w.t
	w.See("Needs attention")
	w.picture("overview")

	// A role with three permissions.
	w.Click("Roles")
	w.Click("Create role")
	w.Fill("Name", "Compliance Officer")
	w.Fill("Description", "Creates, verifies and whitelists investors")
	w.Fill("When to give it, and to whom", "To everybody of the compliance desk, after the training")
	for _, permission := range []string{"investor.create", "investor.verify", "whitelist.add_investor"} {
		w.Check(`input[data-name="`+permission+`"]`, true)
	}
	w.picture("create-role")
	w.Click("Review change")
	w.See("Nobody gains or loses anything by it")
	w.Fill("Reason", "TICKET-201")
	w.Click("Record this change")
	w.See("Recorded: event 30")
	w.picture("role")

	// For a colleague, who may do these three things then.
	w.Click("Members")
	w.Click("Add without invitation")
	w.Fill("#key", "eva")
	w.Fill("Display name", "Eva Berg")
	w.Click("Review")
	w.Click("Record this change")
	w.See("Recorded: event 31")
	w.Click("Manage roles")
	w.Check("Compliance Officer compliance-officer", true)
	w.Click("Review the change")
	w.See("eva gains")
	w.Fill("Reason", "joins the desk")
	w.picture("review")
	w.Click("Record this change")
	w.See("Recorded: event 32")

	// What may he do now, and why?
	w.Go("/console/acme/access?subject=eva&permission=whitelist.add_investor")
	w.See("Allowed as of event 32: eva may stokr:whitelist.add_investor")
	w.picture("access")

	// One permission less.
	w.Go("/console/acme/roles/compliance-officer/edit")
	w.Check(`input[data-name="whitelist.add_investor"]`, false)
	w.Click("Review change")
	w.See("loses")
	w.Fill("Reason", "TICKET-230 four eyes")
	w.picture("review-removal")
	w.Click("Record this change")
	w.See("Recorded: event 33")
	w.Go("/console/acme/access?subject=eva&permission=whitelist.add_investor")
	w.See("Denied as of event 33: eva may not stokr:whitelist.add_investor")
	w.See("TICKET-230 four eyes")
	w.picture("access-denied")

	// What was so a moment ago, and yesterday, when there was nothing.
	w.Go("/console/acme/roles/compliance-officer?at=32")
	w.See("As of event 32")
	w.See("read-only")
	w.picture("as-of")
	w.Click("Choose another moment")
	w.See("Yesterday: the first event is of")
	w.picture("history")
	w.Expect(400)
	w.Go("/console/acme/roles?at=" + time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly))
	w.See("The same page, live")

	// The role's signed document, as a file, and what verifies it.
	w.Go("/console/acme/exports?what=role&role=compliance-officer&format=bundle")
	w.See("The signed document")
	w.picture("export")
	name, evidence := w.Download("Download")
	bundle := w.keep(name, evidence)
	if said := w.verified(bundle); !strings.Contains(said, "documents are signed with the ledger's document key") {
		t.Errorf("the bundle of the role has no document: %s", said)
	}
	w.Go("/console/acme/exports?what=role&role=compliance-officer&format=vc")
	name, document := w.Download("Download")
	signed := w.keep(name, document)
	if said, code := w.run("verify", signed, "--bundle", bundle); code != 0 {
		t.Errorf("permledger verify %s --bundle %s ended with %d:\n%s", signed, bundle, code, said)
	}
	w.Go("/console/acme/verify")
	if !w.script {
		w.See("This takes script")
		return
	}
	for picture, path := range map[string]string{"verify-bundle": bundle, "verify-document": signed} {
		w.Go("/console/acme/verify")
		w.Upload("#verify-file", path)
		w.Click("#verify-start")
		w.Wait("#verify-result:not([hidden])")
		w.See("The file holds")
		w.picture(picture)
	}
}
