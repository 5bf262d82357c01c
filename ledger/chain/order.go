package chain

import (
	"iter"
	"sync"
)

// A Copier copies entries that were read into memory which is used again, many into one piece of its own. It is for one
// goroutine; the zero Copier is ready.
type Copier struct{ room []byte }

// copierPiece is what a [Copier] asks for at once, in bytes.
const copierPiece = 32 << 10

// Copy gives bytes of the caller's own. They keep alive what was copied shortly before and after.
func (c *Copier) Copy(entry []byte) []byte {
	if len(c.room) < len(entry) {
		c.room = make([]byte, max(copierPiece, len(entry)))
	}
	n := copy(c.room, entry)
	out := c.room[:n:n]
	c.room = c.room[n:]
	return out
}

// batchSize is how many things one goroutine of [InOrder] looks at before it hands them on.
const batchSize = 128

// InOrder looks at each thing that src yields, on as many goroutines as workers says, and yields what look gives in the
// order of src. So the entries of a history are parsed, hashed and their signatures checked by all processors, while
// what depends on the entry before, which is [Verifier.Next] and the rules, is done by the caller in order.
//
// An error of src is yielded behind everything that src yielded before, with a zero value, and ends it. src runs in a
// goroutine of its own and must not yield memory that it uses again. All goroutines have ended when InOrder returns; a
// caller that stops early waits for src to yield once more.
func InOrder[In, Out any](workers int, src iter.Seq2[In, error], look func(In) Out) iter.Seq2[Out, error] {
	type batch struct {
		in   []In
		out  []Out
		done chan struct{} // closed when out is there
	}
	return func(yield func(Out, error) bool) {
		work, ordered, quit := make(chan *batch, workers), make(chan *batch, 4*workers), make(chan struct{})
		var wg sync.WaitGroup
		defer wg.Wait()
		defer close(quit)
		for range workers {
			wg.Go(func() {
				for b := range work {
					for _, in := range b.in {
						b.out = append(b.out, look(in))
					}
					close(b.done)
				}
			})
		}
		var failed error // of src; set before ordered is closed
		wg.Go(func() {
			defer close(ordered)
			defer close(work)
			var b *batch
			send := func() bool {
				for _, to := range []chan<- *batch{work, ordered} {
					select {
					case to <- b:
					case <-quit:
						return false
					}
				}
				b = nil
				return true
			}
			for in, err := range src {
				if err != nil {
					failed = err
					break
				}
				if b == nil {
					b = &batch{make([]In, 0, batchSize), make([]Out, 0, batchSize), make(chan struct{})}
				}
				if b.in = append(b.in, in); len(b.in) == batchSize && !send() {
					return
				}
			}
			if b != nil {
				send()
			}
		})
		for b := range ordered {
			<-b.done
			for _, out := range b.out {
				if !yield(out, nil) {
					return
				}
			}
		}
		if failed != nil {
			var none Out
			yield(none, failed)
		}
	}
}
