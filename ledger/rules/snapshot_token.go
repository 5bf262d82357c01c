package rules

import (
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/ledger/snapshot"
)

// appendTokens appends the tokens in the order of their ids, and of each what is kept by wallet in the order of those.
func (s *State) appendTokens(b []byte) []byte {
	b = snapshot.AppendCount(b, len(s.tokens))
	for _, id := range slices.Sorted(maps.Keys(s.tokens)) {
		t := s.tokens[id]
		b = snapshot.AppendStrings(b, []string{t.id, t.name, t.registry, t.compliance, t.condition})
		b = snapshot.AppendBool(append(snapshot.AppendUint(b, t.deployed), t.owner[:]...), t.paused)
		b = snapshot.AppendCount(b, len(t.holders))
		for _, wallet := range slices.SortedFunc(maps.Keys(t.holders), ulid.ULID.Compare) {
			h := t.holders[wallet]
			b = snapshot.AppendStrings(append(b, wallet[:]...), []string{h.investor, h.onchainID})
			b = appendProperties(b, h.properties)
		}
		b = snapshot.AppendCount(b, len(t.blocked))
		for _, wallet := range slices.SortedFunc(maps.Keys(t.blocked), ulid.ULID.Compare) {
			b = snapshot.AppendUint(append(b, wallet[:]...), t.blocked[wallet])
		}
	}
	return b
}

func (s *State) readTokens(r *snapshot.Reader) {
	last := ""
	for range r.Count(30) {
		texts := readTexts(r, 5)
		t := &token{
			id: texts[0], name: texts[1], registry: texts[2], compliance: texts[3], condition: texts[4], deployed: s.past(r), owner: r.ID(), paused: r.Bool(),
			holders: map[ulid.ULID]holder{}, blocked: map[ulid.ULID]uint64{},
		}
		if t.id <= last || t.owner != ulidZero && s.subjects.get(t.owner) == nil {
			r.Fail("a token is out of order, or nobody's")
		}
		if r.Err() != nil {
			return
		}
		last, s.tokens[t.id] = t.id, t
		s.readByWallet(r, func(wallet ulid.ULID) {
			texts := readTexts(r, 2)
			t.holders[wallet] = holder{investor: texts[0], onchainID: texts[1], properties: readProperties(r)}
		})
		s.readByWallet(r, func(wallet ulid.ULID) { t.blocked[wallet] = s.past(r) })
	}
}

// readByWallet reads a list of which each begins with a wallet, in the order of those.
func (s *State) readByWallet(r *snapshot.Reader, one func(wallet ulid.ULID)) {
	readByID(r, 17, func(wallet ulid.ULID) {
		if s.subjects.get(wallet) == nil {
			r.Fail("a list of wallets names nobody")
			return
		}
		one(wallet)
	})
}
