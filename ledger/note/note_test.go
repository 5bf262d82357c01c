package note_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// The examples of the C2SP documents, with the signatures they have.
const (
	quasimodo = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
		"— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
	sofa = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
		"— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n" +
		"— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
	// From the documentation of golang.org/x/mod/sumdb/note.
	neumannKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	neumann    = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
		"— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(seed byte) ed25519.PublicKey { return key(seed).Public().(ed25519.PublicKey) }

var (
	acme = note.LogKey("ledger.example/acme", public(1))
	w1   = note.WitnessKey("witness.example/w1", public(2))
	w2   = note.WitnessKey("witness.example/w2", public(3))
	w3   = note.WitnessKey("witness.example/w3", public(4))
	noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func checkpoint(size uint64) note.Checkpoint {
	return note.Checkpoint{Origin: acme.Name, Size: size, Root: tree.Leaf([]byte(fmt.Sprint(size)))}
}

// signed gives a checkpoint signed by the log.
func signed(t testing.TB, size uint64) *note.Note {
	t.Helper()
	text := checkpoint(size).Text()
	s, err := note.Sign(text, acme.Name, key(1))
	if err != nil {
		t.Fatal(err)
	}
	return &note.Note{Text: text, Signatures: []note.Signature{s}}
}

func cosign(t testing.TB, n *note.Note, seed byte, at time.Time) *note.Note {
	t.Helper()
	s, err := note.Cosign(n.Text, fmt.Sprintf("witness.example/w%d", seed-1), key(seed), at)
	if err != nil {
		t.Fatal(err)
	}
	return n.With(s)
}

func TestExamples(t *testing.T) {
	for _, b := range []string{quasimodo, sofa, neumann} {
		n, err := note.Parse([]byte(b))
		if err != nil {
			t.Errorf("%v:\n%s", err, b)
		} else if got := string(n.Bytes()); got != b {
			t.Errorf("read and written again:\n%s\nwant\n%s", got, b)
		}
	}
	n, _ := note.Parse([]byte(quasimodo))
	if want := "ed è subito sera.\n"; !strings.HasSuffix(n.Text, want) || len(n.Signatures) != 1 || n.Signatures[0].ID != 0x367ba04b {
		t.Errorf("the text is %q, the signatures %v", n.Text, n.Signatures)
	}
	n, _ = note.Parse([]byte(sofa))
	c, err := note.ParseCheckpoint(n.Text)
	if err != nil || c.Origin != "example.com/behind-the-sofa" || c.Size != 20852163 || c.Text() != n.Text {
		t.Errorf("checkpoint %v, %v", c, err)
	}
	k, err := note.ParseKey(neumannKey)
	if err != nil || k.String() != neumannKey {
		t.Fatalf("key %s, %v; want %s", k, err, neumannKey)
	}
	n, _ = note.Parse([]byte(neumann))
	if _, err := n.Verify(k); err != nil {
		t.Error(err)
	}
	n.Text = strings.Replace(n.Text, "don't", "do", 1)
	if _, err := n.Verify(k); !errors.Is(err, note.ErrBadSignature) {
		t.Errorf("another text under the same signature: %v", err)
	}
}

func TestMalformed(t *testing.T) {
	line := strings.SplitAfter(neumann, "\n\n")[1]
	for name, b := range map[string]string{
		"empty":                        "",
		"no signature":                 "text\n",
		"no empty line":                "text\n" + line,
		"nothing after the empty line": "text\n\n",
		"no newline at the end":        "text\n\n" + strings.TrimSuffix(line, "\n"),
		"text behind the signatures":   "text\n\n" + line + "more\n",
		"carriage return":              "text\r\n\n" + line,
		"tab":                          "te\txt\n\n" + line,
		"NUL":                          "te\x00xt\n\n" + line,
		"not UTF-8":                    "te\xffxt\n\n" + line,
		"a hyphen for the dash":        "text\n\n" + strings.Replace(line, "—", "-", 1),
		"no name":                      "text\n\n" + strings.Replace(line, "PeterNeumann", "", 1),
		"a plus in the name":           "text\n\n" + strings.Replace(line, "PeterNeumann", "Peter+Neumann", 1),
		"a wide space in the name":     "text\n\n" + strings.Replace(line, "PeterNeumann", "Peter\u3000Neumann", 1),
		"two spaces":                   "text\n\n" + strings.Replace(line, "Neumann ", "Neumann  ", 1),
		"a space at the end":           "text\n\n" + strings.Replace(line, "=\n", "= \n", 1),
		"no padding":                   "text\n\n" + strings.Replace(line, "=\n", "\n", 1),
		"other bits behind the last":   "text\n\n" + strings.Replace(line, "nAM=", "nAN=", 1),
		"URL's base64":                 "text\n\n" + strings.ReplaceAll(line, "/", "_"),
		"a key ID alone":               "text\n\n— PeterNeumann x08gow==\n",
		"101 signatures":               "text\n\n" + strings.Repeat(line, 101),
		"too long":                     strings.Repeat("text\n", note.MaxSize/5) + "\n" + line,
	} {
		if n, err := note.Parse([]byte(b)); !errors.Is(err, note.ErrMalformed) {
			t.Errorf("%s: %v, %v; want ErrMalformed", name, n, err)
		}
	}
	if _, err := note.Parse([]byte("text\n\n" + strings.Repeat(line, note.MaxSignatures))); err != nil {
		t.Errorf("100 signatures: %v", err)
	}
}

func TestMalformedCheckpoint(t *testing.T) {
	root := strings.Split(checkpoint(7).Text(), "\n")[2]
	for name, text := range map[string]string{
		"empty":                  "",
		"no origin":              "\n7\n" + root + "\n",
		"no newline at the end":  "o\n7\n" + root,
		"two lines":              "o\n7\n",
		"leading zero":           "o\n07\n" + root + "\n",
		"00":                     "o\n00\n" + root + "\n",
		"sign":                   "o\n+7\n" + root + "\n",
		"negative":               "o\n-7\n" + root + "\n",
		"hexadecimal":            "o\n0x7\n" + root + "\n",
		"underscore":             "o\n1_000\n" + root + "\n",
		"space":                  "o\n 7\n" + root + "\n",
		"no size":                "o\n\n" + root + "\n",
		"other digits":           "o\n٧\n" + root + "\n",
		"2^63":                   "o\n9223372036854775808\n" + root + "\n",
		"2^64-1":                 "o\n18446744073709551615\n" + root + "\n",
		"2^64":                   "o\n18446744073709551616\n" + root + "\n",
		"root of 3 bytes":        "o\n7\nAAAA\n",
		"root of 33 bytes":       "o\n7\n" + strings.Repeat("AAAA", 11) + "\n",
		"root without padding":   "o\n7\n" + strings.TrimRight(root, "=") + "\n",
		"empty line at the end":  "o\n7\n" + root + "\n\n",
		"empty line between":     "o\n7\n\n" + root + "\n",
		"unfinished extension":   "o\n7\n" + root + "\nmore",
		"empty line in the tail": "o\n7\n" + root + "\nmore\n\nmore\n",
		"control character":      "o\t\n7\n" + root + "\n",
	} {
		if c, err := note.ParseCheckpoint(text); !errors.Is(err, note.ErrMalformed) {
			t.Errorf("%s: %v, %v; want ErrMalformed", name, c, err)
		}
	}
	if _, err := note.ParseCheckpoint("o\n7\n" + root + "\nmore\n"); !errors.Is(err, note.ErrExtension) {
		t.Errorf("extension line: %v; want ErrExtension", err)
	}
	if c, err := note.ParseCheckpoint("o\n9223372036854775807\n" + root + "\n"); err != nil || c.Size != 1<<63-1 {
		t.Errorf("2^63-1: %v, %v", c, err)
	}
}

// TestSumdb holds our signatures and keys against Go's own package, in both directions.
func TestSumdb(t *testing.T) {
	theirs, err := sumdb.NewVerifier(acme.String())
	if err != nil {
		t.Fatal(err)
	}
	n := cosign(t, signed(t, 7), 2, noon)
	opened, err := sumdb.Open(n.Bytes(), sumdb.VerifierList(theirs))
	if err != nil || len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 1 || opened.Text != n.Text {
		t.Errorf("x/mod reads %v, %v", opened, err)
	}
	skey, vkey, err := sumdb.GenerateKey(strings.NewReader(strings.Repeat("k", 64)), acme.Name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sumdb.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sumdb.Sign(&sumdb.Note{Text: n.Text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	k, err := note.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	got, err := note.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := got.Verify(k); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	for _, k := range []note.Key{acme, w1} {
		if got, err := note.ParseKey(k.String()); err != nil || !got.Equal(k) {
			t.Errorf("ParseKey(%s) = %v, %v", k, got, err)
		}
	}
	v := w1.String()
	for name, bad := range map[string]string{
		"empty":            "",
		"no ID":            strings.Replace(v, "+df1c0a35", "", 1),
		"other ID":         strings.Replace(v, "df1c0a35", "df1c0a36", 1),
		"upper case ID":    strings.Replace(v, "df1c0a35", "DF1C0A35", 1),
		"other name":       strings.Replace(v, "w1", "w2", 1),
		"space in name":    strings.Replace(v, "w1", "w 1", 1),
		"cut":              v[:len(v)-4],
		"more":             v + "AAAA",
		"a newline":        v + "\n",
		"private key":      "PRIVATE+KEY+" + v,
		"ECDSA":            note.Key{Name: "x", Kind: 2, Public: w1.Public}.String(),
		"ML-DSA":           note.Key{Name: "x", Kind: 6, Public: w1.Public}.String(),
		"no key":           note.Key{Name: "x", Kind: 1}.String(),
		"31 bytes":         note.Key{Name: "x", Kind: 1, Public: w1.Public[:31]}.String(),
		"small order":      note.Key{Name: "x", Kind: 1, Public: append(ed25519.PublicKey{1}, make([]byte, 31)...)}.String(),
		"not on the curve": note.Key{Name: "x", Kind: 1, Public: append(ed25519.PublicKey{2}, make([]byte, 31)...)}.String(),
	} {
		if k, err := note.ParseKey(bad); !errors.Is(err, note.ErrMalformed) {
			t.Errorf("%s: %v, %v; want ErrMalformed", name, k, err)
		}
	}
}

func TestVerify(t *testing.T) {
	n := cosign(t, cosign(t, signed(t, 7), 2, noon), 3, noon.Add(time.Minute))
	for _, tt := range []struct {
		key note.Key
		at  time.Time
	}{{acme, time.Time{}}, {w1, noon}, {w2, noon.Add(time.Minute)}} {
		if at, err := n.Verify(tt.key); err != nil || !at.Equal(tt.at) {
			t.Errorf("%s: %v, %v; want %v", tt.key, at, err, tt.at)
		}
	}
	// Whose name, whose kind or whose bytes are others has not signed.
	for _, k := range []note.Key{w3, note.WitnessKey(w1.Name, w3.Public), note.WitnessKey("other", w1.Public), note.LogKey(w1.Name, w1.Public), note.WitnessKey(acme.Name, acme.Public)} {
		if _, err := n.Verify(k); !errors.Is(err, note.ErrUnsigned) {
			t.Errorf("%s: %v; want ErrUnsigned", k, err)
		}
	}
	// A second cosignature of one witness is a newer one; a bad one beside a good one rejects.
	if at, err := cosign(t, n, 2, noon.Add(time.Hour)).Verify(w1); err != nil || !at.Equal(noon.Add(time.Hour)) {
		t.Errorf("cosigned twice: %v, %v", at, err)
	}
	bad := n.Signatures[1]
	bad.Bytes = append(bytes.Clone(bad.Bytes[:71]), bad.Bytes[71]^1)
	if _, err := n.With(bad).Verify(w1); !errors.Is(err, note.ErrBadSignature) {
		t.Errorf("a bad one beside a good one: %v", err)
	}
	// A cosignature is not valid over what is no checkpoint.
	if _, err := note.Cosign("some text\n", "w", key(2), noon); !errors.Is(err, note.ErrMalformed) {
		t.Errorf("Cosign of some text: %v", err)
	}
	if _, err := note.Cosign(n.Text, "w", key(2), time.Unix(-1, 0)); err == nil {
		t.Error("Cosign before 1970")
	}
	forged := note.Note{Text: "some text\n"}
	message := []byte("cosignature/v1\ntime 0\n" + forged.Text)
	forged.Signatures = []note.Signature{{Name: w1.Name, ID: w1.ID(), Bytes: append(make([]byte, 8), ed25519.Sign(key(2), message)...)}}
	if _, err := forged.Verify(w1); !errors.Is(err, note.ErrBadSignature) {
		t.Errorf("a cosignature of some text: %v", err)
	}
}

// TestEveryBit flips each bit of a cosigned checkpoint: whatever is still a note must not verify, unless the bit is in
// the name or ID of a signature, which then is one of nobody known.
func TestEveryBit(t *testing.T) {
	good := cosign(t, signed(t, 7), 2, noon).Bytes()
	policy := &note.Policy{Logs: []note.Log{{Key: acme}}, Witnesses: []note.Witness{{Name: "w1", Key: w1}}, Quorum: "w1"}
	if _, err := policy.Verify(good); err != nil {
		t.Fatal(err)
	}
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if v, err := policy.Verify(b); err == nil {
			t.Errorf("bit %d of byte %d (%q) makes no difference: %v", i%8, i/8, good[i/8], v)
		}
	}
	for i := range good {
		if _, err := policy.Verify(good[:i]); err == nil {
			t.Errorf("cut to %d bytes it verifies", i)
		}
	}
}

type lyingSigner struct{ ed25519.PrivateKey }

func (s lyingSigner) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(r, append([]byte("x"), message...), o)
}

func TestSignChecksItself(t *testing.T) {
	text := checkpoint(7).Text()
	if _, err := note.Sign(text, acme.Name, lyingSigner{key(1)}); !errors.Is(err, note.ErrBadSignature) {
		t.Errorf("a signer that signs something else: %v", err)
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb"} {
		if _, err := note.Sign(text, name, key(1)); err == nil {
			t.Errorf("signed as %q", name)
		}
	}
	for _, text := range []string{"", "no newline", "a\tb\n", "\xff\n"} {
		if _, err := note.Sign(text, acme.Name, key(1)); !errors.Is(err, note.ErrMalformed) {
			t.Errorf("signed %q: %v", text, err)
		}
	}
}

func TestOnlyAndWith(t *testing.T) {
	n := cosign(t, cosign(t, signed(t, 7), 2, noon), 3, noon)
	if got := n.Only(acme); len(got.Signatures) != 1 || got.Signatures[0].Name != acme.Name || len(n.Signatures) != 3 {
		t.Errorf("Only(log) has %v; the note has %d", got.Signatures, len(n.Signatures))
	}
	if got := n.With(n.Signatures...); len(got.Signatures) != 3 {
		t.Errorf("signatures are repeated: %d", len(got.Signatures))
	}
	lines := strings.SplitAfter(string(n.Bytes()), "\n\n")[1]
	if got, err := note.ParseSignatures([]byte(lines)); err != nil || len(got) != 3 || got[2].String()+"\n" != strings.SplitAfter(lines, "\n")[2] {
		t.Errorf("ParseSignatures: %v, %v", got, err)
	}
}

// FuzzParse holds the parser against Go's own: what we take it takes too, and what it takes and we do not is base64 in
// another spelling, or too long. What is taken comes out as it went in.
func FuzzParse(f *testing.F) {
	for _, b := range []string{quasimodo, sofa, neumann} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := note.Parse(b)
		unverified := new(sumdb.UnverifiedNoteError)
		_, theirs := sumdb.Open(b, nil)
		if err != nil {
			if !errors.Is(err, note.ErrMalformed) {
				t.Fatalf("an error of another kind: %v", err)
			}
			if errors.As(theirs, &unverified) && !strings.Contains(err.Error(), "base64") && len(b) <= note.MaxSize {
				t.Fatalf("%v, but x/mod reads it", err)
			}
			return
		}
		if !errors.As(theirs, &unverified) {
			t.Fatalf("x/mod says %v", theirs)
		}
		if got := n.Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("read and written again:\n%s\nwant\n%s", got, b)
		}
		c, err := note.ParseCheckpoint(n.Text)
		if err == nil && c.Text() != n.Text {
			t.Fatalf("two spellings of a checkpoint:\n%s\n%s", c.Text(), n.Text)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(neumannKey)
	f.Add(w1.String())
	f.Fuzz(func(t *testing.T, vkey string) {
		k, err := note.ParseKey(vkey)
		if err == nil && k.String() != vkey {
			t.Fatalf("two spellings of a key: %s, %s", k, vkey)
		}
	})
}
