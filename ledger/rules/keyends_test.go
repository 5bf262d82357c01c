package rules_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// registerUntil registers a credential of a subject that ends, counted from the beginning of the world.
func registerUntil(key, subject string, end time.Duration) step {
	return step{data: &events.KeyRegistered{Key: did(key), Purpose: events.PurposeCredential, Subject: id(subject), Until: start.Add(end)}}
}

// replaced puts one credential in the place of another: the new one until an end, the old one beside it until another; zero:
// there is none.
func replaced(old, with string, end, beside time.Duration) step {
	d := &events.KeyRotated{Old: did(old), New: did(with)}
	if end != 0 {
		d.Until = start.Add(end)
	}
	if beside != 0 {
		d.Beside = start.Add(beside)
	}
	return step{data: d}
}

func nameless(key string) step {
	return addWith(key, func(d *events.SubjectAdded) { d.Credential = "" })
}

// Given a credential that ends, when something is signed with it, then that is recorded before its end, and refused from it on
// with when it ended; entries that are older stay as right as they were.
func TestCredentialEnds(t *testing.T) {
	w := open(t, plain, nameless("ci"), registerUntil("ci1", "ci", time.Hour), grant("ci", "ledger:role.create"))
	w.do(create("a").by("ci").signedWith(did("ci1")))
	last := create("b").by("ci").signedWith(did("ci1")).after(time.Hour - time.Minute)
	w.do(last)
	if ends := w.s.KeyEnds(did("ci1")); !ends.Equal(start.Add(time.Hour)) {
		t.Errorf("it ends at %s", ends)
	}
	r := w.refused(create("c").by("ci").signedWith(did("ci1")).after(time.Minute))
	if r.Code != rules.NotProven || r.Reason != did("ci1")+" ended at 2026-01-01T01:00:00Z" || r.Hint == "" {
		t.Errorf("after its end: %+v", r)
	}
	if r := w.refused(replaced("ci1", "ci2", 0, 0).by("ci").signedWith(did("ci1")).after(time.Minute)); r.Code != rules.NotProven {
		t.Errorf("it replaces itself after its end: %+v", r)
	}
	w.do(replaced("ci1", "ci2", 0, 0)) // somebody else still can
	w.do(create("d").by("ci").signedWith(did("ci2")))
}

// Given a credential that is replaced with an overlap, then both sign until its end, and then the new one alone.
func TestCredentialsOverlap(t *testing.T) {
	w := open(t, plain, nameless("ci"), register("ci1", events.PurposeCredential, "ci"), grant("ci", "ledger:role.create"))
	w.do(replaced("ci1", "ci2", 0, time.Hour))
	w.do(create("a").by("ci").signedWith(did("ci1")), create("b").by("ci").signedWith(did("ci2")))
	if r := w.refused(create("c").by("ci").signedWith(did("ci1")).after(time.Hour)); r.Code != rules.NotProven {
		t.Errorf("after the overlap: %+v", r)
	}
	w.do(create("c").by("ci").signedWith(did("ci2")).after(time.Hour))

	soon := open(t, plain, nameless("ci"), registerUntil("ci1", "ci", time.Minute))
	soon.do(replaced("ci1", "ci2", 0, time.Hour))
	if ends := soon.s.KeyEnds(did("ci1")); !ends.Equal(start.Add(time.Minute)) {
		t.Errorf("an overlap gives a key that ends another end: %s", ends)
	}
}

// Given who acts with a credential that ends, or to whom an API key is assigned that does, when it makes another for itself or
// for that key, then none ends later, unless it may rotate keys.
func TestCredentialsDoNotOutliveThemselves(t *testing.T) {
	w := open(t, plain, nameless("ci"), registerUntil("ci1", "ci", time.Hour), grant("ci", "ledger:key.register"), grant("ci", "ledger:key.rotate"),
		add("ann"), addWith("key", func(d *events.SubjectAdded) {
			d.Kind, d.Auth, d.Credential, d.Holder = events.KindAPIKey, events.AuthAPIKey, "", id("ann")
		}), registerUntil("key1", "key", time.Hour), add("bob"))
	as := func(st step) step { return st.by("ci").signedWith(did("ci1")) }
	for name, st := range map[string]step{
		"itself, without an end":          as(replaced("ci1", "ci2", 0, 0)),
		"itself, with a later end":        as(replaced("ci1", "ci2", 2*time.Hour, 0)),
		"beside itself, without an end":   as(register("ci2", events.PurposeCredential, "ci")),
		"beside itself, with a later end": as(registerUntil("ci2", "ci", 2*time.Hour)),
		"the holder, without an end":      replaced("key1", "key2", 0, 0).by("ann"),
		"the holder, with a later end":    replaced("key1", "key2", 2*time.Hour, 0).by("ann"),
		"the holder, beside it":           register("key2", events.PurposeCredential, "key").by("ann"),
	} {
		if r := w.refused(st); r.Code != rules.Escalation {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, st := range map[string]step{
		"an end that is over":             registerUntil("x", "bob", 0),
		"an end of the owner's":           registerUntil("x", "owner", time.Hour),
		"an end of an event key":          step{data: &events.KeyRegistered{Key: did("x"), Purpose: events.PurposeEvent, Until: start.Add(time.Hour)}},
		"an overlap of an event key":      replaced("event", "x", 0, time.Hour),
		"an overlap that is over":         replaced("bob", "x", 0, time.Second),
		"an overlap of more than 90 days": replaced("bob", "x", 0, 91*24*time.Hour),
	} {
		if r := w.refused(st); r.Code != rules.Invalid {
			t.Errorf("%s: %+v", name, r)
		}
	}
	w.do(as(replaced("ci1", "ci2", time.Hour, 0)), replaced("key1", "key2", time.Hour, 0).by("ann"), replaced("key2", "key3", 0, 0))
	w.do(replaced("key3", "key4", 0, 0).by("ann")) // of a key without an end
}

// Given an owner with a credential that ends because it was replaced, when it revokes the other, then it is refused.
func TestOwnerKeepsACredential(t *testing.T) {
	w := open(t, plain)
	w.do(replaced("owner", "owner2", 0, time.Hour))
	if r := w.refused(revokeKey("owner2").signedWith(did("owner2"))); r.Code != rules.InUse {
		t.Errorf("the only one that has no end: %+v", r)
	}
}
