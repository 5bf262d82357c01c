package chain_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
)

// Given an honest history, then it verifies, and the head is its last entry.
func TestHonestHistory(t *testing.T) {
	h := honest(t)
	v, err := verify(h.raws())
	if err != nil {
		t.Fatal(err)
	}
	last := h.entries[len(h.entries)-1]
	if position, cid := v.Head(); position != last.Event.Sequence || cid != last.CID() || v.Source() != h.source {
		t.Errorf("the head is %d %s of %s", position, cid, v.Source())
	}
	if position, cid := new(chain.Verifier).Head(); position != 0 || cid != "" {
		t.Errorf("before the first entry the head is %d %q", position, cid)
	}
}

// Given an honest history, when somebody tampers with it, then the check that notices and the position are the right
// ones. Positions in the table count from 1, as entries do; tampering happens with the keys of the history at hand.
func TestTampering(t *testing.T) {
	at := func(h *history, position int) *chain.Entry { return h.entries[position-1] }
	// put replaces the entry at a position.
	put := func(position int, edit func(*testing.T, *history) *chain.Entry) func(*testing.T, *history) [][]byte {
		return func(t *testing.T, h *history) [][]byte {
			raws := h.raws()
			raws[position-1] = edit(t, h).Bytes()
			return raws
		}
	}
	changed := func(position int, edit func(*events.Event)) func(*testing.T, *history) [][]byte {
		return put(position, func(t *testing.T, h *history) *chain.Entry { return resealed(t, at(h, position), edit) })
	}
	signedBy := func(position int, key byte) func(*testing.T, *history) [][]byte {
		return put(position, func(t *testing.T, h *history) *chain.Entry {
			e := *at(h, position).Event
			if e.Auth.Method == events.MethodNode {
				e.Auth.Credential = did(key) // the node says which key it acts with
			}
			return seal(t, &e, nil, at(h, position).Evidence, key)
		})
	}
	tests := []struct {
		name     string
		tamper   func(*testing.T, *history) [][]byte
		check    string
		position uint64
	}{
		{"the first left out", func(_ *testing.T, h *history) [][]byte { return h.raws()[1:] }, chain.CheckPosition, 1},
		{"one left out", func(_ *testing.T, h *history) [][]byte { return slices.Delete(h.raws(), 3, 4) }, chain.CheckPosition, 4},
		{"one twice", func(_ *testing.T, h *history) [][]byte { return slices.Insert(h.raws(), 4, at(h, 4).Bytes()) }, chain.CheckPosition, 5},
		{"two in each other's place", func(_ *testing.T, h *history) [][]byte {
			raws := h.raws()
			raws[3], raws[4] = raws[4], raws[3]
			return raws
		}, chain.CheckPosition, 4},
		{"one left out and the next renumbered", func(t *testing.T, h *history) [][]byte {
			next := resealed(t, at(h, 5), func(e *events.Event) { e.Sequence = 4 })
			return slices.Replace(h.raws(), 3, 5, next.Bytes())
		}, chain.CheckLink, 4},
		{"a number left out", func(t *testing.T, h *history) [][]byte {
			return append(h.raws()[:3], resealed(t, at(h, 4), func(e *events.Event) { e.Sequence = 5 }).Bytes())
		}, chain.CheckPosition, 4},
		{"the tail of another honest history of the same keys", func(t *testing.T, h *history) [][]byte {
			other := newHistory(t).add(firstKey, ownerKey, opened()).
				add(firstKey, ownerKey, &events.SubjectAdded{Subject: id(start, 103), Key: "eve", Kind: events.KindHuman}).
				add(firstKey, ownerKey, &events.SubjectDeactivated{Subject: id(start, 103)})
			if _, err := verify(other.raws()); err != nil {
				t.Fatalf("the other history is not honest: %v", err)
			}
			return append(h.raws()[:2], other.raws()[2])
		}, chain.CheckLink, 3},
		{"an entry written anew, its successor not", changed(4, func(e *events.Event) { e.Time = e.Time.Add(time.Millisecond) }), chain.CheckLink, 5},
		{"another link", changed(4, func(e *events.Event) { e.Prev = chain.CID([]byte("another")) }), chain.CheckLink, 4},
		{"another ledger", changed(3, func(e *events.Event) { e.Source = "ledger.example/other" }), chain.CheckSource, 3},
		{"time goes back", changed(3, func(e *events.Event) { e.Time = start }), chain.CheckTime, 3},
		{"an unknown key", signedBy(2, 20), chain.CheckKey, 2},
		{"the document key", signedBy(2, documentKey), chain.CheckKey, 2},
		{"the root key", signedBy(2, rootKey), chain.CheckKey, 2},
		{"a key before it is registered", signedBy(2, secondKey), chain.CheckKey, 2},
		{"a key for its own registration", signedBy(3, secondKey), chain.CheckKey, 3},
		{"a key for its own rotation", signedBy(5, thirdKey), chain.CheckKey, 5},
		{"a key that was rotated out", signedBy(6, firstKey), chain.CheckKey, 6},
		{"a key that was succeeded", signedBy(8, secondKey), chain.CheckKey, 8},
		{"a key that was revoked", signedBy(9, thirdKey), chain.CheckKey, 9},
		{"the first entry by another key", signedBy(1, secondKey), chain.CheckKey, 1},
		{"succession by another event key", signedBy(7, thirdKey), chain.CheckKey, 7},
		{"succession by the lost key", signedBy(7, secondKey), chain.CheckKey, 7},
		{"succession with evidence that is not the root key's", put(7, func(t *testing.T, h *history) *chain.Entry {
			e := *at(h, 7).Event
			e.Auth.Credential = did(ownerKey)
			return seal(t, &e, nil, evidence(t, &e, ownerKey), fourthKey)
		}), chain.CheckKey, 7},
		{"succession with no evidence", put(7, func(t *testing.T, h *history) *chain.Entry {
			e := *at(h, 7).Event
			e.Auth = events.Auth{Method: events.MethodNode, Credential: did(fourthKey)}
			return seal(t, &e, nil, nil, fourthKey)
		}), chain.CheckKey, 7},
		{"a first entry that opens nothing", func(t *testing.T, _ *history) [][]byte {
			return newHistory(t).add(firstKey, ownerKey, &events.RoleDeleted{Role: id(start, 1)}).raws()
		}, chain.CheckKey, 1},
		{"a succession as the first entry", func(t *testing.T, _ *history) [][]byte {
			return newHistory(t).add(fourthKey, rootKey, &events.KeySucceeded{Lost: did(firstKey), Key: did(fourthKey)}).raws()
		}, chain.CheckKey, 1},
		{"opened twice", func(t *testing.T, _ *history) [][]byte {
			return newHistory(t).add(firstKey, ownerKey, opened()).add(firstKey, ownerKey, opened()).raws()
		}, chain.CheckKey, 2},
		{"a credential signs", func(t *testing.T, _ *history) [][]byte {
			return newHistory(t).add(firstKey, ownerKey, opened()).
				add(firstKey, ownerKey, &events.KeyRegistered{Key: did(secondKey), Purpose: events.PurposeCredential, Subject: id(start, 101)}).
				add(secondKey, ownerKey, &events.RoleDeleted{Role: id(start, 1)}).raws()
		}, chain.CheckKey, 3},
		{"a root key that was rotated out", func(t *testing.T, _ *history) [][]byte {
			return newHistory(t).add(firstKey, ownerKey, opened()).
				add(firstKey, rootKey, &events.KeyRotated{Old: did(rootKey), New: did(9), Purpose: events.PurposeRoot}).
				add(secondKey, rootKey, &events.KeySucceeded{Lost: did(firstKey), Key: did(secondKey)}).raws()
		}, chain.CheckKey, 3},
		{"the signature of another event", put(4, func(t *testing.T, h *history) *chain.Entry {
			return parsed(t, strings.Replace(string(at(h, 4).Bytes()), sigOf(at(h, 4)), sigOf(at(h, 2)), 1))
		}), chain.CheckSignature, 4},
		{"the right key named, another one signed", put(2, func(t *testing.T, h *history) *chain.Entry {
			en := at(h, 2)
			forged := seal(t, en.Event, nil, en.Evidence, 20)
			return parsed(t, strings.Replace(string(forged.Bytes()), did(20), did(firstKey), 1))
		}), chain.CheckSignature, 2},
		{"evidence of another command", changed(6, func(e *events.Event) {
			e.Data = &events.RoleAssigned{Subject: id(start, 102), Role: id(start, 201)}
		}), chain.CheckEvidence, 6},
		{"evidence taken away", put(6, func(t *testing.T, h *history) *chain.Entry {
			return seal(t, at(h, 6).Event, nil, nil, thirdKey)
		}), chain.CheckEvidence, 6},
		{"no entry", func(_ *testing.T, h *history) [][]byte { return append(h.raws()[:2], []byte("{}")) }, chain.CheckForm, 3},
		{"nothing", func(_ *testing.T, h *history) [][]byte { return append(h.raws()[:2], nil) }, chain.CheckForm, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := honest(t)
			v, err := verify(tt.tamper(t, h))
			wantBroken(t, err, tt.check, tt.position)
			if position, _ := v.Head(); position != tt.position-1 {
				t.Errorf("the verifier stands at %d; want %d", position, tt.position-1)
			}
			if tt.check == chain.CheckKey && !errors.Is(err, chain.ErrUnknownSigner) {
				t.Errorf("got %v; want an ErrUnknownSigner", err)
			}
		})
	}
}

// Given an event of the node's, when it names another key than the one that signed it, then that is noticed, also where
// both are event keys of the ledger.
func TestNodeActsWithTheKeyThatSigns(t *testing.T) {
	for name, credential := range map[string]byte{"another event key": secondKey, "the owner's key": ownerKey, "a key that nobody registered": 20} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t).add(firstKey, ownerKey, opened()).
				add(firstKey, nodeItself, &events.KeyRegistered{Key: did(secondKey), Purpose: events.PurposeEvent}).
				add(firstKey, nodeItself, &events.KeyRegistered{Key: did(thirdKey), Purpose: events.PurposeEvent},
					func(e *events.Event) { e.Auth.Credential = did(credential) })
			_, err := verify(h.raws())
			wantBroken(t, err, chain.CheckKey, 3)
			if !strings.Contains(err.Error(), did(credential)) || !strings.Contains(err.Error(), "found "+did(firstKey)) {
				t.Errorf("%v does not say which keys", err)
			}
		})
	}
}

// Given a root key, when it is replaced without its own signature, then that is noticed: whoever holds the event key could
// otherwise take the ledger over for good.
func TestRootKeyReplacesItself(t *testing.T) {
	rotated := func(old, to byte) *events.KeyRotated {
		return &events.KeyRotated{Old: did(old), New: did(to), Purpose: events.PurposeRoot}
	}
	tests := []struct {
		name     string
		h        func(*history) *history
		position uint64 // 0: it holds
		why      error
	}{
		{"by itself", func(h *history) *history { return h.add(firstKey, rootKey, rotated(rootKey, 9)) }, 0, nil},
		{"by nobody", func(h *history) *history { return h.add(firstKey, nodeItself, rotated(rootKey, 9)) }, 2, chain.ErrNotRoot},
		{"by the owner", func(h *history) *history { return h.add(firstKey, ownerKey, rotated(rootKey, 9)) }, 2, chain.ErrNotRoot},
		{"by the new one", func(h *history) *history { return h.add(firstKey, 9, rotated(rootKey, 9)) }, 2, chain.ErrNotRoot},
		{"by a stranger", func(h *history) *history { return h.add(firstKey, 20, rotated(rootKey, 9)) }, 2, chain.ErrNotRoot},
		{"by one that was replaced", func(h *history) *history {
			return h.add(firstKey, rootKey, rotated(rootKey, 9)).add(firstKey, rootKey, rotated(9, 10))
		}, 3, chain.ErrNotRoot},
		{"by its successor", func(h *history) *history {
			return h.add(firstKey, rootKey, rotated(rootKey, 9)).add(firstKey, 9, rotated(9, 10))
		}, 0, nil},
		{"by itself, in an entry of a key that is no event key", func(h *history) *history {
			return h.add(20, rootKey, rotated(rootKey, 9))
		}, 2, chain.ErrUnknownSigner},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := verify(tt.h(newHistory(t).add(firstKey, ownerKey, opened())).raws())
			if tt.position == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantBroken(t, err, chain.CheckKey, tt.position)
			if !errors.Is(err, tt.why) {
				t.Errorf("got %v; want %v", err, tt.why)
			}
		})
	}
}

// Given changes of keys that the table above shows to be refused when done wrong, then done right they verify.
func TestKeyHistory(t *testing.T) {
	tests := []struct {
		name string
		h    func(*history) *history
	}{
		{"two event keys take turns", func(h *history) *history {
			return h.add(firstKey, nodeItself, &events.KeyRegistered{Key: did(secondKey), Purpose: events.PurposeEvent}).
				add(secondKey, ownerKey, &events.RoleDeleted{Role: id(start, 200)}).add(firstKey, ownerKey, &events.RoleDeleted{Role: id(start, 200)}).add(secondKey, ownerKey, &events.RoleDeleted{Role: id(start, 200)})
		}},
		{"another event key signs a rotation", func(h *history) *history {
			return h.add(firstKey, nodeItself, &events.KeyRegistered{Key: did(secondKey), Purpose: events.PurposeEvent}).
				add(secondKey, ownerKey, &events.KeyRotated{Old: did(firstKey), New: did(thirdKey), Purpose: events.PurposeEvent}).
				add(thirdKey, ownerKey, &events.RoleDeleted{Role: id(start, 200)})
		}},
		{"the new root key after a rotation", func(h *history) *history {
			return h.add(firstKey, rootKey, &events.KeyRotated{Old: did(rootKey), New: did(9), Purpose: events.PurposeRoot}).
				add(secondKey, 9, &events.KeySucceeded{Lost: did(firstKey), Key: did(secondKey)}).
				add(secondKey, ownerKey, &events.RoleDeleted{Role: id(start, 200)})
		}},
		{"a credential rotated leaves the event keys", func(h *history) *history {
			return h.add(firstKey, ownerKey, &events.KeyRotated{Old: did(ownerKey), New: did(10), Purpose: events.PurposeCredential}).
				add(firstKey, 10, &events.RoleDeleted{Role: id(start, 200)})
		}},
		{"a report changes nothing", func(h *history) *history {
			return h.add(firstKey, ownerKey, &events.KeyReported{Key: did(firstKey), From: 1}).add(firstKey, ownerKey, &events.RoleDeleted{Role: id(start, 200)})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := tt.h(newHistory(t).add(firstKey, ownerKey, opened()))
			if _, err := verify(h.raws()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Given an entry read under another subject than its event implies, then that is noticed; where none is kept, it is not
// asked for.
func TestSubject(t *testing.T) {
	first := chain.Inspect(honest(t).raws()[0])
	for _, subject := range []string{"ledger.acme.role.created", "ledger.other.organization.opened", "organization.opened"} {
		wantBroken(t, new(chain.Verifier).Next(first, subject), chain.CheckSubject, 1)
	}
	for _, subject := range []string{"", "ledger.acme.organization.opened"} {
		if err := new(chain.Verifier).Next(first, subject); err != nil {
			t.Errorf("%q: %v", subject, err)
		}
	}
}

// Given an entry that does not hold, when the right one comes after it, then the verifier goes on: it stood where it
// stood.
func TestVerifierStandsAfterError(t *testing.T) {
	raws := honest(t).raws()
	v := new(chain.Verifier)
	for i, raw := range raws {
		for j, other := range raws {
			if j == i {
				continue
			}
			if err := v.Next(chain.Inspect(other), ""); err == nil {
				t.Fatalf("entry %d was taken for entry %d", j+1, i+1)
			}
		}
		if err := v.Next(chain.Inspect(raw), ""); err != nil {
			t.Fatalf("entry %d, after others were refused: %v", i+1, err)
		}
	}
}

// Given some entries of a history, in their order and with the first, then the verifier takes them one by one: of an entry
// behind a gap only the link is not judged, and the one that follows it without a gap has to name it.
func TestSkip(t *testing.T) {
	h := honest(t)
	raws := h.raws()
	v := new(chain.Verifier)
	wantBroken(t, v.Skip(2), chain.CheckPosition, 2) // the first cannot be left out
	wantBroken(t, v.Skip(0), chain.CheckPosition, 0)
	if err := v.Skip(1); err != nil {
		t.Fatal(err)
	}
	if err := v.Next(chain.Inspect(raws[0]), ""); err != nil {
		t.Fatal(err)
	}
	wantBroken(t, v.Skip(1), chain.CheckPosition, 1) // no position comes again
	// What follows without a gap has to name the one before it.
	if err := v.Skip(2); err != nil {
		t.Fatal(err)
	}
	stranger := resealed(t, h.entries[1], func(e *events.Event) { e.Prev = h.entries[1].CID() })
	wantBroken(t, v.Next(chain.Inspect(stranger.Bytes()), ""), chain.CheckLink, 2)
	// Entry 2 is left out.
	if err := v.Skip(3); err != nil {
		t.Fatal(err)
	}
	wantBroken(t, v.Next(chain.Inspect(raws[3]), ""), chain.CheckPosition, 3)
	if err := v.Next(chain.Inspect(raws[2]), ""); err != nil {
		t.Fatal(err)
	}
	if position, cid := v.Head(); position != 3 || cid != h.entries[2].CID() {
		t.Errorf("it stands at %d", position)
	}
	// Behind the gap links are judged again.
	stranger = resealed(t, h.entries[3], func(e *events.Event) { e.Prev = h.entries[0].CID() })
	wantBroken(t, v.Next(chain.Inspect(stranger.Bytes()), ""), chain.CheckLink, 4)
	if err := v.Next(chain.Inspect(raws[3]), ""); err != nil {
		t.Error(err)
	}
}

// Given whoever holds the keys, when they write the whole history anew, then it verifies: only somebody who knows a CID
// of the former one can tell.
func TestRewritingNeedsAKnownHead(t *testing.T) {
	known := honest(t)
	other := newHistory(t).add(firstKey, ownerKey, opened()).
		add(firstKey, ownerKey, &events.SubjectAdded{Subject: id(start, 103), Key: "eve", Kind: events.KindHuman})
	v, err := verify(other.raws())
	if err != nil {
		t.Fatal(err)
	}
	if _, cid := v.Head(); cid == known.entries[1].CID() {
		t.Error("two histories have one CID")
	}
}

// Given a broken entry, then the error says where, which check, and why.
func TestBrokenErrorText(t *testing.T) {
	why := errors.New("because")
	tests := []struct {
		err  chain.BrokenError
		want string
	}{
		{chain.BrokenError{Position: 3, Check: chain.CheckLink, Expected: "a", Found: "b"}, "event 3: link does not hold: expected a, found b"},
		{chain.BrokenError{Position: 4, Check: chain.CheckForm, Err: why}, "event 4: form does not hold: because"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q; want %q", got, tt.want)
		}
	}
	if !errors.Is(&tests[1].err, why) {
		t.Error("the reason is not reachable")
	}
	_, err := verify(append(honest(t).raws()[:1], honest(t).raws()[2]))
	if got, want := err.Error(), "event 2: position does not hold: expected sequence 2, found 3"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func sigOf(en *chain.Entry) string {
	s := string(en.Bytes())
	i := strings.LastIndex(s, `"sig":"`)
	return s[i : i+len(`"sig":"`)+86]
}

func parsed(t *testing.T, raw string) *chain.Entry {
	t.Helper()
	en, err := chain.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return en
}
