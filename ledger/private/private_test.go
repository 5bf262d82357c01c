package private_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/private"
)

func open(t *testing.T, path string) *private.Store {
	t.Helper()
	s, err := private.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTextsStayUntilErased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "private")
	// Given two texts, one with everything JSON escapes
	a, b := private.New("left desk"), private.New("<a href=\"x\">\n\u00e9 & \\")
	s := open(t, path)
	if err := s.Put([]private.Text{a, b}); err != nil {
		t.Fatal(err)
	}
	// when the store is opened again
	s.Close()
	s = open(t, path)
	// then both are there
	for _, want := range []private.Text{a, b} {
		if got, ok := s.Get(want.Commitment()); !ok || got != want {
			t.Errorf("Get(%x) = %v, %v; want %v", want.Commitment(), got, ok, want)
		}
	}
	// and when one is erased
	if n, err := s.Erase(a.Commitment()); n != 1 || err != nil {
		t.Fatalf("Erase = %d, %v", n, err)
	}
	// then it is gone from memory and from the file, and the other can still be added to
	if _, ok := s.Get(a.Commitment()); ok {
		t.Error("the erased text is still there")
	}
	c := private.New("more")
	if err := s.Put([]private.Text{c}); err != nil {
		t.Fatal(err)
	}
	content, _ := os.ReadFile(path)
	if bytes.Contains(content, []byte("left desk")) {
		t.Error("the erased text is still in the file")
	}
	s.Close()
	s = open(t, path)
	if _, ok := s.Get(c.Commitment()); !ok {
		t.Error("a text put after an erasure is lost")
	}
	if n, err := s.Erase(a.Commitment()); n != 0 || err != nil {
		t.Errorf("erasing again: %d, %v", n, err)
	}
}

func TestOneTextTwiceSaltedDiffers(t *testing.T) {
	one, other := private.New("x"), private.New("x")
	if one.Commitment() == other.Commitment() {
		t.Error("two commitments to one text are equal: it could be guessed")
	}
}

func TestOpenDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "private")
	s := open(t, path)
	a, b := private.New("first"), private.New("second")
	if err := s.Put([]private.Text{a, b}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	whole, _ := os.ReadFile(path)
	t.Run("a line cut off by a crash is dropped", func(t *testing.T) {
		for cut := range bytes.Count(whole, nil) / 4 {
			os.WriteFile(path, whole[:len(whole)-1-cut], 0o600)
			s := open(t, path)
			if _, ok := s.Get(a.Commitment()); !ok {
				t.Fatalf("cut by %d: the whole line before is lost", cut+1)
			}
			s.Close()
		}
	})
	t.Run("a line of which a power cut left zeros is dropped", func(t *testing.T) {
		second := bytes.IndexByte(whole, '\n') + 1
		for _, from := range []int{second, second + 9, len(whole) - 3} {
			left := bytes.Clone(whole)
			clear(left[from : len(left)-1])
			os.WriteFile(path, left, 0o600)
			if texts, err := private.Read(path); err != nil || len(texts) != 1 {
				t.Errorf("from byte %d: %d texts, %v", from, len(texts), err)
			}
			s := open(t, path)
			if err := s.Put([]private.Text{b}); err != nil || s.Damaged() != 0 {
				t.Fatalf("from byte %d: %d lines are damaged, %v", from, s.Damaged(), err)
			}
			s.Close()
			if content, _ := os.ReadFile(path); !bytes.Equal(content, whole) {
				t.Errorf("from byte %d: the file has %q", from, content)
			}
		}
	})
	t.Run("zeros that a power cut left before a line that is whole cost that line nothing", func(t *testing.T) {
		second := bytes.IndexByte(whole, '\n') + 1
		left := bytes.Clone(whole)
		clear(left[10 : second-1])
		os.WriteFile(path, left, 0o600)
		texts, err := private.Read(path)
		if _, ok := texts[b.Commitment()]; err != nil || len(texts) != 1 || !ok {
			t.Fatalf("%d texts, %v", len(texts), err)
		}
		s := open(t, path)
		defer s.Close()
		if _, ok := s.Get(b.Commitment()); !ok || s.Damaged() != 0 {
			t.Fatalf("the whole line is there: %v; %d lines are damaged", ok, s.Damaged())
		}
	})
	t.Run("a changed text is an error that names the line and not the text", func(t *testing.T) {
		os.WriteFile(path, bytes.Replace(whole, []byte("first"), []byte("fir5t"), 1), 0o600)
		_, err := private.Read(path)
		if err == nil || !strings.Contains(err.Error(), "line 1") || strings.Contains(err.Error(), "fir5t") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a store with a changed text opens, keeps the line, and withholds the text", func(t *testing.T) {
		s := open(t, path)
		if _, ok := s.Get(a.Commitment()); ok || s.Damaged() != 1 {
			t.Errorf("the changed text is given, or not counted: %d", s.Damaged())
		}
		if n, err := s.Erase(b.Commitment()); n != 1 || err != nil {
			t.Errorf("Erase = %d, %v", n, err)
		}
		s.Close()
		if content, _ := os.ReadFile(path); !bytes.Contains(content, []byte("fir5t")) {
			t.Error("the damaged line is gone")
		}
	})
	t.Run("a closed store takes nothing", func(t *testing.T) {
		os.WriteFile(path, whole, 0o600)
		s := open(t, path)
		s.Close()
		if err := s.Put([]private.Text{private.New("x")}); !errors.Is(err, private.ErrBroken) {
			t.Errorf("got %v", err)
		}
	})
}
