package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/bundle/bundletest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/verify"
)

// A parcel is a bundle in the making, of a world.
type parcel struct {
	*bundle.Source
	question bundle.Question
	position uint64
	witness  map[string]time.Time
}

// witnesses sign with keys of their own.
func witnessKey(name string) note.Key {
	return note.WitnessKey("witness.example/"+name, documenttest.Key("witness "+name).Public().(ed25519.PublicKey))
}

// pack makes the source of a bundle of all that a world has, with every document, and with the checkpoint of its end.
func pack(t testing.TB, w *world) *parcel {
	t.Helper()
	raws := make([][]byte, 0, len(w.entries))
	files := map[string][]byte{}
	state := rules.New()
	for _, en := range w.entries {
		raws = append(raws, en.Bytes())
		rules.Evolve(state, en.Event)
		if en.Document == nil {
			continue
		}
		file, err := document.Rebuild(state, en.Event, en.Document)
		if err != nil {
			t.Fatal(err)
		}
		files[en.Document.CID] = file
	}
	p := &parcel{Source: bundletest.Source(t, documenttest.Source, raws), question: bundle.Question{Kind: bundle.All}, position: uint64(len(raws))}
	for cid := range files {
		p.Documents = append(p.Documents, cid)
	}
	p.Document = func(cid string) ([]byte, error) { return files[cid], nil }
	var keys document.Keys
	for _, en := range w.entries {
		keys.Apply(en.Event)
	}
	p.DID = document.DIDDocument(documenttest.Source, w.state.Opened().DID, keys.At(p.position))
	p.sign(t, p.position, "checkpoint2")
	return p
}

// sign puts the bundle under a checkpoint of a size, signed with keys by their names, and cosigned.
func (p *parcel) sign(t testing.TB, size uint64, by ...string) {
	t.Helper()
	bundletest.Checkpoint(t, p.Source, size)
	n, err := note.Parse(p.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	n.Signatures = nil
	for _, name := range by {
		s, err := note.Sign(n.Text, p.Origin, documenttest.Key(name))
		if err != nil {
			t.Fatal(err)
		}
		n.Signatures = append(n.Signatures, s)
	}
	for _, name := range slices.Sorted(maps.Keys(p.witness)) {
		s, err := note.Cosign(n.Text, "witness.example/"+name, documenttest.Key("witness "+name), p.witness[name])
		if err != nil {
			t.Fatal(err)
		}
		n.Signatures = append(n.Signatures, s)
	}
	p.Checkpoint = n.Bytes()
}

func (p *parcel) write(t testing.TB, f bundle.Form) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := bundle.Write(&b, f, p.Source, p.question, p.position); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verifyBundle(t testing.TB, b []byte, o verify.Options) (*verify.Report, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return verify.Bundle(ctx, bytes.NewReader(b), int64(len(b)), o)
}

var bundleForms = []bundle.Form{bundle.Zip, bundle.CAR, bundle.Lines}

// Given a ledger in which everything happens, when all of it is exported in each form, then it verifies, and the report is
// that of the entries, with what the checkpoint says.
func TestHonestBundle(t *testing.T) {
	for name, profile := range profiles {
		w := history(t, profile)
		want, err := entries(t, w.raws(), verify.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := pack(t, w)
		secret := private.New("what for")
		p.question.Texts = bundle.Reasons
		p.Text = func(events.Digest) (private.Text, bool) { return secret, true }
		for _, f := range bundleForms {
			t.Run(fmt.Sprintf("%s %v", name, f), func(t *testing.T) {
				for _, fast := range []bool{false, true} {
					got, err := verifyBundle(t, p.write(t, f), verify.Options{Fast: fast})
					if err != nil {
						t.Fatal(err)
					}
					if got.Position != want.Position || got.CID != want.CID || got.Root != want.Root || got.Genesis != want.Genesis || got.Source != want.Source {
						t.Errorf("the report is %+v; want %+v", got, want)
					}
					if !fast && (got.Signed != want.Signed || got.Node != want.Node || got.Documents != want.Documents || len(got.Suspects) != len(want.Suspects)) {
						t.Errorf("the report is %+v; want %+v", got, want)
					}
					if f == bundle.Lines {
						if got.Checkpoint != nil {
							t.Errorf("a checkpoint: %+v", got.Checkpoint)
						}
						continue
					}
					c := got.Checkpoint
					if c == nil || c.Size != want.Position || c.Root != want.Root || c.Trusted || !slices.Equal(c.Keys, []string{did("checkpoint2")}) {
						t.Errorf("the checkpoint is %+v", c)
					}
				}
			})
		}
	}
}

// wantBrokenFile demands that an error names a check, a position and the file in which it is seen.
func wantBrokenFile(t testing.TB, err error, check, file string, position uint64) {
	t.Helper()
	wantBroken(t, err, check, position)
	if b := new(chain.BrokenError); errors.As(err, &b) && (b.File != file || !strings.Contains(err.Error(), file)) {
		t.Errorf("it names %q; want %q: %v", b.File, file, err)
	}
}

// bundleOf gives the same parcel about the role or subject of a history: the entries that are about it, the first one and
// those of keys.
func (w *world) bundleOf(p *parcel, kind string) *parcel {
	thing := map[string]string{bundle.Role: "readers", bundle.Subject: "bob"}[kind]
	some := *p.Source
	q := *p
	q.Source, q.question = &some, bundle.Question{Kind: kind, ID: id(thing), Texts: p.question.Texts}
	some.Documents = nil
	for i, en := range w.entries {
		about := en.Event.Data.About()
		if i == 0 || strings.HasPrefix(string(en.Event.Data.Type()), "key.") || about == kind+"/"+id(thing).String() {
			some.Positions = append(some.Positions, uint64(i+1))
			if en.Document != nil {
				some.Documents = append(some.Documents, en.Document.CID)
			}
		}
	}
	return &q
}

// Given a ledger in which everything happens, when what is about a role or a subject is exported, then it verifies, and the
// report says what it does not prove.
func TestHonestExtract(t *testing.T) {
	w := history(t, profiles["with documents"])
	p := pack(t, w)
	for _, kind := range []string{bundle.Role, bundle.Subject} {
		q := w.bundleOf(p, kind)
		for _, f := range bundleForms[:2] {
			r, err := verifyBundle(t, q.write(t, f), verify.Options{})
			if err != nil {
				t.Fatal(kind, f, err)
			}
			if x := r.Extract; x == nil || x.Kind != kind || x.ID != q.question.ID.String() || x.Entries != uint64(len(q.Positions)) || r.Documents != uint64(len(q.Documents)) || r.Documents == 0 {
				t.Errorf("%s %v: %+v, %+v", kind, f, r, x)
			}
			if c := r.Checkpoint; c == nil || c.Size != p.position {
				t.Errorf("%s %v: %+v", kind, f, c)
			}
		}
		// In JSON Lines nothing holds them together.
		_, err := verifyBundle(t, q.write(t, bundle.Lines), verify.Options{})
		wantBrokenFile(t, err, chain.CheckPosition, "line 2", 2)
	}
}

// policy trusts the ledger's log and asks for some of the witnesses.
func policy(k int, names ...string) *note.Policy {
	p := &note.Policy{Logs: []note.Log{{Key: note.LogKey(documenttest.Source, documenttest.Key("checkpoint2").Public().(ed25519.PublicKey))}}, Quorum: note.None}
	g := note.Group{Name: "some", K: k}
	for _, name := range names {
		p.Witnesses = append(p.Witnesses, note.Witness{Name: name, Key: witnessKey(name)})
		g.Members = append(g.Members, name)
	}
	if k > 0 {
		p.Groups, p.Quorum = []note.Group{g}, g.Name
	}
	return p
}

// Given a bundle that two witnesses have cosigned, when somebody asks for signatures and for an age, then it verifies if
// these are there and young enough, and else it says what is missing.
func TestTrust(t *testing.T) {
	w := history(t, plain)
	p := pack(t, w)
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	p.witness = map[string]time.Time{"auditor": at, "cloud": at.Add(-time.Hour)}
	p.sign(t, p.position, "checkpoint2")
	p.Policy = []byte(policy(1, "auditor", "cloud").String())
	both := p.write(t, bundle.Zip)
	p.Policy, p.witness = nil, nil
	p.sign(t, p.position, "checkpoint2")
	alone := p.write(t, bundle.CAR)
	last := w.entries[len(w.entries)-1].Event.Time

	other := policy(0)
	other.Logs[0].Key.Name = "ledger.example/other"
	stranger := policy(0)
	stranger.Logs[0].Key.Public = documenttest.Key("stranger").Public().(ed25519.PublicKey)
	for _, c := range []struct {
		name    string
		b       []byte
		trust   *note.Policy
		age     time.Duration
		now     time.Time
		check   string // that does not hold; empty: it verifies
		found   string // part of the message
		trusted bool
		vouched string
		at      time.Time
	}{
		{name: "nobody asks", b: both, vouched: "witnesses", at: at},
		{name: "one of two", b: both, trust: policy(1, "auditor", "cloud"), trusted: true, vouched: "witnesses", at: at},
		{name: "two of two", b: both, trust: policy(2, "auditor", "cloud"), trusted: true, vouched: "witnesses", at: at.Add(-time.Hour)},
		{name: "two, one of whom did not sign", b: both, trust: policy(2, "auditor", "judge"), check: verify.CheckTrust, found: note.ErrQuorum.Error()},
		{name: "nobody signed", b: alone, trust: policy(1, "auditor"), check: verify.CheckTrust, found: note.ErrQuorum.Error()},
		{name: "nobody is asked for", b: alone, trust: policy(0), trusted: true, vouched: "entry", at: last},
		{name: "nobody is asked for, and two signed", b: both, trust: policy(0, "auditor"), trusted: true, vouched: "witnesses", at: at},
		{name: "another log", b: alone, trust: other, check: verify.CheckTrust, found: note.ErrOrigin.Error()},
		{name: "another key of the log", b: alone, trust: stranger, check: verify.CheckTrust, found: note.ErrLogSignature.Error()},

		{name: "young enough", b: both, age: time.Hour, now: at.Add(time.Hour), vouched: "witnesses", at: at},
		{name: "too old", b: both, age: time.Hour, now: at.Add(time.Hour + time.Second), check: verify.CheckAge, found: "STALE"},
		{name: "the quorum is too old", b: both, trust: policy(2, "auditor", "cloud"), age: time.Hour, now: at.Add(time.Minute), check: verify.CheckAge, found: "STALE"},
		{name: "the last entry is young enough", b: alone, age: time.Hour, now: last.Add(time.Hour), vouched: "entry", at: last},
		{name: "the last entry is too old", b: alone, age: time.Hour, now: last.Add(time.Hour + time.Second), check: verify.CheckAge, found: "no witness vouches"},
		{name: "of tomorrow", b: both, age: time.Hour, now: at.Add(-10 * time.Minute), check: verify.CheckAge, found: "yet to come"},
		{name: "a clock that is behind", b: both, age: time.Hour, now: at.Add(-time.Minute), vouched: "witnesses", at: at},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, fast := range []bool{false, true} {
				r, err := verifyBundle(t, c.b, verify.Options{Trust: c.trust, MaxAge: c.age, Now: c.now, Fast: fast})
				if c.check != "" {
					wantBrokenFile(t, err, c.check, "checkpoint", 0)
					if !strings.Contains(err.Error(), c.found) {
						t.Errorf("%v does not say %q", err, c.found)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := r.Checkpoint; got.Trusted != c.trusted || got.Vouched != c.vouched || !got.At.Equal(c.at) {
					t.Errorf("%+v", got)
				}
			}
		})
	}
	t.Run("JSON Lines have no checkpoint", func(t *testing.T) {
		b := p.write(t, bundle.Lines)
		for _, o := range []verify.Options{{Trust: policy(0)}, {MaxAge: time.Hour, Now: last}} {
			_, err := verifyBundle(t, b, o)
			wantBrokenFile(t, err, verify.CheckTrust, "checkpoint", 0)
		}
	})
}

// Given a checkpoint that the wrong key signed, or nobody, then it is refused, whatever the policy in the bundle says.
func TestSigner(t *testing.T) {
	w := history(t, plain)
	p := pack(t, w)
	for _, by := range []string{"checkpoint", "event3", "document2", "root2", "stranger"} {
		p.sign(t, p.position, by)
		_, err := verifyBundle(t, p.write(t, bundle.Zip), verify.Options{})
		wantBrokenFile(t, err, verify.CheckSigner, "checkpoint", 0)
	}
	// A signature that is said to be of the right key, and is not.
	p.sign(t, p.position, "checkpoint2", "stranger")
	n, err := note.Parse(p.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	n.Signatures[0].Bytes[5] ^= 1
	p.Checkpoint = n.Bytes()
	_, err = verifyBundle(t, p.write(t, bundle.Zip), verify.Options{})
	wantBrokenFile(t, err, verify.CheckSigner, "checkpoint", 0)
	// The policy in the bundle speaks of another log: it is no policy of this one.
	p.sign(t, p.position, "checkpoint2")
	other := policy(0)
	other.Logs[0].Key.Name = "ledger.example/other"
	p.Policy = []byte(other.String())
	_, err = verifyBundle(t, p.write(t, bundle.Zip), verify.Options{})
	wantBrokenFile(t, err, verify.CheckTrust, "checkpoint", 0)
	p.Policy = []byte("quorum nobody\n")
	_, err = verifyBundle(t, p.write(t, bundle.Zip), verify.Options{})
	wantBrokenFile(t, err, chain.CheckForm, "policy", 0)
}

// Given a checkpoint of any size that the ledger had, signed with any of its keys, then it is right exactly if the rules say
// that this key signed checkpoints of that size.
func TestSignersByPosition(t *testing.T) {
	w := open(t, plain)
	w.do(ask{}, &events.KeyRotated{Old: did("checkpoint"), New: did("checkpoint2")})
	w.do(ask{}, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman})
	w.do(ask{}, &events.KeyRotated{Old: did("checkpoint2"), New: did("event2")}) // whose overlap ends the one before
	w.do(ask{}, &events.KeyRevoked{Key: did("checkpoint2")})
	w.do(ask{}, &events.KeyReported{Key: did("event2"), From: 2})
	w.do(ask{}, &events.KeyRotated{Old: did("event2"), New: did("event3")}) // which ends at once, for it was reported
	w.do(ask{}, &events.KeyRotated{Old: did("event3"), New: did("event4")})
	w.do(ask{}, &events.KeyReported{Key: did("event3"), From: 2})
	w.do(ask{}, &events.SubjectAdded{Subject: id("bob"), Key: "bob", Kind: events.KindHuman})
	p := pack(t, w)
	right := 0
	for size := uint64(1); size <= uint64(len(w.entries)); size++ {
		state := rules.New()
		for _, en := range w.entries[:size] {
			rules.Evolve(state, en.Event)
		}
		p.position = size
		for _, by := range []string{"checkpoint", "checkpoint2", "event2", "event3", "event4"} {
			p.sign(t, size, by)
			want := slices.Contains(state.CheckpointKeys(size), did(by))
			for _, fast := range []bool{false, true} {
				_, err := verifyBundle(t, p.write(t, bundle.CAR), verify.Options{Fast: fast})
				if want != (err == nil) {
					t.Errorf("size %d, signed by %s: %v; the rules say %v", size, by, err, want)
				}
			}
			if want {
				right++
			}
		}
	}
	if right <= len(w.entries) {
		t.Errorf("only %d are right of %d sizes: no two keys ever sign beside each other", right, len(w.entries))
	}
}

// Given a checkpoint of more entries than are exported, then the bundle verifies as of each position, and the checkpoint is
// the one of more; a proof or a tile that does not lead there is refused.
func TestCheckpointBeyond(t *testing.T) {
	w := many(t)
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	size := p.position
	for _, position := range []uint64{1, 2, 255, 256, 257, 511, 512, 529, 530} {
		p.position = position
		for _, f := range bundleForms[:2] {
			for _, fast := range []bool{false, true} {
				r, err := verifyBundle(t, p.write(t, f), verify.Options{Fast: fast})
				if err != nil {
					t.Fatal(position, f, err)
				}
				if r.Position != position || r.Checkpoint.Size != size || r.Root != w.roots[position-1] {
					t.Errorf("%d %v: %+v", position, f, r)
				}
			}
		}
	}
	p.position = 300
	good := p.write(t, bundle.Zip)
	for name, position := range map[string]uint64{"tile/0/001": 301, "tile/0/002.p/18": 513} {
		b := rezip(t, good, func(f packedFiles) packedFiles {
			tile := *f.get(name)
			tile[(position-1)%256*32] ^= 1 // of an entry that is not here
			return f
		})
		_, err := verifyBundle(t, b, verify.Options{})
		// The tile above was made of the right one; at the edge there is none above.
		if name == "tile/0/001" {
			wantBrokenFile(t, err, verify.CheckTile, "tile/1/000.p/2", 257)
		} else {
			wantBrokenFile(t, err, verify.CheckCheckpoint, "checkpoint", 0)
		}
	}
	other := open(t, plain)
	for len(other.entries) < 300 {
		other.do(ask{}, &events.SubjectAdded{Subject: id(fmt.Sprint("other", len(other.entries))), Key: fmt.Sprint("other", len(other.entries)), Kind: events.KindHuman})
	}
	forged := pack(t, other)
	forged.Tiles, forged.Checkpoint = p.Tiles, p.Checkpoint
	_, err := verifyBundle(t, forged.write(t, bundle.CAR), verify.Options{})
	wantBrokenFile(t, err, verify.CheckTree, "consistency", 0)
	_, err = verifyBundle(t, forged.write(t, bundle.Zip), verify.Options{})
	wantBrokenFile(t, err, verify.CheckTile, "tile/0/000", 2)
}
