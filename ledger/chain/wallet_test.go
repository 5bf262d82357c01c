package chain_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/wallet"
)

var schemes = []string{chain.AlgorithmEIP712, chain.AlgorithmEIP191, chain.AlgorithmEIP4361}

// cow is the key of the example in EIP-712, dog another one.
var cow, dog = walletKey("cow"), walletKey("dog")

func walletKey(of string) *wallet.Key {
	sum := wallet.Keccak256([]byte(of))
	k, err := wallet.KeyOf(sum[:])
	if err != nil {
		panic(err)
	}
	return k
}

// byWallet makes an event one that a wallet of a chain, or of all chains, proves in a scheme.
func byWallet(e *events.Event, algorithm string, on uint64) {
	e.Auth = events.Auth{Method: chain.MethodOf(algorithm), Credential: wallet.ID{Chain: on, Address: cow.Address()}.String()}
}

func walletEvidence(t testing.TB, e *events.Event, algorithm string, on uint64, key *wallet.Key) *chain.Evidence {
	t.Helper()
	c := events.CommandOf(e)
	ev, err := chain.SignWallet(algorithm, on, &c, events.Signed{Expires: e.Time.Add(time.Hour)}, key)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// Given an event that a wallet signed in one of the schemes, when evidence and event do not belong together, or the
// signature is not in its one spelling, then inspecting says so; the event's own signature is right in every case.
func TestWalletEvidence(t *testing.T) {
	const polygon = 137
	tests := []struct {
		name   string
		change func(t *testing.T, e *events.Event, ev *chain.Evidence, algorithm string) *chain.Evidence
		holds  bool
	}{
		{"as it should be", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence { return ev }, true},
		{"v of 0 or 1", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Signature[64] -= 27
			return ev
		}, false},
		{"the other v", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Signature[64] = 55 - ev.Signature[64]
			return ev
		}, false},
		{"the twin with a high s", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Signature = highS(ev.Signature)
			return ev
		}, false},
		{"64 bytes", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Signature = ev.Signature[:64]
			return ev
		}, false},
		{"a byte behind it", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Signature = append(ev.Signature, 0)
			return ev
		}, false},
		{"of another wallet, in the name of this one", func(t *testing.T, e *events.Event, ev *chain.Evidence, algorithm string) *chain.Evidence {
			ev.Signature = walletEvidence(t, e, algorithm, polygon, dog).Signature
			return ev
		}, false},
		{"of another wallet, in its own name", func(t *testing.T, e *events.Event, _ *chain.Evidence, algorithm string) *chain.Evidence {
			return walletEvidence(t, e, algorithm, polygon, dog)
		}, false},
		{"of the same key on another chain", func(t *testing.T, e *events.Event, _ *chain.Evidence, algorithm string) *chain.Evidence {
			return walletEvidence(t, e, algorithm, 1, cow)
		}, false},
		{"of the same key on another chain, in the name of this one", func(t *testing.T, e *events.Event, ev *chain.Evidence, algorithm string) *chain.Evidence {
			ev.Signature = walletEvidence(t, e, algorithm, 1, cow).Signature
			return ev
		}, false},
		{"the wallet in lower case", func(_ *testing.T, e *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Key = strings.ToLower(ev.Key)
			e.Auth.Credential = ev.Key
			return ev
		}, false},
		{"in another scheme than the event says", func(t *testing.T, e *events.Event, _ *chain.Evidence, algorithm string) *chain.Evidence {
			return walletEvidence(t, e, other(algorithm), polygon, cow)
		}, false},
		{"in another scheme than the evidence says", func(_ *testing.T, e *events.Event, ev *chain.Evidence, algorithm string) *chain.Evidence {
			ev.Algorithm = other(algorithm)
			e.Auth.Method = chain.MethodOf(ev.Algorithm)
			return ev
		}, false},
		{"in a scheme of a later release", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Algorithm = "EIP-1271"
			return ev
		}, false},
		{"none", func(*testing.T, *events.Event, *chain.Evidence, string) *chain.Evidence { return nil }, false},
		{"a key's", func(t *testing.T, e *events.Event, _ *chain.Evidence, _ string) *chain.Evidence {
			return evidence(t, e, ownerKey)
		}, false},
		{"at the instant it expires", func(t *testing.T, e *events.Event, ev *chain.Evidence, algorithm string) *chain.Evidence {
			e.Time = ev.Signed.Expires
			return ev
		}, false},
		{"another expiry than was signed", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Signed.Expires = ev.Signed.Expires.Add(time.Millisecond)
			return ev
		}, false},
		{"another checkpoint than was signed", func(_ *testing.T, _ *events.Event, ev *chain.Evidence, _ string) *chain.Evidence {
			ev.Signed.Seen = &events.Seen{Size: 1}
			return ev
		}, false},
		{"of another ledger's command", changed(func(e *events.Event) { e.Source = "ledger.example/other" }), false},
		{"of a command with another id", changed(func(e *events.Event) { e.ID[15]++ }), false},
		{"of another actor's command", changed(func(e *events.Event) { e.Actor[15]++ }), false},
		{"of a command with a reason", changed(func(e *events.Event) { e.Reason = events.Digest{1} }), false},
		{"of a command about somebody else", changed(func(e *events.Event) { e.Data = &events.SubjectDeactivated{Subject: id(start, 1)} }), false},
	}
	for _, algorithm := range schemes {
		for _, tt := range tests {
			t.Run(algorithm+"/"+tt.name, func(t *testing.T) {
				h := newHistory(t).add(firstKey, ownerKey, opened())
				e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
				byWallet(e, algorithm, polygon)
				ev := tt.change(t, e, walletEvidence(t, e, algorithm, polygon, cow), algorithm)
				p := chain.Inspect(seal(t, e, nil, ev, firstKey).Bytes())
				if tt.holds && p.Err != nil {
					t.Error(p.Err)
				}
				if !tt.holds && (p.Err == nil || p.Err.Check != chain.CheckEvidence || !errors.Is(p.Err, chain.ErrEvidence)) {
					t.Errorf("got %v; want that the evidence does not hold", p.Err)
				}
			})
		}
	}
}

// changed gives the evidence of the same wallet for an event that was another.
func changed(edit func(*events.Event)) func(*testing.T, *events.Event, *chain.Evidence, string) *chain.Evidence {
	return func(t *testing.T, e *events.Event, _ *chain.Evidence, algorithm string) *chain.Evidence {
		another := *e
		edit(&another)
		ev := walletEvidence(t, &another, algorithm, 137, cow)
		ev.Signed.Expires = e.Time.Add(time.Hour)
		return ev
	}
}

func other(algorithm string) string {
	for i, s := range schemes {
		if s == algorithm {
			return schemes[(i+1)%len(schemes)]
		}
	}
	return ""
}

// highS gives the second spelling of a signature: n - s, and the other v.
func highS(sig []byte) []byte {
	order, _ := hex.DecodeString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	twin := bytes.Clone(sig)
	borrow := 0
	for i := 31; i >= 0; i-- {
		d := int(order[i]) - int(sig[32+i]) - borrow
		borrow = 0
		if d < 0 {
			d, borrow = d+256, 1
		}
		twin[32+i] = byte(d)
	}
	twin[64] = 55 - sig[64]
	return twin
}

// Given a wallet of all chains and one of one chain, then what they sign names the chain that the command lies on, and the
// wallet of one chain can sign nothing that lies on another.
func TestWalletChain(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	c := events.CommandOf(h.event(ownerKey, firstKey, &events.DocumentIssued{Thing: "token/eip155:137:0x000000000000000000000000000000000000dEaD"}))
	s := events.Signed{Expires: start.Add(time.Hour)}
	every, one := wallet.ID{Address: cow.Address()}, wallet.ID{Chain: 1, Address: cow.Address()}
	r, err := chain.AskWallet(chain.AlgorithmEIP712, every.String(), &c, s)
	if err != nil || fmt.Sprint(r.Typed.Domain) != "map[chainId:137 name:Permission Ledger verifyingContract:0x000000000000000000000000000000000000dEaD version:1]" {
		t.Errorf("about a token: %v, %v", r.Typed, err)
	}
	for _, algorithm := range schemes {
		if _, err := chain.AskWallet(algorithm, one.String(), &c, s); err == nil || !strings.Contains(err.Error(), "another chain") {
			t.Errorf("%s, a wallet of another chain: %v", algorithm, err)
		}
	}
	c = events.CommandOf(h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)}))
	for key, want := range map[string]string{
		every.String(): "map[name:Permission Ledger version:1]", one.String(): "map[chainId:1 name:Permission Ledger version:1]",
	} {
		r, err := chain.AskWallet(chain.AlgorithmEIP712, key, &c, s)
		if err != nil || fmt.Sprint(r.Typed.Domain) != want {
			t.Errorf("about no token, %s: %v, %v; want the domain %s", key, r.Typed, err, want)
		}
	}
	for _, key := range []string{"", did(ownerKey), strings.ToLower(every.String()), "did:pkh:hedera:testnet:0.0.1"} {
		if _, err := chain.AskWallet(chain.AlgorithmEIP191, key, &c, s); err == nil {
			t.Errorf("%q was taken for a wallet", key)
		}
	}
}

// Given any command, then in each scheme a wallet's signature holds for it, and for no other: not for the command with
// any one byte of its canonical form changed, nor with any changed bit of the signature.
func TestWalletProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := eventtest.AnyEvent().Draw(rt, "event")
		algorithm := rapid.SampledFrom(schemes).Draw(rt, "scheme")
		c := events.CommandOf(e)
		s := eventtest.Signed().Draw(rt, "signed")
		ev, err := chain.SignWallet(algorithm, 0, &c, s, cow)
		if (err != nil) != (c.ID.Timestamp().UTC().Year() > 9999) {
			rt.Fatal(err)
		}
		if err != nil {
			return
		}
		if err := ev.Check(&c); err != nil {
			rt.Fatal(err)
		}
		b, err := c.Bytes(s)
		if err != nil {
			rt.Fatal(err)
		}
		i := rapid.IntRange(0, len(b)-1).Draw(rt, "byte")
		b[i] ^= byte(rapid.IntRange(1, 127).Draw(rt, "mask"))
		if changed, signed, err := events.ParseCommand(b); err == nil {
			mine := *ev
			mine.Signed = signed
			if err := mine.Check(&changed); err == nil {
				rt.Fatalf("the signature holds for %s", b)
			}
		}
		bit := rapid.IntRange(0, 8*len(ev.Signature)-1).Draw(rt, "bit")
		ev.Signature[bit/8] ^= 1 << (bit % 8)
		if err := ev.Check(&c); err == nil {
			rt.Fatalf("bit %d of the signature counts for nothing", bit)
		}
	})
}

// Given a command about a token, then what a wallet shows of it names the ledger, the action, the token, what is asked,
// until when, and the hash of all of it.
func TestWalletShows(t *testing.T) {
	h := newHistory(t).add(firstKey, ownerKey, opened())
	c := events.CommandOf(h.event(ownerKey, firstKey, &events.DocumentIssued{Thing: "token/eip155:137:0x000000000000000000000000000000000000dEaD"}))
	s := events.Signed{Expires: start.Add(time.Hour)}
	b, err := c.Bytes(s)
	if err != nil {
		t.Fatal(err)
	}
	sum := wallet.Keccak256(b)
	for _, algorithm := range schemes {
		r, err := chain.AskWallet(algorithm, cow.Address().String(), &c, s)
		if err != nil {
			t.Fatal(err)
		}
		shown := r.Text
		if r.Typed != nil {
			j, err := json.Marshal(r.Typed)
			if err != nil {
				t.Fatal(err)
			}
			shown = string(j)
		}
		for _, want := range []string{
			"ermission ", "ledger.example/acme", "document.issued", "token/eip155:137:0x000000000000000000000000000000000000dEaD",
			cow.Address().String(), c.ID.String(), "2026-03-01T12:00:01.000Z", "2026-03-01T13:00:00.000Z", hex.EncodeToString(sum[:]), "137",
		} {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %q is not shown in\n%s", algorithm, want, shown)
			}
		}
	}
}

// Given any evidence that can be read, in whatever scheme, then it holds for a command only as it stands: its algorithm is
// known, its wallet and its signature are in their one spelling, and whoever holds the wallet's key signed just this.
func FuzzWalletEvidence(f *testing.F) {
	h := newHistory(f).add(firstKey, ownerKey, opened())
	e := h.event(ownerKey, firstKey, &events.SubjectDeactivated{Subject: id(start, 102)})
	c := events.CommandOf(e)
	good := map[string]bool{}
	for _, algorithm := range schemes {
		for _, on := range []uint64{0, 137} {
			b, err := canon.Encode(walletEvidence(f, e, algorithm, on, cow).Members)
			if err != nil {
				f.Fatal(err)
			}
			good[string(b)] = true
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ev := new(chain.Evidence)
		if canon.Decode(b, ev.Members) != nil || ev.Check(&c) != nil || good[string(b)] {
			return
		}
		// Whoever changes bytes can at most make another wallet's valid signature, and only with that wallet's key.
		if strings.Contains(ev.Key, cow.Address().String()) {
			t.Errorf("%s holds, and the wallet did not sign it", b)
		}
	})
}
