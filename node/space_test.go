package node

import "testing"

// What is kept free is the default where nothing is said, and nothing where nothing is asked for.
func TestWhatIsKeptFree(t *testing.T) {
	for given, want := range map[uint64]uint64{0: MinFree, 1: 1, NoMinFree: 0} {
		n := newNode(t.TempDir(), Options{MinFree: given})
		if n.opts.MinFree != want {
			t.Errorf("%d: %d bytes", given, n.opts.MinFree)
		}
		if err := n.room(); err != nil {
			t.Errorf("%d: %v", given, err)
		}
	}
}

func TestSizesForPeople(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0 bytes", 1: "1 bytes", 1023: "1023 bytes", 1 << 10: "1 KiB", 1<<20 - 1: "1023 KiB", 64 << 20: "64 MiB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: %s", bytes, got)
		}
	}
}
