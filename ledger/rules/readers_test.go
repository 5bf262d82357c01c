package rules_test

import (
	"slices"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Given a key for reading, then it reads while its subject is active and may read the history, and signs nothing; its
// subject gives it up itself.
func TestReaderKeys(t *testing.T) {
	w := open(t, plain, addKind("billing", events.KindTechnical), register("nkey", events.PurposeReader, "billing"), create("readers", "ledger:history.read"))
	later := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	want := func(reads bool, why string) {
		t.Helper()
		if of, ok := w.s.ReaderOf(did("nkey"), later); ok != reads || ok && of != id("billing") {
			t.Errorf("%s: it reads: %v, as %s", why, ok, of)
		}
	}
	want(false, "may not read the history")
	w.do(assign("billing", "readers"))
	want(true, "may read the history")
	if _, ok := w.s.ReaderOf(did("billing"), later); ok {
		t.Error("a credential reads")
	}
	if r := w.refused(add("bob").by("billing").signedWith(did("nkey"))); r.Code != rules.NotProven {
		t.Errorf("a command signed with it: %v", &r)
	}
	w.do(revokeRole("billing", "readers"))
	want(false, "may read the history no more")
	w.do(assign("billing", "readers"))
	w.do(rotate("nkey", "nkey2"))
	want(false, "was replaced")
	if of, ok := w.s.ReaderOf(did("nkey2"), later); !ok || of != id("billing") {
		t.Error("what replaces it does not read")
	}
	w.do(register("nkey3", events.PurposeReader, "billing"))
	if got := slices.Sorted(w.s.Readers()); len(got) != 2 {
		t.Errorf("readers: %q", got)
	}
	w.do(revokeKey("nkey3").by("billing"))
	if _, ok := w.s.ReaderOf(did("nkey3"), later); ok {
		t.Error("it reads although it was given up")
	}
	w.do(deactivate("billing"))
	if _, ok := w.s.ReaderOf(did("nkey2"), later); ok {
		t.Error("it reads for a subject that is deactivated")
	}
	if r := w.refused(register("nkey4", events.PurposeReader, "billing")); r.Code != rules.Inactive {
		t.Errorf("for one that is deactivated: %v", &r)
	}
}

// Given somebody who registers keys, then it makes no key for reading of who holds more than it does.
func TestReaderKeysAreGuarded(t *testing.T) {
	w := open(t, plain, staffed("ann", "ledger:key.register"), addKind("billing", events.KindTechnical), create("readers", "ledger:history.read"), assign("billing", "readers"))
	if r := w.refused(register("nkey", events.PurposeReader, "billing").by("ann")); r.Code != rules.NotPermitted && r.Code != rules.Escalation {
		t.Errorf("%v", &r)
	}
}
