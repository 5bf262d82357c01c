package stream

import (
	"context"
	"errors"
	"fmt"
)

// FeedKind is one of the streams beside a ledger that a node writes.
type FeedKind string

const (
	// Topic is TOPIC_<org>, one subject topic.<org>: messages computed from the ledger. It can be removed and computed
	// again.
	Topic FeedKind = "TOPIC"
	// Activity is ACTIVITY_<org>, subjects activity.<org>.<kind>: what was asked and decided, kept for
	// [Options.ActivityMaxAge].
	Activity FeedKind = "ACTIVITY"
)

// Feed is a stream computed or written by the node. Its methods may be called from several goroutines; appends take turns.
type Feed struct{ *sequence }

// OpenFeed opens the feed of org, and makes it if it is missing. Its configuration and state are checked as a ledger's
// are; a change of [Options.ActivityMaxAge] is carried out, in an external cluster by its administrator alone: until then
// the error is a *[ConfigError]. A removed or lost feed is not an error: it can be rebuilt.
func (c *Conn) OpenFeed(ctx context.Context, k FeedKind, org string) (*Feed, error) {
	if k != Topic && k != Activity {
		return nil, fmt.Errorf("stream: open feed: unknown kind %q", string(k))
	}
	i, err := newID(kind(k), org)
	if err != nil {
		return nil, err
	}
	f := &Feed{c.sequence(i)}
	_, err = f.Check(ctx)
	if errors.Is(err, ErrMissing) {
		// The server finds messages again whose stream it had not loaded because a power cut spoilt its configuration.
		err = c.create(ctx, i)
		if err != nil && !errors.Is(err, ErrExists) && !errors.As(err, new(*DamagedError)) {
			return nil, fmt.Errorf("stream: create %s: %w", f.name, err)
		}
		_, err = f.Check(ctx)
	}
	var conf *ConfigError
	if !c.remote && f.ages() && errors.As(err, &conf) && conf.onlyRetention() {
		if _, err := c.api(ctx, "STREAM.UPDATE", f.name, config(i, c.maxAge, c.replicas)); err != nil {
			return nil, fmt.Errorf("stream: set the retention of %s to %v: %w", f.name, c.maxAge, err)
		}
		_, err = f.Check(ctx)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Append is [Log.Append] with the subject's last token: "" for the topic, the kind of activity otherwise. All of data has
// the same subject.
func (f *Feed) Append(ctx context.Context, after uint64, subjectSuffix string, data [][]byte) error {
	subject := f.id.root()
	if subjectSuffix != "" {
		subject += "." + subjectSuffix
	}
	msgs := make([]Msg, len(data))
	for i, d := range data {
		msgs[i] = Msg{subject, d}
	}
	return f.append(ctx, after, msgs)
}

// Len is how many messages were ever appended, which is the last position; older ones may have aged away.
func (f *Feed) Len(ctx context.Context) (uint64, error) {
	r, err := f.c.info(ctx, f.name)
	if err != nil {
		return 0, fmt.Errorf("stream: length of %s: %w", f.name, err)
	}
	return r.State.LastSeq, nil
}

// RemoveTopic deletes the topic of org, so that it can be computed again from the ledger. There is no way to remove any
// other stream. [ErrMissing] where there is none. In an external cluster only its administrator removes streams
// ([ErrNotPermitted]).
func (c *Conn) RemoveTopic(ctx context.Context, org string) error {
	i, err := newID(kindTopic, org)
	if err != nil {
		return err
	}
	if c.remote {
		return fmt.Errorf("stream: remove %s: %w: nats stream rm %s", i.stream(), ErrNotPermitted, i.stream())
	}
	_, err = c.api(ctx, "STREAM.DELETE", i.stream(), nil)
	if isCode(err, codeStreamNotFound) {
		err = ErrMissing
	}
	if err != nil {
		return fmt.Errorf("stream: remove %s: %w", i.stream(), err)
	}
	return nil
}
