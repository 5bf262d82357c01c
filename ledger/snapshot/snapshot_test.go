package snapshot_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/snapshot"
)

// Given values of every kind, when they are read in the order in which they were appended, then they are what they were,
// and nothing is left.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, i := rapid.Uint64().Draw(t, "n"), rapid.Int64().Draw(t, "i")
		yes, text := rapid.Bool().Draw(t, "yes"), rapid.String().Draw(t, "text")
		list := rapid.SliceOf(rapid.String()).Draw(t, "list")
		id := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		sum := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
		b := snapshot.AppendHeader(nil, "test", 3)
		b = snapshot.AppendInt(snapshot.AppendUint(b, n), i)
		b = snapshot.AppendString(snapshot.AppendBool(b, yes), text)
		b = append(append(snapshot.AppendStrings(b, list), id[:]...), sum[:]...)
		b = snapshot.AppendBytes(b, []byte(text))

		r := snapshot.NewReader(b)
		r.Header("test", 3)
		if gotN, gotI, gotYes, gotText := r.Uint(), r.Int(), r.Bool(), r.String(); gotN != n || gotI != i || gotYes != yes || gotText != text {
			t.Fatalf("got %d %d %v %q; want %d %d %v %q", gotN, gotI, gotYes, gotText, n, i, yes, text)
		}
		if got := r.Strings(); !slices.Equal(got, list) {
			t.Fatalf("got %q; want %q", got, list)
		}
		if r.ID() != id || r.Sum() != sum || string(r.Bytes()) != text {
			t.Fatal("an id, a sum or a byte string is another")
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		// Given less of it, then that is noticed.
		r = snapshot.NewReader(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")])
		r.Header("test", 3)
		r.Uint()
		r.Int()
		r.Bool()
		_ = r.String()
		r.Strings()
		r.ID()
		r.Sum()
		r.Bytes()
		if err := r.Close(); !errors.Is(err, snapshot.ErrSnapshot) {
			t.Fatalf("of a part: got %v, want %v", err, snapshot.ErrSnapshot)
		}
	})
}

func TestFaults(t *testing.T) {
	huge := snapshot.AppendUint(nil, math.MaxUint64)
	for name, test := range map[string]struct {
		b    []byte
		read func(*snapshot.Reader)
	}{
		"nothing":                  {nil, func(r *snapshot.Reader) { r.Uint() }},
		"a number spelled long":    {[]byte{0x80, 0x00}, func(r *snapshot.Reader) { r.Uint() }},
		"a number too large":       {bytes.Repeat([]byte{0xff}, 11), func(r *snapshot.Reader) { r.Uint() }},
		"neither yes nor no":       {[]byte{2}, func(r *snapshot.Reader) { r.Bool() }},
		"a number out of range":    {[]byte{7}, func(r *snapshot.Reader) { r.Below(7) }},
		"more bytes":               {[]byte{1, 1}, func(r *snapshot.Reader) { r.Uint() }},
		"a count of nothing":       {huge, func(r *snapshot.Reader) { r.Count(1) }},
		"a count of large":         {append([]byte{2}, make([]byte, 31)...), func(r *snapshot.Reader) { r.Count(16) }},
		"a text of nothing":        {huge, func(r *snapshot.Reader) { _ = r.String() }},
		"a list of huge texts":     {append([]byte{1}, huge...), func(r *snapshot.Reader) { r.Strings() }},
		"texts that overlap":       {[]byte{2, 3, 3, 'a', 'b', 'c', 'd', 'e'}, func(r *snapshot.Reader) { r.Strings() }},
		"of another thing":         {snapshot.AppendHeader(nil, "other", 1), func(r *snapshot.Reader) { r.Header("test", 1) }},
		"of a version to come":     {snapshot.AppendHeader(nil, "test", 2), func(r *snapshot.Reader) { r.Header("test", 1) }},
		"what the caller dislikes": {nil, func(r *snapshot.Reader) { r.Fail("no") }},
	} {
		t.Run(name, func(t *testing.T) {
			r := snapshot.NewReader(test.b)
			test.read(r)
			if err := r.Close(); !errors.Is(err, snapshot.ErrSnapshot) {
				t.Errorf("got %v, want %v", err, snapshot.ErrSnapshot)
			}
			if r.Uint() != 0 || r.Count(1) != 0 || r.Strings() != nil || r.Bytes() != nil {
				t.Error("something is read after a fault")
			}
		})
	}
}

// FuzzReader: whatever is read, in whatever order, there is no panic and no room made for more than there is.
func FuzzReader(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3, 'a', 'b'}, []byte{6, 5, 4, 3, 2, 1, 0})
	f.Fuzz(func(t *testing.T, b, script []byte) {
		r := snapshot.NewReader(b)
		for _, step := range script[:min(len(script), 64)] {
			switch step % 7 {
			case 0:
				r.Uint()
			case 1:
				r.Int()
			case 2:
				_ = r.String()
			case 3:
				if list := r.Strings(); len(list) > len(b) {
					t.Errorf("%d bytes made room for %d texts", len(b), len(list))
				}
			case 4:
				if n := r.Count(1 + int(step)); n*(1+int(step)) > len(b) {
					t.Errorf("%d bytes counted %d of %d bytes", len(b), n, 1+int(step))
				}
			case 5:
				r.Sum()
			case 6:
				r.Header("test", 1)
			}
		}
		if err := r.Close(); err != nil && !errors.Is(err, snapshot.ErrSnapshot) {
			t.Error(err)
		}
	})
}
