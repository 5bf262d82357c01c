package api

import (
	"context"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
)

// getFollowers says who reads the organization's streams over NATS from this node, and how far each consumer is.
func getFollowers(c *call) (wire.Followers, error) {
	out := wire.Followers{Items: []wire.Follower{}, AsOf: head(c.org, c.now)}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	all, served, err := c.server.node.Following(ctx, c.org.ID)
	if err != nil {
		return out, err
	}
	out.Served = served
	for _, f := range all {
		one := wire.Follower{Subject: f.Reader.Name, Connections: f.Connections, Consumers: []wire.Consumer{}}
		if id, err := ulid.ParseStrict(strings.ToUpper(f.Reader.ID)); err == nil {
			one.Subject = keyOf(c.org, id)
		}
		for _, n := range f.Consumers {
			one.Consumers = append(one.Consumers, wire.Consumer{Stream: n.Stream, Name: n.Name, Delivered: n.Delivered, Floor: n.Floor, Pending: n.Pending, Unacked: n.Unacked})
		}
		out.Items = append(out.Items, one)
	}
	return out, nil
}
