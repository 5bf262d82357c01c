package tokens_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/projections/tokens"
)

var (
	contracts = []string{"eip155:137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "eip155:1:0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"}
	addresses = []string{"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"}
	needs     = []string{events.NeedQualified, events.NeedUnblocked, events.NeedUnpaused, events.NeedCompliant, events.NeedTokenRole}
	start     = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

func id(n int) (u ulid.ULID) {
	u[15] = byte(n + 1)
	return u
}

// happened draws what may have happened at tokens: effects are as the rules fill them in, for wallets 0 to 2.
func happened(t *rapid.T) (all []*events.Event) {
	deployed := map[string]bool{}
	for n := range rapid.IntRange(1, 24).Draw(t, "events") {
		token := rapid.SampledFrom(contracts).Draw(t, "token")
		w := rapid.IntRange(0, 2).Draw(t, "wallet")
		country := rapid.SampledFrom([]string{"LU", "US"}).Draw(t, "country")
		var d events.Data = &events.TokenDeployed{Token: token, Name: "ABC", Owner: addresses[w], Subject: id(w), Role: id(9)}
		if deployed[token] {
			d = rapid.SampledFrom([]events.Data{
				&events.TokenTransferred{Token: token, To: addresses[w], Subject: id(w), Role: id(9)},
				&events.AgentAdded{Token: token, Agent: addresses[w], Subject: id(w), Role: id(8)},
				&events.AgentRemoved{Token: token, Agent: addresses[w], Subject: id(w), Role: id(8)},
				&events.TokenUpdated{Token: token, State: events.TokenPaused},
				&events.TokenUpdated{Token: token, State: events.TokenActive, IdentityRegistry: addresses[w], Compliance: addresses[w]},
				&events.TokenUpdated{Token: token, Condition: new(fmt.Sprintf("subject.properties.country == %q", country))},
				&events.TokenUpdated{Token: token, Condition: new(string)},
				&events.InvestorQualified{Token: token, Wallet: addresses[w], Investor: "ann", Country: country, Subject: id(w), Role: id(7)},
				&events.InvestorDisqualified{Token: token, Wallet: addresses[w], Subject: id(w), Role: id(7)},
				&events.WalletBlocked{Token: token, Wallet: addresses[w], Subject: id(w)},
				&events.WalletUnblocked{Token: token, Wallet: addresses[w], Subject: id(w)},
				&events.TokenActed{Token: token, Permission: "tokeny:token.mint"},
				&events.ChainObserved{Token: token, Fact: events.FactAgentAdded, Account: addresses[w], Subject: id(w), Role: id(8)},
				&events.ChainObserved{Token: token, Fact: events.FactAgentRemoved, Account: addresses[w], Subject: id(w), Role: id(8)},
				&events.ChainObserved{Token: token, Fact: events.FactOwnershipTransferred, Account: addresses[w], Subject: id(w), Role: id(9)},
			}).Draw(t, "what")
		}
		deployed[token] = true
		all = append(all, &events.Event{Sequence: uint64(n + 1), Time: start.Add(time.Duration(n) * time.Minute), Data: d})
	}
	return all
}

// answers gives all that can be asked of the moment.
func answers(x *tokens.Index, v tokens.View) (all []any) {
	all = append(all, x.Tokens(v), x.Of(v, id(0)), x.Of(v, id(0), id(1)), x.Holders("", "", v), x.Holders("", "ann", v))
	for _, token := range contracts {
		one, there := x.Token(token, v)
		all = append(all, one, there, x.Holders(token, "", v), x.Log(token, v))
		for _, need := range append(slices.Clone(needs), "unheard-of") {
			for w := range addresses {
				for _, with := range []ulid.ULID{{}, id(0), id(1)} {
					all = append(all, x.Meets(need, id(w), with, events.TokenScope(token)+"/project/7", v))
				}
			}
		}
	}
	return all
}

// Given any history, when something is asked as of a moment, then the answer is the one that was given then; also by an
// index that was read from a snapshot on the way, whose own snapshot is the same.
func TestAnswersNeverChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := happened(t)
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		x, y, then := tokens.New(), tokens.New(), [][]any{}
		for i, e := range all {
			if i == cut {
				y = again(t, x)
			}
			x.Apply(e)
			if i >= cut {
				y.Apply(e)
			}
			then = append(then, answers(x, tokens.View{Position: e.Sequence}))
		}
		if cut == len(all) {
			y = again(t, x)
		}
		for i, want := range then {
			v := tokens.View{Position: uint64(i + 1)}
			occurred := tokens.View{Position: uint64(len(all)), Filtered: true, Occurred: all[i].Time.UnixMilli()}
			for name, got := range map[string][]any{"now": answers(x, v), "from a snapshot": answers(y, v), "by what had occurred": answers(x, occurred)} {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s, as of %d of %d (-then +%s):\n%s", name, i+1, len(all), name, diff)
				}
			}
		}
		if !bytes.Equal(x.AppendSnapshot(nil), y.AppendSnapshot(nil)) {
			t.Fatalf("cut after %d of %d: the snapshots differ", cut, len(all))
		}
	})
}

// again writes an index and reads it.
func again(t *rapid.T, x *tokens.Index) *tokens.Index {
	b := x.AppendSnapshot(nil)
	if cut := rapid.IntRange(0, len(b)-1).Draw(t, "bytes"); !errors.Is(tokens.New().ReadSnapshot(b[:cut]), snapshot.ErrSnapshot) {
		t.Fatalf("%d of %d bytes are read as a snapshot", cut, len(b))
	}
	y := tokens.New()
	if err := y.ReadSnapshot(b); err != nil {
		t.Fatal(err)
	}
	return y
}

// Whoever owns, is agent, is qualified, blocked: each need is met by just what it says.
func TestNeeds(t *testing.T) {
	at := events.TokenScope(contracts[0])
	x, n := tokens.New(), uint64(0)
	apply := func(d events.Data) tokens.View {
		n++
		x.Apply(&events.Event{Sequence: n, Time: start, Data: d})
		return tokens.View{Position: n}
	}
	meets := func(v tokens.View) (met []string) {
		for _, need := range needs {
			if x.Meets(need, id(1), id(0), at, v) {
				met = append(met, need)
			}
		}
		return met
	}
	token := contracts[0]
	for _, step := range []struct {
		what events.Data
		met  []string
	}{
		{&events.TokenDeployed{Token: token, Name: "ABC", Owner: addresses[2], Subject: id(2), Role: id(9)}, []string{events.NeedUnblocked, events.NeedUnpaused}},
		{&events.AgentAdded{Token: token, Agent: addresses[0], Subject: id(0), Role: id(8)}, []string{events.NeedUnblocked, events.NeedUnpaused, events.NeedTokenRole}},
		{&events.InvestorQualified{Token: token, Wallet: addresses[1], Investor: "ann", Country: "US", Subject: id(1), Role: id(7)}, needs},
		{&events.TokenUpdated{Token: token, Condition: new(`subject.properties.country == "LU"`)}, []string{events.NeedQualified, events.NeedUnblocked, events.NeedUnpaused, events.NeedTokenRole}},
		{&events.TokenUpdated{Token: token, State: events.TokenPaused}, []string{events.NeedQualified, events.NeedUnblocked, events.NeedTokenRole}},
		{&events.WalletBlocked{Token: token, Wallet: addresses[1], Subject: id(1)}, []string{events.NeedQualified, events.NeedTokenRole}},
		{&events.AgentRemoved{Token: token, Agent: addresses[0], Subject: id(0), Role: id(8)}, []string{events.NeedQualified}},
		{&events.InvestorDisqualified{Token: token, Wallet: addresses[1], Subject: id(1), Role: id(7)}, nil},
	} {
		if diff := cmp.Diff(step.met, meets(apply(step.what))); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.what.Type(), diff)
		}
	}
	if x.Meets(events.NeedUnpaused, id(1), id(0), events.TokenScope(contracts[1]), tokens.View{Position: n}) {
		t.Error("a token that nobody deployed is not paused")
	}
}

// What is read as a snapshot is written again to the byte.
func FuzzReadSnapshot(f *testing.F) {
	for seed := range 3 {
		x := tokens.New()
		for _, e := range rapid.Custom(happened).Example(seed + 1) {
			x.Apply(e)
		}
		f.Add(x.AppendSnapshot(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := tokens.New()
		if err := x.ReadSnapshot(b); err != nil {
			return
		}
		if !bytes.Equal(x.AppendSnapshot(nil), b) {
			t.Error("a snapshot that was read gives another one")
		}
		answers(x, tokens.View{Position: 7})
	})
}
