package chain_test

import (
	"errors"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
)

// Given an event with evidence, when the two do not belong together, then inspecting says that the evidence does not
// hold; the event's own signature is right in every case.
func TestEvidence(t *testing.T) {
	sign := func(t *testing.T, e *events.Event, s events.Signed, key byte) *chain.Evidence {
		t.Helper()
		c := events.CommandOf(e)
		ev, err := chain.SignCommand(&c, s, eventtest.PrivateKey(key))
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	tests := []struct {
		name     string
		evidence func(*testing.T, *events.Event) *chain.Evidence
		holds    bool
	}{
		{"as it should be", func(t *testing.T, e *events.Event) *chain.Evidence { return evidence(t, e, ownerKey) }, true},
		{"one millisecond before it expires", func(t *testing.T, e *events.Event) *chain.Evidence {
			return sign(t, e, events.Signed{Expires: e.Time.Add(time.Millisecond), Seen: &events.Seen{Size: 7}}, ownerKey)
		}, true},
		{"at the instant it expires", func(t *testing.T, e *events.Event) *chain.Evidence {
			return sign(t, e, events.Signed{Expires: e.Time}, ownerKey)
		}, false},
		{"a day after the id", func(t *testing.T, e *events.Event) *chain.Evidence {
			return sign(t, e, events.Signed{Expires: e.ID.Timestamp().UTC().Add(chain.MaxExpiry)}, ownerKey)
		}, true},
		{"more than a day after the id", func(t *testing.T, e *events.Event) *chain.Evidence {
			return sign(t, e, events.Signed{Expires: e.ID.Timestamp().UTC().Add(chain.MaxExpiry + time.Millisecond)}, ownerKey)
		}, false},
		{"more than a day after an imported id", func(t *testing.T, e *events.Event) *chain.Evidence {
			e.Origin.Import = &events.Import{Format: "f", Source: "s", Record: "r"}
			e.ID = events.ImportID(*e.Origin.Import)
			return sign(t, e, events.Signed{Expires: e.Time.Add(1000 * time.Hour)}, ownerKey)
		}, true},
		{"none", func(*testing.T, *events.Event) *chain.Evidence { return nil }, false},
		{"where the event does not say so", func(t *testing.T, e *events.Event) *chain.Evidence {
			e.Auth = events.Auth{Method: events.MethodNode, Credential: did(firstKey)}
			return evidence(t, e, firstKey)
		}, false},
		{"none where the event does not say so", func(t *testing.T, e *events.Event) *chain.Evidence {
			e.Auth = events.Auth{Method: events.MethodNode, Credential: did(firstKey)}
			return nil
		}, true},
		{"of another key than the event says", func(t *testing.T, e *events.Event) *chain.Evidence { return evidence(t, e, rootKey) }, false},
		{"of another command", func(t *testing.T, e *events.Event) *chain.Evidence {
			other := *e
			other.Data = &events.SubjectDeactivated{Subject: id(start, 1)}
			return evidence(t, &other, ownerKey)
		}, false},
		{"of another ledger's command", func(t *testing.T, e *events.Event) *chain.Evidence {
			other := *e
			other.Source = "ledger.example/other"
			return evidence(t, &other, ownerKey)
		}, false},
		{"of a command with another id", func(t *testing.T, e *events.Event) *chain.Evidence {
			other := *e
			other.ID[15]++
			return evidence(t, &other, ownerKey)
		}, false},
		{"another checkpoint than was signed", func(t *testing.T, e *events.Event) *chain.Evidence {
			ev := sign(t, e, events.Signed{Expires: e.Time.Add(time.Hour), Seen: &events.Seen{Size: 7}}, ownerKey)
			ev.Signed.Seen = &events.Seen{Size: 8}
			return ev
		}, false},
		{"another expiry than was signed", func(t *testing.T, e *events.Event) *chain.Evidence {
			ev := evidence(t, e, ownerKey)
			ev.Signed.Expires = ev.Signed.Expires.Add(time.Hour)
			return ev
		}, false},
		{"a signature cut off", func(t *testing.T, e *events.Event) *chain.Evidence {
			ev := evidence(t, e, ownerKey)
			ev.Signature = ev.Signature[:63]
			return ev
		}, false},
		{"a signature with a byte behind it", func(t *testing.T, e *events.Event) *chain.Evidence {
			ev := evidence(t, e, ownerKey)
			ev.Signature = append(ev.Signature, 0)
			return ev
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(t).add(firstKey, ownerKey, opened())
			e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
			ev := tt.evidence(t, e)
			p := chain.Inspect(seal(t, e, nil, ev, firstKey).Bytes())
			if tt.holds {
				if p.Err != nil {
					t.Error(p.Err)
				}
				return
			}
			if p.Err == nil || p.Err.Check != chain.CheckEvidence || !errors.Is(p.Err, chain.ErrEvidence) {
				t.Errorf("got %v; want that the evidence does not hold", p.Err)
			}
		})
	}
}

// Given a command, then its evidence holds for it, and for no other; and evidence without an expiry is none.
func TestEvidenceCheck(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
	c := events.CommandOf(e)
	ev := evidence(t, e, ownerKey)
	if err := ev.Check(&c); err != nil {
		t.Error(err)
	}
	other := c
	other.Reason = events.Digest{1}
	if err := ev.Check(&other); !errors.Is(err, chain.ErrEvidence) {
		t.Errorf("another reason: %v", err)
	}
	if _, err := chain.SignCommand(&c, events.Signed{Expires: e.Time.Add(1)}, eventtest.PrivateKey(ownerKey)); err == nil {
		t.Error("an expiry of parts of a millisecond was signed")
	}
	void, err := chain.SignCommand(&c, events.Signed{}, eventtest.PrivateKey(ownerKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := void.Check(&c); !errors.Is(err, chain.ErrEvidence) {
		t.Errorf("without an expiry: %v", err)
	}
	bad := *ev
	bad.Key = "did:key:z6Mk" // too short
	if err := bad.Check(&c); !errors.Is(err, chain.ErrEvidence) {
		t.Errorf("with half a key: %v", err)
	}
}

// Given a grant that version 1 recorded, then its author's signature is over the command as version 1 writes it.
func TestEvidenceOfOldVersion(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	h.add(firstKey, ownerKey, &events.PermissionGranted{Subject: id(start, 102), Permission: "p"}, func(e *events.Event) { e.Version = 1 })
	if _, err := verify(h.raws()); err != nil {
		t.Fatal(err)
	}
	lifted := *h.entries[1].Event
	lifted.Version = 2
	p := chain.Inspect(seal(t, &lifted, nil, h.entries[1].Evidence, firstKey).Bytes())
	if p.Err == nil || p.Err.Check != chain.CheckEvidence {
		t.Errorf("the signature over version 1 was taken for one over version 2: %v", p.Err)
	}
}
