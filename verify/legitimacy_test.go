package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/verify"
)

// Given an operator who holds the event keys, when they change what somebody signed, or make it up, then the author's
// own signature is missing or does not hold. Everything here is signed with the right event key.
func TestForgedEvidence(t *testing.T) {
	edit := func(name string, f func(*chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw { return w.forged(name, f) }
	}
	// signedAnew signs a command with a key and an expiry after the entry's time.
	signedAnew := func(name, with string, expires func(*events.Event) time.Time) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw {
			return w.forged(name, func(en *chain.Entry) {
				en.Evidence = w.sign(en.Event, events.Signed{Expires: expires(en.Event)}, with)
			})
		}
	}
	// saw has the author sign that it had seen something.
	saw := func(name string, seen func(*world) *events.Seen) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw {
			return w.forged(name, func(en *chain.Entry) {
				s := en.Evidence.Signed
				s.Seen = seen(w)
				en.Evidence = w.sign(en.Event, s, "owner")
			})
		}
	}
	soon := func(e *events.Event) time.Time { return e.Time.Add(time.Minute) }
	attacks := []attack{
		{name: "an argument changed", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) {
			en.Event.Data.(*events.RoleCreated).Name = "Writers"
		})},
		{name: "another subject", at: "bob a reader", tamper: edit("bob a reader", func(en *chain.Entry) {
			en.Event.Data.(*events.RoleAssigned).Subject = id("ann")
		})},
		{name: "an end taken away", at: "bob granted", tamper: edit("bob granted", func(en *chain.Entry) {
			en.Event.Data.(*events.PermissionGranted).Until = time.Time{}
		})},
		{name: "a scope taken away", at: "bob granted", tamper: edit("bob granted", func(en *chain.Entry) {
			en.Event.Data.(*events.PermissionGranted).Scope = ""
		})},
		{name: "an argument of an old version changed", at: "granted as version 1", tamper: edit("granted as version 1", func(en *chain.Entry) {
			en.Event.Data.(*events.PermissionGranted).Permission = documenttest.Write
		})},
		{name: "told as another version", at: "granted as version 1", tamper: edit("granted as version 1", func(en *chain.Entry) { en.Event.Version = 2 })},
		{name: "another actor", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) { en.Event.Actor = id("owner") })},
		{name: "another reason", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) { en.Event.Reason = events.Digest{9} })},
		{name: "no reason", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) { en.Event.Reason = events.Digest{} })},
		{name: "another id", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) { en.Event.ID[15] ^= 1 })},
		{name: "no longer imported", at: "imported", tamper: edit("imported", func(en *chain.Entry) { en.Event.Origin.Import = nil })},
		{name: "of another record", at: "imported", tamper: edit("imported", func(en *chain.Entry) {
			en.Event.Origin.Import.Record = "roles/editor"
			en.Event.ID = events.ImportID(*en.Event.Origin.Import)
		})},
		{name: "another checkpoint", at: "readers changed", tamper: edit("readers changed", func(en *chain.Entry) { en.Evidence.Signed.Seen.Size++ })},
		{name: "no checkpoint", at: "readers changed", tamper: edit("readers changed", func(en *chain.Entry) { en.Evidence.Signed.Seen = nil })},
		{name: "a later expiry", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) {
			en.Evidence.Signed.Expires = en.Evidence.Signed.Expires.Add(time.Minute)
		})},
		{name: "the evidence of another entry", at: "bob a reader", tamper: func(w *world) []verify.Raw {
			return w.forged("bob a reader", func(en *chain.Entry) { en.Evidence = w.entry("bob added").Evidence })
		}},

		{name: "the evidence left out", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) { en.Evidence = nil }), found: "there is no evidence"},
		{name: "evidence of somebody else", at: "ann's role", tamper: signedAnew("ann's role", "bob", soon), found: did("bob")},
		{name: "evidence of the owner", at: "ann's role", tamper: signedAnew("ann's role", "owner", soon), found: did("owner")},
		{name: "evidence of another credential of the same subject", at: "signed by event", tamper: signedAnew("signed by event", "ann", soon), found: did("ann")},
		{name: "evidence of the event key", at: "ann's role", tamper: signedAnew("ann's role", "event", soon), found: did("event")},
		{name: "the right key named, and another one signed", at: "ann's role", tamper: func(w *world) []verify.Raw {
			return w.forged("ann's role", func(en *chain.Entry) {
				en.Evidence = w.evidence(en.Event, "bob")
				en.Evidence.Key = did("ann")
			})
		}, found: "did not sign"},
		{name: "evidence of what the node did", at: "event2 registered", tamper: func(w *world) []verify.Raw {
			return w.forged("event2 registered", func(en *chain.Entry) { en.Evidence = w.evidence(en.Event, "event") })
		}, found: "yet there is evidence"},
		{name: "the author's evidence for what the node is said to have done", at: "ann's role", tamper: edit("ann's role", func(en *chain.Entry) {
			en.Event.Auth = events.Auth{Method: events.MethodNode, Credential: en.Key}
		}), found: "yet there is evidence"},
		{name: "a checkpoint with another root", at: "part", tamper: saw("part", func(*world) *events.Seen {
			return &events.Seen{Size: 9, Root: events.Digest{3}}
		}), found: "another history"},
		{name: "the checkpoint of another size", at: "part", tamper: saw("part", func(w *world) *events.Seen {
			return &events.Seen{Size: 9, Root: w.roots[7]}
		}), found: "another history"},
		{name: "a checkpoint of no entries with a root", at: "part", tamper: saw("part", func(w *world) *events.Seen {
			return &events.Seen{Root: w.roots[0]}
		}), found: "another history"},
		{name: "a checkpoint with the entry itself", at: "part", tamper: saw("part", func(w *world) *events.Seen { return w.seen(w.position("part")) }), found: "another history"},
		{name: "a checkpoint beyond the entry", at: "part", tamper: saw("part", func(w *world) *events.Seen { return w.seen(w.position("part") + 1) }), found: "another history"},
		{name: "a checkpoint beyond the ledger", at: "part", tamper: saw("part", func(*world) *events.Seen { return &events.Seen{Size: 1 << 50} }), found: "another history"},
		{name: "expired", at: "bob granted", tamper: signedAnew("bob granted", "owner", func(e *events.Event) time.Time {
			return e.Time.Add(-time.Millisecond)
		}), found: "void"},
		{name: "expired at this instant", at: "bob granted", tamper: signedAnew("bob granted", "owner", func(e *events.Event) time.Time { return e.Time }), found: "void"},
		{name: "expires too late", at: "bob granted", tamper: signedAnew("bob granted", "owner", func(e *events.Event) time.Time {
			return e.ID.Timestamp().UTC().Add(chain.MaxExpiry + time.Millisecond)
		}), found: "24 h"},
		{name: "held back until it had expired", at: "bob deactivated", tamper: edit("bob deactivated", func(en *chain.Entry) {
			en.Event.Time = en.Evidence.Signed.Expires
		}), found: "void"},
	}
	for i := range attacks {
		attacks[i].check = chain.CheckEvidence
	}
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) { fails(t, history(t, profile), attacks) })
	}
}

// Given somebody whose command the rules refuse, when it is recorded all the same, signed by its author and with the
// right event key, then deciding it again shows it.
func TestNotPermitted(t *testing.T) {
	force := func(a ask, data events.Data) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw { return w.forced(a, data, nil) }
	}
	role := func(permissions ...string) *events.RoleCreated {
		return &events.RoleCreated{Role: id("new"), Key: "new", Name: "New", Permissions: permissions}
	}
	refused := []attack{
		{name: "a member without the permission", tamper: force(ask{by: "ann", with: "ann2"}, &events.SubjectDeactivated{Subject: id("ann")}), found: "subject.deactivate"},
		{name: "a member gives what it does not hold", tamper: force(ask{by: "ann", with: "ann2"}, role(documenttest.Write)), found: "do not hold it"},
		{name: "a member gives itself everything", tamper: force(ask{by: "ann", with: "ann2"}, role("ledger:key.register")), found: "do not hold it"},
		{name: "a member who is deactivated", tamper: force(ask{by: "bob"}, role()), found: "deactivated"},
		{name: "a credential that was revoked", tamper: force(ask{by: "ann"}, role()), found: "no key of this ledger"},
		{name: "a credential that nobody registered", tamper: force(ask{by: "ann", with: "stranger"}, role()), found: "no key of this ledger"},
		{name: "somebody else's credential", tamper: force(ask{with: "ann2"}, role()), found: "not a credential of"},
		{name: "the event key as a credential", tamper: force(ask{with: "event3"}, role()), found: "not a credential of"},
		{name: "the operator in the owner's name", tamper: force(ask{with: "operator"}, role()), found: "not a credential of"},
		{name: "the node creates a role", tamper: force(ask{node: true}, role()), found: "The node only records what is due"},
		{name: "the node registers a credential", tamper: force(ask{node: true}, &events.KeyRegistered{Key: did("stranger"), Purpose: events.PurposeCredential, Subject: id("ann")}), found: "event keys only"},
		{name: "an import without the permission", tamper: force(ask{by: "ann", with: "ann2", expires: 24 * time.Hour, origin: events.Origin{Import: &events.Import{
			Format: "role-history", Source: "other", Record: "r",
		}}}, role()), found: "import"},
		{name: "an import that goes back in its source", tamper: force(ask{origin: events.Origin{Import: &events.Import{
			Format: "role-history", Source: "iam", Record: "r", Occurred: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		}}}, role()), found: "before one"},
		{name: "a command twice", tamper: func(w *world) []verify.Raw {
			return w.forced(ask{id: w.entry("bob deactivated").Event.ID}, role(), nil)
		}, found: "is recorded at"},
		{name: "an imported record twice", tamper: force(ask{origin: events.Origin{Import: &events.Import{
			Format: "role-history", Source: "iam", Record: "roles/viewer", Occurred: time.Date(2021, 5, 6, 7, 8, 9, 0, time.UTC),
		}}}, role()), found: "is recorded at"},
		{name: "an id of tomorrow", tamper: func(w *world) []verify.Raw {
			early := id("tomorrow")
			if err := early.SetTime(uint64(w.now.Add(24 * time.Hour).UnixMilli())); err != nil {
				w.Fatal(err)
			}
			return w.forced(ask{id: early}, role(), nil)
		}, found: "The time in the id"},
		{name: "a grant that is no more ends", tamper: func(w *world) []verify.Raw {
			return w.forced(ask{node: true, id: ulid.ULID{1}, origin: events.Origin{Derived: &events.Derived{From: w.entry("bob granted").Event.ID}}},
				&events.GrantEnded{Grant: w.entry("bob granted").Event.ID, Subject: id("bob"), Permission: documenttest.Write, Scope: site}, nil)
		}, found: "is to end"},
		{name: "succession by the root key of a credential", tamper: func(w *world) []verify.Raw {
			return w.forced(ask{with: "root2"}, &events.KeySucceeded{Lost: did("ann2"), Key: did("stranger")}, func(en *chain.Entry) { en.Key = did("stranger") })
		}, found: "signs no entries"},
		{name: "a role that there is not", tamper: force(ask{}, &events.RoleDeleted{Role: id("nothing")}), found: "There is no role"},
	}
	for i := range refused {
		refused[i].check = chain.CheckRules
	}
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) { fails(t, history(t, profile), refused) })
	}
}

// Given an operator who calls a signed command the node's own work, then leaving the evidence out does not help: the node
// may do next to nothing.
func TestSignedIsSaidToBeTheNodes(t *testing.T) {
	node := func(name string, edit func(*chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw {
			return w.forged(name, func(en *chain.Entry) {
				en.Evidence, en.Event.Auth.Method = nil, events.MethodNode
				if edit != nil {
					edit(en)
				}
			})
		}
	}
	withEventKey := func(en *chain.Entry) { en.Event.Auth.Credential = en.Key }
	byNode := func(en *chain.Entry) {
		en.Event.Auth.Credential, en.Event.Actor = en.Key, id("node")
	}
	fails(t, history(t, plain), []attack{
		{name: "with the author's credential", tamper: node("ann's role", nil), check: chain.CheckKey, at: "ann's role", found: did("ann")},
		{name: "with the event key", tamper: node("ann's role", withEventKey), check: chain.CheckRules, at: "ann's role", found: "Only the ledger's own actor"},
		{name: "in the node's name", tamper: node("ann's role", byNode), check: chain.CheckRules, at: "ann's role", found: "The node only records"},
		{name: "a credential registered in the node's name", tamper: node("ann2 registered", byNode), check: chain.CheckRules, at: "ann2 registered", found: "event keys only"},
		{name: "the document key rotated in the node's name", tamper: node("document rotated", byNode), check: chain.CheckRules, at: "document rotated", found: "the key it signs with only"},
		{name: "the first entry in the node's name", tamper: node("opened", byNode), check: chain.CheckRules, at: "opened", found: "The owner opens the ledger"},
	})
}

// Given an operator who changes what the rules made of a command, then the author's signature holds, for it says nothing
// of the effect; deciding again shows the change.
func TestForgedEffect(t *testing.T) {
	effect := func(at string, edit func(*chain.Entry)) attack {
		return attack{name: at, at: at, check: chain.CheckRules, found: "another effect", tamper: func(w *world) []verify.Raw { return w.forged(at, edit) }}
	}
	attacks := []attack{
		effect("catalogue", func(en *chain.Entry) { en.Event.Data.(*events.CataloguePublished).Number++ }),
		effect("ann's role", func(en *chain.Entry) { en.Event.Data.(*events.RoleCreated).Count++ }),
		effect("administrators", func(en *chain.Entry) { en.Event.Data.(*events.RoleCreated).Included = []string{documenttest.Write} }),
		effect("role of parts", func(en *chain.Entry) { en.Event.Data.(*events.RoleCreated).Set = events.SetDigest([]string{"other"}) }),
		effect("readers changed", func(en *chain.Entry) { en.Event.Data.(*events.RoleUpdated).Count-- }),
		effect("part", func(en *chain.Entry) { en.Event.Data.(*events.PermissionsRecorded).Part[0] ^= 1 }),
		effect("bob's set", func(en *chain.Entry) { en.Event.Data.(*events.PermissionsSet).Removed = nil }),
		effect("bob's revoked", func(en *chain.Entry) { en.Event.Data.(*events.PermissionRevoked).Grant = id("another grant") }),
		effect("event rotated", func(en *chain.Entry) { en.Event.Data.(*events.KeyRotated).Purpose = events.PurposeDocument }),
		effect("signed by event4", func(en *chain.Entry) { en.Event.Data.(*events.RolesSet).Removed = nil }),
		effect("bob no reader", func(en *chain.Entry) { en.Event.Data.(*events.RoleRevoked).Grant = id("another grant") }),
		effect("bob's role ended", func(en *chain.Entry) { en.Event.Data.(*events.GrantEnded).Subject = id("ann") }),
		effect("bob's grant ended", func(en *chain.Entry) { en.Event.Data.(*events.GrantEnded).Scope = "" }),
	}
	early := attack{name: "a grant ends too early", at: "bob's role ended", check: chain.CheckRules, found: "holds until", tamper: func(w *world) []verify.Raw {
		return w.forged("bob's role ended", func(en *chain.Entry) { en.Event.Time = en.Event.Time.Add(-time.Millisecond) })
	}}
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) { fails(t, history(t, profile), append(attacks, early)) })
	}
}

// Given a command whose effect no entry could hold, when an operator records it with a shorter effect, then that is an
// event which the rules do not make.
func TestEffectThatCannotBeWritten(t *testing.T) {
	profile := plain
	profile.Dependencies = true
	w := open(t, profile)
	// In a catalogue a name may be as long as with the catalogue before it; with it, this one is too long.
	long := strings.Repeat("x", 256)
	w.do(ask{}, &events.CataloguePublished{Catalogue: "c", Permissions: []events.Permission{
		{Name: "a", Category: "C", Entity: "E", Action: "A", DependsOn: []string{long}},
		{Name: long, Category: "C", Entity: "E", Action: "A"},
	}})
	fails(t, w, []attack{{name: "a name that is too long comes in", check: chain.CheckRules, found: "cannot be written again", tamper: func(w *world) []verify.Raw {
		c, _ := w.command(ask{}, &events.RoleCreated{Role: id("r"), Key: "r", Name: "R", Permissions: []string{"c:a"}})
		e := c.Event(w.now)
		d := e.Data.(*events.RoleCreated)
		d.Count, d.Set = 1, events.SetDigest([]string{"c:a"})
		e.Sequence, e.Prev = 3, w.entries[1].CID()
		return append(w.raws(), raw(w.parse(w.seal(&chain.Entry{Event: &e, Evidence: w.evidence(&e, "owner"), Key: did("event")}))))
	}}})
}

// Given a first entry that is no honest opening, then nothing stands on it.
func TestForgedOpening(t *testing.T) {
	opening := func(edit func(*chain.Entry)) func(*world) []verify.Raw {
		return func(w *world) []verify.Raw {
			return w.forged("opened", func(en *chain.Entry) {
				edit(en)
				en.Evidence = w.evidence(en.Event, "owner")
			})
		}
	}
	fails(t, history(t, plain), []attack{
		{name: "for an organization other than the ledger's", at: "opened", check: chain.CheckRules, found: "not of the organization",
			tamper: opening(func(en *chain.Entry) { en.Event.Source = "ledger.example/other" })},
		{name: "one key for two purposes", at: "opened", check: chain.CheckRules, found: "two purposes",
			tamper: opening(func(en *chain.Entry) { en.Event.Data.(*events.OrganizationOpened).Keys.Root = did("event") })},
		{name: "without its owner's signature", at: "opened", check: chain.CheckEvidence,
			tamper: func(w *world) []verify.Raw { return w.forged("opened", func(en *chain.Entry) { en.Evidence = nil }) }},
		{name: "another honest opening", at: "opened", check: chain.CheckGenesis,
			tamper:  opening(func(en *chain.Entry) { en.Event.Data.(*events.OrganizationOpened).Name = "ACME Ltd" }),
			options: func(w *world) verify.Options { return verify.Options{Genesis: w.entries[0].CID()} }},
		{name: "another honest opening, nothing pinned", at: "coin", check: chain.CheckLink,
			tamper: opening(func(en *chain.Entry) { en.Event.Data.(*events.OrganizationOpened).Name = "ACME Ltd" })},
	})
}
