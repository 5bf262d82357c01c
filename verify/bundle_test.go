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
	keys     []string // that sign the checkpoint
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
