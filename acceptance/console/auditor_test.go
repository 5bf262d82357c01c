package console_test

import (
	"bytes"
	"strings"
	"testing"
)

// Given the same ledger, when somebody wants to know what was so and who did it, then history, difference, entry and answers say so,
// and a bundle of everything is verified without the server; one in which a byte was changed is refused.
func TestAuditorsDay(t *testing.T) { auditorsDay(enter(t, true)) }

func TestAuditorsDayWithoutScript(t *testing.T) { auditorsDay(enter(t, false)) }

func auditorsDay(w *walk) {
	t := w.t
	w.Click("History")
	w.See("What happened")
	w.Fill("Event, 1 to 29", "20")
	w.Click("Go")
	w.See("As of event 20")
	w.See("stokr:investor.modify")

	// What changed between two moments, and which event did it?
	w.Go("/console/acme/diff?from=20&at=24")
	w.See("What changed between event 20 and event 24")
	w.picture("difference")
	w.Go("/console/acme/entries/23")
	w.See("TICKET-140 four eyes")
	w.picture("entry")

	// Who may, now and then?
	w.Go("/console/acme/access?subject=ben&permission=investor.modify&at=20")
	w.See("Allowed as of event 20")
	w.Go("/console/acme/access?subject=ben&permission=investor.modify")
	w.See("Denied as of event 29")
	w.See("Who else may investor.modify")

	// A review of who has what.
	w.Click("Reviews")
	w.Click("Start a review")
	w.Check("Who has a role", true)
	w.Select("#role", "Investor Desk")
	w.Fill("#title", "Investor Desk, this quarter")
	w.Click("Review")
	w.Click("Record this change")
	w.See("Investor Desk, this quarter")
	w.picture("reviews")

	// Everything, to take along.
	w.Go("/console/acme/exports?what=all&format=bundle")
	name, evidence := w.Download("Download")
	bundle := w.keep(name, evidence)
	w.verified(bundle)
	at := bytes.Index(evidence, []byte("PK\x01\x02")) / 2 // somewhere in the files of the zip
	evidence[at] ^= 1
	tampered := w.keep("tampered.zip", evidence)
	if said, code := w.run("verify", tampered); code == 0 || strings.Contains(said, "\nVERIFIED\n") {
		t.Errorf("a bundle with another byte at %d is verified: %s", at, said)
	}
	if !w.script {
		return
	}
	for _, one := range [][2]string{{bundle, "The file holds"}, {tampered, "The file does not hold"}} {
		w.Go("/console/acme/verify")
		w.Upload("#verify-file", one[0])
		w.Click("#verify-start")
		w.Wait("#verify-result:not([hidden])")
		w.See(one[1])
	}
	w.picture("verify-tampered")
}
