package tokens

import (
	"cmp"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// What stands before the snapshot of this index, and the version of its form.
const (
	snapshotOf      = "tokens"
	snapshotVersion = 1
)

// AppendSnapshot appends all that the index has taken in. Equal content gives equal bytes.
func (x *Index) AppendSnapshot(b []byte) []byte {
	x.mu.RLock()
	defer x.mu.RUnlock()
	b = snapshot.AppendHeader(b, snapshotOf, snapshotVersion)
	b = snapshot.AppendCount(b, len(x.address))
	for _, wallet := range sorted(x.address) {
		b = snapshot.AppendString(append(b, wallet[:]...), x.address[wallet])
	}
	b = snapshot.AppendCount(b, len(x.tokens))
	for _, t := range x.tokens {
		b = snapshot.AppendStrings(b, []string{t.id, t.name})
		b = snapshot.AppendCount(b, len(t.log))
		for _, m := range t.log {
			b = m.append(b)
		}
		b = appendSaid(b, t.owner, func(b []byte, id ulid.ULID) []byte { return append(b, id[:]...) })
		b = appendSaid(b, t.paused, snapshot.AppendBool)
		b = appendSaid(b, t.registry, snapshot.AppendString)
		b = appendSaid(b, t.compliance, snapshot.AppendString)
		b = appendSaid(b, t.condition, snapshot.AppendString)
		b = appendByWallet(b, t.agents, snapshot.AppendBool)
		b = appendByWallet(b, t.blocked, snapshot.AppendBool)
		b = appendByWallet(b, t.holders, appendRecord)
	}
	return b
}

func (m mark) append(b []byte) []byte {
	return snapshot.AppendInt(snapshot.AppendUint(b, m.position), m.occurred)
}

func appendSaid[T any](b []byte, list []said[T], what func([]byte, T) []byte) []byte {
	b = snapshot.AppendCount(b, len(list))
	for _, s := range list {
		b = what(s.append(b), s.what)
	}
	return b
}

func appendByWallet[T any](b []byte, m map[ulid.ULID][]said[T], what func([]byte, T) []byte) []byte {
	b = snapshot.AppendCount(b, len(m))
	for _, wallet := range sorted(m) {
		b = appendSaid(append(b, wallet[:]...), m[wallet], what)
	}
	return b
}

func appendRecord(b []byte, r *Record) []byte {
	if b = snapshot.AppendBool(b, r != nil); r == nil {
		return b
	}
	b = snapshot.AppendStrings(b, []string{r.Investor, r.OnchainID})
	b = snapshot.AppendCount(b, len(r.Properties))
	for _, p := range r.Properties {
		b = snapshot.AppendString(snapshot.AppendString(b, p.Name), p.Value)
	}
	return b
}

// ReadSnapshot takes in what AppendSnapshot gave, all of b, into an index that has taken in nothing yet. It is strict: what
// it reads is written again to the byte. The error wraps [snapshot.ErrSnapshot].
func (x *Index) ReadSnapshot(b []byte) error {
	r, n := snapshot.NewReader(b), New()
	r.Header(snapshotOf, snapshotVersion)
	wallets(r, 17, func(wallet ulid.ULID) { n.address[wallet] = r.String() })
	for range r.Count(10) {
		texts := r.Strings()
		if len(texts) != 2 || n.byID[texts[0]] != nil {
			r.Fail("a token has no name, or stands there twice")
			break
		}
		t := n.readToken(r, texts[0], texts[1])
		n.tokens, n.byID[t.id] = append(n.tokens, t), t
		if r.Err() != nil {
			break
		}
	}
	if err := r.Close(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tokens, x.byID, x.address = n.tokens, n.byID, n.address
	return nil
}

func (x *Index) readToken(r *snapshot.Reader, id, name string) *token {
	t := &token{id: id, name: name}
	for range r.Count(2) {
		m := mark{r.Uint(), r.Int()}
		if k := len(t.log); k > 0 && t.log[k-1].position >= m.position {
			r.Fail("the entries about a token are out of order")
		}
		t.log = append(t.log, m)
	}
	if len(t.log) == 0 {
		r.Fail("no entry is about a token")
		return t
	}
	t.deployed = t.log[0]
	t.owner = readSaid(r, t, func() ulid.ULID { return r.ID() })
	t.paused = readSaid(r, t, r.Bool)
	t.registry, t.compliance, t.condition = readSaid(r, t, r.String), readSaid(r, t, r.String), readSaid(r, t, r.String)
	t.agents, t.blocked = readByWallet(r, x, t, r.Bool), readByWallet(r, x, t, r.Bool)
	t.holders = readByWallet(r, x, t, func() *Record { return readRecord(r) })
	return t
}

// has says whether an entry about the token stands there.
func (t *token) has(m mark) bool {
	i, ok := slices.BinarySearchFunc(t.log, m.position, func(have mark, want uint64) int { return cmp.Compare(have.position, want) })
	return ok && t.log[i] == m
}

func readSaid[T any](r *snapshot.Reader, t *token, what func() T) []said[T] {
	var list []said[T]
	for range r.Count(3) {
		s := said[T]{mark: mark{r.Uint(), r.Int()}}
		if k := len(list); !t.has(s.mark) || k > 0 && list[k-1].position >= s.position {
			r.Fail("what was said of a token is out of order")
			return nil
		}
		s.what = what()
		list = append(list, s)
	}
	return list
}

func readByWallet[T any](r *snapshot.Reader, x *Index, t *token, what func() T) map[ulid.ULID][]said[T] {
	m := map[ulid.ULID][]said[T]{}
	wallets(r, 17, func(wallet ulid.ULID) {
		list := readSaid(r, t, what)
		if _, known := x.address[wallet]; !known || len(list) == 0 {
			r.Fail("nothing is said of a wallet, or it has no address")
		}
		m[wallet] = list
	})
	return m
}

func readRecord(r *snapshot.Reader) *Record {
	if !r.Bool() {
		return nil
	}
	texts := r.Strings()
	if len(texts) != 2 {
		r.Fail("a holder record names no investor")
		return nil
	}
	record := &Record{Investor: texts[0], OnchainID: texts[1]}
	for range r.Count(2) {
		record.Properties = append(record.Properties, events.Property{Name: r.String(), Value: r.String()})
	}
	return record
}

// wallets reads a list of which each begins with a wallet, in the order of those.
func wallets(r *snapshot.Reader, size int, one func(ulid.ULID)) {
	var last ulid.ULID
	for i := range r.Count(size) {
		wallet := ulid.ULID(r.ID())
		if i > 0 && last.Compare(wallet) >= 0 {
			r.Fail("a list of wallets is out of order")
		}
		if r.Err() != nil {
			return
		}
		last = wallet
		one(wallet)
	}
}
