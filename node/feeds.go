package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// feedRetry is how long a feed waits after a failure before it tries again.
const feedRetry = time.Second

// The kinds of an [ActivityRecord].
const (
	activityRefused = "refused" // a command was refused
	activityMended  = "mended"  // a start or a repair mended a copy of the ledger

	ActivityDecided     = "decided"         // a check was answered, and its asker wanted that recorded
	ActivityDenied      = "denied"          // a request for something else was refused
	ActivitySignedIn    = "signed-in"       // somebody signed in with a password
	ActivitySignedOut   = "signed-out"      //
	ActivitySignInWrong = "sign-in-refused" // somebody tried to
	ActivityPersonal    = "personal-data"   // somebody read the name or the e-mail address of somebody else
	ActivityWebhook     = "webhook"         // somebody changed where changes are sent
	ActivityAlarm       = "alarm"           // a witness knows another history of this ledger
)

// ActivityRecord is one message of ACTIVITY_<org>: something that was asked and not recorded in the ledger, a sign-in, or
// what was done to its copies. Of the latter there is only the time, the kind and what was done, as the reason.
type ActivityRecord struct {
	Time       string     `json:"time"`
	Kind       string     `json:"kind"`
	ID         string     `json:"id,omitempty"`      // of the command
	Type       string     `json:"type,omitempty"`    // of the event that was asked for
	Request    string     `json:"request,omitempty"` // method and path, where no command was
	About      string     `json:"about,omitempty"`
	Actor      string     `json:"actor,omitempty"`
	Credential string     `json:"credential,omitempty"`
	Code       rules.Code `json:"code,omitempty"`
	Reason     string     `json:"reason"`
	Permission string     `json:"permission,omitempty"`
	Resource   string     `json:"resource,omitempty"` // of a check
	Prev       string     `json:"prev,omitempty"`     // SHA-256 of the record before, base64url
}

const (
	// activityWaiting is how many records wait for the stream; of more, the oldest are dropped.
	activityWaiting = 1 << 16
	activityBatch   = 256
	// activityRaces is how often a batch is put behind what another node has just written before it waits a while.
	activityRaces = 16
)

// Activity appends to an organization's activity stream: what callers asked that the ledger does not hold. Records are
// linked; they wait in memory for the stream, so a crash can lose the newest.
type Activity struct {
	feed *stream.Feed
	log  *slog.Logger

	// Of the goroutine in run.
	prev  string
	len   uint64
	batch []ActivityRecord // being appended: some of it may be in the stream

	mu      sync.Mutex
	waiting []ActivityRecord
	dropped int
	wake    chan struct{}
}

func openActivity(ctx context.Context, c *stream.Conn, org string, log *slog.Logger) (*Activity, error) {
	f, err := c.OpenFeed(ctx, stream.Activity, org)
	if err != nil {
		return nil, err
	}
	a := &Activity{feed: f, log: log, wake: make(chan struct{}, 1)}
	return a, a.seek(ctx)
}

// seek finds where the stream ends.
func (a *Activity) seek(ctx context.Context) error {
	last, data, err := a.feed.Last(ctx)
	if errors.Is(err, stream.ErrNoEntry) { // it aged away: the links begin anew
		last, err = a.feed.Len(ctx)
	}
	if err != nil {
		return err
	}
	a.len, a.prev = last, ""
	if data != nil {
		a.prev = digest(data)
	}
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Feed gives the stream, to be read.
func (a *Activity) Feed() *stream.Feed { return a.feed }

// refused notes a command that was refused. It does not wait.
func (a *Activity) refused(now time.Time, c events.Command, r *rules.Refusal) {
	a.add(ActivityRecord{
		Time: now.UTC().Format(canon.TimeLayout), Kind: activityRefused, ID: c.ID.String(), Type: string(c.Data.Type()), About: c.Data.About(),
		Actor: c.Actor.String(), Credential: c.Auth.Credential, Code: r.Code, Reason: r.Reason, Permission: r.Permission,
	})
}

// Note notes what callers did or were denied besides commands, at an instant. It does not wait.
func (a *Activity) Note(at time.Time, r ActivityRecord) {
	r.Time = at.UTC().Format(canon.TimeLayout)
	a.add(r)
}

func (a *Activity) add(r ActivityRecord) {
	a.mu.Lock()
	if len(a.waiting) == activityWaiting {
		a.waiting = a.waiting[1:]
		a.dropped++
	}
	a.waiting = append(a.waiting, r)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run appends what waits, until ctx ends; then it tries once more.
func (a *Activity) run(ctx context.Context) {
	for {
		wake, retry := a.wake, (<-chan time.Time)(nil)
		if err := a.flush(); err != nil {
			a.log.Error("refused commands are not yet recorded in the activity stream", "waiting", a.pending(), "error", err)
			wake, retry = nil, time.After(feedRetry)
		}
		select {
		case <-wake:
		case <-retry:
		case <-ctx.Done():
			if err := a.flush(); err != nil {
				a.log.Error("refused commands are not recorded in the activity stream", "lost", a.pending(), "error", err)
			}
			return
		}
	}
}

func (a *Activity) pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.batch) + len(a.waiting)
}

// flush appends all that waits. What it could not append it tries again the next time.
func (a *Activity) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for a.take() {
		err := a.append(ctx)
		for try := 0; try < activityRaces && errors.As(err, new(*stream.StaleError)); try++ { // somebody else wrote
			if err = a.reconcile(ctx); err == nil {
				err = a.append(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take fills the batch, where it is empty, with what waits longest. It says whether there is one.
func (a *Activity) take() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dropped > 0 {
		a.log.Error("too many refused commands wait for the activity stream; the oldest are dropped", "dropped", a.dropped)
		a.dropped = 0
	}
	if len(a.batch) == 0 {
		n := 0 // of one kind, which is in the subject
		for n < min(len(a.waiting), activityBatch) && a.waiting[n].Kind == a.waiting[0].Kind {
			n++
		}
		a.batch = slices.Clone(a.waiting[:n])
		if a.waiting = a.waiting[n:]; len(a.waiting) == 0 {
			a.waiting = nil
		}
	}
	return len(a.batch) > 0
}

// append appends the batch behind what is known to be in the stream. After an error some of it may be there; the same
// batch appended again at the same place is there once.
func (a *Activity) append(ctx context.Context) error {
	if len(a.batch) == 0 { // all of it had arrived
		return nil
	}
	data, prev, err := a.encode()
	if err != nil {
		return err
	}
	if err := a.feed.Append(ctx, a.len, a.batch[0].Kind, data); err != nil {
		return err
	}
	a.prev, a.len, a.batch = prev, a.len+uint64(len(data)), nil
	return nil
}

// encode gives the messages of the batch, and the digest of the last.
func (a *Activity) encode() (data [][]byte, prev string, err error) {
	prev = a.prev
	for _, r := range a.batch {
		r.Prev = prev
		b, err := json.Marshal(r)
		if err != nil {
			return nil, "", err
		}
		data, prev = append(data, b), digest(b)
	}
	return data, prev, nil
}

// reconcile takes from the batch what did arrive, and finds where the stream ends now.
func (a *Activity) reconcile(ctx context.Context) error {
	data, _, err := a.encode()
	if err != nil {
		return err
	}
	arrived := 0
	for e, err := range a.feed.Entries(ctx, a.len+1) {
		if err != nil {
			return err
		}
		if arrived < len(data) && bytes.Equal(e.Data, data[arrived]) {
			arrived++
		}
	}
	if err := a.seek(ctx); err != nil {
		return err
	}
	a.batch = a.batch[arrived:]
	return nil
}

// publishTopic appends to TOPIC_<org> the messages that are not there yet. The messages are computed from the ledger, so
// the number that are there says which come next; a message that differs means that somebody else wrote to the stream,
// which is then removed and made again.
func publishTopic(ctx context.Context, c *stream.Conn, o *Org, log *slog.Logger) {
	again(ctx, log, "topic messages are not published", o, func() error { return followTopic(ctx, c, o) })
}

// again does what has no end until ctx has one, and says why where it fails.
func again(ctx context.Context, log *slog.Logger, failed string, o *Org, follow func() error) {
	for ctx.Err() == nil {
		if err := follow(); err != nil && ctx.Err() == nil {
			log.Error(failed, "organization", o.ID, "error", err)
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
	if o.texts != nil {
		return followSharedTopic(ctx, f, o)
	}
	n, data, err := f.Last(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		if m, ok := o.Topic.Message(int(n - 1)); !ok || string(m.Bytes) != string(data) {
			if err := c.RemoveFeed(ctx, stream.Topic, o.ID); err != nil {
				return err
			}
			return fmt.Errorf("the stream holds messages that are not of this ledger; it is made again")
		}
	}
	for {
		changed := o.Topic.Changed()
		if batch := topicAfter(o, n); len(batch) > 0 {
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

// topicAfter gives the messages behind the first n, as many as are published at a time.
func topicAfter(o *Org, n uint64) (batch [][]byte) {
	for len(batch) < topicBatch {
		m, ok := o.Topic.Message(int(n) + len(batch))
		if !ok {
			break
		}
		batch = append(batch, m.Bytes)
	}
	return batch
}

// topicBatch is how many messages of a topic are published together.
const topicBatch = 256

// followSharedTopic is followTopic where other nodes publish the same messages: whoever is first does. A node that is
// behind the others has nothing to publish.
func followSharedTopic(ctx context.Context, f *stream.Feed, o *Org) error {
	for {
		changed := o.Topic.Changed()
		n, data, err := f.Last(ctx)
		if err != nil {
			return err
		}
		if n > 0 && n <= uint64(o.Topic.Len()) {
			if m, ok := o.Topic.Message(int(n - 1)); !ok || string(m.Bytes) != string(data) {
				return errors.New("the stream holds messages that are not of this ledger")
			}
		}
		if batch := topicAfter(o, n); len(batch) > 0 {
			if err := f.Append(ctx, n, "", batch); err != nil && !errors.As(err, new(*stream.StaleError)) {
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
