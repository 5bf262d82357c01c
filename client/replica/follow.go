package replica

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/tree"
)

const (
	pull      = 1024                   // entries that are asked for at once
	pullBytes = 4 << 20                // or so many bytes
	heartbeat = time.Second            // of a pull: without one the consumer is made anew
	expiry    = 10 * time.Second       // of a pull
	forgotten = time.Minute            // after which the server forgets a consumer that nobody reads
	answer    = 5 * time.Second        // within which the server has to have made a consumer
	mostAtOne = 4096                   // entries that are taken in together
	pause     = 100 * time.Millisecond // before the reading begins anew
	saveEvery = 10 * time.Second       // at most so often the newest checkpoint is written
)

func stream(org string) string { return "LEDGER_" + org }

// connect begins to follow. Whether a server can be reached shows later.
func (r *Replica) connect() error {
	reconnected := make(chan struct{}, 1)
	opts := []nats.Option{
		nats.Name(r.o.Organization), // a key may read in several organizations: by the name the server knows which
		nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ReconnectHandler(func(*nats.Conn) {
			select {
			case reconnected <- struct{}{}:
			default:
			}
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { r.log.Warn("the connection to NATS is lost", "error", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { r.log.Warn("NATS", "error", err) }),
	}
	if r.o.Seed != "" {
		seed, err := nats.NkeyOptionFromSeed(r.o.Seed)
		if err != nil {
			return fmt.Errorf("the seed in %s: %w", r.o.Seed, err)
		}
		opts = append(opts, seed)
	}
	if r.o.TLS != nil {
		opts = append(opts, nats.Secure(r.o.TLS))
	}
	nc, err := nats.Connect(r.o.URL, append(opts, r.o.NATS...)...)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", r.o.URL, err)
	}
	r.nc = nc
	announced := make(chan *nats.Msg, 256)
	if _, err := nc.ChanSubscribe("checkpoints."+r.o.Organization, announced); err != nil {
		nc.Close()
		return fmt.Errorf("subscribe to the checkpoints: %w", err)
	}
	entries := make(chan message, mostAtOne)
	r.work.Go(r.tick)
	r.work.Go(func() { r.read(r.status.Position+1, reconnected, entries) })
	r.work.Go(func() { r.run(entries, announced) })
	return nil
}

// run takes in what comes, until the replica is closed or has stopped.
func (r *Replica) run(entries <-chan message, announced <-chan *nats.Msg) {
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	saved := r.kept.n
	for {
		var err error
		due := r.kept.n > 0 && saved == 0 // the first one at once: trust on first use rests on it
		select {
		case <-r.ctx.Done():
			return
		case m := <-entries:
			batch := []message{m}
			for more := true; more && len(batch) < mostAtOne; {
				select {
				case m := <-entries:
					batch = append(batch, m)
				default:
					more = false
				}
			}
			err = r.take(batch)
		case m := <-announced:
			err = r.checkpoint(m.Data)
		case <-save.C:
			due = r.kept.n > saved
		}
		if err != nil {
			return // it has stopped
		}
		switch {
		case r.due():
			err = r.keepNow()
		case due:
			err = r.keepCheckpoint()
		default:
			continue
		}
		if saved = r.kept.n; err != nil {
			r.log.Warn("what was verified could not be kept; the next start reads it again", "error", err)
		}
	}
}

// read sends the entries of the stream, from a position on, until the replica is closed or has stopped. However often it has to
// begin anew, it goes on behind the last one that it sent.
func (r *Replica) read(next uint64, again <-chan struct{}, to chan<- message) {
	for {
		err := r.pull(r.ctx, &next, again, func(m message) bool {
			select {
			case to <- m:
				return true
			case <-r.ctx.Done():
				return false
			}
		})
		if r.ctx.Err() != nil {
			return
		}
		r.log.Debug("the reading of the stream begins anew", "next", next, "error", err)
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return
		}
	}
}

// errAgain says that the connection was made anew.
var errAgain = errors.New("the connection to NATS was made anew")

// errLost says that a message of a consumer did not arrive.
var errLost = errors.New("a message was lost on its way")

// pull yields the entries of the stream from *next on, and moves it behind each. It gives up with the first error, with ctx, where
// a message was lost on its way, and where again gives something. The consumer is in the server's memory, and nothing is
// acknowledged; it is an ordered one but for nats.go's making it anew, which the caller does: only so does a position that is left
// out say something about the stream.
func (r *Replica) pull(ctx context.Context, next *uint64, again <-chan struct{}, yield func(message) bool) error {
	js, err := jetstream.New(r.nc)
	if err != nil {
		return err
	}
	config := jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *next,
		AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1, InactiveThreshold: forgotten, MemoryStorage: true, Replicas: 1,
	}
	if r.o.Consumer != "" {
		config.Name = r.o.Consumer + "_" + rand.Text()
	}
	asked, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	consumer, err := js.CreateConsumer(asked, stream(r.o.Organization), config)
	if err != nil {
		return err
	}
	defer func() { // else the server forgets it later
		_ = r.nc.Publish("$JS.API.CONSUMER.DELETE."+stream(r.o.Organization)+"."+consumer.CachedInfo().Name, nil)
	}()
	it, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(pull, pullBytes), jetstream.PullExpiry(expiry), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return err
	}
	defer it.Stop()
	ended, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-again:
			end(errAgain)
		case <-ended.Done():
		}
	}()
	for n := uint64(1); ; n++ {
		m, err := it.Next(jetstream.NextContext(ended))
		if err != nil {
			return errors.Join(err, context.Cause(ended))
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != n {
			return errLost
		}
		if !yield(message{meta.Sequence.Stream, m.Subject(), m.Data(), meta.NumPending}) {
			return context.Cause(ctx)
		}
		*next = max(*next, meta.Sequence.Stream+1)
	}
}

// Entries yields the verified entries from a position on, and goes on with those that come, until ctx ends or the replica
// stops: with the error that says why. It reads them from the stream once more, at the caller's own pace, and yields none
// that is not the one that was verified at its position.
func (r *Replica) Entries(ctx context.Context, from uint64) iter.Seq2[*chain.Entry, error] {
	return func(yield func(*chain.Entry, error) bool) {
		next, stopped := max(from, 1), false
		for !stopped {
			var failed error
			err := r.pull(ctx, &next, nil, func(m message) bool {
				var en *chain.Entry
				if en, failed = r.verified(ctx, m); failed != nil {
					return false
				}
				if m.position < next {
					return true
				}
				stopped = !yield(en, nil)
				return !stopped
			})
			switch {
			case stopped:
			case failed == nil && ctx.Err() != nil:
				failed = context.Cause(ctx)
			case failed == nil:
				failed = r.Status().Err
			}
			if failed != nil && !stopped {
				yield(nil, failed)
				return
			}
			if stopped {
				return
			}
			r.log.Debug("the reading of entries begins anew", "next", next, "error", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}
}

// verified gives an entry once it is the one that was verified at its position.
func (r *Replica) verified(ctx context.Context, m message) (*chain.Entry, error) {
	if err := r.AtLeast(ctx, m.position); err != nil {
		return nil, err
	}
	r.mu.RLock()
	leaf := r.leaves[m.position-1]
	r.mu.RUnlock()
	if tree.Leaf(m.raw) != leaf {
		return nil, fmt.Errorf("replica: the stream shows another entry at position %d than the one that was verified", m.position)
	}
	return chain.Parse(m.raw)
}
