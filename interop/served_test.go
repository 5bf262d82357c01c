package interop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// A damage is something that can be wrong with what a log serves: the answer at a path becomes another.
type damage struct {
	name   string
	path   string                // below the log's prefix
	change func(b []byte) []byte // nil: there is no such file
	says   string                // the file and the index that verify names
}

// entriesOf cuts a bundle.
func entriesOf(b []byte) (all [][]byte) {
	for len(b) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		all, b = append(all, b[:n]), b[n:]
	}
	return all
}

func bitAt(i int) func([]byte) []byte {
	return func(b []byte) []byte { b = bytes.Clone(b); b[i] ^= 4; return b }
}

// line changes a line of a checkpoint. Its signature is then of another text.
func line(n int, text string) func([]byte) []byte {
	return func(b []byte) []byte {
		all := strings.Split(string(b), "\n")
		all[n] = text
		return []byte(strings.Join(all, "\n"))
	}
}

// The kinds that reference tests of transparency logs know, of a log with a full tile and one that is not.
func damages(size int) []damage {
	last := fmt.Sprintf(".p/%d", size%256)
	return []damage{
		{name: "a bit in a tile of leaves", path: "tile/0/000", change: bitAt(32*100 + 7), says: "tile/0/000: event 101"},
		{name: "a bit in the last tile", path: "tile/0/002" + last, change: bitAt(32*3 + 1), says: "tile/0/002" + last + ": event 516"},
		{name: "a bit in a tile above", path: "tile/1/000.p/2", change: bitAt(40), says: "tile/1/000.p/2: event 257"},
		{name: "a bit in an entry", path: "tile/entries/001", change: func(b []byte) []byte {
			all := entriesOf(bytes.Clone(b))
			all[5][len(all[5])/2] ^= 1
			return bytes.Join(all, nil)
		}, says: "tile/entries/001: event 262"},
		{name: "two entries are swapped", path: "tile/entries/000", change: func(b []byte) []byte {
			all := entriesOf(b)
			all[10], all[11] = all[11], all[10]
			return bytes.Join(all, nil)
		}, says: "tile/entries/000: event 11"},
		{name: "an entry is left out", path: "tile/entries/000", change: func(b []byte) []byte {
			all := entriesOf(b)
			return bytes.Join(append(all[:20:20], all[21:]...), nil)
		}, says: "tile/entries/000: event 21"},
		{name: "a bundle is one entry short", path: "tile/entries/000", change: func(b []byte) []byte {
			all := entriesOf(b)
			return bytes.Join(all[:len(all)-1], nil)
		}, says: "tile/entries/000: event 256"},
		{name: "a bundle has one entry more", path: "tile/entries/000", change: func(b []byte) []byte {
			return append(bytes.Clone(b), entriesOf(b)[0]...)
		}, says: "tile/entries/000: event 256"},
		{name: "a tile is missing", path: "tile/0/001", says: "tile/0/001: event 257"},
		{name: "a bundle is missing", path: "tile/entries/001", says: "tile/entries/001: event 257"},
		{name: "another root in the checkpoint", path: "checkpoint", change: line(2, "2vVmPru7tQ29/Pr984h+Hmaql/b3VIuQlSHOJxrjtmI="), says: "checkpoint: "},
		{name: "another size in the checkpoint", path: "checkpoint", change: line(1, fmt.Sprint(size-1)), says: "checkpoint: "},
		{name: "another origin in the checkpoint", path: "checkpoint", change: line(0, "elsewhere/main"), says: "checkpoint: "},
	}
}

// A proxy passes on what a server serves, and damages it.
type proxy struct {
	*httptest.Server
	damage atomic.Pointer[damage]
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	p.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Accept-Encoding", "identity")
		},
		ModifyResponse: func(r *http.Response) error {
			d := p.damage.Load()
			if d == nil || r.Request.URL.Path != "/orgs/main/log/"+d.path {
				return nil
			}
			b, err := io.ReadAll(r.Body)
			if err = errors.Join(err, r.Body.Close()); err != nil {
				return err
			}
			if d.change == nil {
				r.StatusCode, b = http.StatusNotFound, nil
			} else {
				b = d.change(b)
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			r.Header.Set("Content-Length", fmt.Sprint(len(b)))
			return nil
		},
	})
	t.Cleanup(p.Close)
	return p
}

func TestServedDamage(t *testing.T) {
	// Given a log of two full tiles and some entries
	l := initialised(t, "plain")
	s := l.serve()
	if err := <-l.importing(l.history(600)); err != nil {
		t.Fatal(err)
	}
	j := l.judge(s)
	l.eventually("everything is under a checkpoint", func() error {
		if err := j.follow(t.Context()); err != nil {
			return err
		}
		if j.last.Size < 601 {
			return fmt.Errorf("%d entries", j.last.Size)
		}
		return nil
	})
	p := newProxy(t, s.url)
	token := strings.TrimPrefix(j.token, "Bearer ")
	verified := func() (string, int) {
		cmd := l.command("verify", p.URL, "--org", "main")
		cmd.Env = append(cmd.Env, "PERMLEDGER_TOKEN="+token, "PERMLEDGER_PINS=off")
		out, err := cmd.CombinedOutput()
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	// when nothing is wrong, then everybody accepts it
	if out, code := verified(); code != 0 {
		t.Fatalf("verify, with nothing wrong: exit %d: %s", code, out)
	}
	for _, d := range damages(int(j.last.Size)) {
		t.Run(d.name, func(t *testing.T) {
			// when something is
			p.damage.Store(&d)
			defer p.damage.Store(nil)
			// then verify refuses it, and names file and index
			out, code := verified()
			if code != 7 || !strings.Contains(out, d.says) {
				t.Errorf("verify: exit %d, and it says %q; want 7 and %q", code, out, d.says)
			}
			// and so do those who are not ours, as far as they look
			other := &judge{verifier: j.verifier}
			other.at(t, p.URL+"/orgs/main/log/", token)
			if _, err := other.fsck(t.Context()); err == nil {
				t.Errorf("fsck, with strict widths and a deadline, accepts it")
			} else {
				t.Logf("ours: %s\nfsck: %.200s", strings.TrimSpace(lastLine(out)), err)
			}
		})
	}
}

func lastLine(s string) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return all[len(all)-1]
}
