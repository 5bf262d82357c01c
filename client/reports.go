package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/permledger/permledger/api/wire"
)

// SimilarRoles gives each two roles of which so many percent of the permissions are in both; 0 is 80.
func (c *Client) SimilarRoles(ctx context.Context, org string, least int, r Read) (wire.List[wire.Similar], error) {
	q := r.query()
	if least != 0 {
		q.Set("least", strconv.Itoa(least))
	}
	return get[wire.List[wire.Similar]](ctx, c, path(org, "reports", "similar"), q)
}

// UndocumentedRoles gives the roles without a description, or without a guideline.
func (c *Client) UndocumentedRoles(ctx context.Context, org string, r Read) (wire.List[wire.RoleReport], error) {
	return get[wire.List[wire.RoleReport]](ctx, c, path(org, "reports", "undocumented"), r.query())
}

// UnheldRoles gives the roles that nobody has.
func (c *Client) UnheldRoles(ctx context.Context, org string, r Read) (wire.List[wire.RoleReport], error) {
	return get[wire.List[wire.RoleReport]](ctx, c, path(org, "reports", "unheld"), r.query())
}

// Unused says which permissions were held and not used since a moment (empty: 90 days before the one asked about), by one
// subject, or by all where that is empty.
func (c *Client) Unused(ctx context.Context, org, since, subject string, r Read) (wire.Usage, error) {
	q := r.query()
	set(q, "since", since)
	set(q, "subject", subject)
	return get[wire.Usage](ctx, c, path(org, "reports", "unused"), q)
}

// UnusedRoles gives the roles of which nothing was used since a moment, as Unused does, without what each subject did not use:
// that is long.
func (c *Client) UnusedRoles(ctx context.Context, org, since string, r Read) (wire.Usage, error) {
	q := r.query()
	set(q, "since", since)
	setFlag(q, "roles", true)
	return get[wire.Usage](ctx, c, path(org, "reports", "unused"), q)
}

// Affected says whom the change of a role between two moments concerns; both empty: its last change.
func (c *Client) Affected(ctx context.Context, org, role, from, to string) (wire.Affected, error) {
	q := url.Values{}
	set(q, "role", role)
	set(q, "from", from)
	set(q, "to", to)
	return get[wire.Affected](ctx, c, path(org, "reports", "changes"), q)
}

// Operations says what can be done, and which permissions of the organization allow it.
func (c *Client) Operations(ctx context.Context, org string) (wire.List[wire.Operation], error) {
	return get[wire.List[wire.Operation]](ctx, c, path(org, "operations"), nil)
}

// WhoHasWhat gives everything that everybody may do. The list is read as the caller goes on; it must be gone through, in
// whole or in part.
func (c *Client) WhoHasWhat(ctx context.Context, org string, r Read) (wire.AsOf, iter.Seq2[wire.Having, error], error) {
	return streamed[wire.Having](ctx, c, org, path(org, "reports", "who-has-what"), r)
}

// streamed asks for an answer of lines that says in its header as of when it is.
func streamed[T any](ctx context.Context, c *Client, org, path string, r Read) (wire.AsOf, iter.Seq2[T, error], error) {
	resp, err := c.request(ctx, http.MethodGet, path, r.query(), nil, nil)
	if err != nil {
		return wire.AsOf{}, nil, err
	}
	at, err := asOf(resp)
	if err != nil {
		resp.Body.Close()
		return wire.AsOf{}, nil, fmt.Errorf("%s of %s: %w", path, org, err)
	}
	return at, decoded[T](ctx, c, resp.Body), nil
}

// asOf reads the header that says as of when an answer is.
func asOf(resp *http.Response) (at wire.AsOf, err error) {
	if err := json.Unmarshal([]byte(resp.Header.Get(wire.AsOfHeader)), &at); err != nil {
		return wire.AsOf{}, fmt.Errorf("the answer does not say as of when it is: %w", err)
	}
	return at, nil
}

// UnreviewedRoles gives the roles that nobody looked over for so many days; 0 is a quarter.
func (c *Client) UnreviewedRoles(ctx context.Context, org string, days int, r Read) (wire.List[wire.RoleReport], error) {
	q := r.query()
	if days != 0 {
		q.Set("days", strconv.Itoa(days))
	}
	return get[wire.List[wire.RoleReport]](ctx, c, path(org, "reports", "unreviewed"), q)
}

// Attention gives what somebody who is responsible for an organization should look at now: what ends within so many days, keys
// that were not used for so many; 0 stands for a week, and a quarter.
func (c *Client) Attention(ctx context.Context, org string, days, unused int) (wire.Attention, error) {
	q := url.Values{}
	setNumber(q, "days", uint64(max(days, 0)))
	setNumber(q, "unused", uint64(max(unused, 0)))
	return get[wire.Attention](ctx, c, path(org, "reports", "attention"), q)
}

// Reviews gives the access reviews, the newest first.
func (c *Client) Reviews(ctx context.Context, org string, r Read) (wire.List[wire.Review], error) {
	return get[wire.List[wire.Review]](ctx, c, path(org, "reviews"), r.query())
}

// Review gives an access review with its items, by id or, where it is not closed, by title.
func (c *Client) Review(ctx context.Context, org, review string) (wire.One[wire.Review], error) {
	return get[wire.One[wire.Review]](ctx, c, path(org, "reviews", review), nil)
}

// ReviewAsOf is Review as of a moment. With used it says of each item when it was used last, which takes log.read.
func (c *Client) ReviewAsOf(ctx context.Context, org, review string, used bool, r Read) (wire.One[wire.Review], error) {
	q := r.query()
	if used {
		q.Set("used", "true")
	}
	return get[wire.One[wire.Review]](ctx, c, path(org, "reviews", review), q)
}
