package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/snapshot"
)

const unused = "the snapshot is of no use"

// newKeeping makes a ledger that keeps a snapshot whenever it is closed.
func newKeeping(t testing.TB) *place {
	t.Helper()
	p := newPlace(t)
	p.stop()
	p.every = 1 << 40 // none while it runs
	p.start(false)
	return p
}

func (p *place) file() string { return filepath.Join(p.dir, "snapshot") }

// record records so many roles, and somebody who has each of them.
func (p *place) record(n int) {
	p.t.Helper()
	for range n {
		r := p.role(fmt.Sprint("role-", p.journal.Len()))
		for _, d := range []events.Data{r, &events.RoleAssigned{Subject: p.owner, Role: r.Role, Scope: fmt.Sprint("x/", n)}} {
			if _, err := p.do(p.command(d)); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// keepNow closes the ledger with a snapshot, however little has come, and opens it again.
func (p *place) keepNow() {
	p.t.Helper()
	p.every = 1
	p.stop()
	p.start(false)
	p.every = 1 << 40
	p.stop()
	p.start(false)
}

// folded holds what the ledger has folded to what all entries make, folded from the first.
func (p *place) folded() {
	p.t.Helper()
	fold := newFold()
	for r, err := range p.journal.Range(1, p.journal.Len()) {
		if err != nil {
			p.t.Fatal(err)
		}
		fold.Apply(must(chain.Parse(bytes.Clone(r.Entry)))(p.t))
	}
	position, want := fold.Snapshot()
	got, sections := p.fold.Snapshot()
	if got != position {
		p.t.Fatalf("folded up to %d; want %d", got, position)
	}
	for i := range want {
		if !bytes.Equal(sections[i], want[i]) {
			p.t.Errorf("section %d is another than that of all entries", i)
		}
	}
}

// A start with a snapshot folds only what came after it, and ends where one without ends; what is recorded then is
// decided as it would have been.
func TestSnapshotAndTail(t *testing.T) {
	p := newKeeping(t)
	p.record(20)
	p.keepNow()
	for _, tail := range []int{0, 1, 7} {
		p.record(tail)
		length := p.journal.Len()
		p.every = 1 << 40
		p.stop()
		p.start(false)
		if applied := p.count(); applied != 2*tail || strings.Contains(p.said.String(), unused) {
			t.Fatalf("%d of %d entries were folded after a tail of %d\n%s", applied, length, 2*tail, p.said.String())
		}
		p.folded()
		c := p.command(p.role("role-1"))
		if _, err := p.do(c); code(err) != "taken" {
			t.Fatalf("a role that is there: %v", err)
		}
		p.keepNow()
	}
	p.record(1)
	p.folded()
}

// While the ledger runs it keeps snapshots too.
func TestSnapshotWhileRunning(t *testing.T) {
	p := newKeeping(t)
	p.stop()
	p.every = 10
	p.start(false)
	p.record(30)
	p.wait("the head record names a snapshot", func() bool {
		head, _, err := journal.ReadHead(filepath.Join(p.dir, "head"))
		return err == nil && head.Snapshot != [32]byte{}
	})
	p.stop()
	p.start(false)
	if applied := p.count(); applied > 10 || strings.Contains(p.said.String(), unused) {
		t.Errorf("%d entries were folded\n%s", applied, p.said.String())
	}
	p.folded()
}

// Whatever is wrong with a snapshot, it is said in one line, and everything is folded. When the ledger is closed there
// is a good one again.
func TestSnapshotOfNoUse(t *testing.T) {
	rewrite := func(p *place, change func([]byte) []byte) {
		b := must(os.ReadFile(p.file()))(p.t)
		if err := os.WriteFile(p.file(), change(b), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	// named has the head record name the file that is there.
	named := func(p *place) {
		head := must(journal.OpenHead(filepath.Join(p.dir, "head"), false))(p.t)
		h, _, err := head.Load()
		if err != nil {
			p.t.Fatal(err)
		}
		b := must(os.ReadFile(p.file()))(p.t)
		copy(h.Snapshot[:], b[len(b)-32:])
		if err := head.Store(h); err != nil {
			p.t.Fatal(err)
		}
	}
	sealed := func(b []byte) []byte {
		sum := sha256.Sum256(b)
		return append(bytes.Clone(b), sum[:]...)
	}
	for name, spoil := range map[string]func(*place){
		"a bit is flipped": func(p *place) { rewrite(p, func(b []byte) []byte { b[len(b)/2] ^= 4; return b }) },
		"a bit is flipped, and the sum is right": func(p *place) {
			rewrite(p, func(b []byte) []byte { b[len(b)/2] ^= 4; return sealed(b[:len(b)-32]) })
		},
		"it is cut off":   func(p *place) { rewrite(p, func(b []byte) []byte { return b[:20] }) },
		"it is empty":     func(p *place) { rewrite(p, func([]byte) []byte { return nil }) },
		"it is not there": func(p *place) { _ = os.Remove(p.file()) },
		"it is older": func(p *place) {
			old := must(os.ReadFile(p.file()))(p.t)
			p.start(false)
			p.record(3)
			p.every = 1
			p.stop()
			p.start(false)
			p.stop()
			rewrite(p, func([]byte) []byte { return old })
		},
		"it is of another ledger": func(p *place) {
			other := newKeeping(p.t)
			other.record(21)
			other.keepNow()
			other.stop()
			b := must(os.ReadFile(other.file()))(p.t)
			rewrite(p, func([]byte) []byte { return b })
			named(p)
		},
		"it is of a release to come": func(p *place) {
			rewrite(p, func(b []byte) []byte {
				head := snapshot.AppendHeader(nil, "permledger snapshot", 1)
				return sealed(append(snapshot.AppendHeader(nil, "permledger snapshot", 2), b[len(head):len(b)-32]...))
			})
			named(p)
		},
		"its last section is of a release to come": func(p *place) {
			rewrite(p, func(b []byte) []byte {
				at := bytes.LastIndex(b, snapshot.AppendHeader(nil, "topic", 1))
				b[at+len("topic")+1]++
				return sealed(b[:len(b)-32])
			})
			named(p)
		},
		"it lies before the last entries, and they are behind its head": func(p *place) {
			rewrite(p, func(b []byte) []byte {
				head := snapshot.AppendHeader(nil, "permledger snapshot", 1)
				b[len(head)]++ // the position
				return sealed(b[:len(b)-32])
			})
			named(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newKeeping(t)
			p.record(20)
			p.keepNow()
			p.stop()
			spoil(p)
			p.said.Reset()
			p.start(false)
			if said := strings.Count(p.said.String(), unused); said != 1 || p.count() != int(p.journal.Len()) {
				t.Fatalf("%d lines, %d of %d entries folded\n%s", said, p.count(), p.journal.Len(), p.said.String())
			}
			p.folded()
			p.record(1)
			p.stop()
			p.said.Reset()
			p.start(false)
			if p.count() != 0 || strings.Contains(p.said.String(), unused) {
				t.Errorf("the next start folds %d entries\n%s", p.count(), p.said.String())
			}
			p.folded()
		})
	}
}

// A kill between the file's rename and the head record leaves a file that nothing names.
func TestSnapshotKilledBeforeTheHead(t *testing.T) {
	p := newKeeping(t)
	p.record(20)
	p.keepNow()
	p.stop()
	head := must(os.ReadFile(filepath.Join(p.dir, "head")))(t)
	p.start(false)
	p.record(1)
	p.keepNow()
	p.stop()
	// the head record of before, as far as the snapshot goes
	after := must(journal.OpenHead(filepath.Join(p.dir, "head"), false))(t)
	h, _, err := after.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "head-before"), head, 0o600); err != nil {
		t.Fatal(err)
	}
	before, _, err := journal.ReadHead(filepath.Join(p.dir, "head-before"))
	if err != nil || before.Snapshot == h.Snapshot {
		t.Fatalf("the head record names the same snapshot as before: %v", err)
	}
	h.Snapshot = before.Snapshot
	if err := after.Store(h); err != nil {
		t.Fatal(err)
	}
	p.said.Reset()
	p.start(false)
	if strings.Count(p.said.String(), unused) != 1 || p.count() != int(p.journal.Len()) {
		t.Fatalf("%d entries folded\n%s", p.count(), p.said.String())
	}
	p.folded()
}

// An entry that was changed is found though it lies before the snapshot, and named.
func TestSnapshotOverADamagedEntry(t *testing.T) {
	for name, tail := range map[string]int{"snapshot of the head": 0, "entries behind it": 2} {
		t.Run(name, func(t *testing.T) {
			p := newKeeping(t)
			p.record(20)
			p.keepNow()
			p.record(tail)
			p.stop()
			const changed = 8 // roles are named after the entry before theirs
			path := filepath.Join(p.dir, "journal", "00000000.seg")
			content := must(os.ReadFile(path))(t)
			at := bytes.Index(content, []byte(`"name":"role-7"`))
			content[at+len(`"name":"role-`)] = '8'
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			j := must(journal.Open(filepath.Join(p.dir, "journal"), journal.Options{}))(t)
			defer j.Close()
			head := must(journal.OpenHead(filepath.Join(p.dir, "head"), false))(t)
			fold := newFold()
			_, err := ledger.Open(t.Context(), ledger.Config{
				Organization: "main", Journal: j, Head: head, Keys: p.keys, Applied: fold.Apply,
				Snapshots: &ledger.Snapshots{Path: p.file(), Live: fold},
			})
			if b := (*chain.BrokenError)(nil); !errors.As(err, &b) || b.Position != changed {
				t.Fatalf("got %v; want what breaks at %d", err, changed)
			}
		})
	}
}
