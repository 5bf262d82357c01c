package stream

import (
	"context"

	"github.com/nats-io/nats.go"
)

// OnReconnect calls f whenever the connection for publishing is there again after it was lost, until ctx ends or the
// connection is closed.
func (c *Conn) OnReconnect(ctx context.Context, f func()) {
	again := c.write.StatusChanged(nats.CONNECTED)
	defer c.write.RemoveStatusListener(again)
	for {
		select {
		case _, ok := <-again:
			if !ok {
				return
			}
			f()
		case <-ctx.Done():
			return
		}
	}
}
