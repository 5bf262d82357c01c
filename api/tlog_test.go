package api_test

import (
	"compress/gzip"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// served is a log as somebody outside reads it.
type served struct {
	w      *world
	org    string
	accept string // Accept-Encoding
}

func (s served) get(path string) (*http.Response, []byte) {
	s.w.t.Helper()
	req, err := http.NewRequestWithContext(s.w.t.Context(), http.MethodGet, s.w.url+"/orgs/"+s.org+"/log/"+path, nil)
	if err != nil {
		s.w.t.Fatal(err)
	}
	if strings.HasPrefix(path, "tile/entries/") {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if s.accept != "" {
		req.Header.Set("Accept-Encoding", s.accept)
	}
	resp, err := (&http.Transport{DisableCompression: true}).RoundTrip(req)
	if err != nil {
		s.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.w.t.Fatal(err)
	}
	return resp, b
}

func (s served) Tile(t tree.Tile) ([]byte, error) {
	resp, b := s.get(t.Path())
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return b, nil
}

// checkpoint reads and verifies the newest one.
func (s served) checkpoint() (note.Checkpoint, []byte) {
	s.w.t.Helper()
	_, b := s.get("checkpoint")
	return s.signed(b), b
}

func (s served) signed(b []byte) note.Checkpoint {
	s.w.t.Helper()
	n, err := note.Parse(b)
	if err != nil {
		s.w.t.Fatalf("%v:\n%s", err, b)
	}
	c, err := note.ParseCheckpoint(n.Text)
	if err != nil {
		s.w.t.Fatal(err)
	}
	o, err := s.w.node.Org(s.org)
	if err != nil {
		s.w.t.Fatal(err)
	}
	var key ed25519.PublicKey
	o.Fold.Read(func(st *rules.State) { key, err = didkey.Parse(st.Key(events.PurposeCheckpoint)) })
	if err != nil {
		s.w.t.Fatal(err)
	}
	if _, err := n.Verify(note.LogKey("ledger.test/"+s.org, key)); err != nil {
		s.w.t.Fatal(err)
	}
	return c
}

// record records changes and waits until the last is under a checkpoint.
func (s served) record(n int, from int) {
	s.w.t.Helper()
	for i := range n {
		c := s.w.Client
		if i == n-1 {
			c = c.Standing(wire.Committed)
		}
		p, err := c.Prepare(s.w.t.Context(), s.org, wire.Intent{Kind: wire.CreateRole, Role: fmt.Sprint("r", from+i), Name: new(fmt.Sprint("R", from+i)), Credential: did(s.org + "/owner")})
		if err != nil {
			s.w.t.Fatal(err)
		}
		if _, err := c.SignAndRecord(s.w.t.Context(), s.org, p, keyOf(s.org+"/owner"), nil); err != nil {
			s.w.t.Fatal(err)
		}
	}
}

// TestLogIsServed reads a log with the tile reader of the Go checksum database, which checks every hash it gets.
func TestLogIsServed(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := served{w: w, org: "acme"}
	s.record(300, 0)
	c, _ := s.checkpoint()
	if c.Size != 301 {
		t.Fatalf("the checkpoint is of size %d, want 301", c.Size)
	}
	var leaves []tlog.Hash
	for index := uint64(0); index*256 < c.Size; index++ {
		width := int(min(256, c.Size-index*256))
		resp, b := s.get(tree.EntriesPath(index, width))
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/octet-stream" {
			t.Fatalf("bundle %d: %s of %s", index, resp.Status, resp.Header.Get("Content-Type"))
		}
		for range width {
			n := int(b[0])<<8 | int(b[1])
			leaves = append(leaves, tlog.RecordHash(b[2:2+n]))
			b = b[2+n:]
		}
		if len(b) != 0 {
			t.Fatalf("bundle %d has %d bytes behind its last entry", index, len(b))
		}
	}
	reader := tlog.TileHashReader(tlog.Tree{N: int64(c.Size), Hash: tlog.Hash(c.Root)}, sumdbTiles{s})
	for i, leaf := range leaves {
		p, err := tlog.ProveRecord(int64(c.Size), int64(i), reader)
		if err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		if err := tlog.CheckRecord(p, int64(c.Size), tlog.Hash(c.Root), int64(i), leaf); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
	for old := int64(1); old < int64(c.Size); old += 7 {
		if _, err := tlog.ProveTree(int64(c.Size), old, reader); err != nil {
			t.Fatalf("size %d: %v", old, err)
		}
	}
}

type sumdbTiles struct{ served }

func (sumdbTiles) Height() int                     { return 8 }
func (sumdbTiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (s sumdbTiles) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		b, err := s.Tile(tree.Tile{Level: uint8(t.L), Index: uint64(t.N), Width: t.W})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Path(), err)
		}
		data = append(data, b)
	}
	return data, nil
}

func TestLogHeaders(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := served{w: w, org: "acme"}
	s.record(260, 0)
	for _, c := range []struct{ path, media, cache string }{
		{"checkpoint", "text/plain; charset=utf-8", "no-cache"},
		{"tile/0/000", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"tile/0/000.p/17", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"tile/0/001.p/5", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"tile/1/000.p/1", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"tile/entries/000", "application/octet-stream", "private, max-age=31536000, immutable"},
	} {
		resp, b := s.get(c.path)
		h := resp.Header
		if resp.StatusCode != http.StatusOK || h.Get("Content-Type") != c.media || h.Get("Cache-Control") != c.cache || h.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s %v", c.path, resp.Status, h)
		}
		if tile, entries, err := tree.ParseTile(c.path); err == nil && !entries && len(b) != 32*tile.Width {
			t.Errorf("%s has %d bytes", c.path, len(b))
		}
	}
	_, plain := s.get("tile/entries/000")
	for accept, zipped := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "gzip;q=0": false, "identity": false, "xgzip": false} {
		s.accept = accept
		resp, b := s.get("tile/entries/000")
		if got := resp.Header.Get("Content-Encoding") == "gzip"; got != zipped || resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", accept, resp.Header)
		}
		if zipped {
			z, err := gzip.NewReader(strings.NewReader(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if string(b) != string(plain) {
			t.Errorf("%s: other bytes", accept)
		}
	}
}

func TestLogServesNothingElse(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := served{w: w, org: "acme"}
	s.record(260, 0) // 261 entries
	for _, path := range []string{
		"tile/0/0", "tile/0/0000", "tile/00/000", "tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/017", "tile/0/000.p/", "tile/0/000.p",
		"tile/0/001", "tile/0/001.p/6", "tile/0/002", "tile/1/000", "tile/1/000.p/2", "tile/2/000.p/1", "tile/7/000.p/1", "tile/63/000", "tile/64/000",
		"tile/0/%30%30%30", "tile/0/000%2Ep/1", "tile%2F0%2F000", "tile/0/..%2F000", "tile/0/../0/000", "tile/../checkpoint", "tile//0/000", "tile/0/000/", "tile/",
		"tile/0/000.new", "tile/0/", "tile/entries/", "tile/entries/001", "tile/entries/001.p/6", "tile/entries/0", "tile/entries/000.p/256", "tile/entries/0/000",
		"checkpoints", "checkpoint/", "CHECKPOINT", "", "..%2Fgenesis", "tile/0/..%2F..%2F..%2F..%2Fgenesis", "tile/+0/000", "tile/-0/000", "tile/0/x001/000",
		"tile/0/18446744073709551615", "tile/0/x018/x446/x744/x073/x709/x551/616",
	} {
		resp, b := s.get(path)
		if resp.StatusCode != http.StatusNotFound || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q is answered with %s, %q:\n%s", path, resp.Status, resp.Header.Get("Cache-Control"), b)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if resp := w.raw(method, "/orgs/acme/log/checkpoint", "", "", ""); resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, resp.Status)
		}
	}
	if resp, _ := (served{w: w, org: "nobody"}).get("checkpoint"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an organization that is not here: %s", resp.Status)
	}
}

func TestWhoReadsTheLog(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := served{w: w, org: "acme"}
	s.record(3, 0)
	hidden := httptest.NewServer(api.New(w.node, api.Options{Token: token, PrivateLog: true}))
	defer hidden.Close()
	for _, c := range []struct {
		path           string
		public, closed int // without a token
	}{
		{"/orgs/acme/log/checkpoint", http.StatusOK, http.StatusUnauthorized},
		{"/v1/orgs/acme/policy", http.StatusOK, http.StatusUnauthorized},
		{"/orgs/acme/log/tile/0/000.p/1", http.StatusOK, http.StatusUnauthorized},
		{"/orgs/acme/log/tile/entries/000.p/1", http.StatusUnauthorized, http.StatusUnauthorized},
	} {
		for url, want := range map[string]int{w.url: c.public, hidden.URL: c.closed} {
			for auth, want := range map[string]int{"": want, "Bearer " + token: http.StatusOK} {
				ask := func(method string) (*http.Response, []byte) {
					req, _ := http.NewRequestWithContext(t.Context(), method, url+c.path, nil)
					req.Header.Set("Authorization", auth)
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					b, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Fatal(err)
					}
					return resp, b
				}
				resp, body := ask(http.MethodGet)
				if resp.StatusCode != want {
					t.Errorf("%s of %s with %q: %s, want %d", c.path, url, auth, resp.Status, want)
				}
				if head, b := ask(http.MethodHead); head.StatusCode != want || len(b) != 0 || want == http.StatusOK && head.ContentLength != int64(len(body)) {
					t.Errorf("HEAD %s of %s with %q: %s, %d bytes, %d long", c.path, url, auth, head.Status, len(b), head.ContentLength)
				}
				if url == hidden.URL && want == http.StatusOK && strings.Contains(resp.Header.Get("Cache-Control"), "public") {
					t.Errorf("%s may be kept by caches of others", c.path)
				}
			}
		}
	}
}

// TestLogWhileItIsWritten reads the log again and again while others write: each checkpoint continues the one before, and
// its tiles give its root.
func TestLogWhileItIsWritten(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := served{w: w, org: "acme"}
	s.record(1, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 120 {
			p, err := w.Prepare(t.Context(), "acme", wire.Intent{Kind: wire.CreateRole, Role: fmt.Sprint("w", i), Name: new(fmt.Sprint("W", i)), Credential: did("acme/owner")})
			if err == nil {
				_, err = w.SignAndRecord(t.Context(), "acme", p, keyOf("acme/owner"), nil)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	before, _ := s.checkpoint()
	seen := 0
	for writing := true; writing; {
		select {
		case <-done:
			writing = false
		default:
		}
		c, _ := s.checkpoint()
		if c == before && writing {
			continue
		}
		seen++
		edge, err := tree.Resume(s, c.Size)
		if err != nil || edge.Root() != c.Root {
			t.Fatalf("the tiles of size %d give another root: %v", c.Size, err)
		}
		p, err := tree.Consistency(s, before.Size, c.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.CheckConsistency(p, before.Size, before.Root, c.Size, c.Root); err != nil {
			t.Fatalf("%d and %d: %v", before.Size, c.Size, err)
		}
		before = c
	}
	if seen < 2 {
		t.Errorf("only %d checkpoints were seen", seen)
	}
}

func TestWaitUntilCommitted(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := served{w: w, org: "acme"}
	change := func(c *client.Client, role string) wire.Receipt { return newRole(t, c, role) }
	if r := change(w.Client, "a"); r.State != "" || r.Checkpoint != "" || r.Proof != "" {
		t.Errorf("without a wish: %+v", r)
	}
	if r := change(w.Standing(wire.Recorded), "b"); r.State != wire.Recorded || r.Checkpoint != "" || r.NotYet != "" {
		t.Errorf("recorded: %+v", r)
	}
	r := change(w.Standing(wire.Committed), "c")
	if r.State != wire.Committed || r.NotYet != "" {
		t.Fatalf("committed: %+v", r)
	}
	c := s.signed([]byte(r.Checkpoint))
	if c.Size < r.Seq {
		t.Errorf("entry %d is not under a checkpoint of %d", r.Seq, c.Size)
	}
	proof, err := note.ParseProof([]byte(r.Proof))
	if err != nil {
		t.Fatal(err)
	}
	o, _ := w.node.Org("acme")
	raw, err := o.Journal.Read(r.Seq)
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.Check(tree.Leaf(raw)); err != nil || proof.Index != r.Seq-1 || string(proof.Checkpoint) != r.Checkpoint {
		t.Errorf("the proof of entry %d, of index %d: %v", r.Seq, proof.Index, err)
	}
	if err := proof.Check(tree.Leaf(append(raw, 0))); err == nil {
		t.Error("it proves another entry")
	}
	// Nobody cosigns here: the change is recorded, and the receipt says what it is not.
	if r := change(w.Standing(wire.Witnessed), "d"); r.State != wire.Committed || !strings.Contains(r.NotYet, "not yet witnessed") || r.Checkpoint == "" {
		t.Errorf("witnessed: %+v", r)
	}
	if resp := w.raw(http.MethodPost, "/v1/orgs/acme/commands?wait=forever", "application/jsonl", "Bearer "+token, ""); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("another wait: %s", resp.Status)
	}
}

// newRole has the owner of acme make a role through a client, and gives the receipt as that client asks for it.
func newRole(t *testing.T, c *client.Client, role string) wire.Receipt {
	t.Helper()
	p, err := c.Prepare(t.Context(), "acme", wire.Intent{Kind: wire.CreateRole, Role: role, Name: new(role), Credential: did("acme/owner")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.SignAndRecord(t.Context(), "acme", p, keyOf("acme/owner"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
