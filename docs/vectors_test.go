package docs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// ledgerVector is a whole ledger, with all that is computed on the way.
type ledgerVector struct {
	About   string        `json:"about"`
	Keys    []keyVector   `json:"keys"`
	Entries []entryVector `json:"entries"`
}

type keyVector struct {
	Use    string `json:"use"`
	Seed   string `json:"seed"`
	Public string `json:"public"`
	DID    string `json:"did"`
}

type entryVector struct {
	Position   uint64 `json:"position"`
	Entry      string `json:"entry"`
	Length     int    `json:"length"`
	SHA256     string `json:"sha256"`
	CID        string `json:"cid"`
	Event      string `json:"event"`
	EventPAE   string `json:"eventPAE"`
	Signature  string `json:"signature"`
	Command    string `json:"command,omitempty"` // the bytes its author signed, where there is evidence
	CommandPAE string `json:"commandPAE,omitempty"`
	Evidence   string `json:"evidenceSignature,omitempty"`
	Leaf       string `json:"leaf"`
	Root       string `json:"root"` // of the tree that ends with this entry
}

var uses = map[byte]string{
	eventKey: "the first event key", documentKey: "the document key", rootKey: "the first root key", operatorKey: "the operator key",
	ownerKey: "the owner's credential", nextEventKey: "the second event key", thirdEventKey: "the third event key",
	lastEventKey: "the last event key", nextRootKey: "the second root key",
}

func vector(t testing.TB, about string, l *ledger) ledgerVector {
	t.Helper()
	v := ledgerVector{About: about}
	for n := byte(1); n <= 9; n++ {
		key := eventtest.PrivateKey(n)
		v.Keys = append(v.Keys, keyVector{uses[n], hex.EncodeToString(key.Seed()), hex.EncodeToString(key[32:]), eventtest.KeyOf(key)})
	}
	raws := l.raws()
	for i, en := range l.entries {
		sum, leaf, upTo := sha256.Sum256(en.Bytes()), leafHash(en.Bytes()), root(raws[:i+1])
		x := entryVector{
			Position: en.Event.Sequence, Entry: string(en.Bytes()), Length: len(en.Bytes()), SHA256: hex.EncodeToString(sum[:]), CID: en.CID(),
			Event: string(en.EventBytes()), EventPAE: string(events.PAE(chain.EventType, en.EventBytes())),
			Signature: base64.RawURLEncoding.EncodeToString(en.Signature[:]),
			Leaf:      hex.EncodeToString(leaf[:]), Root: hex.EncodeToString(upTo[:]),
		}
		if ev := en.Evidence; ev != nil {
			c := events.CommandOf(en.Event)
			b, err := c.Bytes(ev.Signed)
			if err != nil {
				t.Fatal(err)
			}
			x.Command, x.CommandPAE = string(b), string(events.PAE(events.CommandType, b))
			x.Evidence = base64.RawURLEncoding.EncodeToString(ev.Signature)
		}
		v.Entries = append(v.Entries, x)
	}
	return v
}

// leafHash and root are RFC 6962, section 2.1, as it is written there: slow, and without code of the ledger.
func leafHash(entry []byte) [32]byte { return sha256.Sum256(append([]byte{0}, entry...)) }

func root(entries [][]byte) [32]byte {
	switch n := len(entries); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leafHash(entries[0])
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		left, right := root(entries[:k]), root(entries[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

// segment gives the journal segment that holds entries.
func segment(entries [][]byte) []byte {
	var b []byte
	for _, raw := range entries {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(raw))), raw...)
	}
	return b
}

// published compares a file with what it must be, or writes it.
func published(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.FromSlash(name)
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if i := firstDifference(got, want); i >= 0 {
		from := max(0, i-80)
		t.Errorf("docs/%s is not what the code gives (go test ./docs -rewrite), from byte %d on:\n%q\nis to be\n%q",
			name, i, got[from:min(len(got), i+80)], want[from:min(len(want), i+80)])
	}
}

// firstDifference gives where two texts first differ, -1 where they are the same.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return min(len(a), len(b))
}

func indented(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var ledgers = map[string]struct {
	about string
	make  func(testing.TB) *ledger
}{
	"small": {"The worked example of format.md: three entries. Every string is exact; seeds, hashes and roots are in hexadecimal.", small},
	"keys": {"A ledger in which event keys are registered, rotated, succeeded and revoked, the root key is rotated, and ids are live, imported " +
		"and derived. Entry 12 is of version 1 of its type. Every string is exact.", keys},
	"wallets": {"A ledger in which a wallet of all chains, and one of Polygon alone, sign commands by EIP-712, EIP-191 and EIP-4361. Every string is exact.", wallets},
}

// Given the published ledgers, then they are, byte for byte, what the code makes of their commands.
func TestLedgerVectors(t *testing.T) {
	for name, x := range ledgers {
		t.Run(name, func(t *testing.T) {
			l := x.make(t)
			published(t, "vectors/"+name+".json", indented(t, vector(t, x.about, l)))
			published(t, "vectors/"+name+"/00000000.seg", segment(l.raws()))
		})
	}
}

// Given the published journals, when they are opened and verified, then they hold: their form, their place, their
// signatures, and, each command decided again, their rules; and the tree's root is the one published.
func TestVectorsVerify(t *testing.T) {
	for name := range ledgers {
		t.Run(name, func(t *testing.T) {
			var want ledgerVector
			b, err := os.ReadFile(filepath.Join("vectors", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			r, err := journal.OpenReader(filepath.Join("vectors", name), journal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Len() != uint64(len(want.Entries)) {
				t.Fatalf("the journal has %d entries, the vector %d", r.Len(), len(want.Entries))
			}
			verifier, state, roots := new(chain.Verifier), rules.New(), new(tree.Roots)
			for _, x := range want.Entries {
				raw, err := r.Read(x.Position)
				if err != nil {
					t.Fatal(err)
				}
				if string(raw) != x.Entry {
					t.Errorf("entry %d of the journal is not that of the vector", x.Position)
				}
				p := chain.Inspect(raw)
				if err := verifier.Next(p, ""); err != nil {
					t.Fatal(err)
				}
				e := p.Entry.Event
				if err := p.Entry.Evidence.Saw(e.Sequence, roots.Root); err != nil {
					t.Fatalf("entry %d: %v", x.Position, err)
				}
				decided, err := rules.Decide(state, events.CommandOf(e), e.Time)
				if err != nil {
					t.Fatalf("entry %d is not legitimate: %v", x.Position, err)
				}
				decided.Sequence, decided.Prev = e.Sequence, e.Prev
				if body, err := decided.Encode(); err != nil || string(body) != x.Event {
					t.Errorf("entry %d: the rules make another event (%v):\n%s", x.Position, err, body)
				}
				rules.Evolve(state, e)
				roots.Append(tree.Leaf(raw))
				if got, _ := roots.Root(x.Position); hex.EncodeToString(got[:]) != x.Root {
					t.Errorf("entry %d: the root is %x; want %s", x.Position, got, x.Root)
				}
			}
		})
	}
}
