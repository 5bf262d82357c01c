package node

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// feedRetry is how long a feed waits after a failure before it tries again.
const feedRetry = time.Second

// ActivityRecord is one message of ACTIVITY_<org>: something that was asked and not recorded in the ledger.
type ActivityRecord struct {
	Time       string     `json:"time"`
	Kind       string     `json:"kind"` // refused
	ID         string     `json:"id"`   // of the command
	Type       string     `json:"type"` // of the event that was asked for
	About      string     `json:"about"`
	Actor      string     `json:"actor"`
	Credential string     `json:"credential"`
	Code       rules.Code `json:"code"`
	Reason     string     `json:"reason"`
	Permission string     `json:"permission,omitempty"`
	Prev       string     `json:"prev,omitempty"` // SHA-256 of the record before, base64url
}

// Activity appends to an organization's activity stream: what callers asked that the ledger does not hold. Records are
// linked; they wait in memory for the stream, so a crash can lose the newest.
type Activity struct {
	feed *stream.Feed
	log  *slog.Logger
	prev string
	len  uint64

	mu      sync.Mutex
	waiting []ActivityRecord
	wake    chan struct{}
}

func openActivity(ctx context.Context, c *stream.Conn, org string, log *slog.Logger) (*Activity, error) {
	f, err := c.OpenFeed(ctx, stream.Activity, org)
	if err != nil {
		return nil, err
	}
	a := &Activity{feed: f, log: log, wake: make(chan struct{}, 1)}
	last, data, err := f.Last(ctx)
	if err != nil {
		return nil, err
	}
	if last > 0 {
		a.len, a.prev = last, digest(data)
	}
	return a, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Feed gives the stream, to be read.
func (a *Activity) Feed() *stream.Feed { return a.feed }

// refused notes a command that was refused. It does not wait.
func (a *Activity) refused(now time.Time, c events.Command, r *rules.Refusal) {
	a.mu.Lock()
	a.waiting = append(a.waiting, ActivityRecord{
		Time: now.UTC().Format(canon.TimeLayout), Kind: "refused", ID: c.ID.String(), Type: string(c.Data.Type()), About: c.Data.About(),
		Actor: c.Actor.String(), Credential: c.Auth.Credential, Code: r.Code, Reason: r.Reason, Permission: r.Permission,
	})
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run appends what waits, until ctx ends and nothing waits.
func (a *Activity) run(ctx context.Context) {
	for {
		a.flush()
		select {
		case <-a.wake:
		case <-ctx.Done():
			a.flush()
			return
		}
	}
}

func (a *Activity) flush() {
	a.mu.Lock()
	records := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	if len(records) == 0 {
		return
	}
	data := make([][]byte, len(records))
	prev := a.prev
	for i := range records {
		records[i].Prev = prev
		b, err := json.Marshal(records[i])
		if err != nil {
			a.log.Error("an activity record cannot be written", "error", err)
			return
		}
		data[i], prev = b, digest(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.feed.Append(ctx, a.len, "refused", data); err != nil {
		a.log.Error("refused commands are not recorded in the activity stream", "count", len(records), "error", err)
		return
	}
	a.prev, a.len = prev, a.len+uint64(len(records))
}

// publishTopic appends to TOPIC_<org> the messages that are not there yet. The messages are computed from the ledger, so
// the number that are there says which come next; a message that differs means that somebody else wrote to the stream,
// which is then removed and made again.
func publishTopic(ctx context.Context, c *stream.Conn, o *Org, log *slog.Logger) {
	for ctx.Err() == nil {
		if err := followTopic(ctx, c, o); err != nil && ctx.Err() == nil {
			log.Error("topic messages are not published", "organization", o.ID, "error", err)
			select {
			case <-time.After(feedRetry):
			case <-ctx.Done():
			}
		}
	}
}

func followTopic(ctx context.Context, c *stream.Conn, o *Org) error {
	if o.Topic.Len() == 0 { // most organizations have none, and need no stream
		changed := o.Topic.Changed()
		if o.Topic.Len() == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			return nil
		}
	}
	f, err := c.OpenFeed(ctx, stream.Topic, o.ID)
	if err != nil {
		return err
	}
	n, data, err := f.Last(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		if m, ok := o.Topic.Message(int(n - 1)); !ok || string(m.Bytes) != string(data) {
			if err := c.RemoveTopic(ctx, o.ID); err != nil {
				return err
			}
			return fmt.Errorf("the stream holds messages that are not of this ledger; it is made again")
		}
	}
	for {
		changed := o.Topic.Changed()
		var batch [][]byte
		for len(batch) < 256 {
			m, ok := o.Topic.Message(int(n) + len(batch))
			if !ok {
				break
			}
			batch = append(batch, m.Bytes)
		}
		if len(batch) > 0 {
			if err := f.Append(ctx, n, "", batch); err != nil {
				return err
			}
			n += uint64(len(batch))
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
