package stream

import (
	"context"
	"iter"
	"strings"
)

// KeyValue is a record, a small value that all nodes of a cluster share.
type KeyValue struct {
	Key   string // an organization's id, or another token of [a-z0-9-], at most 32 bytes
	Value []byte
}

// Shared is the stream CLUSTER of an external cluster: what every node must know of each organization. KeyValues are never
// changed or removed. The bytes are the caller's to seal. Its methods may be called from several goroutines.
type Shared struct{ keyed }

// OpenShared opens the shared records, and makes the stream where it is missing. [ErrEmbedded] where the server is within
// this process.
func (c *Conn) OpenShared(ctx context.Context) (*Shared, error) {
	k, err := c.openKeyed(ctx, id{kind: kindCluster})
	if err != nil {
		return nil, err
	}
	s := &Shared{k}
	if _, err := s.q.Check(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func sharedKey(key string) error {
	if len(key) > maxOrg || !isToken(key) {
		return &NameError{"key of a shared record", key}
	}
	return nil
}

// Create writes the record of key and returns when a majority of the replicas has it. Of nodes that create different
// records under one key at the same time one succeeds and the others get [ErrExists]; the same record again is no error.
// After another error it may or may not be written, and creating it again settles it.
func (s *Shared) Create(ctx context.Context, key string, value []byte) error {
	if err := sharedKey(key); err != nil {
		return err
	}
	return s.create(ctx, key, value)
}

// Get is the record of key: [ErrNoEntry] where there is none.
func (s *Shared) Get(ctx context.Context, key string) ([]byte, error) {
	if err := sharedKey(key); err != nil {
		return nil, err
	}
	e, err := s.last(ctx, key)
	return e.Data, err
}

// List yields every record, in the order in which they were created.
func (s *Shared) List(ctx context.Context) iter.Seq2[KeyValue, error] {
	return s.records(s.q.Entries(ctx, 1))
}

// Watch is [Shared.List] that goes on with new records until ctx ends, whose error comes last.
func (s *Shared) Watch(ctx context.Context) iter.Seq2[KeyValue, error] {
	return s.records(s.q.Follow(ctx, 1))
}

func (s *Shared) records(entries iter.Seq2[Entry, error]) iter.Seq2[KeyValue, error] {
	return func(yield func(KeyValue, error) bool) {
		for e, err := range entries {
			var r KeyValue
			if err == nil {
				r = KeyValue{strings.TrimPrefix(e.Subject, s.q.id.root()+"."), e.Data}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
