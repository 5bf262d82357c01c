package chain_test

import (
	"errors"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
)

// The keys of the histories: bytes that eventtest.PrivateKey makes keys of.
const (
	firstKey      = 1 // event key of the first entry
	documentKey   = 2
	rootKey       = 3
	operatorKey   = 4
	checkpointKey = 9
	ownerKey      = 5
	secondKey     = 6 // event keys of later entries
	thirdKey      = 7
	fourthKey     = 8
	nodeItself    = 0 // as proof: the node acts, so there is no evidence
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func did(n byte) string { return eventtest.KeyOf(eventtest.PrivateKey(n)) }

// id gives the id of a command made at an instant.
func id(at time.Time, n byte) (id ulid.ULID) {
	_ = id.SetTime(uint64(at.UnixMilli()))
	id[15] = n
	return id
}

// history is a ledger in the making. It knows the form and no rule.
type history struct {
	t       testing.TB
	source  string
	entries []*chain.Entry
}

func newHistory(t testing.TB) *history { return &history{t: t, source: "ledger.example/acme"} }

func opened() *events.OrganizationOpened {
	return &events.OrganizationOpened{
		Organization: "acme", Name: "ACME", Rules: 1, Node: id(start, 100), Operator: id(start, 102), Profile: events.Profile{Name: "plain"},
		Owner: events.Owner{Subject: id(start, 101), Key: "owner", Kind: events.KindHuman, Credential: did(ownerKey)},
		Keys:  events.Keys{Event: did(firstKey), Document: did(documentKey), Root: did(rootKey), Operator: did(operatorKey), Checkpoint: did(checkpointKey)},
	}
}

// event gives the next event, proven with a key, at one second after the event before.
func (h *history) event(proof, signer byte, d events.Data) *events.Event {
	n := len(h.entries)
	at := start.Add(time.Duration(n) * time.Second)
	e := &events.Event{
		ID: id(at, byte(n)), Source: h.source, Sequence: uint64(n + 1), Time: at, Actor: id(start, 101), Data: d,
		Auth: events.Auth{Method: events.MethodSignature, Credential: did(proof)},
	}
	if proof == nodeItself {
		e.Auth = events.Auth{Method: events.MethodNode, Credential: did(signer)}
	}
	if n > 0 {
		e.Prev = h.entries[n-1].CID()
	}
	return e
}

// add records data, signed with an event key, on a command proven with another. edit changes the event before that.
func (h *history) add(signer, proof byte, d events.Data, edit ...func(*events.Event)) *history {
	h.t.Helper()
	e := h.event(proof, signer, d)
	for _, f := range edit {
		f(e)
	}
	var ev *chain.Evidence
	if proof != nodeItself {
		ev = evidence(h.t, e, proof)
	}
	h.entries = append(h.entries, seal(h.t, e, nil, ev, signer))
	return h
}

func evidence(t testing.TB, e *events.Event, key byte) *chain.Evidence {
	t.Helper()
	c := events.CommandOf(e)
	ev, err := chain.SignCommand(&c, events.Signed{Expires: e.Time.Add(time.Hour)}, eventtest.PrivateKey(key))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func seal(t testing.TB, e *events.Event, doc *chain.Document, ev *chain.Evidence, signer byte) *chain.Entry {
	t.Helper()
	body, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	en, err := chain.Seal(e, body, doc, ev, eventtest.PrivateKey(signer), did(signer))
	if err != nil {
		t.Fatal(err)
	}
	return en
}

// resealed gives an entry again with another event, signed by the key that signed it.
func resealed(t testing.TB, en *chain.Entry, edit func(*events.Event)) *chain.Entry {
	t.Helper()
	e := *en.Event
	edit(&e)
	for n := byte(firstKey); n <= fourthKey; n++ {
		if did(n) == en.Key {
			return seal(t, &e, en.Document, en.Evidence, n)
		}
	}
	t.Fatalf("no test key is %s", en.Key)
	return nil
}

// honest is a history in which every kind of change of the event keys happens.
func honest(t testing.TB) *history {
	t.Helper()
	role := id(start, 200)
	return newHistory(t).
		add(firstKey, ownerKey, opened()).
		add(firstKey, ownerKey, &events.SubjectAdded{Subject: id(start, 102), Key: "ben", Kind: events.KindHuman}).
		add(firstKey, nodeItself, &events.KeyRegistered{Key: did(secondKey), Purpose: events.PurposeEvent}).
		add(secondKey, ownerKey, &events.RoleCreated{Role: role, Key: "r", Name: "R", Permissions: []string{"p"}, Count: 1}).
		add(firstKey, nodeItself, &events.KeyRotated{Old: did(firstKey), New: did(thirdKey), Purpose: events.PurposeEvent}).
		add(thirdKey, ownerKey, &events.RoleAssigned{Subject: id(start, 102), Role: role}).
		add(fourthKey, rootKey, &events.KeySucceeded{Lost: did(secondKey), Key: did(fourthKey)}).
		add(fourthKey, ownerKey, &events.KeyRevoked{Key: did(thirdKey)}).
		add(fourthKey, ownerKey, &events.RoleDeleted{Role: role})
}

func (h *history) raws() [][]byte {
	var raws [][]byte
	for _, en := range h.entries {
		raws = append(raws, en.Bytes())
	}
	return raws
}

// verify checks entries from the first on, each under the subject it implies, and gives the verifier as it stands.
func verify(raws [][]byte) (*chain.Verifier, error) {
	v := new(chain.Verifier)
	for _, raw := range raws {
		p := chain.Inspect(raw)
		subject := ""
		if p.Entry != nil && p.Entry.Event != nil {
			subject = p.Entry.Subject()
		}
		if err := v.Next(p, subject); err != nil {
			return v, err
		}
	}
	return v, nil
}

// wantBroken demands that an error is of a check at a position.
func wantBroken(t *testing.T, err error, check string, position uint64) {
	t.Helper()
	broken := new(chain.BrokenError)
	if !errors.As(err, &broken) {
		t.Fatalf("got %v; want a BrokenError of %q at %d", err, check, position)
	}
	if broken.Check != check || broken.Position != position {
		t.Errorf("%q at %d does not hold; want %q at %d: %v", broken.Check, broken.Position, check, position, err)
	}
}
