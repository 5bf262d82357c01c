package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func headAt(p uint64) Head {
	return Head{Position: p, CID: fmt.Sprintf("bafkrei%d", p), Root: [32]byte{1, byte(p)}, Snapshot: [32]byte{2, byte(p)}}
}

func openTestHead(t testing.TB, path string, create bool) *HeadFile {
	t.Helper()
	h, err := OpenHead(path, create)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantHead(t testing.TB, h *HeadFile, want Head) {
	t.Helper()
	if got, ok, err := h.Load(); got != want || ok != (want.Position > 0) || err != nil {
		t.Fatalf("Load = %+v, %v, %v; want %+v", got, ok, err, want)
	}
}

func TestHeadStoreAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	if _, err := OpenHead(path, false); !errors.Is(err, ErrMissing) {
		t.Fatalf("OpenHead = %v; want ErrMissing", err)
	}
	if _, _, err := ReadHead(path); !errors.Is(err, ErrMissing) {
		t.Fatalf("ReadHead = %v; want ErrMissing", err)
	}
	h := openTestHead(t, path, true)
	wantHead(t, h, Head{})
	for p := uint64(1); p < 6; p++ {
		if err := h.Store(headAt(p)); err != nil {
			t.Fatal(err)
		}
		wantHead(t, h, headAt(p))
		wantHead(t, openTestHead(t, path, p%2 == 0), headAt(p))
		if got, ok, err := ReadHead(path); got != headAt(p) || !ok || err != nil {
			t.Fatalf("ReadHead = %v, %v, %v", got, ok, err)
		}
	}
	longest := Head{Position: 1<<64 - 1, CID: strings.Repeat("~", 128)}
	if err := h.Store(longest); err != nil {
		t.Fatal(err)
	}
	wantHead(t, openTestHead(t, path, false), longest)
	if info, err := os.Stat(path); err != nil || info.Size() != 8192 {
		t.Errorf("size %v, %v", info.Size(), err)
	}
}

func TestHeadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	h := openTestHead(t, path, true)
	have := headAt(5)
	if err := h.Store(have); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	with := func(f func(*Head)) Head { n := have; f(&n); return n }
	for name, bad := range map[string]Head{
		"Backwards":  headAt(4),
		"OtherRoot":  with(func(h *Head) { h.Root[0]++ }),
		"OtherCID":   with(func(h *Head) { h.CID += "x" }),
		"NoPosition": with(func(h *Head) { h.Position = 0 }),
		"NoCID":      with(func(h *Head) { h.Position, h.CID = 6, "" }),
		"LongCID":    with(func(h *Head) { h.Position, h.CID = 6, strings.Repeat("a", 129) }),
		"Space":      with(func(h *Head) { h.Position, h.CID = 6, "a b" }),
		"NotASCII":   with(func(h *Head) { h.Position, h.CID = 6, "é" }),
	} {
		err := h.Store(bad)
		conflict := new(HeadConflictError)
		if bad.Position == 5 || bad.Position == 4 {
			if !errors.As(err, &conflict) || conflict.Have != have || conflict.Want != bad {
				t.Errorf("%s: %v; want both heads", name, err)
			}
		} else if !errors.Is(err, ErrHead) {
			t.Errorf("%s: %v; want ErrHead", name, err)
		}
	}
	if err := h.Store(have); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("a refused or repeated store has changed the file")
	}
	snapshot := with(func(h *Head) { h.Snapshot[0]++ })
	if err := h.Store(snapshot); err != nil {
		t.Errorf("another snapshot of the same position: %v", err)
	}
	wantHead(t, openTestHead(t, path, false), snapshot)
}

// Whatever byte of a slot is spoiled, the other slot counts, storing goes on from there, and with both spoiled it says so.
func TestHeadTornSlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	h := openTestHead(t, path, true)
	for p := uint64(1); p <= 2; p++ { // position 1 is generation 2, in slot 0
		if err := h.Store(headAt(p)); err != nil {
			t.Fatal(err)
		}
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range slotSize {
		for s, want := range []Head{headAt(2), headAt(1)} {
			b := bytes.Clone(image)
			b[s*slotStride+i] ^= 0x10
			if got, err := newest(path, b); err != nil || got.head != want {
				t.Fatalf("byte %d of slot %d spoiled: %v, %v; want %v", i, s, got.head, err, want)
			}
			b[(1-s)*slotStride+i] ^= 0x01
			if got, err := newest(path, b); !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d of both slots spoiled: %v, %v", i, got.head, err)
			}
		}
	}
	for cut := 0; cut < slotStride+slotSize; cut += 13 {
		got, err := newest(path, image[:cut])
		if cut < slotSize && !errors.Is(err, ErrDamaged) || cut >= slotSize && (err != nil || got.head != headAt(1)) {
			t.Fatalf("cut at %d: %v, %v", cut, got.head, err)
		}
	}
	copy(image[slotStride:], make([]byte, 100)) // slot 1, with position 2
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	h = openTestHead(t, path, false)
	wantHead(t, h, headAt(1))
	for p := uint64(2); p < 5; p++ {
		if err := h.Store(headAt(p)); err != nil {
			t.Fatal(err)
		}
		wantHead(t, openTestHead(t, path, false), headAt(p))
	}
}

func TestHeadSlotsThatDoNotBelongTogether(t *testing.T) {
	file := func(s0, s1 slot) []byte {
		b := make([]byte, headSize)
		copy(b, s0.encode())
		copy(b[slotStride:], s1.encode())
		return b
	}
	fork := headAt(7)
	fork.Root[9]++
	for name, b := range map[string][]byte{
		"Gap":           file(slot{4, headAt(7)}, slot{7, headAt(9)}),
		"Backwards":     file(slot{4, headAt(7)}, slot{5, headAt(6)}),
		"Fork":          file(slot{4, headAt(7)}, slot{5, fork}),
		"WrongSlots":    file(slot{5, headAt(8)}, slot{4, headAt(7)}),
		"Zeros":         make([]byte, headSize),
		"Empty":         nil,
		"CIDWithout":    file(slot{0, Head{CID: "a"}}, slot{1, Head{Root: [32]byte{1}}}),
		"NoCID":         file(slot{4, Head{Position: 3}}, slot{5, Head{Position: 4}}),
		"PositionsLost": file(slot{4, headAt(7)}, slot{5, Head{}}),
	} {
		if got, err := newest("head", b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %+v, %v; want damage", name, got, err)
		}
	}
}

func TestHeadChangedUnderneath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	h := openTestHead(t, path, true)
	if err := h.Store(headAt(1)); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(path)
	if err := h.Store(headAt(2)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil { // an old copy is put back
		t.Fatal(err)
	}
	if got, ok, err := h.Load(); !errors.Is(err, ErrDamaged) {
		t.Errorf("Load = %v, %v, %v; want damage", got, ok, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Load(); !errors.Is(err, ErrMissing) {
		t.Errorf("Load = %v; want ErrMissing", err)
	}
	if err := h.Store(headAt(3)); err == nil || errors.Is(err, ErrBroken) {
		t.Errorf("Store without a file = %v", err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
}

// For every n, the n-th call to the disk fails; the next start finds the head last stored or the one being stored.
func TestHeadEveryCallFails(t *testing.T) {
	root := t.TempDir()
	for n := 1; ; n++ {
		path := filepath.Join(root, fmt.Sprint(n))
		d := &faulty{n: n}
		stored := uint64(0)
		h, err := openHead(path, true, d.disk())
		if err == nil {
			for p := uint64(1); p <= 3 && err == nil; p++ {
				if err = h.Store(headAt(p)); err == nil {
					stored = p
				}
			}
			if errors.Is(err, ErrBroken) {
				if again := h.Store(headAt(9)); !errors.Is(again, ErrBroken) || !errors.Is(again, errFault) {
					t.Errorf("next Store = %v", again)
				}
			}
			if got, _, lerr := h.Load(); got.Position != stored || lerr != nil {
				t.Errorf("call %d: Load = %v, %v; want %d", n, got, lerr, stored)
			}
		}
		if len(d.calls) < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("call %d (%s): %v", n, d.calls[n-1], err)
		}
		marker := path + ".unsynced"
		_, merr := os.Stat(marker)
		if failed := d.calls[n-1] == "sync "+filepath.Base(path); failed != (merr == nil) {
			t.Errorf("call %d (%s): marker %v", n, d.calls[n-1], merr)
		}
		h = openTestHead(t, path, true)
		got, _, err := h.Load()
		if err != nil || got.Position != stored && got.Position != stored+1 {
			t.Errorf("call %d (%s): Load = %v, %v; want %d or one more", n, d.calls[n-1], got, err, stored)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Errorf("call %d: the marker still stands", n)
		}
		if err := h.Store(headAt(9)); err != nil {
			t.Error(err)
		}
	}
}

// The head on record is always the last one accepted, and only those that do not go back are.
func TestHeadAnyStores(t *testing.T) {
	root := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		path := filepath.Join(root, fmt.Sprint(run))
		h, err := OpenHead(path, true)
		if err != nil {
			t.Fatal(err)
		}
		var want Head
		for range rapid.IntRange(1, 8).Draw(t, "stores") {
			next := Head{
				Position: uint64(rapid.IntRange(1, 4).Draw(t, "position")),
				CID:      rapid.StringMatching(`[!-~]{1,3}`).Draw(t, "cid"),
				Root:     [32]byte{byte(rapid.IntRange(0, 1).Draw(t, "root"))},
			}
			ok := next.Position > want.Position || next.Position == want.Position && next.CID == want.CID && next.Root == want.Root
			if err := h.Store(next); (err == nil) != ok {
				t.Fatalf("Store(%+v) after %+v = %v", next, want, err)
			}
			if ok {
				want = next
			}
			if rapid.IntRange(0, 3).Draw(t, "reopen") == 0 {
				if h, err = OpenHead(path, false); err != nil {
					t.Fatal(err)
				}
			}
			if got, _, err := h.Load(); got != want || err != nil {
				t.Fatalf("Load = %+v, %v; want %+v", got, err, want)
			}
		}
	})
}
