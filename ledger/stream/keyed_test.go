//go:build unix

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

func texts(t *testing.T, conn *Conn, org string) *Texts {
	t.Helper()
	x, err := conn.OpenTexts(deadline(t), org)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Given private texts in a cluster, then each is kept once under its key, whichever node asks, and another text does not
// take its place.
func TestTexts(t *testing.T) {
	c := natstest.Start(t, 3)
	a, b := texts(t, remote(t, c, c.URLs), "acme"), texts(t, remote(t, c, c.URLs), "acme")
	var put []Text
	for i := range 100 {
		put = append(put, Text{fmt.Appendf(nil, "key %d \x00 . * >", i), fmt.Appendf(nil, "text %d", i)})
	}
	for range 2 { // the second time nothing is written
		if err := a.Put(deadline(t), put...); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Put(deadline(t), Text{put[3].Key, []byte("other")}); !errors.Is(err, ErrExists) {
		t.Errorf("another text: got %v; want %v", err, ErrExists)
	}
	if got, err := b.Get(deadline(t), put[3].Key); err != nil || !bytes.Equal(got, put[3].Value) {
		t.Errorf("got %q, %v", got, err)
	}
	for range 2 { // nor is deleting twice an error
		if err := b.Delete(deadline(t), put[3].Key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Get(deadline(t), put[3].Key); !errors.Is(err, ErrNoEntry) {
		t.Errorf("deleted: got %v; want %v", err, ErrNoEntry)
	}
	want := map[string]string{}
	for i, x := range put {
		if i != 3 {
			want[string(x.Key)] = string(x.Value)
		}
	}
	for x, err := range b.All(deadline(t)) {
		if err != nil || want[string(x.Key)] != string(x.Value) {
			t.Fatalf("got %q %q, %v", x.Key, x.Value, err)
		}
		delete(want, string(x.Key))
	}
	if len(want) != 0 {
		t.Errorf("%d texts were not seen", len(want))
	}
	if err := a.Put(deadline(t), put[3]); err != nil { // a restored backup
		t.Error(err)
	}
	if err := a.Check(deadline(t)); err != nil {
		t.Error(err)
	}

	var name *NameError
	for _, key := range []string{"", strings.Repeat("x", MaxKey+1)} {
		if err := a.Put(deadline(t), Text{[]byte(key), nil}); !errors.As(err, &name) {
			t.Errorf("key of %d bytes: got %v; want a NameError", len(key), err)
		}
	}
	if err := a.Put(deadline(t), Text{[]byte("k"), make([]byte, MaxValue+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v; want %v", err, ErrTooLarge)
	}
}

// Given a text that was deleted, then no replica's stream files hold its bytes, also not one that was down meanwhile.
func TestTextsAreErased(t *testing.T) {
	c := natstest.Start(t, 3)
	x := texts(t, remote(t, c, c.URLs), "acme")
	secret := []byte("Eva Example, 3 Secret Lane")
	if err := x.Put(deadline(t), Text{[]byte("a"), []byte("before")}, Text{[]byte("b"), secret}, Text{[]byte("c"), []byte("after")}); err != nil {
		t.Fatal(err)
	}
	c.Healthy("PRIVATE_acme")
	in := func() (files []string) {
		blocks, err := filepath.Glob(filepath.Join(c.Dir, "*", "jetstream", "PERMLEDGER", "streams", "PRIVATE_acme", "msgs", "*"))
		if err != nil || len(blocks) < 3 {
			t.Fatalf("%d files, %v", len(blocks), err)
		}
		for _, f := range blocks {
			if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, secret) {
				files = append(files, f)
			}
		}
		return files
	}
	ctx := deadline(t)
	for got := in(); len(got) != 3; got = in() { // a replica writes its files a little later
		if ctx.Err() != nil {
			t.Fatalf("in %v; want it in three files, or this test shows nothing", got)
		}
	}
	down := (c.Leader("PRIVATE_acme") + 1) % 3
	c.Kill(down)
	if err := x.Delete(deadline(t), []byte("b")); err != nil {
		t.Fatal(err)
	}
	c.Restart(down)
	c.Healthy("PRIVATE_acme")
	ctx = deadline(t)
	for got := in(); len(got) > 0; got = in() {
		if ctx.Err() != nil {
			t.Fatalf("still in %v", got)
		}
	}
	if got, err := x.Get(ctx, []byte("c")); err != nil || string(got) != "after" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Given a text that was deleted, then within minutes no file of any server holds its bytes, Raft logs included.
func TestTextsLeaveTheRaftLogs(t *testing.T) {
	if !long() {
		t.Skip("waits for minutes; PERMLEDGER_LONG=1")
	}
	t.Parallel()
	c := natstest.Start(t, 3)
	x := texts(t, remote(t, c, c.URLs), "acme")
	secret := []byte("Eva Example, 3 Secret Lane")
	if err := x.Put(deadline(t), Text{[]byte("a"), secret}); err != nil {
		t.Fatal(err)
	}
	in := func() (files []string) {
		err := filepath.WalkDir(c.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // files come and go
			}
			if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, secret) {
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	ctx := deadline(t)
	for got := in(); len(got) < 6; got = in() { // streams and Raft logs
		if ctx.Err() != nil {
			t.Fatalf("in %v; want it in more files, or this test shows nothing", got)
		}
	}
	if err := x.Delete(deadline(t), []byte("a")); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for got := in(); len(got) > 0; got = in() {
		if time.Since(start) > 5*time.Minute {
			t.Fatalf("still in %v", got)
		}
		time.Sleep(time.Second)
	}
	t.Logf("gone after %v", time.Since(start).Round(time.Second))
}

// Given nodes that create a shared record under one key at the same time, then one of them succeeds, and all see its.
func TestSharedCreateOnce(t *testing.T) {
	c := natstest.Start(t, 3)
	var nodes []*Shared
	for range 3 {
		s, err := remote(t, c, c.URLs).OpenShared(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, s)
	}
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	seen := make(chan KeyValue, 100)
	go func() {
		for r, err := range nodes[2].Watch(ctx) {
			if err != nil {
				return
			}
			seen <- r
		}
	}()
	const keys = 20
	for k := range keys {
		key := fmt.Sprintf("org-%d", k)
		var wg sync.WaitGroup
		won := make([]bool, len(nodes))
		for i, s := range nodes {
			wg.Go(func() {
				err := s.Create(ctx, key, fmt.Appendf(nil, "record of %d", i))
				if won[i] = err == nil; err != nil && !errors.Is(err, ErrExists) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		winner, n := 0, 0
		for i, w := range won {
			if w {
				winner, n = i, n+1
			}
		}
		if n != 1 {
			t.Fatalf("%s: %d nodes created it", key, n)
		}
		want := fmt.Sprintf("record of %d", winner)
		for _, s := range nodes {
			if got, err := s.Get(ctx, key); err != nil || string(got) != want {
				t.Errorf("%s: got %q, %v; want %q", key, got, err, want)
			}
		}
		if r := <-seen; r.Key != key || string(r.Value) != want {
			t.Errorf("watched: got %q %q; want %q %q", r.Key, r.Value, key, want)
		}
	}
	n := 0
	for r, err := range nodes[1].List(ctx) {
		if err != nil || r.Key != fmt.Sprintf("org-%d", n) {
			t.Fatalf("got %q, %v", r.Key, err)
		}
		n++
	}
	if n != keys {
		t.Errorf("listed %d; want %d", n, keys)
	}
	if _, err := nodes[0].Get(ctx, "nobody"); !errors.Is(err, ErrNoEntry) {
		t.Errorf("got %v; want %v", err, ErrNoEntry)
	}
	var name *NameError
	for _, key := range []string{"", "a.b", "A", "*", strings.Repeat("a", 33)} {
		if err := nodes[0].Create(ctx, key, nil); !errors.As(err, &name) {
			t.Errorf("%q: got %v; want a NameError", key, err)
		}
	}
}

// Given the embedded server, then what only a cluster keeps is refused.
func TestKeyedEmbedded(t *testing.T) {
	s := run(t, t.TempDir())
	if _, err := s.OpenTexts(deadline(t), "acme"); !errors.Is(err, ErrEmbedded) {
		t.Errorf("texts: got %v; want %v", err, ErrEmbedded)
	}
	if _, err := s.OpenShared(deadline(t)); !errors.Is(err, ErrEmbedded) {
		t.Errorf("shared: got %v; want %v", err, ErrEmbedded)
	}
}
