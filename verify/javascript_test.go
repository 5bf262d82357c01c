package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/console/nodetest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/verify"
)

// console is where the verifier of the console lies.
const console = "../console"

// wordOf says which check a verifier says does not hold, in which file and at which entry. Of a tile the console names the hash.
func wordOf(err error) string {
	if err == nil {
		return "ok"
	}
	b := new(chain.BrokenError)
	if !errors.As(err, &b) {
		return err.Error()
	}
	return fmt.Sprintf("%s in %q", b.Check, b.File)
}

func wordIn(v nodetest.Verdict) string {
	if v.OK {
		return "ok"
	}
	file, _, _ := strings.Cut(v.Broken.File, "[")
	return fmt.Sprintf("%s in %q", v.Broken.Check, file)
}

// Given a ledger in which everything happens, when it is exported, whole and in part, then the console's verifier finds in the file
// what this one does.
func TestJavaScriptHonestBundles(t *testing.T) {
	var files []nodetest.Case
	var want []*verify.Report
	add := func(name string, p *parcel, f bundle.Form) {
		b := p.write(t, f)
		r, err := verifyBundle(t, b, verify.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		files, want = append(files, nodetest.Case{Name: fmt.Sprint(name, " ", f), File: b}), append(want, r)
	}
	for name, profile := range profiles {
		w := history(t, profile)
		p := pack(t, w)
		secret := private.New("what for")
		p.question.Texts = bundle.Reasons
		p.Text = func(events.Digest) (private.Text, bool) { return secret, true }
		add(name, p, bundle.Zip)
		add(name, p, bundle.Lines)
		for _, kind := range []string{bundle.Role, bundle.Subject} {
			add(name+", "+kind, w.bundleOf(p, kind), bundle.Zip)
		}
	}
	w := many(t)
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	for _, position := range []uint64{1, 2, 255, 256, 257, 511, 512, 529, 530} {
		p.position = position
		add(fmt.Sprint("as of ", position), p, bundle.Zip)
	}
	w = open(t, plain)
	w.do(ask{}, &events.KeyReported{Key: did("document"), From: 1})
	w.do(ask{}, &events.KeyRotated{Old: did("document"), New: did("document2")})
	w.do(ask{}, &events.KeyRotated{Old: did("document2"), New: did("document3")})
	w.do(ask{}, &events.KeyReported{Key: did("document2"), From: 2})
	w.do(ask{}, &events.KeyReported{Key: did("document3"), From: 2})
	p = pack(t, w)
	p.sign(t, p.position, "checkpoint")
	if !strings.Contains(string(p.DID), `"revoked":`) {
		t.Fatalf("no key is distrusted: %s", p.DID)
	}
	add("keys of documents that are not trusted", p, bundle.Zip)
	suspects := 0
	for i, got := range nodetest.Verify(t, console, files...) {
		w := want[i]
		if !got.OK || got.Position != w.Position || got.Head != w.CID || got.Signed != w.Signed || got.ByNode != w.Node || w.Extract == nil && got.Root != fmt.Sprintf("%x", w.Root) {
			t.Errorf("%s: %+v %+v; want %+v", got.Name, got, got.Broken, w)
		}
		if strings.Contains(got.Name, "zip") && (got.Documents != w.Documents || got.Texts != w.Texts) {
			t.Errorf("%s: %d documents and %d texts; want %d and %d", got.Name, got.Documents, got.Texts, w.Documents, w.Texts)
		}
		for _, x := range w.Suspects {
			suspects++
			if !slices.ContainsFunc(got.Suspects, func(s nodetest.Suspect) bool {
				return s.Key == x.Key && s.From == x.From && slices.Equal(s.Positions, x.Positions)
			}) {
				t.Errorf("%s: %+v does not name %+v", got.Name, got.Suspects, x)
			}
		}
		if not := strings.Join(got.Not, "\n"); !strings.Contains(not, "permledger verify") {
			t.Errorf("%s does not say what was not checked: %s", got.Name, not)
		}
	}
	if suspects == 0 {
		t.Error("no key was reported in any of these ledgers")
	}
}

// Given a bundle, when somebody does to it what can be done to a log, and makes every checksum right again, then the console's verifier
// refuses it by the same check as this one.
func TestJavaScriptDamagedBundle(t *testing.T) {
	whole, list := damages(t)
	var files []nodetest.Case
	for _, d := range list {
		files = append(files, nodetest.Case{Name: d.name, File: rezip(t, whole, d.change)})
	}
	for i, got := range nodetest.Verify(t, console, files...) {
		_, err := verifyBundle(t, files[i].File, verify.Options{})
		if want := wordOf(err); wordIn(got) != want {
			t.Errorf("%s: the console says %s (%+v); this verifier %s", got.Name, wordIn(got), got.Broken, want)
		}
	}
}

// Given bundles, when a byte anywhere is another, or they end early or late, then the console's verifier refuses them.
func TestJavaScriptFlippedBundle(t *testing.T) {
	w := history(t, profiles["with documents"])
	p := pack(t, w)
	var files []nodetest.Case
	for name, b := range map[string][]byte{"all": p.write(t, bundle.Zip), "role": w.bundleOf(p, bundle.Role).write(t, bundle.Zip)} {
		for at := 0; at < len(b); at += 1 + len(b)/60 {
			bad := bytes.Clone(b)
			bad[at] ^= byte(1 + at%255)
			files = append(files, nodetest.Case{Name: fmt.Sprintf("%s, byte %d", name, at), File: bad})
		}
		files = append(files, nodetest.Case{Name: name + ", cut off", File: b[:len(b)-1]}, nodetest.Case{Name: name + ", a byte more", File: append(bytes.Clone(b), 0)},
			nodetest.Case{Name: name + ", a byte before", File: append([]byte("P"), b...)})
	}
	for _, got := range nodetest.Verify(t, console, files...) {
		if got.OK {
			t.Errorf("%s: it verifies", got.Name)
		}
	}
}

// Given bundles whose checkpoint others signed, or witnesses too, when somebody brings a key or a policy, then the console's verifier comes
// to the verdict of this one.
func TestJavaScriptTrust(t *testing.T) {
	w := history(t, plain)
	p := pack(t, w)
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	var files []nodetest.Case
	var want []string
	form := bundle.Zip
	add := func(name string, trust *note.Policy, text string) {
		b := p.write(t, form)
		_, err := verifyBundle(t, b, verify.Options{Trust: trust})
		if trust != nil && text == "" {
			text = trust.String()
		}
		files, want = append(files, nodetest.Case{Name: name, File: b, Trust: text}), append(want, wordOf(err))
	}
	p.witness = map[string]time.Time{"auditor": at, "cloud": at.Add(-time.Hour)}
	p.sign(t, p.position, "checkpoint2")
	p.Policy = []byte(policy(1, "auditor", "cloud").String())
	other, stranger := policy(0), policy(0)
	other.Logs[0].Key.Name = "ledger.example/other"
	stranger.Logs[0].Key.Public = documenttest.Key("stranger").Public().(ed25519.PublicKey)
	add("nobody asks", nil, "")
	add("one of two", policy(1, "auditor", "cloud"), "")
	add("two of two", policy(2, "auditor", "cloud"), "")
	add("two, one of whom did not sign", policy(2, "auditor", "judge"), "")
	add("nobody is asked for", policy(0), "")
	add("another log", other, "")
	add("another key of the log", stranger, "")
	add("the key as a vkey", policy(0), policy(0).Logs[0].Key.String())
	add("the key as a did:key", policy(0), did("checkpoint2"))
	add("another key as a did:key", stranger, did("stranger"))
	form = bundle.Lines
	add("JSON Lines, which nobody signed", policy(0), "")
	form = bundle.Zip
	p.Policy = []byte(other.String())
	add("the policy in the bundle is of another log", nil, "")
	p.Policy = []byte("quorum nobody\n")
	add("the policy in the bundle is none", nil, "")
	p.Policy, p.witness = nil, nil
	for _, by := range [][]string{{"checkpoint"}, {"event3"}, {"document2"}, {"root2"}, {"stranger"}, {"checkpoint2", "stranger"}} {
		p.sign(t, p.position, by...)
		add(fmt.Sprint("signed by ", by), nil, "")
	}
	n, err := note.Parse(p.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	n.Signatures[0].Bytes[5] ^= 1
	p.Checkpoint = n.Bytes()
	add("a signature that does not verify", nil, "")

	w = open(t, plain)
	w.do(ask{}, &events.KeyRotated{Old: did("checkpoint"), New: did("checkpoint2")})
	w.do(ask{}, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman})
	w.do(ask{}, &events.KeyRotated{Old: did("checkpoint2"), New: did("event2")})
	w.do(ask{}, &events.KeyRevoked{Key: did("checkpoint2")})
	w.do(ask{}, &events.KeyReported{Key: did("event2"), From: 2})
	w.do(ask{}, &events.KeyRotated{Old: did("event2"), New: did("event3")})
	w.do(ask{}, &events.KeyRotated{Old: did("event3"), New: did("event4")})
	w.do(ask{}, &events.KeyReported{Key: did("event3"), From: 2})
	p = pack(t, w)
	for size := uint64(1); size <= uint64(len(w.entries)); size++ {
		p.position = size
		for _, by := range []string{"checkpoint", "checkpoint2", "event2", "event3", "event4"} {
			p.sign(t, size, by)
			add(fmt.Sprintf("size %d, signed by %s", size, by), nil, "")
		}
	}
	for i, got := range nodetest.Verify(t, console, files...) {
		if wordIn(got) != want[i] {
			t.Errorf("%s: the console says %s (%+v); this verifier %s", got.Name, wordIn(got), got.Broken, want[i])
		}
	}
}

// Given signed documents, then the console's verifier takes them, and refuses them with another byte anywhere, with more in their proof, or
// with the proof of another.
func TestJavaScriptDocuments(t *testing.T) {
	p := pack(t, history(t, profiles["with documents"]))
	var files []nodetest.Case
	var documents [][]byte
	for _, cid := range p.Documents {
		b, err := p.Document(cid)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, b)
		files = append(files, nodetest.Case{Name: "honest", File: b})
	}
	honest := len(files)
	first, proofOf := documents[0], func(b []byte) []byte { return b[bytes.LastIndex(b, []byte(`,"proof":`)):] }
	for at := 0; at < len(first); at += 3 {
		bad := bytes.Clone(first)
		bad[at] ^= 1 << (at % 7)
		files = append(files, nodetest.Case{Name: fmt.Sprintf("byte %d", at), File: bad})
	}
	for name, text := range map[string][2]string{
		"a member of its proof that nobody knows": {`"proofPurpose"`, `"expires":"2100-01-01T00:00:00Z","proofPurpose"`},
		"another suite":        {"eddsa-jcs-2022", "eddsa-rdfc-2022"},
		"another purpose":      {`"assertionMethod"`, `"authentication"`},
		"white space":          {`"type":`, `"type": `},
		"a member more":        {`"credentialSubject":{`, `"credentialSubject":{"aside":true,`},
		"another time of sign": {`"created":"2`, `"created":"3`},
	} {
		if !bytes.Contains(first, []byte(text[0])) {
			t.Fatalf("%s: %s does not stand in %s", name, text[0], first)
		}
		files = append(files, nodetest.Case{Name: name, File: bytes.Replace(first, []byte(text[0]), []byte(text[1]), 1)})
	}
	second := documents[1]
	files = append(files,
		nodetest.Case{Name: "the proof of another", File: append(bytes.TrimSuffix(bytes.Clone(first), proofOf(first)), proofOf(second)...)},
		nodetest.Case{Name: "without a proof", File: append(bytes.TrimSuffix(bytes.Clone(first), proofOf(first)), '}')},
		nodetest.Case{Name: "cut off", File: first[:len(first)-1]}, nodetest.Case{Name: "a line's end more", File: append(bytes.Clone(first), '\n')})
	for i, got := range nodetest.Verify(t, console, files...) {
		if got.OK != (i < honest) {
			t.Errorf("%s: %v %+v", got.Name, got.OK, got.Broken)
		}
	}
}
