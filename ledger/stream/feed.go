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
	// Changes is CHANGES_<org>, subjects changes.<org>.<kind>: what each entry of the ledger changed in who may do what. Its
	// positions are the ledger's own. It can be removed and computed again.
	Changes FeedKind = "CHANGES"
)

// Feed is a stream computed or written by the node. Its methods may be called from several goroutines; appends take turns.
type Feed struct{ *sequence }

// OpenFeed opens the feed of org, and makes it if it is missing. Its configuration and state are checked as a ledger's
// are; a change of [Options.ActivityMaxAge] is carried out, in an external cluster by its administrator alone: until then
// the error is a *[ConfigError]. A removed or lost feed is not an error: it can be rebuilt.
func (c *Conn) OpenFeed(ctx context.Context, k FeedKind, org string) (*Feed, error) {
	if k != Topic && k != Activity && k != Changes {
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

// A FeedMsg is a message of a feed, under the last token of its subject.
type FeedMsg struct {
	Kind string
	Data []byte
}

// AppendEach is Append of messages that each have a subject of their own.
func (f *Feed) AppendEach(ctx context.Context, after uint64, list []FeedMsg) error {
	msgs := make([]Msg, len(list))
	for i, m := range list {
		msgs[i] = Msg{f.id.root() + "." + m.Kind, m.Data}
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

// HasFeed says whether there is a feed, whatever its state.
func (c *Conn) HasFeed(ctx context.Context, k FeedKind, org string) (bool, error) {
	i, err := newID(kind(k), org)
	if err != nil {
		return false, err
	}
	_, err = c.info(ctx, i.stream())
	if errors.Is(err, ErrMissing) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("stream: look for %s: %w", i.stream(), err)
	}
	return true, nil
}

// RemoveFeed deletes a feed that is computed from the ledger, so that it can be computed again: [Topic] or [Changes]. There
// is no way to remove any other stream. [ErrMissing] where there is none. In an external cluster only its administrator
// removes streams ([ErrNotPermitted]).
func (c *Conn) RemoveFeed(ctx context.Context, k FeedKind, org string) error {
	i, err := newID(kind(k), org)
	if err != nil {
		return err
	}
	if k != Topic && k != Changes {
		return fmt.Errorf("stream: remove %s: %w: it is not computed from anything else", i.stream(), ErrNotPermitted)
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
