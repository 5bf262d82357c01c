package api

import (
	"compress/gzip"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

const mediaNote = "text/plain; charset=utf-8"

// What caches are told. A tile never changes, of whatever width; a checkpoint does all the time. Errors are never kept: what
// is not there now may be there in a moment.
const (
	cacheForAll  = "public, max-age=31536000, immutable"
	cacheForOne  = "private, max-age=31536000, immutable"
	cacheNothing = "no-cache"
)

func getCheckpoint(c *call, w http.ResponseWriter) error {
	kept := c.org.Log.KeptAt() // before the note is read, so that it is not of a newer one
	note, _, ok := c.org.Log.Latest()
	if !ok {
		p := problemOf(http.StatusNotFound, string(rules.NotFound), "There is no checkpoint yet")
		p.Hint = "An organization that goes by version 1 of the rules has none: its owner adopts newer ones"
		return p
	}
	w.Header().Set("Cache-Control", cacheNothing)
	if !kept.IsZero() {
		w.Header().Set("Last-Modified", kept.UTC().Format(http.TimeFormat))
	}
	writeBytes(w, mediaNote, note)
	return nil
}

func getTile(c *call, w http.ResponseWriter) error {
	t, entries, err := c.tile()
	if err != nil || entries {
		return noTile(c)
	}
	b, err := c.org.Log.Tile(t)
	if errors.Is(err, tlog.ErrNoTile) {
		return noTile(c)
	}
	if err != nil {
		return err
	}
	cache := cacheForAll
	if !c.route.Open {
		cache = cacheForOne
	}
	w.Header().Set("Cache-Control", cache)
	writeBytes(w, mediaEntries, b)
	return nil
}

func getEntryBundle(c *call, w http.ResponseWriter) error {
	t, entries, err := c.tile()
	if err != nil || !entries {
		return noTile(c)
	}
	b, err := c.org.Log.Entries(t.Index, t.Width)
	if errors.Is(err, tlog.ErrNoTile) {
		return noTile(c)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", cacheForOne)
	w.Header().Set("Vary", "Accept-Encoding")
	if !takesGzip(c.Header.Values("Accept-Encoding")) {
		writeBytes(w, mediaEntries, b)
		return nil
	}
	w.Header().Set("Content-Type", mediaEntries)
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(http.StatusOK)
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a known one
	_, err = z.Write(b)
	_ = errors.Join(err, z.Close()) // a caller that has gone is nobody to tell
	return nil
}

// tile reads the tile that the path names, in its one spelling: as it came, not as it was decoded.
func (c *call) tile() (tree.Tile, bool, error) {
	_, path, _ := strings.Cut(c.URL.EscapedPath(), "/log/tile/")
	return tree.ParseTile("tile/" + path)
}

func noTile(c *call) error {
	return problemOf(http.StatusNotFound, string(rules.NotFound), "The newest checkpoint implies nothing at "+clip(c.URL.Path))
}

// takesGzip reads Accept-Encoding (RFC 9110 section 12.5.3).
func takesGzip(fields []string) bool {
	for _, field := range fields {
		for coding := range strings.SplitSeq(field, ",") {
			name, weight, weighed := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
			n, err := strconv.ParseFloat(q, 64)
			return !weighed || ok && err == nil && n > 0
		}
	}
	return false
}
