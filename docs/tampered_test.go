package docs_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/ledger/wallet"
)

// tampered is a journal with which something is wrong.
type tampered struct {
	Name     string `json:"name"`
	Position int    `json:"position"` // of the first entry that does not hold
	Check    string `json:"check"`    // the first check of format.md, section 10, that it does not pass
	Journal  string `json:"journal"`  // the segment, in base64

	entries [][]byte
}

// sealed signs an event anew, after a change, with a key; evidence stays as it was. The node says which key it acts with.
func sealed(t testing.TB, en *chain.Entry, key byte, edit func(*events.Event)) []byte {
	t.Helper()
	return proven(t, en, key, func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
		if e.Auth.Method == events.MethodNode {
			e.Auth.Credential = did(key)
		}
		if edit != nil {
			edit(e)
		}
		return ev
	})
}

// proven signs an event anew, after a change, with other evidence.
func proven(t testing.TB, en *chain.Entry, key byte, edit func(*events.Event, *chain.Evidence) *chain.Evidence) []byte {
	t.Helper()
	e := *en.Event
	var ev *chain.Evidence
	if en.Evidence != nil {
		ev = new(chain.Evidence)
		*ev = *en.Evidence
		ev.Signature = bytes.Clone(ev.Signature) // an edit must not reach the honest entry, of which others are made
	}
	ev = edit(&e, ev)
	body, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := chain.Seal(&e, body, en.Document, ev, eventtest.PrivateKey(key), did(key))
	if err != nil {
		t.Fatal(err)
	}
	return again.Bytes()
}

// tamperings are journals to refuse, with the verdict on each.
func tamperings(t testing.TB) []tampered {
	t.Helper()
	honest := keys(t)
	var all []tampered
	add := func(name string, position int, check string, entries [][]byte) {
		all = append(all, tampered{name, position, check, base64.StdEncoding.EncodeToString(segment(entries)), entries})
	}
	// put has other bytes in the place of an entry.
	put := func(name string, position int, check string, raw []byte) {
		raws := honest.raws()
		raws[position-1] = raw
		add(name, position, check, raws[:min(position+1, len(raws))])
	}
	changed := func(name string, position int, check string, key byte, edit func(*events.Event)) {
		put(name, position, check, sealed(t, honest.entries[position-1], key, edit))
	}
	text := func(name string, position int, changes ...string) { // old and new by turns
		raw := string(honest.entries[position-1].Bytes())
		for i := 0; i < len(changes); i += 2 {
			if !strings.Contains(raw, changes[i]) {
				t.Fatalf("%s: %q does not stand in %s", name, changes[i], raw)
			}
			raw = strings.Replace(raw, changes[i], changes[i+1], 1)
		}
		put(name, position, chain.CheckForm, []byte(raw))
	}

	text("white space", 2, `,"id"`, `, "id"`)
	text("members out of order", 2, `"specversion":"1.0","subject":"subject/`+ben.String()+`"`, `"subject":"subject/`+ben.String()+`","specversion":"1.0"`)
	text("a member twice", 2, `"specversion":"1.0"`, `"specversion":"1.0","specversion":"1.0"`)
	text("an unknown member of the entry", 2, `"event":`, `"aside":1,"event":`)
	text("an unknown member of the event", 2, `"specversion"`, `"spec":"1.0","specversion"`)
	text("an unknown member of the data", 2, `"data":{`, `"data":{"aside":1,`)
	text("an escape that canonical JSON does not use", 2, `"key":"ben"`, `"key":"\u0062en"`)
	text("a forbidden code point", 3, `"name":"Minter"`, "\"name\":\"Mi\u200bnter\"")
	text("bad UTF-8", 3, `"name":"Minter"`, "\"name\":\"Mi\xffnter\"")
	text("a number with a fraction", 3, `"count":1`, `"count":1.0`)
	text("a number with an exponent", 3, `"count":1`, `"count":1e0`)
	text("minus zero", 2, `"part":0`, `"part":-0`)
	text("an integer above 2^53-1", 2, `"part":0`, `"part":9007199254740992`)
	text("null", 2, `"part":0`, `"part":null`)
	text("a position with a zero before it", 2, `"sequence":"2"`, `"sequence":"02"`)
	text("another type than the schema's", 2, `"type":"subject.added"`, `"type":"subject.deactivated"`)
	text("a subject that it is not about", 2, `"subject":"subject/`+ben.String(), `"subject":"subject/`+owner.String())
	text("31 February", 2, `"time":"2026-03-01`, `"time":"2026-02-31`)
	text("no prev", 2, `"prev":"`+honest.entries[0].CID()+`",`, ``)
	text("an effect left out", 3, `,"effect":{`, `,"affect":{`)
	text("a key in another spelling", 2, `"did:key:z6Mk`, `"did:key:z6MK`)
	text("two signatures", 2, `"signatures":[`, `"signatures":[{"key":"`+did(1)+`","sig":"`+strings.Repeat("A", 86)+`"},`)
	put("a line break after the entry", 2, chain.CheckForm, append(slices.Clone(honest.entries[1].Bytes()), '\n'))
	put("no entry", 2, chain.CheckForm, []byte(`{}`))

	raws := honest.raws()
	add("the first entry left out", 1, chain.CheckPosition, raws[1:4])
	add("an entry left out", 4, chain.CheckPosition, slices.Delete(slices.Clone(raws), 3, 4)[:5])
	add("an entry twice", 3, chain.CheckPosition, [][]byte{raws[0], raws[1], raws[1]})
	add("two entries in each other's place", 2, chain.CheckPosition, [][]byte{raws[0], raws[2], raws[1]})
	changed("a number left out", 4, chain.CheckPosition, eventKey, func(e *events.Event) { e.Sequence = 5 })
	changed("another link", 4, chain.CheckLink, eventKey, func(e *events.Event) { e.Prev = chain.CID([]byte("another")) })
	add("an entry written anew, its successor not", 3, chain.CheckLink, [][]byte{raws[0],
		sealed(t, honest.entries[1], eventKey, func(e *events.Event) { e.Time = e.Time.Add(1e6) }), raws[2]})
	add("two honest histories of the same keys, spliced", 3, chain.CheckLink, [][]byte{raws[0], raws[1], small(t).raws()[2]})
	changed("another ledger", 3, chain.CheckSource, eventKey, func(e *events.Event) { e.Source = "ledger.example/other" })
	changed("time goes back", 3, chain.CheckTime, eventKey, func(e *events.Event) { e.Time = start })
	put("the signature of another event", 2, chain.CheckSignature, bytes.Replace(raws[1], sig(raws[1]), sig(raws[2]), 1))
	put("signed by another key than it names", 2, chain.CheckSignature,
		bytes.Replace(sealed(t, honest.entries[1], thirdEventKey, nil), []byte(did(thirdEventKey)), []byte(did(eventKey)), 1))
	changed("evidence of another command", 2, chain.CheckEvidence, eventKey, func(e *events.Event) { e.Actor = ben })
	changed("evidence of another key than the event says", 2, chain.CheckEvidence, eventKey, func(e *events.Event) { e.Auth.Credential = did(rootKey) })
	changed("evidence where the event does not say so", 2, chain.CheckEvidence, eventKey, func(e *events.Event) {
		e.Auth = events.Auth{Method: events.MethodNode, Credential: did(eventKey)}
	})
	changed("evidence that had expired", 3, chain.CheckEvidence, eventKey, func(e *events.Event) { e.Time = e.Time.AddDate(0, 0, 1) })
	put("evidence that is good for more than a day", 3, chain.CheckEvidence, proven(t, honest.entries[2], eventKey, func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
		ev.Signed.Expires = e.ID.Timestamp().Add(24*time.Hour + time.Millisecond)
		return signed(t, e, ev.Signed, ownerKey)
	}))
	changed("an unknown key", 2, chain.CheckKey, 20, nil)
	changed("a key before it is registered", 4, chain.CheckKey, nextEventKey, nil)
	changed("a key for its own registration", 5, chain.CheckKey, nextEventKey, nil)
	changed("a key that was rotated out", 8, chain.CheckKey, eventKey, nil)
	changed("a key that was succeeded", 10, chain.CheckKey, thirdEventKey, nil)
	changed("a key that was revoked", 11, chain.CheckKey, nextEventKey, nil)
	changed("a succession by another event key", 9, chain.CheckKey, thirdEventKey, nil)
	changed("a first entry by another key", 1, chain.CheckKey, nextEventKey, nil)
	changed("the node with another key than the one that signs", 6, chain.CheckKey, eventKey, func(e *events.Event) { e.Auth.Credential = did(nextEventKey) })
	put("the root key replaced without evidence", 8, chain.CheckKey, proven(t, honest.entries[7], thirdEventKey, func(e *events.Event, _ *chain.Evidence) *chain.Evidence {
		e.Actor, e.Auth = node, events.Auth{Method: events.MethodNode, Credential: did(thirdEventKey)}
		return nil
	}))
	put("the root key replaced with the evidence of a stranger", 8, chain.CheckKey, proven(t, honest.entries[7], thirdEventKey, func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
		e.Auth.Credential = did(20)
		return signed(t, e, ev.Signed, 20)
	}))
	saw := func(name string, seen events.Seen) {
		put(name, 3, chain.CheckEvidence, proven(t, honest.entries[2], eventKey, func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			ev.Signed.Seen = &seen
			return signed(t, e, ev.Signed, ownerKey)
		}))
	}
	saw("its author had seen another root", events.Seen{Size: 2, Root: root(raws[:1])})
	saw("its author had seen another root of no entries", events.Seen{Root: root(raws[:1])})
	saw("its author had seen as many entries as there are with it", events.Seen{Size: 3, Root: root(raws[:3])})
	saw("its author had seen more entries than there are", events.Seen{Size: 4, Root: root(raws[:4])})
	// What a later release may write: it is refused here by the same checks, as what cannot be judged.
	put("an algorithm that is not known", 3, chain.CheckEvidence, proven(t, honest.entries[2], eventKey, func(_ *events.Event, ev *chain.Evidence) *chain.Evidence {
		ev.Algorithm, ev.Signature = "ML-DSA-44", bytes.Repeat([]byte{1}, 512)
		return ev
	}))
	put("a signature of another length", 3, chain.CheckEvidence, proven(t, honest.entries[2], eventKey, func(_ *events.Event, ev *chain.Evidence) *chain.Evidence {
		ev.Signature = ev.Signature[:63]
		return ev
	}))
	put("a method that is not known", 3, chain.CheckEvidence, proven(t, honest.entries[2], eventKey, func(e *events.Event, _ *chain.Evidence) *chain.Evidence {
		e.Auth = events.Auth{Method: "passkey", Credential: "passkey:ben@acme.example"}
		return nil
	}))
	put("a method that is not known, with evidence", 3, chain.CheckEvidence, proven(t, honest.entries[2], eventKey, func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
		e.Auth.Method = "passkey"
		return signed(t, e, ev.Signed, ownerKey)
	}))
	walletTamperings(t, func(name string, position int, entries [][]byte) { add(name, position, chain.CheckEvidence, entries) })
	text("a type that is not known, an unknown member of the entry", 2, `"event":{`, `"epoch":1,"event":{`,
		`urn:permledger:subject.added:1`, `urn:permledger:subject.renamed:1`, `"type":"subject.added"`, `"type":"subject.renamed"`)
	text("a version that is not known", 2, `urn:permledger:subject.added:1`, `urn:permledger:subject.added:2`)
	text("an algorithm that is no token", 2, `"algorithm":"Ed25519"`, `"algorithm":"Ed 25519"`)
	text("a credential that is no key, for a method of keys", 2, `"credential":"`+did(ownerKey), `"credential":"somebody`)
	text("a credential that is a key in another spelling", 2, `"credential":"`+did(ownerKey), `"credential":"`+did(ownerKey)[:40]+"1"+did(ownerKey)[41:])
	text("evidence with a signature of no bytes", 2, `"sig":"`+evidenceSig(honest.entries[1]), `"sig":"`)
	text("evidence with a signature of half a byte", 2, `"sig":"`+evidenceSig(honest.entries[1]), `"sig":"AAAAA`)
	text("evidence with a signature that has bits to spare", 2, `"sig":"`+evidenceSig(honest.entries[1]), `"sig":"AB`)
	text("evidence with a signature of 513 bytes", 2, `"sig":"`+evidenceSig(honest.entries[1]), `"sig":"`+strings.Repeat("A", 684))
	return all
}

// walletTamperings are changes of entries that wallets signed.
func walletTamperings(t testing.TB, add func(name string, position int, entries [][]byte)) {
	t.Helper()
	honest := wallets(t)
	again := func(e *events.Event, s events.Signed, algorithm string, on uint64) *chain.Evidence {
		c := events.CommandOf(e)
		ev, err := chain.SignWallet(algorithm, on, &c, s, cow)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	for position, en := range honest.entries {
		if en.Evidence == nil || en.Evidence.Algorithm == chain.AlgorithmEd25519 {
			continue
		}
		how := en.Evidence.Algorithm
		put := func(name string, edit func(*events.Event, *chain.Evidence) *chain.Evidence) {
			raws := honest.raws()[:position+1]
			raws[position] = proven(t, en, eventKey, edit)
			add(how+": "+name, position+1, raws)
		}
		put("another command", func(e *events.Event, ev *chain.Evidence) *chain.Evidence { e.Reason[0] ^= 1; return ev })
		put("another wallet", func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			ev.Key = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
			e.Auth.Credential = ev.Key
			return ev
		})
		put("the wallet in lower case", func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			ev.Key = strings.ToLower(ev.Key)
			e.Auth.Credential = ev.Key
			return ev
		})
		put("the same wallet on another chain", func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			ev.Key = walletOn(10)
			e.Auth.Credential = ev.Key
			return ev
		})
		put("v of 0 or 1", func(_ *events.Event, ev *chain.Evidence) *chain.Evidence { ev.Signature[64] -= 27; return ev })
		put("a signature in which s is not the lower one", func(_ *events.Event, ev *chain.Evidence) *chain.Evidence {
			n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
			n.Sub(n, new(big.Int).SetBytes(ev.Signature[32:64])).FillBytes(ev.Signature[32:64])
			ev.Signature[64] = 55 - ev.Signature[64]
			return ev
		})
		put("a signature cut off", func(_ *events.Event, ev *chain.Evidence) *chain.Evidence { ev.Signature = ev.Signature[:64]; return ev })
		put("the method of a key", func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			e.Auth = events.Auth{Method: events.MethodSignature, Credential: did(ownerKey)}
			return ev
		})
		put("the method of another scheme", func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			for _, other := range walletSchemes {
				if other != how {
					e.Auth.Method = chain.MethodOf(other)
				}
			}
			return ev
		})
		put("signed for another ledger", func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			other := *e
			other.Source = "ledger.example/other"
			id, _ := wallet.ParseID(ev.Key)
			return again(&other, ev.Signed, how, id.Chain)
		})
		put("recorded when it was void", func(e *events.Event, ev *chain.Evidence) *chain.Evidence {
			ev.Signed.Expires = e.Time
			id, _ := wallet.ParseID(ev.Key)
			return again(e, ev.Signed, how, id.Chain)
		})
	}
}

// signed signs the command of an event.
func signed(t testing.TB, e *events.Event, s events.Signed, key byte) *chain.Evidence {
	t.Helper()
	c := events.CommandOf(e)
	ev, err := chain.SignCommand(&c, s, eventtest.PrivateKey(key))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// evidenceSig gives the member sig of an entry's evidence.
func evidenceSig(en *chain.Entry) string {
	return base64.RawURLEncoding.EncodeToString(en.Evidence.Signature)
}

// sig gives the member sig of an entry's signature.
func sig(raw []byte) []byte {
	i := bytes.LastIndex(raw, []byte(`"sig":"`))
	return raw[i : i+len(`"sig":"`)+86]
}

// verdict is that of ledger/chain, with the tree that it leaves to its callers: "ok", or the position and check that do not hold.
func verdict(entries [][]byte) string {
	v, roots := new(chain.Verifier), new(tree.Roots)
	for _, raw := range entries {
		p := chain.Inspect(raw)
		err := v.Next(p, "")
		if err == nil {
			if saw := p.Entry.Evidence.Saw(p.Entry.Event.Sequence, roots.Root); saw != nil {
				err = &chain.BrokenError{Position: p.Entry.Event.Sequence, Check: chain.CheckEvidence, Err: saw}
			}
		}
		if err != nil {
			broken := new(chain.BrokenError)
			if !errors.As(err, &broken) {
				return err.Error()
			}
			return fmt.Sprintf("entry %d: %s", broken.Position, broken.Check)
		}
		roots.Append(tree.Leaf(raw))
	}
	return "ok"
}

// Given the published journals that are to be refused, then the code refuses each, at the position and by the check
// that is published with it.
func TestRefusedVectors(t *testing.T) {
	all := tamperings(t)
	for _, x := range all {
		if got, want := verdict(x.entries), fmt.Sprintf("entry %d: %s", x.Position, x.Check); got != want {
			t.Errorf("%s: %s; want %s", x.Name, got, want)
		}
	}
	published(t, "vectors/refused.json", indented(t, struct {
		About string     `json:"about"`
		Cases []tampered `json:"cases"`
	}{"Journals that do not hold, made of the ledger in keys.json: where, and by which check. The journal is a segment in base64.", all}))
}

// Given the published journals and tampered copies of them, then verify.py, which is written from format.md alone, comes
// to the verdict of the code.
func TestPythonAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH: docs/verify.py was not run")
	}
	cases := tamperings(t)
	for name, x := range ledgers {
		cases = append(cases, tampered{Name: "honest: " + name, entries: x.make(t).raws()})
	}
	// Every seventh byte of an entry with evidence, each time another bit of it.
	raws := small(t).raws()
	for i := 0; i < len(raws[1]); i += 7 {
		bad := bytes.Clone(raws[1])
		bad[i] ^= 1 << (i % 8)
		cases = append(cases, tampered{Name: fmt.Sprintf("bit %d of byte %d flipped", i%8, i), entries: [][]byte{raws[0], bad, raws[2]}})
	}
	dir := t.TempDir()
	args := []string{"verify.py", "--schemas", filepath.Join("..", "schemas")}
	for i, x := range cases {
		path := filepath.Join(dir, fmt.Sprintf("%04d.seg", i))
		if err := os.WriteFile(path, segment(x.entries), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(python, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("verify.py ended with %v; want exit status 1\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("verify.py printed %d lines for %d journals:\n%s\n%s", len(lines), len(cases), out, stderr.String())
	}
	for i, x := range cases {
		_, says, _ := strings.Cut(lines[i], ".seg: ")
		want := verdict(x.entries)
		if want == "ok" && !strings.HasPrefix(says, "ok: ") || want != "ok" && !strings.HasPrefix(says, want+" does not hold") {
			t.Errorf("%s: verify.py says %q; the code says %q", x.Name, says, want)
		}
	}
}

// Given an honest ledger whose tail was cut off, then only whoever knows a CID notices.
func TestPythonKnowsTheHead(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH: docs/verify.py was not run")
	}
	run := func(args ...string) (string, int) {
		cmd := exec.Command(python, append([]string{"verify.py"}, args...)...)
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	l := small(t)
	head := l.entries[2].CID()
	whole := filepath.Join("vectors", "small")
	if out, code := run("--head", head, whole); code != 0 || !strings.Contains(out, "ok: 3 entries of ledger.example/acme, head "+head) {
		t.Errorf("exit %d: %s", code, out)
	}
	short := filepath.Join(t.TempDir(), "00000000.seg")
	b := segment(l.raws())
	for _, tt := range []struct {
		name string
		cut  int
		head string
		want string
	}{
		{"an entry cut off", len(segment(l.raws()[:2])), "", "ok: 2 entries"},
		{"an entry cut off, the head known", len(segment(l.raws()[:2])), head, "entry 2: head does not hold"},
		{"half an entry cut off", len(b) - 100, "", "no whole record at byte"},
		{"a byte of a length left", len(segment(l.raws()[:2])) + 1, "", "no whole record at byte"},
		{"zeros behind the end", len(b) + 5000, head, "ok: 3 entries"},
		{"something behind zeros behind the end", len(b) + 5001, "", "no whole record at byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := append(append(slices.Clone(b), make([]byte, 5000)...), 1)
			if err := os.WriteFile(short, image[:tt.cut], 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{short}
			if tt.head != "" {
				args = []string{"--head", tt.head, short}
			}
			if out, code := run(args...); !strings.Contains(out, tt.want) || (code == 0) != strings.HasPrefix(tt.want, "ok") {
				t.Errorf("exit %d: %s; want %s", code, out, tt.want)
			}
		})
	}
}

// Given every kind of event, then verify.py knows it, what it is about and whether it has an effect.
func TestPythonKnowsEveryType(t *testing.T) {
	b, err := os.ReadFile("verify.py")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`\("([a-z.]+)", (\d+)\): \("([^"]+)", (True|False)\)`).FindAllStringSubmatch(string(b), -1) {
		got[m[1]+"."+m[2]] = m[3] + " " + m[4]
	}
	for _, k := range eventtest.Kinds() {
		d, _ := events.New(k.Type)
		want := abouts[k] + " False"
		if events.HasEffect(d, k.Version) {
			want = abouts[k] + " True"
		}
		if got[k.String()] != want {
			t.Errorf("%v: verify.py has %q; want %q", k, got[k.String()], want)
		}
	}
	if len(got) != len(eventtest.Kinds()) {
		t.Errorf("verify.py has %d kinds, there are %d", len(got), len(eventtest.Kinds()))
	}
}
