package api

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/projections/history"
)

// apiKey adds to a credential what there is to know of the API key that it is; of others, nothing.
func (c *call) apiKey(k *wire.Key, id ulid.ULID) error {
	h, err := c.org.Access.Holdings(id.String(), c.org.Access.Now(c.now))
	if err != nil || h.Subject.Kind != events.KindAPIKey {
		return nil //nolint:nilerr // the state is ahead of the answers, which the next request sees
	}
	k.APIKey = true
	for _, r := range h.Roles {
		k.Roles = append(k.Roles, r.Role.Key)
	}
	k.Roles = sorted(k.Roles)
	if holder := h.Subject.About.Holder; holder != (ulid.ULID{}) {
		k.Holder = keyOf(c.org, holder)
	}
	found, _ := c.org.History.Find(history.Query{Subject: id, Newest: true, Limit: 1})
	if len(found) == 0 {
		return nil
	}
	en, err := c.entry(found[0])
	if err != nil {
		return err
	}
	k.Changed = &wire.Change{Seq: found[0], Time: stamp(en.Event.Time), By: keyOf(c.org, en.Event.Actor)}
	return nil
}

// reportedKeys gives, by did:key, the first position from which somebody else may have had a key.
func (c *call) reportedKeys() (map[string]uint64, error) {
	from := map[string]uint64{}
	found, _ := c.org.History.Find(history.Query{Types: []events.Type{(*events.KeyReported)(nil).Type()}})
	for _, at := range found {
		en, err := c.entry(at)
		if err != nil {
			return nil, err
		}
		if d, ok := en.Event.Data.(*events.KeyReported); ok && (from[d.Key] == 0 || d.From < from[d.Key]) {
			from[d.Key] = d.From
		}
	}
	return from, nil
}
