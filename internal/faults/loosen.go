package faults

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/permledger/permledger/ledger/stream"
)

// loosen opens the store with nats-server as it comes and changes the stream's configuration, as somebody with an
// administrator's tools can: what the configuration allows to go is gone then, with checksums that fit.
func (d *damaged) loosen(change func(*jetstream.StreamConfig)) error {
	srv, err := server.NewServer(&server.Options{
		DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: filepath.Join(d.dir, "store"),
	})
	if err != nil {
		return err
	}
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(patience) {
		return errors.New("a plain nats-server does not start")
	}
	conn, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := js.Stream(ctx, stream.LogName(Organization))
	if err != nil {
		return fmt.Errorf("a plain nats-server does not find the stream: %w", err)
	}
	conf := s.CachedInfo().Config
	change(&conf)
	_, err = js.UpdateStream(ctx, conf)
	return err
}

// forgetting lets a stream forget what is old: nothing yet, of this ledger.
func forgetting(c *jetstream.StreamConfig) { c.MaxAge = 10 * 365 * 24 * time.Hour }

// bounding lets a stream hold no more than its newest messages: the others are gone at once, although it denies both to
// delete and to purge.
func bounding(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 40, jetstream.DiscardOld }
