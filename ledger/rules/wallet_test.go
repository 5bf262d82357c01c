package rules_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// The wallets of the tests: one of all chains, one of Polygon alone, and a token on Polygon.
const (
	everywhere = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
	polygon    = "did:pkh:eip155:137:0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
	abcToken   = "token/eip155:137:0x000000000000000000000000000000000000dEaD"
	mainnet    = "token/eip155:1:0x000000000000000000000000000000000000dEaD"
)

// addWallet adds a wallet, which has no credential of the ledger's.
func addWallet(key string) step {
	return step{data: &events.SubjectAdded{Subject: id(key), Key: key, Kind: events.KindWallet}}
}

// signedAs is a step that a wallet asks for, and signs in a scheme.
func (st step) signedAs(wallet, method string) step {
	return st.by(wallet).but(func(c *events.Command) { c.Auth = events.Auth{Method: method, Credential: wallet} })
}

func documentOn(thing string) step { return step{data: &events.DocumentIssued{Thing: thing}} }

func walletRefusals() []refusal {
	both := given(addWallet(everywhere), addWallet(polygon), add("ann"))
	notOf := func(credential, subject string) rules.Refusal {
		return hinted(rules.NotProven, credential+" is not the wallet of "+id(subject).String(),
			"A wallet signs in its own name; people and programs sign with their keys")
	}
	asWallet := func(credential string) func(*events.Command) {
		return func(c *events.Command) { c.Auth = events.Auth{Method: events.MethodEIP712, Credential: credential} }
	}
	return []refusal{
		{name: "wallet/proven, and not permitted", profile: stokr, given: both, when: documentOn(abcToken).signedAs(everywhere, events.MethodEIP712),
			then: lacks("ledger:document.issue")},
		{name: "wallet/of the token's chain", profile: stokr, given: both, when: documentOn(abcToken).signedAs(polygon, events.MethodEIP191),
			then: lacks("ledger:document.issue")},
		{name: "wallet/of another chain", profile: stokr, given: both, when: documentOn(mainnet).signedAs(polygon, events.MethodEIP4361),
			then: hinted(rules.NotProven, polygon+" is a wallet of one chain, and "+mainnet+" lies on another", "Sign with a wallet of that chain")},
		{name: "wallet/another wallet's", profile: stokr, given: both, when: add("joe").by(everywhere).but(asWallet(polygon)), then: notOf(polygon, everywhere)},
		{name: "wallet/the same key, of one chain", profile: stokr, given: both,
			when: add("joe").by(polygon).but(asWallet(polygon[len("did:pkh:eip155:137:"):])), then: notOf(polygon[len("did:pkh:eip155:137:"):], polygon)},
		{name: "wallet/in a person's name", profile: stokr, given: both, when: add("joe").by("ann").but(asWallet(everywhere)), then: notOf(everywhere, "ann")},
		{name: "wallet/in the owner's name", profile: stokr, given: both, when: add("joe").but(asWallet(everywhere)), then: notOf(everywhere, "owner")},
		{name: "wallet/a person's key", profile: stokr, given: both, when: add("joe").by("ann").but(asWallet(did("ann"))), then: notOf(did("ann"), "ann")},
		{name: "wallet/a person whose key is an address", profile: stokr, given: given(step{data: &events.SubjectAdded{Subject: id(everywhere), Key: everywhere, Kind: events.KindHuman}}),
			when: add("joe").signedAs(everywhere, events.MethodEIP712), then: notOf(everywhere, everywhere)},
		{name: "wallet/that is none", profile: stokr, given: given(addWallet("w12")), when: add("joe").signedAs("w12", events.MethodEIP712), then: notOf("w12", "w12")},
		{name: "wallet/nobody knows", profile: stokr, when: add("joe").signedAs(everywhere, events.MethodEIP712), then: notOf(everywhere, everywhere)},
		{name: "wallet/as the node", profile: stokr, given: both,
			when: register("event2", events.PurposeEvent, "").by("node").but(asWallet(everywhere)), then: notOf(everywhere, "node")},
		{name: "wallet/as the operator", profile: stokr, given: both, when: add("joe").by("platform").but(asWallet(everywhere)), then: notOf(everywhere, "platform")},
		{name: "wallet/deactivated", profile: stokr, given: append(both, deactivate(everywhere)), when: add("joe").signedAs(everywhere, events.MethodEIP712),
			then: because(rules.Inactive, everywhere+" is deactivated")},
		{name: "wallet/with a key of the ledger's", profile: stokr, given: given(addKind(everywhere, events.KindWallet)), when: add("joe").by(everywhere),
			then: hinted(rules.NotProven, everywhere+" is a wallet, which proves itself with its own signature", "Sign with the wallet, by EIP-712, EIP-191 or EIP-4361")},
		{name: "wallet/a day and an hour late", profile: stokr, given: both, when: aged(add("joe").signedAs(everywhere, events.MethodEIP712), 25*time.Hour),
			then: hinted(rules.Stale, "The time in the id is 2025-12-30T23:00:04Z, the ledger's is 2026-01-01T00:00:04Z", "Send the command again with a new id, or set the clock")},
	}
}

// Given a wallet that was granted a permission of the token level which guards one of the ledger's actions, when it asks
// for that on its token, then it is recorded, in each scheme, also where evidence is demanded; and not by version 1 of
// the rules, which knows no such method.
func TestWallet(t *testing.T) {
	for version := uint64(1); version <= rules.Version; version++ {
		for _, method := range []string{events.MethodEIP712, events.MethodEIP191, events.MethodEIP4361} {
			w := &world{reporter: t, s: rules.New()}
			w.do(openingBut(func(d *events.OrganizationOpened, c *events.Command) {
				d.Evidence, d.Rules, c.Version = []string{"permissions.recorded"}, version, int(version)
				if version == 1 {
					d.Keys.Checkpoint = ""
					d.Operator, d.Profile = [16]byte{}, events.Profile{Name: "plain", EmptyRoles: true, NewPermissions: true, DirectGrants: true}
				}
			}))
			w.do(step{data: &events.CataloguePublished{Catalogue: "chain", Title: "Chain", Permissions: []events.Permission{
				{Name: "write", Category: "C", Entity: "E", Action: "A", Level: events.LevelToken, Guards: []string{rules.ActionPermissionsRecord}},
			}}}, addWallet(everywhere), grant(everywhere, "chain:write"))
			c, at := w.command(part("a").signedAs(everywhere, method))
			_, err := rules.Decide(w.s, c, at)
			if proven := w.s.Authentic(c, at); proven != (version > 1) || proven != (err == nil) {
				t.Errorf("version %d, %s: authentic %v, %v", version, method, proven, err)
			}
		}
	}
}

// Given people, services and wallets, when any of them is named as the actor of a command that is proven in any way with
// anything, then it is authentic in just these cases: a wallet's by its own signature, an account's by a key of its own.
func TestWhoSpeaksForWhom(t *testing.T) {
	w := open(t, stokr, add("ann"), addKind("job", events.KindTechnical), addKind("wal", events.KindWallet), addWallet(everywhere), addWallet(polygon),
		step{data: &events.SubjectAdded{Subject: id("posing"), Key: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", Kind: events.KindHuman, Credential: did("posing")}})
	actors := []string{"owner", "ann", "job", "wal", "posing", everywhere, polygon, "node", "platform", "nobody"}
	credentials := []string{did("owner"), did("ann"), did("job"), did("wal"), did("posing"), did("event"), did("root"), everywhere, polygon, "wal", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ""}
	wallets := map[string]bool{events.MethodEIP712: true, events.MethodEIP191: true, events.MethodEIP4361: true}
	for _, actor := range actors {
		for _, credential := range credentials {
			for _, method := range []string{events.MethodSignature, events.MethodNode, events.MethodEIP712, events.MethodEIP191, events.MethodEIP4361, "password", ""} {
				want := wallets[method] && actor == credential && (actor == everywhere || actor == polygon)
				for _, account := range []string{"owner", "ann", "job", "posing"} {
					want = want || method == events.MethodSignature && actor == account && credential == did(account)
				}
				c, at := w.command(add("joe").by(actor).but(func(c *events.Command) {
					c.Auth = events.Auth{Method: method, Credential: credential}
				}))
				if got := w.s.Authentic(c, at); got != want {
					t.Errorf("%s, by %q with %q: authentic %v", actor, method, credential, got)
				}
			}
		}
	}
}
