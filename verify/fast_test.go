package verify_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/verify"
)

// Given what breaks links or leads to another tree, then the fast pass notices it too, where the whole one does; and it
// notices nothing else.
func TestFastPass(t *testing.T) {
	w := history(t, plain)
	noticed := []string{chain.CheckPosition, chain.CheckLink, chain.CheckSource, chain.CheckGenesis, chain.CheckHead}
	seen := map[string]bool{}
	for _, a := range integrity() {
		if !slices.Contains(noticed, a.check) {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			w := *w
			w.TB = t
			var o verify.Options
			if a.options != nil {
				o = a.options(&w)
			}
			o.Fast = true
			position := uint64(len(w.entries)) + 1 + a.after
			if a.at != "" {
				position = w.position(a.at) + a.after
			}
			r, err := entries(t, a.tamper(&w), o)
			wantBroken(t, err, a.check, position)
			if r.Position != position-1 || !r.Fast {
				t.Errorf("the report is %+v", r)
			}
		})
		seen[a.check] = true
	}
	for _, check := range noticed {
		if !seen[check] {
			t.Errorf("no attack is of the check %q", check)
		}
	}
	whole, err := entries(t, w.raws(), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := entries(t, w.raws(), verify.Options{Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	want := verify.Report{
		Organization: whole.Organization, Source: whole.Source, Genesis: whole.Genesis, Position: whole.Position, CID: whole.CID, Root: whole.Root,
		Fast: true, Notes: whole.Notes,
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("the report (-want +got):\n%s", diff)
	}
	if _, not := got.Words(); !strings.Contains(strings.Join(not, "\n"), "were not looked at (--fast)") {
		t.Errorf("it does not say what it left out: %q", not)
	}
}

// Given entries that are none, or of a later release, then the fast pass stops there.
func TestFastPassStops(t *testing.T) {
	w := history(t, plain)
	replace := func(name, old, text string) []verify.Raw {
		all := w.raws()
		raw := &all[w.position(name)-1].Bytes
		if !bytes.Contains(*raw, []byte(old)) {
			t.Fatalf("%s does not say %q", *raw, old)
		}
		*raw = bytes.Replace(*raw, []byte(old), []byte(text), 1)
		return all
	}
	_, err := entries(t, replace("bob granted", `{"event"`, `{ "event"`), verify.Options{Fast: true})
	wantBroken(t, err, chain.CheckForm, w.position("bob granted"))
	// An entry of keys is read whole.
	_, err = entries(t, replace("event2 registered", `"purpose":"event"`, `"purpose":["event"]`), verify.Options{Fast: true})
	wantBroken(t, err, chain.CheckForm, w.position("event2 registered"))
	_, err = entries(t, replace("bob granted", `"urn:permledger:permission.granted:`, `"urn:permledger:permission.lent:`), verify.Options{Fast: true})
	var newer *verify.NewerError
	if unknown := (*events.UnknownTypeError)(nil); !errors.As(err, &newer) || newer.Position != w.position("bob granted") || !errors.As(err, &unknown) {
		t.Errorf("got %v; want that it is of a later release", err)
	}
}
