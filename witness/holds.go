package witness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/permledger/permledger/ledger/note"
)

// Holds asks a witness how many entries of a log it has cosigned, by submitting a checkpoint of that log as if it had exactly that
// one: where it has, it cosigns it again, which changes nothing. 0: it knows nothing of the log. The checkpoint need not be the
// newest; it is signed by the log.
func Holds(ctx context.Context, w note.Witness, checkpoint []byte) (uint64, error) {
	if w.URL == "" {
		return 0, fmt.Errorf("the policy has no URL of the witness %s", w.Name)
	}
	n, c, err := note.ReadCheckpoint(checkpoint)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.URL, "/")+"/add-checkpoint", bytes.NewReader(formatRequest(c.Size, nil, onlyOf(n, c.Origin))))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	asks := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := asks.Do(r)
	if err != nil {
		return 0, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	if err != nil {
		return 0, err
	}
	switch a := (answer{got.StatusCode, got.Header.Get("Content-Type"), body}); a.status {
	case http.StatusOK:
		return c.Size, nil
	case http.StatusConflict:
		return sizeOf(a)
	case http.StatusNotFound:
		return 0, nil
	default:
		return 0, fmt.Errorf("the witness %s answers %d: %s", w.Name, a.status, text(a.body))
	}
}
