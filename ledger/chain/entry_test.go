package chain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
)

// proof is a proofValue of eddsa-jcs-2022, from vc-di-eddsa's test vectors.
const proof = "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX"

func document() *chain.Document {
	return &chain.Document{CID: chain.CID([]byte("a document")), Format: "vc-2", Key: did(documentKey), Proof: proof}
}

// Given any event, with and without document and evidence, when it is sealed and parsed, then it is the same, and what
// signed it is found to have signed it.
func TestSealAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := eventtest.AnyEvent().Draw(t, "event")
		key := eventtest.PrivateKey(byte(rapid.IntRange(0, 23).Draw(t, "key")))
		var doc *chain.Document
		if rapid.Bool().Draw(t, "has document") {
			doc = document()
		}
		var ev *chain.Evidence
		if e.Auth.Method == events.MethodSignature {
			author := eventtest.PrivateKey(byte(rapid.IntRange(0, 23).Draw(t, "author")))
			e.Auth.Credential = eventtest.KeyOf(author)
			s := eventtest.Signed().Draw(t, "signed")
			// An expiry that holds: after the event, and not more than a day after the id.
			e.ID = id(e.Time.Truncate(time.Millisecond), 1)
			s.Expires = e.Time.Add(time.Duration(rapid.Int64Range(1, 24*3600_000).Draw(t, "ms")) * time.Millisecond)
			if s.Expires.Year() > 9999 {
				t.Skip("an expiry that cannot be written")
			}
			c := events.CommandOf(e)
			var err error
			if ev, err = chain.SignCommand(&c, s, author); err != nil {
				t.Fatal(err)
			}
		} else if e.Auth.Method == events.MethodNode {
			e.Auth.Credential = eventtest.KeyOf(key)
		}
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		en, err := chain.Seal(e, body, doc, ev, key, eventtest.KeyOf(key))
		if err != nil {
			t.Fatal(err)
		}
		got, err := chain.Parse(en.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, en.Bytes())
		}
		if !reflect.DeepEqual(got.Event, e) || !reflect.DeepEqual(got.Document, doc) || !reflect.DeepEqual(got.Evidence, ev) ||
			got.Key != en.Key || got.Signature != en.Signature || got.CID() != en.CID() || !bytes.Equal(got.EventBytes(), body) {
			t.Fatalf("parsed as %+v; want %+v", got, en)
		}
		if same, err := jcs.Transform(en.Bytes()); err != nil || !bytes.Equal(same, en.Bytes()) {
			t.Fatalf("not canonical JSON (%v):\n%s\n%s", err, en.Bytes(), same)
		}
		p := chain.Inspect(en.Bytes())
		switch unknown := (*events.UnknownTypeError)(nil); e.Auth.Method {
		case events.MethodSignature, events.MethodNode:
			if p.Err != nil {
				t.Fatal(p.Err)
			}
		default:
			if p.Err == nil || p.Err.Check != chain.CheckEvidence || !errors.As(p.Err, &unknown) {
				t.Fatalf("got %v of the method %s; want that it is not known", p.Err, e.Auth.Method)
			}
		}
		if p.CID != en.CID() {
			t.Fatalf("CID %s, want %s", p.CID, en.CID())
		}
		if err := chain.Room(len(body), ev, doc != nil); err != nil {
			t.Fatalf("there was no room for an entry of %d bytes: %v", len(en.Bytes()), err)
		}
	})
}

// Given a sealed entry, when any one bit of it is another, then it is no entry, or its signatures do not hold. Of the
// document the event's signature says nothing: there the entry's CID is another, and so the next link does not hold.
func TestEveryBitCounts(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
	byNode := h.event(nodeItself, firstKey, &events.KeyRegistered{Key: did(secondKey), Purpose: events.PurposeEvent})
	ev := evidence(t, e, ownerKey)
	c := events.CommandOf(e)
	seen, err := chain.SignCommand(&c, events.Signed{Expires: e.Time.Add(time.Hour), Seen: &events.Seen{Size: 1, Root: events.Digest{1}}}, eventtest.PrivateKey(ownerKey))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		entry *chain.Entry
	}{
		{"alone", seal(t, byNode, nil, nil, firstKey)},
		{"with evidence", seal(t, e, nil, ev, firstKey)},
		{"with all", seal(t, e, document(), seen, firstKey)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := tt.entry.Bytes()
			if p := chain.Inspect(raw); p.Err != nil {
				t.Fatal(p.Err)
			}
			var endOfDocument int
			if tt.entry.Document != nil {
				endOfDocument = bytes.Index(raw, []byte(`"event":`))
			}
			for i := range raw {
				for bit := range 8 {
					bad := bytes.Clone(raw)
					bad[i] ^= 1 << bit
					p := chain.Inspect(bad)
					if i < endOfDocument {
						if p.CID == tt.entry.CID() {
							t.Fatalf("byte %d, bit %d: the CID stays", i, bit)
						}
					} else if p.Err == nil {
						t.Fatalf("byte %d, bit %d: accepted\n%s", i, bit, bad)
					}
				}
			}
			for n := range raw {
				if _, err := chain.Parse(raw[:n:n]); err == nil {
					t.Fatalf("the first %d bytes were accepted", n)
				}
			}
		})
	}
}

// Given an entry, when its frame is changed by hand, then it is refused.
func TestParseRefuses(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
	good := string(seal(t, e, document(), evidence(t, e, ownerKey), firstKey).Bytes())
	i := strings.Index(good, `"signatures":[`)
	signature := good[i+len(`"signatures":[`) : len(good)-2]
	_, evidenceSig, _ := strings.Cut(good, `"sig":"`)
	evidenceSig = evidenceSig[:86]
	tests := []struct{ name, old, new string }{
		{"no signature", `[` + signature + `]`, `[]`},
		{"two signatures", `[` + signature + `]`, `[` + signature + `,` + signature + `]`},
		{"signatures left out", `,"signatures":[` + signature + `]`, ``},
		{"an unknown member", `"event":`, `"even":1,"event":`},
		{"an unknown member of the signature", `[{"key"`, `[{"alg":"Ed25519","key"`},
		{"an unknown member of the evidence", `"evidence":{`, `"evidence":{"a":1,`},
		{"an unknown member of the document", `"document":{`, `"document":{"a":1,`},
		{"the event twice", `"event":{`, `"event":{},"event":{`},
		{"members out of order", `{"document"`, `{"signatures":[],"document"`},
		{"an algorithm that is no token", `"algorithm":"Ed25519"`, `"algorithm":"Ed 25519"`},
		{"an algorithm that begins with a dash", `"algorithm":"Ed25519"`, `"algorithm":"-Ed25519"`},
		{"an algorithm of 65 bytes", `"algorithm":"Ed25519"`, `"algorithm":"` + strings.Repeat("a", 65) + `"`},
		{"no algorithm", `"algorithm":"Ed25519",`, ``},
		{"evidence of no key", `Z","key":"` + did(ownerKey), `Z","key":"`},
		{"evidence of a key with a space", `Z","key":"` + did(ownerKey), `Z","key":"a key`},
		{"evidence of a key of 257 bytes", `Z","key":"` + did(ownerKey), `Z","key":"` + strings.Repeat("k", 257)},
		{"evidence without a signature", `"sig":"` + evidenceSig, `"sig":"`},
		{"evidence with a signature of 513 bytes", `"sig":"` + evidenceSig, `"sig":"` + strings.Repeat("A", 684)},
		{"evidence with a signature that has bits to spare", `"sig":"` + evidenceSig, `"sig":"AB`},
		{"evidence with a signature of half a byte", `"sig":"` + evidenceSig, `"sig":"AAAAA`},
		{"a credential that is no key, for a method of keys", `"credential":"` + did(ownerKey), `"credential":"somebody`},
		{"no expiry", `"expires":"2026-03-01T13:00:01.000Z",`, ``},
		{"a signature with padding", `"}]}`, `=="}]}`},
		{"a line break at the end", `"}]}`, `"}]}` + "\n"},
		{"a space before", `{"document"`, ` {"document"`},
		{"an empty document", `"document":{`, `"document":{},"x":{`},
		{"an event that is none", `"specversion":"1.0"`, `"specversion":"1.1"`},
		{"an event as a string", `"event":{`, `"event":"{`},
	}
	if _, err := chain.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatalf("%s does not stand in\n%s", tt.old, good)
			}
			if _, err := chain.Parse([]byte(bad)); err == nil {
				t.Errorf("accepted:\n%s", bad)
			}
			if p := chain.Inspect([]byte(bad)); p.Err == nil || p.Err.Check != chain.CheckForm {
				t.Errorf("inspected with %v; want %q", p.Err, chain.CheckForm)
			}
		})
	}
}

// Given an entry whose signature is another's, when it is loaded, then no signature is looked at; its form is.
func TestLoadLooksAtTheFormAlone(t *testing.T) {
	h := honest(t)
	forged := bytes.Replace(h.entries[1].Bytes(), []byte(sigOf(h.entries[1])), []byte(sigOf(h.entries[2])), 1)
	if p := chain.Load(forged); p.Err != nil || p.CID != chain.CID(forged) || p.Entry == nil {
		t.Errorf("loaded as %+v", p)
	}
	if p := chain.Inspect(forged); p.Err == nil || p.Err.Check != chain.CheckSignature {
		t.Errorf("inspected with %v; want %q", p.Err, chain.CheckSignature)
	}
	if p := chain.Load(append(forged, '\n')); p.Err == nil || p.Err.Check != chain.CheckForm {
		t.Errorf("loaded with %v; want %q", p.Err, chain.CheckForm)
	}
}

// Given an event that is too large, then it is neither sealed nor parsed, and Room says so before.
func TestTooLarge(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	roles := func(names int) *events.Event {
		d := &events.RoleCreated{Role: id(start, 1), Key: "k", Name: "n", Permissions: make([]string, names)}
		for i := range d.Permissions {
			d.Permissions[i] = strings.Repeat("x", 200) + string([]byte{'a' + byte(i/26/26), 'a' + byte(i/26%26), 'a' + byte(i%26)})
		}
		return h.event(nodeItself, firstKey, d)
	}
	for names, fits := range map[int]bool{310: true, 330: false} {
		e := roles(names)
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := chain.Room(len(body), nil, false); (err == nil) != fits || !fits && !errors.Is(err, chain.ErrTooLarge) {
			t.Errorf("room for an event of %d bytes: %v", len(body), err)
		}
		_, err = chain.Seal(e, body, nil, nil, eventtest.PrivateKey(firstKey), did(firstKey))
		if (err == nil) != fits || !fits && !errors.Is(err, chain.ErrTooLarge) {
			t.Errorf("sealing an event of %d bytes: %v", len(body), err)
		}
	}
	if _, err := chain.Parse(bytes.Repeat([]byte(" "), events.MaxEntry+1)); !errors.Is(err, chain.ErrTooLarge) {
		t.Errorf("parsing 65,536 bytes: %v", err)
	}
}

// Given all that an entry may hold at its longest, then Room leaves enough for it.
func TestRoomIsEnough(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
	c := events.CommandOf(e)
	ev, err := chain.SignCommand(&c, events.Signed{Expires: e.Time.Add(time.Hour), Seen: &events.Seen{Size: 1<<53 - 1}}, eventtest.PrivateKey(ownerKey))
	if err != nil {
		t.Fatal(err)
	}
	// Of an algorithm that a later release knows, with the shortest and the longest signature.
	short, long := *ev, *ev
	short.Algorithm, short.Key, short.Signature = strings.Repeat("a", 64), strings.Repeat("k", 256), make([]byte, 1)
	long.Algorithm, long.Key, long.Signature = short.Algorithm, short.Key, make([]byte, 512)
	doc := document()
	doc.Format = strings.Repeat("f", 64)
	doc.Proof = strings.Repeat("z", 96)
	body := len(seal(t, e, nil, nil, firstKey).EventBytes())
	length := func(doc *chain.Document, ev *chain.Evidence) int {
		return len(seal(t, e, doc, ev, firstKey).Bytes()) - body
	}
	frame := length(nil, nil)
	tests := []struct {
		name       string
		need, room int
	}{
		{"frame", frame, 256},
		{"evidence", length(nil, ev) - frame, room(t, ev, false) - 256},
		{"evidence of another algorithm", length(nil, &short) - frame, room(t, &short, false) - 256},
		{"evidence with the longest signature", length(nil, &long) - frame, room(t, &long, false) - 256},
		{"document", length(doc, nil) - frame, room(t, nil, true) - room(t, nil, false)},
	}
	for _, tt := range tests {
		if tt.need > tt.room {
			t.Errorf("%s: up to %d bytes are needed, %d are left", tt.name, tt.need, tt.room)
		}
	}
}

// room gives how many bytes Room keeps free.
func room(t *testing.T, ev *chain.Evidence, document bool) int {
	t.Helper()
	for n := range events.MaxEntry {
		if chain.Room(events.MaxEntry-n, ev, document) == nil {
			return n
		}
	}
	t.Fatal("there is no room at all")
	return 0
}

// Given bytes, then their CID is a prefix and, in base32, the bytes 01 55 12 20 and what sha256sum says of them.
func TestCID(t *testing.T) {
	tests := []struct{ bytes, want string }{
		{"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
		{"hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"},
	}
	for _, tt := range tests {
		if got := chain.CID([]byte(tt.bytes)); got != tt.want {
			t.Errorf("CID(%q) = %s; want %s", tt.bytes, got, tt.want)
		}
	}
}

func TestSubjectOfEntry(t *testing.T) {
	if got, want := honest(t).entries[4].Subject(), "ledger.acme.key.rotated"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// Given the description of an entry, then it names the members, in the order of the bytes.
func TestDescribe(t *testing.T) {
	b, err := json.Marshal(chain.Describe())
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		ID         string `json:"$id"`
		Properties map[string]json.RawMessage
		Required   []string
	}
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	if schema.ID != "urn:permledger:schema:entry:1" || len(schema.Properties) != 4 || !reflect.DeepEqual(schema.Required, []string{"event", "signatures"}) {
		t.Errorf("got %s", b)
	}
}

// Given any bytes, when they are parsed as an entry, then sealing what was parsed would give the same bytes.
func FuzzParse(f *testing.F) {
	h := honest(f)
	for _, raw := range h.raws() {
		f.Add(raw)
	}
	e := h.event(ownerKey, fourthKey, &events.DocumentIssued{Thing: "role/" + id(start, 200).String()})
	f.Add(seal(f, e, document(), evidence(f, e, ownerKey), fourthKey).Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		en, err := chain.Parse(raw)
		if err != nil {
			return
		}
		if same, err := jcs.Transform(raw); err != nil || !bytes.Equal(same, raw) {
			t.Fatalf("not canonical JSON (%v):\n%s\n%s", err, raw, same)
		}
		body, err := en.Event.Encode()
		if err != nil || !bytes.Equal(body, en.EventBytes()) {
			t.Fatalf("two spellings of one event (%v):\n%s\n%s", err, body, en.EventBytes())
		}
		key := eventtest.PrivateKey(firstKey)
		again, err := chain.Seal(en.Event, body, en.Document, en.Evidence, key, en.Key)
		if err != nil {
			t.Fatal(err)
		}
		// All but the 86 characters of the signature, which is another key's.
		if n := len(raw) - len(`"}]}`) - 86; len(again.Bytes()) != len(raw) || !bytes.Equal(again.Bytes()[:n], raw[:n]) {
			t.Fatalf("two spellings of one entry:\n%s\n%s", raw, again.Bytes())
		}
		chain.Inspect(raw)
	})
}

// Given any bytes, then their CID is the one that go-cid gives: v1, raw, sha2-256, in base32.
func TestCIDIsGoCIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		hash, err := multihash.Sum(b, multihash.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := chain.CID(b), cid.NewCidV1(cid.Raw, hash).String(); got != want {
			t.Fatalf("got %s; want %s", got, want)
		}
	})
}
