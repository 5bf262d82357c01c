package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/permledger/permledger/api/wire"
)

// Export writes what is exported to w as it comes, and says as of when it is. After an error what was written is not the
// whole.
func (c *Client) Export(ctx context.Context, org string, e wire.ExportQuery, w io.Writer) (wire.AsOf, error) {
	q := Read{AsOf: e.AsOf, AtLeast: e.AtLeast}.query()
	set(q, "format", e.Format)
	set(q, "role", e.Role)
	set(q, "subject", e.Subject)
	set(q, "texts", e.Texts)
	resp, err := c.request(ctx, http.MethodGet, path(org, "export"), q, nil, nil)
	if err != nil {
		return wire.AsOf{}, err
	}
	defer resp.Body.Close()
	at, err := asOf(resp)
	if err != nil {
		return at, fmt.Errorf("export of %s: %w", org, err)
	}
	for piece := make([]byte, 64<<10); ; {
		n, err := resp.Body.Read(piece)
		if _, failed := w.Write(piece[:n]); failed != nil {
			return at, failed
		}
		switch {
		case errors.Is(err, io.EOF):
			return at, nil
		case err != nil && ctx.Err() != nil:
			return at, context.Cause(ctx)
		case err != nil:
			return at, &UnreachableError{Server: c.base, Err: err}
		}
	}
}
