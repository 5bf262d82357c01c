package interop

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// origin is the name of the log of the organization main of a ledger that init made.
const origin = "localhost/main"

// A judge knows a log by its prefix, its name and its key, as everybody does who is not its operator.
type judge struct {
	*client.HTTPFetcher
	verifier note.Verifier
	token    string
	tracker  *client.LogStateTracker
	last     log.Checkpoint
}

// judge gives a judge of the log that a server serves.
func (l *ledger) judge(s *server) *judge {
	l.t.Helper()
	token, err := os.ReadFile(filepath.Join(l.dir, "run", "token"))
	if err != nil {
		l.t.Fatal(err)
	}
	j := &judge{verifier: verifier(l.t, keyOf(l, "checkpoint"))}
	j.at(l.t, s.url+"/orgs/main/log/", string(bytes.TrimSpace(token)))
	return j
}

// at lets a judge look at a log that may be served elsewhere.
func (j *judge) at(t *testing.T, prefix, token string) {
	t.Helper()
	u, err := url.Parse(prefix)
	if err == nil {
		j.HTTPFetcher, err = client.NewHTTPFetcher(u, &http.Client{Timeout: 10 * time.Second})
	}
	if err != nil {
		t.Fatal(err)
	}
	j.token = token
	j.SetAuthorizationHeader("Bearer " + token)
}

// verifier makes the key of a note of a did:key of Ed25519: 'z', base58 of 0xed01 and the 32 bytes.
func verifier(t *testing.T, did string) note.Verifier {
	t.Helper()
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := new(big.Int)
	for _, r := range strings.TrimPrefix(did, "did:key:z") {
		n.Mul(n, big.NewInt(58)).Add(n, big.NewInt(int64(strings.IndexRune(alphabet, r))))
	}
	public, ok := bytes.CutPrefix(n.Bytes(), []byte{0xed, 0x01})
	if !ok || len(public) != ed25519.PublicKeySize {
		t.Fatalf("%s is no key of Ed25519", did)
	}
	vkey, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// bundleHashes gives the leaf hashes of a bundle, which must hold the entries that it is asked for and not a byte more:
// the library hashes what it reads and lets the rest pass.
func bundleHashes(b []byte) ([][]byte, error) {
	var hashes [][]byte
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return nil, errors.New("a bundle ends within an entry")
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(b[2:n]))
		b = b[n:]
	}
	return hashes, nil
}

// strict fetches for the library and demands what it does not: bundles and tiles of exactly the width that was asked for,
// and one checkpoint for the whole of a check, so that it is clear what was checked.
type strict struct {
	*judge
	checkpoint []byte
}

func (s *strict) ReadCheckpoint(ctx context.Context) (b []byte, err error) {
	s.checkpoint, err = s.judge.ReadCheckpoint(ctx)
	return s.checkpoint, err
}

func (s *strict) ReadTile(ctx context.Context, l, i uint64, p uint8) ([]byte, error) {
	b, err := s.judge.ReadTile(ctx, l, i, p)
	if want := 32 * width(p); err == nil && len(b) != want {
		err = fmt.Errorf("tile %d/%d.%d has %d bytes", l, i, p, len(b))
	}
	return b, err
}

func (s *strict) ReadEntryBundle(ctx context.Context, i uint64, p uint8) ([]byte, error) {
	b, err := s.judge.ReadEntryBundle(ctx, i, p)
	if err != nil {
		return nil, err
	}
	hashes, err := bundleHashes(b)
	if err == nil && len(hashes) != width(p) {
		err = fmt.Errorf("bundle %d.%d has %d entries", i, p, len(hashes))
	}
	return b, err
}

func width(p uint8) int {
	if p == 0 {
		return 256
	}
	return int(p)
}

// fsck runs Tessera's fsck over the log, with a deadline, for it hangs on some damage, and gives the checkpoint it was for.
func (j *judge) fsck(ctx context.Context) (*log.Checkpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	src := &strict{judge: j}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("fsck: %v", p)
			}
		}()
		done <- fsck.New(origin, j.verifier, src, bundleHashes, fsck.Opts{N: 2}).Check(ctx)
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, errors.New("fsck: nothing for 20 s")
	}
	c, _, _, err := log.ParseCheckpoint(src.checkpoint, origin, j.verifier)
	return c, err
}

// follow lets Tessera's client follow the log to its newest checkpoint, and holds that against the last one itself:
// the library takes a rollback and another root of the same size for no news.
func (j *judge) follow(ctx context.Context) error {
	if j.tracker == nil {
		t, err := client.NewLogStateTracker(ctx, j.ReadTile, nil, j.verifier, origin, client.UnilateralConsensus(j.ReadCheckpoint))
		if err != nil {
			return err
		}
		j.tracker = t
	}
	if _, _, _, err := j.tracker.Update(ctx); err != nil {
		return err
	}
	raw, err := j.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	now, _, _, err := log.ParseCheckpoint(raw, origin, j.verifier)
	if err != nil {
		return err
	}
	if now.Size < j.last.Size || now.Size == j.last.Size && !bytes.Equal(now.Hash, j.last.Hash) {
		return fmt.Errorf("%d entries with the root %x came after %d with %x", now.Size, now.Hash, j.last.Size, j.last.Hash)
	}
	if err := j.prove(ctx, now); err != nil {
		return err
	}
	j.last = *now
	return nil
}

// prove makes proofs of the tiles with Tessera and checks them with transparency-dev/merkle: that the tree begins with the
// last one, and has some of its entries.
func (j *judge) prove(ctx context.Context, now *log.Checkpoint) error {
	if now.Size == 0 {
		return nil
	}
	proofs, err := client.NewProofBuilder(ctx, now.Size, j.ReadTile)
	if err != nil {
		return err
	}
	if j.last.Size > 0 {
		p, err := proofs.ConsistencyProof(ctx, j.last.Size, now.Size)
		if err == nil {
			err = proof.VerifyConsistency(rfc6962.DefaultHasher, j.last.Size, now.Size, p, j.last.Hash, now.Hash)
		}
		if err != nil {
			return fmt.Errorf("from %d to %d: %w", j.last.Size, now.Size, err)
		}
	}
	for _, index := range []uint64{0, rand.Uint64N(now.Size), now.Size - 1} {
		b, err := client.GetEntryBundle(ctx, j.ReadEntryBundle, index/256, now.Size)
		if err != nil {
			return err
		}
		p, err := proofs.InclusionProof(ctx, index)
		if err == nil {
			leaf := rfc6962.DefaultHasher.HashLeaf(b.Entries[index%256])
			err = proof.VerifyInclusion(rfc6962.DefaultHasher, index, now.Size, leaf, p, now.Hash)
		}
		if err != nil {
			return fmt.Errorf("entry %d of %d: %w", index, now.Size, err)
		}
	}
	return nil
}

// history writes a role history of n lines for import: each becomes an entry.
func (l *ledger) history(n int) string {
	l.t.Helper()
	var b bytes.Buffer
	for i := range n {
		at := time.Date(2021, 11, 12, 10, 0, i, 0, time.UTC).Format(time.RFC3339)
		if i < 100 {
			fmt.Fprintf(&b, `{"time":%q,"op":"create-role","role":"role-%d","title":"Role %d","permissions":["p.a","p.b"]}`+"\n", at, i, i)
		} else {
			fmt.Fprintf(&b, `{"time":%q,"op":"update-role","role":"role-%d","add":["p.%d"]}`+"\n", at, i%100, i)
		}
	}
	at := filepath.Join(l.home, "history-"+strconv.Itoa(n)+".jsonl")
	if err := os.WriteFile(at, b.Bytes(), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return at
}

// importing imports a file in a process of its own, whose end comes on the channel.
func (l *ledger) importing(file string) <-chan error {
	l.t.Helper()
	cmd := l.command("import", "--format", "role-history", file)
	var said said
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, said.String())
		}
		done <- err
	}()
	return done
}

// while judges the log again and again until something ends, and gives how often; it fails the test where the log is not
// accepted.
func (j *judge) while(t *testing.T, done <-chan error) (times int, err error) {
	t.Helper()
	for {
		if err := j.follow(t.Context()); err != nil {
			t.Fatalf("Tessera's client and transparency-dev/merkle do not accept the log: %v", err)
		}
		if c, err := j.fsck(t.Context()); err != nil {
			t.Fatalf("Tessera's fsck does not accept the log: %v", err)
		} else if c.Size < j.last.Size {
			t.Fatalf("fsck met a checkpoint of %d entries after one of %d", c.Size, j.last.Size)
		}
		times++
		select {
		case err := <-done:
			return times, err
		default:
		}
	}
}

func TestOthersAcceptTheLiveLog(t *testing.T) {
	ctx := t.Context()
	// Given a log that is being written to
	l := initialised(t, "plain")
	s := l.serve()
	j := l.judge(s)
	first := l.importing(l.history(6000))
	// then two implementations that are not ours accept it at every moment
	times, err := j.while(t, first)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("accepted %d times while it was written, at last with %d entries", times, j.last.Size)
	if times < 2 {
		t.Error("the log was never judged while it was written")
	}

	// and after a kill in the middle of writing
	l.importing(l.history(9000))
	l.eventually("more is recorded", func() error {
		before := j.last.Size
		if err := j.follow(ctx); err != nil {
			t.Fatal(err)
		}
		if j.last.Size == before || j.last.Size < 6200 {
			return fmt.Errorf("%d entries", j.last.Size)
		}
		return nil
	})
	s.kill()
	s = l.serve()
	again := l.judge(s)
	j.HTTPFetcher = again.HTTPFetcher // the same judge, who remembers
	j.tracker = nil
	if _, err := j.while(t, closed()); err != nil {
		t.Fatal(err)
	}

	// and after a repair of a damaged copy
	l.stop(s)
	segment := filepath.Join(l.dir, "orgs", "main", "journal", "00000000.seg")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := l.run("repair"); !strings.Contains(out, "mended, VERIFIED") {
		t.Fatalf("repair: %s", out)
	}
	s = l.serve()
	j.HTTPFetcher, j.tracker = l.judge(s).HTTPFetcher, nil
	if _, err := j.while(t, closed()); err != nil {
		t.Fatal(err)
	}
	t.Logf("accepted after kill -9 and after repair, with %d entries", j.last.Size)
}

// closed gives a channel of something that has ended.
func closed() <-chan error {
	done := make(chan error)
	close(done)
	return done
}

// stop ends a server in good order.
func (l *ledger) stop(s *server) {
	l.t.Helper()
	if err := errors.Join(s.cmd.Process.Signal(os.Interrupt), s.cmd.Wait()); err != nil {
		l.t.Logf("the server ended with %v: %s", err, s.said)
	}
}
