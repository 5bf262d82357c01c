package api

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
)

const (
	mediaEvents = "text/event-stream"
	// quiet is how long server-sent events may say nothing: what stands between may take silence for an end.
	quiet = 20 * time.Second
)

// watch shows what is recorded, in order and without a gap, until the caller goes. An entry is shown when it is synced
// and ordered, so that nothing shown can be lost.
func watch(c *call, w http.ResponseWriter) error {
	head := c.org.Access.Head().Position
	from, err := c.number("from", head+1)
	if err != nil {
		return err
	}
	next := max(from, 1)
	events := accepts(c.Request, mediaEvents)
	if last := c.Header.Get("Last-Event-ID"); events && last != "" {
		n, err := strconv.ParseUint(last, 10, 53)
		if err != nil {
			return badRequest(fmt.Sprintf("Last-Event-ID is %q, which is no position", clip(last)))
		}
		next = n + 1
	}
	out := newLineWriter(w, mediaLines)
	show := func(i wire.Item) error { return out.add(i) }
	if events {
		out.gives = mediaEvents
		show = out.event
	}
	if err := out.flush(); err != nil { // the caller waits for the header
		return out.end(c, err)
	}
	alive := time.NewTicker(quiet)
	defer alive.Stop()
	for {
		changed := c.org.Changed()
		for ; next <= c.org.Access.Head().Position; next++ {
			if err := c.Context().Err(); err != nil {
				return out.end(c, err)
			}
			item, err := c.item(next)
			if err == nil {
				err = show(item)
			}
			if err != nil {
				return out.end(c, err)
			}
			clear(c.entries) // a watch has no end
		}
		if err := out.flush(); err != nil {
			return out.end(c, err)
		}
		select {
		case <-changed:
		case <-alive.C:
			if events {
				out.buffer.WriteString(":\n\n")
			}
		case <-c.Context().Done():
			return nil
		}
	}
}

// event writes a line of history as a server-sent event, whose id is the position.
func (l *lineWriter) event(i wire.Item) error {
	var data strings.Builder
	e := json.NewEncoder(&data)
	e.SetEscapeHTML(false)
	if err := e.Encode(i); err != nil {
		return err
	}
	fmt.Fprintf(&l.buffer, "id: %d\nevent: %s\ndata: %s\n\n", i.Seq, i.Type, strings.TrimSuffix(data.String(), "\n"))
	return l.some()
}

// accepts says whether a caller asks for a media type by name.
func accepts(r *http.Request, mediaType string) bool {
	for _, field := range r.Header.Values("Accept") {
		for one := range strings.SplitSeq(field, ",") {
			if have, _, err := mime.ParseMediaType(strings.TrimSpace(one)); err == nil && have == mediaType {
				return true
			}
		}
	}
	return false
}
