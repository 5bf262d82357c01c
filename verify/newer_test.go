package verify_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/verify"
)

// Given an entry that a later release wrote, then everything before it is reported, and it is told from one that does not
// hold.
func TestNewerEntries(t *testing.T) {
	edit := func(name string, f func(*chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw { return w.forged(name, f) }
	}
	// text gives the history in which the bytes of an entry are others, changed as text; what signs them is left as it is.
	text := func(name string, changes ...string) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw {
			raw := string(w.entry(name).Bytes())
			for i := 0; i < len(changes); i += 2 {
				if strings.Count(raw, changes[i]) != 1 {
					w.Fatalf("%q stands %d times in %s", changes[i], strings.Count(raw, changes[i]), raw)
				}
				raw = strings.Replace(raw, changes[i], changes[i+1], 1)
			}
			all := w.raws()
			all[w.position(name)-1].Bytes = []byte(raw)
			return all
		}
	}
	renamed := []string{`urn:permledger:subject.added:2`, `urn:permledger:subject.renamed:1`, `"type":"subject.added"`, `"type":"subject.renamed"`}
	tests := []struct {
		name   string
		tamper func(*world) []verify.Raw
		at     string
		found  string
	}{
		{"a type", text("bob added", renamed...), "bob added", "subject.renamed:1"},
		{"a type, with an unknown member of the entry", text("bob added", append([]string{`"event":{`, `"epoch":1,"event":{`}, renamed...)...), "bob added", "subject.renamed:1"},
		{"a version", text("bob added", `subject.added:2`, `subject.added:3`), "bob added", "subject.added:3"},
		{"a version, with two signatures", func(w *world) []verify.Raw {
			return text("bob added", `subject.added:2`, `subject.added:3`, `"signatures":[`, `"signatures":[`+signatureOf(w.entry("bob added"))+`,`)(w)
		}, "bob added", "subject.added:3"},
		{"an algorithm", edit("bob added", func(en *chain.Entry) {
			en.Evidence.Algorithm, en.Evidence.Signature = "ML-DSA-44", make([]byte, 512)
		}), "bob added", "the algorithm ML-DSA-44"},
		{"a method", edit("bob added", func(en *chain.Entry) {
			en.Event.Auth, en.Evidence = events.Auth{Method: "password", Credential: "ann@acme.example"}, nil
		}), "bob added", "the method password"},
		{"a method, with evidence", edit("bob added", func(en *chain.Entry) { en.Event.Auth.Method = "passkey" }), "bob added", "the method passkey"},
		{"rules", func(w *world) []verify.Raw {
			return w.forged("opened", func(en *chain.Entry) {
				en.Event.Data.(*events.OrganizationOpened).Rules = rules.Version + 1
				en.Evidence = w.evidence(en.Event, "owner")
			})
		}, "opened", "version"},
	}
	for profiled, profile := range profiles {
		w := history(t, profile)
		for _, tt := range tests {
			t.Run(profiled+", "+tt.name, func(t *testing.T) {
				w := *w
				w.TB = t
				r, err := entries(t, tt.tamper(&w), verify.Options{})
				newer, broken := (*verify.NewerError)(nil), (*chain.BrokenError)(nil)
				if !errors.As(err, &newer) || errors.As(err, &broken) || newer.Position != w.position(tt.at) {
					t.Fatalf("got %v; want a NewerError at %d, and no BrokenError", err, w.position(tt.at))
				}
				unknown, refusal := (*events.UnknownTypeError)(nil), (*rules.Refusal)(nil)
				if !errors.As(err, &unknown) && !(errors.As(err, &refusal) && refusal.Code == rules.UnknownRules) {
					t.Errorf("%v does not say what is not known", err)
				}
				if !strings.Contains(err.Error(), tt.found) || !strings.Contains(err.Error(), "of a later release") {
					t.Errorf("%q does not say %q", err, tt.found)
				}
				before := newer.Position - 1
				if r == nil || r.Position != before || before > 0 && r.CID != w.entries[before-1].CID() {
					t.Errorf("the report is %+v; want one up to %d", r, before)
				}
			})
		}
	}
}

// Given an entry that looks like one of a later release, when something else of it does not hold, or another before it, then
// it is broken: the name of something new is no excuse.
func TestBrokenIsNotNewer(t *testing.T) {
	later := func(en *chain.Entry) { en.Event.Auth.Method = "passkey" }
	edit := func(f func(*chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw {
			return w.forged("bob added", func(en *chain.Entry) {
				later(en)
				f(en)
			})
		}
	}
	fails(t, history(t, plain), []attack{
		{name: "another position", at: "bob added", check: chain.CheckPosition, tamper: edit(func(en *chain.Entry) { en.Event.Sequence++ })},
		{name: "another link", at: "bob added", check: chain.CheckLink, tamper: edit(func(en *chain.Entry) { en.Event.Prev = chain.CID(nil) })},
		{name: "another ledger", at: "bob added", check: chain.CheckSource, tamper: edit(func(en *chain.Entry) { en.Event.Source = "ledger.example/other" })},
		{name: "another signature", at: "bob added", check: chain.CheckSignature, tamper: func(w *world) []verify.Raw {
			return w.replaced("bob added", `"method":"signature"`, `"method":"passkey"`)
		}},
		{name: "one before it that does not hold", at: "ann's role", check: chain.CheckSignature, tamper: func(w *world) []verify.Raw {
			all := w.replaced("ann's role", `"name":"Readers"`, `"name":"Writers"`)
			all[w.position("bob added")-1] = w.forged("bob added", later)[w.position("bob added")-1]
			return all
		}},
	})
}
