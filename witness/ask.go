package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/permledger/permledger/internal/trace"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// tries is how often a witness is asked for one cosignature: others may submit to it meanwhile.
const tries = 4

// answer is what a witness answered.
type answer struct {
	status int
	kind   string
	body   []byte
}

// submit submits the newest checkpoint, and hands the cosignature over. Where the witness is elsewhere than it was thought
// to be, it is asked again from there.
func (c *courier) submit(ctx context.Context) error {
	for try := 1; ; try++ {
		b, latest, ok := c.s.o.Log.Latest()
		if !ok {
			return nil
		}
		n, err := note.Parse(b)
		if err != nil {
			return err
		}
		a, err := c.post(ctx, latest, onlyOf(n, latest.Origin))
		if err != nil {
			return err
		}
		c.asked = latest.Size
		switch a.status {
		case http.StatusOK:
			return c.take200(latest, a.body)
		case http.StatusConflict:
			size, err := sizeOf(a)
			if err != nil {
				return c.alarm("has cosigned another history of %d entries: %v", latest.Size, err)
			}
			c.known = size
			if size > latest.Size && !(c.s.o.Shared && c.catchUp(ctx, size)) {
				return c.alarm("has cosigned %d entries of this log, which has %d: history was lost, or there is another copy that goes on", size, latest.Size)
			}
			if try == tries {
				return fmt.Errorf("the witness answers 409 %d times, at last with the size %d", try, size)
			}
		case http.StatusUnprocessableEntity:
			if c.known == latest.Size {
				return c.alarm("has cosigned another history of %d entries: %s", latest.Size, text(a.body))
			}
			return c.alarm("does not take our %d entries for a continuation of the %d that it has cosigned: %s", latest.Size, c.known, text(a.body))
		default:
			return fmt.Errorf("the witness answers %d: %s", a.status, text(a.body))
		}
	}
}

// onlyOf gives the note with the signatures of the log alone: witnesses limit what they read, and need no other.
func onlyOf(n *note.Note, origin string) *note.Note {
	out := &note.Note{Text: n.Text}
	for _, s := range n.Signatures {
		if s.Name == origin {
			out.Signatures = append(out.Signatures, s)
		}
	}
	return out
}

func (c *courier) alarm(format string, args ...any) error {
	return &AlarmError{Witness: c.w.Name, What: fmt.Sprintf(format, args...)}
}

// post asks for a cosignature from the size that the witness has.
func (c *courier) post(ctx context.Context, latest note.Checkpoint, n *note.Note) (answer, error) {
	if c.known > latest.Size { // it said so, and the log has not caught up
		c.known = 0
	}
	proof, err := tree.Consistency(c.s.o.Log, c.known, latest.Size)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.w.URL, "/")+"/add-checkpoint", bytes.NewReader(formatRequest(c.known, proof, n)))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	trace.Set(ctx, r.Header)
	got, err := c.s.o.Client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	return answer{got.StatusCode, got.Header.Get("Content-Type"), body}, err
}

// formatRequest writes the body of add-checkpoint.
func formatRequest(old uint64, proof []tree.Hash, n *note.Note) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		b.WriteString(note.FormatHash(h) + "\n")
	}
	b.WriteByte('\n')
	b.Write(n.Bytes())
	return b.Bytes()
}

// take200 verifies the cosignature before anybody gets to see it.
func (c *courier) take200(latest note.Checkpoint, body []byte) error {
	signatures, err := note.ParseSignatures(body)
	if err != nil {
		return fmt.Errorf("the witness answers 200 with what are no signatures: %w", err)
	}
	n := (&note.Note{Text: latest.Text(), Signatures: signatures}).Only(c.w.Key)
	at, err := n.Verify(c.w.Key)
	if errors.Is(err, note.ErrUnsigned) {
		return fmt.Errorf("the witness signs with another key than the policy's: %w", err)
	}
	if err != nil {
		return err
	}
	if at.Unix() == 0 {
		return errors.New("the witness's cosignature has no time")
	}
	for _, s := range n.Signatures {
		if err := c.s.o.Log.AddCosignature(latest.Size, s); err != nil {
			return fmt.Errorf("keep the cosignature: %w", err)
		}
	}
	c.known = latest.Size
	c.cosigned(latest.Size, at)
	return nil
}

// catchUp waits some seconds for the log to have as many entries.
func (c *courier) catchUp(ctx context.Context, size uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, c.s.o.pace.catchUp)
	defer cancel()
	for {
		changed := c.s.o.Log.Changed()
		if _, latest, ok := c.s.o.Log.Latest(); ok && latest.Size >= size {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// sizeOf reads the size in a 409; without one the witness has seen another root of the same size.
func sizeOf(a answer) (uint64, error) {
	if a.kind != "text/x.tlog.size" {
		return 0, fmt.Errorf("409 without a size: %s", text(a.body))
	}
	line, ok := strings.CutSuffix(string(a.body), "\n")
	size, err := strconv.ParseUint(line, 10, 63)
	if err != nil || !ok || strconv.FormatUint(size, 10) != line {
		return 0, fmt.Errorf("409 with %q for a size", text(a.body))
	}
	return size, nil
}

// text makes an answer fit to be shown.
func text(b []byte) string {
	return strconv.Quote(strings.TrimSpace(string(b[:min(len(b), 200)])))
}
