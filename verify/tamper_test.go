package verify_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/verify"
)

// An attack is something that was done to an honest history, and how it is noticed.
type attack struct {
	name    string
	tamper  func(*world) []verify.Raw
	check   string
	at      string // name of the position; empty: the one after the last
	after   uint64 // added to it
	found   string // part of the message; empty: any
	options func(*world) verify.Options
}

// fails runs attacks on an honest history.
func fails(t *testing.T, w *world, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			w := *w
			w.TB = t
			var o verify.Options
			if a.options != nil {
				o = a.options(&w)
			}
			position := uint64(len(w.entries)) + 1 + a.after
			if a.at != "" {
				position = w.position(a.at) + a.after
			}
			r, err := entries(t, a.tamper(&w), o)
			wantBroken(t, err, a.check, position)
			if !strings.Contains(err.Error(), a.found) {
				t.Errorf("%q does not say %q", err, a.found)
			}
			// The report says what was proven before; a head too far on is noticed behind it all.
			if r == nil || r.Position != position-1 {
				t.Errorf("the report is %+v; want one up to %d", r, position-1)
			}
		})
	}
}

// TestTampering attacks the order of entries, their links and their signatures: what docs/format.md lets a stranger check.
func TestTampering(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) { fails(t, history(t, profile), integrity()) })
	}
}

func integrity() []attack {
	edit := func(name string, f func(*chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw { return w.forged(name, f) }
	}
	signedBy := func(name, by string) func(*world) []verify.Raw {
		return edit(name, func(en *chain.Entry) { en.Key = did(by) })
	}
	index := func(w *world, name string) int { return int(w.position(name)) - 1 }
	return []attack{
		{name: "the first left out", tamper: func(w *world) []verify.Raw { return w.raws()[1:] }, check: chain.CheckPosition, at: "opened"},
		{name: "one left out", tamper: func(w *world) []verify.Raw {
			i := index(w, "bob granted")
			return slices.Delete(w.raws(), i, i+1)
		}, check: chain.CheckPosition, at: "bob granted"},
		{name: "one twice", tamper: func(w *world) []verify.Raw {
			i := index(w, "bob granted")
			return slices.Insert(w.raws(), i, w.raws()[i])
		}, check: chain.CheckPosition, at: "bob granted", after: 1},
		{name: "two in each other's place", tamper: func(w *world) []verify.Raw {
			all, i := w.raws(), index(w, "bob granted")
			all[i], all[i+1] = all[i+1], all[i]
			return all
		}, check: chain.CheckPosition, at: "bob granted"},
		{name: "one left out, the next numbered anew", tamper: func(w *world) []verify.Raw {
			next := w.forged("granted as version 1", func(en *chain.Entry) { en.Event.Sequence-- })
			i := index(w, "bob granted")
			return slices.Delete(next, i, i+1)
		}, check: chain.CheckLink, at: "bob granted"},
		{name: "one left out, the next numbered and linked anew", tamper: func(w *world) []verify.Raw {
			next := w.forged("ann added", func(en *chain.Entry) {
				en.Event.Sequence--
				en.Event.Prev = w.entry("catalogue").Event.Prev
			})
			i := index(w, "catalogue")
			return slices.Delete(next, i, i+1)
		}, check: chain.CheckPosition, at: "ann added"},
		{name: "one numbered anew", tamper: edit("bob granted", func(en *chain.Entry) { en.Event.Sequence++ }), check: chain.CheckPosition, at: "bob granted"},
		{name: "one from another history of the same keys and ids", tamper: func(w *world) []verify.Raw {
			other := open(w, w.state.Opened().Profile)
			for _, data := range []events.Data{
				&events.SubjectAdded{Subject: id("eve"), Key: "eve", Kind: events.KindHuman},
				&events.SubjectDeactivated{Subject: id("eve")},
				&events.RoleCreated{Role: id("readers"), Key: "readers", Name: "Readers", Permissions: []string{"p"}},
			} {
				other.do(ask{}, data)
			}
			if _, err := entries(w, other.raws(), verify.Options{}); err != nil {
				w.Fatalf("the other history is not honest: %v", err)
			}
			return slices.Concat(w.raws()[:2], other.raws()[2:])
		}, check: chain.CheckLink, at: "coin", after: 1},
		{name: "one signed anew with another time, the next not", tamper: edit("ann added", func(en *chain.Entry) {
			en.Event.Time = en.Event.Time.Add(time.Millisecond)
		}), check: chain.CheckLink, at: "ann added", after: 1},
		{name: "another link", tamper: edit("bob granted", func(en *chain.Entry) { en.Event.Prev = chain.CID([]byte("another")) }),
			check: chain.CheckLink, at: "bob granted"},
		{name: "nothing", tamper: func(w *world) []verify.Raw { return append(w.raws(), verify.Raw{}) }, check: chain.CheckForm},
		{name: "no entry", tamper: func(w *world) []verify.Raw { return append(w.raws(), verify.Raw{Bytes: []byte("{}")}) }, check: chain.CheckForm},
		{name: "cut off", tamper: func(w *world) []verify.Raw {
			all, i := w.raws(), index(w, "bob granted")
			all[i].Bytes = all[i].Bytes[:len(all[i].Bytes)-1]
			return all
		}, check: chain.CheckForm, at: "bob granted"},
		{name: "too long", tamper: func(w *world) []verify.Raw {
			all, i := w.raws(), index(w, "bob granted")
			all[i].Bytes = append(slices.Clone(all[i].Bytes), make([]byte, events.MaxEntry)...)
			return all
		}, check: chain.CheckForm, at: "bob granted", found: "65,535"},
		{name: "another spelling of the same", tamper: func(w *world) []verify.Raw {
			return w.replaced("bob granted", `{"auth"`, `{ "auth"`)
		}, check: chain.CheckForm, at: "bob granted"},
		{name: "two signatures", tamper: func(w *world) []verify.Raw {
			return w.replaced("bob granted", `"signatures":[`, `"signatures":[`+signatureOf(w.entry("bob granted"))+`,`)
		}, check: chain.CheckForm, at: "bob granted", found: "one signature"},
		{name: "an event that is none", tamper: func(w *world) []verify.Raw {
			return w.replaced("bob granted", `"type":"permission.granted"`, `"type":"permission.revoked"`)
		}, check: chain.CheckForm, at: "bob granted"},

		{name: "another ledger", tamper: edit("bob granted", func(en *chain.Entry) { en.Event.Source = "ledger.example/other" }),
			check: chain.CheckSource, at: "bob granted"},
		{name: "the same organization elsewhere", tamper: edit("bob granted", func(en *chain.Entry) { en.Event.Source = "other.example/acme" }),
			check: chain.CheckSource, at: "bob granted"},
		{name: "under the subject of another type", tamper: func(w *world) []verify.Raw {
			all := w.raws()
			all[index(w, "bob granted")].Subject = "ledger.acme.permission.revoked"
			return all
		}, check: chain.CheckSubject, at: "bob granted"},
		{name: "under the subject of another organization", tamper: func(w *world) []verify.Raw {
			all := w.raws()
			all[index(w, "bob granted")].Subject = "ledger.other.permission.granted"
			return all
		}, check: chain.CheckSubject, at: "bob granted"},
		{name: "time goes back", tamper: edit("bob granted", func(en *chain.Entry) { en.Event.Time = en.Event.Time.Add(-1001 * time.Millisecond) }),
			check: chain.CheckTime, at: "bob granted"},

		{name: "a key that nobody registered", tamper: signedBy("bob granted", "stranger"), check: chain.CheckKey, at: "bob granted"},
		{name: "the document key", tamper: signedBy("bob granted", "document"), check: chain.CheckKey, at: "bob granted"},
		{name: "the root key", tamper: signedBy("bob granted", "root"), check: chain.CheckKey, at: "bob granted"},
		{name: "the operator key", tamper: signedBy("bob granted", "operator"), check: chain.CheckKey, at: "bob granted"},
		{name: "the author's own key", tamper: signedBy("bob granted", "owner"), check: chain.CheckKey, at: "bob granted"},
		{name: "a registered credential", tamper: signedBy("signed by event", "ann2"), check: chain.CheckKey, at: "signed by event"},
		{name: "a key before it is registered", tamper: signedBy("bob granted", "event2"), check: chain.CheckKey, at: "bob granted"},
		{name: "a key for its own registration", tamper: signedBy("event2 registered", "event2"), check: chain.CheckKey, at: "event2 registered"},
		{name: "a key for its own rotation", tamper: signedBy("event rotated", "event3"), check: chain.CheckKey, at: "event rotated"},
		{name: "a key that was rotated out", tamper: signedBy("signed by event3", "event"), check: chain.CheckKey, at: "signed by event3"},
		{name: "a key that was succeeded", tamper: signedBy("signed by event4", "event2"), check: chain.CheckKey, at: "signed by event4"},
		{name: "a key that was revoked", tamper: signedBy("ann revoked", "event4"), check: chain.CheckKey, at: "ann revoked"},
		{name: "a document key that came in another's place", tamper: signedBy("bob no reader", "document2"), check: chain.CheckKey, at: "bob no reader"},
		{name: "the first entry by another key", tamper: signedBy("opened", "event2"), check: chain.CheckKey, at: "opened"},
		{name: "opened once more", tamper: func(w *world) []verify.Raw {
			d := *w.state.Opened()
			d.Keys.Event = did("event3")
			return w.forced(ask{}, &d, func(en *chain.Entry) { en.Key = did("event3") })
		}, check: chain.CheckKey},
		{name: "succession by an event key of the ledger", tamper: signedBy("event2 succeeded", "event3"), check: chain.CheckKey, at: "event2 succeeded"},
		{name: "succession by the lost key", tamper: signedBy("event2 succeeded", "event2"), check: chain.CheckKey, at: "event2 succeeded"},
		{name: "the root key replaced by the owner", tamper: func(w *world) []verify.Raw { return w.vouched("root rotated", "owner") },
			check: chain.CheckKey, at: "root rotated", found: chain.ErrNotRoot.Error()},
		{name: "succession by the owner", tamper: func(w *world) []verify.Raw { return w.succession("owner") }, check: chain.CheckKey, at: "event2 succeeded"},
		{name: "succession by the operator", tamper: func(w *world) []verify.Raw { return w.succession("operator") }, check: chain.CheckKey, at: "event2 succeeded"},
		{name: "succession by the former root key", tamper: func(w *world) []verify.Raw { return w.succession("root") }, check: chain.CheckKey, at: "event2 succeeded"},
		{name: "succession by nobody", tamper: edit("event2 succeeded", func(en *chain.Entry) {
			en.Evidence, en.Event.Auth = nil, events.Auth{Method: events.MethodNode, Credential: did("event4")}
		}), check: chain.CheckKey, at: "event2 succeeded"},
		{name: "a key with which anybody can sign", tamper: func(w *world) []verify.Raw {
			return w.replaced("bob granted", `"signatures":[{"key":"`+did("event"), `"signatures":[{"key":"`+weakKey)
		}, check: chain.CheckForm, at: "bob granted", found: "signatures.key"},
		{name: "evidence of a key with which anybody can sign", tamper: func(w *world) []verify.Raw {
			return w.replaced("bob granted", `"key":"`+did("owner"), `"key":"`+weakKey)
		}, check: chain.CheckEvidence, at: "bob granted", found: weakKey},
		{name: "a credential with which anybody can sign", tamper: func(w *world) []verify.Raw {
			return w.replaced("bob granted", `"credential":"`+did("owner"), `"credential":"`+weakKey)
		}, check: chain.CheckForm, at: "bob granted", found: "the credential of method signature"},
		{name: "the node with another event key than the one that signs", tamper: edit("event rotated", func(en *chain.Entry) {
			en.Event.Auth.Credential = did("event2")
		}), check: chain.CheckKey, at: "event rotated", found: "which the node says it proved itself with"},
		{name: "the node with a key that was rotated out", tamper: func(w *world) []verify.Raw {
			return w.forced(ask{node: true, signer: "event"}, &events.KeyRegistered{Key: did("stranger"), Purpose: events.PurposeEvent}, func(en *chain.Entry) {
				en.Key = did("event")
			})
		}, check: chain.CheckKey, found: "no event key of this ledger"},
		{name: "the node says it acted with a key that was rotated out", tamper: func(w *world) []verify.Raw {
			return w.forced(ask{node: true, signer: "event"}, &events.KeyRegistered{Key: did("stranger"), Purpose: events.PurposeEvent}, nil)
		}, check: chain.CheckKey, found: "which the node says it proved itself with"},
		{name: "the root key replaced by nobody", tamper: edit("root rotated", func(en *chain.Entry) {
			en.Evidence, en.Event.Actor, en.Event.Auth = nil, id("node"), events.Auth{Method: events.MethodNode, Credential: en.Key}
		}), check: chain.CheckKey, at: "root rotated", found: chain.ErrNotRoot.Error()},
		{name: "the root key replaced by a stranger", tamper: func(w *world) []verify.Raw { return w.vouched("root rotated", "stranger") },
			check: chain.CheckKey, at: "root rotated", found: chain.ErrNotRoot.Error()},

		{name: "the signature of another entry", tamper: func(w *world) []verify.Raw {
			return w.replaced("bob granted", signatureOf(w.entry("bob granted")), signatureOf(w.entry("part")))
		}, check: chain.CheckSignature, at: "bob granted"},
		{name: "the right key named, and another one signed", tamper: func(w *world) []verify.Raw {
			en := w.parse(w.forged("bob granted", func(en *chain.Entry) { en.Key = did("stranger") })[index(w, "bob granted")].Bytes)
			return w.with("bob granted", w.parse([]byte(strings.Replace(string(en.Bytes()), did("stranger"), did("event"), 1))))
		}, check: chain.CheckSignature, at: "bob granted"},
		{name: "a word of the event changed", tamper: func(w *world) []verify.Raw {
			return w.replaced("ann's role", `"name":"Readers"`, `"name":"Writers"`)
		}, check: chain.CheckSignature, at: "ann's role"},

		{name: "another genesis is pinned", tamper: (*world).raws, check: chain.CheckGenesis, at: "opened", options: func(w *world) verify.Options {
			return verify.Options{Genesis: w.entry("catalogue").CID()}
		}},
		{name: "a head beyond the end", tamper: func(w *world) []verify.Raw { return w.raws()[:len(w.entries)-1] }, check: chain.CheckHead, at: "the owner again",
			options: func(w *world) verify.Options { return verify.Options{Head: w.head(uint64(len(w.entries)))} }},
		{name: "a head with another root", tamper: (*world).raws, check: chain.CheckHead, at: "part", options: func(w *world) verify.Options {
			h := w.head(w.position("part"))
			h.Root[31] ^= 1
			return verify.Options{Head: h}
		}},
		{name: "a head with another CID", tamper: (*world).raws, check: chain.CheckHead, at: "part", options: func(w *world) verify.Options {
			h := w.head(w.position("part"))
			h.CID = w.entry("catalogue").CID()
			return verify.Options{Head: h}
		}},
	}
}

// succession gives the history in which another key than the root key vouches for the succession.
func (w *world) succession(by string) []verify.Raw { return w.vouched("event2 succeeded", by) }

// vouched gives the history in which another key signed the command at a named position.
func (w *world) vouched(name, by string) []verify.Raw {
	return w.forged(name, func(en *chain.Entry) {
		en.Event.Auth.Credential = did(by)
		en.Evidence = w.evidence(en.Event, by)
	})
}

// weakKey is the did:key of the neutral point: a signature of it over anything can be written down without any secret.
var weakKey = didkey.Encode(append(ed25519.PublicKey{1}, make([]byte, 31)...))

// signatureOf gives the text of an entry's signature.
func signatureOf(en *chain.Entry) string {
	return fmt.Sprintf(`{"key":"%s","sig":"%s"}`, en.Key, base64.RawURLEncoding.EncodeToString(en.Signature[:]))
}

// Given an operator who holds the keys, when they leave an entry out and sign all that follows anew, then only somebody
// who remembers a head can tell, unless something that follows needed it.
func TestRewriting(t *testing.T) {
	remembered := func(name string) func(*world) verify.Options {
		return func(w *world) verify.Options { return verify.Options{Head: w.head(w.position(name))} }
	}
	fails(t, history(t, plain), []attack{
		{name: "a report, the whole length remembered", tamper: func(w *world) []verify.Raw { return w.resigned("event reported") },
			check: chain.CheckHead, at: "bob deactivated", options: remembered("bob deactivated")},
		{name: "a report, a position behind it remembered", tamper: func(w *world) []verify.Raw { return w.resigned("event reported") },
			check: chain.CheckHead, at: "ann reported", options: remembered("ann reported")},
		{name: "the permission to do it", tamper: func(w *world) []verify.Raw { return w.resigned("ann made administrator") },
			check: chain.CheckRules, at: "ann made administrator", found: "permission"},
		{name: "what it refers to", tamper: func(w *world) []verify.Raw { return w.resigned("part") }, check: chain.CheckRules, at: "part"},
		{name: "the registration of the key", tamper: func(w *world) []verify.Raw { return w.resigned("event2 registered") },
			check: chain.CheckKey, at: "event2 registered"},
	})
	w := history(t, plain)
	if _, err := entries(t, w.resigned("event reported"), verify.Options{Head: w.head(w.position("event reported") - 1), Genesis: w.entries[0].CID()}); err != nil {
		t.Errorf("what a new signing of the end shows is not what this test says: %v", err)
	}
	// Whoever says what they had seen cannot be shown in the history without it.
	w.do(ask{as: "who saw the report", seen: w.seen(w.position("event reported"))}, &events.RoleCreated{Role: id("seen"), Key: "seen", Name: "Seen", Permissions: []string{"p"}})
	fails(t, w, []attack{
		{name: "what an author had seen", tamper: func(w *world) []verify.Raw { return w.resigned("event reported") },
			check: chain.CheckEvidence, at: "the owner again", found: "another history"}, // where "who saw the report" comes to stand
	})
	// A document tells what it was rendered from, unless the document key is known to whoever rewrites.
	kept := func(*chain.Entry) {}
	fails(t, history(t, plain), []attack{
		{name: "a report, the documents behind it kept", tamper: func(w *world) []verify.Raw { return w.relinked(kept, "event reported") },
			check: chain.CheckDocument, at: "reporter on 0"}, // where the first document about bob comes to stand
	})
	w = history(t, documenttest.Guardian)
	fails(t, w, []attack{
		{name: "one with a document", tamper: func(w *world) []verify.Raw { return w.relinked(kept, "bob's revoked") }, check: chain.CheckDocument, at: "ann2 registered"}, // where "signed by event" comes to stand
	})
	if _, err := entries(t, w.resigned("event reported"), verify.Options{}); err != nil {
		t.Errorf("the documents were signed anew as well, and yet: %v", err)
	}
}

// Given an entry in the middle, when any byte of it is another, then that entry does not hold.
func TestFlips(t *testing.T) {
	bits := 1
	if os.Getenv("PERMLEDGER_LONG") != "" {
		bits = 8
	} else {
		t.Log("one bit of each byte is flipped; with PERMLEDGER_LONG=1 all are")
	}
	w := open(t, documenttest.Guardian)
	w.do(ask{}, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman, Credential: did("ann")})
	w.do(ask{as: "middle", seen: w.seen(2), reason: events.Digest{1}}, &events.RoleCreated{Role: id("r"), Key: "r", Name: "R", Permissions: []string{"p"}})
	w.do(ask{}, &events.RoleAssigned{Subject: id("ann"), Role: id("r")})
	good := w.entry("middle").Bytes()
	for i := range good {
		for n := range bits {
			bad := slices.Clone(good)
			bad[i] ^= 1 << ((i + n) % 8)
			all := w.raws()
			all[w.position("middle")-1].Bytes = bad
			_, err := entries(t, all, verify.Options{Workers: 1})
			position := uint64(0)
			switch err := err.(type) {
			case *chain.BrokenError:
				position = err.Position
			case *verify.NewerError: // where the byte stands in the name of the type, or of the algorithm
				position = err.Position
			}
			if position != w.position("middle") {
				t.Errorf("byte %d, %q instead of %q: %v; want an error at %d", i, bad[i], good[i], err, w.position("middle"))
			}
		}
	}
}
