package docs_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/console/nodetest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
)

// console is where the verifier of the console lies.
const console = "../console"

// Given the published journals and tampered copies of them, then the console's verifier, which is written from format.md, comes to the
// verdict of the code, and shows the bytes of what does not hold.
func TestJavaScriptAgrees(t *testing.T) {
	cases := tamperings(t)
	for name, x := range ledgers {
		cases = append(cases, tampered{Name: "honest: " + name, entries: x.make(t).raws()})
	}
	table := len(cases)
	// Every few bytes of entries, each time another bit of it.
	for name, l := range map[string]*ledger{"small": small(t), "wallets": wallets(t)} {
		raws := l.raws()
		for at := 1; at < len(raws); at += 2 {
			for i := at % 3; i < len(raws[at]); i += 11 {
				bad := bytes.Clone(raws[at])
				bad[i] ^= 1 << (i % 8)
				cases = append(cases, tampered{Name: fmt.Sprintf("%s, entry %d: bit %d of byte %d flipped", name, at+1, i%8, i), entries: append(slices.Clone(raws[:at]), bad)})
			}
		}
	}
	files := make([]nodetest.Case, len(cases))
	for i, x := range cases {
		files[i] = nodetest.Case{Name: x.Name, File: segment(x.entries)}
	}
	for i, got := range nodetest.Verify(t, console, files...) {
		want := verdict(cases[i].entries)
		if at, form := strings.CutSuffix(want, "form"); i >= table && form && strings.HasPrefix(got.String(), at) {
			want = got.String() // the console leaves what is said in commands to the signatures over them
		}
		if got.String() != want {
			t.Errorf("%s: the console says %q (%+v); the code says %q", got.Name, got, got.Broken, want)
		}
		if !got.OK && !got.Broken.Raw {
			t.Errorf("%s: the console does not show the bytes of %s", got.Name, got)
		}
	}
}

// Given the ledgers that are published, then the console's verifier computes the heads and roots that are published with them.
func TestJavaScriptRoots(t *testing.T) {
	var files []nodetest.Case
	var want []entryVector
	for name := range ledgers {
		b, err := os.ReadFile("vectors/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var v ledgerVector
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		var all [][]byte
		for _, x := range v.Entries {
			all = append(all, []byte(x.Entry))
			files = append(files, nodetest.Case{Name: fmt.Sprint(name, " up to ", x.Position), File: segment(all)})
			want = append(want, x)
		}
	}
	for i, got := range nodetest.Verify(t, console, files...) {
		if !got.OK || got.Position != want[i].Position || got.Head != want[i].CID || got.Root != want[i].Root {
			t.Errorf("%s: %v: %+v; want head %s, root %s", got.Name, got, got, want[i].CID, want[i].Root)
		}
	}
}

// Given an honest ledger, when its end is cut off or its past is another, then whoever knows an entry or a root of before notices.
func TestJavaScriptKnowsTheHead(t *testing.T) {
	raws, entries := small(t).raws(), small(t).entries
	whole := segment(raws)
	of := func(n int) string { return fmt.Sprintf("%d@%s", n, entries[n-1].CID()) }
	kept := func(n int) *nodetest.Kept {
		h := root(raws[:n])
		return &nodetest.Kept{Origin: "ledger.example/acme", Size: uint64(n), Root: hex.EncodeToString(h[:])}
	}
	another := kept(2)
	another.Root = kept(1).Root
	elsewhere := *another
	elsewhere.Origin = "ledger.example/other"
	var lines []byte
	for _, raw := range raws {
		lines = append(append(lines, raw...), '\n')
	}
	tests := []struct {
		nodetest.Case
		want string
	}{
		{nodetest.Case{Name: "the whole, the head known", File: whole, Known: of(3)}, "ok"},
		{nodetest.Case{Name: "the whole, an entry before the head known", File: whole, Known: of(2)}, "ok"},
		{nodetest.Case{Name: "another entry known", File: whole, Known: "2@" + entries[2].CID()}, "entry 2: head"},
		{nodetest.Case{Name: "an entry cut off", File: segment(raws[:2])}, "ok"},
		{nodetest.Case{Name: "an entry cut off, the head known", File: segment(raws[:2]), Known: of(3)}, "entry 3: head"},
		{nodetest.Case{Name: "half an entry cut off", File: whole[:len(whole)-100]}, "form: "},
		{nodetest.Case{Name: "a byte of a length left", File: whole[:len(segment(raws[:2]))+1]}, "form: "},
		{nodetest.Case{Name: "zeros behind the end", File: append(bytes.Clone(whole), make([]byte, 300_000)...)}, "ok"},
		{nodetest.Case{Name: "a zero behind the end", File: append(bytes.Clone(whole), 0)}, "ok"},
		{nodetest.Case{Name: "something behind zeros", File: append(append(bytes.Clone(whole), make([]byte, 300_000)...), 1)}, "form: "},
		{nodetest.Case{Name: "verified before", File: whole, Kept: kept(2)}, "ok"},
		{nodetest.Case{Name: "another history verified before", File: whole, Kept: another}, "entry 2: head"},
		{nodetest.Case{Name: "another ledger verified before", File: whole, Kept: &elsewhere}, "ok"},
		{nodetest.Case{Name: "a citation", File: whole, Known: "“History: ledger.example/acme, event 2 (" + entries[1].CID() + ") of 2026-03-01, http://127.0.0.1/”"}, "ok"},
		{nodetest.Case{Name: "a citation of another history", File: whole, Known: "event 2 (" + entries[2].CID() + ")"}, "entry 2: head"},
		{nodetest.Case{Name: "a document nested deeply", File: []byte(`{"@context":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "}")}, "form: "},
		{nodetest.Case{Name: "JSON Lines", File: lines, Known: of(3)}, "ok"},
		{nodetest.Case{Name: "JSON Lines without the last line's end", File: lines[:len(lines)-1]}, "form: "},
		{nodetest.Case{Name: "JSON Lines with an empty line", File: append(bytes.Clone(lines), '\n')}, "entry 4: form"},
		{nodetest.Case{Name: "nothing", File: nil}, "form: "},
		{nodetest.Case{Name: "something else", File: []byte("%PDF-1.7\n%âãÏÓ\n")}, "form: "},
	}
	var files []nodetest.Case
	for _, tt := range tests {
		files = append(files, tt.Case)
	}
	for i, got := range nodetest.Verify(t, console, files...) {
		if want := tests[i].want; got.String() != want {
			t.Errorf("%s: %v (%+v); want %s", got.Name, got, got.Broken, want)
		}
	}
}

// Given every kind of event, then the console's verifier knows it, what it is about and whether it has an effect.
func TestJavaScriptKnowsEveryType(t *testing.T) {
	b, err := os.ReadFile(console + "/static/verify/types.js")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`\['([a-z.]+)', (\d+), '([^']+)', (true|false)\]`).FindAllStringSubmatch(string(b), -1) {
		got[m[1]+"."+m[2]] = m[3] + " " + m[4]
	}
	for _, k := range eventtest.Kinds() {
		d, _ := events.New(k.Type)
		if want := fmt.Sprint(abouts[k], " ", events.HasEffect(d, k.Version)); got[k.String()] != want {
			t.Errorf("%v: types.js has %q; want %q", k, got[k.String()], want)
		}
	}
	if len(got) != len(eventtest.Kinds()) {
		t.Errorf("types.js has %d kinds, there are %d", len(got), len(eventtest.Kinds()))
	}
}

// Given code points at and beside the edges of the forbidden ones, in names of entries that are signed, then the console's verifier
// takes those that the code takes.
func TestJavaScriptForbids(t *testing.T) {
	var cases []tampered
	honest := small(t)
	for _, r := range []rune{0x7e, 0xa0, 0xac, 0xae, 0x34e, 0x350, 0x200a, 0x2010, 0x2027, 0x202f, 0x205f, 0x2070, 0xfeff, 0xfefe, 0xff9f, 0xffa1, 0x10000, 0xdffff, 0x7f, 0x9f, 0xad, 0x34f, 0x2028, 0x2060, 0xffff, 0xe0000, 0x10ffff} {
		raw := strings.Replace(string(honest.entries[2].Bytes()), `"name":"Minter"`, `"name":"Mi`+string(r)+`nter"`, 1)
		cases = append(cases, tampered{Name: fmt.Sprintf("U+%04X", r), entries: [][]byte{honest.raws()[0], honest.raws()[1], []byte(raw)}})
	}
	files := make([]nodetest.Case, len(cases))
	for i, x := range cases {
		files[i] = nodetest.Case{Name: x.Name, File: segment(x.entries)}
	}
	for i, got := range nodetest.Verify(t, console, files...) {
		if want := verdict(cases[i].entries); got.String() != want { // form, or the signature, which is of another name
			t.Errorf("%s: the console says %q; the code says %q", got.Name, got, want)
		}
	}
}
