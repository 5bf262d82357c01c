package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/permledger/permledger/api/wire"
)

// reply answers with one JSON value. Where the route's answers have a tag, a caller that has the same already is told only
// that, and as of when it is so.
func (c *call) reply(w http.ResponseWriter, resp any) {
	b := encoded(resp)
	if c.route.tagged() {
		asOf := asOfIn(resp)
		tag := positionTag(b, asOf)
		w.Header().Set("ETag", tag)
		if sameContent(c.Header.Values("If-None-Match"), tag) {
			if asOf != (wire.AsOf{}) {
				_ = setAsOf(w, asOf) // it is made of texts and numbers
			}
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	c.compressed(w, mediaJSON, b)
}

// asOfIn gives the moment that an answer says it is of; zero: it says none.
func asOfIn(resp any) wire.AsOf {
	v := reflect.ValueOf(resp)
	if v.Kind() != reflect.Struct {
		return wire.AsOf{}
	}
	f := v.FieldByName("AsOf")
	if !f.IsValid() {
		return wire.AsOf{}
	}
	asOf, _ := f.Interface().(wire.AsOf)
	return asOf
}

// positionTag gives the entity tag of an answer, "42-…": the position as of which it is, by which a change can say what it
// goes by, and a digest of all that it says beside the moment, by which two answers of different positions are told to be
// the same.
func positionTag(body []byte, asOf wire.AsOf) string {
	h := sha256.New()
	before, after, _ := bytes.Cut(body, append([]byte(`"asOf":`), bytes.TrimSpace(encoded(asOf))...))
	h.Write(before)
	h.Write(after)
	return fmt.Sprintf(`"%d-%s"`, asOf.Seq, base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]))
}

// zipped is what a tag of a compressed answer ends with: its bytes are others (RFC 9110 section 8.8.3.3).
const zipped = ".gz"

// sameContent says whether one of the tags that a caller has is of the same content, whatever the position.
func sameContent(fields []string, tag string) bool {
	_, content, _ := strings.Cut(tag, "-")
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if _, have, ok := strings.Cut(one, "-"); ok && strings.Replace(have, zipped+`"`, `"`, 1) == content {
				return true
			}
		}
	}
	return false
}

// leastZipped is how many bytes an answer has that it is worth the while to compress.
const leastZipped = 1400

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is a known one
	return z
}}

// compressed answers with bytes, compressed where the caller takes that. It never is where something came with the request
// that a browser sends by itself: a page of others could guess what the answer holds by its length.
func (c *call) compressed(w http.ResponseWriter, mediaType string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	if len(b) < leastZipped || c.Method == http.MethodPost || len(c.Header.Values("Cookie")) > 0 || !takesGzip(c.Header.Values("Accept-Encoding")) {
		h.Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(b) // a caller that has gone is nobody to tell
		return
	}
	var packed bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&packed)
	_, _ = z.Write(b) // into memory
	_ = z.Close()
	h.Set("Content-Encoding", "gzip")
	h.Set("Content-Length", strconv.Itoa(packed.Len()))
	h.Add("Vary", "Accept-Encoding")
	if tag := h.Get("ETag"); tag != "" {
		h.Set("ETag", strings.TrimSuffix(tag, `"`)+zipped+`"`)
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(packed.Bytes())
}

// still answers with bytes that seldom change.
func (c *call) still(w http.ResponseWriter, mediaType string, b []byte) error {
	sum := sha256.Sum256(b)
	tag := fmt.Sprintf(`"0-%s"`, base64.RawURLEncoding.EncodeToString(sum[:12]))
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "private, no-cache")
	if sameContent(c.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	c.compressed(w, mediaType, b)
	return nil
}

// encoded gives the JSON of an answer. Raw messages in it keep their bytes.
func encoded(v any) []byte {
	var b bytes.Buffer
	if err := encodeTo(&b, v); err != nil {
		panic("api: an answer cannot be written: " + err.Error()) // every answer is of a type of package wire
	}
	return b.Bytes()
}

// encodeTo writes JSON as all answers have it, with a newline at its end: raw messages and texts keep their bytes.
func encodeTo(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// notNull gives a list that is written as one where it is empty, too.
func notNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
