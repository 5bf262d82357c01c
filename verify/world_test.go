package verify_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/ledger/wallet"
	"github.com/permledger/permledger/verify"
)

// did gives the did:key of the test key that goes by a name.
func did(name string) string { return documenttest.DID(documenttest.Key(name)) }

// names of all the keys that sign anything in these tests.
var keyNames = []string{
	"event", "event2", "event3", "event4", "document", "document2", "root", "root2", "operator", "owner", "owner2", "ann", "ann2", "bob", "watcher", "eye", "stranger",
}

// key gives the private key of a did:key.
func key(t testing.TB, of string) ed25519.PrivateKey {
	t.Helper()
	for _, name := range keyNames {
		if did(name) == of {
			return documenttest.Key(name)
		}
	}
	t.Fatalf("no test key is %s", of)
	return nil
}

// A world is a ledger in the making in which everybody signs with a key of their own. Keys, ids and times are fixed:
// equal calls give equal bytes. Positions that tests speak of have names.
type world struct {
	testing.TB
	state    *rules.State
	entries  []*chain.Entry
	roots    []tree.Hash // of the tree up to each entry
	at       map[string]uint64
	now      time.Time // of the next command
	event    string    // name of the key that signs entries
	document string    // name of the key that signs documents

	frontier tree.Frontier
	ids      uint64
}

// An ask is who asks for something, and how; the zero ask is the owner's, with its first credential.
type ask struct {
	as      string // name of the position
	by      string // subject; its credential is the key of the same name
	with    string // credential, where it is another key
	node    bool   // the ledger's own actor
	signer  string // event key, where it is another than the world's
	origin  events.Origin
	id      ulid.ULID     // zero: a new one
	expires time.Duration // after the time of the event; 0: a minute
	seen    *events.Seen
	reason  events.Digest
	version int
	scheme  string      // algorithm of a wallet, which asks instead of by; empty: none
	on      uint64      // chain of that wallet; 0: all
	wallet  *wallet.Key // of that wallet; nil: cow
}

// cow and dog are the keys of the wallets.
var cow, dog = walletKey("cow"), walletKey("dog")

func walletKey(of string) *wallet.Key {
	sum := wallet.Keccak256([]byte(of))
	k, err := wallet.KeyOf(sum[:])
	if err != nil {
		panic(err)
	}
	return k
}

// walletOn names cow's wallet on a chain, or on all.
func walletOn(chain uint64) string { return walletOf(cow, chain) }

func walletOf(k *wallet.Key, chain uint64) string {
	return wallet.ID{Chain: chain, Address: k.Address()}.String()
}

// id gives the id of a thing or a subject by its name.
func id(name string) ulid.ULID {
	sum := sha256.Sum256([]byte("id of " + name))
	var u ulid.ULID
	_ = u.SetTime(uint64(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC).UnixMilli()))
	copy(u[6:], sum[:])
	return u
}

func open(t testing.TB, profile events.Profile) *world {
	t.Helper()
	w := &world{
		TB: t, state: rules.New(), at: map[string]uint64{}, now: time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC),
		event: "event", document: "document",
	}
	w.do(ask{as: "opened"}, &events.OrganizationOpened{
		Organization: events.Organization(documenttest.Source), Name: "ACME", DID: "did:web:acme.example", Rules: rules.Version, Profile: profile, Node: id("node"), Operator: id("platform"),
		Owner:    events.Owner{Subject: id("owner"), Key: "owner", Kind: events.KindHuman, Credential: did("owner")},
		Keys:     events.Keys{Event: did("event"), Document: did("document"), Root: did("root"), Operator: did("operator"), Checkpoint: did("checkpoint")},
		Evidence: []string{"key.registered", "key.rotated", "key.succeeded"},
	})
	return w
}

func (w *world) newID() ulid.ULID {
	w.ids++
	var u ulid.ULID
	if err := u.SetTime(uint64(w.now.UnixMilli())); err != nil {
		w.Fatal(err)
	}
	sum := sha256.Sum256([]byte{byte(w.ids >> 16), byte(w.ids >> 8), byte(w.ids)})
	copy(u[6:], sum[:])
	if events.Hashed(u) {
		u[15] = 0 // that form is for imported and derived commands
	}
	return u
}

// command gives the command that is asked for, and the name of the key that signs it; none for the node's.
func (w *world) command(a ask, data events.Data) (events.Command, string) {
	by := a.by
	if by == "" {
		by = "owner"
	}
	with := a.with
	if with == "" {
		with = by
	}
	c := events.Command{
		ID: a.id, Ledger: documenttest.Source, Actor: id(by), Origin: a.origin, Reason: a.reason, Data: data, Version: a.version,
		Auth: events.Auth{Method: events.MethodSignature, Credential: did(with)},
	}
	if a.scheme != "" {
		c.Auth = events.Auth{Method: chain.MethodOf(a.scheme), Credential: walletOf(a.key(), a.on)}
		c.Actor, _ = w.state.SubjectByKey(c.Auth.Credential)
	}
	if a.node {
		with = ""
		c.Actor, c.Auth = id("node"), events.Auth{Method: events.MethodNode, Credential: did(w.event)}
		if a.signer != "" {
			c.Auth.Credential = did(a.signer)
		}
	}
	switch {
	case c.ID != ulid.ULID{}:
	case a.origin.Import != nil:
		c.ID = events.ImportID(*a.origin.Import)
	case a.origin.Derived != nil:
		due, _ := w.state.NextEnd()
		c.ID = events.DerivedID(data.Type(), *a.origin.Derived, due.Until)
	default:
		c.ID = w.newID()
	}
	return c, with
}

// evidence is the signature of a key, by its name, over the command of an event, valid for a minute.
func (w *world) evidence(e *events.Event, with string) *chain.Evidence {
	w.Helper()
	return w.sign(e, events.Signed{Expires: e.Time.Add(time.Minute)}, with)
}

func (w *world) sign(e *events.Event, s events.Signed, with string) *chain.Evidence {
	w.Helper()
	c := events.CommandOf(e)
	ev, err := chain.SignCommand(&c, s, documenttest.Key(with))
	if err != nil {
		w.Fatal(err)
	}
	return ev
}

func (w *world) signWallet(e *events.Event, s events.Signed, scheme string, on uint64, key *wallet.Key) *chain.Evidence {
	w.Helper()
	c := events.CommandOf(e)
	ev, err := chain.SignWallet(scheme, on, &c, s, key)
	if err != nil {
		w.Fatal(err)
	}
	return ev
}

// key is that of the wallet which asks.
func (a ask) key() *wallet.Key {
	if a.wallet == nil {
		return cow
	}
	return a.wallet
}

// signed is what the author of an ask says beside the command.
func (a ask) signed(e *events.Event) events.Signed {
	if a.expires == 0 {
		a.expires = time.Minute
	}
	return events.Signed{Expires: e.Time.Add(a.expires), Seen: a.seen}
}

// do records what is asked, a second after what was asked before.
func (w *world) do(a ask, data events.Data) *chain.Entry {
	w.Helper()
	c, with := w.command(a, data)
	e, err := rules.Decide(w.state, c, w.now)
	if err != nil {
		w.Fatalf("%s at %d: %v", data.Type(), len(w.entries)+1, err)
	}
	e.Sequence = uint64(len(w.entries) + 1)
	if e.Sequence > 1 {
		e.Prev = w.entries[len(w.entries)-1].CID()
	}
	var ev *chain.Evidence
	if a.scheme != "" {
		ev = w.signWallet(&e, a.signed(&e), a.scheme, a.on, a.key())
	} else if with != "" {
		ev = w.sign(&e, a.signed(&e), with)
	}
	rules.Evolve(w.state, &e)
	var doc *chain.Document
	if w.state.Documented(e.Data) {
		if doc, _, err = document.Sign(w.state, &e, documenttest.Key(w.document)); err != nil {
			w.Fatal(err)
		}
	}
	signer := a.signer
	if signer == "" {
		signer = w.event
	}
	en := w.parse(w.seal(&chain.Entry{Event: &e, Document: doc, Evidence: ev, Key: did(signer)}))
	w.entries = append(w.entries, en)
	w.frontier.Append(tree.Leaf(en.Bytes()))
	w.roots = append(w.roots, w.frontier.Root())
	w.now = w.now.Add(time.Second)
	if a.as != "" {
		w.at[a.as] = e.Sequence
	}
	return en
}

// end records that the grant which is due next has ended.
func (w *world) end(a ask) {
	w.Helper()
	due, ok := w.state.NextEnd()
	if !ok {
		w.Fatal("no grant is to end")
	}
	w.now = due.Until
	a.node, a.origin = true, events.Origin{Derived: &events.Derived{From: due.Grant}}
	w.do(a, &events.GrantEnded{Grant: due.Grant})
}

// seal gives the bytes of an entry whose fields were set, signed by the key it names.
func (w *world) seal(en *chain.Entry) []byte {
	w.Helper()
	body, err := en.Event.Encode()
	if err != nil {
		w.Fatal(err)
	}
	sealed, err := chain.Seal(en.Event, body, en.Document, en.Evidence, key(w, en.Key), en.Key)
	if err != nil {
		w.Fatal(err)
	}
	return sealed.Bytes()
}

func (w *world) parse(raw []byte) *chain.Entry {
	w.Helper()
	en, err := chain.Parse(raw)
	if err != nil {
		w.Fatal(err)
	}
	return en
}

// entry gives the entry at a named position, to look at.
func (w *world) entry(name string) *chain.Entry {
	w.Helper()
	return w.entries[w.position(name)-1]
}

func (w *world) position(name string) uint64 {
	w.Helper()
	at, ok := w.at[name]
	if !ok {
		w.Fatalf("no position is called %q", name)
	}
	return at
}

// stateAt gives the state with the entry at a named position.
func (w *world) stateAt(name string) *rules.State {
	w.Helper()
	s := rules.New()
	for _, en := range w.entries[:w.position(name)] {
		rules.Evolve(s, w.parse(en.Bytes()).Event)
	}
	return s
}

func raw(en *chain.Entry) verify.Raw { return verify.Raw{Bytes: en.Bytes(), Subject: en.Subject()} }

func (w *world) raws() []verify.Raw {
	all := make([]verify.Raw, 0, len(w.entries)+1)
	for _, en := range w.entries {
		all = append(all, raw(en))
	}
	return all
}

// head gives what somebody remembers who saw the ledger at a position.
func (w *world) head(position uint64) *verify.Head {
	return &verify.Head{Position: position, CID: w.entries[position-1].CID(), Root: w.roots[position-1]}
}

// seen is the checkpoint of so many entries, as an author had verified it.
func (w *world) seen(size uint64) *events.Seen {
	if size == 0 {
		return &events.Seen{Root: new(tree.Frontier).Root()}
	}
	return &events.Seen{Size: size, Root: w.roots[size-1]}
}

// forged gives the history in which the entry at a named position was changed, and signed again by the key it names.
func (w *world) forged(name string, edit func(*chain.Entry)) []verify.Raw {
	w.Helper()
	en := w.parse(w.entry(name).Bytes())
	edit(en)
	return w.with(name, w.parse(w.seal(en)))
}

// replaced gives the history in which the entry at a named position has other bytes, changed as text.
func (w *world) replaced(name, old, text string) []verify.Raw {
	w.Helper()
	before := string(w.entry(name).Bytes())
	if strings.Count(before, old) != 1 {
		w.Fatalf("%q stands %d times in %s", old, strings.Count(before, old), before)
	}
	all := w.raws()
	all[w.position(name)-1].Bytes = []byte(strings.Replace(before, old, text, 1))
	return all
}

func (w *world) with(name string, en *chain.Entry) []verify.Raw {
	all := w.raws()
	all[w.position(name)-1] = raw(en)
	return all
}

// forced gives the history and behind it an event that the rules were not asked about. Its effect is the one it would
// have if the owner had asked. edit, which may be nil, changes the entry before it is signed.
func (w *world) forced(a ask, data events.Data, edit func(*chain.Entry)) []verify.Raw {
	w.Helper()
	ids := w.ids
	defer func() { w.ids = ids }()
	c, with := w.command(a, data)
	e := c.Event(w.now)
	e.Data = data
	owners := c
	owners.Actor, owners.Auth = id("owner"), events.Auth{Method: events.MethodSignature, Credential: did("owner")}
	if again, err := rules.Decide(w.state, owners, w.now); err == nil {
		e.Data = again.Data
	}
	e.Sequence, e.Prev = uint64(len(w.entries)+1), w.entries[len(w.entries)-1].CID()
	en := &chain.Entry{Event: &e, Key: did(w.event)}
	if a.scheme != "" {
		en.Evidence = w.signWallet(&e, a.signed(&e), a.scheme, a.on, a.key())
	} else if with != "" {
		en.Evidence = w.sign(&e, a.signed(&e), with)
	}
	if edit != nil {
		edit(en)
	}
	return append(w.raws(), raw(w.parse(w.seal(en))))
}

// resigned gives the history that an operator makes who leaves out the entries at named positions and numbers, links
// and signs all others anew, with their documents, which say what position something has, as far as the rules can still
// follow. The signatures of their authors still hold: they say nothing of a position.
func (w *world) resigned(without ...string) []verify.Raw {
	w.Helper()
	state := rules.New()
	return w.relinked(func(en *chain.Entry) {
		if state == nil {
			return
		}
		if _, err := rules.Decide(state, events.CommandOf(en.Event), en.Event.Time); err != nil {
			state = nil // what follows has no state that a document could speak of
			return
		}
		rules.Evolve(state, en.Event)
		if en.Document == nil {
			return
		}
		doc, _, err := document.Sign(state, en.Event, key(w, en.Document.Key))
		if err != nil {
			w.Fatal(err)
		}
		en.Document = doc
	}, without...)
}

// relinked is resigned, with what edit makes of each entry before it is signed. An operator who has the event keys and
// not the document key changes nothing: the documents stay as they were.
func (w *world) relinked(edit func(*chain.Entry), without ...string) []verify.Raw {
	w.Helper()
	var all []verify.Raw
	prev := ""
next:
	for _, honest := range w.entries {
		for _, name := range without {
			if honest.Event.Sequence == w.position(name) {
				continue next
			}
		}
		en := w.parse(honest.Bytes())
		en.Event.Sequence, en.Event.Prev = uint64(len(all)+1), prev
		edit(en)
		again := w.parse(w.seal(en))
		all, prev = append(all, raw(again)), again.CID()
	}
	return all
}

// entries verifies raws that lie in memory.
func entries(t testing.TB, raws []verify.Raw, o verify.Options) (*verify.Report, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return verify.Entries(ctx, sequence(raws), o)
}

func sequence(raws []verify.Raw) iter.Seq2[verify.Raw, error] {
	return func(yield func(verify.Raw, error) bool) {
		for _, r := range raws {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// wantBroken demands that an error is of a check at a position.
func wantBroken(t testing.TB, err error, check string, position uint64) {
	t.Helper()
	broken := new(chain.BrokenError)
	if !errors.As(err, &broken) {
		t.Fatalf("got %v; want a BrokenError of %q at %d", err, check, position)
	}
	if broken.Check != check || broken.Position != position {
		t.Errorf("%q at %d does not hold; want %q at %d: %v", broken.Check, broken.Position, check, position, err)
	}
}
