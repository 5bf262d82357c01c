// Package docs_test holds docs/format.md and the vectors beside it to the code: its generated parts and its worked
// example are written by these tests (-rewrite) and compared by them, and docs/verify.py, which is written from the
// document alone, has to come to the same verdicts as ledger/chain.
package docs_test

import (
	"cmp"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/wallet"
)

// -rewrite writes the generated parts of the document and the vectors anew. Bytes that a release has published never
// change: commit only what you understand.
var rewrite = flag.Bool("rewrite", false, "write the generated parts of format.md and the vectors anew")

// The keys of the examples: the byte that is repeated in the seed of each.
const (
	eventKey      = 1
	documentKey   = 2
	rootKey       = 3
	operatorKey   = 4
	checkpointKey = 10
	ownerKey      = 5
	nextEventKey  = 6
	thirdEventKey = 7
	lastEventKey  = 8
	nextRootKey   = 9
)

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	owner = id(start, 1)
	node  = id(start, 2)
	role  = id(start, 3)
	ben   = id(start, 4)
)

func did(n byte) string { return eventtest.KeyOf(eventtest.PrivateKey(n)) }

// id gives an id of an instant whose random part is 00…n.
func id(at time.Time, n byte) (id ulid.ULID) {
	_ = id.SetTime(uint64(at.UnixMilli()))
	id[15] = n
	return id
}

// ledger is a ledger in the making: the rules decide every command, so that the examples are legitimate too.
type ledger struct {
	t       testing.TB
	state   *rules.State
	time    time.Time
	entries []*chain.Entry
}

func newLedger(t testing.TB) *ledger { return &ledger{t: t, state: rules.New(), time: start} }

// command is one with its author: proof is the key that signs it as evidence, 0 where the node acts.
type command struct {
	data    events.Data
	signer  byte
	proof   byte
	seen    *events.Seen
	reason  events.Digest
	origin  events.Origin
	version int
	wallet  string // algorithm of a wallet that asks, instead of the owner
	on      uint64 // chain of that wallet; 0: all
}

// cow is the key of the wallets: that of the example in EIP-712.
var cow = func() *wallet.Key {
	sum := wallet.Keccak256([]byte("cow"))
	k, err := wallet.KeyOf(sum[:])
	if err != nil {
		panic(err)
	}
	return k
}()

// walletOn names cow's wallet on a chain, or on all, and walletID gives its id.
func walletOn(on uint64) string    { return wallet.ID{Chain: on, Address: cow.Address()}.String() }
func walletID(on uint64) ulid.ULID { return id(start, byte(5+on%251)) }

// do decides a command one second after the one before, and seals its event.
func (l *ledger) do(c command) {
	l.t.Helper()
	n := byte(len(l.entries) + 1)
	cmd := events.Command{
		ID: id(l.time, 16*n), Ledger: "ledger.example/acme", Actor: owner, Origin: c.origin, Reason: c.reason, Data: c.data, Version: cmp.Or(c.version, l.state.Newest(c.data.Type())),
		Auth: events.Auth{Method: events.MethodSignature, Credential: did(c.proof)},
	}
	if c.proof == 0 {
		cmd.Actor, cmd.Auth = node, events.Auth{Method: events.MethodNode, Credential: did(c.signer)}
	}
	if c.wallet != "" {
		cmd.Actor, cmd.Auth = walletID(c.on), events.Auth{Method: chain.MethodOf(c.wallet), Credential: walletOn(c.on)}
	}
	switch {
	case c.origin.Import != nil:
		cmd.ID = events.ImportID(*c.origin.Import)
	case c.origin.Derived != nil:
		cmd.ID = events.DerivedID(c.data.Type(), *c.origin.Derived, until)
	}
	e, err := rules.Decide(l.state, cmd, l.time)
	if err != nil {
		l.t.Fatalf("entry %d: %v", n, err)
	}
	e.Sequence = uint64(n)
	if n > 1 {
		e.Prev = l.entries[n-2].CID()
	}
	body, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	var ev *chain.Evidence
	back := events.CommandOf(&e)
	switch {
	case c.wallet != "":
		if ev, err = chain.SignWallet(c.wallet, c.on, &back, events.Signed{Expires: l.time.Add(time.Hour), Seen: c.seen}, cow); err != nil {
			l.t.Fatal(err)
		}
	case c.proof != 0:
		if ev, err = chain.SignCommand(&back, events.Signed{Expires: l.time.Add(time.Hour), Seen: c.seen}, eventtest.PrivateKey(c.proof)); err != nil {
			l.t.Fatal(err)
		}
	}
	en, err := chain.Seal(&e, body, nil, ev, eventtest.PrivateKey(c.signer), did(c.signer))
	if err != nil {
		l.t.Fatal(err)
	}
	rules.Evolve(l.state, &e)
	l.entries = append(l.entries, en)
	l.time = l.time.Add(time.Second)
}

func (l *ledger) raws() [][]byte {
	var raws [][]byte
	for _, en := range l.entries {
		raws = append(raws, en.Bytes())
	}
	return raws
}

func opening() command {
	return command{version: 1, signer: eventKey, proof: ownerKey, data: &events.OrganizationOpened{
		Organization: "acme", Name: "ACME Ltd.", Rules: 1, Node: node,
		Profile:  events.Profile{Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true},
		Owner:    events.Owner{Subject: owner, Key: "owner", Kind: events.KindHuman, Credential: did(ownerKey)},
		Keys:     events.Keys{Event: did(eventKey), Document: did(documentKey), Root: did(rootKey), Operator: did(operatorKey)},
		Evidence: []string{"key.registered", "key.revoked"},
	}}
}

// small is the worked example: three entries, with and without evidence.
func small(t testing.TB) *ledger {
	l := newLedger(t)
	l.do(opening())
	l.do(command{signer: eventKey, proof: ownerKey, reason: events.Commit([32]byte{31: 7}, "the audit asked for it"),
		seen: &events.Seen{Size: 1, Root: root(l.raws())},
		data: &events.RoleCreated{Role: role, Key: "minter", Name: "Minter ü", Description: "May mint.\nOnly with \"two eyes\".",
			Permissions: []string{"asset.mint", "asset.view"}}})
	l.do(command{signer: eventKey, data: &events.KeyRotated{Old: did(eventKey), New: did(nextEventKey)}})
	return l
}

// wallets is a ledger of version 2 of the rules in which wallets of all chains and of one sign, in each scheme.
func wallets(t testing.TB) *ledger {
	l := newLedger(t)
	open := opening().data.(*events.OrganizationOpened)
	open.Rules, open.Operator, open.Keys.Checkpoint = 2, id(start, 3), did(checkpointKey)
	l.do(command{version: 2, signer: eventKey, proof: ownerKey, data: open})
	l.do(command{version: 1, signer: eventKey, proof: ownerKey, data: &events.CataloguePublished{Catalogue: "chain", Title: "Chain", Permissions: []events.Permission{
		{Name: "name", Category: "TOKEN", Entity: "ROLE", Action: "CREATE", Level: events.LevelToken, Guards: []string{rules.ActionRoleCreate}}}}})
	for _, on := range []uint64{0, 137} {
		l.do(command{version: 1, signer: eventKey, proof: ownerKey, data: &events.SubjectAdded{Subject: walletID(on), Key: walletOn(on), Kind: events.KindWallet}})
		l.do(command{version: 2, signer: eventKey, proof: ownerKey, data: &events.PermissionGranted{Subject: walletID(on), Permission: "chain:name"}})
		for i, scheme := range walletSchemes {
			key := fmt.Sprintf("r%d-%d", on, i)
			l.do(command{version: 1, signer: eventKey, wallet: scheme, on: on, seen: &events.Seen{Size: 2, Root: root(l.raws()[:2])}, reason: events.Commit([32]byte{31: 9}, "asked for"),
				data: &events.RoleCreated{Role: id(start, byte(100+2*i)+byte(on%2)), Key: key, Name: "Ä \"<&>\" " + key, Description: "One line.\nAnother."}})
		}
	}
	return l
}

var walletSchemes = []string{chain.AlgorithmEIP712, chain.AlgorithmEIP191, chain.AlgorithmEIP4361}

// until is when the grant in the history of keys ends.
var until = start.Add(5 * time.Second)

// keys is a ledger in which every change of the event keys happens, and every class of id.
func keys(t testing.TB) *ledger {
	l := newLedger(t)
	event := events.PurposeEvent
	l.do(opening())
	l.do(command{signer: eventKey, proof: ownerKey, data: &events.SubjectAdded{Subject: ben, Key: "ben", Kind: events.KindHuman,
		Email: events.Commit([32]byte{31: 8}, "ben@acme.example")},
		origin: events.Origin{Import: &events.Import{Format: "people", Source: "people.csv", Record: "row 2", Occurred: start.Add(-24 * time.Hour)}}})
	l.do(command{signer: eventKey, proof: ownerKey, data: &events.RoleCreated{Role: role, Key: "minter", Name: "Minter", Permissions: []string{"asset.mint"}}})
	l.do(command{signer: eventKey, proof: ownerKey, data: &events.RoleAssigned{Subject: ben, Role: role, Scope: "token/EU-1", Until: until}})
	grant := l.entries[3].Event.ID
	l.do(command{signer: eventKey, data: &events.KeyRegistered{Key: did(nextEventKey), Purpose: event}})
	l.do(command{signer: nextEventKey, data: &events.GrantEnded{Grant: grant}, origin: events.Origin{Derived: &events.Derived{From: grant}}})
	l.do(command{signer: eventKey, data: &events.KeyRotated{Old: did(eventKey), New: did(thirdEventKey)}})
	l.do(command{signer: thirdEventKey, proof: rootKey, data: &events.KeyRotated{Old: did(rootKey), New: did(nextRootKey)}})
	l.do(command{signer: lastEventKey, proof: nextRootKey, data: &events.KeySucceeded{Lost: did(thirdEventKey), Key: did(lastEventKey)}})
	l.do(command{signer: lastEventKey, proof: ownerKey, data: &events.KeyRevoked{Key: did(nextEventKey)}})
	l.do(command{signer: lastEventKey, proof: ownerKey, data: &events.KeyReported{Key: did(nextEventKey), From: 6}})
	l.do(command{signer: lastEventKey, proof: ownerKey, version: 1, data: &events.PermissionGranted{Subject: ben, Permission: "asset.view"}})
	l.do(command{signer: lastEventKey, proof: ownerKey, data: &events.RoleDeleted{Role: role}})
	return l
}
