package chain_test

import (
	"bytes"
	"errors"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/chain"
)

// count yields 0 to n-1, then err where there is one, and remembers how many it has yielded.
func count(n int, err error, yielded *atomic.Int64) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			yielded.Add(1)
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(-1, err)
		}
	}
}

func double(i int) int { return 2 * i }

// Given any number of things and workers, then all are looked at, once, and come in their order; an error comes behind
// them.
func TestInOrder(t *testing.T) {
	failed := errors.New("the disk is gone")
	for _, n := range []int{0, 1, 127, 128, 129, 1000, 5000} {
		for _, workers := range []int{1, 2, 7} {
			for _, end := range []error{nil, failed} {
				var looked, yielded atomic.Int64
				want, ended := 0, error(nil)
				for out, err := range chain.InOrder(workers, count(n, end, &yielded), func(i int) int { looked.Add(1); return double(i) }) {
					if err != nil {
						ended = err
						continue
					}
					if ended != nil || out != 2*want {
						t.Fatalf("%d of %d with %d workers: got %d behind %v", want, n, workers, out, ended)
					}
					want++
				}
				if want != n || looked.Load() != int64(n) || ended != end {
					t.Errorf("%d things with %d workers: %d came, %d were looked at, and then %v; want %v", n, workers, want, looked.Load(), ended, end)
				}
			}
		}
	}
}

// Given entries in memory that is used again, when they are copied, then each stays as it was, whatever is done to it or to
// its neighbours.
func TestCopier(t *testing.T) {
	var own chain.Copier
	var copies [][]byte
	buf := make([]byte, 65_535)
	sizes := []int{1, 1000, 0, 40_000, 65_535, 3, 32_768, 32_767, 2}
	for i, n := range sizes {
		for j := range buf {
			buf[j] = byte(i)
		}
		copies = append(copies, own.Copy(buf[:n]))
	}
	for i, c := range copies {
		_ = append(c, 0xff)
		if len(c) != sizes[i] || bytes.Count(c, []byte{byte(i)}) != len(c) {
			t.Errorf("copy %d of %d bytes has %d, or others", i, sizes[i], len(c))
		}
	}
}

// Given a caller that stops, then the source is asked for little more, and no goroutine is left.
func TestInOrderStops(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, stop := range []int{0, 1, 128, 300} {
		var yielded atomic.Int64
		n := 0
		for range chain.InOrder(2, count(1_000_000, nil, &yielded), double) {
			if n++; n > stop {
				break
			}
		}
		if y := yielded.Load(); y > int64(stop)+128*32 {
			t.Errorf("after %d the source was asked for %d", stop, y)
		}
	}
	// A goroutine that has nothing left to do may still be counted for a moment.
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}
