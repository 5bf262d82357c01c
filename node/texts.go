package node

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/stream"
)

// sharedTexts are the private texts of an organization of a cluster: sealed in PRIVATE_<org>, with a copy in the file of
// each node. A node reads those it lacks after it has taken in the entry that commits to them, so that for a moment an
// entry of another node can be there without its text.
type sharedTexts struct {
	org    string
	conn   *stream.Conn
	secret *secret
	store  *private.Store // this node's copy

	snapshot string // file of the ledger's snapshot
	log      *slog.Logger

	mu      sync.Mutex
	stream  *stream.Texts // nil until it is first used
	wanted  []events.Digest
	erasing []events.Digest
	waiting chan struct{}
}

// sharedText is what a text is in the stream.
type sharedText struct {
	Salt []byte `json:"salt"`
	Text string `json:"text"`
}

func newSharedTexts(n *Node, org string, store *private.Store) *sharedTexts {
	return &sharedTexts{org: org, conn: n.conn, secret: n.cluster.secret, store: store, log: n.log,
		snapshot: filepath.Join(n.orgDir(org), "snapshot"), waiting: make(chan struct{}, 1)}
}

func (t *sharedTexts) open(ctx context.Context) (*stream.Texts, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stream != nil {
		return t.stream, nil
	}
	s, err := t.conn.OpenTexts(ctx, t.org)
	if err == nil {
		t.stream = s
	}
	return s, err
}

func (t *sharedTexts) name(c events.Digest) string { return t.org + "/" + hex.EncodeToString(c[:]) }

// put makes texts durable in the cluster.
func (t *sharedTexts) put(ctx context.Context, texts []private.Text) error {
	s, err := t.open(ctx)
	if err != nil {
		return err
	}
	all := make([]stream.Text, len(texts))
	for i, text := range texts {
		c := text.Commitment()
		sealed, err := t.secret.seal(t.name(c), sharedText{text.Salt[:], text.Text})
		if err != nil {
			return err
		}
		all[i] = stream.Text{Key: c[:], Value: sealed}
	}
	return s.Put(ctx, all...)
}

// want notes the texts that an entry commits to and that are not here. It does not wait.
func (t *sharedTexts) want(en *chain.Entry) {
	for _, c := range en.Event.Commitments() {
		if _, ok := t.store.Get(c); ok || t.store.Erased(c) {
			continue
		}
		t.mu.Lock()
		t.wanted = append(t.wanted, c)
		t.mu.Unlock()
		select {
		case t.waiting <- struct{}{}:
		default:
		}
	}
}

// erase notes texts that are to be erased for all nodes. It does not wait; every node does it, so that one of them does.
func (t *sharedTexts) erase(texts []events.Digest) {
	t.mu.Lock()
	t.erasing = append(t.erasing, texts...)
	t.mu.Unlock()
	select {
	case t.waiting <- struct{}{}:
	default:
	}
}

// eraseNoted erases what was noted.
func (t *sharedTexts) eraseNoted(ctx context.Context) error {
	for {
		t.mu.Lock()
		erasing := t.erasing[:min(len(t.erasing), 256)]
		t.mu.Unlock()
		if len(erasing) == 0 {
			return nil
		}
		s, err := t.open(ctx)
		if err != nil {
			return err
		}
		for _, c := range erasing {
			if err := s.Delete(ctx, c[:]); err != nil {
				return err
			}
		}
		t.mu.Lock()
		t.erasing = t.erasing[len(erasing):]
		t.mu.Unlock()
	}
}

// lastFetch bounds how long a node that is closed goes on reading texts.
const lastFetch = 2 * time.Second

// run reads what is wanted until ctx ends, and then once more. What it could not read the next start asks for again, which
// takes every entry: the snapshot, which would spare it that, is removed.
func (t *sharedTexts) run(ctx context.Context) {
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFetch)
		defer cancel()
		if err := t.eraseNoted(last); err != nil {
			t.log.Warn("private texts are not erased in the cluster yet; the next start does it", "organization", t.org, "error", err)
		}
		if err := t.fetch(last); err != nil {
			t.log.Warn("private texts of other nodes were not read; the next start does it", "organization", t.org, "error", err)
			if err := os.Remove(t.snapshot); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.log.Warn("the snapshot could not be removed", "organization", t.org, "error", err)
			}
		}
	}()
	for {
		wake, again := t.waiting, (<-chan time.Time)(nil)
		if err := errors.Join(t.eraseNoted(ctx), t.fetch(ctx)); err != nil && ctx.Err() == nil {
			t.log.Warn("private texts of other nodes are not read, or not erased in the cluster, yet", "organization", t.org, "error", err)
			wake, again = nil, time.After(feedRetry)
		}
		select {
		case <-wake:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// fetch reads what is wanted. A text that is not there was erased.
func (t *sharedTexts) fetch(ctx context.Context) error {
	for {
		t.mu.Lock()
		wanted := t.wanted[:min(len(t.wanted), 256)]
		t.mu.Unlock()
		if len(wanted) == 0 {
			return nil
		}
		s, err := t.open(ctx)
		if err != nil {
			return err
		}
		var found []private.Text
		for _, c := range wanted {
			if t.store.Erased(c) {
				continue
			}
			sealed, err := s.Get(ctx, c[:])
			if errors.Is(err, stream.ErrNoEntry) {
				continue
			}
			if err != nil {
				return err
			}
			var text sharedText
			if err := t.secret.open(t.name(c), sealed, &text); err != nil {
				t.log.Warn("a private text cannot be read and counts as withheld", "organization", t.org, "error", err)
				continue
			}
			p := private.Text{Text: text.Text}
			copy(p.Salt[:], text.Salt)
			if p.Commitment() == c {
				found = append(found, p)
			}
		}
		if err := t.store.Put(found); err != nil {
			return err
		}
		t.mu.Lock()
		t.wanted = t.wanted[len(wanted):]
		if len(t.wanted) == 0 {
			t.wanted = nil
		}
		t.mu.Unlock()
	}
}
