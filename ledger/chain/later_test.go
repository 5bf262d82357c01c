package chain_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
)

// Given evidence of an algorithm, or a method of authentication, that a later release brought, then the form of the entry
// holds, and the error says what is not known.
func TestLaterProofs(t *testing.T) {
	unsigned := func(method, credential string) func(*testing.T, *events.Event) *chain.Evidence {
		return func(_ *testing.T, e *events.Event) *chain.Evidence {
			e.Auth = events.Auth{Method: method, Credential: credential}
			return nil
		}
	}
	tests := []struct {
		name     string
		evidence func(*testing.T, *events.Event) *chain.Evidence
		want     string
	}{
		{"another algorithm", func(t *testing.T, e *events.Event) *chain.Evidence {
			ev := evidence(t, e, ownerKey)
			ev.Algorithm, ev.Signature = "ML-DSA-44", make([]byte, 512)
			return ev
		}, "the algorithm ML-DSA-44 is not known"},
		{"an algorithm in another case, with a signature that holds", func(t *testing.T, e *events.Event) *chain.Evidence {
			ev := evidence(t, e, ownerKey)
			ev.Algorithm = "ed25519"
			return ev
		}, "the algorithm ed25519 is not known"},
		{"another method", unsigned("password", "ben@acme.example"), "the method password is not known"},
		{"another method, with a key", unsigned("other", did(ownerKey)), "the method other is not known"},
		{"another method, with evidence", func(t *testing.T, e *events.Event) *chain.Evidence {
			e.Auth.Method = "other"
			return evidence(t, e, ownerKey)
		}, "the method other is not known"},
		{"another method, with evidence of a credential that is no key", func(t *testing.T, e *events.Event) *chain.Evidence {
			e.Auth = events.Auth{Method: "passkey", Credential: strings.Repeat("~", 256)}
			ev := evidence(t, e, ownerKey)
			ev.Algorithm, ev.Key, ev.Signature = "ES256", e.Auth.Credential, []byte{1}
			return ev
		}, "the method passkey is not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(t).add(firstKey, ownerKey, opened())
			e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
			ev := tt.evidence(t, e)
			_, err := verify(append(h.raws(), seal(t, e, nil, ev, firstKey).Bytes()))
			wantBroken(t, err, chain.CheckEvidence, 2)
			unknown := (*events.UnknownTypeError)(nil)
			if !errors.As(err, &unknown) || !errors.Is(err, chain.ErrEvidence) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want an UnknownTypeError that says %q", err, tt.want)
			}
		})
	}
}

// Given an entry whose event is of a type or version that is not known, when what is around it is not known either, then
// the type is what the error names; where the type is known, the form is what does not hold.
func TestLaterEntries(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
	good := string(seal(t, e, nil, evidence(t, e, ownerKey), firstKey).Bytes())
	const schema = `"dataschema":"urn:permledger:subject.deactivated:1"`
	typ := func(of string) []string { return []string{schema, `"dataschema":"urn:permledger:` + of + `"`} }
	var (
		frame  = []string{`"event":{`, `"epoch":1,"event":{`}
		member = []string{`"specversion"`, `"region":"eu","specversion"`}
		second = []string{`"signatures":[`, `"signatures":[{"key":"` + did(secondKey) + `","sig":"` + strings.Repeat("A", 86) + `"},`}
		proof  = []string{`"algorithm":"Ed25519",`, ``}
	)
	tests := []struct {
		name    string
		changes [][]string
		unknown string // empty: the form does not hold
	}{
		{"version 0, an unknown member of the entry", [][]string{typ("subject.deactivated:0"), frame}, ""},
		{"version -1, an unknown member of the entry", [][]string{typ("subject.deactivated:-1"), frame}, ""},
		{"a name that is none", [][]string{typ("Subject:1"), frame}, ""},
		{"another type", [][]string{typ("subject.renamed:1"), {`"type":"subject.deactivated"`, `"type":"subject.renamed"`}}, "subject.renamed:1"},
		{"another version", [][]string{typ("subject.deactivated:2")}, "subject.deactivated:2"},
		{"another type, an unknown member of the entry", [][]string{typ("subject.renamed:1"), frame}, "subject.renamed:1"},
		{"another type, an unknown member of the event", [][]string{typ("subject.renamed:1"), member}, "subject.renamed:1"},
		{"another version, two signatures", [][]string{typ("subject.deactivated:2"), second}, "subject.deactivated:2"},
		{"another version, evidence of another form", [][]string{typ("subject.deactivated:2"), proof}, "subject.deactivated:2"},
		{"an unknown member of the entry", [][]string{frame}, ""},
		{"an unknown member of the event", [][]string{member}, ""},
		{"no schema", [][]string{{schema + ",", ``}}, ""},
		{"no schema, an unknown member of the entry", [][]string{{schema + ",", ``}, frame}, ""},
		{"a schema of somebody else, an unknown member of the entry", [][]string{{`urn:permledger:subject`, `urn:example:subject`}, frame}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := good
			for _, c := range tt.changes {
				if strings.Count(raw, c[0]) != 1 {
					t.Fatalf("%s stands %d times in\n%s", c[0], strings.Count(raw, c[0]), raw)
				}
				raw = strings.Replace(raw, c[0], c[1], 1)
			}
			_, err := chain.Parse([]byte(raw))
			unknown := (*events.UnknownTypeError)(nil)
			switch is := errors.As(err, &unknown); {
			case err == nil:
				t.Error("accepted")
			case is != (tt.unknown != "") || is && !strings.HasSuffix(unknown.Schema, tt.unknown):
				t.Errorf("got %v; want an UnknownTypeError of %q", err, tt.unknown)
			}
			_, err = verify(append(h.raws(), []byte(raw)))
			wantBroken(t, err, chain.CheckForm, 2)
		})
	}
	if _, err := chain.Parse([]byte(good)); err != nil {
		t.Error(err)
	}
}

// Given the checkpoint that an author had seen, then it holds where it is one of this ledger, below the event.
func TestSaw(t *testing.T) {
	// A ledger whose tree of size n has the root n, n, n…, up to size 9.
	root := func(size uint64) (r [32]byte, ok bool) {
		for i := range r {
			r[i] = byte(size)
		}
		return r, size < 10
	}
	none := func(uint64) ([32]byte, bool) { return [32]byte{}, false }
	at := func(size uint64) events.Seen {
		r, _ := root(size)
		return events.Seen{Size: size, Root: r}
	}
	tests := []struct {
		name     string
		position uint64
		seen     events.Seen
		root     func(uint64) ([32]byte, bool)
		holds    bool
	}{
		{"the entry before", 5, at(4), root, true},
		{"long ago", 5, at(1), root, true},
		{"the empty ledger", 5, at(0), root, true},
		{"the empty ledger, the first entry", 1, at(0), root, true},
		{"the entry itself", 5, at(5), root, false},
		{"the entry after it", 5, at(6), root, false},
		{"of no size that is known", 20, at(10), root, false},
		{"of no size that is known, of zeros", 20, events.Seen{Size: 10}, none, false},
		{"another root", 5, events.Seen{Size: 4, Root: at(3).Root}, root, false},
		{"of the empty ledger, another root", 5, events.Seen{Root: at(3).Root}, root, false},
	}
	for _, tt := range tests {
		ev := &chain.Evidence{Signed: events.Signed{Seen: &tt.seen}}
		if err := ev.Saw(tt.position, tt.root); (err == nil) != tt.holds || err != nil && !errors.Is(err, chain.ErrEvidence) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, ev := range []*chain.Evidence{nil, {}} {
		if err := ev.Saw(5, none); err != nil {
			t.Errorf("where nothing was seen: %v", err)
		}
	}
}
