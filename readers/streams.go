package readers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// copyBatch is how many messages are written before the first of them has to be there.
	copyBatch = 256
	copyRetry = time.Second
	ackWait   = 10 * time.Second
)

// kinds of streams, as their names and, in lower case, their subjects begin. Each organization has all of them, so that a
// client may wait for a message of one that has none yet; checkpoints are there as the newest one alone.
var kinds = []string{"LEDGER", "CHANGES", "TOPIC", "CHECKPOINTS"}

func names(organization string) []string {
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = k + "_" + organization
	}
	return all
}

// A Source is what the node writes to a stream. Its functions are called by one goroutine.
type Source struct {
	// Kind is LEDGER, CHANGES or TOPIC.
	Kind string
	// Len is how many messages there are; they have the positions 1 to Len.
	Len func() uint64
	// Read gives a message: what its subject has behind the organization, "" for nothing, and its bytes.
	Read func(position uint64) (suffix string, data []byte, err error)
	// Changed gives a channel that is closed when there are more.
	Changed func() <-chan struct{}
}

// streams are those of one organization: an account, a connection to it, and who writes there.
type streams struct {
	s       *Server
	org     string
	account *server.Account
	nc      *nats.Conn
	js      jetstream.JetStream
	gate    *gate

	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
}

// Streams are what the readers of one organization are served.
type Streams struct {
	Sources []Source
	// Checkpoint gives the newest checkpoint of the organization's log; nil: there is none.
	Checkpoint func() []byte
}

// Serve begins to serve the streams of an organization; again it does nothing. Whoever first connects as a reader of an
// organization has it served too.
func (s *Server) Serve(organization string) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	s.mu.Lock()
	there := s.orgs == nil || s.orgs[organization] != nil
	s.mu.Unlock()
	if there {
		return nil
	}
	from, err := s.o.Streams(organization)
	if err != nil {
		return fmt.Errorf("readers: serve %s: %w", organization, err)
	}
	o, err := s.open(organization)
	if err != nil {
		return fmt.Errorf("readers: serve %s: %w", organization, err)
	}
	if c := from.Checkpoint(); c != nil {
		o.publish(c)
	}
	for _, src := range from.Sources {
		o.work.Go(func() { o.copy(o.ctx, src) })
	}
	s.mu.Lock()
	s.orgs[organization] = o
	s.mu.Unlock()
	return nil
}

func (s *Server) open(organization string) (*streams, error) {
	o := &streams{s: s, org: organization}
	o.ctx, o.stop = context.WithCancel(s.ctx)
	name := "READ_" + organization
	var err error
	if o.account, _ = s.srv.LookupOrRegisterAccount(name); o.account == nil {
		return nil, errors.New("no account")
	}
	if !o.account.JetStreamEnabled() {
		if err := o.account.EnableJetStream(nil, nil); err != nil {
			return nil, err
		}
	}
	err = errors.Join(
		o.account.AddServiceExport("gate.>", nil),
		o.account.AddStreamExport("push.>", nil),
		o.account.AddStreamExport(checkpoints+organization, nil),
	)
	for _, subject := range direct {
		err = errors.Join(err,
			o.account.AddServiceExportWithResponse(subject, server.Streamed, nil),
			o.account.SetServiceExportResponseThreshold(subject, 2*maxExpires))
	}
	if err != nil {
		return nil, err
	}
	o.nc, err = nats.Connect("", nats.InProcessServer(s.srv), nats.Name(name), nats.Nkey(s.pub, s.own.Sign),
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Info("NATS for readers", "organization", organization, "error", err)
		}))
	if err != nil {
		return nil, err
	}
	if o.js, err = jetstream.New(o.nc, jetstream.WithPublishAsyncMaxPending(copyBatch)); err == nil {
		ctx, cancel := context.WithTimeout(s.ctx, startTimeout)
		defer cancel()
		for _, k := range kinds {
			if err == nil {
				_, err = o.stream(ctx, k)
			}
		}
	}
	if err == nil {
		o.gate, err = openGate(o)
	}
	if err != nil {
		o.nc.Close()
		return nil, err
	}
	return o, nil
}

func (o *streams) close() {
	o.stop()
	o.work.Wait()
	o.gate.close()
	o.nc.Close()
}

// config is how a stream is made here. It forgets nothing and takes nothing but from this process, which is the only one in
// the account.
func (o *streams) config(kind string) jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name: kind + "_" + o.org, Subjects: []string{o.subject(kind, "")}, Storage: jetstream.FileStorage, Replicas: 1,
		Discard: jetstream.DiscardNew, MaxConsumers: -1, MaxMsgs: -1, MaxBytes: -1, AllowDirect: true,
		Duplicates: 100 * time.Millisecond, // no message has an id
	}
	switch kind {
	case "LEDGER", "CHANGES":
		c.Subjects[0] += ".>"
	case "CHECKPOINTS":
		c.Storage, c.Discard, c.MaxMsgsPerSubject = jetstream.MemoryStorage, jetstream.DiscardOld, 1
	}
	return c
}

func (o *streams) subject(kind, suffix string) string {
	s := strings.ToLower(kind) + "." + o.org
	if suffix != "" {
		s += "." + suffix
	}
	return s
}

// stream gives a stream, and makes it where it is missing, or where it is not configured as it has to be.
func (o *streams) stream(ctx context.Context, kind string) (jetstream.Stream, error) {
	c := o.config(kind)
	st, err := o.js.CreateStream(ctx, c)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		if err = o.js.DeleteStream(ctx, c.Name); err == nil {
			st, err = o.js.CreateStream(ctx, c)
		}
	}
	return st, err
}

// copy writes to a stream what its source has, until ctx ends. A stream that is not a beginning of its source is made
// again.
func (o *streams) copy(ctx context.Context, src Source) {
	for ctx.Err() == nil {
		err := o.follow(ctx, src)
		if err == nil || ctx.Err() != nil {
			continue
		}
		o.s.log.Error("a stream for readers is not written", "organization", o.org, "stream", src.Kind, "error", err)
		select {
		case <-time.After(copyRetry):
		case <-ctx.Done():
		}
	}
}

var errForeign = errors.New("it holds something else than its source")

func (o *streams) follow(ctx context.Context, src Source) error {
	at, err := o.where(ctx, src)
	if errors.Is(err, errForeign) {
		o.s.log.Warn("a stream for readers is made again", "organization", o.org, "stream", src.Kind, "error", err)
		if err = o.js.DeleteStream(ctx, src.Kind+"_"+o.org); err == nil || errors.Is(err, jetstream.ErrStreamNotFound) {
			_, err = o.stream(ctx, src.Kind)
		}
		at = 0
	}
	if err != nil {
		return err
	}
	for {
		changed := src.Changed()
		for end := src.Len(); at < end; {
			n := min(end-at, copyBatch)
			if err := o.write(ctx, src, at, n); err != nil {
				return err
			}
			at += n
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// where says after which position a stream goes on: it is whole, and its last message is what the source has there.
func (o *streams) where(ctx context.Context, src Source) (uint64, error) {
	st, err := o.js.Stream(ctx, src.Kind+"_"+o.org)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, fmt.Errorf("%w: it is missing", errForeign)
	}
	if err != nil {
		return 0, err
	}
	i := st.CachedInfo().State
	switch {
	case i.LastSeq == 0:
		return 0, nil
	case i.FirstSeq != 1 || i.Msgs != i.LastSeq || i.LastSeq > src.Len():
		return 0, fmt.Errorf("%w: it has %d of %d messages, the source %d", errForeign, i.Msgs, i.LastSeq, src.Len())
	}
	m, err := st.GetMsg(ctx, i.LastSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, fmt.Errorf("%w: its last message is damaged", errForeign)
	}
	if err != nil {
		return 0, err
	}
	suffix, data, err := src.Read(i.LastSeq)
	if err == nil && (m.Subject != o.subject(src.Kind, suffix) || !bytes.Equal(m.Data, data)) {
		err = fmt.Errorf("%w: position %d differs", errForeign, i.LastSeq)
	}
	return i.LastSeq, err
}

// write publishes n messages after a position.
func (o *streams) write(ctx context.Context, src Source, after, n uint64) error {
	acks := make([]jetstream.PubAckFuture, 0, n)
	for at := after + 1; at <= after+n; at++ {
		suffix, data, err := src.Read(at)
		if err != nil {
			return fmt.Errorf("read position %d: %w", at, err)
		}
		m := &nats.Msg{Subject: o.subject(src.Kind, suffix), Data: data, Header: nats.Header{jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(at-1, 10)}}}
		f, err := o.js.PublishMsgAsync(m)
		if err != nil {
			return err
		}
		acks = append(acks, f)
	}
	ctx, cancel := context.WithTimeout(ctx, ackWait)
	defer cancel()
	for _, f := range acks {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Announce tells an organization's readers of a checkpoint of its log that is none older than those before. It does not wait.
func (s *Server) Announce(organization string, checkpoint []byte) {
	s.mu.Lock()
	o := s.orgs[organization]
	s.mu.Unlock()
	if o != nil {
		o.publish(checkpoint)
	}
}

func (o *streams) publish(checkpoint []byte) {
	if err := o.nc.Publish(checkpoints+o.org, checkpoint); err != nil {
		o.s.log.Debug("a checkpoint is not announced to readers", "organization", o.org, "error", err)
	}
}
