package stream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
)

const (
	// MaxKey is the length of the longest key of a text, in bytes.
	MaxKey = 64
	// together is how many texts are written at a time.
	together = 32
)

// Text is a private text as it is kept: opaque bytes under the commitment that entries hold.
type Text struct {
	Key, Value []byte
}

// Texts is the stream PRIVATE_<org> of an external cluster, which keeps an organization's private texts so that every node
// has them and each can be erased. A key's text never changes. Its methods may be called from several goroutines.
type Texts struct{ keyed }

// OpenTexts opens the private texts of org, and makes the stream where it is missing. [ErrEmbedded] where the server is
// within this process: texts are a file of the node's then.
func (c *Conn) OpenTexts(ctx context.Context, org string) (*Texts, error) {
	i, err := newID(kindPrivate, org)
	if err != nil {
		return nil, err
	}
	k, err := c.openKeyed(ctx, i)
	if err != nil {
		return nil, err
	}
	return &Texts{k}, nil
}

// Check asks whether the stream's configuration is what it must be, and whether the server knows of a loss.
func (t *Texts) Check(ctx context.Context) error { return t.check(ctx) }

func textKey(key []byte) (string, error) {
	if len(key) == 0 || len(key) > MaxKey {
		return "", &NameError{"key of a text", hex.EncodeToString(key)}
	}
	return hex.EncodeToString(key), nil
}

// Put writes texts and returns when a majority of the replicas has each of them; what is there already is left. [ErrExists]
// says that another text has one of the keys. After any error some may be written, and putting them again is harmless.
func (t *Texts) Put(ctx context.Context, texts ...Text) error {
	keys := make([]string, len(texts))
	for i, x := range texts {
		var err error
		if keys[i], err = textKey(x.Key); err != nil {
			return err
		}
		if len(x.Value) > MaxValue {
			return fmt.Errorf("stream: put %s: %d bytes: %w", keys[i], len(x.Value), ErrTooLarge)
		}
	}
	errs := make([]error, len(texts))
	var wg sync.WaitGroup
	room := make(chan struct{}, together)
	for i := range texts {
		room <- struct{}{}
		wg.Go(func() {
			errs[i] = t.create(ctx, keys[i], texts[i].Value)
			<-room
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Get is the text under key: [ErrNoEntry] where there is none, or it was erased.
func (t *Texts) Get(ctx context.Context, key []byte) ([]byte, error) {
	k, err := textKey(key)
	if err != nil {
		return nil, err
	}
	e, err := t.last(ctx, k)
	return e.Data, err
}

// Delete erases the text under key: it is overwritten in the stream's files on every replica; one that is down does it when
// it comes back. The replicas' Raft logs hold the bytes until nats-server compacts them, which 2.15.2 does within some three
// minutes. Backups of the servers' disks are the operator's. It is no error if there is none. After an error it may or may
// not be erased, and deleting it again is harmless.
func (t *Texts) Delete(ctx context.Context, key []byte) error {
	k, err := textKey(key)
	if err != nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		e, err := t.last(ctx, k)
		if errors.Is(err, ErrNoEntry) {
			return nil
		}
		if err == nil {
			// No "no_erase": the bytes are overwritten, not only marked.
			_, err = t.q.c.api(ctx, "STREAM.MSG.DELETE", t.q.name, struct {
				Seq uint64 `json:"seq"`
			}{e.Seq})
			if err == nil {
				return nil
			}
		}
		if ctx.Err() != nil || errors.Is(err, ErrMissing) {
			return fmt.Errorf("stream: delete %s: %w", t.subject(k), err)
		}
		sleep(ctx, pause)
	}
}

// All yields every text, in the order in which they were put, with one request each. What is put or erased meanwhile may or
// may not be seen.
func (t *Texts) All(ctx context.Context) iter.Seq2[Text, error] {
	return func(yield func(Text, error) bool) {
		for next := uint64(1); ; {
			e, err := t.q.leaderGet(ctx, fmt.Appendf(nil, `{"seq":%d,"next_by_subj":%q}`, next, t.q.id.subjects()))
			if isCode(err, codeNoMessage) {
				return
			}
			var key []byte
			if err == nil {
				key, err = hex.DecodeString(strings.TrimPrefix(e.Subject, t.q.id.root()+"."))
			}
			if err != nil {
				yield(Text{}, fmt.Errorf("stream: texts of %s: %w", t.q.name, err))
				return
			}
			if !yield(Text{key, e.Data}, nil) {
				return
			}
			next = e.Seq + 1
		}
	}
}
