package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/projections/changes"
)

// Change gives the message that says what the entry at a position changed, for a position that the organization's
// projections have taken in. It reads the entry; nothing is kept.
func (o *Org) Change(position uint64) (changes.Message, error) {
	en, err := o.Entry(position)
	if err != nil {
		return changes.Message{}, err
	}
	return changes.Of(o.Access, en), nil
}

// PublishChanges has the changes published to CHANGES_<org>, from now on and after every start: position n of the stream is
// what entry n changed. It does not wait. Until somebody asks for it there is no such stream, for most organizations have
// nobody who would read it.
func (o *Org) PublishChanges() { o.wantChanges.Do(func() { close(o.changesWanted) }) }

// publishChanges appends to CHANGES_<org> what is not there yet, once that is wanted or where the stream is there already.
func publishChanges(ctx context.Context, c *stream.Conn, o *Org, log *slog.Logger) {
	again(ctx, log, "changes are not published", o, func() error { return followChanges(ctx, c, o) })
}

func followChanges(ctx context.Context, c *stream.Conn, o *Org) error {
	have, err := c.HasFeed(ctx, stream.Changes, o.ID)
	if err != nil {
		return err
	}
	if !have {
		select {
		case <-o.changesWanted:
		case <-ctx.Done():
			return nil
		}
	}
	f, err := c.OpenFeed(ctx, stream.Changes, o.ID)
	if err != nil {
		return err
	}
	n, err := o.checkChanges(ctx, c, f)
	if err != nil {
		return err
	}
	for {
		changed := o.Changed()
		if batch, err := o.changesAfter(n); err != nil {
			return err
		} else if len(batch) > 0 {
			err := f.AppendEach(ctx, n, batch)
			if errors.As(err, new(*stream.StaleError)) && o.texts != nil { // another node of the cluster was first
				n, err = o.checkChanges(ctx, c, f)
			} else if err == nil {
				n += uint64(len(batch))
			}
			if err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// checkChanges gives the position that the stream ends at, where its last message is the one of this ledger. Another one
// is somebody else's: the stream is removed then, so that it is made again; in a cluster its administrator has to do that.
// A node that is behind the others of its cluster cannot tell, and has nothing to publish.
func (o *Org) checkChanges(ctx context.Context, c *stream.Conn, f *stream.Feed) (uint64, error) {
	n, data, err := f.Last(ctx)
	if err != nil || n == 0 {
		return n, err
	}
	if n > o.Access.Head().Position && o.texts != nil {
		return n, nil
	}
	if n <= o.Access.Head().Position {
		m, err := o.Change(n)
		if err != nil {
			return 0, err
		}
		if bytes.Equal(m.Bytes(), data) {
			return n, nil
		}
	}
	if err := c.RemoveFeed(ctx, stream.Changes, o.ID); err != nil {
		return 0, fmt.Errorf("the stream holds messages that are not of this ledger: %w", err)
	}
	o.PublishChanges()
	return 0, errors.New("the stream holds messages that are not of this ledger; it is made again")
}

// Bounds of what is published together.
const (
	changesBatch = 256
	changesBytes = 1 << 20
)

// changesAfter gives the messages behind position n, as many as are published at a time.
func (o *Org) changesAfter(n uint64) (batch []stream.FeedMsg, err error) {
	head := o.Access.Head().Position
	for size := 0; len(batch) < changesBatch && size < changesBytes && n < head; n++ {
		m, err := o.Change(n + 1)
		if err != nil {
			return nil, err
		}
		b := m.Bytes()
		batch, size = append(batch, stream.FeedMsg{Kind: string(m.Kind), Data: b}), size+len(b)
	}
	return batch, nil
}
