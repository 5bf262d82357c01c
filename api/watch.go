package api

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

const mediaEvents = "text/event-stream"

// watch shows the history as it is recorded.
func watch(c *call, w http.ResponseWriter) error {
	head := c.org.Access.Head().Position
	next, err := c.number("from", head+1)
	if err != nil {
		return err
	}
	next = max(next, 1)
	h := c.server.hubs.of(c.org)
	if !accepts(c.Request, mediaEvents) {
		return c.follow(w, next, mediaLines, func(out *lineWriter, position uint64) error {
			line, err := h.itemAt(c, position)
			if err != nil {
				return err
			}
			out.buffer.Write(line)
			return out.some()
		})
	}
	if next, err = c.lastEvent(next); err != nil {
		return err
	}
	return c.follow(w, next, mediaEvents, func(out *lineWriter, position uint64) error {
		line, err := h.itemAt(c, position)
		if err != nil {
			return err
		}
		s, err := h.at(position)
		if err != nil {
			return err
		}
		return out.event(position, string(s.entry.Event.Data.Type()), line)
	})
}

// event writes a server-sent event, whose id is the position. Its data is JSON, which has no newline but at the end.
func (l *lineWriter) event(position uint64, name string, data []byte) error {
	l.buffer.Write(appendEvent(l.buffer.AvailableBuffer(), position, name, data))
	return l.some()
}

func appendEvent(b []byte, position uint64, name string, data []byte) []byte {
	return fmt.Appendf(b, "id: %d\nevent: %s\ndata: %s\n\n", position, name, bytes.TrimSuffix(data, []byte("\n")))
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
