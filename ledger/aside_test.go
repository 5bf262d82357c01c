package ledger_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections"
)

// making is what a snapshot is made of, watched.
type making struct {
	*projections.Fold
	applied  int
	apply    func(n int) // called before the n-th entry is applied
	encode   func()      // called before it is encoded
	position uint64      // what was encoded
	sections [][]byte
}

func (m *making) Apply(en *chain.Entry) {
	m.applied++
	if m.apply != nil {
		m.apply(m.applied)
	}
	m.Fold.Apply(en)
}

func (m *making) Snapshot() (uint64, [][]byte) {
	if m.encode != nil {
		m.encode()
	}
	m.position, m.sections = m.Fold.Snapshot()
	return m.position, m.sections
}

// makings has the ledger, from its next start on, make a snapshot aside every ten entries, of what prepare makes ready.
// What was made is there when the ledger is closed.
func (p *place) makings(prepare func(*making)) *[]*making {
	var mu sync.Mutex
	all := &[]*making{}
	p.every, p.turn = 10, make(chan struct{}, 1)
	p.fresh = func() ledger.Folding {
		mu.Lock()
		defer mu.Unlock()
		m := &making{Fold: newFold()}
		*all = append(*all, m)
		if prepare != nil {
			prepare(m)
		}
		return m
	}
	return all
}

// named gives the digest of the snapshot that the head record names.
func (p *place) named() [32]byte {
	head, _, err := journal.ReadHead(filepath.Join(p.dir, "head"))
	if err != nil {
		p.t.Fatal(err)
	}
	return head.Snapshot
}

// anew waits until the head record names another snapshot than before.
func (p *place) anew(before [32]byte) {
	p.t.Helper()
	p.wait("the head record names a new snapshot", func() bool { return p.named() != before })
}

// A snapshot made aside is byte for byte what the live folding gives at its position; a later one begins with the one
// before.
func TestAsideIsTheLiveOne(t *testing.T) {
	// Given a ledger whose live folding is looked at after every entry
	p := newKeeping(t)
	p.stop()
	all := p.makings(nil)
	live := map[uint64][][]byte{}
	p.hold = func() {
		position, sections := p.fold.Snapshot()
		live[position] = sections
	}
	p.start(false)
	// when snapshots are made while commands are recorded
	var before [32]byte
	for range 3 {
		p.record(10)
		p.anew(before)
		before = p.named()
	}
	p.stop()
	// then each is the live one
	if len(*all) < 3 {
		t.Fatalf("%d were made", len(*all))
	}
	for i, m := range *all {
		if m.sections == nil && i == len(*all)-1 {
			continue // given up when the ledger was closed
		}
		want := live[m.position]
		if len(m.sections) != len(want) || len(want) == 0 {
			t.Fatalf("%d sections at %d; want %d", len(m.sections), m.position, len(want))
		}
		for k := range want {
			if !bytes.Equal(m.sections[k], want[k]) {
				t.Errorf("at %d section %d is another than the live one", m.position, k)
			}
		}
		if i > 0 && m.applied != int(m.position-(*all)[i-1].position) {
			t.Errorf("%d entries were folded between %d and %d", m.applied, (*all)[i-1].position, m.position)
		}
	}
	p.hold = nil
	p.start(false)
	p.folded()
}

// A start that folded much keeps that, and folds nothing a second time.
func TestSnapshotAtStart(t *testing.T) {
	p := newKeeping(t)
	p.record(10)
	p.stop()
	all := p.makings(nil)
	p.start(false)
	p.anew([32]byte{})
	p.stop()
	if len(*all) != 0 {
		t.Errorf("%d were made aside", len(*all))
	}
	p.closedWell()
}

// However long a snapshot takes, commands and readers of the state go on.
func TestAsideKeepsNobodyWaiting(t *testing.T) {
	for _, step := range []string{"fold", "encode"} {
		t.Run(step, func(t *testing.T) {
			// Given a snapshot that does not come to an end
			p := newKeeping(t)
			p.stop()
			begun, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			stand := func() { once.Do(func() { close(begun); <-release }) }
			p.makings(func(m *making) {
				if step == "encode" {
					m.encode = stand
				} else {
					m.apply = func(int) { stand() }
				}
			})
			p.start(false)
			p.record(10)
			<-begun
			// when commands are recorded then they are, and the state is read
			p.record(10)
			length := p.journal.Len()
			p.fold.Read(func(s *rules.State) {
				if s.Position() != length {
					t.Errorf("the state is of %d; want %d", s.Position(), length)
				}
			})
			if p.named() != [32]byte{} {
				t.Error("a snapshot is named that is not made yet")
			}
			close(release)
			p.anew([32]byte{})
		})
	}
}

// A ledger that is closed gives up what it makes aside, and keeps what it has folded instead.
func TestAsideGivenUp(t *testing.T) {
	t.Run("another ledger's turn", func(t *testing.T) {
		p := newKeeping(t)
		p.stop()
		all := p.makings(nil)
		p.turn <- struct{}{}
		p.start(false)
		p.record(10)
		p.stop()
		p.closedWell()
		if len(*all) != 0 {
			t.Errorf("%d were begun out of turn", len(*all))
		}
	})
	t.Run("while folding", func(t *testing.T) {
		p := newKeeping(t)
		p.stop()
		begun, release := make(chan struct{}), make(chan struct{})
		all := p.makings(func(m *making) {
			m.apply = func(n int) {
				if n == 5 {
					close(begun)
					<-release
				}
			}
		})
		p.start(false)
		p.record(10)
		<-begun
		closed := make(chan struct{})
		go func() { defer close(closed); p.stop() }()
		c := p.command(p.role("late"))
		l := p.ledger
		r := p.request(c)
		p.wait("the ledger takes no more commands", func() bool {
			_, err := l.Execute(t.Context(), r)
			return errors.Is(err, ledger.ErrStopped)
		})
		close(release)
		<-closed
		if m := (*all)[0]; len(*all) != 1 || m.applied != 5 || m.sections != nil {
			t.Errorf("%d were made; of the first %d entries were folded", len(*all), m.applied)
		}
		p.closedWell()
	})
}

// closedWell says that a ledger which is closed has kept all that it has folded.
func (p *place) closedWell() {
	p.t.Helper()
	if strings.Contains(p.said.String(), "no snapshot was kept") {
		p.t.Error(p.said.String())
	}
	p.fresh, p.every, p.turn = nil, 1<<40, nil
	p.said.Reset()
	p.start(false)
	if p.count() != 0 || strings.Contains(p.said.String(), unused) {
		p.t.Errorf("%d entries were folded\n%s", p.count(), p.said.String())
	}
	p.folded()
}

// Where the last snapshot is of no use the next one is made of all entries.
func TestAsideFromNothing(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"damaged":   func(path string) error { return os.WriteFile(path, []byte("not one"), 0o600) },
		"not there": os.Remove,
		"changed": func(path string) error {
			b, _ := os.ReadFile(path)
			b[len(b)/2] ^= 4
			return os.WriteFile(path, b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newKeeping(t)
			p.stop()
			all := p.makings(nil)
			p.start(false)
			p.record(5)
			p.anew([32]byte{})
			before := p.named()
			if err := spoil(p.file()); err != nil {
				t.Fatal(err)
			}
			p.record(5)
			p.anew(before)
			p.stop()
			if m := (*all)[1]; m.applied != int(m.position) || m.position < 20 {
				t.Errorf("%d entries were folded for a snapshot of %d", m.applied, m.position)
			}
			if strings.Count(p.said.String(), unused) != 1 {
				t.Errorf("what is said of it:\n%s", p.said.String())
			}
			p.closedWell()
		})
	}
}

// What is not what was recorded is kept in no snapshot.
func TestAsideOverAChangedEntry(t *testing.T) {
	// Given a ledger whose journal is changed under it
	p := newKeeping(t)
	p.stop()
	begun := make(chan struct{})
	all := p.makings(func(*making) { close(begun) })
	p.every = 50
	p.start(false)
	p.record(20)
	path := filepath.Join(p.dir, "journal", "00000000.seg")
	content := must(os.ReadFile(path))(t)
	at := bytes.Index(content, []byte(`"name":"role-7"`))
	f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
	if _, err := f.WriteAt([]byte("8"), int64(at+len(`"name":"role-`))); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	// when a snapshot is due
	p.record(5)
	<-begun
	p.wait("it has ended", func() bool { return len(p.turn) == 0 })
	p.stop()
	// then none is made of that
	if len(*all) != 1 || (*all)[0].sections != nil || !strings.Contains(p.said.String(), "no snapshot was kept") {
		t.Errorf("%d were begun: %s", len(*all), p.said.String())
	}
}
