package api

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/projections/access"
)

// pageOf is the part of a list that a request asks for. All pages are as of the moment of the first, which the cursor names:
// what is recorded meanwhile neither hides an item nor shows one twice.
type pageOf struct {
	from, to int          // items
	asOf     *access.AsOf // of the first page; nil: this is the first
	after    string       // of lists that are of now: the name of the last item of the page before
	cut      bool         // the list was made as its page
	total    int          // items of all pages, once it was
}

// pages makes an endpoint of a question that is answered with a list, whole or in pages.
func pages[T any](f func(*call) (wire.List[T], error)) endpoint { return pagesBy(f, nil) }

// pagesBy is pages of a list that is of now, whatever the cursor says: its items have names that stay, and an order in which
// they stay too.
func pagesBy[T any](f func(*call) (wire.List[T], error), name func(T) string) endpoint {
	e := answer(func(c *call) (wire.List[T], error) {
		var none wire.List[T]
		if err := c.readPage(name != nil); err != nil {
			return none, err
		}
		if c.page == nil {
			return f(c)
		}
		list, err := f(c)
		if err != nil {
			return none, err
		}
		p := c.page
		if !p.cut {
			if list.Items, err = part(c, list.Items, name, func(one T) (T, error) { return one, nil }); err != nil {
				return none, err
			}
		}
		list.Total = p.total
		if p.total > p.to {
			if name != nil {
				list.Next = cursorOf("after", name(list.Items[len(list.Items)-1]))
			} else {
				list.Next = cursorOf("at", p.to, list.AsOf.Seq, millis(list.AsOf.Instant), millis(list.AsOf.Occurred))
			}
		}
		return list, nil
	})
	e.paged = true
	return e
}

// readPage reads the parameters limit and cursor. Without both a list is whole, as it was before there were pages.
func (c *call) readPage(named bool) error {
	if !c.query.Has("limit") && !c.query.Has("cursor") {
		return nil
	}
	limit, err := c.limit(pageSize, maxPageSize)
	if err != nil {
		return err
	}
	c.page = &pageOf{to: limit}
	text := c.query.Get("cursor")
	if text == "" {
		return nil
	}
	bad := badRequest("cursor is " + clip(text) + ", which is no next of a page of this list")
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return bad
	}
	kind, rest, _ := strings.Cut(string(b), " ")
	if named {
		if kind != "after" || rest == "" {
			return bad
		}
		c.page.after = rest
		return nil
	}
	var n [4]uint64 // from, position, instant, occurred
	parts := strings.Split(rest, " ")
	if kind != "at" || len(parts) != len(n) {
		return bad
	}
	for i, part := range parts {
		if n[i], err = strconv.ParseUint(part, 10, 53); err != nil {
			return bad
		}
	}
	if n[0] > math.MaxInt32 || n[1] == 0 || n[1] > c.org.Access.Head().Position {
		return bad
	}
	c.page.from, c.page.to = int(n[0]), int(n[0])+limit
	c.page.asOf = &access.AsOf{Position: n[1], Instant: time.UnixMilli(int64(n[2])).UTC()}
	if n[3] != 0 {
		c.page.asOf.Occurred = time.UnixMilli(int64(n[3])).UTC()
	}
	return nil
}

// part makes the items of a list that are on the page that is asked for, of all that there are: what is not on it need not
// be made. name is that of [pagesBy]; nil: there is none.
func part[F, T any](c *call, all []F, name func(F) string, item func(F) (T, error)) ([]T, error) {
	if p := c.page; p != nil {
		if p.after != "" {
			at := slices.IndexFunc(all, func(one F) bool { return name(one) == p.after })
			p.from, p.to = at+1, at+1+p.to
		}
		p.cut, p.total = true, len(all)
		all = all[min(p.from, len(all)):min(p.to, len(all))]
	}
	items := make([]T, 0, len(all))
	for _, one := range all {
		made, err := item(one)
		if err != nil {
			return nil, err
		}
		items = append(items, made)
	}
	return items, nil
}

func cursorOf(kind string, values ...any) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.TrimSuffix(fmt.Sprintln(append([]any{kind}, values...)...), "\n")))
}

// millis gives the milliseconds of a stamp; 0: there is none.
func millis(stamp string) int64 {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}
